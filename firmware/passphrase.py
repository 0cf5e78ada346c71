"""Words that people keep and compare: passphrases and fingerprints.

Owns the word list (`words.txt`, 2,048 words, eleven bits each) and the rule of what counts as a passphrase. Knows
nothing of keys: `readers` turns a passphrase into one, and does not care which words it has.
"""

from __future__ import annotations

import hashlib
import random as random_module
import re
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING

from firmware.errors import BadInput
from firmware.messages import encode

if TYPE_CHECKING:
    # The portal reads vouchers with these words and needs no keys: 7 MB of its memory.
    from firmware.identity import RouteSheet

WORD_BITS = 11
# Six of 2,048 words are 66 bits; at 0.15 s a guess (Argon2id, 64 MiB) that is out of reach for a stolen disk.
PASSPHRASE_WORDS = 6
# Eight words are 88 bits of SHA-256: nobody can make a second sheet that reads the same.
FINGERPRINT_WORDS = 8
PASSPHRASE_CHARACTERS_MAX = 400

_BETWEEN_WORDS = re.compile(r"[\s\-]+")
_MEND = f"use {PASSPHRASE_WORDS} different words or more, with spaces between them (offered words are safest)"


def load_words() -> tuple[str, ...]:
    """The 2,048 words, in the order that fingerprints are made of."""
    text = (resources.files("firmware") / "words.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def make_passphrase(random: random_module.Random) -> str:
    """Six words chosen at random; real ceremonies pass `secrets.SystemRandom()`."""
    words = load_words()
    return " ".join(random.sample(words, PASSPHRASE_WORDS))


def normal_passphrase(typed: str) -> str:
    """The one form of a passphrase, however it was typed: lower case, one space between words.

    Raises:
        BadInput: fewer than six different words, or far too long.
    """
    folded = unicodedata.normalize("NFKC", typed).casefold()
    words = [word for word in _BETWEEN_WORDS.split(folded) if word]
    if len(folded) > PASSPHRASE_CHARACTERS_MAX:
        raise BadInput(f"that passphrase has more than {PASSPHRASE_CHARACTERS_MAX} characters: use a shorter one")
    if len(set(words)) < PASSPHRASE_WORDS:
        raise BadInput(f"that passphrase has {len(set(words))} different words: {_MEND}")
    return " ".join(words)


def fingerprint(sheet: RouteSheet) -> str:
    """Eight words that are the same on two screens only if both hold the same readers, routes and recovery key."""
    digest = hashlib.sha256(b"quietbell/1 fingerprint\0" + encode(sheet)).digest()
    number = int.from_bytes(digest, "big") >> (len(digest) * 8 - FINGERPRINT_WORDS * WORD_BITS)
    words = load_words()
    picks = [(number >> (WORD_BITS * place)) % len(words) for place in reversed(range(FINGERPRINT_WORDS))]
    return " ".join(words[pick] for pick in picks)
