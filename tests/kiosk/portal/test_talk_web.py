"""The talk on phones, page by page, over HTTP, with a real kiosk engine behind it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.errors import TechnicianError
from firmware.messages import PHONE_ROOM, Duty, DutyState, Kind, Stage, Urgency
from kiosk.portal.kiosk_line import KioskLine
from kiosk.portal.talk_form import TalkForm, read_form
from kiosk.portal.talk_step import TalkSteps
from kiosk.portal.talk_view import dialled, phone_page
from kiosk.screen import pictures as screen_pictures
from kiosk.talk import phone as said
from kiosk.talk.handover import ANSWERS, Deed, HandedIn, HandIn, KioskState, Outcome, Told
from kiosk.talk.pictures import TURNED
from kiosk.talk.questions import STRIP, ScreenId
from kiosk.talk.state import Answers
from kiosk.words import Words
from tests.support.broker import ThrowAwayCa
from tests.support.talk_phone import LivingKiosk, Phone, phones
from tests.support.talk_portal import PortalTurns, kept
from tests.support.talks import secondary, young

ORDINARY = ("no", "no", "bullying", "send")
MOST_BYTES = 20 * 1024


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[LivingKiosk]:
    with LivingKiosk(tmp_path) as living:
        yield living


@pytest.fixture
def port(kiosk: LivingKiosk) -> Iterator[int]:
    with phones(kiosk, seconds=0.0) as opened:
        yield opened


@pytest.fixture
def secure(kiosk: LivingKiosk, tmp_path: Path) -> Iterator[Phone]:
    """A phone that came over HTTPS to a name with a valid certificate."""
    ca = ThrowAwayCa(tmp_path / "ca")
    server = ca.issue_server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate_file, server.key_file)
    trust = ssl.create_default_context(cafile=str(ca.certificate_file))
    with phones(kiosk, context=context, seconds=0.0) as port:
        yield Phone(port, trust=trust)


def connect(kiosk: LivingKiosk) -> None:
    kiosk.do(PortalTurns.connect)
    kiosk.do(PortalTurns.deliver)


def skip_to(phone: Phone, screen: ScreenId) -> None:
    while phone.page.screen != screen:
        phone.press("skip")


# ------------------------------------------------------------------ the way through


@pytest.mark.requirement("L1", "L10")
def test_danger_is_saved_with_the_first_press(kiosk: LivingKiosk, port: int) -> None:
    """The first page asks; yes saves and seals an urgent report that names the phone, and the page says so."""
    phone = Phone(port)
    assert "Is anyone in danger right now?" in phone.page.text
    page = phone.press("yes")
    assert "Saved here. Trying to send it to the office." in page.text
    ((alert, story),) = kiosk.do(kept)
    assert (alert.urgency, alert.kind, alert.room) == (Urgency.NOW, Kind.REPORT, PHONE_ROOM)
    assert (story.danger, story.source, story.language) == ("yes", "portal", "en")


@pytest.mark.requirement("L1", "L3")
def test_an_ordinary_report_is_saved_with_the_fourth_press(kiosk: LivingKiosk, port: int) -> None:
    """The same questions as at the kiosk, in its order; nothing is kept before "send"."""
    phone = Phone(port)
    phone.press(*ORDINARY[:-1])
    assert kiosk.do(kept) == []
    page = phone.press("send")
    assert "Saved here. It goes to the office within a minute." in page.text
    ((alert, story),) = kiosk.do(kept)
    assert (story.danger, story.adult_here, story.category) == ("no", "no", "bullying")
    assert not alert.private


def test_young_learners_are_asked_three_questions(kiosk: LivingKiosk) -> None:
    """As at the kiosk."""
    with phones(kiosk, policy=young(), seconds=0.0) as port:
        assert Phone(port).press("no", "no", "send").screen == "truths"


def test_the_adult_and_the_head_are_gone_round(kiosk: LivingKiosk, port: int) -> None:
    """Private from the first page on, and the page names somebody outside."""
    kiosk.die()
    phone = Phone(port)
    phone.press("no", "yes", "yes", "rather-not-say", "send")
    assert "Go to someone you trust outside school." in phone.page.text
    kiosk.listen()
    phone.press("try-again")
    ((alert, story),) = kiosk.do(kept)
    assert (alert.private, alert.room, story.route) == (True, "", "independent")


@pytest.mark.requirement("L2", "L4", "L5", "L9")
def test_what_follows_is_added_to_the_report(kiosk: LivingKiosk, port: int) -> None:
    """Who, pace, staff, who reports, where: each its own addition; nobody is met "here"."""
    phone = Phone(port)
    phone.press(*ORDINARY, "add-more", "someone-else", "today", "nurse", "visitor")
    assert phone.page.screen == ScreenId.MEET
    assert "here" not in phone.page.seen.choices
    phone.press("library")
    (_, first), *rest = kiosk.do(kept)
    assert [story.who + story.pace + story.staff_choice + story.reporter + story.meet for _, story in rest] == [
        *("someone-else", "today", "nurse", "visitor", "library"),
    ]
    assert (first.who, phone.page.screen) == ("", "truths")
    assert {alert.about for alert, _ in rest} == {kiosk.do(lambda turns: next(iter(turns.courier.outbox.reports())))}


def test_back_goes_one_page_back_and_never_before_the_sending(port: int) -> None:
    """What was answered is still chosen; after sending, the pages of the asking are gone."""
    phone = Phone(port)
    phone.press("no", "yes")
    assert phone.go("back").screen == ScreenId.ADULT
    assert 'value="yes" aria-current="true"' in phone.page.raw
    phone.press("no", "bullying", "send", "add-more")
    assert phone.go("back").screen == ScreenId.TRUTHS
    assert ("go", "back") not in phone.page.seen.buttons


def test_taking_back_is_told_once(kiosk: LivingKiosk, port: int) -> None:
    """Staff get it; the page does not offer it again."""
    phone = Phone(port)
    phone.press("yes", "take-back")
    assert [alert.kind for alert, _ in kiosk.do(kept)] == [Kind.REPORT, Kind.TAKE_BACK]
    assert "take-back" not in phone.page.seen.choices


@pytest.mark.requirement("L8")
def test_advice_fits_and_its_numbers_can_be_dialled(port: int) -> None:
    """The sentences of the category, and help lines that a tap calls."""
    phone = Phone(port)
    page = phone.press("no", "no", "images", "send", "advice")
    assert "Do not send or show the pictures to anyone, not even to staff." in page.text
    assert "tel:08001111" in page.seen.links


@pytest.mark.parametrize(
    ("contact", "href"),
    [
        ("999", "tel:999"),
        ("0800 1111", "tel:08001111"),
        ("+44 20 7008 0151", "tel:+442070080151"),
        ("0800 1111, or chat: childline.org.uk", "tel:08001111"),
        ("Text SHOUT to 85258", "sms:85258"),
        ("Text 999", "sms:999"),
        ("childline.org.uk: “Report Remove”", "https://childline.org.uk"),
        ("reportharmfulcontent.com", "https://reportharmfulcontent.com"),
        ("Ask at reception", ""),
        ("javascript:alert(1)", ""),
        ("12-hour line", ""),
    ],
)
def test_what_a_tap_on_a_contact_does(contact: str, href: str) -> None:
    """Call, write, open, or nothing."""
    assert dialled(contact) == href


# ------------------------------------------------------------------ truths


@pytest.mark.requirement("L7")
def test_the_first_page_already_says_arrived(kiosk: LivingKiosk) -> None:
    """It waits a moment for the desk's word, and then says what the desk has signed."""
    connect(kiosk)
    with phones(kiosk) as port:
        assert "The office computer has it. No answer yet." in Phone(port).press("yes").text


