"""What a phone can reach, over and over, until it is ended: a program of its own that runs in the phone's namespace.

Appends one line of JSON for each round to the file that it is given: when (monotonic), and what became of a page of
the Internet over HTTP ("internet", "portal", "nothing", "other"), of a new TCP connection to port 443 and of a datagram
to another port ("through" or "nothing"). A round takes at most three seconds, whatever is lost on the way.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from pathlib import Path

ADDRESS = "198.51.100.77"
PAGE = b"GET / HTTP/1.1\r\nHost: news.example\r\nConnection: close\r\n\r\n"
# as the Internet of a lab answers for that host
TRUE_WORDS = b"This is news.example on the Internet."
# An answer on a busy machine takes its time; a datagram that goes nowhere is refused at once.
WAIT_SECONDS, DATAGRAM_SECONDS, PAUSE_SECONDS = 1.5, 0.2, 0.03


def page() -> str:
    try:
        with socket.create_connection((ADDRESS, 80), timeout=WAIT_SECONDS) as line:
            line.sendall(PAGE)
            answer = b""
            while part := line.recv(4096):
                answer += part
    except OSError:
        return "nothing"
    if TRUE_WORDS in answer:
        return "internet"
    return "portal" if answer.startswith(b"HTTP/1.1 302 ") else "other" if answer else "nothing"


def connection() -> str:
    try:
        socket.create_connection((ADDRESS, 443), timeout=WAIT_SECONDS).close()
    except OSError:
        return "nothing"
    return "through"


def datagram() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(DATAGRAM_SECONDS)
        try:
            line.connect((ADDRESS, 4444))
            line.send(b"anybody?")
            line.recv(100)
        except OSError:
            return "nothing"
    return "through"


def main(path: Path) -> None:
    with path.open("a", buffering=1, encoding="utf-8") as out:
        while True:
            begun = time.monotonic()
            out.write(json.dumps([begun, page(), connection(), datagram()]) + "\n")
            select.select([], [], [], PAUSE_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
