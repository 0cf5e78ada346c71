"""The portal's end of the line to the kiosk process, which alone can seal and save.

Owns the timeouts and what a silence means: nobody there means *not saved*; a question that may have been heard means
that nobody can tell. Holds no key and keeps nothing. Blocks: the web process asks from threads of its own.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeVar

from firmware.errors import Refused, TechnicianError
from firmware.local_link import ask
from firmware.messages import NO_ID, Duty, DutyState
from kiosk.talk.codes import code_digest
from kiosk.talk.handover import (
    TICKET_BYTES,
    AskCode,
    AskProgress,
    AskState,
    HandedIn,
    HandIn,
    KioskState,
    Outcome,
    Request,
    Told,
    frame_of,
    read_answer,
)

_log = logging.getLogger("quietbell.portal.kiosk")

SOCKET_NAME = "portal.sock"
# The kiosk itself answers within five seconds, whatever its disk does: after that it is dead or frozen.
SAVE_SECONDS = 6.0
LOOK_SECONDS = 1.5
# The question never left: nobody listens, or so many do ask that nobody takes it in.
_UNHEARD = (ConnectionRefusedError, FileNotFoundError, PermissionError, BlockingIOError)
_NOBODY = Duty(DutyState.UNKNOWN)

_A = TypeVar("_A", HandedIn, Told, KioskState)


class KioskLine:
    """Asks the kiosk process at `path` (its run folder's `portal.sock`)."""

    def __init__(self, path: Path, *, save_seconds: float = SAVE_SECONDS, look_seconds: float = LOOK_SECONDS) -> None:
        self._path, self._save_seconds, self._look_seconds = path, save_seconds, look_seconds

    def hand_in(self, draft: HandIn) -> HandedIn:
        """Never raises: what cannot be said for certain is `UNSURE`."""
        try:
            return self._ask(draft, HandedIn, self._save_seconds)
        except (TechnicianError, Refused) as problem:
            heard = not isinstance(problem.__cause__, _UNHEARD)
            _log.error("kiosk-not-reached", extra={"what": str(problem), "perhaps_saved": heard})
            return HandedIn(Outcome.UNSURE if heard else Outcome.NOT_SAVED, _NOBODY)

    def progress(self, ticket: bytes) -> Told:
        """What is proved of the report of this ticket. Raises TechnicianError: the kiosk cannot be asked now."""
        return self._look(AskProgress(ticket or bytes(TICKET_BYTES)), Told)

    def duty(self) -> Duty:
        """Whether somebody is at the office; unknown when the kiosk cannot be asked."""
        try:
            return self.progress(NO_ID).duty
        except TechnicianError:
            return _NOBODY

    def look_up(self, code: tuple[str, ...]) -> Told:
        """What is proved of the report of these five words. Raises TechnicianError."""
        return self.look_up_digest(code_digest(code))

    def look_up_digest(self, digest: bytes) -> Told:
        """The same when only the digest is left. Raises TechnicianError."""
        return self._look(AskCode(digest), Told)

    def state(self, faults: tuple[str, ...] = ()) -> KioskState:
        """Duty and lesson; `faults` are the codes of what is wrong with the portal, which replace those told before.

        Raises TechnicianError.
        """
        return self._look(AskState(faults), KioskState)

    def _look(self, request: Request, noun: type[_A]) -> _A:
        try:
            return self._ask(request, noun, self._look_seconds)
        except Refused as refusal:
            mend = "update kiosk and portal together"
            raise TechnicianError(f"{self._path}: the kiosk's answer is {refusal.reason}; {mend}") from refusal

    def _ask(self, request: Request, noun: type[_A], timeout_seconds: float) -> _A:
        answer = read_answer(ask(self._path, frame_of(request), timeout_seconds))
        if not isinstance(answer, noun):
            raise Refused("malformed", f"an answer of the kind {type(answer).__name__}")
        return answer
