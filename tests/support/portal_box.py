"""A whole portal in a lab, as a technician would run it: gate, pages and resolver, each a user of its own.

The gate has CAP_NET_ADMIN and nothing else, the pages have no privilege, dnsmasq reads the rendered file. Users exist
inside the lab only: `ip netns exec` lays a passwd over the machine's. `Staff` stands for the kiosk process towards the
portal and opens lessons of so many seconds; a test that needs the real kiosk starts it instead.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from broker_config.enrol import shipped_portal
from broker_config.network_plan import NetworkPlan
from firmware import bundle
from firmware.local_link import LocalServer, Peer, serve
from firmware.messages import Duty, DutyState
from firmware.settings import Root
from kiosk.netlab import BOX, Lease, Netlab, Phone
from kiosk.netlab.namespace import RESOLVER_FOLDERS
from kiosk.talk.handover import (
    AskState,
    HandedIn,
    HandIn,
    KioskState,
    Outcome,
    Told,
    frame_of,
    read_request,
)
from tests.support.portal_root import LAB_PLAN
from tests.support.reachable_python import reachable
from tests.support.site import PEOPLE, SITE_NAME, MadeSite, make_site
from tests.support.until import look_again

UP_SECONDS = 30.0
HOST = LAB_PLAN.host
KIOSK_SOCKET, GATE_SOCKET = "portal.sock", "gate.sock"
# The portal asks the kiosk every five seconds; a bound for a busy machine.
HEARS_SECONDS = 30.0
LONG_SECONDS = 4 * 3600

Ending = Literal["term", "kill"]


@dataclass(frozen=True)
class User:
    """Somebody who exists in the lab only; numbers that no machine gives out."""

    name: str
    uid: int

    def words(self, *groups: int, capability: str = "-all") -> tuple[str, ...]:
        """The words that make a program this user's, with this capability and no way to another."""
        others = ("--groups=" + ",".join(map(str, groups)),) if groups else ("--clear-groups",)
        return (
            *("setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", *others, "--no-new-privs"),
            *(f"--{kind}={capability}" for kind in ("inh-caps", "ambient-caps", "bounding-set")),
        )


GATE, PORTAL, KIOSK = User("quietbell-gate", 61_234), User("quietbell-portal", 61_235), User("quietbell", 61_236)
ONLY_NET_ADMIN = "-all,+net_admin"


class Staff:
    """The kiosk process as the portal sees it: nobody on duty, a lesson of so many seconds, and no report is taken."""

    def __init__(self, root: Root) -> None:
        self._path = root.run / KIOSK_SOCKET
        self._until = 0.0
        self._answered = 0
        self.faults: tuple[str, ...] = ()
        self._server: LocalServer | None = None

    def listen(self) -> None:
        allowed = {os.geteuid(), PORTAL.uid}
        self._server = serve(self._path, allow_uids=allowed, mode=0o666, on_request=self._answer)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def open_lesson(self, seconds: float) -> float:
        """From now on; returns when the portal has heard of it: the moment when it ends."""
        self._until = ends = time.monotonic() + seconds
        self.heard()
        return ends

    def close_lesson(self) -> None:
        self.open_lesson(0)

    def heard(self) -> None:
        """Wait until the portal has asked once more."""
        before = self._answered
        until(lambda: self._answered > before, "the portal asks the kiosk", HEARS_SECONDS)

    def _answer(self, peer: Peer, untrusted: bytes) -> bytes:
        del peer
        request, nobody = read_request(untrusted), Duty(DutyState.UNKNOWN)
        if isinstance(request, AskState):
            self.faults = request.faults
            left = max(0, int(self._until - time.monotonic()))
            self._answered += 1
            return frame_of(KioskState(nobody, left))
        if isinstance(request, HandIn):
            return frame_of(HandedIn(Outcome.NOT_SAVED, nobody))
        return frame_of(Told(nobody))


