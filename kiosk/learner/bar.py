"""The bottom of every page: the same place, height and colours on tips and talk, so that neither stands out.

On a wide panel it is one row; on a tall one two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kiosk.learner import view as ids
from kiosk.learner.arrange import GAP_MM, MARGIN_MM, Bench
from kiosk.learner.view import ControlWords
from kiosk.screen.layout import NOTE_CAP_MM, TARGET_MM, Box, Place, Rect, Role, Tone

READ_MM = 39.0
LANGUAGE_MM = 22.0
TALK_MM = 54.0
PRIVACY_MM = 20.2
NOWHERE = Rect(0, 0, 0, 0)
CONTROL_CAPS_MM = (3.6, 3.3, NOTE_CAP_MM)


def is_wide(bench: Bench) -> bool:
    return bench.display.width_px > bench.display.height_px


def split(bench: Bench) -> tuple[Rect, Rect]:
    """(content, bar): the bar's rows are 20 mm apart, the last one reaches down to the edge of the panel."""
    rows = 1 if is_wide(bench) else 2
    page = bench.display.rect
    bar, content = page.cut_bottom(rows * bench.mm(TARGET_MM))
    side = bench.mm(MARGIN_MM)
    top = bench.mm(MARGIN_MM - 1.5)
    return (
        Rect(side, top, page.width - 2 * side, content.height - top),
        Rect(side, bar.top, page.width - 2 * side, bar.height),
    )


def talk_bar(bar: Rect, hide: str, back: str, can_read: bool, words: ControlWords, bench: Bench) -> list[Box]:
    """Back, hide now, and the three helps. Hide stands where the hand is, and is the largest."""
    helps = [
        _tool(ids.BIGGER, words.bigger, words.bigger_spoken, "bigger"),
        _tool(ids.LANGUAGE, words.language, words.language, "language"),
        _tool(ids.READ, words.read if can_read else words.read_silent, words.read, "listen", enabled=can_read),
    ]
    back_box = _tool(ids.BACK, back, back, "back", enabled=bool(back))
    hide_box = Box(ids.HIDE, bar, Role.BUTTON, hide, speech=hide, picture="hide", tone=Tone.CALM, bold=True)
    if is_wide(bench):
        return _placed_wide(bar, back_box, hide_box, helps, bench)
    first, second = bar.rows(2)
    back_rect, hide_rect = first.cut_left(bench.mm(TARGET_MM), bench.gap)
    small, read_rect = second.cut_left(2 * bench.mm(LANGUAGE_MM) + bench.gap, bench.gap)
    rects = [*small.columns(2, bench.gap), read_rect]
    return [_control(back_box, back_rect, bench), _hide(hide_box, hide_rect, bench)] + [
        _control(box, rect, bench) for box, rect in zip(helps, rects, strict=True)
    ]


def typing_bar(bar: Rect, hide: str, back: str, options: Sequence[Box], bench: Bench) -> list[Box]:
    """While the keyboard is in view: back, hide now, and what can be done with the words."""
    back_box = _tool(ids.BACK, back, back, "back", enabled=bool(back))
    hide_box = Box(ids.HIDE, bar, Role.BUTTON, hide, speech=hide, picture="hide", tone=Tone.CALM, bold=True)
    rows = [bar] if is_wide(bench) else bar.rows(2)
    target = bench.mm(TARGET_MM)
    back_rect, rest = rows[0].cut_left(target, bench.gap)
    if is_wide(bench):
        hide_rect, rest = rest.cut_left(bench.mm(38), bench.gap)
    else:
        hide_rect, rest = rest, rows[1]
    made = [_control(back_box, back_rect, bench), _hide(hide_box, hide_rect, bench)]
    if options:
        rects = rest.columns(len(options), bench.gap)
        made += [_control(box, rect, bench) for box, rect in zip(options, rects, strict=True)]
    return made


def tip_bar(bar: Rect, tile: str, picture: str, bench: Bench) -> tuple[Box, Rect]:
    """The tile in its one fixed corner, and the room beside it for the day's notice."""
    row = bar if is_wide(bench) else bar.rows(2)[1]
    talk, rest = row.cut_right(bench.mm(TALK_MM if is_wide(bench) else bar.width / bench.display.px_per_mm), bench.gap)
    if not is_wide(bench):
        rest = bar.rows(2)[0]
    box = Box(ids.TALK, talk, Role.BUTTON, tile, speech=tile, picture=picture, tone=Tone.CALM)
    return _hide(box, talk, bench), _face(rest, bench)


def privacy_control(beside: Rect, text: str, picture: str, bench: Bench) -> tuple[Box, Rect]:
    """A small way to the privacy notice at the far end of the bar, and the room that is left for the day's notice."""
    cell, rest = beside.cut_left(bench.mm(PRIVACY_MM), bench.gap)
    cell = replace(cell, height=cell.height + bench.mm(GAP_MM))
    return _control(_tool(ids.PRIVACY, text, text, picture), cell, bench), rest


def _placed_wide(bar: Rect, back: Box, hide: Box, helps: Sequence[Box], bench: Bench) -> list[Box]:
    target = bench.mm(TARGET_MM)
    back_rect, rest = bar.cut_left(target, bench.gap)
    read_rect, rest = rest.cut_right(bench.mm(READ_MM), bench.gap)
    language_rect, rest = rest.cut_right(bench.mm(LANGUAGE_MM), bench.gap)
    bigger_rect, hide_rect = rest.cut_right(target, bench.gap)
    rects = (bigger_rect, language_rect, read_rect)
    return [_control(back, back_rect, bench), _hide(hide, hide_rect, bench)] + [
        _control(box, rect, bench) for box, rect in zip(helps, rects, strict=True)
    ]


def _tool(id: str, text: str, speech: str, picture: str, *, enabled: bool = True) -> Box:
    return Box(id, NOWHERE, Role.BUTTON, text, speech=speech, picture=picture, tone=Tone.QUIET, enabled=enabled)


def _face(cell: Rect, bench: Bench) -> Rect:
    """What is painted of a cell: a little less high, so that the hit area reaches below it."""
    return Rect(cell.left, cell.top, cell.width, cell.height - bench.mm(GAP_MM))


def _control(box: Box, cell: Rect, bench: Bench) -> Box:
    placed = replace(box, rect=_face(cell, bench))
    for place in (Place.ABOVE, Place.BEFORE):
        fitted = bench.fitted(placed, iter(CONTROL_CAPS_MM), (place,))
        if bench.fits(fitted):
            return _touchable(fitted, cell)
    return _touchable(replace(placed, cap_mm=NOTE_CAP_MM, place=Place.ALONE), cell)


def _hide(box: Box, cell: Rect, bench: Bench) -> Box:
    """The one control in full-size words, on one line where that can be."""
    placed = replace(box, rect=_face(cell, bench))
    for cap in bench.primary_caps():
        for tried in (
            replace(placed, cap_mm=cap, place=Place.BEFORE),
            replace(placed, cap_mm=cap, place=Place.ABOVE),
            replace(placed, cap_mm=cap, picture=""),
        ):
            if bench.fits(tried) and bench.lines(tried) == 1:
                return _touchable(tried, cell)
    return _touchable(bench.fitted(replace(placed, picture=""), bench.primary_caps()), cell)


def _touchable(box: Box, cell: Rect) -> Box:
    return replace(box, hit=cell) if box.enabled else box
