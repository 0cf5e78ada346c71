"""Supervision by the real clock: what is frozen is trouble on a screen within sixty seconds, whatever a broker plays.

Only under `make faults`; the fast suite proves the same with an accelerated clock.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from kiosk.rehearsal import Json
from tests.support.fault_site import FaultSite
from tests.support.until import look_again
from tests.support.wire_tap import tapped

pytestmark = pytest.mark.faults

TROUBLE_SECONDS = 60.0
# Looking itself takes a moment; the screen is painted twice a second.
LOOK_SECONDS = 1.0


def has(state: Json, words: str) -> bool:
    return any(words in sentence for sentence in cast(Sequence[str], state["troubles"]))


def test_a_frozen_kiosk_and_a_dead_desk_are_trouble_within_a_minute(tmp_path: Path) -> None:
    """Kiosk frozen, second desk killed, old heartbeats played back: both are trouble at the first desk in 60 s."""
    # The third desk never runs: the tap listens with its certificate, because a client id has one session at a time.
    site = FaultSite(tmp_path, desks=3)
    try:
        site.start_broker()
        for desk in site.desks[:2]:
            desk.start()
            desk.wait_until_connected()
        with tapped(site, site.desks[2]) as tap:
            site.kiosk.start()
            while sum(heard.is_heartbeat for heard in tap.heard) < 5:
                tap.next()
            site.desk.wait_for(lambda state: not has(state, "No kiosk can be heard"), "a heard kiosk")
            site.kiosk.freeze()
            site.desks[1].kill()
            frozen_at = time.monotonic()
            tap.speak()
            silent = {"No kiosk can be heard": 0.0, "Office 2 is silent": 0.0}
            while not all(silent.values()):
                assert time.monotonic() - frozen_at < TROUBLE_SECONDS + LOOK_SECONDS, silent
                for heard in tap.heard[:-1]:
                    tap.play(heard.payload)
                state = site.desk.unit.state()
                for words, since in silent.items():
                    if not since and has(state, words):
                        silent[words] = time.monotonic() - frozen_at
                look_again(LOOK_SECONDS / 2)
            print({words: f"{seconds:.1f} s" for words, seconds in silent.items()})
        site.kiosk.thaw()
        site.desks[1].start()
        site.desk.wait_for(lambda state: not any(has(state, words) for words in silent), "the end of both troubles")
    finally:
        site.end()
