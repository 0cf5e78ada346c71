"""A full disk: the screen says so, the unit goes on, and it heals when there is room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from kiosk.rehearsal import Json
from tests.support.fault_site import (
    HOME_SECONDS,
    Device,
    FaultSite,
    open_talk,
    press,
    press_until_stored,
    told,
    wait_until_shown,
)
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.faults

NOT_SAVED = "Could not save. Not sent. Go to"
# A write may still find a place in the log's own blocks; each press needs more of them.
PRESSES_MOST = 40
# The fault is told in the next heartbeat, at most 25 s away.
HEARTBEAT_SECONDS = 60.0


def troubles(state: Json) -> str:
    return "\n".join(cast(Sequence[str], state["troubles"]))


def tells_of_a_full_disk(state: Json) -> bool:
    return "has a full disk" in troubles(state)


def press_until_told_not_saved(site: FaultSite) -> None:
    """Press on a full disk; what is still called saved must arrive, and then the screen must say the truth."""
    for _ in range(PRESSES_MOST):
        open_talk(site.kiosk)
        site.kiosk.unit.touch("option-yes")
        state = site.kiosk.wait_for(
            lambda state: (seen := told(state)) is not None and (seen.saved or seen.failed), "an answer of the store"
        )
        seen = told(state)
        assert seen is not None
        if seen.failed:
            assert NOT_SAVED in "\n".join(cast(Sequence[str], state["texts"]))
            return
        wait_until_shown(site.desk, {seen.id})
    pytest.fail(f"{PRESSES_MOST} presses were saved on a full disk")


def still_runs(device: Device, pid: int) -> bool:
    return device.alive and device.pid == pid


def test_kiosk_with_a_full_disk_says_so_and_heals(tmp_path: Path) -> None:
    """No room: "Could not save. Not sent. Go to …", the desk hears of it, no restart; with room the next is stored."""
    site = FaultSite(tmp_path)
    with small_disk(site.kiosk.root.store) as disk:
        try:
            site.start()
            press_until_stored(site.kiosk, site.desk)
            pid = site.kiosk.pid
            disk.fill()
            press_until_told_not_saved(site)
            assert still_runs(site.kiosk, pid)
            site.desk.wait_for(tells_of_a_full_disk, "trouble: a full disk", HEARTBEAT_SECONDS)
            disk.make_room()
            report = press(site.kiosk)
            wait_until_shown(site.desk, {report.id})
            assert still_runs(site.kiosk, pid)
            site.desk.wait_for(
                lambda state: not tells_of_a_full_disk(state), "the end of that trouble", HEARTBEAT_SECONDS
            )
        finally:
            site.end()


def test_kiosk_starts_on_a_full_disk_and_says_so(tmp_path: Path) -> None:
    """A kiosk that is started when its disk is full comes up and tells the truth, instead of starting for ever."""
    site = FaultSite(tmp_path)
    with small_disk(site.kiosk.root.store) as disk:
        try:
            site.start()
            press_until_stored(site.kiosk, site.desk)
            site.kiosk.kill()
            disk.fill()
            site.kiosk.start()
            pid = site.kiosk.pid
            press_until_told_not_saved(site)
            disk.make_room()
            report = press(site.kiosk)
            wait_until_shown(site.desk, {report.id})
            assert still_runs(site.kiosk, pid)
        finally:
            site.end()


def test_desk_with_a_full_disk_promises_nothing_and_heals(tmp_path: Path) -> None:
    """No room at the desk: no *stored* leaves it, its screen says so, and with room the waiting report is stored."""
    site = FaultSite(tmp_path)
    with small_disk(site.desk.root.store) as disk:
        try:
            site.start()
            press_until_stored(site.kiosk, site.desk)
            pid = site.desk.pid
            disk.fill()
            report = press(site.kiosk)
            site.desk.wait_for(lambda state: "cannot save" in troubles(state), "trouble: cannot save", HOME_SECONDS)
            seen = told(site.kiosk.unit.state())
            assert seen is not None
            assert "stored" not in seen.stages
            disk.make_room()
            wait_until_shown(site.desk, {report.id})
            site.kiosk.wait_for(lambda state: "stored" in (told(state) or report).stages, "arrived")
            assert still_runs(site.desk, pid)
            site.desk.wait_for(lambda state: "cannot save" not in troubles(state), "the end of that trouble")
        finally:
            site.end()
