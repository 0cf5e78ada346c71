"""The technician's inventory of one site: what it is called, where its broker is, and every device it ever had.

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

BOOK_FILE = "site.json"
BOOK_FORMAT = 1
FIRST_VERSION = 1

_SITE_TABLE = "site"
_DEVICE_TABLE = "devices"


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


_Page = TypeVar("_Page", SiteFacts, DeviceRecord)


class SiteBook:
    """Rooms and devices of one site."""

    def __init__(self, file: Path) -> None:
        """Opens the book. Raises BadSettings when it cannot be read."""
        documents = open_documents(file)
        self._site = documents.table(_SITE_TABLE)
        self._devices = documents.table(_DEVICE_TABLE)
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

    def register_version(self) -> int:
        """Rises with every device that comes or goes."""
        return max((record.changed for record in self.devices()), default=FIRST_VERSION)

    def desk_sheet_version(self) -> int:
        """Rises only when a desk comes or goes: a new kiosk makes no other kiosk's sheet old."""
        desks = (record.changed for record in self.devices() if record.kind is DeviceKind.DESK)
        return max(desks, default=FIRST_VERSION)

    def _read(self, page: Mapping[str, object], noun: type[_Page], key: str) -> _Page:
        known = {name: value for name, value in page.items() if name != "format"}
        try:
            return msgspec.convert(known, noun)
        except msgspec.ValidationError as problem:
            raise BadSettings(self._file, key, f"is damaged ({problem}): restore the book from its backup") from problem


def _plain(page: SiteFacts | DeviceRecord) -> dict[str, object]:
    """As JSON has it: ids as UUIDs, keys as base64."""
    return dict(msgspec.to_builtins(page))
