"""When people's own devices may be on-line: the site's hours, or a lesson that staff unlocked. Pure.

Everything is decided in wall milliseconds, as the site's clock reads them; a wall time that cannot be right opens
nothing. Does not know who asks: that some need not keep to the times is `admission`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from firmware.byod import Byod
from firmware.clock import BUILD_FLOOR_MS
from firmware.opening_hours import LATEST_MS

# The portal's day ends while nobody is there. Nothing of a day outlives it: the key of its pseudonyms is made anew.
DAY_ENDS = time(4)


@dataclass(frozen=True, slots=True)
class Open:
    """BYOD is open; `until_ms` None: no end is set."""

    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Closed:
    """BYOD is closed; `next_ms` None: no opening is in sight. `clock_known` False: nobody can tell how late it is."""

    next_ms: int | None
    clock_known: bool = True


def clock_known(wall_ms: int) -> bool:
    """Whether the machine's own clock can be right. Ask with the system's wall time, not with one lifted to a floor."""
    return BUILD_FLOOR_MS <= wall_ms < LATEST_MS


def times_at(byod: Byod, wall_ms: int, *, unlocked_until_ms: int | None) -> Open | Closed:
    """Open or closed at this moment, and until when. A lesson that staff unlocked is open whatever the hours say."""
    if not clock_known(wall_ms):
        return Closed(None, clock_known=False)
    if byod.always_open:
        return Open(None)
    until = _open_until(byod, wall_ms, unlocked_until_ms)
    if until is not None:
        return Open(until)
    return Closed(byod.hours.next_start(wall_ms) if byod.hours is not None else None)


def day_end_ms(wall_ms: int, zone: ZoneInfo) -> int:
    """The next 04:00 on the site's clock, strictly after this moment."""
    day = _local(wall_ms, zone).date()
    ends = (_ms(day + timedelta(days=ahead), DAY_ENDS, zone) for ahead in range(3))
    return next(end for end in ends if end > wall_ms)


def day_start_ms(wall_ms: int, zone: ZoneInfo) -> int:
    """The latest 04:00 on the site's clock, this moment included."""
    day = _local(wall_ms, zone).date()
    starts = (_ms(day - timedelta(days=back), DAY_ENDS, zone) for back in range(3))
    return next(start for start in starts if start <= wall_ms)


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """When a calendar day begins on the site's clock."""
    return _ms(day, time(), zone)


def today_at(wall_ms: int, zone: ZoneInfo) -> date:
    """The calendar day on the site's clock."""
    return _local(wall_ms, zone).date()


def _open_until(byod: Byod, wall_ms: int, unlocked_until_ms: int | None) -> int | None:
    """The end of what is open now: hours and lesson count as one where one goes on when the other ends."""
    until = wall_ms
    while True:
        by_hours = byod.hours.open_until(until) if byod.hours is not None else None
        by_staff = unlocked_until_ms if unlocked_until_ms is not None and unlocked_until_ms > until else None
        ends = [end for end in (by_hours, by_staff) if end is not None]
        if not ends:
            return until if until > wall_ms else None
        until = max(ends)


def _local(wall_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(zone)


def _ms(day: date, clock: time, zone: ZoneInfo) -> int:
    # What the clock reads twice is meant the first time: of two ends the earlier.
    return int(datetime.combine(day, clock, zone).timestamp()) * 1000
