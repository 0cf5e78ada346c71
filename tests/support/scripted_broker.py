"""A server with real TLS that says over MQTT exactly what a test wants: for brokers that no test could make misbehave.

A small working peer for the first packets of MQTT (CONNECT, SUBSCRIBE, PUBLISH). It models no session, no topics and no
quality of service; what a real broker does is tested against mosquitto (`tests.support.broker`).
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.broker import Issued, ThrowAwayCa

PATIENCE_SECONDS = 10.0

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 1, 2, 3, 4, 8, 9, 14


class HungUp(Exception):
    """The client is gone."""


@dataclass
class Conversation:
    """One client's connection."""

    line: ssl.SSLSocket

    def read(self) -> tuple[int, bytes]:
        """The next packet: its type and body."""
        kind = self._exactly(1)[0] >> 4
        length = shift = 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return kind, self._exactly(length)

    def expect(self, kind: int) -> bytes:
        found, body = self.read()
        assert found == kind, f"the client sent packet type {found}, not {kind}"
        return body

    def send(self, kind: int, body: bytes, flags: int = 0) -> None:
        length, header = len(body), bytearray([kind << 4 | flags])
        while True:
            length, low = length >> 7, length & 0x7F
            header.append(low | (0x80 if length else 0))
            if not length:
                break
        self.line.sendall(bytes(header) + body)

    def take_subscription(self, answer: bytes = b"\x01") -> None:
        """SUBSCRIBE to one filter, answered (0x80 denies)."""
        message_id = self.expect(SUBSCRIBE)[:2]
        self.send(SUBACK, message_id + answer)

    def publish(self, message_id: int, topic: str, payload: bytes) -> None:
        name = topic.encode()
        body = len(name).to_bytes(2, "big") + name + message_id.to_bytes(2, "big") + payload
        self.send(PUBLISH, body, flags=0b0010)

    def wait_for_hang_up(self) -> None:
        while True:
            try:
                self.read()
            except HungUp:
                return

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                part = self.line.recv(count - len(data))
            except (ssl.SSLError, ConnectionError) as problem:
                raise HungUp from problem
            if not part:
                raise HungUp
            data += part
        return data


@contextmanager
def scripted_broker(
    ca: ThrowAwayCa,
    script: Callable[[int, Conversation], None],
    *,
    server: Issued | None = None,
    newest_tls: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> Iterator[int]:
    """Yields the port; `script` gets the number of each connection (from 0) and its conversation, then it is closed.

    An assertion that fails in the script fails the test when the block ends.
    """
    issued = server or ca.issue_server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest_tls
    context.load_cert_chain(issued.certificate_file, issued.key_file)
    failures: list[BaseException] = []
    stopping = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        number = 0
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.settimeout(PATIENCE_SECONDS)
            try:
                with plain, context.wrap_socket(plain, server_side=True) as line:
                    script(number, Conversation(line))
            except (HungUp, OSError):
                if stopping.is_set():
                    return
            except BaseException as failure:  # noqa: BLE001 (raised again when the block ends)
                failures.append(failure)
                return
            number += 1

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE_SECONDS)
    if failures:
        raise failures[0]
