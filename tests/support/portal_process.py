"""`quietbell portal` as a process of its own, on loopback, from a bundle that the technician's code made."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker_config.network_plan import NetworkPlan
from broker_config.site_portal import make_portal
from firmware import bundle
from firmware.free_port import free_port
from firmware.network_settings import Mode
from firmware.settings import Root
from tests.support.site import device_of, make_site
from tests.support.until import look_again

START_SECONDS = 20.0


@dataclass(frozen=True)
class MadePortal:
    """A kiosk's root that is a portal too, and where it listens."""

    root: Root
    http_port: int
    https_port: int


@dataclass(frozen=True)
class Certificate:
    file: Path
    key: Path


def make_certificate(folder: Path, name: str, days: int = 60) -> Certificate:
    """Its own authority, so that a test can trust it. Skips where openssl is not installed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed (apt install openssl)")
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", made.file, "-keyout", made.key],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


def make_portal_unit(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    certificate: Certificate | None = None,
    mode: Mode = Mode.BEHIND,
    ssid: str = "Demo-BYOD",
) -> MadePortal:
    """A rehearsal's kiosk whose phones are on this machine, with BYOD open at any hour."""
    folder.mkdir(exist_ok=True)
    made = make_site(folder, people=())
    root, http_port, https_port = made.kiosks[0], free_port(), free_port()
    plan = NetworkPlan(mode=mode, host=host, http_port=http_port, https_port=https_port)
    if mode is not Mode.LINK_ONLY:
        plan = NetworkPlan(
            mode=mode,
            host=host,
            client_interface="lo",
            uplink_interface="eth0",
            address4="10.20.0.1/22",
            resolvers=("9.9.9.9",),
            http_port=http_port,
            https_port=https_port,
            certificate=str(certificate.file) if certificate else "",
            key=str(certificate.key) if certificate else "",
            ssid=ssid,
        )
    make_portal(made.site, device_of(root), plan)
    # A test runs at any hour.
    rules = (root.public / bundle.PORTAL).read_bytes().replace(b"always = false", b"always = true")
    made.site.issue_policy((root.public / bundle.PROFILE).read_bytes(), rules)
    return MadePortal(root, http_port, https_port)


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    log: Path

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_SECONDS)


@contextmanager
def running_portal(made: MadePortal, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Until it serves; ended at the latest when the test ends."""
    log = made.root.path / "portal.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "firmware", "portal", "--root", str(made.root.path)],
            stdout=file,
            stderr=file,
            env={**os.environ, **(environment or {})},
        )
    running = Running(process, log)
    try:
        _until_serving(made.http_port, running)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(START_SECONDS)


def _until_serving(port: int, running: Running) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.2):
                return
        except OSError:
            if running.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the portal did not start: {running.said()[-2000:]}") from None
            look_again()
