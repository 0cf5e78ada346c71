"""Receipt codes: five plain words by which a learner, and nobody else, can ask what became of a report.

Owns the list, the choosing, the reading back and the digest. Staff and kiosk hold the digest only; the words are
nowhere once the page is gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from importlib import resources
from itertools import chain, islice

WORDS_IN_LIST = 1_024
CODE_WORDS = 5

_LABEL = b"quietbell/1 receipt code\0"
_BETWEEN_WORDS = frozenset(" \t\n,.-")
# Twenty-five times what any code needs.
_TYPED_CHARACTERS_MAX = 1_000


@cache
def code_words() -> tuple[str, ...]:
    """The 1,024 words, read once."""
    text = (resources.files("kiosk.talk") / "code_words.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def make_code(random_bytes: Callable[[int], bytes]) -> tuple[str, ...]:
    """Five different words; `random_bytes` is `os.urandom`, or a test's own."""
    chosen: list[str] = []
    while len(chosen) < CODE_WORDS:
        # 65,536 is a multiple of 1,024: no word is likelier than another.
        word = code_words()[int.from_bytes(random_bytes(2), "big") % WORDS_IN_LIST]
        if word not in chosen:
            chosen.append(word)
    return tuple(chosen)


def read_code(untrusted_characters: Iterable[str]) -> tuple[str, ...] | None:
    """The code in what somebody typed, however they parted the words; None when it cannot be one.

    Follows one character after the other through the list, so that no copy is made of what else may stand there.
    """
    typed: list[str] = []
    fitting, length = code_words(), 0
    for character in chain(islice(untrusted_characters, _TYPED_CHARACTERS_MAX), " "):
        if character not in _BETWEEN_WORDS:
            fitting = tuple(word for word in fitting if word[length : length + 1] == character.casefold())
            length += 1
        elif length:
            # The list is sorted: a word stands before the longer ones that begin with it.
            if not fitting or len(fitting[0]) != length:
                return None
            typed.append(fitting[0])
            fitting, length = code_words(), 0
    return tuple(typed) if len(set(typed)) == len(typed) == CODE_WORDS else None


def code_digest(code: tuple[str, ...]) -> bytes:
    """32 bytes that go into the story. The order of the words does not matter, since nobody remembers it.

    A fast hash is enough: whoever holds the digest (a reader in the sealed story, a thief on the kiosk's card) has the
    report's id and stages beside it, and the words open nothing more.
    """
    return hashlib.sha256(_LABEL + " ".join(sorted(code)).encode()).digest()
