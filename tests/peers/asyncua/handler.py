"""asyncua as its documentation uses it: a subscription with a handler that is called for every change.

    python handler.py URL NODES SECONDS     ("LOAD-k.Good" in urn:takt:sim, as `simulators opcua-load` serves)

Prints one JSON line: notifications, CPU seconds while they came, seconds to subscribe, and values missed in between.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from typing import Any

from asyncua import Client, ua

CALL = 500


class Handler:
    """Counts, and keeps each node's words."""

    def __init__(self) -> None:
        self.words: list[tuple[Any, Any]] = []

    def datachange_notification(self, node: Any, value: Any, _data: Any) -> None:
        self.words.append((node, value))


async def main(url: str, nodes: int, seconds: float) -> dict[str, Any]:
    async with Client(url, timeout=120) as client:
        index = await client.get_namespace_index("urn:takt:sim")
        handler = Handler()
        began = time.monotonic()
        wished = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=500, RequestedLifetimeCount=480, RequestedMaxKeepAliveCount=20
        )
        subscription = await client.create_subscription(wished, handler)
        ids = [client.get_node(ua.NodeId(f"LOAD-{k}.Good", index)) for k in range(nodes)]
        for first in range(0, nodes, CALL):
            await subscription.subscribe_data_change(ids[first : first + CALL], queuesize=100)
        subscribed_s = time.monotonic() - began
        await asyncio.sleep(1)
        before, cpu_s = len(handler.words), time.process_time()
        await asyncio.sleep(seconds)
        cpu_s, heard = time.process_time() - cpu_s, len(handler.words) - before
    last: dict[Any, int] = {}
    missed = 0
    for node, value in handler.words:
        missed += max(0, value - last.get(node, value - 1) - 1)
        last[node] = value
    return {"notifications": heard, "cpu_s": cpu_s, "subscribed_s": subscribed_s, "missed": missed}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
