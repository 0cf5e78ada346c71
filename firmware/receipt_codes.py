"""Which report a receipt code names on this kiosk: digests only, salted on disk, bounded, and forgotten in time.

Stands on the ledger. The words of a code never come here. A code is erased thirty days after it was given, and no
earlier: that is what the screen has promised. Durable with the ledger's next commit.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Collection
from dataclasses import dataclass

from firmware.clock import Moment
from firmware.errors import StoreFull
from firmware.ledger import Entry, Ledger
from firmware.messages import DIGEST_BYTES, ClockQuality

CODE_DAYS = 30
# One code every three quarters of an hour, day and night, for thirty days. When no place is left, none is given out:
# an earlier learner's code stays good.
MAX_CODES = 1000
_CODE = "code"
_DAY_MS = 24 * 3600 * 1000
# The chain keeps a digest of each body for ever; with a salt it says nothing once the body is erased.
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class _Code:
    """`entry.at_ms` is 0 while nobody knew the time when it was given."""

    entry: Entry
    report: bytes


class ReceiptCodes:
    """The codes of one kiosk. Empty until `reload`."""

    def __init__(self, ledger: Ledger, *, random: random_module.Random) -> None:
        self._ledger, self._random = ledger, random
        self._codes: dict[bytes, _Code] = {}

    def reload(self) -> None:
        """Read what the disk has: at start, and after a commit that failed."""
        found: dict[bytes, _Code] = {}
        for entry in self._ledger.with_body(_CODE):
            body = self._ledger.body(entry)
            if body is not None:
                found[body[:DIGEST_BYTES]] = _Code(entry, entry.ref)
        self._codes = found

    def keep(self, digest: bytes, report: bytes, now: Moment) -> None:
        """From now on this code names this report.

        Raises StoreFull when no place is left; then nothing was kept.
        """
        if digest in self._codes:
            return
        if len(self._codes) >= MAX_CODES:
            raise StoreFull(f"{self._ledger.path}: {MAX_CODES} receipt codes are kept; the oldest ends after 30 days")
        self._append(digest, report, now.wall_ms if now.quality is ClockQuality.SYNCED else 0)

    def report_of(self, digest: bytes) -> bytes | None:
        code = self._codes.get(digest)
        return None if code is None else code.report

    def reports(self) -> frozenset[bytes]:
        """Every report that somebody may still ask for."""
        return frozenset(code.report for code in self._codes.values())

    def forget_old(self, now: Moment, *, waiting: Collection[bytes]) -> int:
        """Erase what is older than thirty days, unless its report still waits here; returns how many."""
        if now.quality is not ClockQuality.SYNCED:
            return 0
        for digest, code in [(digest, code) for digest, code in self._codes.items() if not code.entry.at_ms]:
            # The time is known for the first time: the thirty days begin, and stand on the disk.
            self._ledger.erase(code.entry, at_ms=now.wall_ms)
            self._append(digest, code.report, now.wall_ms)
        oldest_ms = now.wall_ms - CODE_DAYS * _DAY_MS
        old = [digest for digest, code in self._codes.items() if 0 < code.entry.at_ms < oldest_ms]
        gone = [digest for digest in old if self._codes[digest].report not in waiting]
        for digest in gone:
            self._ledger.erase(self._codes[digest].entry, at_ms=now.wall_ms)
            del self._codes[digest]
        return len(gone)

    def _append(self, digest: bytes, report: bytes, at_ms: int) -> None:
        body = digest + self._random.randbytes(_SALT_BYTES)
        entry = self._ledger.append(_CODE, ref=report, device=b"", body=body, at_ms=at_ms)
        self._codes[digest] = _Code(entry, report)
