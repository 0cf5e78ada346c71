"""The kiosk's one mind: button, talk and courier put together, as a core for `firmware.loop`.

Decides only. What is to be published, acknowledged or learnt leaves as effects after the commit; *saved* reaches the
talk only when the commit has happened. Knows no window, no thread and no socket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware.board import LidSample
from firmware.button import Button, Held, Pressed, Sample
from firmware.clock import Moment
from firmware.clock_floor import FloorKeeper
from firmware.commands import CommandGate, Obeyed, Resend
from firmware.courier import Commanded, Courier, DeskTime, News, NotBelieved, Send
from firmware.courier import ProgressChanged as ReportProgress
from firmware.errors import Refused, StoreFault, StoreFull
from firmware.ledger import Ledger
from firmware.link import Connected, Disconnected, LinkEvent, LinkFault, Received
from firmware.topics import TopicKind, Topics
from kiosk.talk import flow
from kiosk.talk import state as talk
from kiosk.talk.codes import code_digest, make_code
from kiosk.talk.policy import Policy
from kiosk.talk.truths import ProgressView
from kiosk.talk.typed import TypedWords, overwrite

_log = logging.getLogger("quietbell.kiosk")

_COUNTER = "command counter "


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


KioskEvent = LinkEvent | Sample | LidSample | TalkTouched
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
    ) -> None:
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
        self._now_ms = now.monotonic_ms
        self._floor = FloorKeeper(ledger, now)
        self._saving: dict[int, bytes] = {}

    # --- the loop's ---

    def step(self, events: Sequence[KioskEvent], now: Moment) -> list[KioskEffect]:
        self._now_ms = now.monotonic_ms
        effects: list[KioskEffect] = []
        samples = [event for event in events if isinstance(event, Sample)]
        for button_event in self._button.step(samples, now.monotonic_ms):
            if isinstance(button_event, Pressed):
                self._tell(talk.Opened("button"), now)
            elif isinstance(button_event, Held):
                self._tell(talk.SilentCall(), now)
        for event in events:
            effects += self._take(event, now)
        self._tell(talk.Tick(), now)
        self.courier.set_faults(self._faults())
        effects += self._carry_out(self.courier.tick(now), now)
        self._floor.keep(self._floor_ms(), now)
        return effects

    def commit(self) -> None:
        """One fsync; only then is anything called saved."""
        wrote = self._ledger.dirty
        self._ledger.commit()
        if wrote:
            # A turn that had nothing to write proves nothing about the disk.
            self._store_fault = ""
        saved, self._saving = self._saving, {}
        for ticket, report in saved.items():
            code, digest = self._code_for(ticket)
            effects = self._step_talk(talk.Saved(ticket, report, code, digest), self._now_ms)
            if talk.Forget() in effects:
                # Else the words would stay in memory, and lead the words of the next field.
                self.typed.wipe()
            self._tell_progress(report)

    def commit_failed(self, fault: StoreFault, now: Moment) -> list[KioskEffect]:
        """The disk did not take this turn: say so truthfully and go on with what it has."""
        _log.error("store-fault", extra={"what": str(fault)})
        self._store_fault = "disk-full" if isinstance(fault, StoreFull) else "disk-fault"
        self.courier.commit_failed()
        lost, self._saving = self._saving, {}
        for ticket in lost:
            self._step_talk(talk.SaveFailed(ticket), now.monotonic_ms)
        return []

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
                return [*self._receive(event, now), Acknowledge(event.token)]
            case LinkFault():
                _log.warning("link-fault", extra={"what": event.what})
            case LidSample():
                self._lid_closed = event.closed
            case TalkTouched():
                self._tell(event.event, now)
        return []

    def _receive(self, event: Received, now: Moment) -> list[KioskEffect]:
        try:
            kind, device = self._topics.parse(event.topic)
        except Refused as refusal:
            _log.warning("refused", extra={"reason": refusal.reason})
            return []
        try:
            if kind is TopicKind.SHEET:
                return self._carry_out(self.courier.receive_sheet(event.payload, now), now)
            if kind is TopicKind.DOWN and device == self._device:
                return self._carry_out(self.courier.receive(event.payload, now), now)
        except StoreFault as fault:
            # A receipt that could not be kept is not held, so the desk says it again.
            self.commit_failed(fault, now)
        return []

    def _carry_out(self, news: Sequence[News], now: Moment) -> list[KioskEffect]:
        effects: list[KioskEffect] = []
        for item in news:
            match item:
                case Send():
                    effects.append(Publish(self._topics.up(self._device), item.payload))
                case DeskTime():
                    effects.append(LearnTime(item.wall_ms))
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
        if isinstance(decision.order, Resend):
            self.courier.outbox.reconnected(now.monotonic_ms)

    def _tell(self, event: talk.Event, now: Moment) -> None:
        for effect in self._step_talk(event, now.monotonic_ms):
            match effect:
                case talk.Send():
                    self._send(effect, now)
                case talk.TypeCharacter():
                    self.typed.append(effect.character)
                case talk.DeleteCharacter():
                    self.typed.delete()
                case talk.Forget():
                    self.typed.wipe()

    def _step_talk(self, event: talk.Event, now_ms: int) -> tuple[talk.Effect, ...]:
        self.talk, effects = flow.step(self.talk, event, now_ms, self._policy)
        return effects

    def _send(self, send: talk.Send, now: Moment) -> None:
        """Seal and save at once; whether it is *saved* the commit says."""
        draft = send.draft if send.words is None else self.typed.into(send.draft, send.words)
        try:
            self._saving[send.ticket] = self.courier.submit(draft, now)
        except StoreFault as fault:
            # The ledger has rolled this turn back: everything saved in it is gone as well.
            self.commit_failed(fault, now)
            self._step_talk(talk.SaveFailed(send.ticket), now.monotonic_ms)
        finally:
            overwrite(draft.story.text)
            overwrite(draft.story.name)

    def _tell_progress(self, report: bytes) -> None:
        progress: ProgressView | None = self.courier.progress(report)
        if progress is not None:
            self._step_talk(talk.ProgressChanged(progress), self._now_ms)

    def _code_for(self, ticket: int) -> tuple[tuple[str, ...], bytes]:
        """Five words for the report of this talk; additions and silent calls have none of their own."""
        if self.talk.report is None or self.talk.report.ticket != ticket:
            return (), b""
        code = make_code(self._random_bytes)
        return code, code_digest(code)

    def _faults(self) -> list[str]:
        codes = [fault.value for fault in self._button.faults]
        if not self._lid_closed:
            codes.append("lid-open")
        if self._store_fault:
            codes.append(self._store_fault)
        return codes

    def _counters(self) -> dict[bytes, int]:
        kept = {desk: self._ledger.note(_COUNTER + desk.hex()) for desk in self.courier.desk_ids()}
        return {desk: int.from_bytes(value, "big") for desk, value in kept.items() if value is not None}

