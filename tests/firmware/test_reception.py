"""The reception: checks, records, answers; believes no stranger and drops nothing true."""

from __future__ import annotations

import logging
import os
import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from firmware import envelope
from firmware.errors import StoreFull
from firmware.identity import KemKey, ReaderRegister, Recipient, SigningKey
from firmware.messages import (
    DeskNote,
    Down,
    Duty,
    DutyState,
    Life,
    Receipt,
    Stage,
    StageEvent,
    encode,
    receipt_claim,
)
from firmware.presence import SILENT_AFTER_MS
from firmware.reception import StageHeard, Stored, StoredUnreadable, ToDesks, ToKiosk
from firmware.trouble import Cause
from tests.support.conversation import HEAD_ID, Desk, Site, draft

MUTATIONS = 20_000
SETTLED_AFTER = 2_000
GROWTH_BYTES = 2 * 1024 * 1024
EMPTY_REGISTER = ReaderRegister(1, bytes(16), (), ())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def two_desks(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, desks=2)
    yield made
    made.close()


def upstream(site: Site) -> list[bytes]:
    return [message.payload for message in site.wire if message.kind == "up"]


def read(site: Site, outcome: ToKiosk) -> Down:
    """What the kiosk finds in an answer."""
    known = {desk.id: desk.signing.public for desk in site.desks}
    kem = site.kiosk.kem
    _, down = envelope.open_down(outcome.payload, desk_signing=known.get, key=kem, site=site.id, device=outcome.device)
    return down


def answers(site: Site, payload: bytes) -> list[Down]:
    outcomes = site.desk.receive(site.kiosk.id, payload)
    return [read(site, outcome) for outcome in outcomes if isinstance(outcome, ToKiosk)]


def receipts(down: Down) -> list[Receipt]:
    return [item for item in down.items if isinstance(item, Receipt)]


# --- recording and answering ---


def test_a_report_is_shown_once_and_answered_every_time(site: Site) -> None:
    """The first copy is stored and shown; each further copy is answered with what was said, and shown no more."""
    report = site.kiosk.press()
    payload = site.kiosk.envelope(report)
    for _ in range(4):
        (down,) = answers(site, payload)
        assert down.answers == report
        assert receipts(down)[0].stage is Stage.STORED
    assert site.desk.shown[report] == 1


def test_a_heartbeat_is_answered_and_recorded_nowhere(site: Site) -> None:
    """Heartbeats live in RAM: they are answered, and the record of reports does not grow."""
    site.kiosk.connect()
    length = site.desk.ledger.length
    site.deliver()
    assert site.desk.ledger.length == length
    assert site.kiosk.courier.duty(site.kiosk.now().monotonic_ms).state is DutyState.ON


@pytest.mark.requirement("S10")
def test_a_private_report_tells_the_desk_no_room(site: Site) -> None:
    """What a shared desk gets of a private report names no room; the usual one does."""
    private, usual = site.kiosk.press(draft(private=True)), site.kiosk.press()
    site.run(3000)
    told = {item.report: item.alert for item in site.desk.outcomes if isinstance(item, Stored)}
    assert (told[private].private, told[private].room) == (True, "")
    assert (told[usual].private, told[usual].room) == (False, "Room 1")


def test_every_answer_has_one_size_whatever_it_says(site: Site) -> None:
    """Answers to heartbeats, to reports, decoys and stages cannot be told apart by size."""
    report = site.kiosk.press()
    site.run(90_000, step_ms=1000)
    site.desk.mark(report, Stage.NOTICED)
    sizes = {len(item.payload) for item in site.desk.outcomes if isinstance(item, ToKiosk)}
    assert sizes == {envelope.DOWN_FULL_BYTES}


def test_decoys_happen(site: Site) -> None:
    """Without being asked, a desk sends about one word a minute to a kiosk, so that a stage does not stand out."""
    count = 0
    for _ in range(1200):
        site.ms += 1000
        count += sum(isinstance(item, ToKiosk) for item in site.desk.reception.tick(site.desk.now()))
    assert 8 <= count <= 40


