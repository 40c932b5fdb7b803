"""OPC UA security: our own certificate, whom we trust, and what a refusal means.

`pki/own` holds our certificate and key, made at the first start; `pki/trusted` the certificates of servers somebody
accepted (`mes source trust`), or of the authority that signed them; `pki/rejected` those we met and nobody accepted.
We never fall back to less security than configured.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asyncua import ua
from asyncua.crypto import cert_gen, security_policies
from asyncua.ua.status_codes import StatusCodes, get_name_and_doc
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collectors.source import SourceLostError, Why
from mes.clock import wall
from mes.errors import NotFoundError

CERTIFICATE_DAYS = 3650
POLICIES: dict[str, type[security_policies.SecurityPolicy]] = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
MODES = {"Sign": ua.MessageSecurityMode.Sign, "SignAndEncrypt": ua.MessageSecurityMode.SignAndEncrypt}
_CODES = StatusCodes
_PASSWORD = {_CODES.BadUserAccessDenied, _CODES.BadIdentityTokenRejected, _CODES.BadIdentityTokenInvalid}
_CONFIGURATION = {
    _CODES.BadSecurityPolicyRejected,
    _CODES.BadSecurityModeRejected,
    _CODES.BadTcpEndpointUrlInvalid,
    _CODES.BadServerUriInvalid,
    _CODES.BadServiceUnsupported,
}
_NETWORK = {
    _CODES.BadTimeout,
    _CODES.BadConnectionClosed,
    _CODES.BadCommunicationError,
    _CODES.BadTcpServerTooBusy,
    _CODES.BadServerHalted,
    _CODES.BadShutdown,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `[[source]] security` asks for; `policy` None is no security."""

    policy: type[security_policies.SecurityPolicy] | None
    mode: ua.MessageSecurityMode

    @property
    def uri(self) -> str:
        return str((self.policy or security_policies.SecurityPolicyNone).URI)


def wanted_of(text: str) -> Wanted:
    """`"None"` or `"Basic256Sha256/SignAndEncrypt"`. Raises SourceLostError for what it does not know."""
    if text in {"", "None"}:
        return Wanted(None, ua.MessageSecurityMode.None_)
    policy, _slash, mode = text.partition("/")
    if policy not in POLICIES or mode not in MODES:
        known = ", ".join(f"{name}/{how}" for name in POLICIES for how in MODES)
        raise SourceLostError("configuration", f"security {text!r} is not known; it is None or one of {known}")
    return Wanted(POLICIES[policy], MODES[mode])


@dataclass(frozen=True, slots=True)
class Own:
    """Our certificate and key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    path: Path

    @property
    def application_uri(self) -> str:
        names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return str(names.get_values_for_type(x509.UniformResourceIdentifier)[0])


class Pki:
    """The folder with certificates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def own(self) -> Own:
        """Our certificate, made when there is none or it is about to run out."""
        certificate_path, key_path = self._folder / "own" / "takt.der", self._folder / "own" / "takt.pem"
        if certificate_path.exists() and key_path.exists():
            key = serialization.load_pem_private_key(key_path.read_bytes(), None)
            certificate = x509.load_der_x509_certificate(certificate_path.read_bytes())
            if isinstance(key, rsa.RSAPrivateKey) and certificate.not_valid_after_utc > wall():
                return Own(certificate, key, certificate_path)
        key = cert_gen.generate_private_key()
        certificate = _self_signed(key)
        _write(key_path, cert_gen.dump_private_key_as_pem(key), mode=0o600)
        _write(certificate_path, certificate.public_bytes(serialization.Encoding.DER))
        return Own(certificate, key, certificate_path)

    def judge(self, der: bytes, *, application_uri: str) -> x509.Certificate:
        """A server's certificate, if we trust it. Raises SourceLostError; an unknown one is kept among the rejected."""
        certificate = x509.load_der_x509_certificate(first_of_chain(der))
        if not certificate.not_valid_before_utc <= wall() <= certificate.not_valid_after_utc:
            raise SourceLostError(
                "certificate", f"the server's certificate ran out or is not valid yet: {_name(certificate)}"
            )
        if application_uri not in _uris(certificate):
            raise SourceLostError("certificate", f"the server's certificate is not made out to {application_uri}")
        if not any(_vouches(trusted, certificate) for trusted in self._trusted()):
            thumb = thumbprint(certificate)
            _write(self._folder / "rejected" / f"{thumb}.der", certificate.public_bytes(serialization.Encoding.DER))
            what = f"nobody has accepted the server's certificate {_name(certificate)}"
            raise SourceLostError("certificate", f"{what}: compare it, then `mes source trust {thumb[:12]}`")
        return certificate

    def _trusted(self) -> Iterator[x509.Certificate]:
        for path in sorted((self._folder / "trusted").glob("*")):
            content = path.read_bytes()
            load = x509.load_pem_x509_certificate if b"-----BEGIN" in content else x509.load_der_x509_certificate
            yield load(content)

    def rejected(self) -> dict[str, x509.Certificate]:
        """The certificates we met and nobody accepted, by thumbprint."""
        paths = sorted((self._folder / "rejected").glob("*.der"))
        return {path.stem: x509.load_der_x509_certificate(path.read_bytes()) for path in paths}

    def trust(self, start: str) -> x509.Certificate:
        """Accept the rejected certificate whose thumbprint begins so. Raises NotFoundError."""
        found = [thumb for thumb in self.rejected() if start and thumb.startswith(start.lower())]
        if len(found) != 1:
            raise NotFoundError(f"{len(found)} rejected certificates have a thumbprint that begins with {start!r}")
        certificate = self.rejected()[found[0]]
        _write(self._folder / "trusted" / f"{found[0]}.der", certificate.public_bytes(serialization.Encoding.DER))
        (self._folder / "rejected" / f"{found[0]}.der").unlink()
        return certificate


