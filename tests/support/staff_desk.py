"""A desk with two readers' keys, kiosks that send real envelopes, and every scene that a desk can show."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from firmware.clock import Moment
from firmware.envelope import SealTo, UpEnvelope, fill, make_blank, parse_up
from firmware.identity import KemKey, ReaderEntry, ReaderRegister, Recipient, SigningKey, read_founding
from firmware.messages import (
    Alert,
    ClockQuality,
    Duty,
    DutyState,
    Kind,
    Life,
    Story,
    Urgency,
)
from firmware.reader_parts import Person, found_register
from firmware.readers import ReaderKeys
from kiosk.staff import events as ev
from kiosk.staff.desk import Desk

SITE = b"S" * 16
DESK = b"D" * 16
KIOSK = b"K" * 16
START_MS = 1_000_000
WALL_MS = 1_763_800_000_000
PIN = "274951"


def moment(after_ms: int = 0) -> Moment:
    """That long after the start of a test's day."""
    return Moment(START_MS + after_ms, WALL_MS + after_ms, ClockQuality.SYNCED)


def reader_keys(number: int) -> ReaderKeys:
    return ReaderKeys(bytes([number]) * 16, SigningKey.generate(), KemKey.generate())


def person(keys: ReaderKeys, name: str, role: str) -> Person:
    entry = ReaderEntry(id=keys.id, name=name, role=role, signing=keys.signing.public, kem=keys.kem.public)
    return Person(entry, keys)


@dataclass
class Site:
    """Founded by a head and a lead; envelopes are real, the ledger is a dict."""

    lead: ReaderKeys
    head: ReaderKeys
    register: ReaderRegister
    recovery: KemKey
    desk_key: KemKey
    kiosk: SigningKey
    envelopes: dict[bytes, UpEnvelope] = field(default_factory=dict)
    counter: int = 0

    @classmethod
    def found(cls) -> Site:
        lead, head, recovery = reader_keys(1), reader_keys(2), KemKey.generate()
        persons = [person(head, "Ama Boateng", "head"), person(lead, "Julie Hale", "lead")]
        parts = found_register(SITE, recovery.public, persons)
        register = read_founding(parts.register, ReaderRegister)
        return cls(lead, head, register, recovery, KemKey.generate(), SigningKey.generate())

    def desk(self) -> Desk:
        desk = Desk(desk=DESK, envelopes=lambda report, digest: self.envelopes.get(report), time_words=clock_words)
        desk.step(ev.ReadersKnown(self.register), moment())
        desk.step(ev.DutySaid(Duty(DutyState.ON, "15:45")), moment())
        return desk

    def report(
        self,
        *,
        at_ms: int = 0,
        urgency: Urgency = Urgency.NOW,
        kind: Kind = Kind.REPORT,
        private: bool = False,
        about: bytes = b"",
        room: str = "Room 12",
        place: str = "First floor, by the library",
        language: str = "en",
        device: bytes = KIOSK,
        route: str = "safeguarding",
        story: Story | None = None,
    ) -> ev.ReportArrived:
        """One real report: sealed, parsed, and kept for whoever may open it."""
        self.counter += 1
        report = self.counter.to_bytes(16, "big")
        alert = alert_of(kind=kind, urgency=urgency, private=private, room=room, language=language, about=about)
        route_key = next(keys.key for keys in self.register.routes if keys.name == route)
        to = SealTo(Recipient(self.desk_key.public), Recipient(route_key), Recipient(self.recovery.public))
        rng = random.Random(self.counter)
        blank = make_blank(site=SITE, device=device, id=report, epoch=1, to=to, random_bytes=rng.randbytes)
        up = parse_up(fill(blank, alert, story or Story(route=route, room=room), self.kiosk))
        self.envelopes[report] = up
        return ev.ReportArrived(
            report, up.digest, device, alert, START_MS + at_ms, WALL_MS + at_ms, "" if private else room, place
        )


def alert_of(
    *,
    kind: Kind = Kind.REPORT,
    urgency: Urgency = Urgency.NOW,
    private: bool = False,
    room: str = "Room 12",
    language: str = "en",
    about: bytes = b"",
) -> Alert:
    return Alert(
        kind=kind,
        urgency=urgency,
        private=private,
        room="" if private else room,
        language=language,
        about=about,
        life=Life(1, 1, 1),
        wall_ms=WALL_MS,
        clock=ClockQuality.SYNCED,
        number=1,
        previous=b"",
        receipts_held=(),
        desk_sheet_version=1,
        route_sheet_version=1,
    )


def arrival(
    number: int,
    *,
    at_ms: int = 0,
    device: bytes = KIOSK,
    digest: bytes = b"d" * 32,
    kind: Kind = Kind.REPORT,
    urgency: Urgency = Urgency.NOW,
    private: bool = False,
    room: str = "Room 12",
    language: str = "en",
    about: bytes = b"",
) -> ev.ReportArrived:
    """A report without an envelope, for what needs no story."""
    told = alert_of(kind=kind, urgency=urgency, private=private, room=room, language=language, about=about)
    report = number.to_bytes(16, "big")
    return ev.ReportArrived(report, digest, device, told, START_MS + at_ms, WALL_MS + at_ms, room, "First floor")


def clock_words(wall_ms: int) -> str:
    minutes = wall_ms // 60_000
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def touch(desk: Desk, *boxes: str, at_ms: int = 0) -> list[ev.DeskEffect]:
    """Touch boxes one after the other; all effects."""
    return [effect for box in boxes for effect in desk.step(ev.BoxTouched(box), moment(at_ms))]


def sign_in(desk: Desk, keys: ReaderKeys, *, at_ms: int = 0, pin: str = "") -> list[ev.DeskEffect]:
    """As a person does it: name, passphrase, then a PIN or "not now"."""
    effects = touch(desk, "unlock", f"reader:{keys.id.hex()}", "key-x", "open", at_ms=at_ms)
    assert any(isinstance(effect, ev.OpenKey) for effect in effects)
    effects += desk.step(ev.Unlocked(keys), moment(at_ms))
    return effects + touch(desk, *([f"digit:{digit}" for digit in pin] or ["skip-pin"]), at_ms=at_ms)
