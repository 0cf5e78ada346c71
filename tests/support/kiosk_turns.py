"""One real kiosk engine turned by hand: real ledger, courier and desks of a `Site`, no loop, link or window.

`turn` does what `firmware.loop` does with a core: step, commit, and what is left when the disk did not take it. What
the engine publishes reaches the desks at once; what they answer waits in `answers`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from firmware.button import Sample
from firmware.courier import Courier
from firmware.errors import StoreFault
from firmware.link import Connected, Received
from firmware.messages import Stage
from firmware.topics import Topics
from kiosk.learner.engine import Acknowledge, KioskEffect, KioskEngine, KioskEvent, Publish, TalkTouched
from kiosk.talk.pages import Page, talk_page
from kiosk.talk.state import Chosen, Event, HideNow, KeyTyped, Opened, TalkState
from kiosk.talk.truths import DutyView
from tests.support.conversation import Site
from tests.support.talks import ROOM, secondary

TOUCH = Opened("touch")


class KioskTurns:
    """A kiosk in front of which somebody stands. `words` are touched options, other events as they are."""

    def __init__(self, directory: Path, *, desks: int = 1) -> None:
        self.site = Site(directory, desks=desks)
        self.topics = Topics(self.site.id)
        self.answers: list[bytes] = []
        self.effects: list[KioskEffect] = []
        self._token = 0
        self.engine = self._engine()

    @property
    def courier(self) -> Courier:
        return self.site.kiosk.courier

    @property
    def talk(self) -> TalkState:
        return self.engine.talk

    @property
    def page(self) -> Page:
        return talk_page(self.talk, secondary(), DutyView(), self.site.kiosk.now().monotonic_ms)

    def _engine(self) -> KioskEngine:
        kiosk = self.site.kiosk
        return KioskEngine(
            room=ROOM,
            site=self.site.id,
            device=kiosk.id,
            courier=kiosk.courier,
            ledger=kiosk.ledger,
            policy=secondary(),
            random_bytes=os.urandom,
            floor_ms=lambda: kiosk.now().wall_ms,
            now=kiosk.now(),
        )

    def restart(self) -> None:
        """The power went, and came back."""
        self.site.kiosk.restart()
        self.engine = self._engine()

    def turn(self, *events: KioskEvent) -> list[KioskEffect]:
        """One turn of the loop; returns what it would perform."""
        now = self.site.kiosk.now()
        try:
            effects = self.engine.step(events, now)
            self.engine.commit()
        except StoreFault as fault:
            effects = self.engine.commit_failed(fault, now)
        self.effects += effects
        for effect in effects:
            if isinstance(effect, Publish):
                self._publish(effect)
        return effects

    def touch(self, *events: Event | str) -> None:
        """Each touch in a turn of its own; a bare word is an option of the page."""
        for event in events:
            self.turn(TalkTouched(Chosen(event) if isinstance(event, str) else event))

    def type(self, words: str) -> None:
        self.touch(*(KeyTyped(character) for character in words))

    def ask(self, words: Sequence[str]) -> None:
        """From the tips: five words are typed and looked up."""
        self.touch(HideNow(), TOUCH, "have-code")
        self.type(" ".join(words))
        self.touch("look-up")

    def connect(self) -> None:
        self.turn(Connected())

    def received(self, payload: bytes) -> Received:
        self._token += 1
        return Received(self.topics.down(self.site.kiosk.id), payload, self._token)

    def deliver(self) -> None:
        """Everything the desks have answered arrives, a turn each."""
        while self.answers:
            self.turn(self.received(self.answers.pop(0)))

    def mark(self, report: bytes, stage: Stage, *, desk: int = 0) -> None:
        """Somebody at a desk does something with a report; its word arrives."""
        self.site.desks[desk].mark(report, stage)
        self._collect()
        self.deliver()

    def wait(self, ms: int) -> None:
        """Time passes with an idle turn at its end."""
        self.site.ms += ms
        self.turn()

    def button(self, *, held_ms: int) -> None:
        """The button goes down, stays, and comes up."""
        start = self.site.kiosk.now().monotonic_ms
        self.turn(Sample(start, no_closed=False, nc_closed=True))
        for at_ms in range(0, held_ms + 1, 50):
            self.site.ms += 50
            self.turn(Sample(start + at_ms + 50, no_closed=True, nc_closed=False))
        self.site.ms += 50
        self.turn(Sample(start + held_ms + 100, no_closed=False, nc_closed=True))
        self.wait(100)

    def acknowledged(self) -> list[int]:
        return [effect.token for effect in self.effects if isinstance(effect, Acknowledge)]

    def _publish(self, effect: Publish) -> None:
        for desk in self.site.desks:
            if desk.is_up:
                desk.receive(self.site.kiosk.id, effect.payload)
        self._collect()

    def _collect(self) -> None:
        mine = [message for message in self.site.wire if message.kind == "down"]
        self.site.wire.clear()
        self.answers += [message.payload for message in mine if message.device == self.site.kiosk.id]
