"""The one buffer of typed words: what it keeps, gives and overwrites."""

from __future__ import annotations

import random
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.messages import NO_ID, TEXT_CHARACTERS, Draft, Kind, Story, Urgency, decode, encode
from kiosk.talk.state import Field
from kiosk.talk.typed import TypedWords, overwrite

REPOSITORY = Path(__file__).parents[3]
DRAFT = Draft(Kind.ADDITION, Urgency.TODAY, False, False, NO_ID, Story(route="safeguarding", room=""))
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


@given(TEXT, st.integers(0, 70))
def test_what_was_typed_is_what_is_there(words: str, deletions: int) -> None:
    """Any characters, any number of deletions: the same as with a list of characters."""
    typed = TypedWords()
    for character in words:
        assert typed.append(character)
    for _ in range(deletions):
        typed.delete()
    left = list(words)[: max(0, len(words) - deletions)]
    assert list(typed.characters()) == left
    assert len(typed) == len(left)


def test_the_longest_text_fits_whatever_its_script() -> None:
    """500 characters of four bytes fit, and one more is refused without harm."""
    typed = TypedWords()
    for _ in range(TEXT_CHARACTERS):
        assert typed.append("😀")
    assert not typed.append("x")
    assert len(typed) == TEXT_CHARACTERS


@pytest.mark.parametrize("field", [Field.TEXT, Field.NAME])
def test_the_story_gets_a_buffer_that_can_be_overwritten(field: Field) -> None:
    """The draft carries a bytearray, encodes like bytes, and is zeros after `overwrite`."""
    typed = TypedWords()
    for character in "Żółć":
        typed.append(character)
    draft = typed.into(DRAFT, field)
    words = getattr(draft.story, field.value)
    assert isinstance(words, bytearray)
    assert getattr(decode(encode(draft), Draft).story, field.value) == "Żółć".encode()
    overwrite(words)
    assert bytes(words) == bytes(len("Żółć".encode()))


def test_wiping_leaves_zeros_and_deleting_leaves_no_byte() -> None:
    """Neither the wiped nor the deleted words stand anywhere in the buffer, and the buffer never moves."""
    typed = TypedWords()
    before = id(typed._buffer)
    for character in "nobody":
        typed.append(character)
    typed.delete()
    assert b"nobody" not in typed._buffer
    typed.wipe()
    assert not any(typed._buffer)
    assert (len(typed), id(typed._buffer)) == (0, before)


CHILD = """
import sys
from firmware.messages import NO_ID, Draft, Kind, Story, Urgency
from kiosk.talk.state import Field
from kiosk.talk.typed import TypedWords, overwrite

typed = TypedWords()
for number in sys.argv[1].split(","):
    typed.append(chr(int(number) - 1000))
drawn = sum(character.isalpha() for character in typed.characters())
draft = typed.into(Draft(Kind.ADDITION, Urgency.TODAY, False, False, NO_ID, Story(route="", room="")), Field.TEXT)
print(drawn, flush=True)
sys.stdin.readline()
overwrite(draft.story.text)
typed.wipe()
print("wiped", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux to read another process's memory")
def test_after_wiping_the_words_are_nowhere_in_memory() -> None:
    """Another process that typed, drew, handed over and wiped holds no run of six letters; before wiping it did."""
    letters = "".join(random.SystemRandom().choices(string.ascii_lowercase, k=24))
    numbers = ",".join(str(ord(letter) + 1000) for letter in letters)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, numbers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline().split() == [b"24"]
        assert _runs_in_memory(child.pid, letters)
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert child.stdout.readline().split() == [b"wiped"]
        found = _runs_in_memory(child.pid, letters)
        child.stdin.close()
    assert found == []


def _runs_in_memory(pid: int, letters: str) -> list[str]:
    """Which runs of six letters stand in a process's writable memory, as UTF-8, UTF-16 or UTF-32."""
    runs = [letters[start : start + 6] for start in range(0, len(letters) - 5, 6)]
    wanted = [(run, run.encode(codec)) for run in runs for codec in ("utf-8", "utf-16-le", "utf-32-le")]
    found: list[str] = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            addresses, rights, *_ = line.split()
            if not rights.startswith("rw") or "[v" in line:
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            memory.seek(start)
            held = memory.read(end - start)
            found += [run for run, pattern in wanted if pattern in held]
    return found
