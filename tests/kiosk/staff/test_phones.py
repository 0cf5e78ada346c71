"""The phones page: what a touch asks for, and what is called open, asked, unanswered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware.lessons import MINUTE_MS, Asked, Lesson, Said
from firmware.messages import Life
from firmware.presence import SILENT_AFTER_MS
from kiosk.staff import events as ev
from kiosk.staff import scenes
from kiosk.staff.desk import HOME_AFTER_MS, Desk
from kiosk.staff.phones import FAILED_SHOWN_MS, LESSON_MINUTES, NO_ANSWER_AFTER_MS, Phones
from kiosk.staff.scenes import PhoneState
from tests.support.staff_desk import KIOSK, START_MS, Site, clock_words, moment, sign_in, touch

LIBRARY = b"L" * 16
CLOSED = Lesson(KIOSK, START_MS, portal=True)


def asked(minutes: int = 45, *, failed: bool = False) -> Asked:
    return Asked(minutes, START_MS, 1, Life(1, 1, 1), 60_000, was_open=False, failed=failed)


def said(*lessons: Lesson, log: tuple[ev.LessonLogged, ...] = ()) -> ev.LessonsSaid:
    names = {KIOSK: "Room 12", LIBRARY: "Library"}
    return ev.LessonsSaid(tuple(ev.PhoneRoom(names.get(each.device, "Room 9"), each) for each in lessons), log)


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.found()


@pytest.fixture
def desk(site: Site) -> Desk:
    desk = site.desk()
    desk.step(said(CLOSED), moment())
    return desk


def row(lesson: Lesson, after_ms: int) -> scenes.PhoneRow:
    """How this kiosk stands on the page that long after it was heard."""
    phones = Phones(clock_words)
    phones.know(said(replace(lesson, heard_ms=lesson.heard_ms)))
    top = site_top()
    scene = phones.scene(top, 0, moment(after_ms))
    assert isinstance(scene, scenes.PhoneRooms)
    return scene.rows[0]


def site_top() -> scenes.Top:
    scene = Site.found().desk().scene(moment())
    return scene.top


@pytest.mark.requirement("B4")
def test_asked_is_not_open_and_after_half_a_minute_it_is_not_answered() -> None:
    """The kiosk's word makes it open, nothing else; silence after asking has a name of its own."""
    waiting = replace(CLOSED, asked=asked())
    assert [row(waiting, after_ms).state for after_ms in (0, NO_ANSWER_AFTER_MS - 1, NO_ANSWER_AFTER_MS)] == [
        PhoneState.ASKED,
        PhoneState.ASKED,
        PhoneState.UNANSWERED,
    ]
    assert not row(waiting, 1_000).open
    done = replace(CLOSED, said=Said.OPEN, until_ms=START_MS + 45 * MINUTE_MS)
    assert row(done, 5_000).state is PhoneState.OPEN
    assert row(done, 5_000).until == clock_words(moment(45 * MINUTE_MS).wall_ms)


def test_the_end_of_a_lesson_does_not_move_with_the_time() -> None:
    """Until 11:40 is said at every moment alike."""
    done = replace(CLOSED, said=Said.OPEN, until_ms=START_MS + 45 * MINUTE_MS)
    assert {row(done, after_ms).until for after_ms in range(0, 50_000, 7_001)} == {row(done, 0).until}


@pytest.mark.parametrize("lesson", [CLOSED, replace(CLOSED, said=Said.OPEN), replace(CLOSED, asked=asked())])
def test_a_kiosk_that_is_silent_is_not_called_open_or_asked(lesson: Lesson) -> None:
    """Whatever it said last, now nobody knows."""
    assert row(lesson, SILENT_AFTER_MS).state is not PhoneState.SILENT
    assert row(lesson, SILENT_AFTER_MS + 1).state is PhoneState.SILENT


def test_what_was_not_done_is_said_for_a_while() -> None:
    """Then it is only closed again."""
    failed = replace(CLOSED, asked=asked(failed=True), heard_ms=START_MS + FAILED_SHOWN_MS)
    assert row(failed, FAILED_SHOWN_MS).state is PhoneState.FAILED
    assert row(failed, FAILED_SHOWN_MS + 1).state is PhoneState.CLOSED


def test_a_kiosk_without_a_portal_is_said_to_be_one() -> None:
    """Nobody waits for it."""
    assert row(replace(CLOSED, said=Said.ABSENT), 0).state is PhoneState.ABSENT


@pytest.mark.requirement("B4")
@pytest.mark.parametrize("minutes", LESSON_MINUTES)
def test_any_member_of_staff_opens_a_lesson_without_signing_in(desk: Desk, minutes: int) -> None:
    """Two touches on a locked desk: the kiosk, the length. It stays on the page, where the answer will be."""
    touch(desk, "page:phones", f"phones:{KIOSK.hex()}")
    effects = touch(desk, f"lesson:{minutes}")
    assert [effect for effect in effects if not isinstance(effect, ev.SomebodyHere)] == [ev.AskLesson(KIOSK, minutes)]
    assert isinstance(desk.scene(moment()), scenes.PhoneLesson)


def test_a_lesson_is_ended_by_one_touch(desk: Desk) -> None:
    """Zero minutes."""
    touch(desk, "page:phones", f"phones:{KIOSK.hex()}")
    assert ev.AskLesson(KIOSK, 0) in touch(desk, "lesson:0")


@pytest.mark.parametrize("box", ["lesson:181", "lesson:-1", "lesson:", "lesson:٣", "lesson:1440", "lesson:45x"])
def test_no_touch_asks_for_anything_else(desk: Desk, box: str) -> None:
    """What is not offered is not asked."""
    touch(desk, "page:phones", f"phones:{KIOSK.hex()}")
    assert not [effect for effect in touch(desk, box) if isinstance(effect, ev.AskLesson)]


