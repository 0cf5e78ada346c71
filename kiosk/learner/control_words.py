"""The screen's own words in the learner's language: what stands on controls, keys and tiles."""

from __future__ import annotations

from collections.abc import Iterator

from kiosk.learner.tile_words import TILE_WORDS
from kiosk.learner.view import ControlWords
from kiosk.screen.keyboard import KeyboardWords
from kiosk.words import SOURCE_LANGUAGE, Words


def control_words(words: Words) -> ControlWords:
    """All of them; what has no translation is in English, as elsewhere."""
    say, english = words.text, ControlWords()
    keys = english.keyboard
    return ControlWords(
        more=say(english.more),
        language=say(english.language),
        bigger=say(english.bigger),
        bigger_spoken=say(english.bigger_spoken),
        read=say(english.read),
        read_silent=say(english.read_silent),
        type=say(english.type),
        unchecked=say(english.unchecked),
        keyboard=KeyboardWords(
            space=say(keys.space),
            shift=say(keys.shift),
            delete=say(keys.delete),
            letters=say(keys.letters),
            symbols=say(keys.symbols),
        ),
        tiles=dict(_tiles(words)),
    )


def _tiles(words: Words) -> Iterator[tuple[str, str]]:
    """Short forms, found by the whole answer in this language. An answer without one stands on its tile as it is;
    Easy English takes the short words of English."""
    english = words.language.partition("-")[0] == SOURCE_LANGUAGE
    for whole, short in TILE_WORDS.items():
        if english or not words.missing(short) or words.missing(whole):
            yield words.text(whole), words.text(short)
