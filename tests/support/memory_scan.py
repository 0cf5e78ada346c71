"""Looks for words in everything that a running process has in memory. Root only: units forbid debuggers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")
_PIECE_BYTES = 1 << 20


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may read a unit's memory, because units forbid debuggers; run this as root")


def found_in_memory(pid: int, words: Sequence[str]) -> Mapping[str, list[str]]:
    """Where each word stands (region and offset), in any encoding; words that are nowhere are left out."""
    wanted = {(word, encoding): word.encode(encoding) for word in words for encoding in ENCODINGS}
    overlap = max(len(needle) for needle in wanted.values())
    found: dict[str, list[str]] = {}
    for region, start, content in _memory(pid, overlap):
        for (word, encoding), needle in wanted.items():
            at = content.find(needle)
            while at != -1:
                found.setdefault(word, []).append(f"{encoding} at {start + at:#x} in {region}")
                at = content.find(needle, at + 1)
    return found


def _memory(pid: int, overlap: int) -> Iterator[tuple[str, int, bytes]]:
    """Every readable, written-to region in pieces that overlap, so that no word is cut in two."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_, name = (*line.split(None, 5), "")[:6]
            if not rights.startswith("rw") and "heap" not in name:
                continue
            begin, end = (int(number, 16) for number in span.split("-"))
            for start in range(begin, end, _PIECE_BYTES):
                with suppress(OSError):
                    memory.seek(start)
                    yield line, start, memory.read(min(_PIECE_BYTES + overlap, end - start))
