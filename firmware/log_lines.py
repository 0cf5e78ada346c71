"""Log records as lines for a terminal or the journal: one line each, and never a flood.

Owns how a record looks (`PlainFormatter`) and how often the same one is written (`Terminal`). A peer that sends
rubbish as fast as it can must neither fill the disk of a desk nor hide what else is said, and no refusal may go
uncounted: what is held back is counted, and the next line of its kind says how many there were.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

# The first ones in full, so that what began can be seen.
AT_FIRST = 10
# Then one line for each kind, with the count, this often.
THEN_EVERY_SECONDS = 10.0
# Whoever can make up ids could make up kinds: beyond this many they share one count for each message.
MOST_KINDS = 64

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_AGAIN = "again"


class PlainFormatter(logging.Formatter):
    """One line a record, with its ids and codes: a person at a terminal never gets a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        words = "".join(f" {name}={value}" for name, value in _extras(record).items())
        return one_line(f"{record.levelname.lower()} {record.name}: {record.getMessage()}{words}")


@dataclass(slots=True)
class _Kind:
    """One sort of record: how many were written since it began, and what is held back."""

    written: int
    due: float
    held: int = 0
    newest: logging.LogRecord | None = None


class Terminal(logging.StreamHandler[TextIO]):
    """Writes records of one kind (same logger, message and extras) in full at first, then one for many."""

    def __init__(self, stream: TextIO, *, monotonic: Callable[[], float]) -> None:
        super().__init__(stream)
        self._monotonic = monotonic
        self._kinds: dict[tuple[str, ...], _Kind] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Called with the handler's lock held."""
        now = self._monotonic()
        kind = self._kind_of(record, now)
        if kind.written < AT_FIRST:
            kind.written += 1
            super().emit(record)
        else:
            kind.held += 1
            kind.newest = record
        self._write_held(now)

    def close(self) -> None:
        """What is still held back is said before the end."""
        self._write_held(float("inf"))
        super().close()

    def _kind_of(self, record: logging.LogRecord, now: float) -> _Kind:
        words = (record.name, record.levelname, str(record.msg), str(record.args))
        key = (*words, *(f"{name}={value}" for name, value in _extras(record).items()))
        if key not in self._kinds and len(self._kinds) >= MOST_KINDS:
            key = (record.name, record.levelname, str(record.msg))
        return self._kinds.setdefault(key, _Kind(0, now + THEN_EVERY_SECONDS))

    def _write_held(self, now: float) -> None:
        for key, kind in list(self._kinds.items()):
            if now < kind.due:
                continue
            kind.due = now + THEN_EVERY_SECONDS
            if kind.newest is None:
                # Nothing of this kind for a while: the next one is news again.
                del self._kinds[key]
                continue
            newest, kind.newest = kind.newest, None
            setattr(newest, _AGAIN, kind.held)
            kind.held = 0
            super().emit(newest)


def one_line(text: str) -> str:
    """Text as one printable line, whatever a file or a peer put into it."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def _extras(record: logging.LogRecord) -> dict[str, object]:
    """What was given as `extra`: ids and codes."""
    return {name: value for name, value in vars(record).items() if name not in _OWN}
