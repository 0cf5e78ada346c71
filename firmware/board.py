"""The matter on a unit: button, lid, light, beacon, buzzer. The only user of gpiozero, and of `hardware/pins.toml`.

Owns the pins between `start()` and `close()`. A callback reads both contacts of the button, notes the time and
enqueues one frozen sample; it decides nothing (`button` does). Callbacks come on gpiozero's own threads, so `enqueue`
must be safe to call from any thread. No debounce here: gpiozero's mock ignores it, so it could not be tested.

A mock board is a small working device: its button has two contacts that move as a changeover does. What it does not
model: bounce, current, sound. It refuses to exist on a unit that is not a rehearsal.
"""

from __future__ import annotations

import importlib
import importlib.resources
import os
import tomllib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Protocol

# gpiozero ships no types
from gpiozero import DigitalInputDevice, DigitalOutputDevice  # type: ignore[import-untyped]
from gpiozero.exc import GPIOZeroError  # type: ignore[import-untyped]
from gpiozero.pins.mock import MockFactory  # type: ignore[import-untyped]

from firmware.button import Sample
from firmware.clock import boot_time_ms
from firmware.errors import BadSettings, NotAllowedHere, ProgrammerError

PINS_FORMAT = 1
# lgpio writes a notification pipe into its working directory; it must not be the current one.
LGPIO_DIRECTORY_VARIABLE = "LG_WD"


@dataclass(frozen=True, slots=True)
class Pins:
    """BCM numbers of one kind of unit; None: this unit has no such part."""

    button_no: int
    button_nc: int
    light: int | None = None
    lid: int | None = None
    beacon: int | None = None
    buzzer: int | None = None


@dataclass(frozen=True, slots=True)
class LidSample:
    """Whether the lid is on."""

    at_ms: int
    closed: bool


class Buzz(Enum):
    """What the desk's buzzer can say: (seconds on, seconds off, times)."""

    DANGER = (0.3, 0.2, 6)
    AGAIN = (0.3, 0.2, 3)
    TROUBLE = (1.0, 0.5, 2)


class Output(Protocol):
    """What this module uses of gpiozero's DigitalOutputDevice."""

    value: int

    def on(self) -> None: ...
    def off(self) -> None: ...
    def blink(self, on_time: float, off_time: float, n: int | None) -> None: ...
    def close(self) -> None: ...


class Factory(Protocol):
    """What this module uses of a gpiozero pin factory."""

    def close(self) -> None: ...


def load_pins(unit: str) -> Pins:
    """The pins of a "kiosk" or a "desk".

    Raises:
        BadSettings: pins.toml is of another format, or lacks or misnames a part.
    """
    source = importlib.resources.files("hardware") / "pins.toml"
    return parse_pins(source.read_text(encoding="utf-8"), unit)


def parse_pins(text: str, unit: str) -> Pins:
    """The table of one unit, each number a different header pin (BCM 2 to 27)."""
    table = tomllib.loads(text)
    if table.get("format") != PINS_FORMAT:
        raise BadSettings("hardware/pins.toml", "format", f"must be {PINS_FORMAT}")
    numbers = table.get(unit)
    if not isinstance(numbers, dict):
        raise BadSettings("hardware/pins.toml", unit, "no such unit; use kiosk or desk")
    for name, number in numbers.items():
        if name not in {part.name for part in fields(Pins)}:
            raise BadSettings("hardware/pins.toml", f"{unit}.{name}", "no such part; remove the line")
        if type(number) is not int or not 2 <= number <= 27:
            raise BadSettings("hardware/pins.toml", f"{unit}.{name}", "must be a BCM number from 2 to 27")
    if len(set(numbers.values())) != len(numbers):
        raise BadSettings("hardware/pins.toml", unit, "two parts share one pin; give each its own")
    missing = {"button_no", "button_nc"} - set(numbers)
    if missing:
        raise BadSettings("hardware/pins.toml", f"{unit}.{min(missing)}", "missing; every unit has a button")
    return Pins(**numbers)


def make_factory(pins: str, *, rehearsal: bool, run: Path) -> Factory:
    """The pin factory that `board.pins` in device.toml asks for: "mock" or "gpio". `run` is the run directory.

    Raises:
        NotAllowedHere: "mock" on a unit that is not a rehearsal.
        BadSettings: the header of this machine cannot be used.
    """
    if pins == "mock":
        if not rehearsal:
            raise NotAllowedHere('device.toml: board.pins: "mock" is for rehearsals; a real unit needs "gpio"')
        mock: Factory = MockFactory()
        return mock
    if pins != "gpio":
        raise BadSettings("device.toml", "board.pins", 'must be "gpio", or "mock" for a rehearsal')
    return _lgpio_factory(run)


