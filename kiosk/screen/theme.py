"""Colours: what each tone looks like in each theme, every pair of ink and ground at least 7:1 (WCAG 2.2, 1.4.6).

Colour never carries meaning alone: what a tone says is also said in words or in a shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kiosk.screen.layout import Tone

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """The ground of a box, the ink on it, and its outline (None: no outline)."""

    ground: Colour
    ink: Colour
    edge: Colour | None = None


@dataclass(frozen=True, slots=True)
class Theme:
    """`paper` is the page itself; text without a box of its own is drawn in `ink` on it."""

    name: str
    paper: Colour
    ink: Colour
    faint: Colour
    pairs: Mapping[Tone, Pair]


def theme(name: str) -> Theme:
    """The theme of that name.

    Raises:
        KeyError: there is none; `THEMES` lists them.
    """
    return THEMES[name]


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2.2 contrast ratio, 1 to 21."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


_CALM = Theme(
    "calm",
    paper=(250, 246, 238),
    ink=(38, 50, 56),
    faint=(214, 205, 189),
    pairs=MappingProxyType(
        {
            Tone.CALM: Pair((229, 238, 234), (24, 56, 52), (190, 209, 201)),
            Tone.PLAIN: Pair((255, 253, 248), (38, 50, 56), (217, 208, 192)),
            Tone.PRIMARY: Pair((36, 82, 79), (255, 253, 248), (36, 82, 79)),
            Tone.QUIET: Pair((242, 236, 225), (62, 66, 66), (217, 208, 192)),
            Tone.URGENT: Pair((250, 229, 205), (84, 38, 8), (214, 158, 104)),
            Tone.TROUBLE: Pair((236, 229, 244), (66, 38, 92), (186, 168, 208)),
        }
    ),
)
_DARK = Theme(
    "dark",
    paper=(24, 29, 32),
    ink=(238, 234, 224),
    faint=(74, 84, 88),
    pairs=MappingProxyType(
        {
            Tone.CALM: Pair((33, 48, 49), (214, 234, 227), (66, 92, 90)),
            Tone.PLAIN: Pair((36, 43, 47), (238, 234, 224), (78, 89, 94)),
            Tone.PRIMARY: Pair((168, 212, 200), (16, 38, 36), (168, 212, 200)),
            Tone.QUIET: Pair((29, 35, 38), (208, 206, 198), (66, 75, 79)),
            Tone.URGENT: Pair((66, 40, 18), (255, 222, 184), (150, 98, 54)),
            Tone.TROUBLE: Pair((50, 38, 66), (234, 220, 250), (112, 92, 138)),
        }
    ),
)
_HIGH_CONTRAST = Theme(
    "high-contrast",
    paper=(0, 0, 0),
    ink=(255, 255, 255),
    faint=(255, 255, 255),
    pairs=MappingProxyType(
        {
            Tone.CALM: Pair((0, 0, 0), (255, 255, 255), (255, 255, 255)),
            Tone.PLAIN: Pair((0, 0, 0), (255, 255, 255), (255, 255, 255)),
            Tone.PRIMARY: Pair((255, 255, 0), (0, 0, 0), (255, 255, 0)),
            Tone.QUIET: Pair((0, 0, 0), (255, 255, 255), (255, 255, 255)),
            Tone.URGENT: Pair((255, 255, 255), (0, 0, 0), (255, 255, 255)),
            Tone.TROUBLE: Pair((0, 0, 0), (255, 255, 0), (255, 255, 0)),
        }
    ),
)
THEMES: Mapping[str, Theme] = MappingProxyType({each.name: each for each in (_CALM, _DARK, _HIGH_CONTRAST)})
