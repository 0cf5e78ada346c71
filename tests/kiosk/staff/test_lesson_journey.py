"""A lesson between the real desk and the real kiosk: both engines, real ledgers, nothing between them but a list."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from firmware.lessons import Said
from firmware.link import Connected, Received
from kiosk.learner.engine import KioskEngine
from kiosk.learner.engine import Publish as KioskPublish
from kiosk.staff import events as ev
from kiosk.staff import scenes
from kiosk.staff.engine import Publish, StaffEffect
from kiosk.staff.scenes import PhoneState
from tests.support.office import Office
from tests.support.talks import ROOM, secondary

MINUTE_S = 60


class Lesson:
    """One desk, one kiosk that may be a portal. Seconds pass for both; `lost`: nothing reaches the kiosk."""

    def __init__(self, folder: Path, *, languages: Collection[str] = ("en",)) -> None:
        self.office, self.languages, self.lost = Office(folder), languages, False
        self.kiosk = self.start_kiosk()
        self.pass_time(30)

    def start_kiosk(self) -> KioskEngine:
        kiosk = self.office.site.kiosk
        engine = KioskEngine(
            room=ROOM,
            site=self.office.site.id,
            device=kiosk.id,
            courier=kiosk.courier,
            ledger=kiosk.ledger,
            policy=secondary(),
            random_bytes=os.urandom,
            floor_ms=lambda: kiosk.now().wall_ms,
            now=kiosk.now(),
            portal_languages=self.languages,
        )
        self.kiosk = engine
        self.kiosk_turn(Connected())
        return engine

    def restart_kiosk(self) -> None:
        self.office.site.kiosk.restart()
        self.start_kiosk()

    def kiosk_turn(self, *events: Connected | Received) -> None:
        effects = self.kiosk.step(events, self.office.site.kiosk.now())
        self.kiosk.commit()
        for effect in effects:
            if isinstance(effect, KioskPublish):
                self.deliver(self.office.turn(Received(effect.topic, effect.payload, 1)))

    def deliver(self, effects: Sequence[StaffEffect]) -> None:
        down = self.office.topics.down(self.office.site.kiosk.id)
        for effect in effects:
            if isinstance(effect, Publish) and effect.topic == down and not self.lost:
                self.kiosk_turn(Received(down, effect.payload, 2))

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.office.site.ms += 1000
            self.kiosk_turn()
            self.deliver(self.office.turn())
        self.office.turn()

    def ask(self, minutes: int) -> None:
        device = self.office.site.kiosk.id.hex()
        boxes = ("home", "home", "page:phones", f"phones:{device}")
        self.office.turn(*(ev.BoxTouched(box) for box in boxes))
        self.deliver(self.office.turn(ev.BoxTouched(f"lesson:{minutes}")))
        self.office.turn()

    @property
    def state(self) -> PhoneState:
        scene = self.office.engine.desk.scene(self.office.now())
        assert isinstance(scene, scenes.PhoneLesson)
        return scene.row.state

    @property
    def left_seconds(self) -> int:
        """What the kiosk itself would tell a phone."""
        return self.kiosk.lesson.left_ms(self.office.site.kiosk.now()) // 1000


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    return Lesson(tmp_path)


@pytest.mark.requirement("B4")
def test_a_lesson_is_opened_changed_and_ended_from_the_desk(lesson: Lesson) -> None:
    """What the desk calls open is what the kiosk lets phones do, from the answer to the end."""
    lesson.ask(15)
    states = [lesson.state]
    assert lesson.left_seconds == 15 * MINUTE_S
    lesson.pass_time(30)
    states.append(lesson.state)
    lesson.ask(60)
    states.append(lesson.state)
    lesson.pass_time(30)
    states.append(lesson.state)
    assert states == [PhoneState.ASKED, PhoneState.OPEN] * 2
    assert lesson.left_seconds == 60 * MINUTE_S - 30
    lesson.ask(0)
    assert lesson.left_seconds == 0
    lesson.pass_time(30)
    assert lesson.state is PhoneState.CLOSED


@pytest.mark.requirement("B4")
def test_a_lesson_ends_by_itself_at_both_ends(lesson: Lesson) -> None:
    """Nobody touches anything: it is closed at the kiosk on the minute, and at the desk with the next heartbeat."""
    lesson.ask(15)
    lesson.pass_time(14 * MINUTE_S)
    assert lesson.left_seconds == MINUTE_S
    assert lesson.office.site.desk.lesson(lesson.office.site.kiosk.id).until_ms is not None
    lesson.pass_time(MINUTE_S + 30)
    assert lesson.left_seconds == 0
    assert lesson.office.site.desk.lesson(lesson.office.site.kiosk.id).said is Said.CLOSED


def test_a_lesson_goes_on_when_kiosk_and_desk_restart(lesson: Lesson) -> None:
    """The lights went out for a moment in the middle: both know the end as before."""
    lesson.ask(45)
    lesson.pass_time(30)
    before = lesson.left_seconds
    lesson.restart_kiosk()
    lesson.office.restart()
    lesson.pass_time(30)
    assert before - 31 <= lesson.left_seconds <= before - 29
    lesson.office.turn(ev.BoxTouched("page:phones"))
    scene = lesson.office.engine.desk.scene(lesson.office.now())
    assert isinstance(scene, scenes.PhoneRooms)
    assert [(row.state, row.until != "") for row in scene.rows] == [(PhoneState.OPEN, True)]


def test_an_order_that_was_lost_is_obeyed_with_the_next_answer(lesson: Lesson) -> None:
    """Nobody has to touch it twice."""
    lesson.lost = True
    lesson.ask(30)
    assert lesson.left_seconds == 0
    lesson.lost = False
    lesson.pass_time(45)
    assert lesson.state is PhoneState.OPEN


def test_a_kiosk_that_is_no_portal_says_so_at_the_desk(tmp_path: Path) -> None:
    """And the page says it in words, instead of waiting."""
    lesson = Lesson(tmp_path, languages=())
    lesson.office.turn(ev.BoxTouched("page:duty"), ev.BoxTouched("page:phones"))
    lesson.ask(30)
    lesson.pass_time(30)
    assert lesson.state is PhoneState.ABSENT
