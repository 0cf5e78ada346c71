"""What staff said of their duty, kept over a restart as one note in the ledger."""

from __future__ import annotations

from firmware.duty import StaffWord
from firmware.ledger import Ledger
from firmware.messages import Count, Struct, decode, encode

_NOTE = "duty word"


class _Kept(Struct, frozen=True):
    attended: bool
    said_ms: Count
    until_ms: Count
    opening_ms: Count


def keep_word(ledger: Ledger, word: StaffWord | None) -> None:
    """Durable after the ledger's commit."""
    if word is not None:
        ledger.set_note(_NOTE, encode(_Kept(word.attended, word.said_ms, word.until_ms, word.opening_ms)))


def kept_word(ledger: Ledger) -> StaffWord | None:
    value = ledger.note(_NOTE)
    if value is None:
        return None
    kept = decode(value, _Kept)
    return StaffWord(kept.attended, kept.said_ms, kept.until_ms, kept.opening_ms)
