"""Phones at a kiosk: what they may send, what they may never change, and that nothing of it costs the touchscreen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.errors import StoreFault
from firmware.messages import PHONE_ROOM, ClockQuality, Kind, Stage, Urgency
from firmware.trouble import PORTAL_FAULTS
from kiosk.learner.portal_line import PortalAsked
from kiosk.learner.portal_talk import CODES_A_DAY, TICKET_MS, TICKETS_MOST, WRONG_CODES_A_MINUTE
from kiosk.talk.codes import code_digest
from kiosk.talk.handover import ANSWERS, Deed, HandedIn, HandIn, Outcome, Told
from kiosk.talk.pages import CODE_UNKNOWN
from tests.support.kiosk_turns import TOUCH
from tests.support.talk_portal import PortalTurns, addition, answer_of, deed, kept, new_form, report

NO_CODE = ("acorn", "badge", "cabin", "daisy", "eagle")


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[PortalTurns]:
    turns = PortalTurns(tmp_path)
    yield turns
    turns.site.close()


def sent(kiosk: PortalTurns, request: HandIn) -> bytes:
    """Hand in; returns the ticket."""
    answer = kiosk.hand_in(request)
    assert answer.outcome is Outcome.SAVED
    return answer.ticket


# ------------------------------------------------------------------ saved


@pytest.mark.requirement("L1")
def test_saved_is_said_after_the_commit_and_not_before(kiosk: PortalTurns) -> None:
    """After the step the phone waits; after the commit it reads *saved*, and a new start finds the report."""
    asked = PortalAsked(report("yes"))
    kiosk.engine.step([asked], kiosk.site.kiosk.now())
    assert asked.reply.wait(0, 0) == (None, False)
    kiosk.engine.commit()
    answer = answer_of(asked)
    assert isinstance(answer, HandedIn)
    assert (answer.outcome, answer.known is not None) == (Outcome.SAVED, True)
    kiosk.restart()
    assert len(kept(kiosk)) == 1


def test_a_disk_that_does_not_take_it_is_told_and_trying_again_saves(
    kiosk: PortalTurns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit fails: not saved, nothing kept, no ticket; the very same form, sent again, is saved once."""
    request = report("yes")
    with monkeypatch.context() as broken:
        broken.setattr(kiosk.site.kiosk.ledger, "commit", refuse)
        answer = kiosk.hand_in(request)
    assert (answer.outcome, answer.ticket, answer.known) == (Outcome.NOT_SAVED, b"", None)
    assert kept(kiosk) == []
    assert kiosk.hand_in(request).outcome is Outcome.SAVED
    assert len(kept(kiosk)) == 1


def refuse() -> None:
    raise StoreFault("kiosk.db: no disk; check that it is there")


