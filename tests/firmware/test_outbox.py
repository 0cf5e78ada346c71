"""The outbox: kept until two desks have it, sent until every living desk has it, full said truthfully."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware import outbox as outbox_module
from firmware.clock import Moment
from firmware.errors import StoreFull
from firmware.ledger import Ledger
from firmware.messages import ClockQuality, Receipt, Stage
from firmware.outbox import KEEP_DAYS, PARKED_SECONDS, UNHURRIED_MAX_MS, Outbox

DESK, OTHER = b"d" * 16, b"e" * 16
DAY_MS = 24 * 3600 * 1000
WALL_MS = 1_800_000_000_000


def at(ms: int, quality: ClockQuality = ClockQuality.SYNCED) -> Moment:
    return Moment(ms, WALL_MS + ms, quality)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "kiosk.db", random_bytes=os.urandom) as opened:
        yield opened


def opened(ledger: Ledger, *desks: bytes) -> Outbox:
    return Outbox(ledger, desks=desks or (DESK,), random=random.Random(1))


def save(outbox: Outbox, number: int = 1, ms: int = 1000, *, hurry: bool = True, synced: bool = True) -> bytes:
    report = number.to_bytes(16, "big")
    quality = ClockQuality.SYNCED if synced else ClockQuality.UNSYNCED
    outbox.save(report, b"sealed %d" % number, hurry=hurry, reserved=True, now=at(ms, quality))
    return report


def receipt(outbox: Outbox, report: bytes, stage: Stage = Stage.STORED, number: int = 1) -> Receipt:
    entry = outbox._kept[report].entry
    return Receipt(stage, report, entry.digest, number, 1)


def test_a_report_is_sent_at_once_and_again_at_growing_jittered_gaps(ledger: Ledger) -> None:
    """2, 4, 8, 16 and then every 30 s, each within a quarter; the same bytes every time."""
    outbox = opened(ledger)
    report = save(outbox)
    sent: list[int] = []
    for ms in range(1000, 200_000, 50):
        for due in outbox.due(ms, most=9):
            assert due.envelope == b"sealed 1"
            sent.append(ms)
    gaps = [(after - before) / 1000 for before, after in itertools.pairwise(sent)]
    assert sent[0] == 1000
    for gap, wanted in zip(gaps, (2, 4, 8, 16, 30, 30, 30), strict=False):
        assert wanted * 0.75 <= gap <= wanted * 1.25 + 0.05
    progress = outbox.progress(report)
    assert progress is not None
    assert (progress.saved_ms, progress.first_sent_ms, progress.sent_attempts) == (1000, 1000, len(sent))


def test_stored_stops_the_sending_and_not_the_keeping(ledger: Ledger) -> None:
    """After *stored* by the one living desk nothing is due, but the sealed body stays."""
    outbox = opened(ledger)
    report = save(outbox)
    outbox.due(1000, most=9)
    outbox.desk_seen(DESK, 1100)
    assert outbox.believe(DESK, receipt(outbox, report), at(1200))
    assert outbox.next_due_ms() is None
    assert outbox.let_go(at(2000)) == 0
    assert ledger.body(ledger.find(report)[0]) == b"sealed 1"


@pytest.mark.requirement("D4")
def test_two_desks_let_the_body_go(ledger: Ledger) -> None:
    """When two desks have stored a report its body leaves the kiosk; what became of it is still shown."""
    outbox = opened(ledger, DESK, OTHER)
    report = save(outbox)
    outbox.believe(DESK, receipt(outbox, report), at(2000))
    assert outbox.let_go(at(2000)) == 0
    outbox.believe(OTHER, receipt(outbox, report), at(2100))
    assert outbox.let_go(at(2200)) == 1
    assert ledger.body(ledger.find(report)[0]) is None
    progress = outbox.progress(report)
    assert progress is not None
    assert progress.stages == {Stage.STORED}


@pytest.mark.requirement("D2", "D4")
def test_one_desk_lets_the_body_go_when_it_says_closed_or_after_thirty_days(ledger: Ledger) -> None:
    """With one desk the body stays until that desk says *closed*, or thirty days by a known clock."""
    outbox = opened(ledger)
    closed, old, unstored = save(outbox, 1), save(outbox, 2), save(outbox, 3)
    for report in (closed, old):
        outbox.believe(DESK, receipt(outbox, report), at(2000))
    assert outbox.let_go(at(3000)) == 0
    outbox.believe(DESK, receipt(outbox, closed, Stage.CLOSED, 3), at(3000))
    assert outbox.let_go(at(4000)) == 1
    month = at((KEEP_DAYS + 1) * DAY_MS)
    assert outbox.let_go(replace(month, quality=ClockQuality.UNSYNCED)) == 0
    assert outbox.let_go(month) == 1
    assert ledger.body(ledger.find(unstored)[0]) is not None


def test_thirty_days_begin_when_the_time_is_known(ledger: Ledger) -> None:
    """A report saved before the clock was known is not thrown away as years old when the clock jumps ahead."""
    outbox = opened(ledger)
    report = save(outbox, synced=False)
    outbox.believe(DESK, receipt(outbox, report), at(2000))
    first_known = at(400 * DAY_MS)
    assert outbox.let_go(first_known) == 0
    assert outbox.let_go(at(400 * DAY_MS + (KEEP_DAYS + 1) * DAY_MS)) == 1


@pytest.mark.parametrize(
    "wrong", [{"digest": b"x" * 32}, {"report": b"x" * 16}], ids=["another digest", "another report"]
)
def test_a_receipt_for_something_else_proves_nothing(ledger: Ledger, wrong: dict[str, bytes]) -> None:
    """A receipt with another digest or for another report changes no progress; it only counts as held."""
    outbox = opened(ledger)
    report = save(outbox)
    good = receipt(outbox, report)
    bad = Receipt(good.stage, wrong.get("report", report), wrong.get("digest", good.digest), 1, 1)
    assert not outbox.believe(DESK, bad, at(2000))
    progress = outbox.progress(report)
    assert progress is not None
    assert progress.stages == frozenset()
    assert outbox.held(DESK) == 1


def test_a_desk_that_is_not_on_the_sheet_proves_nothing(ledger: Ledger) -> None:
    """Only desks on the sheet that is held now are believed."""
    outbox = opened(ledger)
    report = save(outbox)
    assert not outbox.believe(OTHER, receipt(outbox, report), at(2000))


def test_numbers_are_held_without_a_gap(ledger: Ledger) -> None:
    """Receipts out of order wait behind the gap, so the desk repeats what was lost; far numbers are bounded."""
    outbox = opened(ledger)
    for number in (1, 3, 4, 7, 3):
        outbox.hold(DESK, number)
    assert outbox.held(DESK) == 1
    outbox.hold(DESK, 2)
    assert outbox.held(DESK) == 4
    for number in range(100, 400):
        outbox.hold(DESK, number)
    assert len(ledger.note(f"held {DESK.hex()}") or b"") <= 65 * 8
    assert outbox.held(OTHER) == 0


def test_refused_never_settles(ledger: Ledger) -> None:
    """*Refused* parks a report: it is tried each hour, not at a reconnect, and at once under a new sheet."""
    outbox = opened(ledger)
    report = save(outbox)
    outbox.due(1000, most=1)
    outbox.believe(DESK, receipt(outbox, report, Stage.REFUSED), at(2000))
    outbox.reconnected(3000)
    assert outbox.due(60_000, most=1) == []
    hour = 2000 + PARKED_SECONDS * 1000
    assert [due.report for due in outbox.due(hour, most=1)] == [report]
    assert outbox.due(hour + 60_000, most=1) == []
    outbox.sheet_changed([DESK], hour + 61_000)
    assert len(outbox.due(hour + 61_000, most=1)) == 1
    assert outbox.waiting(hour + 62_000) == 1


def test_everything_is_there_after_a_restart(ledger: Ledger) -> None:
    """Reports, proofs, numbers and the head of the chain come back from the disk."""
    outbox = opened(ledger)
    first, second = save(outbox, 1), save(outbox, 2)
    outbox.believe(DESK, receipt(outbox, first), at(2000))
    ledger.commit()
    again = opened(ledger)
    assert (again.number, again.previous, again.held(DESK)) == (outbox.number, outbox.previous, 1)
    assert [due.report for due in again.due(0, most=9)] == [second]
    progress = again.progress(first)
    assert progress is not None
    assert progress.stages == {Stage.STORED}


def test_a_commit_that_failed_leaves_what_the_disk_has(ledger: Ledger) -> None:
    """After a failed commit the outbox is as the disk has it, keeps what it knew of older reports, and saves again."""
    outbox = opened(ledger)
    first, waiting = save(outbox, 1), save(outbox, 2, hurry=False)
    ledger.commit()
    outbox.due(1500, most=9)
    lost = save(outbox, 3)
    ledger.rollback()
    outbox.reload()
    assert outbox.progress(lost) is None
    assert outbox.number == 2
    progress = outbox.progress(first)
    assert progress is not None
    assert (progress.saved_ms, progress.first_sent_ms) == (1000, 1500)
    unsent = outbox.progress(waiting)
    assert unsent is not None
    assert not unsent.hurry
    save(outbox, 3)
    ledger.commit()
    assert outbox.number == 3


def test_a_report_without_hurry_waits_for_a_place_but_not_for_ever(ledger: Ledger) -> None:
    """It is not due before its longest wait, not even after a reconnect or a new sheet; a place takes it at once."""
    outbox = opened(ledger)
    taken, left = save(outbox, 1, hurry=False), save(outbox, 2, hurry=False)
    outbox.reconnected(2000)
    outbox.sheet_changed([DESK], 2000)
    outbox.desk_seen(DESK, 2000)
    assert outbox.due(2000 + 5000, most=9) == []
    place = outbox.take_unhurried(8000)
    assert place is not None
    assert place.report == taken
    assert left in [due.report for due in outbox.due(1000 + UNHURRIED_MAX_MS, most=9)]
    assert outbox.take_unhurried(9000 + UNHURRIED_MAX_MS) is None


def test_places_run_out_truthfully_and_the_last_ones_are_for_button_and_screen(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood from the portal cannot take the last places; when they are gone too, StoreFull and nothing kept."""
    monkeypatch.setattr(outbox_module, "MAX_REPORTS", 5)
    monkeypatch.setattr(outbox_module, "RESERVED_REPORTS", 2)
    outbox = opened(ledger)
    for number in range(3):
        outbox.save(bytes([number]) * 16, b"portal", hurry=True, reserved=False, now=at(1))
    with pytest.raises(StoreFull):
        outbox.save(b"x" * 16, b"portal", hurry=True, reserved=False, now=at(1))
    for number in (3, 4):
        save(outbox, number)
    with pytest.raises(StoreFull, match="waiting for a desk"):
        save(outbox, 9)
    ledger.commit()
    assert outbox.number == 5


