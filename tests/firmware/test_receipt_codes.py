"""Receipt codes at the kiosk: what they name, how long, and that the words of nobody lie on the card."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import receipt_codes as receipt_codes_module
from firmware.clock import Moment
from firmware.errors import StoreFull
from firmware.ledger import Ledger
from firmware.messages import ClockQuality, Receipt, Stage
from firmware.outbox import Outbox
from firmware.receipt_codes import CODE_DAYS, ReceiptCodes

DESK, OTHER = b"d" * 16, b"e" * 16
DAY_MS = 24 * 3600 * 1000
WALL_MS = 1_800_000_000_000
DIGEST, REPORT = b"c" * 32, b"r" * 16


def at(ms: int, quality: ClockQuality = ClockQuality.SYNCED) -> Moment:
    return Moment(ms, WALL_MS + ms, quality)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "kiosk.db", random_bytes=os.urandom) as opened:
        yield opened


def opened(ledger: Ledger) -> Outbox:
    return Outbox(ledger, desks=(DESK, OTHER), random=random.Random(1))


def coded(ledger: Ledger, *stages: tuple[bytes, Stage]) -> Outbox:
    """An outbox with one saved report that has a code, and what desks said of it."""
    outbox = opened(ledger)
    outbox.save(REPORT, b"sealed", hurry=True, reserved=True, now=at(1000))
    outbox.keep_code(DIGEST, REPORT, at(1000))
    ledger.commit()
    (entry,) = ledger.find(REPORT, "report")
    for number, (desk, stage) in enumerate(stages, 1):
        assert outbox.believe(desk, Receipt(stage, REPORT, entry.digest, number, 1), at(2000))
    ledger.commit()
    return outbox


@pytest.mark.requirement("L7")
def test_a_code_names_its_report_also_after_a_restart(ledger: Ledger) -> None:
    """What desks have proved of it is told by the code, before and after; another code tells nothing."""
    outbox = coded(ledger, (DESK, Stage.STORED), (DESK, Stage.NOTICED))
    for each in (outbox, opened(ledger)):
        progress = each.progress_of_code(DIGEST)
        assert progress is not None
        assert (progress.report, set(progress.stages)) == (REPORT, {Stage.STORED, Stage.NOTICED})
        assert each.progress_of_code(b"x" * 32) is None


@pytest.mark.requirement("L7", "D4")
def test_a_code_outlives_the_body_of_its_report(ledger: Ledger) -> None:
    """Two desks have it, so the sealed body is gone from the card; after a restart the proofs are still told, and the
    answer that comes later is believed."""
    outbox = coded(ledger, (DESK, Stage.STORED), (OTHER, Stage.STORED))
    assert outbox.let_go(at(3000)) == 1
    ledger.commit()
    assert ledger.with_body("report") == []
    again = opened(ledger)
    (entry,) = ledger.find(REPORT, "report")
    assert again.believe(DESK, Receipt(Stage.NOTICED, REPORT, entry.digest, 9, 1), at(4000))
    progress = again.progress_of_code(DIGEST)
    assert progress is not None
    assert progress.stages == {Stage.STORED, Stage.NOTICED}
    assert again.due(10**9, most=9) == []


def test_a_code_outlives_what_is_only_remembered(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many reports have come and gone since: those without a code are forgotten, this one is not."""
    monkeypatch.setattr("firmware.outbox.REMEMBERED_REPORTS", 1)
    outbox = coded(ledger, (DESK, Stage.STORED), (OTHER, Stage.STORED))
    for number, report in enumerate((b"1" * 16, b"2" * 16), 10):
        outbox.save(report, b"sealed", hurry=True, reserved=True, now=at(1000))
        (entry,) = ledger.find(report, "report")
        for desk in (DESK, OTHER):
            outbox.believe(desk, Receipt(Stage.STORED, report, entry.digest, number, 1), at(2000))
    outbox.let_go(at(3000))
    assert set(outbox.reports()) == {REPORT, b"2" * 16}


def test_what_was_let_go_keeps_its_proofs_when_the_desks_are_replaced(ledger: Ledger) -> None:
    """It can not be sent again, so the screen never falls back to "still trying", restarts included."""
    outbox = coded(ledger, (DESK, Stage.STORED), (OTHER, Stage.STORED))
    outbox.let_go(at(3000))
    ledger.commit()
    outbox.sheet_changed([b"n" * 16], 4000)
    replaced = Outbox(ledger, desks=[b"n" * 16], random=random.Random(1))
    for each in (outbox, replaced):
        progress = each.progress_of_code(DIGEST)
        assert progress is not None
        assert progress.stages == {Stage.STORED}


