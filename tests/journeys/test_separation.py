"""Who can do what, tried with the real commands: the technician reads no story and makes no reader; a revoked kiosk
is cut off while it talks; a new one works without anybody being restarted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import pytest

from firmware import bundle, envelope
from firmware.documents import open_documents, write_atomically
from firmware.errors import Refused
from firmware.identity import (
    KEM_SEED_BYTES,
    KemKey,
    ReaderEntry,
    ReaderRegister,
    RouteSheet,
    SigningKey,
    read_founding,
    sign_part,
)
from firmware.ledger import Ledger
from firmware.messages import Alert
from firmware.reader_parts import Person, Role, found_register, open_routes
from firmware.readers import Keyring, ReaderKeys
from firmware.settings import DeviceKind, Root
from firmware.topics import Topics
from kiosk.rehearsal import Json
from kiosk.staff.ceremony import READERS_FILE
from tests.support.bare_client import BareClient
from tests.support.fault_site import Device, FaultSite, press, press_until_stored, running_site, shown_ids, told
from tests.support.many_commands import Commands
from tests.support.site import CHEAP

FAR_AHEAD = 1000


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands({}) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    with running_site(tmp_path) as running:
        # What readers made at the desk is at the desk, not in the technician's folder.
        shutil.rmtree(running.made.desks[0].store)
        yield running


def quietbell(commands: Commands, *words: str | Path) -> str:
    """One of the technician's commands, which succeeds."""
    ended = commands.run(*words)
    assert ended.status == 0, ended
    return ended.out


@pytest.mark.requirement("T7", "D3")
def test_the_technicians_folder_opens_no_story(site: FaultSite) -> None:
    """Whoever has the whole folder of the technician (issuer, authority, the desks' key and every bundle) and every
    byte that crossed the broker can read the alert, as any desk can, but no story: not one key in it opens one."""
    site.desk.stop()
    topics = Topics(site.made.id)
    with BareClient(site.desk.root, site.made.port) as tap:
        tap.listen(topics.up_filter())
        report = press(site.kiosk).id
        site.kiosk.wait_for(lambda _: any(heard_of(tap, report)), "the report on its way")
        up = next(heard_of(tap, report))
    keys = [KemKey.from_bytes(seed) for seed in seeds_in(site.made.folder)]
    assert keys, "the technician has the desks' key at least"
    assert any(opens_alert(up, key) for key in keys)
    with pytest.raises(Refused):
        envelope.open_story(up, keys)
    for key in keys:
        with pytest.raises(Refused):
            envelope.open_story_for_recovery(up, key)


@pytest.mark.requirement("T7")
def test_the_technician_makes_no_reader_that_anybody_believes(site: FaultSite) -> None:
    """Two made-up readers, signed with every key that the technician has and put into the bundles of desk and kiosk:
    the running desk keeps the readers that it knows and says so; after a restart both units still do, and what a
    learner sends opens for none of the made-up ones."""
    desk, kiosk = site.desk, site.kiosk
    forged = forge_readers(site)
    for unit in (desk, kiosk):
        for name, content in forged.files.items():
            if (unit.root.public / name).exists():
                write_atomically(unit.root.public / name, content, bundle.PUBLIC_MODE)
    desk.wait_for(says("not signed by two whom this desk knows"), "the desk to refuse them")
    press_until_stored(kiosk, desk)
    for unit in (desk, kiosk):
        unit.stop()
        unit.start()
        unit.wait_until_connected()
    desk.wait_for(says("not signed by two whom this desk knows"), "the restarted desk to refuse them")
    report = press_until_stored(kiosk, desk).id
    desk.stop()
    with Ledger(desk.store_file, random_bytes=os.urandom) as ledger:
        bodies = [ledger.body(entry) for entry in ledger.find(bytes.fromhex(report))]
    up = next(envelope.parse_up(body) for body in bodies if body is not None and len(body) == envelope.UP_BYTES)
    with pytest.raises(Refused):
        envelope.open_story(up, forged.routes)
    ring = Keyring(open_documents(desk.root.store / READERS_FILE), cost=CHEAP)
    (known,) = [reader for reader, name in ring.names().items() if name == "Lee Lead"]
    lead = ring.unlock(known, site.made.passphrases["Lee Lead"])
    assert envelope.open_story(up, open_routes(site.made.parts.register, lead).values()).room == "Room 1"


