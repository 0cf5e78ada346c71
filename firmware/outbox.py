"""What the kiosk still keeps: save, due, receipts, and when a body may go.

A report is saved before anything else happens to it and sent until every live desk has stored it. *Stored* stops the
sending, not the keeping: the sealed body stays until two desks have it, or, with one desk, until that desk says
*closed* or thirty days have passed. Stands on the ledger; never on the link. Decides only: whoever asks `due` sends.
"""

from __future__ import annotations

import logging
import math
import random as random_module
import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from firmware.clock import Moment
from firmware.errors import Refused, StoreFault, StoreFull
from firmware.ledger import Entry, Ledger
from firmware.messages import ClockQuality, Receipt, Stage, decode, encode
from firmware.receipt_codes import ReceiptCodes

_log = logging.getLogger("quietbell.outbox")

# Resend after 2, 4, 8, 16 and then every 30 s, jittered so that a room full of kiosks does not beat in step.
RESEND_SECONDS = (2, 4, 8, 16, 30)
RESEND_JITTER = 0.25
PARKED_SECONDS = 3600
# With one report waiting for a heartbeat's place it comes within 25 s; when many wait, none waits longer than this, for
# after a minute a desk that hears of a report misses it.
UNHURRIED_MAX_MS = 45_000
# A desk that has not answered anything for this long is not waited for.
DESK_LIVE_MS = 60_000
DESKS_TO_LET_GO = 2
KEEP_DAYS = 30
_DAY_MS = 24 * 3600 * 1000
_NEVER_MS = math.inf
# Reports whose bodies were let go are remembered (not their words) so that a screen can still follow them; those with
# a receipt code as long as the code, restarts included.
REMEMBERED_REPORTS = 200

# 8 kB each: 4,000 fill about 32 MB. The last 400 places are for the button and the touchscreen alone, so that no
# flood from the portal can take a learner's place.
MAX_REPORTS = 4000
RESERVED_REPORTS = 400

