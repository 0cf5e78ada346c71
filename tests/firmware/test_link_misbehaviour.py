"""The link against brokers that no configuration of mosquitto can be made into, and against amqtt."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from firmware.free_port import free_port
from firmware.link import PAYLOAD_MAX_BYTES, Connected, Disconnected, LinkFault, LinkSettings, Received
from firmware.mailbox import WINDOW_MESSAGES
from firmware.reconnect import Version
from tests.support.broker import ThrowAwayCa
from tests.support.ear import Ear, open_link
from tests.support.scripted_broker import CONNACK, CONNECT, PUBACK, Conversation, scripted_broker

TOPIC = "qb/1/site/down/kiosk"
UNACCEPTABLE_VERSION = b"\x00\x01"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> ThrowAwayCa:
    return ThrowAwayCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def settings_for(ca: ThrowAwayCa, port: int) -> LinkSettings:
    issued = ca.issue_client("kiosk")
    return LinkSettings("localhost", port, ca.certificate_file, issued.certificate_file, issued.key_file)


def refuse_five(talk: Conversation) -> bool:
    """Answer as a 3.1.1 broker does: True once the client has come with 3.1.1 and is subscribed."""
    level = talk.expect(CONNECT)[6]
    if level == Version.FIVE:
        talk.send(CONNACK, UNACCEPTABLE_VERSION)
        talk.wait_for_hang_up()
        return False
    talk.send(CONNACK, b"\x00\x00")
    talk.take_subscription()
    return True


@pytest.mark.parametrize("manner", ["refuses", "hangs up"])
def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(ca: ThrowAwayCa, closing: ExitStack, manner: str) -> None:
    """Whether it says so or only hangs up, the next attempt is in 3.1.1 and carries bytes."""

    def script(number: int, talk: Conversation) -> None:
        if manner == "hangs up" and number == 0:
            talk.expect(CONNECT)
            return
        if refuse_five(talk):
            talk.publish(1, TOPIC, b"in 3.1.1")
            talk.wait_for_hang_up()

    with scripted_broker(ca, script) as port:
        ear = Ear()
        link = open_link(settings_for(ca, port), "kiosk", ear, (TOPIC,))
        closing.callback(link.stop)
        ear.next(Connected)
        assert ear.next(Received).payload == b"in 3.1.1"
        link.stop()


def test_an_oversized_payload_is_refused_before_anybody_sees_it(ca: ThrowAwayCa, closing: ExitStack) -> None:
    """In 3.1.1 no broker can be told a limit: the link itself drops what is one byte too long, acknowledges it so that
    it does not come again, tells of it, and hands over the next message."""

    def script(number: int, talk: Conversation) -> None:
        if refuse_five(talk):
            talk.publish(1, TOPIC, bytes(PAYLOAD_MAX_BYTES + 1))
            talk.publish(2, TOPIC, bytes(PAYLOAD_MAX_BYTES))
            assert talk.expect(PUBACK) == b"\x00\x01"
            talk.wait_for_hang_up()

    with scripted_broker(ca, script) as port:
        ear = Ear()
        link = open_link(settings_for(ca, port), "kiosk", ear, (TOPIC,))
        closing.callback(link.stop)
        assert str(PAYLOAD_MAX_BYTES + 1) in ear.next(LinkFault).what
        assert len(ear.next(Received).payload) == PAYLOAD_MAX_BYTES
        assert not [event for event in ear.passed if isinstance(event, Received)]
        link.stop()


def test_a_broker_that_overruns_its_window_is_read_no_further(ca: ThrowAwayCa, closing: ExitStack) -> None:
    """Of five thousand messages sent at once only a window's worth reaches the queue while none is acknowledged; with
    acknowledging all of them come, in order, on the same connection."""
    count = 5 * WINDOW_MESSAGES

    def script(number: int, talk: Conversation) -> None:
        if refuse_five(talk):
            for message_id in range(1, count + 1):
                talk.publish(message_id, TOPIC, message_id.to_bytes(2, "big"))
            talk.wait_for_hang_up()

    with scripted_broker(ca, script) as port:
        ear = Ear()
        link = open_link(settings_for(ca, port), "kiosk", ear, (TOPIC,))
        closing.callback(link.stop)
        heard = [ear.next(Received) for _ in range(WINDOW_MESSAGES)]
        with pytest.raises(AssertionError, match="no Received"):
            ear.next(Received, patience_seconds=0.3)
        for message in heard:
            link.acknowledge(message.token)
        while len(heard) < count:
            heard.append(ear.next(Received))
            link.acknowledge(heard[-1].token)
        assert [int.from_bytes(message.payload, "big") for message in heard] == list(range(1, count + 1))
        link.stop()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 64,
        b"\x20\x7f" + b"\x00" * 127,
        b"\x30\xff\xff\xff\xff\xff",
        b"\x32\x05\x00\x03\xff\xfe\xfd",
        b"\x32\x02\xff\xff",
        b"\x00" * 64,
        b"\x90\x02\x00\x01\x01",
        b"\x40\x01\x00",
    ],
    ids=[
        "all ones",
        "second CONNACK",
        "endless length",
        "topic not UTF-8",
        "topic cut",
        "all zeros",
        "SUBACK of nothing",
        "PUBACK cut",
    ],
)
def test_garbage_ends_the_session_and_not_the_thread(ca: ThrowAwayCa, closing: ExitStack, garbage: bytes) -> None:
    """Bytes that are no MQTT, in the middle of a session: it is dropped, told of, and the next one works."""

    def script(number: int, talk: Conversation) -> None:
        if number == 0:
            talk.expect(CONNECT)
            talk.send(CONNACK, b"\x00\x00\x00")
            talk.line.sendall(garbage)
            return
        if refuse_five(talk):
            talk.publish(1, TOPIC, b"sound")
            talk.wait_for_hang_up()

    with scripted_broker(ca, script) as port:
        ear = Ear()
        link = open_link(settings_for(ca, port), "kiosk", ear, (TOPIC,))
        closing.callback(link.stop)
        ear.next(Disconnected)
        assert ear.next(Received).payload == b"sound"
        link.stop()


def test_a_broker_that_denies_a_subscription_is_told_of(ca: ThrowAwayCa, closing: ExitStack) -> None:
    """A kiosk that may not read its answers is connected, and a technician hears which topic was denied."""

    def script(number: int, talk: Conversation) -> None:
        if talk.expect(CONNECT)[6] == Version.FIVE:
            talk.send(CONNACK, UNACCEPTABLE_VERSION)
            return
        talk.send(CONNACK, b"\x00\x00")
        talk.take_subscription(answer=b"\x80")
        talk.wait_for_hang_up()

    with scripted_broker(ca, script) as port:
        ear = Ear()
        link = open_link(settings_for(ca, port), "kiosk", ear, (TOPIC,))
        closing.callback(link.stop)
        assert TOPIC in ear.next(LinkFault).what
        ear.next(Connected)
        link.stop()


def test_a_broker_that_offers_only_tls_1_2_is_refused(ca: ThrowAwayCa, closing: ExitStack) -> None:
    """Nobody in the middle can talk us down: no CONNECT is ever sent over TLS 1.2."""
    spoken_to = []

    def script(number: int, talk: Conversation) -> None:
        spoken_to.append(number)

    with scripted_broker(ca, script, newest_tls=ssl.TLSVersion.TLSv1_2) as port:
        ear = Ear()
        link = open_link(settings_for(ca, port), "kiosk", ear, (TOPIC,))
        closing.callback(link.stop)
        for _ in range(3):
            ear.next(Disconnected)
        link.stop()
    assert spoken_to == []


def test_amqtt_carries_bytes_in_3_1_1(ca: ThrowAwayCa, tmp_path: Path, closing: ExitStack) -> None:
    """The demo's broker, which answers an MQTT 5 hello with silence, is reached all the same."""
    pytest.importorskip("amqtt")
    port, server = free_port(), ca.issue_server()
    (tmp_path / "amqtt.yaml").write_text(
        f"listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{port}\n    ssl: true\n"
        f"    cafile: {ca.certificate_file}\n    certfile: {server.certificate_file}\n    keyfile: {server.key_file}\n"
        "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n",
        encoding="utf-8",
    )
    command = [str(Path(sys.executable).with_name("amqtt")), "-c", str(tmp_path / "amqtt.yaml")]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        closing.callback(process.kill)
        ear = Ear()
        link = open_link(settings_for(ca, port), "kiosk", ear, (TOPIC,))
        closing.callback(link.stop)
        ear.next(Connected)
        assert link.publish(TOPIC, b"over amqtt")
        message = ear.next(Received)
        assert (message.topic, message.payload) == (TOPIC, b"over amqtt")
        link.acknowledge(message.token)
        link.stop()
        process.kill()
