"""What stands on each page: the strip, the duty line, the dot, and what is never said anywhere."""

from __future__ import annotations

import pytest

from firmware.messages import DutyState, Stage
from kiosk.talk import questions
from kiosk.talk.advice import PICTURES as PICTURE_ADVICE
from kiosk.talk.advice import SENTENCES, advice_for
from kiosk.talk.catalogue import SAFETY, sentences, site_sentences
from kiosk.talk.pages import talk_page, tip_page
from kiosk.talk.pictures import PICTURES
from kiosk.talk.questions import SCREENS, ScreenId
from kiosk.talk.state import Chosen, CodeFound, Event, HideNow, Opened, ProgressChanged, SaveFailed, SilentCall, Tick
from kiosk.talk.tips import TIP_TURN_MS
from kiosk.talk.truths import DutyView, Sign
from tests.support.talks import Player, Proof, report_id, secondary

TOUCH = Opened("touch")
ON, OFF = DutyView(DutyState.ON, "16:15"), DutyView(DutyState.OFF, "08:15 on Monday")
WAYS: dict[ScreenId, tuple[Event | str, ...]] = {
    ScreenId.DANGER: (),
    ScreenId.LOOK_UP: ("have-code",),
    ScreenId.FOUND: ("have-code", CodeFound(Proof())),
    ScreenId.ADULT: ("no",),
    ScreenId.HEAD: ("no", "yes"),
    ScreenId.CATEGORY: ("no", "no"),
    ScreenId.SEND: ("no", "no", "images"),
    ScreenId.TRUTHS: ("yes",),
    ScreenId.WHO: ("yes", "add-more", "skip"),
    ScreenId.PACE: ("yes", "add-more", "skip", "me"),
    ScreenId.STAFF: ("yes", "add-more", "skip", "me", "today"),
    ScreenId.REPORTER: ("yes", "add-more", "skip", "me", "information"),
    ScreenId.NAME: ("yes", "add-more", "skip", "me", "information", "skip"),
    ScreenId.MEET: ("yes", "add-more", "skip", "me", "information", "skip", "skip"),
    ScreenId.WORDS: ("yes", "add-more", "skip", "me", "information", "skip", "skip", "skip"),
    ScreenId.ADVICE: ("yes", "advice"),
    ScreenId.CODE: ("yes", "code"),
    ScreenId.NO_REPLY: ("yes", "code", "no-reply"),
    ScreenId.PRIVACY: (HideNow(), "privacy"),
}


def test_each_screen_of_the_table_can_be_reached() -> None:
    """The ways below reach every screen of the table, so that the page tests leave none out."""
    assert set(WAYS) == set(SCREENS) == set(ScreenId) - {ScreenId.IDLE}


@pytest.mark.parametrize("screen", list(WAYS))
def test_strip_hide_and_duty_stand_on_every_page(screen: ScreenId) -> None:
    """No page promises a secret, every page can be hidden, and off duty every page says so, before and after."""
    player = Player().play(TOUCH, *WAYS[screen])
    page = talk_page(player.state, secondary(), OFF, player.now_ms)
    assert page.screen is screen
    assert page.strip == "We cannot promise to keep this secret. We tell only people who must know."
    assert page.hide == "Hide now"
    assert page.duty == "Nobody is on duty until 08:15 on Monday. Danger: 999. Childline: 0800 1111."
    assert talk_page(player.state, secondary(), ON, player.now_ms).duty == ""


@pytest.mark.requirement("L6")
@pytest.mark.parametrize("screen", list(WAYS))
def test_every_answer_has_a_picture(screen: ScreenId) -> None:
    """Each thing to touch has one of our pictograms, so that nobody needs to read; typing can always be skipped."""
    player = Player().play(TOUCH, *WAYS[screen])
    options = talk_page(player.state, secondary(), ON, player.now_ms).options
    assert options
    assert all(option.picture in PICTURES for option in options)
    if screen in (ScreenId.NAME, ScreenId.WORDS):
        assert [option.id for option in options] == ["skip"]


@pytest.mark.requirement("L8")
@pytest.mark.parametrize("category", [option.id for option in (*questions.CATEGORIES, questions.RATHER_NOT_SAY_OPTION)])
def test_each_category_has_advice_and_somebody_who_helps(category: str) -> None:
    """The advice page has sentences of its own for it, and at least one help line with a name and a way to reach it."""
    assert category in SENTENCES
    advice = advice_for(category, secondary(), danger=False, private=False)
    assert advice.sentences == SENTENCES[category]
    assert all(line.name and line.contact for line in advice.help_lines)
    assert advice.help_lines


@pytest.mark.requirement("L8", "L12")
def test_pictures_are_never_to_be_shown_even_to_staff() -> None:
    """Whoever chose pictures reads: not to anyone, not even to staff; talk first; where they are taken down."""
    player = Player().play(TOUCH, "no", "no", "images", "send", "advice")
    page = talk_page(player.state, secondary(), ON, player.now_ms)
    assert set(PICTURE_ADVICE) <= set(page.body)
    assert "not even to staff" in PICTURE_ADVICE[0]
    assert "before you delete" in PICTURE_ADVICE[1]
    assert "Report Remove" in [line.name for line in page.help_lines]


