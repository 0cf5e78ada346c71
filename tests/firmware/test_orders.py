"""Orders from a desk through a real conversation: numbered for good before they leave, obeyed once, told truthfully."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import envelope
from firmware.clock import Moment
from firmware.commands import LIFE_MS, LONGEST_LESSON_MINUTES, LessonUnlock, NewSheet, Order, Reply, command
from firmware.courier import Commanded, NotBelieved
from firmware.errors import StoreBroken
from firmware.identity import Recipient, SigningKey
from firmware.ledger import Ledger
from firmware.lessons import Said
from firmware.messages import ClockQuality, Command, Down, Duty, DutyState, Kind, Life, Stage
from firmware.orders import LOGGED, WAITING_MAX, NotHeard, Orders
from firmware.presence import SILENT_AFTER_MS
from firmware.reception import Stored, ToDesks, ToKiosk
from firmware.trouble import Cause
from tests.support.conversation import WALL_MS, Message, Site, id_of

MINUTE_MS = 60_000
KIOSK = b"K" * 16


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.kiosk.serves_phones = True
    made.run(30_000)
    yield made
    made.close()


@pytest.fixture
def two_desks(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, desks=2)
    made.kiosk.serves_phones = True
    made.run(30_000)
    yield made
    made.close()


def down(site: Site) -> list[bytes]:
    return [message.payload for message in site.wire if message.kind == "down"]


def commands_in(site: Site, payload: bytes) -> list[Command]:
    known = {desk.id: desk.signing.public for desk in site.desks}
    _, opened = envelope.open_down(
        payload, desk_signing=known.get, key=site.kiosk.kem, site=site.id, device=site.kiosk.id
    )
    return [item for item in opened.items if isinstance(item, Command)]


def open_minutes(site: Site, minutes: int = 45) -> None:
    site.desk.order(site.kiosk.id, LessonUnlock(minutes))
    site.deliver()


# --- a lesson, from the desk to the kiosk and back ---


@pytest.mark.requirement("B4")
def test_a_lesson_is_open_at_the_desk_only_when_the_kiosk_has_said_so(site: Site) -> None:
    """Asked is not open: between the two stands the kiosk's own heartbeat, which also says until when."""
    asked_ms = site.desk.now().monotonic_ms
    site.desk.order(site.kiosk.id, LessonUnlock(45))
    lesson = site.desk.lesson(site.kiosk.id)
    assert (lesson.said, lesson.asked and lesson.asked.minutes) == (Said.CLOSED, 45)
    site.deliver()
    assert site.kiosk.phones.obeyed == [LessonUnlock(45)]
    assert site.desk.lesson(site.kiosk.id).said is Said.CLOSED
    site.run(30_000)
    lesson = site.desk.lesson(site.kiosk.id)
    assert (lesson.said, lesson.asked) == (Said.OPEN, None)
    assert lesson.until_ms is not None
    assert abs(lesson.until_ms - asked_ms - 45 * MINUTE_MS) < 1000


@pytest.mark.requirement("B4")
def test_a_lesson_ends_by_itself_and_the_desk_sees_it(site: Site) -> None:
    """Nobody has to remember it: after its minutes the kiosk is closed, and says so."""
    open_minutes(site, 1)
    site.run(30_000)
    assert site.desk.lesson(site.kiosk.id).said is Said.OPEN
    site.run(MINUTE_MS)
    lesson = site.desk.lesson(site.kiosk.id)
    assert (lesson.said, lesson.until_ms) == (Said.CLOSED, None)


