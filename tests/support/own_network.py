"""An empty network of this thread's own, for as long as a block lasts: what nft and netlink do stays in there."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x4000_0000


@contextmanager
def own_network() -> Iterator[None]:
    """Needs root. Child processes that are started inside are inside too; loopback is up."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(libc.unshare(_CLONE_NEWNET))
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            _check(libc.setns(home, _CLONE_NEWNET))
    finally:
        os.close(home)


def _check(failed: int) -> None:
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
