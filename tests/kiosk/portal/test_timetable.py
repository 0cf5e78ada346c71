"""The timetable: hours and unlocked lessons as one, over changed clocks, and shut when nobody knows how late it is."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.clock import BUILD_FLOOR_MS
from firmware.opening_hours import DAYS, LATEST_MS
from kiosk.portal.timetable import (
    Closed,
    Open,
    clock_known,
    day_end_ms,
    day_start_ms,
    midnight_ms,
    times_at,
    today_at,
)
from tests.support.byod_samples import AFTER_LUNCH, AT_LUNCH, BEFORE_LUNCH, LONDON, byod, wall_ms

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def at(site_clock: str, **unlocked: str) -> Open | Closed:
    until = unlocked.get("unlocked")
    return times_at(byod(), wall_ms(site_clock), unlocked_until_ms=wall_ms(until) if until else None)


@pytest.mark.requirement("B4")
def test_open_at_the_permitted_times_until_they_end() -> None:
    """At lunch: open until 13:00."""
    assert at(AT_LUNCH) == Open(wall_ms("2027-01-13 13:00"))


@pytest.mark.requirement("B4")
def test_closed_outside_them_until_they_begin() -> None:
    """Before lunch: today's; after it: tomorrow's; on Friday afternoon: Monday's."""
    assert at(BEFORE_LUNCH) == Closed(wall_ms("2027-01-13 12:10"))
    assert at(AFTER_LUNCH) == Closed(wall_ms("2027-01-14 12:10"))
    assert at("2027-01-15 15:00") == Closed(wall_ms("2027-01-18 12:10"))


@pytest.mark.requirement("B4")
def test_without_times_it_is_closed() -> None:
    """A site that permits no times is shut, with no opening in sight, until staff unlock a lesson."""
    site, now = byod(opens=()), wall_ms(AT_LUNCH)
    assert times_at(site, now, unlocked_until_ms=None) == Closed(None)
    assert times_at(site, now, unlocked_until_ms=now + HOUR_MS) == Open(now + HOUR_MS)


def test_a_site_that_is_always_open_has_no_end() -> None:
    """Open, by night too."""
    assert times_at(byod(always_open=True), wall_ms("2027-01-13 03:00"), unlocked_until_ms=None) == Open(None)


@pytest.mark.requirement("B4")
def test_an_unlocked_lesson_opens_and_closes_again() -> None:
    """In the lesson: open to its end; at its end: closed, to the millisecond."""
    site, end = byod(), wall_ms("2027-01-13 11:30")
    assert times_at(site, end - 1, unlocked_until_ms=end) == Open(end)
    assert times_at(site, end, unlocked_until_ms=end) == Closed(wall_ms("2027-01-13 12:10"))


def test_a_lesson_that_runs_into_lunch_is_one_with_it() -> None:
    """Unlocked until 12:30: open until lunch ends. Unlocked in lunch until 13:30: until then."""
    assert at("2027-01-13 11:45", unlocked="2027-01-13 12:30") == Open(wall_ms("2027-01-13 13:00"))
    assert at("2027-01-13 12:45", unlocked="2027-01-13 13:30") == Open(wall_ms("2027-01-13 13:30"))
    assert at("2027-01-13 11:45", unlocked="2027-01-13 12:10") == Open(wall_ms("2027-01-13 13:00"))


def test_a_lesson_that_is_over_counts_no_more() -> None:
    """An end in the past changes nothing."""
    assert at(AFTER_LUNCH, unlocked=AT_LUNCH) == Closed(wall_ms("2027-01-14 12:10"))


@pytest.mark.parametrize("wrong_ms", [0, BUILD_FLOOR_MS - 1, LATEST_MS, -5, 2**62])
def test_a_clock_that_cannot_be_right_opens_nothing(wrong_ms: int) -> None:
    """Before this program was made, or beyond the century: shut, and said to be for want of a clock."""
    for site in (byod(), byod(always_open=True)):
        assert times_at(site, wrong_ms, unlocked_until_ms=2**62) == Closed(None, clock_known=False)
    assert not clock_known(wrong_ms)
    assert clock_known(BUILD_FLOOR_MS)


