"""When somebody is on duty, or something open, by the calendar: days, hours, closed days, one time zone. Pure.

Says it in the words that a learner reads: "08:15 tomorrow", "08:15 on Monday"; and as wall milliseconds. What the
clock on the wall reads is what counts: an hour that it skips in spring is nobody's, one that it reads twice in autumn
counts twice. Does not know whether anyone is really there; staff can say otherwise (see `duty`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from firmware.errors import BadSettings
from firmware.messages import Duty, DutyState

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Not strftime: its words follow the machine's locale.
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# Long enough for any summer holiday; beyond it the screen names no time.
LOOK_AHEAD_DAYS = 100
# Wall times that a datetime can hold in every zone; a clock outside them is broken and answers "unknown".
EARLIEST_MS, LATEST_MS = 0, 4_102_444_800_000
# No zone is further from UTC than this (the widest are -12 and +14 hours).
_WIDEST_OFFSET_MS = 15 * 3_600_000

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_UNTIL = re.compile(
    rf"{_TIME.pattern}"
    rf"( tomorrow| on ({'|'.join(day.capitalize() for day in DAYS)})| on [1-3]?\d ({'|'.join(MONTHS)}))?",
    re.ASCII,
)


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stretch of duty, on each of some days; `start` and `end` are "08:15" on the site's clock."""

    days: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=7)]
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Days without duty, both ends included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class _Stretch:
    weekday: int
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class DutyHours:
    """A site's hours of duty."""

    zone: ZoneInfo
    stretches: tuple[_Stretch, ...]
    closed: tuple[Closed, ...]

    def at(self, wall_ms: int) -> Duty:
        """ON until the stretch ends, OFF until the next begins, UNKNOWN when the clock cannot be right."""
        if not EARLIEST_MS <= wall_ms < LATEST_MS:
            return Duty(DutyState.UNKNOWN)
        now = self._local(wall_ms)
        end = next((end for start, end in self._of_day(now.date()) if start <= now < end), None)
        if end is not None:
            return Duty(DutyState.ON, f"{self._through(end):%H:%M}")
        begin = self._next_start(now)
        return Duty(DutyState.OFF, "" if begin is None else _words(begin, now))

    def open_until(self, wall_ms: int) -> int | None:
        """When the stretch that runs now ends, past stretches that begin where one ends; None outside every stretch."""
        end = self._end_of_stretch(wall_ms)
        while end is not None and (later := self._end_of_stretch(end)) is not None:
            end = later
        return end

    def next_start(self, wall_ms: int) -> int | None:
        """When the first stretch after this moment begins; None when no day that we look at has one."""
        if not EARLIEST_MS <= wall_ms < LATEST_MS:
            return None
        today = self._local(wall_ms).date()
        for ahead in range(LOOK_AHEAD_DAYS):
            starts = [start for start, _ in self._instants(today + timedelta(days=ahead)) if start > wall_ms]
            if starts:
                return min(starts)
        return None

    def clock_words(self, wall_ms: int) -> str:
        """ "11:30" on the site's clock."""
        return f"{self._local(min(max(wall_ms, EARLIEST_MS), LATEST_MS)):%H:%M}"

    def _local(self, wall_ms: int) -> datetime:
        return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(self.zone)

    def _of_day(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        if any(closed.first <= day <= closed.last for closed in self.closed):
            return
        for stretch in self.stretches:
            if stretch.weekday == day.weekday():
                yield (
                    datetime.combine(day, stretch.start, self.zone),
                    datetime.combine(day, stretch.end, self.zone),
                )

    def _end_of_stretch(self, wall_ms: int) -> int | None:
        if not EARLIEST_MS <= wall_ms < LATEST_MS:
            return None
        stretches = self._instants(self._local(wall_ms).date())
        return next((end for start, end in stretches if start <= wall_ms < end), None)

    def _instants(self, day: date) -> Iterator[tuple[int, int]]:
        """The stretches of a day in wall milliseconds: from the first that the site's clock reads so, up to the end."""
        of_day = [(_reading_ms(start), _reading_ms(end)) for start, end in self._of_day(day)]
        if not of_day:
            return
        for since_ms, until_ms, offset_ms in self._offsets(day):
            for start_ms, end_ms in of_day:
                first, last = max(start_ms - offset_ms, since_ms), min(end_ms - offset_ms, until_ms)
                if first < last:
                    yield first, last

    def _offsets(self, day: date) -> Iterator[tuple[int, int, int]]:
        """How far the site's clock is from UTC around a day: (since, until, offset), one part or, at a change, two."""
        midnight_ms = _reading_ms(datetime.combine(day, time()))
        since_ms, until_ms = midnight_ms - _WIDEST_OFFSET_MS, midnight_ms + 86_400_000 + _WIDEST_OFFSET_MS
        before, after = self._offset_ms(since_ms), self._offset_ms(until_ms)
        if before == after:
            yield since_ms, until_ms, before
            return
        low, high = since_ms, until_ms
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset_ms(middle) == before else (low, middle)
        yield since_ms, high, before
        yield high, until_ms, after

    def _offset_ms(self, wall_ms: int) -> int:
        offset = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=wall_ms)).astimezone(self.zone).utcoffset()
        return (offset or timedelta()) // timedelta(milliseconds=1)

    def _through(self, end: datetime) -> datetime:
        """The end of duty, past stretches that begin where one ends."""
        for start, later in self._of_day(end.date()):
            if start <= end < later:
                end = later
        return end

    def _next_start(self, now: datetime) -> datetime | None:
        for ahead in range(LOOK_AHEAD_DAYS):
            day = now.date() + timedelta(days=ahead)
            for start, _ in self._of_day(day):
                if start > now:
                    return start
        return None


