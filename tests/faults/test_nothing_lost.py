"""Randomised faults on a running site: nothing that a screen called saved is lost, nothing is shown twice.

How many runs: QUIETBELL_FAULT_RUNS. Each run draws its faults from a seed that is printed; QUIETBELL_FAULT_SEED
repeats a session's draws. Where this process may not trace (not root), units are killed at a random moment instead of
at a counted write.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from firmware.errors import TechnicianError
from tests.support.fault_site import (
    HOME_SECONDS,
    Device,
    FaultSite,
    open_talk,
    press,
    running_site,
    shown_ids,
    told,
    wait_until_shown,
)
from tests.support.tracing import killing, may_trace

pytestmark = pytest.mark.faults

RUNS = int(os.environ.get("QUIETBELL_FAULT_RUNS", "20"))
RUNS_A_SITE = 20
SEED = os.environ.get("QUIETBELL_FAULT_SEED", "")
# Between touch and receipt a unit's busiest thread makes about this many of each call; a few more let it live.
CALLS_MOST = {"pwrite64": 55, "fdatasync": 4, "write": 5, "fdatasync,pwrite64,write": 60}
# How long after the touch a broker (or, untraced, a unit) may die.
DEATH_WITHIN_SECONDS = 0.3
# If nothing died, the report is on its way; then there is nothing to watch any more.
WATCH_SECONDS = 2.0


@dataclass
class Journal:
    """What the learner was told. `on_card`: what the kiosk's present card holds; `ever_stored`: seen at any desk."""

    saved: set[str] = field(default_factory=set)
    on_card: set[str] = field(default_factory=set)
    ever_stored: set[str] = field(default_factory=set)

    def was_saved(self, report: str) -> None:
        self.saved.add(report)
        self.on_card.add(report)


