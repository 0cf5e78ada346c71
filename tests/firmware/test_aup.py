"""One acceptable use policy: its file, its facts, and the hash by which it is known."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.aup import (
    ACTIONS,
    FIXED_LEVELS,
    NOT_FOR_THE_YOUNG,
    AupDocument,
    actions_for,
    document_bytes,
    make_document,
    parse_aup,
)
from firmware.byod import Audience, Level
from firmware.byod_parts import PARAGRAPH_CHARACTERS
from firmware.errors import BadSettings
from tests.support.byod_texts import aup

FACTS = {"organisation": "Hill", "monitored_by": "our team", "confiscation": "We may keep it.", "contact": "a@hill.uk"}
LEVELS = {action: FIXED_LEVELS.get(action, Level.SOMETIMES) for action in ACTIONS}
REVIEW = date(2027, 9, 1)


def document(text: str, facts: dict[str, str] | None = None, **dates: str) -> AupDocument:
    version = dates.get("version", "2026-09")
    return make_document(parse_aup(text, "a.toml"), facts or FACTS, LEVELS, version=version, review=REVIEW)


@pytest.mark.requirement("B11")
def test_facts_are_filled_in() -> None:
    """Names, who monitors, what happens to a device and whom to ask stand where their braces were."""
    made = document(aup())
    assert made.intro == ("Welcome to Hill.",)
    assert made.monitoring == ("our team can see what is done here. Questions: a@hill.uk",)
    assert made.device == ("Look after your own device, its updates and virus protection.", "We may keep it.")
    assert (made.audience, made.language, made.easy, made.checked) == (Audience.LEARNER, "en", False, True)


def test_a_fact_is_never_read_for_braces() -> None:
    """A site whose name has braces is called by them: facts are not filled in twice, and nothing is evaluated."""
    assert document(aup(), {**FACTS, "organisation": "{contact} {0.__class__}"}).intro == (
        "Welcome to {contact} {0.__class__}.",
    )


@pytest.mark.requirement("B8")
def test_the_hash_is_of_what_a_reader_sees() -> None:
    """Any other word, version, level or fact is another hash; a new review date, or a speaker's check, is not."""
    made = document(aup())
    assert len(made.digest) == 32
    others = [
        document(aup("visitor")),
        document(aup(language="cy")),
        document(aup(title='"Wi-Fi"')),
        document(aup(intro='["Welcome to {organisation}!"]')),
        document(aup(rules='["Be kind.", "Keep passwords to yourself.", "Be careful."]')),
        document(aup(rules='["Be kind. Keep passwords to yourself."]')),
        document(aup(monitoring='["{monitored_by}"]')),
        document(aup(device='["Look after it.", "{confiscation}"]')),
        document(aup(promise='"I agree"')),
        document(aup(), {**FACTS, "monitored_by": "another team"}),
        document(aup(), version="2026-10"),
        make_document(
            parse_aup(aup(), "a.toml"),
            FACTS,
            {**LEVELS, "shop": Level.ACCEPTABLE},
            version="2026-09",
            review=REVIEW,
        ),
    ]
    assert len({each.digest for each in (made, *others)}) == len(others) + 1
    later = make_document(parse_aup(aup(), "a.toml"), FACTS, LEVELS, version="2026-09", review=date(2030, 1, 1))
    unchecked = document(aup(checked="false"))
    assert later.digest == unchecked.digest == made.digest
    assert (later.review, unchecked.checked) == (date(2030, 1, 1), False)


def test_lines_that_move_between_lists_change_the_hash() -> None:
    """The same words under another heading are another text: nothing runs into what stands next to it."""
    one = document(aup(intro='["A", "B"]', rules='["C"]'))
    other = document(aup(intro='["A"]', rules='["B", "C"]'))
    assert one.digest != other.digest


@given(st.sampled_from([field.name for field in fields(AupDocument)]))
def test_a_document_cannot_be_changed(name: str) -> None:
    """What somebody accepted stays what it was."""
    with pytest.raises(AttributeError):
        setattr(document(aup()), name, None)


@pytest.mark.requirement("B2", "B7")
def test_small_children_are_not_taught_words_for_crimes() -> None:
    """Their table leaves out what is not for them, in the same order; everybody else's has every action."""
    shown = actions_for(Audience.YOUNG_LEARNER)
    assert shown == tuple(action for action in ACTIONS if action not in NOT_FOR_THE_YOUNG)
    assert {"get-help", "offend", "threaten", "take-pictures"} <= set(shown)
    assert not NOT_FOR_THE_YOUNG & set(shown)
    assert {actions_for(audience) for audience in Audience if audience is not Audience.YOUNG_LEARNER} == {ACTIONS}


