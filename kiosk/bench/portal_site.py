"""What a benchmark of the portal runs: a site whose BYOD network is open all day, its kiosk, its gate, its pages.

Owns the two networks that it is measured on: a lab of namespaces with a real gate, and plain loopback, where nothing
stands between two servers that are compared. The rest is `site`'s.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from importlib import resources

from firmware.errors import TechnicianError
from firmware.free_port import free_port
from firmware.settings import Root
from kiosk.bench.figures import CannotMeasure
from kiosk.bench.site import (
    LOOK_EVERY_SECONDS,
    PROFILE,
    START_SECONDS,
    BenchSite,
    environment,
    quietbell,
    state_of,
)
from kiosk.netlab import BOX, Netlab
from kiosk.portal.gate.line import SOCKET, GateLine

HOST = "wifi.bench.example"
HTTP_PORT = 8080
# What Debian calls the packages of the programs that the lab is made of.
NEEDED = {"ip": "iproute2", "nft": "nftables", "openssl": "openssl", "curl": "curl", "nginx": "nginx-light"}
_CLOSED, _OPEN = "always = false", "always = true"
# Debian keeps them out of an ordinary user's PATH.
_SYSTEM_PATH = ":/usr/sbin:/usr/local/sbin:/sbin"


class PortalSite(BenchSite):
    """Two kiosks that are portals: `kiosk` in a lab, `other` on loopback. Nobody reads reports here."""

    def make(self) -> None:
        self.found()
        self.other = self.add("add-kiosk", "Room 2")
        self.adopt()
        self._open_all_day()
        self.other_port = free_port()
        lab = ("--client-interface", BOX.client_interface, "--uplink-interface", BOX.uplink_interface)
        range_ = ("--dhcp-first", BOX.dhcp_first, "--dhcp-last", BOX.dhcp_last)
        self._portal(self.kiosk, HOST, *lab, *range_, "--http-port", str(HTTP_PORT))
        loopback = ("--client-interface", "lo", "--uplink-interface", BOX.uplink_interface)
        self._portal(self.other, "127.0.0.1", *loopback, "--http-port", str(self.other_port))

    def start_kiosk(self) -> subprocess.Popen[bytes]:
        """The process that portals ask for the talk. Raises CannotMeasure when it does not come up."""
        kiosk = self.start([*quietbell(), "kiosk", "--root", str(self.kiosk.path)], "kiosk")
        self._until(lambda: bool(state_of(self.kiosk)), kiosk, "kiosk")
        return kiosk

    def start_gate(self, lab: Netlab) -> subprocess.Popen[bytes]:
        """Raises CannotMeasure."""
        words = [*quietbell(), "gate", "--root", str(self.kiosk.path), "--portal-user", str(os.geteuid())]
        gate = lab.box.start(words, log=self.home / "gate.log", environment=environment())
        line = GateLine(self.kiosk.run / SOCKET)

        def stands() -> bool:
            try:
                line.clients()
            except TechnicianError:
                return False
            return True

        self._until(stands, gate, "gate")
        return gate

    def start_portal(self, lab: Netlab) -> subprocess.Popen[bytes]:
        """Raises CannotMeasure."""
        words = [*quietbell(), "portal", "--root", str(self.kiosk.path)]
        portal = lab.box.start(words, log=self.home / "portal.log", environment=environment())
        probe = ["curl", "-q", "-s", "-o", "/dev/null", f"http://127.0.0.1:{HTTP_PORT}/"]
        self._until(lambda: lab.box.run(probe).ok, portal, "portal")
        return portal

    def start_other_portal(self) -> subprocess.Popen[bytes]:
        """On loopback. Raises CannotMeasure."""
        portal = self.start([*quietbell(), "portal", "--root", str(self.other.path)], "other-portal")
        self.wait_until_listening(self.other_port, portal, "other-portal")
        return portal

    def wait_until_listening(self, port: int, process: subprocess.Popen[bytes], name: str) -> None:
        """Raises CannotMeasure."""
        self._until(lambda: _listens(port), process, name)

    def _portal(self, kiosk: Root, host: str, *words: str) -> None:
        self.command(
            "site", "portal", str(self.folder), kiosk.path.name, "--mode", "behind", "--host", host,
            "--address", BOX.address4, "--resolver", BOX.resolver4, *words,
        )  # fmt: skip

    def _open_all_day(self) -> None:
        """Issue the shipped rules with one thing changed."""
        edited = self.home / "profile"
        with resources.as_file(resources.files("broker_config") / "profiles" / PROFILE) as shipped:
            shutil.copytree(shipped, edited)
        rules = edited / "portal.toml"
        text = rules.read_text(encoding="utf-8")
        if _CLOSED not in text:
            raise CannotMeasure(f"profile {PROFILE}: its portal.toml does not say {_CLOSED!r} any more")
        rules.write_text(text.replace(_CLOSED, _OPEN), encoding="utf-8")
        self.command("site", "policy", str(self.folder), "--profile-folder", str(edited))

    def _until(self, holds: Callable[[], bool], process: subprocess.Popen[bytes], name: str) -> None:
        until = time.monotonic() + START_SECONDS
        while not holds():
            if process.poll() is not None or time.monotonic() > until:
                raise CannotMeasure(f"the {name} does not start: {self.log(name)}")
            time.sleep(LOOK_EVERY_SECONDS)


def find_program(name: str, package: str) -> str:
    """Raises CannotMeasure naming what to install."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + _SYSTEM_PATH)
    if found is None:
        raise CannotMeasure(f"{name} is not installed: apt install {package}")
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
