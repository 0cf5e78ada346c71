"""The whole benchmark in a tiny form: it runs, it tells every figure, it leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kiosk.bench.command import FOLDER
from kiosk.bench.figures import FORGETFUL, filesystem_of
from kiosk.bench.site import find_mosquitto, quietbell

PATIENCE_SECONDS = 180
PROMISED = {
    "ratio_median",
    "p99_over_median",
    "fdatasync_ms",
    "filesystem",
    "desk_per_second",
    "storm_lost",
    "storm_p99_s",
    "first_frame_s",
    "resident_mb",
    "idle_cpu_percent",
    "machine",
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [*quietbell(), "bench", "path", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed (apt install mosquitto)")
@pytest.mark.skipif(filesystem_of(FOLDER) in FORGETFUL, reason=f"{FOLDER} is not on a disk")
def test_bench_tells_every_figure_and_leaves_nothing() -> None:
    """A site of real processes is made, pressed, stormed and taken away; the last line holds all that is promised."""
    sizes = {"--trials": "3", "--envelopes": "64", "--kiosks": "5", "--entries": "300", "--idle": "0.2"}
    with TemporaryDirectory(dir=FOLDER, prefix="qb-") as own:
        done = run("--json", "--folder", own, *(word for pair in sizes.items() for word in pair))
        assert not list(Path(own).iterdir())
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures.keys() >= PROMISED
    assert figures["storm_lost"] == 0
    assert figures["stored"]["trials"] == figures["bare"]["trials"] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--folder", "/nowhere/at/all"), "no such folder"),
        (("--trials", "0"), "--trials"),
        (("--kiosks", "5000"), "--kiosks"),
    ],
)
def test_bad_words_are_told_in_one_line(words: tuple[str, ...], said: str) -> None:
    """What cannot be measured is said before anything is made."""
    done = run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(filesystem_of(Path("/dev/shm")) not in FORGETFUL, reason="/dev/shm is no tmpfs here")
def test_a_disk_that_forgets_is_refused() -> None:
    """On a tmpfs a commit costs nothing, so a figure from there would be a lie."""
    done = run("--folder", "/dev/shm")
    assert done.returncode == 2
    assert "keeps nothing" in done.stderr
