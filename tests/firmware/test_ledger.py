"""The record: what it said is durable, what was changed is found, what was erased is gone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import StoreBroken, StoreFault, StoreFull
from firmware.ledger import GENESIS, Entry, Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.db", random_bytes=os.urandom) as opened:
        yield opened


def add(ledger: Ledger, body: bytes, *, kind: str = "report", ref: bytes = b"r" * 16) -> Entry:
    return ledger.append(kind, ref=ref, device=b"k" * 16, body=body, at_ms=5)


def fill_disk(ledger: Ledger) -> None:
    """No page more than there is: SQLite answers as on a full disk (ENOSPC), with the same code and rollback."""
    ledger.commit()
    (pages,) = ledger._database.execute("PRAGMA page_count").fetchone()
    ledger._database.execute(f"PRAGMA max_page_count={pages}")


def make_room(ledger: Ledger) -> None:
    ledger._database.execute("PRAGMA max_page_count=1000000")


# --- the chain ---


@settings(deadline=None, derandomize=True, max_examples=30)
@given(bodies=st.lists(st.tuples(st.sampled_from(["report", "receipt", "x"]), st.binary(max_size=50)), max_size=12))
def test_entries_come_back_as_they_were_and_the_chain_verifies(bodies: list[tuple[str, bytes]]) -> None:
    """Any entries of any kind come back in order with their bodies, after a restart too, and the chain verifies."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "l.db"
        with Ledger(path, random_bytes=os.urandom) as ledger:
            made = [add(ledger, body, kind=kind) for kind, body in bodies]
            ledger.commit()
            head = ledger.head
        with Ledger(path, random_bytes=os.urandom) as again:
            again.verify()
            assert (again.length, again.head) == (len(bodies), head)
            assert list(again.entries()) == made
            assert [again.body(entry) for entry in made] == [body for _, body in bodies]
            assert list(again.entries(after=3)) == made[3:]


COLUMNS = {
    "kind": "'other'",
    "ref": "x'00'",
    "device": "x'00'",
    "at_ms": "at_ms + 1",
    "digest": "zeroblob(32)",
    "link": "zeroblob(32)",
    "seq": "seq + 100",
}
STRANGE_TYPES = {
    "kind": "x'00'",
    "ref": "'words'",
    "device": "7",
    "at_ms": "'words'",
    "digest": "'words'",
    "link": "'w'",
}


@pytest.mark.requirement("A4")
@pytest.mark.parametrize(("column", "value"), [*COLUMNS.items(), *STRANGE_TYPES.items()])
@pytest.mark.parametrize("row", [1, 3, 5])
def test_any_changed_column_of_any_row_is_found(ledger: Ledger, column: str, value: str, row: int) -> None:
    """Whoever changes anything in any row, to any type, breaks the chain, and verify says where."""
    for number in range(5):
        add(ledger, bytes([number]))
    ledger.commit()
    change(ledger, f"UPDATE entry SET {column}={value} WHERE seq={row}")
    with pytest.raises(StoreBroken, match=r"does not fit the chain|ends elsewhere"):
        ledger.verify()


@pytest.mark.requirement("A4")
@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM entry WHERE seq=1",
        "DELETE FROM entry WHERE seq=3",
        "DELETE FROM entry WHERE seq=5",
        "DELETE FROM entry",
        "UPDATE entry SET seq = CASE seq WHEN 2 THEN -3 WHEN 3 THEN -2 ELSE seq END; UPDATE entry SET seq=abs(seq)",
        "INSERT INTO entry SELECT 6, kind, ref, device, at_ms, digest, link FROM entry WHERE seq=5",
    ],
)
def test_removed_reordered_and_added_rows_are_found(ledger: Ledger, sql: str) -> None:
    """Removing, swapping or adding rows breaks the chain, at its end as well while the ledger is open."""
    for number in range(5):
        add(ledger, bytes([number]))
    ledger.commit()
    change(ledger, sql)
    with pytest.raises(StoreBroken):
        ledger.verify()


def test_a_changed_body_is_found_when_it_is_read(ledger: Ledger) -> None:
    """Bodies are no part of the chain, but each must open with its key and have its digest."""
    first, second = add(ledger, b"one"), add(ledger, b"two")
    ledger.commit()
    change(ledger, "UPDATE body SET wrapped=(SELECT wrapped FROM body WHERE seq=2) WHERE seq=1")
    with pytest.raises(StoreBroken, match="body 1"):
        ledger.body(first)
    assert ledger.body(second) == b"two"


def change(ledger: Ledger, sql: str) -> None:
    """Somebody else writes to the file."""
    with sqlite3.connect(ledger.path) as other:
        other.executescript(sql)
    other.close()


# --- erasing ---


