"""Orders from this desk: numbered, kept before they leave, told again until they are answered or too old.

Owns the counter of each kiosk, which is in the ledger before an order leaves, so that no restart gives out a number
twice; the start and the clock of a kiosk, as its last heartbeat told them; and the record of lessons asked for. Pure
but for the ledger. Does not seal (see `reception`); what a kiosk obeys `commands` says, what it answers `lessons`.

An order that is lost goes again as the very same command: whichever copy comes first is obeyed, the others are replays.
It goes with the answers that a kiosk gets anyway, so that nobody can count how often it was needed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace

from firmware.clock import Moment
from firmware.commands import LessonUnlock, Order, command
from firmware.errors import Refused, StaffError, StoreBroken
from firmware.ledger import Entry, Ledger
from firmware.lessons import Asked, Lesson, Said, after_heartbeat
from firmware.messages import Command, Count, Life, Struct, decode, encode
from firmware.presence import SILENT_AFTER_MS

# More wait for one kiosk only when it does not listen; an envelope has room for eight things.
WAITING_MAX = 4
# What a page shows of what was asked for; the ledger keeps all of it.
LOGGED = 5

_LESSON = "lesson"


class NotHeard(StaffError):
    """That kiosk is not heard now, so nothing was asked of it."""

    def __init__(self) -> None:
        super().__init__("That kiosk is not heard now, so nothing was asked of it.")


@dataclass(frozen=True, slots=True)
class LessonAsked:
    """One line of the record: what was asked of which kiosk, when (wall time). Nobody's name."""

    device: bytes
    minutes: int
    counter: int
    at_ms: int


class _Body(Struct, frozen=True):
    minutes: Count
    counter: Count


@dataclass(slots=True)
class _Known:
    """A kiosk that was heard: its place in its own time, its lesson, and what it is still to be told."""

    life: Life
    lesson: Lesson
    waiting: tuple[Command, ...] = ()


class Orders:
    """One desk's orders. The caller commits between `make` and sending what `waiting` gives."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[bytes, _Known] = {}
        # Rises with everything that `lessons` and `log` would show otherwise.
        self.version = 0
        kept = ledger.of_kind(_LESSON)[-LOGGED:]
        self._log = deque((self._logged(entry) for entry in kept), maxlen=LOGGED)

    def make(self, device: bytes, order: Order, now: Moment) -> None:
        """Number an order and put it with those that wait for this kiosk; durable after the caller's commit.

        A newer order of one kind takes the place of an older one.

        Raises NotHeard: an order counts on the kiosk's own clock, and only its heartbeats tell it.
        """
        known = self._known.get(device)
        if known is None or now.monotonic_ms - known.lesson.heard_ms > SILENT_AFTER_MS:
            raise NotHeard
        counter = self._next_counter(device, now)
        made = command(order, counter=counter, boot=known.life.boot, kiosk_now_ms=_kiosk_now_ms(known, now))
        self._ledger.set_note(_note(device), counter.to_bytes(8, "big"))
        others = tuple(each for each in self.waiting(device, now) if each.kind is not made.kind)
        known.waiting = (*others, made)[-WAITING_MAX:]
        if isinstance(order, LessonUnlock):
            self._record(device, order.minutes, counter, now)
            was_open = known.lesson.said is Said.OPEN
            asked = Asked(order.minutes, now.monotonic_ms, counter, known.life, made.not_after_ms, was_open)
            known.lesson = replace(known.lesson, asked=asked)
            self.version += 1

    def waiting(self, device: bytes, now: Moment) -> tuple[Command, ...]:
        """What this kiosk is to be told (again), in the order in which it was said."""
        known = self._known.get(device)
        if known is None:
            return ()
        kiosk_now_ms = _kiosk_now_ms(known, now)
        known.waiting = tuple(each for each in known.waiting if each.not_after_ms >= kiosk_now_ms)
        return known.waiting

    def heard(self, device: bytes, life: Life, untrusted_codes: Collection[str], now: Moment) -> None:
        """A heartbeat that was life."""
        known = self._known.get(device)
        if known is None:
            known = self._known[device] = _Known(life, Lesson(device, now.monotonic_ms))
        self.version += 1
        asked, before = known.lesson.asked, known.life
        known.life = life
        known.lesson = after_heartbeat(known.lesson, life, untrusted_codes, now.monotonic_ms)
        if (life.epoch, life.boot) != (before.epoch, before.boot):
            known.waiting = ()
        elif asked is not None and known.lesson.asked is None:
            known.waiting = tuple(each for each in known.waiting if each.counter != asked.counter)

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """Every kiosk that was heard since this desk started."""
        return tuple(known.lesson for known in self._known.values())

    @property
    def log(self) -> tuple[LessonAsked, ...]:
        """The last few lessons that were asked for here, the newest first."""
        return tuple(reversed(self._log))

    def keep_only(self, devices: Collection[bytes]) -> None:
        """The register changed: nothing more is said to leavers."""
        self._known = {device: known for device, known in self._known.items() if device in devices}
        self.version += 1

    def commit_failed(self) -> None:
        """The disk did not take this turn: an order whose counter it does not have was never made."""
        self.version += 1
        for device, known in self._known.items():
            asked = known.lesson.asked
            if not known.waiting and asked is None:
                continue
            kept = self._counter(device)
            known.waiting = tuple(each for each in known.waiting if each.counter <= kept)
            if asked is not None and asked.counter > kept:
                known.lesson = replace(known.lesson, asked=None)
            lines = [line for line in self._log if line.device != device or line.counter <= kept]
            self._log = deque(lines, maxlen=LOGGED)

    # --- private ---

    def _next_counter(self, device: bytes, now: Moment) -> int:
        """Greater than every one before. Not less than the time: a desk whose record was put back to an older one would
        else count anew, and kiosks would take its orders for replays until it had caught up."""
        return max(self._counter(device) + 1, now.wall_ms)

    def _counter(self, device: bytes) -> int:
        return int.from_bytes(self._ledger.note(_note(device)) or b"", "big")

    def _record(self, device: bytes, minutes: int, counter: int, now: Moment) -> None:
        body = encode(_Body(minutes, counter))
        self._ledger.append(_LESSON, ref=device, device=device, body=body, at_ms=now.wall_ms)
        self._log.append(LessonAsked(device, minutes, counter, now.wall_ms))

    def _logged(self, entry: Entry) -> LessonAsked:
        try:
            body = decode(self._ledger.body(entry) or b"", _Body)
        except Refused as problem:
            raise StoreBroken(f"{self._ledger.path}: lesson {entry.seq} is of another version; update") from problem
        return LessonAsked(entry.device, body.minutes, body.counter, entry.at_ms)


def _note(device: bytes) -> str:
    return f"order {device.hex()}"


def _kiosk_now_ms(known: _Known, now: Moment) -> int:
    """Never ahead of the kiosk's own clock: what travelled slowly makes an order shorter, not longer."""
    return known.life.monotonic_ms + max(0, now.monotonic_ms - known.lesson.heard_ms)
