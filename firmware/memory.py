"""Secrets in memory: a page that is never swapped or dumped and can be wiped; a process that leaves no core.

Linux only, through ctypes. What the machine does not allow (a low `ulimit -l`) is told, not hidden.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource

_MADV_DONTDUMP = 16
_PR_SET_DUMPABLE = 4
# mallopt(3): M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, which glibc otherwise raises with every large block that is freed.
_GIVE_BACK = (-1, -3)
_LARGE_BYTES = 64 * 1024
# mallopt(3): M_ARENA_MAX. A heap for each thread keeps what that thread has freed: 7 MB in a gate with its eight.
_HEAPS = -8


class LockedBytes:
    """A secret in its own anonymous page. `locked` False: the system would not keep it out of swap."""

    def __init__(self, secret: bytes | bytearray) -> None:
        self._length = len(secret)
        self._page = mmap.mmap(-1, max(1, len(secret)), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._page.madvise(_MADV_DONTDUMP)
        self.locked = self._lock()
        self._page[: len(secret)] = bytes(secret)

    def reveal(self) -> bytes:
        """The secret, for immediate use; empty once wiped."""
        return b"" if self._page.closed else self._page[: self._length]

    def wipe(self) -> None:
        """Overwrite with zeros and give the page back. Twice does no harm."""
        if not self._page.closed:
            self._page[: self._length] = bytes(self._length)
            self._page.close()

    @property
    def wiped(self) -> bool:
        return self._page.closed

    def _lock(self) -> bool:
        view = ctypes.c_char.from_buffer(self._page)
        done: int = _libc().mlock(ctypes.byref(view), ctypes.c_size_t(len(self._page)))
        del view
        return done == 0


def forbid_dumps() -> tuple[str, ...]:
    """No core dumps and no debugger of the same user for this process; what failed, in words."""
    failed = []
    if _libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        failed.append(f"could not forbid debuggers: {os.strerror(ctypes.get_errno())}")
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as problem:
        failed.append(f"could not forbid core dumps: {problem}")
    return tuple(failed)


def give_back_freed() -> bool:
    """Let what is freed go back to the system at once, instead of growing heaps for good; False: not this libc.

    One heap for all threads, so call it before there are any: with Python's lock they hardly ever meet there.
    """
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is None:
        return False
    return all([mallopt(_HEAPS, 1) == 1, *(mallopt(what, _LARGE_BYTES) == 1 for what in _GIVE_BACK)])


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
