"""systemd hears once that we are ready and then about once a second that we turn."""

from __future__ import annotations

import socket
from pathlib import Path

from firmware.watchdog import Watchdog


class Supervisor:
    """The other end: a datagram socket as systemd has it."""

    def __init__(self, path: Path) -> None:
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(path))
        self.line.setblocking(False)

    def heard(self) -> list[bytes]:
        words = []
        while True:
            try:
                words.append(self.line.recv(256))
            except BlockingIOError:
                return words


def test_it_says_ready_once_and_feeds_once_a_second(tmp_path: Path) -> None:
    """A loop that turns thirty times a second sends one word a second."""
    systemd = Supervisor(tmp_path / "notify")
    now = [100.0]
    dog = Watchdog({"NOTIFY_SOCKET": str(tmp_path / "notify")}, monotonic=lambda: now[0])
    for _ in range(61):
        dog.feed()
        now[0] += 1 / 30
    systemd_heard = systemd.heard()
    systemd.line.close()
    assert systemd_heard[0] == b"READY=1\nWATCHDOG=1"
    assert systemd_heard[1:] == [b"WATCHDOG=1"] * 2 or systemd_heard[1:] == [b"WATCHDOG=1"]


def test_without_systemd_it_does_nothing() -> None:
    """On a laptop nothing is sent and nothing fails."""
    Watchdog({}).feed()


def test_a_supervisor_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    """Feeding fails in the log, not in the loop."""
    Watchdog({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).feed()
