"""The desk's engine over a real reception and a real ledger: what leaves, and only after what."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.board import LidSample
from firmware.button import Sample
from firmware.errors import StoreFull
from firmware.link import Connected, Disconnected, Received
from firmware.messages import DutyState, Stage
from firmware.trouble import Cause
from kiosk.staff import events as ev
from kiosk.staff.engine import (
    Acknowledge,
    BundleRefused,
    Drawn,
    Publish,
)
from kiosk.staff.pager import PagerTrouble, PagerWell
from kiosk.staff.practice_calls import MEAN_ON_DUTY_MS
from tests.support.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def push(at_ms: int, *, down: bool) -> Sample:
    return Sample(at_ms, no_closed=down, nc_closed=not down)


def test_a_report_is_shown_answered_and_acknowledged(office: Office) -> None:
    """One message becomes one line, one signed *stored* for the kiosk, and one acknowledgement for the broker."""
    report, message = office.press()
    effects = office.turn(message)
    office.hear(effects)
    assert Acknowledge(41) in effects
    assert Stage.STORED in office.site.kiosk.stages(report)
    assert [line.reports for line in office.engine.desk.alerts.lines()] == [(report,)]


def test_a_danger_rings_within_a_frame(office: Office) -> None:
    """Sound, light and beacon wait for the commit and the kiosk's answer, and for nothing else."""
    _, message = office.press()
    effects = [*office.turn(message)]
    office.site.ms += 1
    effects += office.turn()
    assert {type(effect) for effect in effects} >= {ev.Sound, ev.Light, ev.Beacon}


def test_a_turn_that_was_not_kept_is_told_as_trouble_and_answers_nobody(office: Office) -> None:
    """When the disk takes nothing, no receipt leaves and the desk's own screen says that it cannot save till it can."""
    _, message = office.press()
    office.engine.step([message], office.now())
    office.site.desk.ledger.rollback()
    effects = office.engine.commit_failed(StoreFull("full"), office.now())
    assert not [effect for effect in effects if isinstance(effect, Publish)]
    assert Cause.STORE in office.causes()
    office.turn(message)
    assert Cause.STORE not in office.causes()


def test_a_report_whose_turn_failed_is_stored_when_it_comes_again(office: Office) -> None:
    """The kiosk sends again, the desk stores it then, and there is still one line."""
    report, message = office.press()
    office.engine.step([message], office.now())
    office.site.desk.ledger.rollback()
    office.engine.commit_failed(StoreFull("full"), office.now())
    office.hear(office.turn(message))
    assert Stage.STORED in office.site.kiosk.stages(report)
    assert len(office.engine.desk.alerts.lines()) == 1


@pytest.mark.requirement("S2")
@pytest.mark.parametrize("milliseconds", [80, 2500])
def test_the_big_button_says_noticed_however_long_it_is_pushed(office: Office, milliseconds: int) -> None:
    """A tap and a long push mean the same: somebody heard."""
    report, message = office.press()
    office.hear(office.turn(message, push(office.now().monotonic_ms, down=False)))
    office.turn(push(office.now().monotonic_ms, down=True))
    office.site.ms += milliseconds
    office.hear(office.turn(push(office.now().monotonic_ms, down=False)))
    office.site.ms += 100
    office.hear(office.turn())
    stages = office.site.kiosk.stages(report)
    assert Stage.NOTICED in stages
    assert Stage.ACKNOWLEDGED not in stages


def test_only_what_stands_on_the_screen_is_called_displayed(office: Office) -> None:
    """*Displayed* goes out when the scene with the report was painted, not when it was stored."""
    report, message = office.press()
    office.hear(office.turn(message))
    assert Stage.DISPLAYED not in office.site.kiosk.stages(report)
    scene = office.engine.desk.scene(office.now())
    office.hear(office.turn(Drawn(scene, frozenset({report}))))
    office.site.run(30_000)
    assert Stage.DISPLAYED in office.site.kiosk.stages(report)


