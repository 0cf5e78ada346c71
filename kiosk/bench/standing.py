"""What a kiosk costs that nobody touches: until its first picture, in memory, and in processor time.

The real `quietbell kiosk` with a desk and a broker to speak to. It is asked through its rehearsal door, which answers
after a paint.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from firmware.rehearsal_port import SOCKET_NAME
from kiosk.bench.figures import CannotMeasure
from kiosk.bench.site import START_SECONDS, BenchSite, quietbell, state_of

STARTS = 5
# After the first heartbeats, caches and blanks: what stands all day.
SETTLE_SECONDS = 5.0
_LOOK_EVERY_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class StandingFigures:
    """`first_frame_s` from the start of the process; `resident_mb` and `idle_cpu_percent` while connected."""

    first_frame_s: float
    resident_mb: float
    idle_cpu_percent: float


def measure_standing(site: BenchSite, idle_seconds: float) -> StandingFigures:
    """The broker runs; desk and kiosk are started and ended here."""
    desk = site.start([*quietbell(), "desk", "--root", str(site.desk.path)], "desk")
    try:
        starts = []
        for _ in range(STARTS):
            first_frame_s, kiosk = _start(site)
            starts.append(first_frame_s)
            if len(starts) < STARTS:
                site.stop(kiosk)
        site.wait_until_connected(site.kiosk, kiosk)
        time.sleep(min(SETTLE_SECONDS, idle_seconds))
        cpu_percent = _cpu_percent(kiosk.pid, idle_seconds)
        resident_mb = _resident_mb(kiosk.pid)
        site.stop(kiosk)
    finally:
        site.stop(desk)
    return StandingFigures(round(median(starts), 3), resident_mb, cpu_percent)


def _start(site: BenchSite) -> tuple[float, subprocess.Popen[bytes]]:
    (site.kiosk.run / SOCKET_NAME).unlink(missing_ok=True)
    before = time.perf_counter()
    kiosk = site.start([*quietbell(), "kiosk", "--root", str(site.kiosk.path)], "kiosk")
    while not state_of(site.kiosk):
        if kiosk.poll() is not None or time.perf_counter() - before > START_SECONDS:
            raise CannotMeasure(f"the kiosk does not start: {site.log('kiosk')}")
        time.sleep(_LOOK_EVERY_SECONDS)
    return time.perf_counter() - before, kiosk


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return round(kib / 1024, 1)


def _cpu_percent(pid: int, seconds: float) -> float:
    before, started = _cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return round(100 * (_cpu_seconds(pid) - before) / (time.monotonic() - started), 2)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
