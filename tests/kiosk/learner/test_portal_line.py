"""The line between portal and kiosk: over a real socket, with a loop that answers, hangs, or is too slow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware.errors import Refused, TechnicianError
from firmware.local_link import Peer, ask, serve
from firmware.messages import Duty, DutyState
from firmware.settings import Root
from kiosk.learner.portal_line import SOCKET_NAME, PortalAsked, PortalLine, Reply, open_portal_line, portal_uids
from kiosk.talk.handover import (
    FRAME_BYTES,
    AskState,
    HandedIn,
    KioskState,
    Outcome,
    Told,
    frame_of,
    read_answer,
)
from tests.support.talk_portal import report

ME = Peer(os.getpid(), os.getuid(), os.getgid())
UNKNOWN = Duty(DutyState.UNKNOWN)
SAVED = HandedIn(Outcome.SAVED, UNKNOWN, b"t" * 16)
SOON = 0.02


@contextmanager
def listening(root: Root, post: Callable[[PortalAsked], None]) -> Iterator[Path]:
    root.run.mkdir(parents=True)
    server = open_portal_line(root, post)
    assert server is not None
    try:
        yield root.run / SOCKET_NAME
    finally:
        server.stop()


def answer_at_once(asked: PortalAsked) -> None:
    assert asked.reply.begin()
    asked.reply.give(KioskState(UNKNOWN, 60) if isinstance(asked.request, AskState) else SAVED)


def begin_only(asked: PortalAsked) -> None:
    assert asked.reply.begin()


def test_a_question_goes_to_the_loop_and_its_answer_back(tmp_path: Path) -> None:
    """Over the socket, framed both ways."""
    with listening(Root(tmp_path), answer_at_once) as path:
        assert read_answer(ask(path, frame_of(report("yes")), 5)) == SAVED
        assert read_answer(ask(path, frame_of(AskState()), 5)) == KioskState(UNKNOWN, 60)


def test_a_loop_that_hangs_is_not_saved_and_stays_so(tmp_path: Path) -> None:
    """The question is withdrawn before "not saved" is said: when the loop comes to it, it may do nothing."""
    posted: list[PortalAsked] = []
    line = PortalLine(posted.append, begin_seconds=SOON, finish_seconds=SOON)
    answer = read_answer(line.answer(ME, frame_of(report("yes"))))
    assert answer == HandedIn(Outcome.NOT_SAVED, UNKNOWN)
    assert not posted[0].reply.begin()
    assert read_answer(line.answer(ME, frame_of(AskState()))) == Told(UNKNOWN)


def test_a_disk_that_is_too_slow_leaves_it_open(tmp_path: Path) -> None:
    """Begun and not finished: neither "saved" nor "not saved" is said."""
    line = PortalLine(begin_only, begin_seconds=SOON, finish_seconds=SOON)
    assert read_answer(line.answer(ME, frame_of(report("yes")))) == HandedIn(Outcome.UNSURE, UNKNOWN)


def test_an_answer_that_comes_while_it_is_waited_for_is_given() -> None:
    """However late in its time."""
    reply = Reply()
    assert reply.begin()
    reply.give(SAVED)
    assert reply.wait(SOON, SOON) == (SAVED, False)


@pytest.mark.parametrize("untrusted", [b"", b"\x00", b"\xc1" * 40, b"\x91" * 100, b"x" * (FRAME_BYTES + 1)])
def test_what_is_no_question_reaches_no_loop(untrusted: bytes) -> None:
    """Refused before anybody is asked."""
    line = PortalLine(lambda _: pytest.fail("the loop was asked"))
    with pytest.raises(Refused):
        line.answer(ME, untrusted)


def test_strangers_on_the_device_get_no_answer(tmp_path: Path) -> None:
    """The kernel says who asks; a user who is not the portal's is not heard."""
    assert os.getuid() in portal_uids()
    path = tmp_path / SOCKET_NAME
    line = PortalLine(lambda _: pytest.fail("a stranger was heard"))
    server = serve(path, allow_uids={os.getuid() + 1}, mode=0o666, on_request=line.answer)
    with pytest.raises(TechnicianError):
        ask(path, frame_of(AskState()), 5)
    server.stop()


def test_a_line_that_cannot_be_opened_does_not_take_the_kiosk_with_it(tmp_path: Path) -> None:
    """Something else stands in the socket's place: logged, and the touchscreen goes on."""
    root = Root(tmp_path)
    root.run.mkdir(parents=True)
    (root.run / SOCKET_NAME).write_text("a note")
    assert open_portal_line(root, answer_at_once) is None
    assert (root.run / SOCKET_NAME).read_text() == "a note"
