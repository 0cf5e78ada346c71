"""What a real kiosk and a real desk ask of the kernel: the disk has it before anybody is told.

Traced with strace around one press. First the order of the calls; then power cuts: the files as they would be found
if the power went at any later moment, with any part of what was not yet synced.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware.envelope import DOWN_FULL_BYTES, UP_BYTES
from firmware.ledger import Ledger
from tests.support.fault_site import Device, FaultSite, open_talk, press_until_stored, running_site, saved, told
from tests.support.tracing import Call, Disk, needs_tracing, read_calls, recording

pytestmark = pytest.mark.faults

CALLS = "pwrite64,fdatasync,fsync,ftruncate,write,sendto"
# A heartbeat or its answer in the same moment looks like the report (that is wanted); then another press is traced.
TRIES = 6
CUTS_EACH = 8
SAVED = b'"saved": true'


@dataclass(frozen=True)
class Traced:
    """One press: what the unit asked of the kernel, and its files as they were before."""

    report: bytes
    calls: Sequence[Call]
    disk: Disk
    store: Path


def trace_press(site: FaultSite, unit: Device, into: Path) -> Traced:
    """Trace one unit from before the touch until the kiosk has the receipt."""
    wal = unit.store_file.with_name(unit.store_file.name + "-wal")
    open_talk(site.kiosk)
    unit.freeze()
    try:
        with recording(unit.pid, CALLS, into):
            # Frozen and traced: what is copied now is all there is, and nothing after it is missed.
            before = {str(file): bytearray(file.read_bytes()) for file in (unit.store_file, wal)}
            unit.thaw()
            site.kiosk.unit.touch("option-yes")
            report = saved(site.kiosk)
            site.kiosk.wait_for(lambda state: "stored" in (told(state) or report).stages, "arrived")
    finally:
        unit.thaw()
    return Traced(bytes.fromhex(report.id), read_calls(into), Disk(before), unit.store_file)


def sent(calls: Sequence[Call], size: int) -> list[Call]:
    """Encrypted writes to the broker that are just large enough for such an envelope."""
    return [
        call for call in calls if call.file.startswith("TCP") and call.name == "write" and 0 < call.result - size < 256
    ]


def on_wal(traced: Traced, name: str) -> list[Call]:
    return [call for call in traced.calls if call.name == name and call.file == f"{traced.store}-wal"]


def follows_its_sync(traced: Traced, told_of_it: Call) -> bool:
    """The bytes left after a sync had come back that covers every write to the log before them."""
    written = [call for call in on_wal(traced, "pwrite64") if call.began < told_of_it.began]
    synced = [call for call in on_wal(traced, "fdatasync") if call.result == 0 and call.ended < told_of_it.began]
    return bool(written and synced) and any(call.began > written[0].ended for call in synced)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> object:
    needs_tracing()
    with running_site(tmp_path_factory.mktemp("durable")) as running:
        press_until_stored(running.kiosk, running.desk)
        yield running


def test_kiosk_syncs_before_it_says_saved_and_before_it_sends(site: FaultSite, tmp_path: Path) -> None:
    """On a real kiosk the log's fdatasync has come back before *saved* can be seen and before the report leaves."""
    for attempt in range(TRIES):
        traced = trace_press(site, site.kiosk, tmp_path / f"trace-{attempt}")
        shown = [call for call in traced.calls if call.name == "sendto" and SAVED in call.data]
        leaves = sent(traced.calls, UP_BYTES)
        assert follows_its_sync(traced, shown[0])
        if len(leaves) == 1 and follows_its_sync(traced, leaves[0]):
            return
    pytest.fail(f"in none of {TRIES} presses did the report leave after its fdatasync")


def test_desk_syncs_before_its_receipt_leaves(site: FaultSite, tmp_path: Path) -> None:
    """On a real desk the log's fdatasync has come back before the first byte of the answer is written."""
    for attempt in range(TRIES):
        traced = trace_press(site, site.desk, tmp_path / f"trace-{attempt}")
        answers = sent(traced.calls, DOWN_FULL_BYTES)
        assert answers
        if follows_its_sync(traced, answers[0]):
            return
    pytest.fail(f"in none of {TRIES} presses did the answer leave after its fdatasync")


@pytest.mark.parametrize("which", ["kiosk", "desk"])
def test_a_power_cut_takes_nothing_that_was_told(site: FaultSite, which: str, tmp_path: Path) -> None:
    """Power gone at any moment, any unsynced write lost: the store opens, verifies, and has what was told of."""
    unit = site.kiosk if which == "kiosk" else site.desk
    traced = trace_press(site, unit, tmp_path / "trace")
    chance = random.Random(traced.report)
    # The last answer that is told: for the kiosk *saved* on the screen, for the desk its first receipt.
    shown = [call for call in traced.calls if call.name == "sendto" and SAVED in call.data]
    answers = [call for call in sent(traced.calls, DOWN_FULL_BYTES) if follows_its_sync(traced, call)]
    told_at = shown[0].began if which == "kiosk" else answers[0].began
    cuts = held = 0
    for call in traced.calls:
        traced.disk.take(call)
        if call.file not in traced.disk.durable:
            continue
        for _ in range(CUTS_EACH):
            cuts += 1
            held += _found_after_a_cut(traced, chance, tmp_path / f"cut-{cuts}", must=call.ended > told_at)
    assert cuts > 10 * CUTS_EACH
    assert 0 < held < cuts, "both before and after it was saved there must have been a cut"


def _found_after_a_cut(traced: Traced, chance: random.Random, folder: Path, *, must: bool) -> bool:
    """Whether the report is in the store as it would be found; it opens and verifies in any case."""
    folder.mkdir()
    share = chance.choice([0.0, 0.5, 1.0])
    for file, content in traced.disk.after_a_power_cut(lambda: chance.random() < share).items():
        (folder / Path(file).name).write_bytes(content)
    with Ledger(folder / traced.store.name, random_bytes=os.urandom) as ledger:
        ledger.verify()
        entries = ledger.find(traced.report, "report")
        found = bool(entries) and ledger.body(entries[0]) is not None
    assert found or not must, "a report that somebody was told of is gone after a power cut"
    return found
