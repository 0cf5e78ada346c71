"""The clock's floor, kept in the ledger so that a restart without a network does not begin in an earlier time."""

from __future__ import annotations

from firmware.clock import Moment
from firmware.ledger import Ledger

_NOTE = "clock floor"
# Often enough that a restart loses a minute at most; every kept floor is a write to a card that wears.
KEPT_EVERY_MS = 60_000


class FloorKeeper:
    """Keeps the floor about once a minute; durable with the ledger's next commit."""

    def __init__(self, ledger: Ledger, now: Moment) -> None:
        self._ledger, self._kept_ms = ledger, now.monotonic_ms

    def keep(self, floor_ms: int, now: Moment) -> None:
        if now.monotonic_ms - self._kept_ms >= KEPT_EVERY_MS:
            self._kept_ms = now.monotonic_ms
            self._ledger.set_note(_NOTE, floor_ms.to_bytes(8, "big"))


def kept_floor_ms(ledger: Ledger) -> int:
    """The floor as last kept, 0 when there is none."""
    return int.from_bytes(ledger.note(_NOTE) or b"", "big")
