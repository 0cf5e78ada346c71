"""A device's bundle, loaded and checked: who it is, which sheets it holds, how it reaches the broker.

Turns the files of `bundle/` (see `bundle` for their names) into the frozen identities that courier and reception take.
Everything wrong names the file and the mend. Reads only; opens no store and no socket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from firmware import bundle
from firmware.byod import Byod, parse_byod
from firmware.errors import BadSettings, Refused, StoreFault
from firmware.identity import (
    KEM_SEED_BYTES,
    READERS_NEEDED,
    SIGNING_SEED_BYTES,
    DeskSheet,
    DeviceRegister,
    KemKey,
    ReaderRegister,
    RouteSheet,
    SealSheet,
    SigningKey,
    portal_claim,
    profile_claim,
    read_founding,
    read_part,
    reader_keys,
    verify,
)
from firmware.link import LinkSettings
from firmware.profile import Profile, parse_profile
from firmware.reception import DeskIdentity
from firmware.sealer import KioskIdentity
from firmware.settings import DeviceKind, DeviceSettings, Root
from firmware.vouchers import VOUCHER_KEY_BYTES

_log = logging.getLogger("quietbell.device")

_FROM_BUNDLE = "copy the device's bundle here again"
_PUBLIC_KEY_BYTES = 32

_T = TypeVar("_T")


def make_folders(root: Root) -> None:
    """Store and run folder, where there are none yet. Raises StoreFault."""
    for folder in (root.store, root.run):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            mend = "remove what stands in its place, or mend its folder's owner and mode"
            raise StoreFault(f"{folder}: cannot be made ({problem.strerror}); {mend}") from problem


def expect_kind(settings: DeviceSettings, kind: DeviceKind, root: Root) -> None:
    """Raises BadSettings when this bundle is for another kind of unit."""
    if settings.kind is not kind:
        raise BadSettings(root.public / bundle.DEVICE_TOML, "device.kind", f'is "{settings.kind}"; use a {kind} bundle')


def load_kiosk(root: Root, settings: DeviceSettings) -> KioskIdentity:
    """Raises BadSettings for a file that is missing, unreadable or of the wrong size."""
    return KioskIdentity(
        site=settings.site,
        device=settings.id,
        epoch=settings.epoch,
        room=settings.room,
        issuer=load_issuer(root),
        signing=_signing_key(root),
        kem=KemKey.from_bytes(_exactly(root.secret / bundle.KEM_KEY, KEM_SEED_BYTES)),
    )


def load_desk(root: Root, settings: DeviceSettings) -> DeskIdentity:
    """Raises BadSettings as `load_kiosk` does."""
    return DeskIdentity(
        site=settings.site,
        desk=settings.id,
        epoch=settings.epoch,
        signing=_signing_key(root),
        desk_key=KemKey.from_bytes(_exactly(root.secret / bundle.DESK_KEM_KEY, KEM_SEED_BYTES)),
    )


def load_issuer(root: Root) -> bytes:
    """The technician's public signing key, pinned when the bundle was made."""
    return _exactly(root.public / bundle.ISSUER, _PUBLIC_KEY_BYTES)


def load_sheet(root: Root, *, held: RouteSheet | None = None) -> SealSheet:
    """The seal sheet that came with the bundle.

    `held`: the readers and routes that this device has had already. Whoever makes bundles cannot replace them; only two
    of those readers can, else the held ones stay in force.

    Raises BadSettings when a part is missing or not signed by those who may; without readers nothing can be sealed.
    """
    issuer = load_issuer(root)
    desks = _part(root.public / bundle.DESK_SHEET, lambda raw: read_part(raw, DeskSheet, trusted={issuer}, needed=1))
    path = root.public / bundle.ROUTE_SHEET
    if not path.exists():
        mend = "is missing: make two readers at the desk (quietbell reader new), adopt them (quietbell site adopt)"
        raise BadSettings(path, "", f"{mend} and copy the bundle again")
    routes = _part(path, lambda raw: read_founding(raw, RouteSheet))
    return SealSheet(desks, routes if held is None else _newer(path, held))


