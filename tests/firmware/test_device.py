"""A bundle is loaded whole or refused in one line that names the file and the mend."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from firmware import bundle, device
from firmware.errors import BadSettings
from firmware.identity import RouteSheet, SheetReader, SigningKey, read_founding, sign_part
from firmware.settings import DeviceKind, Root, load_device
from tests.support.site import MadeSite, copy_site, make_site


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MadeSite:
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def made(whole: MadeSite, tmp_path: Path) -> MadeSite:
    """A copy that a test may spoil."""
    return copy_site(whole, tmp_path)


def refusal(root: Root) -> str:
    """The one line with which this kiosk's bundle is refused."""
    with pytest.raises(BadSettings) as refused:
        load_all(root)
    line = str(refused.value)
    assert "\n" not in line
    return line


def load_all(root: Root) -> None:
    """Everything that a kiosk reads at its start."""
    device.load_kiosk(root, load_device(root))
    device.load_profile(root)
    device.load_sheet(root)


def test_a_whole_kiosk_bundle_gives_its_identity(made: MadeSite) -> None:
    """Room, keys and sheet of the device are those that the site issued."""
    root = made.kiosks[0]
    settings = load_device(root)
    identity = device.load_kiosk(root, settings)
    sheet = device.load_sheet(root)
    assert (identity.site, identity.device, identity.room) == (made.id, settings.id, "Room 1")
    assert sheet.desks.site == made.id
    assert "safeguarding" in sheet.route_names()


def test_a_whole_desk_bundle_gives_its_documents(made: MadeSite) -> None:
    """The desk knows every device and every reader, and its key is the one that kiosks seal alerts to."""
    root = made.desks[0]
    identity = device.load_desk(root, load_device(root))
    readers = device.load_reader_register(root)
    assert len(device.load_device_register(root).devices) == 2
    assert readers is not None
    assert len(readers.readers) == len(made.passphrases)
    assert device.load_sheet(made.kiosks[0]).desks.desk_key == identity.desk_key.public


@pytest.mark.parametrize(
    "name",
    [bundle.ISSUER, bundle.PROFILE, bundle.PROFILE_SIGNATURE, bundle.DESK_SHEET, bundle.ROUTE_SHEET],
)
@pytest.mark.parametrize("content", [b"", b"\x00\xff garbage", b"x" * 70_000])
def test_a_spoilt_public_file_is_named(made: MadeSite, name: str, content: bytes) -> None:
    """Whatever stands in a public file, the answer is one line with the file's name, or that of what it belies."""
    (made.kiosks[0].public / name).write_bytes(content)
    assert str(made.kiosks[0].public) in refusal(made.kiosks[0])


@pytest.mark.parametrize("name", [bundle.SIGNING_KEY, bundle.KEM_KEY])
def test_a_key_of_the_wrong_size_is_named(made: MadeSite, name: str) -> None:
    """A cut key is told with its size, never with its bytes."""
    (made.kiosks[0].secret / name).write_bytes(b"k" * 11)
    line = refusal(made.kiosks[0])
    assert name in line
    assert "kkk" not in line


def test_a_missing_file_is_named(made: MadeSite) -> None:
    """A lost file is one line, not a traceback."""
    (made.kiosks[0].secret / bundle.KEM_KEY).unlink()
    assert bundle.KEM_KEY in refusal(made.kiosks[0])


def test_a_profile_that_somebody_edited_is_refused(made: MadeSite) -> None:
    """Ladders and telephone numbers come from the issuer's signed text only."""
    path = made.kiosks[0].public / bundle.PROFILE
    path.write_text(path.read_text().replace("999", "998"))
    assert "not as it was issued" in refusal(made.kiosks[0])


def test_a_sheet_of_another_issuer_is_refused(made: MadeSite) -> None:
    """A bundle whose issuer key was swapped believes nothing in it."""
    (made.kiosks[0].public / bundle.ISSUER).write_bytes(SigningKey.generate().public)
    assert "not as it was issued" in refusal(made.kiosks[0])


def test_a_kiosk_without_readers_says_what_to_do_first(made: MadeSite) -> None:
    """Before the readers have signed there is nobody to seal to, and the line says how that is mended."""
    (made.kiosks[0].public / bundle.ROUTE_SHEET).unlink()
    assert "quietbell reader new" in refusal(made.kiosks[0])


def test_a_desk_is_not_started_on_a_kiosks_bundle(made: MadeSite) -> None:
    """The kind of a bundle is checked before anything is opened."""
    root = made.kiosks[0]
    with pytest.raises(BadSettings, match="use a desk bundle"):
        device.expect_kind(load_device(root), DeviceKind.DESK, root)


@pytest.mark.requirement("T7")
def test_no_bundle_puts_other_readers_in_the_place_of_those_held(made: MadeSite) -> None:
    """Whoever makes bundles can found readers of their own and give them any version: a kiosk that holds readers goes
    on with those. What two of the held readers have signed, and is newer, it takes."""
    root = made.kiosks[0]
    path = root.public / bundle.ROUTE_SHEET
    thieves = [SigningKey.generate(), SigningKey.generate()]
    true = read_founding(path.read_bytes(), RouteSheet)
    theirs = tuple(SheetReader(bytes([number]) * 16, key.public, ()) for number, key in enumerate(thieves))
    for version in (true.version, 99):
        path.write_bytes(sign_part(msgspec.structs.replace(true, version=version, readers=theirs), thieves))
        assert device.load_sheet(root, held=true).routes == true
    for version in (1, 2, 3):
        newer = msgspec.structs.replace(true, version=version, readers=theirs)
        path.write_bytes(sign_part(newer, thieves))
        held = msgspec.structs.replace(newer, version=2)
        assert device.load_sheet(root, held=held).routes.version == max(2, version)


def test_a_folder_that_cannot_be_looked_into_is_no_missing_key(tmp_path: Path) -> None:
    """Vouchers do not silently fall away because of a folder: what is wrong with it is said, and the mend. (A mode that
    shuts the portal out ends in the same error; a test that is root can only make one with a name too long.)"""
    assert device.load_voucher_key(Root(tmp_path)) is None
    with pytest.raises(BadSettings, match=r"voucher\.key: cannot be looked for \(File name too long\); mend the owner"):
        device.load_voucher_key(Root(tmp_path / ("x" * 300)))
