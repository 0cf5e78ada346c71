"""The kiosk's one mind: button, talk and courier put together, as a core for `firmware.loop`.

Decides only. What is to be published, acknowledged or learnt leaves as effects after the commit; *saved* reaches the
talk only when the commit has happened. Knows no window, no thread and no socket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from firmware.board import LidSample
from firmware.button import Button, Held, Pressed, Sample
from firmware.clock import Moment
from firmware.clock_floor import FloorKeeper
from firmware.commands import (
    HAS_PORTAL,
    NO_PORTAL,
    CommandGate,
    LessonUnlock,
    NewSheet,
    Obeyed,
    Resend,
    lesson_open_code,
)
from firmware.courier import Commanded, Courier, DeskTime, News, NotBelieved, Send
from firmware.courier import ProgressChanged as ReportProgress
from firmware.errors import Refused, StoreFault, StoreFull
from firmware.ledger import Ledger
from firmware.link import Connected, Disconnected, LinkEvent, LinkFault, Received
from firmware.messages import Draft
from firmware.topics import TopicKind, Topics
from kiosk.learner.lesson import Lesson
from kiosk.learner.portal_line import PortalAsked
from kiosk.learner.portal_talk import PortalTalk
from kiosk.talk import flow
from kiosk.talk import state as talk
from kiosk.talk.codes import code_digest, make_code, read_code
from kiosk.talk.policy import Policy
from kiosk.talk.truths import ProgressView
from kiosk.talk.typed import TypedWords, overwrite

_log = logging.getLogger("quietbell.kiosk")

_COUNTER = "command counter "
LID_OPEN, DISK_FULL, DISK_FAULT = "lid-open", "disk-full", "disk-fault"


@dataclass(frozen=True, slots=True)
class TalkTouched:
    """A touch on the screen, already turned into what the talk understands."""

    event: talk.Event


@dataclass(frozen=True, slots=True)
class Publish:
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Tell the broker that this message is durable here."""

    token: int


@dataclass(frozen=True, slots=True)
class LearnTime:
    """A desk's fresh signed time, for the clock."""

    wall_ms: int


KioskEvent = LinkEvent | Sample | LidSample | TalkTouched | PortalAsked
KioskEffect = Publish | Acknowledge | LearnTime