@pytest.mark.requirement("B4")
def test_a_lesson_can_be_ended_and_changed(site: Site) -> None:
    """Zero minutes end it at once; another length takes the place of the first, and is shown when the kiosk says it."""
    open_minutes(site, 45)
    site.run(30_000)
    changed_ms = site.desk.now().monotonic_ms
    site.desk.order(site.kiosk.id, LessonUnlock(120))
    asked = site.desk.lesson(site.kiosk.id).asked
    assert asked is not None
    assert asked.was_open
    site.deliver()
    site.run(30_000)
    lesson = site.desk.lesson(site.kiosk.id)
    assert lesson.asked is None
    assert lesson.until_ms is not None
    assert abs(lesson.until_ms - changed_ms - 120 * MINUTE_MS) < 1000
    open_minutes(site, 0)
    assert site.desk.lesson(site.kiosk.id).said is Said.OPEN
    site.run(30_000)
    lesson = site.desk.lesson(site.kiosk.id)
    assert (lesson.said, lesson.asked, lesson.until_ms) == (Said.CLOSED, None, None)


def test_a_lesson_is_no_trouble_and_other_codes_are(site: Site) -> None:
    """What a kiosk tells of a lesson is the truth that was asked for, not a fault."""
    open_minutes(site)
    site.run(30_000)
    assert site.desk.causes() == set()
    site.kiosk.faults = ("gate-down",)
    site.run(30_000)
    assert site.desk.causes() == {Cause.GATE_DOWN}
    assert site.desk.lesson(site.kiosk.id).said is Said.OPEN


def test_a_kiosk_without_a_network_for_phones_says_so(site: Site) -> None:
    """Asked of the wrong room, it is told as that, and nothing waits for an answer."""
    site.kiosk.serves_phones = False
    site.run(30_000)
    open_minutes(site)
    site.run(30_000)
    lesson = site.desk.lesson(site.kiosk.id)
    assert (lesson.said, lesson.asked, lesson.portal) == (Said.ABSENT, None, False)
    assert site.desk.causes() == set()


