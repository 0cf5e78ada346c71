"""The inbox: recorded once by (id, digest), numbered words, and nothing of a stranger's making."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import envelope, inbox
from firmware.early_news import EVENTS_A_DESK
from firmware.errors import StoreBroken
from firmware.identity import KemKey, Recipient, SigningKey
from firmware.inbox import EVENTS_OF_A_REPORT, Inbox, LastLife, Recorded, Told
from firmware.ledger import Ledger
from firmware.messages import Alert, ClockQuality, Kind, Life, Receipt, Stage, StageEvent, Story, Urgency

DEVICE, DESK = b"k" * 16, b"d" * 16
SIGNER, KEM = SigningKey.generate(), KemKey.generate()
TO = envelope.SealTo(*(Recipient(KEM.public) for _ in range(3)))
ALERT = Alert(Kind.REPORT, Urgency.NOW, False, "R", "en", b"", Life(1, 1, 1), 1, ClockQuality.SYNCED, 1, b"", (), 1, 1)


def up(id: bytes = b"i" * 16) -> envelope.UpEnvelope:
    blank = envelope.make_blank(site=b"s" * 16, device=DEVICE, id=id, epoch=1, to=TO, random_bytes=os.urandom)
    return envelope.parse_up(envelope.fill(blank, ALERT, Story(route="r", room="R"), SIGNER))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "desk.db", random_bytes=os.urandom) as opened:
        yield opened


def say(box: Inbox, what: envelope.UpEnvelope, stage: Stage = Stage.STORED) -> Receipt:
    return box.add_receipt(DEVICE, Receipt(stage, what.header.id, what.digest, 0, 0), at_ms=5)


def test_the_same_bytes_are_recorded_once_and_other_bytes_with_that_id_are_kept_too(ledger: Ledger) -> None:
    """Duplicates are known by id and digest only; a second envelope under one id is FORKED and kept."""
    box = Inbox(ledger, desk=DESK)
    first, second = up(), up()
    assert [box.record(what, at_ms=1) for what in (first, first, second, second, first)] == [
        Recorded.NEW,
        Recorded.DUPLICATE,
        Recorded.FORKED,
        Recorded.DUPLICATE,
        Recorded.DUPLICATE,
    ]
    kept = box.envelope(b"i" * 16, second.digest)
    assert kept is not None
    assert kept.untrusted_bytes == second.untrusted_bytes
    assert box.digests_of(DEVICE) == {first.digest, second.digest}


def test_receipts_are_numbered_per_device_from_one_without_gaps_over_restarts(ledger: Ledger) -> None:
    """Numbers go on where the disk has them, after a restart and after a commit that failed."""
    box = Inbox(ledger, desk=DESK)
    assert [say(box, up()).number for _ in range(3)] == [1, 2, 3]
    ledger.commit()
    assert say(Inbox(ledger, desk=DESK), up()).number == 4
    ledger.rollback()
    box.forget_cached()
    assert say(box, up()).number == 4
    assert [receipt.number for receipt in box.receipts_after(DEVICE, 1, most=2)] == [2, 3]
    assert box.last_number(DEVICE) == 4
    assert box.last_number(b"other" + bytes(11)) == 0


def test_open_reports_are_those_not_closed_each_once(ledger: Ledger) -> None:
    """What a restarted desk shows again: not the closed ones, and a report that was unreadable first only once."""
    box = Inbox(ledger, desk=DESK)
    closed, open_one, mended = up(b"1" * 16), up(b"2" * 16), up(b"3" * 16)
    box.record(closed, at_ms=1)
    box.record(open_one, at_ms=2)
    box.record_unreadable(mended, at_ms=3)
    box.record(mended, at_ms=4)
    say(box, closed, Stage.CLOSED)
    say(box, open_one)
    ledger.commit()
    kept = list(Inbox(ledger, desk=DESK).open_reports())
    assert [one.report for one in kept] == [open_one.header.id, mended.header.id]
    assert [receipt.stage for receipt in kept[0].receipts] == [Stage.STORED]


@pytest.mark.requirement("D2")
def test_an_erased_report_is_gone_and_its_repetition_is_still_known(ledger: Ledger) -> None:
    """Erasing removes the envelope for good; the chain verifies, and the same envelope sent again is a duplicate."""
    box = Inbox(ledger, desk=DESK)
    victim = up()
    box.record(victim, at_ms=1)
    ledger.commit()
    assert box.erase(victim.header.id, at_ms=2) == 1
    assert box.envelope(victim.header.id, victim.digest) is None
    assert box.record(victim, at_ms=3) is Recorded.DUPLICATE
    ledger.verify()
    files = ledger.path.parent.glob("desk.db*")
    assert not any(victim.alert_ct[:32] in file.read_bytes() for file in files)


def test_unreadable_envelopes_are_kept_up_to_a_bound_and_repeats_do_not_count(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kiosk with an old key cannot fill the disk; one envelope that repeats uses one place."""
    monkeypatch.setattr(inbox, "UNREADABLE_STORED_MAX", 3)
    box = Inbox(ledger, desk=DESK)
    first = up(b"0" * 16)
    assert box.record_unreadable(first, at_ms=1) is Recorded.NEW
    assert [box.record_unreadable(first, at_ms=1) for _ in range(5)] == [Recorded.DUPLICATE] * 5
    more = [box.record_unreadable(up(bytes([n]) * 16), at_ms=1) for n in (1, 2, 3)]
    assert more == [Recorded.NEW, Recorded.NEW, Recorded.DUPLICATE]
    assert len(ledger.of_kind("unreadable")) == 3


