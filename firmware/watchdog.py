"""Feeding systemd's watchdog (`WatchdogSec` of the unit file; sd_notify(3)): a loop that no longer turns is restarted.

Does nothing where systemd has not asked for it.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Mapping

_log = logging.getLogger("quietbell.watchdog")

# A second is well inside any sensible WatchdogSec, and a datagram a second costs nothing.
FEED_EVERY_SECONDS = 1.0


class Watchdog:
    """Say `feed` after each turn; systemd hears it about once a second."""

    def __init__(self, environment: Mapping[str, str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._monotonic = monotonic
        self._fed: float | None = None

    def feed(self) -> None:
        now = self._monotonic()
        if not self._address or (self._fed is not None and now - self._fed < FEED_EVERY_SECONDS):
            return
        message = b"WATCHDOG=1" if self._fed is not None else b"READY=1\nWATCHDOG=1"
        self._fed = now
        # A leading @ is an abstract socket: its name begins with a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.sendto(message, address)
        except OSError as problem:
            # systemd then restarts us, which is what an unreachable supervisor should lead to.
            _log.warning("watchdog-not-fed", extra={"why": str(problem)})
