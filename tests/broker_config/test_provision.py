"""A site's folder: what it holds, who may sign what, and what a power cut leaves."""

from __future__ import annotations

import shutil
import stat
from dataclasses import replace
from pathlib import Path, PurePosixPath
from uuid import uuid4

import msgspec
import pytest

from broker_config.enrol import shipped_profile
from broker_config.founding import SitePlan, new_site
from broker_config.provision import DevicePlan, open_site
from firmware import bundle as files
from firmware.device import (
    load_desk,
    load_device_register,
    load_issuer,
    load_kiosk,
    load_profile,
    load_reader_register,
    load_sheet,
)
from firmware.errors import BadInput, BadSettings, Refused, StoreFault
from firmware.identity import (
    DeskSheet,
    DeviceRegister,
    KemKey,
    RouteSheet,
    SigningKey,
    read_part,
    sign_part,
)
from firmware.reader_parts import Role, read_reader_parts
from firmware.settings import DeviceKind, Root, load_device
from firmware.topics import Topics, id_text
from kiosk.staff.ceremony import Ceremony, CoSigner, Newcomer
from tests.support.site import CHEAP, NOW, PEOPLE, MadeSite, copy_site, device_of, make_readers, make_site


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> MadeSite:
    """A whole site that no test changes."""
    return make_site(tmp_path_factory.mktemp("whole"), kiosks=2, desks=2)


@pytest.fixture
def made(shared: MadeSite, tmp_path: Path) -> MadeSite:
    """A copy to change."""
    return copy_site(shared, tmp_path)


def issuer_of(made: MadeSite) -> SigningKey:
    return SigningKey.from_bytes((made.folder / "authority" / "issuer.key").read_bytes())


PLAN = SitePlan(
    name="Hill School",
    profile="secondary-school",
    profile_text=shipped_profile("secondary-school"),
    broker_hosts=("localhost",),
    broker_port=8883,
    recovery_key=KemKey.generate().public,
    broker_directory=None,
    broker_user="",
)


def test_every_bundle_loads_as_the_device_it_is_for(shared: MadeSite) -> None:
    """Kiosks and desks load settings, keys, sheet, profile and registers from the bundles that a technician made."""
    for root in shared.kiosks:
        settings = load_device(root)
        assert (settings.kind, settings.id, settings.site) == (DeviceKind.KIOSK, device_of(root), shared.id)
        kiosk, sheet = load_kiosk(root, settings), load_sheet(root)
        assert {entry.id for entry in sheet.desks.desks} == {device_of(desk) for desk in shared.desks}
        entry = next(entry for entry in load_device_register(shared.desks[0]).devices if entry.id == kiosk.device)
        assert (entry.signing, entry.kem, entry.room) == (kiosk.signing.public, kiosk.kem.public, settings.room)
    for root in shared.desks:
        desk, sheet = load_desk(root, load_device(root)), load_sheet(root)
        assert sheet.desk_signing(desk.desk) == desk.signing.public
        assert desk.desk_key.public == sheet.desks.desk_key
        register = load_reader_register(root)
        assert register is not None
        assert [reader.name for reader in register.readers] == [name for name, _ in PEOPLE]
        assert load_profile(root).name == "secondary-school"


@pytest.mark.requirement("D3", "T7")
def test_files_have_their_names_and_modes(shared: MadeSite) -> None:
    """A bundle holds exactly the agreed files; secrets are their owner's alone, and so is the whole site folder."""
    for root, kind in [*((r, DeviceKind.KIOSK) for r in shared.kiosks), *((r, DeviceKind.DESK) for r in shared.desks)]:
        readers = {files.ROUTE_SHEET} | ({files.READER_REGISTER} if kind is DeviceKind.DESK else set())
        assert {path.name for path in root.public.iterdir()} == {*files.public_names(kind), *readers}
        assert {path.name for path in root.secret.iterdir()} == set(files.secret_names(kind))
        assert mode(root.secret) == 0o700
        assert {mode(path) for path in root.secret.iterdir()} == {0o600}
        assert {mode(path) for path in root.public.iterdir()} == {0o644}
    assert mode(shared.folder) == mode(shared.folder / "authority") == 0o700
    keys = [*shared.folder.glob("authority/*.key"), shared.folder / "broker" / "server.key"]
    assert {mode(path) for path in keys} == {0o600}
    assert [path for path in shared.folder.rglob(".*") if path.is_file()] == []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.requirement("T7")
