"""Documents: whole or as before, whatever happens; the generation before is kept and used."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.documents import DOCUMENT_MAX_BYTES, open_documents, write_atomically
from firmware.errors import BadSettings, StoreFault, StoreFull

words = st.text(max_size=12)
records = st.dictionaries(words, st.none() | st.booleans() | st.integers() | words, max_size=4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site.json"


def previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def write_generations(path: Path, *rooms: str) -> None:
    with open_documents(path) as documents:
        for room in rooms:
            documents.truncate()
            documents.insert({"room": room})


def rooms_in(path: Path) -> list[str]:
    with open_documents(path) as documents:
        return [str(record["room"]) for record in documents.all()]


def test_what_was_inserted_is_read_back_by_the_next_process(path: Path) -> None:
    """Closed and opened again, the record and its id are there."""
    with open_documents(path) as documents:
        number = documents.insert({"room": "Room 12", "tags": ["a", "é"]})
    with open_documents(path) as documents:
        assert documents.get(doc_id=number) == {"room": "Room 12", "tags": ["a", "é"]}


@settings(max_examples=40)
@given(lists=st.lists(records, max_size=5))
def test_any_records_come_back_in_their_order(
    lists: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """For any JSON records: what goes in comes out, in order."""
    path = tmp_path_factory.mktemp("documents") / "d.json"
    with open_documents(path) as documents:
        documents.insert_multiple(lists)
    with open_documents(path) as documents:
        assert [dict(record) for record in documents.all()] == lists


def test_opening_writes_nothing(path: Path) -> None:
    """Looking at a document that does not exist leaves no file behind."""
    assert rooms_in(path) == []
    assert list(path.parent.iterdir()) == []


def test_only_its_owner_may_read_it(path: Path) -> None:
    """Both generations have mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        write_generations(path, "one", "two")
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in (path, previous(path))} == {0o600}


@pytest.mark.parametrize(
    "damage", [b"", b'{"_default": {"1": {"ro', b"[]", b'{"_default": 7}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_broken_newest_generation_gives_way_to_the_one_before(path: Path, damage: bytes) -> None:
    """Empty, cut, of another shape, or not JSON: what was saved before it is read."""
    write_generations(path, "one")
    with open_documents(path) as documents:
        documents.insert({"room": "two"})
    path.write_bytes(damage)
    assert rooms_in(path) == ["one"]


def test_a_vanished_newest_generation_gives_way_to_the_one_before(path: Path) -> None:
    """Cut between the two renames, or deleted by hand: the earlier one is read."""
    write_generations(path, "one")
    with open_documents(path) as documents:
        documents.insert({"room": "two"})
    path.unlink()
    assert rooms_in(path) == ["one"]


def test_a_broken_generation_never_becomes_the_one_before(path: Path) -> None:
    """After recovery the next save keeps the good generation beside it until a good one replaces it."""
    write_generations(path, "one")
    with open_documents(path) as documents:
        documents.insert({"room": "two"})
    path.write_bytes(b"broken")
    good = previous(path).read_bytes()
    with open_documents(path) as documents:
        documents.insert({"room": "three"})
    assert previous(path).read_bytes() == good
    assert rooms_in(path) == ["one", "three"]


def test_two_broken_generations_name_the_file_and_the_mend(path: Path) -> None:
    """Nothing is guessed or begun anew over somebody's data: one line for the technician."""
    path.write_bytes(b"broken")
    previous(path).write_bytes(b"broken too")
    with pytest.raises(BadSettings, match="restore it") as caught:
        open_documents(path)
    assert caught.value.file == str(path)
    assert path.read_bytes() == b"broken"


def test_a_document_that_is_far_too_big_is_not_read_into_memory(path: Path) -> None:
    """A file of the limit plus one byte counts as broken."""
    with path.open("wb") as file:
        file.truncate(DOCUMENT_MAX_BYTES + 1)
    with pytest.raises(BadSettings):
        open_documents(path)


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    """Afterwards it holds exactly the new bytes, has the asked mode, and nothing else lies in the folder."""
    file = tmp_path / "device.toml"
    write_atomically(file, b"first", 0o644)
    write_atomically(file, b"second", 0o640)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"second", 0o640)
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_folder_is_a_store_fault(tmp_path: Path) -> None:
    """The error names the file and the mend."""
    with pytest.raises(StoreFault, match="cannot be written"):
        write_atomically(tmp_path / "nowhere" / "file", b"data")


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    """The kernel stops the write half-way: StoreFault, the file is as before, no left-over takes the last space."""
    file = tmp_path / "file"
    write_atomically(file, b"before")
    program = (
        "import resource, signal, sys, pathlib; from firmware.documents import write_atomically; "
        "from firmware.errors import StoreFault; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
        "path = pathlib.Path(sys.argv[1])\n"
        "try:\n    write_atomically(path, bytes(100_000))\n"
        "except StoreFault as fault:\n    sys.exit(7)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], check=False)
    assert done.returncode == 7
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_is_told_as_store_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Disk or quota full, found out only at the fsync: StoreFull, and the file is as before."""
    file = tmp_path / "file"
    write_atomically(file, b"before")

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull, match="nothing was saved"):
        write_atomically(file, b"after")
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (b"before", [file])


def test_a_link_planted_in_the_way_is_not_followed(tmp_path: Path) -> None:
    """Whoever can write into the folder cannot make us overwrite another file."""
    treasure = tmp_path / "treasure"
    treasure.write_bytes(b"treasure")
    (tmp_path / "file.new").symlink_to(treasure)
    with pytest.raises(StoreFault):
        write_atomically(tmp_path / "file", b"data")
    assert treasure.read_bytes() == b"treasure"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_bytes_are_on_disk_before_the_name_and_the_name_before_the_return(tmp_path: Path) -> None:
    """System calls in order: fsync of the new file, rename, fsync of the folder. A power cut finds old or new."""
    trace = tmp_path / "trace"
    program = (
        "import sys, pathlib; from firmware.documents import write_atomically; "
        "write_atomically(pathlib.Path(sys.argv[1]), b'data')"
    )
    command = ["strace", "-f", "-y", "-o", str(trace), "-e", "trace=fsync,fdatasync,rename,renameat,renameat2"]
    subprocess.run([*command, sys.executable, "-c", program, str(tmp_path / "file")], check=True)
    calls = [
        line.split(maxsplit=1)[1] for line in trace.read_text().splitlines() if "sync(" in line or "rename" in line
    ]
    assert len(calls) == 3
    assert calls[0].startswith("fsync(")
    assert ".new>" in calls[0]
    assert calls[1].startswith("rename")
    assert calls[2].startswith("fsync(")
    assert f"<{tmp_path}>" in calls[2]


KILLED = """
import json, os, pathlib, signal, sys
from firmware.documents import open_documents
path = pathlib.Path(sys.argv[1])
with open_documents(path) as documents:
    for number in range(10**6):
        documents.truncate()
        documents.insert({"number": number, "filler": "x" * 20_000})
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


def test_a_killed_writer_leaves_a_whole_document(path: Path) -> None:
    """SIGKILL somewhere in the middle of saving, ten times: what is read is whole."""
    for round_number in range(10):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(round_number + 1):
                writer.stdout.readline()
            writer.kill()
        with open_documents(path) as documents:
            for record in documents.all():
                assert len(record["filler"]) == 20_000
        assert json.loads(path.read_bytes())
        assert {file.suffix for file in path.parent.iterdir()} <= {".json", ".previous", ".new"}
