"""The words of a page as blocks: what comes first, how large it must be, what may be smaller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.learner import view as ids
from kiosk.learner.tile_words import TILE_WORDS
from kiosk.screen.layout import Box, Rect, Role, Tone
from kiosk.talk.pages import OptionView, Page
from kiosk.talk.questions import ScreenId
from kiosk.talk.truths import Sign

# Where the truth itself is the headline.
TRUTH_SCREENS = (ScreenId.TRUTHS, ScreenId.FOUND)
_BETWEEN_DIGITS = re.compile(r"(?<=\d) (?=\d)")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph. `primary`: at least 4.8 mm; otherwise a note. `panel`: on a ground of its own, as large as fits."""

    id: str
    text: str
    primary: bool = False
    bold: bool = False
    panel: bool = False
    sign: Sign = Sign.NONE


def kept_together(text: str) -> str:
    """Telephone numbers do not break over lines; before one a line may end, or name and number are too long for it."""
    return _BETWEEN_DIGITS.sub("\u00a0", text)


def head_of(page: Page) -> list[Block]:
    """What must stand beside the answers: the question, or the truth."""
    if page.screen in TRUTH_SCREENS:
        return [Block("truth", kept_together(page.truth), primary=True, bold=True, sign=page.sign)]
    return [Block("title", page.title, primary=True, bold=True)]


def notes_of(page: Page) -> list[Block]:
    """What may stand on a part of its own when words are big."""
    advice = page.screen is ScreenId.ADVICE
    blocks = [Block(f"body-{number}", kept_together(text), primary=advice) for number, text in enumerate(page.body)]
    if page.code:
        blocks.append(Block("code", "  ".join(page.code), primary=True, bold=True, panel=True))
    if page.screen not in TRUTH_SCREENS and page.truth:
        blocks.append(Block("truth", kept_together(page.truth), primary=True, sign=page.sign))
    if page.duty:
        blocks.append(Block("duty", kept_together(page.duty)))
    blocks += [
        Block(
            f"help-{number}",
            kept_together(" · ".join(part for part in (f"{help.name}: {help.contact}", help.about) if part)),
        )
        for number, help in enumerate(page.help_lines)
    ]
    return blocks


def option_box(option: OptionView, short: Mapping[str, str] = TILE_WORDS) -> Box:
    """A tile, not yet placed. Tiles carry short words; speech says the whole sentence."""
    own = option.id.startswith(("control-", ids.LANGUAGE_CHOICE))
    return Box(
        option.id if own else ids.OPTION + option.id,
        Rect(0, 0, 0, 0),
        Role.TILE,
        kept_together(short.get(option.label, option.label)),
        speech=option.label,
        picture=option.picture,
        tone=Tone.QUIET if option.quiet else Tone.PLAIN,
        chosen=option.chosen,
    )
