"""The talk of people on their own phones, as the kiosk's mind hears it: questions of the portal in, answers out.

Owns the tickets (in memory only, so that nothing on the disk ties a phone to a report), the forms that come twice, and
how much of this kiosk phones may use up. Decides and writes; *saved* is said when whoever owns it has committed.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import msgspec

from firmware.clock import Moment
from firmware.courier import Courier
from firmware.errors import Refused, StoreFault, StoreFull
from firmware.messages import Duty
from firmware.trouble import PORTAL_FAULTS
from kiosk.learner.portal_drafts import DraftRules, SaidSoFar
from kiosk.learner.portal_line import PortalAsked
from kiosk.talk.codes import code_digest, make_code
from kiosk.talk.handover import (
    TICKET_BYTES,
    AskCode,
    AskProgress,
    AskState,
    Deed,
    HandedIn,
    HandIn,
    KioskState,
    Known,
    Outcome,
    Told,
    frame_of,
    known_of,
)
from kiosk.talk.policy import Policy

_log = logging.getLogger("quietbell.kiosk.portal")

TICKETS_MOST = 512
# After this long without a question a phone has lost sight of its report; its five words still find it.
TICKET_MS = 30 * 60_000
# A form that comes again is answered as it was the first time.
FORMS_MOST = 1024
_MINUTE_MS = 60_000
# Five words of 1,024 are not found at this pace in a lifetime. The touchscreen counts its own tries.
WRONG_CODES_A_MINUTE = 30
# A kiosk keeps a thousand codes for thirty days: phones together use up at most three in five.
CODES_A_DAY = 20
# The portal asks every few seconds. One that never starts is as silent as one that died.
PORTAL_SILENT_MS = 60_000
PORTAL_STARTS_WITHIN_MS = 120_000
_OF_PORTAL = "portal-"


@dataclass(frozen=True, slots=True)
class _Ticket:
    """One phone's hold on its own report."""

    report: bytes
    so_far: SaidSoFar
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Written, and saved with the next commit: whom to answer then."""

    askers: list[PortalAsked]
    ticket: bytes
    code: tuple[str, ...]


@dataclass(slots=True)
class _Pace:
    """How often something may happen in a while."""

    most: int
    while_ms: int
    times_ms: list[int] = field(default_factory=list)

    def used_up(self, now_ms: int) -> bool:
        self.times_ms = [at_ms for at_ms in self.times_ms if now_ms - at_ms < self.while_ms]
        return len(self.times_ms) >= self.most


class _Tickets:
    """The newest tickets by last use. What a turn changed is put back when the disk did not take the turn."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, tuple[_Ticket, int]] = OrderedDict()
        self._before: dict[bytes, tuple[_Ticket, int] | None] = {}

    def find(self, ticket: bytes, now_ms: int) -> _Ticket | None:
        found = self._held.get(ticket)
        if found is None or now_ms - found[1] >= TICKET_MS:
            return None
        self._held[ticket] = found[0], now_ms
        self._held.move_to_end(ticket)
        return found[0]

    def hold(self, ticket: bytes, held: _Ticket, now_ms: int) -> None:
        self._before.setdefault(ticket, self._held.get(ticket))
        self._held[ticket] = held, now_ms
        self._held.move_to_end(ticket)

    def committed(self) -> None:
        self._before.clear()
        while len(self._held) > TICKETS_MOST:
            self._held.popitem(last=False)

    def lost(self) -> None:
        for ticket, before in self._before.items():
            if before is None:
                self._held.pop(ticket, None)
            else:
                self._held[ticket] = before
        self._before.clear()


