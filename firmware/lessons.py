"""A lesson in which phones may be on-line: what a kiosk says of it, and what of all that was asked it has answered.

Pure. The kiosk's own word always wins: nothing is *open* because somebody here asked for it. A kiosk tells the minutes
that are left, so its word needs no common clock, and every desk of a site sees the same end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from firmware.commands import HAS_PORTAL, LESSON_OPEN, NO_PORTAL
from firmware.messages import Life
from firmware.trouble import PORTAL_FAULTS

# Minutes are told rounded up and heartbeats travel: two ends that lie closer than this are one and the same.
SAME_END_MS = 90_000
MINUTE_MS = 60_000

_OPEN = re.compile(rf"{LESSON_OPEN}(?:-([0-9]{{1,3}}))?")


class Said(StrEnum):
    """What a kiosk itself said last of its network for phones."""

    CLOSED = "closed"
    OPEN = "open"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Asked:
    """What this desk asked (0 minutes: to end) and the kiosk has not answered. `at_ms` is this desk's monotonic clock;
    `life` and `not_after_ms` are the kiosk's. `failed`: it was heard after the order's time and had not done it."""

    minutes: int
    at_ms: int
    counter: int
    life: Life
    not_after_ms: int
    was_open: bool
    failed: bool = False

    @property
    def end_ms(self) -> int:
        """When a lesson would end that began as it was asked for."""
        return self.at_ms + self.minutes * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Lesson:
    """One kiosk: what it said, when it was heard, and what it has not answered. Times are this desk's monotonic clock;
    `until_ms` None: it did not say until when. `portal`: it has told that it serves phones."""

    device: bytes
    heard_ms: int
    said: Said = Said.CLOSED
    until_ms: int | None = None
    portal: bool = False
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What one heartbeat's codes say."""

    open: bool
    minutes: int | None
    absent: bool
    portal: bool
    now_ms: int

    @property
    def end_ms(self) -> int | None:
        return None if self.minutes is None else self.now_ms + self.minutes * MINUTE_MS


def after_heartbeat(lesson: Lesson, life: Life, untrusted_codes: Collection[str], now_ms: int) -> Lesson:
    """What is known of a kiosk after a heartbeat that was life."""
    told = _read(untrusted_codes, now_ms)
    said = Said.ABSENT if told.absent else Said.OPEN if told.open else Said.CLOSED
    asked = lesson.asked
    answered = asked is not None and _answers(lesson, asked, told)
    begun = asked if answered and asked is not None and not asked.failed else None
    return Lesson(
        device=lesson.device,
        heard_ms=now_ms,
        said=said,
        until_ms=_until_ms(lesson, begun, told) if said is Said.OPEN else None,
        portal=not told.absent and (lesson.portal or told.portal),
        asked=None if answered or asked is None else _still_asked(asked, told, life),
    )


def trouble_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """The codes of a heartbeat that are trouble: all but those that tell of a lesson."""
    return tuple(code for code in codes if code not in (NO_PORTAL, HAS_PORTAL) and not _OPEN.fullmatch(code))


def _read(untrusted_codes: Collection[str], now_ms: int) -> _Told:
    found = [match for code in untrusted_codes if (match := _OPEN.fullmatch(code)) is not None]
    minutes = next((int(match[1]) for match in found if match[1]), None)
    portal = bool(found) or HAS_PORTAL in untrusted_codes or any(code in untrusted_codes for code in PORTAL_FAULTS)
    return _Told(bool(found), minutes, NO_PORTAL in untrusted_codes, portal, now_ms)


def _answers(lesson: Lesson, asked: Asked, told: _Told) -> bool:
    if told.absent:
        return True
    if not told.open or asked.minutes == 0:
        return told.open == bool(asked.minutes)
    if not asked.was_open:
        return True
    # One was open before: only another end shows that this is the new one.
    if told.end_ms is None:
        return False
    changed = lesson.until_ms is not None and not _same(told.end_ms, lesson.until_ms)
    return changed or _same(told.end_ms, asked.end_ms)


def _still_asked(asked: Asked, told: _Told, life: Life) -> Asked | None:
    another_start = (life.epoch, life.boot) != (asked.life.epoch, asked.life.boot)
    if not another_start and life.monotonic_ms <= asked.not_after_ms:
        return asked
    # It can no longer be obeyed. Of a lesson that was open already and tells no end, nobody can say whether it was.
    unknown = asked.was_open and told.open and told.minutes is None and asked.minutes > 0
    return None if unknown else replace(asked, failed=True)


def _until_ms(lesson: Lesson, begun: Asked | None, told: _Told) -> int | None:
    """Minutes are told rounded up, so of two ends that are the same the earlier one is right."""
    known_ms = lesson.until_ms if begun is None else begun.end_ms
    if told.end_ms is None:
        return known_ms if known_ms is not None and known_ms > told.now_ms else None
    return min(known_ms, told.end_ms) if known_ms is not None and _same(known_ms, told.end_ms) else told.end_ms


def _same(one_ms: int, other_ms: int) -> bool:
    return abs(one_ms - other_ms) <= SAME_END_MS
