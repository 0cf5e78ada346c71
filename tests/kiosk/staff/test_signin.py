"""Signing in: what is typed lives in one buffer that never grows and is wiped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kiosk.staff.signin import BUFFER_BYTES, SignIn, Step


@given(st.lists(st.one_of(st.text(max_size=6), st.none()), max_size=30))
def test_typing_and_deleting_is_what_it_looks_like(moves: list[str | None]) -> None:
    """Letters of any script, one deletion a letter, cut at the buffer's end."""
    sign_in, expected = SignIn(shown=True), ""
    for move in moves:
        if move is None:
            sign_in.backspace()
            expected = expected[:-1]
            continue
        sign_in.type(move)
        for letter in move:
            if letter.isprintable() and len((expected + letter).encode()) <= BUFFER_BYTES:
                expected += letter
    assert "".join(sign_in.drawn()) == expected
    assert sign_in.characters == len(expected)
    assert sign_in.take().decode() == expected


def test_nothing_stays_after_leaving() -> None:
    """Taken, given up or gone to another step: the buffer is zeros."""
    sign_in = SignIn()
    buffer = sign_in._buffer
    for leave in (sign_in.take, sign_in.wipe, lambda: sign_in.go(Step.NAMES)):
        sign_in.type("correct horse")
        assert any(buffer)
        leave()
        assert buffer == bytes(BUFFER_BYTES)


def test_letters_are_dots_until_shown() -> None:
    """A passer-by sees how long, not what."""
    sign_in = SignIn()
    sign_in.type("abc")
    assert "".join(sign_in.drawn()) == "•••"
    sign_in.shown = True
    assert "".join(sign_in.drawn()) == "abc"
