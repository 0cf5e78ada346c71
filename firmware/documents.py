"""Small documents that a technician may read, kept so that no power cut leaves half of one: the only TinyDB.

Owns `write_atomically` (for any file that is replaced as a whole) and `DurableStorage`: temporary file, fsync, rename,
fsync of the folder, the generation before kept beside it, mode 0600. One process writes a document. Not for anything
that grows: TinyDB rewrites the whole file at each insert (reports live in SQLite, see `ledger`).
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.storages import Storage

from firmware.errors import BadSettings, StoreFault, StoreFull

SECRET_MODE = 0o600
PREVIOUS_SUFFIX = ".previous"
FRESH_SUFFIX = ".new"
# A thousand devices make some 300 kB; what is far bigger is not ours, and would take the memory of a Pi.
DOCUMENT_MAX_BYTES = 16 * 1024 * 1024
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

_log = logging.getLogger("quietbell.documents")

Tables = dict[str, dict[str, Any]]


def write_atomically(path: Path, data: bytes, mode: int = SECRET_MODE) -> None:
    """Replace a file: afterwards it holds all of `data`, durably, or what it held before.

    Raises:
        StoreFull: no room.
        StoreFault: the folder cannot be written or made durable. The file holds all of one or all of the other.
    """
    # One name, not one for each process: what a killed writer left is overwritten, not collected.
    fresh = path.with_name(path.name + FRESH_SUFFIX)
    try:
        _write_synced(fresh, data, mode)
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as problem:
        with suppress(OSError):  # the error that is raised says more than that the left-over stayed
            fresh.unlink(missing_ok=True)
        raise _store_fault(path, problem) from problem


def open_documents(path: Path) -> TinyDB:
    """Open (or begin) the document at `path`. Nothing is written before the first change.

    Raises:
        BadSettings: neither the document nor the generation before it can be read.
    """
    database = TinyDB(path, storage=DurableStorage)
    database.tables()
    return database


class DurableStorage(Storage):
    """TinyDB's storage seam over two generations of one JSON file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name(path.name + PREVIOUS_SUFFIX)
        self._warned = False

    def read(self) -> Tables | None:
        """The newest generation that can be read; None when there is none yet.

        Raises:
            BadSettings: there is one, but none that can be read.
        """
        if not self._path.exists() and not self._previous.exists():
            return None
        tables = _parse(self._path)
        if tables is not None:
            return tables
        tables = _parse(self._previous)
        if tables is None:
            raise BadSettings(self._path, "", f"cannot be read, nor {self._previous.name}; restore it from a backup")
        if not self._warned:
            self._warned = True
            _log.warning("document unreadable, the generation before is used file=%s", self._path.name)
        return tables

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the document; what it was becomes the generation before.

        Raises:
            StoreFault: what can be read is all of the old or all of the new.
        """
        text = json.dumps(data, ensure_ascii=False, indent=1)
        # A broken newest generation must not push out the good one before it.
        if _parse(self._path) is not None:
            write_atomically(self._previous, self._path.read_bytes())
        write_atomically(self._path, text.encode("utf-8"))


def _parse(path: Path) -> Tables | None:
    """The tables of one generation, or None when it is missing, cut, too big or of another shape."""
    try:
        with path.open("rb") as file:
            untrusted = file.read(DOCUMENT_MAX_BYTES + 1)
        tables = json.loads(untrusted) if len(untrusted) <= DOCUMENT_MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        return None
    return tables


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, SECRET_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        # After the content, and by descriptor: the file is never wider open than its final mode.
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """A rename is durable only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _store_fault(path: Path, problem: OSError) -> StoreFault:
    if problem.errno in _NO_SPACE:
        return StoreFull(f"{path}: no room left, nothing was saved; free some space")
    return StoreFault(f"{path}: cannot be written ({problem.strerror}); mend its folder's owner and mode")
