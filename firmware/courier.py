"""The kiosk's side of the conversation: seal, save, send, and believe only what is proved.

Stands on envelope, outbox, identity and presence. Pure but for the ledger behind the outbox: events and time come in,
payloads and news go out; whoever owns the link sends them after the commit. Heartbeats, reports and repeats leave
through this one place, so that what the broker sees can be kept alike.
"""

from __future__ import annotations

import logging
import random as random_module
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware import envelope
from firmware.clock import Moment
from firmware.errors import Refused, StoreFault
from firmware.freshness import Freshness
from firmware.identity import SealSheet, SheetReader, verify
from firmware.ledger import Ledger
from firmware.messages import (
    SOURCE_PORTAL,
    Alert,
    Command,
    Down,
    Draft,
    Duty,
    Kind,
    Life,
    Receipt,
    ReceiptsHeld,
    Stage,
    Story,
    Urgency,
    receipt_claim,
)
from firmware.outbox import Outbox, Progress
from firmware.presence import HeartbeatSchedule
from firmware.sealer import KioskIdentity, Sealer

_log = logging.getLogger("quietbell.courier")

# After every connect a kiosk sends exactly this many envelopes, so that the count says nothing of what waited.
BURST = 4
# Then it holds back this long before a longer queue drains; more than BURST waiting reports cannot be hidden.
AFTER_BURST_MS = 2000
WINDOW = 32
UNANSWERED_AFTER_MS = 2000
HEARTBEAT_REPEAT_MS = (2000, 4000, 8000, 16000)
HEARTBEAT_JITTER = 0.25
LET_GO_EVERY_MS = 5000
# A blank costs three key encapsulations: they wait until the last report is answered, or this long.
REFILL_AFTER_MS = 100
SHEET_BEHIND_MS = 600_000


@dataclass(frozen=True, slots=True)
class Send:
    """Publish these bytes on the kiosk's up topic, after the commit."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class ProgressChanged:
    report: bytes


@dataclass(frozen=True, slots=True)
class Commanded:
    """A signed command from a desk; whether it is obeyed is for `commands` to say."""

    desk: bytes
    command: Command


@dataclass(frozen=True, slots=True)
class DeskTime:
    """A fresh signed desk time, for the clock's floor."""

    wall_ms: int


@dataclass(frozen=True, slots=True)
class SheetAdopted:
    sheet: SealSheet


@dataclass(frozen=True, slots=True)
class NotBelieved:
    """Bytes or a receipt that changed nothing; `reason` is a code for the log and the fault count."""

    reason: str


News = Send | ProgressChanged | Commanded | DeskTime | SheetAdopted | NotBelieved


@dataclass(frozen=True, slots=True)
class _Route:
    name: str
    private: bool


@dataclass(slots=True)
class _Heartbeat:
    id: bytes
    payload: bytes
    repeats: int
    next_ms: int


