"""What people see and touch at their machines: a stack light, a display, the recipe they load, the parts they bring.

`Door` reaches the machines program through its HTTP door; `Handwork` (the manual line) is the same for people who are
their own machines. A line lead works with either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from simulators.instants import from_iso

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One machine as people see it: state, stop code, its order since when and how many of it, what it lacks."""

    code: str
    state: str
    stop_code: str
    order: str
    order_since: int
    order_good: int
    missing: str


class Floor(Protocol):
    """The physical side of a line."""

    def load(self, line: str, order: str, item: str, *, minutes: float = 0, aside: str = "") -> int:
        """Make another order from the next piece on; plant time at which that was done."""

    def machines(self, line: str) -> list[Seen]:
        """The machines of a line in the order in which pieces pass them."""

    def wip(self, line: str) -> int:
        """Pieces lying between the first and the last machine."""


class Door:
    """The machines program, reached over its door; what cannot be reached raises httpx.TransportError.

    `look` takes in everything at once; `machines` and `wip` are as of the last look.
    """

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)
        self._seen: dict[str, Any] = {"machines": {}, "lines": {}}

    def look(self) -> None:
        """Take in the whole floor."""
        self._seen = self._client.get("/now").json()

    def load(self, line: str, order: str, item: str, *, minutes: float = 0, aside: str = "") -> int:
        """Load a recipe on a line."""
        body = {"line": line, "order": order, "item": item, "minutes": minutes, "aside": aside}
        return from_iso(self._do("/job", body))

    def deliver(self, location: str, item: str, quantity: float) -> int:
        """Put material down at a location."""
        return from_iso(self._do("/deliver", {"location": location, "item": item, "quantity": quantity}))

    def _do(self, path: str, body: dict[str, object]) -> str:
        reply = self._client.post(path, json=body)
        reply.raise_for_status()
        return str(reply.json()["at"])

    def machines(self, line: str) -> list[Seen]:
        """The machines of a line."""
        return [
            Seen(
                code,
                row["state"],
                stop_code=row["code"],
                order=row["order"],
                order_since=from_iso(row["order_since"]),
                order_good=row["order_good"],
                missing=row["missing"],
            )
            for code, row in self._seen["machines"].items()
            if row["line"] == line
        ]

    def wip(self, line: str) -> int:
        """Pieces lying on a line."""
        return int(self._seen["lines"][line]["wip"])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
