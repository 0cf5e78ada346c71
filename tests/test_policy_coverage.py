"""The page of requirements, and the plugin in conftest.py that feeds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware.errors import BadInput, BadSettings
from firmware.policy_coverage import (
    OUTCOMES_FILE,
    Outcome,
    Record,
    Row,
    Standing,
    cover,
    find_repository,
    policy,
    read_records,
    read_rows,
    report,
    still_there,
    write_records,
)

HERE = Path(__file__).parent
ROWS = (Row("L1", "A way to ask for help is always there.", ("P2",)), Row("D4", "Deleted once a desk has it.", ("P2",)))

TESTS = '''
import pytest

@pytest.mark.requirement("L1", "D4")
@pytest.mark.parametrize("wrong", [0, {wrong}])
def test_one(wrong):
    """The bell
    rings."""
    assert not wrong

@pytest.mark.requirement("{row}")
def test_two():
    """Two."""
    pytest.skip("not here")

def test_three():
    """Carries nothing."""
'''


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A small repository with our conftest and our rows."""
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "requirements.toml"):
        shutil.copy(HERE / name, tmp_path / "tests" / name)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    requirement(*ids): rows\npythonpath = .\n")
    for package in ("firmware", "hardware"):
        (tmp_path / package).symlink_to(HERE.parent / package)
    return tmp_path


def run(
    clone: Path, *options: str, wrong: int = 0, row: str = "D4", **variables: str
) -> subprocess.CompletedProcess[str]:
    (clone / "tests" / "test_bell.py").write_text(TESTS.format(wrong=wrong, row=row))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "tests"]
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | variables
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=120, check=False)


def record(*rows: str, outcome: Outcome = Outcome.PASSED) -> Record:
    return Record(rows, "The bell rings.", outcome, "2026-01-01T00:00:00+00:00")


