"""The technician's commands: `quietbell site …`.

Owns what is asked and what is said. Checks every word before anything is written; the work is in `provision`.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shlex
from importlib import resources
from pathlib import Path, PurePosixPath
from uuid import uuid4

import click

from broker_config import portal_commands
from broker_config.bundles import SCREEN_WIDTHS_MM
from broker_config.founding import SitePlan, check_new_folder, new_site
from broker_config.portal_issue import read_portal, shared_aups
from broker_config.provision import DevicePlan, open_site
from broker_config.recovery import make_recovery, public_file_of, read_recovery_public
from broker_config.typed import check_hosts, check_user, check_words, device_id, now
from firmware import profile
from firmware.errors import BadInput
from firmware.messages import ROOM_CHARACTERS
from firmware.passphrase import fingerprint
from firmware.reader_parts import unready_routes
from firmware.settings import PLACE_CHARACTERS, DeviceKind, Pins, Root
from firmware.topics import id_text

NAME_CHARACTERS = 64
_Folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
_Room = click.option("--room", required=True, help="What people call the room: 'Room 12'.")
_Place = click.option("--place", default="", help="Where the room is: 'First floor'.")
_Rehearsal = click.option("--rehearsal", is_flag=True, help="For demos and drills: may be driven from outside.")
_Screen = click.option(
    "--screen", type=click.Choice(list(SCREEN_WIDTHS_MM)), default="1280x720", help="The panel's pixels."
)
_Board = click.option(
    "--board", type=click.Choice([pins.value for pins in Pins]), default=Pins.GPIO.value, help="mock: rehearsals only."
)


@click.group()
def site() -> None:
    """Make a site; add kiosks and desks to it."""


@site.command()
@_Folder
@click.option("--name", required=True, help="The school's or college's name.")
@click.option("--profile", "profile_name", required=True, help="What the site's policy asks for: secondary-school, …")
@click.option(
    "--broker-host",
    "hosts",
    multiple=True,
    default=("localhost", "127.0.0.1"),
    help="Where devices find the broker. Give it again for further names and addresses of the same broker.",
)
@click.option("--broker-port", "port", type=click.IntRange(1, 65_535), default=8883, show_default=True)
@click.option("--broker-dir", "broker_directory", help="Where DIR/broker will be copied to, on a broker elsewhere.")
@click.option("--broker-user", "broker_user", help="Whom mosquitto runs as. [default: you; elsewhere: mosquitto]")
@click.option("--recovery", type=click.Path(path_type=Path), help="The .pub file of the recovery ceremony.")
@click.option("--recovery-out", type=click.Path(path_type=Path), help="Hold the ceremony now; write its key here.")
def new(
    folder: Path,
    name: str,
    profile_name: str,
    hosts: tuple[str, ...],
    port: int,
    broker_directory: str | None,
    broker_user: str | None,
    recovery: Path | None,
    recovery_out: Path | None,
) -> None:
    """Make a new site in DIR."""
    check_new_folder(folder.absolute())
    name = check_words("--name", name, NAME_CHARACTERS)
    plan = SitePlan(
        name=name,
        profile=profile_name,
        profile_text=shipped_profile(profile_name),
        portal_text=shipped_portal(profile_name, name),
        broker_hosts=check_hosts(hosts),
        broker_port=port,
        broker_directory=PurePosixPath(broker_directory) if broker_directory else None,
        broker_user=check_user(broker_user if broker_user else ("mosquitto" if broker_directory else _own_name())),
        recovery_key=_recovery_key(folder, recovery, recovery_out),
    )
    made = new_site(folder, plan, now(), uuid4)
    click.echo(f"site {id_text(made.book.facts().id)} is in {made.folder}")
    click.echo(f"next: quietbell site add-desk {shlex.quote(str(folder))} --room 'Staff office'")


@site.command()
@click.argument("out", type=click.Path(path_type=Path))
def recovery(out: Path) -> None:
    """Hold the recovery ceremony: write a sealed key to OUT and its public half to OUT.pub."""
    _hold_ceremony(out)


@site.command("add-kiosk")
@_Folder
@_Room
@_Place
@_Rehearsal
@_Screen
@_Board
def add_kiosk(folder: Path, room: str, place: str, rehearsal: bool, screen: str, board: str) -> None:
    """Add a kiosk: keys, certificate and bundle."""
    _add(folder, device_plan(DeviceKind.KIOSK, room, place, rehearsal, screen, board))


@site.command("add-desk")
@_Folder
@_Room
@_Place
@_Rehearsal
@_Screen
@_Board
def add_desk(folder: Path, room: str, place: str, rehearsal: bool, screen: str, board: str) -> None:
    """Add a desk: keys, certificate and bundle."""
    _add(folder, device_plan(DeviceKind.DESK, room, place, rehearsal, screen, board))


@site.command()
@_Folder
@click.argument("device")
def revoke(folder: Path, device: str) -> None:
    """Take the DEVICE (its id) out of the site, now and for good."""
    opened = open_site(folder)
    lost = portal_commands.lost_with(opened, device_id(device))
    record = opened.revoke(device_id(device))
    click.echo(f"revoked {record.kind} {id_text(record.id)} ({record.room})")
    for line in lost:
        click.echo(line)
    click.echo(f"now: copy {opened.folder / 'broker' / 'acl'} to the broker if it is elsewhere, and send it SIGHUP")


@site.command("list")
@_Folder
def list_devices(folder: Path) -> None:
    """Show the site and every device it ever had."""
    opened = open_site(folder)
    facts = opened.book.facts()
    click.echo(f"{facts.name} · {id_text(facts.id)} · {facts.profile} · {facts.broker_hosts[0]}:{facts.broker_port}")
    for record in opened.book.devices():
        state = "active" if record.active else "revoked"
        marks = " · rehearsal" if record.rehearsal else ""
        where = f"{record.room}, {record.place}" if record.place else record.room
        click.echo(f"{id_text(record.id)}  {record.kind:<7} {state:<8} {where}{marks}")
    parts = opened.held_reader_parts()
    adopted = f"version {parts.register.version}: {fingerprint(parts.sheet)}" if parts else "none yet"
    click.echo(f"readers and routes: {adopted}")


@site.command()
@_Folder
def refresh(folder: Path) -> None:
    """Make the broker's files and every bundle's public part again from the site book."""
    opened = open_site(folder)
    opened.refresh()
    click.echo(f"{opened.folder}: register {opened.book.register_version()} is in every bundle")


@site.command()
@_Folder
@click.option("--from", "desk", required=True, type=click.Path(path_type=Path), help="The desk's root folder.")
def adopt(folder: Path, desk: Path) -> None:
    """Carry the readers and routes that two readers signed at a desk to every bundle."""
    parts = open_site(folder).adopt(Root(desk.absolute()))
    click.echo(f"adopted readers and routes, version {parts.register.version}")
    click.echo(f"fingerprint: {fingerprint(parts.sheet)}")
    click.echo("compare it with the desk's: quietbell reader list")
    for line in unready_routes(parts.register):
        click.echo(f"not ready: the route {line}")


def shipped_profile(name: str) -> bytes:
    """A shipped profile. Raises BadInput when there is none of this name."""
    folder = resources.files("broker_config") / "profiles"
    names = sorted(entry.name for entry in folder.iterdir() if (entry / "profile.toml").is_file())
    if name not in names:
        raise BadInput(f"--profile: {name!r:.80}: choose one of {', '.join(names)}")
    with resources.as_file(folder / name) as source:
        return profile.profile_text(source).encode()


def shipped_portal(name: str, organisation: str) -> bytes | None:
    """What a shipped profile says of people's own devices, in this organisation's name; None when it says nothing."""
    with resources.as_file(resources.files("broker_config") / "profiles" / name) as source:
        issued = read_portal(source, shared_aups(), organisation=organisation)
    return None if issued is None else issued.text


def device_plan(
    kind: DeviceKind, room: str, place: str, rehearsal: bool, screen: str = "1280x720", board: str = "gpio"
) -> DevicePlan:
    """Raises BadInput: a room or place that no screen could show, or a mock board on a real unit."""
    if board == Pins.MOCK and not rehearsal:
        raise BadInput("--board mock: a real unit has a real button: add --rehearsal, or use --board gpio")
    return DevicePlan(
        kind=kind,
        room=check_words("--room", room, ROOM_CHARACTERS),
        place=check_words("--place", place, PLACE_CHARACTERS, may_be_empty=True),
        rehearsal=rehearsal,
        screen=screen,
        board=Pins(board),
    )


for command in portal_commands.COMMANDS:
    site.add_command(command)


def _add(folder: Path, plan: DevicePlan) -> None:
    opened = open_site(folder)
    record = opened.add(plan, now(), uuid4)
    click.echo(f"{record.kind} {id_text(record.id)} ({record.room})")
    click.echo(f"bundle: {opened.root_of(record.id).path / 'bundle'}")


def _recovery_key(folder: Path, public: Path | None, out: Path | None) -> bytes:
    if public is not None and out is not None:
        raise BadInput("--recovery and --recovery-out: give one of them")
    if public is not None:
        return read_recovery_public(public)
    if out is None:
        raise BadInput(
            "a site needs a recovery key: hold `quietbell site recovery FILE` first and give --recovery FILE.pub, "
            "or hold it now with --recovery-out FILE"
        )
    if out.absolute().is_relative_to(folder.absolute()):
        raise BadInput(f"--recovery-out: {out}: the recovery key never lies in the site's own folder: choose another")
    _hold_ceremony(out)
    return read_recovery_public(public_file_of(out))


def _hold_ceremony(out: Path) -> None:
    passphrase = make_recovery(out.absolute(), secrets.SystemRandom())
    click.echo("The recovery passphrase is shown once, here. Write it down and keep it apart from the file:")
    click.echo(f"    {passphrase}")
    click.echo(f"sealed key, for the safe: {out}")
    click.echo(f"public half, for `site new --recovery`: {public_file_of(out)}")


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
