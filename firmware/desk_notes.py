"""What the desks of one site tell each other: that they live, what they lack, and what happened to reports.

Owns this desk's notes (its heartbeat to the others) and what is believed of theirs. Every note is signed by its desk
and sealed to the key that all desks hold. The last events go again with every note, so that one lost note loses no
news. Stands on envelope, inbox and presence; knows nothing of kiosks' envelopes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware import envelope
from firmware.clock import Moment
from firmware.errors import Refused
from firmware.identity import KemKey, Recipient, SigningKey, verify
from firmware.inbox import Inbox, LastLife, Told
from firmware.ledger import Ledger
from firmware.messages import DeskNote, Duty, Life, Stage, StageEvent, receipt_claim
from firmware.presence import HeartbeatSchedule, Supervisor
from firmware.trouble import Cause

_log = logging.getLogger("quietbell.desk_notes")

EVENTS_REPEATED = 8
TROUBLES_TOLD = 8
TROUBLE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class DeskIdentity:
    """Who this desk is. `desk_key` is the site's key for alerts, which every desk holds."""

    site: bytes
    desk: bytes
    epoch: int
    signing: SigningKey
    desk_key: KemKey


class DeskNotes:
    """One desk's notes to and from the others. The caller commits before it sends, as everywhere."""

    def __init__(
        self,
        identity: DeskIdentity,
        *,
        inbox: Inbox,
        ledger: Ledger,
        supervisor: Supervisor,
        duty: Callable[[Moment], Duty],
        schedule: HeartbeatSchedule,
        random_bytes: Callable[[int], bytes],
        now: Moment,
    ) -> None:
        """Counts this start of the desk (commit afterwards)."""
        self._me, self._inbox, self._ledger, self._supervisor = identity, inbox, ledger, supervisor
        self._duty, self._schedule, self._random_bytes = duty, schedule, random_bytes
        self._to_desks = Recipient(identity.desk_key.public)
        self._desks: dict[bytes, bytes] = {}
        self._readers: dict[bytes, bytes] = {}
        self._lives: dict[bytes, LastLife] = {}
        self._boot = self._count_boot()
        self._last_monotonic_ms = 0
        self._news: list[StageEvent] = []
        self._troubles: tuple[str, ...] = ()
        self.due_ms = now.monotonic_ms

    def set_desks(self, signing: dict[bytes, bytes]) -> None:
        """The active desks of a newer directory, and their signing keys."""
        self._desks = signing

    def set_readers(self, signing: dict[bytes, bytes]) -> None:
        """The readers of a newer register, and their signing keys: no desk can answer or close in their name."""
        self._readers = signing

    def set_troubles(self, sentences: Iterable[str]) -> None:
        """What this desk tells the others of its own state."""
        self._troubles = tuple(sentence[:TROUBLE_CHARACTERS] for sentence in sentences)[:TROUBLES_TOLD]

    def tell(self, event: StageEvent) -> None:
        """Put an event into the next notes."""
        self._news = [*self._news, event][-EVENTS_REPEATED:]

    def make(self, now: Moment) -> bytes:
        """A note for this desk's own topic, at random gaps and whenever there is news."""
        self.due_ms = now.monotonic_ms + self._schedule.gap_ms()
        # Strictly rising, so that no note that was heard once is life again.
        self._last_monotonic_ms = max(now.monotonic_ms, self._last_monotonic_ms + 1)
        note = DeskNote(
            life=Life(self._me.epoch, self._boot, self._last_monotonic_ms),
            wall_ms=now.wall_ms,
            duty=self._duty(now),
            ledger_length=self._ledger.length,
            ledger_head=self._ledger.head,
            troubles=self._troubles,
            events=tuple(self._news),
        )
        header = envelope.DirectHeader(self._me.site, self._me.desk, self._me.site, self._random_bytes(16))
        return envelope.seal_note(note, header, self._me.signing, self._to_desks)

    def receive(self, desk: bytes, untrusted: bytes, now: Moment) -> list[StageEvent]:
        """A payload from another desk's topic: the events in it that are new here; those of a report that is not here
        yet come with the report.

        Raises Refused: not a note, not signed by the desk of that topic, or not sealed to us.
        """
        told_by, note = envelope.open_note(
            untrusted, desk_signing=self._desks.get, key=self._me.desk_key, site=self._me.site
        )
        if told_by != desk:
            raise Refused("wrong-address")
        if not self._is_life(desk, note.life, now):
            return []
        self._hear_troubles(desk, note, now)
        return [event for event in note.events if self._is_new(desk, event, now)]

    def commit_failed(self) -> None:
        """The disk did not take this turn: what happened in it is not told, whoever did it does it again."""
        self._lives = {}
        self._news = [event for event in self._news if self._is_recorded(event)]

    def _is_life(self, desk: bytes, life: Life, now: Moment) -> bool:
        last = self._lives.get(desk) or self._inbox.life(desk)
        if (last is not None and life <= last.life) or not self._supervisor.life(desk, life, now.monotonic_ms):
            _log.info("no-life", extra={"desk": desk.hex()})
            return False
        # Kept with the record: after a restart, notes that a broker stored must not make a dead desk look alive.
        self._lives[desk] = LastLife(life, 0, b"")
        self._inbox.save_lives({desk: self._lives[desk]})
        return True

    def _is_new(self, desk: bytes, event: StageEvent, now: Moment) -> bool:
        # A desk speaks for itself only; what others did they say themselves.
        reason = "other-desk" if event.desk != desk else "" if self._is_proved(event) else "reader-not-proved"
        if reason:
            _log.warning("refused", extra={"desk": desk.hex(), "reason": reason})
            self._supervisor.refused(desk, reason, now.monotonic_ms)
            return False
        told = self._inbox.add_event(event, at_ms=now.wall_ms)
        if told is Told.TOO_MANY:
            _log.warning("refused", extra={"desk": desk.hex(), "reason": "too-many-events"})
            self._supervisor.refused(desk, "too-many-events", now.monotonic_ms)
        return told is Told.NEW

    def _is_proved(self, event: StageEvent) -> bool:
        """An answer or a closing stops ladders here too: only the reader's own signature may do that, or one stolen
        desk could silence all the others. It is looked at anew with the next note, when a newer register has come."""
        if event.stage not in (Stage.ACKNOWLEDGED, Stage.CLOSED):
            return True
        signing = self._readers.get(event.reader)
        claim = receipt_claim(self._me.site, event.report, event.digest, event.stage, event.generation)
        return signing is not None and verify(signing, event.reader_signature, claim)

    def _is_recorded(self, event: StageEvent) -> bool:
        said = self._inbox.receipts_for(event.report)
        return any((r.digest, r.stage, r.generation) == (event.digest, event.stage, event.generation) for r in said)

    def _hear_troubles(self, desk: bytes, note: DeskNote, now: Moment) -> None:
        if note.troubles:
            detail = "; ".join(note.troubles)
            self._supervisor.raise_trouble(Cause.OTHER_DESK, desk, now.monotonic_ms, detail=detail)
        else:
            self._supervisor.mended(Cause.OTHER_DESK, desk)

    def _count_boot(self) -> int:
        boot = int.from_bytes(self._ledger.note("boot") or b"", "big") + 1
        self._ledger.set_note("boot", boot.to_bytes(8, "big"))
        return boot