def test_a_full_disk_keeps_nothing_and_the_next_save_works_with_room(ledger: Ledger) -> None:
    """StoreFull while saving: the state goes back to the disk's, nothing is half there, and later saves work."""
    outbox = opened(ledger)
    save(outbox, 1)
    ledger.commit()
    (pages,) = ledger._database.execute("PRAGMA page_count").fetchone()
    ledger._database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreFull):
        outbox.save(b"x" * 16, bytes(60_000), hurry=True, reserved=True, now=at(1))
    with pytest.raises(StoreFull):
        ledger.commit()
    outbox.reload()
    assert list(outbox.reports()) == [(1).to_bytes(16, "big")]
    ledger._database.execute("PRAGMA max_page_count=100000")
    outbox.save(b"x" * 16, bytes(60_000), hurry=True, reserved=True, now=at(1))
    ledger.commit()
    assert outbox.number == 2
    ledger.verify()


def test_a_readers_word_outlives_the_desk_that_carried_it(ledger: Ledger) -> None:
    """A removed desk's *stored* no longer counts, a reader's signed *acknowledged* still does, also after a restart."""
    outbox = opened(ledger, DESK, OTHER)
    report = save(outbox)
    outbox.believe(DESK, receipt(outbox, report), at(2000))
    good = receipt(outbox, report, Stage.ACKNOWLEDGED, 2)
    signed = Receipt(good.stage, report, good.digest, 2, 1, 0, b"h" * 16, b"s" * 64)
    outbox.believe(DESK, signed, at(2000))
    ledger.commit()
    outbox.sheet_changed([OTHER], 3000)
    for box in (outbox, opened(ledger, OTHER)):
        progress = box.progress(report)
        assert progress is not None
        assert progress.stages == {Stage.ACKNOWLEDGED}
        assert box.waiting(4000) == 1


