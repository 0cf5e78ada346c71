"""A port that nobody uses, for throw-away brokers and pages of rehearsals, benches and tests."""

from __future__ import annotations

import random
import socket

from firmware.errors import TechnicianError

# Below the ports that Linux gives to outgoing connections (ip_local_port_range, 32768 and up): one of those, out of
# thousands that a busy machine opens, may otherwise take a free port before a server has come to it.
FIRST, LAST = 20_000, 32_000
TRIES = 100


def free_port(host: str = "127.0.0.1") -> int:
    """Raises TechnicianError when nothing is free."""
    for _ in range(TRIES):
        port = random.SystemRandom().randint(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise TechnicianError(f"{host}: no free port from {FIRST} to {LAST}; end what listens there")
