"""The page with the keyboard: what is typed (as dots until "show"), keys, and hide now as large as ever."""

from __future__ import annotations

from dataclasses import replace

from kiosk.learner import bar as bars
from kiosk.learner.arrange import Bench
from kiosk.learner.blocks import option_box
from kiosk.learner.tip_view import corner_dot
from kiosk.learner.view import LearnerView
from kiosk.screen import keyboard
from kiosk.screen.layout import NOTE_CAP_MM, PRIMARY_CAP_MM, Box, Rect, Role, Tone, mirrored
from kiosk.talk.pages import FieldView, OptionView, Page

DOT = "•"
FIELD_TALLEST_MM = 40.0


def typing_boxes(view: LearnerView, page: Page, bench: Bench) -> list[Box]:
    """All boxes; the keyboard itself is never mirrored."""
    content, bar = bars.split(bench)
    keys_high = bench.mm(keyboard.height_mm(bench.display)) + 3
    keys, above = Rect(0, content.top, bench.display.width_px, content.height).cut_bottom(keys_high)
    above = Rect(content.left, above.top, content.width, above.height)
    keys = Rect(bench.mm(0.6), keys.top, bench.display.width_px - 2 * bench.mm(0.6), keys.height)
    strip_high = bench.high(page.strip, above.width, NOTE_CAP_MM)
    strip_slot, field_room = above.cut_bottom(strip_high + bench.mm(0.4), bench.mm(0.4))
    strip = Box("strip", replace(strip_slot, height=strip_high), Role.NOTE, page.strip, cap_mm=NOTE_CAP_MM)
    options = [_control(option, view) for option in page.options]
    controls = bars.typing_bar(bar, page.hide, page.back, options, bench)
    made = [*_field(view, page, field_room, bench), strip, *controls, *corner_dot(page.dot, bench)]
    return mirrored(made, bench.display) + keyboard.boxes(keys, bench.display, view.layer, view.words.keyboard)


def _control(option: OptionView, view: LearnerView) -> Box:
    """An answer in the bar. Its dots have a picture of their own: the closed eye here is hide now, and nothing else."""
    box = replace(option_box(option, view.words.tiles), role=Role.BUTTON)
    return replace(box, picture="more") if box.picture == "hide" else box


def _field(view: LearnerView, page: Page, room: Rect, bench: Bench) -> list[Box]:
    """Empty: the question in small. Otherwise the letters, or as many dots."""
    if page.field is None:
        return []
    rect = replace(room, height=min(room.height, bench.mm(FIELD_TALLEST_MM)))
    box = Box("field", rect, Role.FIELD, tone=Tone.PLAIN, secret_mark=_mark(page.field))
    if page.truth:
        return [bench.fitted(replace(box, text=page.truth, tone=Tone.TROUBLE), bench.any_caps())]
    if not page.field.characters:
        return [bench.fitted(replace(box, text=page.title, tone=Tone.QUIET), bench.any_caps())]
    if page.field.shown and view.characters is not None:
        return [replace(box, secret=view.characters, cap_mm=_cap(rect, bench))]
    dots = page.field.characters
    return [replace(box, secret=lambda: iter(DOT * dots), cap_mm=_cap(rect, bench))]


def _cap(rect: Rect, bench: Bench) -> float:
    """One line at least must stand in the field."""
    probe = Box("probe", rect, Role.FIELD, "Hg")
    return bench.fitted(probe, bench.caps(PRIMARY_CAP_MM, NOTE_CAP_MM)).cap_mm


def _mark(field: FieldView) -> int:
    """Changes with every character typed or deleted, and with show and hide."""
    return 2 * field.characters + field.shown
