"""Where the demo's phone stands: a network of namespaces with the real gate, or plain loopback where there is none.

Owns which of the two it is and why, what runs there beside kiosk and desk (portal, gate, dnsmasq), and how a page is
asked for from the phone. Knows no page.
"""

from __future__ import annotations

import http.client
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from firmware.errors import TechnicianError
from firmware.free_port import free_port
from kiosk.demo.processes import QUIETBELL, Running, quietbell, start
from kiosk.netlab import BOX, Internet, Netlab, Phone

HOST = "wifi.demo.example"
# The port that `quietbell site portal` gives a portal unless it is told another.
PAGES_IN_BOX = "http://127.0.0.1:8080/"
UP_SECONDS = 30.0
ANSWER_SECONDS = 15.0
LOOK_EVERY_SECONDS = 0.05
# program -> Debian's package
LAB_NEEDS: Mapping[str, str] = {
    "ip": "iproute2",
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base",
    "udhcpc": "udhcpc",
    "curl": "curl",
    "openssl": "openssl",
}
# Debian keeps some of them out of an ordinary user's PATH.
_SYSTEM_PATH = ":/usr/sbin:/sbin"
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Page:
    """What came back for one address; `status` 0: nothing did. `posted`: it was the answer to a form."""

    url: str
    status: int
    location: str
    body: str
    posted: bool


class Ground(Protocol):
    """`way` says in one line which it is. `own` is the portal's address, ending in a slash."""

    way: str
    own: str

    def make(self) -> None:
        """Before there is a site. Raises TechnicianError."""

    def portal_words(self) -> Sequence[str]:
        """What `quietbell site portal` is told."""

    def open(self, kiosk: Path) -> None:
        """Start what the phone needs and wait for it. Raises TechnicianError."""

    def fetch(self, url: str, form: Mapping[str, str] | None = None) -> Page:
        """Ask for one page as the phone, following nothing."""

    def command(self, words: Sequence[str]) -> list[str]:
        """The words that run a program where the phone is."""

    def close(self) -> None:
        """End and remove all of it, however far it is made."""


class LoopbackGround:
    """The portal at 127.0.0.1, in front of nothing: nobody is kept out, and every page says what it would say."""

    def __init__(self, because: str) -> None:
        self._port = free_port()
        self.own = f"http://127.0.0.1:{self._port}/"
        self.way = f"Phones: at {self.own} on this machine only, with a gate that keeps nobody out{because}."
        self._portal: Running | None = None

    def make(self) -> None:
        """Loopback is there."""

    def portal_words(self) -> Sequence[str]:
        # A network of which nothing is used but the names: no interface is touched.
        return (
            *("--mode", "behind", "--host", "127.0.0.1", "--http-port", str(self._port)),
            *("--client-interface", "lo", "--uplink-interface", BOX.uplink_interface),
            *("--address", BOX.address4, "--resolver", BOX.resolver4),
        )

    def open(self, kiosk: Path) -> None:
        portal = self._portal = start("portal", [*QUIETBELL, "portal", "--root", str(kiosk)], kiosk / "portal.log")
        _wait([portal], lambda: self.fetch(self.own).status != 0)

    def fetch(self, url: str, form: Mapping[str, str] | None = None) -> Page:
        parts = urlsplit(url)
        line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
        body = None if form is None else urlencode(form)
        heads = dict([_FORM]) if form is not None else {}
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            line.request("GET" if form is None else "POST", path, body, heads)
            answer = line.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return Page(url, 0, "", "", form is not None)
        finally:
            line.close()
        return Page(url, answer.status, answer.headers.get("Location", ""), text, form is not None)

    def command(self, words: Sequence[str]) -> list[str]:
        return list(words)

    def close(self) -> None:
        if self._portal is not None:
            self._portal.stop()


class LabGround:
    """A lab as `kiosk.netlab` builds it: the phone gets its address by DHCP and nothing passes but through the gate."""

    own = f"https://{HOST}/"
    way = "Phones: a phone in a network of its own, behind the real gate, with real DHCP, DNS and HTTPS."

    def __init__(self, folder: Path) -> None:
        self.lab = Netlab(folder)

    def make(self) -> None:
        self.lab.__enter__()

    @property
    def phone(self) -> Phone:
        return self.lab.phone(1)

    @property
    def internet(self) -> Internet:
        return self.lab.internet

    def portal_words(self) -> Sequence[str]:
        certificate = self.lab.certificate(HOST)
        return (
            *("--mode", "behind", "--host", HOST),
            *("--client-interface", BOX.client_interface, "--uplink-interface", BOX.uplink_interface),
            *("--address", BOX.address4, "--dhcp-first", BOX.dhcp_first, "--dhcp-last", BOX.dhcp_last),
            *("--resolver", BOX.resolver4),
            *("--certificate", str(certificate.file), "--key", str(certificate.key)),
        )

    def open(self, kiosk: Path) -> None:
        made, box = kiosk / "rendered", self.lab.box
        quietbell("portal", "render", "--root", str(kiosk), "--out", str(made))
        mine = ("--root", str(kiosk))
        commands = {
            "gate": [*QUIETBELL, "gate", *mine, "--portal-user", str(os.geteuid())],
            "portal": [*QUIETBELL, "portal", *mine],
            # Its own user could not write into the run folder of a device that is root's.
            "dnsmasq": ["dnsmasq", "--keep-in-foreground", f"--conf-file={made / 'dnsmasq.conf'}", "--user=root"],
        }
        running = [
            Running(name, box.start(words, log=kiosk / f"{name}.log"), kiosk / f"{name}.log")
            for name, words in commands.items()
        ]
        probe = ["curl", "-q", "-s", "-o", "/dev/null", PAGES_IN_BOX]
        _wait(running, lambda: (kiosk / "run" / "gate.sock").exists() and box.run(probe).ok)

    def fetch(self, url: str, form: Mapping[str, str] | None = None) -> Page:
        words = ["--cacert", str(self.lab.authority)]
        if form is not None:
            words += ["--data-raw", urlencode(form)]
        answer = self.phone.curl(url, *words, seconds=ANSWER_SECONDS)
        return Page(url, answer.status, answer.location, answer.body, form is not None)

    def command(self, words: Sequence[str]) -> list[str]:
        return self.phone.command(words)

    def close(self) -> None:
        self.lab.close()


def choose_ground(wanted: str, folder: Path) -> LabGround | LoopbackGround:
    """`wanted`: "auto", "namespaces" or "loopback". Makes nothing yet.

    Raises TechnicianError: namespaces are wanted and cannot be had.
    """
    if wanted == "loopback":
        return LoopbackGround("")
    why = "as root the phone gets a network of its own" if os.geteuid() != 0 else _missing()
    if not why:
        return LabGround(folder)
    if wanted == "namespaces":
        raise TechnicianError(f"--network namespaces: cannot be had here; {why}")
    return LoopbackGround(f"; {why}")


def _missing() -> str:
    packages = [package for program, package in LAB_NEEDS.items() if find_program(program) is None]
    return f"for a network of its own: apt install {' '.join(packages)}" if packages else ""


def find_program(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + _SYSTEM_PATH)


def _wait(running: Sequence[Running], answers: Callable[[], bool]) -> None:
    """Until pages are there. Raises TechnicianError when something ends or takes too long."""
    until = time.monotonic() + UP_SECONDS
    while not answers():
        ended = [each for each in running if not each.alive()]
        if ended or time.monotonic() > until:
            which = (ended or running)[0]
            raise TechnicianError(f"the {which.kind} does not start: {which.last_words()}")
        time.sleep(LOOK_EVERY_SECONDS)