class PortalBox:
    """One portal of `made` in the box of `lab`. Phones come in by `join`."""

    def __init__(self, lab: Netlab, made: MadeSite) -> None:
        self.lab, self.made = lab, made
        self.root = Root(lab.folder.parent / "unit")
        shutil.copytree(made.kiosks[0].path, self.root.path)
        self.staff = Staff(self.root)
        self.logs = lab.folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self.rendered = lab.folder / "rendered"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._make_users()
        self._own()

    # --- processes ---

    def start(self, *, real_kiosk: bool = False) -> PortalBox:
        """Everything; with the real kiosk process instead of `staff`, if asked."""
        if real_kiosk:
            self.start_kiosk()
        else:
            self.staff.listen()
        if self.routes:
            self.render()
            self.begin_gate()
        self.begin_portal()
        if self.routes:
            self.wait_for_gate()
            self.start_resolver()
        self.wait_for_portal()
        return self

    @property
    def routes(self) -> bool:
        return b'mode = "link-only"' not in (self.root.public / bundle.NETWORK).read_bytes()

    def render(self) -> str:
        """Returns what the command said."""
        done = self.quietbell("portal", "render", "--root", str(self.root.path), "--out", str(self.rendered))
        return done.stdout

    def quietbell(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One of the technician's commands, in the box, which succeeds."""
        command = self.lab.box.command([sys.executable, "-m", "firmware", *words])
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def begin_gate(self) -> None:
        self._begin("gate", GATE.words(capability=ONLY_NET_ADMIN), "gate")

    def begin_portal(self) -> None:
        self._begin("portal", PORTAL.words(GATE.uid), "portal")

    def start_kiosk(self) -> None:
        """The kiosk process, without a screen and with no broker to reach."""
        silent = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
        self._begin("kiosk", KIOSK.words(), "kiosk", environment=silent)
        self._wait("kiosk", lambda: self._listens(KIOSK_SOCKET))

    def start_resolver(self) -> None:
        words = ["dnsmasq", "--keep-in-foreground", f"--conf-file={self.rendered / 'dnsmasq.conf'}"]
        # what it would tell the journal
        words.append(f"--log-facility={self.logs / 'dnsmasq.log'}")
        self._running["dnsmasq"] = self.lab.box.start(words)
        self._wait("dnsmasq", lambda: "started, version" in self.log("dnsmasq"))

    def wait_for_gate(self) -> None:
        self._wait("gate", lambda: self._listens(GATE_SOCKET))

    def wait_for_portal(self) -> None:
        """Until it answers on all its ports."""
        text = (self.root.public / bundle.NETWORK).read_text(encoding="utf-8")
        ports = dict(re.findall(r"^(https?)_port = (\d+)$", text, re.MULTILINE))
        for scheme, port in ports.items():
            asks = [
                "curl",
                "-q",
                "-s",
                "-k",
                "-o",
                "/dev/null",
                "-m",
                "2",
                f"{scheme}://127.0.0.1:{port}/static/mark.svg",
            ]
            if scheme == "http" or "certificate" in text:
                self._wait("portal", partial(self._succeeds, asks))

    def end(self, name: str, how: Ending) -> int:
        """Politely or not; it is gone when this returns. Returns its status."""
        process = self._running[name]
        if how == "kill":
            process.kill()
        else:
            process.terminate()
        return process.wait(UP_SECONDS)

    def log(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def issue(self, rules: bytes, profile: bytes) -> None:
        """The technician signs other rules, and copies the public half of the bundle to this unit."""
        self.made.site.issue_policy(profile, rules)
        shutil.copytree(self.made.kiosks[0].public, self.root.public, dirs_exist_ok=True)

    # --- phones and facts ---

    @property
    def address(self) -> str:
        return BOX.address4.partition("/")[0]

    @property
    def store(self) -> Path:
        return self.root.store / "portal"

    def join(self, number: int, client: Literal["udhcpc", "dhclient"] = "udhcpc") -> tuple[Phone, Lease]:
        """A new phone that has got its address."""
        phone = self.lab.phone(number)
        return phone, phone.dhcp(client)

    def nft(self, *words: str) -> str:
        done = self.lab.box.run(["nft", *words])
        assert done.ok, done.errors
        return done.output

    def pid(self, name: str) -> int:
        """`ip netns exec`, the shell and setpriv have all become the program: it is our child."""
        return self._running[name].pid

    def alive(self, name: str) -> bool:
        return self._running[name].poll() is None

    def as_user(
        self, user: User, *words: str, groups: Sequence[int] = (), seconds: float = 60.0
    ) -> tuple[int, str, str]:
        """Run a program in the box as somebody; (status, output, errors)."""
        done = self.lab.box.run(self._reachable([*user.words(*groups), *words]), seconds=seconds)
        return done.status, done.output, done.errors

    # --- how ---

    def _begin(self, name: str, user: Sequence[str], *words: str, environment: Mapping[str, str] | None = None) -> None:
        command = [*user, sys.executable, "-m", "firmware", *words, "--root", str(self.root.path)]
        self._running[name] = self.lab.box.start(
            self._reachable(command), log=self.logs / f"{name}.log", environment=environment
        )

    def _reachable(self, words: Sequence[str]) -> list[str]:
        return reachable(words, self.lab.folder / "parking")

    def _succeeds(self, words: Sequence[str]) -> bool:
        return self.lab.box.run(words).ok

    def _listens(self, name: str) -> bool:
        """We are nobody to it, and hang up again."""
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(str(self.root.run / name))
            except OSError:
                return False
        return True

    def _wait(self, name: str, holds: Callable[[], bool]) -> None:
        process = self._running[name]
        until(lambda: holds() or process.poll() is not None, f"{name} comes up", UP_SECONDS)
        assert process.poll() is None, f"{name} ended: {self.log(name)}"

    def _make_users(self) -> None:
        folder = RESOLVER_FOLDERS / self.lab.box.name
        own = "".join(f"{user.name}:x:{user.uid}:{user.uid}::/nonexistent:/bin/false\n" for user in USERS)
        groups = "".join(f"{user.name}:x:{user.uid}:\n" for user in USERS)
        for name, more in (("passwd", own), ("group", groups)):
            (folder / name).write_text(Path("/etc", name).read_text(encoding="utf-8") + more, encoding="utf-8")

    def _own(self) -> None:
        """Whose is what on an installed device: the kiosk's secrets and store are its own, the portal has one folder.

        The run folder is the gate's and the kiosk's to write in.
        """
        root = self.root
        root.run.mkdir(exist_ok=True)
        root.store.mkdir(exist_ok=True)
        self.store.mkdir(exist_ok=True)
        for place, user, mode in (
            (root.secret, KIOSK, 0o711),
            (root.store, KIOSK, 0o711),
            (self.store, PORTAL, 0o700),
            (root.run, GATE, 0o775),
        ):
            os.chown(place, user.uid, KIOSK.uid if place == root.run else user.uid)
            place.chmod(mode)
        for file in root.secret.iterdir():
            os.chown(file, KIOSK.uid, KIOSK.uid)
            file.chmod(0o600)
        voucher_key = root.secret / bundle.VOUCHER_KEY
        if voucher_key.exists():
            os.chown(voucher_key, KIOSK.uid, PORTAL.uid)
            voucher_key.chmod(0o640)


USERS = (GATE, PORTAL, KIOSK)


def until(holds: Callable[[], bool], what: str, seconds: float = UP_SECONDS) -> None:
    """Wait for something that real processes do. Raises AssertionError when it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"in vain: {what}"
        look_again()


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user of the box can reach into: pytest's own are root's, and any other run shuts them."""
    with tempfile.TemporaryDirectory(prefix="quietbell-portal-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def rules_text(profile: str = "secondary-school", *, always: bool = False, **changes: str) -> bytes:
    """A shipped profile's rules, in a time zone where it is about noon now: the portal's day never ends under a test.

    `always`: open at all times. `changes`: other values for keys of the top, as TOML.
    """
    shipped = shipped_portal(profile, SITE_NAME)
    assert shipped is not None
    text = shipped.decode()
    offset = 12 - datetime.now(UTC).hour
    # POSIX: west is positive
    text = _replaced(text, "time_zone", f'"Etc/GMT{-offset:+d}"' if offset else '"Etc/UTC"')
    if always:
        text = _replaced(text, "always", "true")
    for key, value in changes.items():
        text = _replaced(text, key, value)
    return text.encode()


def _replaced(text: str, key: str, value: str) -> str:
    changed, count = re.subn(rf"(?m)^{key} = .*$", lambda _: f"{key} = {value}", text)
    assert count, f"no {key} in these rules"
    return changed


@contextmanager
def portal_box(
    plan: NetworkPlan = LAB_PLAN,
    *,
    rules: bytes | None = None,
    secure: bool = False,
    people: bool = False,
    isolate: bool = True,
) -> Iterator[PortalBox]:
    """A lab with a portal that is not started yet. `rules`: by default always open. `secure`: HTTPS with a name and a
    certificate that whoever trusts the lab's authority believes. `people`: a site with readers, so that a real kiosk
    can seal what it is told.
    """
    with open_folder() as folder, Netlab(folder / "lab", ipv6=bool(plan.address6), isolate=isolate) as lab:
        if secure:
            issued = lab.certificate(plan.host)
            plan = replace(plan, certificate=str(issued.file), key=str(issued.key))
            os.chown(issued.key, PORTAL.uid, PORTAL.uid)
        made = _site(folder / "site", plan, rules, people=people)
        box = PortalBox(lab, made)
        try:
            yield box
        except BaseException as problem:
            problem.add_note("\n".join(f"--- {name}\n{box.log(name)}" for name in ("gate", "portal", "kiosk")))
            raise
        finally:
            box.staff.stop()


def _site(folder: Path, plan: NetworkPlan, rules: bytes | None, *, people: bool) -> MadeSite:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = rules or rules_text(always=True)
    return make_site(folder, portal=plan, portal_text=text, people=PEOPLE if people else ())
