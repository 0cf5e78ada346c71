"""A clock that is put back is noticed; one that ticks, drifts a little or is put forward is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kiosk.portal.wall_steps import SMALLEST_STEP_MS, WallSteps

WALL = 1_800_000_000_000


def test_a_ticking_clock_steps_nowhere() -> None:
    """Both clocks go on alike."""
    steps = WallSteps(monotonic_ms=5, wall_ms=WALL)
    assert [steps.step_back_ms(monotonic_ms=5 + t, wall_ms=WALL + t) for t in (0, 1, 30_000, 86_400_000)] == [0] * 4


def test_an_hour_back_is_told_once() -> None:
    """Told when it is first seen, and not again."""
    steps = WallSteps(monotonic_ms=0, wall_ms=WALL)
    assert steps.step_back_ms(monotonic_ms=30_000, wall_ms=WALL + 30_000 - 3_600_000) == 3_600_000
    assert steps.step_back_ms(monotonic_ms=60_000, wall_ms=WALL + 60_000 - 3_600_000) == 0


def test_forward_and_back_again_is_a_step_back() -> None:
    """What was accepted on the wrong clock must not keep what that clock gave it."""
    steps = WallSteps(monotonic_ms=0, wall_ms=WALL)
    assert steps.step_back_ms(monotonic_ms=1_000, wall_ms=WALL + 7_201_000) == 0
    assert steps.step_back_ms(monotonic_ms=2_000, wall_ms=WALL + 2_000) == 7_200_000


def test_a_slow_slew_back_is_told_when_it_amounts_to_something() -> None:
    """A clock that loses 10 ms at every look is told after a hundred looks."""
    steps = WallSteps(monotonic_ms=0, wall_ms=WALL)
    told = [steps.step_back_ms(monotonic_ms=t * 1_000, wall_ms=WALL + t * 990) for t in range(1, 101)]
    assert told == [0] * 99 + [SMALLEST_STEP_MS]


@given(st.lists(st.integers(-10_000_000, 10_000_000), max_size=30))
def test_nobody_gains_time_by_any_jumps(jumps: list[int]) -> None:
    """However the clock jumps: an end that is put back with it leaves never more real time than before (but for less
    than the smallest step)."""
    steps = WallSteps(monotonic_ms=0, wall_ms=WALL)
    wall, end = WALL, WALL + 3_600_000
    for at, jump in enumerate(jumps, 1):
        wall += jump
        end -= steps.step_back_ms(monotonic_ms=at, wall_ms=wall + at)
        assert end - wall < 3_600_000 + SMALLEST_STEP_MS
