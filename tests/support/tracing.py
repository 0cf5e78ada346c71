"""strace around a running process: kill it at its Nth write, or read back every byte that it gave to the disk.

The product has no hooks: this is what it really asks of the kernel. Our units forbid debuggers of their own user
(`firmware.memory`), so only root may look; where we may not, `may_trace` says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

END_SECONDS = 30.0
PART_SECONDS = 5.0
# Whole pages of the database must be in the trace.
STRING_BYTES = 70_000


def may_trace() -> bool:
    return os.geteuid() == 0 and shutil.which("strace") is not None


def needs_tracing() -> None:
    """Skip by name where the kernel's side cannot be seen."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (apt install strace)")
    if os.geteuid() != 0:
        pytest.skip("only root may trace a unit, because units forbid debuggers; run this as root")


@contextmanager
def killing(pid: int, syscalls: str, when: int) -> Iterator[None]:
    """While this lasts, the process dies before its `when`-th of these calls (counted on each of its threads)."""
    tracer = _attach(pid, ["-e", f"trace={syscalls}", "-e", f"inject={syscalls}:signal=SIGKILL:when={when}"], None)
    try:
        yield
    finally:
        _detach(tracer)


@contextmanager
def recording(pid: int, syscalls: str, into: Path) -> Iterator[None]:
    """While this lasts, every such call with all its bytes is written down; `read_calls` reads it afterwards."""
    shape = ["-yy", "-xx", "-s", str(STRING_BYTES), "-e", f"trace={syscalls}"]
    tracer = _attach(pid, shape, into)
    try:
        yield
    finally:
        _detach(tracer)


def _attach(pid: int, options: Sequence[str], into: Path | None) -> subprocess.Popen[bytes]:
    out = str(into) if into is not None else "/dev/null"
    command = ["strace", "-f", "-o", out, *options, "-p", str(pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    line = tracer.stderr.readline()
    if b"attached" not in line:
        _detach(tracer)
        raise AssertionError(f"strace could not attach: {line!r}")
    return tracer


def _detach(tracer: subprocess.Popen[bytes]) -> None:
    """strace lets go of a living process on SIGTERM; of a dead one it has already.

    Sometimes it waits for ever for a thread that died while it was born; then it is killed, and lets go as well.
    """
    tracer.terminate()
    try:
        tracer.communicate(timeout=PART_SECONDS)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.communicate(timeout=END_SECONDS)


@dataclass(frozen=True)
class Call:
    """One system call that came back. `began` and `ended` are its places in the record: lines in order of time."""

    began: int
    ended: int
    name: str
    file: str
    data: bytes
    offset: int
    result: int


_LINE = re.compile(r"^(?P<thread>\d+) +(?P<rest>.*)$")
_CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_UNFINISHED = re.compile(r"^(?P<begun>\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(?P<rest>.*)$")
_FILE = re.compile(r"^\d+<(?P<file>(?:TCP|UNIX)[^\[]*\[.*?\]|[^>]*)>")
_STRING = re.compile(r'"(?P<hex>(?:\\x[0-9a-f]{2})*)"')


def read_calls(record: Path) -> list[Call]:
    """Every call that came back, in the order in which it came back."""
    begun: dict[str, tuple[int, str]] = {}
    calls: list[Call] = []
    for number, line in enumerate(record.read_text().splitlines()):
        found = _LINE.match(line)
        if found is None:
            continue
        thread, rest, began = found["thread"], found["rest"], number
        if (half := _UNFINISHED.match(rest)) is not None:
            begun[thread] = (number, half["begun"])
            continue
        if (resumed := _RESUMED.match(rest)) is not None:
            began, first = begun.pop(thread, (number, ""))
            rest = first + resumed["rest"]
        if (call := _CALL.match(rest)) is not None:
            calls.append(_read(began, number, call))
    return calls


def _read(began: int, ended: int, call: re.Match[str]) -> Call:
    arguments = call["arguments"]
    file = _FILE.match(arguments)
    rest = arguments[file.end() :] if file else arguments
    string = _STRING.search(rest)
    last = arguments.rsplit(",", 1)[-1].strip()
    return Call(
        began,
        ended,
        call["name"],
        _unhexed(file["file"]) if file else "",
        bytes.fromhex(string["hex"].replace("\\x", "")) if string else b"",
        int(last) if last.isdigit() else 0,
        int(call["result"]),
    )


def _unhexed(name: str) -> str:
    """With -xx strace writes the names of files in hexadecimal too."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), name)


@dataclass
class Disk:
    """Files as a power cut would leave them: what was synced, and what was only written."""

    durable: dict[str, bytearray]
    pending: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)

    def take(self, call: Call) -> None:
        """Follow one call on one of our files."""
        if call.file not in self.durable:
            return
        if call.name == "pwrite64":
            self.pending.setdefault(call.file, []).append((call.offset, call.data[: call.result]))
        elif call.name == "ftruncate":
            # A new size is metadata: taken as done at once, which is the harder case for whoever reads the log.
            del self.durable[call.file][call.offset :]
        elif call.name in ("fdatasync", "fsync"):
            for offset, data in self.pending.pop(call.file, []):
                put(self.durable[call.file], offset, data)

    def after_a_power_cut(self, survives: Callable[[], bool]) -> Mapping[str, bytes]:
        """The files as they could be found: all that was synced, and any of the writes that were not."""
        found = {file: bytearray(content) for file, content in self.durable.items()}
        for file, writes in self.pending.items():
            for offset, data in writes:
                if survives():
                    put(found[file], offset, data)
        return {file: bytes(content) for file, content in found.items()}


def put(content: bytearray, offset: int, data: bytes) -> None:
    """Write into a file's bytes, growing it with zeros as a file system would."""
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data
