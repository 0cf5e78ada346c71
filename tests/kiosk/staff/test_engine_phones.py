"""Lessons and phones through the whole desk: from a touch to what the kiosk says, and what a portal finds wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from firmware.commands import LessonUnlock
from firmware.link import Received
from firmware.messages import PHONE_ROOM, SOURCE_PORTAL, Story
from firmware.presence import SILENT_AFTER_MS
from firmware.trouble import PORTAL_FAULTS, Cause
from kiosk.staff import events as ev
from kiosk.staff import scenes
from kiosk.staff.engine import (
    Publish,
)
from kiosk.staff.scenes import PhoneState
from tests.support.conversation import draft
from tests.support.office import Office, PhonesOffice


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def phones(tmp_path: Path) -> PhonesOffice:
    return PhonesOffice(tmp_path)


@pytest.mark.requirement("B4")
def test_a_lesson_from_the_touch_to_the_kiosks_word_and_its_end(phones: PhonesOffice) -> None:
    """Locked desk, two touches: asked; the kiosk obeys and says so: open; home says it; ended: closed."""
    effects = phones.ask(45)
    topics = [effect.topic for effect in effects if isinstance(effect, Publish)]
    assert topics == [phones.topics.down(phones.site.kiosk.id), phones.topics.desk(phones.site.desk.id)]
    assert (phones.row.state, phones.row.open) == (PhoneState.ASKED, False)
    phones.hear(effects)
    assert phones.site.kiosk.phones.obeyed == [LessonUnlock(45)]
    assert phones.row.state is PhoneState.ASKED
    phones.pass_time(30)
    assert (phones.row.state, phones.row.open, phones.row.until) == (PhoneState.OPEN, True, "11:42")
    phones.turn(ev.BoxTouched("home"), ev.BoxTouched("home"))
    home = phones.engine.desk.scene(phones.now())
    assert isinstance(home, scenes.Quiet)
    assert home.lessons == (scenes.OpenLesson("Room 1", "11:42"),)
    phones.hear(phones.ask(0))
    phones.pass_time(30)
    assert (phones.row.state, phones.row.open) == (PhoneState.CLOSED, False)
    assert phones.causes() <= {Cause.NO_SECOND_EYE}


def test_an_order_that_nobody_answers_is_said_to_be_unanswered(phones: PhonesOffice) -> None:
    """The kiosk still speaks but hears nothing; then it is silent altogether, and nothing more is asked of it."""
    phones.ask(30)
    for _ in range(31):
        phones.site.ms += 1000
        phones.site.kiosk.tick()
        for beat in [message for message in phones.site.wire if message.kind == "up"]:
            phones.turn(Received(phones.topics.up(beat.device), beat.payload, 9))
        phones.site.wire.clear()
    phones.turn()
    states = [phones.row.state]
    phones.site.ms += SILENT_AFTER_MS + 1
    phones.turn()
    assert [*states, phones.row.state] == [PhoneState.UNANSWERED, PhoneState.SILENT]
    assert not [effect for effect in phones.turn(ev.BoxTouched("lesson:15")) if isinstance(effect, Publish)]
    assert phones.engine.desk.scene(phones.now()).top.notice.startswith("That kiosk is not heard now")
    assert [line.minutes for line in phones.site.desk.reception.orders.log] == [30]


def test_a_lesson_that_the_disk_does_not_take_is_not_asked(phones: PhonesOffice) -> None:
    """Nothing leaves, now or later, and the page says so: an order that comes when nobody wants it is worse."""
    phones.turn(ev.BoxTouched("page:phones"), ev.BoxTouched(f"phones:{phones.site.kiosk.id.hex()}"))
    effects = phones.failing_turn(ev.BoxTouched("lesson:45"))
    assert not [effect for effect in effects if isinstance(effect, Publish)]
    assert phones.row.state is PhoneState.CLOSED
    assert "this desk cannot save" in phones.engine.desk.scene(phones.now()).top.notice
    phones.pass_time(60)
    assert phones.site.kiosk.phones.decisions == []


@pytest.mark.requirement("B4")
def test_what_was_asked_is_kept_without_a_name_and_shown_after_a_restart(phones: PhonesOffice) -> None:
    """Kiosk, minutes, time: in the desk's chain and on its page; a restarted desk takes the lesson from the kiosk."""
    phones.hear(phones.ask(45))
    phones.pass_time(30)
    phones.restart()
    phones.pass_time(30)
    phones.turn(ev.BoxTouched("page:phones"))
    scene = phones.engine.desk.scene(phones.now())
    assert isinstance(scene, scenes.PhoneRooms)
    assert [(line.room, line.minutes) for line in scene.log] == [("Room 1", 45)]
    assert [(row.room, row.state) for row in scene.rows] == [("Room 1", PhoneState.OPEN)]
    phones.site.desk.ledger.verify()


@pytest.mark.requirement("B3", "B8")
@pytest.mark.parametrize("code", PORTAL_FAULTS)
def test_what_a_portal_finds_wrong_is_listed_until_it_is_mended(phones: PhonesOffice, code: str) -> None:
    """With the room and what to do; a lesson that is open is none of it."""
    phones.hear(phones.ask(45))
    phones.site.kiosk.faults = (code,)
    phones.pass_time(30)
    (line,) = [line for line in phones.site.desk.supervisor.lines() if line.cause in PORTAL_FAULTS.values()]
    assert line.cause is Cause(code)
    assert line.sentence.startswith("Room 1 ")
    phones.site.kiosk.faults = ()
    phones.pass_time(30)
    assert not phones.causes() & {*PORTAL_FAULTS.values(), Cause.REPORTED_FAULT}


@pytest.mark.requirement("L9")
def test_a_report_from_a_phone_has_the_phones_label_and_not_the_kiosks_room(office: Office) -> None:
    """The room that the register gives this kiosk is not where the phone is."""
    _, pressed = office.press()
    kiosk = office.site.kiosk
    sent = kiosk.press(replace(draft(), story=Story(route="safeguarding", room=PHONE_ROOM, source=SOURCE_PORTAL)))
    office.turn(pressed, Received(office.topics.up(kiosk.id), kiosk.envelope(sent), 43))
    lines = {line.report: line for line in office.engine.desk.alerts.lines()}
    assert {line.room for line in lines.values()} == {"Room 1", PHONE_ROOM}
    assert (lines[sent].from_phone, lines[sent].place) == (True, "")