def test_a_decoy_leaves_as_a_persons_word_does(site: Site) -> None:
    """Both are one message to the kiosk and one to the desks, so that nobody can tell which of them an answer was."""
    report = site.kiosk.press()
    site.run(3000)
    said = [type(item) for item in site.desk.mark(report, Stage.NOTICED) if not isinstance(item, StageHeard)]
    while True:
        site.ms += 1000
        done = [type(item) for item in site.desk.reception.tick(site.desk.now())]
        if ToKiosk in done:
            break
    assert done[-2:] == said == [ToKiosk, ToDesks]


def test_missing_receipts_come_over_several_answers_of_at_most_eight(site: Site) -> None:
    """Twenty lost receipts come back, eight an answer, as the kiosk's heartbeats name what it holds."""
    reports = [site.kiosk.press() for _ in range(20)]
    for report in reports:
        site.desk.receive(site.kiosk.id, site.kiosk.envelope(report))
    site.wire.clear()
    site.kiosk.connect()
    sizes = [len(receipts(down)) for payload in upstream(site) for down in answers(site, payload)]
    assert max(sizes) == 8
    site.wire.clear()
    site.run(120_000, step_ms=1000)
    assert all(Stage.STORED in site.kiosk.stages(report) for report in reports)
    assert site.kiosk.courier.outbox.held(site.desk.id) >= 20


def test_a_fresh_stage_is_said_at_once_however_much_is_missing(site: Site) -> None:
    """*Noticed* goes out in the first answer although the kiosk lacks twenty older receipts."""
    reports = [site.kiosk.press() for _ in range(20)]
    for report in reports:
        site.desk.receive(site.kiosk.id, site.kiosk.envelope(report))
    outcomes = site.desk.mark(reports[19], Stage.NOTICED)
    (down,) = [read(site, outcome) for outcome in outcomes if isinstance(outcome, ToKiosk)]
    assert receipts(down)[0].stage is Stage.NOTICED


def test_a_stage_is_marked_once_and_only_for_a_report_that_is_here(site: Site) -> None:
    """Marking twice, or marking what this desk does not hold, does nothing."""
    report = site.kiosk.press()
    site.run(3000)
    first = site.desk.mark_by(site.people.head, HEAD_ID, report, Stage.ACKNOWLEDGED)
    assert {type(item) for item in first} == {StageHeard, ToKiosk, ToDesks}
    assert site.desk.mark(report, Stage.ACKNOWLEDGED) == []
    assert site.desk.mark(b"x" * 16, Stage.NOTICED) == []


# --- unreadable ---


def other_version(site: Site, payload: bytes) -> bytes:
    """The same envelope as a kiosk of a later version would sign it."""
    up = envelope.parse_up(payload)
    head = encode(up.clear)
    signature = site.kiosk.signing.sign(b"quietbell/1 up\0" + bytes([9]) + head + up.alert_ct + up.story_ct)
    return msgspec.msgpack.encode([9, head, up.alert_ct, up.story_ct, signature])


@pytest.mark.parametrize("reason", ["will-not-open", "unknown-version"])
def test_a_signed_envelope_that_will_not_open_is_kept_alarmed_and_refused(tmp_path: Path, reason: str) -> None:
    """Sealed to another desk key, or of a later version: kept whole, shown as urgent once, said as trouble, and
    answered *refused*, which never settles."""
    site = Site(tmp_path)
    report = site.kiosk.press()
    payload = site.kiosk.envelope(report)
    if reason == "unknown-version":
        payload = other_version(site, payload)
    else:
        site.desk.stop()
        site.desk.desk_key = KemKey.generate()
        site.desk.start()
    for _ in range(3):
        (down,) = answers(site, payload)
        assert [(said.stage, said.reason) for said in receipts(down)] == [(Stage.REFUSED, reason)]
    assert [item.reason for item in site.desk.outcomes if isinstance(item, StoredUnreadable)] == [reason]
    assert Cause.UNREADABLE in site.desk.causes()
    kept = site.desk.reception.inbox.envelope(report, envelope.parse_up(payload).digest)
    assert kept is not None
    assert kept.untrusted_bytes == payload
    site.close()


