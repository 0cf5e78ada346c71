"""The desk: what a locked desk may do, what needs a reader, and that every answer is true."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.identity import verify
from firmware.messages import Duty, DutyState, Kind, Stage, StageEvent, Story, Urgency, receipt_claim
from firmware.trouble import Cause, Trouble, folded
from kiosk.screen.layout import Display
from kiosk.screen.text import Typesetter
from kiosk.staff import events as ev
from kiosk.staff import scenes, views
from kiosk.staff.cases import CaseNote
from kiosk.staff.desk import HOME_AFTER_MS, Desk
from kiosk.staff.entrance import WRONG_PASSPHRASES_TELL
from kiosk.staff.session import IDLE_LOCKS_AFTER_MS
from tests.support.staff_desk import KIOSK, PIN, SITE, Site, moment, sign_in, touch


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.found()


@pytest.fixture
def desk(site: Site) -> Desk:
    return site.desk()


def marks(effects: list[ev.DeskEffect] | tuple[ev.DeskEffect, ...]) -> list[tuple[bytes, Stage]]:
    return [(effect.report, effect.stage) for effect in effects if isinstance(effect, ev.Mark)]


def arrive(desk: Desk, event: ev.ReportArrived, at_ms: int = 0) -> list[ev.DeskEffect]:
    return [*desk.step(event, moment(at_ms)), *desk.tick(moment(at_ms))]


def test_a_danger_rings_and_is_shown(desk: Desk, site: Site) -> None:
    """Sound, light and beacon at once, and the room stands large on a locked desk."""
    effects = arrive(desk, site.report())
    assert {type(effect) for effect in effects} == {ev.Sound, ev.Light, ev.Beacon}
    scene = desk.scene(moment())
    assert isinstance(scene, scenes.Alerts)
    assert (scene.rows[0].line.room, scene.rows[0].line.words) == ("Room 12", "DANGER NOW")


def test_displayed_is_said_only_of_what_stood_on_the_screen(desk: Desk, site: Site) -> None:
    """Nothing before the paint, once after it, and not again."""
    report = site.report()
    assert marks(arrive(desk, report)) == []
    scene = desk.scene(moment())
    visible = frozenset([report.report])
    assert marks(desk.drawn(scene, visible, moment())) == [(report.report, Stage.DISPLAYED)]
    assert desk.drawn(scene, visible, moment()) == ()


def test_the_bare_button_says_noticed_and_never_answered(desk: Desk, site: Site) -> None:
    """It proves that somebody is in the room: no signature, no acknowledged, and the ladder goes on."""
    now, today = site.report(), site.report(urgency=Urgency.TODAY, device=b"L" * 16)
    information = site.report(urgency=Urgency.INFORMATION, device=b"M" * 16)
    for event in (now, today, information):
        arrive(desk, event)
    effects = desk.step(ev.ButtonPressed(), moment(1_000))
    assert set(marks(effects)) == {(now.report, Stage.NOTICED), (today.report, Stage.NOTICED)}
    assert all(effect.reader == b"" for effect in effects if isinstance(effect, ev.Mark))
    assert any(isinstance(effect, ev.Page) for effect in desk.tick(moment(121_000)))


@pytest.mark.requirement("S10")
def test_a_private_report_leaves_no_trace_on_a_shared_desk(desk: Desk, site: Site) -> None:
    """Not in the scene, not in a box, no sound or light; the button does not notice it; only pages go out."""
    before = views_of(desk)
    effects = arrive(desk, site.report(private=True, route="head", room="Staff room"))
    assert {type(effect) for effect in effects} <= {ev.Page}
    assert views_of(desk) == before
    assert marks(desk.step(ev.ButtonPressed(), moment(1_000))) == []


@pytest.mark.requirement("S10")
def test_only_readers_of_its_route_see_a_private_report(desk: Desk, site: Site) -> None:
    """The head's route opens for head and lead; a report about the head would open for neither."""
    report = site.report(
        private=True, route="head", story=Story(route="head", room="Staff room", category="hurt-or-scared")
    )
    arrive(desk, report)
    sign_in(desk, site.head)
    touch(desk, "page:private", "story")
    scene = desk.scene(moment())
    assert isinstance(scene, scenes.StoryPage)
    assert scene.view is not None
    assert scene.view.category == "hurt-or-scared"
    touch(desk, "home", "lock", "page:private")
    assert isinstance(desk.scene(moment()), scenes.Quiet)