@pytest.mark.requirement("L7")
def test_look_again_tells_what_is_proved_by_then(kiosk: LivingKiosk, port: int) -> None:
    """Each time a press of the button, and nothing more than the proof says."""
    phone = Phone(port)
    phone.press("yes")
    for wait_ms, words in ((6_000, "The office has not confirmed it."), (20_000, "Don't wait: go to reception.")):
        kiosk.do(partial(PortalTurns.wait, ms=wait_ms))
        assert words in phone.go("look").text
    connect(kiosk)
    assert "The office computer has it." in phone.go("look").text
    report = kiosk.do(lambda turns: next(iter(turns.courier.outbox.reports())))
    kiosk.do(lambda turns: turns.mark(report, Stage.NOTICED))
    assert 'Someone at the office pressed "I have it".' in phone.go("look").text
    assert len(kiosk.do(kept)) == 1


def test_off_duty_is_said_before_and_beside_every_truth(kiosk: LivingKiosk, port: int) -> None:
    """With numbers that can be dialled at once."""
    kiosk.do(lambda turns: setattr(turns.site.desk, "duty", Duty(DutyState.OFF, "08:15 on Monday")))
    connect(kiosk)
    phone = Phone(port)
    for _ in range(2):
        assert "Nobody is on duty until 08:15 on Monday. Danger: 999. Childline: 0800 1111." in phone.page.text
        assert {"tel:999", "tel:08001111"} <= phone.page.seen.links.keys()
        if phone.page.screen == ScreenId.DANGER:
            phone.press("yes")