@pytest.mark.parametrize("private", [False, True])
def test_nothing_leaves_after_a_report_that_does_not_leave_after_a_heartbeat(office: Office, private: bool) -> None:
    """One answer for each: that a report is drawn, and rings, sends no message by which somebody could tell it."""
    office.site.kiosk.connect()
    beat = Received(office.topics.up(office.site.kiosk.id), office.site.wire[0].payload, 40)
    report, message = office.press(private=private)
    office.turn()
    sent = []
    for event, visible in ((beat, frozenset[bytes]()), (message, frozenset({report}))):
        effects = [*office.turn(event), *office.turn()]
        effects += office.turn(Drawn(office.engine.desk.scene(office.now()), visible))
        sent.append([effect.topic for effect in effects if isinstance(effect, Publish)])
    assert sent == [[office.topics.down(office.site.kiosk.id)]] * 2


@pytest.mark.requirement("S10")
def test_a_private_report_is_stored_but_neither_drawn_nor_sounded(office: Office) -> None:
    """About an adult here: the shared desk keeps it, answers it, and shows nobody anything."""
    report, message = office.press(private=True)
    effects = [*office.turn(message), *office.turn()]
    office.hear(effects)
    assert Stage.STORED in office.site.kiosk.stages(report)
    assert not office.engine.desk.alerts.lines()
    assert not [effect for effect in effects if isinstance(effect, ev.Sound | ev.Light | ev.Beacon)]


def test_a_restart_shows_open_reports_once_and_as_old_as_they_are(office: Office) -> None:
    """The ladder does not start anew because the desk did."""
    report, message = office.press()
    office.turn(message)
    office.site.ms += 90_000
    office.restart()
    lines = office.engine.desk.alerts.lines()
    assert [line.report for line in lines] == [report]
    assert office.now().monotonic_ms - lines[0].received_ms >= 90_000


def test_with_them_survives_a_restart(office: Office) -> None:
    """Who is with a learner is not forgotten when the desk loses power."""
    report, message = office.press()
    office.turn(message)
    office.engine._do([ev.KeepWithThem(report, office.digest_of(message), b"r" * 16)], office.now())
    office.engine.commit()
    office.restart()
    assert office.engine.desk.cases.state(report).with_them


def test_what_staff_said_of_duty_survives_a_restart(office: Office) -> None:
    """Nobody comes back on duty because the desk restarted."""
    office.engine._do([ev.SetDuty(False, 30)], office.now())
    office.engine.commit()
    office.restart()
    assert office.duty.at(office.now().wall_ms).state is DutyState.OFF


def test_the_lid_wipes_keys_and_is_trouble_until_closed(office: Office) -> None:
    """Whoever opens the desk finds no key in it, and everybody sees that it was opened."""
    office.turn(LidSample(1, closed=False))
    assert Cause.LID_OPEN in office.causes()
    office.turn(LidSample(2, closed=True))
    assert Cause.LID_OPEN not in office.causes()


def test_a_lost_broker_is_trouble_until_it_is_back_and_then_gets_the_sheet(office: Office) -> None:
    """After each connection the newest seal sheet stands at the broker for kiosks to find."""
    office.turn(Disconnected("gone"))
    assert Cause.LINK in office.causes()
    effects = office.turn(Connected())
    assert Publish(office.topics.sheet(), office.site.sheet_payload(), retain=True).topic in {
        effect.topic for effect in effects if isinstance(effect, Publish) and effect.retain
    }
    assert Cause.LINK not in office.causes()


def test_a_desk_that_connects_tells_the_others_at_once(office: Office) -> None:
    """Its life is known from the first moment, so that a death soon after is silence and not "never heard"."""
    office.turn()
    own = office.topics.desk(office.site.desk.id)
    assert [effect for effect in office.turn(Connected()) if isinstance(effect, Publish) and effect.topic == own]


def test_a_pager_that_fails_and_heals_is_seen(office: Office) -> None:
    """A page that nobody got is on the screen; so is that it works again."""
    office.turn(PagerTrouble("the deputy could not be paged"))
    assert Cause.PAGER in office.causes()
    office.turn(PagerWell("deputy"))
    assert Cause.PAGER not in office.causes()


