"""One connection of one client, bounded: in time, in bytes, and in how many there may be of it.

uvicorn waits for ever on whoever connects and says nothing, and takes headers of any length. Here a connection carries
one request, has ten seconds to say it, and must leave when the house is full and others have something to ask. What
is asked of elsewhere is answered before any application runs. Nothing about a client is logged.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from kiosk.portal.captive import origin_form

_log = logging.getLogger("quietbell.portal.connection")

# The request line and headers of a browser have 500 bytes to 2 kB.
HEADERS_MAX_BYTES = 16 * 1024
# The longest form of ours is the talk's, below 8 kB.
BODY_MAX_BYTES = 16 * 1024
REQUEST_SECONDS = 10.0
# From the whole request to the last byte that a slow phone has taken.
ANSWER_SECONDS = 20.0
# After a failed accept (no descriptor free), so as not to spin.
ACCEPT_PAUSE_SECONDS = 0.1
SHUTDOWN_SECONDS = 1.0
# A browser opens six; a whole class behind one address (a site that hides its clients) sixty-four.
CLIENT_MAX_CONNECTIONS = 64
MAX_CONNECTIONS = 768

# (target, Host header, method, date line) of a request -> the bytes that answer it at once; None: the application does
Reflex = Callable[[bytes, bytes | None, bytes, bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Set smaller by tests only."""

    request_seconds: float = REQUEST_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    per_client: int = CLIENT_MAX_CONNECTIONS
    in_all: int = MAX_CONNECTIONS


class Door:
    """Who is inside. When it is full, whoever has waited longest without asking anything must leave."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._clients: dict[Guest, str] = {}
        self._counts: Counter[str] = Counter()
        # in the order of arrival
        self._undecided: dict[Guest, None] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def enter(self, guest: Guest, client: str) -> bool:
        """False: no room, and everybody inside has asked something."""
        if self._counts[client] >= self.limits.per_client and not self._ask_to_leave(client):
            return False
        if len(self._clients) >= self.limits.in_all and not self._ask_to_leave(None):
            return False
        self._clients[guest] = client
        self._counts[client] += 1
        self._undecided[guest] = None
        return True

    def asked(self, guest: Guest) -> None:
        """Its request is complete: it is not ended for somebody else's sake any more."""
        self._undecided.pop(guest, None)

    def leave(self, guest: Guest) -> None:
        self._undecided.pop(guest, None)
        client = self._clients.pop(guest, None)
        if client is not None:
            self._counts[client] -= 1
            self._counts += Counter()

    def _ask_to_leave(self, client: str | None) -> bool:
        for guest in self._undecided:
            if client is None or self._clients[guest] == client:
                self.leave(guest)
                guest.end()
                return True
        return False


