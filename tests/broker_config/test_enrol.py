"""`quietbell site …`, as a technician types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker_config.enrol import site
from broker_config.provision import open_site
from firmware.errors import QuietbellError
from firmware.identity import KEM_PUBLIC_BYTES
from firmware.settings import DeviceKind
from firmware.topics import id_text
from tests.support.site import PEOPLE, make_readers


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(site, [str(word) for word in words])


def good(*words: str | Path) -> str:
    result = run(*words)
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.output


def bad(*words: str | Path) -> str:
    """The one line that the command ends with."""
    error = run(*words).exception
    assert isinstance(error, QuietbellError), error
    line = str(error)
    assert line.isprintable()
    return line


@pytest.fixture
def public(tmp_path: Path) -> Path:
    file = tmp_path / "recovery.pub"
    file.write_bytes(bytes(KEM_PUBLIC_BYTES))
    return file


@pytest.fixture
def folder(tmp_path: Path, public: Path) -> Path:
    good("new", tmp_path / "site", "--name", "Hill", "--profile", "secondary-school", "--recovery", public)
    return tmp_path / "site"


@pytest.mark.requirement("T10")
def test_a_site_from_nothing_to_readers(tmp_path: Path) -> None:
    """The whole round by commands: ceremony, site, desk, kiosk, readers adopted, list, revoke."""
    key, folder = tmp_path / "key", tmp_path / "site"
    said = good("new", folder, "--name", "Hill School", "--profile", "secondary-school", "--recovery-out", key)
    assert "shown once" in said
    assert len(said.splitlines()[1].split()) == 6
    assert key.is_file()
    good("add-desk", folder, "--room", "Staff office", "--rehearsal", "--board", "mock")
    good("add-kiosk", folder, "--room", "Room 12", "--place", "First floor", "--screen", "800x480")
    opened = open_site(folder)
    desk, kiosk = opened.book.devices()
    make_readers(opened.root_of(desk.id), PEOPLE[:2])
    adopted = good("adopt", folder, "--from", opened.root_of(desk.id).path)
    assert "not ready: the route independent has 0 of 2 readers" in adopted
    fingerprint = next(line for line in adopted.splitlines() if line.startswith("fingerprint: "))
    listed = good("list", folder)
    assert fingerprint.removeprefix("fingerprint: ") in listed
    assert f"{id_text(kiosk.id)}  kiosk   active   Room 12, First floor" in listed
    assert "SIGHUP" in good("revoke", folder, id_text(kiosk.id))
    assert f"{id_text(kiosk.id)}  kiosk   revoked" in good("list", folder)
    assert "register" in good("refresh", folder)
    assert {record.kind for record in opened.book.devices() if record.active} == {DeviceKind.DESK}


def test_site_needs_a_recovery_key(tmp_path: Path, public: Path) -> None:
    """Without a recovery key, with two, with one inside the site's folder or with a wrong file, nothing is made."""
    base = ("new", tmp_path / "site", "--name", "Hill", "--profile", "secondary-school")
    assert "quietbell site recovery FILE" in bad(*base)
    assert "one of them" in bad(*base, "--recovery", public, "--recovery-out", tmp_path / "x")
    assert "own folder" in bad(*base, "--recovery-out", tmp_path / "site" / "key")
    assert "site recovery" in bad(*base, "--recovery", tmp_path / "missing")
    public.write_bytes(b"short")
    assert ".pub file" in bad(*base, "--recovery", public)
    assert [path.name for path in tmp_path.iterdir()] == ["recovery.pub"]


def test_existing_site_is_refused_before_a_ceremony(folder: Path, tmp_path: Path) -> None:
    """Asked for a site where one is, the command makes no recovery key either."""
    line = bad("new", folder, "--name", "X", "--profile", "secondary-school", "--recovery-out", tmp_path / "second")
    assert "never written over" in line
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--name", "  ", "is empty"),
        ("--name", "x" * 65, "at most 64"),
        ("--name", "a\nb", "one line"),
        ("--profile", "no-such", "choose one of"),
        ("--profile", "../../etc", "choose one of"),
        ("--broker-host", "https://broker:1", "without port or scheme"),
        ("--broker-host", "", "without port or scheme"),
        ("--broker-host", "a b", "without port or scheme"),
        ("--broker-user", "a\nuser root", "user's name"),
        ("--broker-dir", "relative", "full path"),
    ],
)
def test_bad_words_make_no_site(tmp_path: Path, public: Path, option: str, value: str, said: str) -> None:
    """Every wrong option is one plain line with the mend, and nothing is made."""
    words = {"--name": "Hill", "--profile": "secondary-school", "--recovery": str(public), option: value}
    line = bad("new", tmp_path / "site", *(word for pair in words.items() for word in pair))
    assert said in line
    assert [path.name for path in tmp_path.iterdir()] == ["recovery.pub"]


