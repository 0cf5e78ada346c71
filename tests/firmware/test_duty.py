"""Duty: the desk never signs that somebody is there when nobody can know it."""

from __future__ import annotations

import pytest

from firmware.duty import ATTENDED_LAPSES_MS, MINUTE_MS, DutyBook
from firmware.messages import Duty, DutyState

HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def hours(wall_ms: int) -> Duty:
    """On from 08:30 to 15:45, every day."""
    of_day = wall_ms % DAY_MS
    on = 8.5 * HOUR_MS <= of_day < 15.75 * HOUR_MS
    return Duty(DutyState.ON, "15:45") if on else Duty(DutyState.OFF, "08:30")


def words(wall_ms: int) -> str:
    minutes = wall_ms // MINUTE_MS % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def at(hour: float, day: int = 100) -> int:
    return int(day * DAY_MS + hour * HOUR_MS)


@pytest.fixture
def book() -> DutyBook:
    return DutyBook(hours=hours, time_words=words)


@pytest.mark.requirement("S1")
def test_the_hours_of_the_profile_count_by_themselves(book: DutyBook) -> None:
    """Without a word of staff the profile's hours are signed."""
    assert book.at(at(10)) == Duty(DutyState.ON, "15:45")
    assert book.at(at(20)) == Duty(DutyState.OFF, "08:30")


def test_an_unknown_clock_makes_duty_unknown(book: DutyBook) -> None:
    """Hours read with a clock that nobody trusts prove nothing; a fresh word of staff does."""
    assert book.at(at(10), clock_known=False).state is DutyState.UNKNOWN
    book.attend(at(10))
    assert book.at(at(10.5), clock_known=False).state is DutyState.ON
    assert book.at(at(11.5), clock_known=False).state is DutyState.UNKNOWN


def test_attended_in_the_evening_lapses_after_an_hour_without_a_sign(book: DutyBook) -> None:
    """Who forgets to say "leaving" does not leave a lie behind all night."""
    book.attend(at(18))
    assert book.at(at(18.5)) == Duty(DutyState.ON, "19:00")
    book.sign_of_life(at(18.9))
    assert book.at(at(19.5)).state is DutyState.ON
    assert book.at(at(18.9) + ATTENDED_LAPSES_MS).state is DutyState.OFF


def test_leaving_for_a_while_is_off_until_then_and_unknown_after(book: DutyBook) -> None:
    """After the promised time nobody knows until somebody is seen at the desk."""
    book.leave(at(11), minutes=30)
    assert book.at(at(11.25)) == Duty(DutyState.OFF, "11:30")
    assert book.at(at(11.6)).state is DutyState.UNKNOWN
    book.sign_of_life(at(11.7))
    assert book.at(at(11.7)) == Duty(DutyState.ON, "15:45")


def test_a_touch_in_passing_does_not_end_an_absence_before_its_time(book: DutyBook) -> None:
    """Only "office attended" does: a cleaner who touches the screen is no member of staff on duty."""
    book.leave(at(11), minutes=30)
    book.sign_of_life(at(11.1))
    assert book.at(at(11.2)).state is DutyState.OFF
    book.attend(at(11.2))
    assert book.at(at(11.2)).state is DutyState.ON


def test_leaving_for_today_lasts_until_the_next_opening(book: DutyBook) -> None:
    """From two in the afternoon to half past eight next day, and then the hours count again."""
    book.leave(at(14))
    assert book.at(at(15)) == Duty(DutyState.OFF, "08:30")
    assert book.at(at(8.4, day=101)).state is DutyState.OFF
    assert book.at(at(8.5, day=101)).state is DutyState.ON


def test_an_unkept_promise_to_be_back_ends_with_the_day(book: DutyBook) -> None:
    """Unknown today, off tonight, on again tomorrow."""
    book.leave(at(15), minutes=15)
    assert book.at(at(15.5)).state is DutyState.UNKNOWN
    assert book.at(at(20)).state is DutyState.OFF
    assert book.at(at(9, day=101)).state is DutyState.ON


def test_what_staff_said_survives_a_restart(book: DutyBook) -> None:
    """A desk that restarts while everybody is out does not say that somebody is there."""
    book.leave(at(11), minutes=60)
    again = DutyBook(hours=hours, time_words=words, word=book.word)
    assert again.at(at(11.5)).state is DutyState.OFF


def test_a_clock_that_went_back_does_not_bring_people_back(book: DutyBook) -> None:
    """Before the time at which staff left, by a wrong clock: unknown."""
    book.leave(at(11), minutes=30)
    assert book.at(at(9)).state is DutyState.UNKNOWN
