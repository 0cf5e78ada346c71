"""What a desk has received: record first, drop duplicates, then give the receipt its number.

Stands on the ledger; never on the link. Keeps whole sealed envelopes, so nothing here can be read by whoever carries
the desk away. Duplicates are known by (id, digest) only: no window of numbers or times ever drops a true report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from firmware.early_news import EarlyNews
from firmware.envelope import UpEnvelope, parse_up
from firmware.errors import Refused, StoreBroken
from firmware.ledger import Entry, Ledger
from firmware.messages import Life, Receipt, Stage, StageEvent, Struct, decode, encode

# A kiosk that holds an old key sends an unreadable heartbeat every 15 s; past this many from one device since the last
# start we go on alarming and answering, without a receipt (so the kiosk never settles), but stop storing.
UNREADABLE_STORED_MAX = 500

# What one desk can truly tell of one report: a few stages, and as many again each time it is opened anew.
EVENTS_OF_A_REPORT = 64

_REPORT = "report"
_UNREADABLE = "unreadable"
_RECEIPT = "receipt"
_CLOSED = "closed"
_EVENT = "event"


class Recorded(Enum):
    NEW = "new"
    DUPLICATE = "duplicate"
    FORKED = "forked"


class Told(Enum):
    """What became of another desk's word. EARLY: kept until its report comes. TOO_MANY: more than is honest."""

    NEW = "new"
    KNOWN = "known"
    EARLY = "early"
    TOO_MANY = "too-many"


class LastLife(Struct, frozen=True):
    """Where a device was in its own time, and its report chain, when this desk last heard it."""

    life: Life
    number: int
    head: bytes


@dataclass(frozen=True, slots=True)
class KeptReport:
    """One report as the ledger has it. `stages` are this desk's own receipts, `events` what other desks told."""

    report: bytes
    device: bytes
    digest: bytes
    at_ms: int
    receipts: tuple[Receipt, ...]
    events: tuple[StageEvent, ...]


