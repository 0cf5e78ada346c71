"""A whole site in memory: kiosks and desks with real ledgers on disk, between them a broker that cannot be trusted.

Everything is the product's own code but three things: the clock is moved by hand, the "broker" is a list that a test
may lose, repeat, re-order or wipe, and nobody draws a screen. It models no TLS, no ACL and no MQTT session. A kiosk's
network for phones is the `Phones` below: the gate that judges orders is the product's, the network is not there.
"""

from __future__ import annotations

import random as random_module
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware.clock import Moment
from firmware.commands import (
    HAS_PORTAL,
    LESSON_OPEN,
    NO_PORTAL,
    CommandGate,
    Decision,
    Ignored,
    LessonUnlock,
    Obeyed,
    Order,
    lesson_open_code,
)
from firmware.courier import Commanded, Courier, News, Send
from firmware.identity import (
    DeskEntry,
    DeskSheet,
    DeviceEntry,
    DeviceRegister,
    KemKey,
    ReaderEntry,
    ReaderRegister,
    RouteEntry,
    RouteSheet,
    SealSheet,
    SheetReader,
    SigningKey,
    sign_part,
)
from firmware.ledger import Ledger
from firmware.lessons import Lesson
from firmware.messages import (
    ClockQuality,
    Draft,
    Duty,
    DutyState,
    Kind,
    Stage,
    Story,
    Urgency,
    receipt_claim,
)
from firmware.presence import HeartbeatSchedule, Supervisor, Watched
from firmware.reception import DeskIdentity, Outcome, Reception, Stored, StoredUnreadable, ToDesks, ToKiosk
from firmware.sealer import KioskIdentity, sheet_payload
from firmware.trouble import Cause

WALL_MS = 1_800_000_000_000
ROUTES = ("safeguarding", "independent")


def id_of(number: int) -> bytes:
    """A fixed 16-byte id, so that a failing run reads the same twice."""
    return number.to_bytes(16, "big")


def story(text: bytes = b"", *, route: str = "safeguarding", room: str = "Room 12") -> Story:
    return Story(route=route, room=room, text=text)


def draft(text: bytes = b"", *, hurry: bool = True, private: bool = False, kind: Kind = Kind.REPORT) -> Draft:
    return Draft(kind, Urgency.NOW, private, hurry, b"", story(text))


@dataclass(frozen=True)
class Message:
    """One payload on the broker: `kind` up (from a kiosk), down (to a kiosk) or note (desk to desks)."""

    kind: str
    device: bytes
    payload: bytes


@dataclass(frozen=True)
class People:
    """Every private key of a site, in one hand for the test only."""

    issuer: SigningKey = field(default_factory=SigningKey.generate)
    head: SigningKey = field(default_factory=SigningKey.generate)
    lead: SigningKey = field(default_factory=SigningKey.generate)
    desk_key: KemKey = field(default_factory=KemKey.generate)
    recovery: KemKey = field(default_factory=KemKey.generate)
    routes: tuple[KemKey, ...] = field(default_factory=lambda: tuple(KemKey.generate() for _ in ROUTES))


HEAD_ID, LEAD_ID = id_of(901), id_of(902)