@pytest.mark.requirement("T1", "T8")
def test_a_revoked_kiosk_is_cut_off_while_it_talks(site: FaultSite, commands: Commands) -> None:
    """Revoking and telling the broker ends a living session's words at once: what a stolen kiosk sends afterwards
    reaches nobody, and the desk no longer knows it; the kiosk says truthfully that nothing arrived."""
    desk, kiosk = site.desk, site.kiosk
    press_until_stored(kiosk, desk)
    quietbell(commands, "site", "revoke", site.made.folder, str(site.made.kiosks[0].path.name))
    desk.carry()
    site.reload_broker()
    report = press(kiosk)
    kiosk.wait_for(
        lambda state: any("has not confirmed" in text for text in cast(list[str], state["texts"])), "the truth"
    )
    assert report.id not in shown_ids(desk)
    now = told(kiosk.unit.state())
    assert now is not None
    assert now.stages == frozenset()
    kiosk.stop()
    # Nor does the broker let the stolen certificate in by another door: what it publishes comes to nobody.
    known = list(cast(list[str], desk.unit.state()["troubles"]))
    with BareClient(kiosk.root, site.made.port) as thief:
        thief.sent([thief.send(Topics(site.made.id).up(kiosk.id), os.urandom(envelope.UP_BYTES)) for _ in range(20)])
    assert not [line for line in cast(list[str], desk.unit.state()["troubles"]) if "not registered" in line], known


@pytest.mark.requirement("T1")
def test_a_new_kiosk_works_without_a_restart(site: FaultSite, commands: Commands, tmp_path: Path) -> None:
    """A kiosk that is added while everything runs is heard as soon as the technician has carried the register to the
    desk and told the broker; desk and old kiosk go on as they were."""
    desk = site.desk
    printed = quietbell(
        commands, "site", "add-kiosk", site.made.folder, "--room", "Room 9", "--rehearsal", "--board", "mock"
    )
    bundle_folder = next(line for line in printed.splitlines() if line.startswith("bundle: ")).removeprefix("bundle: ")
    quietbell(commands, "site", "refresh", site.made.folder)
    desk.carry()
    site.reload_broker()
    newcomer = Device(DeviceKind.KIOSK, Root(Path(bundle_folder).parent), tmp_path / "newcomer")
    pid = desk.pid
    try:
        newcomer.start()
        newcomer.wait_until_connected()
        press_until_stored(newcomer, desk)
        desk.wait_for(lambda state: "Room 9" in [line["room"] for line in cast(list[Json], state["lines"])], "Room 9")
        press_until_stored(site.kiosk, desk)
        assert desk.pid == pid
    finally:
        newcomer.kill()


@dataclass(frozen=True)
class Forged:
    """Documents that a technician can make, and the route keys that belong to them."""

    files: dict[str, bytes]
    routes: list[KemKey]


def forge_readers(site: FaultSite) -> Forged:
    """Readers of the technician's own, newer than the real ones, in good order and signed by the issuer as well."""
    people = []
    for role, name in ((Role.HEAD, "Mallory Head"), (Role.LEAD, "Mallory Lead")):
        keys = ReaderKeys(os.urandom(16), SigningKey.generate(), KemKey.generate())
        people.append(Person(ReaderEntry(keys.id, name, role, keys.signing.public, keys.kem.public), keys))
    made = found_register(site.made.id, (site.made.folder / bundle.RECOVERY).read_bytes(), people)
    issuer = SigningKey.from_bytes((site.made.folder / "authority" / "issuer.key").read_bytes())
    signers = [*(person.keys.signing for person in people), issuer]
    register = msgspec.structs.replace(read_founding(made.register, ReaderRegister), version=FAR_AHEAD)
    sheet = msgspec.structs.replace(read_founding(made.sheet, RouteSheet), version=FAR_AHEAD)
    files = {bundle.READER_REGISTER: sign_part(register, signers), bundle.ROUTE_SHEET: sign_part(sheet, signers)}
    return Forged(files, [key for person in people for key in open_routes(register, person.keys).values()])


def says(words: str) -> Callable[[Json], bool]:
    """Whether a desk lists a trouble with these words."""
    return lambda state: any(words in line for line in cast(list[str], state["troubles"]))


def heard_of(tap: BareClient, report: str) -> Iterator[envelope.UpEnvelope]:
    return (up for up in map(envelope.parse_up, tap.heard()) if up.header.id.hex() == report)


def seeds_in(folder: Path) -> Iterator[bytes]:
    """Everything in the folder that could be a private key to open with: each file of that size."""
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size == KEM_SEED_BYTES:
            yield path.read_bytes()


def opens_alert(up: envelope.UpEnvelope, key: KemKey) -> Alert | None:
    try:
        return envelope.open_alert(up, key)
    except Refused:
        return None