@pytest.mark.requirement("L12")
def test_nothing_asks_for_an_image_or_promises_too_much() -> None:
    """No sentence of talk or profile asks to send or upload a picture, and none says what we cannot keep."""
    never = ("anonymous", "nobody will know", "keeps you safe", "keep you safe", "upload", "attach", "screenshot")
    for sentence in (*sentences(), *site_sentences(secondary())):
        for words in never:
            assert words not in sentence.casefold()
        if "picture" in sentence and "send" in sentence.casefold():
            assert "not" in sentence or "Nobody may" in sentence or "don't" in sentence
    assert not any("secret" in sentence and "cannot" not in sentence for sentence in SAFETY)


def test_danger_and_adult_change_the_advice() -> None:
    """Danger puts getting away and 999 first; an adult here adds somebody outside."""
    player = Player().play(TOUCH, "yes", "advice")
    assert "call 999" in talk_page(player.state, secondary(), ON, 0).body[0]
    private = Player().play(TOUCH, "no", "yes", "no", "hurt-or-scared", "send", "advice")
    assert "outside school" in talk_page(private.state, secondary(), ON, 0).body[-1]


@pytest.mark.parametrize(
    ("stages", "sign"),
    [
        (frozenset[Stage](), Sign.HOLLOW),
        (frozenset({Stage.STORED}), Sign.HALF),
        (frozenset({Stage.STORED, Stage.NOTICED}), Sign.HALF),
        (frozenset({Stage.ACKNOWLEDGED}), Sign.FULL),
        (frozenset({Stage.REFUSED}), Sign.FAILED),
    ],
)
def test_the_dot_of_a_silent_call(stages: frozenset[Stage], sign: Sign) -> None:
    """Hollow when saved, half when arrived, full only when a staff member has answered, another shape when not."""
    player = Player().play(SilentCall())
    player.play(ProgressChanged(Proof(report_id(1), saved_ms=player.now_ms, stages=stages)))
    assert tip_page(player.state, secondary(), ON, player.now_ms).dot is sign


def test_the_dot_is_not_there_without_a_call_nor_before_it_is_saved() -> None:
    """A quiet corner says nothing that was not proved."""
    assert tip_page(Player().state, secondary(), ON, 0).dot is Sign.NONE
    unsaved = Player(saves=False).play(SilentCall())
    assert tip_page(unsaved.state, secondary(), ON, unsaved.now_ms).dot is Sign.NONE
    assert tip_page(unsaved.play(SaveFailed(1)).state, secondary(), ON, unsaved.now_ms).dot is Sign.FAILED


def test_an_unreachable_office_stands_on_the_next_tip() -> None:
    """The tip that turned with the call says nothing more; the one after 20 s names the human way."""
    player = Player().play(SilentCall())
    player.play(ProgressChanged(Proof(report_id(1), saved_ms=player.now_ms)))
    player.wait(TIP_TURN_MS - 1)
    assert tip_page(player.state, secondary(), ON, player.now_ms).note == ""
    player.wait(1).play(Tick())
    note = tip_page(player.state, secondary(), ON, player.now_ms).note
    assert note == "Still trying. Don't wait: go to reception. Danger: 999."


def test_a_silent_call_off_duty_is_told_so() -> None:
    """When nobody is on duty the tip says until when, in ordinary type; without a call it says nothing."""
    assert tip_page(Player().state, secondary(), OFF, 0).note == ""
    player = Player().play(SilentCall())
    assert "Nobody is on duty until 08:15" in tip_page(player.state, secondary(), OFF, player.now_ms).note


@pytest.mark.requirement("L11")
def test_tips_turn_every_20_seconds_and_come_round() -> None:
    """Each tip of the profile stands for 20 s, one after the other, and the first comes again."""
    player = Player().play(Tick())
    titles = []
    for _ in range(len(secondary().tips) + 1):
        titles.append(tip_page(player.state, secondary(), ON, player.now_ms).title)
        player.wait(TIP_TURN_MS - 1).play(Tick()).wait(1).play(Tick())
    assert titles[:-1] == [tip.title for tip in secondary().tips]
    assert titles[-1] == titles[0]


def test_a_quiz_answer_gets_a_kind_word() -> None:
    """Right and wrong are told in words; the answer is marked; the next tip has forgotten it."""
    player = Player().play(Tick())
    while tip_page(player.state, secondary(), ON, player.now_ms).quiz == "":
        player.wait(TIP_TURN_MS).play(Tick())
    right = secondary().tips[player.state.tips.index].quiz
    assert right is not None
    wrong = tip_page(player.play(Chosen("quiz-0")).state, secondary(), ON, player.now_ms)
    assert (wrong.quiz_word, wrong.quiz_answers[0].chosen) == ("Not quite. Think again.", True)
    good = tip_page(player.play(Chosen(f"quiz-{right.right}")).state, secondary(), ON, player.now_ms)
    assert good.quiz_word == "That's it."
    assert player.wait(TIP_TURN_MS).play(Tick()).state.tips.picked is None
