"""Receipt codes: a good list, an even choice, a digest that forgives the order."""

from __future__ import annotations

import os
import random

import pytest

from kiosk.talk.codes import CODE_WORDS, WORDS_IN_LIST, code_digest, code_words, make_code, read_code


def test_the_list_has_1024_plain_distinct_words() -> None:
    """Lower-case ASCII, three to nine letters, sorted, none twice, and none within one letter of another."""
    words = code_words()
    assert len(words) == len(set(words)) == WORDS_IN_LIST
    assert list(words) == sorted(words)
    assert all(word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= 9 for word in words)
    without_a_letter: dict[str, set[str]] = {}
    for word in words:
        for place in range(len(word)):
            without_a_letter.setdefault(f"{place}:{word[:place]}{word[place + 1 :]}", set()).add(word)
            assert word[:place] + word[place + 1 :] not in words
    assert all(len(alike) == 1 for alike in without_a_letter.values())


@pytest.mark.requirement("L7")
def test_a_code_is_five_different_words_and_can_be_typed_back() -> None:
    """Made from random bytes alone; read back however its words are parted, in any order and case."""
    code = make_code(os.urandom)
    assert len(set(code)) == CODE_WORDS
    shuffled = list(code)
    random.Random(7).shuffle(shuffled)
    read = read_code(" - ".join(shuffled).upper())
    assert read is not None
    assert code_digest(read) == code_digest(code)
    assert len(code_digest(code)) == 32


def test_repeated_random_bytes_never_repeat_a_word() -> None:
    """A word that comes twice is drawn again."""
    draws = iter([b"\0\0", b"\0\0", b"\0\1", b"\0\1", b"\0\2", b"\0\3", b"\0\4"])
    assert make_code(lambda count: next(draws)) == code_words()[:5]


def test_every_word_is_read_character_by_character_and_half_a_word_is_none() -> None:
    """From any stream of characters, so that no copy is needed; a letter too few or too many fails."""
    others = code_words()[:4]
    for word in code_words()[4:]:
        assert read_code(iter(",".join((*others, word)))) == (*others, word)
        assert read_code(iter(" ".join((*others, word[:-1])))) is None
        assert read_code(iter(" ".join((*others, word + "q")))) is None


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "acorn",
        "acorn acorn acorn acorn acorn",
        "acorn badge cabin daisy qwxyz",
        "acorn badge cabin daisy eagl",
        "x" * 10**6,
    ],
)
def test_what_is_no_code_is_none(typed: str) -> None:
    """Too few, repeated or unknown words, and any length, are simply not a code."""
    assert read_code(typed) is None


def test_other_words_other_digest() -> None:
    """One word changed is another code."""
    code = code_words()[:5]
    assert code_digest(code) != code_digest((*code[:4], code_words()[9]))