@pytest.mark.requirement("L7")
def test_five_words_by_phone(kiosk: LivingKiosk, port: int) -> None:
    """Given after a press, kept, shown again, and looked up later on another phone; a slip can be mended."""
    phone = Phone(port)
    phone.press("yes", "code", "give-code")
    digests = [story.code_digest for _, story in kiosk.do(kept)]
    assert [bool(digest) for digest in digests] == [False, True]
    words = _code_on(phone)
    phone.press("kept-code")
    assert '<ul class="code"' not in phone.page.raw
    phone.press("show-code")
    assert _code_on(phone) == words
    assert len(kiosk.do(kept)) == 2

    other = Phone(port)
    other.press("have-code")
    page = other.press("look-up", words=" ".join(words)[:-1])
    assert "We do not know these words here." in page.text
    other.press("mend-words")
    assert other.page.seen.typed == " ".join(words)[:-1]
    page = other.press("look-up", words=" ".join(reversed(words)))
    assert "Saved here." in page.text
    connect(kiosk)
    assert "The office computer has it." in other.go("look").text
    assert other.press("tell-again").screen == ScreenId.DANGER


def _code_on(phone: Phone) -> list[str]:
    listed = phone.page.raw.partition('<ul class="code"')[2].partition("</ul>")[0]
    words = [part.partition("</li>")[0] for part in listed.split("<li>")[1:]]
    assert len(words) == 5
    return words


