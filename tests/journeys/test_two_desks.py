"""Two desks of one site, real processes: what one knows the other knows, whoever was away catches up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from broker_config.provision import DevicePlan
from firmware.settings import DeviceKind, Pins
from kiosk.rehearsal import Json
from tests.support.fault_site import (
    Device,
    FaultSite,
    press,
    press_until_stored,
    running_site,
    shown_ids,
    told,
    wait_until_shown,
)
from tests.support.site import NOW

PIN = "492718"
NOBODY_WATCHES = "Nobody watches this desk"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultSite]:
    """One site for all: each test makes its own report and leaves every process running."""
    with running_site(tmp_path_factory.mktemp("two"), desks=2) as running:
        yield running


def stage_at(desk: Device, report: str) -> str:
    """How far this desk's list says that the report is; "" when it is not on it."""
    lines = cast(Sequence[Mapping[str, object]], desk.unit.state()["lines"])
    return next((str(line["stage"]) for line in lines if report in cast(list[str], line["reports"])), "")


def until_stage(desk: Device, report: str, stage: str) -> None:
    desk.wait_for(lambda _: stage_at(desk, report) == stage, f"{stage} at this desk")


def until_told(kiosk: Device, stage: str) -> None:
    kiosk.wait_for(lambda state: (seen := told(state)) is not None and stage in seen.stages, f"{stage} at the kiosk")


def sign_in(desk: Device, name: str, passphrase: str) -> None:
    """One reader unlocks their key at this desk."""
    unit = desk.unit
    unit.touch("unlock")
    state = desk.wait_for(lambda state: state["scene"] == "choosereader", "the readers' names")
    unit.touch(next(box for words, box in cast(dict[str, str], state["touchable"]).items() if words.startswith(name)))
    desk.wait_for(lambda state: state["scene"] == "passphrase", "the passphrase")
    unit.type(passphrase)
    unit.enter()
    desk.wait_for(lambda state: state["scene"] == "pin", "the question for a PIN")
    for digit in PIN:
        unit.touch(f"digit:{digit}")
    desk.wait_for(lambda state: state["scene"] != "pin", "the desk signed in")
    if "home" in cast(list[str], unit.state()["boxes"]):
        unit.touch("home")


@pytest.mark.requirement("S2")
def test_what_one_desk_answers_the_other_shows(site: FaultSite) -> None:
    """A danger lights both desks, in one line at each; the button at one stands at the other; a reader's answer at
    one puts out the beacons of both; the kiosk shows each truth."""
    first, second = site.desks
    report = press(site.kiosk).id
    for desk in site.desks:
        wait_until_shown(desk, {report})
        desk.wait_for(lambda state: bool(state["beacon"]), "the beacon")
    first.unit.tap()
    until_stage(second, report, "noticed")
    until_told(site.kiosk, "noticed")
    sign_in(first, "Lee Lead", site.made.passphrases["Lee Lead"])
    first.unit.touch("going")
    until_stage(second, report, "acknowledged")
    for desk in site.desks:
        desk.wait_for(lambda state: not state["beacon"], "the beacon to go out")
    until_told(site.kiosk, "acknowledged")
    assert [shown_ids(desk).count(report) for desk in site.desks] == [1, 1]
    first.unit.touch("with-them")
    first.unit.touch("lock")


def test_a_report_made_while_a_desk_was_away_reaches_it_on_its_return(site: FaultSite) -> None:
    """*Stored* at one desk is not enough for a site with two: the kiosk keeps the report and sends it again when the
    other is back, which then shows it once."""
    first, second = site.desks
    second.kill()
    report = press_until_stored(site.kiosk, first).id
    second.start()
    wait_until_shown(second, {report})
    assert [shown_ids(desk).count(report) for desk in site.desks] == [1, 1]


def test_a_restarted_desk_goes_on_where_it_was(site: FaultSite) -> None:
    """After a restart a desk shows its open report again, once, as far as it had come, and as old as it is: its
    ladder counts from when the report came."""
    first, _ = site.desks
    report = press_until_stored(site.kiosk, first).id
    first.unit.tap()
    until_stage(first, report, "noticed")
    made = age_seconds(first.wait_for(lambda state: age_seconds(state) >= 2, "a report two seconds old"))
    first.kill()
    first.start()
    wait_until_shown(first, {report})
    assert age_seconds(first.unit.state()) >= made
    assert shown_ids(first).count(report) == 1
    assert stage_at(first, report) == "noticed"


def age_seconds(state: Json) -> int:
    """The age that the first line of the list shows."""
    for text in cast(list[str], state["texts"]):
        head, _, tail = text.partition(" ago")
        minutes, colon, seconds = head.rpartition(" ")[2].partition(":")
        if colon and tail is not None and minutes.isdigit() and seconds.isdigit():
            return int(minutes) * 60 + int(seconds)
    return -1


@pytest.mark.requirement("S2")
def test_a_desk_alone_says_that_nobody_watches_it(tmp_path: Path) -> None:
    """A site is safe with two independent eyes only: with one desk it says so itself, until the technician adds
    another and carries the bundle over, without a restart."""
    with running_site(tmp_path, desks=1) as alone:
        desk = alone.desk
        assert NOBODY_WATCHES in cast(list[str], desk.unit.state()["troubles"])
        plan = DevicePlan(kind=DeviceKind.DESK, room="Second office", place="", rehearsal=True, board=Pins.MOCK)
        alone.made.site.add(plan, NOW, uuid4)
        desk.carry()
        desk.wait_for(lambda state: NOBODY_WATCHES not in cast(list[str], state["troubles"]), "the second eye")
