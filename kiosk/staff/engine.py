"""The desk's one mind: reception, supervision, duty and what staff do, put together as a core for `firmware.loop`.

Decides only. Publishing, sounding, paging and opening keys leave as effects after the commit. Knows no window, no
thread and no socket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from firmware.board import LidSample
from firmware.button import Button, Fault, FaultCleared, FaultKind, Held, Pressed, Sample
from firmware.clock import Moment
from firmware.commands import LessonUnlock
from firmware.duty import DutyBook
from firmware.duty_store import keep_word
from firmware.errors import ProgrammerError, Refused, StoreFault
from firmware.identity import DeviceRegister, ReaderRegister
from firmware.ledger import Ledger
from firmware.link import Connected, Disconnected, LinkEvent, LinkFault, Received
from firmware.messages import NO_ID, PHONE_ROOM, Duty, DutyState
from firmware.orders import NotHeard
from firmware.presence import Supervisor, Watched
from firmware.reception import Outcome, Reception, StageHeard, Stored, StoredUnreadable, ToDesks, ToKiosk
from firmware.settings import DeviceKind
from firmware.topics import TopicKind, Topics
from firmware.trouble import Cause
from kiosk.staff import events as ev
from kiosk.staff.desk import Desk
from kiosk.staff.pager import PagerNews, PagerTrouble
from kiosk.staff.practice_calls import PracticeCalls
from kiosk.staff.scenes import Scene
from kiosk.staff.unsaid import Saying, Unsaid

_log = logging.getLogger("quietbell.desk")

_WITH_THEM = "with-them"
_NOTE = "case-note"
# Who can tell that a desk has failed; kiosks only know that nobody answers them.
_EYES = (DeviceKind.DESK, DeviceKind.WATCHER)
# Duty words carry a time ("until 15:30"), so they are looked at again this often.
DUTY_LOOKED_EVERY_MS = 1000
# A flood of words from kiosks keeps ladders and lights waiting no longer than one frame.
PEOPLE_WAIT_MS = 33
_BUTTON_CAUSES = {
    FaultKind.CUT: Cause.BUTTON_CUT,
    FaultKind.SHORTED: Cause.BUTTON_SHORTED,
    FaultKind.STUCK: Cause.BUTTON_STUCK,
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """This scene stands on the screen with these reports visible."""

    scene: Scene
    visible: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class BundleChanged:
    """The technician or the readers have put newer documents into this desk's bundle."""

    register: DeviceRegister
    readers: ReaderRegister | None
    sheet_versions: tuple[int, int]
    sheet: bytes


@dataclass(frozen=True, slots=True)
class BundleRefused:
    """Newer documents are in the bundle but cannot be believed; the old ones stay in force."""

    why: str


