"""The register: which device has accepted which text, for a day at most. The truth; the gate's sets only follow it.

Stores a pseudonym, the text's hash and times, nothing else: no hardware address, no network address, no name. The
pseudonym means nothing once the gate's key of the day is gone. An acceptance counts once the disk has it. A register
that cannot be read is begun anew: everybody is asked once more, nobody is let in by a guess. Decides nothing: see
`admission`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from firmware.errors import ProgrammerError, Refused
from firmware.opening_hours import LATEST_MS
from kiosk.portal.admission import Acceptance
from kiosk.portal.kept_lines import KeptLines
from kiosk.portal.timetable import clock_known

PSEUDONYM_BYTES = 16
# Ten times a busy site's devices: phones that change their address all day do not fill the disk.
ENTRIES_MAX = 4_096
# The longest day of the portal; what claims to be from later than that after it began came by a wrong clock.
_LONGEST_DAY_MS = 25 * 3_600_000

_LINE = re.compile(r"([0-9a-f]{32}) ([0-9a-f]{64}) (\d{1,13}) (\d{1,13}) (\d{1,13})", re.ASCII)


class Register:
    """The acceptances that count. Written by one process, from one thread."""

    def __init__(self, path: Path) -> None:
        """Raises StoreFault when the folder cannot be used."""
        self._kept = KeptLines(path)
        self._entries: dict[bytes, Acceptance] = dict(self._kept.read(_parse))

    @property
    def trouble(self) -> bool:
        """Whether this start found a register that it could not read: somebody must look at the card."""
        return self._kept.trouble

    def acceptance(self, pseudonym: bytes) -> Acceptance | None:
        """What this device accepted last, over or not."""
        return self._entries.get(pseudonym)

    def all_at(self, wall_ms: int) -> tuple[Acceptance, ...]:
        """Those whose end has not come. Whether they may be on-line is `admission.online_now`'s."""
        return tuple(entry for entry in self._entries.values() if wall_ms < entry.until_ms)

    def add(self, acceptance: Acceptance) -> None:
        """Durable when this returns; it takes the place of what the device accepted before.

        Raises:
            Refused: "register-full".
            StoreFault: it was not saved; it does not count.
        """
        if self.add_all((acceptance,)):
            raise Refused("register-full")

    def add_all(self, acceptances: Sequence[Acceptance]) -> tuple[Acceptance, ...]:
        """Durable when this returns, in one go; returns those for whom there was no room.

        Raises:
            StoreFault: none of them was saved.
        """
        entries, refused = self._entries, []
        for each in acceptances:
            room = _with_room(entries, each)
            if room is None:
                refused.append(each)
            else:
                entries = {**room, each.pseudonym: each}
        if entries is not self._entries:
            self._save(entries)
        return tuple(refused)

    def put_back(self, by_ms: int) -> None:
        """The wall clock was put back by so much: everybody has the time left that they had.

        Raises:
            StoreFault: nothing has changed.
        """
        self._save({name: _earlier(entry, by_ms) for name, entry in self._entries.items()})

    def forget_before(self, wall_ms: int) -> int:
        """Erase what was over by then, from both generations; also what cannot be from the day after. Says how many.

        A time that cannot be right erases nothing: at the next right one it is made up for.

        Raises:
            StoreFault: it is not all erased yet; ask again.
        """
        if not clock_known(wall_ms):
            return 0
        kept = {name: entry for name, entry in self._entries.items() if _is_of_the_day_after(entry, wall_ms)}
        gone = len(self._entries) - len(kept)
        if gone:
            self._save(kept)
        self._kept.settle()
        self._kept.forget_broken(wall_ms, wall_ms + _LONGEST_DAY_MS)
        return gone

    def _save(self, entries: dict[bytes, Acceptance]) -> None:
        erases = any(entries.get(name) != entry for name, entry in self._entries.items())
        self._kept.replace([_line(entry) for entry in entries.values()], erases=erases)
        self._entries = entries


def _with_room(entries: Mapping[bytes, Acceptance], newest: Acceptance) -> Mapping[bytes, Acceptance] | None:
    """Entries with room for one more: what is over makes way, what is not never does."""
    if len(entries) < ENTRIES_MAX or newest.pseudonym in entries:
        return entries
    living = {name: entry for name, entry in entries.items() if entry.over_ms > newest.accepted_ms}
    return living if len(living) < ENTRIES_MAX else None


def _is_of_the_day_after(entry: Acceptance, wall_ms: int) -> bool:
    return entry.over_ms > wall_ms and entry.accepted_ms <= wall_ms + _LONGEST_DAY_MS


def _earlier(entry: Acceptance, by_ms: int) -> Acceptance:
    def back(at_ms: int) -> int:
        return max(at_ms - by_ms, 0)

    voucher_ms = back(entry.voucher_until_ms)
    return Acceptance(entry.pseudonym, entry.aup, back(entry.accepted_ms), back(entry.until_ms), voucher_ms)


def _line(entry: Acceptance) -> str:
    times = f"{entry.accepted_ms} {entry.until_ms} {entry.voucher_until_ms}"
    line = f"{entry.pseudonym.hex()} {entry.aup.hex()} {times}"
    if _LINE.fullmatch(line) is None:
        raise ProgrammerError("an acceptance has a pseudonym of 16 bytes, a hash of 32, and times")
    return line


def _parse(untrusted_lines: Sequence[str]) -> Mapping[bytes, Acceptance]:
    """Raises ValueError about the first line that is not ours."""
    entries = [_entry(line) for line in untrusted_lines]
    found = {entry.pseudonym: entry for entry in entries}
    if len(found) != len(entries) or len(found) > ENTRIES_MAX:
        raise ValueError("a device stands there twice, or there are too many")
    return found


def _entry(untrusted_line: str) -> Acceptance:
    match = _LINE.fullmatch(untrusted_line)
    if match is None:
        raise ValueError("not an acceptance")
    accepted_ms, until_ms, voucher_until_ms = (int(match[group]) for group in (3, 4, 5))
    if max(accepted_ms, until_ms, voucher_until_ms) >= LATEST_MS:
        raise ValueError("a time that no clock shows")
    return Acceptance(bytes.fromhex(match[1]), bytes.fromhex(match[2]), accepted_ms, until_ms, voucher_until_ms)
