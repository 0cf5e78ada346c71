"""The phone's part of the journey: it joins, is kept out, reads the rules, goes on-line, and talks to someone.

Each truth is asked of what the phone sees, of what the far side has seen, or of the desk, never of the portal's own
word for it. On loopback there is nothing to join and nobody to be kept out, so those steps are left out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from kiosk.demo.ground import Ground, LabGround, Page
from kiosk.demo.persona import Persona, shows
from kiosk.demo.pictures import Camera
from kiosk.rehearsal import Json, NotReached, Unit

# What Android asks to find out whether it is on-line, and the answer that says so.
PROBE = ("connectivitycheck.gstatic.com", "/generate_204")
ON_LINE = 204
# An order travels at once, is confirmed by the next heartbeat, and the portal asks every five seconds.
ORDER_SECONDS = 60.0
# The gate is told with the next reconciling, half a minute away.
ENDED_SECONDS = 75.0
LOOK_EVERY_SECONDS = 0.5
# A report without hurry takes the place of a heartbeat.
REPORT_SECONDS = 45.0
LESSON_MINUTES = 45
NOT_NOW = "Not now"
MESSAGE = "Your message"
FREE_TEXT = "I saw it at the bus stop, too."

Step = Callable[[str], None]


class PhoneJourney:
    """`step` tells one truth that was reached; the phone's picture is taken here, under the same number."""

    def __init__(
        self,
        *,
        ground: Ground,
        camera: Camera,
        desk: Unit,
        kiosk: Path,
        close: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        """`close` closes at the desk the report whose story is open."""
        self._ground, self._camera, self._desk, self._kiosk = ground, camera, desk, kiosk
        self._close, self._tell = close, tell
        self._phone = Persona(ground)
        self._lab = ground if isinstance(ground, LabGround) else None

    def play(self, step: Step) -> None:
        """Raises NotReached naming the first truth that did not come."""
        if self._lab is not None:
            self._join(self._lab, step)
        closed = self._look(step)
        if closed:
            self._lesson(step)
        self._accept(step)
        self._talk(step)
        self._close_report(step)
        if closed:
            self._end(step)
        else:
            self._tell("This profile has phones on-line at this time of day: no lesson was opened, and none ended.")

    def picture(self, file: Path) -> None:
        """What the phone shows now."""
        self._camera.take(self._phone.page, file)

    # --- the chapters ---

    def _join(self, lab: LabGround, step: Step) -> None:
        """An address, the portal's address with it; and nothing else passes."""
        lease = lab.phone.dhcp()
        api = lab.fetch(lease.portal) if lease.portal else Page("", 0, "", "", False)
        if not _told(api).get("captive"):
            raise NotReached(
                f"the phone was not told of the portal: {lease.portal or 'nothing'} says {api.body[:120]!r}"
            )
        captive = self._phone.probe(*PROBE)
        if not captive.location.startswith(self._ground.own):
            raise NotReached(f"the phone was not sent to the portal, but got {captive.status} {captive.location}")
        self._phone.open()
        step("phone-joined")
        if lab.fetch(f"https://{PROBE[0]}{PROBE[1]}").status != 0:
            raise NotReached("the phone came through to the Internet before it had accepted anything")
        step("phone-captive")

    def _look(self, step: Step) -> bool:
        """The first page; returns whether it is the one that says "not now"."""
        sight = self._phone.wait_for(lambda seen: bool(seen.heading), "a page", self._phone.open)
        if sight.heading != NOT_NOW:
            return False
        step("phone-not-now")
        return True

    def _lesson(self, step: Step) -> None:
        """Staff open the network from the desk, without signing in."""
        self._order(LESSON_MINUTES)
        self._phone.wait_for(lambda seen: seen.heading != NOT_NOW, "the lesson", self._phone.open, ORDER_SECONDS)
        self._desk.wait_for(_shows("Open until"), "the kiosk's own word that the lesson is open", ORDER_SECONDS)
        step("lesson-open")
        self._home()

    def _accept(self, step: Step) -> None:
        sight = self._phone.open()
        if not sight.forms:
            raise self._phone.not_reached("the rules")
        step("phone-rules")
        for language in list(sight.languages):
            # Whoever reads another language meets the same button.
            if not self._phone.open(f"{language}/").forms:
                raise self._phone.not_reached(f"the rules in {language}")
        self._phone.open()
        self._phone.press()
        if "on-line until" not in self._phone.sight.heading:
            raise self._phone.not_reached("on-line")
        if self._lab is not None:
            self._through(self._lab)
        step("phone-online")

    def _through(self, lab: LabGround) -> None:
        """The Internet answers, and has seen the phone's own address: nobody is hidden from the site's filter."""
        answer = self._phone.probe(*PROBE)
        seen = [visit.client for visit in lab.internet.seen() if visit.host == PROBE[0]]
        own = lab.phone.run(["ip", "-4", "-o", "address", "show", "dev", "wlan0"]).output
        if answer.status != ON_LINE or not seen or f"inet {seen[-1]}/" not in own:
            raise NotReached(f"the phone is on-line by its page, but got {answer.status}; the far side saw {seen[-1:]}")

    def _talk(self, step: Step) -> None:
        """From "Talk to someone" to the office, and back on the phone's page."""
        self._phone.open("en/talk")
        step("phone-asks")
        for choice in ("no", "no", "bullying", "send"):
            self._phone.press(choice)
        self._until(MESSAGE, step, "phone-saved")
        self._until("The office computer has it", step, "phone-displayed")
        self._desk.tap()
        self._until('pressed "I have it"', step, "phone-noticed")
        if self._lab is not None:
            self._add_words(step)
        self._desk.touch("going")
        self._until("A staff member has answered", step, "phone-acknowledged")

    def _add_words(self, step: Step) -> None:
        """Over HTTPS with the portal's own name, and only then, the phone is asked for words."""
        # Each answer would travel with a heartbeat of its own, and delay the words.
        for choice in ("add-more", "skip", "skip", "skip", "skip", "skip", "skip"):
            self._phone.press(choice)
        self._phone.press("send-words", words=FREE_TEXT)
        if self._phone.sight.heading != MESSAGE:
            raise self._phone.not_reached(MESSAGE)
        step("phone-words")

    def _close_report(self, step: Step) -> None:
        """A reader reads what came from the phone, and closes it."""
        self._desk.touch("with-them")
        self._desk.touch("story")
        state = self._desk.wait_for(lambda seen: seen["scene"] == "storypage", "the story")
        if not _shows("Phone")(state):
            raise self._desk.not_reached("that it came from a phone")
        if self._lab is not None:
            self._read_words()
        step("phone-read")
        self._close()

    def _read_words(self) -> None:
        """On the story's other page, once a heartbeat has brought them; a story is opened with what is there then."""
        until = time.monotonic() + REPORT_SECONDS
        while not _shows(FREE_TEXT)(self._desk.state()):
            if time.monotonic() > until:
                raise self._desk.not_reached("the words from the phone")
            if "next" in _boxes(self._desk):
                self._desk.touch("next")
            else:
                time.sleep(LOOK_EVERY_SECONDS)
                self._home()
                self._desk.touch("story")

    def _end(self, step: Step) -> None:
        """Staff end the lesson: the page says so, and nothing passes any more."""
        self._order(0)
        self._home()
        self._phone.wait_for(lambda seen: seen.heading == NOT_NOW, "the end", self._phone.open, ORDER_SECONDS)
        if self._lab is not None:
            shut = self._shut
            self._phone.wait_for(lambda _: shut(), "the gate to close", self._phone.open, ENDED_SECONDS)
        step("phone-ended")

    # --- what chapters share ---

    def _shut(self) -> bool:
        return self._phone.probe(*PROBE).status != ON_LINE

    def _until(self, words: str, step: Step, name: str) -> None:
        self._phone.wait_for(shows(words), words, lambda: self._phone.press("look"), REPORT_SECONDS)
        step(name)

    def _order(self, minutes: int) -> None:
        self._desk.touch("page:duty")
        self._desk.touch("page:phones")
        # A device's folder is called by its id.
        self._desk.touch(f"phones:{self._kiosk.name.replace('-', '')}")
        self._desk.touch(f"lesson:{minutes}")

    def _home(self) -> None:
        while "home" in _boxes(self._desk):
            self._desk.touch("home")


def _boxes(unit: Unit) -> list[str]:
    return cast(list[str], unit.state()["boxes"])


def _told(page: Page) -> Json:
    """What the portal says to machines (RFC 8908)."""
    try:
        told = json.loads(page.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _shows(words: str) -> Callable[[Json], bool]:
    return lambda state: any(words in text for text in cast(list[str], state["texts"]))
