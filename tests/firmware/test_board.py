"""The board over gpiozero's own mock pins."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory  # type: ignore[import-untyped]  # gpiozero ships no types

from firmware.board import Board, Buzz, LidSample, Pins, load_pins, make_factory, parse_pins
from firmware.button import Button, Fault, FaultKind, Held, Pressed, Released, Sample
from firmware.errors import BadSettings, NotAllowedHere, ProgrammerError

Queued = list[Sample | LidSample]


@pytest.fixture
def queue() -> Queued:
    return []


@pytest.fixture
def factory() -> MockFactory:
    return MockFactory()


@pytest.fixture
def board(queue: Queued, factory: MockFactory) -> Iterator[Board]:
    ticks = count(1_000, 10)
    board = Board(load_pins("desk"), factory, enqueue=queue.append, monotonic_ms=lambda: next(ticks))
    board.start()
    yield board
    board.close()


def test_pins_are_the_ones_in_the_drawing() -> None:
    """The header positions are facts of the wiring and come from pins.toml alone."""
    assert load_pins("kiosk") == Pins(button_no=17, button_nc=27, light=22, lid=5)
    assert load_pins("desk") == Pins(button_no=17, button_nc=27, light=22, lid=5, beacon=23, buzzer=12)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("format = 2", "format"),
        ("format = 1\n[desk]\nbutton_no=1", "kiosk"),
        ("format = 1\n[kiosk]\nbutton_no=17\nbutton_nc=27\nsiren=4", "kiosk.siren"),
        ("format = 1\n[kiosk]\nbutton_no=17\nbutton_nc=17", "kiosk"),
        ("format = 1\n[kiosk]\nbutton_no=17", "kiosk.button_nc"),
        ("format = 1\n[kiosk]\nbutton_no=99\nbutton_nc=27", "kiosk.button_no"),
        ("format = 1\n[kiosk]\nbutton_no=true\nbutton_nc=27", "kiosk.button_no"),
    ],
)
def test_wrong_pins_name_file_key_and_mend(text: str, key: str) -> None:
    """A pins.toml that somebody changed by mistake is refused before any pin is driven."""
    with pytest.raises(BadSettings) as caught:
        parse_pins(text, "kiosk")
    assert (caught.value.file, caught.value.key) == ("hardware/pins.toml", key)


def test_mock_board_refuses_a_real_unit(tmp_path: Path) -> None:
    """A unit in a classroom can never run with a pretended button."""
    with pytest.raises(NotAllowedHere, match="rehearsal"):
        make_factory("mock", rehearsal=False, run=tmp_path)
    make_factory("mock", rehearsal=True, run=tmp_path).close()


def test_header_that_cannot_be_used_says_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off a Raspberry Pi, or without lgpio, the person gets a line about the board, and lgpio stays out of the
    working directory."""
    monkeypatch.setitem(sys.modules, "lgpio", None)
    monkeypatch.setenv("LG_WD", "")
    with pytest.raises(BadSettings, match=r"board\.pins: lgpio is not installed"):
        make_factory("gpio", rehearsal=False, run=tmp_path)
    with pytest.raises(BadSettings, match=r"board\.pins"):
        make_factory("lego", rehearsal=True, run=tmp_path)


def test_start_tells_where_button_and_lid_stand(queue: Queued, board: Board) -> None:
    """Levels are read at start, because a button already down gives no callback."""
    assert queue == [Sample(1_000, no_closed=False, nc_closed=True), LidSample(1_010, closed=True)]


def test_press_comes_as_the_moves_of_a_changeover(queue: Queued, board: Board) -> None:
    """Going down, NC opens before NO closes; each change is one frozen sample with its own time."""
    queue.clear()
    board.mock_press(True)
    assert queue == [Sample(1_020, False, False), Sample(1_030, True, False)]


@pytest.mark.requirement("L1")
def test_board_and_button_together_tell_tap_hold_and_cut(queue: Queued, board: Board) -> None:
    """From pins to meaning: the mock's moves become a tap, a hold and a cut wire."""
    button = Button()
    board.mock_press(True)
    board.mock_press(False)
    heard = button.step([entry for entry in queue if isinstance(entry, Sample)], 1_200)
    assert [type(event) for event in heard] == [Pressed, Released]
    queue.clear()
    board.mock_press(True)
    assert [type(e) for e in button.step([e for e in queue if isinstance(e, Sample)], 4_000)] == [Held]
    board.mock_wires(no_closed=False, nc_closed=False)
    faults = button.step([Sample(5_000, False, False)], 20_000)
    assert Fault(10_000, FaultKind.CUT) in faults


def test_lid_off_is_queued(queue: Queued, board: Board) -> None:
    """Opening the case is noticed at once."""
    queue.clear()
    board.mock_lid(False)
    assert queue == [LidSample(1_020, closed=False)]
    assert not board.lid_closed()


def test_outputs_go_on_and_all_go_off_at_close(board: Board, factory: MockFactory) -> None:
    """Light, beacon and buzzer follow, and a process that ends leaves none of them on."""
    pins = [factory.pin(number) for number in (22, 23, 12)]
    board.light(True)
    board.beacon(True)
    board.buzz(Buzz.DANGER)
    assert [pin.state for pin in pins[:2]] == [True, True]
    assert board.lit("light")
    assert board.lit("beacon")
    board.hush()
    assert not board.lit("buzzer")
    board.light(False)
    assert not board.lit("light")
    board.beacon(True)
    board.light(True)
    board.close()
    assert not any(pin.state for pin in pins)


def test_kiosk_has_nothing_that_sounds_or_flashes(queue: Queued) -> None:
    """A learner's unit cannot betray a report by beacon or buzzer: it has none, and asking is a fault in the code."""
    board = Board(load_pins("kiosk"), MockFactory(), enqueue=queue.append)
    board.start()
    with pytest.raises(ProgrammerError, match="no buzzer"):
        board.buzz(Buzz.AGAIN)
    with pytest.raises(ProgrammerError, match="no beacon"):
        board.beacon(True)
    board.close()
    board.close()


class NoFactory:
    """Stands for any pin factory that is not the mock."""

    def close(self) -> None:
        """Nothing to give back."""


def test_real_board_cannot_be_pressed_from_outside(queue: Queued) -> None:
    """Nobody can make a report by software on a unit with real pins."""
    board = Board(load_pins("desk"), NoFactory(), enqueue=queue.append)
    with pytest.raises(NotAllowedHere):
        board.mock_press(True)
    assert queue == []
