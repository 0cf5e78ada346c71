"""Pictograms and round shapes as masks of coverage, so that any ink can be poured through them.

Line pictograms are SVG files on a 48 × 48 grid, drawn in black; only their coverage is used. A site may lay its own
folder over ours.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pygame
from PIL import Image, ImageDraw

from kiosk.screen.text import Bounded
from kiosk.screen.theme import Colour

TURNED = frozenset({"back", "skip", "send", "not-sure"})
"""Pictograms that point along the line of reading: from the other side in a language that runs from the right."""
PICTOGRAMS = Path(__file__).resolve().parent.parent / "pictograms"
CACHED_BYTES = 2_000_000
"""Of pictograms, and as much again of shapes: about three pages."""
FINENESS = 4
"""Shapes are drawn this many times larger and shrunk, for smooth edges."""

_log = logging.getLogger("quietbell.screen")


class Pictures:
    """Finds, draws and keeps pictograms; a missing one is an empty ring and a line in the log, never a crash."""

    def __init__(self, folders: Sequence[Path] = (PICTOGRAMS,)) -> None:
        self._folders = tuple(folders)
        self._pictures: Bounded[tuple[str, int, Colour, bool], pygame.Surface] = Bounded(CACHED_BYTES, bytes_of)
        self._shapes: Bounded[tuple[str, int, Colour], pygame.Surface] = Bounded(CACHED_BYTES, bytes_of)

    def names(self) -> frozenset[str]:
        return frozenset(path.stem for folder in self._folders for path in folder.glob("*.svg"))

    def picture(self, name: str, side_px: int, ink: Colour, right_to_left: bool = False) -> pygame.Surface:
        """`right_to_left`: as readers of such a language know it."""
        turned = right_to_left and name in TURNED
        return self._pictures.take(
            (name, side_px, ink, turned),
            lambda: pygame.transform.flip(self._draw_picture(name, side_px, ink), turned, False),
        )

    def shape(self, name: str, side_px: int, ink: Colour) -> pygame.Surface:
        """One of `SHAPES`: "disc", and the status marks, which differ in form and not only in colour."""
        return self._shapes.take((name, side_px, ink), lambda: _tinted(_shape_mask(name, side_px), ink))

    def _draw_picture(self, name: str, side_px: int, ink: Colour) -> pygame.Surface:
        for folder in self._folders:
            path = folder / f"{name}.svg"
            if path.is_file():
                surface = pygame.image.load_sized_svg(str(path), (side_px, side_px))
                surface.fill((*ink, 0), special_flags=pygame.BLEND_RGBA_ADD)
                return surface
        _log.warning("picture-missing name=%s", name)
        return _tinted(_shape_mask("dot-hollow", side_px), ink)


def bytes_of(surface: pygame.Surface) -> int:
    return surface.get_width() * surface.get_height() * surface.get_bytesize()


def tinted_words(mask: Image.Image, ink: Colour) -> pygame.Surface:
    """Ink poured through a mask of words."""
    return _tinted(mask, ink)


def rounded(surface: pygame.Surface, rect: pygame.Rect, radius: int, ink: Colour, pictures: Pictures) -> None:
    """A filled rectangle with smooth round corners."""
    radius = min(radius, rect.width // 2, rect.height // 2)
    disc = pictures.shape("disc", 2 * radius, ink)
    surface.fill(ink, rect.inflate(-2 * radius, 0))
    surface.fill(ink, rect.inflate(0, -2 * radius))
    for right in (0, 1):
        for low in (0, 1):
            place = (rect.right - radius if right else rect.left, rect.bottom - radius if low else rect.top)
            surface.blit(disc, place, (radius * right, radius * low, radius, radius))


def _tinted(mask: Image.Image, ink: Colour) -> pygame.Surface:
    image = Image.new("RGBA", mask.size, (*ink, 0))
    image.putalpha(mask)
    return pygame.image.frombytes(image.tobytes(), image.size, "RGBA")


def _shape_mask(name: str, side_px: int) -> Image.Image:
    side = max(1, side_px) * FINENESS
    mask = Image.new("L", (side, side))
    pen = ImageDraw.Draw(mask)
    edge = (0, 0, side - 1, side - 1)
    stroke = max(FINENESS, side // 8)
    match name:
        case "disc" | "dot-full":
            pen.ellipse(edge, fill=255)
        case "dot-half":
            pen.ellipse(edge, outline=255, width=stroke)
            pen.chord(edge, 90, 270, fill=255)
        case "dot-failed":
            # A cross, not a ring: it must not be mistaken for any stage of success.
            reach = side - stroke
            pen.line((stroke, stroke, reach, reach), fill=255, width=stroke * 3 // 2)
            pen.line((stroke, reach, reach, stroke), fill=255, width=stroke * 3 // 2)
        case _:
            pen.ellipse(edge, outline=255, width=stroke)
    return mask.resize((max(1, side_px), max(1, side_px)), Image.Resampling.LANCZOS)
