"""A port for a throw-away server: free, and none that an outgoing connection could take first."""

from __future__ import annotations

import socket
from pathlib import Path

from firmware.free_port import FIRST, LAST, free_port


def test_the_port_is_free_and_can_be_listened_on() -> None:
    """A server can start there."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port


def test_no_outgoing_connection_takes_it_first() -> None:
    """It lies below what Linux gives to outgoing connections on this machine."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert FIRST <= free_port() <= LAST < lowest
