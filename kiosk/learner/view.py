"""What a learner's screen is made from: the talk's page, and the few things that only a screen knows.

`part` counts through a page that does not fit the panel at once (small panel, big words): the box `PART` asks for the
next one. Ids of boxes are the words that the app listens for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from kiosk.learner.tile_words import TILE_WORDS
from kiosk.screen.keyboard import KeyboardWords, Layer
from kiosk.talk.pages import Page, TipPage

TALK = "control-talk"
PRIVACY = "control-privacy"
BACK = "control-back"
HIDE = "control-hide"
PART = "control-part"
LANGUAGE = "control-language"
BIGGER = "control-bigger"
READ = "control-read"
OPTION = "option-"
LANGUAGE_CHOICE = "language-"


@dataclass(frozen=True, slots=True)
class ControlWords:
    """The words on the page's own controls, and short forms of answers for tiles; in the learner's language they come
    from `control_words`."""

    more: str = "More"
    language: str = "Language"
    bigger: str = "Bigger"
    bigger_spoken: str = "Bigger words"
    read: str = "Read to me"
    read_silent: str = "Read to me (plug in headphones)"
    type: str = "Type"
    unchecked: str = "A machine translated this. Nobody who speaks the language has checked it yet."
    keyboard: KeyboardWords = field(default_factory=KeyboardWords)
    tiles: Mapping[str, str] = field(default_factory=lambda: TILE_WORDS)


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """A language in its own name. `checked` False: a machine made its words, and no speaker has read them yet."""

    code: str
    name: str
    checked: bool = True


@dataclass(frozen=True, slots=True)
class LearnerView:
    """Everything that decides what stands on the screen now.

    `tip` and `tips` place the idle page among its fellows; `notice` is the line beside the tile on the idle page (the
    day's BYOD times). `can_read` False draws "read to me" as out of use. `languages` not empty: the learner is
    choosing one. `characters` gives the typed words one by one while they are shown; see `Box.secret`.
    """

    page: Page | TipPage
    part: int = 0
    tip: int = 0
    tips: int = 0
    notice: str = ""
    can_read: bool = False
    languages: tuple[LanguageChoice, ...] = ()
    language: str = "en"
    layer: Layer = Layer.LOWER
    characters: Callable[[], Iterator[str]] | None = field(default=None, compare=False, repr=False)
    words: ControlWords = field(default_factory=ControlWords)


def option_of(box_id: str) -> str:
    """The id of the talk's option behind a box; "" when it is none."""
    return box_id.removeprefix(OPTION) if box_id.startswith(OPTION) else ""


def language_of(box_id: str) -> str:
    """The language code behind a box; "" when it is none."""
    return box_id.removeprefix(LANGUAGE_CHOICE) if box_id.startswith(LANGUAGE_CHOICE) else ""
