"""The parts of a site's rules for people's own devices, as they stand in `portal.toml`: names, types and bounds.

Nouns only. Whether the parts fit together, and what the whole answers, is `byod`; the texts that people read are `aup`.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

from firmware.opening_hours import Hours
from firmware.toml_parts import Part

PORTAL_FORMAT = 1
ENGLISH = "en"
EASY_SUFFIX = "-x-easy"
EASY_ENGLISH = ENGLISH + EASY_SUFFIX

PARAGRAPH_CHARACTERS = 480
CONFISCATION_CHARACTERS = 240


class Audience(StrEnum):
    """Whom an acceptable use policy is written for. The network or a voucher says which; nobody picks their own."""

    YOUNG_LEARNER = "young-learner"
    LEARNER = "learner"
    ADULT = "adult"
    STAFF = "staff"
    VISITOR = "visitor"


class Access(StrEnum):
    """How much of the Internet an audience gets: the web, or every port that the site's filter lets through."""

    WEB = "web"
    ALL = "all"


class Level(StrEnum):
    """The five answers to "may I?"."""

    ACCEPTABLE = "acceptable"
    SOMETIMES = "at-certain-times"
    NOMINATED = "for-nominated-users"
    UNACCEPTABLE = "unacceptable"
    ILLEGAL = "illegal"


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Fact = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Confiscation = Annotated[str, msgspec.Meta(max_length=CONFISCATION_CHARACTERS)]
Language = Annotated[str, msgspec.Meta(min_length=2, max_length=24)]
Paragraph = Annotated[str, msgspec.Meta(min_length=1, max_length=PARAGRAPH_CHARACTERS)]
Version = Annotated[str, msgspec.Meta(min_length=1, max_length=24)]


class AupDates(Part, frozen=True):
    """`version`: whatever the site calls this edition. `review`: when somebody must look at it again."""

    version: Version
    review: date


class ClosedDays(Part, frozen=True):
    """Days without BYOD, both ends included."""

    first: date
    last: date


class Times(Part, frozen=True):
    """When people's own devices may be on-line. Neither `always` nor `open`: only when staff unlock a lesson."""

    always: bool
    open: Annotated[tuple[Hours, ...], msgspec.Meta(max_length=32)] = ()
    closed: Annotated[tuple[ClosedDays, ...], msgspec.Meta(max_length=64)] = ()


class AudiencePart(Part, frozen=True):
    """One of the audiences of a site."""

    id: str
    session_minutes: Annotated[int, msgspec.Meta(ge=5, le=720)]
    access: str
    uses_times: bool


class LocalFacts(Part, frozen=True):
    """What the texts of one language say instead of the facts at the top; empty: the same."""

    organisation: Annotated[str, msgspec.Meta(max_length=64)] = ""
    monitored_by: Annotated[str, msgspec.Meta(max_length=120)] = ""
    confiscation: Confiscation = ""


class AupPart(Part, frozen=True):
    """One AUP file, `<audience>.<language>.toml`; in the signed text it is one of the `documents`."""

    audience: str
    language: Language
    easy: bool
    checked: bool
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    intro: Annotated[tuple[Paragraph, ...], msgspec.Meta(min_length=1, max_length=4)]
    rules: Annotated[tuple[Paragraph, ...], msgspec.Meta(min_length=1, max_length=14)]
    monitoring: Annotated[tuple[Paragraph, ...], msgspec.Meta(min_length=1, max_length=4)]
    device: Annotated[tuple[Paragraph, ...], msgspec.Meta(min_length=1, max_length=6)]
    promise: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class PortalFile(Part, frozen=True):
    """The whole of portal.toml. `documents` are joined to it when it is signed; its source has none."""

    format: int
    organisation: Name
    monitored_by: Fact
    privacy_contact: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    confiscation: Confiscation
    keep_hours: Annotated[int, msgspec.Meta(ge=1, le=24)]
    time_zone: str
    network_audience: str
    fair_use_kbit_per_second: Annotated[int, msgspec.Meta(ge=256, le=1_000_000)]
    garden: Annotated[tuple[str, ...], msgspec.Meta(max_length=32)]
    survey: bool
    languages: Annotated[tuple[Language, ...], msgspec.Meta(min_length=1, max_length=24)]
    aup: AupDates
    times: Times
    audiences: Annotated[tuple[AudiencePart, ...], msgspec.Meta(min_length=1, max_length=len(Audience))]
    # action -> level; audience -> (action -> level). Read by hand: msgspec would not name the wrong key.
    levels: dict[str, object]
    facts: dict[str, LocalFacts] = msgspec.field(default_factory=dict)
    documents: Annotated[tuple[AupPart, ...], msgspec.Meta(max_length=120)] = ()
