"""An OPC UA server whose nodes count: node k of n holds how often it was written, a given number of writes a second.

Each value is one more than the one before, so a subscriber sees by itself whether it missed any. The server is
asyncua's and tops out at some 5,000 values a second; above that the bench measures the server.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from simulators.instants import Anchor
from simulators.opcua import OpcuaServer
from simulators.plantfile import Source, Tag
from simulators.signals import Published

TICK_S = 0.02


def tags(nodes: int) -> list[Tag]:
    """The tags of such a server: machine `LOAD-k`, signal good_total, node `LOAD-k.Good`."""
    return [Tag(f"LOAD-{k}", "good_total", "load", {"node": f"nsu=urn:takt:sim;s=LOAD-{k}.Good"}) for k in range(nodes)]


async def serve(port: int, anchor: Anchor, *, nodes: int, rate: float, seconds: float) -> dict[str, Any]:
    """Serve for `seconds`, writing `rate` values a second, node after node; what was written.

    Prints one JSON line when it listens. No node is written twice in one millisecond of plant time.
    """
    server = OpcuaServer(Source("load", "opcua", f"opc.tcp://127.0.0.1:{port}"), tags(nodes))
    counts = [0] * nodes
    await server.start([Published(anchor.now(), f"LOAD-{k}", "good_total", 0) for k in range(nodes)])
    print(json.dumps({"ready": "opcua-load", "url": f"opc.tcp://127.0.0.1:{port}"}), flush=True)
    began, cpu, written = time.monotonic(), time.process_time(), 0
    while (passed := time.monotonic() - began) < seconds:
        due = min(int(passed * rate) - written, nodes)
        at = anchor.now()
        for k in (number % nodes for number in range(written, written + due)):
            counts[k] += 1
            await server.send([Published(at, f"LOAD-{k}", "good_total", counts[k])])
        written += due
        await asyncio.sleep(TICK_S)
    took, spent = time.monotonic() - began, time.process_time() - cpu
    await asyncio.sleep(1)
    await server.stop()
    return {
        "written": written,
        "seconds": round(took, 3),
        "per_s": round(written / took, 1),
        "cpu_us_per_value": round(spent / max(written, 1) * 1e6, 3),
        "last": {f"LOAD-{k}": count for k, count in enumerate(counts)},
    }
