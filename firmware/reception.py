"""The desk's side of the conversation: check, record, answer.

Every up envelope is verified, opened as far as a desk may, recorded if it is a report, and answered; receipts leave
only after the commit that makes them true. Stands on envelope, inbox, identity and presence; `kiosk_chain` follows
each kiosk, `orders` numbers what staff order it, `desk_notes` speaks with the other desks. Pure but for the ledger
behind the inbox. Opens alerts only: no story key ever comes here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware import envelope
from firmware.clock import Moment
from firmware.commands import Order
from firmware.desk_notes import DeskIdentity, DeskNotes
from firmware.errors import Refused
from firmware.identity import DeviceEntry, DeviceRegister, ReaderRegister, Recipient
from firmware.inbox import Inbox, KeptReport, Recorded
from firmware.kiosk_chain import MISSING_AFTER_MS, KioskChain
from firmware.ledger import Ledger
from firmware.lessons import trouble_codes
from firmware.messages import NO_ID, Alert, Command, Down, Duty, Kind, Receipt, Stage, StageEvent
from firmware.orders import NotHeard, Orders
from firmware.presence import HeartbeatSchedule, Supervisor
from firmware.trouble import Cause

__all__ = [
    "DECOY_MEAN_MS",
    "ITEMS_MAX",
    "MISSING_AFTER_MS",
    "DeskIdentity",
    "Outcome",
    "Reception",
    "StageHeard",
    "Stored",
    "StoredUnreadable",
    "ToDesks",
    "ToKiosk",
]

_log = logging.getLogger("quietbell.reception")

ITEMS_MAX = 8
# Decoys keep an unasked-for word (noticed, acknowledged) from standing out: one a minute a kiosk on the average.
DECOY_MEAN_MS = 60_000
LIVES_SAVED_EVERY_MS = 1000


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


@dataclass(slots=True)
class _Peer:
    """A kiosk as this desk knows it."""

    entry: DeviceEntry
    recipient: Recipient
    chain: KioskChain
    held: int = 0


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
        self._me, self._supervisor = identity, supervisor
        self.inbox = Inbox(ledger, desk=identity.desk)
        self.orders = Orders(ledger)
        self._duty, self._decoy_gap_ms = duty, decoy_gap_ms
        self._random_bytes = random_bytes
        self._sheet_versions = sheet_versions
        self._peers: dict[bytes, _Peer] = {}
        self._notes = DeskNotes(
            identity,
            inbox=self.inbox,
            ledger=ledger,
            supervisor=supervisor,
            duty=duty,
            schedule=schedule,
            random_bytes=random_bytes,
            now=now,
        )
        self.register_changed(register, sheet_versions)
        self._decoy_ms = now.monotonic_ms + self._next_decoy_ms()
        self._lives_ms = now.monotonic_ms

    def register_changed(self, register: DeviceRegister, sheet_versions: tuple[int, int]) -> None:
        """A newer directory: inactive devices are no longer heard."""
        self._sheet_versions = sheet_versions
        kiosks = {entry.id: entry for entry in register.devices if entry.active and entry.kind == "kiosk"}
        desks = {entry.id: entry.signing for entry in register.devices if entry.active and entry.kind == "desk"}
        self._notes.set_desks(desks)
        held, self._peers = self._peers, {}
        for device, entry in kiosks.items():
            known = held.get(device)
            if known is None:
                chain = KioskChain(device, inbox=self.inbox, supervisor=self._supervisor)
                self._peers[device] = _Peer(entry, Recipient(entry.kem), chain)
            else:
                known.entry, known.recipient = entry, Recipient(entry.kem)
                self._peers[device] = known
        self.orders.keep_only(kiosks)

    def readers_changed(self, register: ReaderRegister) -> None:
        """A newer register of readers: whose answers, told by other desks, count here."""
        self._notes.set_readers({entry.id: entry.signing for entry in register.readers})

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
        digest: bytes = b"",
        generation: int = 0,
        reader: bytes = NO_ID,
        reader_signature: bytes = b"",
    ) -> list[Outcome]:
        """A person (or the screen: displayed) did something: receipt to the kiosk, news to the other desks.

        `digest`: of this envelope only, when a second one came under the same id (empty: of every one). Nothing when
        this desk does not hold the report or has said the same before.
        """
        outcomes: list[Outcome] = []
        for entry in self.inbox.entries_of(report):
            if digest not in (b"", entry.digest):
                continue
            said = [r for r in self.inbox.receipts_for(report) if r.digest == entry.digest]
            if any((r.stage, r.generation) == (stage, generation) for r in said):
                continue
            unsaid = Receipt(stage, report, entry.digest, 0, 0, generation, reader, reader_signature)
            receipt = self.inbox.add_receipt(entry.device, unsaid, at_ms=now.wall_ms)
            event = self._event(entry.device, receipt)
            self._notes.tell(event)
            outcomes.append(StageHeard(event))
            if stage is not Stage.DISPLAYED:
                # First in its envelope, however much the kiosk has still to be told again.
                outcomes += self._say(entry.device, NO_ID, [receipt], now)
        # *Displayed* follows every report within a frame and no heartbeat: said at once, whoever counts messages would
        # know the report by it. It says no more to a learner than *stored*, and goes with the next answer and note.
        if outcomes and stage is not Stage.DISPLAYED:
            outcomes.append(ToDesks(self._notes.make(now)))
        return outcomes

    def order(self, device: bytes, order: Order, now: Moment) -> list[Outcome]:
        """Somebody here wants this kiosk to do something: said to it at once, and again with every answer to it until
        it has answered or the order's time is over (see `orders`).

        Raises NotHeard: the kiosk is not known or not heard now; nothing was ordered.
        """
        if device not in self._peers:
            raise NotHeard
        self.orders.make(device, order, now)
        # As two messages, like every word of a person and like a decoy.
        return [*self._say(device, NO_ID, [], now), ToDesks(self._notes.make(now))]

    def holds(self, report: bytes, digest: bytes) -> bool:
        """Whether this very envelope is in the ledger, so that something can be said of it."""
        return any(entry.digest == digest for entry in self.inbox.entries_of(report))

    # --- from other desks ---

    def receive_note(self, desk: bytes, untrusted: bytes, now: Moment) -> list[Outcome]:
        """A payload from another desk's topic."""
        if desk == self._me.desk:
            return []
        try:
            return [StageHeard(event) for event in self._notes.receive(desk, untrusted, now)]
        except Refused as refusal:
            self._refuse(desk, refusal, now)
            return []

    # --- time ---

    def connected(self, now: Moment) -> list[Outcome]:
        """The link is up: the other desks hear of this one at once, else its silence is missed until its next note."""
        return [ToDesks(self._notes.make(now))]

    def tick(self, now: Moment) -> list[Outcome]:
        """This desk's own heartbeat, decoys, and the lives that are due to be kept."""
        outcomes: list[Outcome] = []
        if now.monotonic_ms >= self._lives_ms:
            self._lives_ms = now.monotonic_ms + LIVES_SAVED_EVERY_MS
            self._keep_lives(now)
        if now.monotonic_ms >= self._notes.due_ms:
            outcomes.append(ToDesks(self._notes.make(now)))
        if now.monotonic_ms >= self._decoy_ms:
            self._decoy_ms = now.monotonic_ms + self._next_decoy_ms()
            outcomes += self._decoy(now)
        return outcomes

    def next_due_ms(self) -> int:
        lives = [self._lives_ms] if any(peer.chain.unsaved for peer in self._peers.values()) else []
        return min([self._notes.due_ms, self._decoy_ms, *lives])

    def set_troubles(self, sentences: Iterable[str]) -> None:
        """What this desk tells the others of its own state."""
        self._notes.set_troubles(sentences)

    def commit_failed(self) -> None:
        """The disk did not take this turn."""
        self.inbox.forget_cached()
        self.orders.commit_failed()
        self._notes.commit_failed()
        for peer in self._peers.values():
            peer.chain.commit_failed()

    # --- after a restart ---

    def restore(self, now: Moment) -> list[Stored | StoredUnreadable | StageHeard]:
        """Everything this desk has not closed, as if it came now, with what was said of it."""
        outcomes: list[Stored | StoredUnreadable | StageHeard] = []
        for kept in self.inbox.open_reports():
            outcomes += self._restored(kept)
        return outcomes

    # --- private: kiosks ---

    def _check(self, device: bytes, untrusted: bytes) -> tuple[_Peer, envelope.UpEnvelope]:
        peer = self._peers.get(device)
        if peer is None:
            raise Refused("unknown-device")
        up = envelope.parse_up(untrusted)
        if up.header.site != self._me.site or up.header.device != device:
            raise Refused("wrong-address")
        # An older epoch is no reason to refuse: a kiosk that was provisioned anew may still hold reports from before.
        up.check_signature(peer.entry.signing)
        return peer, up

    def _refuse(self, device: bytes, refusal: Refused, now: Moment) -> None:
        _log.warning("refused", extra={"device": device.hex(), "reason": refusal.reason})
        if refusal.reason == "unknown-device":
            self._supervisor.unknown_device(device, now.monotonic_ms)
        else:
            self._supervisor.refused(device, refusal.reason, now.monotonic_ms)

    def _heartbeat(self, peer: _Peer, up: envelope.UpEnvelope, alert: Alert, now: Moment) -> list[Outcome]:
        device, last = peer.entry.id, peer.chain.last
        if last is not None and alert.life == last.life:
            return self._say(device, up.header.id, [], now)
        if not peer.chain.live(alert, now):
            # A broker can play old heartbeats back. They are no life; but they are answered as old reports are, or
            # whoever plays an envelope back would learn from the silence which of the two it is.
            _log.info("no-life", extra={"device": device.hex()})
            return self._say(device, up.header.id, [], now)
        self._hold(peer, alert)
        peer.chain.heartbeat(alert, now)
        self.orders.heard(device, alert.life, alert.faults, now)
        self._supervisor.faults(device, trouble_codes(alert.faults), now.monotonic_ms)
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
        peer.chain.stored(up, alert, now)
        receipt = self.inbox.add_receipt(device, Receipt(Stage.STORED, report, up.digest, 0, 0), at_ms=now.wall_ms)
        stored = Stored(report, up.digest, device, alert, now.wall_ms)
        return [stored, *self._told_early(up, now), *self._say(device, report, [receipt], now)]

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
        return [unreadable, *self._told_early(up, now), *self._say(device, report, [receipt], now)]

    def _told_early(self, up: envelope.UpEnvelope, now: Moment) -> list[Outcome]:
        return [StageHeard(event) for event in self.inbox.take_early(up, at_ms=now.wall_ms)]

    def _hold(self, peer: _Peer, alert: Alert) -> None:
        mine = next((entry.number for entry in alert.receipts_held if entry.desk == self._me.desk), 0)
        peer.held = min(mine, self.inbox.last_number(peer.entry.id))

    def _keep_lives(self, now: Moment) -> None:
        for peer in self._peers.values():
            if peer.chain.unsaved:
                peer.chain.save()
            peer.chain.find_missing(now)

    # --- private: saying ---

    def _say(self, device: bytes, answers: bytes, first: list[Receipt], now: Moment) -> list[Outcome]:
        """One down envelope: these receipts first, then what is ordered and what the kiosk is known to be missing."""
        peer = self._peers.get(device)
        if peer is None:
            return []
        known = {receipt.number for receipt in first}
        missing = self.inbox.receipts_after(device, peer.held, most=ITEMS_MAX)
        items: list[Receipt | Command] = [*first, *self.orders.waiting(device, now)]
        items += [receipt for receipt in missing if receipt.number not in known]
        del items[ITEMS_MAX:]
        down = self._down(device, answers, tuple(items), now)
        while not envelope.fits_down(down):
            items.pop()
            down = self._down(device, answers, tuple(items), now)
        header = envelope.DirectHeader(self._me.site, self._me.desk, device, self._random_bytes(16))
        return [ToKiosk(device, envelope.seal_down(down, header, self._me.signing, peer.recipient))]

    def _down(self, device: bytes, answers: bytes, items: tuple[Receipt | Command, ...], now: Moment) -> Down:
        return Down(
            answers=answers,
            desk_ms=now.wall_ms,
            duty=self._duty(now),
            desk_sheet_version=self._sheet_versions[0],
            route_sheet_version=self._sheet_versions[1],
            last_number=self.inbox.last_number(device),
            items=items,
        )

    def _decoy(self, now: Moment) -> list[Outcome]:
        devices = list(self._peers)
        if not devices:
            return []
        chosen = int.from_bytes(self._random_bytes(4), "big") % len(devices)
        # A person's word leaves as two messages, one to the kiosk and one to the desks: so does a decoy.
        return [*self._say(devices[chosen], NO_ID, [], now), ToDesks(self._notes.make(now))]

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
        mine = [self._event(kept.device, receipt) for receipt in kept.receipts]
        return outcomes + [StageHeard(event) for event in (*mine, *kept.events)]

    def _event(self, device: bytes, said: Receipt) -> StageEvent:
        return StageEvent(
            report=said.report,
            digest=said.digest,
            device=device,
            stage=said.stage,
            generation=said.generation,
            at_ms=said.at_ms,
            desk=self._me.desk,
            reader=said.reader,
            reader_signature=said.reader_signature,
        )