@pytest.mark.requirement("D2", "D4")
def test_an_erased_body_is_nowhere_in_the_files_and_the_chain_verifies(ledger: Ledger) -> None:
    """Erasing destroys key and body: after the scrub neither the database nor its log holds a run of their bytes, the
    erasure stands in the record, and the chain still verifies."""
    kept = add(ledger, b"stays" * 100)
    victim = add(ledger, os.urandom(6000))
    for _ in range(5):
        add(ledger, os.urandom(700))
    ledger.commit()
    (wrapped,) = ledger._database.execute("SELECT wrapped FROM body WHERE seq=2").fetchone()
    (key,) = ledger._database.execute("SELECT key FROM erase_key WHERE seq=2").fetchone()
    assert in_files(ledger, key)
    ledger.erase(victim, at_ms=9)
    ledger.commit()
    ledger.scrub()
    assert not in_files(ledger, key)
    for at in range(0, len(wrapped) - 16, 16):
        assert not in_files(ledger, wrapped[at : at + 16])
    ledger.verify()
    assert ledger.body(victim) is None
    assert ledger.body(kept) == b"stays" * 100
    assert [entry.kind for entry in ledger.find(victim.ref)][-1] == "erased"


def in_files(ledger: Ledger, needle: bytes) -> bool:
    files = ledger.path.parent.glob(ledger.path.name + "*")
    return any(needle in file.read_bytes() for file in files)


def test_a_body_stands_in_no_file_as_it_is(ledger: Ledger) -> None:
    """Even before it is erased a body lies in the files only encrypted under its own key."""
    add(ledger, b"plain words, many of them")
    ledger.commit()
    assert not in_files(ledger, b"plain words")


def test_a_log_that_another_program_reads_is_not_called_scrubbed(ledger: Ledger) -> None:
    """When somebody else holds the log open, scrub says so instead of pretending."""
    add(ledger, b"x")
    ledger.commit()
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM entry").fetchall()
    ledger.erase(ledger.find(b"r" * 16)[0], at_ms=1)
    ledger._database.execute("PRAGMA busy_timeout=1")
    with pytest.raises(StoreFault, match="another program"):
        ledger.scrub()
    other.close()


# --- durability ---


