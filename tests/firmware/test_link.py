"""The link against a real mosquitto with real TLS 1.3, client certificates and the product's ACL."""

from __future__ import annotations

import os
import socket
import statistics
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from time import perf_counter

import pytest

from firmware.errors import BadSettings, ProgrammerError
from firmware.link import (
    PAYLOAD_MAX_BYTES,
    RECEIVE_MAXIMUM,
    WILL_PAYLOAD,
    Connected,
    Disconnected,
    Link,
    LinkEvent,
    LinkFault,
    LinkSettings,
    Received,
)
from firmware.topics import Topics, acl_rules, id_text
from tests.support.broker import Broker, ThrowAwayCa, handshake_version, running_broker
from tests.support.ear import PATIENCE_SECONDS, Ear, Hasty, open_link

SITE, KIOSK, DESK, STRANGER = (bytes([n]) * 16 for n in range(1, 5))
TOPICS = Topics(SITE)
RULES = acl_rules(SITE, [KIOSK], [DESK])


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> ThrowAwayCa:
    return ThrowAwayCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def broker(tmp_path: Path, ca: ThrowAwayCa) -> Iterator[Broker]:
    with running_broker(tmp_path, RULES, ca=ca) as broker:
        yield broker


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def kiosk_of(broker: Broker, closing: ExitStack) -> tuple[Link, Ear]:
    ear = Ear()
    link = open_link(
        broker.settings_for(KIOSK), id_text(KIOSK), ear, TOPICS.kiosk_subscriptions(KIOSK), TOPICS.presence(KIOSK)
    )
    closing.callback(link.stop)
    return link, ear


def desk_of(broker: Broker, closing: ExitStack) -> tuple[Link, Ear]:
    ear = Ear()
    link = open_link(
        broker.settings_for(DESK), id_text(DESK), ear, TOPICS.desk_subscriptions(DESK), TOPICS.presence(DESK)
    )
    closing.callback(link.stop)
    return link, ear


def test_bytes_arrive_as_they_were_sent(broker: Broker, closing: ExitStack) -> None:
    """Kiosk to desk and back, any bytes, up to the largest payload."""
    (kiosk, kiosk_ear), (desk, desk_ear) = kiosk_of(broker, closing), desk_of(broker, closing)
    kiosk_ear.next(Connected)
    desk_ear.next(Connected)
    for payload in (bytes(range(256)), b"\0", os.urandom(PAYLOAD_MAX_BYTES)):
        assert kiosk.publish(TOPICS.up(KIOSK), payload)
        up = desk_ear.next(Received)
        assert (up.topic, up.payload) == (TOPICS.up(KIOSK), payload)
        desk.acknowledge(up.token)
    assert desk.publish(TOPICS.down(KIOSK), b"answer")
    assert kiosk_ear.next(Received).payload == b"answer"


def test_the_path_is_quick(broker: Broker, closing: ExitStack) -> None:
    """Publish to receive takes milliseconds: with Nagle's algorithm or a sleeping network thread it would take 40."""
    (kiosk, kiosk_ear), (desk, desk_ear) = kiosk_of(broker, closing), desk_of(broker, closing)
    kiosk_ear.next(Connected)
    desk_ear.next(Connected)
    took_seconds = []
    for _ in range(50):
        began = perf_counter()
        kiosk.publish(TOPICS.up(KIOSK), bytes(6_000))
        desk.acknowledge(desk_ear.next(Received).token)
        took_seconds.append(perf_counter() - began)
    assert statistics.median(took_seconds) < 0.02


