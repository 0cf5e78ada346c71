"""Opens a connection in advance, as browsers do, and uses it when a file appears; prints what came back over it.

early_connection.py ADDRESS FILE. The file's neighbour FILE.open says that the connection stands.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from pathlib import Path

PAGE = b"GET / HTTP/1.1\r\nHost: news.example\r\n\r\n"
WAIT_SECONDS = 20.0


def main(address: str, go: Path) -> None:
    with socket.create_connection((address, 80), timeout=3.0) as line:
        go.with_suffix(".open").touch()
        deadline = time.monotonic() + WAIT_SECONDS
        while not go.exists() and time.monotonic() < deadline:
            select.select([], [], [], 0.02)
        try:
            line.sendall(PAGE)
            print(line.recv(2000).decode(errors="replace"))
        except OSError as problem:
            print(problem.strerror)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
