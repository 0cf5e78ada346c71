"""How words and a picture share a box: the one answer that views, paint and tests all use."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.screen.layout import Box, Display, Place, Rect, Role
from kiosk.screen.text import Typesetter

PADDING_MM = 1.1
PANEL_PADDING_MM = 3.2
PICTURE_GAP_MM = 1.0
PICTURE_BEFORE_MM = 12.0
PICTURE_BEFORE_SHARE = 0.22
"""A pictogram before words is at most this large, and at most this share of the box."""
PICTURE_ABOVE_MM = 17.0
PICTURE_LEAST_MM = 5.0
TILE_PICTURE_LEAST_MM = 8.0
BARE = frozenset({Role.TITLE, Role.TEXT, Role.NOTE, Role.PICTURE, Role.DOT})
"""Roles that are painted without a ground, and so need no padding."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the picture and the words of a box stand; `picture` None: there is none."""

    picture: Rect | None
    words: Rect


def parts(box: Box, display: Display, typesetter: Typesetter) -> Parts:
    """Share a box out. Words get what they need, the picture what is left (up to its size)."""
    inner = box.rect.inset(display.mm(padding_mm(box.role)))
    if not box.picture:
        return Parts(None, inner)
    if box.place is Place.ALONE or not box.text:
        return Parts(_centred(inner, min(inner.width, inner.height)), Rect(inner.left, inner.top, 0, 0))
    if box.place is Place.BEFORE:
        return _before(inner, display)
    return _above(box, inner, display, typesetter)


def _before(inner: Rect, display: Display) -> Parts:
    side = min(display.mm(PICTURE_BEFORE_MM), inner.height, int(inner.width * PICTURE_BEFORE_SHARE))
    gap = display.mm(PICTURE_GAP_MM)
    if display.right_to_left:
        column, words = inner.cut_right(side, gap)
    else:
        column, words = inner.cut_left(side, gap)
    return Parts(_centred(column, side), words)


def _above(box: Box, inner: Rect, display: Display, typesetter: Typesetter) -> Parts:
    """Picture and words together stand in the middle of the box."""
    gap = display.mm(PICTURE_GAP_MM)
    high = typesetter.height(box.text, inner.width, display.mm(box.cap_mm), box.bold)
    side = max(0, min(display.mm(PICTURE_ABOVE_MM), inner.height - high - gap, inner.width))
    spare = max(0, inner.height - side - gap - high) // 2
    top, rest = inner.cut_top(side + spare, gap)
    return Parts(_centred(Rect(top.left, top.top + spare, top.width, side), side), rest.cut_top(high)[0])


def padding_mm(role: Role) -> float:
    """Room between a box's edge and its words."""
    if role in BARE:
        return 0.0
    return PANEL_PADDING_MM if role is Role.PANEL else PADDING_MM


def fits(box: Box, display: Display, typesetter: Typesetter) -> bool:
    """The words stand within their part, and the picture is large enough to be read."""
    room = parts(box, display, typesetter)
    least_mm = TILE_PICTURE_LEAST_MM if box.role is Role.TILE else PICTURE_LEAST_MM
    if room.picture is not None and room.picture.width < display.mm(least_mm):
        return False
    if box.picture and (box.place is Place.ALONE or not box.text):
        return True
    return typesetter.fits(box.text, room.words.width, room.words.height, display.mm(box.cap_mm), box.bold)


def _centred(rect: Rect, side: int) -> Rect:
    return Rect(rect.left + (rect.width - side) // 2, rect.top + (rect.height - side) // 2, side, side)
