"""What the ledger costs when it is empty and when it is long: appending, and opening with the chain verified."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from firmware.ledger import Ledger
from kiosk.bench.figures import Spread, spread

# A receipt with a reader's signature is about as long.
BODY_BYTES = 256
GROUP = 512
SINGLES = 200


@dataclass(frozen=True, slots=True)
class RecordFigures:
    """`append` is one entry with its own commit; `open_s` is opening and verifying all entries."""

    append_empty: Spread
    append_full: Spread
    open_s: float


def measure_record(folder: Path, entries: int) -> RecordFigures:
    path = folder / "record.db"
    with Ledger(path, random_bytes=secrets.token_bytes) as ledger:
        empty = _appends(ledger)
        while ledger.length < entries:
            for _ in range(min(GROUP, entries - ledger.length)):
                _append(ledger)
            ledger.commit()
        full = _appends(ledger)
    before = time.perf_counter()
    with Ledger(path, random_bytes=secrets.token_bytes) as ledger:
        ledger.verify()
        seconds = time.perf_counter() - before
    return RecordFigures(empty, full, round(seconds, 3))


def _appends(ledger: Ledger) -> Spread:
    # What was filled in a moment before must not stand in the disk's queue before a single entry.
    os.sync()
    times: list[float] = []
    for _ in range(SINGLES):
        before = time.perf_counter()
        _append(ledger)
        ledger.commit()
        times.append((time.perf_counter() - before) * 1000)
    return spread(times)


def _append(ledger: Ledger) -> None:
    ref = secrets.token_bytes(16)
    ledger.append("receipt", ref=ref, device=ref, body=bytes(BODY_BYTES), at_ms=0)