def test_refused_never_settles_at_the_kiosk_and_mends_with_the_keys(tmp_path: Path) -> None:
    """A report that a desk could not open is still kept and wanted by the kiosk; once the desk has its key again, a
    repetition is stored and the report is shown as one."""
    site = Site(tmp_path)
    desk: Desk = site.desk
    desk.stop()
    desk.desk_key = KemKey.generate()
    desk.start()
    report = site.kiosk.press()
    site.run(3000)
    assert site.kiosk.stages(report) == {Stage.REFUSED}
    assert site.kiosk.courier.outbox.waiting(site.kiosk.now().monotonic_ms) == 1
    desk.stop()
    desk.desk_key = site.people.desk_key
    desk.start()
    assert desk.shown[report] == 1
    desk.receive(site.kiosk.id, site.kiosk.envelope(report))
    site.deliver()
    assert Stage.STORED in site.kiosk.stages(report)
    desk.restart()
    assert desk.shown[report] == 1
    site.close()


# --- life ---


def test_old_heartbeats_played_back_are_no_life(site: Site) -> None:
    """A dead kiosk whose heartbeats a broker plays back is silent within a minute, also when the desk restarted in
    between. They are answered as an old report is: silence would tell the broker which of the two it holds."""
    site.kiosk.connect()
    old: list[bytes] = []
    for _ in range(60):
        old += upstream(site)
        site.deliver()
        site.advance(1000, step_ms=1000)
    site.wire.clear()
    for restarted in (False, True):
        if restarted:
            site.desk.restart()
        for number in range(60):
            site.ms += 1000
            site.desk.tick()
            outcomes = site.desk.receive(site.kiosk.id, old[number % len(old)])
            assert [type(item) for item in outcomes] == [ToKiosk]
        assert site.desk.causes() & {Cause.SILENT, Cause.NEVER_SEEN}