def test_kiosk_bundle_holds_no_key_that_opens_reports(shared: MadeSite) -> None:
    """A stolen kiosk has neither the desk key nor any reader's or route's private key, nor another device's."""
    desk_key = (shared.folder / "authority" / "desk_kem.key").read_bytes()
    readers = [shared.reader(name) for name, _ in PEOPLE]
    root, other = shared.kiosks
    disk = b"".join(path.read_bytes() for path in root.path.rglob("*") if path.is_file())
    private = [desk_key, *(keys.kem.to_bytes() for keys in readers), *(keys.signing.to_bytes() for keys in readers)]
    private += [path.read_bytes() for path in (*other.secret.iterdir(), *shared.desks[0].secret.iterdir())]
    assert (root.secret / files.SIGNING_KEY).read_bytes() in disk
    assert [secret for secret in private if secret in disk] == []


@pytest.mark.requirement("T7")
def test_issuer_signs_no_readers(made: MadeSite) -> None:
    """A technician with every key of the site folder cannot make a route sheet or register that the site's devices or
    `adopt` believe, alone or with one reader's help."""
    issuer, mallory = issuer_of(made), SigningKey.generate()
    device_keys = [SigningKey.from_bytes((root.secret / files.SIGNING_KEY).read_bytes()) for root in made.desks]
    lead = made.reader(made.person_of(Role.LEAD)).signing
    held = made.parts
    sheet = msgspec.structs.replace(held.sheet, version=held.sheet.version + 1)
    register = msgspec.structs.replace(held.register, version=held.register.version + 1)
    for signers in ([issuer], [issuer, *device_keys], [issuer, lead], [issuer, mallory, lead]):
        desk = made.desks[1]
        (desk.public / files.ROUTE_SHEET).write_bytes(sign_part(sheet, signers))
        (desk.public / files.READER_REGISTER).write_bytes(sign_part(register, signers))
        with pytest.raises(BadInput, match="two readers"):
            made.site.adopt(desk)
        with pytest.raises(BadSettings, match="not to be believed"):
            load_sheet(desk)
        with pytest.raises(BadSettings, match="not to be believed"):
            load_reader_register(desk)
    assert made.parts == held


@pytest.mark.requirement("T7")
def test_nobody_but_the_issuer_signs_devices(shared: MadeSite) -> None:
    """A device register or desk sheet signed by desks, kiosks or all readers together is refused by every device."""
    issuer = load_issuer(shared.kiosks[0])
    desk_keys = [load_desk(root, load_device(root)).signing for root in shared.desks]
    readers = [shared.reader(name).signing for name, _ in PEOPLE]
    register = load_device_register(shared.desks[0])
    sheet = load_sheet(shared.kiosks[0]).desks
    for signers in (desk_keys, readers, [*desk_keys, *readers][:8], []):
        with pytest.raises(Refused, match="not-signed"):
            read_part(sign_part(register, signers), DeviceRegister, trusted={issuer}, needed=1)
        with pytest.raises(Refused, match="not-signed"):
            read_part(sign_part(sheet, signers), DeskSheet, trusted={issuer}, needed=1)
    assert read_part(sign_part(sheet, [issuer_of(shared)]), DeskSheet, trusted={issuer}, needed=1) == sheet


def test_a_signature_stands_under_one_kind_of_document(shared: MadeSite) -> None:
    """The issuer's good signature over a desk sheet does not make its bytes a device register or a route sheet."""
    issuer = load_issuer(shared.kiosks[0])
    signed = (shared.kiosks[0].public / files.DESK_SHEET).read_bytes()
    with pytest.raises(Refused, match="not-signed"):
        read_part(signed, DeviceRegister, trusted={issuer}, needed=1)
    with pytest.raises(Refused, match="not-signed"):
        read_part(signed, RouteSheet, trusted={issuer}, needed=1)


def test_new_desk_reaches_every_bundle(made: MadeSite) -> None:
    """Adding a desk raises the sheet of every kiosk and the register of every desk, and opens the broker to it."""
    before = load_sheet(made.kiosks[0]).desks.version
    record = made.site.add(DevicePlan(DeviceKind.DESK, "Hall", "", rehearsal=True), NOW, uuid4)
    for kiosk in made.kiosks:
        sheet = load_sheet(kiosk).desks
        assert sheet.version > before
        assert record.id in {entry.id for entry in sheet.desks}
    for desk in (*made.desks, made.site.root_of(record.id)):
        assert record.id in {entry.id for entry in load_device_register(desk).devices}
    assert Topics(made.id).desk(record.id) in (made.folder / "broker" / "acl").read_text()
    newcomer = load_desk(made.site.root_of(record.id), load_device(made.site.root_of(record.id)))
    assert newcomer.desk_key.public == load_sheet(made.kiosks[0]).desks.desk_key


