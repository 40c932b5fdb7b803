"""Limits on what anybody may send, and the headers that limit what a page of ours may do."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mes import clock
from mes.errors import TooManyError

BODY_BYTES_MAX = 1_000_000
BODY_S_MAX = 20.0
CALLERS_KEPT_MAX = 10_000

FLOOR = frozenset(
    {"entries:write", "jobs:run", "jobs:confirm", "andon:raise", "andon:answer", "movements:write", "call_offs:write",
     "call_offs:deliver", "samples:write"}
)  # fmt: skip
"""Permissions with a budget of their own, so that a busy screen or ERP never keeps the shop floor waiting."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests a caller may make: `burst` at once, `per_s` in the long run."""

    per_s: float
    burst: float


BUDGETS = {
    "floor": Budget(per_s=200.0, burst=1000.0),
    "known": Budget(per_s=100.0, burst=1000.0),
    "nobody": Budget(per_s=5.0, burst=60.0),
}


class Buckets:
    """A bucket of requests per caller and budget. Machine time, per process."""

    def __init__(self, budgets: dict[str, Budget] | None = None) -> None:
        self._budgets = budgets or BUDGETS
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, who: str, budget_name: str) -> None:
        """Take one request out of `who`'s bucket. Raises TooManyError with `retry_after_s` when it is empty."""
        budget = self._budgets[budget_name]
        now = clock.mono()
        with self._lock:
            left, at = self._left.get((who, budget_name), (budget.burst, now))
            left = min(budget.burst, left + (now - at) * budget.per_s)
            enough = left >= 1.0
            self._left[who, budget_name] = (left - 1.0 if enough else left, now)
            self._left.move_to_end((who, budget_name))
            while len(self._left) > CALLERS_KEPT_MAX:
                self._left.popitem(last=False)
        if not enough:
            raise TooManyError("Too many requests", facts={"retry_after_s": max(1, round((1.0 - left) / budget.per_s))})


HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000"


class Headers:
    """Says with every response what a browser may do with it; answers of the api are never cached."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(self._prefix):
                    headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