class Inbox:
    """The desk's record of reports and of its own words. Nothing is durable before the ledger's commit."""

    def __init__(self, ledger: Ledger, *, desk: bytes) -> None:
        self._ledger = ledger
        self._desk = desk
        self._receipts: dict[bytes, list[Receipt]] = {}
        self._unreadable: dict[bytes, int] = {}
        self._early = EarlyNews(ledger)

    def forget_cached(self) -> None:
        """After a commit that failed, read receipt numbers again from the disk."""
        self._receipts.clear()
        self._early.forget_cached()

    def record(self, up: UpEnvelope, *, at_ms: int) -> Recorded:
        """Keep an opened report. FORKED: the same id stands here with other bytes; both are kept."""
        return self._record(_REPORT, up, at_ms)

    def record_unreadable(self, up: UpEnvelope, *, at_ms: int) -> Recorded:
        """Keep an envelope that is truly signed but will not open, for whoever can mend the keys."""
        device = up.header.device
        if self._unreadable.get(device, 0) >= UNREADABLE_STORED_MAX:
            return Recorded.DUPLICATE
        recorded = self._record(_UNREADABLE, up, at_ms)
        if recorded is not Recorded.DUPLICATE:
            self._unreadable[device] = self._unreadable.get(device, 0) + 1
        return recorded

    def add_receipt(self, device: bytes, receipt: Receipt, *, at_ms: int) -> Receipt:
        """Record this desk's word; returns it with its number."""
        said = self._of_device(device)
        numbered = Receipt(
            stage=receipt.stage,
            report=receipt.report,
            digest=receipt.digest,
            number=len(said) + 1,
            at_ms=at_ms,
            generation=receipt.generation,
            reader=receipt.reader,
            reader_signature=receipt.reader_signature,
            reason=receipt.reason,
        )
        self._ledger.append(_RECEIPT, ref=receipt.report, device=device, body=encode(numbered), at_ms=at_ms)
        said.append(numbered)
        if receipt.stage is Stage.CLOSED:
            self._ledger.append(_CLOSED, ref=receipt.report, device=device, body=receipt.digest, at_ms=at_ms)
        return numbered

    def add_event(self, event: StageEvent, *, at_ms: int) -> Told:
        """Record another desk's signed word about a report."""
        if all(entry.digest != event.digest for entry in self.entries_of(event.report)):
            return Told.EARLY if self._early.keep(event, at_ms=at_ms) else Told.TOO_MANY
        known = self._events_of(event.report)
        if event in known:
            return Told.KNOWN
        if sum(each.desk == event.desk for each in known) >= EVENTS_OF_A_REPORT:
            return Told.TOO_MANY
        self._ledger.append(_EVENT, ref=event.report, device=event.device, body=encode(event), at_ms=at_ms)
        return Told.NEW

    def take_early(self, up: UpEnvelope, *, at_ms: int) -> list[StageEvent]:
        """This report has just been recorded: what other desks had told of it before, now recorded too."""
        told = self._early.take(up.header.id, up.digest)
        return [event for event in told if self.add_event(event, at_ms=at_ms) is Told.NEW]

    def receipts_for(self, report: bytes) -> list[Receipt]:
        """This desk's own words about one report, oldest first."""
        return [self._receipt(entry) for entry in self._ledger.find(report, _RECEIPT)]

    def receipts_after(self, device: bytes, number: int, *, most: int) -> list[Receipt]:
        """What a device that holds receipts up to `number` is missing."""
        return self._of_device(device)[number : number + most]

    def last_number(self, device: bytes) -> int:
        return len(self._of_device(device))

    def envelope(self, report: bytes, digest: bytes) -> UpEnvelope | None:
        """The sealed report, or None when it was erased or never here."""
        for entry in self.entries_of(report):
            body = self._ledger.body(entry) if entry.digest == digest else None
            if body is not None:
                return parse_up(body)
        return None

    def open_reports(self) -> Iterator[KeptReport]:
        """Every report that this desk has not closed, oldest first: what a restarted desk must show again."""
        # What was unreadable once and came again when the keys were mended stands here twice; it is one report.
        done = {(entry.ref, self._ledger.body(entry)) for entry in self._ledger.of_kind(_CLOSED)}
        for entry in sorted(self._ledger.of_kind(_REPORT) + self._ledger.of_kind(_UNREADABLE), key=lambda e: e.seq):
            if (entry.ref, entry.digest) not in done:
                done.add((entry.ref, entry.digest))
                yield self.kept(entry)

    def entries_of(self, report: bytes) -> list[Entry]:
        """The envelopes with this id, readable or not: one, unless a card was copied."""
        return [*self._ledger.find(report, _REPORT), *self._ledger.find(report, _UNREADABLE)]

    def digests_of(self, device: bytes) -> set[bytes]:
        """Every envelope of a device that is or was kept here."""
        kinds = (_REPORT, _UNREADABLE)
        return {entry.digest for kind in kinds for entry in self._ledger.of_device(device, kind)}

    def kept(self, entry: Entry) -> KeptReport:
        receipts = tuple(r for r in self.receipts_for(entry.ref) if r.digest == entry.digest)
        return KeptReport(entry.ref, entry.device, entry.digest, entry.at_ms, receipts, self._events_of(entry.ref))

    def erase(self, report: bytes, *, at_ms: int) -> int:
        """Destroy every body about one report and scrub the file; the chain stays. Returns how many were erased."""
        entries = self.entries_of(report)
        for entry in entries:
            self._ledger.erase(entry, at_ms=at_ms)
        self._ledger.scrub()
        return len(entries)

    def save_lives(self, lives: Mapping[bytes, LastLife]) -> None:
        """Keep where devices are in their own time, so that an old heartbeat is no life after a restart either."""
        for device, last in lives.items():
            self._ledger.set_note(f"life {device.hex()}", encode(last))

    def life(self, device: bytes) -> LastLife | None:
        value = self._ledger.note(f"life {device.hex()}")
        return None if value is None else decode(value, LastLife)

    def _record(self, kind: str, up: UpEnvelope, at_ms: int) -> Recorded:
        known = self._ledger.find(up.header.id, kind)
        if any(entry.digest == up.digest for entry in known):
            return Recorded.DUPLICATE
        self._ledger.append(kind, ref=up.header.id, device=up.header.device, body=up.untrusted_bytes, at_ms=at_ms)
        return Recorded.FORKED if known else Recorded.NEW

    def _events_of(self, report: bytes) -> tuple[StageEvent, ...]:
        bodies = [self._ledger.body(found) for found in self._ledger.find(report, _EVENT)]
        return tuple(decode(body, StageEvent) for body in bodies if body is not None)

    def _of_device(self, device: bytes) -> list[Receipt]:
        if device not in self._receipts:
            self._receipts[device] = [self._receipt(entry) for entry in self._ledger.of_device(device, _RECEIPT)]
        return self._receipts[device]

    def _receipt(self, entry: Entry) -> Receipt:
        body = self._ledger.body(entry)
        if body is None:
            raise StoreBroken(f"{self._ledger.path}: receipt {entry.seq} is gone; restore the newest backup")
        try:
            return decode(body, Receipt)
        except Refused as problem:
            raise StoreBroken(f"{self._ledger.path}: receipt {entry.seq} is of another version; update") from problem
