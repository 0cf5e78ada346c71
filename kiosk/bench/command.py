"""`quietbell bench path` and `bench portal`: every figure of the README's tables, taken on this machine.

Owns the order of the measurements, what is said while they run, and the one JSON object at the end.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

from firmware.errors import BadInput
from kiosk.bench.answering import desk_per_second
from kiosk.bench.figures import FORGETFUL, fdatasync_ms, filesystem_of, machine
from kiosk.bench.path import measure_path
from kiosk.bench.record import measure_record
from kiosk.bench.site import BenchSite, bench_site, mosquitto_version
from kiosk.bench.standing import measure_standing
from kiosk.bench.storm import measure_storm

# Unlike /tmp it is a disk on every Debian; and short enough for the Unix sockets below it.
FOLDER = Path("/var/tmp")
COMMAND = "quietbell bench path --json"
NOT_A_PI = "not measured on a Pi"
# A connection for each kiosk of the storm, in one process and in the broker.
FILES_SPARE = 256

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    trials: int
    envelopes: int
    kiosks: int
    entries: int
    idle_seconds: float


@click.group()
def bench() -> None:
    """Measure the path from a press to the office and back, and the portal."""


_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
_folder = click.option(
    "--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True, help="On a real disk."
)


@bench.command()
@_as_json
@_folder
@click.option("--trials", type=click.IntRange(1), default=600, show_default=True, help="Presses, and bare round trips.")
@click.option("--envelopes", type=click.IntRange(1), default=8192, show_default=True, help="For the desk's rate.")
@click.option("--kiosks", type=click.IntRange(1, 4000), default=1000, show_default=True, help="In the storm.")
@click.option("--entries", type=click.IntRange(1), default=100_000, show_default=True, help="In the long ledger.")
@click.option("--idle", "idle_seconds", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds.")
def path(
    as_json: bool, folder: Path, trials: int, envelopes: int, kiosks: int, entries: int, idle_seconds: float
) -> None:
    """Make a throw-away site of real processes, measure it, take it away."""
    _check_folder(folder)
    _allow_many_files(kiosks)
    _say(measure(folder, Size(trials, envelopes, kiosks, entries, idle_seconds)), as_json)


@bench.command()
@_as_json
@_folder
@click.option("--devices", type=click.IntRange(4, 900), default=400, show_default=True, help="That accept.")
@click.option("--pages", "page_seconds", type=click.FloatRange(0.5), default=30.0, show_default=True, help="Seconds.")
@click.option("--redirects", "turn_seconds", type=click.FloatRange(0.1), default=3.0, show_default=True, help="A turn.")
def portal(as_json: bool, folder: Path, devices: int, page_seconds: float, turn_seconds: float) -> None:
    """Make a BYOD network of namespaces with a real gate, let phones use it, take it away. Needs root."""
    # Its parts import the portal's libraries; measuring the path needs none of them.
    report = import_module("kiosk.bench.portal_report")
    _check_folder(folder)
    _say(report.portal_figures(folder, report.PortalSize(devices, page_seconds, turn_seconds), _told), as_json)


def _check_folder(folder: Path) -> None:
    """Raises BadInput."""
    if not folder.is_dir():
        raise BadInput(f"--folder: {folder}: no such folder: make it, or name another")
    filesystem = filesystem_of(folder)
    if filesystem in FORGETFUL:
        raise BadInput(f"--folder: {folder} is {filesystem}, which keeps nothing: name a folder on a disk")


def _say(figures: Json, as_json: bool) -> None:
    for name, value in figures.items():
        click.echo(f"{name:>24}  {_shown(value)}")
    if as_json:
        click.echo(json.dumps(figures))


def measure(folder: Path, size: Size) -> Json:
    """Everything, one after the other: each has the machine to itself."""
    with bench_site(folder, BenchSite) as site:
        site.start_broker()
        # Printed first because every ratio below stands on it.
        disk: Json = {"filesystem": filesystem_of(site.home), "fdatasync_ms": fdatasync_ms(site.home)}
        figures = {**_path(site, size), **disk}
        _told("the desk on one core")
        figures["desk_per_second"] = desk_per_second(site.desk, site.home, size.envelopes)
        figures |= _record(site, size)
        figures |= _standing(site, size)
        figures |= _storm(site, size)
    figures["machine"] = {**machine(), "mosquitto": mosquitto_version()}
    figures["note"] = NOT_A_PI
    figures["command"] = COMMAND
    return figures


def _path(site: BenchSite, size: Size) -> Json:
    _told(f"{size.trials} presses, each against a bare round trip")
    found = measure_path(site, size.trials)
    return {
        "ratio_median": found.ratio_median,
        "p99_over_median": found.p99_over_median,
        "stored": found.stored.plain(),
        "kept": found.kept.plain(),
        "saved": found.saved.plain(),
        "bare": found.bare.plain(),
    }


def _record(site: BenchSite, size: Size) -> Json:
    _told(f"a ledger of {size.entries} entries")
    found = measure_record(site.home, size.entries)
    return {
        "ledger_append_empty_ms": found.append_empty.median_ms,
        "ledger_append_full_ms": found.append_full.median_ms,
        "ledger_open_s": found.open_s,
    }


def _standing(site: BenchSite, size: Size) -> Json:
    _told("a kiosk that nobody touches")
    found = measure_standing(site, size.idle_seconds)
    return {
        "first_frame_s": found.first_frame_s,
        "resident_mb": found.resident_mb,
        "idle_cpu_percent": found.idle_cpu_percent,
    }


def _storm(site: BenchSite, size: Size) -> Json:
    _told(f"{size.kiosks} kiosks within a second")
    found = measure_storm(site, size.kiosks)
    return {
        "storm_kiosks": found.kiosks,
        "storm_lost": found.lost,
        "storm_sent_again": found.sent_again,
        "storm_median_s": found.median_s,
        "storm_p99_s": found.p99_s,
    }


def _told(what: str) -> None:
    click.echo(f"measuring: {what}", err=True)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _allow_many_files(kiosks: int) -> None:
    """The children, the broker too, inherit it. Raises BadInput when this user may not have so many."""
    needed = 2 * kiosks + FILES_SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BadInput(f"--kiosks {kiosks}: {needed} open files are needed, {hard} are allowed: use fewer kiosks")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
