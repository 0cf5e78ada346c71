"""One desk engine in a site of real kiosks, turned by hand: step, commit, and what is left when the disk refuses.

It models no loop, link or window; what the engine publishes reaches kiosks when a test says `hear`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from firmware.clock import Moment
from firmware.duty import DutyBook
from firmware.duty_store import kept_word
from firmware.envelope import SealTo, fill, make_blank, parse_up
from firmware.errors import StoreFull
from firmware.identity import Recipient
from firmware.link import Received
from firmware.messages import Duty, DutyState, Kind, Urgency
from firmware.topics import Topics
from firmware.trouble import Cause
from kiosk.staff import events as ev
from kiosk.staff import scenes
from kiosk.staff.desk import Desk
from kiosk.staff.engine import (
    BundleChanged,
    DeskEngine,
    Publish,
    StaffEffect,
    StaffEvent,
)
from kiosk.staff.practice_calls import PracticeCalls
from tests.support.conversation import Site, draft
from tests.support.staff_desk import alert_of


class Office:
    """One desk engine in a site of one kiosk; `turn` is one turn of the loop."""

    def __init__(self, folder: Path, *, kiosks: int = 1) -> None:
        self.site = Site(folder, kiosks=kiosks)
        self.topics = Topics(self.site.id)
        self.engine = self.build()

    def build(self) -> DeskEngine:
        desk = self.site.desk
        self.duty = DutyBook(
            hours=lambda _: Duty(DutyState.ON, "15:30"), time_words=lambda _: "11:42", word=kept_word(desk.ledger)
        )
        engine = DeskEngine(
            site=self.site.id,
            desk_id=desk.id,
            desk=Desk(desk=desk.id, envelopes=desk.reception.inbox.envelope, time_words=lambda _: "11:42"),
            reception=desk.reception,
            supervisor=desk.supervisor,
            duty=self.duty,
            duty_now=lambda now: self.duty.at(now.wall_ms),
            ledger=desk.ledger,
            practice=PracticeCalls(random.Random(1), now_ms=self.now().monotonic_ms),
            bundle=BundleChanged(self.site.register(), None, (1, 1), self.site.sheet_payload()),
            now=self.now(),
        )
        desk.ledger.commit()
        return engine

    def restart(self) -> None:
        self.site.desk.restart()
        self.engine = self.build()

    def now(self) -> Moment:
        return self.site.desk.now()

    def turn(self, *events: StaffEvent) -> Sequence[StaffEffect]:
        effects = self.engine.step(events, self.now())
        self.engine.commit()
        return effects

    def failing_turn(self, *events: StaffEvent) -> Sequence[StaffEffect]:
        """One turn that the disk does not take."""
        self.engine.step(events, self.now())
        self.site.desk.ledger.rollback()
        return self.engine.commit_failed(StoreFull("full"), self.now())

    def press(self, kind: Kind = Kind.REPORT, *, private: bool = False) -> tuple[bytes, Received]:
        """A saved report and the message that carries it."""
        kiosk = self.site.kiosk
        report = kiosk.press(draft(kind=kind, private=private))
        return report, Received(self.topics.up(kiosk.id), kiosk.envelope(report), 41)

    def under_the_same_id(self, report: bytes) -> Received:
        """What a kiosk in another room says, truly signed, under an id that it has seen on the wire."""
        twin, sheet = self.site.kiosks[1], self.site.sheet()
        route, recovery = Recipient(sheet.routes.routes[0].key), Recipient(sheet.routes.recovery_key)
        to = SealTo(Recipient(sheet.desks.desk_key), route, recovery)
        blank = make_blank(
            site=self.site.id, device=twin.id, id=report, epoch=1, to=to, random_bytes=random.Random(5).randbytes
        )
        told = alert_of(urgency=Urgency.INFORMATION, room="Room 2")
        return Received(self.topics.up(twin.id), fill(blank, told, draft().story, twin.signing), 42)

    def hear(self, effects: Sequence[StaffEffect]) -> None:
        """The kiosks get everything that was published for them."""
        for effect in effects:
            for kiosk in self.site.kiosks:
                if isinstance(effect, Publish) and effect.topic == self.topics.down(kiosk.id):
                    kiosk.receive(effect.payload)

    @staticmethod
    def digest_of(message: Received) -> bytes:
        return parse_up(message.payload).digest

    def causes(self) -> set[Cause]:
        return self.site.desk.causes()


class PhonesOffice(Office):
    """An office whose kiosk serves phones; `pass_time` carries everything both ways through the engine's turns."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site.kiosk.serves_phones = True
        self.site.kiosk.connect()
        self.pass_time(30)

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.site.ms += 1000
            self.site.kiosk.tick()
            self.hear(self.turn())
            beats = [message for message in self.site.wire if message.kind == "up"]
            self.site.wire.clear()
            for beat in beats:
                self.hear(self.turn(Received(self.topics.up(beat.device), beat.payload, 9)))
        self.turn()

    def ask(self, minutes: int) -> Sequence[StaffEffect]:
        """Somebody touches their way to the length; what the last touch sends is not delivered yet."""
        self.turn(ev.BoxTouched("home"), ev.BoxTouched("home"), ev.BoxTouched("page:phones"))
        self.turn(ev.BoxTouched(f"phones:{self.site.kiosk.id.hex()}"))
        effects = self.turn(ev.BoxTouched(f"lesson:{minutes}"))
        self.turn()
        return effects

    @property
    def row(self) -> scenes.PhoneRow:
        scene = self.engine.desk.scene(self.now())
        assert isinstance(scene, scenes.PhoneLesson)
        return scene.row