class Phones:
    """What one start of a kiosk does with the orders that desks give it. `serves`: it is a portal; `names_minutes`: it
    tells how long a lesson still is, and not only that one is open."""

    def __init__(self, kiosk: Kiosk) -> None:
        self.kiosk = kiosk
        kept = {
            desk.id: int.from_bytes(kiosk.ledger.note(f"order {desk.id.hex()}") or b"", "big")
            for desk in kiosk.site.desks
        }
        self.gate = CommandGate(boot=kiosk.courier.boot, counters=kept)
        self.decisions: list[Decision] = []
        self.until_ms: int | None = None
        self.was_asked = False

    def take(self, commanded: Commanded, now: Moment) -> None:
        courier = self.kiosk.courier
        decision = self.gate.judge(commanded.desk, commanded.command, desks=courier.desk_ids(), now_ms=now.monotonic_ms)
        self.decisions.append(decision)
        if isinstance(decision, Obeyed):
            note = f"order {decision.desk.hex()}"
            self.kiosk.ledger.set_note(note, decision.counter.to_bytes(8, "big"))
            if isinstance(decision.order, LessonUnlock):
                self.was_asked = True
                self.until_ms = now.monotonic_ms + decision.order.minutes * 60_000

    def codes(self, now: Moment) -> list[str]:
        if not self.kiosk.serves_phones:
            return [NO_PORTAL] if self.was_asked else []
        left_ms = 0 if self.until_ms is None else self.until_ms - now.monotonic_ms
        if left_ms <= 0:
            return [HAS_PORTAL]
        return [HAS_PORTAL, lesson_open_code(-(-left_ms // 1000)) if self.kiosk.names_minutes else LESSON_OPEN]

    @property
    def obeyed(self) -> list[LessonUnlock]:
        orders = [each.order for each in self.decisions if isinstance(each, Obeyed)]
        return [order for order in orders if isinstance(order, LessonUnlock)]

    @property
    def ignored(self) -> list[str]:
        return [each.reason for each in self.decisions if isinstance(each, Ignored)]


class Kiosk:
    """One kiosk: its ledger file, and whatever process runs on it now."""

    def __init__(self, site: Site, number: int) -> None:
        self.site, self.id, self.number = site, id_of(number), number
        self.signing, self.kem = SigningKey.generate(), KemKey.generate()
        self.path = site.directory / f"kiosk-{number}.db"
        self.quality = ClockQuality.SYNCED
        self.wall_offset_ms = 0
        self.epoch = 1
        self.sheet = site.sheet()
        self.saved: list[bytes] = []
        self.news: list[News] = []
        self.serves_phones, self.names_minutes = False, True
        self.faults: tuple[str, ...] = ()
        self.is_connected = False
        self.start()

    def start(self) -> None:
        self.booted_ms = self.site.ms
        self.ledger = Ledger(self.path, random_bytes=self.site.random.randbytes)
        identity = KioskIdentity(
            self.site.id,
            self.id,
            self.epoch,
            f"Room {self.number}",
            self.site.people.issuer.public,
            self.signing,
            self.kem,
        )
        self.courier = Courier(
            identity,
            sheet=self.sheet,
            ledger=self.ledger,
            random=random_module.Random(self.site.random.random()),
            random_bytes=self.site.random.randbytes,
            now=self.now(),
        )
        self.phones = Phones(self)
        self.ledger.commit()
        self.is_connected = False

    def now(self) -> Moment:
        monotonic_ms = self.site.ms - self.booted_ms + 1000
        return Moment(monotonic_ms, WALL_MS + self.site.ms + self.wall_offset_ms, self.quality)

    def restart(self) -> None:
        """The power went: whatever was not committed is gone."""
        self.ledger.close()
        self.start()

    def press(self, what: Draft | None = None) -> bytes:
        """A learner sends; returns when it is *saved*."""
        report = self.courier.submit(what or draft(), self.now())
        self.ledger.commit()
        self.saved.append(report)
        return report

    def connect(self) -> None:
        self.is_connected = True
        self.carry_out(self.courier.connected(self.now()))

    def disconnect(self) -> None:
        self.is_connected = False
        self.courier.disconnected()

    def tick(self) -> None:
        if self.serves_phones or self.phones.was_asked:
            self.courier.set_faults([*self.faults, *self.phones.codes(self.now())])
        self.carry_out(self.courier.tick(self.now()))

    def receive(self, payload: bytes) -> list[News]:
        news = self.courier.receive(payload, self.now())
        self.carry_out(news)
        return news

    def receive_sheet(self, payload: bytes) -> list[News]:
        news = self.courier.receive_sheet(payload, self.now())
        self.carry_out(news)
        return news

    def carry_out(self, news: Sequence[News]) -> None:
        for item in news:
            if isinstance(item, Commanded):
                self.phones.take(item, self.now())
        self.ledger.commit()
        self.news += news
        self.site.wire += [Message("up", self.id, item.payload) for item in news if isinstance(item, Send)]

    def stages(self, report: bytes) -> frozenset[Stage]:
        progress = self.courier.progress(report)
        return frozenset() if progress is None else progress.stages

    def envelope(self, report: bytes) -> bytes:
        """The sealed bytes that this kiosk keeps."""
        body = self.ledger.body(self.ledger.find(report, "report")[0])
        assert body is not None
        return body


class Desk:
    """One desk: its ledger file, and whatever process runs on it now."""

    def __init__(self, site: Site, number: int) -> None:
        self.site, self.id, self.number = site, id_of(500 + number), number
        self.signing = SigningKey.generate()
        self.path = site.directory / f"desk-{number}.db"
        self.duty = Duty(DutyState.ON)
        self.desk_key = site.people.desk_key
        self.ever_stored: set[bytes] = set()
        self.is_up = False

    def start(self) -> None:
        self.is_up = True
        self.booted_ms = self.site.ms
        self.ledger = Ledger(self.path, random_bytes=self.site.random.randbytes)
        watched = [Watched(kiosk.id, "kiosk", f"Room {kiosk.number}") for kiosk in self.site.kiosks]
        watched += [Watched(desk.id, "desk", "Office") for desk in self.site.desks if desk is not self]
        self.supervisor = Supervisor(watched, started_ms=self.now().monotonic_ms)
        chance = random_module.Random(self.site.random.random())
        self.reception = Reception(
            DeskIdentity(self.site.id, self.id, 1, self.signing, self.desk_key),
            register=self.site.register(),
            sheet_versions=self.site.versions,
            ledger=self.ledger,
            supervisor=self.supervisor,
            duty=lambda _: self.duty,
            schedule=HeartbeatSchedule(chance),
            decoy_gap_ms=lambda mean: chance.expovariate(1 / mean),
            random_bytes=self.site.random.randbytes,
            now=self.now(),
        )
        self.ledger.commit()
        # Everything that a screen of this process would have drawn as a new line.
        self.shown: Counter[bytes] = Counter()
        self.outcomes: list[Outcome] = []
        self.take(self.reception.restore(self.now()))

    def now(self) -> Moment:
        return Moment(self.site.ms - self.booted_ms + 1000, WALL_MS + self.site.ms, ClockQuality.SYNCED)

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        self.ledger.close()
        self.is_up = False

    def receive(self, device: bytes, payload: bytes) -> Sequence[Outcome]:
        return self.take(self.reception.receive(device, payload, self.now()))

    def receive_note(self, desk: bytes, payload: bytes) -> Sequence[Outcome]:
        return self.take(self.reception.receive_note(desk, payload, self.now()))

    def tick(self) -> None:
        self.take(self.reception.tick(self.now()))
        self.supervisor.tick(self.now().monotonic_ms)

    def mark(
        self, report: bytes, stage: Stage, *, reader: bytes = b"", reader_signature: bytes = b""
    ) -> Sequence[Outcome]:
        marked = self.reception.mark(report, stage, self.now(), reader=reader, reader_signature=reader_signature)
        return self.take(marked)

    def order(self, device: bytes, order: Order) -> Sequence[Outcome]:
        return self.take(self.reception.order(device, order, self.now()))

    def lesson(self, device: bytes) -> Lesson:
        """What this desk knows of one kiosk's lesson."""
        return next(lesson for lesson in self.reception.orders.lessons if lesson.device == device)

    def mark_by(self, signer: SigningKey, reader: bytes, report: bytes, stage: Stage) -> Sequence[Outcome]:
        """A reader says *acknowledged* or *closed* with their own signature."""
        digest = self.reception.inbox.entries_of(report)[0].digest
        signature = signer.sign(receipt_claim(self.site.id, report, digest, stage, 0))
        return self.mark(report, stage, reader=reader, reader_signature=signature)

    def take(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        self.ledger.commit()
        self.outcomes += outcomes
        for outcome in outcomes:
            if isinstance(outcome, ToKiosk):
                self.site.wire.append(Message("down", outcome.device, outcome.payload))
            elif isinstance(outcome, ToDesks):
                self.site.wire.append(Message("note", self.id, outcome.payload))
            elif isinstance(outcome, Stored | StoredUnreadable):
                self.shown[outcome.report] += 1
                self.ever_stored.add(outcome.report)
        return outcomes

    def causes(self) -> set[Cause]:
        return {trouble.cause for trouble in self.supervisor.troubles}


class Site:
    """Kiosks, desks and a broker. `ms` is the one clock."""

    def __init__(self, directory: Path, *, kiosks: int = 1, desks: int = 1, seed: int = 1) -> None:
        self.directory, self.random = directory, random_module.Random(seed)
        self.id, self.people = id_of(7), People()
        self.ms = 0
        self.versions = (1, 1)
        self.wire: list[Message] = []
        self.kiosks: list[Kiosk] = []
        self.desks = [Desk(self, number) for number in range(desks)]
        self.kiosks = [Kiosk(self, number) for number in range(1, kiosks + 1)]
        for desk in self.desks:
            desk.start()

    @property
    def kiosk(self) -> Kiosk:
        return self.kiosks[0]

    @property
    def desk(self) -> Desk:
        return self.desks[0]

    # --- documents ---

    def desk_sheet(self) -> DeskSheet:
        desks = tuple(DeskEntry(desk.id, desk.signing.public) for desk in self.desks)
        return DeskSheet(self.versions[0], self.id, 1, self.people.desk_key.public, desks)

    def route_sheet(self) -> RouteSheet:
        routes = tuple(RouteEntry(name, key.public) for name, key in zip(ROUTES, self.people.routes, strict=True))
        readers = (
            SheetReader(HEAD_ID, self.people.head.public, ROUTES),
            SheetReader(LEAD_ID, self.people.lead.public, ROUTES),
        )
        return RouteSheet(self.versions[1], self.id, 1, routes, self.people.recovery.public, readers)

    def sheet(self) -> SealSheet:
        return SealSheet(self.desk_sheet(), self.route_sheet())

    def sheet_payload(self) -> bytes:
        desks = sign_part(self.desk_sheet(), [self.people.issuer])
        return sheet_payload(desks, sign_part(self.route_sheet(), [self.people.head, self.people.lead]))

    def reader_register(self) -> ReaderRegister:
        """The two readers by name and key; no desk here opens stories, so no route key is wrapped."""
        kem = self.people.recovery.public
        head = ReaderEntry(HEAD_ID, "Ama Boateng", "head", self.people.head.public, kem)
        lead = ReaderEntry(LEAD_ID, "Julie Hale", "lead", self.people.lead.public, kem)
        return ReaderRegister(1, self.id, (head, lead), ())

    def register(self) -> DeviceRegister:
        kiosks = [
            DeviceEntry(k.id, "kiosk", f"Room {k.number}", "", k.signing.public, k.kem.public, k.epoch, True)
            for k in self.kiosks
        ]
        kem = self.people.desk_key.public
        desks = [DeviceEntry(d.id, "desk", "Office", "", d.signing.public, kem, 1, True) for d in self.desks]
        return DeviceRegister(1, self.id, tuple(kiosks + desks))

    def replace_desk(self, stolen: Desk) -> Desk:
        """The technician takes a stolen desk off the sheet and adds another."""
        stolen.stop()
        fresh = Desk(self, stolen.number + 10)
        self.desks = [fresh if desk is stolen else desk for desk in self.desks]
        self.versions = (self.versions[0] + 1, self.versions[1])
        fresh.start()
        return fresh

    # --- time and the broker ---

    def advance(self, ms: int, *, step_ms: int = 250) -> None:
        """Time passes and everybody does what is due; nothing is delivered."""
        end = self.ms + ms
        while self.ms < end:
            self.ms = min(end, self.ms + step_ms)
            for kiosk in self.kiosks:
                kiosk.tick()
            for desk in self.desks:
                if desk.is_up:
                    desk.tick()

    def deliver(self) -> None:
        """Everything on the broker reaches whoever listens, and so do the answers."""
        while self.wire:
            message = self.wire.pop(0)
            self.deliver_one(message)

    def deliver_one(self, message: Message) -> None:
        for kiosk in self.kiosks:
            if message.kind == "down" and message.device == kiosk.id and kiosk.is_connected:
                kiosk.receive(message.payload)
        for desk in self.desks:
            if desk.is_up and message.kind == "up":
                desk.receive(message.device, message.payload)
            elif desk.is_up and message.kind == "note" and message.device != desk.id:
                desk.receive_note(message.device, message.payload)

    def wipe_broker(self) -> None:
        """Killed, and its disk with it: everything under way is lost and every link drops."""
        self.wire.clear()
        for kiosk in self.kiosks:
            kiosk.disconnect()

    def run(self, ms: int, *, step_ms: int = 250) -> None:
        """A network that works, for this long."""
        for kiosk in self.kiosks:
            if not kiosk.is_connected:
                kiosk.connect()
        end = self.ms + ms
        while self.ms < end:
            self.deliver()
            self.advance(min(step_ms, end - self.ms), step_ms=step_ms)
        self.deliver()

    def close(self) -> None:
        for kiosk in self.kiosks:
            kiosk.ledger.close()
        for desk in self.desks:
            if desk.is_up:
                desk.stop()
