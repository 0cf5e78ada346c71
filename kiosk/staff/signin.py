"""Signing in: which reader, and what is being typed. Pure but for the bytes that it holds and wipes.

Owns the buffer of a passphrase or PIN. The buffer is overwritten whenever it is left, sent or given up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from kiosk.screen.keyboard import Layer

BUFFER_BYTES = 200


class Step(StrEnum):
    NAMES = "names"
    PASSPHRASE = "passphrase"
    PIN = "pin"
    SET_PIN = "set-pin"


@dataclass(frozen=True, slots=True)
class Intent:
    """What the person wanted to say before they had to sign in."""

    report: bytes
    with_them: bool


@dataclass(slots=True)
class SignIn:
    """One attempt."""

    step: Step = Step.NAMES
    reader: bytes = b""
    page: int = 0
    layer: Layer = Layer.LOWER
    shown: bool = False
    busy: bool = False
    by_passphrase: bool = False
    intent: Intent | None = None
    mark: int = 0
    _buffer: bytearray = field(default_factory=lambda: bytearray(BUFFER_BYTES), repr=False)
    _length: int = 0

    def go(self, step: Step, reader: bytes = b"") -> None:
        """Another step; what was typed is gone."""
        self.wipe()
        self.step, self.layer, self.shown, self.busy = step, Layer.LOWER, False, False
        self.reader = reader or self.reader

    def type(self, text: str) -> None:
        """Append what fits; the buffer never grows (growing would leave copies behind)."""
        for character in text:
            encoded = character.encode()
            if character.isprintable() and self._length + len(encoded) <= BUFFER_BYTES:
                self._buffer[self._length : self._length + len(encoded)] = encoded
                self._length += len(encoded)
        self.mark += 1

    def backspace(self) -> None:
        """Remove the last character."""
        while self._length:
            self._length -= 1
            byte = self._buffer[self._length]
            self._buffer[self._length] = 0
            if byte & 0xC0 != 0x80:
                break
        self.mark += 1

    def take(self) -> bytearray:
        """What was typed, in a buffer of the caller's (who overwrites it); ours is wiped."""
        taken = bytearray(self._buffer[: self._length])
        self.wipe()
        return taken

    def wipe(self) -> None:
        self._buffer[:] = bytes(BUFFER_BYTES)
        self._length = 0
        self.mark += 1

    @property
    def characters(self) -> int:
        return sum(1 for byte in self._buffer[: self._length] if byte & 0xC0 != 0x80)

    def drawn(self) -> Iterator[str]:
        """One character at a time for the painter: letters when shown, else dots."""
        if not self.shown:
            yield from "•" * self.characters
            return
        yield from memoryview(self._buffer)[: self._length].tobytes().decode(errors="replace")
