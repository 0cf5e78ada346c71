"""Vouchers: what six words carry, and what is refused."""

from __future__ import annotations

import random
import string
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.byod import Audience
from firmware.errors import BadInput, ProgrammerError, Refused
from firmware.passphrase import load_words
from firmware.vouchers import (
    DEVICES_MAX,
    FIRST_DAY,
    LAST_DAY,
    MINUTES,
    SERIALS,
    VOUCHER_WORDS,
    Voucher,
    make_words,
    read_words,
)

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
ONE = Voucher(Audience.VISITOR, date(2026, 12, 18), 240, 1, 7)

vouchers = st.builds(
    Voucher,
    st.sampled_from(Audience),
    st.dates(FIRST_DAY, LAST_DAY),
    st.sampled_from(MINUTES),
    st.integers(1, DEVICES_MAX),
    st.integers(0, SERIALS - 1),
)
keys = st.binary(min_size=32, max_size=32)


def refusal(text: str, key: bytes = KEY) -> str:
    with pytest.raises(Refused) as caught:
        read_words(text, key)
    return caught.value.reason


@pytest.mark.requirement("B1", "B9", "B10")
@given(vouchers, keys)
def test_words_carry_the_whole_voucher(voucher: Voucher, key: bytes) -> None:
    """Audience, last day, minutes, devices and serial come back from six words of our list, whatever the key."""
    words = make_words(voucher, key)
    assert len(words) == VOUCHER_WORDS
    assert set(words) <= set(load_words())
    assert read_words("-".join(words), key) == voucher


@given(vouchers, st.sampled_from(["-", " ", "  ", "\n", ", ", "+", "_", ". ", " \u2013 ", "\u00a0"]), st.data())
def test_case_and_separators_do_not_matter(voucher: Voucher, between: str, data: st.DataObject) -> None:
    """However phones and people write them: capitals, line breaks, dashes, commas, spaces around."""
    words = make_words(voucher, KEY)
    cased = [data.draw(st.sampled_from([word, word.upper(), word.capitalize()])) for word in words]
    assert read_words(f"  {between.join(cased)}. ", KEY) == voucher


@given(vouchers, st.integers(0, VOUCHER_WORDS - 1), st.data())
def test_one_slip_in_a_word_is_forgiven_or_refused_but_never_another_voucher(
    voucher: Voucher, which: int, data: st.DataObject
) -> None:
    """A wrong, missing or doubled letter gives the same voucher or none: never somebody else's."""
    words = list(make_words(voucher, KEY))
    word = words[which]
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    words[which] = data.draw(
        st.sampled_from(
            [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :]]
        )
    )
    try:
        read = read_words(" ".join(words), KEY)
    except Refused:
        return
    assert read == voucher


def test_most_slips_are_forgiven() -> None:
    """Of 600 vouchers with one letter left out of one word, three in four are still read right."""
    chance = random.Random(11)
    read = 0
    for serial in range(600):
        voucher = Voucher(Audience.LEARNER, date(2027, 3, 1), 60, 2, serial)
        words = list(make_words(voucher, KEY))
        which = chance.randrange(VOUCHER_WORDS)
        at = chance.randrange(len(words[which]))
        words[which] = words[which][:at] + words[which][at + 1 :]
        try:
            read += read_words(" ".join(words), KEY) == voucher
        except Refused:
            continue
    assert read >= 450


def test_proof_has_thirty_two_bits() -> None:
    """Whatever bit of the sixty-six is turned, the words are refused; so are 20,000 guesses of six real words."""
    words, all_words = make_words(ONE, KEY), load_words()
    for place in range(VOUCHER_WORDS):
        for bit in range(11):
            turned = list(words)
            turned[place] = all_words[all_words.index(words[place]) ^ (1 << bit)]
            assert refusal(" ".join(turned)) == "unknown-voucher"
    chance = random.Random(3)
    guesses = (" ".join(chance.choices(all_words, k=VOUCHER_WORDS)) for _ in range(20_000))
    assert {refusal(guess) for guess in guesses} == {"unknown-voucher"}


@given(vouchers)
def test_another_key_makes_another_voucher(voucher: Voucher) -> None:
    """What another site, or this one before its key was changed, has printed opens nothing."""
    words = make_words(voucher, OTHER_KEY)
    assert words != make_words(voucher, KEY)
    assert refusal(" ".join(words)) == "unknown-voucher"


def test_cards_of_one_sheet_look_nothing_alike() -> None:
    """A hundred vouchers that differ in their serial alone share no first word more often than chance would have it."""
    made = [make_words(Voucher(Audience.VISITOR, ONE.last_day, 60, 1, serial), KEY) for serial in range(100)]
    for place in range(VOUCHER_WORDS):
        assert len({words[place] for words in made}) > 90


@pytest.mark.parametrize(
    "text",
    ["", "one", "acorn " * 5, "acorn " * 7, "acorn " * 5 + "zzzzzz", "1 2 3 4 5 6", "a" * 100_000, "acorn " * 50_000],
)
def test_what_is_not_six_of_our_words_is_malformed(text: str) -> None:
    """Too few, too many, not from the list, digits, or far too long: said before any key is used."""
    assert refusal(text) == "malformed"


@given(st.text(max_size=120))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    """Whatever is typed is a voucher of ours or a refusal with one of two reasons."""
    assert refusal(text) in ("malformed", "unknown-voucher")


@pytest.mark.parametrize(
    ("voucher", "said"),
    [
        (Voucher(Audience.VISITOR, FIRST_DAY - timedelta(days=1), 60, 1, 0), "can end from 2026-01-01"),
        (Voucher(Audience.VISITOR, LAST_DAY + timedelta(days=1), 60, 1, 0), "can end from"),
        (Voucher(Audience.VISITOR, FIRST_DAY, 61, 1, 0), "gives one of 15, 20, 30"),
        (Voucher(Audience.VISITOR, FIRST_DAY, 60, 9, 0), "1 to 8 devices, not 9"),
        (Voucher(Audience.VISITOR, FIRST_DAY, 60, 0, 0), "1 to 8 devices, not 0"),
    ],
)
def test_what_words_cannot_carry_is_said(voucher: Voucher, said: str) -> None:
    """A day, time or number of devices out of bounds ends in one line that names the bounds."""
    with pytest.raises(BadInput, match=said):
        make_words(voucher, KEY)


def test_serial_and_key_are_the_programs_own() -> None:
    """A serial of more than twelve bits, or a key of another length, is a fault of ours."""
    with pytest.raises(ProgrammerError):
        make_words(Voucher(Audience.VISITOR, FIRST_DAY, 60, 1, SERIALS), KEY)
    with pytest.raises(ProgrammerError):
        read_words(" ".join(make_words(ONE, KEY)), KEY[:16])


def test_words_of_today_stay_the_words() -> None:
    """One voucher, written down here once: whoever changes the bits makes paper in people's hands worthless."""
    assert " ".join(make_words(ONE, KEY)) == "rapid bedside mitten banjo freezer flask"