class KioskEngine:
    """One kiosk. `step`, `commit`, `commit_failed` and `next_due_ms` are the loop's; the rest is for the screen."""

    def __init__(
        self,
        *,
        room: str,
        site: bytes,
        device: bytes,
        courier: Courier,
        ledger: Ledger,
        policy: Policy,
        random_bytes: Callable[[int], bytes],
        floor_ms: Callable[[], int],
        now: Moment,
        portal_languages: Collection[str] = (),
    ) -> None:
        """`portal_languages`: those in which phones may talk to this kiosk; none where it is no portal."""
        self.courier, self._ledger, self._policy = courier, ledger, policy
        self._site, self._device, self._topics = site, device, Topics(site)
        self._random_bytes, self._floor_ms = random_bytes, floor_ms
        self.talk = talk.TalkState(room=room)
        self.typed = TypedWords()
        self.connected = False
        self._button = Button()
        self._lid_closed = True
        self._store_fault = ""
        self._gate = CommandGate(boot=courier.boot, counters=self._counters())
        self._now = now
        self._floor = FloorKeeper(ledger, now)
        self.lesson = Lesson(ledger)
        self._asked_in_vain = False
        self._portal: PortalTalk | None = None
        if portal_languages:
            self._portal = PortalTalk(
                courier=courier, policy=policy, languages=portal_languages, random_bytes=random_bytes, now=now
            )
        self._saving: dict[int, bytes] = {}
        # What leaves even when the disk does not take the turn: a desk repeats what this kiosk does not hold, and a
        # message that is never acknowledged would stop up the link.
        self._owed: list[KioskEffect] = []
        self._hurt = False
        # The disk did not take a turn and could not be read afterwards: what stands in memory is not what it has.
        self._stale = False

    # --- the loop's ---

    def step(self, events: Sequence[KioskEvent], now: Moment) -> list[KioskEffect]:
        self._now, self._hurt, self._owed = now, False, []
        effects: list[KioskEffect] = []
        if self._stale:
            self._read_back()
        samples = [event for event in events if isinstance(event, Sample)]
        for button_event in self._button.step(samples, now.monotonic_ms):
            if isinstance(button_event, Pressed):
                self._tell(talk.Opened("button"), now)
            elif isinstance(button_event, Held):
                self._tell(talk.SilentCall(), now)
        for event in events:
            with self._minding_faults():
                effects += self._take(event, now)
        self._tell(talk.Tick(), now)
        self.courier.set_faults(self._faults(now))
        with self._minding_faults():
            effects += self._carry_out([] if self._stale else self.courier.tick(now), now)
            self._floor.keep(self._floor_ms(), now)
        return [*effects, *self._owed]

    def commit(self) -> None:
        """One fsync; only then is anything called saved."""
        wrote = self._ledger.dirty
        self._ledger.commit()
        if wrote and not self._hurt:
            # A turn that wrote nothing proves nothing about the disk.
            self._store_fault = ""
        saved, self._saving = self._saving, {}
        for ticket, report in saved.items():
            code, digest = self._code_for(ticket)
            self._tell(talk.Saved(ticket, report, code, digest), self._now)
            self._tell_progress(report)
        if self._portal is not None:
            self._portal.committed(self._now)

    def commit_failed(self, fault: StoreFault, now: Moment) -> list[KioskEffect]:
        """The disk did not take this turn: say so truthfully and go on with what it has."""
        self._note(fault)
        # Also when a step failed before its commit: nothing of a turn that was called lost may be kept by the next.
        self._ledger.rollback()
        self._read_back()
        lost, self._saving = self._saving, {}
        for ticket in lost:
            self._tell(talk.SaveFailed(ticket), now)
        if self._portal is not None:
            self._portal.lost(now)
        owed, self._owed = self._owed, []
        return owed

    def next_due_ms(self) -> int | None:
        due = [self.courier.next_due_ms(), flow.next_due_ms(self.talk, self._policy)]
        button = self._button.next_due_ms()
        return min([*due, button] if button is not None else due)

    # --- private ---

    def _take(self, event: KioskEvent, now: Moment) -> list[KioskEffect]:
        match event:
            case Connected():
                self.connected = True
                return self._carry_out(self.courier.connected(now), now)
            case Disconnected():
                self.connected = False
                self.courier.disconnected()
            case Received():
                self._owed.append(Acknowledge(event.token))
                return self._receive(event, now)
            case LinkFault():
                _log.warning("link-fault", extra={"what": event.what})
            case LidSample():
                self._lid_closed = event.closed
            case TalkTouched():
                self._tell(event.event, now)
            case PortalAsked() if self._portal is not None:
                self._portal.take(event, now, lesson_left_ms=self.lesson.left_ms(now), writable=not self._stale)
        return []

    def _receive(self, event: Received, now: Moment) -> list[KioskEffect]:
        try:
            kind, device = self._topics.parse(event.topic)
        except Refused as refusal:
            _log.warning("refused", extra={"reason": refusal.reason})
            return []
        if kind is TopicKind.SHEET:
            return self._carry_out(self.courier.receive_sheet(event.payload, now), now)
        if kind is TopicKind.DOWN and device == self._device:
            return self._carry_out(self.courier.receive(event.payload, now), now)
        return []

    def _carry_out(self, news: Sequence[News], now: Moment) -> list[KioskEffect]:
        effects: list[KioskEffect] = []
        for item in news:
            match item:
                case Send():
                    effects.append(Publish(self._topics.up(self._device), item.payload))
                case DeskTime():
                    self._owed.append(LearnTime(item.wall_ms))
                case ReportProgress():
                    self._tell_progress(item.report)
                case Commanded():
                    self._obey(item, now)
                case NotBelieved():
                    _log.warning("not-believed", extra={"reason": item.reason})
        return effects

    def _obey(self, commanded: Commanded, now: Moment) -> None:
        decision = self._gate.judge(
            commanded.desk, commanded.command, desks=self.courier.desk_ids(), now_ms=now.monotonic_ms
        )
        if not isinstance(decision, Obeyed):
            _log.warning("order-ignored", extra={"reason": decision.reason})
            return
        self._ledger.set_note(_COUNTER + decision.desk.hex(), decision.counter.to_bytes(8, "big"))
        match decision.order:
            case Resend():
                self.courier.outbox.resend(decision.order.report, now.monotonic_ms)
            case LessonUnlock() if self._portal is None:
                self._asked_in_vain = True
            case LessonUnlock():
                self.lesson.open_for(decision.order.minutes, now)
                _log.info("lesson-ordered", extra={"minutes": decision.order.minutes, "desk": decision.desk.hex()})
            case NewSheet():
                _log.info("new-sheet-awaited")  # its topic is retained and always subscribed
            case _:
                _log.warning("order-not-for-this-kiosk", extra={"kind": type(decision.order).__name__})

    def _tell(self, event: talk.Event, now: Moment) -> None:
        self.talk, effects = flow.step(self.talk, event, now.monotonic_ms, self._policy)
        for effect in effects:
            match effect:
                case talk.Send():
                    self._send(effect, now)
                case talk.TypeCharacter():
                    self.typed.append(effect.character)
                case talk.DeleteCharacter():
                    self.typed.delete()
                case talk.Forget():
                    self.typed.wipe()
                case talk.LookUp():
                    self._tell(self._look_up(), now)

    def _send(self, send: talk.Send, now: Moment) -> None:
        """Seal and save at once; whether it is *saved* the commit says."""
        draft = send.draft if send.words is None else self.typed.into(send.draft, send.words)
        try:
            self._submit(send.ticket, draft, now)
        except StoreFault as fault:
            # What else this turn saved is for the commit to judge: it may well be kept.
            self._note(fault)
            self._tell(talk.SaveFailed(send.ticket), now)
        finally:
            overwrite(draft.story.text)
            overwrite(draft.story.name)

    def _submit(self, ticket: int, draft: Draft, now: Moment) -> None:
        if self._stale:
            raise StoreFault(f"{self._ledger.path}: could not be read back; check that the disk is there")
        if draft.story.code_digest:
            # In the commit of the addition that tells staff: a code is good for both or for nobody.
            self.courier.outbox.keep_code(draft.story.code_digest, draft.about, now)
        self._saving[ticket] = self.courier.submit(draft, now)

    def _look_up(self) -> talk.Event:
        """What is known here of the report whose code was typed."""
        code = read_code(self.typed.characters())
        progress = None if code is None else self.courier.outbox.progress_of_code(code_digest(code))
        return talk.CodeUnknown() if progress is None else talk.CodeFound(progress)

    def _tell_progress(self, report: bytes) -> None:
        progress: ProgressView | None = self.courier.progress(report)
        if progress is not None:
            self._tell(talk.ProgressChanged(progress), self._now)

    def _code_for(self, ticket: int) -> tuple[tuple[str, ...], bytes]:
        """Five words for the report of this talk; additions and silent calls have none of their own."""
        if self.talk.report is None or self.talk.report.ticket != ticket:
            return (), b""
        while True:
            code = make_code(self._random_bytes)
            digest = code_digest(code)
            if self.courier.outbox.progress_of_code(digest) is None:
                return code, digest

    @contextmanager
    def _minding_faults(self) -> Iterator[None]:
        """What the disk refuses must not take the rest of the turn with it. A write that was lost fails the commit."""
        try:
            yield
        except StoreFault as fault:
            self._note(fault)

    def _note(self, fault: StoreFault) -> None:
        _log.error("store-fault", extra={"what": str(fault)})
        self._hurt, self._store_fault = True, DISK_FULL if isinstance(fault, StoreFull) else DISK_FAULT

    def _read_back(self) -> None:
        """Go back to what the disk has; when it cannot even be read, try again at the next turn."""
        try:
            self.courier.commit_failed()
            self.lesson.reload()
            self._stale = False
        except StoreFault as fault:
            self._note(fault)
            self._stale = True

    def _faults(self, now: Moment) -> list[str]:
        """What is wrong, what matters most first (a heartbeat has room for a few), and what became of a lesson."""
        codes = [self._store_fault] if self._store_fault else []
        codes += sorted(fault.value for fault in self._button.faults)
        if not self._lid_closed:
            codes.append(LID_OPEN)
        if self._portal is None:
            return [*codes, NO_PORTAL] if self._asked_in_vain else codes
        left_ms = self.lesson.left_ms(now)
        codes.append(lesson_open_code(left_ms // 1000) if left_ms else HAS_PORTAL)
        return [*codes, *self._portal.faults(now.monotonic_ms)]

    def _counters(self) -> dict[bytes, int]:
        kept = {desk: self._ledger.note(_COUNTER + desk.hex()) for desk in self.courier.desk_ids()}
        return {desk: int.from_bytes(value, "big") for desk, value in kept.items() if value is not None}