def first_of_chain(der: bytes) -> bytes:
    """Servers may send their certificate with those that signed it; the first is theirs."""
    return der[: int.from_bytes(der[2:4]) + 4]


def thumbprint(certificate: x509.Certificate) -> str:
    """SHA-1 of the certificate, as OPC UA tools show it."""
    return hashlib.sha1(certificate.public_bytes(serialization.Encoding.DER), usedforsecurity=False).hexdigest()


def lost(error: BaseException, *, phase: str = "", is_secure: bool = False) -> SourceLostError:
    """Who can do something about an error: network, certificate, password, configuration, or nobody (session)."""
    if isinstance(error, SourceLostError):
        return error
    detail = str(error).strip() or type(error).__name__
    if isinstance(error, UaStatusCodeError):
        return SourceLostError(_why(int(error.code)), detail)
    if is_secure and phase == "channel" and isinstance(error, AssertionError | ConnectionError):
        return SourceLostError("certificate", "the server ended the secure channel: it does not trust our certificate")
    if isinstance(error, OSError | TimeoutError | AssertionError):
        return SourceLostError("network", "no answer" if isinstance(error, TimeoutError) else detail)
    return SourceLostError("session", f"{type(error).__name__}: {detail}")


def _why(code: int) -> Why:
    name = str(get_name_and_doc(code)[0])
    if code in _PASSWORD:
        return "password"
    if name.startswith("BadCertificate") or code == _CODES.BadSecurityChecksFailed:
        return "certificate"
    if code in _CONFIGURATION:
        return "configuration"
    return "network" if code in _NETWORK else "session"


def _vouches(trusted: x509.Certificate, certificate: x509.Certificate) -> bool:
    """It is the certificate itself, or that of the authority that signed it."""
    if trusted == certificate:
        return True
    try:
        certificate.verify_directly_issued_by(trusted)
        return trusted.extensions.get_extension_for_class(x509.BasicConstraints).value.ca and _is_current(trusted)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


def _is_current(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_before_utc <= wall() <= certificate.not_valid_after_utc


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return f"{names[0].value!s} ({thumbprint(certificate)})" if names else thumbprint(certificate)


def _self_signed(key: rsa.RSAPrivateKey) -> x509.Certificate:
    host = socket.gethostname()
    names = [x509.UniformResourceIdentifier(f"urn:{host}:takt:collector"), x509.DNSName(host)]
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH]
    return cert_gen.generate_self_signed_app_certificate(
        key, "Takt collector", {"organizationName": "Takt"}, names, usage, CERTIFICATE_DAYS
    )


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
