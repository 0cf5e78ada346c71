"""Words: sizes that are true, lines that fit, scripts that are refused rather than drawn wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources

import pytest
from PIL import Image, ImageFont

from kiosk.screen.text import (
    CACHED_MEASURES,
    FONTS,
    LATIN,
    NASKH,
    CannotShape,
    Face,
    Typesetter,
    ascent,
    face_of,
    height_of,
    line_height,
    overhang,
    pitch,
)
from kiosk.words import languages, own_name, parse_catalogue

WIDE = 10_000
FONT_BYTES_MAX = 600 * 1024


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


@cache
def words_of(language: str) -> tuple[str, ...]:
    """Every word of a catalogue's translations once, and the language's own name."""
    file = resources.files("kiosk") / "locales" / f"{language}.po"
    found = parse_catalogue(file.read_bytes(), str(file)).values() if file.is_file() else ()
    return tuple(sorted({word for text in (*found, own_name(language)) for word in text.split()}))


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> bytes:
    mask = font.getmask(character)
    return bytes(mask) + repr((mask.size, font.getlength(character))).encode()


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("bold", [False, True])
def test_every_letter_of_every_catalogue_has_its_glyph(language: str, bold: bool) -> None:
    """No reader sees an empty frame in place of a letter."""
    words = words_of(language)
    for face in {face_of(word) for word in words}:
        path = FONTS / (face.bold if bold else face.regular)
        font = ImageFont.truetype(path, 40, layout_engine=ImageFont.Layout.BASIC)
        absent = _glyph(font, "\U0010fffd")
        letters = {letter for word in words if face_of(word) is face for letter in word}
        assert sorted(letter for letter in letters if _glyph(font, letter) == absent) == []


def test_one_arabic_letter_sets_a_whole_text_in_the_joined_face() -> None:
    """A text has one face, so that its lines stand equally far apart; what has no Arabic letter is Andika's."""
    assert face_of("river window 0800 1111 €") is LATIN
    assert face_of("Childline: 0800 1111، ليلًا") is NASKH
    assert pitch(40, NASKH) > pitch(40)


@pytest.mark.parametrize("language", ["ar", "ur", "pl", "cy"])
@pytest.mark.parametrize("bold", [False, True])
def test_no_dot_or_accent_is_cut_off(typesetter: Typesetter, language: str, bold: bool) -> None:
    """The ink of every word of the catalogues lies within its line: nothing reaches the mask's first or last row."""
    for word in words_of(language):
        mask = typesetter.mask(word, 40, bold, language in ("ar", "ur"))
        ink = mask.getbbox()
        if ink is not None:
            assert ink[1] > 0, word
            assert ink[3] < mask.height, word


@pytest.mark.parametrize("bold", [False, True])
def test_the_joined_face_has_andikas_latin(typesetter: Typesetter, bold: bool) -> None:
    """The words of a receipt code and a telephone number look the same beside Arabic as alone."""
    for text in ("river window yellow", "0800 1111", "HÄŁŵ@?"):
        beside = typesetter.mask(text, 40, bold, face=NASKH).crop(_ink(typesetter.mask(text, 40, bold, face=NASKH)))
        alone = typesetter.mask(text, 40, bold).crop(_ink(typesetter.mask(text, 40, bold)))
        assert abs(beside.width - alone.width) <= 1
        assert abs(beside.height - alone.height) <= 1


def test_an_alef_is_as_high_as_a_capital(typesetter: Typesetter) -> None:
    """Arabic looks as large as the Latin beside it, because sizes are what a person sees."""
    assert abs(_high(typesetter, "ا", NASKH) - _high(typesetter, "H", LATIN)) <= 1


def _high(typesetter: Typesetter, letter: str, face: Face) -> int:
    box = _ink(typesetter.mask(letter, 64, face=face))
    return box[3] - box[1]


def test_letters_are_joined_and_run_from_the_right(typesetter: Typesetter) -> None:
    """A word is not the row of its letters: it is shorter, for they are joined, and its first stands right."""
    word = "محمد"
    assert typesetter.width(word, 40) < sum(typesetter.width(letter, 40) for letter in word)
    first, last = (typesetter.mask(text, 40, right_to_left=True) for text in ("اء", "ءا"))
    assert _high_side(first) == "right"
    assert _high_side(last) == "left"


def _high_side(mask: Image.Image) -> str:
    """Where the alef stands, which is the higher of two letters."""
    left, top, right, _ = _ink(mask)
    row = [column for column in range(left, right) if mask.getpixel((column, top + 1))]
    return "right" if sum(row) / len(row) > (left + right) / 2 else "left"


def test_a_telephone_number_keeps_its_order_among_arabic(typesetter: Typesetter) -> None:
    """An isolated fact (`kiosk.words`) is drawn as 0800 1111; the marks around it are neither seen nor wide."""
    isolated = typesetter.mask("خطر \u20680800 1111\u2069", 40, right_to_left=True)
    kept = typesetter.mask("خطر 0800\u00a01111", 40, right_to_left=True)
    bare = typesetter.mask("خطر 0800 1111", 40, right_to_left=True)
    assert isolated.tobytes() == kept.tobytes()
    assert isolated.tobytes() != bare.tobytes()


def test_what_cannot_be_drawn_is_said_beforehand() -> None:
    """Without the system library no Arabic is offered, and all that needs no shaping still is."""
    assert Typesetter().can_show("العربية")
    assert not Typesetter(can_shape=False).can_show("اردو")
    assert Typesetter(can_shape=False).can_show("Cymraeg")


def test_fonts_are_small_and_come_with_their_licence() -> None:
    """Each font is under 600 KiB or the unchanged original, and its folder has the licence of every family."""
    own = sorted(FONTS.glob("Quietbell*.ttf"))
    assert {path.name for path in own} == {NASKH.regular, NASKH.bold}
    assert all(path.stat().st_size < FONT_BYTES_MAX for path in own)
    licence = (FONTS / "OFL-QuietbellNaskh.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in licence
    assert "Google" in licence
    # a modified version may not carry a reserved name
    assert [ImageFont.truetype(path).getname()[0] for path in own] == ["Quietbell Naskh"] * 2
