"""Words that people keep and compare."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import BadInput
from firmware.identity import KEM_PUBLIC_BYTES, RouteEntry, RouteSheet, SheetReader
from firmware.passphrase import (
    FINGERPRINT_WORDS,
    PASSPHRASE_WORDS,
    WORD_BITS,
    fingerprint,
    load_words,
    make_passphrase,
    normal_passphrase,
)

SHEET = RouteSheet(
    version=1,
    site=b"s" * 16,
    suite=1,
    routes=(RouteEntry(name="safeguarding", key=b"k" * KEM_PUBLIC_BYTES),),
    recovery_key=b"r" * KEM_PUBLIC_BYTES,
    readers=(SheetReader(id=b"a" * 16, signing=b"b" * 32, routes=("safeguarding",)),),
)


def test_words_are_eleven_bits_each() -> None:
    """The list has exactly 2,048 different plain words, in one order."""
    words = load_words()
    assert len(words) == 2**WORD_BITS == len(set(words))
    assert all(word.isascii() and word.isalpha() and word.islower() and 4 <= len(word) <= 8 for word in words)
    assert list(words) == sorted(words)


def test_words_are_told_apart_by_four_letters_or_more() -> None:
    """No word is another with an "s" after it: spoken aloud they could be taken for each other."""
    words = set(load_words())
    assert [word for word in words if f"{word}s" in words] == []


def test_offered_passphrase_is_six_words_of_the_list() -> None:
    """An offered passphrase has six different words, others each time, and is accepted as typed."""
    source = random.Random(1)
    offered = [make_passphrase(source) for _ in range(50)]
    assert len(set(offered)) == 50
    for passphrase in offered:
        words = passphrase.split(" ")
        assert len(set(words)) == PASSPHRASE_WORDS
        assert set(words) <= set(load_words())
        assert normal_passphrase(passphrase) == passphrase


@pytest.mark.parametrize(
    "typed",
    [
        "Acorn  badge cabin\tdaisy eager fable",
        " acorn-badge-cabin-daisy-eager-fable\n",
        "ACORN BADGE CABIN DAISY EAGER FABLE",
        "acorn badge cabin\u00a0daisy eager fable",
    ],
)
def test_one_passphrase_has_one_form(typed: str) -> None:
    """Capitals, dashes and spacing do not lock a reader out."""
    assert normal_passphrase(typed) == "acorn badge cabin daisy eager fable"


@pytest.mark.requirement("T12")
@pytest.mark.parametrize("typed", ["", "123456", "acorn badge cabin daisy eager", "acorn " * 6, "x" * 401])
def test_short_passphrases_are_refused(typed: str) -> None:
    """Fewer than six different words, or far too many characters, is refused in one line that says what to do."""
    with pytest.raises(BadInput) as caught:
        normal_passphrase(typed)
    assert "use" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_refused_or_settles(typed: str) -> None:
    """Whatever is typed, the normal form of an accepted passphrase is its own normal form."""
    try:
        normal = normal_passphrase(typed)
    except BadInput:
        return
    assert normal_passphrase(normal) == normal


def test_fingerprint_is_the_same_on_every_machine() -> None:
    """The words of a fingerprint never change between versions of the program: both screens must agree."""
    assert fingerprint(SHEET) == "racer ember fuzzy nifty buckle best tavern cloth"
    assert len(fingerprint(SHEET).split(" ")) == FINGERPRINT_WORDS


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"site": b"t" * 16},
        {"recovery_key": b"x" * KEM_PUBLIC_BYTES},
        {"routes": ()},
        {"readers": (SheetReader(id=b"a" * 16, signing=b"c" * 32, routes=("safeguarding",)),)},
        {"readers": (SheetReader(id=b"a" * 16, signing=b"b" * 32, routes=("safeguarding", "head")),)},
    ],
)
def test_fingerprint_tells_any_change(change: dict[str, object]) -> None:
    """Another reader, key, route, recovery key, site or version reads differently."""
    assert fingerprint(msgspec.structs.replace(SHEET, **change)) != fingerprint(SHEET)
