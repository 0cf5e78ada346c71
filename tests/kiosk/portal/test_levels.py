"""The table of five levels: complete, in words and signs, short enough for a phone."""

from __future__ import annotations

import pytest

from firmware.aup import ACTIONS
from firmware.byod import Audience, Level
from kiosk.portal.levels import ACTION_WORDS, LEVEL_WORDS, SIGNS, groups, rows, sentences
from kiosk.words import EASY_ENGLISH, Words
from tests.support.byod_samples import byod, document

TEXT = document(byod())


def english(sentence: str) -> str:
    return sentence


@pytest.mark.requirement("B7")
def test_every_action_and_every_level_has_words_of_its_own() -> None:
    """None is missing, none is left over, no two say the same."""
    assert set(ACTION_WORDS) == set(ACTIONS)
    assert set(LEVEL_WORDS) == set(SIGNS) == set(Level)
    assert len(set(sentences())) == len(ACTIONS) + len(Level)


@pytest.mark.requirement("B7")
def test_nothing_hangs_on_colour() -> None:
    """Each level has a sign of its own, one letter wide, beside its words."""
    assert len(set(SIGNS.values())) == len(Level)
    assert all(len(sign) == 1 for sign in SIGNS.values())


@pytest.mark.requirement("B7")
@pytest.mark.parametrize("audience", list(Audience))
def test_the_table_says_what_the_document_says(audience: Audience) -> None:
    """Row for row, for each audience: the action in words, its level, the level in words."""
    text = document(byod(), audience)
    table = rows(text, english)
    assert [(row.action, row.level) for row in table] == [(ACTION_WORDS[id], level) for id, level in text.levels]
    assert all((row.level_words, row.sign) == (LEVEL_WORDS[row.level], SIGNS[row.level]) for row in table)


@pytest.mark.requirement("B7")
@pytest.mark.parametrize("audience", list(Audience))
def test_on_a_phone_it_is_one_list_for_each_answer(audience: Audience) -> None:
    """From what is all right to what is a crime; every action once; an answer that nothing has is left out."""
    text = document(byod(), audience)
    lists = groups(text, english)
    assert [group.level for group in lists] == [level for level in Level if level in dict(text.levels).values()]
    assert sorted(action for group in lists for action in group.actions) == sorted(
        ACTION_WORDS[id] for id, _ in text.levels
    )
    for group in lists:
        assert group.actions == tuple(row.action for row in rows(text, english) if row.level is group.level)


def test_the_words_go_through_the_reader_s_language() -> None:
    """Everything that is shown is asked of the catalogue, and nothing else."""
    asked: list[str] = []

    def say(sentence: str) -> str:
        asked.append(sentence)
        return sentence.upper()

    table = rows(TEXT, say)
    assert all(row.action.isupper() and row.level_words.isupper() for row in table)
    assert set(asked) <= set(sentences())
    assert groups(TEXT, Words(EASY_ENGLISH).text)


def test_every_sentence_fits_a_narrow_phone_in_two_lines() -> None:
    """At most 70 letters, without braces that a translator could lose."""
    assert all(len(sentence) <= 70 and not set(sentence) & set("{}") for sentence in sentences())
