"""A real mosquitto with real TLS 1.3, client certificates and the product's ACL, on a free loopback port.

Owns a throw-away authority (`TestCa`) and the broker's process (`Broker`): kill, wipe, restart, freeze. The folder is
the caller's (pytest's `tmp_path`). Models nothing: where mosquitto is missing, tests that need it are skipped by name.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.free_port import free_port
from firmware.link import LinkSettings
from firmware.topics import AclRule, id_text

START_SECONDS = 15.0
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2045, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM files."""

    certificate_file: Path
    key_file: Path


class ThrowAwayCa:
    """A one-test authority. Its certificates are good from 2000 to 2045 unless a test asks otherwise."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test authority {folder.name}")])
        self.certificate_file = folder / "ca.pem"
        certificate = self._builder(self._name, self._key.public_key(), LONG_AGO, FAR_AHEAD).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._write(self.certificate_file, certificate.sign(self._key, hashes.SHA256()))

    def issue_client(self, common_name: str) -> Issued:
        return self._issue(common_name, ExtendedKeyUsageOID.CLIENT_AUTH, [], LONG_AGO, FAR_AHEAD)

    def issue_server(
        self,
        *,
        names: Sequence[str] = ("localhost", "127.0.0.1"),
        not_before: datetime = LONG_AGO,
        not_after: datetime = FAR_AHEAD,
    ) -> Issued:
        return self._issue("broker", ExtendedKeyUsageOID.SERVER_AUTH, names, not_before, not_after)

    def issue_expired_server(self) -> Issued:
        return self.issue_server(not_after=datetime.now(UTC) - timedelta(days=1))

    def issue_future_server(self) -> Issued:
        return self.issue_server(not_before=datetime.now(UTC) + timedelta(days=365))

    def _issue(
        self,
        common_name: str,
        purpose: x509.ObjectIdentifier,
        names: Sequence[str],
        not_before: datetime,
        not_after: datetime,
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = self._builder(subject, key.public_key(), not_before, not_after)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        stem = f"{common_name}-{x509.random_serial_number():x}"
        issued = Issued(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        self._write(issued.certificate_file, builder.sign(self._key, hashes.SHA256()))
        issued.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        issued.key_file.chmod(0o600)
        return issued

    def _builder(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, not_before: datetime, not_after: datetime
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(public)
        return (
            builder.serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _write(self, file: Path, certificate: x509.Certificate) -> None:
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


class Broker:
    """One mosquitto process and its folder."""

    def __init__(
        self,
        folder: Path,
        *,
        ca: ThrowAwayCa,
        rules: Sequence[AclRule],
        server: Issued | None = None,
        persistent: bool = False,
        extra_lines: Sequence[str] = (),
    ) -> None:
        self.folder, self.ca, self.host = folder, ca, "localhost"
        self.port = free_port()
        self._server = server or ca.issue_server()
        self._persistent, self._extra_lines = persistent, tuple(extra_lines)
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Issued] = {}
        (folder / "data").mkdir(parents=True, exist_ok=True)
        self.write_acl(rules)
        self._write_configuration()

    @property
    def log_file(self) -> Path:
        return self.folder / "mosquitto.log"

    def settings_for(self, client: bytes | str, *, check_dates: bool = True, host: str | None = None) -> LinkSettings:
        """What a device with this id (or any other certificate name) needs to connect."""
        name = client if isinstance(client, str) else id_text(client)
        issued = self._clients.setdefault(name, self.ca.issue_client(name))
        return LinkSettings(
            host=host or self.host,
            port=self.port,
            ca_file=self.ca.certificate_file,
            certificate_file=issued.certificate_file,
            key_file=issued.key_file,
            check_dates=check_dates,
        )

    def start(self) -> None:
        """Start and wait until it takes connections."""
        binary = find_mosquitto()
        assert binary is not None, "mosquitto is not installed"
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen([binary, "-c", self.folder / "mosquitto.conf"], stdout=log, stderr=log)
        deadline = datetime.now(UTC) + timedelta(seconds=START_SECONDS)
        while not self._listens():
            if self._process.poll() is not None or datetime.now(UTC) > deadline:
                raise RuntimeError(f"mosquitto did not start: {self.log_file.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """SIGKILL: no goodbye, no save."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def wipe(self) -> None:
        """Lose everything that the broker had on disk. Kill it first."""
        shutil.rmtree(self.folder / "data")
        (self.folder / "data").mkdir()

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """SIGHUP: read the ACL again."""
        self._signal(signal.SIGHUP)

    def write_acl(self, rules: Sequence[AclRule]) -> None:
        (self.folder / "acl").write_text(acl_text(rules), encoding="utf-8")

    def use_server(self, server: Issued) -> None:
        """From the next start on, show another certificate."""
        self._server = server
        self._write_configuration()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None, "the broker does not run"
        self._process.send_signal(which)

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.05):
                return True
        except OSError:
            return False

    def _write_configuration(self) -> None:
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"cafile {self.ca.certificate_file}",
            f"certfile {self._server.certificate_file}",
            f"keyfile {self._server.key_file}",
            "tls_version tlsv1.3",
            "require_certificate true",
            "use_identity_as_username true",
            "allow_anonymous false",
            f"acl_file {self.folder / 'acl'}",
            "set_tcp_nodelay true",
            "max_inflight_messages 512",
            "max_queued_messages 5000",
            f"persistence {'true' if self._persistent else 'false'}",
            f"persistence_location {self.folder / 'data'}/",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
            "log_type notice",
            # As root mosquitto would become a user that cannot read pytest's folder.
            *(["user root"] if os.geteuid() == 0 else []),
            *self._extra_lines,
        ]
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def running_broker(
    folder: Path,
    rules: Sequence[AclRule],
    *,
    server: Issued | None = None,
    persistent: bool = False,
    extra_lines: Sequence[str] = (),
    ca: ThrowAwayCa | None = None,
) -> Iterator[Broker]:
    """A started broker that is gone afterwards; the test is skipped where mosquitto is not installed."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    broker = Broker(
        folder / "broker",
        ca=ca or ThrowAwayCa(folder / "ca"),
        rules=rules,
        server=server,
        persistent=persistent,
        extra_lines=extra_lines,
    )
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def find_mosquitto() -> str | None:
    """Debian puts it in /usr/sbin, which is not on every PATH."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def acl_text(rules: Sequence[AclRule]) -> str:
    """mosquitto's `acl_file`: a `user` line, then that user's topics."""
    users: dict[str, list[str]] = {}
    for rule in rules:
        users.setdefault(rule.user, []).append(f"topic {rule.access} {rule.topic}")
    return "".join(f"user {user}\n" + "\n".join(lines) + "\n\n" for user, lines in users.items())


def handshake_version(settings: LinkSettings) -> str | None:
    """The TLS version that a broker agrees to when offered everything up to 1.2 only; None when it refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(settings.ca_file)
    context.load_cert_chain(settings.certificate_file, settings.key_file)
    try:
        with (
            socket.create_connection((settings.host, settings.port), timeout=START_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=settings.host) as wrapped,
        ):
            return wrapped.version()
    except OSError:
        return None


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
