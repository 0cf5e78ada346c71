"""How many envelopes a desk verifies, opens, commits and answers in a second, on one core.

The desk's own `Reception` on a ledger on the disk, in the group commits that its loop makes. No broker and no screen:
`storm` measures the whole.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from random import SystemRandom

from firmware import device
from firmware.clock import Clock
from firmware.ledger import Ledger
from firmware.loop import TURN_MAX_EVENTS
from firmware.messages import Duty, DutyState
from firmware.presence import HeartbeatSchedule, Supervisor, Watched
from firmware.reception import Reception, ToKiosk
from firmware.settings import Root, load_device
from kiosk.bench.crowd import crowd, with_crowd
from kiosk.bench.figures import CannotMeasure

KIOSKS = 64


def desk_per_second(desk: Root, folder: Path, envelopes: int) -> float:
    """Raises CannotMeasure when the desk did not answer every envelope."""
    clock = Clock(floor_ms=0)
    now = clock.now()
    kiosks = crowd(min(KIOSKS, envelopes), device.load_sheet(desk))
    sealed = [(kiosk.device, kiosk.call(now).payload) for _ in range(envelopes // len(kiosks)) for kiosk in kiosks]
    register = with_crowd(device.load_device_register(desk), kiosks)
    watched = [Watched(entry.id, entry.kind, entry.room, entry.epoch) for entry in register.devices]
    chance = SystemRandom()
    with Ledger(folder / "answering.db", random_bytes=secrets.token_bytes) as ledger:
        reception = Reception(
            device.load_desk(desk, load_device(desk)),
            register=register,
            sheet_versions=(1, 1),
            ledger=ledger,
            supervisor=Supervisor(watched, started_ms=now.monotonic_ms, lives={}),
            duty=lambda _now: Duty(DutyState.ON),
            schedule=HeartbeatSchedule(chance),
            decoy_gap_ms=lambda mean_ms: chance.expovariate(1 / mean_ms),
            random_bytes=secrets.token_bytes,
            now=now,
        )
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
        try:
            answered, before = 0, time.perf_counter()
            for start in range(0, len(sealed), TURN_MAX_EVENTS):
                now = clock.now()
                for kiosk, payload in sealed[start : start + TURN_MAX_EVENTS]:
                    outcomes = reception.receive(kiosk, payload, now)
                    answered += sum(isinstance(outcome, ToKiosk) for outcome in outcomes)
                ledger.commit()
            seconds = time.perf_counter() - before
        finally:
            os.sched_setaffinity(0, cores)
    if answered != len(sealed):
        raise CannotMeasure(f"the desk answered {answered} of {len(sealed)} envelopes")
    return round(len(sealed) / seconds, 1)
