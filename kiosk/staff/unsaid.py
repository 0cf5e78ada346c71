"""What people said here and the disk did not take: kept and said again until a commit has it.

Pure. The desk's screen already shows it and the ladder is silent; without this the kiosk would never hear that somebody
answered. Does not know how anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.staff.events import KeepNote, KeepWithThem, Mark, SetDuty

AGAIN_EVERY_MS = 1000

Saying = Mark | KeepWithThem | KeepNote | SetDuty


class Unsaid:
    """Tell it what is being said in a turn, and how the turn ended."""

    def __init__(self) -> None:
        self._turn: dict[Saying, None] = {}
        self._waiting: dict[Saying, None] = {}
        self._again_ms = 0

    def say(self, saying: Saying) -> None:
        """It is being written in this turn."""
        self._turn[saying] = None

    def wait(self, saying: Saying, now_ms: int) -> None:
        """It cannot be written yet: what it is about is not on the disk either."""
        self._turn.pop(saying, None)
        self._keep([saying], now_ms)

    def begin(self) -> None:
        """A turn begins."""
        self._turn.clear()

    def again(self, now_ms: int) -> Sequence[Saying]:
        """What is to be said once more in this turn."""
        if not self._waiting or now_ms < self._again_ms:
            return ()
        due, self._waiting = tuple(self._waiting), {}
        self._turn |= dict.fromkeys(due)
        return due

    def failed(self, now_ms: int) -> None:
        """The disk did not take this turn."""
        self._keep(tuple(self._turn), now_ms)
        self._turn.clear()

    def next_due_ms(self) -> int | None:
        return self._again_ms if self._waiting else None

    def _keep(self, sayings: Sequence[Saying], now_ms: int) -> None:
        if sayings:
            self._waiting |= dict.fromkeys(sayings)
            self._again_ms = now_ms + AGAIN_EVERY_MS
