"""Letters: measuring, wrapping and rendering text with Pillow and Raqm (bidirectional, shaped).

The fonts lie in `kiosk/fonts`: Andika, made for people who are learning to read, and for a text with Arabic letters a
face that joins Naskh with Andika's Latin, because one line is shaped by one font. Sizes are cap heights in pixels,
because that is what a person sees; both faces have the same. What a learner types goes through `draw_characters`, one
glyph at a time: no string of it is built and nothing of it is kept here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageDraw, ImageFont, features

FONTS = Path(__file__).resolve().parent.parent / "fonts"

CAP_PER_EM = 0.713
"""Height of Andika's H over its em, read from the font."""

CACHED_MEASURES = 4096
CACHED_WRAPS = 512
CACHED_SIZES = 24

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Face:
    """A typeface and the room of its lines, in cap heights.

    `ascent` is from the base line up to the top of ordinary letters, where the box of a line begins; `overhang` what
    accents stand above that box (masks have room for them, layouts do not); `descent` is down to the lowest ink, and
    `pitch` from one base line to the next.
    """

    regular: str
    bold: str
    ascent: float
    overhang: float
    descent: float
    pitch: float


LATIN = Face("Andika-Regular.ttf", "Andika-Bold.ttf", ascent=1.12, overhang=0.36, descent=0.4, pitch=1.62)
"""Descenders (0.34) and ascenders (1.11) never touch."""
NASKH = Face(
    "QuietbellNaskh-Regular.ttf", "QuietbellNaskh-Bold.ttf", ascent=0.96, overhang=0.44, descent=0.68, pitch=1.96
)
"""An alef is as high as a capital, a hamza on it 1.32; the dots below a last yeh reach 0.65 down."""


class CannotShape(Exception):
    """This text needs letters that are joined or run right to left, and this machine cannot do that.

    Install the system library (`apt install libfribidi0`) or choose another language.
    """


