"""How many unacknowledged messages a broker allows: asked by leaving some unanswered.

A broker stops talking when that many wait (mosquitto's default is 20), however fast we are. The collector then thanks
after each such handful, and the round trip bounds the rate; whoever runs the broker should know.
"""

from __future__ import annotations

import asyncio
import secrets

from collectors.mqtt.client import Message
from collectors.mqtt.link import ConnectRefusedError, Link
from collectors.source import SourceLostError
from mes.domain.plant import Source as SourceModel
from mes.errors import UnavailableError

ASKED = 200
QUIET_S = 0.5
WAIT_S_MAX = 10.0


def window_of(source: SourceModel) -> int:
    """How many of `ASKED` messages the broker hands over before the first is acknowledged.

    Uses a topic and a client of its own, which are gone afterwards. Raises UnavailableError.
    """
    try:
        return asyncio.run(_asked(source))
    except SourceLostError as error:
        raise UnavailableError(f"{source.url} cannot be asked ({error.why}): {error.detail}") from None


async def _asked(source: SourceModel) -> int:
    topic = f"takt/doctor/{secrets.token_hex(4)}"
    got = _Got()
    link = await _connected(source, got)
    try:
        if refused := await link.subscribe([topic]):
            raise SourceLostError("configuration", f"the broker refuses to tell us {topic}: {refused[topic]}")
        for number in range(ASKED):
            link.publish(topic, b"%d" % number, qos=1)
        return await got.settled()
    finally:
        await link.close()


async def _connected(source: SourceModel, got: _Got) -> Link:
    """With protocol 5, or 3.1.1 where the broker does not know it."""
    for is_v5 in (True, False):
        link = Link(source, got.add, is_full=lambda: False, is_v5=is_v5, clean=True)
        try:
            await link.connect()
        except ConnectRefusedError as error:
            await asyncio.to_thread(link.drop)
            if is_v5 and error.is_version:
                continue
            raise
        except SourceLostError:
            await asyncio.to_thread(link.drop)
            raise
        return link
    raise SourceLostError("configuration", "the broker speaks neither MQTT 5 nor 3.1.1")


class _Got:
    """What came; nothing of it is acknowledged, and the session ends with the connection."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, _link: Link, messages: list[Message]) -> None:
        self._count += len(messages)

    async def settled(self) -> int:
        """Wait until nothing new comes; how many wait unacknowledged."""
        waited_s = quiet_s = 0.0
        before = self._count
        while quiet_s < QUIET_S and waited_s < WAIT_S_MAX and self._count < ASKED:
            await asyncio.sleep(0.05)
            waited_s += 0.05
            quiet_s = quiet_s + 0.05 if self._count == before and self._count else 0.0
            before = self._count
        return self._count
