"""Bytes in, bytes out over MQTT with TLS 1.3: a fast, lossy wake-up channel, and the only place that knows paho.

Owns one network thread that connects, reads, writes and connects again for ever. Only that thread touches paho; other
threads leave publishes and acknowledgements in a queue and wake it. Each connection is a fresh, clean session with a
fresh paho client, so no message of ours can wait in paho or at the broker and look like life later: what was not
answered is sent again by its outbox. Knows nothing of reports, envelopes or topics' meaning.

A PUBACK from the broker means nothing (a killed broker loses what it has acknowledged), so nobody is told of one. A
message is acknowledged by its receiver, after the commit. If `on_event` raises, the message stays unacknowledged, the
connection is dropped and made again, and a LinkFault says so: paho's own thread would die silently here.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware.errors import BadSettings, ProgrammerError
from firmware.mailbox import WINDOW_MESSAGES, Mailbox, Outgoing
from firmware.reconnect import Backoff, Dialect, Version
from firmware.tls import tls_context

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

# The largest thing we carry is the seal sheet, some 15 kB.
PAYLOAD_MAX_BYTES = 64 * 1024
# Topic and MQTT 5 properties around the payload.
PACKET_MAX_BYTES = PAYLOAD_MAX_BYTES + 1024
RECEIVE_MAXIMUM = WINDOW_MESSAGES // 2
# How many publishes may be without PUBACK, unless the broker asks for fewer.
IN_FLIGHT_MESSAGES = 512
# The broker's last word for us when we vanish; a hint only.
WILL_PAYLOAD = b"gone"
# For the TCP connection and for the TLS handshake, each.
CONNECT_SECONDS = 10.0
# paho wants to look at its keepalive about once a second.
POLL_MS = 1000
REASON_CHARACTERS = 160
_UNSUPPORTED_VERSION = 0x84
_QOS_AT_LEAST_ONCE = 1

_log = logging.getLogger("quietbell.link")


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us and every subscription: what is published now can be answered."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection, or an attempt at one, ended. The next follows by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message; `token` acknowledges it."""

    topic: str
    payload: bytes
    token: int


@dataclass(frozen=True, slots=True)
class LinkFault:
    """Something that a technician should hear of: a defect, a denied topic, a broker that misbehaves."""

    what: str


LinkEvent = Connected | Disconnected | Received | LinkFault


@dataclass(frozen=True, slots=True)
class LinkSettings:
    host: str
    port: int
    ca_file: Path
    certificate_file: Path
    key_file: Path
    keepalive_seconds: int = 15
    check_dates: bool = True


class _Dropped(Exception):
    """We end this session ourselves; the text says why."""


class _Untaken(_Dropped):
    """The taker of an event failed, so the event must come again."""


