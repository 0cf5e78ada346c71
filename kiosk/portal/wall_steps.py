"""Notices that somebody put the wall clock back while the portal runs. Pure.

Ends are wall times, so a clock that is put back would lengthen them; the register is then put back by as much, and
everybody has the time left that they had. A clock that is put forward only ends things early: one tap mends that.
"""

from __future__ import annotations

# Time services nudge a clock by less than this; nobody gains by it.
SMALLEST_STEP_MS = 1_000


class WallSteps:
    """Compares two clocks from look to look; give it both at the same instant."""

    def __init__(self, *, monotonic_ms: int, wall_ms: int) -> None:
        # The wall time that would be due at monotonic zero; it drops when the wall clock is put back.
        self._apart_ms = wall_ms - monotonic_ms

    def step_back_ms(self, *, monotonic_ms: int, wall_ms: int) -> int:
        """By how much the wall clock was put back since the last step, 0 if it was not."""
        apart_ms = wall_ms - monotonic_ms
        back_ms = self._apart_ms - apart_ms
        if back_ms >= SMALLEST_STEP_MS or back_ms < 0:
            self._apart_ms = apart_ms
        return back_ms if back_ms >= SMALLEST_STEP_MS else 0