class Run:
    """One drawn fault on a running site."""

    def __init__(self, site: FaultSite, journal: Journal, chance: random.Random, scratch: Path) -> None:
        self.site, self.journal, self.chance, self.scratch = site, journal, chance, scratch
        self.died: list[str] = []

    def draw(self) -> Callable[[], None]:
        special = [self.desk_stolen, self.receipt_lost, self.card_forked]
        return self.chance.choice([self.killed_between, self.killed_between, self.killed_between, *special])

    # --- the faults ---

    def killed_between(self) -> None:
        """Kiosk, desk, broker or several of them die at random between touch and receipt."""
        victims = self.chance.sample(["kiosk", "desk", "broker"], self.chance.choice([1, 1, 2, 3]))
        with ExitStack() as armed:
            deaths: list[tuple[float, Callable[[], None]]] = []
            try:
                open_talk(self.site.kiosk)
                for device in (self.site.kiosk, self.site.desk):
                    if device.kind.value in victims:
                        deaths += self._arm(device, armed)
                if "broker" in victims:
                    deaths.append((self._soon(), self.site.kill_and_wipe_broker))
                self.site.kiosk.unit.touch("option-yes")
            except TechnicianError:
                # The kiosk died before the touch: nothing was promised.
                pass
            self._watch(deaths)
        self._heal()

    def receipt_lost(self) -> None:
        """The desk has it and says so, but the kiosk dies before it hears; the card remembers."""
        desk, kiosk = self.site.desk, self.site.kiosk
        desk.wait_until_connected()
        kiosk.wait_until_connected()
        open_talk(kiosk)
        desk.freeze()
        report = press(kiosk).id
        self.journal.was_saved(report)
        kiosk.freeze()
        desk.thaw()
        while report not in shown_ids(desk):
            # Frozen too early to have sent it: a little more life.
            kiosk.thaw()
            kiosk.unit.state()
            kiosk.freeze()
        kiosk.kill()
        self._heal()

    def desk_stolen(self) -> None:
        """After *stored* the desk is gone; the replacement, with an empty store, gets everything from the kiosk."""
        self._undisturbed()
        if self.chance.random() < 0.5:
            self.site.kiosk.kill()
        if self.chance.random() < 0.3:
            self.site.kill_and_wipe_broker()
            self.site.start_broker()
        self.site.replace_desk(f"Office {self.chance.randrange(10**9)}")
        self._heal()

    def card_forked(self) -> None:
        """The kiosk's card is copied; later the copy runs instead, with the same numbers again."""
        kiosk = self.site.kiosk
        kiosk.kill()
        copy = self.scratch / f"card-{self.chance.randrange(10**9)}"
        shutil.copytree(kiosk.root.store, copy)
        held = set(self.journal.on_card)
        self.site.heal()
        self._undisturbed()
        kiosk.kill()
        shutil.rmtree(kiosk.root.store)
        shutil.move(copy, kiosk.root.store)
        self.journal.on_card = held
        self._heal()
        self._undisturbed()

    # --- what every run does ---

    def check(self) -> None:
        """Nothing lost, nothing twice."""
        desk = self.site.desk
        wait_until_shown(desk, self.journal.on_card, HOME_SECONDS)
        shown = Counter(shown_ids(desk))
        self.journal.ever_stored |= set(shown)
        lost = self.journal.saved - self.journal.ever_stored
        assert not lost, f"lost: {sorted(lost)}"
        twice = [report for report, lines in shown.items() if lines > 1]
        assert not twice, f"shown twice: {twice}"

    def _undisturbed(self) -> None:
        report = press(self.site.kiosk).id
        self.journal.was_saved(report)
        wait_until_shown(self.site.desk, {report})
        self.journal.ever_stored.add(report)

    def _heal(self) -> None:
        """Start again what died, as systemd would, and remember for the print what it was."""
        units = {"kiosk": self.site.kiosk.alive, "desk": self.site.desk.alive, "broker": self.site.broker_alive}
        self.died = [name for name, alive in units.items() if not alive]
        self.site.heal()

    def _arm(self, device: Device, armed: ExitStack) -> list[tuple[float, Callable[[], None]]]:
        """Let it die at a counted call; where we may not trace, at a moment."""
        if not may_trace():
            return [(self._soon(), device.kill)]
        syscalls = self.chance.choice(list(CALLS_MOST))
        armed.enter_context(killing(device.pid, syscalls, self.chance.randint(1, CALLS_MOST[syscalls])))
        return []

    def _soon(self) -> float:
        return self.chance.uniform(0, DEATH_WITHIN_SECONDS)

    def _watch(self, deaths: list[tuple[float, Callable[[], None]]]) -> None:
        """Look at the kiosk as often as possible, and let the others die in time, until all is over."""
        began = time.monotonic()
        due = sorted(deaths, key=lambda death: death[0])
        arrived = False
        while time.monotonic() - began < WATCH_SECONDS and (due or not arrived):
            while due and time.monotonic() - began >= due[0][0]:
                due.pop(0)[1]()
            try:
                seen = told(self.site.kiosk.unit.state())
            except TechnicianError:
                if not due:
                    return
                continue
            if seen is not None and seen.saved:
                self.journal.was_saved(seen.id)
                arrived = "stored" in seen.stages


@pytest.mark.parametrize("batch", range(-(-RUNS // RUNS_A_SITE)))
def test_nothing_is_lost_and_nothing_is_shown_twice(batch: int, tmp_path: Path) -> None:
    """Whatever dies, is wiped, stolen, copied or unheard: every report called saved is stored once and shown once."""
    seed = SEED or secrets.token_hex(4)
    journal = Journal()
    with running_site(tmp_path) as site:
        for number in range(min(RUNS_A_SITE, RUNS - batch * RUNS_A_SITE)):
            chance = random.Random(f"{seed}-{batch}-{number}")
            run = Run(site, journal, chance, tmp_path)
            fault = run.draw()
            began = time.monotonic()
            print(f"QUIETBELL_FAULT_SEED={seed} batch {batch} run {number}: {fault.__name__}", end=" ", flush=True)
            fault()
            run.check()
            print(f"dead: {' '.join(run.died) or 'nothing'}, {time.monotonic() - began:.1f} s", flush=True)
        _check_the_records(site, journal)


def _check_the_records(site: FaultSite, journal: Journal) -> None:
    """What the kiosk's card holds, seen on a screen or not, comes to stand in the desk's chain; both chains verify."""
    kiosk, desk = site.kiosk, site.desk
    kiosk.kill()
    kept = {entry.ref.hex() for entry in kiosk.entries("report")}
    assert journal.on_card <= kept
    kiosk.start()
    wait_until_shown(desk, kept)
    desk.kill()
    stored = Counter(entry.ref.hex() for entry in desk.entries("report"))
    assert kept <= set(stored)
    assert max(stored.values()) == 1
