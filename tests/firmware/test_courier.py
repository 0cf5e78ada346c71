"""The courier: nothing that is not proved is believed, and nothing saved is given up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from firmware import envelope
from firmware.courier import (
    AFTER_BURST_MS,
    BURST,
    WINDOW,
    Commanded,
    DeskTime,
    NotBelieved,
    ProgressChanged,
    SheetAdopted,
)
from firmware.errors import StoreFull
from firmware.freshness import FRESH_MS, REMEMBERED_CHALLENGES, Freshness
from firmware.identity import Recipient, SigningKey, sign_part
from firmware.messages import (
    Command,
    CommandKind,
    Down,
    Duty,
    DutyState,
    Kind,
    Receipt,
    Stage,
    receipt_claim,
)
from firmware.outbox import Progress
from firmware.sealer import sheet_payload
from tests.support.conversation import HEAD_ID, LEAD_ID, Desk, Kiosk, Site, draft, story

UNKNOWN = Duty(DutyState.UNKNOWN)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def down(
    site: Site,
    *items: Receipt | Command,
    desk: bytes | None = None,
    to: bytes | None = None,
    signer: SigningKey | None = None,
    answers: bytes = b"",
    routes: int = 1,
) -> bytes:
    """What a desk could send, made by hand."""
    header = envelope.DirectHeader(site.id, desk or site.desk.id, to or site.kiosk.id, os.urandom(16))
    said = Down(answers, 5, Duty(DutyState.ON), 1, routes, 9, items)
    return envelope.seal_down(said, header, signer or site.desk.signing, Recipient(site.kiosk.kem.public))


def receipt(site: Site, report: bytes, stage: Stage = Stage.STORED, number: int = 1) -> Receipt:
    return Receipt(stage, report, digest(site, report), number, 1)


def digest(site: Site, report: bytes) -> bytes:
    return site.kiosk.ledger.find(report, "report")[0].digest


def signed(site: Site, report: bytes, by: SigningKey, reader: bytes, stage: Stage = Stage.ACKNOWLEDGED) -> Receipt:
    claim = receipt_claim(site.id, report, digest(site, report), stage, 0)
    return Receipt(stage, report, digest(site, report), 1, 1, 0, reader, by.sign(claim))


def upstream(site: Site) -> list[bytes]:
    return [message.payload for message in site.wire if message.kind == "up"]


# --- never a lie ---


def test_a_true_receipt_is_believed(site: Site) -> None:
    """The positive case of everything below: signed by the desk on the sheet, for this report and these bytes."""
    report = site.kiosk.press()
    assert site.kiosk.receive(down(site, receipt(site, report))) == [ProgressChanged(report)]
    assert site.kiosk.stages(report) == {Stage.STORED}


LIES: dict[str, Callable[[Site, bytes], bytes]] = {
    "another key": lambda site, r: down(site, receipt(site, r), signer=SigningKey.generate()),
    "the kiosk's own key": lambda site, r: down(site, receipt(site, r), signer=site.kiosk.signing),
    "a desk that is on no sheet": lambda site, r: down(site, receipt(site, r), desk=b"x" * 16),
    "another kiosk's": lambda site, r: down(site, receipt(site, r), to=b"x" * 16),
    "another report": lambda site, r: down(site, Receipt(Stage.STORED, b"x" * 16, digest(site, r), 1, 1)),
    "another digest": lambda site, r: down(site, Receipt(Stage.STORED, r, b"x" * 32, 1, 1)),
    "truncated": lambda site, r: down(site, receipt(site, r))[:-1],
    "nothing": lambda site, r: b"",
    "no reader": lambda site, r: down(site, receipt(site, r, Stage.ACKNOWLEDGED)),
    "a reader without signature": lambda site, r: down(
        site, Receipt(Stage.CLOSED, r, digest(site, r), 1, 1, 0, HEAD_ID, b"")
    ),
    "a reader's name, another's key": lambda site, r: down(site, signed(site, r, site.people.lead, HEAD_ID)),
    "the desk as reader": lambda site, r: down(site, signed(site, r, site.desk.signing, HEAD_ID)),
    "an unknown reader": lambda site, r: down(site, signed(site, r, site.people.head, b"x" * 16)),
    "a claim of another stage": lambda site, r: down(
        site,
        Receipt(
            Stage.CLOSED,
            r,
            digest(site, r),
            1,
            1,
            0,
            HEAD_ID,
            signed(site, r, site.people.head, HEAD_ID).reader_signature,
        ),
    ),
    "a claim of another generation": lambda site, r: down(
        site,
        Receipt(
            Stage.ACKNOWLEDGED,
            r,
            digest(site, r),
            1,
            1,
            1,
            HEAD_ID,
            signed(site, r, site.people.head, HEAD_ID).reader_signature,
        ),
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_changes_nothing_that_a_screen_says(site: Site, lie: str) -> None:
    """Forged, swapped, misdirected, truncated, or without the reader's own signature: progress and duty stay."""
    report = site.kiosk.press()
    before = site.kiosk.courier.progress(report)
    news = site.kiosk.receive(LIES[lie](site, report))
    assert site.kiosk.courier.progress(report) == before
    assert not any(isinstance(item, ProgressChanged | DeskTime) for item in news)
    assert site.kiosk.courier.duty(site.kiosk.now().monotonic_ms) == UNKNOWN


