"""What a learner types, in the one place where it is in memory: a buffer that is overwritten.

Python strings leave copies behind, so the whole is never a `str`: characters come and go one at a time, and the story
gets the buffer itself. A character alone tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec

from firmware.messages import TEXT_BYTES, Draft
from kiosk.talk.state import Field


class TypedWords:
    """A UTF-8 buffer of fixed size. Not thread-safe: the loop's own."""

    def __init__(self, *, capacity_bytes: int = TEXT_BYTES) -> None:
        # Fixed, because a bytearray that grows is moved, and leaves its old bytes where they were.
        self._buffer = bytearray(capacity_bytes)
        self._used = 0

    def __len__(self) -> int:
        """Characters, not bytes."""
        return sum(not _continues(self._buffer[position]) for position in range(self._used))

    def append(self, character: str) -> bool:
        """Add one character; False when it does not fit."""
        encoded = character.encode()
        end = self._used + len(encoded)
        if end > len(self._buffer):
            return False
        self._buffer[self._used : end] = encoded
        self._used = end
        return True

    def delete(self) -> None:
        """Overwrite and drop the last character, if there is one."""
        while self._used:
            self._used -= 1
            last, self._buffer[self._used] = self._buffer[self._used], 0
            if not _continues(last):
                return

    def characters(self) -> Iterator[str]:
        """One character after the other, for drawing."""
        start = 0
        for position in range(1, self._used + 1):
            if position == self._used or not _continues(self._buffer[position]):
                yield self._buffer[start:position].decode()
                start = position

    def into(self, draft: Draft, field: Field) -> Draft:
        """The draft with the words as a bytearray of their own, to be sealed and then given to `overwrite`."""
        with memoryview(self._buffer) as view:
            words = bytearray(view[: self._used])
        # msgspec encodes bytes and bytearray alike; only a bytearray can be overwritten afterwards.
        story = msgspec.structs.replace(draft.story, **{field.value: cast(bytes, words)})
        return msgspec.structs.replace(draft, story=story)

    def wipe(self) -> None:
        """Zeros over everything."""
        overwrite(self._buffer)
        self._used = 0


def overwrite(words: bytes | bytearray) -> None:
    """Zeros over a buffer in place; a `bytes` cannot be overwritten and is left."""
    if isinstance(words, bytearray):
        words[:] = bytes(len(words))


def _continues(byte: int) -> bool:
    """Whether a byte is inside a UTF-8 character rather than its beginning."""
    return byte & 0xC0 == 0x80
