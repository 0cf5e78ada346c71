"""What happens to a desk and what follows: the nouns between `desk` and whoever wires it.

Events come from reception (the network side), the board, the screen and the keyboard. Effects go to reception, the
board, the pager and the key ring. Neither ever carries a learner's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from firmware.identity import ReaderRegister
from firmware.lessons import Lesson
from firmware.messages import NO_ID, Alert, Duty, Stage, StageEvent
from firmware.readers import ReaderKeys
from firmware.trouble import Cause, TroubleLine

# --- events ---


@dataclass(frozen=True, slots=True)
class ReportArrived:
    """A report, addition, silent call or taking back that is safely in this desk's ledger. Never a heartbeat."""

    report: bytes
    digest: bytes
    device: bytes
    alert: Alert
    received_ms: int
    received_wall_ms: int
    room: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A validly signed envelope whose alert will not open: somebody may need help and we cannot tell how."""

    report: bytes
    digest: bytes
    device: bytes
    received_ms: int
    received_wall_ms: int
    room: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class StageSet:
    """A stage is true: marked here, at another desk, or kept from before a restart."""

    event: StageEvent


@dataclass(frozen=True, slots=True)
class WithThemKept:
    """ "With them" was said before a restart or at another desk."""

    report: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class BoxTouched:
    """A finger (or mouse) on the box with this id."""

    box: str


@dataclass(frozen=True, slots=True)
class Typed:
    """Characters from the physical keyboard."""

    text: str = field(repr=False)


class NamedKey(StrEnum):
    ENTER = "enter"
    BACKSPACE = "backspace"
    ESCAPE = "escape"


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of the physical keyboard that is no character."""

    key: NamedKey


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """The desk's big button: "I have it" for everything that rings. Proves that somebody is in the room, no more."""


@dataclass(frozen=True, slots=True)
class TroubleSaid:
    """All trouble lines as they are now, and how many kiosks are heard."""

    lines: tuple[TroubleLine, ...]
    kiosks_heard: int
    kiosks: int


@dataclass(frozen=True, slots=True)
class DutySaid:
    """What this desk signs as its duty now, and the same as `until` words."""

    duty: Duty


@dataclass(frozen=True, slots=True)
class PhoneRoom:
    """One kiosk by its room, and what is known of its lesson."""

    room: str
    lesson: Lesson


@dataclass(frozen=True, slots=True)
class LessonLogged:
    """A lesson was asked for here (0 minutes: to end), at this wall time."""

    room: str
    minutes: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class LessonsSaid:
    """Every kiosk that was heard, and what was asked for here last, the newest first."""

    rooms: tuple[PhoneRoom, ...]
    log: tuple[LessonLogged, ...]


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A lesson that was wanted here was asked of nobody. `why` is for the screen: short, one line."""

    why: str


@dataclass(frozen=True, slots=True)
class ReadersKnown:
    """The register of readers and routes, at start and whenever a newer one is accepted."""

    register: ReaderRegister


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The key ring opened this reader's key."""

    keys: ReaderKeys


@dataclass(frozen=True, slots=True)
class UnlockFailed:
    """The key ring did not. `sentence` is for the screen: short, one line."""

    reader: bytes
    sentence: str = "That is not it. Check each word and try again."


@dataclass(frozen=True, slots=True)
class MustWipe:
    """The lid was opened or the power goes: every key leaves memory now."""

    why: str


DeskEvent = (
    ReportArrived
    | Unreadable
    | StageSet
    | WithThemKept
    | BoxTouched
    | Typed
    | KeyPressed
    | ButtonPressed
    | TroubleSaid
    | DutySaid
    | LessonsSaid
    | NotAsked
    | ReadersKnown
    | Unlocked
    | UnlockFailed
    | MustWipe
)

# --- effects ---


class Pattern(StrEnum):
    """What the buzzer plays."""

    DANGER = "danger"
    RAISED_AGAIN = "raised-again"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Sound:
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Light:
    """The latched light: on until somebody answers."""

    on: bool


@dataclass(frozen=True, slots=True)
class Beacon:
    on: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Call a role by whatever reaches them. The text never says what it is about."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Reminder:
    """An information report has waited over a night."""

    report: bytes


@dataclass(frozen=True, slots=True)
class RaiseAgain:
    """Answered, but nobody has said "with them" for three minutes."""

    report: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Reception records this stage and sends receipts. `reader_signature` is over `messages.receipt_claim`."""

    report: bytes
    digest: bytes
    stage: Stage
    generation: int = 0
    reader: bytes = NO_ID
    reader_signature: bytes = b""


@dataclass(frozen=True, slots=True)
class KeepWithThem:
    """Keep that somebody is with them (give it back as WithThemKept)."""

    report: bytes
    digest: bytes
    reader: bytes


@dataclass(frozen=True, slots=True)
class KeepNote:
    """A case note, already sealed to the route that may read the story: keep the bytes beside the report."""

    report: bytes
    route: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenKey:
    """Ask the key ring (away from the loop: it takes a moment). Overwrite `passphrase` when done."""

    reader: bytes
    passphrase: bytearray = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SetDuty:
    """Tell the duty book. `minutes` None with attended False: not before the hours begin anew."""

    attended: bool
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class AskLesson:
    """Order this kiosk to let phones on-line for so long (0: to end it), and keep that it was asked."""

    device: bytes
    minutes: int


@dataclass(frozen=True, slots=True)
class SeenTrouble:
    """Somebody has seen a passing trouble."""

    trouble: str


@dataclass(frozen=True, slots=True)
class TellTrouble:
    """This desk found trouble by itself."""

    cause: Cause
    detail: str


@dataclass(frozen=True, slots=True)
class SomebodyHere:
    """A touch, key or button: the office is attended at this moment."""


DeskEffect = (
    Sound
    | Light
    | Beacon
    | Page
    | Reminder
    | RaiseAgain
    | Mark
    | KeepWithThem
    | KeepNote
    | OpenKey
    | SetDuty
    | AskLesson
    | SeenTrouble
    | TellTrouble
    | SomebodyHere
)
