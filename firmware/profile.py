"""A site profile: one organisation's policy as data, parsed from the signed `profile.toml`.

Owns the shape of the file and every rule that makes a profile complete: each category has a route and a floor, each
urgency a ladder, each name that is used is defined. A profile that parses can be used without asking again. Does not
know who signed it (`identity`) and draws nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from firmware.errors import BadSettings
from firmware.messages import Duty, Urgency
from firmware.opening_hours import Closed, DutyHours, Hours, read_hours

FORMAT = 1
# The codes that a story may carry. Their words and pictures are in `kiosk.talk.questions`; a test keeps both alike.
CATEGORY_IDS = (
    "hurt-or-scared",
    "self-harm",
    "grooming",
    "images",
    "bullying",
    "blackmail",
    "stranger",
    "sexual-harassment",
    "hate",
    "extremism",
    "forced-marriage",
    "harmful-content",
    "message",
    "account",
    "personal-information",
    "true-or-not",
    "games-and-video",
    "time-online",
    "copying",
    "downloads",
    "something-else",
    "rather-not-say",
)
UNSAID = "rather-not-say"
ROUTES = ("safeguarding", "conduct", "head", "independent")
ROLES = ("lead", "deputy", "head", "manager", "independent", "outside", "technician")
# No profile may let these wait longer than today, nor send what may be harm to the conduct queue.
NEVER_BELOW_TODAY = frozenset(
    {"hurt-or-scared", "self-harm", "grooming", "images", "blackmail", "sexual-harassment", "extremism"}
    | {"forced-marriage", UNSAID}
)

TITLE_CHARACTERS = 48
TIP_CHARACTERS = 220
SKIP = "skip"

_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_ORDER = (Urgency.INFORMATION, Urgency.TODAY, Urgency.NOW)

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Picture = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class Nature(StrEnum):
    """The four kinds of on-line harm that schools report by."""

    CONTENT = "content"
    CONTACT = "contact"
    CONDUCT = "conduct"
    COMMERCE = "commerce"


class Signal(StrEnum):
    """What a step of a ladder sets off at the desks."""

    BEACON = "beacon"
    BUZZER = "buzzer"
    LIGHT = "light"
    LIST = "list"
    ALL_DESKS = "all-desks"
    REMINDER = "reminder"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shared shape of everything in the file: immutable, nothing extra accepted."""


class HelpLine(Part, frozen=True):
    """Somebody outside who helps. `contact` is a number or an address, as it is shown."""

    id: Id
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=48)]
    contact: Annotated[str, msgspec.Meta(min_length=1, max_length=48)]
    about: Line


class Place(Part, frozen=True):
    """Where staff may meet a learner; `away` lies outside the school."""

    id: Id
    label: Line
    picture: Picture = "place"
    away: bool = False


class StaffChoice(Part, frozen=True):
    """Whom a learner may ask for. It never changes who can read."""

    id: Id
    label: Line


class Quiz(Part, frozen=True):
    """One question on a tip; `right` counts the answers from 0."""

    question: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    answers: Annotated[tuple[Line, ...], msgspec.Meta(min_length=2, max_length=3)]
    right: Annotated[int, msgspec.Meta(ge=0, le=2)]


class Tip(Part, frozen=True):
    """One page of the idle screen."""

    id: Id
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=TITLE_CHARACTERS)]
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=TIP_CHARACTERS)]
    picture: Picture
    quiz: Quiz | None = None


class Category(Part, frozen=True):
    """Where one category goes, how fast at least, and who outside can help."""

    nature: Nature
    route: str
    floor: Urgency
    help: tuple[str, ...]


class Step(Part, frozen=True):
    """One rung: so long after arrival without an answer (or on the next working day), do this."""

    after_seconds: Seconds = 0
    signals: tuple[Signal, ...] = ()
    page: tuple[str, ...] = ()
    repeat_seconds: Seconds = 0
    next_working_day: bool = False


class _Talk(Part, frozen=True):
    variant: str
    idle_seconds: Annotated[int, msgspec.Meta(ge=30, le=900)]
    go_to: Line
    go_to_outside: Line
    danger_line: str
    listening_line: str
    contact_away: bool = False


class _ClosedDays(Part, frozen=True):
    first: date
    last: date


class _Duty(Part, frozen=True):
    time_zone: str
    hours: Annotated[tuple[Hours, ...], msgspec.Meta(min_length=1)]
    closed: tuple[_ClosedDays, ...] = ()


class _Ladders(Part, frozen=True):
    now: tuple[Step, ...]
    today: tuple[Step, ...]
    information: tuple[Step, ...]
    with_them_seconds: Annotated[int, msgspec.Meta(ge=30, le=3_600)]


class _File(Part, frozen=True):
    """The whole of profile.toml."""

    format: int
    name: Id
    title: Line
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=36_525)]
    talk: _Talk
    duty: _Duty
    ladders: _Ladders
    help_lines: tuple[HelpLine, ...]
    places: Annotated[tuple[Place, ...], msgspec.Meta(min_length=1, max_length=6)]
    staff: Annotated[tuple[StaffChoice, ...], msgspec.Meta(max_length=6)]
    categories: dict[str, Category]
    tips: Annotated[tuple[Tip, ...], msgspec.Meta(min_length=1, max_length=200)]


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
    check = _Check(file)
    _check_names(parsed, check)
    _check_categories(parsed, check)
    _check_ladders(parsed, check)
    _check_talk(parsed, check)
    _check_tips(parsed, check)
    return _profile(parsed, _hours(parsed, file))


