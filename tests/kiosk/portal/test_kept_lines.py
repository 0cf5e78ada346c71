"""Lines that are kept: whole or as before, erased from both generations, set aside when nobody can read them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.documents import DOCUMENT_MAX_BYTES
from firmware.errors import StoreFault
from kiosk.portal.kept_lines import KeptLines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.json"


def previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def broken(path: Path) -> Path:
    return path.with_name(path.name + ".broken")


def good(untrusted_lines: Sequence[str]) -> tuple[str, ...]:
    """The reader of these tests: believes every line but one."""
    if "wrong" in untrusted_lines:
        raise ValueError("wrong")
    return tuple(untrusted_lines)


def opened(path: Path) -> tuple[KeptLines, tuple[str, ...]]:
    kept = KeptLines(path)
    return kept, kept.read(good)


def save(path: Path, *generations: Sequence[str]) -> KeptLines:
    kept, _ = opened(path)
    for lines in generations:
        kept.replace(lines, erases=True)
    return kept


def test_opening_writes_nothing(path: Path) -> None:
    """A store that does not exist has no lines, and still does not exist."""
    kept, lines = opened(path)
    assert (lines, kept.trouble, list(path.parent.iterdir())) == ((), False, [])


@given(lists=st.lists(st.lists(st.text(max_size=20).filter(lambda line: line != "wrong")), min_size=1, max_size=3))
def test_what_was_saved_last_is_read_next(lists: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any lines, in their order, by the next process."""
    path = tmp_path_factory.mktemp("kept") / "store.json"
    save(path, *lists)
    kept, lines = opened(path)
    assert (lines, kept.trouble) == (tuple(lists[-1]), False)


@pytest.mark.requirement("D2")
def test_what_was_erased_is_in_no_generation(path: Path) -> None:
    """Once settled, neither file nor any other beside it holds a byte of it; settling again writes nothing."""
    kept = save(path, ["secret"], ["secret", "other"], ["other"])
    assert b"secret" in previous(path).read_bytes()
    kept.settle()
    assert all(b"secret" not in file.read_bytes() for file in path.parent.iterdir())
    before = [(file.name, file.stat().st_ino) for file in sorted(path.parent.iterdir())]
    kept.settle()
    assert [(file.name, file.stat().st_ino) for file in sorted(path.parent.iterdir())] == before


@pytest.mark.requirement("D2")
def test_what_a_killed_writer_left_is_settled_by_the_next(path: Path) -> None:
    """Killed between erasing and settling, and in the middle of a write: the next start removes both left-overs."""
    save(path, ["secret"], ["other"])
    for file in (path, previous(path)):
        file.with_name(file.name + ".new").write_text("secret")
    kept, _ = opened(path)
    kept.settle()
    assert all(b"secret" not in file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.requirement("D2")
def test_what_was_killed_in_its_very_first_write_leaves_nothing(path: Path) -> None:
    """Only half-written files, no generation yet: the next start removes them."""
    for file in (path, previous(path)):
        file.with_name(file.name + ".new").write_text("secret")
    kept, lines = opened(path)
    assert (lines, kept.trouble, list(path.parent.iterdir())) == ((), False, [])


@pytest.mark.parametrize("damage", [b"", b'{"_default": {"1": {"lin', b"\xff", b"[" * 100_000])
def test_a_broken_file_is_set_aside_and_the_generation_before_is_used(path: Path, damage: bytes) -> None:
    """Cut or scribbled over: trouble, the broken one is kept for a technician, what was there before is read."""
    save(path, ["one"], ["one", "two"])
    path.write_bytes(damage)
    kept, lines = opened(path)
    assert (kept.trouble, lines, broken(path).read_bytes()) == (True, ("one",), damage)
    kept.replace(["one", "three"], erases=False)
    again, lines = opened(path)
    assert (again.trouble, lines) == (False, ("one", "three"))


SHAPES = [
    {"_default": {"1": {"format": 2, "lines": []}}},
    {"_default": {"1": {"format": 1, "lines": ["wrong"]}}},
    {"_default": {"1": {"format": 1, "lines": [7]}}},
    {"_default": {"1": {"format": 1, "lines": "one"}}},
    {"_default": {"1": {"format": 1, "lines": [], "mac": "02:00:00:00:00:01"}}},
    {"_default": {"1": {"format": 1, "lines": []}, "2": {"format": 1, "lines": []}}},
    {"_default": {"1": 5}},
    {"_default": {"one": {"format": 1, "lines": []}}},
    {"_default": 5},
    [],
    7,
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_of_another_shape_is_set_aside(path: Path, shape: object) -> None:
    """Well-formed, but not what this program writes: not believed in part either."""
    save(path, ["one"], ["one", "two"])
    path.write_text(json.dumps(shape))
    kept, lines = opened(path)
    assert (kept.trouble, lines) == (True, ("one",))
    assert json.loads(broken(path).read_text()) == shape


def test_with_two_broken_generations_it_begins_anew(path: Path) -> None:
    """Both are set aside, trouble is told, there are no lines, and saving works."""
    save(path, ["one"], ["two"])
    path.write_bytes(b"{")
    previous(path).write_bytes(b"}")
    kept, lines = opened(path)
    assert (kept.trouble, lines) == (True, ())
    assert (broken(path).read_bytes(), broken(previous(path)).read_bytes()) == (b"{", b"}")
    kept.replace(["three"], erases=False)
    assert opened(path)[1] == ("three",)


def test_a_file_that_is_far_too_big_is_set_aside(path: Path) -> None:
    """Nobody reads it into memory twice."""
    with path.open("wb") as file:
        file.truncate(DOCUMENT_MAX_BYTES + 1)
    kept, lines = opened(path)
    assert (kept.trouble, lines) == (True, ())


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(("written_seconds", "stays"), [(99, False), (100, True), (200, True), (201, False)])
def test_what_was_set_aside_goes_too(path: Path, written_seconds: int, stays: bool) -> None:
    """Older than what may be kept, or from a time that has not come: removed."""
    path.write_bytes(b"{")
    kept, _ = opened(path)
    os.utime(broken(path), (written_seconds, written_seconds))
    kept.forget_broken(100_000, 200_000)
    assert broken(path).exists() is stays


def test_a_folder_that_cannot_be_used_is_a_store_fault(tmp_path: Path) -> None:
    """Saving into a folder that is not there: one line for the technician, nothing is claimed."""
    kept, _ = opened(tmp_path / "nowhere" / "store.json")
    with pytest.raises(StoreFault, match="cannot be written"):
        kept.replace(["one"], erases=False)


def test_a_failed_save_leaves_what_was_there(path: Path) -> None:
    """A folder in the way of the new file: StoreFault, and the lines are those of before."""
    kept = save(path, ["one"])
    path.with_name(path.name + ".new").mkdir()
    with pytest.raises(StoreFault):
        kept.replace(["two"], erases=True)
    path.with_name(path.name + ".new").rmdir()
    assert opened(path)[1] == ("one",)


def test_a_folder_that_cannot_be_looked_into_is_a_store_fault(tmp_path: Path) -> None:
    """What was set aside cannot be looked for: told as a fault of the store, and the portal goes on."""
    folder = tmp_path / "store"
    folder.mkdir()
    kept, _ = opened(folder / "store.json")
    folder.rmdir()
    folder.write_bytes(b"")
    with pytest.raises(StoreFault, match="cannot be looked at"):
        kept.forget_broken(100_000, 200_000)
