"""Whom the desk can page: a bad file is one line that never repeats a password."""

from __future__ import annotations

import pytest

from broker_config.enrol import shipped_profile
from firmware.errors import BadSettings
from firmware.messages import Urgency
from firmware.profile import parse_profile
from kiosk.staff.pager_settings import ladders_of, paged_roles, parse_targets

PROFILE = parse_profile(shipped_profile("secondary-school").decode(), "profile.toml")


def test_targets_are_read_by_role() -> None:
    """Each role has its Apprise URLs in order."""
    text = 'format = 1\n[targets]\ndeputy = ["json://127.0.0.1:9/a", "json://127.0.0.1:9/b"]\n'
    assert parse_targets(text, "pager.toml") == {"deputy": ("json://127.0.0.1:9/a", "json://127.0.0.1:9/b")}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("not toml [", ""),
        ("format = 2", "format"),
        ("format = 1\ntargets = 3", "targets"),
        ('format = 1\n[targets]\ncaretaker = ["json://x"]', "targets.caretaker"),
        ('format = 1\n[targets]\ndeputy = "json://user:hunter2@x"', "targets.deputy"),
        ('format = 1\n[targets]\ndeputy = ["hunter2"]', "targets.deputy"),
        ("format = 1\n[targets]\ndeputy = [1]", "targets.deputy"),
    ],
)
def test_a_bad_file_names_the_key_and_no_secret(text: str, key: str) -> None:
    """File, key and mend, and nothing that could be a password."""
    with pytest.raises(BadSettings) as refused:
        parse_targets(text, "pager.toml")
    line = str(refused.value)
    assert line.startswith(f"pager.toml: {key}" if key else "pager.toml")
    assert "hunter2" not in line
    assert "\n" not in line


@pytest.mark.requirement("S1")
def test_the_desk_climbs_the_profiles_ladders() -> None:
    """Deputy after two minutes of unanswered danger, head and outside after five, as the profile says."""
    rungs = ladders_of(PROFILE)[Urgency.NOW].rungs
    assert [(rung.after_ms, set(rung.roles)) for rung in rungs] == [
        (120_000, {"deputy"}),
        (300_000, {"head", "outside"}),
    ]


def test_every_role_that_may_be_called_is_known_beforehand() -> None:
    """A role without a target is trouble from the start: nobody is forgotten in the list that is checked."""
    assert {"deputy", "head", "outside", "lead", "independent"} <= set(paged_roles(PROFILE))
