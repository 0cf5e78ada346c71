"""The learner's screens in every language that is shipped: measured like the English ones, mirrored where due."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from kiosk.learner import view as ids
from kiosk.learner.control_words import control_words
from kiosk.learner.tile_words import TILE_WORDS
from kiosk.learner.view import LanguageChoice, LearnerView
from kiosk.learner.views import UNCHECKED_MARK, boxes, parts
from kiosk.screen.fitting import fits
from kiosk.screen.layout import NOTE_CAP_MM, Box, Display
from kiosk.screen.text import Typesetter
from kiosk.talk.pages import Page, talk_page
from kiosk.words import EASY_ENGLISH, SOURCE_LANGUAGE, Words, checked, languages, own_name
from tests.support.talk_pages import TYPED, states
from tests.support.talks import secondary

PANELS = {
    "800x480": Display(800, 480, 154.1),
    "1280x720": Display(1280, 720, 154.2),
    "portrait": Display(720, 1280, 86.7),
}
FOREIGN = tuple(language for language in languages() if language != SOURCE_LANGUAGE)
TYPESETTER = Typesetter()
everywhere = [
    pytest.param(language, panel, scale, id=f"{language}-{panel}-{scale}")
    for language in FOREIGN
    for panel in PANELS
    for scale in (1.0, 1.6)
]


@cache
def pages(language: str, panel: str, scale: float = 1.0) -> dict[str, list[list[Box]]]:
    """Every part of every talk page of the secondary school, in this language."""
    words = Words(language)
    display = replace(PANELS[panel], text_scale=scale, right_to_left=words.right_to_left)
    found = {}
    for name, view in _views(words).items():
        count = parts(view, display, TYPESETTER)
        found[name] = [boxes(replace(view, part=part), display, TYPESETTER) for part in range(count)]
    return found


def _views(words: Words) -> dict[str, LearnerView]:
    made = {}
    for name, (state, duty, now_ms) in states().items():
        duty = replace(duty, until=words.moment(duty.until))
        typed = (lambda: iter(TYPED)) if state.typed_shown else None
        page = talk_page(state, secondary(), duty, now_ms, words.text)
        made[name] = LearnerView(page, words=control_words(words), characters=typed, language=words.language)
    choices = tuple(LanguageChoice(code, own_name(code), checked(code)) for code in languages())
    made["languages"] = replace(made["danger"], languages=choices)
    return made


@pytest.mark.parametrize(("language", "panel", "scale"), everywhere)
def test_words_fit_in_every_language(language: str, panel: str, scale: float) -> None:
    """No words run out of their box or off the panel, and none is smaller than it may be."""
    for name, found in pages(language, panel, scale).items():
        for box in (box for made in found for box in made):
            assert PANELS[panel].rect.holds(box.rect), (name, box.id)
            if box.text and box.secret is None:
                assert fits(box, PANELS[panel], TYPESETTER), (name, box.id, box.text)
                assert box.cap_mm >= NOTE_CAP_MM, (name, box.id)


@pytest.mark.parametrize(("language", "panel", "scale"), everywhere)
def test_nothing_overlaps_in_any_language(language: str, panel: str, scale: float) -> None:
    """Words, tiles and controls stand beside one another, however long a language's words are."""
    for name, found in pages(language, panel, scale).items():
        for made in found:
            solid = [box for box in made if box.id not in ("call-dot", "still-there")]
            for number, box in enumerate(solid):
                over = [other.id for other in solid[:number] if other.rect.overlaps(box.rect)]
                assert over == [], (name, box.id)


@pytest.mark.parametrize(("language", "panel", "scale"), everywhere)
def test_the_office_can_be_called_from_the_first_part(language: str, panel: str, scale: float) -> None:
    """Two touches, in every language and size."""
    for name in ("danger", "danger-off-duty"):
        assert any(box.id == ids.OPTION + "yes" and box.hit for box in pages(language, panel, scale)[name][0])


