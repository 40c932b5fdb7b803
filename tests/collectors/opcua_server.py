"""An OPC UA server for tests, in a process of its own so that it can be stopped and killed like a real one.

    python -m tests.collectors.opcua_server PORT [--shift] [--password] [--no-subscriptions] [--secure FOLDER]

Commands on stdin, one a line: `set NAME JSON [ISO-TIME] [STATUS]`, `delete NAME`, `burst NAME COUNT`; each is answered
with `ok`. Nodes: Good (Int64), State (String), Number (Int32), Flag (Boolean), Temp (Double), List (Int64[]),
Label (LocalizedText), Big (UInt64) in namespace urn:takt:test. `--shift` registers another namespace before it.
`--no-subscriptions` refuses to make any, as small devices do.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import Server, ua
from asyncua.crypto import cert_gen
from asyncua.server.user_managers import User, UserManager, UserRole
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

NODES: dict[str, tuple[Any, ua.VariantType]] = {
    "Good": (0, ua.VariantType.Int64),
    "State": ("IDLE", ua.VariantType.String),
    "Number": (0, ua.VariantType.Int32),
    "Flag": (False, ua.VariantType.Boolean),
    "Temp": (20.0, ua.VariantType.Double),
    "List": ([1, 2], ua.VariantType.Int64),
    "Label": (ua.LocalizedText("ready"), ua.VariantType.LocalizedText),
    "Big": (2**64 - 1, ua.VariantType.UInt64),
}


class Users(UserManager):
    """Lets in who knows the password."""

    def get_user(self, iserver: Any, username: Any = None, password: Any = None, certificate: Any = None) -> Any:
        return User(role=UserRole.Admin) if (username, password) == ("mes", "secret") else None


async def serve(port: int, *options: str) -> None:
    """Run until stdin ends."""
    server = Server(user_manager=Users() if "--password" in options else None)
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/test")
    if "--secure" in options:
        await secure(server, Path(options[options.index("--secure") + 1]))
    else:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    if "--shift" in options:
        await server.register_namespace("urn:takt:other")
    index = await server.register_namespace("urn:takt:test")
    nodes = {}
    for name, (value, kind) in NODES.items():
        nodes[name] = await server.nodes.objects.add_variable(ua.NodeId(name, index), name, value, kind)
    if "--no-subscriptions" in options:
        server.iserver.subscription_service.create_subscription = refuse
    async with server:
        print("ready", flush=True)
        await obey(server, nodes)


async def refuse(*_anything: Any, **_more: Any) -> None:
    raise ua.UaStatusCodeError(ua.StatusCodes.BadServiceUnsupported)


async def secure(server: Server, folder: Path) -> None:
    """Offer only encrypted endpoints."""
    key = cert_gen.generate_private_key()
    uri = "urn:takt:test:server"
    names = [x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")]
    certificate = cert_gen.generate_self_signed_app_certificate(
        key, "test", {}, names, [ExtendedKeyUsageOID.SERVER_AUTH]
    )
    (folder / "server.pem").write_bytes(cert_gen.dump_private_key_as_pem(key))
    (folder / "server.der").write_bytes(certificate.public_bytes(Encoding.DER))
    await server.set_application_uri(uri)
    await server.load_certificate(str(folder / "server.der"))
    await server.load_private_key(str(folder / "server.pem"))
    server.set_security_policy(
        [
            ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
            ua.SecurityPolicyType.Basic256Sha256_Sign,
            ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
            ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
        ]
    )


async def obey(server: Server, nodes: dict[str, Any]) -> None:
    """Do what stdin says."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command, name, *rest = line.decode().split(" ")
        rest = [part.strip() for part in rest]
        name = name.strip()
        if command == "set":
            await nodes[name].write_value(data_value(name, *rest))
        elif command == "burst":
            for n in range(int(rest[0])):
                await nodes[name].write_value(data_value(name, str(n)))
        elif command == "delete":
            await server.delete_nodes([nodes[name]])
        print("ok", flush=True)


def data_value(name: str, word: str, at: str = "", status: str = "0") -> ua.DataValue:
    value = json.loads(word)
    if name == "Label":
        value = ua.LocalizedText(value)
    when = datetime.fromisoformat(at) if at else datetime.now(UTC)
    return ua.DataValue(
        ua.Variant(value, NODES[name][1]), ua.StatusCode(int(status, 0)), SourceTimestamp=when, ServerTimestamp=when
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))
