"""The idle page: one tip, the day's notice, and the tile in its fixed corner."""

from __future__ import annotations

from dataclasses import replace

from kiosk.learner import bar as bars
from kiosk.learner.arrange import TITLE_GAP_MM, Bench, tile_parts
from kiosk.learner.blocks import kept_together, option_box
from kiosk.learner.view import LearnerView
from kiosk.screen.layout import (
    NOTE_CAP_MM,
    Align,
    Box,
    Rect,
    Role,
    Tone,
)
from kiosk.screen.text import face_of, line_height
from kiosk.talk.pages import TipPage
from kiosk.talk.truths import Sign

NOTICE_MM = 3.6
PICTURE_MM = 47.0
PICTURE_TALL_MM = 44.0
PICTURE_DRAWN_MM = 26.0
DOT_MM = 2.2
PAGE_DOT_MM = 1.5
PAGE_DOT_STEP_MM = 2.9


def tip_boxes(view: LearnerView, page: TipPage, bench: Bench) -> list[Box]:
    """All boxes of the idle page, not yet mirrored."""
    content, bar = bars.split(bench)
    talk, beside = bars.tip_bar(bar, page.tile, page.tile_picture, bench)
    human_way, content = _human_way(page.note, content, bench)
    made = [*((page.quiz and _quiz(page, content, bench)) or _tip(page, content, bench)), *human_way]
    privacy, beside = bars.privacy_control(beside, page.privacy.label, page.privacy.picture, bench)
    made += _notice(view.notice, beside, view, bench)
    return [*made, talk, privacy, *corner_dot(page.dot, bench)]


def corner_dot(sign: Sign, bench: Bench) -> list[Box]:
    """How far a silent call has come, for the one who knows where to look."""
    if sign is Sign.NONE:
        return []
    side, edge = bench.mm(DOT_MM), bench.mm(1.2)
    rect = Rect(bench.display.width_px - edge - side, edge, side, side)
    return [Box("call-dot", rect, Role.DOT, picture=f"dot-{sign.value}", tone=Tone.QUIET)]


def _title(text: str, content: Rect, bench: Bench) -> Box:
    """At the wanted scale when that takes one line, else as large as stands on two."""
    caps = list(bench.primary_caps())
    face = face_of(text)
    one = (cap for cap in caps if bench.high(text, content.width, cap, True) <= line_height(bench.mm(cap), face))
    return _line("title", text, content.top, content, bench, next(one, caps[-1]), bold=True)


def _under(box: Box, content: Rect, bench: Bench) -> Rect:
    top = box.rect.bottom + bench.mm(TITLE_GAP_MM)
    return replace(content, top=top, height=content.bottom - top)


def _tip(page: TipPage, room: Rect, bench: Bench) -> list[Box]:
    """Picture and words on two grounds of the same shape as the talk's tiles."""
    title = _title(page.title, room, bench)
    room = _under(title, room, bench)
    room = replace(room, height=room.height - bench.gap)
    if bars.is_wide(bench):
        picture, words = room.cut_left(bench.mm(PICTURE_MM), bench.gap)
    else:
        picture, words = room.cut_top(bench.mm(PICTURE_TALL_MM), bench.gap)
    body = Box("body", words, Role.PANEL, page.body, speech=page.body, tone=Tone.PLAIN)
    beside = bench.fitted(body, bench.primary_caps())
    alone = bench.fitted(replace(body, rect=room), bench.primary_caps())
    if not bench.fits(beside) or alone.cap_mm > beside.cap_mm * 1.2:
        return [title, alone]
    return [title, *_illustration(page.picture, picture, bench), beside]


def _illustration(name: str, rect: Rect, bench: Bench) -> list[Box]:
    side = min(bench.mm(PICTURE_DRAWN_MM), rect.height - bench.mm(6), rect.width)
    drawn = Rect(rect.left + (rect.width - side) // 2, rect.top + (rect.height - side) // 2, side, side)
    return [
        Box("picture-ground", rect, Role.PANEL, tone=Tone.CALM),
        Box("picture", drawn, Role.PICTURE, picture=name, tone=Tone.CALM),
    ]


def _human_way(text: str, room: Rect, bench: Bench) -> tuple[list[Box], Rect]:
    """Ordinary type under the tip, for the one who waits for an answer that cannot come."""
    if not text:
        return [], room
    text = kept_together(text)
    cap = bench.display.cap(NOTICE_MM)
    while cap > NOTICE_MM and bench.high(text, room.width, cap) > room.height // 4:
        cap = max(NOTICE_MM, cap * 0.9)
    high = bench.high(text, room.width, cap)
    slot, rest = room.cut_bottom(high + bench.mm(0.8))
    return [Box("note", replace(slot, height=high), Role.NOTE, text, speech=text, cap_mm=cap)], rest


def _quiz(page: TipPage, room: Rect, bench: Bench) -> list[Box]:
    """A question among the tips, its answers as tiles; empty when it does not fit."""
    for said in (page.quiz_word or page.body, page.quiz_word):
        for cap in bench.primary_caps():
            made = _asked(page, said, room, bench, cap)
            if made:
                return made
    return []


def _asked(page: TipPage, said: str, room: Rect, bench: Bench, cap: float) -> list[Box]:
    made = [_line("title", page.title, room.top, room, bench, cap, bold=True)]
    if said:
        made.append(_line("body", said, _under(made[-1], room, bench).top, room, bench, cap))
    made.append(_line("quiz", page.quiz, _under(made[-1], room, bench).top, room, bench, cap, bold=True))
    options = [option_box(option) for option in page.quiz_answers]
    laid = tile_parts(options, options[0], _under(made[-1], room, bench), bench, cap)
    return [*made, *laid[0]] if len(laid) == 1 else []


def _line(id: str, text: str, top: int, room: Rect, bench: Bench, cap: float, *, bold: bool = False) -> Box:
    rect = Rect(room.left, top, room.width, bench.high(text, room.width, cap, bold))
    return Box(id, rect, Role.TITLE if bold else Role.TEXT, text, speech=text, cap_mm=cap, bold=bold)


def _notice(text: str, rect: Rect, view: LearnerView, bench: Bench) -> list[Box]:
    """An ordinary line beside the tile, with the dots that show which tip this is."""
    dots = _dots(view, rect, bench)
    if not text:
        return dots
    room = replace(rect, height=rect.height - bench.mm(PAGE_DOT_MM + 2.2)) if dots else rect
    box = Box("notice", room, Role.NOTE, text, speech=text, tone=Tone.QUIET, align=Align.START)
    beside_dots = bench.fitted(box, bench.caps(NOTICE_MM, NOTE_CAP_MM))
    if bench.fits(beside_dots):
        return [beside_dots, *dots]
    # Where words are big the notice is worth more than the dots.
    return [bench.fitted(replace(box, rect=rect), bench.caps(NOTICE_MM, NOTE_CAP_MM))]


def _dots(view: LearnerView, rect: Rect, bench: Bench) -> list[Box]:
    side, step = bench.mm(PAGE_DOT_MM), bench.mm(PAGE_DOT_STEP_MM)
    top = rect.bottom - side - bench.mm(0.6)
    return [
        Box(
            f"tip-{number}",
            Rect(rect.left + number * step, top, side, side),
            Role.DOT,
            picture="dot-full" if number == view.tip else "dot-hollow",
            tone=Tone.QUIET,
        )
        for number in range(view.tips)
        if (number + 1) * step <= rect.width
    ]