def test_an_addition_that_was_lost_changes_nothing_of_its_report(
    kiosk: PortalTurns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost "about an adult here" does not make later additions private that staff never heard the reason of."""
    ticket = sent(kiosk, report("no"))
    with monkeypatch.context() as broken:
        broken.setattr(kiosk.site.kiosk.ledger, "commit", refuse)
        assert kiosk.hand_in(addition(ticket, adult_here="yes")).outcome is Outcome.NOT_SAVED
    sent(kiosk, addition(ticket, who="me"))
    assert [alert.private for alert, _ in kept(kiosk)] == [False, False]


def test_a_question_that_nobody_waits_for_any_more_saves_nothing(kiosk: PortalTurns) -> None:
    """Whoever was told "not saved" was told the truth, however late the loop comes to the question."""
    asked = PortalAsked(report("yes"))
    assert asked.reply.wait(0, 0) == (None, True)
    kiosk.turn(asked)
    assert kept(kiosk) == []


# ------------------------------------------------------------------ what staff get


@pytest.mark.requirement("L1", "D1")
def test_a_phone_never_speaks_for_the_kiosk_s_room(kiosk: PortalTurns) -> None:
    """Story and alert name the phone, not Room 1; the source is the portal's."""
    ticket = sent(kiosk, report("yes"))
    sent(kiosk, addition(ticket, who="me"))
    for alert, story in kept(kiosk):
        assert (alert.room, story.room, story.source) == (PHONE_ROOM, PHONE_ROOM, "portal")
    kiosk.touch(TOUCH, "yes")
    assert kept(kiosk)[-1][0].room == "Room 1"


def test_a_private_report_names_no_place_in_its_alert(kiosk: PortalTurns) -> None:
    """About an adult who works here: the alert has no room, the story goes to those chosen for it."""
    sent(kiosk, report("no", adult_here="yes", about_head="yes", category="bullying"))
    ((alert, story),) = kept(kiosk)
    assert (alert.private, alert.room, story.route) == (True, "", "independent")


@pytest.mark.requirement("L10")
def test_urgency_and_route_come_from_the_profile(kiosk: PortalTurns) -> None:
    """A phone cannot name them: danger is now, self-harm at least today, a copied homework what it is."""
    for danger, category, urgency in (
        ("yes", "", Urgency.NOW),
        ("no", "self-harm", Urgency.TODAY),
        ("no", "copying", Urgency.INFORMATION),
    ):
        sent(kiosk, report(danger, category=category))
        assert kept(kiosk)[-1][0].urgency is urgency


def test_what_follows_is_never_less_urgent_nor_less_private(kiosk: PortalTurns) -> None:
    """ "No" to all after danger and an adult here: told as said, read by the same people, as fast."""
    ticket = sent(kiosk, report("yes", adult_here="not-sure", about_head="yes"))
    sent(kiosk, addition(ticket, danger="no", adult_here="no", about_head="no", pace="information"))
    sent(kiosk, addition(ticket, category="copying"))
    (first, _), *rest = kept(kiosk)
    for alert, story in rest:
        assert (alert.urgency, alert.private, story.route) == (first.urgency, True, "independent")
    assert rest[0][1].danger == "no"


@pytest.mark.requirement("L2", "L4", "L5", "L9")
def test_additions_carry_only_what_was_added(kiosk: PortalTurns) -> None:
    """Linked to the report; words, name and who reports stand in the story."""
    ticket = sent(kiosk, report("no", category="bullying"))
    sent(kiosk, addition(ticket, text="Nach der Schule…".encode(), name=b"Sam", reporter="parent-or-carer"))
    (_, first), (alert, story) = kept(kiosk)
    assert (alert.kind, alert.about) == (Kind.ADDITION, next(iter(kiosk.courier.outbox.reports())))
    assert (story.text.decode(), story.name, story.reporter) == ("Nach der Schule…", b"Sam", "parent-or-carer")
    assert (first.category, story.category) == ("bullying", "")


def test_taking_back_is_told_to_staff_and_closes_nothing(kiosk: PortalTurns) -> None:
    """It goes as its own message about the report, with hurry."""
    ticket = sent(kiosk, report("no"))
    sent(kiosk, deed(ticket, Deed.TAKE_BACK))
    assert [alert.kind for alert, _ in kept(kiosk)] == [Kind.REPORT, Kind.TAKE_BACK]


# ------------------------------------------------------------------ forms that come twice, tickets


def test_a_form_that_is_sent_twice_is_one_report(kiosk: PortalTurns) -> None:
    """Twice at once, once more later: one report, the same ticket each time."""
    request = report("yes")
    both = PortalAsked(request), PortalAsked(request)
    kiosk.turn(*both)
    tickets = {answer.ticket for answer in map(answer_of, both) if isinstance(answer, HandedIn)}
    tickets.add(kiosk.hand_in(request).ticket)
    assert len(tickets) == len(kept(kiosk)) == 1


def test_the_same_page_with_another_answer_is_another_thing(kiosk: PortalTurns) -> None:
    """Going back in the browser and answering differently is not swallowed as a repetition."""
    ticket = sent(kiosk, report("no"))
    form = new_form()
    sent(kiosk, HandIn(form, ticket, Deed.ADDITION, who="me"))
    sent(kiosk, HandIn(form, ticket, Deed.ADDITION, who="someone-else"))
    assert [story.who for _, story in kept(kiosk)] == ["", "me", "someone-else"]


@pytest.mark.requirement("D1")
def test_a_ticket_is_no_report_s_id_and_no_report_s_id_is_a_ticket(kiosk: PortalTurns) -> None:
    """Nothing that leaves the kiosk names a report, and nobody adds to one by its name."""
    ticket = sent(kiosk, report("no"))
    (id,) = kiosk.courier.outbox.reports()
    assert ticket != id
    assert kiosk.hand_in(addition(id, who="me")).outcome is Outcome.UNKNOWN_TICKET
    assert kiosk.progress(id).known is None
    kiosk.touch(TOUCH, "yes")
    learner_s = list(kiosk.courier.outbox.reports())[-1]
    assert kiosk.hand_in(addition(learner_s, who="me")).outcome is Outcome.UNKNOWN_TICKET


def test_tickets_live_in_memory_and_for_a_while(kiosk: PortalTurns) -> None:
    """Half an hour after the last question, or after a restart, a phone has lost sight of its report."""
    ticket = sent(kiosk, report("no"))
    kiosk.wait(TICKET_MS - 1000)
    assert kiosk.progress(ticket).known is not None
    kiosk.wait(TICKET_MS - 1000)
    assert kiosk.progress(ticket).known is not None
    kiosk.wait(TICKET_MS)
    assert kiosk.progress(ticket).known is None
    ticket = sent(kiosk, report("no"))
    kiosk.restart()
    assert kiosk.hand_in(addition(ticket, who="me")).outcome is Outcome.UNKNOWN_TICKET


def test_only_so_many_tickets_are_held(kiosk: PortalTurns) -> None:
    """A flood drives out the tickets that were not used for longest; every report stays."""
    oldest = sent(kiosk, report("no"))
    second = sent(kiosk, report("no"))
    kiosk.turn(*(PortalAsked(report("no")) for _ in range(TICKETS_MOST - 2)))
    assert kiosk.progress(oldest).known is not None
    sent(kiosk, report("no"))
    assert kiosk.progress(oldest).known is not None
    assert kiosk.progress(second).known is None
    assert len(list(kiosk.courier.outbox.reports())) == TICKETS_MOST + 1


def test_no_flood_takes_the_last_places(kiosk: PortalTurns, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the phones' share is full they are told "not saved", the desk is told so; the touchscreen still saves."""
    monkeypatch.setattr("firmware.outbox.MAX_REPORTS", 402)
    answers = [kiosk.hand_in(report("yes")).outcome for _ in range(3)]
    assert answers == [Outcome.SAVED, Outcome.SAVED, Outcome.NOT_SAVED]
    kiosk.state()
    kiosk.turn()
    assert "portal-full" in kiosk.courier._faults
    assert "disk-full" not in kiosk.courier._faults
    kiosk.touch(TOUCH, "yes")
    assert kiosk.talk.saved


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": "no such thing"},
        {"staff_choice": "the lead"},
        {"meet": "come-here"},
        {"reporter": "head"},
        {"language": "xx"},
        {"danger": "have-code"},
        {"who": "skip"},
        {"text": b"\xff"},
        {"text": ("x" * 501).encode()},
        {"name": ("x" * 81).encode()},
    ],
    ids=str,
)
def test_what_nobody_asked_is_refused(kiosk: PortalTurns, wrong: dict[str, str | bytes]) -> None:
    """Answers that no page offers, languages that are not here, words that are too long: nothing is kept."""
    ticket = sent(kiosk, report("no"))
    assert kiosk.hand_in(msgspec.structs.replace(addition(ticket, pace="today"), **wrong)).outcome is Outcome.REFUSED
    assert len(kept(kiosk)) == 1


