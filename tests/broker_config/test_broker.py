"""The rendered broker files, read by a real mosquitto: who comes in, and who may say and hear what."""

from __future__ import annotations

import queue
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from broker_config.broker_probe import Door, knock
from broker_config.provision import DevicePlan
from broker_config.site_ca import KeyAndCertificate, issue_server, make_authority
from firmware.errors import BadInput
from firmware.link import LinkSettings
from firmware.settings import DeviceKind, Root
from firmware.topics import Topics, id_text
from tests.support.site import NOW, MadeSite, device_of, link_settings, make_site, running_mosquitto

PATIENCE_SECONDS = 10.0
# Round trips until the broker has read its ACL again; each waits for its answer.
TRIES = 20_000
# MQTT 5, table 2.6
NOT_AUTHORISED = 0x87
SUCCESS = (0x00, 0x10)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeSite:
    return make_site(tmp_path_factory.mktemp("broker site"), kiosks=2, desks=2, people=())


@pytest.fixture(scope="module")
def broker(made: MadeSite) -> Iterator[subprocess.Popen[bytes]]:
    with running_mosquitto(made) as process:
        yield process


class Device:
    """A device as the broker sees it, with a bare client: connects, hears, and learns whether it may speak."""

    def __init__(self, settings: LinkSettings, name: str) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: queue.Queue[int] = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTv5)
        context = ssl.create_default_context(cafile=str(settings.ca_file))
        context.load_cert_chain(settings.certificate_file, settings.key_file)
        self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect(settings.host, settings.port)
        self._client.loop_start()
        assert self._answers.get(timeout=PATIENCE_SECONDS) == 0

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def says(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> bool:
        """Publish; whether the broker allowed it."""
        self._client.publish(topic, payload, qos=1, retain=retain)
        answer = self._answers.get(timeout=PATIENCE_SECONDS)
        assert answer in (*SUCCESS, NOT_AUTHORISED)
        return answer in SUCCESS

    def listens(self, *filters: str) -> None:
        self._client.subscribe([(each, 1) for each in filters])
        self._answers.get(timeout=PATIENCE_SECONDS)

    def hears(self) -> tuple[str, bytes]:
        return self.heard.get(timeout=PATIENCE_SECONDS)

    def _on_connect(self, _c: Client, _u: object, _f: ConnectFlags, code: ReasonCode, _p: Properties | None) -> None:
        self._answers.put(code.value)

    def _on_disconnect(
        self, _c: Client, _u: object, _f: DisconnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        self._answers.put(code.value)

    def _on_publish(self, _c: Client, _u: object, _mid: int, code: ReasonCode, _p: Properties) -> None:
        self._answers.put(code.value)

    def _on_subscribe(self, _c: Client, _u: object, _mid: int, codes: list[ReasonCode], _p: Properties | None) -> None:
        self._answers.put(codes[0].value)

    def _on_message(self, _c: Client, _u: object, message: MQTTMessage) -> None:
        self.heard.put((message.topic, bytes(message.payload)))


def joined(made: MadeSite, root: Root) -> Device:
    return Device(link_settings(root, made.port), id_text(device_of(root)))


def door(made: MadeSite, root: Root) -> Door:
    settings = link_settings(root, made.port)
    return Door(settings.host, settings.port, settings.ca_file, settings.certificate_file, settings.key_file)


@pytest.mark.usefixtures("broker")
def test_mosquitto_takes_the_files_without_a_word(made: MadeSite) -> None:
    """A real mosquitto starts on the rendered files in a folder with a space, lets a device in, and warns of nothing
    but that this test may run it as root."""
    assert knock(door(made, made.kiosks[0])) == "TLSv1.3"
    log = (made.folder / "broker" / "mosquitto.log").read_text()
    assert f"u'{id_text(device_of(made.kiosks[0]))}'" in log
    before_the_first_client = log.partition("onnection from")[0].splitlines()[:-1]
    assert [line for line in before_the_first_client if "as root" not in line] == []


@pytest.mark.requirement("T7", "T8")
@pytest.mark.usefixtures("broker")
def test_kiosk_speaks_only_for_itself(made: MadeSite) -> None:
    """A kiosk may publish its own reports and presence, and is denied in every other name, on the sheet, as a desk, and
    under $SYS; what was denied reaches no desk."""
    topics, (kiosk, other), desk = Topics(made.id), made.kiosks, made.desks[0]
    with closing(joined(made, kiosk)) as speaker, closing(joined(made, desk)) as listener:
        listener.listens(*topics.desk_subscriptions(device_of(desk)))
        denied = [
            topics.up(device_of(other)),
            topics.presence(device_of(other)),
            topics.down(device_of(kiosk)),
            topics.down(device_of(other)),
            topics.desk(device_of(desk)),
            topics.desk(device_of(kiosk)),
            topics.sheet(),
            topics.directory(device_of(desk)),
            Topics(b"another-site-id!").up(device_of(kiosk)),
            "$SYS/broker/anything",
            "anything",
        ]
        assert [topic for topic in denied if speaker.says(topic, b"forged")] == []
        assert speaker.says(topics.up(device_of(kiosk)), b"mine")
        assert listener.hears() == (topics.up(device_of(kiosk)), b"mine")


@pytest.mark.requirement("T7")
@pytest.mark.usefixtures("broker")
def test_kiosk_hears_only_what_is_for_it(made: MadeSite) -> None:
    """Subscribed to everything, a kiosk hears its own answers and the sheet, and no report, desk note, presence, other
    kiosk's answer or statistics."""
    topics, (kiosk, other), desk = Topics(made.id), made.kiosks, made.desks[0]
    with (
        closing(joined(made, kiosk)) as eavesdropper,
        closing(joined(made, other)) as speaker,
        closing(joined(made, desk)) as office,
    ):
        eavesdropper.listens("#", topics.up_filter(), topics.down_filter(), topics.desk_filter(), "$SYS/#")
        assert speaker.says(topics.up(device_of(other)), b"report")
        assert speaker.says(topics.presence(device_of(other)), b"gone")
        assert office.says(topics.down(device_of(other)), b"answer")
        assert office.says(topics.desk(device_of(desk)), b"note")
        assert office.says(topics.down(device_of(kiosk)), b"for you")
        assert eavesdropper.hears() == (topics.down(device_of(kiosk)), b"for you")


@pytest.mark.usefixtures("broker")
def test_desk_answers_but_makes_no_report(made: MadeSite) -> None:
    """A desk may answer any kiosk, speak as itself and keep the sheet; it may not publish a report or speak as another
    desk, and does not hear what is sent down."""
    topics, kiosk, (desk, colleague) = Topics(made.id), made.kiosks[0], made.desks
    with closing(joined(made, desk)) as office, closing(joined(made, colleague)) as listener:
        listener.listens("#", topics.down_filter(), *topics.desk_subscriptions(device_of(colleague)))
        denied = [topics.up(device_of(kiosk)), topics.up(device_of(desk)), topics.desk(device_of(colleague))]
        denied += [topics.presence(device_of(kiosk)), topics.directory(device_of(desk))]
        assert [topic for topic in denied if office.says(topic, b"forged")] == []
        assert office.says(topics.down(device_of(kiosk)), b"answer")
        assert office.says(topics.sheet(), b"sheet", retain=True)
        assert office.says(topics.desk(device_of(desk)), b"note")
        assert listener.hears() == (topics.desk(device_of(desk)), b"note")
    with closing(joined(made, kiosk)) as latecomer:
        latecomer.listens(*topics.kiosk_subscriptions(device_of(kiosk)))
        assert latecomer.hears() == (topics.sheet(), b"sheet")


@pytest.mark.requirement("T1", "D9")
def test_revoked_kiosk_is_silenced_while_connected(tmp_path: Path) -> None:
    """After `revoke` and SIGHUP the next report of a kiosk that is still connected is denied; another's is not."""
    own = make_site(_empty(tmp_path / "fresh"), kiosks=2, people=())
    topics, (lost, kept) = Topics(own.id), own.kiosks
    with running_mosquitto(own) as process, closing(joined(own, lost)) as thief, closing(joined(own, kept)) as good:
        assert thief.says(topics.up(device_of(lost)))
        own.site.revoke(device_of(lost))
        process.send_signal(signal.SIGHUP)
        # A new device's certificate is taken by its ACL only once the broker has read the file again.
        record = own.site.add(DevicePlan(DeviceKind.KIOSK, "New room", ""), NOW, uuid4)
        process.send_signal(signal.SIGHUP)
        with closing(joined(own, own.site.root_of(record.id))) as newcomer:
            assert any(newcomer.says(topics.up(record.id)) for _ in range(TRIES))
        assert not thief.says(topics.up(device_of(lost)))
        assert good.says(topics.up(device_of(kept)))


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.requirement("D3")
@pytest.mark.usefixtures("broker")
def test_nobody_comes_in_without_this_sites_certificate(made: MadeSite, tmp_path: Path) -> None:
    """No certificate, another site's, and the broker's own server certificate are all turned away."""
    good = door(made, made.kiosks[0])
    other = make_site(_empty(tmp_path / "other"), people=(), port=made.port)
    foreign = door(other, other.kiosks[0])
    broker = made.folder / "broker"
    for certificate, key in (
        (foreign.certificate_file, foreign.key_file),
        (broker / "server.pem", broker / "server.key"),
    ):
        with pytest.raises(BadInput, match=r"TLS|closes"):
            knock(replace(good, certificate_file=certificate, key_file=key))
    context = ssl.create_default_context(cafile=str(good.ca_file))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _first_byte(context, made.port)


def _first_byte(context: ssl.SSLContext, port: int) -> bytes:
    with (
        socket.create_connection(("localhost", port), PATIENCE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.recv(1)


@pytest.mark.usefixtures("broker")
def test_older_tls_is_refused(made: MadeSite) -> None:
    """A client that speaks at most TLS 1.2 is turned away, with a good certificate too."""
    good = door(made, made.kiosks[0])
    context = ssl.create_default_context(cafile=str(good.ca_file))
    context.load_cert_chain(good.certificate_file, good.key_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _first_byte(context, made.port)


@pytest.mark.usefixtures("broker")
def test_probe_says_what_is_wrong(made: MadeSite, tmp_path: Path) -> None:
    """A wrong authority, a wrong name, a silent port and an unknown host each name their own mend."""
    good = door(made, made.kiosks[0])
    stranger = tmp_path / "ca.pem"
    stranger.write_bytes(make_authority("Stranger", NOW).certificate)
    with pytest.raises(BadInput, match="did not issue"):
        knock(replace(good, ca_file=stranger))
    with pytest.raises(BadInput, match="start the broker"):
        knock(replace(good, port=1))
    with pytest.raises(BadInput, match="no such name"):
        knock(replace(good, host="no-such-host.invalid"))


def test_probe_refuses_a_broker_of_another_name(tmp_path: Path) -> None:
    """A broker whose certificate is the site's, but for another name, is not trusted."""
    own = make_site(_empty(tmp_path / "own"), people=())
    keys = [(own.folder / "authority" / name).read_bytes() for name in ("ca.key", "ca.pem")]
    wrong = issue_server(KeyAndCertificate(*keys), ["elsewhere.example"], NOW)
    (own.folder / "broker" / "server.pem").write_bytes(wrong.certificate)
    (own.folder / "broker" / "server.key").write_bytes(wrong.key)
    with running_mosquitto(own), pytest.raises(BadInput, match="use the host name given to `site new`"):
        knock(door(own, own.kiosks[0]))