def views_of(desk: Desk) -> list[str]:
    return [repr(box) for box in views.boxes(desk.scene(moment()), Display(1280, 720, 154.2), Typesetter())]


def test_going_on_a_locked_desk_is_noticed_and_asks_to_sign_in(desk: Desk, site: Site) -> None:
    """Whoever runs is not held up; nobody has answered until somebody signs in, and then it is answered at once."""
    report = site.report()
    arrive(desk, report)
    assert marks(touch(desk, "going")) == [(report.report, Stage.NOTICED)]
    assert isinstance(desk.scene(moment()), scenes.ChooseReader)
    touch(desk, f"reader:{site.lead.id.hex()}")
    desk.step(ev.Typed("six words"), moment())
    touch(desk, "open")
    effects = desk.step(ev.Unlocked(site.lead), moment())
    assert marks(effects) == [(report.report, Stage.ACKNOWLEDGED)]


def test_an_answer_carries_a_readers_signature_for_each_report(desk: Desk, site: Site) -> None:
    """First report and addition both get their own signed receipt."""
    first = site.report(urgency=Urgency.TODAY)
    added = site.report(kind=Kind.ADDITION, about=first.report, urgency=Urgency.TODAY)
    arrive(desk, first)
    arrive(desk, added)
    sign_in(desk, site.lead)
    said = [effect for effect in touch(desk, "with-them") if isinstance(effect, ev.Mark)]
    assert [effect.report for effect in said] == [first.report, added.report]
    for effect, event in zip(said, (first, added), strict=True):
        claim = receipt_claim(SITE, event.report, event.digest, Stage.ACKNOWLEDGED, 0)
        assert verify(site.lead.signing.public, effect.reader_signature, claim)


@pytest.mark.requirement("S19")
def test_answered_but_not_with_them_takes_the_screen_again(desk: Desk, site: Site) -> None:
    """After three minutes it is raised again, and the line says so."""
    arrive(desk, site.report())
    sign_in(desk, site.lead)
    touch(desk, "going")
    effects = desk.tick(moment(181_000))
    assert any(isinstance(effect, ev.RaiseAgain) for effect in effects)
    scene = desk.scene(moment(181_000))
    assert isinstance(scene, scenes.Alerts)
    assert scene.rows[0].raised_again


@pytest.mark.requirement("D5")
def test_the_desk_locks_itself_and_forgets_the_story(desk: Desk, site: Site) -> None:
    """Five idle minutes while a story is open: home, locked, nothing kept in the scene."""
    arrive(desk, site.report(urgency=Urgency.TODAY))
    sign_in(desk, site.lead)
    touch(desk, "story")
    assert isinstance(desk.scene(moment()), scenes.StoryPage)
    due = desk.next_due_ms()
    assert due is not None
    assert due <= moment(IDLE_LOCKS_AFTER_MS).monotonic_ms
    desk.tick(moment(IDLE_LOCKS_AFTER_MS))
    scene = desk.scene(moment(IDLE_LOCKS_AFTER_MS))
    assert isinstance(scene, scenes.Alerts)
    assert scene.top.reader == ""


def test_a_pin_of_this_shift_opens_the_desk_again(desk: Desk, site: Site) -> None:
    """Lock, six digits, in."""
    sign_in(desk, site.lead, pin=PIN)
    touch(desk, "lock", "unlock")
    scene = desk.scene(moment())
    assert isinstance(scene, scenes.Pin)
    assert not scene.setting
    touch(desk, *[f"digit:{digit}" for digit in PIN])
    assert desk.session.reader is not None


def test_a_forgotten_pin_is_no_dead_end(desk: Desk, site: Site) -> None:
    """From the PIN anybody can go on with a passphrase: the same reader, or another."""
    sign_in(desk, site.lead, pin=PIN)
    touch(desk, "lock", "unlock", "use-passphrase")
    names = desk.scene(moment())
    assert isinstance(names, scenes.ChooseReader)
    assert names.held == frozenset()
    touch(desk, f"reader:{site.lead.id.hex()}")
    assert isinstance(desk.scene(moment()), scenes.Passphrase)