def test_new_kiosk_leaves_other_kiosks_alone(made: MadeSite) -> None:
    """Adding a kiosk writes nothing into another kiosk's bundle, and gives the new one readers and desks."""
    before = {path: path.stat().st_mtime_ns for path in made.kiosks[0].path.rglob("*") if path.is_file()}
    record = made.site.add(DevicePlan(DeviceKind.KIOSK, "Gym", "Ground floor"), NOW, uuid4)
    assert {path: path.stat().st_mtime_ns for path in made.kiosks[0].path.rglob("*") if path.is_file()} == before
    assert load_sheet(made.site.root_of(record.id)) == load_sheet(made.kiosks[0])
    assert record.id in {entry.id for entry in load_device_register(made.desks[0]).devices}


@pytest.mark.requirement("T1", "D9")
def test_revoked_device_is_out_everywhere(made: MadeSite) -> None:
    """A revoked kiosk has no ACL line and is inactive in the register; a revoked desk is no longer in the sheet. The
    secrets of both are gone from the site's folder."""
    kiosk, desk = device_of(made.kiosks[0]), device_of(made.desks[1])
    assert id_text(kiosk) in (made.folder / "broker" / "acl").read_text()
    made.site.revoke(kiosk)
    made.site.revoke(desk)
    acl = (made.folder / "broker" / "acl").read_text()
    assert id_text(kiosk) not in acl
    assert id_text(desk) not in acl
    active = {entry.id: entry.active for entry in load_device_register(made.desks[0]).devices}
    assert (active[kiosk], active[desk], active[device_of(made.kiosks[1])]) == (False, False, True)
    assert desk not in {entry.id for entry in load_sheet(made.kiosks[1]).desks.desks}
    assert not made.kiosks[0].secret.exists()
    assert not made.desks[1].secret.exists()


def test_refresh_mends_what_a_power_cut_left(made: MadeSite) -> None:
    """With bundles' public parts and the broker's files lost, `refresh` makes every byte again from the book."""
    places = [made.folder / "broker" / "acl", made.folder / "broker" / "mosquitto.conf"]
    places += [made.kiosks[0].public / name for name in (files.DESK_SHEET, files.ROUTE_SHEET, files.PROFILE)]
    places += [
        made.desks[1].public / name for name in (files.DEVICE_REGISTER, files.READER_REGISTER, files.ROUTE_SHEET)
    ]
    before = {path: path.read_bytes() for path in places}
    for path in places:
        path.unlink()
    open_site(made.folder).refresh()
    assert {path: path.read_bytes() for path in places} == before


def test_refresh_never_puts_readers_back(made: MadeSite) -> None:
    """Readers who joined at a desk after the last `adopt` are not undone there by a refresh."""
    make_more(made)
    newest = load_reader_register(made.desks[0])
    assert newest is not None
    made.site.refresh()
    assert load_reader_register(made.desks[0]) == newest
    assert made.parts.register.version == newest.version - 1


def make_more(made: MadeSite) -> None:
    names = [made.person_of(Role.HEAD), made.person_of(Role.LEAD)]
    ceremony = Ceremony.open(made.desks[0], CHEAP)
    newcomer = Newcomer("Late Deputy", Role.DEPUTY, "quite another six words for late")
    ceremony.make_reader(newcomer, [CoSigner(name, made.passphrases[name]) for name in names])


def test_adopt_takes_the_next_version(made: MadeSite) -> None:
    """What two known readers signed at the desk reaches every kiosk and the other desk."""
    make_more(made)
    parts = made.site.adopt(made.desks[0])
    assert parts.register.readers[-1].name == "Late Deputy"
    for root in made.kiosks:
        assert load_sheet(root).routes == parts.sheet
    assert load_reader_register(made.desks[1]) == parts.register


def test_adopt_refuses_an_older_version(made: MadeSite, shared: MadeSite) -> None:
    """A desk's backup from before the last joining cannot bring an older set of readers back."""
    make_more(made)
    made.site.adopt(made.desks[0])
    with pytest.raises(BadInput, match="old-version"):
        made.site.adopt(shared.desks[0])


def test_adopt_refuses_other_sites_and_missing_files(made: MadeSite, tmp_path: Path) -> None:
    """Another site's readers, and a desk without any, end in one line with the mend; nothing is adopted."""
    before = made.parts
    (tmp_path / "other").mkdir()
    other = make_site(tmp_path / "other", kiosks=0)
    with pytest.raises(BadInput, match="two readers of this site"):
        made.site.adopt(other.desks[0])
    with pytest.raises(StoreFault, match="reader new"):
        made.site.adopt(Root(tmp_path / "nowhere"))
    assert made.parts == before