def read_hours(file: str, time_zone: str, hours: tuple[Hours, ...], closed: tuple[Closed, ...]) -> DutyHours:
    """Check and put together; `file` is only named in errors.

    Raises:
        BadSettings: names the file, the key under `duty`, and the mend.
    """
    for days in closed:
        if days.first > days.last:
            raise BadSettings(file, "duty.closed", f"{days.first} is after {days.last}: turn them round")
    stretches = sorted(
        (stretch for entry in hours for stretch in _stretches(file, entry)),
        key=lambda stretch: (stretch.weekday, stretch.start),
    )
    for earlier, later in pairwise(stretches):
        if earlier.weekday == later.weekday and later.start < earlier.end:
            day = DAYS[later.weekday]
            raise BadSettings(file, "duty.hours", f"two stretches of {day} overlap: make them one")
    return DutyHours(_zone(file, time_zone), tuple(stretches), closed)


def only_time(untrusted_until: str) -> str:
    """These words if they are a time as `DutyHours` says it, else none: they go on a learner's screen as they are."""
    return untrusted_until if _UNTIL.fullmatch(untrusted_until) else ""


def _stretches(file: str, hours: Hours) -> Iterator[_Stretch]:
    start, end = _time(file, hours.start), _time(file, hours.end)
    if start >= end:
        raise BadSettings(file, "duty.hours", f"{hours.start} is not before {hours.end}: turn them round")
    for day in hours.days:
        if day not in DAYS:
            raise BadSettings(file, "duty.hours", f"{day[:20]!r} is not a day: use one of {', '.join(DAYS)}")
        yield _Stretch(DAYS.index(day), start, end)


def _time(file: str, text: str) -> time:
    match = _TIME.fullmatch(text)
    if match is None:
        raise BadSettings(file, "duty.hours", f'{text[:20]!r} is not a time: write it like "08:15"')
    return time(int(match[1]), int(match[2]))


def _reading_ms(reading: datetime) -> int:
    """What a clock reads, as if it stood in UTC."""
    return (reading.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _zone(file: str, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        mend = f'{name[:40]!r} is not known here: use one like "Europe/London", or install the package tzdata'
        raise BadSettings(file, "duty.time_zone", mend) from problem


def _words(begin: datetime, now: datetime) -> str:
    """As a learner would say it. A week ahead and more needs the date."""
    days = (begin.date() - now.date()).days
    clock = f"{begin:%H:%M}"
    if days == 0:
        return clock
    if days == 1:
        return f"{clock} tomorrow"
    if days < 7:
        return f"{clock} on {DAYS[begin.weekday()].capitalize()}"
    return f"{clock} on {begin.day} {MONTHS[begin.month - 1]}"
