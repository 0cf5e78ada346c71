"""What the same bytes cost without us: two bare paho clients, one asks, the other sends back.

MQTT 5, TLS 1.3, QoS 1, TCP_NODELAY on both ends, the same broker. `python -m kiosk.bench.echo` runs either; the asker
does one round trip for each line on its standard input and prints its nanoseconds.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware import bundle
from firmware.envelope import UP_BYTES
from firmware.settings import Root
from firmware.tls import tls_context
from kiosk.bench.figures import CannotMeasure

PING, PONG = "bench/ping", "bench/pong"
PATIENCE_SECONDS = 20.0
READY = "ready"
_QOS = 1


class BareClient:
    """paho as its manual shows it, connected and subscribed to one topic."""

    def __init__(self, root: Path, port: int, topic: str) -> None:
        self._topic, self._subscribed = topic, threading.Event()
        self.heard: SimpleQueue[bytes] = SimpleQueue()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=root.name, protocol=MQTTProtocolVersion.MQTTv5)
        device = Root(root)
        self.client.tls_set_context(
            tls_context(
                device.public / bundle.SITE_CA,
                device.public / bundle.DEVICE_CERTIFICATE,
                device.secret / bundle.DEVICE_KEY,
                check_dates=True,
            )
        )
        self.client.on_socket_open = lambda _client, _userdata, line: _without_delay(line)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._on_message
        self.client.connect("localhost", port)

    def start(self) -> None:
        """Raises CannotMeasure when the broker does not take us."""
        self.client.loop_start()
        if not self._subscribed.wait(PATIENCE_SECONDS):
            raise CannotMeasure("a bare client cannot subscribe")

    def send(self, topic: str, payload: bytes) -> None:
        self.client.publish(topic, payload, qos=_QOS)

    def _on_connect(
        self, client: Client, _userdata: object, _flags: ConnectFlags, _reason: ReasonCode, _limits: Properties | None
    ) -> None:
        client.subscribe(self._topic, _QOS)

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic == PING:
            client.publish(PONG, message.payload, qos=_QOS)
        else:
            self.heard.put(bytes(message.payload))


def _without_delay(line: object) -> None:
    if isinstance(line, socket.socket):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def send_back(root: Path, port: int) -> None:
    """Until standard input is closed."""
    BareClient(root, port, PING).start()
    say(READY)
    sys.stdin.read()


def ask(root: Path, port: int) -> None:
    """One round trip a line."""
    bare = BareClient(root, port, PONG)
    bare.start()
    say(READY)
    payload = bytes(UP_BYTES)
    for _line in sys.stdin:
        before = time.perf_counter_ns()
        bare.send(PING, payload)
        try:
            bare.heard.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise CannotMeasure("the bare echo does not come back") from None
        say(str(time.perf_counter_ns() - before))


def say(line: str) -> None:
    """One line to whoever started us."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"ask": ask, "send-back": send_back}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
