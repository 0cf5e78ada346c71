"""The talk's flow: what leaves when, and what never happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.messages import Draft, Kind, Stage, Urgency, decode, encode
from firmware.profile import Profile
from firmware.profile_parts import Place
from kiosk.talk import questions
from kiosk.talk.asking import CODES_REST_MS, WRONG_CODES_MAX
from kiosk.talk.flow import FIELD_CHARACTERS, STILL_THERE_MS, next_due_ms, step
from kiosk.talk.offers import CALL_SHOWN_MS, offered
from kiosk.talk.pages import talk_page, tip_page
from kiosk.talk.questions import ScreenId
from kiosk.talk.state import (
    Back,
    Chosen,
    CodeFound,
    CodeState,
    CodeUnknown,
    DeleteCharacter,
    Event,
    Field,
    Forget,
    HideNow,
    KeyDeleted,
    KeyTyped,
    LanguageChosen,
    LookUp,
    Opened,
    ProgressChanged,
    Saved,
    SaveFailed,
    Send,
    SilentCall,
    TalkState,
    Tick,
    TypeCharacter,
)
from kiosk.talk.tips import TIP_TURN_MS
from kiosk.talk.truths import DutyView, Facts, Truth, sentence, truth_of
from tests.support.talks import CODE_DIGEST, ROOM, Player, Proof, report_id, secondary, young

TOUCH = Opened("touch")
COPYING = ("more-pictures", "more-pictures", "more-pictures", "copying")
ORDINARY = (TOUCH, "no", "no", "bullying", "send")


@pytest.mark.requirement("L1", "L10")
def test_danger_leaves_with_the_second_touch() -> None:
    """Tile and "Yes" are two touches, and an urgent report is handed over with the second one."""
    player = Player(saves=False).play(TOUCH, "yes")
    (send,) = player.sends
    draft = send.draft
    assert (draft.kind, draft.urgency, draft.hurry, draft.private) == (Kind.REPORT, Urgency.NOW, True, False)
    assert (draft.story.danger, draft.story.route, draft.story.room) == ("yes", "safeguarding", ROOM)
    assert player.state.screen is ScreenId.TRUTHS


@pytest.mark.requirement("L1", "L3")
def test_an_ordinary_report_leaves_with_the_fifth_touch() -> None:
    """Tile, no, no, a picture, send: five touches, one draft with route and floor of its category, and no hurry."""
    player = Player().play(*ORDINARY)
    assert len(ORDINARY) == 5
    (send,) = player.sends
    assert (send.draft.story.category, send.draft.story.route) == ("bullying", "safeguarding")
    assert (send.draft.urgency, send.draft.hurry) == (Urgency.TODAY, False)


def test_nothing_leaves_before_it_is_sent() -> None:
    """Answers alone are no report: until "yes" to danger or "send", nothing is handed over."""
    assert Player().play(*ORDINARY[:-1]).sends == []


def test_young_learners_are_asked_three_questions() -> None:
    """The young variant goes from danger and adult straight to send."""
    player = Player(young()).play(TOUCH, "no", "no")
    assert player.state.screen is ScreenId.SEND
    assert player.play("send").sends[0].draft.story.route == "safeguarding"


@pytest.mark.requirement("L2", "L4", "L5", "L10")
def test_what_comes_later_is_an_addition_to_the_report() -> None:
    """Who, pace, staff, place and when to meet are each handed over alone, linked to the report, with its route."""
    player = Player().play(*ORDINARY, "add-more", "someone-else", "today", "nurse", "skip", "skip", "library", "skip")
    report, *additions = player.sends
    said = [(a.draft.story.who, a.draft.story.pace, a.draft.story.staff_choice, a.draft.story.meet) for a in additions]
    assert said == [
        ("someone-else", "", "", ""),
        ("", "today", "", ""),
        ("", "", "nurse", ""),
        ("", "", "", "library"),
    ]
    for addition in additions:
        assert addition.draft.kind is Kind.ADDITION
        assert addition.draft.about == report_id(report.ticket)
        assert addition.draft.story.route == report.draft.story.route
    assert player.state.screen is ScreenId.TRUTHS


def test_after_danger_the_other_questions_are_additions_that_may_be_skipped() -> None:
    """Adult, head and category follow a danger report one by one; each can be skipped."""
    player = Player().play(TOUCH, "yes", "add-more", "no", "grooming")
    assert [send.draft.kind for send in player.sends] == [Kind.REPORT, Kind.ADDITION, Kind.ADDITION]
    assert {send.draft.urgency for send in player.sends} == {Urgency.NOW}
    assert player.state.screen is ScreenId.WHO
    assert Player().play(TOUCH, "yes", "add-more", "skip").state.screen is ScreenId.WHO


@pytest.mark.parametrize("answer", ["yes", "not-sure"])
@pytest.mark.parametrize(("head", "route"), [("no", "head"), ("yes", "independent"), ("not-sure", "independent")])
def test_about_an_adult_here_is_private_and_goes_round_them(answer: str, head: str, route: str) -> None:
    """Yes and "not sure" alike: private, to the head's readers, or to independent ones when it may be the head."""
    player = Player().play(TOUCH, "no", answer, head, *COPYING, "send", "add-more", "me")
    report, addition = player.sends
    for send in (report, addition):
        assert (send.draft.private, send.draft.story.route) == (True, route)
        assert send.draft.urgency is Urgency.TODAY


