"""What every device server of the simulators can do, whatever it speaks: start, send, lose power, stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from simulators.signals import Published


class Wire(Protocol):
    """One device server, broker connection or edge node. `now` is the current value of all it publishes."""

    async def start(self, now: Sequence[Published]) -> None:
        """Come up and show the current values."""

    async def send(self, values: Sequence[Published]) -> None:
        """Publish values in order; never lose one because the other side is slow or away."""

    async def power(self, on: bool, now: Sequence[Published]) -> None:
        """Go away without a word, as in a power cut; or come back."""

    async def stop(self) -> None:
        """Say good-bye properly."""


def address(url: str, default_port: int) -> tuple[str, int]:
    """Host and port of `mqtt://host:port` or `opc.tcp://host:port`."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or default_port