def test_every_desk_sees_the_lesson_that_one_has_opened(two_desks: Site) -> None:
    """The kiosk tells all of them, with its own minutes; and another desk may end it."""
    site = two_desks
    one, other = site.desks
    one.order(site.kiosk.id, LessonUnlock(30))
    site.run(30_000)
    ends = [desk.lesson(site.kiosk.id).until_ms for desk in (one, other)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert abs(ends[0] - ends[1]) <= MINUTE_MS
    other.order(site.kiosk.id, LessonUnlock(0))
    site.run(30_000)
    assert {desk.lesson(site.kiosk.id).said for desk in site.desks} == {Said.CLOSED}


# --- lost, late, held back ---


def test_an_order_that_was_lost_goes_again_as_the_same_command(site: Site) -> None:
    """With the next answers to the kiosk, until it has answered; it is obeyed once, however often it comes."""
    site.desk.order(site.kiosk.id, LessonUnlock(30))
    (first,) = down(site)
    site.wire.clear()
    (order,) = commands_in(site, first)
    site.advance(30_000)
    site.deliver()
    assert site.kiosk.phones.obeyed == [LessonUnlock(30)]
    site.kiosk.receive(first)
    assert site.kiosk.phones.ignored
    assert set(site.kiosk.phones.ignored) == {"replayed"}
    given_out = [item.command for item in site.kiosk.news if isinstance(item, Commanded)]
    assert set(given_out) == {order}
    site.run(30_000)
    before = len([item for item in site.kiosk.news if isinstance(item, Commanded)])
    site.run(LIFE_MS)
    assert len([item for item in site.kiosk.news if isinstance(item, Commanded)]) == before


def test_an_order_that_was_held_back_does_nothing(site: Site) -> None:
    """A broker that keeps it for the break gets a closed network: it has expired on the kiosk's own clock."""
    site.desk.order(site.kiosk.id, LessonUnlock(30))
    (held,) = down(site)
    site.wire.clear()
    site.advance(LIFE_MS + 1)
    site.wire.clear()
    site.kiosk.receive(held)
    assert site.kiosk.phones.ignored == ["expired"]
    assert site.kiosk.phones.until_ms is None


def test_an_order_is_no_longer_told_when_its_time_is_over(site: Site) -> None:
    """And when the kiosk is heard after it, without the lesson, the desk knows that it was not done."""
    site.desk.order(site.kiosk.id, LessonUnlock(30))
    for _ in range(LIFE_MS // 1000 + 1):
        site.advance(1000, step_ms=1000)
        for message in [message for message in site.wire if message.kind == "up"]:
            site.desk.receive(message.device, message.payload)
        site.wire.clear()
    site.run(30_000)
    assert site.kiosk.phones.decisions == []
    lesson = site.desk.lesson(site.kiosk.id)
    assert lesson.asked is not None
    assert lesson.asked.failed


def test_an_order_for_an_earlier_start_does_nothing(site: Site) -> None:
    """The kiosk lost its power meanwhile: what was meant for before is not done after, and not told again."""
    site.desk.order(site.kiosk.id, LessonUnlock(30))
    (held,) = down(site)
    site.wire.clear()
    site.kiosk.restart()
    site.run(5000)
    site.kiosk.receive(held)
    assert site.kiosk.phones.ignored == ["other-boot"]
    assert site.desk.reception.orders.waiting(site.kiosk.id, site.desk.now()) == ()
    open_minutes(site, 30)
    assert site.kiosk.phones.obeyed == [LessonUnlock(30)]


def test_a_replay_opens_no_second_lesson_after_the_kiosk_restarted(site: Site) -> None:
    """The order was for the start before, and the counter that was obeyed is in the kiosk's own record."""
    site.desk.order(site.kiosk.id, LessonUnlock(30))
    (sent,) = down(site)
    site.deliver()
    assert site.kiosk.phones.obeyed
    site.kiosk.restart()
    site.kiosk.receive(sent)
    assert site.kiosk.phones.ignored == ["other-boot"]
    assert site.kiosk.phones.gate.counters[site.desk.id] > 0


@pytest.mark.parametrize("silent", ["never heard", "too long ago", "not registered"])
def test_nothing_is_ordered_of_a_kiosk_that_is_not_heard(tmp_path: Path, silent: str) -> None:
    """An order counts on the kiosk's own clock, which only its heartbeats tell: without one nothing leaves, nothing is
    counted and nothing is in the record."""
    site = Site(tmp_path)
    device = id_of(77) if silent == "not registered" else site.kiosk.id
    if silent == "too long ago":
        site.run(30_000)
        site.kiosk.disconnect()
        site.advance(SILENT_AFTER_MS + 1)
    site.wire.clear()
    with pytest.raises(NotHeard, match="not heard now"):
        site.desk.order(device, LessonUnlock(30))
    assert down(site) == []
    assert site.desk.ledger.note(f"order {device.hex()}") is None
    assert not site.desk.reception.orders.log
    site.close()


def test_an_order_leaves_like_any_word_of_a_person(site: Site) -> None:
    """One message to the kiosk and one to the desks, as a decoy is; repetitions go with answers that leave anyway."""
    outcomes = site.desk.order(site.kiosk.id, LessonUnlock(30))
    assert [type(outcome) for outcome in outcomes] == [ToKiosk, ToDesks]
    sizes = {len(outcome.payload) for outcome in outcomes if isinstance(outcome, ToKiosk)}
    assert sizes == {envelope.DOWN_FULL_BYTES}
    site.wire.clear()
    site.advance(30_000)
    beats = [message for message in site.wire if message.kind == "up"]
    site.wire.clear()
    answers = [outcome for beat in beats for outcome in site.desk.receive(beat.device, beat.payload)]
    assert [type(answer) for answer in answers] == [ToKiosk] * len(beats)


def test_an_order_takes_no_room_from_a_report(site: Site) -> None:
    """*Stored* stands first in the answer to a report, however much is ordered; the orders follow."""
    for order in (LessonUnlock(30), NewSheet(2, 2), Reply(b"r" * 16, b"x" * 480)):
        site.desk.order(site.kiosk.id, order)
    site.wire.clear()
    report = site.kiosk.press()
    site.desk.receive(site.kiosk.id, site.kiosk.envelope(report))
    site.deliver()
    assert Stage.STORED in site.kiosk.stages(report)
    site.run(30_000)
    assert LessonUnlock(30) in site.kiosk.phones.obeyed


def test_only_the_newest_order_of_a_kind_waits(site: Site) -> None:
    """Whoever changed their mind is not obeyed backwards; and what waits is bounded."""
    for minutes in (30, 0, 60):
        site.desk.order(site.kiosk.id, LessonUnlock(minutes))
    site.wire.clear()
    site.run(30_000)
    assert site.kiosk.phones.obeyed == [LessonUnlock(60)]
    assert len(site.desk.reception.orders.waiting(site.kiosk.id, site.desk.now())) <= WAITING_MAX


# --- forged and stolen ---


def forged(site: Site, signer: SigningKey, desk: bytes, order: Order) -> bytes:
    """An order with a fresh high counter for the kiosk's present start, signed by somebody."""
    now_ms = site.kiosk.now().monotonic_ms
    made = command(order, counter=2**50, boot=site.kiosk.courier.boot, kiosk_now_ms=now_ms)
    said = Down(b"", WALL_MS, Duty(DutyState.ON), 1, 1, 0, (made,))
    header = envelope.DirectHeader(site.id, desk, site.kiosk.id, random.Random(3).randbytes(16))
    return envelope.seal_down(said, header, signer, Recipient(site.kiosk.kem.public))


@pytest.mark.requirement("B4")
def test_nobody_but_a_desk_of_the_site_opens_a_lesson(site: Site) -> None:
    """A stranger's key, another desk's name on it, a kiosk's own key, a reader's: the network stays closed."""
    stranger = SigningKey.generate()
    for signer, desk, reason in (
        (stranger, site.desk.id, "bad-signature"),
        (stranger, id_of(999), "unknown-desk"),
        (site.kiosk.signing, site.desk.id, "bad-signature"),
        (site.people.head, site.desk.id, "bad-signature"),
        (site.desk.signing, id_of(999), "unknown-desk"),
    ):
        news = site.kiosk.receive(forged(site, signer, desk, LessonUnlock(30)))
        assert news == [NotBelieved(reason)]
    assert site.kiosk.phones.decisions == []
    site.kiosk.receive(forged(site, site.desk.signing, site.desk.id, LessonUnlock(LONGEST_LESSON_MINUTES + 1)))
    assert site.kiosk.phones.ignored == ["malformed"]
    assert site.kiosk.phones.until_ms is None


@pytest.mark.requirement("B4")
def test_a_stolen_desk_opens_nothing_once_it_is_off_the_sheet(two_desks: Site) -> None:
    """Its key still signs; kiosks no longer ask whether it does. The desk that took its place is heard."""
    site = two_desks
    stolen, _ = site.desks
    fresh = site.replace_desk(stolen)
    site.kiosk.receive_sheet(site.sheet_payload())
    news = site.kiosk.receive(forged(site, stolen.signing, stolen.id, LessonUnlock(30)))
    assert news == [NotBelieved("unknown-desk")]
    site.run(30_000)
    fresh.order(site.kiosk.id, LessonUnlock(30))
    site.deliver()
    assert site.kiosk.phones.obeyed == [LessonUnlock(30)]


def test_an_order_for_one_kiosk_is_no_order_for_another(tmp_path: Path) -> None:
    """A broker that delivers it next door changes nothing there."""
    site = Site(tmp_path, kiosks=2)
    site.run(30_000)
    site.desk.order(site.kiosk.id, LessonUnlock(30))
    (sent,) = down(site)
    twin = site.kiosks[1]
    assert twin.receive(sent) == [NotBelieved("wrong-address")]
    assert twin.phones.decisions == []
    site.close()


def test_old_heartbeats_do_not_change_what_is_open(site: Site) -> None:
    """A broker that plays a heartbeat of the lesson back, after it, does not make it open again."""
    open_minutes(site)
    site.advance(30_000)
    old = [message for message in site.wire if message.kind == "up"]
    site.deliver()
    site.run(30_000)
    open_minutes(site, 0)
    site.run(30_000)
    assert site.desk.lesson(site.kiosk.id).said is Said.CLOSED
    for message in old:
        site.desk.receive(message.device, message.payload)
    assert site.desk.lesson(site.kiosk.id).said is Said.CLOSED


# --- the counter ---


def made_counters(orders: Orders, ledger: Ledger, moments: list[Moment]) -> list[int]:
    """One order at each moment, committed; the counters that left."""
    counters = []
    for now in moments:
        orders.heard(KIOSK, Life(1, 1, now.monotonic_ms), (), now)
        orders.make(KIOSK, LessonUnlock(30), now)
        ledger.commit()
        counters.append(orders.waiting(KIOSK, now)[-1].counter)
    return counters


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-(10**12), 10**9), st.booleans()), min_size=1, max_size=12))
def test_counters_only_rise_whatever_the_clock_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]]
) -> None:
    """Over restarts of the desk and a clock that jumps either way."""
    path, wall_ms, monotonic_ms = tmp_path_factory.mktemp("counters") / "desk.db", WALL_MS, 1000
    counters: list[int] = []
    ledger = Ledger(path, random_bytes=os.urandom)
    orders = Orders(ledger)
    for jump_ms, restart in steps:
        wall_ms, monotonic_ms = max(0, wall_ms + jump_ms), monotonic_ms + 1000
        if restart:
            ledger.close()
            ledger = Ledger(path, random_bytes=os.urandom)
            orders = Orders(ledger)
        counters += made_counters(orders, ledger, [Moment(monotonic_ms, wall_ms, ClockQuality.SYNCED)])
    ledger.close()
    assert counters == sorted(set(counters))