def test_documents_that_cannot_be_believed_are_trouble(office: Office) -> None:
    """A bad bundle leaves the old documents in force and says so."""
    office.turn(BundleRefused("BadSettings"))
    assert Cause.REPORTED_FAULT in office.causes()


def test_another_sites_topic_changes_nothing(office: Office) -> None:
    """A message that is not ours is acknowledged, so that it does not come again, and otherwise ignored."""
    _, message = office.press()
    effects = office.turn(Received("qb/1/elsewhere/up/x", message.payload, 7))
    assert Acknowledge(7) in effects
    assert not office.engine.desk.alerts.lines()


def test_the_engine_says_when_it_is_next_due(office: Office) -> None:
    """The loop can sleep until then: it lies in the future once everything due was done."""
    office.turn()
    due = office.engine.next_due_ms()
    assert due is not None
    assert due > office.now().monotonic_ms


def test_what_the_ladder_owes_people_survives_a_full_disk(office: Office) -> None:
    """Light, beacon and sound come once: the turn that rings is not kept, and it rings all the same."""
    _, message = office.press()
    office.turn(message)
    office.site.ms += 1
    assert office.engine.step([], office.now())
    office.site.desk.ledger.rollback()
    effects = office.engine.commit_failed(StoreFull("full"), office.now())
    assert {type(effect) for effect in effects} >= {ev.Sound, ev.Light, ev.Beacon}
    assert not [effect for effect in effects if isinstance(effect, Publish | Acknowledge)]


