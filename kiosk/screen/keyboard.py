"""The on-screen keyboard as boxes. It knows keys, not what is typed.

Keys are at least 11.6 mm each way. A panel that is too narrow for ten of them gets the alphabet in rows of seven
instead. The keyboard never turns over for a left hand or a right-to-left page: people know it by place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kiosk.screen.layout import KEY_MM, PRIMARY_CAP_MM, Box, Display, Place, Rect, Role, Tone
from kiosk.screen.text import LATIN, face_of

KEY_GAP_MM = 1.1
TALL_CAP_MM = 4.4
"""Of words on a key in a script whose letters reach further down."""
KEY = "key-"
SHIFT, DELETE, SPACE, LAYER = "key-shift", "key-delete", "key-space", "key-layer"
QWERTY = ("qwertyuiop", "asdfghjkl'", "zxcvbnm,")
ALPHABET = ("abcdefg", "hijklmn", "opqrstu", "vwxyz")
SYMBOLS_WIDE = ("1234567890", '-/:;()£&@"', "_!+=%#*,")
SYMBOLS_NARROW = ("1234567", "890-/:;", '()£&@"+', "_!=%'")


class Layer(StrEnum):
    LOWER = "lower"
    UPPER = "upper"
    SYMBOLS = "symbols"


@dataclass(frozen=True, slots=True)
class KeyboardWords:
    """What stands on (or is spoken for) the keys that are not characters."""

    space: str = "space"
    shift: str = "Capital letter"
    delete: str = "Delete"
    letters: str = "abc"
    symbols: str = "123"


def height_mm(display: Display) -> float:
    """How high the keyboard is on this panel."""
    return KEY_MM * (len(_rows(display, Layer.LOWER)) + 1)


def boxes(room: Rect, display: Display, layer: Layer, words: KeyboardWords) -> list[Box]:
    """Keys over the whole room; hit areas leave no gaps between them."""
    rows = _rows(display, layer)
    strips = room.rows(len(rows) + 1)
    wide = len(rows[0])
    made: list[Box] = []
    for number, (row, strip) in enumerate(zip(rows, strips, strict=False)):
        ids = [KEY + character for character in row]
        if number == len(rows) - 1:
            ids = [SHIFT, *ids, DELETE]
        cells = strip.columns(wide) if len(ids) == wide else _centred(strip, len(ids), wide)
        made += [_key(id, cell, display, words, layer) for id, cell in zip(ids, cells, strict=True)]
    return made + _last_row(strips[-1], wide, display, words, layer)


def touched_character(box_id: str) -> str:
    """The character that a key writes; "" for keys that write none."""
    if box_id == SPACE:
        return " "
    return box_id.removeprefix(KEY) if box_id.startswith(KEY) and len(box_id) == len(KEY) + 1 else ""


def next_layer(box_id: str, layer: Layer) -> Layer:
    """What a key does to the keyboard itself: shift lasts for one character."""
    if box_id == LAYER:
        return Layer.LOWER if layer is Layer.SYMBOLS else Layer.SYMBOLS
    if box_id == SHIFT:
        return Layer.UPPER if layer is Layer.LOWER else Layer.LOWER
    return Layer.LOWER if layer is Layer.UPPER and box_id != DELETE else layer


def _rows(display: Display, layer: Layer) -> tuple[str, ...]:
    wide = display.width_px >= 10 * display.mm(KEY_MM)
    if layer is Layer.SYMBOLS:
        return SYMBOLS_WIDE if wide else SYMBOLS_NARROW
    letters = QWERTY if wide else ALPHABET
    return tuple(row.upper() for row in letters) if layer is Layer.UPPER else letters


def _centred(strip: Rect, count: int, wide: int) -> list[Rect]:
    """A short row keeps the key width of the full ones, as far as it can."""
    if count > wide:
        return strip.columns(count)
    width = strip.width // wide * count
    return Rect(strip.left + (strip.width - width) // 2, strip.top, width, strip.height).columns(count)


def _last_row(strip: Rect, wide: int, display: Display, words: KeyboardWords, layer: Layer) -> list[Box]:
    cells = strip.columns(wide)
    space = Rect(cells[2].left, strip.top, cells[-2].left - cells[2].left, strip.height)
    symbol = Rect(cells[0].left, strip.top, cells[2].left - cells[0].left, strip.height)
    return [
        _key(LAYER, symbol, display, words, layer),
        _key(SPACE, space, display, words, layer),
        _key(KEY + ".", cells[-2], display, words, layer),
        _key(KEY + "?", cells[-1], display, words, layer),
    ]


def _key(id: str, cell: Rect, display: Display, words: KeyboardWords, layer: Layer) -> Box:
    gap = display.mm(KEY_GAP_MM)
    face = Rect(cell.left + gap // 2, cell.top, cell.width - gap, cell.height - gap)
    text, speech, picture = _faces(id, words, layer)
    return Box(
        id,
        face,
        Role.KEY,
        text,
        hit=cell,
        speech=speech,
        picture=picture,
        tone=Tone.PLAIN if len(id) == len(KEY) + 1 or id == SPACE else Tone.QUIET,
        cap_mm=PRIMARY_CAP_MM if face_of(text) is LATIN else TALL_CAP_MM,
        chosen=id == SHIFT and layer is Layer.UPPER,
        place=Place.ALONE,
    )


def _faces(id: str, words: KeyboardWords, layer: Layer) -> tuple[str, str, str]:
    """Text, speech, picture."""
    if id == SHIFT:
        return "", words.shift, "shift"
    if id == DELETE:
        return "", words.delete, "delete"
    if id == SPACE:
        return words.space, words.space, ""
    if id == LAYER:
        text = words.letters if layer is Layer.SYMBOLS else words.symbols
        return text, text, ""
    return id.removeprefix(KEY), id.removeprefix(KEY), ""
