"""A screen as a list of boxes: what stands where, in pixels made from millimetres.

Owns the nouns `Rect`, `Box` and `Display`. Knows nothing of pygame and nothing of Quietbell: views elsewhere
make boxes, `paint` draws them, tests measure them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

PRIMARY_CAP_MM = 4.8
"""Smallest cap height of words that matter, at 100 %: legible at arm's length and a half with weak sight."""
NOTE_CAP_MM = 3.0
"""Smallest cap height of anything at all."""
TARGET_MM = 20.0
"""Smallest side of a touch target."""
KEY_MM = 11.6
"""Smallest side of a key of the on-screen keyboard (44 CSS px)."""
REACH_MM = 3.0
"""How far below its box a touch still counts: fingers land low."""


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

    def holds(self, other: Rect) -> bool:
        """The other lies wholly within this one."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def inset(self, pixels: int) -> Rect:
        return Rect(self.left + pixels, self.top + pixels, self.width - 2 * pixels, self.height - 2 * pixels)

    def cut_top(self, pixels: int, gap: int = 0) -> tuple[Rect, Rect]:
        """The top slice, and what is left below it and the gap."""
        return (
            Rect(self.left, self.top, self.width, pixels),
            Rect(self.left, self.top + pixels + gap, self.width, max(0, self.height - pixels - gap)),
        )

    def cut_bottom(self, pixels: int, gap: int = 0) -> tuple[Rect, Rect]:
        """The bottom slice, and what is left above it and the gap."""
        return (
            Rect(self.left, self.bottom - pixels, self.width, pixels),
            Rect(self.left, self.top, self.width, max(0, self.height - pixels - gap)),
        )

    def cut_left(self, pixels: int, gap: int = 0) -> tuple[Rect, Rect]:
        """The left slice, and what is left of the rest."""
        return (
            Rect(self.left, self.top, pixels, self.height),
            Rect(self.left + pixels + gap, self.top, max(0, self.width - pixels - gap), self.height),
        )

    def cut_right(self, pixels: int, gap: int = 0) -> tuple[Rect, Rect]:
        """The right slice, and what is left of the rest."""
        return (
            Rect(self.right - pixels, self.top, pixels, self.height),
            Rect(self.left, self.top, max(0, self.width - pixels - gap), self.height),
        )

    def rows(self, count: int, gap: int = 0) -> list[Rect]:
        """Equal rows from the top; the spare pixels go to the last."""
        pitch = (self.height + gap) // count
        tops = [self.top + pitch * index for index in range(count)]
        ends = [top + pitch - gap for top in tops[:-1]] + [self.bottom]
        return [Rect(self.left, top, self.width, end - top) for top, end in zip(tops, ends, strict=True)]

    def columns(self, count: int, gap: int = 0) -> list[Rect]:
        """Equal columns from the left; the spare pixels go to the last."""
        pitch = (self.width + gap) // count
        lefts = [self.left + pitch * index for index in range(count)]
        ends = [left + pitch - gap for left in lefts[:-1]] + [self.right]
        return [Rect(left, self.top, end - left, self.height) for left, end in zip(lefts, ends, strict=True)]

    def grid(self, columns: int, rows: int, gap: int = 0) -> list[Rect]:
        """Cells in reading order."""
        return [cell for row in self.rows(rows, gap) for cell in row.columns(columns, gap)]


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


class Place(StrEnum):
    """Where a tile's picture stands."""

    ABOVE = "above"
    BEFORE = "before"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Box:
    """One thing on a screen.

    `hit` is where a touch counts (None: not touchable). `cap_mm` is the cap height as it will stand on the panel,
    text scale included (`Display.cap`). `picture` names a pictogram, `place` says where it stands beside `text`
    (ALONE: the text is for speech only). `enabled` False paints the box as out of use; leave `hit` None too.
    `secret` gives typed characters one at a time; they are drawn, never kept: raise `secret_mark` at each change, so
    that the painter sees it without reading the words.
    """

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
    bold: bool = False
    enabled: bool = True
    place: Place = Place.ABOVE
    secret: Callable[[], Iterator[str]] | None = field(default=None, compare=False, repr=False)
    secret_mark: int = 0


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

    @property
    def height_mm(self) -> float:
        return self.height_px / self.px_per_mm

    @property
    def rect(self) -> Rect:
        """The whole panel."""
        return Rect(0, 0, self.width_px, self.height_px)

    def mm(self, millimetres: float) -> int:
        return round(millimetres * self.px_per_mm)

    def cap(self, cap_mm: float) -> float:
        """A cap height at this display's text scale, in mm."""
        return cap_mm * self.text_scale


def mirrored(boxes: Iterable[Box], display: Display) -> list[Box]:
    """The same boxes from the other side, for a right-to-left language or for a left hand (both: unchanged).

    Only places change: text starts where its language starts. Add boxes that must never turn over (a keyboard, a row
    of digits) after this.
    """
    if display.right_to_left == display.left_handed:
        return list(boxes)
    return [replace(box, rect=_across(box.rect, display), hit=box.hit and _across(box.hit, display)) for box in boxes]


def _across(rect: Rect, display: Display) -> Rect:
    return replace(rect, left=display.width_px - rect.right)


def reaching(rect: Rect, display: Display, reach_mm: float = REACH_MM) -> Rect:
    """The hit area of a box: itself and a little below, never beyond the panel. Leave such a gap below the box."""
    return replace(rect, height=min(rect.height + display.mm(reach_mm), display.height_px - rect.top))


def touched(boxes: Iterable[Box], x: float, y: float) -> Box | None:
    """The topmost touchable box at a point, or None."""
    found = None
    for box in boxes:
        if box.hit is not None and box.hit.contains(x, y):
            found = box
    return found
