"""Words in the reader's language: what is found, what falls back, what is refused."""

from __future__ import annotations

from importlib import resources

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from firmware.opening_hours import DAYS, MONTHS
from kiosk.talk.catalogue import SAFETY, sentences, site_sentences
from kiosk.talk.pages import talk_page
from kiosk.talk.state import Opened
from kiosk.talk.truths import WORDS, DutyView
from kiosk.words import (
    EASY_ENGLISH,
    SOURCE_LANGUAGE,
    Words,
    checked,
    is_marked_checked,
    languages,
    own_name,
    parse_catalogue,
)
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
    """Arabic and Urdu run from the right, all others from the left, by what Unicode says of their scripts."""
    assert [language for language in languages() if Words(language).right_to_left] == ["ar", "ur"]


def test_languages_are_offered_in_their_own_name() -> None:
    """Whoever looks for a language reads its name as its readers write it."""
    assert [own_name(language) for language in languages()] == [
        *("English", "العربية", "Cymraeg", "Easy English", "Polski", "اردو"),
    ]


@pytest.mark.parametrize("language", languages())
def test_a_catalogue_says_of_itself_what_babel_knows(language: str) -> None:
    """Name and direction stand in its head, so that no running unit loads Babel's locale for them; both are Babel's."""
    locale = Locale.parse(language.partition("-x-")[0], sep="-")
    assert Words(language).right_to_left == (locale.text_direction == "rtl")
    assert (
        own_name(language) == "Easy English"
        or own_name(language).casefold() == (locale.get_display_name() or "").casefold()
    )


def test_only_what_a_speaker_has_read_counts_as_checked() -> None:
    """Machine-made catalogues say that nobody has checked them; so does one that says nothing; English is ours."""
    assert [language for language in languages() if checked(language)] == [SOURCE_LANGUAGE, EASY_ENGLISH]
    assert is_marked_checked(catalogue(("a", "b")).replace(b"\n\n", b'\n"X-Checked-By-Speaker: yes\\n"\n\n', 1))
    assert not is_marked_checked(catalogue(("a", "b")))
    assert not is_marked_checked(catalogue(("a", "b")) + b'"X-Checked-By-Speaker: yes\\n"\n')


def test_facts_keep_their_own_direction() -> None:
    """In a sentence that runs from the right each fact is isolated, so that 0800 1111 is not read as 1111 0800."""
    said = Words("ar").text("We can't tell if anyone is there. Danger: {danger}.", danger="0800 1111")
    assert "\u20680800 1111\u2069" in said
    assert "\u2068" not in Words("pl").text("We can't tell if anyone is there. Danger: {danger}.", danger="999")


@pytest.mark.parametrize(
    ("language", "english", "said"),
    [
        ("en", "08:15 tomorrow", "08:15 tomorrow"),
        ("en-x-easy", "08:15 on Monday", "08:15 on Monday"),
        ("pl", "08:15", "08:15"),
        ("pl", "08:15 tomorrow", "08:15 jutro"),
        ("pl", "08:15 on Wednesday", "08:15 (środa)"),
        ("cy", "08:15 on 3 May", "08:15 (3 Mai)"),
        ("cy", "08:15 on Someday", "08:15 on Someday"),
        ("cy", "08:15 on 3 Floréal", "08:15 on 3 Floréal"),
        ("ur", "08:15 tomorrow", "کل \u206808:15\u2069"),
        ("pl", "when staff say so", "when staff say so"),
    ],
)
def test_a_time_is_said_in_the_readers_language(language: str, english: str, said: str) -> None:
    """When the office opens is part of a safety sentence: it is not left in English; anything else passes unchanged."""
    assert Words(language).moment(english) == said


def test_every_time_that_opening_hours_say_can_be_said() -> None:
    """Each day of the week and each month that `opening_hours` writes is known in every language."""
    for language in ("ar", "cy", "pl", "ur"):
        for english in (
            *(f"08:15 on {day.capitalize()}" for day in DAYS),
            *(f"08:15 on 3 {month}" for month in MONTHS),
        ):
            said = Words(language).moment(english)
            assert said != english
            assert "08:15" in said
