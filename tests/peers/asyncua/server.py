"""An OPC UA server whose nodes count, a given number of writes a second over all of them.

    python server.py PORT NODES RATE SECONDS            without security
    python server.py PORT NODES RATE SECONDS FOLDER     signed and encrypted only, its certificate in FOLDER

Prints {"url"} when it listens. Node k is "LOAD-k.Good" in urn:takt:sim.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto import cert_gen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

URI = "urn:takt:sim:secure"
FOLDER_NODES = 100
TICK_S = 0.02


async def secure(server: Server, folder: Path) -> None:
    key = cert_gen.generate_private_key()
    names = [x509.UniformResourceIdentifier(URI), x509.DNSName("localhost")]
    usage = [ExtendedKeyUsageOID.SERVER_AUTH]
    certificate = cert_gen.generate_self_signed_app_certificate(key, "load", {}, names, usage)
    (folder / "server.pem").write_bytes(cert_gen.dump_private_key_as_pem(key))
    (folder / "server.der").write_bytes(certificate.public_bytes(Encoding.DER))
    await server.set_application_uri(URI)
    await server.load_certificate(str(folder / "server.der"))
    await server.load_private_key(str(folder / "server.pem"))
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])


async def serve(port: int, nodes: int, rate: float, seconds: float, *folder: str) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    if folder:
        await secure(server, Path(folder[0]))
    else:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace("urn:takt:sim")
    counting = []
    for k in range(nodes):
        if k % FOLDER_NODES == 0:  # asyncua looks through all children of a parent for each new one
            folder_node = await server.nodes.objects.add_folder(index, f"F{k}")
        name = ua.NodeId(f"LOAD-{k}.Good", index)
        counting.append(await folder_node.add_variable(name, f"LOAD-{k}", 0, ua.VariantType.Int64))
    async with server:
        print(json.dumps({"url": f"opc.tcp://127.0.0.1:{port}"}), flush=True)
        began, written = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            for number in range(written, written + max(1, int(rate * TICK_S))):
                now = datetime.now(UTC)
                word = ua.Variant(number // nodes + 1, ua.VariantType.Int64)
                value = ua.DataValue(word, SourceTimestamp=now, ServerTimestamp=now)
                await counting[number % nodes].write_value(value)
                written = number + 1
            await asyncio.sleep(TICK_S)  # what a slow machine does not manage is not caught up on


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    port, nodes, rate, seconds, *rest = sys.argv[1:]
    asyncio.run(serve(int(port), int(nodes), float(rate), float(seconds), *rest))