def test_an_adult_named_after_danger_makes_the_rest_private() -> None:
    """What follows the answer is private, and stays so when the next question is skipped."""
    player = Player().play(TOUCH, "yes", "add-more", "yes", "no", "skip", "me")
    assert [send.draft.private for send in player.sends] == [False, True, True, True]
    assert player.sends[-1].draft.story.route == "head"


def test_a_changed_no_takes_the_head_back() -> None:
    """Going back from "is it the head" and answering no leaves nothing of the earlier answer."""
    player = Player().play(TOUCH, "no", "yes", "yes", Back(), Back(), "no", *COPYING, "send")
    story = player.sends[0].draft.story
    assert (story.adult_here, story.about_head, story.route) == ("no", "", "conduct")


@pytest.mark.requirement("L10")
def test_pace_can_only_make_it_faster() -> None:
    """ "Just so you know" cannot slow down a category's floor, and "act now" calls at once."""
    slow = Player().play(*ORDINARY, "add-more", "me", "information")
    assert slow.sends[-1].draft.urgency is Urgency.TODAY
    fast = Player().play(*ORDINARY, "add-more", "me", "now")
    assert (fast.sends[-1].draft.urgency, fast.sends[-1].draft.hurry) == (Urgency.NOW, True)


@pytest.mark.requirement("L10")
def test_the_screen_says_first_that_danger_overrides_the_pace() -> None:
    """The danger page says it before it is answered, and the pace page before a pace is chosen."""
    duty = DutyView()
    first = talk_page(Player().play(TOUCH).state, secondary(), duty, 0)
    assert "before any other answer" in " ".join(first.body)
    danger = Player().play(TOUCH, "yes", "add-more", "skip", "me")
    assert "whatever you choose here" in " ".join(talk_page(danger.state, secondary(), duty, 0).body)


@pytest.mark.parametrize("category", ["copying", "downloads"])
def test_danger_is_read_by_those_who_look_after_people(category: str) -> None:
    """A conduct category does not take a report of danger, or perhaps danger, to the conduct queue."""
    player = Player().play(TOUCH, "not-sure", "no", *COPYING[:-1], category, "send")
    assert player.sends[0].draft.story.route == "safeguarding"
    assert player.sends[0].draft.urgency is Urgency.TODAY


def test_every_category_can_be_reached_in_pages_of_six() -> None:
    """Turning "more pictures" shows each category once, "rather not say" every time, and comes round again."""
    player = Player().play(TOUCH, "no", "no")
    seen: list[str] = []
    for _ in range(4):
        ids = [option.id for option in offered(player.state, player.policy, 0)]
        assert questions.RATHER_NOT_SAY in ids
        assert len(ids) <= questions.CATEGORIES_PER_PAGE + 2
        seen += ids[:-2]
        player.play("more-pictures")
    assert seen == [option.id for option in questions.CATEGORIES]
    assert player.state.category_page == 0


# ------------------------------------------------------------------ hide, back, idle