def test_spring_takes_the_hour_that_the_clock_skips() -> None:
    """28 March 2027, open 00:30-03:00: 90 minutes, for 01:00 becomes 02:00."""
    site = byod(opens=[("00:30", "03:00")], days=DAYS)
    start = wall_ms("2027-03-28 00:30")
    assert times_at(site, start, unlocked_until_ms=None) == Open(start + 90 * MINUTE_MS)


def test_autumn_gives_the_hour_that_the_clock_reads_twice() -> None:
    """31 October 2027, open 00:30-03:00: three hours and a half, for 02:00 becomes 01:00 once."""
    site = byod(opens=[("00:30", "03:00")], days=DAYS)
    start = wall_ms("2027-10-31 00:30")
    assert times_at(site, start, unlocked_until_ms=None) == Open(start + 210 * MINUTE_MS)


def test_school_days_round_a_change_keep_their_clock_time() -> None:
    """Friday after lunch before the change: next is Monday 12:10 as the clock then reads: 70 or 72 hours later."""
    for friday, monday, hours in (("2027-03-26", "2027-03-29", 70), ("2027-10-29", "2027-11-01", 72)):
        now = wall_ms(f"{friday} 13:10")
        assert at(f"{friday} 13:10") == Closed(wall_ms(f"{monday} 12:10"))
        assert wall_ms(f"{monday} 12:10") - now == hours * HOUR_MS


def test_the_portal_s_day_ends_at_four() -> None:
    """Just before 04:00 the end is near, at 04:00 it is a day away, also where days have 23 or 25 hours."""
    four = wall_ms("2027-01-13 04:00")
    assert day_end_ms(four - 1, LONDON) == four
    assert day_end_ms(four, LONDON) == four + 24 * HOUR_MS
    assert day_end_ms(wall_ms("2027-03-27 04:00"), LONDON) == wall_ms("2027-03-27 04:00") + 23 * HOUR_MS
    assert day_end_ms(wall_ms("2027-10-30 04:00"), LONDON) == wall_ms("2027-10-30 04:00") + 25 * HOUR_MS


ZONES = st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"])


@given(st.integers(BUILD_FLOOR_MS, LATEST_MS - 1), ZONES)
def test_every_moment_is_in_one_day_of_about_a_day(now_ms: int, zone_name: str) -> None:
    """In any zone: start <= now < end, 23 to 25 hours apart, and the end of one is the start of the next."""
    zone = ZoneInfo(zone_name)
    start, end = day_start_ms(now_ms, zone), day_end_ms(now_ms, zone)
    assert start <= now_ms < end
    assert 23 * HOUR_MS <= end - start <= 25 * HOUR_MS
    assert day_start_ms(end, zone) == end
    assert day_end_ms(start, zone) == end


def test_calendar_days_are_those_of_the_site() -> None:
    """Half past midnight in summer is yesterday in UTC, and today here."""
    now = wall_ms("2027-07-01 00:30")
    today = today_at(now, LONDON)
    assert (today.month, today.day) == (7, 1)
    assert now - midnight_ms(today, LONDON) == 30 * MINUTE_MS


@given(
    st.integers(wall_ms("2027-01-01 00:00"), wall_ms("2028-01-01 00:00")),
    st.none() | st.integers(-HOUR_MS, 3 * HOUR_MS),
)
def test_open_holds_to_its_end_and_no_longer(now_ms: int, lesson_ms: int | None) -> None:
    """Any moment of a year, with or without a lesson: open at its end it is not, open till then it is."""
    site = byod()
    unlocked = None if lesson_ms is None else now_ms + lesson_ms
    times = times_at(site, now_ms, unlocked_until_ms=unlocked)
    if isinstance(times, Closed):
        assert times.next_ms is not None
        assert times.next_ms > now_ms
        assert isinstance(times_at(site, times.next_ms, unlocked_until_ms=None), Open)
        return
    assert times.until_ms is not None
    assert isinstance(times_at(site, times.until_ms, unlocked_until_ms=unlocked), Closed)
    for part in range(4):
        between = now_ms + (times.until_ms - now_ms) * part // 4
        assert times_at(site, between, unlocked_until_ms=unlocked) == times
