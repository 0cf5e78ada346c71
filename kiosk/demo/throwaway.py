"""A whole site in a temporary folder, made with the same commands that a technician and the readers would type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import TechnicianError
from firmware.free_port import free_port
from kiosk.demo.processes import quietbell

ROOM, PLACE = "Room 12", "First floor"
# Name, role, passphrase. Printed in the legend: this site is thrown away. The first two found the readers.
PEOPLE = (
    ("Hanna Head", "head", "amber river candle window planet meadow"),
    ("Lee Lead", "lead", "silver garden button morning harbour pencil"),
    ("Dee Deputy", "deputy", "orange ladder blanket thunder village mirror"),
    ("May Manager", "manager", "copper feather island marble summer basket"),
    ("Ina Chair", "independent", "velvet anchor biscuit lantern forest jacket"),
    ("Ivo Governor", "independent", "bronze kettle pillow rocket saddle tunnel"),
)


@dataclass(frozen=True)
class ThrowawaySite:
    """Where the site, its one kiosk and its one desk are."""

    path: Path
    kiosk: Path
    desk: Path
    port: int


def make_site(path: Path, profile: str, kiosk_screen: str, portal_words: Sequence[str]) -> ThrowawaySite:
    """`kiosk_screen`: 800x480 or 1280x720. `portal_words`: what the kiosk's network is, as `site portal` is told.

    Raises TechnicianError with the line of whichever command failed.
    """
    port = free_port()
    recovery = path.parent / "recovery.key"
    quietbell(
        "site", "new", str(path), "--name", "Demo School", "--profile", profile, "--broker-host", "127.0.0.1",
        "--broker-port", str(port), "--recovery-out", str(recovery),
    )  # fmt: skip
    desk = _device(path, quietbell("site", "add-desk", str(path), "--room", "Staff office", *_REHEARSAL))
    kiosk = _device(
        path,
        quietbell(
            "site", "add-kiosk", str(path), "--room", ROOM, "--place", PLACE, "--screen", kiosk_screen, *_REHEARSAL
        ),
    )
    _make_readers(desk)
    quietbell("site", "adopt", str(path), "--from", str(desk))
    quietbell("site", "portal", str(path), kiosk.name, *portal_words)
    return ThrowawaySite(path, kiosk, desk, port)


_REHEARSAL = ("--rehearsal", "--board", "mock")


def _make_readers(desk: Path) -> None:
    """The head and the lead found the readers; both sign for whoever follows, except that the second independent
    reader gets the key of their route from the first."""
    for number, (name, role, passphrase) in enumerate(PEOPLE):
        signers = PEOPLE[: min(number, 2)] if number < 5 else (PEOPLE[1], PEOPLE[4])
        lines = [passphrase, *(f"{signer}={words}" for signer, _, words in signers)]
        quietbell(
            "reader", "new", "--root", str(desk), "--name", name, "--role", role, "--passphrase-stdin", lines=lines
        )


def _device(path: Path, printed: str) -> Path:
    """The root of a device that `quietbell site add-…` has just made, from the line that names its bundle."""
    lines: Sequence[str] = [line for line in printed.splitlines() if line.startswith("bundle: ")]
    if not lines:
        raise TechnicianError(f"{path}: quietbell site said nothing of a bundle: {printed.strip()}")
    return Path(lines[0].removeprefix("bundle: ")).parent