def test_the_file_is_in_the_mode_that_makes_a_commit_durable(ledger: Ledger) -> None:
    """WAL, a sync at every commit, freed pages overwritten, and nobody else may read the file."""
    values = [ledger._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert values == ["wal", 2]
    assert ledger._database.execute("PRAGMA secure_delete").fetchone()[0] == 1
    assert ledger.path.stat().st_mode & 0o777 == 0o600


SAVE_AND_SAY = """
import os, sys
from pathlib import Path
from firmware.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]), random_bytes=os.urandom)
for number in range(3):
    ledger.append("report", ref=b"r" * 16, device=b"", body=b"b" * 500, at_ms=1)
    ledger.commit()
    os.write(1, b"saved %d\\n" % number)
os._exit(0)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, as `make faults` does")
def test_a_sync_stands_between_every_write_and_its_saved(tmp_path: Path) -> None:
    """By the order of system calls: before each "saved" leaves the process, everything written to the record has been
    given to the disk with fdatasync (kill -9 could not show this, a power cut would)."""
    trace = tmp_path / "trace"
    calls = "trace=fdatasync,fsync,write,pwrite64,pwritev"
    command = ["strace", "-f", "-y", "-e", calls, "-o", str(trace), sys.executable, "-c", SAVE_AND_SAY]
    subprocess.run([*command, str(tmp_path / "l.db")], check=True, capture_output=True)
    unsynced, synced_writes, said = False, 0, 0
    for line in trace.read_text().splitlines():
        if "l.db-wal" in line and "write" in line:
            unsynced = True
        elif "l.db-wal" in line and ("fdatasync(" in line or "fsync(" in line):
            synced_writes, unsynced = synced_writes + unsynced, False
        elif '"saved ' in line:
            said += 1
            assert not unsynced
            assert synced_writes >= said
    assert said == 3


def test_what_is_not_committed_is_not_there_after_a_restart(tmp_path: Path) -> None:
    """An append without a commit leaves no trace, and one commit keeps everything before it."""
    with Ledger(tmp_path / "l.db", random_bytes=os.urandom) as ledger:
        add(ledger, b"1")
        ledger.set_note("n", b"1")
        ledger.commit()
        add(ledger, b"2")
        ledger.set_note("n", b"2")
    with Ledger(tmp_path / "l.db", random_bytes=os.urandom) as again:
        assert again.length == 1
        assert again.note("n") == b"1"
        assert again.note("other") is None


def test_rollback_goes_back_to_the_last_commit(ledger: Ledger) -> None:
    """Length and head are the committed ones again, and the chain goes on from there."""
    add(ledger, b"1")
    ledger.commit()
    before = (ledger.length, ledger.head)
    add(ledger, b"2")
    assert ledger.dirty
    ledger.rollback()
    assert (ledger.length, ledger.head) == before
    assert not ledger.dirty
    add(ledger, b"3")
    ledger.commit()
    ledger.verify()


def test_a_new_ledger_is_empty(ledger: Ledger) -> None:
    """Before the first entry the chain stands at its beginning and verifies."""
    assert (ledger.length, ledger.head) == (0, GENESIS)
    ledger.verify()


# --- a full disk ---


def test_a_full_disk_keeps_nothing_and_says_so(ledger: Ledger) -> None:
    """StoreFull on a full disk; nothing of that turn is there, and with room again everything goes on."""
    add(ledger, b"kept")
    fill_disk(ledger)
    with pytest.raises(StoreFull, match="make room"):
        add(ledger, bytes(50_000))
    with pytest.raises(StoreFull):
        ledger.commit()
    assert ledger.length == 1
    make_room(ledger)
    add(ledger, bytes(50_000))
    ledger.commit()
    assert ledger.length == 2
    ledger.verify()


def test_an_earlier_save_of_the_same_turn_is_not_called_saved(ledger: Ledger) -> None:
    """Never a lie: when the second save of a turn does not fit, SQLite takes the first away as well; the commit that
    ends the turn must fail, or the first would be called saved."""
    fill_disk(ledger)
    ledger.set_note("small", b"fits")
    with pytest.raises(StoreFull):
        add(ledger, bytes(50_000))
    assert ledger.note("small") is None
    with pytest.raises(StoreFull):
        ledger.set_note("small", b"fits again")
    assert ledger.dirty
    with pytest.raises(StoreFull):
        ledger.commit()
    ledger.commit()
    assert not ledger.dirty


# --- a bad file ---


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at" * 100])
def test_a_file_that_is_no_ledger_is_named_with_its_mend(tmp_path: Path, content: bytes) -> None:
    """Garbage in the place of the record: one line with the path and what to do."""
    path = tmp_path / "l.db"
    path.write_bytes(content)
    with pytest.raises(StoreBroken, match="restore the newest backup") as caught:
        Ledger(path, random_bytes=os.urandom)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_page_is_a_store_fault_wherever_it_lies(tmp_path: Path) -> None:
    """Bad blocks in the middle of the file are found by verify as StoreFault, never as an exception of SQLite."""
    path = tmp_path / "l.db"
    with Ledger(path, random_bytes=os.urandom) as ledger:
        for number in range(400):
            add(ledger, bytes([number % 256]) * 200)
        ledger.scrub()
    raw = bytearray(path.read_bytes())
    for page in range(8, len(raw) // 4096, 3):
        raw[page * 4096 : page * 4096 + 64] = os.urandom(64)
    path.write_bytes(raw)
    with pytest.raises(StoreFault) as caught, Ledger(path, random_bytes=os.urandom) as ledger:
        ledger.verify()
    assert str(path) in str(caught.value)


def test_another_format_is_refused(tmp_path: Path) -> None:
    """A ledger of a newer program is left alone."""
    path = tmp_path / "l.db"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=9")
    other.close()
    with pytest.raises(StoreFault, match="update Quietbell"):
        Ledger(path, random_bytes=os.urandom)


def test_a_directory_that_is_not_there_is_one_line_with_a_mend(tmp_path: Path) -> None:
    """No directory, no write permission, a directory in its place: StoreFault with path and mend."""
    (tmp_path / "d.db").mkdir()
    for path in (tmp_path / "missing" / "l.db", tmp_path / "d.db", Path("/proc/quietbell.db")):
        with pytest.raises(StoreFault, match="check that the disk is there") as caught:
            Ledger(path, random_bytes=os.urandom)
        assert "\n" not in str(caught.value)


# --- finding ---


def test_entries_are_found_by_thing_device_and_kind(ledger: Ledger) -> None:
    """Every way of asking gives the right entries, oldest first."""
    one = add(ledger, b"1", ref=b"a" * 16)
    two = add(ledger, b"2", ref=b"b" * 16)
    three = add(ledger, b"3", ref=b"a" * 16, kind="receipt")
    assert ledger.find(b"a" * 16) == [one, three]
    assert ledger.find(b"a" * 16, "receipt") == [three]
    assert ledger.of_device(b"k" * 16, "report") == [one, two]
    assert ledger.of_kind("report") == [one, two]
    ledger.erase(one, at_ms=1)
    assert ledger.with_body("report") == [two]


def test_nobody_else_on_the_device_reads_the_log_before_its_first_checkpoint(tmp_path: Path) -> None:
    """Erase keys stand in the write-ahead log first: it is as closed as the database from the beginning."""
    before = os.umask(0o022)
    try:
        with Ledger(tmp_path / "new.db", random_bytes=os.urandom) as ledger:
            add(ledger, b"sealed")
            ledger.commit()
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("new.db*")}
    finally:
        os.umask(before)
    assert modes == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}
