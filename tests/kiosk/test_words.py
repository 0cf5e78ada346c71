"""Words in the reader's language: what is found, what falls back, what is refused."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.talk.catalogue import SAFETY, sentences, site_sentences
from kiosk.talk.pages import talk_page
from kiosk.talk.state import Opened
from kiosk.talk.truths import WORDS, DutyView
from kiosk.words import EASY_ENGLISH, SOURCE_LANGUAGE, Words, languages, parse_catalogue
from tests.support.talks import Player, secondary

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'


def catalogue(*pairs: tuple[str, str]) -> bytes:
    return (HEADER + "\n".join(f'msgid "{id}"\nmsgstr "{string}"\n' for id, string in pairs)).encode()


def test_english_comes_first_and_every_catalogue_reads() -> None:
    """All shipped catalogues can be loaded; the source language is the first of them."""
    assert languages()[0] == SOURCE_LANGUAGE
    assert EASY_ENGLISH in languages()
    for language in languages():
        assert Words(language).language == language


@pytest.mark.requirement("L6")
def test_easy_english_has_every_safety_sentence() -> None:
    """No sentence on which safety hangs is missing, and the truths are those of the table."""
    easy = Words(EASY_ENGLISH)
    assert [sentence for sentence in SAFETY if easy.missing(sentence)] == []
    for wording in WORDS.values():
        assert easy.text(wording.plain) == wording.easy


def test_the_source_catalogue_lists_every_sentence() -> None:
    """Translators find each sentence of talk and shipped profile in en.po."""
    text = (resources.files("kiosk") / "locales" / "en.po").read_text(encoding="utf-8")
    for sentence in (*sentences(), *site_sentences(secondary())):
        escaped = sentence.replace('"', '\\"')
        assert f'msgid "{escaped}"' in text


def test_english_is_said_as_it_stands_and_facts_are_filled_in() -> None:
    """Without facts braces stay; with them they are filled, and what a fact contains is never read as braces."""
    words = Words()
    assert words.text("Go to {place}.") == "Go to {place}."
    assert words.text("Go to {place}.", place="{danger}") == "Go to {danger}."
    assert not words.missing("anything")


def test_a_page_in_easy_english() -> None:
    """The same page, other words, the same facts."""
    player = Player().play(Opened("touch"))
    page = talk_page(player.state, secondary(), DutyView(), 0, Words(EASY_ENGLISH).text)
    assert page.title == "Is someone in danger now?"
    assert page.duty == "We do not know if anyone is there. Danger: 999."


def test_an_untranslated_or_doubtful_sentence_falls_back() -> None:
    """Empty and fuzzy translations count as missing."""
    found = parse_catalogue(catalogue(("a", ""), ("b", "B")) + b'\n#, fuzzy\nmsgid "c"\nmsgstr "C"\n', "x.po")
    assert dict(found) == {"b": "B"}


@pytest.mark.parametrize("translation", ["Idź.", "Idź do {miejsce}.", "Idź do {place", "{place} {place!x}{other}"])
def test_other_braces_are_refused(translation: str) -> None:
    """A translation that loses or invents a fact never reaches a screen; the file and sentence are named."""
    with pytest.raises(ValueError, match=r"x\.po"):
        parse_catalogue(catalogue(("Go to {place}.", translation)), "x.po")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(untrusted: bytes) -> None:
    """A damaged catalogue is a ValueError that names the file, or has nothing wrong in it."""
    assert _refusal(untrusted) == "" or _refusal(untrusted).startswith("x.po: ")


def _refusal(untrusted: bytes) -> str:
    try:
        parse_catalogue(untrusted, "x.po")
    except ValueError as problem:
        return str(problem)
    return ""


def test_an_unknown_language_names_those_that_are_here() -> None:
    """One line, and the mend."""
    with pytest.raises(ValueError, match="use one of en"):
        Words("xx")


def test_only_some_scripts_run_from_the_right() -> None:
    """English and Easy English run from the left."""
    assert not any(Words(language).right_to_left for language in (SOURCE_LANGUAGE, EASY_ENGLISH))