class Courier:
    """One kiosk's conversation with all desks of its site."""

    def __init__(
        self,
        identity: KioskIdentity,
        *,
        sheet: SealSheet,
        ledger: Ledger,
        random: random_module.Random,
        random_bytes: Callable[[int], bytes],
        now: Moment,
    ) -> None:
        """Takes the newer of `sheet` and the one kept in the ledger, and counts this start (commit afterwards)."""
        self._me, self._ledger, self._random = identity, ledger, random
        self._schedule = HeartbeatSchedule(random)
        self._sealer = Sealer(identity, sheet=sheet, ledger=ledger, random_bytes=random_bytes)
        self.outbox = Outbox(ledger, desks=self._sealer.desk_ids(), random=random)
        self.boot = self._count_boot()
        self._last_monotonic_ms = 0
        self._connected = False
        self._beat_ms = now.monotonic_ms + self._schedule.gap_ms()
        self._heartbeat: _Heartbeat | None = None
        self._place_was_taken = False
        self._fresh = Freshness()
        self._unanswered: dict[bytes, int] = {}
        self._hold_until_ms = 0
        self._let_go_ms = now.monotonic_ms
        self._refill_ms: int | None = now.monotonic_ms
        self._scrub_due = False
        self._behind_since_ms: int | None = None
        self._faults: tuple[str, ...] = ()
        # In memory only: on the disk it would tell a thief which report is about an adult here. After a restart every
        # reader of the site is believed.
        self._routes: dict[bytes, _Route] = {}

    @property
    def sheet(self) -> SealSheet:
        return self._sealer.sheet

    def desk_ids(self) -> tuple[bytes, ...]:
        """The desks that the newest sheet names."""
        return self._sealer.desk_ids()

    # --- what the kiosk does ---

    def submit(self, draft: Draft, now: Moment, *, reserved: bool = True) -> bytes:
        """Seal and save a draft; returns the report's id. It is *saved* after the ledger's commit.

        Raises StoreFull or StoreFault: nothing was kept.
        """
        # What was made ready waits for a press: no flood from the portal may use it up.
        blank = self._sealer.blank(draft.story.route) if reserved else self._sealer.make_blank(draft.story.route)
        self._refill_ms = now.monotonic_ms + REFILL_AFTER_MS
        report = blank.clear.header.id
        room = self._room_of(draft)
        alert = self._alert(now, draft.kind, draft.urgency, draft.private, room, draft.story.language, draft.about)
        payload = envelope.fill(blank, alert, draft.story, self._me.signing)
        self.outbox.save(report, payload, hurry=draft.hurry, reserved=reserved, now=now)
        self._routes[report] = _Route(draft.story.route, draft.private)
        return report

    def set_faults(self, codes: Sequence[str]) -> None:
        """What is wrong with this kiosk, what matters most first; told in every heartbeat, as many as have room."""
        self._faults = tuple(codes)

    def connected(self, now: Moment) -> list[News]:
        """The link is up: exactly BURST envelopes go, reports first, heartbeats filling."""
        self._connected = True
        self.outbox.reconnected(now.monotonic_ms)
        news = self._send_due(now, most=BURST)
        for _ in range(BURST - sum(isinstance(item, Send) for item in news)):
            news.append(self._beat(now))
        self._hold_until_ms = now.monotonic_ms + AFTER_BURST_MS
        return news

    def disconnected(self) -> None:
        self._connected = False

    def tick(self, now: Moment) -> list[News]:
        """What is due now: reports, repeats, a heartbeat. Also makes blanks ready for the next press."""
        if now.monotonic_ms - self._let_go_ms >= LET_GO_EVERY_MS:
            self._let_go_ms = now.monotonic_ms
            self._keep_boot()
            self._let_go(now)
        self._refill(now)
        if not self._connected:
            return []
        news = self._send_due(now, most=self._free_places(now))
        if now.monotonic_ms >= self._beat_ms:
            news += self._heartbeat_place(now)
        elif self._heartbeat is not None and now.monotonic_ms >= self._heartbeat.next_ms:
            news.append(self._repeat_heartbeat(self._heartbeat, now))
        return news

    def next_due_ms(self) -> int:
        """When `tick` should be called again, monotonic ms."""
        times = [self._let_go_ms + LET_GO_EVERY_MS]
        if self._refill_ms is not None:
            times.append(self._refill_ms)
        if self._connected:
            times.append(self._beat_ms)
            due = self.outbox.next_due_ms()
            if due is not None:
                times.append(max(due, self._hold_until_ms if len(self._unanswered) >= BURST else 0))
            if self._heartbeat is not None:
                times.append(self._heartbeat.next_ms)
        return min(times)

    # --- what the desks say ---

    def receive(self, untrusted: bytes, now: Moment) -> list[News]:
        """A payload from this kiosk's down topic. What is not proved changes nothing and says why."""
        try:
            desk, down = envelope.open_down(
                untrusted,
                desk_signing=self.sheet.desk_signing,
                key=self._me.kem,
                site=self._me.site,
                device=self._me.device,
            )
        except Refused as refusal:
            return [NotBelieved(refusal.reason)]
        if self._unanswered.pop(down.answers, None) is not None and self._refill_ms is not None:
            self._refill_ms = now.monotonic_ms + 1
        news = self._freshly(desk, down, now)
        for item in down.items:
            if isinstance(item, Receipt):
                news += self._believe(desk, item, down.route_sheet_version, now)
            else:
                news.append(Commanded(desk, item))
        return news

    def receive_sheet(self, untrusted: bytes, now: Moment) -> list[News]:
        """A payload from the retained sheet topic: taken up only when newer and signed by those who may."""
        try:
            sheet = self._sealer.adopt(untrusted)
        except Refused as refusal:
            return [NotBelieved(refusal.reason)]
        if sheet is None:
            return []
        self._behind_since_ms = None
        self._refill_ms = now.monotonic_ms
        desks = self._sealer.desk_ids()
        self._fresh.keep_only(desks)
        self.outbox.sheet_changed(self._sealer.desk_ids(), now.monotonic_ms)
        return [SheetAdopted(sheet), *(ProgressChanged(report) for report in self.outbox.reports())]

    def commit_failed(self) -> None:
        """The disk did not take this turn: go back to what it has."""
        self.outbox.reload()

    # --- what a screen may say ---

    def progress(self, report: bytes) -> Progress | None:
        return self.outbox.progress(report)

    def duty(self, now_ms: int) -> Duty:
        """Whether any desk is attended, by fresh signed words only; unknown after a minute of silence."""
        return self._fresh.duty(now_ms)

    # --- sending ---

    def _send_due(self, now: Moment, *, most: int) -> list[News]:
        news: list[News] = []
        for due in self.outbox.due(now.monotonic_ms, most=most):
            self._challenge_report(due.report, now)
            self._unanswered[due.report] = now.monotonic_ms
            news += [Send(due.envelope), ProgressChanged(due.report)]
        return news

    def _free_places(self, now: Moment) -> int:
        late = now.monotonic_ms - UNANSWERED_AFTER_MS
        self._unanswered = {report: at for report, at in self._unanswered.items() if at > late}
        if now.monotonic_ms < self._hold_until_ms and len(self._unanswered) >= BURST:
            return 0
        return max(0, WINDOW - len(self._unanswered))

    def _heartbeat_place(self, now: Moment) -> list[News]:
        """A heartbeat, or in its place a report that is in no hurry.

        Never two reports in a row: a report was sealed earlier and proves no life now, and a desk calls silence
        trouble after the time of three places.
        """
        due = None if self._place_was_taken else self.outbox.take_unhurried(now.monotonic_ms)
        self._place_was_taken = due is not None
        if due is None:
            return [self._beat(now)]
        self._beat_ms = now.monotonic_ms + self._schedule.gap_ms()
        self._heartbeat = None
        self._challenge_report(due.report, now)
        return [Send(due.envelope), ProgressChanged(due.report)]

    def _beat(self, now: Moment) -> News:
        blank = self._sealer.make_blank(self.sheet.routes.routes[0].name)
        # A heartbeat's head of chain lets the desk notice a report that was suppressed on the way.
        alert = self._alert(now, Kind.HEARTBEAT, Urgency.INFORMATION, False, "", "", b"")
        payload = envelope.fill(blank, alert, Story(route="", room=""), self._me.signing)
        beat_id = blank.clear.header.id
        self._fresh.challenge(beat_id, now.monotonic_ms)
        self._heartbeat = _Heartbeat(beat_id, payload, 0, now.monotonic_ms + self._repeat_after_ms(0))
        self._beat_ms = now.monotonic_ms + self._schedule.gap_ms()
        return Send(payload)

    def _repeat_heartbeat(self, beat: _Heartbeat, now: Moment) -> News:
        beat.repeats = min(beat.repeats + 1, len(HEARTBEAT_REPEAT_MS) - 1)
        beat.next_ms = now.monotonic_ms + self._repeat_after_ms(beat.repeats)
        return Send(beat.payload)

    def _repeat_after_ms(self, repeats: int) -> int:
        # Jittered as the outbox jitters reports: a broker that drops answers must not tell them apart by the beat.
        jitter = self._random.uniform(1 - HEARTBEAT_JITTER, 1 + HEARTBEAT_JITTER)
        return round(HEARTBEAT_REPEAT_MS[repeats] * jitter)

    def _refill(self, now: Moment) -> None:
        """Make the next blank ready, one a turn, when nobody waits for an answer."""
        if self._refill_ms is not None and now.monotonic_ms >= self._refill_ms:
            self._refill_ms = now.monotonic_ms + 1 if self._sealer.refill() else None

    def _let_go(self, now: Moment) -> None:
        """Erase what need not stay; a turn later, when that is committed, empty the log it still stands in."""
        if self._scrub_due and not self._ledger.dirty:
            try:
                self._ledger.scrub()
                self._scrub_due = False
            except StoreFault as fault:
                _log.error("not-scrubbed", extra={"what": str(fault)})
        if self.outbox.let_go(now):
            self._scrub_due = True
        known = set(self.outbox.reports())
        self._routes = {report: route for report, route in self._routes.items() if report in known}

    def _alert(
        self, now: Moment, kind: Kind, urgency: Urgency, private: bool, room: str, language: str, about: bytes
    ) -> Alert:
        # Strictly rising within a boot, so that a desk can order lives and knows a replay.
        self._last_monotonic_ms = max(now.monotonic_ms, self._last_monotonic_ms + 1)
        beat = kind is Kind.HEARTBEAT
        return Alert(
            kind=kind,
            urgency=urgency,
            private=private,
            room=room,
            language=language,
            about=about,
            life=Life(self._me.epoch, self.boot, self._last_monotonic_ms),
            wall_ms=now.wall_ms,
            clock=now.quality,
            number=self.outbox.number + (0 if beat else 1),
            previous=self.outbox.previous,
            receipts_held=tuple(ReceiptsHeld(desk, self.outbox.held(desk)) for desk in self._sealer.desk_ids()[:6]),
            desk_sheet_version=self.sheet.desks.version,
            route_sheet_version=self.sheet.routes.version,
            faults=self._all_faults(now) if beat else (),
        )

    def _room_of(self, draft: Draft) -> str:
        """Where the alert sends people: to this kiosk's room only for those who stand in front of it."""
        if draft.private:
            return ""
        return draft.story.room if draft.story.source == SOURCE_PORTAL else self._me.room

    def _all_faults(self, now: Moment) -> tuple[str, ...]:
        behind = self._behind_since_ms is not None and now.monotonic_ms - self._behind_since_ms > SHEET_BEHIND_MS
        more = [
            code for code, true in (("sheet-behind", behind), ("route-missing", self._sealer.route_missing)) if true
        ]
        return (*more, *self._faults)[:8]

    def _challenge_report(self, report: bytes, now: Moment) -> None:
        """Only the first sending of a report of this start: an answer to an earlier one may have been held back."""
        progress = self.outbox.progress(report)
        if progress is not None and progress.saved_ms and progress.first_sent_ms == now.monotonic_ms:
            self._fresh.challenge(report, now.monotonic_ms)

    # --- believing ---

    def _freshly(self, desk: bytes, down: Down, now: Moment) -> list[News]:
        """What only a fresh word proves: duty, a living desk, the time."""
        if not self._fresh.prove(desk, down.answers, down.duty, now.monotonic_ms):
            return []
        if self._heartbeat is not None and self._heartbeat.id == down.answers:
            self._heartbeat = None
        self.outbox.desk_seen(desk, now.monotonic_ms)
        if down.last_number < self.outbox.held(desk):
            # Its record was put back to an older one and counts anew: what we hold of it says nothing any more.
            self.outbox.hold_nothing(desk)
        newer = (
            down.desk_sheet_version > self.sheet.desks.version or down.route_sheet_version > self.sheet.routes.version
        )
        if not newer:
            self._behind_since_ms = None
        elif self._behind_since_ms is None:
            self._behind_since_ms = now.monotonic_ms
        return [DeskTime(down.desk_ms)]

    def _believe(self, desk: bytes, receipt: Receipt, route_sheet_version: int, now: Moment) -> list[News]:
        if receipt.stage in (Stage.ACKNOWLEDGED, Stage.CLOSED) and not self._reader_signed(receipt):
            # Not held when a newer sheet may name this reader: then the desk's repetition will be believed. Else it
            # is held unbelieved, or eight of a leaver's words would stand for ever before everything new.
            if route_sheet_version <= self.sheet.routes.version:
                self.outbox.hold(desk, receipt.number)
            return [NotBelieved("reader-not-proved")]
        if self.outbox.believe(desk, receipt, now):
            return [ProgressChanged(receipt.report)]
        return []

    def _reader_signed(self, receipt: Receipt) -> bool:
        reader = self.sheet.reader(receipt.reader)
        if reader is None or not self._may_say(reader, receipt):
            return False
        claim = receipt_claim(self._me.site, receipt.report, receipt.digest, receipt.stage, receipt.generation)
        return verify(reader.signing, receipt.reader_signature, claim)

    def _may_say(self, reader: SheetReader, receipt: Receipt) -> bool:
        """Whoever is at the desk may answer what every desk shows; only who can read it closes it, or knows at all of
        a private report. A route that the sheet does not have is read by nobody here, so anybody may speak."""
        route = self._routes.get(receipt.report)
        if route is None or route.name in reader.routes or route.name not in self.sheet.route_names():
            return True
        return receipt.stage is Stage.ACKNOWLEDGED and not route.private

    def _count_boot(self) -> int:
        boot = int.from_bytes(self._ledger.note("boot") or b"", "big") + 1
        self._ledger.set_note("boot", boot.to_bytes(8, "big"))
        return boot

    def _keep_boot(self) -> None:
        """A kiosk that started on a full disk could not keep its number: a later start would be taken for this one."""
        kept = self.boot.to_bytes(8, "big")
        if self._ledger.note("boot") != kept:
            self._ledger.set_note("boot", kept)
