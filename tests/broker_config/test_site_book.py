"""The technician's inventory."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from broker_config.site_book import BOOK_FILE, DeviceRecord, SiteBook, SiteFacts
from firmware.errors import BadInput, BadSettings
from firmware.identity import KEM_PUBLIC_BYTES
from firmware.settings import DeviceKind, Pins
from firmware.topics import id_text

FACTS = SiteFacts(
    uuid=UUID(int=1),
    name="Hill School",
    profile="secondary-school",
    broker_hosts=("broker.example", "10.0.0.2"),
    broker_port=8883,
    broker_directory="/srv/broker",
    broker_user="mosquitto",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / BOOK_FILE


@pytest.fixture
def book(file: Path) -> SiteBook:
    book = SiteBook(file)
    book.begin(FACTS)
    return book


def device(room: str, kind: DeviceKind = DeviceKind.KIOSK, place: str = "First floor") -> DeviceRecord:
    return DeviceRecord(
        uuid=uuid4(),
        kind=kind,
        room=room,
        place=place,
        signing=b"s" * 32,
        kem=b"k" * KEM_PUBLIC_BYTES,
        epoch=1,
        active=True,
        rehearsal=False,
        screen="1280x720",
        board=Pins.GPIO,
    )


def test_book_says_the_same_after_a_restart(book: SiteBook, file: Path) -> None:
    """Facts and devices come back exactly as they were written, keys and ids included."""
    written = [book.add(device("Room 1")), book.add(device("Ráum «2»")), book.add(device("Office", DeviceKind.DESK))]
    again = SiteBook(file)
    assert again.facts() == FACTS
    assert list(again.devices()) == written
    assert again.device(written[1].id).room == "Ráum «2»"


def test_a_site_is_not_begun_twice(book: SiteBook) -> None:
    """A book that has a site refuses another."""
    with pytest.raises(BadInput, match="choose another folder"):
        book.begin(FACTS)


def test_register_version_rises_with_every_change(book: SiteBook, file: Path) -> None:
    """Each coming and going is a new version, and no version comes back after a restart."""
    seen = [book.register_version()]
    first = book.add(device("Room 1"))
    seen.append(SiteBook(file).register_version())
    book.add(device("Room 2"))
    seen.append(SiteBook(file).register_version())
    book.revoke(first.id)
    seen.append(SiteBook(file).register_version())
    assert seen == sorted(set(seen))


def test_a_kiosk_makes_no_sheet_old(book: SiteBook) -> None:
    """The desk sheet's version rises with desks only."""
    book.add(device("Office", DeviceKind.DESK))
    before = book.desk_sheet_version()
    kiosk = book.add(device("Room 1"))
    book.revoke(kiosk.id)
    assert book.desk_sheet_version() == before
    book.add(device("Hall", DeviceKind.DESK))
    assert book.desk_sheet_version() > before


def test_room_with_a_kiosk_is_taken(book: SiteBook) -> None:
    """A second kiosk in the same room and place is refused until the first is revoked; another place is free."""
    first = book.add(device("Room 1"))
    with pytest.raises(BadInput, match=str(first.uuid)):
        book.add(device("Room 1"))
    book.add(device("Room 1", place="by the door"))
    book.add(device("Room 1", DeviceKind.DESK))
    book.revoke(first.id)
    assert book.add(device("Room 1")).active


@pytest.mark.requirement("T1")
def test_revoked_stays_in_the_book(book: SiteBook) -> None:
    """A revoked device is kept as that, and cannot be revoked again."""
    record = book.add(device("Room 1"))
    assert book.revoke(record.id).active is False
    assert [(kept.id, kept.active) for kept in book.devices()] == [(record.id, False)]
    with pytest.raises(BadInput, match="revoked already"):
        book.revoke(record.id)
    with pytest.raises(BadInput, match="no such device"):
        book.revoke(b"?" * 16)


@pytest.mark.parametrize(
    ("key", "value"), [("signing", "AAAA"), ("uuid", "x"), ("epoch", 0), ("kind", "toaster"), ("extra", 1), ("room", 7)]
)
def test_damaged_page_is_one_line_with_the_mend(book: SiteBook, file: Path, key: str, value: object) -> None:
    """A wrong, missing or extra value names the file and the mend."""
    record = book.add(device("Room 1"))
    tables = json.loads(file.read_text())
    tables["devices"]["1"][key] = value
    file.write_text(json.dumps(tables))
    with pytest.raises(BadSettings, match="backup") as caught:
        SiteBook(file).device(record.id)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_book_of_another_format_is_refused(book: SiteBook, file: Path) -> None:
    """A later format is not guessed at."""
    tables = json.loads(file.read_text())
    tables["site"]["1"]["format"] = 2
    file.write_text(json.dumps(tables))
    with pytest.raises(BadSettings, match="this version"):
        SiteBook(file).facts()


def test_book_reads_as_text_and_is_private(book: SiteBook, file: Path) -> None:
    """Ids stand in it as UUIDs that a technician can read, and the file is the owner's alone."""
    record = book.add(device("Room 1"))
    assert id_text(record.id) in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