@settings(deadline=None, derandomize=True, max_examples=120, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, envelope.DOWN_FULL_BYTES - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_of_a_true_receipt_changes_nothing(site: Site, at: int, bit: int) -> None:
    """Wherever a receipt is changed, nothing is believed, and the reason is said."""
    report = site.kiosk.press()
    changed = bytearray(down(site, receipt(site, report)))
    changed[at] ^= 1 << bit
    (news,) = site.kiosk.receive(bytes(changed))
    assert isinstance(news, NotBelieved)
    assert site.kiosk.stages(report) == frozenset()


def test_a_readers_own_signature_is_believed(site: Site) -> None:
    """*Acknowledged* with the signature of a reader on the sheet is shown; a repetition is no news."""
    report = site.kiosk.press()
    said = down(site, signed(site, report, site.people.lead, LEAD_ID))
    assert site.kiosk.receive(said) == [ProgressChanged(report)]
    assert site.kiosk.receive(said) == []
    assert Stage.ACKNOWLEDGED in site.kiosk.stages(report)


@pytest.mark.requirement("S10")
@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("stage", [Stage.ACKNOWLEDGED, Stage.CLOSED])
def test_only_who_can_read_it_closes_it_or_answers_a_private_report(site: Site, private: bool, stage: Stage) -> None:
    """A reader of another route may answer what every desk shows and nothing more. The card does not say which route
    a report has, so after a restart every reader of the site is believed."""
    sheet, people = site.route_sheet(), site.people
    narrow = replace(sheet, version=2, readers=(sheet.readers[0], replace(sheet.readers[1], routes=("safeguarding",))))
    desks = sign_part(site.desk_sheet(), [people.issuer])
    site.kiosk.receive_sheet(sheet_payload(desks, sign_part(narrow, [people.head, people.lead])))
    report = site.kiosk.press(replace(draft(private=private), story=story(route="independent")))
    by_lead = down(site, signed(site, report, people.lead, LEAD_ID, stage), routes=2)
    news = site.kiosk.receive(by_lead)
    believed = stage is Stage.ACKNOWLEDGED and not private
    assert news == ([ProgressChanged(report)] if believed else [NotBelieved("reader-not-proved")])
    by_head = down(site, signed(site, report, people.head, HEAD_ID, stage), routes=2)
    assert site.kiosk.receive(by_head) == ([] if believed else [ProgressChanged(report)])
    other = site.kiosk.press(replace(draft(private=private), story=story(route="independent")))
    site.kiosk.restart()
    late = down(site, signed(site, other, people.lead, LEAD_ID, stage), routes=2)
    assert site.kiosk.receive(late) == [ProgressChanged(other)]


def test_words_of_a_removed_desk_are_not_believed_any_more(site: Site) -> None:
    """Under the new sheet a stolen desk can say nothing, and its duty counts no more."""
    stolen = site.desk
    site.kiosk.connect()
    site.deliver()
    now_ms = site.kiosk.now().monotonic_ms
    assert site.kiosk.courier.duty(now_ms).state is DutyState.ON
    site.replace_desk(stolen)
    (adopted, *_) = site.kiosk.receive_sheet(site.sheet_payload())
    assert isinstance(adopted, SheetAdopted)
    assert site.kiosk.courier.duty(now_ms) == UNKNOWN
    report = site.kiosk.press()
    word = down(site, receipt(site, report), desk=stolen.id, signer=stolen.signing)
    assert site.kiosk.receive(word) == [NotBelieved("unknown-desk")]


def test_an_old_sheet_is_not_taken_back(site: Site) -> None:
    """A broker that plays an older sheet back changes nothing."""
    old = site.sheet_payload()
    site.versions = (2, 2)
    site.kiosk.receive_sheet(site.sheet_payload())
    assert site.kiosk.receive_sheet(old) == [NotBelieved("old-version")]
    assert site.kiosk.courier.sheet.desks.version == 2


# --- fresh or not ---


def test_duty_is_believed_for_a_minute_from_the_question(site: Site) -> None:
    """A fresh answer says whether the office is attended; a minute after the question that it answered nobody knows."""
    site.kiosk.connect()
    site.deliver()
    site.desk.stop()
    asked_ms = site.kiosk.now().monotonic_ms
    assert site.kiosk.courier.duty(asked_ms + FRESH_MS - 1).state is DutyState.ON
    assert site.kiosk.courier.duty(asked_ms + FRESH_MS) == UNKNOWN


def test_an_unasked_word_refreshes_no_duty(site: Site) -> None:
    """Decoys, repetitions of old answers and answers to somebody else's question say nothing of now."""
    site.kiosk.connect()
    answers: list[bytes] = []
    while site.wire:
        message = site.wire.pop(0)
        if message.kind == "down":
            answers.append(message.payload)
        site.deliver_one(message)
    site.ms += FRESH_MS
    site.wire.clear()
    for word in [*answers, down(site), down(site, answers=b"x" * 16)]:
        assert not any(isinstance(item, DeskTime) for item in site.kiosk.receive(word))
    assert site.kiosk.courier.duty(site.kiosk.now().monotonic_ms) == UNKNOWN


def test_an_answer_that_was_held_back_is_not_fresh(site: Site) -> None:
    """A broker that keeps a first answer for a minute and lets it through then proves nothing of now."""
    site.kiosk.connect()
    held: list[bytes] = []
    for message in list(site.wire):
        site.deliver_one(message)
    held = [message.payload for message in site.wire if message.kind == "down"]
    site.ms += FRESH_MS
    assert held
    for payload in held:
        assert not any(isinstance(item, DeskTime) for item in site.kiosk.receive(payload))
    assert site.kiosk.courier.duty(site.kiosk.now().monotonic_ms) == UNKNOWN


def test_an_answer_to_a_report_of_an_earlier_start_is_not_fresh(site: Site) -> None:
    """An answer from before a restart cannot make the office look attended after it."""
    report = site.kiosk.press()
    site.kiosk.connect()
    held = down(site, answers=report)
    site.kiosk.restart()
    site.kiosk.connect()
    assert not any(isinstance(item, DeskTime) for item in site.kiosk.receive(held))


def test_each_desk_may_answer_a_question_once(tmp_path: Path) -> None:
    """Both desks' answers to one heartbeat are fresh, the second of one desk is not."""
    fresh, duty = Freshness(), Duty(DutyState.ON)
    fresh.challenge(b"q", 1000)
    assert [fresh.prove(desk, b"q", duty, 1500) for desk in (b"a", b"b", b"a")] == [True, True, False]
    assert not fresh.prove(b"c", b"other", duty, 1500)


def test_old_questions_are_forgotten(tmp_path: Path) -> None:
    """Memory for questions is bounded; the oldest goes first."""
    fresh, duty = Freshness(), Duty(DutyState.ON)
    for number in range(REMEMBERED_CHALLENGES + 1):
        fresh.challenge(number.to_bytes(2, "big"), 1000)
    assert not fresh.prove(b"a", bytes(2), duty, 1000)
    assert fresh.prove(b"a", b"\0\1", duty, 1000)


def test_off_duty_is_said_and_one_attended_desk_is_enough(tmp_path: Path) -> None:
    """OFF when every fresh word says so, ON as soon as one desk is attended."""
    site = Site(tmp_path, desks=2)
    for desk in site.desks:
        desk.duty = Duty(DutyState.OFF, "08:30 tomorrow")
    site.run(3000)
    assert site.kiosk.courier.duty(site.kiosk.now().monotonic_ms) == Duty(DutyState.OFF, "08:30 tomorrow")
    site.desks[1].duty = Duty(DutyState.ON)
    site.run(30_000)
    assert site.kiosk.courier.duty(site.kiosk.now().monotonic_ms) == Duty(DutyState.ON)
    site.close()


def test_orders_are_handed_on_with_the_desk_that_signed_them(site: Site) -> None:
    """A command comes out with its desk, for the gate to judge."""
    order = Command(CommandKind.RESEND, 1, 1, 1)
    assert site.kiosk.receive(down(site, order)) == [Commanded(site.desk.id, order)]


# --- held ---


def test_a_word_that_a_newer_sheet_may_prove_is_not_held(site: Site) -> None:
    """*Acknowledged* by a reader whom this kiosk does not know yet is not counted as held, so the desk says it again;
    when no newer sheet exists, it is held unbelieved and does not block what comes after."""
    report = site.kiosk.press()
    unknown = signed(site, report, SigningKey.generate(), b"n" * 16)
    assert site.kiosk.receive(down(site, unknown, routes=2)) == [NotBelieved("reader-not-proved")]
    assert site.kiosk.courier.outbox.held(site.desk.id) == 0
    assert site.kiosk.receive(down(site, unknown, routes=1)) == [NotBelieved("reader-not-proved")]
    assert site.kiosk.courier.outbox.held(site.desk.id) == 1


# --- sending ---


@pytest.mark.requirement("D1", "S10")
def test_a_private_report_carries_no_room(site: Site) -> None:
    """In a report about an adult who works here the alert has no room: the place is story."""
    private, usual = site.kiosk.press(draft(private=True)), site.kiosk.press()
    rooms = {}
    for report in (private, usual):
        up = envelope.parse_up(site.kiosk.envelope(report))
        rooms[report] = envelope.open_alert(up, site.people.desk_key).room
    assert rooms == {private: "", usual: "Room 1"}


def test_a_silent_call_goes_at_once(site: Site) -> None:
    """Connected, an urgent report leaves in the same turn."""
    site.run(AFTER_BURST_MS + 1000)
    report = site.kiosk.press(draft(kind=Kind.SILENT_CALL))
    site.kiosk.tick()
    assert upstream(site) == [site.kiosk.envelope(report)]


def test_an_unanswered_heartbeat_is_repeated_like_a_report_and_no_longer_than_to_the_next(site: Site) -> None:
    """Without answers the last heartbeat goes again, the same bytes at jittered gaps, until the next one leaves."""
    site.kiosk.connect()
    first = upstream(site)
    site.wire.clear()
    repeats: list[int] = []
    for _ in range(100):
        site.advance(50, step_ms=50)
        repeats += [site.ms for message in site.wire if message.payload in first]
        site.wire.clear()
    assert repeats
    assert 1500 <= repeats[0] <= 2550


def test_nothing_leaves_without_a_link(site: Site) -> None:
    """Disconnected, ticks send nothing and lose nothing."""
    report = site.kiosk.press()
    site.advance(60_000, step_ms=1000)
    assert upstream(site) == []
    progress = site.kiosk.courier.progress(report)
    assert isinstance(progress, Progress)
    assert progress.first_sent_ms is None


def test_a_long_queue_holds_back_after_the_burst_and_then_goes_in_windows(site: Site) -> None:
    """More than BURST waiting: BURST at once, the rest only after the hold, never more than WINDOW unanswered."""
    for _ in range(60):
        site.kiosk.press()
    site.kiosk.connect()
    site.kiosk.tick()
    assert len(upstream(site)) == BURST
    site.wire.clear()
    site.advance(AFTER_BURST_MS, step_ms=100)
    assert BURST <= len(upstream(site)) <= WINDOW + BURST


def test_what_a_kiosk_says_to_do_next_is_never_in_the_far_future(site: Site) -> None:
    """`next_due_ms` is at most the let-go interval away, and at once when a report waits."""
    site.run(10_000)
    now_ms = site.kiosk.now().monotonic_ms
    assert site.kiosk.courier.next_due_ms() <= now_ms + 5000
    site.kiosk.courier.submit(draft(), site.kiosk.now())
    assert site.kiosk.courier.next_due_ms() <= now_ms


@pytest.mark.requirement("D4")
def test_what_two_desks_have_leaves_the_kiosks_disk(tmp_path: Path) -> None:
    """Within seconds of the second *stored* no byte run of the sealed body is left in the kiosk's files."""
    site = Site(tmp_path, desks=2)
    site.run(3000)
    report = site.kiosk.press()
    ledger = site.kiosk.ledger
    (wrapped,) = ledger._database.execute("SELECT wrapped FROM body ORDER BY seq DESC").fetchone()
    site.run(20_000)
    assert ledger.body(ledger.find(report, "report")[0]) is None
    site.run(10_000)
    files = [file.read_bytes() for file in tmp_path.glob("kiosk-1.db*")]
    assert not any(wrapped[at : at + 24] in raw for raw in files for at in range(0, len(wrapped) - 24, 24))
    ledger.verify()
    site.close()


# --- a full disk ---


def test_a_full_disk_is_told_and_the_next_report_counts_on_from_the_last_kept(site: Site) -> None:
    """StoreFull: nothing is kept, earlier reports of the same turn are not called saved, and with room again the chain
    goes on without a gap."""
    kiosk = site.kiosk
    kept = kiosk.press()
    (pages,) = kiosk.ledger._database.execute("PRAGMA page_count").fetchone()
    kiosk.ledger._database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreFull):
        submit_many(kiosk, 4)
    with pytest.raises(StoreFull):
        kiosk.ledger.commit()
    kiosk.courier.commit_failed()
    assert list(kiosk.courier.outbox.reports()) == [kept]
    kiosk.ledger._database.execute("PRAGMA max_page_count=100000")
    after = kiosk.press()
    up = envelope.parse_up(kiosk.envelope(after))
    alert = envelope.open_alert(up, site.people.desk_key)
    assert (alert.number, alert.previous) == (2, digest(site, kept))
    site.run(5000)
    assert site.desk.shown == {kept: 1, after: 1}