def test_nothing_is_sent_before_danger_was_asked_about(kiosk: PortalTurns) -> None:
    """A report without that answer is refused, as is one that names a ticket, or an addition that says nothing."""
    assert kiosk.hand_in(report("", category="bullying")).outcome is Outcome.REFUSED
    ticket = sent(kiosk, report("no"))
    assert kiosk.hand_in(HandIn(new_form(), ticket, Deed.REPORT, danger="no")).outcome is Outcome.REFUSED
    assert kiosk.hand_in(addition(ticket)).outcome is Outcome.REFUSED
    assert kiosk.hand_in(HandIn(new_form(), b"t", Deed.ADDITION, who="me")).outcome is Outcome.REFUSED
    assert kiosk.hand_in(HandIn(new_form(), ticket, Deed.CODE, text=b"words")).outcome is Outcome.REFUSED


words = st.sampled_from(["", "yes", "no", "not-sure", "images", "me", "now", "today", "skip", "portal", "x" * 32])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_phone_says_the_kiosk_stays_itself(tmp_path: Path, data: st.DataObject) -> None:
    """Any well-formed request, in any order: an answer each time, and never a report with another source, room or with
    urgency or privacy below those of the report it adds to."""
    kiosk = _one_for_all(tmp_path)
    tickets = [b"", b"t" * 16]
    for _ in range(data.draw(st.integers(1, 4))):
        form = data.draw(st.binary(min_size=16, max_size=16))
        request = HandIn(form, data.draw(st.sampled_from(tickets)), data.draw(st.sampled_from(Deed)))
        said = {name: data.draw(words) for name in ANSWERS}
        request = msgspec.structs.replace(request, **said, text=data.draw(st.binary(max_size=40)))
        answer = kiosk.hand_in(request)
        assert (answer.outcome is Outcome.SAVED) == bool(answer.ticket)
        if answer.ticket:
            tickets.append(answer.ticket)
    by_id = dict(zip(kiosk.courier.outbox.reports(), kept(kiosk), strict=True))
    order = [Urgency.INFORMATION, Urgency.TODAY, Urgency.NOW]
    for alert, story in by_id.values():
        assert (story.source, story.room) == ("portal", PHONE_ROOM)
        if alert.about:
            first = by_id[alert.about][0]
            assert order.index(alert.urgency) >= order.index(first.urgency)
            assert alert.private >= first.private
        elif alert.kind is Kind.REPORT:
            assert story.danger
    kiosk.site.close()


