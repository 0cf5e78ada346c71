"""Which tip stands on the idle screen, and the dot that tells of a silent call. Pure.

A silent call turns the tip over exactly as the 20-second rotation does, so that nobody who watches can tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TIP_TURN_MS = 20_000


@dataclass(frozen=True, slots=True)
class TipShow:
    """`index` counts turns (taken modulo the number of tips); `picked` is the quiz answer touched on this tip."""

    index: int = 0
    turned_ms: int = 0
    picked: int | None = None


def turned(show: TipShow, now_ms: int) -> TipShow:
    """The next tip."""
    return TipShow(show.index + 1, now_ms)


def rotated(show: TipShow, now_ms: int) -> TipShow:
    """The next tip when this one has stood for its 20 s, else the same."""
    return turned(show, now_ms) if now_ms - show.turned_ms >= TIP_TURN_MS else show


def picked(show: TipShow, answer: int, now_ms: int) -> TipShow:
    """A quiz answer was touched: it stays in view for a whole turn."""
    return replace(show, picked=answer, turned_ms=now_ms)
