"""Drives a real kiosk or desk from outside, as a hand would: tap, hold, touch, type, look. Rehearsal bundles only.

`Unit` speaks to the socket that such a unit opens (`firmware.rehearsal_port`); it starts nothing and knows no room's
code. `wait_for` looks again until what is asked for is true or time is up, so nothing here guesses how long a thing
takes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import click

from firmware.errors import BadInput, TechnicianError
from firmware.local_link import ask
from firmware.rehearsal_port import ANSWER_SECONDS, SOCKET_NAME
from firmware.settings import find_root

# A hold is two seconds; a little more makes sure that the unit has counted them.
HOLD_SECONDS = 2.2
LOOK_EVERY_SECONDS = 0.02

Json = dict[str, object]


class NotReached(TechnicianError):
    """A rehearsal waited for something that did not come true."""


class Unit:
    """One running rehearsal unit."""

    def __init__(self, run: Path) -> None:
        self._socket = run / SOCKET_NAME

    def state(self) -> Json:
        """What a person in front of the unit could see, and the ids behind it."""
        return self._ask("state")

    def tap(self) -> Json:
        """Press the button and let go."""
        self._ask("press")
        return self._ask("release")

    def hold(self) -> Json:
        """Hold the button until it is a silent call."""
        self._ask("press")
        time.sleep(HOLD_SECONDS)
        return self._ask("release")

    def touch(self, box: str) -> Json:
        """Touch a box by its name.

        Raises NotReached when no such box is in view.
        """
        self.wait_for(lambda state: box in cast(list[str], state["boxes"]), f"the box {box}")
        return self._ask("touch", box=box)

    def type(self, text: str) -> Json:
        """Type on the desk's keyboard."""
        return self._ask("type", text=text)

    def enter(self) -> Json:
        return self._ask("enter")

    def snapshot(self, path: Path) -> Json:
        """Write what is on the screen as PNG."""
        return self._ask("snapshot", path=str(path.absolute()))

    def stop(self) -> Json:
        return self._ask("stop")

    def wait_for(self, true: Callable[[Json], bool], what: str, seconds: float = 20.0) -> Json:
        """Look until it is true; returns the state in which it was. Raises NotReached."""
        until = time.monotonic() + seconds
        while True:
            state = self.state()
            if true(state):
                return state
            if time.monotonic() > until:
                raise NotReached(f"{what} did not come within {seconds:g} s; the screen shows {state.get('texts')}")
            time.sleep(LOOK_EVERY_SECONDS)

    def not_reached(self, what: str) -> NotReached:
        """The error for something that should be true on this unit and is not."""
        return NotReached(f"{what}: the screen shows {self.state().get('texts')}")

    def wait_until_up(self, seconds: float = 30.0) -> Json:
        """Wait for a unit that is still starting. Raises NotReached."""
        until = time.monotonic() + seconds
        while True:
            try:
                return self.state()
            except TechnicianError as problem:
                if time.monotonic() > until:
                    raise NotReached(f"{self._socket}: no unit came up within {seconds:g} s") from problem
            time.sleep(LOOK_EVERY_SECONDS)

    def _ask(self, do: str, **words: str) -> Json:
        answer = json.loads(ask(self._socket, json.dumps({"do": do, **words}).encode(), ANSWER_SECONDS + 1))
        if not isinstance(answer, dict) or "error" in answer:
            raise TechnicianError(f"{self._socket}: the unit did not take {do!r}: {answer}")
        return answer


_ACTIONS = ("state", "tap", "hold", "touch", "type", "enter", "snapshot", "stop")


@click.command()
@click.option("--root", type=click.Path(path_type=Path), help="The unit's root folder.")
@click.argument("action", type=click.Choice(_ACTIONS))
@click.argument("word", default="")
def rehearse(root: Path | None, action: str, word: str) -> None:
    """Drive a rehearsal kiosk or desk from outside: state, tap, hold, touch BOX, type TEXT, snapshot FILE."""
    unit = Unit(find_root(root, os.environ).run)
    if action in ("touch", "type", "snapshot") and not word:
        raise BadInput(f"rehearse {action}: say what; for example `quietbell rehearse {action} …`")
    if action == "snapshot":
        unit.snapshot(Path(word))
    elif action in ("touch", "type"):
        click.echo(json.dumps(getattr(unit, action)(word)))
    else:
        click.echo(json.dumps(getattr(unit, action)()))
