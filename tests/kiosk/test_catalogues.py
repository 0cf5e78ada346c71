"""The shipped catalogues, sentence by sentence: nothing is missing, weakened, or left in English."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from importlib import resources
from pathlib import Path
from string import Formatter

import pytest

from firmware.profile import Profile, load_profile
from kiosk.learner.tile_words import TILE_WORDS
from kiosk.learner.view import ControlWords
from kiosk.portal import views as portal_views
from kiosk.screen.keyboard import KeyboardWords
from kiosk.talk import phone
from kiosk.talk.advice import DANGER_SENTENCE
from kiosk.talk.catalogue import SAFETY, sentences, site_sentences
from kiosk.talk.questions import STRIP
from kiosk.talk.truths import WORDS, Truth
from kiosk.words import EASY_ENGLISH, SOURCE_LANGUAGE, Words, languages, parse_catalogue

FOREIGN = tuple(language for language in languages() if language not in (SOURCE_LANGUAGE, EASY_ENGLISH))
PROFILES = Path(__file__).parents[2] / "broker_config" / "profiles"
# Names under which help is found, and what stands on two keys: the same in every language.
SAME = {
    *("Childline", "Shout", "Report Remove", "CEOP", "Report Fraud", "Report Harmful Content", "Forced Marriage Unit"),
    *("Samaritans", "NHS 111", "National Domestic Abuse Helpline", "Rape and Sexual Abuse Support Line", "NSPCC"),
    *("Revenge Porn Helpline", "Victim Support", "ACT Early", "Karma Nirvana", "Papyrus HOPELINE247"),
    *("abc", "123", "Wi-Fi: {network}"),
}
# What happens to be the same word in that language.
ALSO_SAME = {"cy": {"Help"}}
# In one sentence, for those who find reading hard.
EASY_WORDS_MOST = 10
ARABIC_LETTERS = re.compile("[\u0620-\u064a\u0671-\u06d3]")
# In each language, the words without which a sentence would say less, or more, than it may.
MUST_SAY = {
    STRIP: {"cy": "Ni allwn addo", "pl": "Nie możemy obiecać", "ar": "لا يمكننا أن نعد", "ur": "وعدہ نہیں کر سکتے"},
    WORDS[Truth.NOT_CONFIRMED].plain: {
        **{"cy": "Nid yw'r swyddfa wedi'i gadarnhau", "pl": "nie potwierdził"},
        **{"ar": "لم يؤكد", "ur": "تصدیق نہیں کی"},
    },
    WORDS[Truth.SAVED].plain: {"cy": "ceisio", "pl": "Próbujemy", "ar": "نحاول", "ur": "کوشش"},
    WORDS[Truth.ARRIVED].plain: {
        "cy": "Dim ateb",
        "pl": "nie ma odpowiedzi",
        "ar": "لا يوجد رد",
        "ur": "کوئی جواب نہیں",
    },
    WORDS[Truth.ACKNOWLEDGED].plain: {"cy": "Efallai", "pl": "Mógł nie", "ar": "ربما لم", "ur": "ہو سکتا ہے"},
    WORDS[Truth.DISK_FULL].plain: {"cy": "Heb ei anfon", "pl": "Nie wysłano", "ar": "لم يُرسل", "ur": "بھیجا نہیں گیا"},
    WORDS[Truth.DUTY_UNKNOWN].plain: {"cy": "Allwn ni ddim", "pl": "Nie wiemy", "ar": "لا نعرف", "ur": "معلوم نہیں"},
    DANGER_SENTENCE: {"cy": "ffoniwch {danger}", "pl": "zadzwoń", "ar": "الاتصال", "ur": "فون کریں"},
}
# What may never be said of a report that is merely not confirmed.
FAILED = {
    "cy": re.compile("[Mm]ethu|[Mm]ethodd"),
    "pl": re.compile("[Nn]ie udało"),
    "ar": re.compile("تعذّر|فشل"),
    "ur": re.compile("ناکام|نہیں ہو سکا"),
}


@cache
def profiles() -> tuple[Profile, ...]:
    return tuple(load_profile(folder) for folder in sorted(PROFILES.iterdir()))


def screen_words() -> Iterator[str]:
    """What stands on controls, keys and tiles."""
    for each in (ControlWords(), KeyboardWords()):
        yield from (word for one in fields(each) if isinstance(word := getattr(each, one.name), str))
    yield from TILE_WORDS.values()


def phone_words() -> tuple[str, ...]:
    """What the talk says on a phone alone."""
    return tuple(text for name, text in vars(phone).items() if name.isupper() and isinstance(text, str))


def profile_words() -> Iterator[str]:
    """Places, people and help lines of every shipped profile; its tips come on top."""
    for profile in profiles():
        yield from (profile.go_to, profile.go_to_outside)
        yield from (place.label for place in profile.places)
        yield from (choice.label for choice in profile.staff_choices)
        yield from (text for line in profile.help_lines for text in (line.name, line.about))


def tip_words() -> Iterator[str]:
    """The tips of every shipped profile."""
    for profile in profiles():
        yield from site_sentences(profile)


def translations(language: str) -> dict[str, str]:
    """Every translated sentence of a catalogue."""
    file = resources.files("kiosk") / "locales" / f"{language}.po"
    return dict(parse_catalogue(file.read_bytes(), str(file)))


def missing(language: str, said: Iterable[str]) -> list[str]:
    words = Words(language)
    return [sentence for sentence in dict.fromkeys(said) if words.missing(sentence)]


@pytest.mark.parametrize("language", FOREIGN)
def test_every_safety_sentence_is_there(language: str) -> None:
    """Nobody reads a sentence on which safety hangs in a language that is not theirs."""
    assert missing(language, SAFETY) == []


@pytest.mark.requirement("L6")
@pytest.mark.parametrize("language", FOREIGN)
def test_the_whole_talk_is_there(language: str) -> None:
    """Every sentence of the talk, on the kiosk's screen and on a phone, and what stands on controls, keys and tiles."""
    assert missing(language, (*sentences(), *phone_words(), *screen_words())) == []


