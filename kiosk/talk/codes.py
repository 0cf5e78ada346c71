"""Receipt codes: five plain words by which a learner, and nobody else, can ask what became of a report.

Owns the list, the choosing and the digest. Staff hold the digest only; the kiosk holds nothing once the page is gone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from importlib import resources

WORDS_IN_LIST = 1_024
CODE_WORDS = 5

_LABEL = b"quietbell/1 receipt code\0"
_BETWEEN_WORDS = re.compile(r"[\s,.\-]+")
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


def read_code(untrusted_text: str) -> tuple[str, ...] | None:
    """The code in what somebody typed, however they parted the words; None when it cannot be one."""
    folded = untrusted_text[:_TYPED_CHARACTERS_MAX].casefold()
    typed = tuple(word for word in _BETWEEN_WORDS.split(folded) if word)
    return typed if len(set(typed)) == len(typed) == CODE_WORDS and set(typed) <= set(code_words()) else None


def code_digest(code: tuple[str, ...]) -> bytes:
    """32 bytes that go into the story. The order of the words does not matter, since nobody remembers it.

    A fast hash is enough: the digest is only ever inside a sealed story, and those who can open that have no use for
    the code.
    """
    return hashlib.sha256(_LABEL + " ".join(sorted(code)).encode()).digest()
