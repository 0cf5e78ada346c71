"""A complete, real, throw-away site in a folder: made by the product's own code, as a technician and readers would.

Only the Argon2 cost is smaller than in production. `make_site` gives roots that `quietbell kiosk` and `desk` run on;
`running_mosquitto` starts the broker on the very files that `quietbell site` rendered.
"""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from broker_config.enrol import shipped_portal, shipped_profile
from broker_config.founding import SitePlan, new_site
from broker_config.network_plan import NetworkPlan
from broker_config.provision import DevicePlan, Site, open_site
from broker_config.recovery import make_recovery, public_file_of, read_recovery_public
from broker_config.site_portal import make_portal
from firmware.documents import open_documents
from firmware.free_port import free_port
from firmware.link import LinkSettings
from firmware.reader_parts import ReaderParts, Role
from firmware.readers import Cost, Keyring, ReaderKeys
from firmware.settings import DeviceKind, Pins, Root
from kiosk.staff.ceremony import READERS_FILE, Ceremony, CoSigner, Newcomer
from tests.support.broker import find_mosquitto

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
START_SECONDS = 15.0
SITE_NAME = "Throw-away School"
# Name and role of everybody who can read at a whole site; the first two found it.
PEOPLE = (
    ("Hanna Head", Role.HEAD),
    ("Lee Lead", Role.LEAD),
    ("Dee Deputy", Role.DEPUTY),
    ("May Manager", Role.MANAGER),
    ("Ina Independent", Role.INDEPENDENT),
    ("Ivo Independent", Role.INDEPENDENT),
)


@dataclass(frozen=True)
class MadeSite:
    """A site's folder and everything that a test may want from it. `desks[0]` has the readers' keys."""

    site: Site
    kiosks: tuple[Root, ...]
    desks: tuple[Root, ...]
    passphrases: dict[str, str]
    recovery_file: Path
    recovery_passphrase: str

    @property
    def folder(self) -> Path:
        return self.site.folder

    @property
    def id(self) -> bytes:
        return self.site.book.facts().id

    @property
    def port(self) -> int:
        return self.site.book.facts().broker_port

    @property
    def parts(self) -> ReaderParts:
        held = self.site.held_reader_parts()
        assert held is not None, "this site was made without readers"
        return held

    def reader(self, name: str) -> ReaderKeys:
        """One person's keys, opened as the desk opens them."""
        keyring = Keyring(open_documents(self.desks[0].store / READERS_FILE), cost=CHEAP)
        (found,) = [reader for reader, known in keyring.names().items() if known == name]
        return keyring.unlock(found, self.passphrases[name])

    def person_of(self, role: Role) -> str:
        return next(name for name, known in PEOPLE if known is role)


def device_of(root: Root) -> bytes:
    """The id of the device whose bundle this is."""
    return UUID(root.path.name).bytes


def make_site(
    folder: Path,
    *,
    kiosks: int = 1,
    desks: int = 1,
    people: Sequence[tuple[str, Role]] = PEOPLE,
    rehearsal: bool = True,
    port: int | None = None,
    profile: str = "secondary-school",
    portal: NetworkPlan | None = None,
    portal_text: bytes | None = None,
) -> MadeSite:
    """Make a whole site below `folder`; without `people` nobody can read and nothing is adopted.

    `portal`: every kiosk is a captive portal for this network. `portal_text`: rules for people's own devices, with
    their texts, instead of the profile's.
    """
    recovery_file = folder / "recovery.key"
    recovery_passphrase = make_recovery(recovery_file, random.Random(7), cost=CHEAP)
    plan = SitePlan(
        name=SITE_NAME,
        profile=profile,
        profile_text=shipped_profile(profile),
        portal_text=portal_text or shipped_portal(profile, SITE_NAME),
        broker_hosts=("localhost", "127.0.0.1"),
        broker_port=port or free_port(),
        recovery_key=read_recovery_public(public_file_of(recovery_file)),
        broker_directory=None,
        broker_user="root",
    )
    site = new_site(folder / "site", plan, NOW, uuid4)
    desk_roots = tuple(_add(site, DeviceKind.DESK, f"Office {number + 1}", rehearsal) for number in range(desks))
    kiosk_roots = tuple(_add(site, DeviceKind.KIOSK, f"Room {number + 1}", rehearsal) for number in range(kiosks))
    site.refresh()
    if portal is not None:
        for root in kiosk_roots:
            make_portal(site, device_of(root), portal)
    passphrases = make_readers(desk_roots[0], people) if people else {}
    if people:
        site.adopt(desk_roots[0])
    return MadeSite(site, kiosk_roots, desk_roots, passphrases, recovery_file, recovery_passphrase)


