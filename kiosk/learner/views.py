"""A learner's screen as boxes: the tips, and a talk that looks like them.

Pure layout: view + display → boxes. What may be said stands in `kiosk.talk`; how big anything must be is asserted in
millimetres by the tests. A page that does not fit at the wanted size is spread over parts, never squeezed below the
smallest sizes.
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.learner import bar as bars
from kiosk.learner import view as ids
from kiosk.learner.arrange import Bench
from kiosk.learner.blocks import TRUTH_SCREENS, head_of, notes_of, option_box
from kiosk.learner.spread import spread
from kiosk.learner.tip_view import corner_dot, tip_boxes
from kiosk.learner.typing_view import typing_boxes
from kiosk.learner.view import LearnerView
from kiosk.screen.layout import NOTE_CAP_MM, Box, Display, Rect, Role, Tone, mirrored
from kiosk.screen.text import Typesetter
from kiosk.talk.pages import OptionView, Page
from kiosk.talk.questions import ScreenId

UNCHECKED_MARK = "*"
"""Stands with a language that a machine translated, and before the line that says what it means."""


def boxes(view: LearnerView, display: Display, typesetter: Typesetter) -> list[Box]:
    """What stands on the screen."""
    found = _parts(view, Bench(display, typesetter))
    return found[view.part % len(found)]


def parts(view: LearnerView, display: Display, typesetter: Typesetter) -> int:
    """How many parts this page has on this panel; the box `PART` leads to (part + 1) modulo this."""
    return len(_parts(view, Bench(display, typesetter)))


def _parts(view: LearnerView, bench: Bench) -> list[list[Box]]:
    if not isinstance(view.page, Page):
        return [mirrored(tip_boxes(view, view.page, bench), bench.display)]
    if view.languages:
        return _talk(_marked(view), _language_page(view, view.page), bench)
    if view.page.field is None:
        return _talk(view, view.page, bench)
    typing = typing_boxes(view, view.page, bench)
    if view.page.field.characters or view.page.field.waiting:
        return [typing]
    # First the question with its notes, and a tile that leads on to the keyboard.
    keyboard = option_box(OptionView(ids.PART, view.words.type, "keyboard"))
    return [*_talk(view, view.page, bench, last=keyboard), typing]


def _marked(view: LearnerView) -> LearnerView:
    """With a mark on the tile of each language that nobody has checked; its name is spoken without it."""
    tiles = {choice.name: f"{choice.name}\u00a0{UNCHECKED_MARK}" for choice in view.languages if not choice.checked}
    return replace(view, words=replace(view.words, tiles=tiles))


def _language_page(view: LearnerView, page: Page) -> Page:
    """The languages, each in its own name, laid out like any question, from whatever page they were asked for."""
    options = tuple(
        OptionView(ids.LANGUAGE_CHOICE + choice.code, choice.name, "", chosen=choice.code == view.language)
        for choice in view.languages
    )
    marked = any(not choice.checked for choice in view.languages)
    return Page(
        screen=ScreenId.WHO,
        title=view.words.language,
        options=options,
        strip=page.strip,
        hide=page.hide,
        back=page.back,
        body=(f"{UNCHECKED_MARK} {view.words.unchecked}",) if marked else (),
        dot=page.dot,
    )


def _talk(view: LearnerView, page: Page, bench: Bench, last: Box | None = None) -> list[list[Box]]:
    content, bar = bars.split(bench)
    strip, room = _strip(page.strip, content, bench)
    frame = [
        strip,
        *bars.talk_bar(bar, page.hide, page.back, view.can_read, view.words, bench),
        *corner_dot(page.dot, bench),
    ]
    options = [option_box(option, view.words.tiles) for option in page.options]
    more = option_box(OptionView(ids.PART, view.words.more, "more", quiet=True))
    notes_first = _notes_first(page) and not view.languages
    bodies = spread(head_of(page), notes_of(page), options, more, room, bench, notes_first=notes_first, last=last)
    still = [_still_there(page.still_there, content, body, bench) for body in bodies]
    return [mirrored([*body, *frame, *over], bench.display) for body, over in zip(bodies, still, strict=True)]


def _notes_first(page: Page) -> bool:
    """Where notes do not fit beside the answers they come first, except where the head itself is what matters: a
    question about danger, or a truth."""
    return page.screen not in (ScreenId.DANGER, *TRUTH_SCREENS)


def _strip(text: str, content: Rect, bench: Bench) -> tuple[Box, Rect]:
    """The one sentence that stands on every page of the talk, just above the bar."""
    high = bench.high(text, content.width, NOTE_CAP_MM)
    slot, room = content.cut_bottom(high + bench.mm(0.8), bench.mm(0.2))
    return Box("strip", replace(slot, height=high), Role.NOTE, text, speech=text, cap_mm=NOTE_CAP_MM), room


def _still_there(text: str, content: Rect, body: list[Box], bench: Bench) -> list[Box]:
    """Quiet, over the words and never over a tile; touching anything goes on."""
    if not text:
        return []
    tiles_top = min((box.rect.top for box in body if box.hit is not None), default=content.bottom)
    rect = replace(content, height=tiles_top - content.top - bench.mm(0.6))
    box = Box("still-there", rect, Role.PANEL, text, speech=text, tone=Tone.CALM)
    return [bench.fitted(box, bench.any_caps())]
