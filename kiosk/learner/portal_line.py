"""The kiosk's end of the line to the portal: questions come in on threads, the loop answers them after its commit.

Owns the waiting and its bounds, and who may ask (the kernel's word). A question that the loop has not begun in time is
withdrawn, so that "not saved" stays true; one that it has begun and not finished is answered "nobody can tell". Knows
nothing of reports.
"""

from __future__ import annotations

import logging
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import Condition

from firmware.errors import TechnicianError
from firmware.local_link import LocalServer, Peer, serve
from firmware.messages import Duty, DutyState
from firmware.settings import Root
from kiosk.talk.handover import Answer, HandedIn, HandIn, Outcome, Request, Told, frame_of, read_request

_log = logging.getLogger("quietbell.kiosk.portal")

SOCKET_NAME = "portal.sock"
PORTAL_USER = "quietbell-portal"
# Anybody on the device may knock; only the portal's user and our own are let in (SO_PEERCRED).
SOCKET_MODE = 0o666
# A healthy loop begins within 33 ms; then the disk has its time. The portal waits longer than both together.
BEGIN_SECONDS = 2.0
FINISH_SECONDS = 3.0


class _Stand(Enum):
    WAITING = auto()
    BEGUN = auto()
    WITHDRAWN = auto()
    ANSWERED = auto()


class Reply:
    """Where one question's answer is waited for; the loop's thread and the asker's meet here."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._stand = _Stand.WAITING
        self._answer: Answer | None = None

    def begin(self) -> bool:
        """The loop takes the question up; False when nobody waits any more: nothing may be done then."""
        with self._changed:
            if self._stand is _Stand.WAITING:
                self._stand = _Stand.BEGUN
            self._changed.notify_all()
            return self._stand is _Stand.BEGUN

    def give(self, answer: Answer) -> None:
        with self._changed:
            self._stand, self._answer = _Stand.ANSWERED, answer
            self._changed.notify_all()

    def wait(self, begin_seconds: float, finish_seconds: float) -> tuple[Answer | None, bool]:
        """(the answer, whether the question was withdrawn unheard)."""
        with self._changed:
            self._changed.wait_for(lambda: self._stand is not _Stand.WAITING, begin_seconds)
            if self._stand is _Stand.WAITING:
                self._stand = _Stand.WITHDRAWN
                return None, True
            self._changed.wait_for(lambda: self._stand is _Stand.ANSWERED, finish_seconds)
            return self._answer, False


@dataclass(frozen=True, slots=True)
class PortalAsked:
    """A question of the portal, for the loop. Its answer goes into `reply`."""

    request: Request
    reply: Reply = field(default_factory=Reply)


class PortalLine:
    """Answers the socket's threads; `post` hands a question to the loop."""

    def __init__(
        self,
        post: Callable[[PortalAsked], None],
        *,
        begin_seconds: float = BEGIN_SECONDS,
        finish_seconds: float = FINISH_SECONDS,
    ) -> None:
        self._post, self._begin_seconds, self._finish_seconds = post, begin_seconds, finish_seconds

    def answer(self, peer: Peer, untrusted: bytes) -> bytes:
        """One frame for one frame. Raises Refused: the peer gets no answer, and the log says why."""
        asked = PortalAsked(read_request(untrusted))
        self._post(asked)
        answer, withdrawn = asked.reply.wait(self._begin_seconds, self._finish_seconds)
        if answer is None:
            _log.error("portal-not-answered", extra={"withdrawn": withdrawn})
            answer = _no_answer(asked.request, Outcome.NOT_SAVED if withdrawn else Outcome.UNSURE)
        return frame_of(answer)


def _no_answer(request: Request, outcome: Outcome) -> Answer:
    unknown = Duty(DutyState.UNKNOWN)
    return HandedIn(outcome, unknown) if isinstance(request, HandIn) else Told(unknown)


def open_portal_line(root: Root, post: Callable[[PortalAsked], None]) -> LocalServer | None:
    """Listen for the portal; None when that cannot be: the touchscreen must work all the same."""
    try:
        return serve(
            root.run / SOCKET_NAME,
            allow_uids=portal_uids(),
            mode=SOCKET_MODE,
            on_request=PortalLine(post).answer,
        )
    except TechnicianError as problem:
        _log.error("portal-line-not-open", extra={"what": str(problem)})
        return None


def portal_uids() -> frozenset[int]:
    """The portal's own user where there is one, and this process's own."""
    try:
        return frozenset({os.getuid(), pwd.getpwnam(PORTAL_USER).pw_uid})
    except KeyError:
        return frozenset({os.getuid()})