@pytest.mark.requirement("T8")
def test_wrong_pins_and_passphrases_become_trouble(desk: Desk, site: Site) -> None:
    """Five wrong PINs wipe the key and are told; so are five wrong passphrases."""
    sign_in(desk, site.lead, pin=PIN)
    touch(desk, "lock", "unlock")
    effects: list[ev.DeskEffect] = []
    for _ in range(5):
        effects += touch(desk, *[f"digit:{digit}" for digit in "135791"])
    assert [effect.cause for effect in effects if isinstance(effect, ev.TellTrouble)] == [Cause.WRONG_PINS]
    assert isinstance(desk.scene(moment()), scenes.Passphrase)
    told: list[ev.DeskEffect] = []
    for _ in range(WRONG_PASSPHRASES_TELL):
        desk.step(ev.Typed("nonsense"), moment())
        touch(desk, "open")
        told += desk.step(ev.UnlockFailed(site.lead.id), moment())
    assert [type(effect) for effect in told] == [ev.TellTrouble]


def test_the_lid_wipes_keys_and_story(desk: Desk, site: Site) -> None:
    """Signed in and a PIN set: after the lid only the passphrase helps."""
    arrive(desk, site.report(urgency=Urgency.TODAY))
    sign_in(desk, site.lead, pin=PIN)
    touch(desk, "story")
    desk.step(ev.MustWipe("the lid was opened"), moment())
    assert (desk.session.reader, len(desk.session.held)) == (None, 0)
    assert isinstance(desk.scene(moment()), scenes.Alerts)


def test_a_late_answer_of_the_key_ring_opens_nothing(desk: Desk, site: Site) -> None:
    """Who went back before the key was open does not leave an open desk behind."""
    touch(desk, "unlock", f"reader:{site.lead.id.hex()}", "key-x", "open", "home")
    desk.step(ev.Unlocked(site.lead), moment())
    assert desk.session.reader is None


@pytest.mark.requirement("S6", "S9")
def test_a_serious_case_needs_two_readers_at_the_screen(desk: Desk, site: Site) -> None:
    """The lead proposes, cannot confirm; the head confirms; the sealed note names both and the reason."""
    report = site.report(urgency=Urgency.NOW)
    arrive(desk, report)
    sign_in(desk, site.lead)
    touch(desk, "story", "with-them", "close", "outcome:police")
    desk.step(ev.Typed("Told the police."), moment())
    assert marks(touch(desk, "close-now")) == []
    assert marks(touch(desk, "confirm")) == []
    touch(desk, "home", "lock")
    sign_in(desk, site.head)
    effects = touch(desk, "story", "confirm")
    assert (report.report, Stage.CLOSED) in marks(effects)
    (note,) = [effect for effect in effects if isinstance(effect, ev.KeepNote)]
    kept = msgspec.msgpack.decode(desk.session.open_note(report.report, note.sealed), type=CaseNote)
    assert (kept.outcome, kept.reason, kept.readers) == ("police", "Told the police.", (site.lead.id, site.head.id))
    assert isinstance(desk.scene(moment()), scenes.Quiet)


def test_an_ordinary_case_is_closed_by_one_reader_with_a_reason(desk: Desk, site: Site) -> None:
    """Without outcome or reason nothing closes; with both it does, and is acknowledged on the way."""
    report = site.report(
        urgency=Urgency.INFORMATION, story=Story(route="conduct", room="x", category="copying"), route="conduct"
    )
    arrive(desk, report)
    sign_in(desk, site.lead)
    touch(desk, "story", "close")
    assert marks(touch(desk, "close-now")) == []
    touch(desk, "outcome:internal", "key-o", "key-k")
    assert marks(touch(desk, "close-now")) == [(report.report, Stage.ACKNOWLEDGED), (report.report, Stage.CLOSED)]


@pytest.mark.requirement("S6")
def test_a_burst_is_closed_only_as_far_as_it_was_read(desk: Desk, site: Site) -> None:
    """Four folded reports, one for other readers: three close, the fourth stays as a line of its own."""
    routes = ("conduct", "safeguarding", "conduct", "conduct")
    reports = [
        site.report(at_ms=n, urgency=Urgency.TODAY, route=route, story=Story(route=route, room="x", category="copying"))
        for n, route in enumerate(routes)
    ]
    for report in reports:
        arrive(desk, report)
    sign_in(desk, site.lead)
    assert desk.session._open is not None
    desk.session._open.routes.pop("safeguarding")
    touch(desk, "story", "close", "outcome:internal", "key-o", "key-k")
    closed = {report for report, stage in marks(touch(desk, "close-now")) if stage is Stage.CLOSED}
    assert closed == {report.report for report, route in zip(reports, routes, strict=True) if route == "conduct"}
    assert [line.reports for line in desk.alerts.lines()] == [(reports[1].report,)]