def test_a_desk_whose_record_was_put_back_is_obeyed_all_the_same(site: Site) -> None:
    """Its counter goes on from the time, or kiosks would take its orders for replays for years."""
    backup = site.desk.path.with_suffix(".backup")
    site.desk.stop()
    shutil.copy(site.desk.path, backup)
    site.desk.start()
    site.run(30_000)
    for minutes in (15, 30, 45):
        open_minutes(site, minutes)
        site.run(1000)
    site.desk.stop()
    shutil.copy(backup, site.desk.path)
    site.desk.start()
    site.run(30_000)
    open_minutes(site, 60)
    assert site.kiosk.phones.obeyed[-1] == LessonUnlock(60)


def test_a_desk_whose_disk_refuses_orders_nothing(site: Site) -> None:
    """The counter was not kept: nothing leaves, not with the next answers either; nothing is asked and nothing is in
    the record. With room again the next order is obeyed."""
    site.desk.reception.order(site.kiosk.id, LessonUnlock(30), site.desk.now())
    site.desk.ledger.rollback()
    site.desk.reception.commit_failed()
    assert site.desk.lesson(site.kiosk.id).asked is None
    assert not site.desk.reception.orders.log
    site.run(30_000)
    assert site.kiosk.phones.decisions == []
    open_minutes(site, 15)
    site.desk.reception.order(site.kiosk.id, LessonUnlock(60), site.desk.now())
    site.desk.ledger.rollback()
    site.desk.reception.commit_failed()
    assert [line.minutes for line in site.desk.reception.orders.log] == [15]
    site.run(30_000)
    assert site.kiosk.phones.obeyed == [LessonUnlock(15)]


