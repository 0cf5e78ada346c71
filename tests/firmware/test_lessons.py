"""What a kiosk says of a lesson, and what of all that was asked it has answered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.commands import HAS_PORTAL, LESSON_OPEN, NO_PORTAL, lesson_open_code
from firmware.lessons import MINUTE_MS, Asked, Lesson, Said, after_heartbeat, trouble_codes
from firmware.messages import Life
from firmware.trouble import PORTAL_FAULTS

DEVICE = b"K" * 16
ASKED_MS, KIOSK_MS = 500_000, 90_000
LIFE = Life(1, 4, KIOSK_MS)
CLOSED = Lesson(DEVICE, ASKED_MS)


def asked(minutes: int, *, was_open: bool = False) -> Asked:
    return Asked(minutes, ASKED_MS, 9, LIFE, KIOSK_MS + 60_000, was_open)


def heard(lesson: Lesson, *codes: str, after_ms: int = 5_000, boot: int = 4) -> Lesson:
    return after_heartbeat(lesson, Life(1, boot, KIOSK_MS + after_ms), codes, ASKED_MS + after_ms)


def test_the_kiosks_word_makes_it_open_and_nothing_else() -> None:
    """Asked it stays closed; told it is open, until the end that was asked for."""
    waiting = heard(replace(CLOSED, asked=asked(45)), HAS_PORTAL)
    assert (waiting.said, waiting.asked, waiting.portal) == (Said.CLOSED, asked(45), True)
    done = heard(waiting, lesson_open_code(45 * 60 - 5))
    assert (done.said, done.asked, done.until_ms) == (Said.OPEN, None, ASKED_MS + 45 * MINUTE_MS)


@pytest.mark.parametrize(("seconds", "code"), [(1, "lesson-open-1"), (60, "lesson-open-1"), (61, "lesson-open-2")])
def test_minutes_are_told_rounded_up(seconds: int, code: str) -> None:
    """What is open is never said to have no time left."""
    assert lesson_open_code(seconds) == code


def test_the_end_stands_still_while_minutes_are_told() -> None:
    """Rounded minutes and late heartbeats do not make "until 11:40" jump to and fro."""
    lesson, end_ms, ends = CLOSED, 30 * MINUTE_MS, set()
    for after_ms in range(1_000, 29 * MINUTE_MS, 17_000):
        lesson = heard(lesson, lesson_open_code((end_ms - after_ms) // 1000), after_ms=after_ms)
        assert lesson.until_ms is not None
        ends.add(lesson.until_ms)
    first, last = max(ends), min(ends)
    assert ASKED_MS + end_ms <= last <= ASKED_MS + end_ms + 17_000
    assert first - last <= MINUTE_MS


def test_a_kiosk_that_tells_no_minutes_is_believed_as_far_as_it_goes() -> None:
    """Open is open; the end is the one that was asked for, and when that is past, none."""
    done = heard(replace(CLOSED, asked=asked(15)), LESSON_OPEN)
    assert (done.said, done.asked, done.until_ms) == (Said.OPEN, None, ASKED_MS + 15 * MINUTE_MS)
    later = heard(done, LESSON_OPEN, after_ms=16 * MINUTE_MS)
    assert (later.said, later.until_ms) == (Said.OPEN, None)
    opened_elsewhere = heard(CLOSED, LESSON_OPEN)
    assert (opened_elsewhere.said, opened_elsewhere.until_ms) == (Said.OPEN, None)


def test_of_one_that_was_open_only_another_end_is_an_answer() -> None:
    """A heartbeat from just before the order does not pass for its answer."""
    before = heard(CLOSED, "lesson-open-10", after_ms=0)
    waiting = heard(replace(before, asked=asked(60, was_open=True)), "lesson-open-10", after_ms=1_000)
    assert waiting.asked is not None
    assert waiting.until_ms == ASKED_MS + 10 * MINUTE_MS
    done = heard(waiting, "lesson-open-60", after_ms=6_000)
    assert (done.asked, done.until_ms) == (None, ASKED_MS + 60 * MINUTE_MS)
    kept_shorter_by_its_rules = heard(waiting, "lesson-open-40", after_ms=6_000)
    assert (kept_shorter_by_its_rules.asked, kept_shorter_by_its_rules.until_ms) == (
        None,
        ASKED_MS + 6_000 + 40 * MINUTE_MS,
    )


def test_a_kiosk_may_open_for_less_than_was_asked() -> None:
    """Its rules for people's own devices may end a lesson earlier: the desk shows the end that it tells."""
    done = heard(replace(CLOSED, asked=asked(120)), "lesson-open-20")
    assert (done.asked, done.until_ms) == (None, ASKED_MS + 5_000 + 20 * MINUTE_MS)


