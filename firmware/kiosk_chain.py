"""What a desk knows of one kiosk's own time and of its chain of reports.

Owns three questions: is this envelope newer than everything heard (life)? does it name a report that never came
(suppressed on the way)? does it contradict what came before (a copied or restored card)? Stands on inbox and
presence. Decides nothing about a report itself: whatever is found here, the report is stored and answered.
"""

from __future__ import annotations

from firmware.clock import Moment
from firmware.envelope import UpEnvelope
from firmware.inbox import Inbox, LastLife
from firmware.messages import Alert
from firmware.presence import Supervisor
from firmware.trouble import Cause

# A kiosk may speak of a report that is still under way; after this long it is missing.
MISSING_AFTER_MS = 60_000
# More than this is one trouble anyway, and a broken kiosk must not fill the memory.
MISSING_MAX = 256
NUMBERS_MAX = 1024


class KioskChain:
    """One kiosk's lives and report chain. `unsaved`: the last life is newer than the one in the ledger."""

    def __init__(self, device: bytes, *, inbox: Inbox, supervisor: Supervisor) -> None:
        self._device, self._inbox, self._supervisor = device, inbox, supervisor
        self.last: LastLife | None = inbox.life(device)
        self.unsaved = False
        self._stored: set[bytes] | None = None
        # Digest of a report that was named but has not come: (its number, since when).
        self._missing: dict[bytes, tuple[int, int]] = {}
        self._by_number: dict[tuple[int, int], bytes] = {}

    def live(self, alert: Alert, now: Moment) -> bool:
        """Take up a greater life; False: it is none (a replay, or an envelope that was sealed earlier)."""
        last = self.last
        if last is not None and alert.life <= last.life:
            return False
        if not self._supervisor.life(self._device, alert.life, now.monotonic_ms):
            return False
        # A kiosk that was provisioned anew begins a new chain.
        same_chain = last is not None and last.life.epoch == alert.life.epoch
        self.last = (
            LastLife(alert.life, last.number, last.head) if last and same_chain else LastLife(alert.life, 0, b"")
        )
        self.unsaved = True
        return True

    def heartbeat(self, alert: Alert, now: Moment) -> None:
        """What a heartbeat that was life says of the chain: its number and the digest of its head."""
        last = self.last
        if last is None:
            return
        number, head = last.number, last.head
        self._named(alert.number, alert.previous, now)
        if alert.number < number or (alert.number == number and head and alert.previous != head):
            self._forked(now)

    def stored(self, up: UpEnvelope, alert: Alert, now: Moment) -> None:
        """A report was recorded for the first time: follow the chain and keep the place in the same commit."""
        self.live(alert, now)
        self._digests().add(up.digest)
        self._missing.pop(up.digest, None)
        if alert.number > 1:
            self._named(alert.number - 1, alert.previous, now)
        self._compare_number(up, alert, now)
        last = self.last
        if last is not None and last.life.epoch == alert.life.epoch and alert.number > last.number:
            self.last = LastLife(last.life, alert.number, up.digest)
            self.save()

    def save(self) -> None:
        """Write the place to the ledger; durable after the caller's commit."""
        if self.last is not None:
            self._inbox.save_lives({self._device: self.last})
        self.unsaved = False

    def find_missing(self, now: Moment) -> None:
        """A report that was named a minute ago and has not come is trouble, once."""
        late = [digest for digest, (_, since) in self._missing.items() if now.monotonic_ms - since > MISSING_AFTER_MS]
        for digest in late:
            number, _ = self._missing.pop(digest)
            self._supervisor.raise_trouble(Cause.REPORT_MISSING, self._device, now.monotonic_ms)
            # Told once: as the head of the chain it is known from now on, also after a restart.
            self._digests().add(digest)
            if self.last is not None and number >= self.last.number:
                self.last = LastLife(self.last.life, number, digest)
                self.save()

    def commit_failed(self) -> None:
        """The disk did not take this turn: what stands there is read again, and the life is saved again."""
        self._stored = None
        self.unsaved = self.last is not None

    def _named(self, number: int, digest: bytes, now: Moment) -> None:
        last_head = self.last.head if self.last is not None else b""
        if not digest or digest == last_head or digest in self._digests() or len(self._missing) >= MISSING_MAX:
            return
        self._missing.setdefault(digest, (number, now.monotonic_ms))

    def _compare_number(self, up: UpEnvelope, alert: Alert, now: Moment) -> None:
        """Two reports with one number: this card was copied or restored. Both are kept and answered."""
        last, place = self.last, (alert.life.epoch, alert.number)
        is_head = last is not None and (last.life.epoch, last.number) == place
        known = last.head if last is not None and is_head else self._by_number.get(place)
        if known and known != up.digest:
            self._forked(now)
        self._by_number[place] = up.digest
        while len(self._by_number) > NUMBERS_MAX:
            del self._by_number[next(iter(self._by_number))]

    def _forked(self, now: Moment) -> None:
        self._supervisor.raise_trouble(Cause.FORKED_CARD, self._device, now.monotonic_ms)

    def _digests(self) -> set[bytes]:
        if self._stored is None:
            self._stored = self._inbox.digests_of(self._device)
        return self._stored
