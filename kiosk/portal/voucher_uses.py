"""How often each voucher has been used, so that a card passed round the bus does not admit the bus.

The words prove themselves (`firmware.vouchers`); what must be kept is only the serial, the day on which it lapses, and,
while its minutes may run, when it was first used and by how many. Which devices they were is kept nowhere; only in
memory, that a device of today which sends its words twice is counted once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware.errors import Refused
from firmware.opening_hours import LATEST_MS
from firmware.vouchers import DEVICES_MAX, MINUTES, SERIALS, Voucher
from kiosk.portal.admission import MINUTE_MS, Admitting
from kiosk.portal.kept_lines import KeptLines
from kiosk.portal.timetable import clock_known, today_at

# The serials of a sheet run on, so this many can be open at once only if every one ever printed is.
VOUCHERS_MAX = SERIALS

# By then any voucher's minutes are over. A sheet may say who got which card: nobody need know when it was used.
_MINUTES_OVER_MS = max(MINUTES) * MINUTE_MS

# Long enough for a technician to look at what was set aside.
BROKEN_KEPT_MS = 30 * 24 * 60 * MINUTE_MS

_LINE = re.compile(r"(\d{1,4}) (\d{4}-\d\d-\d\d) (\d{1,13}) ([1-8])", re.ASCII)
# serials begin anew one day; with the last day they are unlike
_Card = tuple[int, date]


@dataclass(frozen=True, slots=True)
class _Use:
    first_ms: int
    devices: int


_OVER = _Use(0, 1)


class VoucherUses:
    """What vouchers were used for. Written by one process, from one thread."""

    def __init__(self, path: Path, *, zone: ZoneInfo, memory_key: bytes) -> None:
        """`memory_key`: 32 random bytes of this run. Raises StoreFault when the folder cannot be used."""
        self._kept = KeptLines(path)
        self._zone, self._memory_key = zone, memory_key
        self._uses: dict[_Card, _Use] = dict(self._kept.read(_parse))
        # by card, so that it goes when the card does
        self._met: dict[_Card, set[bytes]] = {}

    @property
    def trouble(self) -> bool:
        """Whether this start found a store that it could not read: vouchers then count anew."""
        return self._kept.trouble

    def check(self, voucher: Voucher, wall_ms: int, *, pseudonym: bytes) -> Admitting:
        """What this voucher would give this device now; counts nothing.

        Raises:
            Refused: "clock-unknown", "voucher-past" (its last day), "voucher-over" (its minutes), "voucher-used-up".
        """
        use = self._next(voucher, wall_ms, pseudonym)
        return Admitting(voucher.audience, use.first_ms + voucher.minutes * MINUTE_MS)

    def use(self, voucher: Voucher, wall_ms: int, *, pseudonym: bytes) -> Admitting:
        """Count this device, and say what the voucher gives it. Durable when this returns.

        Raises:
            Refused: as `check`.
            StoreFault: it was not saved; nobody is counted.
        """
        card = (voucher.serial, voucher.last_day)
        use = self._next(voucher, wall_ms, pseudonym)
        if use != self._uses.get(card):
            uses = self._of_today(today_at(wall_ms, self._zone))
            if card not in uses and len(uses) >= VOUCHERS_MAX:
                raise Refused("vouchers-full")
            self._save({**uses, card: use})
        self._met.setdefault(card, set()).add(self._name(card, pseudonym))
        return Admitting(voucher.audience, use.first_ms + voucher.minutes * MINUTE_MS)

    def forget_before(self, wall_ms: int) -> int:
        """Erase what is known of vouchers that had lapsed by then, and when those were used that are over;
        from both generations. Says of how many nothing is left.

        A time that cannot be right erases nothing.

        Raises:
            StoreFault: it is not all erased yet; ask again.
        """
        if not clock_known(wall_ms):
            return 0
        lasting = self._of_today(today_at(wall_ms, self._zone))
        kept = {card: _OVER if wall_ms - use.first_ms >= _MINUTES_OVER_MS else use for card, use in lasting.items()}
        gone = len(self._uses) - len(kept)
        if kept != self._uses:
            self._save(kept)
        self._kept.settle()
        self._kept.forget_broken(wall_ms - BROKEN_KEPT_MS, wall_ms)
        return gone

    def _next(self, voucher: Voucher, wall_ms: int, pseudonym: bytes) -> _Use:
        """The use of this voucher with this device in it."""
        if not clock_known(wall_ms):
            raise Refused("clock-unknown")
        if today_at(wall_ms, self._zone) > voucher.last_day:
            raise Refused("voucher-past")
        card = (voucher.serial, voucher.last_day)
        before = self._uses.get(card)
        if before is None:
            return _Use(wall_ms, 1)
        # After a clock that was put back the minutes run from now, not from a time that has yet to come.
        first_ms = min(before.first_ms, wall_ms)
        if wall_ms >= first_ms + voucher.minutes * MINUTE_MS:
            raise Refused("voucher-over")
        if self._name(card, pseudonym) in self._met.get(card, ()):
            return _Use(first_ms, before.devices)
        if before.devices >= voucher.devices:
            raise Refused("voucher-used-up")
        return _Use(first_ms, before.devices + 1)

    def _of_today(self, today: date) -> dict[_Card, _Use]:
        return {card: use for card, use in self._uses.items() if card[1] >= today}

    def _name(self, card: _Card, pseudonym: bytes) -> bytes:
        text = f"{card[0]} {card[1]} ".encode() + pseudonym
        return hashlib.blake2b(text, key=self._memory_key, digest_size=16).digest()

    def _save(self, uses: dict[_Card, _Use]) -> None:
        lines = [f"{serial} {last_day} {use.first_ms} {use.devices}" for (serial, last_day), use in uses.items()]
        erases = any(uses.get(card) != use for card, use in self._uses.items())
        self._kept.replace(lines, erases=erases)
        self._uses = uses
        self._met = {card: met for card, met in self._met.items() if card in uses}


def _parse(untrusted_lines: Sequence[str]) -> Mapping[_Card, _Use]:
    """Raises ValueError about the first line that is not ours."""
    uses = dict(_read(line) for line in untrusted_lines)
    if len(uses) != len(untrusted_lines) or len(uses) > VOUCHERS_MAX:
        raise ValueError("a voucher stands there twice, or there are too many")
    return uses


def _read(untrusted_line: str) -> tuple[_Card, _Use]:
    match = _LINE.fullmatch(untrusted_line)
    if match is None:
        raise ValueError("not the use of a voucher")
    serial, first_ms, devices = int(match[1]), int(match[3]), int(match[4])
    if serial >= SERIALS or first_ms >= LATEST_MS or devices > DEVICES_MAX:
        raise ValueError("no voucher was used so")
    return (serial, date.fromisoformat(match[2])), _Use(first_ms, devices)
