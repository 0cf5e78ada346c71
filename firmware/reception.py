"""The desk's side of the conversation: check, record, answer, and tell the other desks.

Every up envelope is verified, opened as far as a desk may, recorded if it is a report, and answered; receipts leave
only after the commit that makes them true. Stands on envelope, inbox, identity and presence. Pure but for the ledger
behind the inbox. Opens alerts only: no story key ever comes here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware import envelope
from firmware.clock import Moment
from firmware.errors import Refused
from firmware.identity import DeviceEntry, DeviceRegister, KemKey, Recipient, SigningKey
from firmware.inbox import Inbox, KeptReport, LastLife, Recorded
from firmware.ledger import Ledger
from firmware.messages import (
    NO_ID,
    Alert,
    DeskNote,
    Down,
    Duty,
    Kind,
    Life,
    Receipt,
    ReceiptsHeld,
    Stage,
    StageEvent,
)
from firmware.presence import HeartbeatSchedule, Supervisor
from firmware.trouble import Cause

_log = logging.getLogger("quietbell.reception")

ITEMS_MAX = 8
# Decoys keep an unasked-for word (noticed, acknowledged) from standing out: one a minute a kiosk on the average.
DECOY_MEAN_MS = 60_000
LIVES_SAVED_EVERY_MS = 1000
# A kiosk may speak of a report that is still under way; after this long it is missing.
MISSING_AFTER_MS = 60_000


@dataclass(frozen=True, slots=True)
class ToKiosk:
    """Publish on this device's down topic, after the commit."""

    device: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class ToDesks:
    """Publish on this desk's own topic, after the commit."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A report (addition, silent call, taking back) is in the ledger and may be shown."""

    report: bytes
    digest: bytes
    device: bytes
    alert: Alert
    at_ms: int


@dataclass(frozen=True, slots=True)
class StoredUnreadable:
    """A truly signed envelope that will not open: urgent, room from the register."""

    report: bytes
    digest: bytes
    device: bytes
    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class StageHeard:
    """A stage of a report became true, here or at another desk."""

    event: StageEvent


Outcome = ToKiosk | ToDesks | Stored | StoredUnreadable | StageHeard


@dataclass(frozen=True, slots=True)
class DeskIdentity:
    """Who this desk is. `desk_key` is the site's key for alerts, which every desk holds."""

    site: bytes
    desk: bytes
    epoch: int
    signing: SigningKey
    desk_key: KemKey


@dataclass(slots=True)
class _Peer:
    """A kiosk as this desk knows it."""

    entry: DeviceEntry
    recipient: Recipient
    held: int = 0
    last: LastLife | None = None
    missing_since_ms: int | None = None
    missing_number: int = 0


