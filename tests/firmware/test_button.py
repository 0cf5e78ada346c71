"""The button's promises, over made-up samples and made-up time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.button import (
    BOUNCE_MS,
    HOLD_MS,
    STUCK_MS,
    WIRE_FAULT_MS,
    Button,
    ButtonEvent,
    Fault,
    FaultCleared,
    FaultKind,
    Held,
    Pressed,
    Released,
    Sample,
)

UP, DOWN, NEITHER, BOTH = (False, True), (True, False), (False, False), (True, True)

chatter = st.lists(st.tuples(st.integers(0, BOUNCE_MS), st.sampled_from([UP, DOWN, NEITHER, BOTH])), max_size=30).map(
    lambda moves: sorted(moves, key=lambda move: move[0])
)


def at(ms: int, contacts: tuple[bool, bool]) -> Sample:
    return Sample(ms, *contacts)


def play(
    moves: list[tuple[int, tuple[bool, bool]]], until_ms: int, *, button: Button | None = None
) -> list[ButtonEvent]:
    """Every event of a trace that begins at rest, asked for only when a sample comes or `next_due_ms` says so."""
    button = button or Button()
    events = list(button.step([at(0, UP)], 0))
    for ms, contacts in moves:
        while (due := button.next_due_ms()) is not None and due < ms:
            events += button.step((), due)
        events += button.step([at(ms, contacts)], ms)
    while (due := button.next_due_ms()) is not None and due <= until_ms:
        events += button.step((), due)
    return events + list(button.step((), until_ms))


def count(events: list[ButtonEvent], kind: type[ButtonEvent]) -> int:
    return sum(isinstance(event, kind) for event in events)


def test_tap_is_decided_when_the_button_comes_up() -> None:
    """Nothing happens while the button goes down, so the screen of a silent call cannot give it away."""
    button = Button()
    assert play([(1_000, NEITHER), (1_003, DOWN)], 2_500, button=button) == []
    assert button.step([at(2_600, NEITHER), at(2_604, UP)], 2_604) == (Pressed(2_604), Released(2_604))


@pytest.mark.requirement("L5")
def test_hold_is_heard_once_while_still_down_and_is_no_tap() -> None:
    """A hold of two seconds is one silent call, told before the finger leaves, and never a press as well."""
    events = play([(1_000, DOWN), (9_000, UP)], 20_000)
    assert events == [Held(1_000 + HOLD_MS), Released(9_000)]


def test_one_millisecond_short_of_a_hold_is_a_tap() -> None:
    """The border between tap and hold is exact."""
    assert count(play([(1_000, DOWN), (1_000 + HOLD_MS - 1, UP)], 9_000), Held) == 0
    assert count(play([(1_000, DOWN), (1_000 + HOLD_MS, UP)], 9_000), Held) == 1


@given(chatter, chatter, st.integers(BOUNCE_MS + 1, HOLD_MS - BOUNCE_MS - 1))
def test_any_bounce_within_twenty_milliseconds_is_one_press(
    going_down: list[tuple[int, tuple[bool, bool]]], going_up: list[tuple[int, tuple[bool, bool]]], down_ms: int
) -> None:
    """However the contacts chatter for 20 ms at either end, a press is exactly one press and no hold."""
    down_at, up_at = 1_000, 1_000 + down_ms
    moves = [(down_at + ms, contacts) for ms, contacts in going_down] + [(down_at + BOUNCE_MS, DOWN)]
    moves += [(up_at + ms, contacts) for ms, contacts in going_up] + [(up_at + BOUNCE_MS, UP)]
    events = play(moves, 60_000)
    assert (count(events, Pressed), count(events, Released), count(events, Held)) == (1, 1, 0)
    assert count(events, Fault) == 0


@given(st.lists(st.tuples(st.integers(60, 400), st.integers(21, 39), chatter), min_size=1, max_size=12))
def test_presses_sixty_milliseconds_apart_count_each(
    presses: list[tuple[int, int, list[tuple[int, tuple[bool, bool]]]]],
) -> None:
    """Presses at least 60 ms apart, each bouncing on its way down, give one event each."""
    moves, start = [], 1_000
    for gap_ms, down_ms, bounce in presses:
        moves += [(start + ms, contacts) for ms, contacts in bounce] + [(start + BOUNCE_MS, DOWN)]
        moves += [(start + down_ms, UP)]
        start += gap_ms
    assert count(play(moves, start + 60_000), Pressed) == len(presses)


@given(st.lists(st.tuples(st.integers(0, 8_000), st.sampled_from([UP, DOWN, NEITHER, BOTH])), max_size=60))
def test_any_trace_keeps_taps_holds_and_faults_in_order(moves: list[tuple[int, tuple[bool, bool]]]) -> None:
    """Whatever the wires do, each press ends once, holds never exceed presses, no fault is raised twice in a row."""
    now, trace = 0, []
    for gap_ms, contacts in moves:
        now += gap_ms
        trace.append((now, contacts))
    button = Button()
    events = play([*trace, (now + 1_000, UP)], now + 100_000, button=button)
    assert count(events, Pressed) + count(events, Held) == count(events, Released)
    standing: set[FaultKind] = set()
    for event in events:
        if isinstance(event, Fault):
            assert event.kind not in standing
            standing.add(event.kind)
        elif isinstance(event, FaultCleared):
            standing.remove(event.kind)
    assert standing == button.faults == frozenset()
    assert button.next_due_ms() is None


@given(st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from([UP, DOWN, NEITHER, BOTH])), max_size=40))
def test_late_step_gives_the_same_events_as_a_prompt_one(moves: list[tuple[int, tuple[bool, bool]]]) -> None:
    """A slow loop that sees all samples at once decides exactly what a prompt loop decides."""
    now, trace = 0, []
    for gap_ms, contacts in moves:
        now += gap_ms
        trace.append((now, contacts))
    late = Button().step([at(0, UP), *(at(ms, contacts) for ms, contacts in trace)], now + 50_000)
    assert list(late) == play(trace, now + 50_000)


def test_button_down_at_start_still_calls() -> None:
    """A finger that was there before the power is heard: the first sample counts as the beginning."""
    button = Button()
    assert button.step([at(500, DOWN)], 500) == ()
    assert button.step((), 500 + HOLD_MS) == (Held(500 + HOLD_MS),)


def test_stuck_button_is_a_fault_until_it_comes_up() -> None:
    """Thirty seconds down is trouble, told once, and over when the button rises."""
    events = play([(1_000, DOWN), (50_000, UP)], 60_000)
    assert events == [
        Held(1_000 + HOLD_MS),
        Fault(1_000 + STUCK_MS, FaultKind.STUCK),
        Released(50_000),
        FaultCleared(50_000, FaultKind.STUCK),
    ]


@pytest.mark.parametrize(("contacts", "kind"), [(NEITHER, FaultKind.CUT), (BOTH, FaultKind.SHORTED)])
def test_broken_wire_is_a_fault_after_it_settled(contacts: tuple[bool, bool], kind: FaultKind) -> None:
    """A cut or shorted wire is told apart from a press and from a finger resting half-way."""
    assert play([(1_000, contacts), (1_000 + WIRE_FAULT_MS - 1, UP)], 9_000) == []
    events = play([(1_000, contacts), (20_000, UP)], 30_000)
    assert events == [Fault(1_000 + WIRE_FAULT_MS, kind), FaultCleared(20_000, kind)]


def test_shorted_button_never_calls() -> None:
    """A NO wire shorted to ground is trouble and neither a press nor a silent call."""
    events = play([(1_000, BOTH)], 90_000)
    assert events == [Fault(1_000 + WIRE_FAULT_MS, FaultKind.SHORTED)]


def test_button_with_a_cut_nc_wire_still_works() -> None:
    """With the fault standing, taps and holds go on by the other contact alone."""
    button = Button()
    events = play(
        [(1_000, NEITHER), (20_000, DOWN), (20_200, NEITHER), (30_000, DOWN), (33_000, NEITHER)], 90_000, button=button
    )
    assert [type(event) for event in events] == [Fault, Pressed, Released, Held, Released]
    assert button.faults == {FaultKind.CUT}


def test_wire_cut_during_a_press_is_no_silent_call() -> None:
    """A press whose wire breaks ends as a tap; it does not grow into a call that nobody made."""
    events = play([(1_000, DOWN), (1_100, NEITHER)], 90_000)
    assert [type(event) for event in events] == [Pressed, Released, Fault]


def test_time_running_backwards_between_threads_is_taken_as_now() -> None:
    """Two callback threads may queue out of order; the later reading wins and nothing is lost."""
    button = Button()
    button.step([at(1_000, NEITHER), at(999, DOWN)], 1_001)
    assert button.down