@dataclass(frozen=True, slots=True)
class Publish:
    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Tell the broker that this message is durable here."""

    token: int


StaffEvent = LinkEvent | Sample | LidSample | Drawn | BundleChanged | BundleRefused | PagerNews | ev.DeskEvent
StaffEffect = Publish | Acknowledge | ev.Sound | ev.Light | ev.Beacon | ev.Page | ev.OpenKey


class DeskEngine:
    """One desk. `step`, `commit`, `commit_failed` and `next_due_ms` are the loop's; `desk.scene` is for the screen."""

    def __init__(
        self,
        *,
        site: bytes,
        desk_id: bytes,
        desk: Desk,
        reception: Reception,
        supervisor: Supervisor,
        duty: DutyBook,
        duty_now: Callable[[Moment], Duty],
        ledger: Ledger,
        practice: PracticeCalls,
        bundle: BundleChanged,
        now: Moment,
    ) -> None:
        """`duty_now` is what this desk signs at a moment. Shows again everything that this desk has not closed (commit
        afterwards)."""
        self.desk, self.reception, self.supervisor = desk, reception, supervisor
        self._me, self._topics = desk_id, Topics(site)
        self._duty, self._duty_now, self._ledger = duty, duty_now, ledger
        self._practice = practice
        self._button = Button()
        self._rooms: dict[bytes, tuple[str, str]] = {}
        self._said_duty: Duty | None = None
        self._duty_ms = now.monotonic_ms
        self._bundle = bundle
        self.connected = False
        self._put_off_ms: int | None = None
        self._troubles_due = True
        # What the screen knows of `Orders`, by its version; and whether this turn has asked for a lesson.
        self._lessons_said = -1
        self._asked = False
        self._owed: list[StaffEffect] = []
        self._unsaid = Unsaid()
        self._use_bundle(bundle, now)
        self._restore(now)

    # --- the loop's ---

    def step(self, events: Sequence[StaffEvent], now: Moment) -> list[StaffEffect]:
        effects: list[StaffEffect] = []
        self._owed, self._asked = [], False
        self._unsaid.begin()
        samples = [event for event in events if isinstance(event, Sample)]
        for button_event in self._button.step(samples, now.monotonic_ms):
            effects += self._button_said(button_event, now)
        for event in events:
            effects += self._take(event, now)
        for saying in self._unsaid.again(now.monotonic_ms):
            effects += self._say_again(saying, now)
        effects += self._carry_out(self.reception.tick(now), now)
        # Whoever wrote is answered first; what follows for people here is seen to in the next turn, a moment later.
        if not self._put_off(events, now):
            effects += self._look_around(now)
            effects += self._do(self.desk.tick(now), now)
            duty = self._said_duty or Duty(DutyState.UNKNOWN)
            effects += self._do(self._practice.step(duty, now.monotonic_ms), now)
        return effects

    def commit(self) -> None:
        """One fsync for everything that came in this turn."""
        wrote = self._ledger.dirty
        self._ledger.commit()
        if wrote:
            # A turn that had nothing to write proves nothing about the disk.
            self.supervisor.mended(Cause.STORE)

    def commit_failed(self, fault: StoreFault, now: Moment) -> list[StaffEffect]:
        """The disk did not take this turn: no receipt leaves, kiosks will send again, and the desk says so. What
        people said in it is kept and said again until the disk takes it."""
        _log.error("store-fault", extra={"what": str(fault)})
        self.reception.commit_failed()
        self._unsaid.failed(now.monotonic_ms)
        self.supervisor.raise_trouble(Cause.STORE, NO_ID, now.monotonic_ms, detail=type(fault).__name__)
        if self._asked:
            # Not said again later: by then it is no longer what somebody here wants.
            self.desk.step(ev.NotAsked("Nothing was asked: this desk cannot save. Try again."), now)
        # The ladders have climbed: what they owe people proves nothing about the disk and comes only once.
        owed, self._owed = self._owed, []
        return [*owed, *self._look_around(now)]

    def next_due_ms(self) -> int | None:
        if self._put_off_ms is not None:
            return self._put_off_ms
        due = [
            self.reception.next_due_ms(),
            self.supervisor.next_due_ms(),
            self._duty_ms,
            self._button.next_due_ms(),
            self.desk.next_due_ms(),
            self._practice.next_due_ms(),
            self._unsaid.next_due_ms(),
        ]
        return min(each for each in due if each is not None)

    # --- events ---

    def _put_off(self, events: Sequence[StaffEvent], now: Moment) -> bool:
        """Whether people are seen to in the next turn; it is due at once, and never later than PEOPLE_WAIT_MS."""
        since_ms = now.monotonic_ms if self._put_off_ms is None else self._put_off_ms
        waits = any(isinstance(event, Received) for event in events) and now.monotonic_ms - since_ms < PEOPLE_WAIT_MS
        self._put_off_ms = since_ms if waits else None
        return waits

    def _take(self, event: StaffEvent, now: Moment) -> list[StaffEffect]:
        match event:
            case Received():
                return [*self._receive(event, now), Acknowledge(event.token)]
            case Connected():
                self.connected = True
                self.supervisor.mended(Cause.LINK)
                return [self._sheet(), *self._carry_out(self.reception.connected(now), now)]
            case Disconnected():
                self.connected = False
                self.supervisor.raise_trouble(Cause.LINK, NO_ID, now.monotonic_ms)
            case LinkFault():
                _log.warning("link-fault", extra={"what": event.what})
            case Sample():
                return []
            case LidSample():
                return self._lid(event, now)
            case Drawn():
                return self._do(self.desk.drawn(event.scene, event.visible, now), now)
            case BundleChanged():
                self.supervisor.mended(Cause.REPORTED_FAULT, self._me)
                self._use_bundle(event, now)
                return [self._sheet()] if self.connected else []
            case BundleRefused():
                detail = f"new bundle files: {event.why}"
                self.supervisor.raise_trouble(Cause.REPORTED_FAULT, self._me, now.monotonic_ms, detail=detail)
            case PagerTrouble():
                self.supervisor.raise_trouble(Cause.PAGER, NO_ID, now.monotonic_ms, detail=event.detail)
            case _ if isinstance(event, ev.DeskEvent):
                return self._do(self.desk.step(event, now), now)
            case _:
                self.supervisor.mended(Cause.PAGER)
        return []

    def _receive(self, event: Received, now: Moment) -> list[StaffEffect]:
        try:
            kind, device = self._topics.parse(event.topic)
        except Refused as refusal:
            _log.warning("refused", extra={"reason": refusal.reason})
            return []
        if device is None:
            return []
        if kind is TopicKind.UP:
            return self._carry_out(self.reception.receive(device, event.payload, now), now)
        if kind is TopicKind.DESK:
            return self._carry_out(self.reception.receive_note(device, event.payload, now), now)
        if kind is TopicKind.PRESENCE:
            self.supervisor.good_bye(device)
        return []

    def _button_said(self, event: object, now: Moment) -> list[StaffEffect]:
        match event:
            case Pressed() | Held():
                # However long somebody pushes, they mean "I have it".
                return self._do(self.desk.step(ev.ButtonPressed(), now), now)
            case Fault():
                self.supervisor.raise_trouble(_BUTTON_CAUSES[event.kind], self._me, now.monotonic_ms)
            case FaultCleared():
                self.supervisor.mended(_BUTTON_CAUSES[event.kind], self._me)
        return []

    def _lid(self, event: LidSample, now: Moment) -> list[StaffEffect]:
        if event.closed:
            self.supervisor.mended(Cause.LID_OPEN, self._me)
            return []
        self.supervisor.raise_trouble(Cause.LID_OPEN, self._me, now.monotonic_ms)
        return self._do(self.desk.step(ev.MustWipe("the lid of this desk was opened"), now), now)

    # --- outcomes of reception, effects of the desk ---

    def _carry_out(self, outcomes: Iterable[Outcome], now: Moment) -> list[StaffEffect]:
        effects: list[StaffEffect] = []
        for outcome in outcomes:
            match outcome:
                case ToKiosk():
                    effects.append(Publish(self._topics.down(outcome.device), outcome.payload))
                case ToDesks():
                    effects.append(Publish(self._topics.desk(self._me), outcome.payload))
                case Stored() | StoredUnreadable():
                    effects += self._do(self.desk.step(self._arrival(outcome, now.monotonic_ms), now), now)
                case StageHeard():
                    effects += self._do(self.desk.step(ev.StageSet(outcome.event), now), now)
        return effects

    def _do(self, wanted: Iterable[ev.DeskEffect], now: Moment) -> list[StaffEffect]:
        effects: list[StaffEffect] = []
        for effect in wanted:
            match effect:
                case ev.Sound() | ev.Light() | ev.Beacon() | ev.Page() | ev.OpenKey():
                    effects.append(effect)
                    self._owed.append(effect)
                case ev.Mark():
                    effects += self._carry_out(self._mark(effect, now), now)
                case ev.AskLesson():
                    effects += self._ask(effect, now)
                case _:
                    self._keep(effect, now)
        return effects

    def _ask(self, wanted: ev.AskLesson, now: Moment) -> list[StaffEffect]:
        """Anybody who is in the office may; its log says what, never who."""
        try:
            outcomes = self.reception.order(wanted.device, LessonUnlock(wanted.minutes), now)
        except NotHeard as problem:
            return self._do(self.desk.step(ev.NotAsked(str(problem)), now), now)
        self._asked = True
        return self._carry_out(outcomes, now)

    def _mark(self, mark: ev.Mark, now: Moment) -> list[Outcome]:
        if not self.reception.holds(mark.report, mark.digest):
            # It stands on the screen, but the disk did not take it; its kiosk sends it again.
            self._unsaid.wait(mark, now.monotonic_ms)
            return []
        self._unsaid.say(mark)
        return self.reception.mark(
            mark.report,
            mark.stage,
            now,
            digest=mark.digest,
            generation=mark.generation,
            reader=mark.reader,
            reader_signature=mark.reader_signature,
        )

    def _say_again(self, saying: Saying, now: Moment) -> list[StaffEffect]:
        """Written and told as the first time. This desk has heard it then: heard anew, it would put ladders off."""
        match saying:
            case ev.Mark():
                told = [each for each in self._mark(saying, now) if not isinstance(each, StageHeard)]
                return self._carry_out(told, now)
            case ev.SetDuty():
                keep_word(self._ledger, self._duty.word)
            case _:
                self._keep(saying, now)
        return []

    def _keep(self, effect: ev.DeskEffect, now: Moment) -> None:
        if isinstance(effect, ev.KeepWithThem | ev.KeepNote | ev.SetDuty):
            self._unsaid.say(effect)
        match effect:
            case ev.KeepWithThem():
                self._append(_WITH_THEM, effect.report, effect.digest + effect.reader, now)
            case ev.KeepNote():
                self._append(_NOTE, effect.report, effect.sealed, now)
            case ev.SetDuty():
                if effect.attended:
                    self._duty.attend(now.wall_ms)
                else:
                    self._duty.leave(now.wall_ms, effect.minutes)
                keep_word(self._ledger, self._duty.word)
                self._duty_ms = now.monotonic_ms
            case ev.SomebodyHere():
                self._duty.sign_of_life(now.wall_ms)
            case ev.SeenTrouble():
                self.supervisor.seen(effect.trouble)
            case ev.TellTrouble():
                self.supervisor.raise_trouble(effect.cause, NO_ID, now.monotonic_ms, detail=effect.detail)
            case ev.Reminder() | ev.RaiseAgain():
                # Both stand on the screen already: the desk marks the line as overdue or raised again.
                _log.info("raised", extra={"report": effect.report.hex(), "what": type(effect).__name__})
            case _:
                raise ProgrammerError(f"nobody performs {type(effect).__name__}")

    def _append(self, kind: str, report: bytes, body: bytes, now: Moment) -> None:
        self._ledger.append(kind, ref=report, device=NO_ID, body=body, at_ms=now.wall_ms)

    # --- what the screen must know ---

    def _look_around(self, now: Moment) -> list[StaffEffect]:
        """Troubles and duty as they are now, told to the desk when they changed."""
        effects: list[StaffEffect] = []
        if self.supervisor.tick(now.monotonic_ms) or self._troubles_due:
            self._troubles_due = False
            lines = self.supervisor.lines()
            # What other desks told is not told on: two desks would keep each other's trouble alive for ever.
            self.reception.set_troubles(line.sentence for line in lines if line.cause is not Cause.OTHER_DESK)
            effects += self._do(self.desk.step(ev.TroubleSaid(lines, *self.supervisor.kiosks), now), now)
        effects += self._lessons(now)
        if now.monotonic_ms >= self._duty_ms:
            self._duty_ms = now.monotonic_ms + DUTY_LOOKED_EVERY_MS
            self._troubles_due = True
            duty = self._duty_now(now)
            if duty != self._said_duty:
                self._said_duty = duty
                effects += self._do(self.desk.step(ev.DutySaid(duty), now), now)
        return effects

    def _lessons(self, now: Moment) -> list[StaffEffect]:
        orders = self.reception.orders
        if orders.version == self._lessons_said:
            return []
        self._lessons_said = orders.version
        rooms = tuple(ev.PhoneRoom(self._room(lesson.device), lesson) for lesson in orders.lessons)
        log = tuple(ev.LessonLogged(self._room(line.device), line.minutes, line.at_ms) for line in orders.log)
        return self._do(self.desk.step(ev.LessonsSaid(rooms, log), now), now)

    def _room(self, device: bytes) -> str:
        return self._rooms.get(device, ("", ""))[0] or f"Kiosk {device.hex()[:8]}"

    def _arrival(self, stored: Stored | StoredUnreadable, received_ms: int) -> ev.ReportArrived | ev.Unreadable:
        room, place = self._rooms.get(stored.device, ("", ""))
        if isinstance(stored, StoredUnreadable):
            return ev.Unreadable(stored.report, stored.digest, stored.device, received_ms, stored.at_ms, room, place)
        if stored.alert.private:
            room, place = "", ""
        elif stored.alert.room == PHONE_ROOM:
            room, place = PHONE_ROOM, ""
        return ev.ReportArrived(
            stored.report,
            stored.digest,
            stored.device,
            stored.alert,
            received_ms,
            stored.at_ms,
            room or stored.alert.room,
            place,
        )

    # --- bundle and restart ---

    def _use_bundle(self, bundle: BundleChanged, now: Moment) -> None:
        self._bundle = bundle
        self._rooms = {entry.id: (entry.room, entry.place) for entry in bundle.register.devices}
        self.reception.register_changed(bundle.register, bundle.sheet_versions)
        others = watched(bundle.register, self._me)
        self.supervisor.register(others, now.monotonic_ms)
        if any(other.kind in _EYES for other in others):
            self.supervisor.mended(Cause.NO_SECOND_EYE)
        else:
            self.supervisor.raise_trouble(Cause.NO_SECOND_EYE, NO_ID, now.monotonic_ms)
        self._troubles_due = True
        self._lessons_said = -1
        if bundle.readers is not None:
            self.reception.readers_changed(bundle.readers)
            self._do(self.desk.step(ev.ReadersKnown(bundle.readers), now), now)

    def _sheet(self) -> Publish:
        return Publish(self._topics.sheet(), self._bundle.sheet, retain=True)

    def _restore(self, now: Moment) -> None:
        for outcome in self.reception.restore(now):
            if isinstance(outcome, StageHeard):
                self.desk.step(ev.StageSet(outcome.event), now)
            else:
                # Its age counts from when it came, so that a restart starts no ladder anew.
                age_ms = max(0, now.wall_ms - outcome.at_ms)
                self.desk.step(self._arrival(outcome, now.monotonic_ms - age_ms), now)
        for entry in self._ledger.of_kind(_WITH_THEM):
            digest = (self._ledger.body(entry) or b"")[: len(entry.digest)]
            self.desk.step(ev.WithThemKept(entry.ref, digest), now)


def watched(register: DeviceRegister, me: bytes) -> tuple[Watched, ...]:
    """Every active device of the site but this desk itself."""
    return tuple(
        Watched(entry.id, entry.kind, entry.room, entry.epoch)
        for entry in register.devices
        if entry.active and entry.id != me
    )
