"""From a press to *stored*, against the bare round trip of the same bytes, trial by trial in one run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from kiosk.bench.echo import READY
from kiosk.bench.figures import CannotMeasure, Spread, spread
from kiosk.bench.site import BenchSite, module, quietbell

GAP_SECONDS = 0.002
# The first presses pay for imports, caches and the log's first pages.
WARM_UP = 30


@dataclass(frozen=True, slots=True)
class PathFigures:
    """`saved` and `stored` from the posting of the event; `bare` is the round trip without us."""

    saved: Spread
    stored: Spread
    bare: Spread

    @property
    def ratio_median(self) -> float:
        return round(self.stored.median_ms / self.bare.median_ms, 2)

    @property
    def p99_over_median(self) -> float:
        return round(self.stored.p99_ms / self.stored.median_ms, 2)


def measure_path(site: BenchSite, trials: int) -> PathFigures:
    """The broker runs; desk, kiosk and bare clients are started and ended here."""
    desk = site.start([*quietbell(), "desk", "--root", str(site.desk.path)], "desk")
    port = str(site.port)
    back = site.start(module("echo", "send-back", str(site.bare[1]), port), "send-back", talk=True)
    ask = site.start(module("echo", "ask", str(site.bare[0]), port), "ask", talk=True)
    kiosk = site.start(module("pressing", str(site.kiosk.path)), "pressing", talk=True)
    try:
        for process, name in ((back, "send-back"), (ask, "ask"), (kiosk, "pressing")):
            if site.line(process, name) != READY:
                raise CannotMeasure(f"{name} does not start: {site.log(name)}")
        bare, saved, stored = [], [], []
        for _ in range(WARM_UP + trials):
            time.sleep(GAP_SECONDS)
            bare.append(int(site.asked(ask, "ask")) / 1e6)
            time.sleep(GAP_SECONDS)
            reached = json.loads(site.asked(kiosk, "pressing"))
            saved.append(reached["saved"] / 1e6)
            stored.append(reached["stored"] / 1e6)
    finally:
        for process in (kiosk, ask, back, desk):
            site.stop(process)
    return PathFigures(*(spread(times[WARM_UP:]) for times in (saved, stored, bare)))
