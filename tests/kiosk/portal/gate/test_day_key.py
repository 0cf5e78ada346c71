"""Pseudonyms: the same all day and after a restart, another one tomorrow, and nothing to find the device by."""

from __future__ import annotations

import stat
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware.errors import StoreFault
from kiosk.portal.gate.day_key import FILE, DayKey

LONDON = ZoneInfo("Europe/London")
MAC, ADDRESS = "02:00:00:00:00:01", ip_address("10.77.0.20")


def seconds(clock: str) -> float:
    return datetime.strptime(clock, "%Y-%m-%d %H:%M").replace(tzinfo=LONDON).timestamp()


class Dice:
    """Random bytes that tell one key from the next."""

    def __init__(self) -> None:
        self.thrown = 0

    def __call__(self, count: int) -> bytes:
        self.thrown += 1
        return bytes([self.thrown]) * count


def test_pseudonym_is_kept_till_four(tmp_path: Path) -> None:
    """From four in the morning to four the next one a pair has one pseudonym of 16 bytes; then it has another."""
    key = DayKey(tmp_path, LONDON, random_bytes=Dice())
    first = key.pseudonym(MAC, ADDRESS, seconds("2027-01-13 04:00"))
    assert len(first) == 16
    for clock in ("2027-01-13 12:30", "2027-01-13 23:59", "2027-01-14 03:59"):
        assert key.pseudonym(MAC, ADDRESS, seconds(clock)) == first
    assert key.pseudonym(MAC, ADDRESS, seconds("2027-01-14 04:00")) != first


def test_pseudonym_depends_on_both(tmp_path: Path) -> None:
    """Another MAC or another address has another pseudonym, and neither can be read in it."""
    key = DayKey(tmp_path, LONDON, random_bytes=Dice())
    now = seconds("2027-01-13 12:30")
    one = key.pseudonym(MAC, ADDRESS, now)
    assert one != key.pseudonym("02:00:00:00:00:02", ADDRESS, now)
    assert one != key.pseudonym(MAC, ip_address("10.77.0.21"), now)
    assert bytes.fromhex(MAC.replace(":", "")) not in one
    assert ADDRESS.packed not in one


def test_restart_keeps_the_key_of_the_day(tmp_path: Path) -> None:
    """A gate that comes back the same day has the same pseudonyms; on the next day the old key is gone from the disk.
    Only its owner may read it."""
    dice, now = Dice(), seconds("2027-01-13 12:30")
    before = DayKey(tmp_path, LONDON, random_bytes=dice).pseudonym(MAC, ADDRESS, now)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert DayKey(tmp_path, LONDON, random_bytes=dice).pseudonym(MAC, ADDRESS, now) == before
    assert dice.thrown == 1
    DayKey(tmp_path, LONDON, random_bytes=dice).pseudonym(MAC, ADDRESS, seconds("2027-01-14 12:30"))
    assert dice.thrown == 2
    assert b"\x01" * 8 not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize("rubbish", [b"", b"x", b"2027-01-13" + b"k" * 31, b"\xff" * 42])
def test_what_is_no_key_is_replaced(tmp_path: Path, rubbish: bytes) -> None:
    """A file that holds no key of today is not used."""
    (tmp_path / FILE).write_bytes(rubbish)
    dice = Dice()
    DayKey(tmp_path, LONDON, random_bytes=dice).pseudonym(MAC, ADDRESS, seconds("2027-01-13 12:30"))
    assert dice.thrown == 1


def test_key_that_cannot_be_kept_is_not_used(tmp_path: Path) -> None:
    """Where the key cannot be written there is no pseudonym: after a restart nobody would be known any more."""
    with pytest.raises(StoreFault, match="cannot be written"):
        DayKey(tmp_path / "nowhere", LONDON, random_bytes=Dice()).pseudonym(MAC, ADDRESS, 0.0)


@pytest.mark.parametrize(
    ("clock", "left"),
    [
        ("2027-01-13 04:00", 24 * 3600),
        ("2027-01-14 03:59", 60),
        ("2027-01-13 12:30", 15 * 3600 + 1800),
        # the night in which clocks go forward is an hour short, the other one an hour longer
        ("2027-03-27 12:00", 15 * 3600),
        ("2027-10-30 12:00", 17 * 3600),
    ],
)
def test_rest_of_the_day(tmp_path: Path, clock: str, left: int) -> None:
    """The seconds till four o'clock on the site's own clock."""
    assert DayKey(tmp_path, LONDON, random_bytes=Dice()).seconds_left(seconds(clock)) == left