def test_a_signature_that_nobody_verified_outlives_no_desk(ledger: Ledger) -> None:
    """A bad desk cannot make its *stored* or *refused* stay by putting bytes where a reader signs."""
    outbox = opened(ledger, DESK, OTHER)
    report = save(outbox)
    for number, stage in enumerate((Stage.STORED, Stage.REFUSED), 1):
        good = receipt(outbox, report, stage, number)
        outbox.believe(DESK, Receipt(stage, report, good.digest, number, 1, 0, b"h" * 16, b"s" * 64), at(2000))
    ledger.commit()
    outbox.sheet_changed([OTHER], 3000)
    for box in (outbox, opened(ledger, OTHER)):
        progress = box.progress(report)
        assert progress is not None
        assert progress.stages == frozenset()


def test_one_desk_that_refuses_does_not_park_what_another_can_take(ledger: Ledger) -> None:
    """While another desk is there and has said nothing, the report goes on being sent; refused by all, it is parked."""
    outbox = opened(ledger, DESK, OTHER)
    report = save(outbox)
    outbox.due(1000, most=9)
    for desk in (DESK, OTHER):
        outbox.desk_seen(desk, 1000)
    outbox.believe(DESK, receipt(outbox, report, Stage.REFUSED), at(1500))
    assert [due.report for due in outbox.due(4000, most=9)] == [report]
    outbox.believe(OTHER, receipt(outbox, report, Stage.REFUSED), at(4500))
    outbox.desk_seen(OTHER, 4500)
    assert outbox.due(60_000, most=9) == []
    assert [due.report for due in outbox.due(4500 + PARKED_SECONDS * 1000, most=9)] == [report]