def test_hiding_drops_only_what_was_not_sent() -> None:
    """Before sending, hide leaves nothing behind; a draft under way is still awaited after it."""
    assert Player().play(TOUCH, "no", "yes", HideNow()).state.answers.adult_here == ""
    player = Player(saves=False).play(TOUCH, "yes", HideNow())
    assert player.state.screen is ScreenId.IDLE
    assert [sending.send for sending in player.state.sendings] == player.sends
    assert player.effects[-1] == Forget()
    player.play(Saved(1, report_id(1)))
    assert player.state.sendings == ()


def test_a_tap_of_the_button_hides_an_open_talk() -> None:
    """The button opens the talk, and hides it when it is open; the tile's touch does not."""
    player = Player().play(Opened("button"))
    assert player.state.screen is ScreenId.DANGER
    assert player.play(TOUCH).state.screen is ScreenId.DANGER
    assert player.play(Opened("button")).state.screen is ScreenId.IDLE


def test_idling_asks_quietly_and_then_wipes() -> None:
    """90 s without a touch: "still there?"; 15 s more: tips, and the answers are gone. Any touch starts anew."""
    player = Player().play(TOUCH, "no").wait(secondary().idle_ms).play(Tick())
    assert player.state.still_there
    assert "Still there" in talk_page(player.state, secondary(), DutyView(), player.now_ms).still_there
    assert next_due_ms(player.state, secondary()) == player.now_ms + STILL_THERE_MS
    player.play("no").wait(secondary().idle_ms - 1).play(Tick())
    assert (player.state.still_there, player.state.screen) == (False, ScreenId.CATEGORY)
    player.wait(STILL_THERE_MS + 1).play(Tick())
    assert player.state.screen is ScreenId.IDLE
    assert player.effects[-1] == Forget()


def test_back_never_leads_to_before_the_sending() -> None:
    """Back goes one screen back; from the first it hides; from the truths there is no way back."""
    assert Player().play(TOUCH, "no", "no", Back()).state.screen is ScreenId.ADULT
    assert Player().play(TOUCH, Back()).state.screen is ScreenId.IDLE
    assert Player().play(*ORDINARY, Back()).state.screen is ScreenId.TRUTHS


@pytest.mark.requirement("D1")
def test_the_next_learner_finds_nothing() -> None:
    """After a whole talk with hide, nothing of it stands in the state but the tips."""
    player = Player().play(*ORDINARY, "code", "give-code", LanguageChosen("en-x-easy"), HideNow())
    blank = TalkState(room=ROOM, touched_ms=player.now_ms, next_ticket=player.state.next_ticket, tips=player.state.tips)
    assert player.state == blank


def test_a_touch_that_is_not_offered_changes_nothing() -> None:
    """An option of another screen, touched late, neither answers nor sends."""
    player = Player().play(TOUCH)
    before = player.state
    assert player.play("send", "give-code", "bullying", "add-more", "nonsense").state == before
    assert player.sends == []


def test_a_site_may_name_a_place_like_one_of_our_answers() -> None:
    """A place whose id is "send" is a place."""
    policy = young()
    place = Place("send", "At the bus stop")
    player = Player(replace(policy, places=(place,)))
    player.play(*ORDINARY[:3], "send", "add-more", "me", "information", "skip", "skip", "send")
    assert player.sends[-1].draft.story.meet == "send"
    assert player.sends[-1].draft.kind is Kind.ADDITION


# ------------------------------------------------------------------ silent call


@pytest.mark.requirement("L5", "L1")
@pytest.mark.parametrize("before", [(), (TOUCH,), (TOUCH, "no", "no"), ORDINARY])
def test_a_silent_call_leaves_at_once_and_changes_only_the_tip(before: tuple[Event | str, ...]) -> None:
    """From any screen: an urgent call is handed over, the screen stays, the tip turns; a second hold calls again."""
    player = Player().play(*before)
    screen, answers, tip, sent = player.state.screen, player.state.answers, player.state.tips.index, len(player.sends)
    player.play(SilentCall(), SilentCall())
    calls = player.sends[sent:]
    assert [(c.draft.kind, c.draft.urgency, c.draft.hurry, c.draft.private) for c in calls] == [
        (Kind.SILENT_CALL, Urgency.NOW, True, False)
    ] * 2
    assert (player.state.screen, player.state.answers) == (screen, answers)
    assert player.state.tips.index == tip + 2