def test_too_many_wrong_words_rest_and_say_so(kiosk: LivingKiosk, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told on the page; the right words work after the minute."""
    monkeypatch.setattr("kiosk.learner.portal_talk.WRONG_CODES_A_MINUTE", 2)
    kiosk.do(PortalTurns.restart)
    phone = Phone(port)
    phone.press("have-code")
    for _ in range(3):
        phone.press("look-up", words="acorn badge cabin daisy eagle")
        page = phone.page
        phone.press("mend-words")
    assert "Wait a minute before you try again" in page.text


# ------------------------------------------------------------------ not saved


@pytest.mark.requirement("L1")
def test_a_dead_kiosk_is_not_saved_and_trying_again_keeps_the_answers(kiosk: LivingKiosk, port: int) -> None:
    """The human way in plain words, numbers to call; when the kiosk is back, one press sends what was answered."""
    kiosk.die()
    phone = Phone(port)
    phone.press(*ORDINARY)
    assert "Could not save. Not sent. Go to reception." in phone.page.text
    assert "We can't tell if anyone is there." in phone.page.text
    assert "tel:999" in phone.page.seen.links
    assert ("go", "look") not in phone.page.seen.buttons
    form = phone.page.seen.hidden["form"]
    phone.press("advice", "truths")
    assert phone.page.seen.hidden["form"] == form
    kiosk.listen()
    phone.press("try-again")
    assert "Saved here." in phone.page.text
    assert [story.category for _, story in kiosk.do(kept)] == ["bullying"]


def test_a_full_disk_is_told(kiosk: LivingKiosk, port: int) -> None:
    """As at the kiosk."""
    kiosk.do(lambda turns: _page_limit(turns, None))
    phone = Phone(port)
    assert "Could not save. Not sent. Go to reception." in phone.press("yes").text
    kiosk.do(lambda turns: _page_limit(turns, 1_000_000))
    assert "Saved here." in phone.press("try-again").text
    assert len(kiosk.do(kept)) == 1


def _page_limit(turns: PortalTurns, pages: int | None) -> None:
    database = turns.site.kiosk.ledger._database
    used = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count={pages or used}")


def test_a_hung_kiosk_is_not_saved_and_does_not_save_later(kiosk: LivingKiosk, port: int) -> None:
    """What was called "not saved" stays so when its loop turns again."""
    phone = Phone(port)
    with kiosk.hung():
        assert "Could not save. Not sent." in phone.press("yes").text
    assert kiosk.do(kept) == []


def test_nobody_can_tell_is_said_where_nobody_can_tell(
    kiosk: LivingKiosk, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes too long: saved after all, said to be open; trying again makes no second report."""
    with monkeypatch.context() as slow:
        kiosk.do(partial(_slow_commits, monkeypatch=slow))
        page = Phone(port).press("yes")
        assert "We can't tell if this was saved. Don't wait: go to reception. Danger: 999." in page.text
        assert len(kiosk.do(kept)) == 1
    phone = Phone(port)
    phone.page = page
    assert "Saved here." in phone.press("try-again").text
    assert len(kiosk.do(kept)) == 1


def _slow_commits(turns: PortalTurns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each commit that somebody waits for stands until they have given up."""
    commit, portal = turns.engine.commit, turns.engine._portal
    assert portal is not None

    def slow() -> None:
        for asked in [asked for each in portal._waiting.values() for asked in each.askers]:
            asked.reply.wait(0, 0.8)
        commit()

    monkeypatch.setattr(turns.engine, "commit", slow)


def test_an_addition_that_was_not_saved_goes_with_the_next(kiosk: LivingKiosk, port: int) -> None:
    """Told at once; the next answer takes it along, and nothing is asked twice."""
    phone = Phone(port)
    phone.press(*ORDINARY, "add-more")
    kiosk.die()
    page = phone.press("me")
    assert "What you added could not be saved. It was not sent." in page.text
    kiosk.listen()
    page = phone.press("today")
    assert "could not be saved" not in page.text
    assert [(story.who, story.pace) for _, story in kiosk.do(kept)] == [("", ""), ("me", "today")]


def test_an_addition_can_be_tried_again_by_itself(kiosk: LivingKiosk, port: int) -> None:
    """From the page of truths."""
    phone = Phone(port)
    phone.press(*ORDINARY, "add-more")
    kiosk.die()
    phone.press("me")
    phone.go("back")
    phone.go("back")
    kiosk.listen()
    page = phone.press("try-again")
    assert "could not be saved" not in page.text
    assert [story.who for _, story in kiosk.do(kept)] == ["", "me"]


def test_a_kiosk_that_started_anew_loses_nothing_that_is_said(kiosk: LivingKiosk, port: int) -> None:
    """Its tickets are gone: the page says what it cannot see; an addition becomes a report with everything in it."""
    phone = Phone(port)
    phone.press(*ORDINARY)
    kiosk.do(PortalTurns.restart)
    page = phone.go("look")
    assert "This page can't see your message any more. What we called saved is saved." in page.text
    assert page.seen.choices == []
    adding = Phone(port)
    adding.press(*ORDINARY, "add-more")
    kiosk.do(PortalTurns.restart)
    adding.press("me")
    told = [(alert.kind, story.category, story.who) for alert, story in kiosk.do(kept)]
    assert told[-1] == (Kind.REPORT, "bullying", "me")
    assert adding.press("today").screen == ScreenId.STAFF
    assert kiosk.do(kept)[-1][0].kind is Kind.ADDITION
    assert phone.go("again").screen == ScreenId.DANGER


def test_a_kiosk_that_cannot_be_asked_is_no_proof_of_anything(kiosk: LivingKiosk, port: int) -> None:
    """Looking again while it is dead says that nobody can look, and where to go."""
    phone = Phone(port)
    phone.press("yes")
    kiosk.die()
    page = phone.go("look")
    assert "We can't look right now. Don't wait: go to reception. Danger: 999." in page.text
    assert "Saved here" not in page.text
    kiosk.listen()
    assert "Saved here." in phone.go("look").text


# ------------------------------------------------------------------ what others could read


@pytest.mark.requirement("D1")
def test_over_http_neither_words_nor_name_are_asked_for_and_it_is_said_why(port: int) -> None:
    """The two questions are left out in both directions; choices remain."""
    phone = Phone(port)
    assert said.NOT_ENCRYPTED in phone.page.text
    phone.press(*ORDINARY, "add-more")
    skip_to(phone, ScreenId.REPORTER)
    page = phone.press("skip")
    assert (page.screen, page.seen.typed) == (ScreenId.MEET, None)
    assert said.NOT_ASKED in page.text
    page = phone.press("skip")
    assert page.screen == ScreenId.TRUTHS
    assert said.NOT_ASKED in page.text
    phone.press("add-more")
    skip_to(phone, ScreenId.MEET)
    assert phone.go("back").screen == ScreenId.REPORTER


@pytest.mark.requirement("L5", "L7")
def test_over_https_words_and_name_reach_the_story(kiosk: LivingKiosk, secure: Phone) -> None:
    """In their own additions, as they were typed; the page says nothing of encryption."""
    assert said.NOT_ENCRYPTED not in secure.page.text
    secure.press(*ORDINARY, "add-more")
    skip_to(secure, ScreenId.NAME)
    secure.press("send-words", words="Łukasz <b>")
    assert secure.page.screen == ScreenId.MEET
    secure.press("skip")
    secure.press("send-words", words="He waits\r\nfor me. 🔒")
    assert secure.page.screen == ScreenId.TRUTHS
    (_, _), (_, named), (_, words) = kiosk.do(kept)
    assert named.name.decode() == "Łukasz <b>"
    assert words.text.decode() == "He waits\nfor me. 🔒"


def test_words_that_were_not_saved_stay_in_their_field(kiosk: LivingKiosk, secure: Phone) -> None:
    """And are sent once, however often they are tried; the browser shows them as text, whatever they are."""
    typed = '"><script>alert(1)</script> & more'
    secure.press(*ORDINARY, "add-more")
    skip_to(secure, ScreenId.WORDS)
    kiosk.die()
    secure.press("send-words", words=typed)
    assert "Could not save. Not sent. Go to reception." in secure.page.text
    assert secure.page.seen.typed == typed
    assert "<script" not in secure.page.raw
    kiosk.listen()
    secure.press("send-words")
    assert [story.text.decode() for _, story in kiosk.do(kept)] == ["", typed]


def test_too_many_words_are_told_and_kept(kiosk: LivingKiosk, secure: Phone) -> None:
    """A browser that lets in more than 500 letters: nothing is cut off, nothing is sent."""
    secure.press(*ORDINARY, "add-more")
    skip_to(secure, ScreenId.WORDS)
    secure.press("send-words", words="x" * 501)
    assert said.TOO_LONG in secure.page.text
    assert secure.page.seen.typed == "x" * 501
    secure.press("send-words", words="x" * 500)
    assert len(kiosk.do(kept)[-1][1].text) == 500


# ------------------------------------------------------------------ the pages themselves


@pytest.mark.requirement("L1", "D1")
def test_every_page_is_small_kept_by_nobody_and_can_be_left(port: int) -> None:
    """Strip and "Hide now" on each; no cookie, no script, nothing in the address, below 20 kB with its pictures."""
    phone = Phone(port)
    presses = ("not-sure", "yes", "not-sure", "more-pictures", "stranger", "send", "advice", "code", "give-code")
    for press in (*presses, "truths", "add-more", "me", "today", "skip", "skip"):
        page = phone.press(press)
        assert page.status == 200
        assert len(page.raw.encode()) < MOST_BYTES
        assert STRIP in page.text
        assert page.seen.links["/en/"].endswith("Hide now")
        assert page.headers["cache-control"] == "no-store"
        assert "set-cookie" not in page.headers
        assert "<script" not in page.raw
        assert 'action="/en/talk"' in page.raw


def test_done_leads_home_by_a_real_page(port: int) -> None:
    """303, so that nothing is sent again when it is opened anew."""
    phone = Phone(port)
    page = phone.post({**phone.press("yes").seen.hidden, "choice": "done"})
    assert (page.status, page.headers["location"]) == (303, "/en/")


def test_a_page_in_the_reader_s_language(kiosk: LivingKiosk, port: int) -> None:
    """The words are Easy English, staff read which language it was."""
    phone = Phone(port, language="en-x-easy")
    assert "Is someone in danger now?" in phone.page.text
    phone.press("yes")
    assert "We kept it here. We are trying to send it." in phone.page.text
    assert kiosk.do(kept)[0][1].language == "en-x-easy"


@pytest.mark.parametrize(
    ("until", "in_welsh", "english"),
    [("08:15 tomorrow", "08:15 yfory", "tomorrow"), ("08:15 on Monday", "Dydd Llun", "Monday")],
)
def test_when_somebody_is_on_duty_again_is_said_in_the_reader_s_language(
    kiosk: LivingKiosk, port: int, until: str, in_welsh: str, english: str
) -> None:
    """Beside the question and beside the truth: no English day in a Welsh sentence."""
    kiosk.do(lambda turns: setattr(turns.site.desk, "duty", Duty(DutyState.OFF, until)))
    connect(kiosk)
    phone = Phone(port, language="cy")
    for _ in range(2):
        assert in_welsh in phone.page.text
        assert english not in phone.page.text
        if phone.page.screen == ScreenId.DANGER:
            phone.press("yes")


@pytest.mark.requirement("L6")
def test_another_language_in_the_middle_of_a_talk_is_the_same_page(kiosk: LivingKiosk, port: int) -> None:
    """Nothing that was answered is asked again or stands in an address, before sending and after it."""
    phone = Phone(port)
    phone.press(*ORDINARY[:-1])
    page = phone.read_in("cy")
    assert (page.status, page.screen, page.headers["content-language"]) == (200, ScreenId.SEND, "cy")
    assert page.seen.tongues.keys() == {"/en/talk", "/en-x-easy/talk", "/cy/talk"}
    phone.press("send", "add-more", "me")
    page = phone.read_in("en-x-easy")
    assert page.screen == ScreenId.PACE
    phone.press("today")
    phone.go("back")
    told = [(story.category, story.who, story.pace, story.language) for _, story in kiosk.do(kept)]
    assert told == [("bullying", "", "", "cy"), ("", "me", "", "cy"), ("", "", "today", "en-x-easy")]
    assert phone.read_in("en").screen == ScreenId.PACE


def test_another_language_sends_nothing_and_loses_nothing(kiosk: LivingKiosk, port: int) -> None:
    """The five words are the same five; those that are looked up are still looked up."""
    phone = Phone(port)
    phone.press("yes", "code", "give-code")
    words = _code_on(phone)
    phone.read_in("cy")
    assert _code_on(phone) == words
    assert len(kiosk.do(kept)) == 2
    other = Phone(port)
    other.press("have-code")
    other.press("look-up", words=" ".join(words))
    assert other.read_in("en-x-easy").screen == ScreenId.FOUND
    assert "We kept it here." in other.page.text


def test_another_language_keeps_what_is_being_typed(kiosk: LivingKiosk, secure: Phone) -> None:
    """Half a message that has not been sent is in its field; one that was not saved is still said to be so."""
    secure.press(*ORDINARY, "add-more")
    skip_to(secure, ScreenId.WORDS)
    form = {**secure.page.seen.hidden, "go": "stay", "words": "He waits"}
    secure.language = "en-x-easy"
    secure.page = secure.post(form)
    assert (secure.page.screen, secure.page.seen.typed) == (ScreenId.WORDS, "He waits")
    assert len(kiosk.do(kept)) == 1
    kiosk.die()
    secure.press("send-words")
    page = secure.read_in("en")
    assert "Could not save. Not sent. Go to reception." in page.text
    assert page.seen.typed == "He waits"


def test_what_may_have_been_saved_is_one_report_in_whatever_language_it_is_tried_again(
    kiosk: LivingKiosk, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could tell whether it was saved; it was, and trying again in Welsh makes no second one."""
    phone = Phone(port)
    with monkeypatch.context() as slow:
        kiosk.do(partial(_slow_commits, monkeypatch=slow))
        phone.press("yes")
        assert "We can't tell if this was saved." in phone.page.text
    assert phone.read_in("cy").screen == ScreenId.TRUTHS
    phone.press("try-again")
    assert "tried" not in phone.page.seen.hidden
    assert [story.language for _, story in kiosk.do(kept)] == ["en"]
    phone.press("add-more", "no")
    assert [story.language for _, story in kiosk.do(kept)] == ["en", "cy"]


def test_pictures_turn_with_the_reader_as_at_the_kiosk() -> None:
    """The same ones on both."""
    assert TURNED == screen_pictures.TURNED


# ------------------------------------------------------------------ forms that come twice, forms from anybody


def test_a_form_that_is_sent_twice_is_one_report(kiosk: LivingKiosk, port: int) -> None:
    """Two presses of a trembling finger: two pages that say the same, one report; additions alike."""
    phone = Phone(port)
    form = phone.filled("choice", "yes", None)
    pages = [phone.post(form), phone.post(form)]
    assert ["Saved here." in page.text for page in pages] == [True, True]
    assert len(kiosk.do(kept)) == 1
    phone.page = pages[0]
    phone.press("add-more", "skip")
    twice = phone.filled("choice", "me", None)
    phone.post(twice)
    phone.post(twice)
    assert len(kiosk.do(kept)) == 2


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"screen=send&choice=send", b"x" * 16_000, b"a=1&" * 3_000])
def test_what_is_no_form_shows_the_first_question(kiosk: LivingKiosk, port: int, body: bytes) -> None:
    """200, and nothing kept."""
    page = Phone(port).post_raw(body)
    assert (page.status, page.screen) == (200, ScreenId.DANGER)
    assert kiosk.do(kept) == []