def _lgpio_factory(run: Path) -> Factory:
    os.environ[LGPIO_DIRECTORY_VARIABLE] = str(run)
    try:
        lgpio_error: type[Exception] = importlib.import_module("lgpio").error
        make: Callable[[], Factory] = importlib.import_module("gpiozero.pins.lgpio").LGPIOFactory
    except ImportError as problem:
        mend = "lgpio is not installed; on a Raspberry Pi: pip install 'quietbell[pi]'"
        raise BadSettings("device.toml", "board.pins", mend) from problem
    try:
        return make()
    except (GPIOZeroError, OSError, lgpio_error) as problem:
        mend = f"the header cannot be used ({problem}); run on a Raspberry Pi as a member of the group gpio"
        raise BadSettings("device.toml", "board.pins", mend) from problem


class Board:
    """One unit's parts. `enqueue` gets a `Sample` at every change of the button and a `LidSample` of the lid."""

    def __init__(
        self,
        pins: Pins,
        factory: Factory,
        *,
        enqueue: Callable[[Sample | LidSample], None],
        monotonic_ms: Callable[[], int] = boot_time_ms,
    ) -> None:
        self._pins, self._factory = pins, factory
        self._enqueue, self._monotonic_ms = enqueue, monotonic_ms
        self._claimed = ExitStack()
        self._inputs: dict[str, DigitalInputDevice] = {}
        self._outputs: dict[str, Output] = {}

    def start(self) -> None:
        """Claim the pins, listen, and enqueue where button and lid stand now: a button that is already down would
        give no callback ever."""
        self._claimed.callback(self._factory.close)
        for name in ("light", "beacon", "buzzer"):
            self._claim_output(name)
        for name in ("button_no", "button_nc", "lid"):
            self._claim_input(name)
        if isinstance(self._factory, MockFactory):
            self.mock_press(False)
            self.mock_lid(True)
        self._listen()

    def _listen(self) -> None:
        for name, pin in self._inputs.items():
            changed = self._lid_changed if name == "lid" else self._button_changed
            pin.when_activated = pin.when_deactivated = changed
        self._button_changed()
        if "lid" in self._inputs:
            self._lid_changed()

    def close(self) -> None:
        """Everything off, pins given back. May be called twice."""
        for output in self._outputs.values():
            output.off()
        self._outputs.clear()
        self._inputs.clear()
        self._claimed.close()

    def sample(self) -> Sample:
        """Both contacts as they stand now."""
        no, nc = (bool(self._inputs[name].is_active) for name in ("button_no", "button_nc"))
        return Sample(self._monotonic_ms(), no, nc)

    def lid_closed(self) -> bool:
        """Whether the lid is on."""
        return bool(self._inputs["lid"].is_active)

    def light(self, on: bool) -> None:
        self._switch("light", on)

    def beacon(self, on: bool) -> None:
        self._switch("beacon", on)

    def buzz(self, buzz: Buzz) -> None:
        """Sound one pattern once, instead of one that is sounding; returns at once."""
        seconds_on, seconds_off, times = buzz.value
        self._output("buzzer").blink(seconds_on, seconds_off, times)

    def hush(self) -> None:
        """Stop the buzzer."""
        self._output("buzzer").off()

    def lit(self, name: str) -> bool:
        """Whether "light", "beacon" or "buzzer" is on at this moment (self-test, rehearsal)."""
        return bool(self._output(name).value)

    def mock_press(self, down: bool) -> None:
        """Move the mock button as a finger does: one contact opens before the other closes."""
        if down:
            self.mock_wires(no_closed=False, nc_closed=False)
        self.mock_wires(no_closed=down, nc_closed=False)
        self.mock_wires(no_closed=down, nc_closed=not down)

    def mock_wires(self, *, no_closed: bool, nc_closed: bool) -> None:
        """Put each wire of the mock button where a cut or a short would."""
        self._drive("button_no", no_closed)
        self._drive("button_nc", nc_closed)

    def mock_lid(self, closed: bool) -> None:
        """Take the mock lid off or put it on."""
        if "lid" in self._inputs:
            self._drive("lid", closed)

    def _drive(self, name: str, closed: bool) -> None:
        if not isinstance(self._factory, MockFactory):
            raise NotAllowedHere("only a rehearsal's mock board can be pressed from outside")
        pin = self._inputs[name].pin
        if closed:
            pin.drive_low()
        else:
            pin.drive_high()

    def _claim_input(self, name: str) -> None:
        number = getattr(self._pins, name)
        if number is not None:
            pin = DigitalInputDevice(number, pull_up=True, bounce_time=None, pin_factory=self._factory)
            self._claimed.callback(pin.close)
            self._inputs[name] = pin

    def _claim_output(self, name: str) -> None:
        number = getattr(self._pins, name)
        if number is not None:
            pin: Output = DigitalOutputDevice(number, initial_value=False, pin_factory=self._factory)
            self._claimed.callback(pin.close)
            self._outputs[name] = pin

    def _button_changed(self) -> None:
        self._enqueue(self.sample())

    def _lid_changed(self) -> None:
        self._enqueue(LidSample(self._monotonic_ms(), self.lid_closed()))

    def _switch(self, name: str, on: bool) -> None:
        if on:
            self._output(name).on()
        else:
            self._output(name).off()

    def _output(self, name: str) -> Output:
        if name not in self._outputs:
            raise ProgrammerError(f"this unit has no {name}, or its board is not started")
        return self._outputs[name]