ORDER_AND_SAY = """
import os, sys
from pathlib import Path
from firmware.clock import Moment
from firmware.commands import LessonUnlock
from firmware.ledger import Ledger
from firmware.messages import ClockQuality, Life
from firmware.orders import Orders
ledger = Ledger(Path(sys.argv[1]), random_bytes=os.urandom)
orders = Orders(ledger)
for number in range(6):
    now = Moment(1000 + number, 0, ClockQuality.SYNCED)
    orders.heard(b"K" * 16, Life(1, 1, now.monotonic_ms), (), now)
    orders.make(b"K" * 16, LessonUnlock(30), now)
    ledger.commit()
    os.write(1, b"left %d\\n" % orders.waiting(b"K" * 16, now)[-1].counter)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, as `make faults` does")
@pytest.mark.parametrize("when", range(1, 9))
def test_a_desk_that_dies_at_its_commit_gives_no_number_out_twice(tmp_path: Path, when: int) -> None:
    """Killed before any of its syncs, the next process counts on from everything that had left. (The clock says 1970,
    so that only the record can know.)"""
    store = tmp_path / "desk.db"
    inject = ["strace", "-f", "-o", "/dev/null", "-e", f"inject=fdatasync,fsync:signal=SIGKILL:when={when}"]
    left: list[int] = []
    for prefix in (inject, []):
        command = [*prefix, sys.executable, "-c", ORDER_AND_SAY, str(store)]
        run = subprocess.run(command, check=False, capture_output=True, text=True)
        left += [int(number) for number in re.findall(r"left (\d+)", run.stdout)]
    assert len(left) >= 6
    assert left == sorted(set(left))


# --- the record ---


def test_the_record_names_kiosk_minutes_and_time_and_nobody(site: Site) -> None:
    """What was asked for here is in the desk's chain, the newest first, also after a restart; endings too."""
    for minutes in (15, 30, 0, 45, 60, 120):
        open_minutes(site, minutes)
        site.run(1000)
    log = site.desk.reception.orders.log
    assert [line.minutes for line in log] == [120, 60, 45, 0, 30]
    assert len(log) == LOGGED
    assert {line.device for line in log} == {site.kiosk.id}
    assert log[0].at_ms > WALL_MS
    site.desk.restart()
    assert site.desk.reception.orders.log == log
    site.desk.ledger.verify()
    assert len(site.desk.ledger.of_kind("lesson")) == 6


