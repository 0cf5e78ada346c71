"""A screen as a list of boxes: what stands where, in pixels made from millimetres.

Owns the nouns `Rect`, `Box` and `Display`. Knows nothing of pygame and nothing of Quietbell: views elsewhere
make boxes, `paint` draws them, tests measure them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels; `left` and `top` are included, `right` and `bottom` are not."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    def contains(self, x: float, y: float) -> bool:
        return self.left <= x < self.right and self.top <= y < self.bottom

    def overlaps(self, other: Rect) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def inset(self, pixels: int) -> Rect:
        return Rect(self.left + pixels, self.top + pixels, self.width - 2 * pixels, self.height - 2 * pixels)


class Role(StrEnum):
    """What a box is for: decides how it is painted and what speech calls it."""

    PANEL = "panel"
    TITLE = "title"
    TEXT = "text"
    NOTE = "note"
    TILE = "tile"
    BUTTON = "button"
    KEY = "key"
    FIELD = "field"
    PICTURE = "picture"
    DOT = "dot"


class Tone(StrEnum):
    """The mood of a box; each theme gives every tone a colour pair of at least 7:1."""

    CALM = "calm"
    PLAIN = "plain"
    PRIMARY = "primary"
    QUIET = "quiet"
    URGENT = "urgent"
    TROUBLE = "trouble"


class Align(StrEnum):
    START = "start"
    CENTRE = "centre"


@dataclass(frozen=True, slots=True)
class Box:
    """One thing on a screen. `hit` is where a touch counts (None: not touchable); `cap_mm` is the cap height."""

    id: str
    rect: Rect
    role: Role
    text: str = ""
    hit: Rect | None = None
    speech: str = ""
    picture: str = ""
    tone: Tone = Tone.PLAIN
    cap_mm: float = 0.0
    align: Align = Align.START
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Display:
    """A panel as the view sees it (already rotated upright). `text_scale` is 1.0, 1.3 or 1.6."""

    width_px: int
    height_px: int
    width_mm: float
    text_scale: float = 1.0
    right_to_left: bool = False
    left_handed: bool = False
    theme: str = "calm"

    @property
    def px_per_mm(self) -> float:
        return self.width_px / self.width_mm

    def mm(self, millimetres: float) -> int:
        return round(millimetres * self.px_per_mm)


def touched(boxes: Iterable[Box], x: float, y: float) -> Box | None:
    """The topmost touchable box at a point, or None."""
    found = None
    for box in boxes:
        if box.hit is not None and box.hit.contains(x, y):
            found = box
    return found
