"""Calls without a report: as rare, as random and as wordless as they must be to hide the real ones."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from firmware.messages import Duty, DutyState, Urgency
from kiosk.staff import events as ev
from kiosk.staff.alerts import AlertBook
from kiosk.staff.cases import CaseBook
from kiosk.staff.escalation import Escalation
from kiosk.staff.practice_calls import MEAN_ON_DUTY_MS, PracticeCalls
from tests.support.staff_desk import START_MS, arrival

ON, OFF = Duty(DutyState.ON, "15:30"), Duty(DutyState.OFF, "08:15")
_HOUR_MS = 3_600_000


def calls_of(practice: PracticeCalls, *, hours: int, duty: Duty = ON, from_ms: int = 0) -> list[tuple[int, ev.Page]]:
    """Every call with its time, stepping from one due time to the next as the loop does."""
    called, now_ms, end_ms = list[tuple[int, ev.Page]](), from_ms, from_ms + hours * _HOUR_MS
    while now_ms < end_ms:
        called += [(now_ms, page) for page in practice.step(duty, now_ms)]
        due_ms = practice.next_due_ms()
        now_ms = min(end_ms, max(due_ms if due_ms is not None else end_ms, now_ms + 1))
    return called


def real_calls(urgency: Urgency, *, until_ms: int) -> list[tuple[int, ev.Page]]:
    """What a private report that nobody answers calls, by time since it came."""
    book, ladders = AlertBook(CaseBook()), Escalation()
    book.arrived(arrival(1, private=True, urgency=urgency))
    called = list[tuple[int, ev.Page]]()
    for now_ms in range(0, until_ms, 1000):
        effects = ladders.step(book.climbers(), ON, START_MS + now_ms)
        called += [(now_ms, effect) for effect in effects if isinstance(effect, ev.Page)]
    return called


@pytest.mark.requirement("S10")
@pytest.mark.parametrize("urgency", [Urgency.NOW, Urgency.TODAY])
def test_a_practice_call_is_a_real_call_in_words_roles_and_steps(urgency: Urgency) -> None:
    """Whoever is called cannot tell the two apart: each run of practice is the beginning of a real one."""
    real = real_calls(urgency, until_ms=9 * _HOUR_MS)
    # With this seed no two runs lie within an hour, so that they can be told apart here.
    practice = PracticeCalls(random.Random(8), now_ms=0)
    called = calls_of(practice, hours=40 * 40)
    runs: list[list[tuple[int, ev.Page]]] = []
    for at_ms, page in called:
        if not runs or at_ms - runs[-1][-1][0] > _HOUR_MS or page.text != runs[-1][0][1].text:
            runs.append([])
        runs[-1].append((at_ms, page))
    alike = [run for run in runs if run[0][1].text == real[0][1].text]
    assert len(alike) > 10
    for run in alike:
        began_ms = run[0][0]
        assert [(at_ms - began_ms, page) for at_ms, page in run] == real[: len(run)]


def test_practice_comes_about_once_a_week_at_no_time_that_can_be_foretold() -> None:
    """Exponential gaps on duty: their mean is the week, their spread as large as the mean."""
    practice = PracticeCalls(random.Random(1), now_ms=0)
    called = sorted({at_ms for at_ms, _ in calls_of(practice, hours=40 * 4000)})
    # Calls of one run lie at most an hour apart.
    starts = [at for before, at in zip([-MEAN_ON_DUTY_MS, *called], called, strict=False) if at - before > _HOUR_MS]
    gaps = [after - before for before, after in pairwise(starts)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert 0.93 < mean / MEAN_ON_DUTY_MS < 1.10
    assert 0.88 < spread / mean < 1.10


def test_nobody_is_called_for_practice_while_the_office_is_empty() -> None:
    """Nights and weekends neither bring a call nor bring one nearer."""
    practice = PracticeCalls(random.Random(1), now_ms=0)
    assert calls_of(practice, hours=24 * 365, duty=OFF) == []
    due_ms = PracticeCalls(random.Random(1), now_ms=0)
    due_ms.step(ON, 0)
    practice.step(ON, 24 * 365 * _HOUR_MS)
    assert practice.next_due_ms() == 24 * 365 * _HOUR_MS + (due_ms.next_due_ms() or 0)


def test_two_desks_do_not_call_at_the_same_times() -> None:
    """Each desk draws its own times; a pattern common to all could be learnt."""
    one = {at_ms for at_ms, _ in calls_of(PracticeCalls(random.Random(1), now_ms=0), hours=4000)}
    other = {at_ms for at_ms, _ in calls_of(PracticeCalls(random.Random(2), now_ms=0), hours=4000)}
    assert one
    assert not one & other
