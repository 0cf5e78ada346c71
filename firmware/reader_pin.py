"""The readers whom a desk has once believed: kept in its ledger, and only two of them can name others.

Whoever may write into the bundle (the technician) could otherwise put readers of their own there. The first ones are
taken on trust, as they were provisioned, and compared by fingerprint. Owns the note in the ledger; the rules of
signatures are in `reader_parts`.
"""

from __future__ import annotations

from firmware.errors import Refused, StoreBroken
from firmware.ledger import Ledger
from firmware.messages import Struct, decode, encode
from firmware.reader_parts import ReaderParts, SignedParts, read_reader_parts

_NOTE = "readers believed"


class _Pair(Struct, frozen=True):
    register: bytes
    sheet: bytes


def believe(ledger: Ledger, untrusted: SignedParts, *, site: bytes) -> ReaderParts:
    """Read a pair from the bundle and keep it (commit afterwards).

    Raises Refused, as `read_reader_parts`: nothing was changed.
    """
    before = believed(ledger, site=site)
    held = read_reader_parts(before.register, before.sheet, site=site, held=None) if before is not None else None
    parts = read_reader_parts(untrusted.register, untrusted.sheet, site=site, held=held)
    if before != untrusted:
        ledger.set_note(_NOTE, encode(_Pair(untrusted.register, untrusted.sheet)))
    return parts


def believed(ledger: Ledger, *, site: bytes) -> SignedParts | None:
    """The pair that is in force; None before the first. Raises StoreBroken when the note is no such pair."""
    kept = ledger.note(_NOTE)
    if kept is None:
        return None
    try:
        pair = decode(kept, _Pair)
        read_reader_parts(pair.register, pair.sheet, site=site, held=None)
    except Refused as problem:
        raise StoreBroken(f"{ledger.path}: the readers kept in it were changed; restore the newest backup") from problem
    return SignedParts(pair.register, pair.sheet)
