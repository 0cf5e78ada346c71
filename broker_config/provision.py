"""A site's folder: making it, adding and revoking devices, and keeping every bundle up to date.

Owns the layout of the folder and the order in which its files are written: the book first, everything else made from
it, so that `refresh` after a power cut mends the rest. Holds the technician's two keys (authority and issuer). What the
readers sign is only carried from a desk to the bundles: this side checks it and cannot make it.

    DIR/site.json     the site book            DIR/authority/   ca, issuer and desk keys (0700)
    DIR/broker/       mosquitto's files        DIR/readers.qb   the readers' two documents, once adopted
    DIR/profile.toml  the site's profile       DIR/portal.toml  its rules for people's own devices, if it has any
    DIR/recovery.pub  recovery key, public half  DIR/bundles/<uuid>/bundle/{public,secret}
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from uuid import UUID

from broker_config import site_ca
from broker_config.bundles import Bundle, device_toml, write_bundle
from broker_config.render import BrokerPlace, render_acl, render_configuration
from broker_config.site_book import BOOK_FILE, DeviceRecord, SiteBook, SiteFacts
from firmware import bundle as files
from firmware.byod import Byod, parse_byod
from firmware.documents import write_atomically
from firmware.errors import BadInput, Refused, StoreFault
from firmware.identity import (
    KEM_PUBLIC_BYTES,
    KEM_SEED_BYTES,
    SIGNING_SEED_BYTES,
    SUITE,
    DeskEntry,
    DeskSheet,
    DeviceEntry,
    DeviceRegister,
    KemKey,
    SigningKey,
    portal_claim,
    profile_claim,
    sign_part,
    verify,
)
from firmware.messages import Struct, decode, encode
from firmware.reader_parts import ReaderParts, read_reader_parts
from firmware.settings import DeviceKind, Pins, Root
from firmware.topics import acl_rules, id_text
from firmware.vouchers import VOUCHER_KEY_BYTES

_RESTORE = "restore the site folder from its backup"
_RESTORE_POLICY = f"{_RESTORE}, or issue it again with `quietbell site policy`"
CA_KEY, CA = "authority/ca.key", "authority/ca.pem"
ISSUER_KEY, ISSUER = "authority/issuer.key", "authority/issuer.pub"
DESK_KEY = "authority/desk_kem.key"
VOUCHER_KEY = "authority/voucher.key"
RECOVERY = "recovery.pub"
_READERS = "readers.qb"


class _Adopted(Struct, frozen=True):
    register: bytes
    sheet: bytes


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What `site add-kiosk` and `add-desk` are told."""

    kind: DeviceKind
    room: str
    place: str
    rehearsal: bool = False
    screen: str = "1280x720"
    board: Pins = Pins.GPIO


def open_site(folder: Path) -> Site:
    """Raises BadInput when there is no site in `folder`."""
    book = folder / BOOK_FILE
    try:
        here = book.is_file()
    except OSError as problem:
        raise StoreFault(f"{folder}: cannot be looked into ({problem.strerror}): mend its owner and mode") from problem
    if not here:
        raise BadInput(f"{folder}: no site is here (no {BOOK_FILE}): make one with `quietbell site new`")
    return Site(folder.absolute(), SiteBook(book))


