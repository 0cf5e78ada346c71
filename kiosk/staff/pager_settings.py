"""Whom the desk can page and how: `bundle/secret/pager.toml`, secret because its URLs carry passwords.

    format = 1
    [targets]
    deputy = ["mailtos://user:password@mail.example/?to=deputy@school.example"]
    outside = ["ntfys://ntfy.example/quietbell-out-of-hours"]

Roles are those that the ladders of the profile name. URLs are Apprise's. A missing file is no error: the desk then
shows as trouble that nobody can be paged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence

from firmware.errors import BadSettings
from firmware.messages import Urgency
from firmware.profile import Profile
from firmware.profile_parts import ROLES
from firmware.settings import Root
from kiosk.staff.escalation import DEFAULT_LADDERS, PRIVATE_ROLES, Ladder, Rung

FILE_NAME = "pager.toml"
FORMAT = 1


def load_targets(root: Root) -> dict[str, tuple[str, ...]]:
    """Role → Apprise URLs.

    Raises BadSettings naming file, key and mend; a URL is never repeated in it.
    """
    path = root.secret / FILE_NAME
    if not path.exists():
        return {}
    try:
        return parse_targets(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as problem:
        raise BadSettings(path, "", "cannot be read; mend its owner and mode, and write it as UTF-8") from problem


def parse_targets(text: str, file: str) -> dict[str, tuple[str, ...]]:
    """The same from text; `file` is only named in errors."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise BadSettings(file, "", "is not TOML; see the head of kiosk/staff/pager_settings.py") from problem
    if table.get("format") != FORMAT:
        raise BadSettings(file, "format", f"write {FORMAT}")
    targets = table.get("targets", {})
    if not isinstance(targets, dict):
        raise BadSettings(file, "targets", "write a table of roles")
    return {role: _urls(file, role, urls) for role, urls in targets.items()}


def ladders_of(profile: Profile) -> Mapping[Urgency, Ladder]:
    """The profile's ladders as the desk climbs them."""
    return {
        urgency: Ladder(
            tuple(Rung(step.after_seconds * 1000, step.page) for step in profile.ladder(urgency) if step.page),
            default.again_every_ms,
        )
        for urgency, default in DEFAULT_LADDERS.items()
    }


def paged_roles(profile: Profile) -> tuple[str, ...]:
    """Every role that somebody may have to be called by, so that a missing one is trouble from the start."""
    named = [role for urgency in DEFAULT_LADDERS for step in profile.ladder(urgency) for role in step.page]
    return tuple(dict.fromkeys([*named, *PRIVATE_ROLES]))


def _urls(file: str, role: str, urls: object) -> tuple[str, ...]:
    if role not in ROLES:
        raise BadSettings(file, f"targets.{role[:20]}", f"no such role; use one of {', '.join(ROLES)}")
    wrong = BadSettings(file, f"targets.{role}", "write a list of Apprise URLs in quotes")
    if not isinstance(urls, Sequence) or isinstance(urls, str):
        raise wrong
    if not all(isinstance(url, str) and "://" in url for url in urls):
        raise wrong
    return tuple(urls)