def test_a_tip_turned_by_a_silent_call_looks_like_any_other() -> None:
    """Apart from the dot, the page after a call is the page after 20 s."""
    called = Player().play(SilentCall())
    waited = Player().wait(TIP_TURN_MS).play(Tick())
    duty = DutyView()
    one = tip_page(called.state, secondary(), duty, called.now_ms)
    other = tip_page(waited.state, secondary(), duty, waited.now_ms)
    assert (one.title, one.body, one.picture) == (other.title, other.body, other.picture)


def test_a_silent_call_is_taken_back_on_the_screen_only_and_closes_nothing() -> None:
    """The danger page offers it for a while; it hands over TAKE_BACK about the call; a hold never takes back."""
    player = Player().play(SilentCall(), TOUCH, "take-back-call")
    call, back = player.sends
    assert (back.draft.kind, back.draft.about) == (Kind.TAKE_BACK, report_id(call.ticket))
    assert player.state.call is not None
    assert player.play("take-back-call").sends == [call, back]
    late = Player().play(SilentCall()).wait(CALL_SHOWN_MS).play(TOUCH, "take-back-call")
    assert [send.draft.kind for send in late.sends] == [Kind.SILENT_CALL]


def test_a_report_is_taken_back_once_and_stays() -> None:
    """Taking back is one more envelope about the report; the report itself stays on the page."""
    player = Player().play(*ORDINARY, "take-back", "take-back")
    assert [send.draft.kind for send in player.sends] == [Kind.REPORT, Kind.TAKE_BACK]
    assert player.state.report is not None
    assert player.sends[1].draft.about == report_id(player.sends[0].ticket)


# ------------------------------------------------------------------ typing


def _type(player: Player, words: str) -> Player:
    return player.play(*(KeyTyped(character) for character in words))


def _at_words() -> Player:
    return Player().play(*ORDINARY, "add-more", "skip", "skip", "skip", "skip", "skip", "skip")


@pytest.mark.requirement("L6")
def test_words_are_typed_one_by_one_up_to_the_limit() -> None:
    """500 characters; the state counts them and holds none; one more is not taken; delete takes one away."""
    player = _type(_at_words(), "x" * (FIELD_CHARACTERS[Field.TEXT] + 1))
    assert player.state.screen is ScreenId.WORDS
    assert player.state.typed_characters == FIELD_CHARACTERS[Field.TEXT] == 500
    assert player.effects.count(TypeCharacter("x")) == 500
    assert player.play(KeyDeleted()).state.typed_characters == 499
    assert player.effects[-1] == DeleteCharacter()


def test_words_are_dots_until_show() -> None:
    """They are hidden at first, shown on request, and hidden again on request."""
    player = _type(_at_words(), "abc")
    assert not player.state.typed_shown
    assert player.play("show-words").state.typed_shown
    assert not player.play("dot-words").state.typed_shown


def test_sent_words_are_forgotten_once_saved() -> None:
    """The draft asks for the words; after *saved* they are wiped and the talk goes on."""
    player = _type(_at_words(), "abc").play("send-words")
    assert player.sends[-1].words is Field.TEXT
    assert player.effects[-1] == Forget()
    assert (player.state.screen, player.state.typed_characters) == (ScreenId.TRUTHS, 0)


def test_words_that_could_not_be_saved_stay_to_be_sent_again() -> None:
    """The page says that they were not sent, keeps them, and a second try hands over a new draft."""
    player = _type(_at_words(), "abc")
    player.saves = False
    player.play("send-words", SaveFailed(player.state.next_ticket))
    ticket = player.sends[-1].ticket
    player.play(SaveFailed(ticket))
    assert (player.state.typed_failed, player.state.typed_characters) == (True, 3)
    page = talk_page(player.state, secondary(), DutyView(), 0)
    assert page.truth == "Could not save. Not sent. Go to reception."
    player.saves = True
    assert player.play("send-words").sends[-1].ticket == ticket + 1
    assert player.state.screen is ScreenId.TRUTHS


def test_leaving_the_page_wipes_unsent_words() -> None:
    """Skip, back and hide each overwrite what was typed."""
    for leaving in ("skip", Back(), HideNow()):
        player = _type(_at_words(), "abc").play(leaving)
        assert player.effects[-1] == Forget()
        assert player.state.typed_characters == 0


