"""Escalation: silence climbs. The ladder's table, off duty, with them, and random stories."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.messages import Duty, DutyState, Kind, Stage, StageEvent, Urgency
from kiosk.staff.alerts import AlertBook
from kiosk.staff.cases import CaseBook
from kiosk.staff.escalation import (
    NIGHT_MS,
    NOTICED_SILENCES_MS,
    PAGE_NOW,
    PAGE_TODAY,
    SOUND_AGAIN_AFTER_MS,
    SOUND_EVERY_MS,
    Effect,
    Escalation,
)
from kiosk.staff.events import Beacon, Light, Page, Pattern, RaiseAgain, Reminder, Sound
from tests.support.staff_desk import KIOSK, START_MS, arrival

ON, OFF, UNKNOWN = Duty(DutyState.ON), Duty(DutyState.OFF), Duty(DutyState.UNKNOWN)


@dataclass
class Office:
    """An escalation with its books, driven by its own next_due_ms."""

    cases: CaseBook = field(default_factory=CaseBook)
    escalation: Escalation = field(default_factory=Escalation)
    duty: Duty = ON
    now_ms: int = START_MS
    log: list[tuple[int, Effect]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = AlertBook(self.cases)

    def arrive(
        self,
        number: int,
        *,
        urgency: Urgency = Urgency.NOW,
        kind: Kind = Kind.REPORT,
        private: bool = False,
        device: bytes = KIOSK,
        language: str = "en",
    ) -> None:
        at_ms = self.now_ms - START_MS
        self.book.arrived(
            arrival(number, at_ms=at_ms, urgency=urgency, kind=kind, private=private, device=device, language=language)
        )
        self.step()

    def say(self, number: int, stage: Stage) -> None:
        report = number.to_bytes(16, "big")
        self.cases.merge(StageEvent(report, b"d" * 32, KIOSK, stage, 0, self.now_ms, b"D" * 16), self.now_ms)
        self.step()

    def with_them(self, number: int) -> None:
        self.cases.say_with_them(number.to_bytes(16, "big"))
        self.step()

    def step(self) -> None:
        for effect in self.escalation.step(self.book.climbers(), self.duty, self.now_ms):
            self.log.append((self.now_ms - START_MS, effect))

    def until(self, after_ms: int) -> None:
        """Let time pass, waking only when the escalation asked for it."""
        end = START_MS + after_ms
        while (due := self.escalation.next_due_ms()) is not None and due <= end:
            self.now_ms = max(due, self.now_ms + 1)
            self.step()
        self.now_ms = max(end, self.now_ms)
        self.step()

    def pages(self) -> list[tuple[int, str]]:
        return [(at_ms, effect.role) for at_ms, effect in self.log if isinstance(effect, Page)]

    def sounds(self) -> list[int]:
        return [at_ms for at_ms, effect in self.log if isinstance(effect, Sound)]


def near(times: list[int], wanted: list[int]) -> bool:
    return len(times) == len(wanted) and all(0 <= time - want <= 5 for time, want in zip(times, wanted, strict=True))


@pytest.mark.requirement("S1", "S2")
def test_the_ladder_of_danger() -> None:
    """At once light, beacon and sound; again at 30 s and every 10 s; deputy at 120 s; head and outside at 300 s."""
    office = Office()
    office.arrive(1)
    assert [effect for _, effect in office.log] == [Sound(Pattern.DANGER), Light(True), Beacon(True)]
    office.until(301_000)
    assert near(office.sounds()[:4], [0, 30_000, 40_000, 50_000])
    assert [role for _, role in office.pages()] == ["deputy", "head", "outside"]
    assert near([at_ms for at_ms, _ in office.pages()], [120_000, 300_000, 300_000])


@pytest.mark.requirement("S2")
def test_paging_goes_on_for_ever() -> None:
    """After the last rung everybody is paged again every five minutes."""
    office = Office()
    office.arrive(1)
    office.until(3_600_000)
    heads = [at_ms for at_ms, role in office.pages() if role == "head"]
    assert len(heads) == 12
    assert max(later - sooner for sooner, later in itertools.pairwise(heads)) <= 300_100


@pytest.mark.requirement("S1")
def test_the_ladder_of_today() -> None:
    """A light and no sound; deputy at 15 minutes, lead and head at an hour."""
    office = Office()
    office.arrive(1, urgency=Urgency.TODAY)
    assert [effect for _, effect in office.log] == [Light(True)]
    office.until(3_601_000)
    assert [role for _, role in office.pages()] == ["deputy", "lead", "head"]
    assert near([at_ms for at_ms, _ in office.pages()], [900_000, 3_600_000, 3_600_000])
    assert office.sounds() == []


def test_information_is_only_a_line_until_the_next_working_day() -> None:
    """No light, no page; a reminder and a light once the office was off for a night and is on again."""
    office = Office()
    office.arrive(1, urgency=Urgency.INFORMATION)
    office.until(3_600_000)
    office.duty = OFF
    office.step()
    office.until(3_600_000 + NIGHT_MS)
    assert office.log == []
    office.duty = ON
    office.step()
    assert [effect for _, effect in office.log] == [Reminder((1).to_bytes(16, "big")), Light(True)]


def test_a_lunch_break_is_no_night() -> None:
    """Half an hour off duty reminds nobody."""
    office = Office()
    office.arrive(1, urgency=Urgency.INFORMATION)
    office.duty = OFF
    office.step()
    office.until(1_800_000)
    office.duty = ON
    office.step()
    assert office.log == []


def test_noticed_silences_sounds_for_two_minutes_and_nothing_else() -> None:
    """The button stops the noise; the deputy is still paged, and then it sounds again."""
    office = Office()
    office.arrive(1)
    office.until(5_000)
    office.say(1, Stage.NOTICED)
    office.until(124_000)
    assert office.sounds() == [0]
    assert office.pages()[0][1] == "deputy"
    office.until(126_000)
    assert near(office.sounds(), [0, 125_000])
    assert not any(isinstance(effect, Beacon) and not effect.on for _, effect in office.log)


def test_pressing_again_and_again_does_not_keep_it_quiet() -> None:
    """A hand on the button for ten minutes: it still sounds every 130 s and everybody is paged."""
    office = Office()
    office.arrive(1)
    for second in range(1, 600):
        office.until(second * 1_000)
        office.say(1, Stage.NOTICED)
    gaps = [later - sooner for sooner, later in itertools.pairwise(office.sounds())]
    assert max(gaps) <= NOTICED_SILENCES_MS + SOUND_EVERY_MS
    assert {role for _, role in office.pages()} == {"deputy", "head", "outside"}


def test_an_answer_stops_sounds_pages_and_lights() -> None:
    """Acknowledged and with them: quiet."""
    office = Office()
    office.arrive(1)
    office.until(40_000)
    office.say(1, Stage.ACKNOWLEDGED)
    office.with_them(1)
    before = len(office.log)
    office.until(7_200_000)
    assert office.log[before:] == []
    assert [effect for _, effect in office.log[-2:]] == [Light(False), Beacon(False)]


@pytest.mark.requirement("S19")
def test_nobody_with_them_for_three_minutes_raises_it_again() -> None:
    """Somebody answered and nobody arrived: sound, light, and the whole ladder from there."""
    office = Office()
    office.arrive(1)
    office.until(10_000)
    office.say(1, Stage.ACKNOWLEDGED)
    office.until(600_000)
    raised = [at_ms for at_ms, effect in office.log if isinstance(effect, RaiseAgain)]
    assert near(raised, [190_000])
    assert near([at_ms for at_ms, _ in office.pages()], [310_000, 490_000, 490_000])
    assert Sound(Pattern.RAISED_AGAIN) in [effect for _, effect in office.log]


@pytest.mark.parametrize("duty", [OFF, UNKNOWN])
@pytest.mark.requirement("S1")
def test_off_duty_a_danger_pages_everybody_at_once(duty: Duty) -> None:
    """In an empty office no timer is waited for."""
    office = Office(duty=duty)
    office.arrive(1)
    assert [role for at_ms, role in office.pages() if at_ms == 0] == ["deputy", "head", "outside"]
    assert Sound(Pattern.DANGER) in [effect for _, effect in office.log]


def test_off_duty_today_pages_its_first_step_at_once() -> None:
    """The deputy knows tonight; lead and head an hour later."""
    office = Office(duty=OFF)
    office.arrive(1, urgency=Urgency.TODAY)
    assert office.pages() == [(0, "deputy")]
    office.until(3_601_000)
    assert [role for _, role in office.pages()] == ["deputy", "lead", "head"]


def test_going_off_duty_moves_on_at_once() -> None:
    """When the last person leaves, an open danger does not wait for the rest of its timer."""
    office = Office()
    office.arrive(1)
    office.until(20_000)
    office.duty = OFF
    office.step()
    assert [role for _, role in office.pages()] == ["deputy", "head", "outside"]


@pytest.mark.requirement("S10")
def test_a_private_report_is_paged_at_once_and_never_heard_or_seen_here() -> None:
    """No sound, no light, no beacon at the shared desk; its own readers are called from the first second."""
    office = Office()
    office.arrive(1, private=True)
    office.until(7_200_000)
    assert {type(effect) for _, effect in office.log} == {Page}
    assert {role for _, role in office.pages()} == {"head", "independent"}
    assert office.pages()[0][0] == 0


def test_pages_never_say_what_it_is_about() -> None:
    """Whatever arrives, the text is one of two sentences that say: open the desk."""
    texts = set()
    for urgency in Urgency:
        for kind in (Kind.REPORT, Kind.SILENT_CALL):
            for private in (False, True):
                office = Office()
                office.arrive(1, urgency=urgency, kind=kind, private=private, language="ur")
                office.until(3_700_000)
                texts |= {effect.text for _, effect in office.log if isinstance(effect, Page)}
    assert texts == {PAGE_NOW, PAGE_TODAY}
    assert all("open the desk" in text for text in texts)


def test_a_burst_pages_each_role_once() -> None:
    """Twenty reports at once are one page to the deputy: the text is the same."""
    office = Office()
    for number in range(1, 21):
        office.arrive(number, device=bytes([number]) * 16)
    office.until(121_000)
    assert [role for _, role in office.pages()] == ["deputy"]


def test_pass_on_calls_the_next_person_now() -> None:
    """Deputy first, then head and relay; the timers do not call them twice for it."""
    office = Office()
    office.arrive(1)
    office.until(10_000)
    line = office.book.lines()[0]
    assert [page.role for page in office.escalation.pass_on(line, office.now_ms)] == ["deputy"]
    assert [page.role for page in office.escalation.pass_on(line, office.now_ms)] == ["head", "outside"]
    office.until(299_000)
    assert office.pages() == []


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["wait", "notice", "arrive", "off", "on", "acknowledge-other", "step"]),
        st.integers(0, 90_000),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(MOVES)
@pytest.mark.requirement("S2")
def test_an_unanswered_danger_is_never_silent_for_longer_than_its_step(moves: list[tuple[str, int]]) -> None:
    """Whatever happens around it, without an answer a danger sounds at least every 150 s and pages by 120 and 300 s.

    150 s is the wait for the second sound (30 s) with one press of the button (120 s) at its end.
    """
    office = Office()
    office.arrive(1)
    office.arrive(2)
    number = 2
    for move, wait_ms in moves:
        match move:
            case "notice":
                office.say(1, Stage.NOTICED)
            case "arrive":
                number += 1
                office.arrive(number, urgency=Urgency.TODAY)
            case "off" | "on":
                office.duty = ON if move == "on" else OFF
                office.step()
            case "acknowledge-other":
                office.say(2, Stage.ACKNOWLEDGED)
            case "step":
                office.step()
            case _:
                office.until(office.now_ms - START_MS + wait_ms)
    last_notice = office.cases.state((1).to_bytes(16, "big")).noticed_ms
    office.until(office.now_ms - START_MS + NOTICED_SILENCES_MS + SOUND_EVERY_MS)
    end = office.now_ms - START_MS
    heard = [*office.sounds(), end]
    longest = max(later - sooner for sooner, later in itertools.pairwise(heard))
    assert longest <= SOUND_AGAIN_AFTER_MS + NOTICED_SILENCES_MS + 50
    if last_notice is None:
        assert longest <= SOUND_AGAIN_AFTER_MS + 50
    pages = office.pages()
    if end >= 121_000:
        assert any(role == "deputy" and at_ms <= 120_050 for at_ms, role in pages)
    if end >= 301_000:
        assert any(role == "head" and at_ms <= 300_050 for at_ms, role in pages)
