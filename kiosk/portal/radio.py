"""What the radio of an access point can do: how many stations it holds, and whether it speaks WPA3.

Read from what `iw` says of it, and from what is known of drivers that say nothing. The reading is pure; `find_radio` is
the edge. A radio that holds ten phones must be said to hold ten phones before thirty stand in front of it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# info.c of iw 5.19: printed when the driver tells (nl80211's MAX_AP_ASSOC_STA)
_TOLD = re.compile(r"^\tMaximum associated stations in AP mode: (\d{1,6})\s*$", re.MULTILINE)
_MODES = re.compile(r"^\tSupported interface modes:\n((?:\t\t \* .*\n)*)", re.MULTILINE)
_WIPHY = re.compile(r"^\twiphy (\d{1,4})\s*$", re.MULTILINE)
# hostapd's own limit (MAX_STA_COUNT 2007, the association ids of IEEE 802.11)
STATIONS_MAX = 2007
IW_SECONDS = 5.0
TEXT_CHARACTERS_MAX = 256 * 1024

# Radios of Raspberry Pis. raspberrypi/documentation issue 2520: the usual firmware holds between 7 and 10 stations, of
# which 7 are sure; the "minimal" one of the 43455 (Pi 3B+, 4, 5) holds 19. Neither is an access point for WPA3.
_PI_DRIVER = "brcmfmac"
_PI_STATIONS, _PI_MINIMAL_STATIONS = 7, 19
_PI_FIRMWARE = Path("/etc/alternatives/cyfmac43455-sdio.bin")


@dataclass(frozen=True, slots=True)
class Radio:
    """`stations` None: not known. `said`: the same in one line for the technician."""

    stations: int | None
    wpa3: bool
    said: str


def read_radio(untrusted_phy: str, driver: str, *, minimal_firmware: bool) -> Radio:
    """From `iw phy … info` and the name of the driver, each empty if not known."""
    text = untrusted_phy[:TEXT_CHARACTERS_MAX]
    modes = _MODES.search(text)
    if modes and "* AP\n" not in modes[1]:
        return Radio(None, False, "this radio cannot be an access point: use a USB radio, or access points beside it")
    if driver == _PI_DRIVER:
        return _pi(minimal_firmware)
    told = _TOLD.search(text)
    # Authenticating by SAE is something that the driver must hand through.
    wpa3 = "SAE" in text
    if told and 1 <= int(told[1]) <= STATIONS_MAX:
        return Radio(int(told[1]), wpa3, f"this radio holds {int(told[1])} devices at once, going by its driver")
    return Radio(None, wpa3, "this radio does not say how many devices it holds: try it before a class depends on it")


def _pi(minimal_firmware: bool) -> Radio:
    if minimal_firmware:
        said = f"the Pi's own radio holds {_PI_MINIMAL_STATIONS} devices at once with its minimal firmware"
        return Radio(_PI_MINIMAL_STATIONS, False, f"{said}; for more use access points beside it")
    said = f"the Pi's own radio holds {_PI_STATIONS} to 10 devices at once (19 with the minimal firmware of a 3B+ or 4)"
    return Radio(_PI_STATIONS, False, f"{said}; for a class use a USB radio, or access points beside it")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a radio is looked for; another one in a test."""

    sysfs: Path = Path("/sys/class/net")
    firmware: Path = _PI_FIRMWARE


def find_radio(interface: str, machine: Machine, run: Callable[[list[str]], str]) -> Radio:
    """The radio of an interface of this machine. `run` gives what a program prints, nothing if it fails."""
    if not (machine.sysfs / interface).exists():
        return Radio(
            None, False, f"{interface} is not on this machine, so its limit is not known: run this on the kiosk"
        )
    driver = (machine.sysfs / interface / "device" / "driver").resolve().name
    wiphy = _WIPHY.search(run(["iw", "dev", interface, "info"]))
    phy = run(["iw", "phy", f"phy{wiphy[1]}", "info"]) if wiphy else ""
    return read_radio(phy, driver, minimal_firmware="minimal" in machine.firmware.resolve().name)


def run_iw(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=IW_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        # what cannot be found out is said to be unknown
        return ""
    return done.stdout.decode(errors="replace")
