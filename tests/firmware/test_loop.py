"""The loop: one commit a turn, no effect before it, nothing swallowed, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from firmware.clock import Clock, Moment
from firmware.errors import ProgrammerError, StoreFault, StoreFull
from firmware.loop import QUEUE_MAX_EVENTS, TURN_MAX_EVENTS, Loop

PATIENCE_SECONDS = 10.0


@dataclass
class Diary:
    """A core that writes down what is asked of it, in order; a small working one, without a store."""

    lines: list[str] = field(default_factory=list)
    batches: list[list[int]] = field(default_factory=list)
    due_ms: int | None = None
    fault: StoreFault | None = None
    step_fault: Exception | None = None

    def step(self, events: Sequence[int], now: Moment) -> Sequence[str]:
        self.lines.append(f"step {len(events)}")
        self.batches.append(list(events))
        if self.due_ms is not None and self.due_ms <= now.monotonic_ms:
            self.due_ms = None
        if self.step_fault is not None:
            raise self.step_fault
        return [f"did {event}" for event in events]

    def commit(self) -> None:
        self.lines.append("commit")
        if self.fault is not None:
            raise self.fault

    def commit_failed(self, fault: StoreFault, now: Moment) -> Sequence[str]:
        self.lines.append("failed")
        return [f"not saved: {fault}"]

    def next_due_ms(self) -> int | None:
        return self.due_ms

    def perform(self, effects: Sequence[str], now: Moment) -> None:
        self.lines.extend(effects)

    def paint(self, now: Moment) -> None:
        self.lines.append("paint")


@pytest.fixture
def diary() -> Diary:
    return Diary()


def quiet() -> Sequence[int]:
    return []


def loop_of(
    diary: Diary,
    *,
    pump: Callable[[], Sequence[int]] = quiet,
    wait_ms: int = 1,
    heartbeat: Callable[[], None] = lambda: None,
    clock: Clock | None = None,
) -> Loop[int, str]:
    return Loop(
        core=diary,
        perform=diary.perform,
        paint=diary.paint,
        pump=pump,
        clock=clock or Clock(floor_ms=0),
        wait_ms=wait_ms,
        heartbeat=heartbeat,
    )


def test_effects_come_after_the_one_commit_of_the_turn(diary: Diary) -> None:
    """Three events: one step, one commit, then their effects, then one paint."""
    loop = loop_of(diary)
    for event in (1, 2, 3):
        loop.post(event)
    loop.turn()
    assert diary.lines == ["step 3", "commit", "did 1", "did 2", "did 3", "paint"]


def test_a_failed_commit_performs_only_what_tells_of_it(diary: Diary) -> None:
    """A full disk: no effect of the step leaves, the core says what must be told instead, and the loop lives on."""
    diary.fault = StoreFull("no room left")
    loop = loop_of(diary)
    loop.post(1)
    loop.turn()
    assert diary.lines == ["step 1", "commit", "failed", "not saved: no room left", "paint"]
    diary.fault = None
    loop.post(2)
    loop.turn()
    assert diary.lines[-4:] == ["step 1", "commit", "did 2", "paint"]


def test_a_store_fault_while_stepping_is_a_failed_commit(diary: Diary) -> None:
    """SQLite may find the disk full at the insert already; the learner is told the same truth."""
    diary.step_fault = StoreFull("no room left")
    loop = loop_of(diary)
    loop.post(1)
    loop.turn()
    assert diary.lines == ["step 1", "failed", "not saved: no room left", "paint"]


def test_an_exception_in_step_ends_the_run_and_nothing_is_promised(diary: Diary) -> None:
    """A defect in a core is not swallowed: run raises ProgrammerError with the cause, after no commit and no effect."""
    diary.step_fault = KeyError("defect")
    loop = loop_of(diary)
    loop.post(1)
    with pytest.raises(ProgrammerError) as caught:
        loop.run()
    assert isinstance(caught.value.__cause__, KeyError)
    assert diary.lines == ["step 1"]


def test_an_exception_in_an_effect_ends_the_run(diary: Diary) -> None:
    """Nor is a failing adapter swallowed."""

    def broken(effects: Sequence[str], now: Moment) -> None:
        raise OSError("adapter")

    loop = Loop[int, str](core=diary, perform=broken, paint=diary.paint, pump=quiet, clock=Clock(floor_ms=0), wait_ms=1)
    loop.post(1)
    with pytest.raises(OSError, match="adapter"):
        loop.run()


def test_a_turn_takes_no_more_than_its_cap_and_the_rest_comes_next_in_order(diary: Diary) -> None:
    """A flood cannot starve the screen, and no event is lost or overtaken."""
    loop = loop_of(diary)
    many = list(range(TURN_MAX_EVENTS + 10))
    for event in many:
        loop.post(event)
    loop.turn()
    loop.turn()
    assert [len(batch) for batch in diary.batches] == [TURN_MAX_EVENTS, 10]
    assert [event for batch in diary.batches for event in batch] == many


def test_what_the_screen_says_is_in_the_same_turn(diary: Diary) -> None:
    """Touches from the pump follow the queue's events into one step."""
    loop = loop_of(diary, pump=lambda: [7])
    loop.post(1)
    loop.turn()
    assert diary.batches == [[1, 7]]