def test_a_false_clock_of_one_desk_does_not_make_its_copy_the_only_one(ledger: Ledger) -> None:
    """Thirty days by the clock let nothing go that a desk which is there has yet to store."""
    outbox = opened(ledger, DESK, OTHER)
    report = save(outbox)
    outbox.believe(DESK, receipt(outbox, report), at(2000))
    outbox.desk_seen(OTHER, 2000)
    leap = Moment(3000, WALL_MS + (KEEP_DAYS + 1) * DAY_MS, ClockQuality.SYNCED)
    assert outbox.let_go(leap) == 0
    outbox.believe(OTHER, receipt(outbox, report), at(4000))
    assert outbox.let_go(leap) == 1


def test_an_urgent_report_goes_before_all_repeats(ledger: Ledger) -> None:
    """Hundreds that nobody answers do not keep a new danger in the queue."""
    outbox = opened(ledger)
    for number in range(1, 101):
        save(outbox, number)
    outbox.due(1000, most=1000)
    urgent = save(outbox, 101, 60_000)
    assert [due.report for due in outbox.due(60_000, most=1)] == [urgent]


def test_stored_takes_back_what_the_same_desk_refused(ledger: Ledger) -> None:
    """A desk with mended keys has the report: its *refused*, repeated or read back from the disk, is shown no more;
    another desk's stays."""
    outbox = opened(ledger, DESK, OTHER)
    report = save(outbox)
    refused = receipt(outbox, report, Stage.REFUSED)
    outbox.believe(OTHER, refused, at(1500))
    assert outbox.believe(DESK, refused, at(2000))
    assert outbox.believe(DESK, receipt(outbox, report, Stage.STORED, 2), at(3000))
    assert not outbox.believe(DESK, refused, at(4000))
    ledger.commit()
    for box, refuses in ((outbox, True), (opened(ledger, DESK, OTHER), True), (opened(ledger, DESK), False)):
        progress = box.progress(report)
        assert progress is not None
        assert progress.stages == {Stage.STORED} | ({Stage.REFUSED} if refuses else set())
