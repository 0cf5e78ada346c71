"""How many phones a radio holds, read from recorded words of iw and from what is known of drivers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.portal.radio import Machine, find_radio, read_radio, run_iw

RECORDED = Path(__file__).parents[2] / "support" / "recorded"


def recorded(name: str) -> str:
    return (RECORDED / name).read_text(encoding="utf-8")


def test_pi_holds_few() -> None:
    """The Pi's own radio tells no limit; seven are sure, nineteen with the minimal firmware. The line says what to
    expect, and what to use instead."""
    usual = read_radio(recorded("phy-pi-4.txt"), "brcmfmac", minimal_firmware=False)
    assert (usual.stations, usual.wpa3) == (7, False)
    assert "7 to 10" in usual.said
    assert "USB radio" in usual.said
    minimal = read_radio(recorded("phy-pi-4.txt"), "brcmfmac", minimal_firmware=True)
    assert (minimal.stations, minimal.wpa3) == (19, False)
    assert "19" in minimal.said


def test_driver_tells_its_limit() -> None:
    """A USB radio whose driver tells it holds 32, and speaks WPA3."""
    radio = read_radio(recorded("phy-usb.txt"), "rt2800usb", minimal_firmware=False)
    assert (radio.stations, radio.wpa3) == (32, True)
    assert "32" in radio.said


def test_silence_is_said_to_be_unknown() -> None:
    """A driver that tells nothing leaves the limit open, and the technician is told to try."""
    silent = recorded("phy-usb.txt").replace("Maximum associated stations in AP mode: 32", "")
    radio = read_radio(silent, "ath9k_htc", minimal_firmware=False)
    assert radio.stations is None
    assert "does not say" in radio.said


def test_radio_that_is_no_access_point() -> None:
    """A radio without the mode AP is named as such, whatever its driver."""
    for driver in ("brcmfmac", "p54usb"):
        radio = read_radio(recorded("phy-station-only.txt"), driver, minimal_firmware=False)
        assert radio.stations is None
        assert "cannot be an access point" in radio.said


@pytest.mark.parametrize("told", ["0", "4000", "999999"])
def test_impossible_limit_is_not_believed(told: str) -> None:
    """No station, or more than there are association ids, is no limit."""
    text = recorded("phy-usb.txt").replace("AP mode: 32", f"AP mode: {told}")
    assert read_radio(text, "rt2800usb", minimal_firmware=False).stations is None


@given(st.text(max_size=500), st.text(max_size=20), st.booleans())
def test_any_words_of_iw_are_survived(text: str, driver: str, minimal: bool) -> None:
    """Whatever iw prints, the answer is a limit that hostapd takes, or none."""
    radio = read_radio(text, driver, minimal_firmware=minimal)
    assert radio.stations is None or 1 <= radio.stations <= 2007
    assert radio.said


def test_radio_is_found_by_its_interface(tmp_path: Path) -> None:
    """The driver is read from sysfs, the radio's number from `iw dev`, its limits from `iw phy` of that number; the
    minimal firmware by the file that the alternatives point to."""
    asked: list[list[str]] = []

    def run(command: list[str]) -> str:
        asked.append(command)
        return recorded("dev-usb.txt" if command[1] == "dev" else "phy-usb.txt")

    (tmp_path / "drivers" / "rt2800usb").mkdir(parents=True)
    (tmp_path / "net" / "wlan1" / "device").mkdir(parents=True)
    (tmp_path / "net" / "wlan1" / "device" / "driver").symlink_to(tmp_path / "drivers" / "rt2800usb")
    machine = Machine(tmp_path / "net", tmp_path / "firmware.bin")
    assert find_radio("wlan1", machine, run).stations == 32
    assert asked == [["iw", "dev", "wlan1", "info"], ["iw", "phy", "phy1", "info"]]
    (tmp_path / "net" / "wlan1" / "device" / "driver").unlink()
    (tmp_path / "drivers" / "brcmfmac").mkdir()
    (tmp_path / "net" / "wlan1" / "device" / "driver").symlink_to(tmp_path / "drivers" / "brcmfmac")
    assert find_radio("wlan1", machine, run).stations == 7
    (tmp_path / "firmware.bin").symlink_to(tmp_path / "cyfmac43455-sdio-minimal.bin")
    assert find_radio("wlan1", machine, run).stations == 19


def test_no_radio_here() -> None:
    """On a technician's laptop the kiosk's radio is not there: said, not guessed. A program that fails says nothing."""
    radio = find_radio("no-such-radio", Machine(), run_iw)
    assert radio.stations is None
    assert "not on this machine" in radio.said
    assert run_iw(["iw", "dev", "no-such-radio", "info"]) == ""
    assert run_iw(["/nonexistent"]) == ""
