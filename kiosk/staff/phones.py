"""Phones: opening the BYOD network for one lesson, and what is true of it at each kiosk.

Pure. No sign-in is asked for: teachers are not readers, the desk stands in the staff office, and what is opened shows
on every desk, ends by itself and is still filtered. What was asked is kept without a name. Nothing is *open* before the
kiosk has said so. Does not know how an order travels.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from firmware.clock import Moment
from firmware.lessons import Lesson, Said
from firmware.presence import SILENT_AFTER_MS
from kiosk.staff import events as ev
from kiosk.staff import scenes
from kiosk.staff.answers import Effects
from kiosk.staff.scenes import PhoneState

# What the page offers; the order itself takes up to 180.
LESSON_MINUTES = (15, 30, 45, 60)
# An answer comes with the kiosk's next heartbeat, which is 15 s away on the average.
NO_ANSWER_AFTER_MS = 30_000
# "It did not do it" is no news any more.
FAILED_SHOWN_MS = 300_000


class Phones:
    """The page's mind: which kiosk is looked at, and what a touch asks for."""

    def __init__(self, time_words: Callable[[int], str]) -> None:
        """`time_words` makes "11:40" of wall milliseconds."""
        self._time_words = time_words
        self._rooms: tuple[ev.PhoneRoom, ...] = ()
        self._log: tuple[ev.LessonLogged, ...] = ()
        self._chosen: bytes | None = None

    def know(self, said: ev.LessonsSaid) -> None:
        """What is true now. Places stand still on the page: those with phones first, then by name."""
        self._rooms, self._log = tuple(sorted(said.rooms, key=_order)), said.log
        if self._chosen is not None:
            self.choose(self._chosen.hex())

    @property
    def any(self) -> bool:
        """Whether there is a kiosk to ask."""
        return bool(self._rooms)

    @property
    def offered(self) -> bool:
        """Whether home has an entry for it: a site without phones is not bothered."""
        return any(room.lesson.portal for room in self._rooms) or bool(self._log)

    # --- touches ---

    def choose(self, device_hex: str) -> None:
        devices = (room.lesson.device for room in self._rooms)
        self._chosen = next((device for device in devices if device.hex() == device_hex), None)

    def back(self) -> bool:
        """From one kiosk to all of them; False: all of them stood there."""
        was, self._chosen = self._chosen, None
        return was is not None

    def ask(self, minutes: str) -> Effects:
        """So many minutes at the kiosk that is looked at; 0 ends it."""
        wanted = (0, *LESSON_MINUTES)
        if self._chosen is None or minutes not in {str(each) for each in wanted}:
            return ()
        return (ev.AskLesson(self._chosen, int(minutes)),)

    # --- what is shown ---

    def scene(self, top: scenes.Top, page: int, now: Moment) -> scenes.PhoneRooms | scenes.PhoneLesson:
        chosen = next((room for room in self._rooms if room.lesson.device == self._chosen), None)
        if chosen is not None:
            return scenes.PhoneLesson(top, self._row(chosen, now))
        log = tuple(
            scenes.PhoneLogLine(self._time_words(line.at_ms), max(0, now.wall_ms - line.at_ms), line.room, line.minutes)
            for line in self._log
        )
        return scenes.PhoneRooms(top, tuple(self._row(room, now) for room in self._rooms), log, page)

    def open_lessons(self, now: Moment) -> tuple[scenes.OpenLesson, ...]:
        """Where phones are on-line by a lesson, by the word of kiosks that are heard now."""
        rows = [self._row(room, now) for room in self._rooms]
        return tuple(
            scenes.OpenLesson(row.room, row.until) for row in rows if row.open and row.state is not PhoneState.SILENT
        )

    def _row(self, room: ev.PhoneRoom, now: Moment) -> scenes.PhoneRow:
        lesson, now_ms = room.lesson, now.monotonic_ms
        until = ""
        if lesson.until_ms is not None:
            until = self._time_words(now.wall_ms + lesson.until_ms - now_ms)
        minutes = lesson.asked.minutes if lesson.asked is not None else 0
        is_open = lesson.said is Said.OPEN
        return scenes.PhoneRow(lesson.device, room.room, _state(lesson, now_ms), is_open, until, minutes)


def _state(lesson: Lesson, now_ms: int) -> PhoneState:
    if now_ms - lesson.heard_ms > SILENT_AFTER_MS:
        return PhoneState.SILENT
    asked = lesson.asked
    if asked is not None and asked.failed and now_ms - asked.at_ms <= FAILED_SHOWN_MS:
        return PhoneState.FAILED
    if asked is not None and not asked.failed:
        waits = now_ms - asked.at_ms < NO_ANSWER_AFTER_MS
        return PhoneState.ASKED if waits else PhoneState.UNANSWERED
    return {Said.CLOSED: PhoneState.CLOSED, Said.OPEN: PhoneState.OPEN, Said.ABSENT: PhoneState.ABSENT}[lesson.said]


def _order(room: ev.PhoneRoom) -> tuple[bool, list[tuple[int, str]], bytes]:
    """ "Room 9" stands before "Room 12"."""
    parts = re.findall(r"[0-9]{1,9}|[^0-9]+", room.room)
    name = [(int(part), "") if part.isascii() and part.isdigit() else (-1, part.casefold()) for part in parts]
    return not room.lesson.portal, name, room.lesson.device
