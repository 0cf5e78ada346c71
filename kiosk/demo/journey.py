"""The journey that a demo without a display plays: every truth once, on the real processes, with pictures.

Prints one JSON object a line, `{"step": …, "at_ms": …}`, as each thing becomes true on a screen. Any truth that is not
reached in time raises, and the demo ends with status 2.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from kiosk.demo.broker import DemoBroker
from kiosk.demo.ground import Ground
from kiosk.demo.phone_journey import PhoneJourney
from kiosk.demo.pictures import Camera
from kiosk.demo.throwaway import PEOPLE, ThrowawaySite
from kiosk.rehearsal import Json, NotReached, Unit

# A report that is in no hurry waits for the next heartbeat, at most 25 s away.
UNHURRIED_SECONDS = 40.0
RECONNECT_SECONDS = 75.0
PIN = ("4", "9", "2", "7", "1", "8")


class Journey:
    """One play through everything. `say` gets each line of JSON, `tell` what a person should know besides."""

    def __init__(
        self,
        *,
        kiosk: Unit,
        desk: Unit,
        broker: DemoBroker,
        site: ThrowawaySite,
        ground: Ground,
        camera: Camera,
        out: Path,
        say: Callable[[str], None],
        tell: Callable[[str], None],
    ) -> None:
        self._kiosk, self._desk, self._broker, self._site = kiosk, desk, broker, site
        self._out, self._say = out, say
        self._phone = PhoneJourney(
            ground=ground, camera=camera, desk=desk, kiosk=site.kiosk, close=self._close, tell=tell
        )
        self._began = time.monotonic()
        self._pictures = 0

    def play(self) -> None:
        """Raises NotReached naming the first truth that did not come."""
        self._open_the_office()
        self._report()
        self._answer()
        self._silent_call()
        self._phone.play(self._phone_step)
        self._broker_dies()
        self._private_report()
        self._nobody_on_duty()

    # --- the chapters ---

    def _open_the_office(self) -> None:
        self._kiosk.wait_for(lambda state: bool(state["connected"]), "the kiosk's connection")
        self._desk.wait_for(lambda state: bool(state["connected"]), "the desk's connection")
        self._desk.touch("page:duty")
        self._desk.touch("duty-on")
        self._home()
        self._kiosk.wait_for(lambda state: state["duty"] == "on", "a signed word that the office is attended", 60.0)
        self._step("ready")

    def _report(self) -> None:
        """A tap, the talk, and the truths as they come back."""
        self._kiosk.tap()
        self._kiosk.wait_for(lambda state: state["screen"] == "danger", "the first question")
        self._step("pressed")
        for option in ("no", "no", "bullying"):
            self._kiosk.touch(f"option-{option}")
        self._kiosk.wait_for(lambda state: state["screen"] == "send", "the question whether to send")
        self._step("asked")
        self._kiosk.touch("option-send")
        self._kiosk.wait_for(lambda state: bool(_told(state, "report").get("saved")), "saved")
        self._step("saved")
        self._until_stage("report", "stored", UNHURRIED_SECONDS)
        self._until_stage("report", "displayed", UNHURRIED_SECONDS)
        self._desk.tap()
        self._until_stage("report", "noticed")

    def _answer(self) -> None:
        """A reader signs in, answers, is with them, and closes."""
        self._sign_in(*PEOPLE[1][::2])
        self._step("unlocked")
        self._desk.touch("going")
        self._until_stage("report", "acknowledged")
        self._desk.touch("with-them")
        self._desk.touch("story")
        self._desk.wait_for(lambda state: state["scene"] == "storypage", "the story")
        self._step("opened")
        self._close()
        self._until_stage("report", "closed")
        self._kiosk.touch("control-hide")
        self._kiosk.wait_for(lambda state: state["screen"] == "idle", "the tips")
        self._step("hidden")

    def _silent_call(self) -> None:
        """Two seconds on the button; the screen only turns its tip."""
        self._kiosk.hold()
        self._kiosk.wait_for(lambda state: bool(_told(state, "call").get("saved")), "the silent call saved")
        self._step("silent-call-saved")
        self._until_stage("call", "stored", name="silent-call-stored")
        self._until_stage("call", "displayed", UNHURRIED_SECONDS, name="silent-call-displayed")
        self._desk.tap()
        self._until_stage("call", "noticed", name="silent-call-noticed")
        self._desk.touch("going")
        self._until_stage("call", "acknowledged", name="silent-call-acknowledged")
        self._desk.touch("with-them")
        self._desk.touch("story")
        self._close()
        self._step("silent-call-close-asked")
        # Two readers close what was danger: the head confirms what the lead has asked for.
        self._home()
        self._desk.touch("lock")
        self._sign_in(*PEOPLE[0][::2])
        self._desk.touch("story")
        self._desk.touch("confirm")
        self._until_stage("call", "closed", name="silent-call-closed")

    def _broker_dies(self) -> None:
        """The broker is killed and its disk wiped; a report made meanwhile arrives after its return."""
        self._broker.kill_and_wipe()
        self._kiosk.wait_for(lambda state: not state["connected"], "the kiosk to notice that the broker is gone", 60.0)
        self._kiosk.tap()
        self._kiosk.touch("option-yes")
        self._kiosk.wait_for(lambda state: bool(_told(state, "report").get("saved")), "saved without a broker")
        self._step("saved-without-broker")
        self._kiosk.wait_for(_shows("has not confirmed"), "not confirmed", 15.0)
        self._step("not-confirmed")
        self._kiosk.wait_for(_shows("Don't wait"), "the human way", 30.0)
        self._step("human-way")
        self._broker.start()
        self._until_stage("report", "stored", RECONNECT_SECONDS, name="stored-after-broker")
        self._until_stage("report", "displayed", RECONNECT_SECONDS, name="displayed-after-broker")
        self._desk.tap()
        self._until_stage("report", "noticed", name="noticed-after-broker")
        self._desk.touch("going")
        self._until_stage("report", "acknowledged", name="acknowledged-after-broker")
        self._desk.touch("with-them")
        self._kiosk.touch("control-hide")

    def _private_report(self) -> None:
        """About an adult who works here: the shared desk draws nothing of it."""
        self._desk.touch("lock")
        self._kiosk.tap()
        for option in ("no", "yes", "no", "rather-not-say"):
            self._kiosk.touch(f"option-{option}")
        self._kiosk.touch("option-send")
        report = cast(
            str, _told(self._until_stage("report", "stored", UNHURRIED_SECONDS, "private-stored"), "report")["id"]
        )
        state = self._desk.state()
        lines = cast(list[Json], state["lines"])
        if any(report in cast(list[str], line["reports"]) for line in lines):
            raise self._desk.not_reached("a private report stays off the shared desk")
        self._step("private-not-drawn")
        self._kiosk.touch("control-hide")

    def _nobody_on_duty(self) -> None:
        """Staff leave; the kiosk says so before anything is sent."""
        self._desk.touch("page:duty")
        self._desk.touch("duty-day")
        self._kiosk.wait_for(lambda state: state["duty"] == "off", "a signed word that nobody is on duty", 60.0)
        self._kiosk.tap()
        self._kiosk.wait_for(_shows("Nobody is on duty"), "the duty line")
        self._step("off-duty")
        self._kiosk.touch("control-hide")

    # --- what chapters share ---

    def _sign_in(self, name: str, passphrase: str) -> None:
        self._desk.touch("unlock")
        if (
            self._desk.wait_for(lambda state: state["scene"] in ("choosereader", "pin"), "the sign-in")["scene"]
            == "pin"
        ):
            # One reader's key is held for this shift; this one is another.
            self._desk.touch("use-passphrase")
        state = self._desk.wait_for(lambda state: state["scene"] == "choosereader", "the readers' names")
        self._desk.touch(_box_of(state, name))
        self._desk.wait_for(lambda state: state["scene"] == "passphrase", "the passphrase")
        self._desk.type(passphrase)
        self._desk.enter()
        self._desk.wait_for(lambda state: state["scene"] == "pin", "the question for a PIN", 30.0)
        for digit in PIN:
            self._desk.touch(f"digit:{digit}")
        self._home()

    def _close(self) -> None:
        self._desk.touch("close")
        self._desk.touch("outcome:internal")
        self._desk.type("Spoke with both learners.")
        self._desk.touch("close-now")

    def _home(self) -> None:
        if "home" in cast(list[str], self._desk.state()["boxes"]):
            self._desk.touch("home")

    def _until_stage(self, told: str, stage: str, seconds: float = 20.0, name: str = "") -> Json:
        state = self._kiosk.wait_for(
            lambda state: stage in cast(list[str], _told(state, told).get("stages", [])), f"{stage} ({told})", seconds
        )
        self._step(name or stage)
        return state

    def _step(self, name: str) -> None:
        """One truth reached: a line and two pictures."""
        at_ms = round((time.monotonic() - self._began) * 1000)
        self._pictures += 1
        for unit, who in ((self._kiosk, "kiosk"), (self._desk, "desk")):
            unit.snapshot(self._out / f"{self._pictures:02}-{name}-{who}.png")
        self._say(json.dumps({"step": name, "at_ms": at_ms}))

    def _phone_step(self, name: str) -> None:
        """The same with a third picture, if this machine can make one."""
        self._step(name)
        self._phone.picture(self._out / f"{self._pictures:02}-{name}-phone.png")


def _told(state: Json, name: str) -> Json:
    """What the kiosk knows of its report or call; empty before there is one."""
    return cast(Json, state.get(name) or {})


def _shows(words: str) -> Callable[[Json], bool]:
    return lambda state: any(words in text for text in cast(list[str], state["texts"]))


def _box_of(state: Json, text: str) -> str:
    """The name of the box whose words begin with this text."""
    touchable = cast(dict[str, str], state["touchable"])
    found = next((box for words, box in touchable.items() if words.startswith(text)), None)
    if found is None:
        raise NotReached(f"{text} is not on the screen; it shows {list(touchable)}")
    return found
