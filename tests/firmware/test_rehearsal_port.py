"""The rehearsal door: real socket, real threads; closed on every unit that is not a rehearsal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware.errors import NotAllowedHere
from firmware.local_link import ask
from firmware.rehearsal_port import SOCKET_NAME, Asked, open_port

PATIENCE_SECONDS = 5.0


@contextmanager
def door(run: Path) -> Iterator[Path]:
    """A unit that answers every question with what it was asked."""

    def handle(asked: Asked) -> None:
        asked.answer(did=asked.do, box=asked.word("box"))

    port = open_port(run, rehearsal=True, post=handle)
    try:
        yield run / SOCKET_NAME
    finally:
        port.stop()


def said(path: Path, question: bytes) -> object:
    return json.loads(ask(path, question, PATIENCE_SECONDS))


def test_a_real_unit_opens_no_door(tmp_path: Path) -> None:
    """Without a rehearsal bundle there is no socket at all."""
    with pytest.raises(NotAllowedHere):
        open_port(tmp_path, rehearsal=False, post=lambda _: None)
    assert not (tmp_path / SOCKET_NAME).exists()


def test_a_question_is_answered_by_the_unit(tmp_path: Path) -> None:
    """What is asked reaches the loop with its words, and its answer comes back."""
    with door(tmp_path) as path:
        assert said(path, b'{"do": "touch", "box": "option-yes"}') == {"did": "touch", "box": "option-yes"}


def test_the_door_is_for_this_user_alone(tmp_path: Path) -> None:
    """Nobody else on the machine may drive a unit."""
    with door(tmp_path) as path:
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("nonsense", [b"", b"\xff\xfe", b"[]", b'"do"', b"{}", b'{"do": 3}', b"[" * 5000])
def test_nonsense_is_answered_and_changes_nothing(tmp_path: Path, nonsense: bytes) -> None:
    """A bad request gets an error and the door stays open."""
    with door(tmp_path) as path:
        answer = said(path, nonsense)
        assert isinstance(answer, dict)
        assert "error" in answer
        assert said(path, b'{"do": "state"}') == {"did": "state", "box": ""}


def test_a_word_that_is_no_text_counts_as_not_given(tmp_path: Path) -> None:
    """A unit never has to look at the type of a word."""
    with door(tmp_path) as path:
        assert said(path, b'{"do": "touch", "box": ["x"]}') == {"did": "touch", "box": ""}
