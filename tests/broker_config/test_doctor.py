"""`quietbell doctor`: each fault has its own line with a cause and a mend."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker_config.doctor import Finding, doctor, examine
from firmware import bundle as files
from firmware.clock import BUILD_FLOOR_MS
from firmware.identity import DeskSheet, KemKey, SigningKey, sign_part
from firmware.settings import Root
from tests.support.site import NOW, PEOPLE, MadeSite, copy_site, device_of, make_site, running_mosquitto

WALL_MS = int(NOW.timestamp() * 1000)
STEPS = ("settings", "files", "certificate", "desk sheet", "readers", "profile", "store", "clock", "broker")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> MadeSite:
    return make_site(tmp_path_factory.mktemp("doctor"), kiosks=2, desks=1)


@pytest.fixture
def made(shared: MadeSite, tmp_path: Path) -> MadeSite:
    return copy_site(shared, tmp_path)


def findings(root: Root, wall_ms: int = WALL_MS) -> dict[str, Finding]:
    return {finding.step: finding for finding in examine(root, wall_ms, offline=True)}


def bad(root: Root, wall_ms: int = WALL_MS) -> dict[str, str]:
    return {step: finding.text for step, finding in findings(root, wall_ms).items() if not finding.good}


@pytest.mark.requirement("T4")
def test_a_good_unit_is_said_to_be_good(shared: MadeSite) -> None:
    """A whole kiosk and a whole desk, with their broker up, pass every step, the broker's too."""
    with running_mosquitto(shared):
        for root in (shared.kiosks[0], shared.desks[0]):
            result = CliRunner().invoke(doctor, ["--root", str(root.path)], standalone_mode=False)
            assert [line.split(":")[0] for line in result.output.splitlines()] == [f"ok   {step}" for step in STEPS]
            assert result.return_value == 0


def test_silent_broker_is_said(shared: MadeSite) -> None:
    """With the broker down that step alone is bad, and the status says that something is wrong."""
    result = CliRunner().invoke(doctor, ["--root", str(shared.kiosks[0].path)], standalone_mode=False)
    assert [line for line in result.output.splitlines() if line.startswith("BAD")] == [
        f"BAD  broker: localhost:{shared.port}: Connection refused: start the broker, or check its port"
    ]
    assert result.return_value == 1


def drop(name: str) -> Callable[[MadeSite, Root], None]:
    return lambda made, root: next(root.path.rglob(name)).unlink()


def open_key(made: MadeSite, root: Root) -> None:
    (root.secret / files.SIGNING_KEY).chmod(0o640)


def open_folder(made: MadeSite, root: Root) -> None:
    root.secret.chmod(0o755)


def foreign_certificate(made: MadeSite, root: Root) -> None:
    shutil.copy(made.kiosks[1].public / files.DEVICE_CERTIFICATE, root.public)


def server_certificate(made: MadeSite, root: Root) -> None:
    shutil.copy(made.folder / "broker" / "server.pem", root.public / files.DEVICE_CERTIFICATE)


def foreign_key(made: MadeSite, root: Root) -> None:
    shutil.copy(made.kiosks[1].secret / files.DEVICE_KEY, root.secret)


def forged_sheet(made: MadeSite, root: Root) -> None:
    sheet = DeskSheet(version=9, site=made.id, suite=1, desk_key=KemKey.generate().public, desks=())
    (root.public / files.DESK_SHEET).write_bytes(sign_part(sheet, [SigningKey.generate()]))


def cut_key(made: MadeSite, root: Root) -> None:
    (root.secret / files.SIGNING_KEY).write_bytes(b"short")


def forged_readers(made: MadeSite, root: Root) -> None:
    (root.public / files.ROUTE_SHEET).write_bytes(sign_part(made.parts.sheet, [SigningKey.generate()]))


def changed_profile(made: MadeSite, root: Root) -> None:
    with (root.public / files.PROFILE).open("a") as file:
        file.write("\n# changed\n")


@pytest.mark.requirement("T4")
@pytest.mark.parametrize(
    ("harm", "step", "said"),
    [
        (drop(files.KEM_KEY), "files", "is missing"),
        (open_key, "files", "chmod 0600"),
        (open_folder, "files", "chmod 0700"),
        (foreign_certificate, "certificate", "another device"),
        (server_certificate, "certificate", "another device"),
        (foreign_key, "certificate", "does not belong"),
        (forged_sheet, "desk sheet", "not-signed"),
        (cut_key, "desk sheet", "32"),
        (drop(files.ROUTE_SHEET), "readers", "quietbell reader new"),
        (forged_readers, "readers", "not-signed"),
        (changed_profile, "profile", "as it was issued"),
    ],
)
def test_each_fault_has_its_line(made: MadeSite, harm: Callable[[MadeSite, Root], None], step: str, said: str) -> None:
    """Each kind of damage to a kiosk's bundle turns its own step bad, in one line that names it."""
    root = made.kiosks[0]
    assert bad(root) == {}
    harm(made, root)
    found = bad(root)
    assert said in found[step]
    assert all(text.isprintable() for text in found.values())


def test_desk_finds_that_it_was_revoked(made: MadeSite) -> None:
    """A desk that the sheet no longer names, or whose desk key is another, says so."""
    desk = made.desks[0]
    (desk.secret / files.DESK_KEM_KEY).write_bytes(KemKey.generate().to_bytes())
    assert "not the key that alerts are sealed to" in bad(desk)["desk sheet"]
    secrets = {path.name: path.read_bytes() for path in desk.secret.iterdir()}
    made.site.revoke(device_of(desk))
    desk.secret.mkdir(mode=0o700)
    for name, content in secrets.items():
        (desk.secret / name).write_bytes(content)
    shutil.copy(made.kiosks[0].public / files.DESK_SHEET, desk.public)
    assert "does not name this desk" in bad(desk)["desk sheet"]
    assert "no desk yet" in bad(made.kiosks[0])["desk sheet"]


@pytest.mark.requirement("S10")
def test_private_route_with_too_few_readers_is_not_fit(tmp_path: Path) -> None:
    """A desk whose independent route has fewer than two readers is told which is missing."""
    made = make_site(tmp_path, people=PEOPLE[:2])
    assert "independent has 0 of 2 readers" in bad(made.desks[0])["readers"]


def test_impossible_clocks_are_said(shared: MadeSite) -> None:
    """A clock before the build, and one after the certificate's end, are said with the time they show."""
    assert "2020-01-01" in bad(shared.kiosks[0], 1_577_836_800_000)["clock"]
    assert "certificate" in bad(shared.kiosks[0], WALL_MS + 25 * 365 * 86_400_000)["clock"]
    assert bad(shared.kiosks[0], BUILD_FLOOR_MS) == {}


def test_folder_without_a_bundle_is_one_line(tmp_path: Path) -> None:
    """Where there are no settings there is one line and nothing else."""
    assert list(bad(Root(tmp_path))) == ["settings"]
    assert "copy the device's bundle here" in bad(Root(tmp_path))["settings"]


def test_looking_changes_nothing(shared: MadeSite) -> None:
    """The doctor leaves every file as it was."""
    root = shared.desks[0].path
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    findings(shared.desks[0])
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
