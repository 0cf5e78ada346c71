"""Kiosks and desks against a broker that loses, repeats, re-orders and forgets: nothing lost, nothing shown twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.courier import BURST, Send
from firmware.messages import ClockQuality, Stage
from firmware.reception import Stored
from firmware.trouble import Cause
from tests.support.conversation import HEAD_ID, WALL_MS, Kiosk, Site, draft

DO = ("press", "press", "advance", "advance", "lose", "repeat", "shuffle", "deliver", "deliver", "drop-links")
DO_MORE = ("connect", "connect", "restart-kiosk", "restart-desk", "wipe-broker", "no-hurry")


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


def happen(site: Site, what: str, choice: int) -> None:
    """One thing that befalls a site."""
    kiosk, desk = site.kiosks[choice % len(site.kiosks)], site.desks[choice % len(site.desks)]
    if what in ("press", "no-hurry"):
        kiosk.press(draft(hurry=what == "press"))
    elif what == "advance":
        site.advance(100 + 40 * choice)
    elif what == "lose":
        site.wire = [message for message in site.wire if site.random.random() < 0.5]
    elif what == "repeat":
        site.wire += [message for message in site.wire if site.random.random() < 0.5]
    elif what == "shuffle":
        site.random.shuffle(site.wire)
    elif what == "deliver":
        some, site.wire = site.wire[: choice + 1], site.wire[choice + 1 :]
        for message in some:
            site.deliver_one(message)
    elif what == "drop-links":
        kiosk.disconnect()
    elif what == "connect":
        kiosk.connect()
    elif what == "restart-kiosk":
        kiosk.restart()
    elif what == "restart-desk":
        desk.restart()
    elif what == "wipe-broker":
        site.wipe_broker()


@pytest.mark.requirement("S2")
@settings(deadline=None, derandomize=True, max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    events=st.lists(st.tuples(st.sampled_from(DO + DO_MORE), st.integers(0, 200)), min_size=10, max_size=60),
    desks=st.integers(1, 2),
    seed=st.integers(0, 999),
)
def test_whatever_was_saved_is_stored_by_every_desk_and_shown_once(
    events: list[tuple[str, int]], desks: int, seed: int
) -> None:
    """Never lost, never shown twice: over any loss, repetition, disorder, restart and wiped broker, every report that
    was saved is stored by every desk once the network is let through, and each desk process draws each id once."""
    with TemporaryDirectory() as directory:
        site = Site(Path(directory), kiosks=2, desks=desks, seed=seed)
        for what, choice in events:
            happen(site, what, choice)
        site.run(150_000, step_ms=2500)
        saved = {report for kiosk in site.kiosks for report in kiosk.saved}
        for desk in site.desks:
            assert saved <= set(desk.shown)
            assert all(times == 1 for times in desk.shown.values())
            desk.ledger.verify()
        for kiosk in site.kiosks:
            kiosk.ledger.verify()
            assert kiosk.courier.outbox.waiting(kiosk.now().monotonic_ms) == 0
        assert not any(desk.causes() & {Cause.FORKED_CARD, Cause.REPORT_MISSING} for desk in site.desks)
        site.close()


def test_a_settled_report_is_not_sent_again_after_a_restart(site: Site) -> None:
    """A kiosk that restarts keeps a stored report but stops sending it: only heartbeats leave."""
    report = site.kiosk.press()
    site.run(5000)
    assert Stage.STORED in site.kiosk.stages(report)
    kept = site.kiosk.envelope(report)
    site.kiosk.restart()
    site.kiosk.news.clear()
    site.run(120_000, step_ms=1000)
    sent = [item.payload for item in site.kiosk.news if isinstance(item, Send)]
    assert sent
    assert kept not in sent


def test_a_desk_that_was_away_gets_what_the_other_one_stored(two_desks: Site) -> None:
    """Two desks, one away while a report is stored by the other: it gets the report when it is back, though the
    first desk always answers first."""
    here, away = two_desks.desks
    two_desks.run(30_000)
    away.stop()
    report = two_desks.kiosk.press()
    two_desks.run(90_000, step_ms=1000)
    assert here.shown[report] == 1
    away.start()
    two_desks.run(60_000, step_ms=1000)
    assert away.shown[report] == 1
    assert here.shown[report] == 1


def test_a_desk_that_was_away_over_a_kiosk_restart_gets_the_report_too(two_desks: Site) -> None:
    """The kiosk remembers on its disk, not in its head, which desk still lacks a report."""
    here, away = two_desks.desks
    away.stop()
    report = two_desks.kiosk.press()
    two_desks.run(10_000)
    two_desks.kiosk.restart()
    two_desks.run(90_000, step_ms=1000)
    away.start()
    two_desks.run(60_000, step_ms=1000)
    assert away.shown[report] == 1
    assert here.shown[report] == 1


def test_one_desk_away_does_not_make_a_kiosk_repeat_for_ever(two_desks: Site) -> None:
    """When only an absent desk lacks a report, it rests until that desk speaks again."""
    two_desks.run(30_000)
    two_desks.desks[1].stop()
    report = two_desks.kiosk.press()
    two_desks.run(120_000, step_ms=1000)
    payload = two_desks.kiosk.envelope(report)
    two_desks.kiosk.news.clear()
    two_desks.run(120_000, step_ms=1000)
    assert payload not in [item.payload for item in two_desks.kiosk.news if isinstance(item, Send)]


@pytest.mark.requirement("D9")
def test_a_desk_stolen_after_stored_loses_no_report(site: Site) -> None:
    """A desk is stolen after *stored*: once the sheet drops it, its word no longer counts, the kiosk sends again and
    the replacement stores the report."""
    stolen = site.desk
    report = site.kiosk.press()
    site.run(5000)
    assert Stage.STORED in site.kiosk.stages(report)
    fresh = site.replace_desk(stolen)
    site.kiosk.receive_sheet(site.sheet_payload())
    assert site.kiosk.stages(report) == frozenset()
    site.run(30_000)
    assert fresh.shown[report] == 1
    assert Stage.STORED in site.kiosk.stages(report)


def test_the_new_sheet_holds_over_a_restart_though_the_bundle_is_old(site: Site) -> None:
    """A stolen desk stays off after a kiosk restart: the sheet in the ledger wins over the older one in the bundle."""
    report = site.kiosk.press()
    site.run(5000)
    fresh = site.replace_desk(site.desk)
    site.kiosk.receive_sheet(site.sheet_payload())
    site.kiosk.restart()
    assert site.kiosk.courier.desk_ids() == (fresh.id,)
    site.run(30_000)
    assert fresh.shown[report] == 1


@pytest.mark.parametrize("stage", [Stage.STORED, Stage.ACKNOWLEDGED])
def test_a_lost_receipt_is_said_again_after_the_kiosk_restarted(site: Site, stage: Stage) -> None:
    """Receipt lost, then the kiosk restarted: the desk repeats it, because heartbeats name what is held."""
    report = site.kiosk.press()
    if stage is Stage.STORED:
        site.kiosk.connect()
        while site.wire and site.wire[0].kind == "up":
            site.deliver_one(site.wire.pop(0))
    else:
        site.run(3000)
        site.desk.mark_by(site.people.head, HEAD_ID, report, Stage.ACKNOWLEDGED)
    site.wire.clear()
    assert stage not in site.kiosk.stages(report)
    site.kiosk.restart()
    site.run(60_000, step_ms=1000)
    assert stage in site.kiosk.stages(report)
    assert site.desk.shown[report] == 1


def test_fifteen_hundred_offline_reports_drain_through_a_bounded_window(site: Site) -> None:
    """1,500 reports saved without a network all arrive, never more than a bounded number under way, in order."""
    for _ in range(1500):
        site.kiosk.courier.submit(draft(), site.kiosk.now())
    site.kiosk.ledger.commit()
    saved = list(site.kiosk.courier.outbox.reports())
    site.kiosk.connect()
    most = len(site.wire)
    while len(site.desk.shown) < 1500 and site.ms < 600_000:
        site.deliver()
        site.advance(250)
        most = max(most, len(site.wire))
    assert list(site.desk.shown) == saved
    assert most <= 40
    assert site.ms < 120_000


def test_a_copied_card_loses_neither_report_and_is_trouble(tmp_path: Path) -> None:
    """A card copied and run twice: both reports are stored and answered, and the desk says the card was copied."""
    site = Site(tmp_path)
    site.kiosk.press()
    site.run(5000)
    site.kiosk.ledger.close()
    copy = tmp_path / "copy.db"
    shutil.copy(site.kiosk.path, copy)
    twin = Kiosk.__new__(Kiosk)
    twin.__dict__.update(site.kiosk.__dict__)
    twin.path, twin.saved, twin.news = copy, [], []
    site.kiosk.start()
    twin.start()
    site.kiosks.append(twin)
    mine, theirs = site.kiosk.press(), twin.press()
    site.run(20_000)
    assert site.desk.shown[mine] == site.desk.shown[theirs] == 1
    assert Stage.STORED in site.kiosk.stages(mine)
    assert Stage.STORED in twin.stages(theirs)
    assert Cause.FORKED_CARD in site.desk.causes()
    site.close()


def test_a_card_put_back_to_yesterday_is_trouble(site: Site, tmp_path: Path) -> None:
    """An older copy of a card in the same kiosk: what it sends is stored, and its step back in the chain is noticed."""
    site.run(3000)
    site.kiosk.ledger.close()
    shutil.copy(site.kiosk.path, tmp_path / "yesterday.db")
    site.kiosk.start()
    for _ in range(3):
        site.kiosk.press()
    site.run(5000)
    site.kiosk.ledger.close()
    (tmp_path / "kiosk-1.db-wal").unlink(missing_ok=True)
    shutil.copy(tmp_path / "yesterday.db", site.kiosk.path)
    site.kiosk.start()
    site.kiosk.restart()
    site.run(5000)
    assert Cause.FORKED_CARD in site.desk.causes()
    report = site.kiosk.press()
    site.run(30_000)
    assert site.desk.shown[report] == 1


@pytest.mark.parametrize("later", [False, True])
def test_a_report_that_somebody_keeps_back_is_noticed(site: Site, later: bool) -> None:
    """A broker that swallows one report every time is found out within two minutes by the kiosk's heartbeats, also
    when a later report comes through."""
    site.run(3000)
    held_back = site.kiosk.envelope(site.kiosk.press())
    if later:
        site.kiosk.press()
    for _ in range(120):
        site.advance(1000, step_ms=1000)
        site.wire = [message for message in site.wire if message.payload != held_back]
        site.deliver()
    assert Cause.REPORT_MISSING in site.desk.causes()
    assert Cause.FORKED_CARD not in site.desk.causes()


def test_a_desk_that_crashed_after_a_report_misses_nothing(site: Site) -> None:
    """The place in a kiosk's chain is kept in the same commit as the report: a crash right after it is no false
    alarm of a missing report."""
    site.run(3000)
    site.kiosk.press()
    site.deliver()
    site.kiosk.tick()
    site.deliver()
    site.desk.restart()
    site.run(120_000, step_ms=1000)
    assert Cause.REPORT_MISSING not in site.desk.causes()


def test_with_the_clock_in_2020_everything_works_and_orders_by_boot_and_monotonic_time(site: Site) -> None:
    """A kiosk at 1 January 2020 whose clock then jumps ahead and back: nothing is refused over time, and the lives in
    the alerts order the reports rightly although their wall times do not."""
    kiosk = site.kiosk
    kiosk.quality = ClockQuality.UNSYNCED
    order = []
    for wall_ms in (1_577_836_800_000, WALL_MS, 1_577_836_800_000):
        kiosk.wall_offset_ms = wall_ms - WALL_MS - site.ms
        order.append(kiosk.press())
        site.run(2000)
        kiosk.restart()
    order.append(kiosk.press())
    site.run(5000)
    alerts = {item.report: item.alert for item in site.desk.outcomes if isinstance(item, Stored)}
    assert sorted(alerts, key=lambda report: alerts[report].life) == order
    assert sorted(alerts, key=lambda report: alerts[report].wall_ms) != order
    assert all(Stage.STORED in kiosk.stages(report) for report in order)


@pytest.mark.requirement("D3")
@pytest.mark.parametrize("waiting", range(BURST + 1))
def test_a_reconnect_sends_the_same_count_whatever_waits(site: Site, waiting: int) -> None:
    """Sealed: after a connect exactly BURST envelopes of one size leave, with none to BURST reports waiting, and then
    nothing for as long as the desk is answering."""
    for _ in range(waiting):
        site.kiosk.press()
    site.kiosk.connect()
    assert len(site.wire) == BURST
    assert len({len(message.payload) for message in site.wire}) == 1
    site.deliver()
    site.kiosk.tick()
    assert [message for message in site.wire if message.kind == "up"] == []


def test_reports_without_hurry_take_heartbeats_places_and_leave_room_for_life(site: Site) -> None:
    """Six reports without hurry wait for heartbeats' places, and with so many none waits longer than 45 s; the desk
    thinks meanwhile neither the kiosk silent nor a report missing."""
    site.run(30_000)
    reports = [site.kiosk.press(draft(hurry=False)) for _ in range(6)]
    assert not any(message.kind == "up" for message in site.wire)
    silent = False
    for _ in range(50):
        site.run(1000)
        silent = silent or bool(site.desk.causes() & {Cause.SILENT, Cause.REPORT_MISSING})
    assert all(site.desk.shown[report] == 1 for report in reports)
    assert not silent


def test_a_desk_restores_each_open_report_once(site: Site) -> None:
    """After a restart a desk shows every report that is not closed once, with what was said of it."""
    first, second = site.kiosk.press(), site.kiosk.press()
    site.run(5000)
    site.desk.mark_by(site.people.head, HEAD_ID, first, Stage.CLOSED)
    site.desk.restart()
    assert dict(site.desk.shown) == {second: 1}
    site.kiosk.restart()
    site.run(30_000)
    assert dict(site.desk.shown) == {second: 1}


def test_a_desk_put_back_to_an_older_record_still_gets_its_answers_through(site: Site) -> None:
    """Its receipts count anew from a lower number than the kiosk holds; one that is lost is said again all the same."""
    desk, kiosk = site.desk, site.kiosk
    first = kiosk.press()
    site.run(3000)
    desk.stop()
    yesterday = desk.path.read_bytes()
    desk.start()
    for _ in range(6):
        kiosk.press()
    site.run(3000)
    assert kiosk.courier.outbox.held(desk.id) == 7
    desk.stop()
    desk.path.write_bytes(yesterday)
    desk.start()
    desk.mark_by(site.people.head, HEAD_ID, first, Stage.ACKNOWLEDGED)
    site.wire = [message for message in site.wire if message.kind != "down"]
    site.run(90_000, step_ms=1000)
    assert Stage.ACKNOWLEDGED in kiosk.stages(first)