def test_first_adoption_refuses_a_foreign_recovery_key(tmp_path: Path) -> None:
    """Readers who would seal to another recovery key than the site's are not adopted."""
    made = make_site(tmp_path, people=())
    (made.desks[0].public / files.RECOVERY).write_bytes(KemKey.generate().public)
    make_readers(made.desks[0], PEOPLE[:2])
    with pytest.raises(BadInput, match="another recovery key"):
        made.site.adopt(made.desks[0])
    assert made.site.held_reader_parts() is None


def test_changed_adopted_file_is_found(made: MadeSite) -> None:
    """A changed byte in the site's copy of the readers' documents is found before it reaches a bundle."""
    path = made.folder / "readers.qb"
    good = path.read_bytes()
    for place in range(0, len(good), 997):
        bad = bytearray(good)
        bad[place] ^= 0x20
        path.write_bytes(bytes(bad))
        with pytest.raises(StoreFault, match="backup"):
            made.site.refresh()


def test_a_site_is_never_written_over(made: MadeSite, tmp_path: Path) -> None:
    """A folder with anything in it, a file, or a link is refused, and stays as it was."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(made.folder)
    for place in (made.folder, tmp_path / "file", tmp_path / "link", made.folder / "broker"):
        with pytest.raises(BadInput, match="something is there already"):
            new_site(place, PLAN, NOW, uuid4)
    with pytest.raises(BadInput, match="no folder that you can write into"):
        new_site(tmp_path / "no" / "such", PLAN, NOW, uuid4)
    with pytest.raises(StoreFault, match="choose another place"):
        new_site(Path("/proc/quietbell-site"), PLAN, NOW, uuid4)
    assert (tmp_path / "file").read_text() == "mine"
    assert open_site(made.folder).book.facts().id == made.id


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (replace(PLAN, recovery_key=b"short"), "recovery"),
        (replace(PLAN, broker_hosts=("büro",)), "host name"),
        (replace(PLAN, profile_text=b"format = 1"), "profile"),
        (replace(PLAN, broker_directory=PurePosixPath("/a\nuser root")), "full path"),
    ],
)
def test_failed_site_leaves_nothing(tmp_path: Path, bad: SitePlan, said: str) -> None:
    """A plan that cannot be carried out leaves no folder, whole or half."""
    with pytest.raises((BadInput, BadSettings), match=said):
        new_site(tmp_path / "site", bad, NOW, uuid4)
    assert list(tmp_path.iterdir()) == []


def test_no_site_is_told_plainly(tmp_path: Path) -> None:
    """Opening what is not a site names the mend."""
    with pytest.raises(BadInput, match="quietbell site new"):
        open_site(tmp_path)


def test_broker_elsewhere_has_its_own_paths(tmp_path: Path) -> None:
    """With a broker on another machine the configuration names the folder there."""
    new_site(tmp_path / "site", replace(PLAN, broker_directory=PurePosixPath("/etc/mosquitto/bell")), NOW, uuid4)
    text = (tmp_path / "site" / "broker" / "mosquitto.conf").read_text()
    assert "acl_file /etc/mosquitto/bell/acl\n" in text
    assert str(tmp_path) not in text


def test_moved_site_works_from_its_new_folder(made: MadeSite, tmp_path: Path) -> None:
    """After the folder was moved and refreshed, the broker's configuration names the new place alone."""
    place = tmp_path / "elsewhere"
    made.folder.rename(place)
    open_site(place).refresh()
    text = (place / "broker" / "mosquitto.conf").read_text()
    assert f"acl_file {place}/broker/acl\n" in text
    assert str(made.folder) not in text


def test_lost_authority_is_told_plainly(made: MadeSite) -> None:
    """Without its keys a site cannot add devices, and says where they come from."""
    shutil.rmtree(made.folder / "authority")
    with pytest.raises(StoreFault, match="backup"):
        made.site.add(DevicePlan(DeviceKind.KIOSK, "Gym", ""), NOW, uuid4)
    assert "Gym" not in {record.room for record in made.site.book.devices()}


def test_bundles_hold_the_same_pair_as_the_desk(shared: MadeSite) -> None:
    """The second desk's readers' documents are one pair, of the version adopted."""
    desk = shared.desks[1]
    untrusted = [(desk.public / name).read_bytes() for name in (files.READER_REGISTER, files.ROUTE_SHEET)]
    assert read_reader_parts(untrusted[0], untrusted[1], site=shared.id, held=None) == shared.parts
