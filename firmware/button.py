"""One push button with a changeover contact: samples and time in, what the person meant out. Pure.

    NO (normally open)   ----o/ o----   closed only while the button is down
    NC (normally closed) ----o--o----   closed only while the button is up

Two wires tell four states apart, so that a broken button is noticed before somebody needs it:

    NO open,   NC closed   REST     up
    NO closed, NC open     DOWN     pressed
    NO open,   NC open     NEITHER  under way between the two; for seconds: a wire is cut
    NO closed, NC closed   BOTH     the same for an instant; for seconds: shorted

A tap opens and hides the talk, a hold is the silent call, during which the screen must not change. So a tap is
decided when the button comes up: a talk that opened on the way down would give every silent call away.
Knows nothing of pins, of what a press does, and of the wall clock: times are milliseconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

# Cheap contacts chatter for 5 to 15 ms. Changes count again from the 21st millisecond on.
BOUNCE_MS = 20
# Long enough that nobody calls by accident, short enough to do with a steady face.
HOLD_MS = 2_000
# Nobody leans on a button this long; a book or chewing gum does.
STUCK_MS = 30_000
# A finger may rest half-way for a moment; a broken wire stays.
WIRE_FAULT_MS = 5_000
# With the NC wire cut the button never comes back to REST: NO alone then ends the press, this much later.
HALF_WAY_MS = 250


@dataclass(frozen=True, slots=True)
class Sample:
    """Both contacts, read at one moment."""

    at_ms: int
    no_closed: bool
    nc_closed: bool


class Contact(Enum):
    """What the two contacts say together: (no_closed, nc_closed)."""

    REST = (False, True)
    DOWN = (True, False)
    NEITHER = (False, False)
    BOTH = (True, True)


class FaultKind(StrEnum):
    CUT = "button-cut"
    SHORTED = "button-shorted"
    STUCK = "button-stuck"


@dataclass(frozen=True, slots=True)
class Pressed:
    """A tap: the button came up before it was a hold."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """The button has been down for HOLD_MS; once for each press, and while it is still down."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Released:
    """The button is up again, after a tap or a hold."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Fault:
    """The button cannot be relied upon. This is trouble for a technician; the touchscreen works on."""

    at_ms: int
    kind: FaultKind


@dataclass(frozen=True, slots=True)
class FaultCleared:
    at_ms: int
    kind: FaultKind


ButtonEvent = Pressed | Held | Released | Fault | FaultCleared

WIRE_FAULTS = {Contact.NEITHER: FaultKind.CUT, Contact.BOTH: FaultKind.SHORTED}


class Button:
    """Feed it every sample and the time; it answers with events.

    The first sample says where the button stands at start. If it is down already, the press counts from then: a
    learner who holds the button while the power returns still gets the silent call, and a jammed one becomes STUCK.
    """

    def __init__(self) -> None:
        self._now_ms = 0
        self._contact = Contact.REST
        self._contact_since_ms = 0
        self._deaf_until_ms = -1
        self._down_since_ms: int | None = None
        self._held = False
        self._faults: frozenset[FaultKind] = frozenset()

    @property
    def faults(self) -> frozenset[FaultKind]:
        """The faults that stand now."""
        return self._faults

    @property
    def down(self) -> bool:
        return self._down_since_ms is not None

    def step(self, samples: Sequence[Sample], now_ms: int) -> tuple[ButtonEvent, ...]:
        """Take samples in the order in which they were queued. A time that runs backwards (two callback threads)
        counts as the latest time seen."""
        events: list[ButtonEvent] = []
        for sample in samples:
            events += self._pass_time(sample.at_ms)
            self._see(Contact((sample.no_closed, sample.nc_closed)))
            events += self._decide()
        events += self._pass_time(now_ms)
        return tuple(events)

    def next_due_ms(self) -> int | None:
        """When `step` must be called although nothing moves, or None."""
        return min(self._due(), default=None)

    def _pass_time(self, until_ms: int) -> Iterator[ButtonEvent]:
        while (due_ms := self.next_due_ms()) is not None and due_ms <= until_ms:
            self._now_ms = max(self._now_ms, due_ms)
            yield from self._decide()
        self._now_ms = max(self._now_ms, until_ms)

    def _see(self, contact: Contact) -> None:
        if contact is not self._contact:
            self._contact = contact
            self._contact_since_ms = self._now_ms

    def _due(self) -> Iterator[int]:
        """Every moment at which `_decide` would say something new if no contact changed."""
        half_way = self._contact in WIRE_FAULTS
        if half_way and WIRE_FAULTS[self._contact] not in self._faults:
            yield self._contact_since_ms + WIRE_FAULT_MS
        if self._down_since_ms is None:
            if self._contact is Contact.DOWN:
                yield self._deaf_until_ms + 1
            return
        if self._contact is Contact.REST:
            yield self._deaf_until_ms + 1
        elif half_way:
            yield self._contact_since_ms + HALF_WAY_MS
        elif not self._held:
            yield self._down_since_ms + HOLD_MS
        elif FaultKind.STUCK not in self._faults:
            yield self._down_since_ms + STUCK_MS

    def _decide(self) -> Iterator[ButtonEvent]:
        """Bring the press and the faults up to date with the contacts and the time."""
        if self._down_since_ms is None:
            self._maybe_down()
        elif self._came_up():
            yield from self._up()
        else:
            yield from self._still_down(self._now_ms - self._down_since_ms)
        yield from self._check_wires()

    def _maybe_down(self) -> None:
        if self._contact is Contact.DOWN and self._now_ms > self._deaf_until_ms:
            self._down_since_ms, self._held = self._now_ms, False
            self._deaf_until_ms = self._now_ms + BOUNCE_MS

    def _came_up(self) -> bool:
        if self._contact in WIRE_FAULTS:
            return self._now_ms - self._contact_since_ms >= HALF_WAY_MS
        return self._contact is Contact.REST and self._now_ms > self._deaf_until_ms

    def _up(self) -> Iterator[ButtonEvent]:
        if not self._held:
            yield Pressed(self._now_ms)
        yield Released(self._now_ms)
        self._down_since_ms = None
        self._deaf_until_ms = self._now_ms + BOUNCE_MS
        yield from self._clear(FaultKind.STUCK)

    def _still_down(self, down_ms: int) -> Iterator[ButtonEvent]:
        if self._contact is not Contact.DOWN:
            return
        if down_ms >= HOLD_MS and not self._held:
            self._held = True
            yield Held(self._now_ms)
        if down_ms >= STUCK_MS:
            yield from self._raise(FaultKind.STUCK)

    def _check_wires(self) -> Iterator[ButtonEvent]:
        """A wire fault ends only when the button is seen at REST: with a cut NC wire, DOWN still looks healthy."""
        if self._contact is Contact.REST:
            yield from self._clear(FaultKind.CUT)
            yield from self._clear(FaultKind.SHORTED)
        elif self._contact in WIRE_FAULTS and self._now_ms - self._contact_since_ms >= WIRE_FAULT_MS:
            yield from self._raise(WIRE_FAULTS[self._contact])

    def _raise(self, kind: FaultKind) -> Iterator[ButtonEvent]:
        if kind not in self._faults:
            self._faults |= {kind}
            yield Fault(self._now_ms, kind)

    def _clear(self, kind: FaultKind) -> Iterator[ButtonEvent]:
        if kind in self._faults:
            self._faults -= {kind}
            yield FaultCleared(self._now_ms, kind)
