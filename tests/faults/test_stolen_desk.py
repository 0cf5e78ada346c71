"""A desk is stolen and goes on running at the thief's: the second desk gets what only the stolen one had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fault_site import FaultSite, press_until_stored, shown_ids, wait_until_shown

pytestmark = pytest.mark.faults


def test_the_second_desk_gets_what_the_stolen_one_had(tmp_path: Path) -> None:
    """Revoked while it runs, a desk hears nothing more; the kiosk takes the newer sheet and the other desk has all."""
    site = FaultSite(tmp_path, desks=2)
    stolen, second = site.desks
    try:
        site.start_broker()
        for device in (stolen, site.kiosk):
            device.start()
            device.wait_until_connected()
        before = press_until_stored(site.kiosk, stolen)
        site.made.site.revoke(stolen.id)
        second.carry()
        site.reload_broker()
        second.start()
        wait_until_shown(second, {before.id})
        after = press_until_stored(site.kiosk, second)
        assert stolen.alive
        # Later than this press nothing can come to it: the broker denies it to read and the sheet does not name it.
        assert shown_ids(stolen) == [before.id]
        assert set(shown_ids(second)) == {before.id, after.id}
    finally:
        site.end()