def _newer(path: Path, held: RouteSheet) -> RouteSheet:
    """The bundle's readers and routes when two of the held readers have signed them and they are newer."""
    try:
        found = read_part(_bytes(path), RouteSheet, trusted=reader_keys(held), needed=READERS_NEEDED)
    except Refused as refusal:
        _log.error("bundle-readers-not-used", extra={"reason": refusal.reason})
        return held
    return found if found.version > held.version else held


def load_profile(root: Root) -> Profile:
    """The site profile, which the issuer has signed.

    Raises BadSettings when it is missing, wrong, or changed since it was issued.
    """
    path, signed = root.public / bundle.PROFILE, root.public / bundle.PROFILE_SIGNATURE
    text = _bytes(path)
    if not verify(load_issuer(root), _bytes(signed), profile_claim(text)):
        made_by = f"{bundle.PROFILE_SIGNATURE} and {bundle.ISSUER}"
        raise BadSettings(path, "", f"is not as it was issued, going by {made_by}; {_FROM_BUNDLE}")
    return parse_profile(text.decode(errors="replace"), str(path))


def load_byod(root: Root) -> Byod | None:
    """The site's rules for people's own devices, which the issuer has signed; None where this is no portal.

    Raises BadSettings when they are wrong, or changed since they were issued.
    """
    path, signed = root.public / bundle.PORTAL, root.public / bundle.PORTAL_SIGNATURE
    if not path.exists():
        return None
    text = _bytes(path)
    if not verify(load_issuer(root), _bytes(signed), portal_claim(text)):
        made_by = f"{bundle.PORTAL_SIGNATURE} and {bundle.ISSUER}"
        raise BadSettings(path, "", f"is not as it was issued, going by {made_by}; {_FROM_BUNDLE}")
    return parse_byod(text.decode(errors="replace"), str(path))


def load_voucher_key(root: Root) -> bytes | None:
    """What the site's vouchers are checked with; None where there are none. Raises BadSettings."""
    path = root.secret / bundle.VOUCHER_KEY
    return _exactly(path, VOUCHER_KEY_BYTES) if _is_there(path) else None


def load_device_register(root: Root) -> DeviceRegister:
    issuer = load_issuer(root)
    path = root.public / bundle.DEVICE_REGISTER
    return _part(path, lambda raw: read_part(raw, DeviceRegister, trusted={issuer}, needed=1))


def load_reader_register(root: Root) -> ReaderRegister | None:
    """The readers and their wrapped route keys; None before the first two have been made."""
    path = root.public / bundle.READER_REGISTER
    return _part(path, lambda raw: read_founding(raw, ReaderRegister)) if path.exists() else None


def link_settings(root: Root, settings: DeviceSettings, *, check_dates: bool) -> LinkSettings:
    return LinkSettings(
        host=settings.broker.host,
        port=settings.broker.port,
        ca_file=root.public / bundle.SITE_CA,
        certificate_file=root.public / bundle.DEVICE_CERTIFICATE,
        key_file=root.secret / bundle.DEVICE_KEY,
        check_dates=check_dates,
    )


def _signing_key(root: Root) -> SigningKey:
    return SigningKey.from_bytes(_exactly(root.secret / bundle.SIGNING_KEY, SIGNING_SEED_BYTES))


def _part(path: Path, read: Callable[[bytes], _T]) -> _T:
    try:
        return read(_bytes(path))
    except Refused as refusal:
        raise BadSettings(path, "", f"is not to be believed ({refusal.reason}); {_FROM_BUNDLE}") from refusal


def _is_there(path: Path) -> bool:
    """Raises BadSettings for a folder that may not be looked into: what is in it is not simply missing."""
    try:
        return path.exists()
    except OSError as problem:
        mend = "mend the owner and mode of its folder"
        raise BadSettings(path, "", f"cannot be looked for ({problem.strerror}); {mend}") from problem


def _exactly(path: Path, size: int) -> bytes:
    content = _bytes(path)
    if len(content) != size:
        raise BadSettings(path, "", f"has {len(content)} bytes, not {size}; {_FROM_BUNDLE}")
    return content


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise BadSettings(path, "", f"cannot be read ({problem.strerror}); {_FROM_BUNDLE}") from problem