@pytest.mark.parametrize("language", [language for language in FOREIGN if language != EASY_ENGLISH])
@pytest.mark.parametrize("panel", ["800x480", "1280x720"])
@pytest.mark.parametrize("name", ["danger", "adult", "head", "category-0", "send", "who", "pace", "languages"])
def test_a_question_holds_all_its_answers_in_every_language(language: str, panel: str, name: str) -> None:
    """At 100 % on the 7-inch panels nobody has to turn a page to find an answer, or their language."""
    assert len(pages(language, panel)[name]) == 1


@pytest.mark.parametrize("language", FOREIGN)
def test_tiles_carry_short_words_of_the_same_language(language: str) -> None:
    """The whole answer is spoken, its short form stands on the tile; no tile is English where answers are not."""
    words = Words(language)
    shown = {
        box.speech: box.text for box in pages(language, "1280x720")["category-0"][0] if box.id.startswith("option-")
    }
    for whole, short in TILE_WORDS.items():
        if words.text(whole) in shown and not words.missing(short):
            assert shown[words.text(whole)] == words.text(short)


@pytest.mark.parametrize("language", ["ar", "ur"])
def test_the_layout_mirrors_with_the_language(language: str) -> None:
    """The first answer stands at the right, and back too."""
    made = pages(language, "1280x720")["danger"][0]
    by_id = {box.id: box.rect.left for box in made}
    assert by_id[ids.OPTION + "yes"] > by_id[ids.OPTION + "no"]
    assert by_id[ids.BACK] > by_id[ids.HIDE] > by_id[ids.LANGUAGE]


@pytest.mark.parametrize("language", ["ar", "ur"])
def test_the_code_stays_latin(language: str) -> None:
    """The words of a receipt code are the same in every language, in their order."""
    made = pages(language, "1280x720")["code-shown"]
    code = next(box for part in made for box in part if box.id == "code")
    assert code.text.split() == ["river", "window", "yellow", "basket", "thunder"]


@pytest.mark.requirement("L6")
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("panel", PANELS)
def test_a_language_that_nobody_has_checked_says_so_where_it_is_chosen(language: str, panel: str) -> None:
    """One line in the reader's language, and a mark on those tiles alone that is not part of the spoken name."""
    made = [box for part in pages(language, panel)["languages"] for box in part]
    note = next(box for box in made if box.id == "body-0")
    said = Words(language).text("A machine translated this. Nobody who speaks the language has checked it yet.")
    assert note.text == f"{UNCHECKED_MARK} {said}"
    for code in languages():
        tile = next(box for box in made if box.id == ids.LANGUAGE_CHOICE + code)
        assert tile.text.endswith(f"\u00a0{UNCHECKED_MARK}") == (not checked(code)), code
        assert tile.speech == own_name(code)


def test_languages_that_speakers_have_checked_need_no_line() -> None:
    """Nor a mark."""
    views = _views(Words())
    view = replace(views["danger"], languages=(LanguageChoice("en", "English"), LanguageChoice("cy", "Cymraeg")))
    made = boxes(view, PANELS["1280x720"], TYPESETTER)
    assert not any(UNCHECKED_MARK in box.text or box.id == "body-0" for box in made)


@pytest.mark.parametrize("name", ["truths", "found-closed", "advice"])
@pytest.mark.parametrize("panel", PANELS)
def test_languages_look_the_same_from_every_page(name: str, panel: str) -> None:
    """Title, line and all tiles on the first part, whatever the page behind them is about."""
    views = _views(Words())
    asked = [replace(views[each], languages=views["languages"].languages) for each in ("danger", name)]
    found = [[(box.id, box.rect) for box in boxes(view, PANELS[panel], TYPESETTER)] for view in asked]
    assert {"title", "body-0"} <= {id for id, _ in found[1]}
    assert [each for each in found[0] if each[0] != ids.BACK] == [each for each in found[1] if each[0] != ids.BACK]


def test_no_page_of_a_translated_talk_is_in_english() -> None:
    """What stands on a page of the Polish talk is Polish, times among it."""
    words = Words("pl")
    state, duty, now_ms = states()["danger-off-duty"]
    page = talk_page(state, secondary(), replace(duty, until=words.moment(duty.until)), now_ms, words.text)
    assert isinstance(page, Page)
    assert "jutro" in page.duty
    assert "tomorrow" not in page.duty