@pytest.mark.parametrize("command", ["add-kiosk", "add-desk"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--room", "x" * 49), "at most 48"),
        (("--room", "\x1b[31mRoom"), "one line"),
        (("--room", "Room\u202e12"), "one line"),
        (("--room", ""), "is empty"),
        (("--room", "Room 1", "--place", "x" * 65), "at most 64"),
        (("--room", "Room 1", "--place", "a\tb"), "one line"),
        (("--room", "Room 1", "--board", "mock"), "--rehearsal"),
    ],
)
def test_bad_rooms_make_no_device(folder: Path, command: str, words: tuple[str, ...], said: str) -> None:
    """A room or place that no screen could show, and a mock board on a real unit, are refused and add nothing."""
    assert said in bad(command, folder, *words)
    assert open_site(folder).book.devices() == ()
    assert not (folder / "bundles").exists()


def test_longest_room_is_taken(folder: Path) -> None:
    """48 characters of any script fit, and two of a kind in one room do not."""
    good("add-kiosk", folder, "--room", "ж" * 48)
    assert "already" in bad("add-kiosk", folder, "--room", "ж" * 48)


def test_no_site_and_no_device_are_told_plainly(folder: Path, tmp_path: Path) -> None:
    """Every command on a folder without a site, and revoking what is not there, say what to do."""
    for words in (("list",), ("refresh",), ("adopt", "--from", "x"), ("add-desk", "--room", "x"), ("revoke", "x")):
        command, *rest = words
        assert "quietbell site new" in bad(command, tmp_path, *rest)
    assert "quietbell site list" in bad("revoke", folder, "Room 12")
    assert "quietbell site list" in bad("revoke", folder, "6f1c2a52-7a0e-4c53-9d0b-2b8f3f6f0a11")
    assert "quietbell reader new" in bad("adopt", folder, "--from", tmp_path)


def test_recovery_is_a_ceremony_of_its_own(tmp_path: Path) -> None:
    """`site recovery` writes both halves, shows the passphrase once, and will not do it again over the same file."""
    said = good("recovery", tmp_path / "safe.key")
    assert (tmp_path / "safe.key.pub").stat().st_size == KEM_PUBLIC_BYTES
    assert len(said.splitlines()[1].split()) == 6
    assert "never written over" in bad("recovery", tmp_path / "safe.key")


@pytest.mark.requirement("T10")
def test_whoever_revokes_a_portal_hears_what_is_lost_with_its_card(tmp_path: Path) -> None:
    """A stolen portal holds the voucher key, the Wi-Fi's passphrase and the certificate's key: revoking ends none of
    these, so it is said how to; even when the bundle's network file is broken."""
    folder, passphrase = tmp_path / "site", tmp_path / "passphrase"
    passphrase.write_text("eight or more\n", encoding="utf-8")
    good("new", folder, "--name", "Hill School", "--profile", "secondary-school", "--recovery-out", tmp_path / "key")
    for room in ("Room 1", "Room 2"):
        good("add-kiosk", folder, "--room", room, "--rehearsal", "--board", "mock")
    opened = open_site(folder)
    for record in opened.book.devices():
        words = (
            *("--mode", "own-access-point", "--host", "wifi.hill.example", "--client-interface", "wlan0"),
            *("--ssid", "Hill", "--uplink-interface", "eth0", "--address", "10.20.0.1/24", "--resolver", "10.1.0.53"),
            *("--certificate", "/etc/ssl/wifi.pem", "--key", "/etc/ssl/wifi.key"),
        )
        good("portal", folder, id_text(record.id), *words, "--wifi-passphrase-file", passphrase)
    first, second = opened.book.devices()
    said = good("revoke", folder, id_text(first.id))
    for lost in ("site voucher-key", "passphrase", "certificate for wifi.hill.example"):
        assert lost in said
    (opened.root_of(second.id).public / "network.toml").write_bytes(b"broken")
    assert "revoked kiosk" in good("revoke", folder, id_text(second.id))