def test_a_code_counts_only_after_the_commit(ledger: Ledger) -> None:
    """What the disk did not take is not known, and the same code can be kept at the next try."""
    outbox = opened(ledger)
    outbox.save(REPORT, b"sealed", hurry=True, reserved=True, now=at(1000))
    ledger.commit()
    outbox.keep_code(DIGEST, REPORT, at(1000))
    ledger.rollback()
    outbox.reload()
    assert outbox.progress_of_code(DIGEST) is None
    outbox.keep_code(DIGEST, REPORT, at(2000))
    ledger.commit()
    assert opened(ledger).progress_of_code(DIGEST) is not None


@pytest.mark.requirement("D2")
def test_a_code_is_erased_after_thirty_days_and_no_earlier(ledger: Ledger) -> None:
    """As the screen promised; its place in the chain stays, what it named does not, and the body waits for its own
    end."""
    outbox = coded(ledger, (DESK, Stage.STORED), (OTHER, Stage.STORED))
    outbox.let_go(at(CODE_DAYS * DAY_MS))
    assert outbox.progress_of_code(DIGEST) is not None
    assert outbox.let_go(at(CODE_DAYS * DAY_MS + 2000)) == 1
    ledger.commit()
    assert outbox.progress_of_code(DIGEST) is None
    assert ledger.with_body("code") == []
    assert opened(ledger).progress_of_code(DIGEST) is None
    ledger.verify()


def test_a_code_is_never_older_than_the_known_time(ledger: Ledger) -> None:
    """Given while nobody knew the time, its thirty days begin when the time is known, and go on over a restart."""
    codes = ReceiptCodes(ledger, random=random.Random(1))
    codes.keep(DIGEST, REPORT, at(0, ClockQuality.UNSYNCED))
    assert codes.forget_old(at(90 * DAY_MS, ClockQuality.UNSYNCED), waiting=()) == 0
    assert codes.forget_old(at(100 * DAY_MS), waiting=()) == 0
    ledger.commit()
    again = ReceiptCodes(ledger, random=random.Random(1))
    again.reload()
    assert again.forget_old(at(129 * DAY_MS), waiting=()) == 0
    assert again.forget_old(at(131 * DAY_MS), waiting=()) == 1


def test_a_code_waits_for_a_report_that_no_desk_has(ledger: Ledger) -> None:
    """As long as the report is here, its learner may ask for it."""
    outbox = coded(ledger)
    assert outbox.let_go(at(90 * DAY_MS)) == 0
    assert outbox.progress_of_code(DIGEST) is not None


def test_when_no_place_is_left_the_earlier_codes_stay_good(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused in words, and nothing of it is written."""
    monkeypatch.setattr(receipt_codes_module, "MAX_CODES", 1)
    codes = ReceiptCodes(ledger, random=random.Random(1))
    codes.keep(DIGEST, REPORT, at(0))
    length = ledger.length
    with pytest.raises(StoreFull, match="receipt codes are kept"):
        codes.keep(b"x" * 32, REPORT, at(0))
    assert (codes.report_of(DIGEST), codes.report_of(b"x" * 32), ledger.length) == (REPORT, None, length)
    codes.keep(DIGEST, REPORT, at(0))


def test_nothing_of_an_erased_code_can_be_compared(ledger: Ledger) -> None:
    """The chain keeps a digest of every body for ever: it is not the digest of anything that can be tried."""
    coded(ledger)
    (entry,) = ledger.of_kind("code")
    assert entry.digest != hashlib.sha256(DIGEST).digest()
    body = ledger.body(entry)
    assert body is not None
    assert body.startswith(DIGEST)
    assert len(body) == 48


def test_an_ordered_report_goes_again_once(ledger: Ledger) -> None:
    """Stored by all, so it rests; a desk orders it, or everything: it goes one more time and rests again."""
    for order in (REPORT, b""):
        outbox = opened(ledger) if ledger.find(REPORT, "report") else coded(ledger, (DESK, Stage.STORED))
        outbox.desk_seen(DESK, 3000)
        outbox.due(3000, most=9)
        assert outbox.due(60_000, most=9) == []
        outbox.resend(b"o" * 16, 60_000)
        assert outbox.due(60_000, most=9) == []
        outbox.resend(order, 60_000)
        assert [due.report for due in outbox.due(60_000, most=9)] == [REPORT]
        assert outbox.due(200_000, most=9) == []


def test_a_body_that_cannot_be_read_stops_nothing_else(ledger: Ledger) -> None:
    """A flipped bit on the card: the other report goes, and the broken one is tried again later."""
    outbox = coded(ledger)
    outbox.save(OTHER, b"sealed too", hurry=True, reserved=True, now=at(1000))
    ledger.commit()
    (entry,) = ledger.find(REPORT, "report")
    ledger._database.execute("UPDATE body SET wrapped=zeroblob(32) WHERE seq=?", (entry.seq,))
    assert [due.report for due in outbox.due(2000, most=9)] == [OTHER]
    assert outbox.next_due_ms() is not None
