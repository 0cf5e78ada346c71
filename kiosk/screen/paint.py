"""Boxes become pixels. Only what changed since the last time is painted again.

Knows tones, roles and fonts; knows nothing of what a box means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO

import pygame
from PIL import Image

from kiosk.screen.fitting import BARE, parts
from kiosk.screen.layout import Align, Box, Display, Place, Rect, Role
from kiosk.screen.pictures import Pictures, bytes_of, rounded, tinted_words
from kiosk.screen.text import NASKH, Bounded, Face, Typesetter, face_of, height_of, overhang, pitch
from kiosk.screen.theme import Colour, Pair, theme

CACHED_LINE_BYTES = 2_000_000
"""About three pages of rendered words; a page is painted anew in 20 ms, so more would only cost memory."""
RADIUS_MM = 2.6
KEY_RADIUS_MM = 1.4
EDGE_MM = 0.3
CHOSEN_EDGE_MM = 0.9
_LineKey = tuple[str, int, bool, Colour, Face, bool]
MARKS = frozenset({"dot-hollow", "dot-half", "dot-full", "dot-failed"})


class Painter:
    """Paints lists of boxes for one display on a surface of its size, remembering the last list."""

    def __init__(self, display: Display, typesetter: Typesetter, pictures: Pictures) -> None:
        self._display = display
        self._typesetter = typesetter
        self._pictures = pictures
        self._theme = theme(display.theme)
        self._lines: Bounded[_LineKey, pygame.Surface] = Bounded(CACHED_LINE_BYTES, bytes_of)
        self._wanted: tuple[Box, ...] | None = None
        self._pending: list[Rect] = []
        self._finished: list[Rect] = []
        self._next_box = self._next_line = 0

    def set_display(self, display: Display) -> None:
        """Another text scale, direction, hand or theme: the next `paint` paints everything."""
        if display != self._display:
            self._display, self._theme, self._wanted = display, theme(display.theme), None

    def forget(self) -> None:
        """The surface was lost: the next `paint` paints everything."""
        self._wanted = None

    @property
    def settled(self) -> bool:
        """Whether everything that was wanted stands on the surface."""
        return not self._pending

    def paint(
        self, surface: pygame.Surface, boxes: Sequence[Box], interrupted: Callable[[], bool] = lambda: False
    ) -> list[Rect]:
        """Paint what changed; the repainted rectangles, none when nothing changed or the painting is not finished.

        A page takes longer than an answer from a desk may wait: when `interrupted` says so, painting stops between two
        boxes, and the next call goes on.
        """
        wanted = tuple(boxes)
        if wanted != self._wanted:
            self._pending += _changed(self._wanted, wanted, self._display.rect, self._extent)
            if self._display.rect in self._pending:
                self._pending = [self._display.rect]
            self._wanted, self._next_box, self._next_line = wanted, 0, 0
        while self._pending:
            if not self._repaint(surface, self._pending[0], wanted, interrupted):
                return []
            self._finished.append(self._pending.pop(0))
        finished, self._finished = self._finished, []
        return finished

    def _repaint(
        self, surface: pygame.Surface, region: Rect, boxes: Sequence[Box], interrupted: Callable[[], bool]
    ) -> bool:
        """Paint one rectangle from the next box on; False when interrupted. At least one box is painted each time."""
        clip = _as_pygame(region)
        surface.set_clip(clip)
        if self._next_box == 0:
            surface.fill(self._theme.paper)
        touching = [box for box in boxes if self._extent(box).overlaps(region)]
        while self._next_box < len(touching):
            box = touching[self._next_box]
            if self._lines_made(box, interrupted):
                surface.set_clip(clip.clip(_as_pygame(self._extent(box))))
                self._paint_box(surface, box)
                self._next_box, self._next_line = self._next_box + 1, 0
            if self._next_box < len(touching) and interrupted():
                surface.set_clip(None)
                return False
        surface.set_clip(None)
        self._next_box = self._next_line = 0
        return True

    def _lines_made(self, box: Box, interrupted: Callable[[], bool]) -> bool:
        """Render a box's lines, each of which takes about a millisecond, before they are wanted; False: interrupted.
        At least one line is made each time."""
        if box.secret is not None or not box.text:
            return True
        cap_px, ink = self._display.mm(box.cap_mm), self._pair(box).ink
        width = parts(box, self._display, self._typesetter).words.width
        lines = self._typesetter.wrap(box.text, width, cap_px, box.bold)
        while self._next_line < len(lines):
            self._line(lines[self._next_line], cap_px, box.bold, ink, face_of(box.text))
            self._next_line += 1
            if self._next_line < len(lines) and interrupted():
                return False
        return True

    def _extent(self, box: Box) -> Rect:
        """All that a box may paint: bare words have accents that stand above their box."""
        if box.role not in BARE or not box.text:
            return box.rect
        above = min(box.rect.top, overhang(self._display.mm(box.cap_mm), face_of(box.text)))
        return replace(box.rect, top=box.rect.top - above, height=box.rect.height + above + self._drop(box))

    def _drop(self, box: Box) -> int:
        """Words at the upper edge of the panel stand as much lower as a hamza on their first line needs."""
        if box.role not in BARE or face_of(box.text) is not NASKH:
            return 0
        return max(0, overhang(self._display.mm(box.cap_mm), NASKH) - box.rect.top)

    def _paint_box(self, surface: pygame.Surface, box: Box) -> None:
        pair = self._pair(box)
        if box.role is Role.DOT:
            self._paint_dot(surface, box, pair)
            return
        if box.role not in BARE:
            self._paint_ground(surface, box, pair)
        room = parts(box, self._display, self._typesetter)
        if room.picture is not None:
            side = min(room.picture.width, room.picture.height)
            picture = self._pictures.picture(box.picture, side, pair.ink, self._display.right_to_left)
            surface.blit(picture, (room.picture.left, room.picture.top))
        if box.secret is not None:
            mask = self._typesetter.draw_characters(
                box.secret, room.words.width, room.words.height, self._display.mm(box.cap_mm)
            )
            surface.blit(tinted_words(mask, pair.ink), (room.words.left, room.words.top))
        elif box.text and not (box.picture and box.place is Place.ALONE):
            self._paint_words(surface, box, room.words, pair.ink)

    def _pair(self, box: Box) -> Pair:
        pair = self._theme.pairs[box.tone]
        if not box.enabled:
            return Pair(self._theme.paper, pair.ink, self._theme.faint)
        # Bare words stand on the page, or on a panel whose tone they share.
        return pair

    def _paint_ground(self, surface: pygame.Surface, box: Box, pair: Pair) -> None:
        radius = self._display.mm(KEY_RADIUS_MM if box.role is Role.KEY else RADIUS_MM)
        rect = _as_pygame(box.rect)
        edge = pair.ink if box.chosen else pair.edge
        if edge is not None:
            width = max(1, self._display.mm(CHOSEN_EDGE_MM if box.chosen else EDGE_MM))
            rounded(surface, rect, radius, edge, self._pictures)
            rect, radius = rect.inflate(-2 * width, -2 * width), max(1, radius - width)
        rounded(surface, rect, radius, pair.ground, self._pictures)

    def _paint_dot(self, surface: pygame.Surface, box: Box, pair: Pair) -> None:
        side = min(box.rect.width, box.rect.height)
        name = box.picture if box.picture in MARKS else "disc"
        surface.blit(self._pictures.shape(name, side, pair.ink), (box.rect.left, box.rect.top))

    def _paint_words(self, surface: pygame.Surface, box: Box, room: Rect, ink: Colour) -> None:
        cap_px, face = self._display.mm(box.cap_mm), face_of(box.text)
        lines = self._typesetter.wrap(box.text, room.width, cap_px, box.bold)
        top = room.top + self._drop(box)
        if box.role not in BARE and box.role is not Role.FIELD:
            top += max(0, (room.height - height_of(len(lines), cap_px, face)) // 2)
        for line in lines:
            words = self._line(line, cap_px, box.bold, ink, face)
            surface.blit(words, (self._start(box, room, words.get_width()), top - overhang(cap_px, face)))
            top += pitch(cap_px, face)

    def _start(self, box: Box, room: Rect, width: int) -> int:
        if _centred(box):
            return room.left + (room.width - width) // 2
        return room.right - width if self._display.right_to_left else room.left

    def _line(self, text: str, cap_px: int, bold: bool, ink: Colour, face: Face) -> pygame.Surface:
        """One line of a text in this face. A text without Arabic letters keeps its own order on a mirrored page."""
        right_to_left = self._display.right_to_left and face is NASKH
        return self._lines.take(
            (text, cap_px, bold, ink, face, right_to_left),
            lambda: tinted_words(self._typesetter.mask(text, cap_px, bold, right_to_left, face), ink),
        )


def snapshot(boxes: Sequence[Box], display: Display, typesetter: Typesetter | None = None) -> bytes:
    """A screen as PNG, without any window."""
    surface = pygame.Surface((display.width_px, display.height_px), 0, 32)
    Painter(display, typesetter or Typesetter(), Pictures()).paint(surface, boxes)
    return png(surface)


def png(surface: pygame.Surface) -> bytes:
    """The same bytes for the same pixels, whatever SDL drew them with."""
    image = Image.frombytes("RGB", surface.get_size(), pygame.image.tobytes(surface, "RGB"))
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _centred(box: Box) -> bool:
    if box.picture and box.text and box.role in (Role.TILE, Role.BUTTON):
        return box.place is Place.ABOVE
    return box.align is Align.CENTRE or box.role in (Role.BUTTON, Role.KEY, Role.TILE)


def _changed(
    before: Sequence[Box] | None, after: Sequence[Box], whole: Rect, extent: Callable[[Box], Rect]
) -> list[Rect]:
    """Rectangles that differ. Many changes, or another order, are one whole page."""
    if before is None:
        return [whole]
    old, new = set(before), set(after)
    if old == new:
        return [whole]
    rects = sorted({extent(box) for box in old ^ new}, key=lambda rect: (rect.top, rect.left))
    return rects if len(rects) <= 8 else [whole]


def _as_pygame(rect: Rect) -> pygame.Rect:
    return pygame.Rect(rect.left, rect.top, rect.width, rect.height)
