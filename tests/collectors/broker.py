"""A mosquitto of a test's own: with its own configuration, killed and started again, with or without TLS."""

from __future__ import annotations

import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mes.host import processes
from mes.host.mosquitto import MOSQUITTO
from mes.settings import load_settings

KEEPING = ("persistence true", "autosave_interval 1", "allow_anonymous true")


class Broker:
    """`lines` are those of its configuration besides listener and persistence's folder."""

    def __init__(self, folder: Path, *lines: str) -> None:
        folder.mkdir(mode=0o755)
        data = folder / "data"
        data.mkdir(mode=0o777)
        data.chmod(0o777)
        self.port = processes.free_port()
        self._configuration = folder / "mosquitto.conf"
        text = [f"listener {self.port} 127.0.0.1", f"persistence_location {data}/", "log_dest none", *lines]
        self._configuration.write_text("\n".join(text) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        program = MOSQUITTO.program(load_settings().cache, "mosquitto")
        argv = processes.service_command([program, "-c", self._configuration], leash=signal.SIGKILL)
        self._process = subprocess.Popen(argv, env=processes.clean_environment(), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not processes.answers(self.port):
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut of the program: nothing is saved."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def stop(self) -> None:
        """As whoever restarts it does: it saves what it keeps."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"


class Authority:
    """A certificate authority; `issue` gives the paths of a certificate and its key."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        certificate = self._built(self._name, self._key, is_authority=True)
        self.path = self._written("ca.pem", certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = self._built(name, key, is_authority=False)
        return (
            self._written(f"{common_name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._written(
                f"{common_name}.key",
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ),
            ),
        )

    def _built(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _written(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        path.chmod(0o644)
        return path
