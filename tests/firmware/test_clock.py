"""The clock: order by boot time, a floor under the wall clock, and no claim that nobody backs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.clock import (
    AHEAD_MAX_MS,
    ASK_KERNEL_EVERY_MS,
    BUILD_FLOOR_MS,
    CEILING_MS,
    Clock,
    boot_time_ms,
    kernel_synchronised,
    system_wall_ms,
)
from firmware.messages import ClockQuality

YEAR_2020_MS = 1_577_836_800_000
TODAY_MS = BUILD_FLOOR_MS + 30 * 86_400_000


@dataclass
class Hands:
    """A device's two clocks and its kernel's word, moved by the test."""

    monotonic_ms: int = 5_000
    wall_ms: int = TODAY_MS
    vouched: bool = False
    asked: int = 0

    def monotonic(self) -> int:
        return self.monotonic_ms

    def wall(self) -> int:
        return self.wall_ms

    def synchronised(self) -> bool:
        self.asked += 1
        return self.vouched


@pytest.fixture
def hands() -> Hands:
    return Hands()


def clock_of(hands: Hands, floor_ms: int = 0) -> Clock:
    return Clock(floor_ms=floor_ms, monotonic=hands.monotonic, wall=hands.wall, synchronised=hands.synchronised)


def test_a_clock_in_2020_reads_the_build_time_and_says_unsynced(hands: Hands) -> None:
    """A Pi that wakes in 2020 never claims a time before its own software was made."""
    hands.wall_ms = YEAR_2020_MS
    now = clock_of(hands).now()
    assert (now.wall_ms, now.quality) == (BUILD_FLOOR_MS, ClockQuality.UNSYNCED)


def test_the_saved_floor_wins_over_the_build_time(hands: Hands) -> None:
    """After a power cut time goes on from what was saved."""
    hands.wall_ms = YEAR_2020_MS
    assert clock_of(hands, floor_ms=TODAY_MS).now().wall_ms == TODAY_MS


def test_the_floor_walks_on_with_the_boot_clock(hands: Hands) -> None:
    """A stuck wall clock does not freeze the time that people read."""
    hands.wall_ms = YEAR_2020_MS
    clock = clock_of(hands, floor_ms=TODAY_MS)
    clock.now()
    hands.monotonic_ms += 60_000
    assert clock.now().wall_ms == TODAY_MS + 60_000
    assert clock.floor_ms == TODAY_MS + 60_000


def test_a_desks_signed_time_raises_the_floor_and_synchronises(hands: Hands) -> None:
    """The first answer of a desk puts a device of 2020 right."""
    hands.wall_ms = YEAR_2020_MS
    clock = clock_of(hands)
    clock.learn(TODAY_MS)
    now = clock.now()
    assert (now.wall_ms, now.quality) == (TODAY_MS, ClockQuality.SYNCED)


def test_an_older_signed_time_changes_nothing(hands: Hands) -> None:
    """A replayed answer cannot turn time back."""
    hands.wall_ms = YEAR_2020_MS
    clock = clock_of(hands)
    clock.learn(TODAY_MS)
    clock.learn(TODAY_MS - 86_400_000)
    assert clock.now().wall_ms == TODAY_MS


def test_order_survives_a_jump_of_the_wall_clock(hands: Hands) -> None:
    """When the wall clock jumps back, monotonic_ms still rises and wall_ms stays over the floor."""
    clock = clock_of(hands)
    before = clock.now()
    hands.monotonic_ms, hands.wall_ms = hands.monotonic_ms + 1, YEAR_2020_MS
    after = clock.now()
    assert after.monotonic_ms > before.monotonic_ms
    assert after.wall_ms >= BUILD_FLOOR_MS


def test_the_system_clock_never_raises_the_floor(hands: Hands) -> None:
    """A forged NTP answer of 2099 is shown while it lasts, and is not saved."""
    hands.wall_ms, hands.vouched = TODAY_MS * 3, True
    clock = clock_of(hands, floor_ms=TODAY_MS)
    assert clock.now().wall_ms == TODAY_MS * 3
    assert clock.floor_ms == TODAY_MS


def test_a_wall_clock_far_ahead_of_the_desks_word_is_not_called_synchronised(hands: Hands) -> None:
    """Having heard a desk does not make a clock right that runs a day ahead of it."""
    hands.wall_ms = TODAY_MS + AHEAD_MAX_MS + 1
    clock = clock_of(hands)
    clock.learn(TODAY_MS)
    assert clock.now().quality is ClockQuality.UNSYNCED


def test_the_kernels_word_synchronises(hands: Hands) -> None:
    """With a time service running a kiosk is synchronised before any desk has answered."""
    hands.vouched = True
    assert clock_of(hands).now().quality is ClockQuality.SYNCED


def test_a_vouched_time_under_the_floor_is_not_believed(hands: Hands) -> None:
    """A time service that says 2020 is wrong, however sure it is."""
    hands.wall_ms, hands.vouched = YEAR_2020_MS, True
    assert clock_of(hands).now().quality is ClockQuality.UNSYNCED


def test_the_kernel_is_asked_now_and_then_only(hands: Hands) -> None:
    """A turn of the loop costs no system call for synchronisation, and a late NTP is still noticed."""
    clock = clock_of(hands)
    for _ in range(100):
        clock.now()
    assert hands.asked == 1
    hands.vouched = True
    hands.monotonic_ms += ASK_KERNEL_EVERY_MS
    assert clock.now().quality is ClockQuality.SYNCED


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=10**9),
            st.integers(min_value=0, max_value=10**13),
            st.none() | st.integers(min_value=0, max_value=10**13),
        ),
        max_size=30,
    )
)
def test_whatever_happens_the_floor_never_falls(steps: list[tuple[int, int, int | None]]) -> None:
    """For any wall clock and any desk's word: wall_ms is at least the floor, and the floor only rises."""
    hands = Hands()
    clock = clock_of(hands)
    floor_ms = clock.floor_ms
    for passed_ms, wall_ms, signed_ms in steps:
        hands.monotonic_ms, hands.wall_ms = hands.monotonic_ms + passed_ms, wall_ms
        if signed_ms is not None:
            clock.learn(signed_ms)
        assert clock.now().wall_ms >= clock.floor_ms >= floor_ms
        floor_ms = clock.floor_ms


def test_the_real_clocks_run() -> None:
    """On this machine boot time is positive and never falls, and the kernel answers the question."""
    first = boot_time_ms()
    assert 0 < first <= boot_time_ms()
    assert system_wall_ms() > YEAR_2020_MS
    assert kernel_synchronised() in (True, False)


def test_a_clock_under_its_floor_is_behind(hands: Hands) -> None:
    """A machine that shows a time known to be over cannot tell the hour, whatever its floor says."""
    clock = clock_of(hands)
    assert not clock.is_behind
    hands.wall_ms = YEAR_2020_MS
    assert clock.is_behind


def test_no_desk_can_sign_a_time_that_nobody_could_read(hands: Hands) -> None:
    """A desk that signs a time after 2100 changes nothing, and a floor like that is not taken from the disk either."""
    for ahead_ms in (CEILING_MS + 1, 2**53):
        clock = clock_of(hands, floor_ms=ahead_ms)
        clock.learn(ahead_ms)
        now = clock.now()
        assert (now.wall_ms, now.quality) == (TODAY_MS, ClockQuality.UNSYNCED)
        assert clock.floor_ms < CEILING_MS
