"""A bare MQTT client with somebody's certificate: what a thief could write in an afternoon. None of our own link."""

from __future__ import annotations

import ssl
from threading import Event
from types import TracebackType

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware.settings import Root, load_device
from firmware.topics import id_text
from tests.support.site import link_settings

CONNECT_SECONDS = 30.0


class BareClient:
    """Connected with the certificate of a bundle. Use as a context manager."""

    def __init__(self, root: Root, port: int) -> None:
        settings = link_settings(root, port)
        self._port = port
        self._up = Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=id_text(load_device(root).id),
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        context.load_cert_chain(settings.certificate_file, settings.key_file)
        self._client.tls_set_context(context)
        self._client.max_inflight_messages_set(200)
        self._client.on_connect = lambda *_: self._up.set()
        self._heard: list[bytes] = []
        self._client.on_message = lambda client, data, message: self._heard.append(bytes(message.payload))

    def __enter__(self) -> BareClient:
        self._client.connect("localhost", self._port, keepalive=60)
        self._client.loop_start()
        assert self._up.wait(CONNECT_SECONDS), "the broker did not let us in"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def listen(self, topic: str) -> None:
        """Subscribe; returns when the broker has agreed."""
        agreed = Event()
        self._client.on_subscribe = lambda *_: agreed.set()
        self._client.subscribe(topic, qos=1)
        assert agreed.wait(CONNECT_SECONDS), "the broker did not answer"

    def heard(self) -> list[bytes]:
        return list(self._heard)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> MQTTMessageInfo:
        return self._client.publish(topic, payload, qos=1, retain=retain)

    def sent(self, infos: list[MQTTMessageInfo]) -> list[int]:
        """Wait until the broker has taken them; returns the return codes."""
        for info in infos:
            info.wait_for_publish(CONNECT_SECONDS)
        return [int(info.rc) for info in infos]