_SAVED = "report"
_RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one report is, as proofs. Times are monotonic ms of this boot; a report from an earlier boot has 0."""

    report: bytes
    saved_ms: int
    hurry: bool
    first_sent_ms: int | None
    stages: frozenset[Stage]
    sent_attempts: int


@dataclass(frozen=True, slots=True)
class Due:
    """One envelope that should be sent now."""

    report: bytes
    envelope: bytes


@dataclass(slots=True)
class _Kept:
    entry: Entry
    digest: bytes
    hurry: bool
    saved_ms: int
    # 0 while nobody knew the time when it was saved; then the first known time counts, so it is only kept longer.
    saved_wall_ms: int
    first_sent_ms: int | None = None
    attempts: int = 0
    next_ms: float = 0
    body_gone: bool = False
    # A desk ordered it to be sent again, whoever has stored it.
    ordered: bool = False
    by_desk: dict[bytes, set[Stage]] = field(default_factory=dict)
    by_reader: set[Stage] = field(default_factory=set)

    def stored_by(self) -> set[bytes]:
        return {desk for desk, stages in self.by_desk.items() if Stage.STORED in stages}

    def stages(self) -> frozenset[Stage]:
        return frozenset(self.by_reader.union(*self.by_desk.values()))


class Outbox:
    """The kiosk's reports. Nothing that it is told is durable before the ledger's commit."""

    def __init__(self, ledger: Ledger, *, desks: Collection[bytes], random: random_module.Random) -> None:
        self._ledger = ledger
        self._desks = frozenset(desks)
        self._random = random
        self._live: dict[bytes, int] = {}
        self._kept: dict[bytes, _Kept] = {}
        self._codes = ReceiptCodes(ledger, random=random)
        self.number, self.previous = 0, b""
        self.reload()

    def reload(self) -> None:
        """Read the state back from the disk: at start, and after a commit that failed.

        Raises StoreFault when it cannot be read; then nothing has changed.
        """
        before, found = self._kept, dict[bytes, _Kept]()
        entries = {entry.ref: entry for entry in self._ledger.with_body(_SAVED)}
        self._codes.reload()
        for report, kept in before.items():
            # Remembered after its body was let go, and let go on the disk as well.
            if kept.body_gone and report not in entries:
                found[report] = kept
        for report in self._codes.reports() - found.keys() - entries.keys():
            for entry in self._ledger.find(report, _SAVED):
                found[report] = _Kept(entry, entry.digest, True, 0, entry.at_ms, next_ms=_NEVER_MS, body_gone=True)
                self._replay(found[report])
        for report, entry in entries.items():
            found[report] = kept = _Kept(entry, entry.digest, True, 0, entry.at_ms)
            if report in before:
                old = before[report]
                kept.hurry, kept.saved_ms, kept.first_sent_ms = old.hurry, old.saved_ms, old.first_sent_ms
                kept.attempts = old.attempts
                kept.next_ms = old.saved_ms + UNHURRIED_MAX_MS if self._waits_for_place(kept) else 0
            self._replay(kept)
        count = self._ledger.note("reports")
        self._kept = found
        self.number, self.previous = (0, b"") if count is None else (int.from_bytes(count[:8], "big"), count[8:])

    def save(self, report: bytes, envelope: bytes, *, hurry: bool, reserved: bool, now: Moment) -> None:
        """Keep a sealed report; it counts as saved after the ledger's commit.

        `reserved`: it comes from the button or the touchscreen and may use the last places.

        Raises StoreFull when no place or no disk is left; then nothing was kept.
        """
        room = MAX_REPORTS if reserved else MAX_REPORTS - RESERVED_REPORTS
        waiting = sum(not kept.body_gone for kept in self._kept.values())
        if waiting >= room:
            raise StoreFull(f"{self._ledger.path}: {waiting} reports are waiting for a desk; mend the link")
        wall_ms = now.wall_ms if now.quality is ClockQuality.SYNCED else 0
        entry = self._ledger.append(_SAVED, ref=report, device=b"", body=envelope, at_ms=wall_ms)
        number = self.number + 1
        self._ledger.set_note("reports", number.to_bytes(8, "big") + entry.digest)
        self.number, self.previous = number, entry.digest
        kept = _Kept(entry, entry.digest, hurry, now.monotonic_ms, wall_ms)
        # A report without hurry waits for a heartbeat's place; `take_unhurried` sends it, and `due` when many wait.
        kept.next_ms = now.monotonic_ms if hurry else now.monotonic_ms + UNHURRIED_MAX_MS
        self._kept[report] = kept

    def due(self, now_ms: int, *, most: int) -> list[Due]:
        """The envelopes to send now: urgent ones that never left before all repeats, then oldest first; each counts
        as sent."""
        found: list[Due] = []
        ready = [(report, kept) for report, kept in self._kept.items() if kept.next_ms <= now_ms]
        # Hundreds of repeats that nobody answers must not keep a new danger waiting.
        ready.sort(key=lambda each: not each[1].hurry or each[1].first_sent_ms is not None)
        for report, kept in ready:
            if len(found) >= most:
                break
            if self._wanted(kept, now_ms):
                found.extend(self._send(report, kept, now_ms))
            else:
                # Every desk that is there has it; one that returns makes it due again (`desk_seen`).
                kept.next_ms = _NEVER_MS
        return found

    def take_unhurried(self, now_ms: int) -> Due | None:
        """A report that may go in the place of this heartbeat, if one waits."""
        for report, kept in self._kept.items():
            if self._waits_for_place(kept):
                return next(iter(self._send(report, kept, now_ms)), None)
        return None

    def next_due_ms(self) -> int | None:
        """When `due` will next have something, if nothing else happens."""
        soonest = min((kept.next_ms for kept in self._kept.values()), default=_NEVER_MS)
        return None if soonest == _NEVER_MS else round(soonest)

    def waiting(self, now_ms: int) -> int:
        """How many reports some live desk still has to store."""
        return sum(self._wanted(kept, now_ms) for kept in self._kept.values())

    def reconnected(self, now_ms: int) -> None:
        """Everything unconfirmed is due at once."""
        for kept in self._kept.values():
            settled = kept.next_ms == _NEVER_MS or self._is_parked(kept, now_ms)
            if not settled and not self._waits_for_place(kept):
                kept.next_ms, kept.attempts = now_ms, 0

    def resend(self, report: bytes, now_ms: int) -> None:
        """A desk ordered this report again, or all of them when empty: also what desks have stored."""
        for each, kept in self._kept.items():
            if report in (b"", each) and not kept.body_gone and not self._waits_for_place(kept):
                kept.ordered, kept.next_ms, kept.attempts = True, now_ms, 0

    def desk_seen(self, desk: bytes, now_ms: int) -> None:
        """A fresh signed word came from this desk; if it had been away, what it has not stored is due soon."""
        away = not self._is_live(desk, now_ms)
        self._live[desk] = now_ms
        if away:
            for kept in self._kept.values():
                if not self._waits_for_place(kept) and self._wanted(kept, now_ms):
                    kept.next_ms = min(kept.next_ms, now_ms + RESEND_SECONDS[0] * 1000)

    def believe(self, desk: bytes, receipt: Receipt, now: Moment) -> bool:
        """Record a verified receipt; True when it changed what can be shown.

        A receipt for another envelope than the one kept here (a restored card, an old report) counts as held, so that
        the desk stops repeating it, but proves nothing.
        """
        self.hold(desk, receipt.number)
        kept = self._kept.get(receipt.report)
        if kept is None or kept.digest != receipt.digest or desk not in self._desks:
            return False
        said = kept.by_desk.get(desk, set())
        if receipt.stage in said or (receipt.stage is Stage.REFUSED and Stage.STORED in said):
            return False
        body = desk + encode(receipt)
        self._ledger.append(_RECEIPT, ref=receipt.report, device=desk, body=body, at_ms=now.wall_ms)
        self._apply(kept, desk, receipt)
        if not self._wanted(kept, now.monotonic_ms):
            kept.next_ms = _NEVER_MS
        elif self._is_parked(kept, now.monotonic_ms):
            kept.next_ms = now.monotonic_ms + PARKED_SECONDS * 1000
        return True

    def hold(self, desk: bytes, number: int) -> None:
        """Count a receipt as held, believed or not, so that the desk goes on to the next."""
        name = f"held {desk.hex()}"
        value = self._ledger.note(name) or bytes(8)
        held, *early = struct.unpack(f">{len(value) // 8}Q", value)
        if number <= held or number in early:
            return
        # Receipts can arrive out of order; the ones past a gap wait here (bounded) until the gap is filled.
        early = sorted([*early, number])[:64]
        while early and early[0] == held + 1:
            held = early.pop(0)
        self._ledger.set_note(name, struct.pack(f">{len(early) + 1}Q", held, *early))

    def hold_nothing(self, desk: bytes) -> None:
        """This desk counts its receipts from an earlier number again: let it repeat them all."""
        self._ledger.set_note(f"held {desk.hex()}", bytes(8))

    def held(self, desk: bytes) -> int:
        """The last receipt number held from this desk without a gap."""
        value = self._ledger.note(f"held {desk.hex()}")
        return 0 if value is None else struct.unpack(">Q", value[:8])[0]

    def sheet_changed(self, desks: Collection[bytes], now_ms: int) -> None:
        """A new sheet: words of desks that are gone no longer count, and parked reports are tried again."""
        self._desks = frozenset(desks)
        # What was let go cannot be sent again: its proofs stay as they were when it went.
        for kept in (kept for kept in self._kept.values() if not kept.body_gone):
            kept.by_desk = {desk: stages for desk, stages in kept.by_desk.items() if desk in self._desks}
            for stages in kept.by_desk.values():
                stages.discard(Stage.REFUSED)
            kept.attempts = 0
            if self._wanted(kept, now_ms) and not self._waits_for_place(kept):
                kept.next_ms = now_ms

    def let_go(self, now: Moment) -> int:
        """Erase the bodies and receipt codes that need not stay; returns how many."""
        gone = [kept for kept in self._kept.values() if not kept.body_gone and self._may_go(kept, now)]
        for kept in gone:
            self._ledger.erase(kept.entry, at_ms=now.wall_ms)
            kept.body_gone, kept.next_ms = True, _NEVER_MS
        forgotten = self._codes.forget_old(now, waiting=[r for r, kept in self._kept.items() if not kept.body_gone])
        coded = self._codes.reports()
        remembered = [report for report, kept in self._kept.items() if kept.body_gone and report not in coded]
        for report in remembered[:-REMEMBERED_REPORTS]:
            del self._kept[report]
        return len(gone) + forgotten

    def keep_code(self, digest: bytes, report: bytes, now: Moment) -> None:
        """Whoever brings this code may ask for this report; it counts after the ledger's commit.

        Raises StoreFull when no place is left; then nothing was kept.
        """
        self._codes.keep(digest, report, now)

    def progress_of_code(self, digest: bytes) -> Progress | None:
        """The proofs for the report that this code names, or None when no such code is known here."""
        report = self._codes.report_of(digest)
        return None if report is None else self.progress(report)

    def progress(self, report: bytes) -> Progress | None:
        """The proofs for one report, or None when it is not (or no longer) known here."""
        kept = self._kept.get(report)
        if kept is None:
            return None
        return Progress(report, kept.saved_ms, kept.hurry, kept.first_sent_ms, kept.stages(), kept.attempts)

    def reports(self) -> Iterable[bytes]:
        return tuple(self._kept)

    def _wanted(self, kept: _Kept, now_ms: int) -> bool:
        stored = kept.stored_by()
        if kept.body_gone:
            return False
        if kept.ordered or not stored:
            return True
        return any(self._is_live(desk, now_ms) and desk not in stored for desk in self._desks)

    def _waits_for_place(self, kept: _Kept) -> bool:
        """Whether it is to go in a heartbeat's place and has not yet."""
        return not kept.hurry and kept.first_sent_ms is None and not kept.body_gone

    def _is_parked(self, kept: _Kept, now_ms: int) -> bool:
        """Whether every desk that is there has refused or stored it: one that cannot open it speaks for no other."""
        refused = {desk for desk, stages in kept.by_desk.items() if Stage.REFUSED in stages}
        answered = refused | kept.stored_by()
        return bool(refused) and not any(self._is_live(desk, now_ms) and desk not in answered for desk in self._desks)

    def _is_live(self, desk: bytes, now_ms: int) -> bool:
        return now_ms - self._live.get(desk, -DESK_LIVE_MS) < DESK_LIVE_MS

    def _send(self, report: bytes, kept: _Kept, now_ms: int) -> Iterable[Due]:
        try:
            envelope = self._ledger.body(kept.entry)
        except StoreFault as fault:
            # One body that cannot be read must not stop the others; perhaps the disk comes back.
            _log.error("body-not-read", extra={"report": report.hex(), "what": str(fault)})
            kept.next_ms = now_ms + RESEND_SECONDS[-1] * 1000
            return ()
        if envelope is None:
            return ()
        kept.ordered = False
        if kept.first_sent_ms is None:
            kept.first_sent_ms = now_ms
        wait_s = RESEND_SECONDS[min(kept.attempts, len(RESEND_SECONDS) - 1)]
        if self._is_parked(kept, now_ms):
            wait_s = PARKED_SECONDS
        kept.attempts += 1
        kept.next_ms = now_ms + round(wait_s * 1000 * self._random.uniform(1 - RESEND_JITTER, 1 + RESEND_JITTER))
        return (Due(report, envelope),)

    def _may_go(self, kept: _Kept, now: Moment) -> bool:
        stored = kept.stored_by()
        if len(stored) >= DESKS_TO_LET_GO:
            return True
        if not stored:
            return False
        if any(Stage.CLOSED in kept.by_desk[desk] for desk in stored):
            return True
        if now.quality is not ClockQuality.SYNCED or self._wanted(kept, now.monotonic_ms):
            # A desk that is there and has not stored it: one desk with a false clock must not have the only copy.
            return False
        kept.saved_wall_ms = kept.saved_wall_ms or now.wall_ms
        return now.wall_ms - kept.saved_wall_ms > KEEP_DAYS * _DAY_MS

    def _replay(self, kept: _Kept) -> None:
        for entry in self._ledger.find(kept.entry.ref, _RECEIPT):
            body = self._ledger.body(entry)
            if body is None:
                continue
            try:
                self._apply(kept, entry.device, decode(body[16:], Receipt))
            except Refused:
                # Our own record of another version: the desk repeats what it said, so it is asked again.
                continue

    def _apply(self, kept: _Kept, desk: bytes, receipt: Receipt) -> None:
        if desk in self._desks or kept.body_gone:
            said = kept.by_desk.setdefault(desk, set())
            said.add(receipt.stage)
            if Stage.STORED in said:
                # Its keys were mended since: what it could not open once it has opened now.
                said.discard(Stage.REFUSED)
        if receipt.stage in (Stage.ACKNOWLEDGED, Stage.CLOSED) and receipt.reader_signature:
            # A reader's own signature stays true even when the desk that carried it is removed. Under any other stage
            # nobody has verified one.
            kept.by_reader.add(receipt.stage)
