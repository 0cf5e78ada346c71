"""What a kiosk seals with: its identity, the newest seal sheet, and blanks made ready before anybody presses.

Owns which sheet is believed (the newer of bundle and ledger, each part signed by those who may) and the public keys in
it. Knows nothing of sending.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from firmware import envelope
from firmware.errors import Refused, StoreFault
from firmware.identity import (
    READERS_NEEDED,
    DeskSheet,
    KemKey,
    Recipient,
    RouteSheet,
    SealSheet,
    SigningKey,
    read_part,
    reader_keys,
)
from firmware.ledger import Ledger
from firmware.messages import Struct, decode, encode

_log = logging.getLogger("quietbell.sealer")

# One for the press and one for its first addition; more are made while the kiosk is idle.
BLANKS_READY = 2
_DESKS, _ROUTES = "desk_sheet", "route_sheet"


class SheetPair(Struct, frozen=True):
    """What the retained sheet topic carries: both signed parts."""

    desk_sheet: bytes
    route_sheet: bytes


def sheet_payload(desk_sheet: bytes, route_sheet: bytes) -> bytes:
    """The bytes for the retained sheet topic."""
    return encode(SheetPair(desk_sheet, route_sheet))


@dataclass(frozen=True, slots=True)
class KioskIdentity:
    """Who this kiosk is. `issuer` is the technician's public signing key, pinned at provisioning."""

    site: bytes
    device: bytes
    epoch: int
    room: str
    issuer: bytes
    signing: SigningKey
    kem: KemKey


class Sealer:
    """Blanks for one kiosk, always under the newest sheet."""

    def __init__(
        self,
        identity: KioskIdentity,
        *,
        sheet: SealSheet,
        ledger: Ledger,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """`sheet` is the bundle's; the one kept in the ledger is used instead when it is newer."""
        self._me, self._ledger, self._random_bytes = identity, ledger, random_bytes
        self._blanks: dict[str, list[envelope.Blank]] = {}
        self.route_missing = False
        self.sheet = sheet
        self._use(self._kept_or(sheet))
        # Held from the first start on: a bundle that comes later cannot put other readers in these ones' place.
        self._keep(self.sheet)

    def desk_ids(self) -> tuple[bytes, ...]:
        return tuple(entry.id for entry in self.sheet.desks.desks)

    def blank(self, route: str) -> envelope.Blank:
        """A blank whose story one route can read; made ready before if possible."""
        ready = self._blanks.get(route)
        return ready.pop() if ready else self.make_blank(route)

    def make_blank(self, route: str) -> envelope.Blank:
        """A new blank: three key encapsulations."""
        to = self._route_to.get(route)
        if to is None:
            # A site without this route must not show the story to other readers instead: perhaps it is about one of
            # them. Only the off-line recovery key opens it, and the missing route is a fault that desks show.
            to = self._recovery_to
            self.route_missing = True
            _log.error("route-missing", extra={"route": route})
        return envelope.make_blank(
            site=self._me.site,
            device=self._me.device,
            id=self._random_bytes(16),
            epoch=self._me.epoch,
            to=envelope.SealTo(self._alert_to, to, self._recovery_to),
            random_bytes=self._random_bytes,
        )

    def refill(self) -> bool:
        """Make at most one blank, so that a tick stays short; False when none was missing."""
        for route in self._route_to:
            ready = self._blanks.setdefault(route, [])
            if len(ready) < BLANKS_READY:
                ready.append(self.make_blank(route))
                return True
        return False

    def adopt(self, untrusted: bytes) -> SealSheet | None:
        """Take up a sheet from the wire (durable after the ledger's commit); None when it is the one we have.

        Raises Refused: "malformed", "not-signed", "old-version", "wrong-address", …; StoreFault: it was not taken up.
        """
        pair = decode(untrusted, SheetPair)
        sheet = self._check(pair)
        if _versions(sheet) == _versions(self.sheet):
            return None
        held = self.sheet
        self._use(sheet)
        try:
            self._keep(sheet)
        except StoreFault:
            # Else the same sheet would be no news when it comes again, and its desks never believed.
            self._use(held)
            raise
        return sheet

    def _keep(self, sheet: SealSheet) -> None:
        for name, content in ((_DESKS, encode(sheet.desks)), (_ROUTES, encode(sheet.routes))):
            if self._ledger.note(name) != content:
                self._ledger.set_note(name, content)

    def _use(self, sheet: SealSheet) -> None:
        # All keys are parsed before anything changes: a sheet with a bad key leaves the old one in use.
        alert, recovery = Recipient(sheet.desks.desk_key), Recipient(sheet.routes.recovery_key)
        routes = {entry.name: Recipient(entry.key) for entry in sheet.routes.routes}
        self.sheet = sheet
        self._blanks.clear()
        self.route_missing = False
        self._alert_to, self._recovery_to, self._route_to = alert, recovery, routes

    def _kept_or(self, bundled: SealSheet) -> SealSheet:
        """The newer of each part. What is kept was verified when it came, against the readers of that time: their
        signatures could not be checked again from the bundle, whose readers may all have left since."""
        desks, routes = self._ledger.note(_DESKS), self._ledger.note(_ROUTES)
        if desks is None or routes is None:
            return bundled
        try:
            kept = SealSheet(decode(desks, DeskSheet), decode(routes, RouteSheet))
        except Refused as refusal:
            _log.error("kept-sheet-not-used", extra={"reason": refusal.reason})
            return bundled
        return SealSheet(
            kept.desks if kept.desks.version > bundled.desks.version else bundled.desks,
            kept.routes if kept.routes.version > bundled.routes.version else bundled.routes,
        )

    def _check(self, pair: SheetPair) -> SealSheet:
        held = self.sheet
        desks = read_part(
            pair.desk_sheet, DeskSheet, trusted={self._me.issuer}, needed=1, at_least_version=held.desks.version
        )
        routes = read_part(
            pair.route_sheet,
            RouteSheet,
            trusted=reader_keys(held.routes),
            needed=READERS_NEEDED,
            at_least_version=held.routes.version,
        )
        if desks.site != self._me.site or routes.site != self._me.site:
            raise Refused("wrong-address")
        return SealSheet(desks, routes)


def kept_routes(ledger: Ledger, site: bytes) -> RouteSheet | None:
    """The readers and routes that this kiosk holds; None before its first start at this site."""
    kept = ledger.note(_ROUTES)
    try:
        routes = None if kept is None else decode(kept, RouteSheet)
    except Refused as refusal:
        _log.error("kept-sheet-not-used", extra={"reason": refusal.reason})
        return None
    return routes if routes is not None and routes.site == site else None


def _versions(sheet: SealSheet) -> tuple[int, int]:
    return sheet.desks.version, sheet.routes.version