def test_desks_do_not_tell_each_others_trouble_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or two desks would keep one trouble alive between them for ever."""
    told: list[str] = []
    monkeypatch.setattr(office.site.desk.reception, "set_troubles", told.extend)
    supervisor = office.site.desk.supervisor
    supervisor.raise_trouble(Cause.OTHER_DESK, b"e" * 16, office.now().monotonic_ms, detail="somebody's")
    supervisor.raise_trouble(Cause.PAGER, b"", office.now().monotonic_ms, detail="ours")
    office.turn()
    assert any("ours" in sentence for sentence in told)
    assert not any("somebody's" in sentence for sentence in told)


@pytest.mark.requirement("S10")
def test_the_readers_of_private_reports_are_called_without_one(office: Office) -> None:
    """An engine that holds no report at all still calls them, so that a call does not say that there is one."""
    called: list[ev.Page] = []
    for _ in range(4):
        called += [effect for effect in office.turn() if isinstance(effect, ev.Page)]
        office.site.ms += 5 * MEAN_ON_DUTY_MS
    assert {page.role for page in called} == {"head", "independent"}
    assert not office.engine.desk.alerts.climbers()


@pytest.mark.parametrize("true_one_first", [True, False])
def test_no_report_is_hidden_under_another_ones_id(tmp_path: Path, true_one_first: bool) -> None:
    """Whoever sends first under an id that the wire showed, both rooms stand on the screen, the second one rings, and
    each is answered by itself, also after a restart."""
    office = Office(tmp_path, kiosks=2)
    report, true = office.press()
    false = office.under_the_same_id(report)
    first, second = (true, false) if true_one_first else (false, true)
    office.hear(office.turn(first))
    office.turn(*[push(office.now().monotonic_ms, down=down) for down in (False, True)])
    office.site.ms += 80
    office.hear(office.turn(push(office.now().monotonic_ms, down=False)))
    assert (Stage.NOTICED in office.site.kiosk.stages(report)) == true_one_first
    office.site.ms += 5000
    effects = [*office.turn(second), *office.turn()]
    office.hear(effects)
    assert ev.Sound(ev.Pattern.DANGER) in effects
    for _ in range(2):
        lines = office.engine.desk.alerts.lines()
        assert {line.room for line in lines} == {"Room 1", "Room 2"}
        assert [line.state.noticed_ms is None for line in lines if line.copied] == [True]
        office.restart()
    (line,) = [line for line in office.engine.desk.alerts.lines() if line.device == office.site.kiosk.id]
    office.hear(office.engine._do(office.engine.desk._answers.notice(line, office.now()), office.now()))
    assert office.site.kiosk.stages(report) >= {Stage.STORED, Stage.NOTICED}


def test_what_people_said_in_a_turn_that_failed_reaches_the_kiosk_all_the_same(office: Office) -> None:
    """*Noticed* stands on the desk's screen; it is written and sent again, once a second, till the disk takes it, and
    the trouble stands there meanwhile. The kiosk hears it once."""
    report, message = office.press()
    office.hear(office.turn(message))
    line = office.engine.desk.alerts.lines()[0]
    touch = ev.BoxTouched("have-it")
    assert not [effect for effect in office.failing_turn(touch) if isinstance(effect, Publish)]
    noticed_ms = office.engine.desk.cases.state(report).noticed_ms
    for _ in range(3):
        office.site.ms += 1000
        assert office.engine.next_due_ms() is not None
        office.failing_turn()
        assert Cause.STORE in office.causes()
    office.site.ms += 1000
    office.hear(office.turn())
    assert Stage.NOTICED in office.site.kiosk.stages(report)
    assert Cause.STORE not in office.causes()
    assert [r.stage for r in office.site.desk.reception.inbox.receipts_for(line.report)].count(Stage.NOTICED) == 1
    # Said again, it silences nothing anew.
    assert office.engine.desk.cases.state(report).noticed_ms == noticed_ms


def test_what_is_said_of_a_report_that_is_not_on_the_disk_waits_for_it(office: Office) -> None:
    """The turn that brought the report failed, and somebody pressed "I have it" before it came again."""
    report, message = office.press()
    office.failing_turn(message)
    office.turn(ev.BoxTouched("have-it"))
    office.site.ms += 1000
    office.turn()
    office.hear(office.turn(message))
    office.site.ms += 1000
    office.hear(office.turn())
    assert office.site.kiosk.stages(report) >= {Stage.STORED, Stage.NOTICED}


def test_with_them_notes_and_duty_of_a_turn_that_failed_are_kept_later(office: Office) -> None:
    """Everything that people did survives the next restart, although the disk refused it at first."""
    report, message = office.press()
    office.turn(message)
    office.engine.step([], office.now())
    office.engine._do(
        [ev.KeepWithThem(report, office.digest_of(message), b"r" * 16), ev.SetDuty(False, 30)], office.now()
    )
    office.engine._do([ev.KeepNote(report, "safeguarding", b"sealed")], office.now())
    office.site.desk.ledger.rollback()
    office.engine.commit_failed(StoreFull("full"), office.now())
    office.site.ms += 1000
    office.turn()
    assert len(office.site.desk.ledger.find(report, "case-note")) == 1
    office.restart()
    assert office.engine.desk.cases.state(report).with_them
    assert office.duty.at(office.now().wall_ms).state is DutyState.OFF


def test_what_is_said_of_one_of_two_under_an_id_is_kept_of_that_one_only(tmp_path: Path) -> None:
    """*Noticed* and "with them" name the bytes that they are about, at the kiosks and after a restart."""
    office = Office(tmp_path, kiosks=2)
    report, mine = office.press()
    office.turn(mine, office.under_the_same_id(report))
    desk = office.engine.desk
    (copied,) = [line for line in desk.alerts.lines() if line.copied]
    kept = ev.KeepWithThem(report, desk.alerts.digest(copied.report), b"r" * 16)
    office.engine._do([*desk._answers.notice(copied, office.now()), kept], office.now())
    office.engine.commit()
    receipts = office.site.desk.reception.inbox.receipts_for(report)
    assert [said.digest for said in receipts if said.stage is Stage.NOTICED] == [kept.digest]
    office.restart()
    states = {line.copied: line.state for line in office.engine.desk.alerts.lines()}
    assert (states[True].with_them, states[True].stage) == (True, Stage.NOTICED)
    assert (states[False].with_them, states[False].stage) == (False, Stage.STORED)
