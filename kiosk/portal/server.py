"""uvicorn on sockets of ours: plain and HTTPS, IPv4 and IPv6, in one loop that ends when it is told to.

How much one connection may do is `connection`. Says nothing to a log but faults, for every line of an access log would
be about a person.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from firmware.errors import BadSettings, TechnicianError
from kiosk.portal.connection import MAX_CONNECTIONS, Door, House, Limits, Reflex, SecureEntrance

_log = logging.getLogger("quietbell.portal.server")

BACKLOG = 512
STOP_SECONDS = 2
# What else is open beside connections: listeners, stores, the sockets of gate and kiosk.
OTHER_DESCRIPTORS = 256


class PortalServer(uvicorn.Server):
    """Leaves signals to whoever runs it: `stop` ends it. Sockets of `tls_ports` begin with a handshake."""

    def __init__(
        self, config: uvicorn.Config, house: House, tls_ports: Sequence[int], context: ssl.SSLContext | None
    ) -> None:
        super().__init__(config)
        self._house, self._tls_ports, self._context = house, frozenset(tls_ports), context
        self._entrance: SecureEntrance | None = None
        self._welcomes: list[asyncio.Task[None]] = []

    def stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's own, but that the sockets of HTTPS are served by an entrance of ours."""
        given = sockets or []
        secure = [each for each in given if each.getsockname()[1] in self._tls_ports]
        if self._context is not None and secure:
            made = {"config": self.config, "server_state": self.server_state, "app_state": self.lifespan.state}
            self._entrance = SecureEntrance(self._house, self._context, made)
            self._welcomes = [asyncio.create_task(self._entrance.welcome(each)) for each in secure]
        await super().startup([each for each in given if each not in secure])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for welcome in self._welcomes:
            welcome.cancel()
        if self._entrance is not None:
            self._entrance.close()
        await super().shutdown(sockets)


def make_server(
    app: ASGIApp,
    *,
    reflex: Reflex,
    tls_ports: Sequence[int] = (),
    context: ssl.SSLContext | None = None,
    limits: Limits | None = None,
    alive: Callable[[], Awaitable[None]] | None = None,
) -> PortalServer:
    """A server for `serve(sockets=…)`. `alive` is called about once a second while its loop turns."""
    house = House(Door(limits or Limits()), reflex)
    config = uvicorn.Config(
        app,
        http=house.protocol(),
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_notify=1,
        callback_notify=alive,
    )
    return PortalServer(config, house, tls_ports, context)


def run(main: Awaitable[None]) -> None:
    """Turn a loop until `main` is done."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_awaited(main))


def open_sockets(host4: str, host6: str | None, ports: Sequence[int]) -> tuple[socket.socket, ...]:
    """Listen at each port, on IPv4 and, if there is one, on IPv6.

    Raises:
        TechnicianError: a port is taken or may not be bound.
    """
    opened: list[socket.socket] = []
    try:
        for family, host in ((socket.AF_INET, host4), (socket.AF_INET6, host6)):
            opened += [_listen(family, host, port) for port in ports if host is not None]
    except TechnicianError:
        for each in opened:
            each.close()
        raise
    return tuple(opened)


def make_room() -> None:
    """Let this process have as many descriptors as its connections may need."""
    wanted = MAX_CONNECTIONS + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS as phones of today speak it.

    Raises:
        BadSettings: a file is missing, unreadable, or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key must fail here rather than ask a terminal for its password.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as problem:
        mend = f"does not fit its key {key} ({problem.reason}): copy both again from where they were issued"
        raise BadSettings(certificate, "", mend) from problem
    except OSError as problem:
        mend = f"it or its key {key} cannot be read ({problem.strerror}): mend path, owner and mode"
        raise BadSettings(certificate, "", mend) from problem
    return context


async def _awaited(main: Awaitable[None]) -> None:
    await main


def _listen(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Else the one socket would answer for both, and IPv4 clients would have two shapes of address.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((host, port))
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError as problem:
        opened.close()
        mend = "stop what listens there, or choose other ports in network.toml"
        raise TechnicianError(f"{host} port {port}: cannot listen ({problem.strerror}); {mend}") from problem
    return opened