class Deaf(KioskLine):
    """A line that counts what is handed in and answers as a test wants."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))
        self.drafts: list[HandIn] = []
        self.outcome = Outcome.SAVED
        self.there = True

    def hand_in(self, draft: HandIn) -> HandedIn:
        self.drafts.append(draft)
        saved = self.outcome is Outcome.SAVED
        code = ("acorn", "badge", "cabin", "daisy", "eagle") if saved and draft.deed is Deed.CODE else ()
        return HandedIn(self.outcome, Duty(DutyState.ON), b"t" * 16 if saved else b"", code=code)

    def progress(self, ticket: bytes) -> Told:
        return self.look_up_digest(ticket)

    def look_up_digest(self, digest: bytes) -> Told:
        if not self.there:
            raise TechnicianError("k: no answer")
        return Told(Duty(DutyState.ON))

    def state(self, faults: tuple[str, ...] = ()) -> KioskState:
        raise AssertionError("a page asks for no state")


@pytest.mark.requirement("L6")
def test_typed_words_that_may_have_been_saved_are_the_same_draft_in_another_language() -> None:
    """Nonce and language of the first time go with them, so that the kiosk knows them again."""
    line, counter = Deaf(), iter(range(10**6))
    steps = TalkSteps(line, secondary(), now_ms=lambda: 1_000, random_bytes=lambda n: next(counter).to_bytes(n, "big"))
    said_before = Answers(danger="no", adult_here="no", category="bullying")
    form = TalkForm(b"n" * 16, b"t" * 16, ScreenId.WORDS, answers=said_before)
    line.outcome = Outcome.UNSURE
    for language, choice in (("en", "send-words"), ("cy", ""), ("cy", "send-words")):
        shown = steps.take(replace(form, choice=choice, words="hi", mark=steps.mark(form)), language, secure=True)
        assert shown is not None
        assert shown.state.typed_failed
        form = read_form(urlencode(shown.form.hidden()).encode(), secondary(), fresh=steps.fresh())
    first, second = line.drafts
    assert first == second


pressed = st.sampled_from(
    [
        *(screen.value for screen in ScreenId),
        *("yes", "no", "not-sure", "send", "send-words", "look-up", "me", "today", "give-code", "show-code"),
        *("take-back", "try-again", "skip", "come-here", "here", "at-break", "done", "bullying", "mend-words"),
        *("tell-again", "take-back-call", "show-words", "more-pictures", ""),
    ]
)
changed = st.dictionaries(
    st.sampled_from(["screen", "history", "ticket", "unsent", "tried", "code", "digest", "a-danger", "a-who", "page"]),
    st.sampled_from(["", "1", "yes", "me", "shown", "who", "danger", "truths", "words", "74" * 16, "64" * 32]),
    max_size=3,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(pressed, st.sampled_from(["", "", "back", "look", "again"]), st.text(max_size=5), changed)),
    st.booleans(),
    st.lists(st.sampled_from(Outcome), min_size=1),
    st.booleans(),
)
def test_no_forms_in_any_order_skip_danger_or_send_twice(
    presses: list[tuple[str, str, str, dict[str, str]]], secure: bool, outcomes: list[Outcome], there: bool
) -> None:
    """Any presses on any pages, tampered with, whatever the kiosk says: a page or the way home each time; of one form
    at most one draft is asked to be kept, and no report without the answer about danger."""
    line, counter = Deaf(), iter(range(10**6))
    line.there = there
    steps = TalkSteps(line, secondary(), now_ms=lambda: 1_000, random_bytes=lambda n: next(counter).to_bytes(n, "big"))
    words_shown = Words()
    shown = steps.begin("en")
    for number, (choice, go, words, tampered) in enumerate(presses):
        line.outcome, line.drafts = outcomes[number % len(outcomes)], []
        fields = {**shown.form.hidden(), **tampered, "choice": choice, "go": go, "words": words}
        body = urlencode({name: value for name, value in fields.items() if value}, errors="replace").encode()
        form = read_form(body, secondary(), fresh=steps.fresh())
        followed = steps.take(form, "en", secure=secure)
        kept_by_kiosk = [draft for draft in line.drafts if draft.deed is not Deed.CODE]
        refused_first = line.outcome is Outcome.UNKNOWN_TICKET
        assert len(kept_by_kiosk) <= (2 if refused_first else 1)
        for draft in line.drafts:
            assert draft.deed is not Deed.REPORT or draft.danger
            assert secure or not (draft.text or draft.name)
            assert draft.meet not in ("here", "come-here")
            assert all(not getattr(draft, name) for name in ANSWERS) or draft.deed in (Deed.REPORT, Deed.ADDITION)
        shown = steps.begin("en") if followed is None else followed
        page = phone_page(replace(shown, now_ms=5_000), secondary(), words_shown, secure=secure)
        assert page.title
        assert page.strip == STRIP
        assert secure or page.field in ("", "code")
