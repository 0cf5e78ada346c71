"""What the talk remembers, what can happen to it, and what it asks its surroundings to do. Data only.

Typed words are never here: they live in one `TypedWords` at the edge, and the state counts its characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from firmware.messages import NO_ID, Draft, Urgency
from kiosk.talk.questions import ScreenId
from kiosk.talk.tips import TipShow
from kiosk.talk.truths import ProgressView


class Field(StrEnum):
    """Which field of the story the typed words belong in; the words of a code belong in none and are never sent."""

    TEXT = "text"
    NAME = "name"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered in this talk; "" is not asked or skipped. Ids are those of `questions`."""

    danger: str = ""
    adult_here: str = ""
    about_head: str = ""
    category: str = ""
    who: str = ""
    pace: str = ""
    staff_choice: str = ""
    meet: str = ""
    reporter: str = ""

    @property
    def private(self) -> bool:
        """ "Not sure" counts as yes: showing a report to the adult it is about cannot be undone, a detour can."""
        return self.adult_here in ("yes", "not-sure")


# ------------------------------------------------------------------ what happens


@dataclass(frozen=True, slots=True)
class Opened:
    """The tile was touched ("touch"), the button tapped ("button") or the portal page opened ("portal")."""

    source: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """An option of the page in view was touched."""

    option: str


@dataclass(frozen=True, slots=True)
class KeyTyped:
    """One character from the on-screen keyboard."""

    character: str


@dataclass(frozen=True, slots=True)
class KeyDeleted:
    """The on-screen keyboard's delete key."""


@dataclass(frozen=True, slots=True)
class HideNow:
    """Back to the tips at once."""


@dataclass(frozen=True, slots=True)
class Back:
    """One screen back; what was sent stays sent."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class SilentCall:
    """The button was held for two seconds."""


@dataclass(frozen=True, slots=True)
class LanguageChosen:
    """A code that the words' catalogues know, such as "en"."""

    language: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The draft of `ticket` is on disk (fsync). `code` is five words that may be given out, with their digest."""

    ticket: int
    report: bytes
    code: tuple[str, ...] = ()
    code_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class SaveFailed:
    """The draft of `ticket` could not be saved; nothing was sent. `unsure`: nobody can tell whether it was."""

    ticket: int
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class ProgressChanged:
    """The outbox knows more about a report."""

    progress: ProgressView


@dataclass(frozen=True, slots=True)
class CodeFound:
    """The typed words are the code of a report of this kiosk: what is known of it."""

    progress: ProgressView


@dataclass(frozen=True, slots=True)
class CodeUnknown:
    """The typed words are no code that this kiosk knows."""


Event = (
    Opened
    | Chosen
    | KeyTyped
    | KeyDeleted
    | HideNow
    | Back
    | Tick
    | SilentCall
    | LanguageChosen
    | Saved
    | SaveFailed
    | ProgressChanged
    | CodeFound
    | CodeUnknown
)

# ------------------------------------------------------------------ what is asked


@dataclass(frozen=True, slots=True)
class Send:
    """Seal and save this draft now, then answer `Saved(ticket, …)` or `SaveFailed(ticket)`.

    `words`: put the typed words into that field of the story before sealing. The performer seals at once and in order,
    so a `Forget` that follows in the same step does not take the words away.
    """

    ticket: int
    draft: Draft
    words: Field | None = None


@dataclass(frozen=True, slots=True)
class TypeCharacter:
    """Append to the typed words."""

    character: str


@dataclass(frozen=True, slots=True)
class DeleteCharacter:
    """Take the last typed character away."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Overwrite the typed words with zeros, and whatever picture of them was kept."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Read the typed words as a code and answer `CodeFound(progress)` or `CodeUnknown()` at once."""


Effect = Send | TypeCharacter | DeleteCharacter | Forget | LookUp

# ------------------------------------------------------------------ what is remembered


@dataclass(frozen=True, slots=True)
class Told:
    """A report that was handed over. `report` is empty until it is saved; `failed`: it could not be saved, or, with
    `unsure`, nobody can tell."""

    ticket: int
    urgency: Urgency
    private: bool
    at_ms: int
    report: bytes = NO_ID
    failed: bool = False
    unsure: bool = False
    taken_back: bool = False
    progress: ProgressView | None = None
    code: tuple[str, ...] = ()
    code_digest: bytes = b""


class CodeState(StrEnum):
    """Whether the five words were given out, and whether they are in view."""

    NONE = "none"
    SHOWN = "shown"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Sending:
    """A draft that is not yet known to be saved."""

    send: Send
    failed: bool = False
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class TalkState:
    """All that the talk remembers. `history` are the screens that Back leads to; `home_language` is what the next
    person finds. `unseen_failure_ms`: when something could not be saved that no page in view belongs to.

    `found` is the report whose code was typed, None on FOUND: no such code is known here, and the typed words are still
    there. `wrong_codes` and `codes_rest_until_ms` bound the tries, whoever makes them.
    """

    room: str
    language: str = "en"
    home_language: str = "en"
    source: str = "touch"
    screen: ScreenId = ScreenId.IDLE
    history: tuple[ScreenId, ...] = ()
    category_page: int = 0
    answers: Answers = field(default_factory=Answers)
    named: bool = False
    typed_characters: int = 0
    typed_shown: bool = False
    typed_failed: bool = False
    touched_ms: int = 0
    still_there: bool = False
    report: Told | None = None
    call: Told | None = None
    code: CodeState = CodeState.NONE
    found: ProgressView | None = None
    wrong_codes: int = 0
    codes_rest_until_ms: int | None = None
    sendings: tuple[Sending, ...] = ()
    next_ticket: int = 1
    unseen_failure_ms: int | None = None
    tips: TipShow = field(default_factory=TipShow)

    @property
    def open(self) -> bool:
        return self.screen is not ScreenId.IDLE

    @property
    def saved(self) -> bool:
        """The report of this talk is on disk, so additions can name it."""
        return self.report is not None and self.report.report != NO_ID

    @property
    def private(self) -> bool:
        """Once private, always private: additions too."""
        return self.answers.private or (self.report is not None and self.report.private)
