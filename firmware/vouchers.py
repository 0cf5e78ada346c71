"""Vouchers: six words that carry who may go on-line, for how long and until which day. Pure.

Owns the sixty-six bits and their way to words and back. The words prove themselves with a key that the site's portals
share, so nothing need be looked up. Does not know the time, nor which vouchers have been used.

    audience 3 · last day 12 · minutes 4 · devices 3 · serial 12 · proof 32

The proof is an HMAC over the other bits, and those are masked by a stream made from key and proof (the way of a
synthetic IV, RFC 5297): the cards of one sheet look nothing alike, and a card tells nobody how the next one begins.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from firmware.byod_parts import Audience
from firmware.errors import BadInput, ProgrammerError, Refused
from firmware.passphrase import WORD_BITS, load_words

VOUCHER_KEY_BYTES = 32
VOUCHER_WORDS = 6
# How long a voucher can give, from its first use on.
MINUTES: tuple[int, ...] = (15, 20, 30, 45, 60, 90, 120, 150, 180, 240, 300, 360, 420, 480, 600, 720)
DEVICES_MAX = 8
SERIALS = 4096
FIRST_DAY = date(2026, 1, 1)
LAST_DAY = FIRST_DAY + timedelta(days=4095)
# Six words of eight letters need 53; what is far longer is no voucher.
TYPED_CHARACTERS_MAX = 200

# The order is on paper in people's hands: only ever add at the end.
_AUDIENCES = (Audience.YOUNG_LEARNER, Audience.LEARNER, Audience.ADULT, Audience.STAFF, Audience.VISITOR)
# name and width, first to last
_WIDTHS = (("audience", 3), ("day", 12), ("minutes", 4), ("devices", 3), ("serial", 12))
_FACTS_BITS = sum(width for _, width in _WIDTHS)
_PROOF_BYTES = 4
_PROOF_BITS = _PROOF_BYTES * 8
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NOT_LETTERS = re.compile(r"[^a-z]+")


@dataclass(frozen=True, slots=True)
class Voucher:
    """`minutes` run from the first use; `last_day` is the last on which it opens; `devices` share it."""

    audience: Audience
    last_day: date
    minutes: int
    devices: int
    serial: int


def make_words(voucher: Voucher, key: bytes) -> tuple[str, ...]:
    """The six words of a voucher.

    Raises:
        BadInput: a day, time, or number of devices that no voucher can carry.
    """
    facts = _packed(voucher)
    proof = _proof(facts, _checked(key))
    number = (facts ^ _mask(proof, key)) << _PROOF_BITS | int.from_bytes(proof, "big")
    words = load_words()
    places = reversed(range(VOUCHER_WORDS))
    return tuple(words[(number >> (WORD_BITS * place)) % len(words)] for place in places)


def read_words(untrusted_text: str, key: bytes) -> Voucher:
    """The voucher that somebody typed or scanned: any case, anything between the words, one slip in each word.

    Raises:
        Refused: "malformed" (not six of our words; the detail says how many were) or "unknown-voucher" (this site
            made no such voucher with this key).
    """
    number = 0
    for index in _indices(untrusted_text):
        number = number << WORD_BITS | index
    proof = (number & (1 << _PROOF_BITS) - 1).to_bytes(_PROOF_BYTES, "big")
    facts = (number >> _PROOF_BITS) ^ _mask(proof, _checked(key))
    if not hmac.compare_digest(proof, _proof(facts, key)):
        raise Refused("unknown-voucher")
    return _unpacked(facts)


def _indices(untrusted_text: str) -> list[int]:
    typed = untrusted_text[: TYPED_CHARACTERS_MAX + 1]
    folded = unicodedata.normalize("NFKC", typed).casefold()
    parts = [part for part in _NOT_LETTERS.split(folded) if part]
    if len(typed) > TYPED_CHARACTERS_MAX or len(parts) != VOUCHER_WORDS:
        raise Refused("malformed", f"{len(parts)} of {VOUCHER_WORDS} words")
    order = {word: index for index, word in enumerate(load_words())}
    meant = [_meant(part, order) for part in parts]
    known = [order[word] for word in meant if word is not None]
    if len(known) != VOUCHER_WORDS:
        raise Refused("malformed", f"{len(known)} of {VOUCHER_WORDS} words are known")
    return known


def _meant(typed: str, order: dict[str, int]) -> str | None:
    """This word, or the only one that is a single slip away: thumbs and autocorrection are not the guest's fault."""
    if typed in order:
        return typed
    near = {slip for slip in _slips(typed) if slip in order}
    return near.pop() if len(near) == 1 else None


def _slips(word: str) -> set[str]:
    """Every string that one letter left out, put in, changed or swapped makes of `word`."""
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    out = {a + b[1:] for a, b in halves if b}
    out |= {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    return out | {a + letter + rest for a, b in halves for letter in _LETTERS for rest in {b, b[1:]}}


def _packed(voucher: Voucher) -> int:
    if not FIRST_DAY <= voucher.last_day <= LAST_DAY:
        raise BadInput(f"a voucher can end from {FIRST_DAY} to {LAST_DAY}, not on {voucher.last_day}")
    if voucher.minutes not in MINUTES:
        raise BadInput(f"a voucher gives one of {', '.join(map(str, MINUTES))} minutes, not {voucher.minutes}")
    if not 1 <= voucher.devices <= DEVICES_MAX:
        raise BadInput(f"a voucher is for 1 to {DEVICES_MAX} devices, not {voucher.devices}")
    if not 0 <= voucher.serial < SERIALS:
        raise ProgrammerError(f"a voucher's serial is 0 to {SERIALS - 1}")
    fields = {
        "audience": _AUDIENCES.index(voucher.audience),
        "day": (voucher.last_day - FIRST_DAY).days,
        "minutes": MINUTES.index(voucher.minutes),
        "devices": voucher.devices - 1,
        "serial": voucher.serial,
    }
    return _joined([(fields[name], width) for name, width in _WIDTHS])


def _joined(values: Sequence[tuple[int, int]]) -> int:
    number = 0
    for value, width in values:
        number = number << width | value
    return number


def _unpacked(facts: int) -> Voucher:
    fields: dict[str, int] = {}
    for name, width in reversed(_WIDTHS):
        fields[name] = facts & (1 << width) - 1
        facts >>= width
    if fields["audience"] >= len(_AUDIENCES):
        # A newer program made it for an audience that this one does not know.
        raise Refused("unknown-voucher", "of a kind that this program does not know")
    return Voucher(
        audience=_AUDIENCES[fields["audience"]],
        last_day=FIRST_DAY + timedelta(days=fields["day"]),
        minutes=MINUTES[fields["minutes"]],
        devices=fields["devices"] + 1,
        serial=fields["serial"],
    )


def _proof(facts: int, key: bytes) -> bytes:
    packed = facts.to_bytes((_FACTS_BITS + 7) // 8, "big")
    return hmac.digest(key, b"quietbell/1 voucher\0" + packed, hashlib.sha256)[:_PROOF_BYTES]


def _mask(proof: bytes, key: bytes) -> int:
    stream = hmac.digest(key, b"quietbell/1 voucher mask\0" + proof, hashlib.sha256)
    return int.from_bytes(stream, "big") >> (len(stream) * 8 - _FACTS_BITS)


def _checked(key: bytes) -> bytes:
    if len(key) != VOUCHER_KEY_BYTES:
        raise ProgrammerError(f"a voucher key is {VOUCHER_KEY_BYTES} bytes")
    return key