def test_without_minutes_nobody_knows_whether_a_change_was_made() -> None:
    """It is asked until the order's time is over, and then not called failed either."""
    before = heard(replace(CLOSED, asked=asked(30)), LESSON_OPEN, after_ms=0)
    waiting = heard(replace(before, asked=asked(60, was_open=True)), LESSON_OPEN, after_ms=30_000)
    assert waiting.asked is not None
    over = heard(waiting, LESSON_OPEN, after_ms=61_000)
    assert (over.said, over.asked, over.until_ms) == (Said.OPEN, None, ASKED_MS + 30 * MINUTE_MS)


@pytest.mark.parametrize("minutes", [0, 45])
def test_what_can_no_longer_be_obeyed_has_failed(minutes: int) -> None:
    """Heard after its time, or from another start, and not done: the desk says so."""
    codes = (LESSON_OPEN,) if minutes == 0 else ()
    waiting = replace(CLOSED, asked=asked(minutes, was_open=minutes == 0))
    for after_ms, boot in ((61_000, 4), (2_000, 5)):
        lesson = heard(waiting, *codes, after_ms=after_ms, boot=boot)
        assert lesson.asked is not None
        assert lesson.asked.failed


def test_what_failed_lends_its_end_to_no_later_lesson() -> None:
    """Another desk opens it afterwards: the end that was asked for here is not shown."""
    failed = heard(replace(CLOSED, asked=asked(45)), after_ms=61_000)
    lesson = heard(failed, LESSON_OPEN, after_ms=90_000)
    assert (lesson.said, lesson.asked, lesson.until_ms) == (Said.OPEN, None, None)


def test_a_kiosk_without_a_portal_is_remembered_as_that() -> None:
    """It answers every order, to open or to close, and is no place with phones."""
    for minutes in (0, 45):
        lesson = heard(replace(CLOSED, asked=asked(minutes), portal=True), NO_PORTAL)
        assert (lesson.said, lesson.asked, lesson.portal, lesson.until_ms) == (Said.ABSENT, None, False, None)


@pytest.mark.parametrize("code", [HAS_PORTAL, LESSON_OPEN, "lesson-open-7", *PORTAL_FAULTS])
def test_whoever_speaks_of_phones_serves_them(code: str) -> None:
    """And is remembered so, whatever the next heartbeat says."""
    assert heard(heard(CLOSED, code), after_ms=6_000).portal


def test_only_what_tells_of_a_lesson_is_taken_from_the_troubles() -> None:
    """A code that only looks like one is a fault like any other."""
    lookalikes = ("lesson-open-", "lesson-open-1234", "lesson-open-x", "xlesson-open", "lesson-opened", "lesson")
    codes = (LESSON_OPEN, "lesson-open-180", NO_PORTAL, HAS_PORTAL, "gate-down", "button-cut", *lookalikes)
    assert trouble_codes(codes) == ("gate-down", "button-cut", *lookalikes)


codes_told = st.lists(
    st.sampled_from([LESSON_OPEN, "lesson-open-0", "lesson-open-30", "lesson-open-999", NO_PORTAL, HAS_PORTAL, "odd"]),
    max_size=4,
)


@given(st.lists(st.tuples(codes_told, st.sampled_from([None, 0, 15, 60])), max_size=20))
def test_nothing_is_open_that_the_last_heartbeat_did_not_call_open(turns: list[tuple[list[str], int | None]]) -> None:
    """Whatever is asked and told in whatever order, the last word is the kiosk's."""
    lesson, after_ms = CLOSED, 0
    for codes, minutes in turns:
        if minutes is not None:
            lesson = replace(lesson, asked=asked(minutes, was_open=lesson.said is Said.OPEN))
        after_ms += 7_000
        lesson = heard(lesson, *codes, after_ms=after_ms)
        told_open = any(code.startswith(LESSON_OPEN) for code in codes) and NO_PORTAL not in codes
        assert (lesson.said is Said.OPEN) == told_open
        assert told_open or lesson.until_ms is None