def test_a_name_is_offered_not_asked_for() -> None:
    """The name is its own addition and goes into the story's name; without it nothing is sent."""
    player = Player().play(*ORDINARY, "add-more", "me", "information", "skip")
    at_name, sent = player.state.screen, len(player.sends)
    _type(player, "Sam").play("send-words")
    assert [send.words for send in player.sends[sent:]] == [Field.NAME]
    assert (at_name, player.state.screen) == (ScreenId.NAME, ScreenId.MEET)


@pytest.mark.requirement("L9")
@pytest.mark.parametrize("reporter", ["learner", "staff", "visitor", "parent-or-carer"])
def test_whoever_reports_may_say_who_they_are(reporter: str) -> None:
    """After sending and never before; it is an addition of its own, and what follows does not say it again."""
    player = Player().play(*ORDINARY)
    assert player.sends[0].draft.story.reporter == ""
    player.play("add-more", "me", "information")
    assert player.state.screen is ScreenId.REPORTER
    player.play(reporter)
    assert (player.sends[-1].draft.story.reporter, player.state.screen) == (reporter, ScreenId.NAME)
    player.play("skip", "library")
    assert (player.sends[-1].draft.story.reporter, player.sends[-1].draft.story.meet) == ("", "library")


def test_who_reports_need_not_be_said() -> None:
    """Skipping sends nothing."""
    player = Player().play(*ORDINARY, "add-more", "skip", "skip", "skip", "skip")
    assert (len(player.sends), player.state.screen) == (1, ScreenId.NAME)


@pytest.mark.requirement("D7")
def test_the_privacy_notice_is_one_touch_from_the_tips() -> None:
    """It opens like any page of the talk, hides like one, leads back to the tips, or on to the question of danger."""
    for leaving in (Back(), HideNow(), "done", Opened("button")):
        player = Player().play("privacy")
        assert player.state.screen is ScreenId.PRIVACY
        assert player.play(leaving).state.screen is ScreenId.IDLE
    player = Player().play("privacy", "danger")
    assert player.state.screen is ScreenId.DANGER
    assert player.play(Back()).state.screen is ScreenId.PRIVACY
    assert player.sends == []


# ------------------------------------------------------------------ code and failures


@pytest.mark.requirement("L7")
def test_a_code_is_shown_only_when_its_digest_is_saved() -> None:
    """The digest goes into an addition first; then five words, "kept" hides them, "show again" shows them."""
    player = Player().play(*ORDINARY, "code")
    player.saves = False
    player.play("give-code")
    addition = player.sends[-1]
    assert addition.draft.story.code_digest == CODE_DIGEST
    assert _code(player) == ()
    player.play(Saved(addition.ticket, report_id(addition.ticket)))
    assert len(_code(player)) == 5
    assert _code(player.play("kept-code")) == ()
    assert len(_code(player.play("show-code"))) == 5


def _code(player: Player) -> tuple[str, ...]:
    return talk_page(player.state, player.policy, DutyView(), player.now_ms).code


def test_a_code_whose_digest_was_not_saved_is_never_shown() -> None:
    """When the addition fails, no code was given."""
    player = Player().play(*ORDINARY, "code")
    player.saves = False
    player.play("give-code")
    player.play(SaveFailed(player.sends[-1].ticket))
    assert player.state.code is CodeState.NONE
    assert _code(player) == ()


@pytest.mark.requirement("L7")
def test_a_code_that_failed_once_is_shown_at_the_second_try() -> None:
    """The failed try leaves nothing behind that hides the words, and nothing to be tried again."""
    player = Player().play(*ORDINARY, "code")
    player.saves = False
    player.play("give-code")
    player.play(SaveFailed(player.sends[-1].ticket), "give-code")
    player.play(Saved(player.sends[-1].ticket, report_id(9)))
    assert len(_code(player)) == 5
    assert player.state.sendings == ()


# ------------------------------------------------------------------ five words


def _asking(words: str = "a b") -> Player:
    return _type(Player().play(TOUCH, "have-code"), words).play("look-up")


