"""The bell: `ring` says "look" when the transaction commits, `hear` wakes whoever listens.

It never says what to look at beyond the room's name, and nothing depends on it: whoever missed it looks again within
`LOOK_AGAIN_S`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import psycopg

from mes.errors import UnavailableError
from mes.store.pool import AWAY, Connection, connect

Room = Literal["sample", "touched", "booked", "order", "plan", "floor", "material", "exchange", "plant"]

LOOK_AGAIN_S = 5.0


def ring(conn: Connection, room: Room) -> None:
    """Wake everyone who hears `room`, once, when this transaction commits."""
    conn.execute("select pg_notify('takt', %(room)s)", {"room": room})


class Ear:
    """A listening connection of its own. `hear()` returns the rooms that rang since the last call.

    A lost connection is opened again at the next call, which then reports every room as rung, because something may
    have been missed. Raises UnavailableError while the database is away.
    """

    def __init__(self, url: str, rooms: tuple[Room, ...], *, name: str) -> None:
        self._url = url
        self._rooms: frozenset[str] = frozenset(rooms)
        self._name = name
        self._conn: Connection | None = None

    def hear(self, timeout_s: float = LOOK_AGAIN_S) -> frozenset[str]:
        """Wait until a room rings or `timeout_s` passes; the rooms that rang, all of them after a reconnection."""
        if self._conn is None:
            return self._reconnect()
        try:
            rung = {n.payload for n in self._conn.notifies(timeout=timeout_s, stop_after=1)}
            rung |= {n.payload for n in self._conn.notifies(timeout=0)}
        except AWAY:
            self.close()
            return self._reconnect()
        return frozenset(rung) & self._rooms

    def _reconnect(self) -> frozenset[str]:
        try:
            self._conn = connect(self._url, name=f"{self._name} ear")
            self._conn.autocommit = True
            self._conn.execute("listen takt")
        except AWAY as error:
            self.close()
            raise UnavailableError("The database went away while listening") from error
        return self._rooms

    def close(self) -> None:
        """Let go of the connection; the next `hear` opens another."""
        if self._conn is not None:
            with suppress(psycopg.Error):
                self._conn.close()
            self._conn = None
