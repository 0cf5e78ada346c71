"""From a press to *stored*, against the bare round trip of the same bytes, trial by trial in one run.

In rounds: each begins with empty stores, because a desk with hundreds of open alarms is what `storm` is for.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field

from firmware.settings import Root
from kiosk.bench.echo import READY
from kiosk.bench.figures import CannotMeasure, Spread, spread
from kiosk.bench.site import BenchSite, module, quietbell

GAP_SECONDS = 0.002
ROUND_TRIALS = 50
# The first presses of a round pay for imports, caches and the log's first pages.
WARM_UP = 15


@dataclass(frozen=True, slots=True)
class PathFigures:
    """`saved`, `stored` and `kept` from the posting of the event; `bare` is the round trip without us."""

    saved: Spread
    stored: Spread
    kept: Spread
    bare: Spread

    @property
    def ratio_median(self) -> float:
        return round(self.stored.median_ms / self.bare.median_ms, 2)

    @property
    def p99_over_median(self) -> float:
        return round(self.stored.p99_ms / self.stored.median_ms, 2)


@dataclass(slots=True)
class _Times:
    """In milliseconds, trial by trial."""

    saved: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def measure_path(site: BenchSite, trials: int) -> PathFigures:
    """The broker runs; desk, kiosk and bare clients are started and ended here."""
    port, times = str(site.port), _Times()
    back = site.start(module("echo", "send-back", str(site.bare[1]), port), "send-back", talk=True)
    ask = site.start(module("echo", "ask", str(site.bare[0]), port), "ask", talk=True)
    try:
        _expect_ready(site, back, "send-back")
        _expect_ready(site, ask, "ask")
        while len(times.stored) < trials:
            _round(site, ask, times, min(ROUND_TRIALS, trials - len(times.stored)))
    finally:
        site.stop(ask)
        site.stop(back)
    return PathFigures(spread(times.saved), spread(times.stored), spread(times.kept), spread(times.bare))


def _round(site: BenchSite, ask: subprocess.Popen[bytes], times: _Times, trials: int) -> None:
    for unit in (site.desk, site.kiosk):
        _empty(unit)
    desk = site.start([*quietbell(), "desk", "--root", str(site.desk.path)], "desk")
    site.wait_until_connected(site.desk, desk)
    kiosk = site.start(module("pressing", str(site.kiosk.path)), "pressing", talk=True)
    try:
        _expect_ready(site, kiosk, "pressing")
        for number in range(WARM_UP + trials):
            time.sleep(GAP_SECONDS)
            bare = int(site.asked(ask, "ask"))
            time.sleep(GAP_SECONDS)
            reached = json.loads(site.asked(kiosk, "pressing"))
            if number >= WARM_UP:
                times.bare.append(bare / 1e6)
                times.saved.append(reached["saved"] / 1e6)
                times.stored.append(reached["stored"] / 1e6)
                times.kept.append(reached["kept"] / 1e6)
    finally:
        site.stop(kiosk)
        site.stop(desk)


def _empty(unit: Root) -> None:
    for file in unit.store.glob("*.db*"):
        file.unlink()


def _expect_ready(site: BenchSite, process: subprocess.Popen[bytes], name: str) -> None:
    if site.line(process, name) != READY:
        raise CannotMeasure(f"{name} does not start: {site.log(name)}")