def test_actions_are_known_once() -> None:
    """Every id once, and every rule about one names an id that there is."""
    assert len(set(ACTIONS)) == len(ACTIONS)
    assert set(FIXED_LEVELS) | NOT_FOR_THE_YOUNG <= set(ACTIONS)


def test_bytes_are_counted_not_letters() -> None:
    """Arabic takes two bytes a letter: the bound is on what travels."""
    english, arabic = document(aup(title='"abcd"')), document(aup(title='"ابجد"'))
    assert document_bytes(arabic) - document_bytes(english) == 4


def test_spelling_marks_of_urdu_and_arabic_are_taken() -> None:
    """Joiners and direction marks that spelling needs may stand in a text; what turns lines round may not."""
    assert document(aup(title='"نہ\u200cکریں\u200f"')).title.startswith("نہ")
    with pytest.raises(BadSettings, match="invisible character"):
        parse_aup(aup(title='"ab\u202edc"'), "a.toml")


def test_a_telephone_number_keeps_its_order_in_a_line_that_runs_leftwards() -> None:
    """A fact in a right-to-left line stands between isolates (UAX #9), so that its groups do not change places; one
    that is empty takes its paragraph along as everywhere, and left-to-right lines carry no invisible marks."""
    facts = {**FACTS, "contact": "020 7008 0151", "confiscation": ""}
    made = document(aup(language="ur", monitoring='["{monitored_by} :نگران، سوال: {contact}"]'), facts)
    assert made.monitoring == ("\u2068our team\u2069 :نگران، سوال: \u2068020 7008 0151\u2069",)
    assert document(aup(language="ur", device='["آلہ", "{confiscation}"]'), facts).device == ("آلہ",)
    assert "\u2068" not in "".join(document(aup(), facts).monitoring)


BAD = [
    (aup("guest"), "audience: 'guest' is not known: use one of young-learner, learner, adult, staff, visitor"),
    (aup(language="English"), "language: 'English' is not a language code"),
    (
        aup(language="en-x-easy", easy="false"),
        'easy: write true: easy forms are those whose language ends in "-x-easy"',
    ),
    (aup(easy="true"), "easy: write false"),
    (aup(checked=None), "checked: is missing"),
    (aup(title=f'"{"x" * 81}"'), "title: is too long: write at most 80 characters"),
    (aup(promise='""'), "promise: must not be empty"),
    (aup(rules="[]"), "rules: has too few: list at least 1"),
    (aup(rules='["Be kind.", ""]'), "rules (item 2): must not be empty"),
    (aup(rules='["Be kind.", "  "]'), "rules (item 2): must not be empty"),
    (aup(rules=f'["{"x" * (PARAGRAPH_CHARACTERS + 1)}"]'), "rules (item 1): is too long: write at most 480 characters"),
    (aup(rules=str(["x"] * 15).replace("'", '"')), "rules: has too many: list at most 14"),
    (aup(rules='"Be kind."'), "rules: write a list in [ ]"),
    (aup(rules='["one\\ntwo"]'), "rules (item 1): has a line break, tab or other invisible character"),
    (aup(rules='["Ask {teacher}."]'), "rules (item 1): {teacher} is not a fact: use {organisation}, {monitored_by}"),
    (aup(rules='["Ask {contact."]'), "rules (item 1): has a brace by itself"),
    (aup(rules='["Ask {}."]'), "rules (item 1): has a brace by itself"),
    (aup(rules='["{contact!r}"]'), "rules (item 1): has a brace by itself"),
    (aup(monitoring='["Somebody looks."]'), "monitoring: must say who monitors: put {monitored_by} into one of its"),
    (aup(device='["Look after it."]'), "device: must say what happens to a device: put {confiscation} into one of"),
    (aup(levels='{ shop = "acceptable" }'), "levels: is not known here"),
    (aup() + "[documents]\n", "documents: is not known here"),
    (aup().replace("title", "titel"), "titel: is not known here"),
    ("audience = learner\n", "is not TOML: Invalid value (at line 1, column 12)"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_said_in_one_line(text: str, said: str) -> None:
    """The file, the key (or line) and the mend."""
    with pytest.raises(BadSettings) as caught:
        parse_aup(text, "learner.en.toml")
    line = str(caught.value)
    assert line.startswith(f"learner.en.toml: {said}")
    assert line.isprintable()


def test_guests_and_staff_need_no_word_on_taking_devices_away() -> None:
    """Nobody takes a visitor's device: their text may say nothing of it."""
    assert document(aup("visitor", device='["Look after your own device."]')).device == ("Look after your own device.",)


def test_replacing_nothing_keeps_equality() -> None:
    """Two readings of one file are one document."""
    assert document(aup()) == replace(document(aup()))
