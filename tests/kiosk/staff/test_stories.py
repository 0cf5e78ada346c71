"""Stories in words: facts, the learner's own words, and what not to do."""

from __future__ import annotations

import pytest

from firmware.messages import Story, Urgency
from kiosk.staff.stories import category_words, view_of
from kiosk.talk.questions import CATEGORIES


def story(category: str) -> Story:
    return Story(route="safeguarding", room="Room 12", category=category)


def guidance(category: str, *, urgency: Urgency = Urgency.TODAY, private: bool = False) -> str:
    view = view_of([story(category)], urgency=urgency, private=private, route="safeguarding")
    return "\n".join(view.guidance)


@pytest.mark.requirement("S5")
@pytest.mark.parametrize("category", ["images", "sexual-harassment", "harmful-content", "blackmail"])
def test_pictures_are_a_hard_stop(category: str) -> None:
    """Wherever a picture may be behind it: do not look, copy, print or pass on; the device is kept as it is."""
    words = guidance(category)
    assert "do not look at, copy, print or pass on any picture" in words
    assert "Put the device out of use as it is" in words


@pytest.mark.requirement("S4")
@pytest.mark.parametrize("category", ["grooming", "extremism"])
def test_referral_is_for_the_lead_to_decide(category: str) -> None:
    """Never automatic; immediate danger goes to the emergency services."""
    assert "The safeguarding lead decides on referral. Immediate danger: 999." in guidance(category)


@pytest.mark.requirement("S15")
@pytest.mark.parametrize("category", [option.id for option in CATEGORIES])
def test_every_category_says_do_not_investigate(category: str) -> None:
    """Whatever it is about, the reader is told not to investigate and to promise no secret."""
    assert "Do not investigate." in guidance(category)
    assert "promise no secret" in guidance(category)


@pytest.mark.requirement("S19")
def test_danger_says_go_quietly_and_weapons_say_999() -> None:
    """With a reason agreed before, never asking who pressed; a weapon is never faced alone."""
    assert "Never ask who pressed" in guidance("self-harm", urgency=Urgency.NOW)
    assert "A weapon: call 999" in guidance("self-harm")


@pytest.mark.requirement("S10")
def test_a_private_story_says_not_to_warn_the_person() -> None:
    """The procedure for allegations, not a word in the staff room."""
    assert "Do not speak to the person whom it is about" in guidance("hurt-or-scared", private=True)


def test_additions_join_later_answers_win_and_words_stand_in_order() -> None:
    """One story from three messages."""
    parts = [
        Story(route="r", room="x", category="images", who="me", text=b"first"),
        Story(route="r", room="x", name=b"Sam", text=b"second\x1b[31m\nline"),
        Story(route="r", room="x", who="someone-else", meet="at-break"),
    ]
    view = view_of(parts, urgency=Urgency.TODAY, private=False, route="safeguarding")
    facts = {fact.label: fact.value for fact in view.facts}
    assert facts == {"Name": "Sam", "Who needs help": "Someone else", "Where to meet": "At break"}
    assert view.words == ("first", "second [31m line")
    assert view.category_words.startswith("Pictures shared")


@pytest.mark.requirement("L9")
@pytest.mark.parametrize(
    ("reporter", "source", "facts"),
    [
        ("learner", "touch", {}),
        ("", "touch", {}),
        ("visitor", "touch", {"Reported by": "A visitor"}),
        ("parent-or-carer", "touch", {"Reported by": "A parent or carer"}),
        ("visitor", "portal", {"Reported by": "A visitor · on a phone", "Place": "Not known. Ask where."}),
        ("staff", "portal", {"Reported by": "A member of staff · on a phone", "Place": "Not known. Ask where."}),
        ("learner", "portal", {"Reported by": "A learner · on a phone", "Place": "Not known. Ask where."}),
        ("", "portal", {"Reported by": "Not said · on a phone", "Place": "Not known. Ask where."}),
        ("learner", "button", {"Sent from": "the kiosk's button"}),
    ],
)
def test_who_reported_and_how_is_one_fact(reporter: str, source: str, facts: dict[str, str]) -> None:
    """Staff, visitors and parents are told apart by their own word; of a phone it is said that the place is unknown."""
    first = Story(route="r", room="x", reporter="", source=source)
    parts = [first, Story(route="r", room="x", reporter=reporter, source=source)]
    view = view_of(parts, urgency=Urgency.TODAY, private=False, route="r")
    assert {fact.label: fact.value for fact in view.facts} == facts


def test_what_is_added_at_the_kiosk_does_not_change_that_it_came_from_a_phone() -> None:
    """Somebody types their code in front of the kiosk later: the report was still sent from somewhere else."""
    parts = [Story(route="r", room="x", source="portal"), Story(route="r", room="x", source="touch", text=b"more")]
    view = view_of(parts, urgency=Urgency.TODAY, private=False, route="r")
    assert "A learner · on a phone" in [fact.value for fact in view.facts]


def test_a_silent_call_has_no_answers_and_still_says_what_to_do() -> None:
    """Nothing is invented for what was not asked."""
    view = view_of([Story(route="r", room="x", source="button")], urgency=Urgency.NOW, private=False, route="r")
    assert [fact.value for fact in view.facts] == ["the kiosk's button"]
    assert category_words("") == "Not said"
    assert view.guidance[0].startswith("Go quietly")
