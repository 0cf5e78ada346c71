"""`quietbell doctor`: is this unit fit to hang on a wall? One line a step, with the cause and the mend.

Owns the list of checks. Each looks at the real thing (files, keys, clock, the broker itself), changes nothing, and
says what it did not check. Knows nothing of screens and never opens a report.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from broker_config import site_ca
from broker_config.broker_probe import Door, knock
from firmware import bundle as files
from firmware.clock import BUILD_FLOOR_MS
from firmware.device import (
    load_byod,
    load_desk,
    load_device_register,
    load_issuer,
    load_kiosk,
    load_profile,
    load_voucher_key,
)
from firmware.errors import BadInput, QuietbellError
from firmware.identity import DeskSheet, RouteSheet, read_founding, read_part
from firmware.network_settings import load_network
from firmware.passphrase import fingerprint
from firmware.reader_parts import read_reader_parts, unready_routes
from firmware.settings import DeviceKind, DeviceSettings, Root, find_root, load_device
from firmware.topics import id_text

# Room for years of reports; below this a unit may soon have to say "could not save".
FREE_BYTES_LEAST = 256 * 1024 * 1024
_COPY_AGAIN = "copy the bundle from the site's folder again"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check: `text` says what is so, or the cause and the mend."""

    step: str
    good: bool
    text: str


@dataclass(frozen=True, slots=True)
class Unit:
    """The device that is looked at, and the time by its own clock."""

    root: Root
    settings: DeviceSettings
    wall_ms: int

    def public(self, name: str) -> bytes:
        return files.read_file(self.root.public / name, _COPY_AGAIN)

    def secret(self, name: str) -> bytes:
        return files.read_file(self.root.secret / name, _COPY_AGAIN)


