"""The web process, taken over: everything that its user can do on the device, done by a program that runs as that user.

Real users, the real kiosk and gate in one box. What a taken over process can say to the kiosk is `test_portal_talk`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.support.personas.asking import Handset, Verdict
from tests.support.personas.browsers import Firefox
from tests.support.portal_box import GATE, KIOSK, PORTAL, PortalBox, User, portal_box
from tests.support.portal_root import LAB_PLAN
from tests.support.root import needs_root

PROGRAM = Path(__file__).parents[1] / "support" / "hostile_portal.py"
PRESS = PROGRAM.with_name("press_button.py")
BROWSER = Firefox("a browser")
NEIGHBOURS, DEVICES_MAX = 1100, 1024
HOURS_MAX = 12
# The places that a kiosk's outbox leaves to everybody, and those beyond for button and touchscreen.
FOR_ALL, FLOOD_SECONDS, PRESS_SECONDS = 3600, 45, 10.0

pytestmark = needs_root


@dataclass(frozen=True)
class Place:
    box: PortalBox
    phone: Handset
    address: str

    def hostile(self, *words: str | Path, user: User = PORTAL, seconds: float = 60.0) -> object:
        """What the program tells that ran as the portal's user, or as somebody else."""
        groups = (GATE.uid,) if user is PORTAL else ()
        command = [sys.executable, str(PROGRAM), *map(str, words)]
        status, output, errors = self.box.as_user(user, *command, groups=groups, seconds=seconds)
        assert status == 0, errors
        found: object = json.loads(output)
        return found


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    # wide enough for more devices than the gate lets in
    plan = replace(LAB_PLAN, address4="10.77.0.1/20")
    with portal_box(plan, people=True) as box:
        box.start(real_kiosk=True)
        phone, lease = box.join(1)
        handset = Handset(phone, box.lab.authority)
        BROWSER.open_sheet(handset, BROWSER.judge(handset))
        yield Place(box, handset, lease.address)


@pytest.mark.requirement("D1")
def test_it_reads_and_writes_its_own_store_and_nothing_else(place: Place) -> None:
    """Of the kiosk's secrets, the kiosk's store and the gate's key of the day it can open none; it can write only below
    its own folder, and make nothing anywhere else."""
    root = place.box.root
    everything = [root.path, *(path for path in root.path.rglob("*") if path.is_file() or path.is_dir())]
    found = place.hostile("files", *everything)
    assert isinstance(found, dict)
    readable = {Path(path) for path in found["readable"]}
    public = {path for path in root.public.iterdir() if path.is_file()}
    theirs = {path for path in place.box.store.iterdir() if path.is_file()}
    shut = {path for path in everything if path.is_file()} - public - theirs
    assert {path.name for path in shut} >= {"signing.key", "kem.key", "device.key", "kiosk.db", "gate-day.key"}
    # what it checks vouchers with; and who is a neighbour, which the kernel tells every process on the device
    assert readable & shut == {root.secret / "voucher.key", root.run / "dnsmasq.pid", root.run / "dnsmasq.leases"}
    assert {Path(path) for path in found["writable"]} == theirs
    assert {Path(path) for path in found["creatable"]} == {place.box.store}


def test_it_cannot_touch_kiosk_and_gate(place: Place) -> None:
    """Neither memory nor environment nor descriptors of either can be read; neither can be signalled nor traced."""
    pids = (str(place.box.pid(name)) for name in ("kiosk", "gate"))
    assert place.hostile("processes", *pids) == []
    assert place.box.alive("kiosk")
    assert place.box.alive("gate")


def test_it_has_no_privilege(place: Place) -> None:
    """It can list no rules, change none, be nobody's neighbour, open no raw socket, become nobody else."""
    assert place.hostile("network") == []


