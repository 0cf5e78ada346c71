"""`quietbell portal check` and `pulse`: one line a step, with cause and mend; totals as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware.byod import Audience
from firmware.cli import main
from firmware.device import load_byod
from firmware.errors import BadInput
from firmware.network_settings import Mode
from kiosk.portal.app import PULSE_FILE, STORE_FOLDER, make_store_folder
from kiosk.portal.checks import Finding, Surroundings, examine, interfaces_here
from kiosk.portal.command import portal, totals_at
from kiosk.portal.pulse import PulseCounts
from tests.support.portal_process import MadePortal, make_certificate, make_portal_unit

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AROUND = Surroundings(int(NOW.timestamp() * 1000), ("lo", "eth0"))
NAME = "wifi.school.test"


@pytest.fixture
def made(tmp_path: Path) -> MadePortal:
    return make_portal_unit(tmp_path)


def found(made: MadePortal, around: Surroundings = AROUND) -> dict[str, Finding]:
    return {finding.step: finding for finding in examine(made.root, around)}


def test_a_portal_is_looked_at_step_by_step(made: MadePortal) -> None:
    """Everything in order but the kiosk process, which does not run here: its line says what to start."""
    findings = found(made)
    assert [step for step, finding in findings.items() if not finding.good] == ["kiosk"]
    assert "portal.sock: no answer" in findings["kiosk"].text
    assert "12:00 in Europe/London" in findings["clock"].text


@pytest.mark.requirement("B8")
def test_an_overdue_review_is_bad(made: MadePortal) -> None:
    """The day, and what to do."""
    late = replace(AROUND, wall_ms=int(datetime(2028, 1, 3, tzinfo=UTC).timestamp() * 1000))
    finding = found(made, late)["texts"]
    assert not finding.good
    assert "aup.review" in finding.text


def test_a_clock_that_cannot_be_right_is_bad(made: MadePortal) -> None:
    """The cause and the mend."""
    assert "set it" in found(made, replace(AROUND, wall_ms=0))["clock"].text


def test_interfaces_and_gate_of_a_real_network(made: MadePortal) -> None:
    """An interface that is not there is named with those that are; a gate that does not run, with what to start."""
    network = made.root.public / "network.toml"
    network.write_text(network.read_text().replace('interface = "lo"', 'interface = "byod0"'))
    findings = found(made)
    assert "byod0 is not on this machine; it has lo, eth0" in findings["network"].text
    assert "gate.sock: no answer" in findings["gate"].text
    assert found(made, replace(AROUND, interfaces=("byod0", "eth0")))["network"].good
    assert "lo" in interfaces_here()


@pytest.mark.parametrize(
    ("name", "days", "trusted", "said"),
    [
        (NAME, 60, True, "valid for wifi.school.test"),
        (NAME, 60, False, "a phone would refuse it (self-signed certificate)"),
        ("other.school.test", 60, True, "a phone would refuse it (Hostname mismatch"),
        (NAME, 3, True, "ends in"),
    ],
    ids=["good", "not trusted", "another name", "ends soon"],
)
def test_a_certificate_is_judged_as_a_phone_does(
    tmp_path: Path, name: str, days: int, trusted: bool, said: str
) -> None:
    """By chain, name and dates; the line says which of them, and the mend."""
    certificate = make_certificate(tmp_path, name, days)
    made = make_portal_unit(tmp_path / "site", host=NAME, certificate=certificate)
    here = int(datetime.now(UTC).timestamp() * 1000)
    around = replace(AROUND, wall_ms=here, authorities=certificate.file if trusted else None)
    finding = found(made, around)["certificate"]
    assert said in finding.text
    assert finding.good is said.startswith("valid")


def test_link_only_needs_no_gate(tmp_path: Path) -> None:
    """Its checks say so instead of looking for one."""
    findings = found(make_portal_unit(tmp_path, mode=Mode.LINK_ONLY))
    assert findings["gate"].text == "none is needed here"
    assert "link-only" in findings["network"].text


def test_without_a_bundle_there_is_one_line(tmp_path: Path, made: MadePortal) -> None:
    """The file and the mend, nothing else."""
    (made.root.public / "network.toml").unlink()
    (only,) = found(made).values()
    assert not only.good
    assert "network.toml" in only.text


def test_the_command_ends_with_1_when_something_is_wrong(made: MadePortal, capsys: pytest.CaptureFixture[str]) -> None:
    """As `quietbell doctor` does, a line for each step."""
    assert main(["portal", "check", "--root", str(made.root.path)]) == 1
    assert "BAD  kiosk: " in capsys.readouterr().out


def test_root_stands_after_the_word(made: MadePortal) -> None:
    """`portal --root X check` would look at another root than was meant."""
    with pytest.raises(BadInput, match="write it after the word check"):
        portal.main(["--root", str(made.root.path), "check"], standalone_mode=False)


@pytest.mark.requirement("B13")
def test_totals_are_told_for_terms_that_are_over(made: MadePortal) -> None:
    """As JSON, without small groups; the running portal's file is not touched; an open term says why not."""
    byod = load_byod(made.root)
    assert byod is not None
    counts = PulseCounts(make_store_folder(made.root) / PULSE_FILE, zone=byod.zone, memory_key=bytes(32))
    spring, summer = (int(datetime(2027, month, 2, 12, tzinfo=UTC).timestamp() * 1000) for month in (2, 6))
    for device in range(6):
        counts.answer(Audience.LEARNER, {"safe": "very"}, pseudonym=bytes([device]) * 16, wall_ms=spring)
    kept = made.root.store / STORE_FOLDER / PULSE_FILE
    before = kept.read_bytes()
    for term in ("2027-1-spring", None):
        assert {row["answer"]: row["count"] for row in totals_at(made.root, term, summer)}["very"] == 6
    assert totals_at(made.root, None, spring) == []
    with pytest.raises(BadInput, match="is not over yet"):
        totals_at(made.root, "2027-1-spring", spring)
    assert kept.read_bytes() == before


def test_totals_are_json(made: MadePortal) -> None:
    """For the termly report; nothing has been counted here yet."""
    said = CliRunner().invoke(portal, ["pulse", "--root", str(made.root.path)])
    assert json.loads(said.output) == []


def test_render_is_known_by_name() -> None:
    """The list of words has it, though the running portal never imports it."""
    assert "render" in CliRunner().invoke(portal, ["--help"]).output
    assert CliRunner().invoke(portal, ["render", "--help"]).exit_code == 0
