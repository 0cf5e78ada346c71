"""What the portal's web process and the kiosk process say to each other: a phone's answers in, proofs out.

Pure. Both sides use these nouns; each is one frame of at most 8 KB. A draft carries answers only: route, urgency,
privacy and source are worked out by the kiosk, and no report's id ever leaves it, only an opaque `ticket`. Whatever
comes from the portal is untrusted until `read_request` has parsed it, and still only what somebody on the Wi-Fi said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

from firmware.messages import (
    NAME_BYTES,
    NO_ID,
    TEXT_BYTES,
    Code,
    Count,
    Digest,
    Duty,
    Id,
    MaybeId,
    Short,
    Stage,
    Struct,
    decode,
    encode,
)
from kiosk.talk import questions
from kiosk.talk.policy import Policy
from kiosk.talk.questions import SCREENS
from kiosk.talk.state import Answers
from kiosk.talk.truths import ProgressView

FRAME_BYTES = 8 * 1024
TICKET_BYTES = 16
# "Here" is the kiosk's place; nobody knows a phone's.
NOT_FROM_A_PHONE = frozenset({"come-here", "here"})

Faults = Annotated[tuple[Code, ...], msgspec.Meta(max_length=6)]


class Deed(StrEnum):
    """What is handed in. `CODE` asks for five words for the report of the ticket."""

    REPORT = "report"
    ADDITION = "addition"
    TAKE_BACK = "take-back"
    CODE = "code"


class Outcome(StrEnum):
    """What became of it. Only `SAVED` follows a commit; at `UNSURE` nobody can tell."""

    SAVED = "saved"
    NOT_SAVED = "not-saved"
    UNSURE = "unsure"
    UNKNOWN_TICKET = "unknown-ticket"
    REFUSED = "refused"


# ------------------------------------------------------------------ the portal asks


class HandIn(Struct, frozen=True, tag=1):
    """One draft. `form` is new on every page that is drawn, so that a form sent twice is one report. `ticket` is empty
    for a report, else that of the report which this belongs to. `text` and `name` are UTF-8."""

    form: Id
    ticket: MaybeId
    deed: Deed
    danger: Code = ""
    adult_here: Code = ""
    about_head: Code = ""
    category: Code = ""
    who: Code = ""
    pace: Code = ""
    staff_choice: Short = ""
    meet: Code = ""
    reporter: Code = ""
    language: Code = "en"
    text: Annotated[bytes, msgspec.Meta(max_length=TEXT_BYTES)] = b""
    name: Annotated[bytes, msgspec.Meta(max_length=NAME_BYTES)] = b""

    @property
    def answers(self) -> Answers:
        return Answers(**{name: getattr(self, name) for name in ANSWERS})


class AskProgress(Struct, frozen=True, tag=2):
    """What is proved of the report of this ticket?"""

    ticket: Id


class AskCode(Struct, frozen=True, tag=3):
    """What is proved of the report of these five words? Only their digest comes here."""

    digest: Digest


class AskState(Struct, frozen=True, tag=4):
    """Who is on duty, how long does a lesson still last? `faults` is what the portal knows to be wrong with itself."""

    faults: Faults = ()


Request = HandIn | AskProgress | AskCode | AskState

# ------------------------------------------------------------------ the kiosk answers


class Known(Struct, frozen=True):
    """The proofs for one report, as ages, because two processes share no moment."""

    hurry: bool
    saved_ago_ms: Count
    sent_ago_ms: Count | None
    stages: Annotated[tuple[Stage, ...], msgspec.Meta(max_length=len(Stage))]
    private: bool


class HandedIn(Struct, frozen=True, tag=11):
    """`code` are the five words, where they were asked for."""

    outcome: Outcome
    duty: Duty
    ticket: MaybeId = NO_ID
    known: Known | None = None
    code: Annotated[tuple[Short, ...], msgspec.Meta(max_length=5)] = ()


class Told(Struct, frozen=True, tag=12):
    """`known` None: no such ticket or words here; `resting`: nothing is looked up for a while, after too many tries."""

    duty: Duty
    known: Known | None = None
    resting: bool = False


class KioskState(Struct, frozen=True, tag=13):
    """`lesson_seconds_left` is 0 unless staff have opened BYOD for a lesson."""

    duty: Duty
    lesson_seconds_left: Count


Answer = HandedIn | Told | KioskState

ANSWERS = ("danger", "adult_here", "about_head", "category", "who", "pace", "staff_choice", "meet", "reporter")


class _Question(Struct, frozen=True):
    ask: Request


class _Said(Struct, frozen=True):
    say: Answer


def frame_of(message: Request | Answer) -> bytes:
    """The bytes for the line; by the bounds of the nouns never more than `FRAME_BYTES`."""
    if isinstance(message, HandIn | AskProgress | AskCode | AskState):
        return encode(_Question(message))
    return encode(_Said(message))


def read_request(untrusted: bytes) -> Request:
    """What the portal asks. Raises Refused("malformed")."""
    return decode(_bounded(untrusted), _Question).ask


def read_answer(untrusted: bytes) -> Answer:
    """What the kiosk says. Raises Refused("malformed")."""
    return decode(_bounded(untrusted), _Said).say


def allowed_answers(policy: Policy) -> dict[str, frozenset[str]]:
    """For each question the answers that a phone may give here, with "" for none."""
    found: dict[str, set[str]] = {name: {""} for name in ANSWERS}
    for screen in SCREENS.values():
        if screen.answers:
            found[screen.answers] |= {option.id for option in screen.options} - {questions.SKIP, "have-code"}
    found["category"] |= {option.id for option in (*questions.CATEGORIES, questions.RATHER_NOT_SAY_OPTION)}
    found["staff_choice"] |= {choice.id for choice in policy.staff_choices}
    found["meet"] |= {*(place.id for place in policy.places), *questions.MEET_ANSWERS} - NOT_FROM_A_PHONE
    return {name: frozenset(ids) for name, ids in found.items()}


@dataclass(frozen=True, slots=True)
class Seen:
    """A `ProgressView` on the asker's own time."""

    report: bytes
    saved_ms: int
    hurry: bool
    first_sent_ms: int | None
    stages: frozenset[Stage]


def known_of(progress: ProgressView, now_ms: int, *, private: bool) -> Known:
    """The kiosk's side: what may leave it about one report."""
    sent_ms = progress.first_sent_ms
    return Known(
        hurry=progress.hurry,
        saved_ago_ms=max(0, now_ms - progress.saved_ms),
        sent_ago_ms=None if sent_ms is None else max(0, now_ms - sent_ms),
        stages=tuple(sorted(progress.stages)),
        private=private,
    )


def progress_of(known: Known, ticket: bytes, now_ms: int) -> Seen:
    """The portal's side: the same for `kiosk.talk.truths`."""
    return Seen(
        report=ticket,
        saved_ms=now_ms - known.saved_ago_ms,
        hurry=known.hurry,
        first_sent_ms=None if known.sent_ago_ms is None else now_ms - known.sent_ago_ms,
        stages=frozenset(known.stages),
    )


def _bounded(untrusted: bytes) -> bytes:
    """Nothing at all in the place of a frame that is too long: that is malformed too."""
    return untrusted if len(untrusted) <= FRAME_BYTES else b""