class Guest:
    """One connection, from accept to the end: a deadline and a place. `end` ends it at once, however far it is."""

    def __init__(self, door: Door, end: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
        self._door, self._end, self._loop = door, end, loop
        self._deadline = loop.call_later(door.limits.request_seconds, self.end)

    def shook_hands(self, end: Callable[[], object]) -> None:
        self._end = end

    def has_asked(self) -> None:
        self._door.asked(self)
        self._deadline.cancel()
        self._deadline = self._loop.call_later(self._door.limits.answer_seconds, self.end)

    def gone(self) -> None:
        self._deadline.cancel()
        self._door.leave(self)

    def end(self) -> None:
        self._end()


class PortalProtocol(HttpToolsProtocol):
    """One request of one guest, bounded in bytes."""

    def __init__(self, *, guest: Guest, reflex: Reflex, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._guest, self._reflex = guest, reflex
        self._taken = self._body_bytes = 0
        self._begun = self._headers_done = self._over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self._guest.shook_hands(transport.abort)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._guest.gone()
        # A handshake that failed ends a connection that had never begun.
        if self.transport is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._taken += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing here can be upgraded: what was asked for over HTTP is being answered, the rest is not read.
            self._over = True
        except httptools.HttpParserError:
            self._refuse(400)
        if not self._headers_done and self._taken > HEADERS_MAX_BYTES:
            self._refuse(431)

    def eof_received(self) -> bool:  # type: ignore[override]  # None in uvicorn, which asyncio takes for False
        """A client that has said all it will may still hear its answer."""
        if not self._headers_done or self._over:
            return False
        return not self.cycle.more_body and not self.cycle.response_complete

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        if self._begun:
            # One connection, one request: what is pipelined behind it is asked again over another.
            self._over = True
            return
        self._begun = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._over:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._over and not self._headers_done:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._over:
            return
        self._headers_done = True
        # with ": " and the line's end, as on the wire
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > HEADERS_MAX_BYTES:
            self._refuse(431)
            return
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1:
            self._refuse(400)
            return
        answer = self._reflex(self.url, hosts[0] if hosts else None, self.parser.get_method(), self._date())
        if answer is not None:
            self._say(answer)
            return
        self.url = origin_form(self.url)
        super().on_headers_complete()
        self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if self._over:
            return
        self._body_bytes += len(body)
        if self._body_bytes > BODY_MAX_BYTES:
            self._refuse(413)
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._over:
            # Not with its headers: a form that is announced and never comes would hold a place that it cannot lose.
            self._guest.has_asked()
            super().on_message_complete()

    def _refuse(self, status: int) -> None:
        """End here; an application that is already at work hears that nobody listens."""
        if self._over:
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._say(b"HTTP/1.1 %d \r\nconnection: close\r\ncontent-length: 0\r\n" % status + self._date() + b"\r\n")

    def _say(self, answer: bytes) -> None:
        self._over = True
        self.transport.write(answer)
        self.transport.close()

    def _date(self) -> bytes:
        return b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)


class Entrance(asyncio.Protocol):
    """Counts a plain connection before it has said anything, then hands it on."""

    def __init__(self, house: House, uvicorns: Mapping[str, Any]) -> None:
        self._house, self._uvicorns = house, uvicorns
        self._guest: Guest | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one in all but name
        transport = cast(asyncio.Transport, transport)
        # A connection that is closed politely would wait for its peer.
        guest = self._guest = Guest(self._house.door, transport.abort, asyncio.get_running_loop())
        peer = transport.get_extra_info("peername")
        if not self._house.door.enter(guest, str(peer[0]) if peer else ""):
            guest.end()
            return
        inner = PortalProtocol(guest=guest, reflex=self._house.reflex, **self._uvicorns)
        transport.set_protocol(inner)
        inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._guest is not None:
            self._guest.gone()


@dataclass(frozen=True, slots=True)
class House:
    """What every connection of one server shares."""

    door: Door
    reflex: Reflex

    def protocol(self) -> type[asyncio.Protocol]:
        """What uvicorn makes for each connection; it insists on a class and on its own four arguments."""
        house = self

        class Welcome(Entrance):
            def __init__(
                self,
                config: Config,
                server_state: ServerState,
                app_state: dict[str, Any],
                _loop: asyncio.AbstractEventLoop | None = None,
            ) -> None:
                made = {"config": config, "server_state": server_state, "app_state": app_state, "_loop": _loop}
                super().__init__(house, made)

        return Welcome


class SecureEntrance:
    """The same at a port of HTTPS: counts before the handshake, which costs more than any request.

    Takes connections itself, for asyncio's own server would shake hands first and ask nobody. What arrives before
    `start_tls` has taken over a transport is lost in uvloop, so that way is not open either.
    """

    def __init__(self, house: House, context: ssl.SSLContext, uvicorns: Mapping[str, Any]) -> None:
        self._house, self._context, self._uvicorns = house, context, uvicorns
        self._handshakes: set[asyncio.Task[None]] = set()

    async def welcome(self, listener: socket.socket) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                taken, address = await loop.sock_accept(listener)
            except OSError as problem:
                _log.warning("cannot-accept", extra={"why": problem.strerror})
                await asyncio.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            handshake = loop.create_task(self._let_in(taken, str(address[0])))
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    def close(self) -> None:
        for handshake in tuple(self._handshakes):
            handshake.cancel()

    async def _let_in(self, taken: socket.socket, client: str) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        guest = Guest(self._house.door, task.cancel, loop)
        if not self._house.door.enter(guest, client):
            guest.gone()
            taken.close()
            return
        try:
            await loop.connect_accepted_socket(
                lambda: PortalProtocol(guest=guest, reflex=self._house.reflex, **self._uvicorns),
                taken,
                ssl=self._context,
                ssl_handshake_timeout=self._house.door.limits.request_seconds,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
        except (OSError, asyncio.CancelledError) as problem:
            # Scanners, and phones that do not trust us: everyday, and nothing of theirs belongs in a log.
            _log.debug("no-handshake", extra={"why": type(problem).__name__})
            guest.gone()
            taken.close()