@pytest.mark.requirement("S6")
def test_one_serious_part_makes_the_whole_line_serious(desk: Desk, site: Site) -> None:
    """What was said last does not hide that an earlier part needs two readers."""
    grave = Story(route="safeguarding", room="x", category="self-harm")
    first = site.report(urgency=Urgency.TODAY, story=grave)
    later = Story(route="safeguarding", room="x", category="copying")
    arrive(desk, first)
    arrive(desk, site.report(kind=Kind.ADDITION, about=first.report, urgency=Urgency.TODAY, story=later))
    sign_in(desk, site.lead)
    touch(desk, "story", "close", "outcome:internal", "key-o", "key-k")
    assert marks(touch(desk, "close-now")) == []


def test_a_reader_without_the_route_is_told_so_and_can_still_go(desk: Desk, site: Site) -> None:
    """The head does not read conduct; the screen says whose it is not, and offers what helps."""
    arrive(desk, site.report(route="conduct", urgency=Urgency.INFORMATION))
    sign_in(desk, site.head)
    touch(desk, "story")
    scene = desk.scene(moment())
    assert isinstance(scene, scenes.StoryPage)
    assert scene.view is None
    assert marks(touch(desk, "close")) == []
    assert marks(touch(desk, "going")) != []


def test_a_stage_from_another_desk_counts_here(desk: Desk, site: Site) -> None:
    """Answered elsewhere: this desk falls silent and shows who."""
    report = site.report()
    arrive(desk, report)
    event = StageEvent(report.report, report.digest, KIOSK, Stage.ACKNOWLEDGED, 0, 7, b"E" * 16, site.head.id)
    desk.step(ev.StageSet(event), moment(1_000))
    assert ev.Beacon(False) in desk.tick(moment(1_000))
    scene = desk.scene(moment(1_000))
    assert isinstance(scene, scenes.Alerts)
    assert scene.rows[0].answered_by == "Ama Boateng"


def test_a_new_danger_takes_the_screen_but_not_from_somebody_typing(desk: Desk, site: Site) -> None:
    """On any other page the danger comes to the front; while a passphrase is typed it stands in the top line."""
    touch(desk, "page:trouble")
    arrive(desk, site.report())
    assert isinstance(desk.scene(moment()), scenes.Alerts)
    touch(desk, "unlock", f"reader:{site.lead.id.hex()}")
    desk.step(ev.Typed("half a pass"), moment())
    arrive(desk, site.report(device=b"L" * 16, room="Room 4"))
    scene = desk.scene(moment())
    assert isinstance(scene, scenes.Passphrase)
    assert scene.characters == 11
    assert scene.top.danger.startswith("DANGER NOW")


def test_a_locked_desk_that_is_left_goes_home(desk: Desk) -> None:
    """Half a passphrase does not stay in memory because somebody ran."""
    touch(desk, "unlock", f"reader:{(b'x' * 16).hex()}", "page:trouble")
    desk.tick(moment(HOME_AFTER_MS))
    assert isinstance(desk.scene(moment(HOME_AFTER_MS)), scenes.Quiet)


def test_a_blind_site_sounds_and_sounds_again(desk: Desk) -> None:
    """At once, after five minutes, and not once it is over."""
    blind = folded([Trouble("site-blind:", Cause.SITE_BLIND, b"", 0)], lambda device: "")
    desk.step(ev.TroubleSaid(blind, 0, 3), moment())
    sound = ev.Sound(ev.Pattern.TROUBLE)
    assert desk.tick(moment()) == (sound,)
    assert desk.tick(moment(299_000)) == ()
    assert desk.tick(moment(300_000)) == (sound,)
    desk.step(ev.TroubleSaid((), 3, 3), moment(301_000))
    assert desk.tick(moment(900_000)) == ()