def make_readers(desk: Root, people: Sequence[tuple[str, Role]]) -> dict[str, str]:
    """Hold the ceremony at a desk; returns everybody's passphrase."""
    passphrases: dict[str, str] = {}
    for name, role in people:
        passphrases[name] = f"{name.lower()} keeps their own six words apart"
        ceremony = Ceremony.open(desk, CHEAP)
        signers = _signers(ceremony, role, name, passphrases)
        ceremony.make_reader(Newcomer(name, role, passphrases[name]), signers)
    return passphrases


def link_settings(root: Root, port: int, host: str = "localhost") -> LinkSettings:
    """How the device of this bundle reaches the site's broker."""
    return LinkSettings(
        host=host,
        port=port,
        ca_file=root.public / "site-ca.pem",
        certificate_file=root.public / "device.pem",
        key_file=root.secret / "device.key",
    )


@contextmanager
def running_mosquitto(made: MadeSite) -> Iterator[subprocess.Popen[bytes]]:
    """mosquitto on the site's own rendered files; skipped by name where it is not installed."""
    binary = find_mosquitto()
    if binary is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    broker = made.folder / "broker"
    log_file = broker / "mosquitto.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen([binary, "-c", broker / "mosquitto.conf"], stdout=log, stderr=log)
    try:
        _wait_for(made.port, process, log_file)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)


def copy_site(made: MadeSite, folder: Path) -> MadeSite:
    """An independent copy, for tests that change a site which others share."""
    shutil.copytree(made.folder.parent, folder, dirs_exist_ok=True)
    site = open_site(folder / made.folder.name)
    site.refresh()
    moved = {device_of(root): site.root_of(device_of(root)) for root in (*made.kiosks, *made.desks)}
    return MadeSite(
        site,
        tuple(moved[device_of(root)] for root in made.kiosks),
        tuple(moved[device_of(root)] for root in made.desks),
        made.passphrases,
        folder / made.recovery_file.name,
        made.recovery_passphrase,
    )


def _add(site: Site, kind: DeviceKind, room: str, rehearsal: bool) -> Root:
    board = Pins.MOCK if rehearsal else Pins.GPIO
    plan = DevicePlan(kind=kind, room=room, place="First floor", rehearsal=rehearsal, board=board)
    return site.root_of(site.add(plan, NOW, uuid4, tell=False).id)


def _signers(ceremony: Ceremony, role: Role, name: str, passphrases: dict[str, str]) -> list[CoSigner]:
    """Founders sign for everybody; for the second independent, the first one passes the route on."""
    needed = ceremony.signers_needed(name, role)
    others = [known for known in passphrases if known != name]
    if role is Role.INDEPENDENT and ceremony.held is not None:
        already = [entry.name for entry in ceremony.held.register.readers if entry.role == role]
        others = [*already, *(other for other in others if other not in already)]
    return [CoSigner(other, passphrases[other]) for other in others[:needed]]


def _wait_for(port: int, process: subprocess.Popen[bytes], log_file: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.05):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto did not start: {log_file.read_text(errors='replace')[-2000:]}") from None
