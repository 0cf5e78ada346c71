"""A kiosk without a clock: it wakes on 1 January 2020, is told the time, and jumps.

The wall clock that the kiosk's process sees, OpenSSL included, is libfaketime's (Debian: libfaketime); its boot clock
is the real one, as it would be.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from firmware.clock import BUILD_FLOOR_MS
from tests.support.fault_site import FaultSite, press_until_stored
from tests.support.wire_tap import Heard, WireTap, tapped

pytestmark = pytest.mark.faults

NEW_YEAR_2020 = "@2020-01-01 00:00:00"
NOW = "+0"


def faketime_library() -> Path | None:
    """Debian puts it below the machine's own library folder."""
    for folder in ("/usr/lib", "/usr/local/lib"):
        for found in sorted(Path(folder).glob("**/faketime/libfaketimeMT.so.1")):
            return found
    return None


def reported(tap: WireTap, report: str) -> Heard:
    """The envelope of this report, as it went over the wire."""
    while True:
        for heard in tap.heard:
            if heard.id.hex() == report:
                return heard
        tap.next()


def test_a_kiosk_that_wakes_in_2020_works_and_orders_rightly_when_its_clock_jumps(tmp_path: Path) -> None:
    """From 1 January 2020 all goes its way; over jumps forward and back the order of envelopes and times holds."""
    library = faketime_library()
    if library is None:
        pytest.skip("libfaketime is not installed (apt install libfaketime)")
    clock = tmp_path / "clock"
    clock.write_text(NEW_YEAR_2020)
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    year = subprocess.run(["date", "+%Y"], env={**os.environ, **environment}, capture_output=True, check=True)
    assert year.stdout == b"2020\n", "libfaketime has no effect"
    site = FaultSite(tmp_path / "site", desks=2)
    try:
        site.start_broker()
        site.desk.start()
        site.desk.wait_until_connected()
        with tapped(site, site.desks[1]) as tap:
            site.kiosk.start(environment)
            site.kiosk.wait_until_connected()
            heard = []
            for time_now in (NEW_YEAR_2020, NOW, NEW_YEAR_2020):
                clock.write_text(time_now)
                heard.append(reported(tap, press_until_stored(site.kiosk, site.desk).id))
            # Again after a restart without a network's help: it does not fall behind what it knew.
            site.kiosk.kill()
            site.kiosk.start(environment)
            heard.append(reported(tap, press_until_stored(site.kiosk, site.desk).id))
    finally:
        site.end()
    lives = [each.alert.life for each in heard]
    assert lives == sorted(lives)
    assert len(set(lives)) == len(lives)
    walls = [each.alert.wall_ms for each in heard]
    assert all(wall >= BUILD_FLOOR_MS for wall in walls), "nothing is dated before this code was written"
    assert walls[:3] == sorted(walls[:3])
    assert [each.alert.number for each in heard] == [1, 2, 3, 4]
