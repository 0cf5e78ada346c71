"""For how long staff have opened BYOD for a lesson, across restarts.

Within one start the monotonic clock counts; after a restart the wall clock does, and only once it is known: a kiosk
that does not know the time keeps BYOD closed rather than open for ever. Stands on the ledger; durable with its commit.
"""

from __future__ import annotations

from firmware.clock import Moment
from firmware.commands import LONGEST_LESSON_MINUTES
from firmware.ledger import Ledger
from firmware.messages import ClockQuality

_NOTE = "lesson until"
_MINUTE_MS = 60_000


class Lesson:
    """One kiosk's open lesson, or none."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ends_ms: int | None = None
        self._until_wall_ms = 0
        self.reload()

    def reload(self) -> None:
        """Back to what the disk has: at start, and after a commit that failed."""
        until_wall_ms = int.from_bytes(self._ledger.note(_NOTE) or b"", "big")
        if until_wall_ms != self._until_wall_ms:
            self._ends_ms, self._until_wall_ms = None, until_wall_ms

    def open_for(self, minutes: int, now: Moment) -> None:
        """Open from now on, in place of a lesson that is open; 0 ends it. Raises StoreFault: nothing has changed."""
        lasts_ms = minutes * _MINUTE_MS
        until_wall_ms = now.wall_ms + lasts_ms
        self._ledger.set_note(_NOTE, until_wall_ms.to_bytes(8, "big"))
        self._ends_ms, self._until_wall_ms = now.monotonic_ms + lasts_ms, until_wall_ms

    def left_ms(self, now: Moment) -> int:
        """How long it still lasts; 0 when it is closed."""
        if self._ends_ms is not None:
            return max(0, self._ends_ms - now.monotonic_ms)
        if now.quality is not ClockQuality.SYNCED:
            return 0
        left_ms = self._until_wall_ms - now.wall_ms
        # A clock that was put back since must not make a lesson longer than one can be ordered.
        return left_ms if 0 < left_ms <= LONGEST_LESSON_MINUTES * _MINUTE_MS else 0
