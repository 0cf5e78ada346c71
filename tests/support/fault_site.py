"""A whole site of real processes that a test may harm: kiosk, desks and broker as a technician would install them.

Each device runs from its own copy of the bundle, so what the technician issues later reaches it only over the wire or
by `carry`. `Device` is one process and its folder: start, kill, freeze, restart. `FaultSite` is the site. Nothing here
knows what a test wants to prove.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from broker_config.provision import DevicePlan
from firmware.errors import TechnicianError
from firmware.ledger import Entry, Ledger
from firmware.settings import DeviceKind, Pins, Root
from kiosk.rehearsal import Json, NotReached, Unit
from tests.support.broker import find_mosquitto
from tests.support.site import NOW, MadeSite, device_of, make_site
from tests.support.until import look_again

# Bounds, not expectations: two cores may be shared with much else.
UP_SECONDS = 60.0
HOME_SECONDS = 120.0
END_SECONDS = 30.0
HEALS_MOST = 3
FIRST_BROKER_SECONDS = 20.0
LOOK_EVERY_SECONDS = 0.01

STORE_OF = {DeviceKind.KIOSK: "kiosk.db", DeviceKind.DESK: "desk.db"}


class Ended(AssertionError):
    """A process that should run has ended."""


class Device:
    """One kiosk or desk: its folder and, while it runs, its process."""

    def __init__(self, kind: DeviceKind, issued: Root, home: Path) -> None:
        self.kind, self.issued = kind, issued
        self.id = device_of(issued)
        shutil.copytree(issued.path, home)
        self.root = Root(home)
        self.unit = Unit(self.root.run)
        self.log_file = home / "log.txt"
        self.prefix: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    def carry(self) -> None:
        """The technician copies the public half of the newest bundle to the device."""
        shutil.copytree(self.issued.public, self.root.public, dirs_exist_ok=True)

    def start(self, environment: Mapping[str, str] | None = None, *, wait: bool = True) -> Device:
        """Start the real command and, if asked, wait until it paints."""
        assert not self.alive, f"{self.kind} runs already"
        quietbell = Path(sys.executable).with_name("quietbell")
        command = [*self.prefix, str(quietbell), self.kind.value, "--root", str(self.root.path)]
        own = {**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", **(environment or {})}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=own)
        if wait:
            self.wait_until_up()
        return self

    def wait_until_up(self) -> None:
        until = time.monotonic() + UP_SECONDS
        while True:
            with suppress(TechnicianError):
                self.unit.state()
                return
            if not self.alive:
                raise Ended(f"the {self.kind} ended while it started: {self.log()}")
            assert time.monotonic() < until, f"the {self.kind} did not come up: {self.log()}"
            look_again(LOOK_EVERY_SECONDS)

    @property
    def pid(self) -> int:
        assert self._process is not None, f"the {self.kind} does not run"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, whatever state it is in."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_SECONDS)
            self._process = None

    def stop(self) -> int:
        """Ask it to end; returns its exit status."""
        assert self._process is not None, f"the {self.kind} does not run"
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        status = self._process.wait(END_SECONDS)
        self._process = None
        return status

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")[-4000:] if self.log_file.exists() else ""

    @property
    def store_file(self) -> Path:
        return self.root.store / STORE_OF[self.kind]

    def entries(self, kind: str) -> list[Entry]:
        """What its ledger holds; only while it does not run. The chain is verified on the way."""
        assert not self.alive, "one process writes one ledger"
        with Ledger(self.store_file, random_bytes=os.urandom) as ledger:
            ledger.verify()
            return ledger.of_kind(kind)

    # --- what is to be seen ---

    def wait_for(self, true: Callable[[Json], bool], what: str, seconds: float = HOME_SECONDS) -> Json:
        return self.unit.wait_for(true, what, seconds)

    def wait_until_connected(self) -> None:
        self.wait_for(lambda state: bool(state["connected"]), f"the {self.kind}'s connection")

    def texts(self) -> str:
        return "\n".join(cast(Sequence[str], self.unit.state()["texts"]))


class FaultSite:
    """The running site. `desk` is the desk in force; a stolen one is out of it."""

    def __init__(self, folder: Path, *, desks: int = 1) -> None:
        (folder / "made").mkdir(parents=True)
        self.folder = folder
        self.made: MadeSite = make_site(folder / "made", desks=desks)
        self._installed = 0
        self.desks = [self._install(DeviceKind.DESK, root) for root in self.made.desks]
        self.kiosk = self._install(DeviceKind.KIOSK, self.made.kiosks[0])
        self._broker: subprocess.Popen[bytes] | None = None
        self._everything = [*self.desks, self.kiosk]

    @property
    def desk(self) -> Device:
        return self.desks[0]

    # --- broker ---

    @property
    def broker_folder(self) -> Path:
        return self.made.folder / "broker"

    @property
    def broker_alive(self) -> bool:
        return self._broker is not None and self._broker.poll() is None

    def start_broker(self) -> None:
        binary = find_mosquitto()
        if binary is None:
            pytest.skip("mosquitto is not installed (apt install mosquitto)")
        with (self.broker_folder / "log.txt").open("ab") as log:
            command = [binary, "-c", str(self.broker_folder / "mosquitto.conf")]
            self._broker = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + FIRST_BROKER_SECONDS
        while not self._broker_listens():
            assert self.broker_alive, "mosquitto ended while it started"
            assert time.monotonic() < until, "mosquitto did not start"
            look_again(LOOK_EVERY_SECONDS)

    def kill_and_wipe_broker(self) -> None:
        """SIGKILL, and its data directory is gone."""
        self._end_broker()
        for file in (self.broker_folder / "data").iterdir():
            file.unlink()

    def reload_broker(self) -> None:
        """SIGHUP: read the ACL again."""
        assert self._broker is not None, "the broker does not run"
        self._broker.send_signal(signal.SIGHUP)

    def _end_broker(self) -> None:
        if self._broker is not None:
            self._broker.kill()
            self._broker.wait(END_SECONDS)
            self._broker = None

    def _broker_listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.made.port), timeout=0.2):
                return True
        except OSError:
            return False

    # --- devices ---

    def start(self) -> FaultSite:
        """Broker, desks and kiosk, all connected."""
        self.start_broker()
        for device in (*self.desks, self.kiosk):
            device.start(wait=False)
        for device in (*self.desks, self.kiosk):
            device.wait_until_up()
            device.wait_until_connected()
        return self

    def heal(self) -> None:
        """Whatever does not run is started again, as systemd would."""
        if not self.broker_alive:
            self.start_broker()
        for _ in range(HEALS_MOST):
            for device in (*self.desks, self.kiosk):
                if not device.alive:
                    device.start(wait=False)
            # One that was dying a moment ago still looked alive.
            with suppress(Ended):
                for device in (*self.desks, self.kiosk):
                    device.wait_until_up()
                return
        raise Ended("a unit ends again and again while it starts")

    def replace_desk(self, room: str) -> Device:
        """The desk is stolen: the technician revokes it and installs another, with an empty store."""
        stolen = self.desks.pop(0)
        stolen.kill()
        site = self.made.site
        site.revoke(stolen.id)
        plan = DevicePlan(kind=DeviceKind.DESK, room=room, place="First floor", rehearsal=True, board=Pins.MOCK)
        new = self._install(DeviceKind.DESK, site.root_of(site.add(plan, NOW, uuid4).id))
        self._everything.append(new)
        self.desks.insert(0, new)
        for desk in self.desks[1:]:
            desk.carry()
        self.reload_broker()
        new.start()
        return new

    def end(self) -> None:
        """Only processes that were started here."""
        for device in self._everything:
            device.kill()
        self._end_broker()

    def _install(self, kind: DeviceKind, issued: Root) -> Device:
        self._installed += 1
        return Device(kind, issued, self.folder / f"{kind.value}-{self._installed}")


@contextmanager
def running_site(folder: Path, *, desks: int = 1) -> Iterator[FaultSite]:
    """A started site that is gone afterwards."""
    site = FaultSite(folder, desks=desks)
    try:
        yield site.start()
    finally:
        site.end()


@dataclass(frozen=True)
class Told:
    """What the kiosk shows of the report in view."""

    id: str
    saved: bool
    failed: bool
    stages: frozenset[str]


def told(state: Json, which: str = "report") -> Told | None:
    """The `report` (or silent `call`) of a kiosk's state."""
    raw = state[which]
    if not isinstance(raw, dict):
        return None
    return Told(raw["id"], raw["saved"], raw["failed"], frozenset(raw["stages"]))


