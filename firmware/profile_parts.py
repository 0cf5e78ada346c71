"""The parts of a site profile as they stand in `profile.toml`: their names, types and bounds.

Nouns only. Whether the parts fit together is `profile_rules`; what a whole profile answers is `profile`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

from firmware.messages import Urgency
from firmware.opening_hours import Hours

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


class ProfileFile(Part, frozen=True):
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

    def ladders_by_urgency(self) -> Mapping[Urgency, tuple[Step, ...]]:
        """The ladders, each under its urgency."""
        ladders = self.ladders
        return {Urgency.NOW: ladders.now, Urgency.TODAY: ladders.today, Urgency.INFORMATION: ladders.information}
