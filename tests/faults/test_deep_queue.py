"""A kiosk that was cut off for very long: 1,500 waiting reports drain into a desk, each once."""

from __future__ import annotations

import os
import random
import secrets
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from firmware import device
from firmware.clock import Clock
from firmware.courier import Courier
from firmware.ledger import Ledger
from firmware.messages import NO_ID, Draft, Kind, Story, Urgency
from firmware.settings import load_device
from tests.support.fault_site import Device, FaultSite
from tests.support.until import look_again

pytestmark = pytest.mark.faults

DEEP = 1500
SAVED_AT_ONCE = 100
DRAIN_SECONDS = 300.0
LOOK_EVERY_SECONDS = 0.1


def prefill(kiosk: Device, count: int) -> set[bytes]:
    """Seal and save as the kiosk would, with its own keys, before it runs."""
    settings = load_device(kiosk.root)
    kiosk.root.store.mkdir(parents=True, exist_ok=True)
    now = Clock(floor_ms=0).now()
    story = Story(route="safeguarding", room="Room 1", danger="yes")
    draft = Draft(Kind.REPORT, Urgency.NOW, private=False, hurry=True, about=NO_ID, story=story)
    with Ledger(kiosk.store_file, random_bytes=os.urandom) as ledger:
        courier = Courier(
            device.load_kiosk(kiosk.root, settings),
            sheet=device.load_sheet(kiosk.root),
            ledger=ledger,
            random=random.SystemRandom(),
            random_bytes=secrets.token_bytes,
            now=now,
        )
        reports = set()
        for number in range(count):
            reports.add(courier.submit(draft, now))
            if number % SAVED_AT_ONCE == 0:
                ledger.commit()
        ledger.commit()
    assert len(reports) == count
    return reports


def stored_now(desk: Device) -> int:
    """How many reports stand in the running desk's ledger: read only, beside its writer."""
    with closing(sqlite3.connect(f"file:{desk.store_file}?mode=ro", uri=True, timeout=10)) as database:
        (count,) = database.execute("SELECT count(*) FROM entry WHERE kind='report'").fetchone()
    return int(count)


def test_a_queue_of_1500_drains_into_the_desk(tmp_path: Path) -> None:
    """1,500 reports saved without a network are all stored after it comes, none twice, and the kiosk knows it."""
    site = FaultSite(tmp_path)
    try:
        reports = prefill(site.kiosk, DEEP)
        site.start()
        began = time.monotonic()
        while (stored := stored_now(site.desk)) < DEEP:
            assert time.monotonic() - began < DRAIN_SECONDS, f"only {stored} of {DEEP} drained"
            look_again(LOOK_EVERY_SECONDS)
        print(f"{DEEP} reports drained in {time.monotonic() - began:.1f} s")
        while (heard := len(receipts_now(site.kiosk))) < DEEP:
            assert time.monotonic() - began < DRAIN_SECONDS, f"the kiosk heard of only {heard}"
            look_again(LOOK_EVERY_SECONDS)
        print(f"{DEEP} receipts heard after {time.monotonic() - began:.1f} s")
        site.kiosk.kill()
        site.desk.kill()
        kept = Counter(entry.ref for entry in site.desk.entries("report"))
        assert set(kept) == reports
        assert max(kept.values()) == 1
    finally:
        site.end()


def receipts_now(kiosk: Device) -> set[bytes]:
    """The reports that some desk's receipt stands for on the kiosk's card."""
    with closing(sqlite3.connect(f"file:{kiosk.store_file}?mode=ro", uri=True, timeout=10)) as database:
        return {row[0] for row in database.execute("SELECT ref FROM entry WHERE kind='receipt'")}
