"""The append-only record: a chain of digests in SQLite, with erasable bodies beside it.

Each entry's link covers the link before it, so a changed, removed or re-ordered entry breaks the chain. The chain
holds digests only. A body lies in its own table, encrypted under its own erase key in a third: erasing one removes key
and body for good, and the chain still verifies. Appends are one transaction until `commit`, which returns only when
the disk has them (WAL, synchronous=FULL). A write that fails takes the whole transaction with it: until `commit` has
said so or `rollback` is called, nothing more is taken, so that nobody calls saved what was lost on the way.

Owns SQLite. Knows nothing of envelopes, kiosks or desks. One process writes one ledger.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from firmware.errors import StoreBroken, StoreFault, StoreFull

FORMAT = 1
GENESIS = bytes(32)
_ERASE_KEY_BYTES = 32
# Each erase key encrypts one body once, so a constant nonce is never used twice with one key.
_NONCE = bytes(12)
_BUSY_MILLISECONDS = 2000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, ref BLOB NOT NULL, device BLOB NOT NULL, at_ms INTEGER NOT NULL,
  digest BLOB NOT NULL, link BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entry_ref ON entry (ref, kind);
CREATE INDEX IF NOT EXISTS entry_device ON entry (device, kind);
CREATE TABLE IF NOT EXISTS body (seq INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS erase_key (seq INTEGER PRIMARY KEY, key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record. `ref` groups entries about one thing; `digest` is of the body as appended."""

    seq: int
    kind: str
    ref: bytes
    device: bytes
    at_ms: int
    digest: bytes
    link: bytes


