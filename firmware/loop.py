"""One thread, one queue, one order: drain, step, commit, act, paint.

Owns the turn: every event that is there is decided together, made durable by ONE commit, and only then do effects
leave (a receipt, a word on the screen), so no promise is ever made before its fsync. Knows nothing of reports, MQTT or
pixels: those are handed in as `core`, `perform`, `pump` and `paint`.

An answer is worth more than a picture. After effects the loop rests a moment before it paints, so that the network
thread gets the interpreter at once, and whatever comes in that time is decided and committed first. Under a flood the
picture is put off again and again, but never longer than a person would notice.

The queue never makes a poster wait: a blocked network thread could not send the answers that empty the queue. What
bounds it is the senders' own windows (the link reads no more while `link.WINDOW_MESSAGES` wait to be acknowledged, far
fewer than `QUEUE_MAX_EVENTS`). Should it fill all the same, the loop has hung: `post` raises, so the link
drops its session with the message unacknowledged and the sender's outbox keeps it. Nothing is dropped in silence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from firmware.clock import Clock, Moment
from firmware.errors import ProgrammerError, StoreFault

# One fsync may carry this many; more would keep the screen from being painted.
TURN_MAX_EVENTS = 512
# Thirty full turns: only a loop that no longer turns can owe this much.
QUEUE_MAX_EVENTS = 16_384
# 30 frames a second for touch; the queue itself wakes the loop at once.
WAIT_MS = 33
# How long after effects the loop waits for more before it paints: longer than a desk's answer takes on a good line.
SETTLE_MS = 12
# What follows a hand within a tenth of a second seems to be done by that hand.
PAINT_WITHIN_MS = 100
# A page that a flood interrupts again and again is finished all the same; lights and sounds never wait for it.
FINISH_PAGE_WITHIN_MS = 1500
SWITCH_SECONDS = 0.002
# A core that is due again and again must not take a whole processor.
WAIT_MIN_MS = 1

Event = TypeVar("Event")
Effect = TypeVar("Effect")
_EventIn = TypeVar("_EventIn", contravariant=True)
_EffectOut = TypeVar("_EffectOut", covariant=True)


class Core(Protocol[_EventIn, _EffectOut]):
    """What decides. `step` may write to its store but makes nothing durable; `commit` does, once a turn."""

    def step(self, events: Sequence[_EventIn], now: Moment) -> Sequence[_EffectOut]:
        """Decide on these events (none, when only time has passed) and return what to do after the commit."""

    def commit(self) -> None:
        """Make all writes of this turn durable. Raises StoreFault when they are not."""

    def commit_failed(self, fault: StoreFault, now: Moment) -> Sequence[_EffectOut]:
        """Undo this turn in memory; return what must be told instead. The effects of `step` are never performed."""

    def next_due_ms(self) -> int | None:
        """The monotonic time at which `step` wants to be called even if nothing happens."""


class _Stop:
    """Stands in the queue behind everything that was posted before the stop."""


def _nothing() -> None:
    return


class Loop(Generic[Event, Effect]):
    """Turns until stopped. `post` and `stop` may be called from any thread or signal handler, the rest from one."""

    def __init__(
        self,
        *,
        core: Core[Event, Effect],
        perform: Callable[[Sequence[Effect], Moment], None],
        paint: Callable[[Moment], None],
        pump: Callable[[], Sequence[Event]],
        clock: Clock,
        wait_ms: int = WAIT_MS,
        heartbeat: Callable[[], None] = _nothing,
    ) -> None:
        """`pump` returns what happened at the screen; `heartbeat` feeds the watchdog once a turn, after the paint."""
        self._core, self._perform, self._paint, self._pump = core, perform, paint, pump
        self._clock, self._wait_ms, self._heartbeat = clock, wait_ms, heartbeat
        # SimpleQueue.put is re-entrant: a signal handler on this very thread may post.
        self._queue: SimpleQueue[Event | _Stop] = SimpleQueue()
        self._stopping = False

    def post(self, event: Event) -> None:
        """Hand over an event; returns at once.

        Raises:
            ProgrammerError: the loop has hung and its queue is full. The caller still owns the event.
        """
        if self._queue.qsize() >= QUEUE_MAX_EVENTS:
            raise ProgrammerError(f"the loop does not turn: {QUEUE_MAX_EVENTS} events wait")
        self._queue.put(event)

    def stop(self) -> None:
        """End `run` after the turn that takes in everything posted so far."""
        self._queue.put(_Stop())

    @property
    def waiting(self) -> bool:
        """Whether somebody has posted something that this turn has not taken yet."""
        return not self._queue.empty()

    def run(self) -> None:
        """Turn until stopped.

        Raises:
            ProgrammerError: the core failed. The process must end and start again from what is durable.
        """
        # The network's thread must not wait Python's usual 5 ms for a page that is being painted.
        sys.setswitchinterval(SWITCH_SECONDS)
        while not self._stopping:
            self.turn()

    def turn(self) -> None:
        """One turn: wait, drain, decide, commit, act, and the same for what follows within a frame; then paint."""
        now = self._act([*self._take(self._wait_seconds()), *self._pump()])
        self._paint(now)
        self._heartbeat()

    def _act(self, events: Sequence[Event]) -> Moment:
        """Decide, commit and perform, and again while more comes before the picture is due; returns the time."""
        now = self._clock.now()
        paint_ms, latest_ms = now.monotonic_ms, now.monotonic_ms + PAINT_WITHIN_MS
        while True:
            if events or self._is_due(now):
                effects = self._decide(events, now)
                self._perform(effects, now)
                paint_ms = min(latest_ms, now.monotonic_ms + SETTLE_MS) if effects else paint_ms
            left_ms = paint_ms - now.monotonic_ms
            if left_ms <= 0 or self._stopping:
                return now
            events = self._take(min(left_ms / 1000, self._wait_seconds()))
            now = self._clock.now()

    def _take(self, wait_seconds: float) -> list[Event]:
        """Block until something is there or time is up, then take what is there, at most one commit's worth."""
        events: list[Event] = []
        try:
            item = self._queue.get(timeout=wait_seconds)
            while not isinstance(item, _Stop):
                events.append(item)
                if len(events) == TURN_MAX_EVENTS:
                    return events
                item = self._queue.get_nowait()
            self._stopping = True
        except Empty:
            pass
        return events

    def _wait_seconds(self) -> float:
        due_ms = self._core.next_due_ms()
        if due_ms is None:
            return self._wait_ms / 1000
        left_ms = due_ms - self._clock.now().monotonic_ms
        return min(self._wait_ms, max(left_ms, WAIT_MIN_MS)) / 1000

    def _is_due(self, now: Moment) -> bool:
        due_ms = self._core.next_due_ms()
        return due_ms is not None and due_ms <= now.monotonic_ms

    def _decide(self, events: Sequence[Event], now: Moment) -> Sequence[Effect]:
        try:
            effects = self._core.step(events, now)
            self._core.commit()
        except StoreFault as fault:
            return self._core.commit_failed(fault, now)
        except Exception as problem:
            raise ProgrammerError(f"a turn of {len(events)} events failed: {type(problem).__name__}") from problem
        return effects
