"""Words: sizes that are true, lines that fit, scripts that are refused rather than drawn wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image

from kiosk.screen.text import (
    CACHED_MEASURES,
    CannotShape,
    Typesetter,
    ascent,
    height_of,
    line_height,
    overhang,
    pitch,
)

WIDE = 10_000


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter()


def _ink(image: Image.Image) -> tuple[int, int, int, int]:
    box = image.point(lambda value: 255 if value > 127 else 0).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("cap_px", [16, 25, 40, 64])
@pytest.mark.parametrize("bold", [False, True])
def test_capitals_are_as_high_as_asked(typesetter: Typesetter, cap_px: int, bold: bool) -> None:
    """An H of cap height n is n pixels high, give or take one, and stands on the base line."""
    box = _ink(typesetter.mask("H", cap_px, bold))
    assert abs((box[3] - box[1]) - cap_px) <= 1
    assert abs(box[3] - ascent(cap_px) - overhang(cap_px)) <= 1


def test_a_line_holds_accents_and_tails(typesetter: Typesetter) -> None:
    """Nothing of capitals with accents or of letters with tails is cut off; tails stay in the box of the line."""
    top, bottom = (_ink(typesetter.mask("ÉÅŻjgpqyç", 40))[side] for side in (1, 3))
    assert top > 0
    assert bottom < overhang(40) + line_height(40)


def test_wrapping_loses_no_word_and_fits(typesetter: Typesetter) -> None:
    """All words come back in order, every line fits, and lines are of about the same length."""
    text = "We cannot promise to keep this secret. We tell only people who must know."
    lines = typesetter.wrap(text, 500, 25)
    assert " ".join(lines) == text
    widths = [typesetter.width(line, 25) for line in lines]
    assert max(widths) <= 500
    assert min(widths) > max(widths) * 0.5


def test_a_hard_space_never_breaks(typesetter: Typesetter) -> None:
    """U+00A0 keeps a telephone number on one line."""
    lines = typesetter.wrap("Childline 0800\u00a01111 now", 150, 25)
    assert any("0800\u00a01111" in line for line in lines)


def test_fits_says_no_when_a_word_is_too_wide_or_lines_too_many(typesetter: Typesetter) -> None:
    """Both ways of overflowing are noticed."""
    assert typesetter.fits("No", 200, 60, 25)
    assert not typesetter.fits("Unbreakable", 60, 600, 25)
    assert not typesetter.fits("one two three four", 60, 80, 25)


def test_heights_add_up(typesetter: Typesetter) -> None:
    """Two lines are one pitch higher than one; no line has no height."""
    assert height_of(0, 40) == 0
    assert height_of(2, 40) - height_of(1, 40) == pitch(40)
    assert typesetter.height("a\nb\nc", WIDE, 40) == height_of(3, 40)


@pytest.mark.parametrize("text", ["مرحبا", "שלום", "ਪੰਜਾਬੀ", "বাংলা"])
def test_scripts_that_need_shaping_are_refused_without_the_library(text: str) -> None:
    """Pillow would fall back silently and draw letters unjoined and in the wrong order."""
    with pytest.raises(CannotShape, match="libfribidi0"):
        Typesetter(can_shape=False).wrap(text, 100, 25)


def test_latin_needs_no_shaping_library() -> None:
    """A machine without libfribidi0 still draws English, Polish and Ukrainian."""
    assert Typesetter(can_shape=False).width("Zażółć Українська", 25) > 0


def test_right_to_left_puts_the_first_word_right(typesetter: Typesetter) -> None:
    """With a right-to-left base direction a sentence's full stop stands at the left; digits keep their order."""
    plain, turned = typesetter.mask("111 .", 40), typesetter.mask("111 .", 40, right_to_left=True)
    assert plain.tobytes() != turned.tobytes()
    digits = typesetter.mask("0800", 40, right_to_left=True)
    assert digits.tobytes() == typesetter.mask("0800", 40).tobytes()


def test_typed_characters_are_wrapped_and_the_end_stays_in_view(typesetter: Typesetter) -> None:
    """Short words need one line; a long text shows its last lines, so that its end differs from its beginning."""
    one = typesetter.draw_characters(lambda: iter("help"), 400, 200, 25)
    assert _ink(one)[3] <= line_height(25) + 6
    long = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda"
    whole = typesetter.draw_characters(lambda: iter(long), 300, 100, 25)
    start = typesetter.draw_characters(lambda: iter(long[:20]), 300, 100, 25)
    assert whole.tobytes() != start.tobytes()
    assert whole.size == (300, 100)


def test_one_endless_word_is_broken(typesetter: Typesetter) -> None:
    """A word wider than the field goes on in the next line and never off its edge."""
    image = typesetter.draw_characters(lambda: iter("m" * 60), 200, 400, 25)
    assert _ink(image)[3] > 2 * line_height(25)


def test_typed_characters_are_not_remembered() -> None:
    """Neither widths, wraps nor fonts keep anything of what was typed, and no string longer than one is handed on."""
    typesetter = Typesetter()
    longest = 0

    def characters() -> Iterator[str]:
        nonlocal longest
        for character in "zyxsecretzyx":
            longest = max(longest, len(character))
            yield character

    typesetter.draw_characters(characters, 300, 100, 25)
    assert longest == 1
    kept = [key for cache in vars(typesetter).values() if isinstance(cache, dict) for key in cache]
    assert not any(isinstance(part, str) and part for key in kept for part in key)


def test_measures_are_bounded() -> None:
    """A unit that runs for months does not grow: old widths make room for new ones."""
    typesetter = Typesetter()
    for number in range(CACHED_MEASURES + 50):
        typesetter.width(str(number), 20)
    assert len(typesetter._widths) == CACHED_MEASURES
