"""The table of screens is whole: every answer leads somewhere, every picture exists, every category is known."""

from __future__ import annotations

import pytest

from firmware.messages import TEXT_CHARACTERS, Story
from firmware.profile_parts import CATEGORY_IDS
from kiosk.talk.pictures import PICTURES
from kiosk.talk.questions import CATEGORIES, LOOSE_OPTIONS, RATHER_NOT_SAY, SCREENS, ScreenId
from kiosk.talk.state import Answers


@pytest.mark.requirement("L3")
def test_the_categories_are_those_of_every_profile() -> None:
    """What can be touched and what a profile must route are the same codes."""
    assert [*(option.id for option in CATEGORIES), RATHER_NOT_SAY] == list(CATEGORY_IDS)


def test_every_option_leads_to_a_screen_and_has_a_picture() -> None:
    """No answer is a dead end and none is without its pictogram; ids are short enough for the wire."""
    for option in (*(option for screen in SCREENS.values() for option in screen.options), *CATEGORIES, *LOOSE_OPTIONS):
        assert option.next in SCREENS or option.next is ScreenId.IDLE
        assert option.picture in PICTURES
        assert len(option.id) <= 32


def test_answers_are_fields_of_the_story() -> None:
    """Each question fills a field that the story carries."""
    for screen in SCREENS.values():
        if screen.answers:
            assert hasattr(Answers(), screen.answers)
            assert screen.answers in Story.__struct_fields__


@pytest.mark.requirement("L2")
def test_who_needs_help_is_asked_apart_from_adult_here() -> None:
    """Two screens, two fields."""
    assert (SCREENS[ScreenId.WHO].answers, SCREENS[ScreenId.ADULT].answers) == ("who", "adult_here")


def test_the_longest_answer_is_short() -> None:
    """Labels fit a tile: no more than 60 characters, so no scrolling and no small print."""
    assert max(len(option.label) for option in (*CATEGORIES, *LOOSE_OPTIONS)) <= 60 < TEXT_CHARACTERS