class PortalTalk:
    """All phones at one kiosk. `take` in a step, then `committed` or `lost`."""

    def __init__(
        self,
        *,
        courier: Courier,
        policy: Policy,
        languages: Collection[str],
        random_bytes: Callable[[int], bytes],
        now: Moment,
    ) -> None:
        self._courier, self._random_bytes = courier, random_bytes
        self._rules = DraftRules(policy, languages)
        self._tickets = _Tickets()
        self._forms: OrderedDict[bytes, tuple[HandedIn, int]] = OrderedDict()
        self._waiting: dict[bytes, _Waiting] = {}
        self._wrong_codes = _Pace(WRONG_CODES_A_MINUTE, _MINUTE_MS)
        self._codes = _Pace(CODES_A_DAY, 24 * 60 * _MINUTE_MS)
        self._full = False
        self._told_faults: tuple[str, ...] = ()
        self._silent_from_ms = now.monotonic_ms + PORTAL_STARTS_WITHIN_MS

    # --- the engine's ---

    def take(self, asked: PortalAsked, now: Moment, *, lesson_left_ms: int, writable: bool) -> None:
        """One question. What needs no commit is answered at once; `writable` False: nothing can be kept now."""
        if not asked.reply.begin():
            return
        request = asked.request
        match request:
            case HandIn():
                self._hand_in(asked, request, now, writable)
            case AskProgress():
                held = self._tickets.find(request.ticket, now.monotonic_ms)
                asked.reply.give(Told(self._duty(now), self._known(held, now)))
            case AskCode():
                asked.reply.give(self._look_up(request.digest, now))
            case AskState():
                self._told_faults, self._silent_from_ms = request.faults, now.monotonic_ms + PORTAL_SILENT_MS
                asked.reply.give(KioskState(self._duty(now), -(-lesson_left_ms // 1000)))

    def committed(self, now: Moment) -> None:
        """What was written since the last commit is on the disk: say so."""
        self._tickets.committed()
        waiting, self._waiting = self._waiting, {}
        for form, each in waiting.items():
            known = self._known(self._tickets.find(each.ticket, now.monotonic_ms), now)
            answer = HandedIn(Outcome.SAVED, self._duty(now), each.ticket, known, each.code)
            self._forms[form] = answer, now.monotonic_ms
            for asked in each.askers:
                asked.reply.give(answer)
        while len(self._forms) > FORMS_MOST:
            self._forms.popitem(last=False)

    def lost(self, now: Moment) -> None:
        """The disk did not take it: nothing of it is known any more."""
        self._tickets.lost()
        waiting, self._waiting = self._waiting, {}
        for asked in (asked for each in waiting.values() for asked in each.askers):
            asked.reply.give(HandedIn(Outcome.NOT_SAVED, self._duty(now)))

    def faults(self, now_ms: int) -> tuple[str, ...]:
        """What is wrong with the portal, for the heartbeats. It can speak of nothing but itself."""
        if now_ms >= self._silent_from_ms:
            return (f"{_OF_PORTAL}silent",)
        full = (f"{_OF_PORTAL}full",) if self._full else ()
        own = (code for code in self._told_faults if code in PORTAL_FAULTS or code.startswith(_OF_PORTAL))
        return tuple(dict.fromkeys((*full, *own)))

    # --- handing in ---

    def _hand_in(self, asked: PortalAsked, request: HandIn, now: Moment, writable: bool) -> None:
        form = hashlib.sha256(frame_of(request)).digest()
        if form in self._waiting:
            self._waiting[form].askers.append(asked)
            return
        answered = self._answered(form, now)
        if answered is None:
            kept = self._refusal(request, now, writable) or self._keep(asked, request, now)
            if isinstance(kept, _Waiting):
                self._waiting[form] = kept
                return
            answered = HandedIn(kept, self._duty(now))
        asked.reply.give(answered)

    def _answered(self, form: bytes, now: Moment) -> HandedIn | None:
        """The answer to a form that has come before, with what is known of it now."""
        answered, at_ms = self._forms.get(form, (None, 0))
        if answered is None or now.monotonic_ms - at_ms >= TICKET_MS:
            return None
        known = self._known(self._tickets.find(answered.ticket, now.monotonic_ms), now)
        return msgspec.structs.replace(answered, known=known, duty=self._duty(now))

    def _refusal(self, request: HandIn, now: Moment, writable: bool) -> Outcome | None:
        try:
            self._rules.check(request)
        except Refused as refusal:
            _log.warning("portal-refused", extra={"reason": refusal.reason})
            return Outcome.REFUSED
        if request.ticket and self._tickets.find(request.ticket, now.monotonic_ms) is None:
            return Outcome.UNKNOWN_TICKET
        return None if writable else Outcome.NOT_SAVED

    def _keep(self, asked: PortalAsked, request: HandIn, now: Moment) -> _Waiting | Outcome:
        held = self._tickets.find(request.ticket, now.monotonic_ms) if request.ticket else None
        code: tuple[str, ...] = ()
        if held is not None and request.deed is Deed.CODE:
            if held.code:
                return _Waiting([asked], request.ticket, held.code)
            if self._codes.used_up(now.monotonic_ms):
                return Outcome.NOT_SAVED
            code = self._new_code()
        try:
            return _Waiting([asked], self._save(request, held, code, now), code)
        except StoreFault as fault:
            # A disk that fails fails the commit as well and is told there; this may be the phones' share alone.
            self._full = isinstance(fault, StoreFull)
            _log.error("portal-not-kept", extra={"what": str(fault)})
            return Outcome.NOT_SAVED

    def _save(self, request: HandIn, held: _Ticket | None, code: tuple[str, ...], now: Moment) -> bytes:
        """Seal, write and remember; returns the ticket. Raises StoreFault."""
        digest = code_digest(code) if code else b""
        before = None if held is None else held.so_far
        so_far, draft = self._rules.draft(request, before, now.monotonic_ms, code_digest=digest)
        report = self._courier.submit(draft, now, reserved=False)
        self._full = False
        if held is None:
            ticket = self._random_bytes(TICKET_BYTES)
            so_far = replace(so_far, told=replace(so_far.told, report=report))
            self._tickets.hold(ticket, _Ticket(report, so_far), now.monotonic_ms)
            return ticket
        if code:
            # In the commit of the addition that tells staff: a code is good for both or for nobody.
            self._courier.outbox.keep_code(digest, held.report, now)
            self._codes.times_ms.append(now.monotonic_ms)
        self._tickets.hold(request.ticket, _Ticket(held.report, so_far, code or held.code), now.monotonic_ms)
        return request.ticket

    def _new_code(self) -> tuple[str, ...]:
        while True:
            code = make_code(self._random_bytes)
            if self._courier.outbox.progress_of_code(code_digest(code)) is None:
                return code

    # --- answering ---

    def _look_up(self, digest: bytes, now: Moment) -> Told:
        if self._wrong_codes.used_up(now.monotonic_ms):
            return Told(self._duty(now), resting=True)
        progress = self._courier.outbox.progress_of_code(digest)
        if progress is None:
            self._wrong_codes.times_ms.append(now.monotonic_ms)
            return Told(self._duty(now))
        # Whether it is about an adult here nobody knows who comes with words: the page names both places.
        return Told(self._duty(now), known_of(progress, now.monotonic_ms, private=False))

    def _known(self, held: _Ticket | None, now: Moment) -> Known | None:
        progress = None if held is None else self._courier.progress(held.report)
        if held is None or progress is None:
            return None
        return known_of(progress, now.monotonic_ms, private=held.so_far.told.private)

    def _duty(self, now: Moment) -> Duty:
        return self._courier.duty(now.monotonic_ms)