def test_seen_works_for_what_passed_and_not_for_a_state(desk: Desk) -> None:
    """A cut button cannot be waved away."""
    lines = folded(
        [Trouble("refused:", Cause.REFUSED, b"", 0), Trouble("button-cut:", Cause.BUTTON_CUT, b"\1" * 16, 0)],
        lambda device: "Room 1",
    )
    desk.step(ev.TroubleSaid(lines, 1, 1), moment())
    assert [effect for effect in touch(desk, "seen:button-cut:") if isinstance(effect, ev.SeenTrouble)] == []
    assert ev.SeenTrouble("refused:") in touch(desk, "seen:refused:")


@pytest.mark.requirement("S1")
def test_duty_is_said_by_hand(desk: Desk) -> None:
    """Attended, back in half an hour, or gone for today: only from the duty page."""
    assert not any(isinstance(effect, ev.SetDuty) for effect in touch(desk, "duty-on", "duty-day"))
    assert ev.SetDuty(attended=True) in touch(desk, "page:duty", "duty-on")
    assert ev.SetDuty(attended=False, minutes=30) in touch(desk, "page:duty", "duty-away:30")
    assert ev.SetDuty(attended=False) in touch(desk, "page:duty", "duty-day")


def test_pass_on_calls_the_next_person(desk: Desk, site: Site) -> None:
    """From a locked desk too, and the screen says who is being called."""
    arrive(desk, site.report())
    effects = touch(desk, "pass-on")
    assert [effect.role for effect in effects if isinstance(effect, ev.Page)] == ["deputy"]
    assert desk.scene(moment()).top.notice == "Calling the deputy."


BOXES = st.sampled_from(
    [
        "home", "lock", "unlock", "story", "close", "close-now", "confirm", "withdraw", "open", "show", "digit-back",
        "use-passphrase", "skip-pin", "have-it", "going", "with-them", "pass-on", "next", "duty-on", "duty-day",
        "page:trouble", "page:duty", "page:private", "page:home", "digit:1", "digit:7", "outcome:police", "outcome:x",
        "seen:x", "duty-away:15", "duty-away:x", "line:zz", f"line:{(1).to_bytes(16, 'big').hex()}", "key-a",
        "key-shift", "key-layer", "key-delete", "key-space", "reader:" + "01" * 16, "reader:?", "nonsense", "",
    ]
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        BOXES.map(ev.BoxTouched),
        st.text(max_size=4).map(ev.Typed),
        st.sampled_from(list(ev.NamedKey)).map(ev.KeyPressed),
        st.just(ev.ButtonPressed()),
        st.sampled_from([Duty(DutyState.ON), Duty(DutyState.OFF, "08:30")]).map(ev.DutySaid),
        st.just(ev.MustWipe("the lid was opened")),
        st.just("unlocked"),
        st.integers(1, 400_000),
    ),
    max_size=40,
)


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_no_order_of_touches_breaks_the_desk_or_lets_a_stranger_answer(steps: list[ev.DeskEvent | str | int]) -> None:
    """Any touches at any time: no exception, no story without a reader, no answer without a signature."""
    site, desk, at_ms = RANDOM_SITE, RANDOM_SITE.desk(), 0
    reports = [RANDOM_REPORT, RANDOM_PRIVATE]
    for report in reports:
        desk.step(report, moment())
    for step in steps:
        effects: tuple[ev.DeskEffect, ...] = ()
        if isinstance(step, int):
            at_ms += step
        elif isinstance(step, str):
            effects = desk.step(ev.Unlocked(site.lead), moment(at_ms))
        else:
            effects = desk.step(step, moment(at_ms))
        desk.tick(moment(at_ms))
        scene = desk.scene(moment(at_ms))
        signed_in = desk.session.reader is not None
        assert signed_in or not isinstance(scene, scenes.StoryPage | scenes.Closing)
        assert signed_in or not (isinstance(scene, scenes.Alerts) and scene.private)
        for effect in effects:
            if isinstance(effect, ev.Mark) and effect.stage in (Stage.ACKNOWLEDGED, Stage.CLOSED):
                digest = desk.alerts.digest(effect.report)
                claim = receipt_claim(SITE, effect.report, digest, effect.stage, effect.generation)
                assert verify(site.lead.signing.public, effect.reader_signature, claim)


RANDOM_SITE = Site.found()
RANDOM_REPORT = RANDOM_SITE.report()
RANDOM_PRIVATE = RANDOM_SITE.report(private=True, route="head")
