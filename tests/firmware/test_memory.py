"""Secrets in memory: locked pages that are wiped, and a process that leaves no core."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import resource
import threading
from pathlib import Path

from firmware.memory import LockedBytes, forbid_dumps, give_back_freed


def locked_kib() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmLck"))
    return int(line.split()[1])


def test_a_secret_is_in_a_locked_page_until_it_is_wiped() -> None:
    """The kernel counts the page as locked, and no longer after the wipe."""
    before = locked_kib()
    secret = LockedBytes(b"s" * 128)
    assert secret.reveal() == b"s" * 128
    assert secret.locked == (locked_kib() > before)
    secret.wipe()
    secret.wipe()
    assert (secret.wiped, secret.reveal(), locked_kib()) == (True, b"", before)


def _harden(sender: multiprocessing.connection.Connection) -> None:
    failed = forbid_dumps()
    readable = Path("/proc/self/status").read_text()
    sender.send((failed, resource.getrlimit(resource.RLIMIT_CORE), "CoreDumping:\t0" in readable))


def test_no_core_dumps_and_no_debuggers() -> None:
    """In its own process, because it cannot be taken back."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_harden, args=(sender,))
    process.start()
    failed, cores, _ = receiver.recv()
    process.join()
    assert (failed, cores) == ((), (0, 0))


def test_what_is_freed_goes_back_to_the_system() -> None:
    """Ten megabytes of pictures that have come and gone do not stay in the process (a fresh one, with no history)."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_come_and_go, args=(sender,))
    process.start()
    set_so, gone_kib = receiver.recv()
    process.join()
    assert set_so
    assert gone_kib > 9 * 1024


def _come_and_go(sender: multiprocessing.connection.Connection) -> None:
    set_so = give_back_freed()
    blocks = [bytearray(os.urandom(1024) * 256) for _ in range(40)]
    high = _resident_kib()
    blocks.clear()
    sender.send((set_so, high - _resident_kib()))


def test_threads_do_not_each_keep_a_heap() -> None:
    """Eight threads that have worked leave no heap of 64 MB of addresses each behind (a fresh process, as before)."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_work_on_threads, args=(sender,))
    process.start()
    heaps = receiver.recv()
    process.join()
    assert heaps == 0


def _work_on_threads(sender: multiprocessing.connection.Connection) -> None:
    give_back_freed()
    together = threading.Barrier(8)

    def work() -> None:
        together.wait()
        blocks = [bytes(4096 + number) for number in range(50)]
        together.wait()
        blocks.clear()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sender.send(_heaps_beside_the_first())


def _heaps_beside_the_first() -> int:
    """glibc reserves 64 MB, at a multiple of that, for each further heap."""
    size = 64 * 1024 * 1024
    mappings = [line.split() for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()]
    nameless = [fields[0] for fields in mappings if len(fields) == 5]
    return sum(int(span.partition("-")[0], 16) % size == 0 for span in nameless)


def _resident_kib() -> int:
    """Exact, where /proc/self/status counts in batches."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