def test_an_idle_turn_paints_and_feeds_the_watchdog_but_does_not_commit(diary: Diary) -> None:
    """Thirty idle turns a second cost no fsync."""
    fed: list[str] = []
    loop = loop_of(diary, heartbeat=lambda: fed.append("fed"))
    loop.turn()
    loop.turn()
    assert diary.lines == ["paint", "paint"]
    assert fed == ["fed", "fed"]


def test_a_failed_step_does_not_feed_the_watchdog(diary: Diary) -> None:
    """The watchdog hears only of turns that were completed."""
    fed: list[str] = []
    diary.step_fault = ValueError("defect")
    loop = loop_of(diary, heartbeat=lambda: fed.append("fed"))
    loop.post(1)
    with pytest.raises(ProgrammerError):
        loop.turn()
    assert fed == []


def test_a_core_that_is_due_is_stepped_without_events(diary: Diary) -> None:
    """Time alone wakes a core: a resend, a ladder, a heartbeat."""
    clock = Clock(floor_ms=0, monotonic=lambda: 1_000)
    diary.due_ms = 1_000
    loop_of(diary, clock=clock).turn()
    assert diary.lines == ["step 0", "commit", "paint"]


def test_a_core_that_is_not_due_is_left_alone(diary: Diary) -> None:
    """One millisecond early is early."""
    clock = Clock(floor_ms=0, monotonic=lambda: 999)
    diary.due_ms = 1_000
    loop_of(diary, clock=clock).turn()
    assert diary.lines == ["paint"]


def test_the_wait_ends_when_the_core_is_due(diary: Diary) -> None:
    """With a wait of minutes a core that is due in 20 ms is stepped on its time, not at the end of the wait."""
    clock = Clock(floor_ms=0)
    due_ms = clock.now().monotonic_ms + 20
    diary.due_ms = due_ms
    loop = loop_of(diary, clock=clock, wait_ms=600_000)
    while not diary.batches:
        loop.turn()
    assert due_ms <= clock.now().monotonic_ms < due_ms + 5_000


def test_a_posted_event_ends_the_wait_at_once(diary: Diary) -> None:
    """A loop that would wait ten minutes takes an event from another thread and stops when told."""
    seen = threading.Event()

    def perform(effects: Sequence[str], now: Moment) -> None:
        if effects:
            seen.set()

    loop = Loop[int, str](
        core=diary, perform=perform, paint=diary.paint, pump=quiet, clock=Clock(floor_ms=0), wait_ms=600_000
    )
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    loop.post(1)
    assert seen.wait(PATIENCE_SECONDS)
    loop.stop()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_what_was_posted_before_the_stop_is_still_done(diary: Diary) -> None:
    """A press in the last moment is committed before the process ends."""
    loop = loop_of(diary, wait_ms=600_000)
    count = TURN_MAX_EVENTS + 3
    for event in range(count):
        loop.post(event)
    loop.stop()
    loop.run()
    assert [event for batch in diary.batches for event in batch] == list(range(count))


def test_posting_from_many_threads_loses_nothing(diary: Diary) -> None:
    """Callbacks of board, link and local link post at once; each thread's events arrive, in its order."""
    loop = loop_of(diary)

    def post_a_thousand(base: int) -> None:
        for number in range(1_000):
            loop.post(base + number)

    threads = [threading.Thread(target=post_a_thousand, args=(base,)) for base in (0, 10_000, 20_000, 30_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loop.stop()
    loop.run()
    events = [event for batch in diary.batches for event in batch]
    assert len(events) == 4_000
    for base in (0, 10_000, 20_000, 30_000):
        assert [event for event in events if base <= event < base + 10_000] == [base + n for n in range(1_000)]


def test_a_full_queue_refuses_instead_of_blocking_or_dropping(diary: Diary) -> None:
    """The poster of a loop that hangs learns of it and keeps its event; everything accepted is still there."""
    loop = loop_of(diary)
    for event in range(QUEUE_MAX_EVENTS):
        loop.post(event)
    with pytest.raises(ProgrammerError, match="does not turn"):
        loop.post(-1)
    loop.stop()
    loop.run()
    assert sum(map(len, diary.batches)) == QUEUE_MAX_EVENTS