def open_talk(kiosk: Device) -> None:
    """Whatever is in view, a fresh talk is opened by the button."""
    if kiosk.unit.state()["screen"] != "idle":
        kiosk.unit.touch("control-hide")
        kiosk.wait_for(lambda state: state["screen"] == "idle", "the tips")
    kiosk.unit.tap()
    kiosk.wait_for(lambda state: state["screen"] == "danger", "the talk")


def press(kiosk: Device) -> Told:
    """Tap, "yes": an urgent report; returns when the screen calls it saved."""
    open_talk(kiosk)
    kiosk.unit.touch("option-yes")
    return saved(kiosk)


def saved(kiosk: Device) -> Told:
    """Wait until the report in view is called saved."""
    found = told(kiosk.wait_for(lambda state: (seen := told(state)) is not None and seen.saved, "saved"))
    assert found is not None
    return found


def shown_ids(desk: Device) -> list[str]:
    """Every report that stands on the desk's list, once for each line that it stands in."""
    lines = cast(Sequence[Mapping[str, Sequence[str]]], desk.unit.state()["lines"])
    return [report for line in lines for report in line["reports"]]


def wait_until_shown(desk: Device, reports: set[str], seconds: float = HOME_SECONDS) -> None:
    """Wait until all of them stand on the desk's list."""
    until = time.monotonic() + seconds
    while missing := reports - set(shown_ids(desk)):
        if time.monotonic() > until:
            raise NotReached(f"{len(missing)} of {len(reports)} reports did not reach the desk: {sorted(missing)}")
        look_again(LOOK_EVERY_SECONDS)


def press_until_stored(kiosk: Device, desk: Device) -> Told:
    """An undisturbed report, all the way."""
    report = press(kiosk)
    wait_until_shown(desk, {report.id})
    found = told(kiosk.wait_for(lambda state: "stored" in (told(state) or report).stages, "arrived"))
    assert found is not None
    return found
