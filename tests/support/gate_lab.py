"""A real gate in a lab: `quietbell gate` with CAP_NET_ADMIN and nothing else, a resolver, a page that says "portal".

The page is Python's own HTTP server: what the gate leads to it is the gate's business, what it says is the portal's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from broker_config.network_plan import NetworkPlan
from firmware.errors import TechnicianError
from firmware.settings import Root
from kiosk.netlab import BOX, Netlab, Phone
from kiosk.portal.gate.line import SOCKET, GateLine
from tests.support.portal_root import LAB_PLAN, make_portal_root
from tests.support.until import look_again

WAIT_SECONDS = 10.0
# nobody's, on any machine that tests run on
GATE_UID = 61_234
ONLY_NET_ADMIN = (
    *("setpriv", f"--reuid={GATE_UID}", f"--regid={GATE_UID}", "--clear-groups", "--no-new-privs"),
    *("--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin", "--bounding-set=-all,+net_admin"),
)
PORTAL_WORDS = "this is the portal"


class GateLab:
    """`lab` with a gate in its box. `line` asks it as the portal would: as root, whom the gate is told to allow."""

    def __init__(self, lab: Netlab, root: Root) -> None:
        self.lab, self.root = lab, root
        self.line = GateLine(root.run / SOCKET)
        self.log = root.path / "gate.log"
        self._gate: subprocess.Popen[bytes] | None = None

    def start_gate(self, *words: str) -> None:
        """And wait until it answers."""
        command = [*ONLY_NET_ADMIN, sys.executable, "-m", "firmware", "gate", "--root", str(self.root.path)]
        gate = self._gate = self.lab.box.start([*command, "--portal-user", "0", *words], log=self.log)
        until(lambda: self.answers() or gate.poll() is not None, "the gate starts")
        if gate.poll() is not None:
            raise TechnicianError(self.log.read_text(encoding="utf-8"))

    @property
    def gate_pid(self) -> int:
        assert self._gate is not None
        return self._gate.pid

    def answers(self) -> bool:
        try:
            self.line.clients()
        except TechnicianError:
            return False
        return True

    def stop_gate(self) -> int:
        """Politely; returns its status."""
        assert self._gate is not None
        return self.lab.box.stop(self._gate)

    def kill_gate(self) -> None:
        """As kill -9 does. `ip netns exec` and setpriv have become the gate: it is our child."""
        assert self._gate is not None
        self._gate.kill()
        self._gate.wait()

    def start_resolver(self) -> None:
        """dnsmasq as plain as can be."""
        words = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--no-resolv", "--no-ping"]
        words += [f"--server={BOX.resolver4}", f"--interface={BOX.client_interface}", "--bind-interfaces"]
        words += [f"--pid-file={self.root.path}/dnsmasq.pid", f"--dhcp-leasefile={self.root.path}/leases"]
        self.lab.box.start([*words, f"--dhcp-range={BOX.dhcp_first},{BOX.dhcp_last},1h"])

    def start_page(self, port: int = 8080) -> None:
        folder = self.root.path / "page"
        folder.mkdir(exist_ok=True)
        (folder / "index.html").write_text(PORTAL_WORDS, encoding="utf-8")
        # HTTP/1.1: connections are kept
        words = [sys.executable, "-m", "http.server", "-p", "HTTP/1.1", "-b", "::", "-d", str(folder), str(port)]
        server = self.lab.box.start(words)
        at = ["curl", "-s", f"http://127.0.0.1:{port}/"]
        until(lambda: self.lab.box.run(at).ok or server.poll() is not None, "the page is served")

    def known_phone(self, number: int, *, ipv6: bool = False) -> Phone:
        """A phone with a fixed address (10.77.1.<number>, 2001:db8:77::1:<number>), which the box has heard."""
        phone = self.lab.phone(number)
        phone.set_address(f"10.77.1.{number}/22", router="10.77.0.1", resolver="10.77.0.1")
        if ipv6:
            phone.set_address(f"2001:db8:77::1:{number}/64", router="2001:db8:77::1")
            phone.curl("http://[2001:db8:77::1]/", seconds=1)
        phone.curl("http://10.77.0.1/", seconds=3)
        return phone

    def nft(self, *words: str) -> str:
        done = self.lab.box.run(["nft", *words])
        if not done.ok:
            raise TechnicianError(done.errors)
        return done.output

    def admit(self, number: int, seconds: int = 600, access: str = "web") -> bytes:
        """Raises AssertionError when the gate refused."""
        pseudonym = self.line.admit(ip_address(f"10.77.1.{number}"), seconds, access)
        assert pseudonym is not None
        return pseudonym


def until(holds: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait for something that real processes do. Raises AssertionError when it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"in vain: {what}"
        look_again()


@contextmanager
def gate_lab(
    folder: Path, plan: NetworkPlan = LAB_PLAN, *, ipv6: bool = False, fair_use_kbit_per_second: int = 8000
) -> Iterator[GateLab]:
    """A lab with the gate running, a resolver, and a page on port 8080. IPv6 if the plan has it, or if asked for."""
    # not below pytest's folders: every run of pytest shuts them to all but root, and the gate is somebody else
    with TemporaryDirectory(prefix="quietbell-gate-") as place:
        Path(place).chmod(0o755)
        root = make_portal_root(Path(place, "device"), plan, fair_use_kbit_per_second=fair_use_kbit_per_second)
        os.chown(root.run, GATE_UID, GATE_UID)
        with Netlab(folder, ipv6=ipv6 or bool(plan.address6)) as lab:
            made = GateLab(lab, root)
            made.start_gate()
            made.start_resolver()
            made.start_page()
            yield made
