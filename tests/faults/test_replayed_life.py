"""A hostile broker plays a dead kiosk's heartbeats back: they are no life, and tell it nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fault_site import FaultSite, press
from tests.support.wire_tap import tapped

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("restarted", [False, True], ids=["same desk process", "desk restarted"])
def test_old_heartbeats_are_answered_as_old_reports_are(restarted: bool, tmp_path: Path) -> None:
    """Recorded heartbeats of a kiosk that is gone are answered just as its recorded report is, so that nobody learns by
    playing an envelope back which of the two it was. (That they are no life, `test_reception` proves.)"""
    site = FaultSite(tmp_path, desks=2)
    try:
        site.start_broker()
        site.desk.start()
        site.desk.wait_until_connected()
        with tapped(site, site.desks[1]) as tap:
            site.kiosk.start()
            site.kiosk.wait_until_connected()
            while sum(heard.is_heartbeat for heard in tap.heard) < 4:
                tap.next()
            heartbeats = [heard for heard in tap.heard if heard.is_heartbeat]
            report = bytes.fromhex(press(site.kiosk).id)
            while tap.next().id != report:
                pass
            site.desk.wait_for(lambda state: bool(state["lines"]), "the report on the desk")
            site.kiosk.kill()
            if restarted:
                site.desk.kill()
                site.desk.start()
                site.desk.wait_until_connected()
            tap.speak()
            for heartbeat in heartbeats:
                tap.play(heartbeat.payload)
            tap.play(tap.heard[-1].payload)
            answers = [tap.next_answer()]
            while answers[-1].answers != report:
                answers.append(tap.next_answer())
            # The desk takes messages in order: whatever it had to say of the heartbeats has come before.
            assert {answer.answers for answer in answers} >= {heartbeat.id for heartbeat in heartbeats}
    finally:
        site.end()
