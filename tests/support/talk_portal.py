"""A kiosk engine that serves a portal, turned by hand: the questions of the web process without the web process.

`phone` does what a thread of the socket does: it posts a question and takes the answer that the turn gave. Real ledger,
courier and desks, as in `kiosk_turns`; no socket.
"""

from __future__ import annotations

import itertools
import os
from typing import cast

import msgspec

from firmware.envelope import open_alert, open_story_for_recovery, parse_up
from firmware.messages import Alert, Story
from kiosk.learner.engine import KioskEngine
from kiosk.learner.portal_line import PortalAsked
from kiosk.talk.handover import (
    Answer,
    AskCode,
    AskProgress,
    AskState,
    Deed,
    HandedIn,
    HandIn,
    KioskState,
    Request,
    Told,
)
from tests.support.kiosk_turns import KioskTurns
from tests.support.talks import ROOM, secondary

LANGUAGES = ("en", "en-x-easy", "cy")
_FORMS = itertools.count(1)


def new_form() -> bytes:
    """A nonce as a page would carry it."""
    return next(_FORMS).to_bytes(16, "big")


def report(danger: str = "no", **said: str | bytes) -> HandIn:
    """A report with a form of its own."""
    return msgspec.structs.replace(HandIn(new_form(), b"", Deed.REPORT, danger=danger), **said)


def addition(ticket: bytes, **said: str | bytes) -> HandIn:
    return msgspec.structs.replace(HandIn(new_form(), ticket, Deed.ADDITION), **said)


def deed(ticket: bytes, what: Deed) -> HandIn:
    """Taking back, or asking for five words."""
    return HandIn(new_form(), ticket, what)


class PortalTurns(KioskTurns):
    """A kiosk in whose Wi-Fi there are phones."""

    def _engine(self) -> KioskEngine:
        kiosk = self.site.kiosk
        return KioskEngine(
            room=ROOM,
            site=self.site.id,
            device=kiosk.id,
            courier=kiosk.courier,
            ledger=kiosk.ledger,
            policy=secondary(),
            random_bytes=os.urandom,
            floor_ms=lambda: kiosk.now().wall_ms,
            now=kiosk.now(),
            portal_languages=LANGUAGES,
        )

    def phone(self, request: Request) -> Answer:
        """One question in a turn of its own."""
        asked = PortalAsked(request)
        self.turn(asked)
        return answer_of(asked)

    def hand_in(self, request: HandIn) -> HandedIn:
        return cast(HandedIn, self.phone(request))

    def progress(self, ticket: bytes) -> Told:
        return cast(Told, self.phone(AskProgress(ticket)))

    def look_up(self, digest: bytes) -> Told:
        return cast(Told, self.phone(AskCode(digest)))

    def state(self, *faults: str) -> KioskState:
        return cast(KioskState, self.phone(AskState(faults)))


def answer_of(asked: PortalAsked) -> Answer:
    """What the loop has said by now; it must have said something."""
    answer, _ = asked.reply.wait(0, 0)
    assert answer is not None, "the question was not answered"
    return answer


def kept(kiosk: KioskTurns) -> list[tuple[Alert, Story]]:
    """Every report on the kiosk's disk, oldest first, opened with the desk's key and the off-line recovery key."""
    people = kiosk.site.people
    ups = [parse_up(kiosk.site.kiosk.envelope(report)) for report in kiosk.courier.outbox.reports()]
    return [(open_alert(up, people.desk_key), open_story_for_recovery(up, people.recovery)) for up in ups]