def test_a_record_of_another_version_is_said_to_be_one(tmp_path: Path) -> None:
    """A desk that cannot read its own record does not start as if there were none."""
    with Ledger(tmp_path / "desk.db", random_bytes=os.urandom) as ledger:
        ledger.append("lesson", ref=KIOSK, device=KIOSK, body=b"\x93\x01\x02\x03", at_ms=1)
        ledger.commit()
        with pytest.raises(StoreBroken, match="another version"):
            Orders(ledger)


def test_a_kiosk_that_left_the_register_is_ordered_nothing(site: Site) -> None:
    """Nothing waits for it and nothing is known of it any more."""
    device = site.kiosk.id
    site.desk.order(device, LessonUnlock(30))
    site.kiosks.clear()
    site.desk.reception.register_changed(site.register(), (1, 1))
    assert not site.desk.reception.orders.lessons
    with pytest.raises(NotHeard):
        site.desk.order(device, LessonUnlock(30))


def test_a_report_in_the_place_of_a_heartbeat_says_nothing_of_a_lesson(site: Site) -> None:
    """Only heartbeats carry codes: a report between them neither ends nor begins one at the desk."""
    open_minutes(site)
    site.run(30_000)
    report = site.kiosk.press()
    site.wire.append(Message("up", site.kiosk.id, site.kiosk.envelope(report)))
    site.deliver()
    assert site.desk.lesson(site.kiosk.id).said is Said.OPEN
    assert [item.alert.kind for item in site.desk.outcomes if isinstance(item, Stored)] == [Kind.REPORT]
