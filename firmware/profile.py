"""A site profile: one organisation's policy as data, parsed from the signed `profile.toml`.

Owns what a profile answers: which route, how urgent, who helps, when somebody is on duty. Its parts are in
`profile_parts`, the rules that make it complete in `profile_rules`. Does not know who signed it and draws nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from firmware.errors import BadSettings
from firmware.messages import Duty, Urgency
from firmware.opening_hours import Closed, DutyHours, read_hours
from firmware.profile_parts import UNSAID, Category, HelpLine, Place, ProfileFile, StaffChoice, Step, Tip
from firmware.profile_rules import check_profile

FORMAT = 1
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_ORDER = (Urgency.INFORMATION, Urgency.TODAY, Urgency.NOW)


@dataclass(frozen=True, slots=True)
class Profile:
    """A complete site profile. `retention_days`: after closing, how long a record may stay before it must go."""

    name: str
    title: str
    young: bool
    idle_ms: int
    retention_days: int
    go_to: str
    go_to_outside: str
    danger_line: HelpLine
    listening_line: HelpLine
    contact_away: bool
    help_lines: tuple[HelpLine, ...]
    places: tuple[Place, ...]
    staff_choices: tuple[StaffChoice, ...]
    categories: Mapping[str, Category]
    tips: tuple[Tip, ...]
    hours: DutyHours
    with_them_ms: int
    ladders: Mapping[Urgency, tuple[Step, ...]]

    def route_for(self, category: str, adult_here: str, about_head: str) -> str:
        """Whose keys a story is sealed to. "Not sure" counts as yes: who must not read it then cannot."""
        if adult_here in ("yes", "not-sure"):
            return "independent" if about_head in ("yes", "not-sure") else "head"
        return self._category(category).route

    def urgency_for(self, category: str, danger: str, pace: str) -> Urgency:
        """The learner's pace, never below the category's floor; danger overrides both."""
        if danger == "yes" or pace == "now":
            return Urgency.NOW
        asked = Urgency.TODAY if danger == "not-sure" or pace == "today" else Urgency.INFORMATION
        return max(asked, self._category(category).floor, key=_ORDER.index)

    def help_for(self, category: str) -> tuple[HelpLine, ...]:
        """Who outside can help, in the profile's order."""
        wanted = self._category(category).help
        return tuple(next(line for line in self.help_lines if line.id == id) for id in wanted)

    def duty_at(self, wall_ms: int) -> Duty:
        """Whether the hours say that somebody is there, and until when, in words."""
        return self.hours.at(wall_ms)

    def clock_words(self, wall_ms: int) -> str:
        """ "11:30" in the site's time zone."""
        return self.hours.clock_words(wall_ms)

    def ladder(self, urgency: Urgency) -> tuple[Step, ...]:
        """The rungs of one urgency, the earliest first."""
        return self.ladders[urgency]

    def _category(self, category: str) -> Category:
        return self.categories.get(category, self.categories[UNSAID])


def load_profile(path: Path) -> Profile:
    """Read a signed `profile.toml`, or the folder of a profile's source.

    Raises:
        BadSettings: unreadable, or wrong in some key.
    """
    return parse_profile(profile_text(path), str(path))


def profile_text(path: Path) -> str:
    """The one text that is signed and issued: `profile.toml`, and for a folder its `tips/*.toml` after it.

    Raises:
        BadSettings: a file cannot be read.
    """
    files = [path / "profile.toml", *sorted((path / "tips").glob("*.toml"))] if path.is_dir() else [path]
    return "\n".join(_read(file) for file in files)


def parse_profile(text: str, file: str) -> Profile:
    """Parse and check; `file` is only named in errors.

    Raises:
        BadSettings: names the file, the key and the mend.
    """
    parsed = _parsed(text, file)
    if parsed.format != FORMAT:
        raise BadSettings(file, "format", f"this program reads format {FORMAT}, not {parsed.format}: use a newer one")
    check_profile(parsed, file)
    return _profile(parsed, _hours(parsed, file))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise BadSettings(file, "", f"cannot be read ({reason}): put a site profile there") from problem


def _parsed(text: str, file: str) -> ProfileFile:
    try:
        return msgspec.convert(tomllib.loads(text), ProfileFile, strict=True)
    except tomllib.TOMLDecodeError as problem:
        raise BadSettings(file, "", f"is not TOML: {_one_line(problem)}") from problem
    except RecursionError as problem:
        raise BadSettings(file, "", "is nested too deeply: start again from a shipped profile") from problem
    except msgspec.ValidationError as problem:
        raise _shape_problem(_one_line(problem), file) from problem


def _shape_problem(said: str, file: str) -> BadSettings:
    """Turn msgspec's "… - at `$.talk.go_to`" into key and mend."""
    what, _, where = said.partition(" - at ")
    keys = [where.strip("`").removeprefix("$").lstrip(".")]
    missing = _MISSING.fullmatch(what)
    if missing:
        keys.append(missing[1])
        what = "is missing: write it, as the shipped profiles do"
    unknown = _UNKNOWN.fullmatch(what)
    if unknown:
        keys.append(unknown[1])
        what = "is not known here: take it out, or look for a spelling mistake"
    return BadSettings(file, ".".join(key for key in keys if key), what)


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300]


def _hours(parsed: ProfileFile, file: str) -> DutyHours:
    closed = tuple(Closed(days.first, days.last) for days in parsed.duty.closed)
    return read_hours(file, parsed.duty.time_zone, parsed.duty.hours, closed)


def _profile(parsed: ProfileFile, hours: DutyHours) -> Profile:
    talk = parsed.talk
    lines = {line.id: line for line in parsed.help_lines}
    return Profile(
        name=parsed.name,
        title=parsed.title,
        young=talk.variant == "young",
        idle_ms=talk.idle_seconds * 1000,
        retention_days=parsed.retention_days,
        go_to=talk.go_to,
        go_to_outside=talk.go_to_outside,
        danger_line=lines[talk.danger_line],
        listening_line=lines[talk.listening_line],
        contact_away=talk.contact_away,
        help_lines=parsed.help_lines,
        places=parsed.places,
        staff_choices=parsed.staff,
        categories=parsed.categories,
        tips=parsed.tips,
        hours=hours,
        with_them_ms=parsed.ladders.with_them_seconds * 1000,
        ladders=parsed.ladders_by_urgency(),
    )
