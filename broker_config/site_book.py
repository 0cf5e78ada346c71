"""The technician's inventory of one site: what it is called, where its broker is, every device it ever had, and how
many vouchers it has made.

Owns `site.json` (TinyDB on `firmware.documents`). Holds public facts only: keys lie in `authority/` and in bundles.
Versions of the signed parts are read off the devices, so that one durable write changes both. Makes no keys and
writes no other file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec

from firmware.documents import open_documents
from firmware.errors import BadInput, BadSettings
from firmware.identity import PublicKem, PublicSigning
from firmware.messages import Room, Short
from firmware.settings import DeviceKind, Pins
from firmware.topics import id_text
from firmware.vouchers import SERIALS

BOOK_FILE = "site.json"
BOOK_FORMAT = 1
FIRST_VERSION = 1

_SITE_TABLE = "site"
_DEVICE_TABLE = "devices"
_VOUCHER_TABLE = "vouchers"


_Version = Annotated[int, msgspec.Meta(ge=1)]


class SiteFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What does not change after `site new`. `broker_hosts`: devices use the first, the certificate holds all.

    `broker_directory` is where the broker's files stand on its machine; empty: in this site's own folder.
    """

    uuid: UUID
    name: Short
    profile: str
    broker_hosts: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    broker_port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    broker_directory: str
    broker_user: str

    @property
    def id(self) -> bytes:
        return self.uuid.bytes


class DeviceRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device, public side. `changed` is the register version in which it last changed."""

    uuid: UUID
    kind: DeviceKind
    room: Room
    place: Short
    signing: PublicSigning
    kem: PublicKem
    epoch: _Version
    active: bool
    rehearsal: bool
    screen: str
    board: Pins
    changed: _Version = FIRST_VERSION

    @property
    def id(self) -> bytes:
        return self.uuid.bytes


class VoucherCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many vouchers were ever made here, and how many of them before the key that is used now.

    A new key goes on counting where the old one stopped: what portals remember of used vouchers is a serial.
    """

    made: Annotated[int, msgspec.Meta(ge=0)] = 0
    before_this_key: Annotated[int, msgspec.Meta(ge=0)] = 0

    @property
    def left(self) -> int:
        """How many more this key can make: no serial is ever used twice under one key."""
        return SERIALS - (self.made - self.before_this_key)


_Page = TypeVar("_Page", SiteFacts, DeviceRecord, VoucherCount)


class SiteBook:
    """Rooms and devices of one site."""

    def __init__(self, file: Path) -> None:
        """Opens the book. Raises BadSettings when it cannot be read."""
        documents = open_documents(file)
        self._site = documents.table(_SITE_TABLE)
        self._devices = documents.table(_DEVICE_TABLE)
        self._vouchers = documents.table(_VOUCHER_TABLE)
        self._file = file

    def begin(self, facts: SiteFacts) -> None:
        """Write the first page. Raises BadInput when the book has one: a site is never made over another."""
        if self._site.all():
            raise BadInput(f"{self._file}: a site is in this book already: choose another folder")
        self._site.insert({"format": BOOK_FORMAT, **_plain(facts)})

    def facts(self) -> SiteFacts:
        """Raises BadSettings when the book is not one of ours."""
        pages = self._site.all()
        if len(pages) != 1 or pages[0].get("format") != BOOK_FORMAT:
            raise BadSettings(self._file, "site", "not a site book of this version: restore it from its backup")
        return self._read(dict(pages[0]), SiteFacts, "site")

    def devices(self) -> tuple[DeviceRecord, ...]:
        """Every device, revoked ones too, in the order in which they came."""
        return tuple(self._read(dict(page), DeviceRecord, "devices") for page in self._devices.all())

    def device(self, device: bytes) -> DeviceRecord:
        """Raises BadInput when there is none."""
        for record in self.devices():
            if record.id == device:
                return record
        raise BadInput(f"{id_text(device)}: no such device here: `quietbell site list` shows them all")

    def check_free(self, record: DeviceRecord) -> None:
        """Raises BadInput when a working device of the same kind has this room and place."""
        for other in self.devices():
            if other.active and (other.kind, other.room, other.place) == (record.kind, record.room, record.place):
                raise BadInput(
                    f"{record.room}: this room has the {record.kind} {id_text(other.id)} already: "
                    "name the place more exactly with --place, or revoke the old one first"
                )

    def add(self, record: DeviceRecord) -> DeviceRecord:
        """Add a device; returns it as written, with the version in which it came. Raises BadInput as `check_free`."""
        self.check_free(record)
        written = msgspec.structs.replace(record, changed=self.register_version() + 1)
        self._devices.insert(_plain(written))
        return written

    def revoke(self, device: bytes) -> DeviceRecord:
        """Mark a device as out of the site for good. Raises BadInput: unknown, or revoked already."""
        record = self.device(device)
        if not record.active:
            raise BadInput(f"{id_text(device)}: revoked already; nothing was changed")
        written = msgspec.structs.replace(record, active=False, changed=self.register_version() + 1)
        wanted = id_text(device)
        self._devices.update(
            {"active": written.active, "changed": written.changed}, lambda page: bool(page["uuid"] == wanted)
        )
        return written

    def voucher_count(self) -> VoucherCount:
        """Raises BadSettings when the page is damaged."""
        pages = self._vouchers.all()
        return self._read(dict(pages[-1]), VoucherCount, "vouchers") if pages else VoucherCount()

    def take_serials(self, count: int) -> tuple[int, ...]:
        """The next `count` serials, written down as used before anybody gets them.

        Raises:
            BadInput: this key has not so many left; none was taken.
        """
        held = self.voucher_count()
        if count > held.left:
            raise BadInput(
                f"{held.left} of this key's {SERIALS} vouchers are left, not {count}: make a new key with "
                "`quietbell site voucher-key`, after which the vouchers handed out so far open nothing any more"
            )
        self._write_count(msgspec.structs.replace(held, made=held.made + count))
        return tuple(number % SERIALS for number in range(held.made, held.made + count))

    def begin_voucher_key(self) -> int:
        """From now on vouchers are made with a new key; returns how many were made with the last one."""
        held = self.voucher_count()
        self._write_count(msgspec.structs.replace(held, before_this_key=held.made))
        return held.made - held.before_this_key

    def register_version(self) -> int:
        """Rises with every device that comes or goes."""
        return max((record.changed for record in self.devices()), default=FIRST_VERSION)

    def desk_sheet_version(self) -> int:
        """Rises only when a desk comes or goes: a new kiosk makes no other kiosk's sheet old."""
        desks = (record.changed for record in self.devices() if record.kind is DeviceKind.DESK)
        return max(desks, default=FIRST_VERSION)

    def _write_count(self, count: VoucherCount) -> None:
        page = dict(msgspec.to_builtins(count))
        if self._vouchers.all():
            self._vouchers.update(page)
        else:
            self._vouchers.insert(page)

    def _read(self, page: Mapping[str, object], noun: type[_Page], key: str) -> _Page:
        known = {name: value for name, value in page.items() if name != "format"}
        try:
            return msgspec.convert(known, noun)
        except msgspec.ValidationError as problem:
            raise BadSettings(self._file, key, f"is damaged ({problem}): restore the book from its backup") from problem


def _plain(page: SiteFacts | DeviceRecord) -> dict[str, object]:
    """As JSON has it: ids as UUIDs, keys as base64."""
    return dict(msgspec.to_builtins(page))
