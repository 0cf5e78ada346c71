"""Scenes: exactly what a desk's screen shows, as plain frozen data between `desk` (decides) and `views` (lays out)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from firmware.identity import ReaderEntry
from firmware.messages import Duty
from firmware.trouble import TroubleLine
from kiosk.screen.keyboard import Layer
from kiosk.staff.alerts import AlertLine
from kiosk.staff.cases import Outcome, Proposal
from kiosk.staff.stories import StoryView


@dataclass(frozen=True, slots=True)
class Top:
    """What stands on every scene: the time, the duty, who is signed in, one notice, and a danger elsewhere."""

    time: str
    duty: Duty
    reader: str
    notice: str = ""
    danger: str = ""


@dataclass(frozen=True, slots=True)
class Foot:
    """What the row at the bottom of the home scenes leads to."""

    signed_in: bool
    troubles: int
    trouble_sounds: bool
    private: int
    phones: bool = False


@dataclass(frozen=True, slots=True)
class OpenLesson:
    """Phones are on-line there, as the kiosk says; `until` empty: it did not say until when."""

    room: str
    until: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing waits."""

    top: Top
    foot: Foot
    kiosks_heard: int
    kiosks: int
    first_trouble: str = ""
    lessons: tuple[OpenLesson, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """An alert line with what time and the ladder say of it."""

    line: AlertLine
    age_ms: int
    raised_again: bool = False
    overdue: bool = False
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class Alerts:
    """The first five seconds: one line large, the others as tiles. `private`: the reader's own private list."""

    top: Top
    foot: Foot
    rows: tuple[Row, ...]
    focus: int
    first: int
    private: bool = False


@dataclass(frozen=True, slots=True)
class Troubles:
    top: Top
    lines: tuple[TroubleLine, ...]
    now_ms: int
    page: int


@dataclass(frozen=True, slots=True)
class ChooseReader:
    """Who are you? `held` readers need only their PIN."""

    top: Top
    readers: tuple[ReaderEntry, ...]
    held: frozenset[bytes]
    page: int


@dataclass(frozen=True, slots=True)
class Passphrase:
    top: Top
    name: str
    characters: int
    shown: bool
    busy: bool
    layer: Layer
    secret: Callable[[], Iterator[str]] = field(compare=False, repr=False)
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Pin:
    """Type a PIN; `setting`: choose one for this shift."""

    top: Top
    name: str
    digits: int
    setting: bool


@dataclass(frozen=True, slots=True)
class StoryPage:
    top: Top
    row: Row
    view: StoryView | None
    page: int
    proposal: Proposal | None = None
    proposer: str = ""
    own_proposal: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """Outcome and reason."""

    top: Top
    row: Row
    outcome: Outcome | None
    reason: str
    layer: Layer
    two_needed: bool


@dataclass(frozen=True, slots=True)
class DutyChoice:
    """`phones`: there are kiosks that could open a lesson."""

    top: Top
    phones: bool = False


class PhoneState(StrEnum):
    """What is true of one kiosk's lesson: its own word, or what it has not answered."""

    CLOSED = "closed"
    OPEN = "open"
    ASKED = "asked"
    UNANSWERED = "unanswered"
    FAILED = "failed"
    SILENT = "silent"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """One kiosk. `open` and `until` are its last word; `minutes` is what was asked and not answered (0: to end it)."""

    device: bytes
    room: str
    state: PhoneState
    open: bool = False
    until: str = ""
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class PhoneLogLine:
    """What was asked here: the time of day, and how long ago that is."""

    clock: str
    age_ms: int
    room: str
    minutes: int


@dataclass(frozen=True, slots=True)
class PhoneRooms:
    """Where a lesson can be opened, and what was asked for here last."""

    top: Top
    rows: tuple[PhoneRow, ...]
    log: tuple[PhoneLogLine, ...]
    page: int


@dataclass(frozen=True, slots=True)
class PhoneLesson:
    """One kiosk: how long?"""

    top: Top
    row: PhoneRow


Scene = (
    Quiet
    | Alerts
    | Troubles
    | ChooseReader
    | Passphrase
    | Pin
    | StoryPage
    | Closing
    | DutyChoice
    | PhoneRooms
    | PhoneLesson
)