def test_a_touch_elsewhere_asks_for_nothing(desk: Desk) -> None:
    """Only with one kiosk in front of somebody, and only of a kiosk that is known."""
    for boxes in (
        ["lesson:45"],
        ["page:phones", "lesson:45"],
        ["page:phones", f"phones:{(b'X' * 16).hex()}", "lesson:45"],
        ["page:phones", f"phones:{KIOSK.hex()}", "home", "lesson:45"],
        ["page:phones", f"phones:{KIOSK.hex()}", "home", "home", "lesson:45"],
    ):
        assert not [effect for effect in touch(desk, *boxes) if isinstance(effect, ev.AskLesson)]
        touch(desk, "home", "home")


def test_back_leads_from_one_kiosk_to_all_and_then_home(desk: Desk) -> None:
    """As everywhere, one step at a time; and nobody comes back into the middle."""
    touch(desk, "page:phones", f"phones:{KIOSK.hex()}", "home")
    assert isinstance(desk.scene(moment()), scenes.PhoneRooms)
    touch(desk, "home")
    assert isinstance(desk.scene(moment()), scenes.Quiet)
    touch(desk, "page:phones", f"phones:{KIOSK.hex()}")
    desk.tick(moment(HOME_AFTER_MS))
    assert isinstance(desk.scene(moment(HOME_AFTER_MS)), scenes.Quiet)
    touch(desk, "page:phones", at_ms=HOME_AFTER_MS)
    assert isinstance(desk.scene(moment(HOME_AFTER_MS)), scenes.PhoneRooms)


def test_a_danger_takes_the_screen_from_phones(desk: Desk, site: Site) -> None:
    """Nothing about phones hides somebody who needs help."""
    touch(desk, "page:phones", f"phones:{KIOSK.hex()}")
    desk.step(site.report(), moment(1_000))
    desk.tick(moment(1_000))
    assert isinstance(desk.scene(moment(1_000)), scenes.Alerts)


def test_a_kiosk_that_left_the_site_leaves_the_page(desk: Desk) -> None:
    """Whoever looked at it sees all the others."""
    touch(desk, "page:phones", f"phones:{KIOSK.hex()}")
    desk.step(said(replace(CLOSED, device=LIBRARY)), moment())
    scene = desk.scene(moment())
    assert isinstance(scene, scenes.PhoneRooms)
    assert [each.room for each in scene.rows] == ["Library"]
    assert touch(desk, "lesson:45") == [ev.SomebodyHere()]


def test_rooms_stand_in_an_order_that_people_expect() -> None:
    """Those with phones first, then by name, with 9 before 12."""
    phones = Phones(clock_words)
    names = ["Room 12", "room 9", "Room 9 a", "²x", "Library", "Hall"]
    lessons = [Lesson(bytes([number]) * 16, START_MS, portal=name != "Hall") for number, name in enumerate(names)]
    rooms = [ev.PhoneRoom(name, lesson) for name, lesson in zip(names, lessons, strict=True)]
    phones.know(ev.LessonsSaid(tuple(rooms), ()))
    scene = phones.scene(site_top(), 0, moment())
    assert isinstance(scene, scenes.PhoneRooms)
    assert [each.room for each in scene.rows] == ["Library", "room 9", "Room 9 a", "Room 12", "²x", "Hall"]


def test_a_site_without_phones_has_no_entry_on_home(site: Site) -> None:
    """Until a kiosk speaks of phones or somebody has asked for them here; the way over "Duty" is always there."""
    desk = site.desk()
    assert desk.scene(moment()).top.notice == ""
    for event, offered in (
        (said(replace(CLOSED, portal=False)), False),
        (said(CLOSED), True),
        (said(replace(CLOSED, portal=False), log=(ev.LessonLogged("Room 12", 45, moment().wall_ms),)), True),
    ):
        desk.step(event, moment())
        scene = desk.scene(moment())
        assert isinstance(scene, scenes.Quiet)
        assert scene.foot.phones is offered
        touch(desk, "page:duty")
        assert desk.scene(moment()) == scenes.DutyChoice(scene.top, phones=True)
        touch(desk, "home")


def test_home_names_only_lessons_that_a_kiosk_now_says_are_open(desk: Desk) -> None:
    """Not those that were asked for, and not those of a kiosk that has fallen silent."""
    is_open = replace(CLOSED, said=Said.OPEN, until_ms=START_MS + 45 * MINUTE_MS)
    desk.step(said(is_open, replace(CLOSED, device=LIBRARY, asked=asked())), moment())
    scene = desk.scene(moment())
    assert isinstance(scene, scenes.Quiet)
    assert [lesson.room for lesson in scene.lessons] == ["Room 12"]
    later = desk.scene(moment(SILENT_AFTER_MS + 1))
    assert isinstance(later, scenes.Quiet)
    assert later.lessons == ()


def test_what_was_not_asked_is_said_on_the_page(desk: Desk) -> None:
    """The kiosk fell silent meanwhile, or the disk took nothing."""
    touch(desk, "page:phones")
    desk.step(ev.NotAsked("Nothing was asked."), moment())
    assert desk.scene(moment()).top.notice == "Nothing was asked."


def test_a_reader_who_is_signed_in_opens_lessons_too(desk: Desk, site: Site) -> None:
    """And stays signed in."""
    sign_in(desk, site.lead)
    touch(desk, "page:phones", f"phones:{KIOSK.hex()}")
    assert ev.AskLesson(KIOSK, 30) in touch(desk, "lesson:30")
    assert desk.session.reader is not None