def test_it_reaches_two_sockets(place: Place) -> None:
    """The gate's, and the kiosk's for phones; not the one by which rehearsals drive a kiosk."""
    run = place.box.root.run
    names = ("gate.sock", "portal.sock", "rehearsal.sock")
    went = place.hostile("sockets", *(run / name for name in names))
    assert went == {
        str(run / "gate.sock"): "connected",
        str(run / "portal.sock"): "connected",
        str(run / "rehearsal.sock"): "EACCES",
    }


def test_another_user_is_heard_by_neither(place: Place) -> None:
    """The gate's user gets no answer from the kiosk, the kiosk's none from the gate."""
    run = place.box.root.run
    assert place.hostile("rubbish", run / "portal.sock", "3", user=GATE) == 0
    assert place.hostile("flood", run / "portal.sock", "1", user=GATE) == {"none": 24}
    assert place.hostile("sockets", run / "gate.sock", user=KIOSK) == {str(run / "gate.sock"): "EACCES"}


@pytest.mark.requirement("B1", "B10")
def test_the_gate_gives_no_more_than_its_own_bounds(place: Place) -> None:
    """For a phone that is there: half a day at most and the access that the signed rules know, whatever is asked. For
    the box, the far side and an address without a device: nothing. Of eleven hundred devices it lets in 1,024."""
    box = place.box
    others = [str(ip_address("10.77.4.0") + each) for each in range(NEIGHBOURS)]
    lines = (f"neigh replace {each} lladdr {_mac(n)} dev byod0 nud permanent" for n, each in enumerate(others))
    done = box.lab.box.run(["ip", "-batch", "-"], text="\n".join(lines) + "\n")
    assert done.ok, done.errors
    found = place.hostile("gate", box.root.run / "gate.sock", place.address, *others, seconds=90)
    assert isinstance(found, dict)
    answers = {"endless": True, "negative": False, "all": False, "root": False}
    assert found["answers"] == {**answers, "itself": False, "outside": False, "nobody": False}
    listed = box.nft("list", "map", "inet", "quietbell", "admitted4")
    assert len(re.findall(r"expires", listed)) == DEVICES_MAX
    (told,) = re.findall(rf"\. {re.escape(place.address)} timeout (\S+) ", listed)
    assert _hours(told) <= HOURS_MAX
    assert found["admitted"] == DEVICES_MAX - 1


def _mac(number: int) -> str:
    return f"02:aa:00:00:{number >> 8:02x}:{number & 255:02x}"


def _hours(told: str) -> float:
    """Of a time as nft writes it, such as 1h5m3s200ms."""
    factors = {"d": 24.0, "h": 1.0, "m": 1 / 60, "s": 1 / 3600, "ms": 1 / 3_600_000}
    return sum(int(number) * factors[unit] for number, unit in re.findall(r"(\d+)(ms|d|h|m|s)", told))


def test_rubbish_moves_neither(place: Place) -> None:
    """A thousand frames that are no questions, at either socket: none is answered, both go on, and serve."""
    run = place.box.root.run
    for name in ("gate.sock", "portal.sock"):
        assert place.hostile("rubbish", run / name, "500") == 0
    assert place.box.alive("kiosk")
    assert place.box.alive("gate")
    assert BROWSER.judge(place.phone).verdict in (Verdict.PORTAL, Verdict.ONLINE)


def test_a_flood_leaves_the_button_its_place(place: Place) -> None:
    """Reports as fast as the kiosk takes them until it takes no more: it says so before the places are gone that are
    kept for the button; then somebody presses the button, and that report is saved."""
    box = place.box
    found = place.hostile("flood", box.root.run / "portal.sock", str(FLOOD_SECONDS), seconds=FLOOD_SECONDS + 30)
    print(found)
    status, output, errors = box.as_user(KIOSK, sys.executable, str(PRESS), str(box.root.run))
    assert status == 0, errors
    assert float(output) < PRESS_SECONDS
    assert isinstance(found, dict)
    assert found["saved"] <= FOR_ALL
