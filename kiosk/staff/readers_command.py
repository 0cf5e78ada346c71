"""The desk's commands for readers: `quietbell reader …`.

Owns what is asked and what is said; `ceremony` does the work.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from firmware.errors import BadInput
from firmware.passphrase import fingerprint, make_passphrase, normal_passphrase
from firmware.reader_parts import FOUNDING_ROLES, NAME_CHARACTERS, ReaderParts, Role, unready_routes
from firmware.readers import PRODUCTION_COST
from firmware.settings import find_root
from kiosk.staff.ceremony import Ceremony, CoSigner, Newcomer, shown

LINE_CHARACTERS_MAX = 1000

_RootOption = click.option("--root", type=click.Path(path_type=Path), help="This desk's root folder.")


@click.group()
def reader() -> None:
    """Make and list the people who can open stories, at the ceremony."""


@reader.command()
@_RootOption
@click.option("--name", required=True, help="The reader's name, as other staff know it.")
@click.option("--role", "role_name", required=True, help="lead, deputy, head, manager or independent.")
@click.option(
    "--passphrase-stdin",
    is_flag=True,
    help="Read lines: the newcomer's passphrase, then 'name=passphrase' of each co-signer.",
)
def new(root: Path | None, name: str, role_name: str, passphrase_stdin: bool) -> None:
    """Make a reader: their key is born at this desk and kept under their passphrase."""
    ceremony = Ceremony.open(find_root(root, os.environ), PRODUCTION_COST)
    name, role = check_name(name), check_role(role_name)
    needed = ceremony.signers_needed(name, role)
    if passphrase_stdin:
        newcomer, signers = _read_lines(sys.stdin, name, role)
    else:
        newcomer, signers = _ask(ceremony, name, role, needed)
    parts = ceremony.make_reader(newcomer, signers)
    click.echo(f"{name} has a key at this desk ({role})")
    if parts is None:
        missing = next(iter(FOUNDING_ROLES - {role}))
        click.echo(f"next: the {missing} does the same here; the head and the lead found the readers together")
        return
    _show(parts)
    click.echo("compare these words with those on a kiosk, once its bundle has been renewed by `quietbell site adopt`")


@reader.command("list")
@_RootOption
def list_readers(root: Path | None) -> None:
    """Show the readers, their routes and the fingerprint."""
    ceremony = Ceremony.open(find_root(root, os.environ), PRODUCTION_COST)
    if ceremony.held is None:
        for entry in ceremony.waiting():
            click.echo(f"{entry.name} · {entry.role} · waits for the other founder")
        click.echo("no readers yet: `quietbell reader new` for the head and for the lead")
        return
    here = ceremony.keyring.names()
    for entry in ceremony.held.register.readers:
        routes = ", ".join(route.name for route in ceremony.held.register.routes if entry.id in route.readers)
        where = "key at this desk" if entry.id in here else "key at another desk"
        click.echo(f"{entry.name} · {entry.role} · reads {routes} · {where}")
    _show(ceremony.held)


def check_name(typed: str) -> str:
    """Raises BadInput for a name that a screen or the co-signers' lines could not carry."""
    name = " ".join(typed.split(" ")).strip()
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable() or "=" in name:
        raise BadInput(f"--name: write 1 to {NAME_CHARACTERS} visible characters on one line, without '='")
    return name


def check_role(typed: str) -> Role:
    """Raises BadInput for a role that there is not."""
    try:
        return Role(typed)
    except ValueError as problem:
        raise BadInput(f"--role: {shown(typed)}: choose one of {', '.join(Role)}") from problem


def _read_lines(stream: TextIO, name: str, role: Role) -> tuple[Newcomer, list[CoSigner]]:
    lines = list(_lines(stream))
    if not lines:
        raise BadInput("--passphrase-stdin: nothing came: write the newcomer's passphrase on the first line")
    signers = []
    for line in lines[1:]:
        signer, equals, passphrase = line.partition("=")
        if not equals:
            raise BadInput("--passphrase-stdin: write each co-signer's line as name=passphrase")
        signers.append(CoSigner(signer.strip(), passphrase))
    return Newcomer(name, role, lines[0]), signers


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(LINE_CHARACTERS_MAX + 1):
        if len(line) > LINE_CHARACTERS_MAX:
            raise BadInput(
                f"--passphrase-stdin: a line has more than {LINE_CHARACTERS_MAX} characters: use shorter words"
            )
        if line.strip():
            yield line.rstrip("\r\n")


def _ask(ceremony: Ceremony, name: str, role: Role, needed: int) -> tuple[Newcomer, list[CoSigner]]:
    signers = []
    for number in range(needed):
        signer = click.prompt(f"Co-signer {number + 1} of {needed}, name", type=str)
        signers.append(CoSigner(signer, click.prompt(f"Passphrase of {shown(signer)}", type=str, hide_input=True)))
    return Newcomer(name, role, _ask_passphrase(name)), signers


def _ask_passphrase(name: str) -> str:
    offered = make_passphrase(secrets.SystemRandom())
    click.echo(f"A passphrase for {name}; nobody else should see it:\n    {offered}")
    if click.confirm("Keep these words?", default=True):
        typed = click.prompt("Type them once, to be sure", type=str, hide_input=True)
        if normal_passphrase(typed) != offered:
            raise BadInput("those are not the words shown: begin again; nothing was changed")
        return offered
    chosen: str = click.prompt("Six words or more of your own", type=str, hide_input=True, confirmation_prompt=True)
    normal_passphrase(chosen)
    return chosen


def _show(parts: ReaderParts) -> None:
    click.echo(f"readers and routes, version {parts.register.version}")
    click.echo(f"fingerprint: {fingerprint(parts.sheet)}")
    for line in unready_routes(parts.register):
        click.echo(f"not ready: the route {line}")
