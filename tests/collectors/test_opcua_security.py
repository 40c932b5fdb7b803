"""OPC UA security: exactly what was configured or nothing, and every refusal named for what it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua.crypto import cert_gen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collectors.look import browse
from collectors.opcua.items import NodeIdError, node_id
from collectors.opcua.security import POLICIES, Pki, thumbprint, wanted_of
from collectors.opcua.session import Session, standard
from collectors.source import SourceLostError
from mes.domain.plant import Source
from mes.errors import NotFoundError
from mes.settings import Settings
from tests.collectors.test_opcua import Server, free_port


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that offers only signed and encrypted endpoints, and knows one user."""
    server = Server(free_port(), "--password", "--secure", str(tmp_path_factory.mktemp("server")))
    yield server
    server.kill()


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


def source(server: Server, security: str, **more: str) -> Source:
    url = f"opc.tcp://127.0.0.1:{server.port}/test"
    return Source("plc", "opcua", url, security=security, user="mes", password_env="PLC_PASSWORD", **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLC_PASSWORD", "secret")


def opened(model: Source, pki: Pki) -> list[str]:
    """Open a session, read a value, close; the server's namespaces."""

    async def run() -> list[str]:
        session = Session(model, pki)
        try:
            await session.open()
            await session.read([standard(2258)])
            return session.namespaces
        finally:
            await session.close()

    return asyncio.run(run())


def refused(model: Source, pki: Pki) -> SourceLostError:
    with pytest.raises(SourceLostError) as error:
        opened(model, pki)
    return error.value


def trusted(server: Server, pki: Pki) -> Pki:
    refused(source(server, "Basic256Sha256/SignAndEncrypt"), pki)
    (thumb,) = pki.rejected()
    pki.trust(thumb[:12])
    return pki


@pytest.mark.parametrize(
    "security",
    [
        "Basic256Sha256/Sign",
        "Basic256Sha256/SignAndEncrypt",
        "Aes128_Sha256_RsaOaep/SignAndEncrypt",
        "Aes256_Sha256_RsaPss/SignAndEncrypt",
    ],
)
def test_every_policy_opens(secure: Server, pki: Pki, security: str) -> None:
    """Each policy and mode opens a session with user and password once the server is trusted."""
    assert "urn:takt:test" in opened(source(secure, security), trusted(secure, pki))


def test_an_unknown_certificate_is_kept_and_refused(secure: Server, pki: Pki) -> None:
    """A server nobody accepted is refused; its certificate waits among the rejected; trusting it lets it in."""
    error = refused(source(secure, "Basic256Sha256/SignAndEncrypt"), pki)
    assert error.why == "certificate"
    assert "mes source trust" in error.detail
    with pytest.raises(NotFoundError):
        pki.trust("ffff")
    trusted(secure, pki)
    assert pki.rejected() == {}


def test_never_less_than_configured(secure: Server, pki: Pki) -> None:
    """Security the server does not offer is a matter of configuration; no other is taken instead."""
    for security in ("None", "Aes128_Sha256_RsaOaep/Sign"):
        assert refused(source(secure, security), trusted(secure, Pki(pki._folder / security[:4]))).why in {
            "configuration",
            "session",
            "network",
        }
    assert refused(source(secure, "Basic128/Sign"), pki).why == "configuration"


def test_a_wrong_password_is_a_password(secure: Server, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong, or its variable not set: said as such."""
    trusted(secure, pki)
    model = source(secure, "Basic256Sha256/SignAndEncrypt")
    monkeypatch.setenv("PLC_PASSWORD", "wrong")
    assert refused(model, pki).why == "password"
    monkeypatch.delenv("PLC_PASSWORD")
    assert refused(model, pki).why == "password"


def test_nobody_there_is_the_network(pki: Pki) -> None:
    """No server, or nothing that answers."""
    assert refused(Source("plc", "opcua", "opc.tcp://127.0.0.1:1"), pki).why == "network"


def test_our_own_certificate_is_made_once(pki: Pki) -> None:
    """It is made at the first need, its key is for nobody else to read, and it is the same afterwards."""
    first, second = pki.own(), pki.own()
    assert first.certificate == second.certificate
    assert first.path.with_suffix(".pem").stat().st_mode & 0o077 == 0
    assert first.application_uri.endswith(":takt:collector")


def made(
    uri: str, *, days: tuple[int, int], signer: tuple[x509.Certificate, object] | None = None, ca: bool = False
) -> tuple:
    """A certificate and its key."""
    key = cert_gen.generate_private_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, uri)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).public_key(key.public_key()).serial_number(7)
    builder = builder.issuer_name(signer[0].subject if signer else name)
    builder = builder.not_valid_before(now + timedelta(days=days[0])).not_valid_after(now + timedelta(days=days[1]))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer[1] if signer else key, hashes.SHA256()), key  # type: ignore[arg-type]


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def accept(pki: Pki, certificate: x509.Certificate) -> None:
    folder = pki._folder / "trusted"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{thumbprint(certificate)}.der").write_bytes(der(certificate))


@pytest.mark.parametrize(("days", "uri"), [((-9, -1), "urn:a"), ((1, 9), "urn:a"), ((-1, 9), "urn:b")])
def test_a_trusted_certificate_must_still_be_right(pki: Pki, days: tuple[int, int], uri: str) -> None:
    """Run out, not valid yet, or made out to another application: refused though trusted."""
    certificate, _key = made(uri, days=days)
    accept(pki, certificate)
    with pytest.raises(SourceLostError) as error:
        pki.judge(der(certificate), application_uri="urn:a")
    assert error.value.why == "certificate"


def test_an_authority_vouches_for_what_it_signed(pki: Pki) -> None:
    """Trusting an authority trusts the servers it signed for, and no others."""
    authority = made("urn:ca", days=(-1, 9), ca=True)
    signed, _ = made("urn:a", days=(-1, 9), signer=authority)
    accept(pki, authority[0])
    assert pki.judge(der(signed) + der(authority[0]), application_uri="urn:a") == signed
    stranger, _ = made("urn:a", days=(-1, 9))
    with pytest.raises(SourceLostError):
        pki.judge(der(stranger), application_uri="urn:a")


def test_what_security_means() -> None:
    """Every policy is known by its name in the standard; nonsense is refused."""
    assert wanted_of("None").policy is None
    assert {wanted_of(f"{name}/Sign").policy for name in POLICIES} == set(POLICIES.values())
    for text in ("Basic256Sha256", "Basic256Sha256/None", "x/Sign"):
        with pytest.raises(SourceLostError):
            wanted_of(text)


def test_node_ids_by_namespace_name() -> None:
    """A namespace named by its URI gets the number it has on this server."""
    names = ["http://opcfoundation.org/UA/", "urn:a", "urn:b"]
    assert node_id("nsu=urn:b;s=x;y", names).to_string() == "ns=2;s=x;y"
    assert node_id("ns=1;i=7", names).to_string() == "ns=1;i=7"
    for text in ("nsu=urn:c;s=x", "nonsense", "ns=a;i=b"):
        with pytest.raises(NodeIdError):
            node_id(text, names)


def test_browsing_offers_tags(secure: Server, tmp_path: Path) -> None:
    """The tree of a server becomes tags with their values, nodes named so that they stay right."""
    settings = Settings(home=tmp_path)
    trusted(secure, Pki(tmp_path / "pki"))
    model = source(secure, "Basic256Sha256/SignAndEncrypt")
    counts: list[int] = []
    offers = browse(model, settings, glob="Good", seconds=1, say=counts.append)
    assert [(o.signal, o.keys["node"]) for o in offers] == [("good_total", "nsu=urn:takt:test;s=Good")]
    assert counts[-1] >= 8