def submit_many(kiosk: Kiosk, count: int) -> None:
    for _ in range(count):
        kiosk.courier.submit(draft(), kiosk.now())


def test_faults_are_told_in_heartbeats_only(site: Site) -> None:
    """What is wrong with a kiosk stands in its heartbeats, at most eight, and in no report."""
    kiosk: Kiosk = site.kiosk
    desk: Desk = site.desk
    kiosk.courier.set_faults([f"fault-{number}" for number in range(12)])
    report = kiosk.press()
    kiosk.connect()
    alerts = [envelope.open_alert(envelope.parse_up(payload), desk.desk_key) for payload in upstream(site)]
    assert [len(alert.faults) for alert in alerts] == [0, 8, 8, 8]
    assert kiosk.envelope(report) in upstream(site)


def test_a_start_on_a_full_disk_keeps_its_number_when_there_is_room(site: Site) -> None:
    """A later start is never taken for this one: the number goes to the disk as soon as the disk takes it."""
    kiosk = site.kiosk
    kiosk.ledger.set_note("boot", (kiosk.courier.boot - 1).to_bytes(8, "big"))
    kiosk.ledger.commit()
    site.ms += 6_000
    kiosk.tick()
    boot = kiosk.courier.boot
    kiosk.restart()
    assert kiosk.courier.boot == boot + 1


@pytest.mark.parametrize(
    "until",
    ["Go to the shed", "08:15 in the shed", "25:00", "08:15\nGo", "8:15", "\u0660\u0668:15", "08:15 on May"],
)
def test_a_desk_puts_no_words_of_its_own_on_a_learners_screen(until: str) -> None:
    """Where a time belongs only a time is believed; a desk that writes anything else hides no other desk's time."""
    fresh = Freshness()
    for question in (b"1", b"2"):
        fresh.challenge(question, 1000)
    fresh.prove(b"bad", b"1", Duty(DutyState.OFF, until), 1500)
    assert fresh.duty(2000) == Duty(DutyState.OFF)
    fresh.prove(b"good", b"2", Duty(DutyState.OFF, "08:15 on Monday"), 1500)
    assert fresh.duty(2000) == Duty(DutyState.OFF, "08:15 on Monday")
