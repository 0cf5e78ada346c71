"""A real portal server on loopback in a thread of its own, and a bare client that writes exactly what a test says."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.types import ASGIApp

from kiosk.portal.connection import Limits, Reflex
from kiosk.portal.server import PortalServer, make_server, open_sockets, run
from tests.support.until import look_again

START_SECONDS = 10.0


@contextmanager
def serving(
    app: ASGIApp,
    *,
    reflex: Reflex = lambda target, host, method, date: None,
    limits: Limits | None = None,
    context: ssl.SSLContext | None = None,
    host6: str | None = None,
) -> Iterator[int]:
    """Yields the port; with a context it is one of HTTPS."""
    sockets = open_sockets("127.0.0.1", host6, [0])
    port: int = sockets[0].getsockname()[1]
    tls_ports = [port] if context is not None else []
    server = make_server(app, reflex=reflex, limits=limits, context=context, tls_ports=tls_ports)
    thread = threading.Thread(target=lambda: run(server.serve(sockets=list(sockets))))
    thread.start()
    try:
        _until_started(server)
        yield port
    finally:
        server.stop()
        thread.join(START_SECONDS)
        assert not thread.is_alive(), "the server did not stop"


def _until_started(server: PortalServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        look_again(0.01)


def exchange(port: int, *pieces: bytes, host: str = "127.0.0.1", source: str = "", seconds: float = 10.0) -> bytes:
    """Everything that comes back after these bytes, until the server closes."""
    with connected(port, host=host, source=source, seconds=seconds) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has ended it already; what it said may still be there
        return read_all(line)


def read_all(line: socket.socket) -> bytes:
    taken = bytearray()
    while True:
        try:
            part = line.recv(65_536)
        except ConnectionResetError:
            return bytes(taken)
        if not part:
            return bytes(taken)
        taken += part


def connected(port: int, *, host: str = "127.0.0.1", source: str = "", seconds: float = 10.0) -> socket.socket:
    """`source`: which loopback address asks, so that many clients can be many."""
    return socket.create_connection((host, port), timeout=seconds, source_address=(source, 0) if source else None)


def statuses(answers: Sequence[bytes]) -> list[int]:
    return [int(answer.split(b" ", 2)[1]) if answer else 0 for answer in answers]
