"""What other desks told of reports that are not here yet: kept, a bounded number for each desk, until the report comes.

A desk that is answered before this one has the report tells true news; a stolen one could fill this disk with news of
reports that nobody sent. Kept in a single note of the ledger, so that it does not grow; the newest win.
"""

from __future__ import annotations

import logging

from firmware.errors import Refused
from firmware.ledger import Ledger
from firmware.messages import Count, StageEvent, Struct, decode, encode

_log = logging.getLogger("quietbell.inbox")

# Reports reach all desks within seconds of each other: this many wait only for a desk that was away or is lying.
EVENTS_A_DESK = 64
# Younger news than this is pushed out by no honest desk.
YOUNG_MS = 24 * 3_600_000

_NOTE = "early news"


class _Early(Struct, frozen=True):
    event: StageEvent
    heard_ms: Count


class _AllEarly(Struct, frozen=True):
    told: tuple[_Early, ...]


class EarlyNews:
    """Nothing is durable before the ledger's commit."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._told: list[_Early] | None = None

    def forget_cached(self) -> None:
        """After a commit that failed, read it again from the disk."""
        self._told = None

    def keep(self, event: StageEvent, *, at_ms: int) -> bool:
        """Keep it until its report comes; False: this desk tells so much that something young had to go for it."""
        told = self._all()
        if any(early.event == event for early in told):
            return True
        same = [early for early in told if early.event.desk == event.desk]
        lost = same[0] if len(same) >= EVENTS_A_DESK else None
        self._save([*(early for early in told if early is not lost), _Early(event, max(0, at_ms))])
        return lost is None or at_ms - lost.heard_ms > YOUNG_MS

    def take(self, report: bytes, digest: bytes) -> list[StageEvent]:
        """The report has come: what was told of it, no longer kept here."""
        about = (report, digest)
        found = [early for early in self._all() if (early.event.report, early.event.digest) == about]
        if found:
            self._save([early for early in self._all() if early not in found])
        return [early.event for early in found]

    def _all(self) -> list[_Early]:
        if self._told is None:
            kept = self._ledger.note(_NOTE)
            try:
                self._told = [] if kept is None else list(decode(kept, _AllEarly).told)
            except Refused as refusal:
                # Of another version: what is lost costs a second alarm, never silence.
                _log.error("early-news-not-read", extra={"reason": refusal.reason})
                self._told = []
        return self._told

    def _save(self, told: list[_Early]) -> None:
        self._ledger.set_note(_NOTE, encode(_AllEarly(tuple(told))))
        self._told = told
