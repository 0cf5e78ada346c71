"""Records what each test that carries a requirement said, for `quietbell policy coverage`.

A test names rows with `@pytest.mark.requirement("L1", ...)`; a row that does not exist stops the run before any test.
Under pytest-xdist the workers hand rows and facts over inside their reports, and only the controller writes.
Where the variable CI is set, a skipped test has failed: a gate that skips is no gate.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from firmware.policy_coverage import ROWS_FILE, Outcome, Record, read_records, read_rows, still_there, write_records

ROWS, FACT = "quietbell-rows", "quietbell-fact"
WORST_LAST = tuple(Outcome)


# The same examples each time, and no opinion about time: a test that is slow on a busy machine is not wrong.
settings.register_profile("quietbell", derandomize=True, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("quietbell")
    config.pluginmanager.register(Carrier(config.rootpath), "quietbell-rows")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config.rootpath), "quietbell-records")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped where nothing may be: {report.longrepr}"
    return report


class Carrier:
    """Puts rows and fact where every report of a test carries them; refuses a row that nobody wrote down."""

    def __init__(self, repository: Path) -> None:
        self._known = {row.id for row in read_rows(repository)}

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(self) -> Generator[None, object, object]:
        made = yield
        for item in made if isinstance(made, list) else [made]:
            if isinstance(item, pytest.Item):
                self._mark(item)
        return made

    def _mark(self, item: pytest.Item) -> None:
        rows = tuple(str(row) for mark in item.iter_markers("requirement") for row in mark.args)
        unknown = sorted(set(rows) - self._known)
        if unknown:
            raise pytest.Collector.CollectError(f"{item.name}: {', '.join(unknown)} is not in {ROWS_FILE}")
        if rows:
            item.user_properties += [(ROWS, list(rows)), (FACT, fact_of(item))]


def fact_of(item: pytest.Item) -> str:
    """The test's docstring as one line."""
    return " ".join((getattr(getattr(item, "obj", None), "__doc__", None) or "").split())


class Recorder:
    """Keeps the worst outcome of each test over its phases and its parameters, and writes them at the end."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._records: dict[str, Record] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        if ROWS not in properties:
            return
        name = report.nodeid.partition("[")[0]
        outcome = Outcome(report.outcome)
        before = self._records.get(name)
        if before is not None:
            outcome = max(outcome, before.outcome, key=WORST_LAST.index)
        rows = tuple(str(row) for row in list(properties[ROWS]))  # type: ignore[call-overload]  # object in pytest
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._records[name] = Record(rows, str(properties[FACT]), outcome, at)

    def pytest_sessionfinish(self) -> None:
        """Tests that did not run this time keep what they said last; tests that are gone are forgotten."""
        if self._records:
            earlier = still_there(self._repository, read_records(self._repository))
            write_records(self._repository, {**earlier, **self._records})