def test_rows_in_the_repository_are_whole_and_in_their_order() -> None:
    """Each of the six chapters counts from 1 without a gap, so that no row was forgotten or renamed."""
    ids = [row.id for row in read_rows(HERE.parent)]
    counts = {letter: sum(id.startswith(letter) for id in ids) for letter in "LSTBDA"}
    assert counts == {"L": 12, "S": 19, "T": 13, "B": 13, "D": 10, "A": 8}
    assert ids == [f"{letter}{number}" for letter, count in counts.items() for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("format = 1", "requirement"),
        ("not toml", "mend the file"),
        ('format = 1\n[[requirement]]\nid = "X1"\ntext = "A sentence that is long enough."\nsources = ["P1"]', "id"),
        ('format = 1\n[[requirement]]\nid = "L1"\ntext = "A sentence that is long enough."\nsources = ["P9"]', "P9"),
        (
            'format = 1\n[[requirement]]\nid = "L1"\ntext = "A sentence that is long enough."\nsources = ["P1"]\n' * 2,
            "mend",
        ),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, text: str, mend: str) -> None:
    """A slip in requirements.toml is told with the file and the place."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "requirements.toml").write_text(text)
    with pytest.raises(BadSettings, match=mend):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("tests", "standing"),
    [
        ({}, Standing.OPEN),
        ({"a": record("D4")}, Standing.OPEN),
        ({"a": record("L1")}, Standing.TESTED),
        ({"a": record("L1", outcome=Outcome.SKIPPED)}, Standing.OPEN),
        ({"a": record("L1"), "b": record("L1", outcome=Outcome.FAILED)}, Standing.FAILING),
        ({"a": record("L1"), "b": record("L1", outcome=Outcome.SKIPPED)}, Standing.TESTED),
    ],
)
def test_row_without_a_passing_test_is_open(tests: Mapping[str, Record], standing: Standing) -> None:
    """Only a test that passed speaks for a row, and one that failed speaks louder."""
    assert cover(ROWS, tests)[0].standing is standing


def test_page_prints_every_row_with_the_facts_of_its_tests() -> None:
    """Nobody has to open the tests to see what is claimed, and the last line counts honestly."""
    page = report(cover(ROWS, {"tests/a.py::test_a": record("L1")}))
    assert "L1  TESTED" in page
    assert "passed 2026-01-01: The bell rings." in page
    assert "tests/a.py::test_a" in page
    assert "D4  OPEN" in page
    assert page.endswith("2 requirements: 1 tested, 0 partly, 0 failing, 1 open")
    assert "L1" not in report(cover(ROWS, {"a": record("L1")}), only_open=True)


def test_a_row_with_something_not_built_is_partly_tested_however_many_tests_pass() -> None:
    """Passing tests never hide what is still missing of a row; a failing one is worse than that."""
    half = Row("L7", "Status and replies through a code.", ("P2",), missing="replies")
    (covered,) = cover([half], {"a": record("L7"), "b": record("L7")})
    assert covered.standing is Standing.PARTLY
    assert "missing: replies" in report([covered], only_open=True)
    (failing,) = cover([half], {"a": record("L7", outcome=Outcome.FAILED)})
    assert failing.standing is Standing.FAILING


def test_records_survive_a_round_trip_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    """What one run writes the next one reads; a spoilt file says how to mend it."""
    assert read_records(tmp_path) == {}
    write_records(tmp_path, {"a": record("L1", "D4")})
    assert read_records(tmp_path) == {"a": record("L1", "D4")}
    (tmp_path / OUTCOMES_FILE).write_text("{")
    with pytest.raises(BadSettings, match="delete it and run: make test"):
        read_records(tmp_path)


def test_tests_that_are_gone_no_longer_speak(tmp_path: Path) -> None:
    """A removed or renamed test cannot keep a row closed."""
    (tmp_path / "test_a.py").write_text("class TestBell:\n    def test_kept(self): ...\n")
    tests = {
        name: record("L1")
        for name in ("test_a.py::TestBell::test_kept", "test_a.py::test_gone", "test_b.py::test_kept")
    }
    assert list(still_there(tmp_path, tests)) == ["test_a.py::TestBell::test_kept"]


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_a_run_records_rows_facts_and_the_worst_outcome(clone: Path, options: tuple[str, ...]) -> None:
    """With and without workers: parameters of a test count as one, the worst of them stands."""
    assert run(clone, *options).returncode == 0
    tests = read_records(clone)
    assert set(tests) == {"tests/test_bell.py::test_one", "tests/test_bell.py::test_two"}
    one = tests["tests/test_bell.py::test_one"]
    assert (one.rows, one.fact, one.outcome) == (("L1", "D4"), "The bell rings.", Outcome.PASSED)
    assert tests["tests/test_bell.py::test_two"].outcome is Outcome.SKIPPED
    assert run(clone, *options, "-k", "test_one", wrong=1).returncode == 1
    tests = read_records(clone)
    assert tests["tests/test_bell.py::test_one"].outcome is Outcome.FAILED
    assert tests["tests/test_bell.py::test_two"].outcome is Outcome.SKIPPED


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_unknown_row_stops_the_run(clone: Path, options: tuple[str, ...]) -> None:
    """A slip in a marker cannot close a row that nobody asked for: no test runs, and the test is named."""
    ended = run(clone, *options, row="L99")
    assert ended.returncode != 0
    assert "test_two: L99 is not in tests/requirements.toml" in ended.stdout
    assert read_records(clone) == {}


def test_gate_counts_a_skipped_test_as_failed(clone: Path) -> None:
    """Where CI is set, a machine that lacks a part cannot pass by skipping what needs it."""
    ended = run(clone, CI="true")
    assert ended.returncode == 1
    assert "skipped where nothing may be" in ended.stdout
    assert read_records(clone)["tests/test_bell.py::test_two"].outcome is Outcome.FAILED


def test_command_finds_the_clone_or_says_where_to_run(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command works from the checkout, on a named clone, and explains itself elsewhere."""
    assert find_repository(None) == HERE.parent
    page = CliRunner().invoke(policy, ["coverage", "--repository", str(clone), "--open"])
    assert page.output.endswith("75 requirements: 0 tested, 0 partly, 0 failing, 75 open\n")
    with pytest.raises(BadInput, match="run this in a clone"):
        find_repository(clone / "tests")
