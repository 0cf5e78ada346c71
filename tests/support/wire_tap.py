"""Stands where a hostile broker stands: writes down what a kiosk sends, plays it back, hears what desks answer.

A tap uses the certificates of real devices, since the broker lets in nobody else; it opens envelopes only to tell a
test which is which.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from firmware import bundle, device, envelope
from firmware.identity import KemKey
from firmware.link import Connected, Link, Received
from firmware.messages import Alert, Down, Kind
from firmware.settings import load_device
from firmware.topics import Topics, id_text
from tests.support.ear import Ear, open_link
from tests.support.fault_site import Device, FaultSite
from tests.support.site import link_settings


@dataclass(frozen=True)
class Heard:
    """One up envelope, and what it was."""

    payload: bytes
    id: bytes
    alert: Alert

    @property
    def is_heartbeat(self) -> bool:
        return self.alert.kind is Kind.HEARTBEAT


class WireTap:
    """Hears one kiosk's envelopes as a desk would, and speaks as the kiosk itself would."""

    def __init__(self, site: FaultSite, desk: Device) -> None:
        kiosk = site.kiosk
        self._kiosk, self._site = kiosk, site.made.id
        self._topics = Topics(self._site)
        self._desk_key = KemKey.from_bytes((desk.root.secret / bundle.DESK_KEM_KEY).read_bytes())
        self._ups, self._downs = Ear(), Ear()
        port = site.made.port
        self._listener = open_link(
            link_settings(desk.root, port), f"{id_text(desk.id)}-tap", self._ups, (self._topics.up(kiosk.id),)
        )
        self._ups.next(Connected)
        self._player: Link | None = None
        self._port = port
        self.heard: list[Heard] = []

    def next(self) -> Heard:
        """The next envelope of the kiosk."""
        received = self._ups.next(Received, patience_seconds=60.0)
        self._listener.acknowledge(received.token)
        up = envelope.parse_up(received.payload)
        found = Heard(received.payload, up.header.id, envelope.open_alert(up, self._desk_key))
        self.heard.append(found)
        return found

    def speak(self) -> None:
        """From now on `play` and `next_answer` work, with the kiosk's own certificate."""
        down = (self._topics.down(self._kiosk.id),)
        settings = link_settings(self._kiosk.root, self._port)
        self._player = open_link(settings, f"{id_text(self._kiosk.id)}-tap", self._downs, down)
        self._downs.next(Connected)

    def play(self, payload: bytes) -> None:
        assert self._player is not None, "speak first"
        assert self._player.publish(self._topics.up(self._kiosk.id), payload)

    def next_answer(self) -> Down:
        """The next down envelope to the kiosk, opened with its own key."""
        assert self._player is not None, "speak first"
        received = self._downs.next(Received)
        self._player.acknowledge(received.token)
        identity = device.load_kiosk(self._kiosk.root, load_device(self._kiosk.root))
        signing = device.load_sheet(self._kiosk.root).desk_signing
        _, down = envelope.open_down(
            received.payload, desk_signing=signing, key=identity.kem, site=self._site, device=self._kiosk.id
        )
        return down

    def stop(self) -> None:
        self._listener.stop()
        if self._player is not None:
            self._player.stop()


@contextmanager
def tapped(site: FaultSite, desk: Device) -> Iterator[WireTap]:
    """A tap with this desk's certificate."""
    tap = WireTap(site, desk)
    try:
        yield tap
    finally:
        tap.stop()
