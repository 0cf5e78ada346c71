"""`quietbell portal`: the words on the command line."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import click

from firmware.errors import BadInput, Refused
from firmware.settings import Root, find_root

_RENDERING = "kiosk.portal.rendering.command"

_WHY = {
    "term-not-over": "is not over yet: numbers that still grow would show single answers",
    "clock-unknown": "this machine's clock cannot be right: set it",
}

_root_option = click.option("--root", type=click.Path(path_type=Path), help="Where this unit's bundle and store are.")


class _LateGroup(click.Group):
    """Knows `render` by name and imports it when somebody asks: the running portal needs none of it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "render"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "render":
            command = import_module(_RENDERING).render
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=_LateGroup, invoke_without_command=True)
@_root_option
@click.pass_context
def portal(ctx: click.Context, root: Path | None) -> None:
    """Run the pages that phones meet on the BYOD network."""
    if ctx.invoked_subcommand is not None:
        if root is not None:
            raise BadInput(f"--root: write it after the word {ctx.invoked_subcommand}")
        return
    # Not before: `check` and `pulse` need no server.
    import_module("kiosk.portal.app").PortalApp(find_root(root, os.environ)).run()


@portal.command()
@_root_option
def check(root: Path | None) -> int:
    """Look whether this portal will let people in, one line a step; exit status 1 when something is wrong."""
    checks = import_module("kiosk.portal.checks")
    around = checks.Surroundings(time.time_ns() // 1_000_000, checks.interfaces_here())
    findings = []
    for finding in checks.examine(find_root(root, os.environ), around):
        click.echo(f"{'ok ' if finding.good else 'BAD'}  {finding.step}: {finding.text}")
        findings.append(finding)
    return 0 if all(finding.good for finding in findings) else 1


@portal.command()
@_root_option
@click.option("--term", help="Such as 2026-3-autumn. [default: every term that is over]")
def pulse(root: Path | None, term: str | None) -> None:
    """Print the survey's totals as JSON, for the termly report; small numbers are left out."""
    click.echo(json.dumps(totals_at(find_root(root, os.environ), term, time.time_ns() // 1_000_000), indent=1))


def totals_at(root: Root, term: str | None, wall_ms: int) -> list[Mapping[str, str | int | None]]:
    """From a copy: the file itself is the running portal's alone.

    Raises:
        BadInput: that term is not over, or nothing can be told.
    """
    app, counts = import_module("kiosk.portal.app"), import_module("kiosk.portal.pulse")
    zone = app.load_bundle(root).byod.zone
    with tempfile.TemporaryDirectory(prefix="quietbell-pulse-") as folder:
        kept = root.store / app.STORE_FOLDER / app.PULSE_FILE
        copy = Path(folder) / kept.name
        if kept.exists():
            shutil.copyfile(kept, copy)
        store = counts.PulseCounts(copy, zone=zone, memory_key=bytes(app.KEY_BYTES))
    rows: list[Mapping[str, str | int | None]] = []
    for each in [term] if term is not None else store.terms():
        try:
            rows += counts.as_rows(store.totals(each, wall_ms=wall_ms))
        except Refused as refusal:
            if term is not None:
                raise BadInput(f"--term {term}: {_WHY.get(refusal.reason, refusal.reason)}") from refusal
    return rows
