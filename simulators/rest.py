"""The product's REST API as a stranger uses it: a key, JSON, patience while it is away.

    api = Api("http://127.0.0.1:8000", key)
    api.put("/items/AC-35", {...})        waits and tries again while nobody answers (no connection, 5xx, 429)
    api.post("/entries", {...}, once="…") with an Idempotency-Key, so a cut reply changes nothing twice

A refusal (any other 4xx, or 500 again and again) is raised as `Refused` and never tried again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx

BACK_OFF_S_MIN = 0.1
BACK_OFF_S_MAX = 3.0
TIMEOUT_S = 20.0
NO_KEY = 401
PATIENT_STATUSES = {429, 500, 502, 503, 504}
FAILURES_MAX = 5

Body = dict[str, Any]


class Refused(Exception):
    """The API said no: its status and its problem document."""

    def __init__(self, status: int, problem: Body) -> None:
        super().__init__(
            f"{status} {problem.get('detail') or problem.get('title') or ''} {problem.get('errors') or ''}".strip()
        )
        self.status = status
        self.problem = problem


class Locked(Refused):
    """The API does not know our key: whatever is asked will be refused, so the program had better end."""


class Gone(Exception):
    """The program was told to stop while it waited for the API."""


class Api:
    """One caller of the API. `stopping` is asked while it waits, so that a program can end while the API is away."""

    def __init__(self, url: str, key: str) -> None:
        self.stopping = False
        self._said = "the API is there"
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/api/v1",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def get(self, path: str, **query: Any) -> Body:
        """A document or a page."""
        return self._ask("GET", path, params={name: value for name, value in query.items() if value not in (None, "")})

    def pages(self, path: str, **query: Any) -> Iterator[Body]:
        """All items of a list, page after page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def put(self, path: str, body: Body) -> Body:
        """A document, as often as needed."""
        return self._ask("PUT", path, json=body)

    def post(self, path: str, body: Body, *, once: str) -> Body:
        """A deed that happens once for each key `once`."""
        return self._ask("POST", path, json=body, headers={"Idempotency-Key": once})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, method: str, path: str, **what: Any) -> Body:
        wait_s, failures = BACK_OFF_S_MIN, 0
        while not self.stopping:
            try:
                reply = self._client.request(method, path, **what)
            except httpx.TransportError as error:
                self._say(f"the API is away ({type(error).__name__})")
            else:
                if reply.status_code < 400:
                    self._say("the API is there")
                    return _json(reply)
                failures += reply.status_code == 500
                if reply.status_code not in PATIENT_STATUSES or failures >= FAILURES_MAX:
                    refusal = Locked if reply.status_code == NO_KEY else Refused
                    raise refusal(reply.status_code, _json(reply))
                self._say(f"the API answers {reply.status_code} to {method} {path}")
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, BACK_OFF_S_MAX)
        raise Gone

    def _say(self, what: str) -> None:
        """Say it once when it goes, once when it is back."""
        if what != self._said:
            self._said = what
            print(what, file=sys.stderr, flush=True)


def _json(reply: httpx.Response) -> Body:
    try:
        body = reply.json()
    except ValueError:
        return {"detail": reply.text[:200]}
    return body if isinstance(body, dict) else {"items": body}


def ends_when_locked(run: Callable[[], None]) -> None:
    """Run a program; when the API does not know its key, end it with one sentence instead of a traceback."""
    try:
        run()
    except Locked as locked:
        sys.exit(f"The API does not know this key ({locked}). Give another one with --key.")


def part(code: str) -> str:
    """A code as one part of a path: `/` and anything but plain letters are percent-encoded."""
    return quote(code, safe="")