class Site:
    """One site's folder, opened by its technician."""

    def __init__(self, folder: Path, book: SiteBook) -> None:
        self.folder = folder
        self.book = book

    def root_of(self, device: bytes) -> Root:
        """A device's bundle, laid out as its root."""
        return Root(self.folder / "bundles" / id_text(device))

    def add(self, plan: DevicePlan, now: datetime, new_id: Callable[[], UUID], *, tell: bool = True) -> DeviceRecord:
        """Make a device's keys, certificate and bundle, then tell every other bundle and the broker.

        With `tell` False the caller adds more devices and calls `refresh` after the last.

        Raises:
            BadInput: this room and place have such a device.
            StoreFault: a file cannot be read or written.
        """
        uuid, signing, kem = new_id(), SigningKey.generate(), KemKey.generate()
        record = DeviceRecord(
            uuid=uuid,
            kind=plan.kind,
            room=plan.room,
            place=plan.place,
            signing=signing.public,
            kem=kem.public,
            epoch=1,
            active=True,
            rehearsal=plan.rehearsal,
            screen=plan.screen,
            board=plan.board,
        )
        self.book.check_free(record)
        self._check()
        issued = site_ca.issue_device(self._authority(), str(uuid), now)
        secret = {
            files.DEVICE_KEY: issued.key,
            files.SIGNING_KEY: signing.to_bytes(),
            files.KEM_KEY: kem.to_bytes(),
        }
        if plan.kind is DeviceKind.DESK:
            secret[files.DESK_KEM_KEY] = self._read(DESK_KEY)
        settings = device_toml(self.book.facts(), record)
        public = {files.DEVICE_CERTIFICATE: issued.certificate, files.DEVICE_TOML: settings}
        write_bundle(self.root_of(record.id), Bundle(public, secret))
        record = self.book.add(record)
        if tell:
            self.refresh()
        return record

    def revoke(self, device: bytes) -> DeviceRecord:
        """Take a device out of ACL, register and sheet, and its secrets out of this folder.

        Raises:
            BadInput: unknown, or revoked already.
        """
        record = self.book.revoke(device)
        self.refresh()
        shutil.rmtree(self.root_of(device).secret, ignore_errors=True)
        return record

    def refresh(self) -> None:
        """Make every file again that follows from the book: the broker's and all bundles' public parts."""
        facts, records = self.book.facts(), self.book.devices()
        # First, whatever else is damaged: a revoked device must be cut off.
        self._render_broker(facts, records)
        self._check()
        for_all = self._shared_files(facts, records)
        for_desks = {
            files.DEVICE_REGISTER: self._device_register(facts, records),
            files.RECOVERY: self._read(RECOVERY),
        }
        adopted, held = self._adopted(), self.held_reader_parts()
        for record in records:
            if record.active:
                desk = record.kind is DeviceKind.DESK
                write_bundle(self.root_of(record.id), Bundle({**for_all, **(for_desks if desk else {})}, {}))
                if self.is_portal(record):
                    write_bundle(self.root_of(record.id), self._portal_files())
                self._hand_out_readers(record, adopted, held.register.version if held else 0)

    def is_portal(self, record: DeviceRecord) -> bool:
        """Whether this device was given a network to serve."""
        return record.active and (self.root_of(record.id).public / files.NETWORK).is_file()

    def portals(self) -> tuple[DeviceRecord, ...]:
        """The devices that are portals, in the order in which they came."""
        return tuple(record for record in self.book.devices() if self.is_portal(record))

    def byod(self) -> Byod | None:
        """The site's rules for people's own devices; None when its profile has none. Raises StoreFault, BadSettings."""
        path = self.folder / files.PORTAL
        if not path.exists():
            return None
        self._check()
        return parse_byod(self._read(files.PORTAL).decode(errors="replace"), str(path))

    def voucher_key(self) -> bytes | None:
        """What vouchers are made with; None before the first kiosk became a portal. Raises StoreFault."""
        if not (self.folder / VOUCHER_KEY).exists():
            return None
        key = self._read(VOUCHER_KEY)
        if len(key) != VOUCHER_KEY_BYTES:
            mend = f"{_RESTORE}, or make a new one with `quietbell site voucher-key`"
            raise StoreFault(f"{self.folder / VOUCHER_KEY}: was changed or damaged: {mend}")
        return key

    def write_voucher_key(self, key: bytes) -> None:
        """Put another key in its place; `refresh` hands it out."""
        write_atomically(self.folder / VOUCHER_KEY, key, files.SECRET_MODE)

    def issue_policy(self, profile_text: bytes, portal_text: bytes | None) -> None:
        """Sign an edited profile, and its rules for people's own devices, and hand them out.

        Both texts have been parsed. What is half written when the power goes is mended by doing it again.
        """
        self._check_keys()
        issuer = SigningKey.from_bytes(self._read(ISSUER_KEY))
        for name, content, mode in signed_policy(issuer, profile_text, portal_text):
            write_atomically(self.folder / name, content, mode)
        self.refresh()

    def adopt(self, desk: Root) -> ReaderParts:
        """Carry what the readers signed at a desk into this site and its bundles.

        Raises:
            BadInput: it is not signed by two readers (of the version held, if one is), older than that, of another
                site, or seals to another recovery key.
        """
        self._check()
        untrusted = {
            name: files.read_file(desk.public / name, "make the readers at that desk first: `quietbell reader new`")
            for name in (files.READER_REGISTER, files.ROUTE_SHEET)
        }
        held = self.held_reader_parts()
        try:
            parts = read_reader_parts(
                untrusted[files.READER_REGISTER],
                untrusted[files.ROUTE_SHEET],
                site=self.book.facts().id,
                held=held,
            )
        except Refused as problem:
            raise BadInput(
                f"{desk.public}: two readers of this site must have signed its readers and routes ({problem}); "
                "nothing was adopted: ask the head and the lead to compare fingerprints at the desk"
            ) from problem
        if parts.sheet.recovery_key != self._read(RECOVERY):
            raise BadInput(f"{desk.public}: seals to another recovery key than this site's: ask the head")
        pair = encode(_Adopted(untrusted[files.READER_REGISTER], untrusted[files.ROUTE_SHEET]))
        write_atomically(self.folder / _READERS, pair, files.PUBLIC_MODE)
        self.refresh()
        return parts

    def held_reader_parts(self) -> ReaderParts | None:
        """What was adopted; None before the first time."""
        adopted = self._adopted()
        if adopted is None:
            return None
        try:
            return read_reader_parts(adopted.register, adopted.sheet, site=self.book.facts().id, held=None)
        except Refused as problem:
            raise StoreFault(f"{self.folder / _READERS}: was changed or damaged ({problem}): {_RESTORE}") from problem

    def _check(self) -> None:
        """Nothing damaged here may reach a bundle, where it would stop a kiosk. Raises StoreFault."""
        self._check_keys()
        issuer = self._read(ISSUER)
        for text, signature, claim in (
            (files.PROFILE, files.PROFILE_SIGNATURE, profile_claim),
            (files.PORTAL, files.PORTAL_SIGNATURE, portal_claim),
        ):
            here = text != files.PORTAL or (self.folder / text).exists()
            if here and not verify(issuer, self._read(signature), claim(self._read(text))):
                # A signature that does not fit may itself be the damaged half.
                where = f"{self.folder / text} (or {signature})"
                raise StoreFault(f"{where}: was changed or damaged: {_RESTORE_POLICY}")
        self.held_reader_parts()

    def _check_keys(self) -> None:
        """What cannot be made again is whole. Raises StoreFault."""
        issuer_key, issuer = self._read(ISSUER_KEY), self._read(ISSUER)
        ca_key, ca = self._read(CA_KEY), self._read(CA)
        sound = {
            ISSUER_KEY: len(issuer_key) == SIGNING_SEED_BYTES,
            ISSUER: len(issuer_key) == SIGNING_SEED_BYTES and SigningKey.from_bytes(issuer_key).public == issuer,
            DESK_KEY: len(self._read(DESK_KEY)) == KEM_SEED_BYTES,
            RECOVERY: len(self._read(RECOVERY)) == KEM_PUBLIC_BYTES,
            CA: site_ca.is_certificate(ca),
            CA_KEY: site_ca.key_fits(ca_key, ca),
        }
        for name, good in sound.items():
            if not good:
                raise StoreFault(f"{self.folder / name}: was changed or damaged: {_RESTORE}")

    def _portal_files(self) -> Bundle:
        """What a portal has beside its network: nothing when the site's profile says nothing."""
        if not (self.folder / files.PORTAL).exists():
            return Bundle({}, {})
        public = {name: self._read(name) for name in (files.PORTAL, files.PORTAL_SIGNATURE)}
        key = self.voucher_key()
        return Bundle(public, {} if key is None else {files.VOUCHER_KEY: key})

    def _shared_files(self, facts: SiteFacts, records: tuple[DeviceRecord, ...]) -> dict[str, bytes]:
        return {
            files.DESK_SHEET: self._desk_sheet(facts, records),
            files.ISSUER: self._read(ISSUER),
            files.SITE_CA: self._read(CA),
            files.PROFILE: self._read(files.PROFILE),
            files.PROFILE_SIGNATURE: self._read(files.PROFILE_SIGNATURE),
        }

    def _desk_sheet(self, facts: SiteFacts, records: tuple[DeviceRecord, ...]) -> bytes:
        desks = tuple(
            DeskEntry(id=record.id, signing=record.signing)
            for record in records
            if record.active and record.kind is DeviceKind.DESK
        )
        desk_key = KemKey.from_bytes(self._read(DESK_KEY)).public
        version = self.book.desk_sheet_version()
        return self._issue(DeskSheet(version=version, site=facts.id, suite=SUITE, desk_key=desk_key, desks=desks))

    def _device_register(self, facts: SiteFacts, records: tuple[DeviceRecord, ...]) -> bytes:
        devices = tuple(
            DeviceEntry(
                id=record.id,
                kind=record.kind,
                room=record.room,
                place=record.place,
                signing=record.signing,
                kem=record.kem,
                epoch=record.epoch,
                active=record.active,
            )
            for record in records
        )
        return self._issue(DeviceRegister(version=self.book.register_version(), site=facts.id, devices=devices))

    def _issue(self, document: DeskSheet | DeviceRegister) -> bytes:
        return sign_part(document, [SigningKey.from_bytes(self._read(ISSUER_KEY))])

    def _hand_out_readers(self, record: DeviceRecord, adopted: _Adopted | None, version: int) -> None:
        if adopted is None:
            return
        root, public = self.root_of(record.id), {files.ROUTE_SHEET: adopted.sheet}
        if record.kind is DeviceKind.DESK:
            # Readers are made at a desk: what stands there may be newer than what was carried here.
            if _version_at(root, self.book.facts().id) >= version:
                return
            public[files.READER_REGISTER] = adopted.register
        write_bundle(root, Bundle(public, {}))

    def _adopted(self) -> _Adopted | None:
        path = self.folder / _READERS
        if not path.exists():
            return None
        try:
            return decode(files.read_file(path, _RESTORE), _Adopted)
        except Refused as problem:
            raise StoreFault(f"{path}: was changed or damaged ({problem}): {_RESTORE}") from problem

    def _render_broker(self, facts: SiteFacts, records: tuple[DeviceRecord, ...]) -> None:
        ids = {kind: [record.id for record in records if record.active and record.kind is kind] for kind in DeviceKind}
        rules = acl_rules(facts.id, ids[DeviceKind.KIOSK], ids[DeviceKind.DESK], ids[DeviceKind.WATCHER])
        broker = self.folder / "broker"
        place = BrokerPlace(PurePosixPath(facts.broker_directory or broker), facts.broker_port, facts.broker_user)
        write_atomically(broker / "acl", render_acl(rules).encode(), files.SECRET_MODE)
        write_atomically(broker / "mosquitto.conf", render_configuration(place).encode(), files.PUBLIC_MODE)

    def _authority(self) -> site_ca.KeyAndCertificate:
        return site_ca.KeyAndCertificate(self._read(CA_KEY), self._read(CA))

    def _read(self, name: str) -> bytes:
        return files.read_file(self.folder / name, _RESTORE)


def signed_policy(
    issuer: SigningKey, profile_text: bytes, portal_text: bytes | None
) -> tuple[tuple[str, bytes, int], ...]:
    """A site's policy as files: name, content and mode."""
    profile = (
        (files.PROFILE, profile_text, files.PUBLIC_MODE),
        (files.PROFILE_SIGNATURE, issuer.sign(profile_claim(profile_text)), files.PUBLIC_MODE),
    )
    if portal_text is None:
        return profile
    return (
        *profile,
        (files.PORTAL, portal_text, files.PUBLIC_MODE),
        (files.PORTAL_SIGNATURE, issuer.sign(portal_claim(portal_text)), files.PUBLIC_MODE),
    )


def _version_at(desk: Root, site: bytes) -> int:
    """The version that stands at a desk; 0 for none, or none that holds together."""
    try:
        untrusted = [(desk.public / name).read_bytes() for name in (files.READER_REGISTER, files.ROUTE_SHEET)]
        return read_reader_parts(untrusted[0], untrusted[1], site=site, held=None).register.version
    except (OSError, Refused):
        return 0
