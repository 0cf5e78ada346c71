"""Figures: the right rank, the right filesystem, and no figure out of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.bench.figures import CannotMeasure, fdatasync_ms, filesystem_of, machine, percentile, spread


def test_percentile_is_the_nearest_rank() -> None:
    """Of a hundred values the 99th is the one that a single value exceeds; of one value it is that value."""
    assert percentile(range(1, 101), 99) == 99
    assert percentile([5.0, 1.0, 3.0], 50) == 3.0
    assert percentile([7.0], 99) == 7.0


def test_spread_keeps_the_tail() -> None:
    """One slow trial among few stays visible."""
    found = spread([1.0] * 9 + [50.0])
    assert (found.median_ms, found.p99_ms, found.trials) == (1.0, 50.0, 10)


def test_nothing_measured_is_no_figure() -> None:
    """No trials are no median of zero."""
    with pytest.raises(CannotMeasure):
        spread([])


def test_filesystem_is_the_innermost_mount() -> None:
    """A folder below a mount point has that mount's type, not the root's."""
    assert filesystem_of(Path("/proc/self")) == "proc"
    assert filesystem_of(Path("/")) not in ("", "proc")


def test_probe_of_the_disk_leaves_nothing(tmp_path: Path) -> None:
    """The disk is measured with a file that is gone afterwards."""
    assert fdatasync_ms(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_machine_says_what_it_is() -> None:
    """No figure without cores, interpreter and architecture."""
    assert {"cpu", "cores", "architecture", "python"} <= machine().keys()