def _one_for_all(folder: Path) -> PortalTurns:
    for file in folder.glob("*"):
        file.unlink()
    return PortalTurns(folder)


# ------------------------------------------------------------------ what became of it


@pytest.mark.requirement("L7")
def test_a_phone_sees_each_proof_of_its_report(kiosk: PortalTurns) -> None:
    """Saved at once, then what desks have signed; by the ticket, with the duty of the desk beside it."""
    kiosk.connect()
    ticket = sent(kiosk, report("yes"))
    known = kiosk.progress(ticket).known
    assert known is not None
    assert (known.hurry, known.stages, known.private) == (True, (), False)
    kiosk.deliver()
    answer = kiosk.progress(ticket)
    assert answer.known is not None
    assert Stage.STORED in answer.known.stages
    assert answer.duty.state.value == "on"


@pytest.mark.requirement("L7")
def test_five_words_are_given_once_kept_and_work_everywhere(kiosk: PortalTurns) -> None:
    """Asked for twice they are the same; staff have their digest; the portal and the touchscreen find the report by
    them, also after a restart that has forgotten every ticket."""
    ticket = sent(kiosk, report("yes"))
    answer = kiosk.hand_in(deed(ticket, Deed.CODE))
    assert len(set(answer.code)) == 5
    assert kiosk.hand_in(deed(ticket, Deed.CODE)).code == answer.code
    assert [story.code_digest for _, story in kept(kiosk)] == [b"", code_digest(answer.code)]
    kiosk.restart()
    assert kiosk.look_up(code_digest(answer.code)).known is not None
    kiosk.ask(answer.code)
    assert kiosk.talk.found is not None


