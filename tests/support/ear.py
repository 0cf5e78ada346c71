"""Hears what a Link tells, and lets a test wait for it without sleeping."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from random import Random
from time import monotonic
from typing import TypeVar

from firmware.link import Connected, Disconnected, Link, LinkEvent, LinkFault, LinkSettings, Received

PATIENCE_SECONDS = 15.0

_Heard = TypeVar("_Heard", Connected, Disconnected, Received, LinkFault)


class Hasty(Random):
    """Waits a hundredth of what it may: tests need reconnects, not their spacing."""

    def uniform(self, a: float, b: float) -> float:
        return 0.01 * b


class Ear:
    """A taker of link events: a queue that can be asked for the next of a kind."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[LinkEvent] = SimpleQueue()
        self.passed: list[LinkEvent] = []

    def take(self, event: LinkEvent) -> None:
        self._queue.put(event)

    def next(self, kind: type[_Heard], *, containing: str = "", patience_seconds: float = PATIENCE_SECONDS) -> _Heard:
        """The next event of this kind (whose text contains that); what is passed over is kept in `passed`."""
        deadline = monotonic() + patience_seconds
        while True:
            try:
                event = self._queue.get(timeout=max(0.0, deadline - monotonic()))
            except Empty:
                raise AssertionError(f"no {kind.__name__} {containing!r} came; instead: {self.passed[-5:]}") from None
            if isinstance(event, kind) and containing in repr(event):
                return event
            self.passed.append(event)

    def waiting(self) -> int:
        """How many events lie unheard."""
        return self._queue.qsize()


def open_link(
    settings: LinkSettings, name: str, ear: Ear, subscriptions: tuple[str, ...] = (), will_topic: str | None = None
) -> Link:
    """A started link that tells `ear`; the test stops it."""
    link = Link(
        settings,
        client_id=name,
        subscriptions=subscriptions,
        will_topic=will_topic,
        on_event=ear.take,
        random=Hasty(1),
    )
    link.start()
    return link
