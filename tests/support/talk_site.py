"""A whole site of real processes with a portal on loopback: kiosk, desk, broker, and `quietbell portal`.

Everything of `fault_site`, with a kiosk that serves phones. Not modelled: the gate; a rehearsal on loopback brings its
own.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from broker_config.network_plan import NetworkPlan
from broker_config.site_portal import make_portal
from firmware.free_port import free_port
from firmware.network_settings import Mode
from kiosk.learner.portal_line import SOCKET_NAME
from tests.support.fault_site import END_SECONDS, LOOK_EVERY_SECONDS, UP_SECONDS, Ended, FaultSite
from tests.support.talk_phone import Phone
from tests.support.until import look_again


class TalkSite(FaultSite):
    """The site, its kiosk a portal. `start_portal` starts the web process, `phone` is somebody on its Wi-Fi."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.portal_port = free_port()
        plan = NetworkPlan(
            mode=Mode.BEHIND,
            host="127.0.0.1",
            client_interface="lo",
            uplink_interface="eth0",
            address4="10.20.0.1/22",
            resolvers=("10.0.0.53",),
            http_port=self.portal_port,
        )
        make_portal(self.made.site, self.kiosk.id, plan)
        self.kiosk.carry()
        self.portal_log = folder / "portal.txt"
        self._portal: subprocess.Popen[bytes] | None = None

    @property
    def line(self) -> Path:
        """The socket between portal and kiosk."""
        return self.kiosk.root.run / SOCKET_NAME

    def start_portal(self) -> None:
        quietbell = Path(sys.executable).with_name("quietbell")
        command = [str(quietbell), "portal", "--root", str(self.kiosk.root.path)]
        with self.portal_log.open("ab") as log:
            self._portal = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + UP_SECONDS
        while not self._portal_listens():
            if self._portal.poll() is not None:
                raise Ended(f"the portal ended while it started: {self.portal_log.read_text()[-2000:]}")
            assert time.monotonic() < until, "the portal did not come up"
            look_again(LOOK_EVERY_SECONDS)

    def phone(self, language: str = "en") -> Phone:
        return Phone(self.portal_port, language=language)

    def end(self) -> None:
        if self._portal is not None:
            self._portal.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._portal.wait(END_SECONDS)
            self._portal.kill()
            self._portal.wait(END_SECONDS)
        super().end()

    def _portal_listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.portal_port)) == 0


@contextmanager
def running_talk_site(folder: Path) -> Iterator[TalkSite]:
    """Everything started and connected; gone afterwards."""
    site = TalkSite(folder)
    try:
        site.start()
        site.start_portal()
        yield site
    finally:
        site.end()