def test_the_socket_has_no_nagle(broker: Broker, closing: ExitStack) -> None:
    """TCP_NODELAY is set on the very socket that leads to the broker."""
    _, ear = kiosk_of(broker, closing)
    ear.next(Connected)
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as line:
            if line.family == socket.AF_INET and line.getpeername()[1] == broker.port:
                found.append(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    assert found == [1]


def test_publishing_without_a_connection_says_no(broker: Broker) -> None:
    """Nothing is queued for later: the outbox sends again."""
    ear = Ear()
    link = Link(
        broker.settings_for(KIOSK),
        client_id=id_text(KIOSK),
        subscriptions=(),
        will_topic=None,
        on_event=ear.take,
        random=Hasty(1),
    )
    assert not link.publish(TOPICS.up(KIOSK), b"too early")
    link.start()
    ear.next(Connected)
    broker.kill()
    ear.next(Disconnected)
    assert not link.publish(TOPICS.up(KIOSK), b"nobody there")
    link.stop()
    assert not link.publish(TOPICS.up(KIOSK), b"too late")


def test_too_large_a_payload_never_leaves(broker: Broker, closing: ExitStack) -> None:
    """One byte over the limit is a programmer's error, not a packet."""
    link, ear = kiosk_of(broker, closing)
    ear.next(Connected)
    with pytest.raises(ProgrammerError):
        link.publish(TOPICS.up(KIOSK), bytes(PAYLOAD_MAX_BYTES + 1))


@pytest.mark.parametrize("round_trips", [3])
def test_a_killed_and_wiped_broker_is_found_again(broker: Broker, closing: ExitStack, round_trips: int) -> None:
    """SIGKILL, its disk gone, started anew, again and again: both sides return by themselves and carry on."""
    (kiosk, kiosk_ear), (desk, desk_ear) = kiosk_of(broker, closing), desk_of(broker, closing)
    for number in range(round_trips):
        kiosk_ear.next(Connected)
        desk_ear.next(Connected)
        assert kiosk.publish(TOPICS.up(KIOSK), f"report {number}".encode())
        message = desk_ear.next(Received)
        assert message.payload == f"report {number}".encode()
        desk.acknowledge(message.token)
        broker.kill()
        broker.wipe()
        kiosk_ear.next(Disconnected)
        broker.start()


def test_a_frozen_broker_is_noticed(broker: Broker, closing: ExitStack) -> None:
    """A broker that keeps the line open and says nothing is left after the keepalive, and found again when it thaws."""
    ear = Ear()
    link = open_link(replace(broker.settings_for(KIOSK), keepalive_seconds=1), id_text(KIOSK), ear)
    closing.callback(link.stop)
    ear.next(Connected)
    broker.freeze()
    ear.next(Disconnected)
    broker.thaw()
    ear.next(Connected)


@pytest.mark.parametrize("defect", [ValueError("defect"), SystemExit(1)])
def test_a_taker_that_raises_cannot_kill_the_link(
    broker: Broker, closing: ExitStack, caplog: pytest.LogCaptureFixture, defect: BaseException
) -> None:
    """The message is not acknowledged, the connection is dropped and made again, a LinkFault tells, the log has the
    traceback, and the same message comes once more: a retained one from the broker, any other from its outbox."""
    desk, desk_ear = desk_of(broker, closing)
    desk_ear.next(Connected)
    ear, failed = Ear(), threading.Event()

    def fail_once(event: LinkEvent) -> None:
        if isinstance(event, Received) and not failed.is_set():
            failed.set()
            raise defect
        ear.take(event)

    link = Link(
        broker.settings_for(KIOSK),
        client_id=id_text(KIOSK),
        subscriptions=TOPICS.kiosk_subscriptions(KIOSK),
        will_topic=None,
        on_event=fail_once,
        random=Hasty(1),
    )
    link.start()
    closing.callback(link.stop)
    ear.next(Connected)
    assert desk.publish(TOPICS.sheet(), b"sheet", retain=True)
    assert type(defect).__name__ in ear.next(LinkFault).what
    ear.next(Disconnected)
    ear.next(Connected)
    again = ear.next(Received)
    assert again.payload == b"sheet"
    link.acknowledge(again.token)
    assert desk.publish(TOPICS.down(KIOSK), b"sent again by its outbox")
    assert ear.next(Received).payload == b"sent again by its outbox"
    assert any(record.exc_info for record in caplog.records)


def test_a_taker_that_always_raises_does_not_end_the_thread(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Even LinkFault and Disconnected being refused leaves the thread trying, and every refusal is in the log."""
    calls, enough = [], threading.Event()

    def always_fail(event: LinkEvent) -> None:
        calls.append(type(event))
        if calls.count(Connected) == 3:
            enough.set()
        raise RuntimeError("defect")

    link = Link(
        broker.settings_for(KIOSK),
        client_id=id_text(KIOSK),
        subscriptions=(),
        will_topic=None,
        on_event=always_fail,
        random=Hasty(1),
    )
    link.start()
    assert enough.wait(PATIENCE_SECONDS)
    link.stop()
    assert {Connected, LinkFault, Disconnected} <= set(calls)
    assert sum("not taken" in record.message for record in caplog.records) >= len(calls) - 1


def test_the_broker_hears_of_an_acknowledgement_only_when_we_give_it(broker: Broker, closing: ExitStack) -> None:
    """Unacknowledged, the agreed window comes and no more; acknowledged from several threads, each token twice, all
    come, in order."""
    (kiosk, kiosk_ear), (desk, desk_ear) = kiosk_of(broker, closing), desk_of(broker, closing)
    kiosk_ear.next(Connected)
    desk_ear.next(Connected)
    sent = [str(number).encode() for number in range(RECEIVE_MAXIMUM + 200)]
    for payload in sent:
        assert kiosk.publish(TOPICS.up(KIOSK), payload)
    window = [desk_ear.next(Received) for _ in range(RECEIVE_MAXIMUM)]
    with pytest.raises(AssertionError, match="no Received"):
        desk_ear.next(Received, patience_seconds=0.3)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(desk.acknowledge, [message.token for message in window * 2]))
    heard = [message.payload for message in window]
    while len(heard) < len(sent):
        message = desk_ear.next(Received)
        heard.append(message.payload)
        desk.acknowledge(message.token)
    assert heard == sent


def test_a_token_of_an_older_session_does_nothing(broker: Broker, closing: ExitStack) -> None:
    """After a reconnect the same message id may mean another message: the old token must not acknowledge it."""
    (kiosk, kiosk_ear), (desk, desk_ear) = kiosk_of(broker, closing), desk_of(broker, closing)
    kiosk_ear.next(Connected)
    desk_ear.next(Connected)
    kiosk.publish(TOPICS.up(KIOSK), b"before")
    old = desk_ear.next(Received)
    broker.restart()
    for ear in (kiosk_ear, desk_ear):
        ear.next(Disconnected)
        ear.next(Connected)
    kiosk.publish(TOPICS.up(KIOSK), b"after")
    new = desk_ear.next(Received)
    assert old.token != new.token
    assert old.token & 0xFFFF == new.token & 0xFFFF
    for token in (old.token, old.token, 0, 2**40, new.token, new.token):
        desk.acknowledge(token)
    kiosk.publish(TOPICS.up(KIOSK), b"still there")
    assert desk_ear.next(Received).payload == b"still there"


def test_a_denied_publish_is_told_and_harms_nothing(broker: Broker, closing: ExitStack) -> None:
    """The broker's ACL says no: a LinkFault names the topic, once a session, and the connection goes on."""
    (kiosk, kiosk_ear), (desk, desk_ear) = kiosk_of(broker, closing), desk_of(broker, closing)
    kiosk_ear.next(Connected)
    desk_ear.next(Connected)
    for _ in range(3):
        assert kiosk.publish(TOPICS.up(STRANGER), b"as somebody else")
    assert kiosk.publish(TOPICS.up(KIOSK), b"as myself")
    assert desk_ear.next(Received).payload == b"as myself"
    assert TOPICS.up(STRANGER) in kiosk_ear.next(LinkFault).what
    desk.publish(TOPICS.down(KIOSK), b"end")
    assert kiosk_ear.next(Received).payload == b"end"
    assert not [event for event in kiosk_ear.passed if isinstance(event, LinkFault | Disconnected)]


def test_a_removed_kiosk_is_denied_at_the_next_publish(broker: Broker, closing: ExitStack) -> None:
    """Revoking is taking the ACL line away: after SIGHUP the live session's publishes reach nobody."""
    (kiosk, kiosk_ear), (_, desk_ear) = kiosk_of(broker, closing), desk_of(broker, closing)
    kiosk_ear.next(Connected)
    desk_ear.next(Connected)
    broker.write_acl(acl_rules(SITE, [], [DESK]))
    broker.reload()
    deadline = perf_counter() + PATIENCE_SECONDS
    # The signal is handled when mosquitto comes to it; publish until it says no.
    while not [event for event in kiosk_ear.passed if isinstance(event, LinkFault)]:
        assert perf_counter() < deadline
        kiosk.publish(TOPICS.up(KIOSK), b"stolen")
        with suppress(AssertionError):
            kiosk_ear.passed.append(kiosk_ear.next(LinkFault, patience_seconds=0.05))


def test_the_last_word_is_spoken_for_a_link_that_breaks_and_not_for_one_that_parts(
    broker: Broker, closing: ExitStack
) -> None:
    """A dropped session publishes the presence topic; `stop` does not."""
    _, desk_ear = desk_of(broker, closing)
    desk_ear.next(Connected)
    parting, parting_ear = kiosk_of(broker, closing)
    parting_ear.next(Connected)
    parting.stop()

    def refuse(event: LinkEvent) -> None:
        raise RuntimeError("defect")

    breaking = Link(
        broker.settings_for(DESK),
        client_id=id_text(KIOSK) + "-breaking",
        subscriptions=(),
        will_topic=TOPICS.presence(DESK),
        on_event=refuse,
        random=Random(1),
    )
    breaking.start()
    closing.callback(breaking.stop)
    last_word = desk_ear.next(Received)
    assert (last_word.topic, last_word.payload) == (TOPICS.presence(DESK), WILL_PAYLOAD)


def test_stop_ends_the_thread_at_once_whatever_it_does(broker: Broker, closing: ExitStack) -> None:
    """Connected or waiting out a long pause, the thread is gone when stop returns, and nothing is told afterwards."""
    for kill_first in (False, True):
        ear = Ear()
        link = Link(
            broker.settings_for(KIOSK),
            client_id=id_text(KIOSK),
            subscriptions=(),
            will_topic=None,
            on_event=ear.take,
            random=Random(7),
        )
        link.start()
        ear.next(Connected)
        if kill_first:
            broker.kill()
            ear.next(Disconnected)
        began = perf_counter()
        link.stop()
        assert perf_counter() - began < 2.0
        assert not [thread for thread in threading.enumerate() if thread.name == "link"]
        assert ear.waiting() == 0
        link.stop()


def test_a_link_is_started_once(broker: Broker, closing: ExitStack) -> None:
    """A second start would make two threads for one name."""
    link, _ = kiosk_of(broker, closing)
    with pytest.raises(ProgrammerError):
        link.start()


# -- who may talk to whom ---------------------------------------------------------------------------------------------


def test_a_broker_of_another_authority_is_refused(broker: Broker, tmp_path: Path, closing: ExitStack) -> None:
    """A look-alike broker never gets a byte of ours, with dates checked or not."""
    other = ThrowAwayCa(tmp_path / "other")
    for check_dates in (True, False):
        settings = replace(broker.settings_for(KIOSK, check_dates=check_dates), ca_file=other.certificate_file)
        assert_refused(settings, "certificate verify failed", closing)


def test_a_broker_of_another_name_is_refused(tmp_path: Path, ca: ThrowAwayCa, closing: ExitStack) -> None:
    """The right authority on the wrong host is refused, with dates checked or not."""
    server = ca.issue_server(names=["elsewhere.example"])
    with running_broker(tmp_path, RULES, ca=ca, server=server) as broker:
        for check_dates in (True, False):
            assert_refused(broker.settings_for(KIOSK, check_dates=check_dates), "mismatch", closing)


def test_a_device_of_another_authority_is_refused(broker: Broker, tmp_path: Path, closing: ExitStack) -> None:
    """The broker takes nobody whose certificate our authority did not sign."""
    forged = ThrowAwayCa(tmp_path / "other").issue_client(id_text(KIOSK))
    settings = replace(broker.settings_for(KIOSK), certificate_file=forged.certificate_file, key_file=forged.key_file)
    assert_refused(settings, "", closing)


@pytest.mark.parametrize("when", ["expired", "not yet valid"])
def test_dates_are_checked_only_when_the_time_is_known(
    tmp_path: Path, ca: ThrowAwayCa, closing: ExitStack, when: str
) -> None:
    """A certificate outside its dates is refused; a kiosk that does not know the time connects to it all the same, and
    stops doing so once it knows the time."""
    server = ca.issue_expired_server() if when == "expired" else ca.issue_future_server()
    with running_broker(tmp_path, RULES, ca=ca, server=server) as broker:
        assert_refused(broker.settings_for(KIOSK), when, closing)
        ear = Ear()
        link = open_link(broker.settings_for(KIOSK, check_dates=False), id_text(KIOSK), ear)
        closing.callback(link.stop)
        ear.next(Connected)
        link.trust_clock()
        broker.restart()
        ear.next(Disconnected, containing=when)


def test_the_broker_of_the_tests_speaks_nothing_older_than_tls_1_3(broker: Broker) -> None:
    """Real TLS 1.3 on the other side, so that what passes here passes there."""
    assert handshake_version(broker.settings_for(KIOSK)) is None


def assert_refused(settings: LinkSettings, why: str, closing: ExitStack) -> None:
    """Three attempts in a row fail, for this reason, and none connects."""
    ear = Ear()
    link = open_link(settings, id_text(KIOSK), ear)
    closing.callback(link.stop)
    for _ in range(3):
        ear.next(Disconnected, containing=why)
    link.stop()
    assert not [event for event in ear.passed if isinstance(event, Connected)]


# -- its own files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["ca_file", "certificate_file", "key_file"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN RUBBISH-----\n"])
def test_a_bad_file_is_named_at_the_start(tmp_path: Path, ca: ThrowAwayCa, field: str, content: bytes | None) -> None:
    """Missing, empty or rubbish: start says which file, in one line, and no thread begins."""
    issued = ca.issue_client("kiosk")
    bad = tmp_path / "bad.pem"
    if content is not None:
        bad.write_bytes(content)
    good = LinkSettings("localhost", 1, ca.certificate_file, issued.certificate_file, issued.key_file)
    settings = {
        "ca_file": replace(good, ca_file=bad),
        "certificate_file": replace(good, certificate_file=bad),
        "key_file": replace(good, key_file=bad),
    }[field]
    link = Link(
        settings,
        client_id="kiosk",
        subscriptions=(),
        will_topic=None,
        on_event=lambda event: None,
        random=Hasty(1),
    )
    with pytest.raises(BadSettings) as caught:
        link.start()
    assert "\n" not in str(caught.value)
    assert caught.value.file == str(bad)
    link.stop()


def test_a_certificate_that_vanishes_later_is_a_fault_and_heals(broker: Broker, closing: ExitStack) -> None:
    """While the files are being renewed the link tells of it and goes on trying; each connection reads them anew."""
    settings = broker.settings_for(KIOSK)
    ear = Ear()
    link = open_link(settings, id_text(KIOSK), ear)
    closing.callback(link.stop)
    ear.next(Connected)
    away = settings.key_file.rename(settings.key_file.with_suffix(".away"))
    broker.restart()
    assert str(settings.key_file) in ear.next(LinkFault).what
    away.rename(settings.key_file)
    ear.next(Connected)
