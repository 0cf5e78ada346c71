"""What time it is, on a device whose wall clock may be years wrong.

Owns `Moment`, the only form in which time reaches a pure core, and `Clock`, the thin edge that makes one. Order comes
from CLOCK_BOOTTIME (counts through suspend, never jumps); the wall clock is only for people to read. The floor under it
is the greatest time that somebody we trust has signed or saved, and walks on with the boot clock. Raw NTP never
raises the floor: anybody on the network can forge it. Saving `floor_ms` across restarts is the caller's work.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware.messages import ClockQuality

# 2026-11-01T00:00Z: no device that runs this code can be in an earlier time. Raised with each release.
BUILD_FLOOR_MS = 1_793_491_200_000
# Nothing is later than this (2100-01-01T00:00Z): a desk that signs such a time is broken or lies. Its word would never
# be forgotten, and past 2**53 no desk could read this device's envelopes any more.
CEILING_MS = 4_102_444_800_000
# A wall clock further ahead of the desk's signed word than this is not called synchronised.
AHEAD_MAX_MS = 300_000
# How often an unsynchronised device asks the kernel whether NTP has come.
ASK_KERNEL_EVERY_MS = 10_000

_TIME_ERROR = 5  # adjtimex(2): "the system clock is not synchronised to a reliable server"
_TIMEX_ROOM_BYTES = 512  # struct timex is 208 bytes on 64 bit; modes == 0 only reads


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant as a core sees it: `monotonic_ms` to reckon and order by, `wall_ms` to show and to record."""

    monotonic_ms: int
    wall_ms: int
    quality: ClockQuality


def boot_time_ms() -> int:
    """Milliseconds since this device started, suspend included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def system_wall_ms() -> int:
    """The operating system's idea of the time, whatever it is worth."""
    return time.time_ns() // 1_000_000


def kernel_synchronised() -> bool:
    """Whether some time service (timesyncd, chrony, a battery-backed clock's daemon) vouches for the wall clock."""
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_ROOM_BYTES))
    return state not in (-1, _TIME_ERROR)


class Clock:
    """Makes Moments. Used from the loop's thread only."""

    def __init__(
        self,
        *,
        floor_ms: int,
        monotonic: Callable[[], int] = boot_time_ms,
        wall: Callable[[], int] = system_wall_ms,
        synchronised: Callable[[], bool] = kernel_synchronised,
    ) -> None:
        """`floor_ms`: what was saved last time, 0 if nothing was."""
        self._monotonic, self._wall, self._synchronised = monotonic, wall, synchronised
        self._floor_ms = max(BUILD_FLOOR_MS, floor_ms if floor_ms <= CEILING_MS else 0)
        self._floor_set_at_ms: int | None = None
        self._learnt = False
        self._vouched = False
        self._ask_kernel_at_ms = 0

    def now(self) -> Moment:
        """This instant. `wall_ms` is never under the floor, `monotonic_ms` never goes back."""
        monotonic_ms = self._monotonic()
        floor_ms, wall_ms = self._floor_at(monotonic_ms), self._wall()
        quality = self._quality(monotonic_ms, wall_ms - floor_ms)
        return Moment(monotonic_ms, max(wall_ms, floor_ms), quality)

    def learn(self, signed_desk_ms: int) -> None:
        """A desk has signed that it is at least `signed_desk_ms` (verified by the caller). The floor only rises."""
        if signed_desk_ms > CEILING_MS:
            return
        monotonic_ms = self._monotonic()
        self._floor_ms = max(self._floor_at(monotonic_ms), signed_desk_ms)
        self._floor_set_at_ms = monotonic_ms
        self._learnt = True

    @property
    def is_behind(self) -> bool:
        """The machine's own clock shows a time that is known to be over, so nobody can tell how late it is."""
        return self._wall() < self._floor_at(self._monotonic())

    @property
    def floor_ms(self) -> int:
        """What to save, so that the next start does not begin earlier."""
        return self._floor_at(self._monotonic())

    def _floor_at(self, monotonic_ms: int) -> int:
        if self._floor_set_at_ms is None:
            self._floor_set_at_ms = monotonic_ms
        return self._floor_ms + monotonic_ms - self._floor_set_at_ms

    def _quality(self, monotonic_ms: int, ahead_ms: int) -> ClockQuality:
        if self._learnt and ahead_ms <= AHEAD_MAX_MS:
            return ClockQuality.SYNCED
        if monotonic_ms >= self._ask_kernel_at_ms:
            self._ask_kernel_at_ms = monotonic_ms + ASK_KERNEL_EVERY_MS
            self._vouched = self._synchronised()
        # A service that vouches for a time before our floor is wrong: the floor is what we know.
        return ClockQuality.SYNCED if self._vouched and ahead_ms >= 0 else ClockQuality.UNSYNCED
