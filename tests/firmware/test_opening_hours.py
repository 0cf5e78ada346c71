"""Opening hours as instants: what the site's clock reads decides, also on the two days on which it is changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.messages import DutyState
from firmware.opening_hours import DAYS, LATEST_MS, LOOK_AHEAD_DAYS, Closed, DutyHours, Hours, read_hours

ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana", "Pacific/Apia")
EVERY_DAY = DAYS
WEEK = DAYS[:5]
# Clocks in Britain: put forward at 01:00 UTC on 28 March 2027, back at 01:00 UTC on 31 October 2027.
SPRING, AUTUMN = date(2027, 3, 28), date(2027, 10, 31)


def hours(*stretches: tuple[str, str], zone: str = "Europe/London", days: tuple[str, ...] = EVERY_DAY) -> DutyHours:
    return read_hours("portal.toml", zone, tuple(Hours(days, start, end) for start, end in stretches), ())


def utc_ms(day: date, clock: str) -> int:
    hour, minute = clock.split(":")
    moment = datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def test_inside_a_stretch_its_end_is_known() -> None:
    """On an ordinary winter's day 12:30 is open until 13:00, the last millisecond included and the end not."""
    lunch, day = hours(("12:10", "13:00")), date(2027, 1, 13)
    assert lunch.open_until(utc_ms(day, "12:30")) == utc_ms(day, "13:00")
    assert lunch.open_until(utc_ms(day, "13:00") - 1) == utc_ms(day, "13:00")
    assert lunch.open_until(utc_ms(day, "13:00")) is None
    assert lunch.open_until(utc_ms(day, "12:10")) == utc_ms(day, "13:00")
    assert lunch.open_until(utc_ms(day, "12:10") - 1) is None


def test_stretches_that_touch_are_one() -> None:
    """A morning that ends where lunch begins goes on to the end of lunch."""
    day = date(2027, 1, 13)
    assert hours(("11:00", "12:10"), ("12:10", "13:00")).open_until(utc_ms(day, "11:30")) == utc_ms(day, "13:00")


def test_the_next_start_skips_weekend_and_closed_days() -> None:
    """Friday afternoon, and Monday is a holiday: Tuesday's start."""
    monday = date(2027, 1, 18)
    stretches = (Hours(WEEK, "12:10", "13:00"),)
    school = read_hours("portal.toml", "Europe/London", stretches, (Closed(monday, monday),))
    assert school.next_start(utc_ms(date(2027, 1, 15), "14:00")) == utc_ms(date(2027, 1, 19), "12:10")


def test_without_a_start_in_sight_there_is_none() -> None:
    """Closed for longer than anyone looks ahead: no time is named."""
    shut = Closed(date(2027, 1, 1), date(2027, 1, 1) + timedelta(days=LOOK_AHEAD_DAYS + 1))
    school = read_hours("portal.toml", "Europe/London", (Hours(WEEK, "12:10", "13:00"),), (shut,))
    assert school.next_start(utc_ms(date(2027, 1, 1), "09:00")) is None


def test_a_stretch_over_the_hour_that_spring_skips_is_an_hour_shorter() -> None:
    """00:30-02:30 on the night when 01:00 becomes 02:00: open one hour."""
    night = hours(("00:30", "02:30"))
    assert night.open_until(utc_ms(SPRING, "00:30")) == utc_ms(SPRING, "01:30")


def test_a_stretch_inside_the_hour_that_spring_skips_is_nobody_s() -> None:
    """01:15-01:45 never comes that night; the next is tomorrow's, in summer time."""
    night = hours(("01:15", "01:45"))
    assert night.next_start(utc_ms(SPRING, "00:00")) == utc_ms(SPRING + timedelta(days=1), "00:15")


def test_a_stretch_that_ends_inside_the_skipped_hour_ends_where_the_clock_jumps() -> None:
    """00:30-01:30: at 01:00 the clock reads 02:00, which is outside."""
    assert hours(("00:30", "01:30")).open_until(utc_ms(SPRING, "00:45")) == utc_ms(SPRING, "01:00")


def test_a_stretch_over_the_hour_that_autumn_reads_twice_is_an_hour_longer() -> None:
    """00:30-02:30 on the night when 02:00 becomes 01:00: open three hours, in one piece."""
    night = hours(("00:30", "02:30"))
    assert night.open_until(utc_ms(AUTUMN - timedelta(days=1), "23:30")) == utc_ms(AUTUMN, "02:30")


def test_a_stretch_inside_the_hour_that_autumn_reads_twice_comes_twice() -> None:
    """01:15-01:45 ends at the first 01:45 and begins again at the second 01:15."""
    night = hours(("01:15", "01:45"))
    assert night.open_until(utc_ms(AUTUMN, "00:20")) == utc_ms(AUTUMN, "00:45")
    assert night.next_start(utc_ms(AUTUMN, "00:50")) == utc_ms(AUTUMN, "01:15")
    assert night.open_until(utc_ms(AUTUMN, "01:20")) == utc_ms(AUTUMN, "01:45")


@pytest.mark.parametrize("wall_ms", [-1, LATEST_MS, 10**30])
def test_a_broken_clock_is_inside_nothing(wall_ms: int) -> None:
    """Times that no calendar holds: not open, and no next start."""
    always = hours(("00:00", "23:59"))
    assert (always.open_until(wall_ms), always.next_start(wall_ms)) == (None, None)


minutes = st.integers(0, 24 * 60 - 1)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def some_hours(draw: st.DrawFn) -> DutyHours:
    """Up to three stretches a day, in any zone."""
    marks = sorted(draw(st.lists(minutes, min_size=2, max_size=6, unique=True)))
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    return hours(*((_clock(start), _clock(end)) for start, end in pairs), zone=draw(st.sampled_from(ZONES)))


# Days round the changes of clocks of all the zones above, and everything between.
moments = st.one_of(
    st.integers(utc_ms(date(2027, 1, 1), "00:00"), utc_ms(date(2028, 1, 1), "00:00")),
    *(
        st.integers(utc_ms(day, "00:00") - 30 * 3_600_000, utc_ms(day, "00:00") + 54 * 3_600_000)
        for day in (SPRING, AUTUMN, date(2027, 3, 14), date(2027, 11, 7), date(2027, 4, 4), date(2027, 10, 3))
    ),
)


@given(some_hours(), moments)
def test_open_is_exactly_what_duty_calls_on(site: DutyHours, wall_ms: int) -> None:
    """In every zone and at every moment of a year: an end is known if and only if the words say that it is on."""
    end = site.open_until(wall_ms)
    assert (end is not None) == (site.at(wall_ms).state is DutyState.ON)
    if end is None:
        return
    assert site.at(end).state is DutyState.OFF, "it must be over at its end"
    for part in range(1, 8):
        between = wall_ms + (end - wall_ms) * part // 8
        assert between == end or site.at(between).state is DutyState.ON


@given(some_hours(), moments)
def test_between_off_and_the_next_start_nothing_is_on(site: DutyHours, wall_ms: int) -> None:
    """When it is off, the next start is on, and no moment before it is."""
    if site.open_until(wall_ms) is not None:
        return
    start = site.next_start(wall_ms)
    assert start is not None
    assert site.at(start).state is DutyState.ON
    for part in range(8):
        assert site.at(wall_ms + (start - wall_ms) * part // 8).state is DutyState.OFF
    assert site.at(start - 1).state is DutyState.OFF