@pytest.mark.requirement("L7")
def test_wrong_words_on_phones_do_not_lock_the_touchscreen(kiosk: PortalTurns) -> None:
    """After too many wrong tries phones rest for a minute; the touchscreen looks up as ever, and so it is reversed."""
    code = kiosk.hand_in(deed(sent(kiosk, report("yes")), Deed.CODE)).code
    answers = [kiosk.look_up(code_digest(NO_CODE)) for _ in range(WRONG_CODES_A_MINUTE)]
    assert {(answer.known, answer.resting) for answer in answers} == {(None, False)}
    assert kiosk.look_up(code_digest(code)) == Told(answers[0].duty, resting=True)
    kiosk.ask(code)
    assert kiosk.talk.found is not None
    kiosk.wait(60_000)
    assert kiosk.look_up(code_digest(code)).known is not None
    for _ in range(6):
        kiosk.ask(NO_CODE)
    assert kiosk.page.truth != CODE_UNKNOWN
    assert kiosk.look_up(code_digest(code)).known is not None


def test_phones_cannot_use_up_the_codes_of_a_kiosk(kiosk: PortalTurns) -> None:
    """So many a day and no more; who stands at the kiosk still gets theirs."""
    for _ in range(CODES_A_DAY):
        assert kiosk.hand_in(deed(sent(kiosk, report("no")), Deed.CODE)).code
    last = sent(kiosk, report("no"))
    assert kiosk.hand_in(deed(last, Deed.CODE)).outcome is Outcome.NOT_SAVED
    kiosk.touch(TOUCH, "yes", "code", "give-code")
    assert kiosk.page.code


@pytest.mark.requirement("L7", "D1")
def test_no_ticket_form_or_word_of_a_code_lies_on_the_card(kiosk: PortalTurns) -> None:
    """What ties a phone to a report is in memory alone."""
    request = report("yes")
    ticket = sent(kiosk, request)
    code = kiosk.hand_in(deed(ticket, Deed.CODE)).code
    for file in kiosk.site.kiosk.path.parent.glob(f"{kiosk.site.kiosk.path.name}*"):
        found = file.read_bytes()
        assert ticket not in found
        assert request.form not in found
        assert " ".join(sorted(code)).encode() not in found


# ------------------------------------------------------------------ what the portal tells and asks


def test_faults_of_the_portal_go_into_heartbeats_and_nothing_else_does(kiosk: PortalTurns) -> None:
    """Those that a desk knows, and the portal's own; it cannot cry "button cut", nor open a lesson by a word."""
    kiosk.state("gate-down", "button-cut", "lesson-open", "lesson-open-60", "no-portal", "disk-full", "portal-odd", "")
    kiosk.turn()
    assert kiosk.courier._faults == ("byod", "gate-down", "portal-odd")
    kiosk.state()
    kiosk.turn()
    assert list(kiosk.courier._faults) == ["byod"]


def test_a_portal_that_is_silent_is_told(kiosk: PortalTurns) -> None:
    """Never started within two minutes, or unheard for one: the desk gets to know, and has words for it."""
    kiosk.turn()
    assert "portal-silent" not in kiosk.courier._faults
    kiosk.wait(120_000)
    assert "portal-silent" in kiosk.courier._faults
    kiosk.state()
    kiosk.turn()
    assert "portal-silent" not in kiosk.courier._faults
    kiosk.wait(60_000)
    assert "portal-silent" in kiosk.courier._faults
    assert {"portal-silent", "portal-full"} <= PORTAL_FAULTS.keys()


def test_the_portal_hears_the_desk_s_duty(kiosk: PortalTurns) -> None:
    """Unknown while no desk has spoken, then what it signed."""
    assert kiosk.state().duty.state.value == "unknown"
    kiosk.connect()
    kiosk.deliver()
    assert kiosk.state().duty.state.value == "on"
    assert kiosk.state().lesson_seconds_left == 0


def test_a_kiosk_that_does_not_know_the_time_answers_all_the_same(tmp_path: Path) -> None:
    """Saving needs no clock."""
    turns = PortalTurns(tmp_path)
    turns.site.kiosk.quality = ClockQuality.UNSYNCED
    assert turns.hand_in(report("yes")).outcome is Outcome.SAVED
    turns.site.close()