@pytest.mark.requirement("B2")
@pytest.mark.parametrize("language", FOREIGN)
def test_every_page_of_the_portal_is_there(language: str) -> None:
    """All that the portal's templates and tables say, the levels of use among it."""
    assert missing(language, portal_views.sentences()) == []


@pytest.mark.requirement("B2")
def test_every_page_of_the_portal_is_easy_in_easy_english() -> None:
    """Ten words to a sentence at most, where plain English is left as it is and where it is said more simply."""
    easy = Words(EASY_ENGLISH)
    said = (part for sentence in portal_views.sentences() for part in re.split(r"(?<=[.!?:])\s+", easy.text(sentence)))
    assert [part for part in said if len(part.split()) > EASY_WORDS_MOST] == []


@pytest.mark.parametrize("language", FOREIGN)
def test_the_profiles_ways_to_help_are_there(language: str) -> None:
    """Places, people and help lines of every profile that is shipped."""
    assert missing(language, profile_words()) == []


@pytest.mark.parametrize("language", FOREIGN)
def test_nothing_is_left_in_english(language: str) -> None:
    """A translation that equals its English is the name of a service, or a word that is the same there."""
    same = {id for id, string in translations(language).items() if id == string}
    assert same - SAME - ALSO_SAME.get(language, set()) == set()


@pytest.mark.parametrize("language", ["ar", "ur"])
def test_arabic_script_is_what_arabic_and_urdu_are_written_in(language: str) -> None:
    """Whatever is not a name has letters of the script, and no catalogue has the other one's letters."""
    found = {
        id: string
        for id, string in translations(language).items()
        if id not in SAME and re.search(r"\w", _without_facts(string))
    }
    assert [id for id, string in found.items() if not ARABIC_LETTERS.search(string)] == []
    foreign = {"ar": "ٹڈڑںےھکی", "ur": "يكةىإ"}[language]
    assert [string for string in found.values() if any(letter in string for letter in foreign)] == []


@pytest.mark.parametrize("language", FOREIGN)
def test_numbers_and_questions_stay_what_they_are(language: str) -> None:
    """A number in a sentence is in its translation, a question stays one, and nothing else becomes one."""
    for id, string in translations(language).items():
        assert re.findall(r"\d+", _without_facts(id)) == re.findall(r"\d+", _without_facts(string)), string
        if len(id.split()) > 3:
            assert string.endswith(("?", "؟")) == id.endswith("?"), string
        assert string == string.strip()
        assert "  " not in string


@pytest.mark.parametrize("language", FOREIGN)
def test_safety_sentences_say_neither_less_nor_more(language: str) -> None:
    """The promise that cannot be made, what is not confirmed, what is not sent: each keeps the words that carry it."""
    words = Words(language)
    for sentence, by_language in MUST_SAY.items():
        assert by_language[language] in words.text(sentence)


@pytest.mark.parametrize("language", FOREIGN)
def test_not_confirmed_is_never_called_failed(language: str) -> None:
    """ "Has not confirmed" and "still trying" do not become a failure, and a failure is called one."""
    words = Words(language)
    for truth in (Truth.SAVED, Truth.GOING_SOON, Truth.NOT_CONFIRMED, Truth.ARRIVED, Truth.NOTICED):
        assert not FAILED[language].search(words.text(WORDS[truth].plain)), truth
    assert FAILED[language].search(words.text(WORDS[Truth.DISK_FULL].plain))


@pytest.mark.parametrize("language", FOREIGN)
def test_no_two_truths_share_their_words(language: str) -> None:
    """Each state of a report is told apart by its words in every language."""
    words = Words(language)
    assert len({words.text(wording.plain) for wording in WORDS.values()}) == len(WORDS)


@pytest.mark.parametrize("language", FOREIGN)
def test_no_two_answers_share_their_tile(language: str) -> None:
    """Short forms are told apart as well, and none stands for two answers."""
    words = Words(language)
    assert len({words.text(short) for short in TILE_WORDS.values()}) == len(set(TILE_WORDS.values()))
    assert len({words.text(whole) for whole in TILE_WORDS}) == len(TILE_WORDS)


@pytest.mark.parametrize("language", FOREIGN)
def test_nothing_is_translated_that_nobody_says(language: str) -> None:
    """A sentence that was reworded leaves no translation behind that looks like the new one's."""
    said = {*sentences(), *phone_words(), *screen_words(), *portal_views.sentences(), *profile_words(), *tip_words()}
    said |= {"{clock} tomorrow", "{clock} on {day}"}
    assert sorted(set(translations(language)) - said) == []


def _without_facts(text: str) -> str:
    return "".join(literal for literal, *_ in Formatter().parse(text))
