"""A whole town presses within one second: every socket connected beforehand, one real desk, one broker.

The kiosks are a crowd in memory, in the desk's directory, each with its own TLS connection and client id; all show one
client certificate, which the throw-away broker lets speak for them. What is not answered is sent again as an outbox
would. Stamped from the publish to the receipt that its kiosk has verified.
"""

from __future__ import annotations

import heapq
import json
import selectors
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import SystemRandom
from statistics import median

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware import bundle, device
from firmware.clock import Clock
from firmware.identity import SigningKey, sign_part
from firmware.outbox import RESEND_JITTER, RESEND_SECONDS
from firmware.settings import Root
from firmware.tls import tls_context
from firmware.topics import Topics, id_text
from kiosk.bench.crowd import CrowdKiosk, Sealed, crowd, with_crowd
from kiosk.bench.echo import READY, say
from kiosk.bench.figures import CannotMeasure, percentile
from kiosk.bench.site import ISSUER_KEY, BenchSite, module, quietbell

WITHIN_SECONDS = 1.0
# After so long without *stored* we call it lost.
LOST_AFTER_SECONDS = 60.0
CONNECT_SECONDS = 60.0
KEEPALIVE_SECONDS = 120
_QOS = 1
_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class StormFigures:
    """Times from a kiosk's publish to the *stored* that it has verified."""

    kiosks: int
    lost: int
    sent_again: int
    median_s: float
    p99_s: float


def measure_storm(site: BenchSite, kiosks: int) -> StormFigures:
    """The broker runs; the crowd connects, then a desk is started that knows them all."""
    site.let_speak_for_all()
    words = (str(site.bare[0]), str(site.desk.path), str(site.folder), str(site.port), str(kiosks))
    storm = site.start(module("storm", *words), "storm", talk=True)
    try:
        if site.line(storm, "storm") != READY:
            raise CannotMeasure(f"the storm does not begin: {site.log('storm')}")
        desk = site.start([*quietbell(), "desk", "--root", str(site.desk.path)], "desk")
        site.wait_until_connected(site.desk, desk)
        try:
            return StormFigures(**json.loads(site.asked(storm, "storm")))
        finally:
            site.stop(desk)
    finally:
        site.stop(storm)


class Caller:
    """One kiosk on its own socket."""

    def __init__(self, kiosk: CrowdKiosk, sealed: Sealed, topics: Topics, context: ssl.SSLContext) -> None:
        self.kiosk, self.sealed = kiosk, sealed
        self._up, self._down = topics.up(kiosk.device), topics.down(kiosk.device)
        self.subscribed = False
        self.attempts = 0
        self._sent_at = 0.0
        self.took_s: float | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=id_text(kiosk.device), protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.tls_set_context(context)
        self._client.on_connect = lambda client, *_: client.subscribe(self._down, _QOS)
        self._client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self._client.on_message = self._on_message

    def connect(self, port: int) -> ssl.SSLSocket:
        """TCP and TLS are done when this returns."""
        self._client.connect("localhost", port, KEEPALIVE_SECONDS)
        line = self._client.socket()
        if not isinstance(line, ssl.SSLSocket):
            raise CannotMeasure("the broker does not take a kiosk of the storm")
        return line

    def read(self) -> None:
        """Everything that has come, including what TLS has decrypted already."""
        self._client.loop_read()
        while isinstance(line := self._client.socket(), ssl.SSLSocket) and line.pending():
            self._client.loop_read()
        if self._client.want_write():
            self._client.loop_write()

    def send(self) -> float:
        """Publish, first or again; returns after how many seconds without an answer it is to go again."""
        if self.attempts == 0:
            self._sent_at = time.perf_counter()
        wait = RESEND_SECONDS[min(self.attempts, len(RESEND_SECONDS) - 1)]
        self.attempts += 1
        self._client.publish(self._up, self.sealed.payload, qos=_QOS)
        return wait

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if self.took_s is None and self.kiosk.proves_stored(bytes(message.payload), self.sealed):
            self.took_s = time.perf_counter() - self._sent_at


class Storm:
    """All callers on one thread: one selector instead of a thread a socket."""

    def __init__(self, callers: Sequence[Caller], chance: SystemRandom) -> None:
        self._callers, self._chance = tuple(callers), chance
        self._selector = selectors.DefaultSelector()

    def gather(self, port: int) -> None:
        """Connect and subscribe everybody. Raises CannotMeasure when that does not come about."""
        for caller in self._callers:
            self._selector.register(caller.connect(port), selectors.EVENT_READ, caller)
            self._serve(0.0)
        until = time.perf_counter() + CONNECT_SECONDS
        while not all(caller.subscribed for caller in self._callers):
            self._serve(_LOOK_EVERY_SECONDS)
            if time.perf_counter() > until:
                raise CannotMeasure("not every kiosk of the storm could subscribe")

    def press(self) -> StormFigures:
        """Everybody within a second; returns when all are stored or one is lost."""
        began = time.perf_counter()
        due = [(began + self._chance.uniform(0, WITHIN_SECONDS), place) for place in range(len(self._callers))]
        heapq.heapify(due)
        while due and time.perf_counter() < began + LOST_AFTER_SECONDS:
            self._send_due(due)
            self._serve(min(_LOOK_EVERY_SECONDS, max(0.0, due[0][0] - time.perf_counter())) if due else 0.0)
        times = [LOST_AFTER_SECONDS if caller.took_s is None else caller.took_s for caller in self._callers]
        return StormFigures(
            kiosks=len(times),
            lost=sum(caller.took_s is None for caller in self._callers),
            sent_again=sum(caller.attempts - 1 for caller in self._callers),
            median_s=round(median(times), 3),
            p99_s=round(percentile(times, 99), 3),
        )

    def _send_due(self, due: list[tuple[float, int]]) -> None:
        while due and due[0][0] <= time.perf_counter():
            _, place = heapq.heappop(due)
            caller = self._callers[place]
            if caller.took_s is None:
                again_s = caller.send() * self._chance.uniform(1 - RESEND_JITTER, 1 + RESEND_JITTER)
                heapq.heappush(due, (time.perf_counter() + again_s, place))

    def _serve(self, wait_seconds: float) -> None:
        for key, _ in self._selector.select(wait_seconds):
            key.data.read()


def main(client: Path, desk: Path, site: Path, port: int, kiosks: int) -> None:
    """Make the crowd and its directory, connect, wait for the word on standard input, press."""
    sheet = device.load_sheet(Root(desk))
    people = crowd(kiosks, sheet)
    register = with_crowd(device.load_device_register(Root(desk)), people)
    issuer = SigningKey.from_bytes((site / ISSUER_KEY).read_bytes())
    (Root(desk).public / bundle.DEVICE_REGISTER).write_bytes(sign_part(register, [issuer]))
    public, secret = Root(client).public, Root(client).secret
    files = public / bundle.SITE_CA, public / bundle.DEVICE_CERTIFICATE, secret / bundle.DEVICE_KEY
    context, now = tls_context(*files, check_dates=True), Clock(floor_ms=0).now()
    topics = Topics(sheet.desks.site)
    storm = Storm([Caller(kiosk, kiosk.call(now), topics, context) for kiosk in people], SystemRandom())
    storm.gather(port)
    say(READY)
    sys.stdin.readline()
    say(json.dumps(asdict(storm.press())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
