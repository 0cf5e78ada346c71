"""`quietbell policy coverage`: what the policies ask for, row by row, and the tests that speak for each.

Owns the two files behind it: `tests/requirements.toml` (the rows) and `.requirements-outcomes.json` (what each test
that carries a row said when it last ran; written by `tests/conftest.py`). Works in a clone: tests are not installed.
Does not judge how much of a row a test proves; it prints the fact that the test states, for the reader to judge.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from textwrap import fill
from typing import Annotated

import click
import msgspec

from firmware.errors import BadInput, BadSettings

ROWS_FILE = Path("tests/requirements.toml")
OUTCOMES_FILE = Path(".requirements-outcomes.json")
FILE_FORMAT = 1
SOURCES = ("P0", "P1", "P2", "P3", "P4", "practice")
LINE_CHARACTERS = 110


class Outcome(StrEnum):
    """How a test ended, the best first."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a policy asks for, in our words; `missing` is what of it is not built yet."""

    id: Annotated[str, msgspec.Meta(pattern="^[LSTBDA][1-9][0-9]?$")]
    text: Annotated[str, msgspec.Meta(min_length=20)]
    sources: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    missing: str = ""


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    requirement: tuple[Row, ...]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last run of one test: the rows it carries, the fact it states, how it ended, and when (UTC)."""

    rows: tuple[str, ...]
    fact: str
    outcome: Outcome
    at: str


class Records(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    tests: dict[str, Record]


class Standing(StrEnum):
    """TESTED: at least one test passed and none failed. PARTLY: the same, but something of the row is not built."""

    TESTED = "tested"
    PARTLY = "partly"
    FAILING = "failing"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Covered:
    """One row with its tests, by name."""

    row: Row
    tests: Mapping[str, Record]

    @property
    def standing(self) -> Standing:
        outcomes = {record.outcome for record in self.tests.values()}
        if Outcome.FAILED in outcomes:
            return Standing.FAILING
        if Outcome.PASSED not in outcomes:
            return Standing.OPEN
        return Standing.PARTLY if self.row.missing else Standing.TESTED


def read_rows(repository: Path) -> tuple[Row, ...]:
    """Every row, in the order of the file.

    Raises:
        BadSettings: the file is missing or wrong, or an id or a source is.
    """
    file = repository / ROWS_FILE
    try:
        rows = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Rows).requirement
    except (OSError, ValueError) as problem:
        raise BadSettings(file, "", f"{problem}; mend the file or take it from version control") from problem
    ids = [row.id for row in rows]
    for row in rows:
        if ids.count(row.id) > 1:
            raise BadSettings(file, row.id, "stands there twice; keep one")
        for source in row.sources:
            if source not in SOURCES:
                raise BadSettings(file, row.id, f"{source} is no source; use {', '.join(SOURCES)}")
    return rows


def read_records(repository: Path) -> dict[str, Record]:
    """What each test said last; nothing when no test has run yet.

    Raises:
        BadSettings: the file is not what the test run writes.
    """
    file = repository / OUTCOMES_FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Records).tests
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise BadSettings(file, "", f"{problem}; delete it and run: make test") from problem


def write_records(repository: Path, tests: Mapping[str, Record]) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    file = repository / OUTCOMES_FILE
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(Records(FILE_FORMAT, dict(sorted(tests.items()))))))
    new.replace(file)


def still_there(repository: Path, tests: Mapping[str, Record]) -> dict[str, Record]:
    """Without the tests that have been removed or renamed since they ran."""
    sources: dict[str, str] = {}
    kept = {}
    for name, record in tests.items():
        path, _, function = name.partition("::")
        if path not in sources:
            file = repository / path
            sources[path] = file.read_text(encoding="utf-8") if file.is_file() else ""
        if f"def {function.rpartition('::')[2]}(" in sources[path]:
            kept[name] = record
    return kept


def cover(rows: Iterable[Row], tests: Mapping[str, Record]) -> tuple[Covered, ...]:
    """Every row with the tests that carry it."""
    return tuple(
        Covered(row, {name: record for name, record in tests.items() if row.id in record.rows}) for row in rows
    )


def report(covered: Sequence[Covered], *, only_open: bool = False) -> str:
    """The page: each row, its tests with their facts, and a last line that counts."""
    shown = [entry for entry in covered if not only_open or entry.standing is not Standing.TESTED]
    lines = [line for entry in shown for line in _lines(entry)]
    counts = {standing: sum(entry.standing is standing for entry in covered) for standing in Standing}
    totals = ", ".join(f"{count} {standing}" for standing, count in counts.items())
    return "\n".join([*lines, f"{len(covered)} requirements: {totals}"])


def _lines(entry: Covered) -> list[str]:
    head = f"{entry.row.id:4}{entry.standing.upper():9}{entry.row.text} ({' '.join(entry.row.sources)})"
    lines = [fill(head, LINE_CHARACTERS, subsequent_indent=" " * 13)]
    if entry.row.missing:
        lines.append(fill(f"missing: {entry.row.missing}", LINE_CHARACTERS, initial_indent=" " * 13))
    for name, record in entry.tests.items():
        fact = f"{record.outcome} {record.at[:10]}: {record.fact or 'states no fact'}"
        lines.append(fill(fact, LINE_CHARACTERS, initial_indent=" " * 13, subsequent_indent=" " * 15))
        lines.append(f"{'':15}{name}")
    return [*lines, ""]


def find_repository(chosen: Path | None) -> Path:
    """The clone to look at: the chosen one, the one this code runs from, or the current directory."""
    for place in [chosen] if chosen else [Path(__file__).parents[1], Path.cwd()]:
        if (place / ROWS_FILE).is_file():
            return place
    where = chosen or Path.cwd()
    raise BadInput(f"{where}: no {ROWS_FILE} here; run this in a clone of Quietbell or name one with --repository")


@click.group(name="policy", help="What the policies ask for.")
def policy() -> None:
    """Group of the commands about the policies in the field."""


@policy.command(help="Print every requirement with the tests that carry it and how they last ended.")
@click.option("--repository", type=click.Path(path_type=Path), help="A clone of Quietbell.")
@click.option("--open", "only_open", is_flag=True, help="Only what is open, partly built or failing.")
def coverage(repository: Path | None, only_open: bool) -> None:
    """Read both files of the clone and print the page."""
    place = find_repository(repository)
    tests = still_there(place, read_records(place))
    click.echo(report(cover(read_rows(place), tests), only_open=only_open))