class _Check:
    """Says what is wrong in one file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def that(self, holds: bool, key: str, mend: str) -> None:
        if not holds:
            raise BadSettings(self._file, key, mend)

    def known(self, name: str, names: tuple[str, ...], key: str) -> None:
        self.that(name in names, key, f"{name[:40]!r} is not known: use one of {', '.join(names)}")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise BadSettings(file, "", f"cannot be read ({reason}): put a site profile there") from problem


def _parsed(text: str, file: str) -> _File:
    try:
        return msgspec.convert(tomllib.loads(text), _File, strict=True)
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


def _ids(items: tuple[HelpLine | Place | StaffChoice | Tip, ...]) -> tuple[str, ...]:
    return tuple(item.id for item in items)


def _check_names(parsed: _File, check: _Check) -> None:
    groups: Mapping[str, tuple[str, ...]] = {
        "help_lines": _ids(parsed.help_lines),
        "places": _ids(parsed.places),
        "staff": _ids(parsed.staff),
        "tips": _ids(parsed.tips),
    }
    for key, ids in groups.items():
        twice = sorted({id for id in ids if ids.count(id) > 1})
        check.that(not twice, key, f"the id {', '.join(twice)} is there twice: give each its own")
        check.that(SKIP not in ids, key, f"the id {SKIP!r} belongs to the talk: use another")


def _check_categories(parsed: _File, check: _Check) -> None:
    missing = [id for id in CATEGORY_IDS if id not in parsed.categories]
    check.that(not missing, "categories", f"{', '.join(missing)} missing: give it a nature, route, floor and help")
    for id, category in parsed.categories.items():
        key = f"categories.{id[:40]}"
        check.known(id, CATEGORY_IDS, key)
        check.known(category.route, ROUTES, f"{key}.route")
        check.that(bool(category.help), f"{key}.help", "name at least one of the help_lines")
        for line in category.help:
            check.known(line, _ids(parsed.help_lines), f"{key}.help")
        if id in NEVER_BELOW_TODAY:
            check.that(category.floor is not Urgency.INFORMATION, f"{key}.floor", 'must be "today" or "now"')
            check.that(category.route != "conduct", f"{key}.route", 'may be harm: use "safeguarding"')


def _check_ladders(parsed: _File, check: _Check) -> None:
    for name, steps in _ladders(parsed).items():
        key = f"ladders.{name}"
        check.that(
            bool(steps) and steps[0].after_seconds == 0, key, "the first step must be at once (after_seconds = 0)"
        )
        times = [step.after_seconds for step in steps if not step.next_working_day]
        check.that(
            times == sorted(set(times)), key, "put the steps in order of after_seconds, each later than the last"
        )
        for step in steps:
            check.that(bool(step.signals or step.page), key, "a step does nothing: give it signals or page")
            for role in step.page:
                check.known(role, ROLES, f"{key}.page")
    for name in (Urgency.NOW, Urgency.TODAY):
        paged = any(step.page for step in _ladders(parsed)[name])
        check.that(paged, f"ladders.{name}", "nobody is paged when the desk stays silent: add a step with page")
    outside = any("outside" in step.page for step in parsed.ladders.now)
    check.that(outside, "ladders.now", 'nobody outside the office is told: add a step with page = ["outside"]')


def _check_talk(parsed: _File, check: _Check) -> None:
    talk = parsed.talk
    check.known(talk.variant, ("standard", "young"), "talk.variant")
    for key, line in (("danger_line", talk.danger_line), ("listening_line", talk.listening_line)):
        check.known(line, _ids(parsed.help_lines), f"talk.{key}")
    away = [place.id for place in parsed.places if place.away]
    check.that(
        talk.contact_away or not away,
        "places",
        f"{', '.join(away)} is away from school: take it out, or set talk.contact_away = true",
    )


def _check_tips(parsed: _File, check: _Check) -> None:
    for tip in parsed.tips:
        if tip.quiz is not None:
            answers = len(tip.quiz.answers)
            check.that(tip.quiz.right < answers, f"tips.{tip.id}.quiz.right", f"must be less than {answers}")


def _hours(parsed: _File, file: str) -> DutyHours:
    closed = tuple(Closed(days.first, days.last) for days in parsed.duty.closed)
    return read_hours(file, parsed.duty.time_zone, parsed.duty.hours, closed)


def _ladders(parsed: _File) -> Mapping[Urgency, tuple[Step, ...]]:
    ladders = parsed.ladders
    return {Urgency.NOW: ladders.now, Urgency.TODAY: ladders.today, Urgency.INFORMATION: ladders.information}


def _profile(parsed: _File, hours: DutyHours) -> Profile:
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
        ladders=_ladders(parsed),
    )
