"""Many kiosks in memory: their keys, their chains, and the reports that they seal.

Each seals with the product's own envelope and believes only what `open_down` proves; none has a ledger or a screen of
its own, because a school's thousand disks are not this machine's one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from firmware import envelope
from firmware.clock import Moment
from firmware.errors import Refused
from firmware.identity import (
    DeviceEntry,
    DeviceRegister,
    KemKey,
    Recipient,
    SealSheet,
    SigningKey,
)
from firmware.messages import NO_ID, Alert, Kind, Life, Receipt, Stage, Story, Urgency

ROUTE = "safeguarding"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One report, ready to be sent."""

    report: bytes
    digest: bytes
    payload: bytes


class CrowdKiosk:
    """One kiosk of many."""

    def __init__(self, number: int, sheet: SealSheet, to: envelope.SealTo) -> None:
        self.device = secrets.token_bytes(16)
        self.room = f"Room {number}"
        self._signing, self._kem = SigningKey.generate(), KemKey.generate()
        self._sheet, self._to = sheet, to
        self._number, self._previous, self._monotonic_ms = 0, b"", 0

    def entry(self) -> DeviceEntry:
        """How the directory names it."""
        return DeviceEntry(self.device, "kiosk", self.room, "", self._signing.public, self._kem.public, 1, True)

    def call(self, now: Moment) -> Sealed:
        """A silent call, sealed and signed; the next in its chain."""
        self._number += 1
        self._monotonic_ms = max(self._monotonic_ms + 1, now.monotonic_ms)
        report = secrets.token_bytes(16)
        blank = envelope.make_blank(
            site=self._sheet.desks.site,
            device=self.device,
            id=report,
            epoch=1,
            to=self._to,
            random_bytes=secrets.token_bytes,
        )
        alert = Alert(
            kind=Kind.SILENT_CALL,
            urgency=Urgency.NOW,
            private=False,
            room=self.room,
            language="en",
            about=NO_ID,
            life=Life(1, 1, self._monotonic_ms),
            wall_ms=now.wall_ms,
            clock=now.quality,
            number=self._number,
            previous=self._previous,
            receipts_held=(),
            desk_sheet_version=self._sheet.desks.version,
            route_sheet_version=self._sheet.routes.version,
            faults=(),
        )
        payload = envelope.fill(blank, alert, Story(route=ROUTE, room=self.room, source="button"), self._signing)
        self._previous = hashlib.sha256(payload).digest()
        return Sealed(report, self._previous, payload)

    def proves_stored(self, untrusted: bytes, sealed: Sealed) -> bool:
        """Whether a down envelope proves that a desk has this very report in its ledger."""
        try:
            _, down = envelope.open_down(
                untrusted,
                desk_signing=self._sheet.desk_signing,
                key=self._kem,
                site=self._sheet.desks.site,
                device=self.device,
            )
        except Refused:
            return False
        wanted = (Stage.STORED, sealed.report, sealed.digest)
        receipts = (item for item in down.items if isinstance(item, Receipt))
        return any((receipt.stage, receipt.report, receipt.digest) == wanted for receipt in receipts)


def crowd(count: int, sheet: SealSheet) -> list[CrowdKiosk]:
    """So many kiosks of one site."""
    routes = {route.name: Recipient(route.key) for route in sheet.routes.routes}
    to = envelope.SealTo(Recipient(sheet.desks.desk_key), routes[ROUTE], Recipient(sheet.routes.recovery_key))
    return [CrowdKiosk(number, sheet, to) for number in range(1, count + 1)]


def with_crowd(register: DeviceRegister, kiosks: Sequence[CrowdKiosk]) -> DeviceRegister:
    """The directory with all of them in it, one version newer."""
    entries = (*register.devices, *(kiosk.entry() for kiosk in kiosks))
    return DeviceRegister(version=register.version + 1, site=register.site, devices=entries)
