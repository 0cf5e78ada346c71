"""The on-screen keyboard: every letter is there once, large enough, where people look for it."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest

from kiosk.screen.fitting import fits
from kiosk.screen.keyboard import (
    DELETE,
    LAYER,
    SHIFT,
    SPACE,
    KeyboardWords,
    Layer,
    boxes,
    height_mm,
    next_layer,
    touched_character,
)
from kiosk.screen.layout import KEY_MM, Box, Display, Rect
from kiosk.screen.text import Typesetter
from kiosk.words import Words, languages

PANELS = {
    "800x480": Display(800, 480, 154.1),
    "1280x720": Display(1280, 720, 154.2),
    "portrait": Display(720, 1280, 86.7),
}


def _keys(panel: str, layer: Layer) -> list[Box]:
    display = PANELS[panel]
    room = Rect(0, 100, display.width_px, display.mm(height_mm(display)) + 3)
    return boxes(room, display, layer, KeyboardWords())


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("layer", list(Layer))
def test_keys_are_large_apart_and_legible(panel: str, layer: Layer) -> None:
    """Every key is 11.6 mm each way, none overlaps another, and what stands on it fits."""
    display, keys = PANELS[panel], _keys(panel, layer)
    hits = [key.hit for key in keys if key.hit is not None]
    assert len(hits) == len(keys)
    least = round((KEY_MM - 0.2) * display.px_per_mm)
    assert all(hit.width >= least and hit.height >= least for hit in hits)
    assert not any(one.overlaps(other) for number, one in enumerate(hits) for other in hits[:number])
    assert [key.id for key in keys if not fits(key, display, Typesetter())] == []


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("language", languages())
def test_words_on_keys_fit_in_every_language(panel: str, language: str) -> None:
    """The space bar and the layer key say what they are in the reader's language, and the words fit."""
    display, say = PANELS[panel], Words(language).text
    words = KeyboardWords(say("space"), say("Capital letter"), say("Delete"), say("abc"), say("123"))
    room = Rect(0, 100, display.width_px, display.mm(height_mm(display)) + 3)
    keys = boxes(room, replace(display, right_to_left=Words(language).right_to_left), Layer.LOWER, words)
    assert [key.text for key in keys if not fits(key, display, Typesetter())] == []


@pytest.mark.parametrize("panel", PANELS)
def test_every_letter_and_digit_can_be_typed(panel: str) -> None:
    """Small letters, capitals and digits each have one key."""
    for layer, wanted in (
        (Layer.LOWER, string.ascii_lowercase),
        (Layer.UPPER, string.ascii_uppercase),
        (Layer.SYMBOLS, string.digits),
    ):
        written = [touched_character(key.id) for key in _keys(panel, layer)]
        assert all(written.count(character) == 1 for character in wanted)
        assert written.count(" ") == 1


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("layer", list(Layer))
def test_key_names_are_unique(panel: str, layer: Layer) -> None:
    """Two keys never share an id, so that a touch is never ambiguous."""
    names = [key.id for key in _keys(panel, layer)]
    assert len(names) == len(set(names))


def test_controls_write_nothing() -> None:
    """Shift, delete and the layer key are no characters."""
    assert [touched_character(id) for id in (SHIFT, DELETE, LAYER, "control-hide", "")] == [""] * 5
    assert touched_character(SPACE) == " "
    assert touched_character("key-'") == "'"


def test_shift_lasts_for_one_letter_and_the_layer_key_toggles() -> None:
    """The keyboard's own state after each kind of key."""
    assert next_layer(SHIFT, Layer.LOWER) is Layer.UPPER
    assert next_layer("key-A", Layer.UPPER) is Layer.LOWER
    assert next_layer(SHIFT, Layer.UPPER) is Layer.LOWER
    assert next_layer(LAYER, Layer.LOWER) is Layer.SYMBOLS
    assert next_layer("key-7", Layer.SYMBOLS) is Layer.SYMBOLS
    assert next_layer(LAYER, Layer.SYMBOLS) is Layer.LOWER
    assert next_layer(DELETE, Layer.UPPER) is Layer.UPPER