@pytest.mark.requirement("L7")
def test_five_words_lead_to_the_truth_of_their_report() -> None:
    """The words are looked up where they are, wiped when found, and the page follows what is proved from then on."""
    player = _asking()
    assert player.effects.count(LookUp()) == 1
    player.play(CodeFound(Proof(stages=frozenset({Stage.STORED}))))
    assert player.effects[-1] == Forget()
    assert (player.state.screen, player.state.typed_characters, player.sends) == (ScreenId.FOUND, 0, [])
    page = talk_page(player.state, secondary(), DutyView(), player.now_ms)
    assert page.truth == "The office computer has it. No answer yet."
    player.play(ProgressChanged(Proof(stages=frozenset({Stage.CLOSED}))))
    page = talk_page(player.state, secondary(), DutyView(), player.now_ms)
    assert page.truth == "Staff have closed this. Not over? Tell us again."
    assert [option.id for option in page.options] == ["tell-again", "done"]


@pytest.mark.requirement("L7")
def test_whoever_tells_again_is_asked_about_danger_first() -> None:
    """What was found is left behind: a new report, with nothing of the old one in view."""
    player = _asking().play(CodeFound(Proof(stages=frozenset({Stage.CLOSED}))), "tell-again")
    assert (player.state.screen, player.state.found) == (ScreenId.DANGER, None)
    player.play("yes")
    assert player.sends[0].draft.kind is Kind.REPORT
    assert player.sends[0].draft.story.danger == "yes"


def test_having_words_is_no_answer_about_danger() -> None:
    """The way there and back leaves the question open."""
    player = Player().play(TOUCH, "have-code")
    assert player.state.answers.danger == ""
    assert player.play(Back()).state.screen is ScreenId.DANGER


@pytest.mark.requirement("L7")
def test_a_found_report_that_is_in_trouble_names_both_places() -> None:
    """Nobody may tell here whether it is about an adult who works here: inside and outside are named."""
    player = _asking().play(CodeFound(Proof(stages=frozenset({Stage.REFUSED}))))
    page = talk_page(player.state, secondary(), DutyView(), player.now_ms)
    assert page.truth == "The office could not open this. Go to reception or someone you trust outside school."


@pytest.mark.requirement("L7")
def test_words_that_are_not_known_stay_to_be_mended() -> None:
    """The page says where to go; trying again or going back finds the words as they were typed."""
    for mending in ("mend-words", Back()):
        player = _asking().play(CodeUnknown())
        page = talk_page(player.state, secondary(), DutyView(), 0)
        assert page.truth.startswith(
            "We do not know these words here. Try the kiosk that you used, or go to reception or"
        )
        assert [option.id for option in page.options] == ["mend-words", "tell-again", "done"]
        player.play(mending)
        assert (player.state.screen, player.state.typed_characters) == (ScreenId.LOOK_UP, 3)
        assert player.state.history == (ScreenId.DANGER,)
        assert Forget() not in player.effects


@pytest.mark.parametrize("leaving", ["tell-again", "done", HideNow(), Opened("button")])
def test_unknown_words_are_wiped_when_they_are_left(leaving: Event | str) -> None:
    """Nobody who comes later finds them."""
    player = _asking().play(CodeUnknown(), leaving)
    assert player.effects[-1] == Forget()
    assert player.state.typed_characters == 0


@pytest.mark.requirement("L7")
def test_after_five_wrong_codes_there_is_a_pause_that_hiding_does_not_end() -> None:
    """A minute without a look-up, for everybody; then it goes on, and a found code forgets the wrong ones."""
    player = Player().play(TOUCH, "have-code")
    _type(player, "x")
    for _ in range(WRONG_CODES_MAX):
        player.play("look-up", CodeUnknown(), "mend-words")
    looked_up = player.effects.count(LookUp())
    player.play(HideNow(), TOUCH, "have-code")
    _type(player, "x").play("look-up")
    assert player.effects.count(LookUp()) == looked_up
    assert "Wait a minute" in talk_page(player.state, secondary(), DutyView(), player.now_ms).truth
    player.wait(CODES_REST_MS).play("mend-words", "look-up", CodeUnknown(), "mend-words", "look-up", CodeFound(Proof()))
    assert (player.state.screen, player.state.wrong_codes) == (ScreenId.FOUND, 0)


