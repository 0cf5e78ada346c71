"""`quietbell gate`: the words on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import click

from firmware.settings import find_root
from kiosk.portal.gate.app import PORTAL_USER, GateApp


@click.command()
@click.option("--root", type=click.Path(path_type=Path), help="Where this unit's bundle and run folder are.")
@click.option("--portal-user", help=f"Who may ask beside this user, by name or number. [default: {PORTAL_USER}]")
def gate(root: Path | None, portal_user: str | None) -> None:
    """Let admitted phones pass, and nobody else. Needs CAP_NET_ADMIN and no other privilege."""
    GateApp(find_root(root, os.environ), portal_user).run()