class Link:
    """One device's line to its broker. `publish` and `acknowledge` may be called from any thread."""

    def __init__(
        self,
        settings: LinkSettings,
        *,
        client_id: str,
        subscriptions: Sequence[str],
        will_topic: str | None,
        on_event: Callable[[LinkEvent], None],
        random: Random,
    ) -> None:
        """`on_event` is called on the network thread and should only enqueue."""
        self._settings, self._client_id = settings, client_id
        self._subscriptions, self._will_topic = tuple(subscriptions), will_topic
        self._on_event = on_event
        self._backoff, self._dialect = Backoff(random), Dialect()
        self._check_dates = settings.check_dates
        self._mailbox = Mailbox()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to connect, for ever.

        Raises:
            BadSettings: a certificate or key file cannot be used.
        """
        if self._thread is not None:
            raise ProgrammerError("a link is started once")
        self._tls()
        self._mailbox.unlock()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand over for sending; False when not connected or when too much waits. True promises nothing."""
        if len(payload) > PAYLOAD_MAX_BYTES:
            raise ProgrammerError(f"a payload of {len(payload)} bytes; at most {PAYLOAD_MAX_BYTES} are carried")
        return self._mailbox.publish(Outgoing(topic, payload, retain))

    def acknowledge(self, token: int) -> None:
        """Tell the broker that this message is durable here. Unknown, repeated and old sessions' tokens do nothing."""
        self._mailbox.acknowledge(token)

    def trust_clock(self) -> None:
        """The time is known now: check certificates' dates from the next connection on."""
        self._check_dates = True

    def stop(self) -> None:
        """Say good-bye (so no last word is spoken for us) and end the thread."""
        self._stopping.set()
        self._mailbox.wake()
        if self._thread is not None:
            # Resolving a name cannot be interrupted; the thread is a daemon for that case.
            self._thread.join(CONNECT_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            session = _Session(
                self._settings,
                version=self._dialect.version,
                patience_seconds=self._dialect.patience_seconds,
                client_id=self._client_id,
                subscriptions=self._subscriptions,
                will_topic=self._will_topic,
                mailbox=self._mailbox,
                on_event=self._on_event,
                stopping=self._stopping,
            )
            reason = self._attempt(session)
            _log.info("link ended reason=%s", reason)
            if not self._stopping.is_set():
                self._tell(Disconnected(reason))
                self._rest(session)
        self._mailbox.lock()

    def _tls(self) -> ssl.SSLContext:
        """Made for each connection, so that renewed certificates are used without a restart."""
        files = self._settings.ca_file, self._settings.certificate_file, self._settings.key_file
        return tls_context(*files, check_dates=self._check_dates)

    def _attempt(self, session: _Session) -> str:
        """One connection from beginning to end; returns why it ended. Nothing that goes wrong in it ends the thread."""
        try:
            session.live(self._tls())
        except _Untaken as problem:
            return self._fault(session, _one_line(problem))
        except BadSettings as problem:
            return self._fault(session, _one_line(problem))
        except (_Dropped, OSError) as problem:
            return _one_line(problem)
        except Exception as problem:  # noqa: BLE001 (a defect in paho or here must not end the thread; told and logged)
            _log.exception("link failed")
            return self._fault(session, f"the link failed: {type(problem).__name__}")
        finally:
            self._mailbox.close()
            session.close()
        return session.reason or "the broker hung up"

    def _fault(self, session: _Session, what: str) -> str:
        session.faulty = True
        self._tell(LinkFault(what))
        return what

    def _tell(self, event: LinkEvent) -> None:
        """Hand over what needs no second try. A taker that fails on this too has its traceback in the log."""
        try:
            self._on_event(event)
        except BaseException:  # noqa: BLE001 (the taker's defect must not end the thread; logged)
            _log.exception("link event not taken event=%s", type(event).__name__)

    def _rest(self, session: _Session) -> None:
        """Choose the dialect and wait before the next attempt; a faulty session does not shorten the wait."""
        if session.accepted:
            self._dialect.accepted()
            if not session.faulty:
                self._backoff.reset()
        elif session.shook_hands:
            self._dialect.refused(for_the_version=session.version_refused)
            if session.version_refused and self._dialect.version is Version.THREE_ONE_ONE:
                return
        self._stopping.wait(self._backoff.next_seconds())


class _Session:
    """One connection: a fresh paho client, driven by hand on the network thread."""

    def __init__(
        self,
        settings: LinkSettings,
        *,
        version: Version,
        patience_seconds: float,
        client_id: str,
        subscriptions: Sequence[str],
        will_topic: str | None,
        mailbox: Mailbox,
        on_event: Callable[[LinkEvent], None],
        stopping: threading.Event,
    ) -> None:
        self._settings, self._version, self._mailbox = settings, version, mailbox
        self._patience_seconds = patience_seconds
        self._subscriptions, self._on_event, self._stopping = subscriptions, on_event, stopping
        self.reason = ""
        self.shook_hands = False
        self.accepted = False
        self.version_refused = False
        self.faulty = False
        self._ready = False
        self._line: SocketLike | None = None
        self._in_flight: dict[int, str] = {}  # message id -> topic
        self._in_flight_max = IN_FLIGHT_MESSAGES
        self._denied: set[str] = set()
        self._client = self._make_client(client_id, will_topic)

    def live(self, context: ssl.SSLContext) -> None:
        """Connect and serve until the connection ends.

        Raises:
            OSError: no broker there, or TLS refused (wrong authority, name or date).
            _Dropped: we ended it ourselves.
        """
        self._mailbox.begin()
        self._connect(context)
        ready_by = time.monotonic() + self._patience_seconds
        bell = self._mailbox.sleeper()
        poll = select.poll()
        poll.register(bell, select.POLLIN)
        while (line := self._client.socket()) is not None:
            poll.register(line, self._interest())
            ready = dict(poll.poll(0 if self._holds_back(line) else POLL_MS))
            if bell.fileno() in ready:
                bell.recv(4096)
            if self._stopping.is_set():
                return self._part()
            self._serve(ready.get(line.fileno(), 0) & ~select.POLLOUT != 0 or self._holds_back(line))
            if not self._ready and time.monotonic() > ready_by:
                raise _Dropped(f"the broker did not take us within {self._patience_seconds:g} s")
        return None

    def close(self) -> None:
        """Hang up without a good-bye if we are still connected, so that the broker speaks our last word."""
        if self._line is not None:
            self._line.close()

    def _make_client(self, client_id: str, will_topic: str | None) -> Client:
        speaks_five = self._version is Version.FIVE
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if speaks_five else True,
            protocol=MQTTProtocolVersion(self._version),
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(0)  # no limit in paho: `_send_mail` keeps the broker's
        if will_topic is not None:
            client.will_set(will_topic, WILL_PAYLOAD, qos=_QOS_AT_LEAST_ONCE)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    def _connect(self, context: ssl.SSLContext) -> None:
        self._client.tls_set_context(context)
        host, port, keepalive = self._settings.host, self._settings.port, self._settings.keepalive_seconds
        if self._version is not Version.FIVE:
            self._client.connect(host, port, keepalive)
            return
        limits = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        limits.ReceiveMaximum = RECEIVE_MAXIMUM
        limits.MaximumPacketSize = PACKET_MAX_BYTES
        self._client.connect(host, port, keepalive, clean_start=True, properties=limits)

    def _interest(self) -> int:
        reading = 0 if self._mailbox.is_full() else select.POLLIN
        return reading | (select.POLLOUT if self._client.want_write() else 0)

    def _holds_back(self, line: SocketLike | None) -> bool:
        """Whether the TLS layer has decrypted bytes that we want: `poll` cannot see those."""
        return isinstance(line, ssl.SSLSocket) and line.pending() > 0 and not self._mailbox.is_full()

    def _serve(self, readable: bool) -> None:
        if readable:
            self._read()
        self._send_mail()
        if self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()

    def _read(self) -> None:
        self._client.loop_read()
        while self._holds_back(self._client.socket()):
            self._client.loop_read()

    def _send_mail(self) -> None:
        while (message_id := self._mailbox.next_to_acknowledge()) is not None:
            self._client.ack(message_id, _QOS_AT_LEAST_ONCE)
        while len(self._in_flight) < self._in_flight_max and (mail := self._mailbox.next_publish()) is not None:
            sent = self._client.publish(mail.topic, mail.payload, qos=_QOS_AT_LEAST_ONCE, retain=mail.retain)
            self._in_flight[sent.mid] = mail.topic

    def _part(self) -> None:
        """Send what lies ready, then a good-bye: the broker keeps our last word to itself."""
        self._send_mail()
        self._client.disconnect()

    def _offer(self, event: LinkEvent) -> None:
        """Hand an event over; if its taker fails, this session must end, because the event was not taken."""
        try:
            self._on_event(event)
        except BaseException as problem:
            _log.exception("link event not taken event=%s", type(event).__name__)
            raise _Untaken(f"{type(event).__name__} was not taken: {type(problem).__name__}") from problem

    # paho's callbacks: all on the network thread; what they raise comes out of `loop_read`.

    def _on_socket_open(self, _client: Client, _userdata: object, line: SocketLike) -> None:
        self._line, self.shook_hands = line, True
        if isinstance(line, socket.socket):
            # Without it Nagle's algorithm and delayed ACK add 40 ms to each direction.
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(
        self, client: Client, _userdata: object, _flags: ConnectFlags, reason: ReasonCode, limits: Properties | None
    ) -> None:
        if reason.is_failure:
            self.version_refused = reason.value == _UNSUPPORTED_VERSION
            raise _Dropped(f"the broker refused us: {_one_line(reason)}")
        self.accepted = True
        self._in_flight_max = min(IN_FLIGHT_MESSAGES, getattr(limits, "ReceiveMaximum", IN_FLIGHT_MESSAGES))
        if self._subscriptions:
            client.subscribe([(topic, _QOS_AT_LEAST_ONCE) for topic in self._subscriptions])
        else:
            self._become_ready()

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for topic, reason in zip(self._subscriptions, reasons, strict=True):
            if reason.is_failure:
                self._offer(LinkFault(f"the broker denies us to read {topic}: {_one_line(reason)}"))
        self._become_ready()

    def _become_ready(self) -> None:
        self._ready = True
        self._mailbox.open()
        _log.info("link connected mqtt=%s", self._version.name)
        self._offer(Connected())

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        if len(message.payload) > PAYLOAD_MAX_BYTES:
            client.ack(message.mid, message.qos)
            self._offer(LinkFault(f"refused {len(message.payload)} bytes on {_one_line(message.topic)}"))
            return
        token = self._mailbox.received(message.mid)
        self._offer(Received(message.topic, bytes(message.payload), token))

    def _on_publish(
        self, _client: Client, _userdata: object, message_id: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        topic = self._in_flight.pop(message_id, "")
        if reason.is_failure and topic not in self._denied:
            self._denied.add(topic)
            _log.warning("link publish denied topic=%s reason=%s", topic, _one_line(reason))
            self._offer(LinkFault(f"the broker denies us to write {topic}: {_one_line(reason)}"))

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        who = "the broker ended it" if flags.is_disconnect_packet_from_server else "the line broke"
        self.reason = f"{who}: {_one_line(reason)}"


def _one_line(untrusted: object) -> str:
    """Somebody else's words, made fit for one line of a log."""
    text = str(untrusted)[:REASON_CHARACTERS]
    return "".join(character if character.isprintable() else "?" for character in text)