@click.command()
@click.option("--root", type=click.Path(path_type=Path), help="The unit's root folder.")
@click.option("--offline", is_flag=True, help="Leave out the broker.")
def doctor(root: Path | None, offline: bool) -> int:
    """Check this unit, one line a step; exit status 1 when something is wrong."""
    findings = []
    for finding in examine(find_root(root, os.environ), time.time_ns() // 1_000_000, offline=offline):
        click.echo(f"{'ok ' if finding.good else 'BAD'}  {finding.step}: {finding.text}")
        findings.append(finding)
    return 0 if all(finding.good for finding in findings) else 1


def examine(root: Root, wall_ms: int, *, offline: bool = False) -> Iterator[Finding]:
    """Every check in order; without settings there is nothing more to look at."""
    try:
        unit = Unit(root, load_device(root), wall_ms)
    except QuietbellError as problem:
        yield Finding("settings", False, str(problem))
        return
    settings = unit.settings
    yield Finding("settings", True, f"{settings.kind} {id_text(settings.id)} in {settings.room}")
    left_out = {check_broker} if offline else set()
    if not (root.public / files.NETWORK).exists():
        left_out.add(check_portal)
    for step, check in CHECKS:
        if check not in left_out:
            yield _finding(step, check, unit)


def check_files(unit: Unit) -> str:
    """The bundle's files are there, and nobody else can read the secret ones."""
    public = [unit.root.public / name for name in files.public_names(unit.settings.kind)]
    secret = [unit.root.secret / name for name in files.secret_names(unit.settings.kind)]
    missing = [path for path in (*public, *secret) if not path.is_file()]
    if missing:
        raise BadInput(f"{missing[0]} is missing ({len(missing)} in all): {_COPY_AGAIN}")
    for path in (unit.root.secret, *secret):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise BadInput(f"{path} can be read by others (mode {mode:04o}): chmod {mode & 0o700:04o} {path}")
    return f"{len(public)} public, {len(secret)} secret, modes right"


def check_certificate(unit: Unit) -> str:
    """The certificate is this device's, from this site's authority, for a client, and its key is here."""
    pem = unit.public(files.DEVICE_CERTIFICATE)
    facts = site_ca.read_certificate(pem, unit.public(files.SITE_CA))
    if facts.common_name != id_text(unit.settings.id):
        raise BadInput(f"{files.DEVICE_CERTIFICATE} is of another device ({facts.common_name:.40}): {_COPY_AGAIN}")
    if not facts.of_authority or not facts.for_client or facts.for_server:
        raise BadInput(f"{files.DEVICE_CERTIFICATE} is not a device's certificate of this site: {_COPY_AGAIN}")
    if not site_ca.key_fits(unit.secret(files.DEVICE_KEY), pem):
        raise BadInput(f"{files.DEVICE_KEY} does not belong to {files.DEVICE_CERTIFICATE}: {_COPY_AGAIN}")
    return f"valid until {facts.not_after:%Y-%m-%d}, key fits"


def check_sheet(unit: Unit) -> str:
    """The desk sheet is the issuer's; a desk also finds itself and the site's desk key in it."""
    sheet = read_part(unit.public(files.DESK_SHEET), DeskSheet, trusted=[load_issuer(unit.root)], needed=1)
    if sheet.site != unit.settings.site:
        raise BadInput(f"{files.DESK_SHEET} is another site's: {_COPY_AGAIN}")
    if unit.settings.kind is DeviceKind.DESK:
        return _check_desk(unit, sheet)
    if not sheet.desks:
        raise BadInput("no desk yet, so nobody would answer: quietbell site add-desk DIR --room 'Staff office'")
    load_kiosk(unit.root, unit.settings)
    return f"version {sheet.version}, {len(sheet.desks)} desk{'s' if len(sheet.desks) > 1 else ''}"


def _check_desk(unit: Unit, sheet: DeskSheet) -> str:
    own, register = load_desk(unit.root, unit.settings), load_device_register(unit.root)
    if not any(entry.id == own.desk and entry.signing == own.signing.public for entry in sheet.desks):
        raise BadInput(f"{files.DESK_SHEET} does not name this desk: was it revoked? see `quietbell site list`")
    if own.desk_key.public != sheet.desk_key:
        raise BadInput(f"{files.DESK_KEM_KEY} is not the key that alerts are sealed to: {_COPY_AGAIN}")
    return f"version {sheet.version}, this desk is in it; register version {register.version}"


def check_readers(unit: Unit) -> str:
    """Two readers have signed who may read what, and private routes have two readers each."""
    path = unit.root.public / files.ROUTE_SHEET
    if not path.exists():
        raise BadInput(
            f"{files.ROUTE_SHEET} is missing, so no story can be sealed: make the head and the lead with "
            "`quietbell reader new` at a desk, then `quietbell site adopt`"
        )
    sheet = read_founding(unit.public(files.ROUTE_SHEET), RouteSheet)
    if sheet.site != unit.settings.site:
        raise BadInput(f"{files.ROUTE_SHEET} is another site's: {_COPY_AGAIN}")
    if unit.settings.kind is DeviceKind.DESK:
        register = unit.public(files.READER_REGISTER)
        held = read_reader_parts(register, unit.public(files.ROUTE_SHEET), site=unit.settings.site, held=None)
        unready = unready_routes(held.register)
        if unready:
            raise BadInput(f"the route {unready[0]}: make another with `quietbell reader new`")
    return f"version {sheet.version}, {len(sheet.readers)} readers, fingerprint {fingerprint(sheet)}"


def check_profile(unit: Unit) -> str:
    """The profile is complete and the issuer's."""
    return f"{load_profile(unit.root).name}, signed"


def check_portal(unit: Unit) -> str:
    """A portal has its network, the issuer's rules and texts that are not overdue, and the certificate it names."""
    network, byod = load_network(unit.root), load_byod(unit.root)
    if byod is None:
        raise BadInput(f"{files.PORTAL} is missing, so nobody could be shown what to keep to: {_COPY_AGAIN}")
    load_voucher_key(unit.root)
    for path in (network.certificate, network.key):
        if path is not None and not path.is_file():
            raise BadInput(f"{path} is missing, so pages would not come over HTTPS: put it there")
    if byod.review_due(datetime.fromtimestamp(unit.wall_ms / 1000, byod.zone).date()):
        raise BadInput(
            f"its texts were to be looked at again by {byod.review}: do so, write the next date into portal.toml, and "
            "issue it with `quietbell site policy`"
        )
    return f"{network.host} ({network.mode}), {len(byod.documents)} texts, next review {byod.review}"


def check_store(unit: Unit) -> str:
    """There is room to save, in a folder that we may write."""
    folder = unit.root.store if unit.root.store.exists() else unit.root.path
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{folder} cannot be written: mend its owner and mode")
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_LEAST:
        raise BadInput(f"{folder} has {free // 2**20} MB free: make room, or use a larger card")
    return f"{free // 2**20} MB free"


def check_clock(unit: Unit) -> str:
    """The clock is neither before this program was built nor after the certificate's end."""
    now = datetime.fromtimestamp(unit.wall_ms / 1000, UTC)
    if unit.wall_ms < BUILD_FLOOR_MS:
        raise BadInput(
            f"it says {now:%Y-%m-%d %H:%M}, before this program was built: check NTP (reports work all the same)"
        )
    until = site_ca.read_certificate(unit.public(files.DEVICE_CERTIFICATE), unit.public(files.SITE_CA)).not_after
    if now > until:
        raise BadInput(f"it says {now:%Y-%m-%d}, after the certificate's end: set it, or renew the bundle")
    return f"{now:%Y-%m-%d %H:%M} UTC"


def check_broker(unit: Unit) -> str:
    """The broker lets this device in."""
    broker, public = unit.settings.broker, unit.root.public
    door = Door(
        host=broker.host,
        port=broker.port,
        ca_file=public / files.SITE_CA,
        certificate_file=public / files.DEVICE_CERTIFICATE,
        key_file=unit.root.secret / files.DEVICE_KEY,
    )
    return f"{broker.host}:{broker.port} lets this unit in ({knock(door)})"


CHECKS: tuple[tuple[str, Callable[[Unit], str]], ...] = (
    ("files", check_files),
    ("certificate", check_certificate),
    ("desk sheet", check_sheet),
    ("readers", check_readers),
    ("profile", check_profile),
    ("portal", check_portal),
    ("store", check_store),
    ("clock", check_clock),
    ("broker", check_broker),
)


def _finding(step: str, check: Callable[[Unit], str], unit: Unit) -> Finding:
    try:
        return Finding(step, True, check(unit))
    except QuietbellError as problem:
        return Finding(step, False, str(problem))