def test_events_of_other_desks_are_a_set(ledger: Ledger) -> None:
    """The same event twice is one; it comes back with the report."""
    box = Inbox(ledger, desk=DESK)
    what = up()
    box.record(what, at_ms=1)
    event = StageEvent(what.header.id, what.digest, DEVICE, Stage.NOTICED, 0, 7, b"e" * 16)
    assert [box.add_event(event, at_ms=at_ms) for at_ms in (2, 3)] == [Told.NEW, Told.KNOWN]
    (kept,) = box.open_reports()
    assert kept.events == (event,)


def told(what: envelope.UpEnvelope, number: int = 7, desk: bytes = b"e" * 16) -> StageEvent:
    return StageEvent(what.header.id, what.digest, DEVICE, Stage.NOTICED, 0, number, desk)


def test_news_of_a_report_that_is_not_here_waits_for_it(ledger: Ledger) -> None:
    """It is kept over a restart, comes once with the report that it names, byte for byte, and not with another one."""
    what, other = up(), up()
    Inbox(ledger, desk=DESK).add_event(told(what), at_ms=2)
    ledger.commit()
    box = Inbox(ledger, desk=DESK)
    assert box.add_event(told(what), at_ms=3) is Told.EARLY
    for each in (other, what):
        box.record(each, at_ms=4)
    assert box.take_early(other, at_ms=4) == []
    assert box.take_early(what, at_ms=4) == [told(what)]
    assert box.take_early(what, at_ms=4) == []
    assert [kept.events for kept in box.open_reports()][1] == (told(what),)


def test_news_that_a_failed_commit_lost_is_early_again(ledger: Ledger) -> None:
    """What is remembered is what the disk has."""
    box, what = Inbox(ledger, desk=DESK), up()
    box.add_event(told(what), at_ms=2)
    ledger.rollback()
    box.forget_cached()
    box.record(what, at_ms=3)
    assert box.take_early(what, at_ms=3) == []


def test_no_desk_fills_this_ones_disk_with_news_of_reports_that_nobody_sent(ledger: Ledger) -> None:
    """A desk may keep so many waiting here; the newest win, the ledger does not grow, other desks lose nothing, and
    the flood is told."""
    box, length = Inbox(ledger, desk=DESK), ledger.length
    honest = up(b"h" * 16)
    box.add_event(told(honest, desk=b"f" * 16), at_ms=0)
    flood = [up(number.to_bytes(16, "big")) for number in range(EVENTS_A_DESK + 20)]
    said = [box.add_event(told(each), at_ms=1) for each in flood]
    assert said == [Told.EARLY] * EVENTS_A_DESK + [Told.TOO_MANY] * 20
    assert ledger.length == length
    waits = [bool(box.take_early(each, at_ms=2)) for each in [honest, *flood] if box.record(each, at_ms=2)]
    assert waits == [True] + [False] * 20 + [True] * EVENTS_A_DESK
    old = [up(bytes([number]) * 16) for number in range(EVENTS_A_DESK + 1)]
    week_ms = 7 * 24 * 3_600_000
    assert {box.add_event(told(each), at_ms=number * week_ms) for number, each in enumerate(old)} == {Told.EARLY}


def test_no_desk_fills_this_ones_disk_with_news_of_one_report(ledger: Ledger) -> None:
    """More than a person could say of a report is refused; another desk is still heard."""
    box, what = Inbox(ledger, desk=DESK), up()
    box.record(what, at_ms=1)
    said = [box.add_event(told(what, number), at_ms=1) for number in range(EVENTS_OF_A_REPORT + 2)]
    assert said == [Told.NEW] * EVENTS_OF_A_REPORT + [Told.TOO_MANY] * 2
    assert box.add_event(told(what, desk=b"f" * 16), at_ms=1) is Told.NEW


def test_lives_are_kept(ledger: Ledger) -> None:
    """Where a device was in its own time comes back from the disk."""
    box = Inbox(ledger, desk=DESK)
    last = LastLife(Life(1, 2, 3), 4, b"h" * 32)
    box.save_lives({DEVICE: last})
    ledger.commit()
    assert Inbox(ledger, desk=DESK).life(DEVICE) == last
    assert box.life(b"x" * 16) is None


def test_a_receipt_whose_body_is_gone_is_a_broken_store(ledger: Ledger) -> None:
    """Numbers stand on the receipts: one that somebody removed is said, not skipped."""
    box = Inbox(ledger, desk=DESK)
    say(box, up())
    ledger.commit()
    ledger._database.execute("DELETE FROM body")
    with pytest.raises(StoreBroken, match="receipt"):
        Inbox(ledger, desk=DESK).last_number(DEVICE)
