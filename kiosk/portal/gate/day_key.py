"""The key of the day, and the pseudonyms made with it: what stands for a device everywhere but in the kernel's table.

The key lives in the run folder only, which is memory; at four in the morning, or when the machine starts again, there
is a new one, and nobody can tell any more which pseudonym was which device. A restart of the gate keeps it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path

from firmware.errors import StoreFault
from kiosk.portal.gate.elements import Address

FILE = "gate-day.key"
KEY_BYTES = 32
PSEUDONYM_BYTES = 16
# When nobody is at school; the register's day ends with it.
DAY_BEGINS = timedelta(hours=4)
_LABEL = b"quietbell gate 1\0"
_DAY_BYTES = len("2026-01-01")


class DayKey:
    """Makes a new key whenever the day has changed."""

    def __init__(self, folder: Path, zone: tzinfo, *, random_bytes: Callable[[int], bytes]) -> None:
        self._path, self._zone, self._random_bytes = folder / FILE, zone, random_bytes
        self._day, self._key = "", b""

    def pseudonym(self, mac: str, address: Address, wall_seconds: float) -> bytes:
        """What stands for this pair today. Raises StoreFault when a new key cannot be kept."""
        pair = bytes.fromhex(mac.replace(":", "")) + address.packed
        key = self._of(self.day_at(wall_seconds))
        return hmac.digest(key, _LABEL + pair, hashlib.sha256)[:PSEUDONYM_BYTES]

    def day_at(self, wall_seconds: float) -> str:
        """The site's day, which begins at four."""
        return (datetime.fromtimestamp(wall_seconds, self._zone) - DAY_BEGINS).date().isoformat()

    def seconds_left(self, wall_seconds: float) -> int:
        """Of the site's day."""
        begun = datetime.fromtimestamp(wall_seconds, self._zone) - DAY_BEGINS
        midnight = datetime.combine(begun.date() + timedelta(days=1), time.min, self._zone)
        # through UTC: a day in March has 23 hours
        return max(int((midnight + DAY_BEGINS).timestamp() - wall_seconds), 0)

    def _of(self, day: str) -> bytes:
        if day == self._day:
            return self._key
        kept = self._read()
        if kept is None or kept[0] != day:
            kept = day, self._random_bytes(KEY_BYTES)
            self._write(*kept)
        self._day, self._key = kept
        return self._key

    def _read(self) -> tuple[str, bytes] | None:
        """The key that is kept; None for none, or for what is not one."""
        try:
            raw = self._path.read_bytes()
        except OSError:
            return None
        if len(raw) != _DAY_BYTES + KEY_BYTES:
            return None
        return raw[:_DAY_BYTES].decode("ascii", "replace"), raw[_DAY_BYTES:]

    def _write(self, day: str, key: bytes) -> None:
        new = self._path.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(day.encode() + key)
            new.replace(self._path)
        except OSError as problem:
            mend = "mend its folder's owner and mode"
            raise StoreFault(f"{self._path}: cannot be written ({problem.strerror}); {mend}") from problem