class Typesetter:
    """Measures and renders lines. Keeps bounded caches of fonts and widths, so ask with fixed words only."""

    def __init__(self, folder: Path = FONTS, *, can_shape: bool | None = None) -> None:
        self._folder = folder
        self._can_shape = can_shape
        self._fonts: Bounded[tuple[Face, bool, int], ImageFont.FreeTypeFont] = Bounded(CACHED_SIZES)
        self._wraps: Bounded[tuple[str, int, int, bool], tuple[str, ...]] = Bounded(CACHED_WRAPS)
        self._widths: Bounded[tuple[str, int, bool], float] = Bounded(CACHED_MEASURES)

    def width(self, text: str, cap_px: int, bold: bool = False) -> int:
        """Advance of one line in pixels, rounded up."""
        key = (text, cap_px, bold)
        return -int(-self._widths.take(key, lambda: self._measure(text, cap_px, bold)) // 1)

    def wrap(self, text: str, width_px: int, cap_px: int, bold: bool = False) -> tuple[str, ...]:
        """Break at spaces into as few lines as fit, of about the same length (no lonely last word).

        A word that is wider than the width stands alone and overflows. Spaces that must not break are U+00A0.
        """
        key = (text, width_px, cap_px, bold)
        return self._wraps.take(key, lambda: self._balanced(text, width_px, cap_px, bold))

    def _balanced(self, text: str, width_px: int, cap_px: int, bold: bool) -> tuple[str, ...]:
        self._direction(text, False)
        lines = self._greedy(text, width_px, cap_px, bold)
        if len(lines) < 2 or "\n" in text:
            return lines
        narrow, wide = width_px // 2, width_px
        while wide - narrow > cap_px:
            middle = (narrow + wide) // 2
            tried = self._greedy(text, middle, cap_px, bold)
            if len(tried) == len(lines) and all(self.width(line, cap_px, bold) <= middle for line in tried):
                lines, wide = tried, middle
            else:
                narrow = middle
        return lines

    def _greedy(self, text: str, width_px: int, cap_px: int, bold: bool) -> tuple[str, ...]:
        lines: list[str] = []
        for paragraph in text.split("\n"):
            line = ""
            for word in paragraph.split(" "):
                longer = f"{line} {word}" if line else word
                if line and self.width(longer, cap_px, bold) > width_px:
                    lines.append(line)
                    longer = word
                line = longer
            lines.append(line)
        return tuple(lines)

    def fits(self, text: str, width_px: int, height_px: int, cap_px: int, bold: bool = False) -> bool:
        """All of the text, wrapped, lies within the room."""
        lines = self.wrap(text, width_px, cap_px, bold)
        return height_of(len(lines), cap_px, face_of(text)) <= height_px and all(
            self.width(line, cap_px, bold) <= width_px for line in lines
        )

    def height(self, text: str, width_px: int, cap_px: int, bold: bool = False) -> int:
        """How high the wrapped text stands."""
        return height_of(len(self.wrap(text, width_px, cap_px, bold)), cap_px, face_of(text))

    def can_show(self, text: str) -> bool:
        """Whether this machine can draw it: what it cannot, it refuses with `CannotShape`, so offer none of it."""
        return self._shapes() or not any(needs_shaping(character) for character in text)

    def mask(
        self, text: str, cap_px: int, bold: bool = False, right_to_left: bool = False, face: Face | None = None
    ) -> Image.Image:
        """One line as an 8-bit coverage image, its base line at `overhang + ascent`; its top lies `overhang` above the
        line's box. `face`: of the whole text that this is a line of.
        """
        face = face or face_of(text)
        high = overhang(cap_px, face) + line_height(cap_px, face)
        image = Image.new("L", (max(1, self.width(text, cap_px, bold)), high))
        direction = self._direction(text, right_to_left)
        ImageDraw.Draw(image).text(
            (0, overhang(cap_px, face) + ascent(cap_px, face)),
            text,
            fill=255,
            font=self._font(cap_px, bold, face),
            anchor="ls",
            direction=direction,
        )
        return image

    def draw_characters(
        self, characters: Callable[[], Iterator[str]], width_px: int, height_px: int, cap_px: int
    ) -> Image.Image:
        """Typed characters, wrapped at words, the last lines when they do not all fit; a caret after the last.

        `characters` is called twice: once to measure, once to draw. Only one character is held at a time.
        """
        font = self._font(cap_px, False, LATIN)
        places = _flow([_advance(font, character) for character in characters()], width_px)
        shown = max(1, (height_px - line_height(cap_px)) // pitch(cap_px) + 1)
        first = max(0, places[-1][1] - shown + 1)
        image = Image.new("L", (width_px, height_px))
        pen = ImageDraw.Draw(image)
        for character, (left, line) in zip(characters(), places, strict=False):
            if line >= first and character > " ":
                pen.text((left, ascent(cap_px) + (line - first) * pitch(cap_px)), character, 255, font, anchor="ls")
        left, line = places[-1]
        foot = ascent(cap_px) + (line - first) * pitch(cap_px)
        pen.rectangle((left + 1, foot - round(cap_px * 1.1), left + max(2, cap_px // 12), foot + cap_px // 5), 255)
        return image

    def _measure(self, text: str, cap_px: int, bold: bool) -> float:
        direction = self._direction(text, False)
        return self._font(cap_px, bold, face_of(text)).getlength(text, direction=direction)

    def _direction(self, text: str, right_to_left: bool) -> str | None:
        """None lets Raqm find the direction; without Raqm only plain left-to-right scripts are drawn."""
        if self._shapes():
            return "rtl" if right_to_left else None
        if not self.can_show(text):
            raise CannotShape("this text needs libfribidi0 (apt install libfribidi0)")
        return None

    def _shapes(self) -> bool:
        if self._can_shape is None:
            self._can_shape = bool(features.check("raqm") and features.check("fribidi"))
        return self._can_shape

    def _font(self, cap_px: int, bold: bool, face: Face) -> ImageFont.FreeTypeFont:
        engine = ImageFont.Layout.RAQM if self._shapes() else ImageFont.Layout.BASIC
        path = self._folder / (face.bold if bold else face.regular)
        return self._fonts.take(
            (face, bold, cap_px), lambda: ImageFont.truetype(path, cap_px / CAP_PER_EM, 0, "", engine)
        )


class Bounded(OrderedDict[_Key, _Value]):
    """The most recently used values, as many as weigh no more than `bound` (one each, unless `weigh` says else)."""

    def __init__(self, bound: int, weigh: Callable[[_Value], int] = lambda _: 1) -> None:
        super().__init__()
        self._bound, self._weigh = bound, weigh
        self._weight = 0

    def take(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """The value of that key, made now if it is not here."""
        if key in self:
            self.move_to_end(key)
            return self[key]
        value = self[key] = make()
        self._weight += self._weigh(value)
        while self._weight > self._bound and len(self) > 1:
            _, old = self.popitem(last=False)
            self._weight -= self._weigh(old)
        return value


def ascent(cap_px: int, face: Face = LATIN) -> int:
    return -int(-cap_px * face.ascent // 1)


def overhang(cap_px: int, face: Face = LATIN) -> int:
    return round(cap_px * face.overhang)


def line_height(cap_px: int, face: Face = LATIN) -> int:
    """One line alone, accents and descenders included."""
    return ascent(cap_px, face) - int(-cap_px * face.descent // 1)


def pitch(cap_px: int, face: Face = LATIN) -> int:
    return round(cap_px * face.pitch)


def height_of(lines: int, cap_px: int, face: Face = LATIN) -> int:
    return 0 if lines == 0 else (lines - 1) * pitch(cap_px, face) + line_height(cap_px, face)


def face_of(text: str) -> Face:
    """The face of a whole text: one Arabic letter is enough for all of its lines."""
    return NASKH if any(is_arabic(character) for character in text) else LATIN


def is_arabic(character: str) -> bool:
    """Letters and marks of the Arabic script, as Arabic and Urdu write them."""
    return "\u0600" <= character <= "\u06ff"


def needs_shaping(character: str) -> bool:
    """Hebrew, Arabic and their neighbours run right to left; Indic scripts re-order and join."""
    code = ord(character)
    return 0x0590 <= code <= 0x0DFF or 0xFB1D <= code <= 0xFDFF or 0xFE70 <= code <= 0xFEFC


def _advance(font: ImageFont.FreeTypeFont, character: str) -> tuple[float, bool, bool]:
    """Width, is a space, is a line end: all that wrapping needs to know, and nothing that spells a word."""
    return (0.0 if character == "\n" else font.getlength(character), character == " ", character == "\n")


def _flow(advances: Iterable[tuple[float, bool, bool]], width_px: int) -> list[tuple[float, int]]:
    """(left, line) of each character and of the caret."""
    places: list[tuple[float, int]] = []
    left, line, word = 0.0, 0, 0
    for width, space, end in advances:
        if left + width > width_px and not space and left > 0:
            carries = word < len(places) and places[word][0] > 0
            start = word if carries else len(places)
            shift = places[start][0] if carries else left
            line += 1
            places[start:] = [(place - shift, line) for place, _ in places[start:]]
            left, word = left - shift, start
        places.append((left, line))
        left += width
        if end:
            left, line = 0.0, line + 1
        if space or end:
            word = len(places)
    places.append((min(left, width_px - 3.0), line))
    return places