class Reception:
    """Answers kiosks for one desk. The caller commits the ledger between a call and performing its outcomes."""

    def __init__(
        self,
        identity: DeskIdentity,
        *,
        register: DeviceRegister,
        sheet_versions: tuple[int, int],
        ledger: Ledger,
        supervisor: Supervisor,
        duty: Callable[[Moment], Duty],
        schedule: HeartbeatSchedule,
        decoy_gap_ms: Callable[[float], float],
        random_bytes: Callable[[int], bytes],
        now: Moment,
    ) -> None:
        """`decoy_gap_ms` draws an exponential time of the given mean."""
        self._me, self._ledger, self._supervisor = identity, ledger, supervisor
        self.inbox = Inbox(ledger, desk=identity.desk)
        self._duty, self._schedule, self._decoy_gap_ms = duty, schedule, decoy_gap_ms
        self._random_bytes = random_bytes
        self._sheet_versions = sheet_versions
        self._peers: dict[bytes, _Peer] = {}
        self._desks: dict[bytes, bytes] = {}
        self._to_desks = Recipient(identity.desk_key.public)
        self.register_changed(register, sheet_versions)
        self._boot = self._count_boot()
        self._last_monotonic_ms = 0
        self._news: list[StageEvent] = []
        self._note_ms = now.monotonic_ms
        self._decoy_ms = now.monotonic_ms + self._next_decoy_ms()
        self._unsaved: dict[bytes, LastLife] = {}
        self._lives_ms = now.monotonic_ms
        self._troubles: tuple[str, ...] = ()

    def register_changed(self, register: DeviceRegister, sheet_versions: tuple[int, int]) -> None:
        """A newer directory: inactive devices are no longer heard."""
        self._sheet_versions = sheet_versions
        kiosks = {entry.id: entry for entry in register.devices if entry.active and entry.kind == "kiosk"}
        self._desks = {entry.id: entry.signing for entry in register.devices if entry.active and entry.kind == "desk"}
        held = self._peers
        self._peers = {}
        for device, entry in kiosks.items():
            known = held.get(device)
            if known is not None and known.entry == entry:
                self._peers[device] = known
            else:
                self._peers[device] = _Peer(entry, Recipient(entry.kem), last=self.inbox.life(device))

    # --- from kiosks ---

    def receive(self, device: bytes, untrusted: bytes, now: Moment) -> list[Outcome]:
        """A payload from a kiosk's up topic (`device` is the topic's). What is not proved is counted and logged."""
        try:
            peer, up = self._check(device, untrusted)
        except Refused as refusal:
            self._refuse(device, refusal, now)
            return []
        try:
            alert = envelope.open_alert(up, self._me.desk_key)
        except Refused as refusal:
            return self._unreadable(peer, up, refusal, now)
        if alert.kind is Kind.HEARTBEAT:
            return self._heartbeat(peer, up, alert, now)
        return self._report(peer, up, alert, now)

    # --- from staff ---

    def mark(
        self,
        report: bytes,
        stage: Stage,
        now: Moment,
        *,
        generation: int = 0,
        reader: bytes = NO_ID,
        reader_signature: bytes = b"",
    ) -> list[Outcome]:
        """A person (or the screen: displayed) did something: receipt to the kiosk, news to the other desks.

        Nothing when this desk does not hold the report or has said the same before.
        """
        outcomes: list[Outcome] = []
        for entry in self.inbox.entries_of(report):
            said = [r for r in self.inbox.receipts_for(report) if r.digest == entry.digest]
            if any((r.stage, r.generation) == (stage, generation) for r in said):
                continue
            receipt = Receipt(stage, report, entry.digest, 0, 0, generation, reader, reader_signature)
            self.inbox.add_receipt(entry.device, receipt, at_ms=now.wall_ms)
            event = StageEvent(
                report,
                entry.digest,
                entry.device,
                stage,
                generation,
                now.wall_ms,
                self._me.desk,
                reader,
                reader_signature,
            )
            self._news.append(event)
            outcomes += [StageHeard(event), *self._say(entry.device, NO_ID, [], now)]
        if outcomes:
            outcomes.append(self._note(now))
        return outcomes

    # --- from other desks ---

    def receive_note(self, desk: bytes, untrusted: bytes, now: Moment) -> list[Outcome]:
        """A payload from another desk's topic."""
        if desk == self._me.desk:
            return []
        try:
            told_by, note = envelope.open_note(
                untrusted, desk_signing=self._desks.get, key=self._me.desk_key, site=self._me.site
            )
            if told_by != desk:
                raise Refused("wrong-address")
        except Refused as refusal:
            self._refuse(desk, refusal, now)
            return []
        if not self._supervisor.life(desk, note.life, now.monotonic_ms):
            return []
        self._tell_of(desk, note, now)
        fresh = [event for event in note.events if self.inbox.add_event(event, at_ms=now.wall_ms)]
        return [StageHeard(event) for event in fresh]

    # --- time ---

    def tick(self, now: Moment) -> list[Outcome]:
        """This desk's own heartbeat, decoys, and the lives that are due to be kept."""
        outcomes: list[Outcome] = []
        if now.monotonic_ms >= self._lives_ms:
            self._lives_ms = now.monotonic_ms + LIVES_SAVED_EVERY_MS
            self.inbox.save_lives(self._unsaved)
            self._unsaved = {}
            self._find_missing(now)
        if now.monotonic_ms >= self._note_ms:
            outcomes.append(self._note(now))
        if now.monotonic_ms >= self._decoy_ms:
            self._decoy_ms = now.monotonic_ms + self._next_decoy_ms()
            outcomes += self._decoy(now)
        return outcomes

    def next_due_ms(self) -> int:
        lives = [self._lives_ms] if self._unsaved else []
        return min([self._note_ms, self._decoy_ms, *lives])

    def set_troubles(self, sentences: Iterable[str]) -> None:
        """What this desk tells the others of its own state."""
        self._troubles = tuple(sentence[:64] for sentence in sentences)[:8]

    def commit_failed(self) -> None:
        """The disk did not take this turn."""
        self.inbox.forget_cached()

    # --- after a restart ---

    def restore(self, now: Moment) -> list[Stored | StoredUnreadable | StageHeard]:
        """Everything this desk has not closed, as if it came now, with what was said of it."""
        outcomes: list[Stored | StoredUnreadable | StageHeard] = []
        for kept in self.inbox.open_reports():
            outcomes += self._restored(kept)
        return outcomes

    # --- private: kiosks ---

    def _check(self, device: bytes, untrusted: bytes) -> tuple[_Peer, envelope.UpEnvelope]:
        up = envelope.parse_up(untrusted)
        if up.header.site != self._me.site or up.header.device != device:
            raise Refused("wrong-address")
        peer = self._peers.get(device)
        if peer is None:
            raise Refused("unknown-device")
        up.check_signature(peer.entry.signing)
        if up.epoch != peer.entry.epoch:
            raise Refused("other-epoch")
        return peer, up

    def _refuse(self, device: bytes, refusal: Refused, now: Moment) -> None:
        _log.warning("refused", extra={"device": device.hex(), "reason": refusal.reason})
        if refusal.reason == "unknown-device":
            self._supervisor.unknown_device(device, now.monotonic_ms)
        else:
            self._supervisor.refused(device, refusal.reason, now.monotonic_ms)

    def _heartbeat(self, peer: _Peer, up: envelope.UpEnvelope, alert: Alert, now: Moment) -> list[Outcome]:
        device = peer.entry.id
        repeated = peer.last is not None and alert.life == peer.last.life
        if not self._lives(peer, alert, now) and not repeated:
            return []
        if not repeated:
            self._supervisor.faults(device, alert.faults, now.monotonic_ms)
            held = (alert.desk_sheet_version, alert.route_sheet_version)
            self._supervisor.sheets(device, held, self._sheet_versions, now.monotonic_ms)
        return self._say(device, up.header.id, [], now)

    def _report(self, peer: _Peer, up: envelope.UpEnvelope, alert: Alert, now: Moment) -> list[Outcome]:
        device, report = peer.entry.id, up.header.id
        recorded = self.inbox.record(up, at_ms=now.wall_ms)
        if recorded is Recorded.DUPLICATE:
            mine = [receipt for receipt in self.inbox.receipts_for(report) if receipt.digest == up.digest]
            return self._say(device, report, mine, now)
        if recorded is Recorded.FORKED:
            self._supervisor.raise_trouble(Cause.FORKED_CARD, device, now.monotonic_ms)
        self._follow_chain(peer, up, alert, now)
        receipt = self.inbox.add_receipt(device, Receipt(Stage.STORED, report, up.digest, 0, 0), at_ms=now.wall_ms)
        stored = Stored(report, up.digest, device, alert, now.wall_ms)
        return [stored, *self._say(device, report, [receipt], now)]

    def _unreadable(self, peer: _Peer, up: envelope.UpEnvelope, refusal: Refused, now: Moment) -> list[Outcome]:
        """Truly signed, yet it will not open: alarm, keep, and answer *refused*, which never settles at the kiosk."""
        device, report = peer.entry.id, up.header.id
        _log.error("unreadable", extra={"device": device.hex(), "reason": refusal.reason})
        self._supervisor.raise_trouble(Cause.UNREADABLE, device, now.monotonic_ms, detail=refusal.reason)
        recorded = self.inbox.record_unreadable(up, at_ms=now.wall_ms)
        if recorded is Recorded.DUPLICATE:
            mine = [receipt for receipt in self.inbox.receipts_for(report) if receipt.digest == up.digest]
            return self._say(device, report, mine, now)
        said = Receipt(Stage.REFUSED, report, up.digest, 0, 0, reason=refusal.reason)
        receipt = self.inbox.add_receipt(device, said, at_ms=now.wall_ms)
        unreadable = StoredUnreadable(report, up.digest, device, now.wall_ms, refusal.reason)
        return [unreadable, *self._say(device, report, [receipt], now)]

    def _lives(self, peer: _Peer, alert: Alert, now: Moment) -> bool:
        """Take up a greater life and what it says of receipts and of the report chain; False: not life."""
        device = peer.entry.id
        if peer.last is not None and alert.life <= peer.last.life:
            return False
        if not self._supervisor.life(device, alert.life, now.monotonic_ms):
            return False
        self._hold(peer, alert.receipts_held)
        known = peer.last
        number, head = (known.number, known.head) if known is not None else (0, b"")
        if alert.kind is Kind.HEARTBEAT:
            self._compare_chain(peer, alert, number, head, now)
        peer.last = self._unsaved[device] = LastLife(alert.life, number, head)
        return True

    def _hold(self, peer: _Peer, held: Iterable[ReceiptsHeld]) -> None:
        mine = next((entry.number for entry in held if entry.desk == self._me.desk), 0)
        peer.held = min(mine, self.inbox.last_number(peer.entry.id))

    def _compare_chain(self, peer: _Peer, alert: Alert, number: int, head: bytes, now: Moment) -> None:
        if alert.number > number:
            if peer.missing_since_ms is None:
                peer.missing_since_ms = now.monotonic_ms
            peer.missing_number = alert.number
        elif alert.number == number and head and alert.previous != head:
            self._supervisor.raise_trouble(Cause.FORKED_CARD, peer.entry.id, now.monotonic_ms)

    def _follow_chain(self, peer: _Peer, up: envelope.UpEnvelope, alert: Alert, now: Moment) -> None:
        self._lives(peer, alert, now)
        last = peer.last
        if last is None:
            return
        if alert.number > last.number:
            peer.last = self._unsaved[peer.entry.id] = LastLife(last.life, alert.number, up.digest)
            if peer.missing_since_ms is not None and alert.number >= peer.missing_number:
                peer.missing_since_ms = None
        elif alert.number == last.number and up.digest != last.head:
            # Two reports with one number: this card was copied or restored. Both are kept and answered.
            self._supervisor.raise_trouble(Cause.FORKED_CARD, peer.entry.id, now.monotonic_ms)

    def _find_missing(self, now: Moment) -> None:
        for device, peer in self._peers.items():
            since = peer.missing_since_ms
            if since is not None and now.monotonic_ms - since > MISSING_AFTER_MS:
                self._supervisor.raise_trouble(Cause.REPORT_MISSING, device, now.monotonic_ms)
                peer.missing_since_ms = None

    # --- private: saying ---

    def _say(self, device: bytes, answers: bytes, first: list[Receipt], now: Moment) -> list[Outcome]:
        """One down envelope: these receipts first, then what the kiosk is known to be missing."""
        peer = self._peers.get(device)
        if peer is None:
            return []
        known = {receipt.number for receipt in first}
        missing = self.inbox.receipts_after(device, peer.held, most=ITEMS_MAX)
        items = [*first, *(receipt for receipt in missing if receipt.number not in known)][:ITEMS_MAX]
        down = self._down(device, answers, tuple(items), now)
        while not envelope.fits_down(down):
            items.pop()
            down = self._down(device, answers, tuple(items), now)
        header = envelope.DirectHeader(self._me.site, self._me.desk, device, self._random_bytes(16))
        return [ToKiosk(device, envelope.seal_down(down, header, self._me.signing, peer.recipient))]

    def _down(self, device: bytes, answers: bytes, items: tuple[Receipt, ...], now: Moment) -> Down:
        return Down(
            answers=answers,
            desk_ms=now.wall_ms,
            duty=self._duty(now),
            desk_sheet_version=self._sheet_versions[0],
            route_sheet_version=self._sheet_versions[1],
            last_number=self.inbox.last_number(device),
            items=items,
        )

    def _note(self, now: Moment) -> ToDesks:
        """This desk's heartbeat to the others, at random gaps and whenever there is news."""
        self._note_ms = now.monotonic_ms + self._schedule.gap_ms()
        self._last_monotonic_ms = max(now.monotonic_ms, self._last_monotonic_ms + 1)
        note = DeskNote(
            life=Life(self._me.epoch, self._boot, self._last_monotonic_ms),
            wall_ms=now.wall_ms,
            duty=self._duty(now),
            ledger_length=self._ledger.length,
            ledger_head=self._ledger.head,
            troubles=self._troubles,
            events=tuple(self._news[-8:]),
        )
        header = envelope.DirectHeader(self._me.site, self._me.desk, self._me.site, self._random_bytes(16))
        # The last eight events go again with every note, so that one lost note loses no news.
        self._news = self._news[-8:]
        return ToDesks(envelope.seal_note(note, header, self._me.signing, self._to_desks))

    def _tell_of(self, desk: bytes, note: DeskNote, now: Moment) -> None:
        if note.troubles:
            detail = "; ".join(note.troubles)
            self._supervisor.raise_trouble(Cause.OTHER_DESK, desk, now.monotonic_ms, detail=detail)
        else:
            self._supervisor.mended(Cause.OTHER_DESK, desk)

    def _decoy(self, now: Moment) -> list[Outcome]:
        devices = list(self._peers)
        if not devices:
            return []
        chosen = int.from_bytes(self._random_bytes(4), "big") % len(devices)
        return self._say(devices[chosen], NO_ID, [], now)

    def _next_decoy_ms(self) -> int:
        return max(1, round(self._decoy_gap_ms(DECOY_MEAN_MS / max(1, len(self._peers)))))

    def _restored(self, kept: KeptReport) -> list[Stored | StoredUnreadable | StageHeard]:
        up = self.inbox.envelope(kept.report, kept.digest)
        if up is None:
            return []
        try:
            alert = envelope.open_alert(up, self._me.desk_key)
        except Refused as refusal:
            return [StoredUnreadable(kept.report, kept.digest, kept.device, kept.at_ms, refusal.reason)]
        outcomes: list[Stored | StoredUnreadable | StageHeard] = [
            Stored(kept.report, kept.digest, kept.device, alert, kept.at_ms)
        ]
        mine = (
            StageEvent(
                r.report,
                r.digest,
                kept.device,
                r.stage,
                r.generation,
                r.at_ms,
                self._me.desk,
                r.reader,
                r.reader_signature,
            )
            for r in kept.receipts
        )
        return outcomes + [StageHeard(event) for event in (*mine, *kept.events)]

    def _count_boot(self) -> int:
        boot = int.from_bytes(self._ledger.note("boot") or b"", "big") + 1
        self._ledger.set_note("boot", boot.to_bytes(8, "big"))
        return boot
