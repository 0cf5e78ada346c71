"""A process that asks one server for redirects, as fast as it answers: `python -m kiosk.bench.asker PORT SECONDS CORE`.

Small, so that it is up at once, and on a core of its own; prints what it found as JSON. See `redirect`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kiosk.bench.figures import CannotMeasure

# Below what the portal allows one client, and enough that a server never waits for the asker.
AT_ONCE = 32
WARM_UP_SECONDS = 0.5
# What an iPhone asks, to the letter but its version.
REQUEST = (
    b"GET /hotspot-detect.html HTTP/1.1\r\nHost: captive.apple.com\r\nAccept: */*\r\nAccept-Language: en-gb\r\n"
    b"Accept-Encoding: gzip, deflate\r\nUser-Agent: CaptiveNetworkSupport-481.0.1 wispr\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One round. `busy` is how much of a core the asker had: well below 1 it has waited for the server."""

    per_second: float
    busy: float
    answer_bytes: int


def ask_for(port: int, seconds: float) -> Asked:
    """Keep so many questions open for so long, each over a connection of its own; the oldest is read first.

    Raises CannotMeasure for an answer that is no redirect.
    """
    length = _one(_open(port))
    waiting = deque(_open(port) for _ in range(AT_ONCE))
    count, before, used = 0, time.perf_counter(), time.process_time()
    until = before + seconds
    try:
        while time.perf_counter() < until:
            _one(waiting.popleft())
            waiting.append(_open(port))
            count += 1
        took = time.perf_counter() - before
        busy = (time.process_time() - used) / took
    finally:
        for each in waiting:
            each.close()
    return Asked(round(count / took, 1), round(busy, 3), length)


def _open(port: int) -> socket.socket:
    # Without a timeout, which costs calls: whoever started us waits no longer than it should.
    line = socket.socket()
    line.connect(("127.0.0.1", port))
    line.send(REQUEST)
    return line


def _one(line: socket.socket) -> int:
    with line:
        answer = line.recv(4096)
        if not answer.startswith(b"HTTP/1.1 302 "):
            raise CannotMeasure(f"no redirect: {answer[:80]!r}")
        length = len(answer)
        while more := line.recv(4096):
            length += len(more)
    return length


def main(words: Sequence[str]) -> None:
    port, seconds, core = int(words[0]), float(words[1]), int(words[2])
    os.sched_setaffinity(0, {core})
    ask_for(port, min(seconds, WARM_UP_SECONDS))
    sys.stdout.write(json.dumps(asdict(ask_for(port, seconds))))


if __name__ == "__main__":
    main(sys.argv[1:])
