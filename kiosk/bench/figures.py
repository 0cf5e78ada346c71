"""Numbers and what they were taken on: medians, tails, the machine, the disk.

Knows nothing of Quietbell.
"""

from __future__ import annotations

import os
import platform
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from firmware.errors import TechnicianError

# As much as a sealed report takes on the disk.
PROBE_BYTES = 8192
PROBE_TIMES = 200
# Filesystems that forget at a power cut: a commit on them costs nothing and proves nothing.
FORGETFUL = ("tmpfs", "ramfs")


class CannotMeasure(TechnicianError):
    """A part of the benchmark did not do what it should, so there is no figure."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Many measurements of one thing, in milliseconds."""

    median_ms: float
    p99_ms: float
    trials: int

    def plain(self) -> dict[str, float | int]:
        return {"median_ms": self.median_ms, "p99_ms": self.p99_ms, "trials": self.trials}


def spread(times_ms: Sequence[float]) -> Spread:
    """Raises CannotMeasure when there is nothing."""
    if not times_ms:
        raise CannotMeasure("nothing was measured: give at least one trial")
    return Spread(round(median(times_ms), 4), round(percentile(times_ms, 99), 4), len(times_ms))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that is not exceeded by `percent` of them (nearest rank)."""
    ordered = sorted(values)
    rank = -int(-percent * len(ordered) // 100)
    return ordered[max(0, rank - 1)]


def fdatasync_ms(folder: Path) -> float:
    """What the disk itself asks for making one report durable: the median of many."""
    times: list[float] = []
    path = folder / "fdatasync-probe"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(PROBE_TIMES):
            os.write(handle, bytes(PROBE_BYTES))
            before = time.perf_counter()
            os.fdatasync(handle)
            times.append((time.perf_counter() - before) * 1000)
    finally:
        os.close(handle)
        path.unlink()
    return round(median(times), 4)


def filesystem_of(folder: Path) -> str:
    """The type of the filesystem that a folder lies on, "unknown" where /proc does not tell."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    wanted, found, length = str(folder.resolve()), "unknown", -1
    for line in mounts:
        _, point, kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = wanted == point or wanted.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= length:
            found, length = kind, len(point)
    return found


def machine() -> dict[str, str | int | float]:
    """What a figure is worth nothing without."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "load_before": round(os.getloadavg()[0], 2),
        "raspberry_pi": Path("/proc/device-tree/model").exists(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(named, "unknown")
