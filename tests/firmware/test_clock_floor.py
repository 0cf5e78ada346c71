"""The clock's floor outlives a restart, and is not written more than once a minute."""

from __future__ import annotations

import os
from pathlib import Path

from firmware.clock import Moment
from firmware.clock_floor import KEPT_EVERY_MS, FloorKeeper, kept_floor_ms
from firmware.ledger import Ledger
from firmware.messages import ClockQuality

FLOOR_MS = 1_800_000_000_000


def at(monotonic_ms: int) -> Moment:
    return Moment(monotonic_ms, FLOOR_MS, ClockQuality.UNSYNCED)


def test_a_kept_floor_is_there_after_a_restart(tmp_path: Path) -> None:
    """What was kept a minute after the start is what the next start begins with."""
    with Ledger(tmp_path / "a.db", random_bytes=os.urandom) as ledger:
        assert kept_floor_ms(ledger) == 0
        FloorKeeper(ledger, at(0)).keep(FLOOR_MS, at(KEPT_EVERY_MS))
        ledger.commit()
    with Ledger(tmp_path / "a.db", random_bytes=os.urandom) as ledger:
        assert kept_floor_ms(ledger) == FLOOR_MS


def test_the_floor_is_not_written_at_every_turn(tmp_path: Path) -> None:
    """Thirty turns a second must not wear a card out."""
    with Ledger(tmp_path / "a.db", random_bytes=os.urandom) as ledger:
        keeper = FloorKeeper(ledger, at(0))
        for turn in range(100):
            keeper.keep(FLOOR_MS + turn, at(KEPT_EVERY_MS + turn))
        ledger.commit()
        assert kept_floor_ms(ledger) == FLOOR_MS
