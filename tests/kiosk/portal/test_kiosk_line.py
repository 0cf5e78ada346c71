"""The portal's end of the line: what a silence means, and that nothing the kiosk's end says can break the portal."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from firmware.errors import TechnicianError
from firmware.local_link import Peer, serve
from firmware.messages import NO_ID, Duty, DutyState
from kiosk.portal.kiosk_line import KioskLine
from kiosk.talk.codes import code_digest
from kiosk.talk.handover import (
    AskCode,
    AskProgress,
    AskState,
    HandedIn,
    HandIn,
    KioskState,
    Outcome,
    Told,
    frame_of,
    read_request,
)
from tests.support.talk_portal import report

DUTY = Duty(DutyState.ON, "16:15")
CODE = ("acorn", "badge", "cabin", "daisy", "eagle")
Answer = Callable[[bytes], bytes]


@contextmanager
def kiosk(path: Path, answer: Answer) -> Iterator[KioskLine]:
    server = serve(path, allow_uids={os.getuid()}, mode=0o600, on_request=lambda _, untrusted: answer(untrusted))
    try:
        yield KioskLine(path, save_seconds=0.3, look_seconds=0.3)
    finally:
        server.stop()


def saying(answer: HandedIn | Told | KioskState) -> Answer:
    return lambda _: frame_of(answer)


def test_each_question_goes_over_as_its_own_noun(tmp_path: Path) -> None:
    """Draft, ticket, the digest of five words, and what is wrong with the portal."""
    heard: list[object] = []

    def hear(untrusted: bytes) -> bytes:
        request = read_request(untrusted)
        heard.append(request)
        if isinstance(request, HandIn):
            return frame_of(HandedIn(Outcome.SAVED, DUTY, b"t" * 16))
        return frame_of(KioskState(DUTY, 60) if isinstance(request, AskState) else Told(DUTY))

    draft = report("yes")
    with kiosk(tmp_path / "k", hear) as line:
        assert line.hand_in(draft).ticket == b"t" * 16
        assert line.progress(b"t" * 16) == line.look_up(CODE) == Told(DUTY)
        assert line.state(("gate-down",)).lesson_seconds_left == 60
        assert line.duty() == DUTY
    expected = [draft, AskProgress(b"t" * 16), AskCode(code_digest(CODE)), AskState(("gate-down",))]
    assert heard == [*expected, AskProgress(bytes(16))]


def test_a_kiosk_that_is_not_there_has_saved_nothing(tmp_path: Path) -> None:
    """No socket, a dead one, one that we may not use: *not saved* is the truth."""
    dead = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    for path in (tmp_path / "none", dead):
        line = KioskLine(path)
        assert line.hand_in(report("yes")) == HandedIn(Outcome.NOT_SAVED, Duty(DutyState.UNKNOWN), NO_ID)
        assert line.duty() == Duty(DutyState.UNKNOWN)
        with pytest.raises(TechnicianError):
            line.progress(b"t" * 16)
        with pytest.raises(TechnicianError):
            line.state()


def test_a_kiosk_that_is_not_reached_for_the_crowd_has_saved_nothing(tmp_path: Path) -> None:
    """Its queue is full: the question never left."""
    path = tmp_path / "full"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(str(path))
        answer = KioskLine(path, save_seconds=0.2).hand_in(report("yes"))
        for one in crowd:
            one.close()
    assert answer.outcome is Outcome.NOT_SAVED


def test_a_kiosk_that_heard_and_says_nothing_leaves_it_open(tmp_path: Path) -> None:
    """Frozen, or killed between hearing and answering: neither *saved* nor *not saved* is known."""
    thawed = threading.Event()

    def freeze(_: bytes) -> bytes:
        thawed.wait(10)
        return b""

    with kiosk(tmp_path / "k", freeze) as line:
        assert line.hand_in(report("yes")).outcome is Outcome.UNSURE
        with pytest.raises(TechnicianError):
            line.progress(b"t" * 16)
        thawed.set()

    def die(peer: Peer, untrusted: bytes) -> bytes:
        raise RuntimeError("killed")

    server = serve(tmp_path / "d", allow_uids={os.getuid()}, mode=0o600, on_request=die)
    assert KioskLine(tmp_path / "d").hand_in(report("yes")).outcome is Outcome.UNSURE
    server.stop()


@pytest.mark.parametrize(
    "answer", [lambda _: b"", lambda _: b"\xc1" * 50, lambda _: b"x" * 60_000, saying(KioskState(DUTY, 1))]
)
def test_an_answer_that_cannot_be_read_leaves_it_open(tmp_path: Path, answer: Answer) -> None:
    """Rubbish, too much, or the answer to another question: it was heard, more is not known."""
    with kiosk(tmp_path / "k", answer) as line:
        assert line.hand_in(report("yes")).outcome is Outcome.UNSURE
        with pytest.raises(TechnicianError, match="update kiosk and portal together"):
            line.progress(b"t" * 16)