def test_the_newest_heartbeat_is_answered_again_and_is_not_life_again(site: Site) -> None:
    """An unanswered heartbeat that comes twice is answered twice, but does not keep a kiosk alive."""
    site.kiosk.connect()
    newest = upstream(site)[-1]
    site.deliver()
    site.wire.clear()
    for _ in range(SILENT_AFTER_MS // 1000 + 2):
        site.ms += 1000
        assert len(answers(site, newest)) == 1
        site.desk.tick()
    assert Cause.SILENT in site.desk.causes()


def test_a_report_from_before_a_new_provisioning_is_stored(tmp_path: Path) -> None:
    """A kiosk that was provisioned anew (a greater epoch) still holds reports of the older one: they are stored, and
    the new chain, which begins again at one, is no fork."""
    site = Site(tmp_path)
    old = [site.kiosk.press() for _ in range(3)]
    site.run(3000)
    waiting = site.kiosk.press()
    payload = site.kiosk.envelope(waiting)
    site.kiosk.ledger.close()
    site.kiosk.epoch, site.kiosk.path = 2, tmp_path / "again.db"
    site.kiosk.start()
    site.desk.reception.register_changed(site.register(), site.versions)
    new = site.kiosk.press()
    site.run(3000)
    assert site.desk.receive(site.kiosk.id, payload)
    assert all(site.desk.shown[report] == 1 for report in [*old, waiting, new])
    assert Cause.FORKED_CARD not in site.desk.causes()
    site.close()


# --- strangers ---


@pytest.mark.requirement("T8")
def test_whoever_is_not_in_the_register_is_trouble(site: Site) -> None:
    """A device that the register does not know is heard by nobody and shown as trouble."""
    report = site.kiosk.press()
    stranger = b"x" * 16
    assert site.desk.receive(stranger, site.kiosk.envelope(report)) == []
    header = envelope.Header(site.id, stranger, b"i" * 16, bytes(4))
    up = envelope.parse_up(site.kiosk.envelope(report))
    clear = msgspec.structs.replace(up.clear, header=header)
    forged = msgspec.msgpack.encode([1, encode(clear), up.alert_ct, up.story_ct, up.signature])
    assert site.desk.receive(stranger, forged) == []
    assert Cause.UNKNOWN_DEVICE in site.desk.causes()
    assert not site.desk.shown


def test_a_register_that_drops_a_kiosk_silences_it(site: Site) -> None:
    """A lost kiosk that is no longer active is refused, and its certificate's traffic is trouble."""
    report = site.kiosk.press()
    register = site.register()
    gone = tuple(msgspec.structs.replace(entry, active=False) for entry in register.devices)
    site.desk.reception.register_changed(msgspec.structs.replace(register, devices=gone), (1, 1))
    assert site.desk.receive(site.kiosk.id, site.kiosk.envelope(report)) == []
    assert Cause.UNKNOWN_DEVICE in site.desk.causes()


@pytest.mark.requirement("T8")
def test_each_refusal_is_counted_with_its_reason(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Every message that is refused is logged with device and reason and listed as trouble with its counts."""
    payload = site.kiosk.envelope(site.kiosk.press())
    flipped = payload[:-1] + bytes([payload[-1] ^ 1])
    with caplog.at_level(logging.WARNING, "quietbell.reception"):
        for bad in (flipped, flipped, b"", payload[:-1]):
            assert site.desk.receive(site.kiosk.id, bad) == []
    reasons = Counter(getattr(record, "reason", "") for record in caplog.records)
    assert reasons == {"bad-signature": 2, "wrong-size": 2}
    (trouble,) = [item for item in site.desk.supervisor.troubles if item.cause is Cause.REFUSED]
    assert trouble.detail == "bad-signature 2, wrong-size 2"


class Reasons(logging.Filter):
    """Counts what is logged and lets nothing by: pytest's own handlers would keep every line in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        self.counts[str(getattr(record, "reason", ""))] += 1
        return False


@pytest.fixture
def reasons() -> Iterator[Counter[str]]:
    logger, counting = logging.getLogger("quietbell.reception"), Reasons()
    logger.addFilter(counting)
    yield counting.counts
    logger.removeFilter(counting)


@pytest.mark.requirement("T8")
def test_twenty_thousand_mutated_envelopes_do_no_harm(site: Site, reasons: Counter[str]) -> None:
    """20,000 envelopes with flipped, cut, doubled and mixed bytes: none is believed or raises, each is logged with its
    reason, memory grows by at most 2 MB after the first 2,000, and the next true report is stored."""
    chance = random.Random(7)
    seeds = [site.kiosk.envelope(site.kiosk.press()) for _ in range(3)]
    baseline = 0
    tracemalloc.start(1)
    for number in range(MUTATIONS):
        assert site.desk.reception.receive(site.kiosk.id, mutated(chance, seeds), site.desk.now()) == []
        assert reasons.total() == number + 1
        if number == SETTLED_AFTER:
            baseline = tracemalloc.get_traced_memory()[0]
    growth = tracemalloc.get_traced_memory()[0] - baseline
    tracemalloc.stop()
    assert set(reasons) == {"wrong-size", "malformed", "bad-signature", "wrong-address"}
    assert growth <= GROWTH_BYTES
    assert not site.desk.shown
    assert site.desk.receive(site.kiosk.id, seeds[0])


def mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """One envelope that is certainly not one of `seeds`."""
    while True:
        changed = bytearray(chance.choice(seeds))
        how = chance.randrange(5)
        if how == 0:
            for _ in range(chance.randrange(1, 9)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
        elif how == 1:
            del changed[chance.randrange(len(changed)) :]
        elif how == 2:
            changed += chance.randbytes(chance.randrange(1, 200))
        elif how == 3:
            at, other = chance.randrange(len(changed)), chance.choice(seeds)
            changed[at:] = other[at:]
        else:
            at = chance.randrange(len(changed) - 64)
            changed[at : at + 64] = chance.randbytes(64)
        if bytes(changed) not in seeds:
            return bytes(changed)


# --- other desks ---


def note(
    site: Site, sender: Desk, *events: StageEvent, life: Life | None = None, signer: SigningKey | None = None
) -> bytes:
    said = DeskNote(life or Life(1, 99, 99), 5, Duty(DutyState.ON), 1, bytes(32), (), events)
    header = envelope.DirectHeader(site.id, sender.id, site.id, os.urandom(16))
    return envelope.seal_note(said, header, signer or sender.signing, Recipient(site.people.desk_key.public))


def event_of(desk: Desk, report: bytes = b"r" * 16, digest: bytes = b"d" * 32) -> StageEvent:
    return StageEvent(report, digest, b"k" * 16, Stage.NOTICED, 0, 7, desk.id)


def stored_at_both(site: Site) -> tuple[bytes, bytes]:
    """A report that all desks hold: its id and digest."""
    report = site.kiosk.press()
    site.run(3000)
    return report, envelope.parse_up(site.kiosk.envelope(report)).digest


def test_what_one_desk_marks_the_other_hears_once(two_desks: Site) -> None:
    """A stage at one desk reaches the other in a signed, sealed note, and is told once however often it is repeated."""
    one, other = two_desks.desks
    report = two_desks.kiosk.press()
    two_desks.run(3000)
    other.outcomes.clear()
    one.mark(report, Stage.NOTICED)
    two_desks.run(90_000, step_ms=1000)
    heard = [item.event for item in other.outcomes if isinstance(item, StageHeard)]
    assert [(event.report, event.stage, event.desk) for event in heard] == [(report, Stage.NOTICED, one.id)]


def test_a_desk_speaks_only_for_itself(two_desks: Site) -> None:
    """A desk that puts another desk's event into its note is not believed, and counted."""
    one, other = two_desks.desks
    about = stored_at_both(two_desks)
    assert one.receive_note(other.id, note(two_desks, other, event_of(one, *about))) == []
    assert Cause.REFUSED in one.causes()
    later = note(two_desks, other, event_of(other, *about), life=Life(1, 99, 100))
    assert [type(item) for item in one.receive_note(other.id, later)] == [StageHeard]


@pytest.mark.parametrize("stage", [Stage.ACKNOWLEDGED, Stage.CLOSED])
def test_no_desk_answers_or_closes_in_a_readers_name(two_desks: Site, stage: Stage) -> None:
    """A stolen desk that forges a reader's answer silences nobody; with the reader's own signature it is heard, also
    when the register that names the reader comes only after the first telling."""
    one, other = two_desks.desks
    report, digest = stored_at_both(two_desks)
    claim = receipt_claim(two_desks.id, report, digest, stage, 0)
    forged = [b"", b"x" * 64, other.signing.sign(claim), two_desks.people.head.sign(claim + b"x")]
    for number, signature in enumerate([*forged, two_desks.people.head.sign(claim)]):
        event = StageEvent(report, digest, b"k" * 16, stage, 0, 7, other.id, HEAD_ID, signature)
        for again in range(2):
            outcomes = one.receive_note(other.id, note(two_desks, other, event, life=Life(1, 99, 2 * number + again)))
            assert outcomes == ([] if again == 0 or signature in forged else [StageHeard(event)])
            one.reception.readers_changed(two_desks.reader_register() if again == 0 else EMPTY_REGISTER)
    assert Cause.REFUSED in one.causes()


def test_what_another_desk_told_before_the_report_came_is_heard_with_it(two_desks: Site) -> None:
    """The other desk is faster: its *noticed* waits, says nothing, and comes with the report's own arrival."""
    one, other = two_desks.desks
    report = two_desks.kiosk.press()
    payload = two_desks.kiosk.envelope(report)
    event = event_of(other, report, envelope.parse_up(payload).digest)
    assert one.receive_note(other.id, note(two_desks, other, event)) == []
    stored, heard, *_ = one.receive(two_desks.kiosk.id, payload)
    assert isinstance(stored, Stored)
    assert heard == StageHeard(event)


def test_a_desk_that_floods_others_with_news_is_trouble(two_desks: Site) -> None:
    """So many reports that nobody sent: whoever looks at the desk's troubles reads which desk says so."""
    one, other = two_desks.desks
    for number in range(20):
        events = [event_of(other, (8 * number + each).to_bytes(16, "big")) for each in range(8)]
        assert one.receive_note(other.id, note(two_desks, other, *events, life=Life(1, 99, number))) == []
    (trouble,) = [trouble for trouble in one.supervisor.troubles if trouble.cause is Cause.REFUSED]
    assert (trouble.device, "too-many-events" in trouble.detail) == (other.id, True)


def test_a_note_from_a_stranger_or_under_another_name_is_refused(two_desks: Site) -> None:
    """Another key, another desk's topic, a kiosk's key, garbage: refused and counted; its own notes it ignores."""
    one, other = two_desks.desks
    bad = [
        (other.id, note(two_desks, other, event_of(other), signer=SigningKey.generate())),
        (b"x" * 16, note(two_desks, other, event_of(other))),
        (other.id, note(two_desks, other, event_of(other), signer=two_desks.kiosk.signing)),
        (other.id, b"garbage"),
        (one.id, note(two_desks, one, event_of(one))),
    ]
    for topic, payload in bad:
        assert one.receive_note(topic, payload) == []
    assert Cause.REFUSED in one.causes()


def test_old_notes_played_back_do_not_keep_a_dead_desk_alive(two_desks: Site) -> None:
    """A dead desk is trouble within a minute at its second eye, also when the eye restarted and a broker plays the
    dead desk's notes back."""
    eye, dead = two_desks.desks
    two_desks.run(20_000)
    old = []
    for _ in range(30):
        two_desks.advance(1000, step_ms=1000)
        old += [m.payload for m in two_desks.wire if m.kind == "note" and m.device == dead.id]
        two_desks.deliver()
    dead.stop()
    eye.restart()
    assert old
    for number in range(70):
        two_desks.ms += 1000
        eye.receive_note(dead.id, old[number % len(old)])
        eye.tick()
    unheard = [item.device for item in eye.supervisor.troubles if item.cause is Cause.NEVER_SEEN]
    assert dead.id in unheard


def test_troubles_with_any_letters_fit_a_note(two_desks: Site) -> None:
    """Eight long sentences in four-byte letters and eight events still make a note, and the other desk shows them."""
    one, other = two_desks.desks
    one.reception.set_troubles(["\U0001f514" * 200] * 12)
    reports = [two_desks.kiosk.press() for _ in range(9)]
    two_desks.run(5000)
    for report in reports:
        one.mark_by(two_desks.people.head, HEAD_ID, report, Stage.ACKNOWLEDGED)
    two_desks.deliver()
    assert Cause.OTHER_DESK in other.causes()
    one.reception.set_troubles([])
    two_desks.run(30_000)
    assert Cause.OTHER_DESK not in other.causes()


# --- a full disk ---


def test_a_desk_whose_disk_is_full_says_nothing_is_stored(site: Site) -> None:
    """No commit, no receipt: the report of that turn is not answered, and with room again it is stored under the next
    number, shown once."""
    desk = site.desk
    site.kiosk.press()
    site.run(3000)
    (pages,) = desk.ledger._database.execute("PRAGMA page_count").fetchone()
    desk.ledger._database.execute(f"PRAGMA max_page_count={pages}")
    report = site.kiosk.press()
    payload = site.kiosk.envelope(report)
    with pytest.raises(StoreFull):
        desk.receive(site.kiosk.id, payload)
    with pytest.raises(StoreFull):
        desk.ledger.commit()
    desk.reception.commit_failed()
    assert site.kiosk.stages(report) == frozenset()
    desk.ledger._database.execute("PRAGMA max_page_count=100000")
    (down,) = answers(site, payload)
    assert next((said.stage, said.number) for said in receipts(down)) == (Stage.STORED, 2)
    assert desk.shown[report] == 1
    assert Cause.FORKED_CARD not in desk.causes()
    desk.ledger.verify()


def test_a_mark_that_the_disk_did_not_take_is_told_to_nobody(two_desks: Site) -> None:
    """After a failed commit the other desk does not hear of the stage; marking again tells it."""
    one, other = two_desks.desks
    report = two_desks.kiosk.press()
    two_desks.run(3000)
    other.outcomes.clear()
    one.reception.mark(report, Stage.NOTICED, one.now())
    one.ledger.rollback()
    one.reception.commit_failed()
    two_desks.run(30_000)
    assert not [item for item in other.outcomes if isinstance(item, StageHeard)]
    one.mark(report, Stage.NOTICED)
    two_desks.deliver()
    assert [item.event.stage for item in other.outcomes if isinstance(item, StageHeard)] == [Stage.NOTICED]