class Ledger:
    """One ledger file. Not thread-safe: one loop owns it.

    Raises:
        StoreFull: no room; nothing since the last commit was saved.
        StoreBroken: the chain does not verify.
        StoreFault: any other fault of file or disk.
    """

    def __init__(self, path: Path, *, random_bytes: Callable[[int], bytes]) -> None:
        self.path = path
        self._random_bytes = random_bytes
        self._database = self._connect()
        self.length, self.head = self._tail()
        self._committed = (self.length, self.head)
        self._dirty = False
        self._lost: StoreFault | None = None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def append(self, kind: str, *, ref: bytes, device: bytes, body: bytes, at_ms: int) -> Entry:
        """Add an entry; it is durable only after `commit`."""
        digest = hashlib.sha256(body).digest()
        seq = self.length + 1
        link = _link(self.head, seq, kind, ref, device, at_ms, digest)
        key = self._random_bytes(_ERASE_KEY_BYTES)
        wrapped = ChaCha20Poly1305(key).encrypt(_NONCE, body, link)
        self._run("INSERT INTO entry VALUES (?,?,?,?,?,?,?)", (seq, kind, ref, device, at_ms, digest, link))
        self._run("INSERT INTO body VALUES (?,?)", (seq, wrapped))
        self._run("INSERT INTO erase_key VALUES (?,?)", (seq, key))
        self.length, self.head = seq, link
        return Entry(seq, kind, ref, device, at_ms, digest, link)

    def set_note(self, name: str, value: bytes) -> None:
        """Keep a small changing value (a counter, a version) in the same transaction as the entries."""
        self._run("INSERT INTO note VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value", (name, value))

    def note(self, name: str) -> bytes | None:
        row = self._first("SELECT value FROM note WHERE name=?", (name,))
        return None if row is None else bytes(row[0])

    def commit(self) -> None:
        """Make everything since the last commit durable: one fdatasync, however many entries.

        Raises StoreFull or StoreFault, and then nothing since the last commit is kept; also when a write before it
        had failed already.
        """
        lost, self._lost = self._lost, None
        if lost is not None:
            raise type(lost)(str(lost)) from lost
        if not self._dirty:
            return
        try:
            self._database.execute("COMMIT")
        except sqlite3.Error as problem:
            self._undo()
            raise _fault(problem, self.path) from problem
        self._dirty = False
        self._committed = (self.length, self.head)

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        self._lost = None
        if self._dirty:
            self._undo()

    def find(self, ref: bytes, kind: str | None = None) -> list[Entry]:
        """The entries about one thing, oldest first."""
        if kind is None:
            return self._entries("WHERE ref=? ORDER BY seq", (ref,))
        return self._entries("WHERE ref=? AND kind=? ORDER BY seq", (ref, kind))

    def of_device(self, device: bytes, kind: str) -> list[Entry]:
        """One device's entries of one kind, oldest first."""
        return self._entries("WHERE device=? AND kind=? ORDER BY seq", (device, kind))

    def of_kind(self, kind: str) -> list[Entry]:
        return self._entries("WHERE kind=? ORDER BY seq", (kind,))

    def with_body(self, kind: str) -> list[Entry]:
        """Entries of one kind whose body is still there, oldest first."""
        return self._entries("WHERE kind=? AND seq IN (SELECT seq FROM body) ORDER BY seq", (kind,))

    def body(self, entry: Entry) -> bytes | None:
        """The body as it was appended, or None when it was erased.

        Raises StoreBroken when body, key and digest do not belong together.
        """
        row = self._first(
            "SELECT body.wrapped, erase_key.key FROM body JOIN erase_key USING (seq) WHERE seq=?", (entry.seq,)
        )
        if row is None:
            return None
        try:
            body = ChaCha20Poly1305(bytes(row[1])).decrypt(_NONCE, bytes(row[0]), entry.link)
        except (InvalidTag, ValueError) as problem:
            raise StoreBroken(f"{self.path}: body {entry.seq} was changed; restore the newest backup") from problem
        if hashlib.sha256(body).digest() != entry.digest:
            raise StoreBroken(f"{self.path}: body {entry.seq} is not the recorded one; restore the newest backup")
        return body

    def erase(self, entry: Entry, *, at_ms: int) -> None:
        """Destroy one body and its key, and record that it was done. Call `scrub` after the commit."""
        self._run("DELETE FROM erase_key WHERE seq=?", (entry.seq,))
        self._run("DELETE FROM body WHERE seq=?", (entry.seq,))
        self.append("erased", ref=entry.ref, device=entry.device, body=struct.pack(">Q", entry.seq), at_ms=at_ms)

    @property
    def dirty(self) -> bool:
        """Whether something waits for a commit, or was lost and the commit has yet to say so."""
        return self._dirty or self._lost is not None

    def scrub(self) -> None:
        """Move the write-ahead log into the database and empty it, so that no erased page stays in it."""
        self.commit()
        row = self._first("PRAGMA wal_checkpoint(TRUNCATE)")
        if row[0] != 0:
            raise StoreFault(f"{self.path}: the log could not be emptied because another program reads it; stop that")

    def verify(self) -> None:
        """Walk the whole chain. Raises StoreBroken naming the first entry that does not fit."""
        link, expected = GENESIS, 1
        for row in self._read("SELECT seq, kind, ref, device, at_ms, digest, link FROM entry ORDER BY seq"):
            seq, kind, ref, device, at_ms, digest, recorded = row
            try:
                link = _link(link, seq, kind, ref, device, at_ms, digest)
            except (struct.error, TypeError, AttributeError, ValueError):
                # SQLite keeps any type in any column: somebody wrote words where a number stood.
                link = b""
            if seq != expected or link != recorded:
                raise StoreBroken(f"{self.path}: entry {expected} does not fit the chain; restore the newest backup")
            expected += 1
        if (expected - 1, link) != (self.length, self.head):
            raise StoreBroken(f"{self.path}: the chain ends elsewhere than recorded; restore the newest backup")

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """All entries in order, from `after` (exclusive) on."""
        for row in self._read(
            "SELECT seq,kind,ref,device,at_ms,digest,link FROM entry WHERE seq>? ORDER BY seq", (after,)
        ):
            yield Entry(*row)

    def close(self) -> None:
        """Give up what is not committed and close the file."""
        self.rollback()
        self._database.close()

    def _connect(self) -> sqlite3.Connection:
        try:
            # SQLite gives its log the mode of the database, and erase keys stand in the log before they stand there.
            self.path.touch(mode=0o600)
            database = sqlite3.connect(self.path, isolation_level=None, timeout=_BUSY_MILLISECONDS / 1000)
            # secure_delete overwrites erased pages with zeros; without it a deleted body stays readable in the file.
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
                database.execute(f"PRAGMA {pragma}").fetchall()
            self._check_format(database)
            database.executescript(_SCHEMA)
            self.path.chmod(0o600)
        except (sqlite3.Error, OSError) as problem:
            raise _fault(problem, self.path) from problem
        return database

    def _check_format(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            database.execute(f"PRAGMA user_version={FORMAT}")
        elif version != FORMAT:
            database.close()
            raise StoreFault(f"{self.path}: format {version} is not {FORMAT}; update Quietbell on this device")

    def _tail(self) -> tuple[int, bytes]:
        row = self._first("SELECT seq, link FROM entry ORDER BY seq DESC LIMIT 1")
        if row is None:
            return 0, GENESIS
        if not isinstance(row[1], bytes):
            raise StoreBroken(f"{self.path}: the last entry was changed; restore the newest backup")
        return int(row[0]), row[1]

    def _entries(self, where: str, values: tuple[bytes | str, ...]) -> list[Entry]:
        rows = self._read(f"SELECT seq,kind,ref,device,at_ms,digest,link FROM entry {where}", values)
        return [Entry(*row) for row in rows]

    def _read(self, sql: str, values: tuple[object, ...] = ()) -> Iterator[Any]:
        try:
            # Inside the try as well: a damaged page shows only when the walk comes to it.
            yield from self._database.execute(sql, values)
        except sqlite3.Error as problem:
            raise _fault(problem, self.path) from problem

    def _first(self, sql: str, values: tuple[object, ...] = ()) -> Any:
        return next(iter(list(self._read(sql, values))), None)

    def _run(self, sql: str, values: tuple[object, ...]) -> None:
        if self._lost is not None:
            raise type(self._lost)(str(self._lost)) from self._lost
        try:
            if not self._dirty:
                self._database.execute("BEGIN IMMEDIATE")
                self._dirty = True
            self._database.execute(sql, values)
        except sqlite3.Error as problem:
            self._undo()
            self._lost = _fault(problem, self.path)
            raise self._lost from problem

    def _undo(self) -> None:
        # SQLite itself rolls back on a full disk; a second ROLLBACK would be an error.
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._dirty = False
        self.length, self.head = self._committed


def _link(before: bytes, seq: int, kind: str, ref: bytes, device: bytes, at_ms: int, digest: bytes) -> bytes:
    name = kind.encode()
    fixed = struct.pack(">QqBBB", seq, at_ms, len(name), len(ref), len(device))
    return hashlib.sha256(b"quietbell/1 link\0" + before + fixed + name + ref + device + digest).digest()


def _fault(problem: Exception, path: Path) -> StoreFault:
    if isinstance(problem, sqlite3.OperationalError) and problem.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return StoreFull(f"{path}: the disk is full; make room on it")
    if isinstance(problem, sqlite3.DatabaseError) and not isinstance(problem, sqlite3.OperationalError):
        return StoreBroken(f"{path}: not a readable ledger ({problem}); restore the newest backup")
    return StoreFault(f"{path}: {problem}; check that the disk is there, writable and used by one program")