@pytest.mark.parametrize("leaving", ["tell-again", Back(), HideNow(), Opened("button")])
def test_leaving_wipes_words_that_were_not_looked_up(leaving: Event | str) -> None:
    """Zeros, and the next person finds nothing."""
    player = _type(Player().play(TOUCH, "have-code"), "abc").play(leaving)
    assert player.effects[-1] == Forget()
    assert player.state.typed_characters == 0


def test_an_answer_that_nobody_waits_for_shows_nothing() -> None:
    """Found after hiding: the tips stay."""
    player = _asking().play(HideNow(), CodeFound(Proof()))
    assert (player.state.screen, player.state.found) == (ScreenId.IDLE, None)


def test_meeting_is_another_way_to_be_answered() -> None:
    """Here, at break or at the end of the day, each an addition; without any of them the page says what follows."""
    for answer in questions.MEET_ANSWERS:
        assert Player().play(*ORDINARY, "code", answer).sends[-1].draft.story.meet == answer
    alone = Player().play(*ORDINARY, "code", "no-reply")
    assert talk_page(alone.state, secondary(), DutyView(), 0).body == ("Then we cannot reply or find you.",)


def test_a_report_that_could_not_be_saved_can_be_tried_again() -> None:
    """The page says so, offers nothing that needs a saved report, and "try again" hands over the same draft."""
    player = Player(saves=False).play(TOUCH, "yes")
    player.play(SaveFailed(1))
    page = talk_page(player.state, secondary(), DutyView(), 0)
    assert page.truth == "Could not save. Not sent. Go to reception."
    assert [option.id for option in page.options] == ["try-again", "advice", "done"]
    player.play("try-again")
    assert player.sends[0] == player.sends[1]
    player.play(Saved(1, report_id(1)))
    assert player.state.saved


def test_a_failure_that_nobody_saw_is_told_on_the_next_page() -> None:
    """Hidden before the answer came: the idle page names the human way, and the next learner's talk is not touched."""
    player = Player(saves=False).play(TOUCH, "yes", HideNow(), TOUCH, "no", SaveFailed(1))
    assert player.state.screen is ScreenId.ADULT
    assert player.state.report is None
    note = tip_page(player.play(HideNow()).state, secondary(), DutyView(), player.now_ms).note
    assert note == "Could not save. Not sent. Go to reception."


def test_another_learner_s_failed_draft_is_not_offered_to_be_tried_again() -> None:
    """Its failure comes while the next report stands on the page: that page says nothing of it and offers nothing."""
    player = Player(saves=False).play(TOUCH, "yes", HideNow(), TOUCH, "yes", Saved(2, report_id(2)), SaveFailed(1))
    page = talk_page(player.state, secondary(), DutyView(), 0)
    assert "try-again" not in [option.id for option in page.options]
    assert page.body == ()
    assert player.state.unseen_failure_ms == player.now_ms


# ------------------------------------------------------------------ whatever happens

ALL_OPTIONS = sorted(
    {option.id for screen in questions.SCREENS.values() for option in screen.options}
    | {option.id for option in (*questions.CATEGORIES[:3], *questions.LOOSE_OPTIONS)}
    | {"library", "nurse", "quiz-1"}
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from(ALL_OPTIONS).map(Chosen),
    st.sampled_from([TOUCH, Opened("button"), HideNow(), Back(), Tick(), SilentCall(), KeyDeleted()]),
    st.characters().map(KeyTyped),
    st.integers(0, 9).map(lambda ticket: Saved(ticket, report_id(ticket))),
    st.integers(0, 9).map(SaveFailed),
    st.just(CodeUnknown()),
    st.frozensets(st.sampled_from(Stage)).map(lambda stages: CodeFound(Proof(stages=stages))),
    st.builds(
        lambda ticket, stages: ProgressChanged(Proof(report_id(ticket), stages=stages)),
        st.integers(1, 9),
        st.frozensets(st.sampled_from(Stage)),
    ),
)


