"""device.toml and the laying out of a bundle."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_config.bundles import SCREEN_WIDTHS_MM, Bundle, device_toml, write_bundle
from broker_config.site_book import DeviceRecord, SiteFacts
from firmware.identity import KEM_PUBLIC_BYTES
from firmware.settings import DeviceKind, Pins, Root, parse_device

FACTS = SiteFacts(
    uuid=UUID(int=1),
    name="Hill School",
    profile="secondary-school",
    broker_hosts=("broker.example", "10.0.0.2"),
    broker_port=8884,
    broker_directory="/srv",
    broker_user="",
)


def record(room: str, place: str = "", screen: str = "1280x720", board: Pins = Pins.GPIO) -> DeviceRecord:
    return DeviceRecord(
        uuid=UUID(int=2),
        kind=DeviceKind.KIOSK,
        room=room,
        place=place,
        signing=b"s" * 32,
        kem=b"k" * KEM_PUBLIC_BYTES,
        epoch=3,
        active=True,
        rehearsal=board is Pins.MOCK,
        screen=screen,
        board=board,
    )


@given(
    st.text(min_size=1, max_size=48).filter(lambda text: text.isprintable() and text.strip() != ""),
    st.text(max_size=64).filter(str.isprintable),
)
def test_any_room_comes_through(room: str, place: str) -> None:
    """Whatever a room is called (quotes, backslashes, any script), the device reads it as it was typed."""
    settings = parse_device(device_toml(FACTS, record(room, place)).decode(), "device.toml")
    assert (settings.room, settings.place) == (room, place)


@pytest.mark.parametrize("screen", list(SCREEN_WIDTHS_MM))
@pytest.mark.parametrize("board", list(Pins))
def test_device_reads_what_was_issued(screen: str, board: Pins) -> None:
    """Every kind of screen and board is a settings file that the device takes."""
    settings = parse_device(device_toml(FACTS, record("Room 1", screen=screen, board=board)).decode(), "device.toml")
    assert (settings.id, settings.site, settings.epoch) == (UUID(int=2).bytes, UUID(int=1).bytes, 3)
    assert (settings.broker.host, settings.broker.port) == ("broker.example", 8884)
    assert f"{settings.screen.width_px}x{settings.screen.height_px}" == screen
    assert (settings.board, settings.rehearsal) == (board, board is Pins.MOCK)


def test_right_files_are_left_alone_and_wrong_modes_are_not(tmp_path: Path) -> None:
    """Writing a bundle again touches no file that is right already, and closes a secret that others could read."""
    root = Root(tmp_path)
    bundle = Bundle({"a": b"1"}, {"k": b"2"})
    write_bundle(root, bundle)
    inode = (root.public / "a").stat().st_ino
    (root.secret / "k").chmod(0o644)
    root.secret.chmod(0o755)
    write_bundle(root, bundle)
    assert (root.public / "a").stat().st_ino == inode
    assert (root.secret / "k").stat().st_mode & 0o777 == 0o600
    assert root.secret.stat().st_mode & 0o777 == 0o700