@pytest.mark.parametrize("policy", [secondary(), young()], ids=["standard", "young"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_order_of_events_breaks_the_talk(policy: Profile, data: st.DataObject) -> None:
    """Never raises, never reuses a ticket, never links to what was not saved, never makes less private or less
    urgent, never loses a draft that nobody has answered, never shows a truth beyond its proof."""
    play = _Watcher(policy)
    for _ in range(data.draw(st.integers(1, 40))):
        what = data.draw(st.sampled_from(["offered", "answer", "any"]))
        if what == "offered":
            ids = [option.id for option in offered(play.state, policy, play.now_ms)]
            play.step(Chosen(data.draw(st.sampled_from(ids))) if ids else TOUCH)
        elif what == "answer" and play.unanswered:
            ticket = data.draw(st.sampled_from(sorted(play.unanswered)))
            saved = data.draw(st.booleans())
            play.step(Saved(ticket, report_id(ticket), ("a",) * 5, CODE_DIGEST) if saved else SaveFailed(ticket))
        else:
            play.step(data.draw(EVENTS))
        play.now_ms += data.draw(st.sampled_from([0, 10, 6_000, 21_000, 91_000]))


class _Watcher:
    """Steps a talk and holds what must always be true against it."""

    def __init__(self, policy: Profile) -> None:
        self.policy = policy
        self.state = TalkState(room=ROOM)
        self.now_ms = 0
        self.unanswered: dict[int, Draft] = {}
        self.drafts: dict[int, Draft] = {}
        self.saved: dict[bytes, Draft] = {}

    def step(self, event: Event) -> None:
        before = self.state
        answered = event.ticket if isinstance(event, Saved | SaveFailed) else None
        if isinstance(event, Saved) and event.ticket in self.unanswered:
            self.saved[event.report] = self.unanswered[event.ticket]
        if answered is not None:
            self.unanswered.pop(answered, None)
        self.state, effects = step(before, event, self.now_ms, self.policy)
        for effect in effects:
            if isinstance(effect, Send):
                self._sent(effect)
        self._nothing_lost()
        self._no_truth_without_proof()

    def _sent(self, send: Send) -> None:
        assert send.ticket not in self.unanswered
        assert self.drafts.setdefault(send.ticket, send.draft) == send.draft
        self.unanswered[send.ticket] = send.draft
        assert decode(encode(send.draft), Draft) == send.draft
        draft = send.draft
        if draft.kind in (Kind.ADDITION, Kind.TAKE_BACK):
            main = self.saved[draft.about]
            assert draft.private or not main.private
            order = [Urgency.INFORMATION, Urgency.TODAY, Urgency.NOW]
            assert order.index(draft.urgency) >= order.index(main.urgency)
            assert draft.story.route in ("head", "independent") or not draft.private
        else:
            assert draft.about == b""

    def _nothing_lost(self) -> None:
        awaited = {sending.send.ticket for sending in self.state.sendings}
        assert set(self.unanswered) <= awaited

    def _no_truth_without_proof(self) -> None:
        duty = DutyView()
        if not self.state.open:
            assert tip_page(self.state, self.policy, duty, self.now_ms).title
            return
        page = talk_page(self.state, self.policy, duty, self.now_ms)
        assert page.strip == questions.STRIP
        told = self.state.report
        if page.screen is ScreenId.FOUND:
            stages = self.state.found.stages if self.state.found else frozenset()
            assert page.truth != "Saving…"
            assert ("staff member has answered" in page.truth) <= (Stage.ACKNOWLEDGED in stages)
            assert ("has it" in page.truth) <= bool(stages)
        if page.screen is ScreenId.TRUTHS and told is not None:
            stages = told.progress.stages if told.progress else frozenset()
            assert ("staff member has answered" in page.truth) <= (Stage.ACKNOWLEDGED in stages)
            assert ("Saved here" in page.truth) <= (told.report in self.saved or told.progress is not None)
            assert truth_of(told.progress, duty, self.now_ms, failed=told.failed).truth in (None, *Truth)


def test_the_sentence_for_an_adult_here_leads_outside() -> None:
    """For a private report the place to go to lies outside the school, on every truth that names one."""
    player = Player(saves=False).play(TOUCH, "no", "yes", "no", "bullying", "send", SaveFailed(1))
    page = talk_page(player.state, secondary(), DutyView(), 0)
    assert page.truth.endswith("Go to someone you trust outside school.")
    assert page.duty == sentence(Truth.DUTY_UNKNOWN, Facts.of(secondary(), private=True))
