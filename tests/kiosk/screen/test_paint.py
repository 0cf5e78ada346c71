"""Paint: the right pixels, only where something changed, without a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pygame
import pytest
from PIL import Image, ImageChops

from kiosk.screen.layout import Align, Box, Display, Place, Rect, Role, Tone
from kiosk.screen.paint import CACHED_LINE_BYTES, Painter, snapshot
from kiosk.screen.pictures import PICTOGRAMS, TURNED, Pictures, bytes_of
from kiosk.screen.text import Typesetter, overhang
from kiosk.screen.theme import THEMES, theme
from kiosk.talk import pictures

DISPLAY = Display(400, 240, 77.0)
TILE = Box("tile", Rect(10, 10, 180, 100), Role.TILE, "No", picture="no", cap_mm=4.8)
NOTE = Box("note", Rect(10, 150, 300, 40), Role.NOTE, "A quiet line", cap_mm=3.0)


@pytest.fixture
def surface() -> pygame.Surface:
    return pygame.Surface((400, 240), 0, 32)


@pytest.fixture
def painter() -> Painter:
    return Painter(DISPLAY, Typesetter(), Pictures())


def _with_accents(box: Box) -> Rect:
    above = overhang(DISPLAY.mm(box.cap_mm))
    return replace(box.rect, top=box.rect.top - above, height=box.rect.height + above)


def _pixels(surface: pygame.Surface) -> bytes:
    return pygame.image.tobytes(surface, "RGB")


def test_the_same_boxes_are_painted_once(painter: Painter, surface: pygame.Surface) -> None:
    """First everything, then nothing as long as nothing changes."""
    assert painter.paint(surface, [TILE, NOTE]) == [DISPLAY.rect]
    assert painter.paint(surface, [TILE, NOTE]) == []


def test_only_what_changed_is_painted_and_the_result_is_the_same(painter: Painter, surface: pygame.Surface) -> None:
    """A changed note repaints the note's rectangle, and the page then equals one painted afresh."""
    painter.paint(surface, [TILE, NOTE])
    changed = replace(NOTE, text="Another line")
    assert painter.paint(surface, [TILE, changed]) == [_with_accents(NOTE)]
    fresh = pygame.Surface((400, 240), 0, 32)
    Painter(DISPLAY, Typesetter(), Pictures()).paint(fresh, [TILE, changed])
    assert _pixels(surface) == _pixels(fresh)


def test_a_box_that_is_gone_leaves_paper(painter: Painter, surface: pygame.Surface) -> None:
    """Nothing of a removed box stays on the glass."""
    painter.paint(surface, [TILE, NOTE])
    painter.paint(surface, [TILE])
    assert surface.get_at((12, 170))[:3] == theme("calm").paper
    assert surface.subsurface(pygame.Rect(10, 150, 300, 40)).get_bounding_rect().size == (300, 40)
    assert len(set(pygame.image.tobytes(surface.subsurface(pygame.Rect(10, 150, 300, 40)), "RGB"))) <= 3


def test_typed_words_are_repainted_by_their_mark_alone(painter: Painter, surface: pygame.Surface) -> None:
    """The painter compares marks, not words; a new mark draws the new characters, wiped ones leave none."""
    typed = ["a", "b"]

    def characters() -> Iterator[str]:
        yield from typed

    field = Box("field", Rect(10, 10, 300, 60), Role.FIELD, cap_mm=4.8, secret=characters, secret_mark=2)
    painter.paint(surface, [field])
    before = _pixels(surface)
    typed.append("c")
    assert painter.paint(surface, [field]) == []
    painter.paint(surface, [replace(field, secret_mark=3)])
    assert _pixels(surface) != before
    typed.clear()
    painter.paint(surface, [replace(field, secret_mark=0)])
    empty = pygame.Surface((400, 240), 0, 32)
    Painter(DISPLAY, Typesetter(), Pictures()).paint(empty, [replace(field, secret=lambda: iter(()))])
    assert _pixels(surface) == _pixels(empty)


def test_typed_words_enter_no_cache(painter: Painter, surface: pygame.Surface) -> None:
    """Rendered lines are kept for fixed words only."""
    field = Box("field", Rect(10, 10, 300, 60), Role.FIELD, cap_mm=4.8, secret=lambda: iter("qzqz"), secret_mark=8)
    painter.paint(surface, [field, NOTE])
    assert [key[0] for key in painter._lines] == ["A quiet line"]


def test_rendered_lines_are_bounded(painter: Painter, surface: pygame.Surface) -> None:
    """Hundreds of different lines do not stay in memory."""
    for number in range(1200):
        painter.paint(surface, [replace(NOTE, text=f"a rather long line {number}")])
    kept = sum(bytes_of(line) for line in painter._lines.values())
    assert CACHED_LINE_BYTES / 2 < kept <= CACHED_LINE_BYTES


def test_another_theme_or_scale_paints_everything(painter: Painter, surface: pygame.Surface) -> None:
    """Changing the display leaves no corner in the old look."""
    painter.paint(surface, [NOTE])
    painter.set_display(replace(DISPLAY, theme="dark"))
    assert painter.paint(surface, [NOTE]) == [DISPLAY.rect]
    assert surface.get_at((399, 239))[:3] == theme("dark").paper


@pytest.mark.parametrize("name", sorted(THEMES))
def test_corners_are_round_and_grounds_are_the_themes(name: str) -> None:
    """A tile's corner is paper, its middle its tone's ground, its picture in its tone's ink."""
    tile = replace(TILE, text="", tone=Tone.URGENT)
    image = Image.open(BytesIO(snapshot([tile], replace(DISPLAY, theme=name))))
    pair = theme(name).pairs[Tone.URGENT]
    assert image.getpixel((10, 10)) == theme(name).paper
    assert image.getpixel((30, 60)) == pair.ground
    assert pair.ink in {image.getpixel((x, 60)) for x in range(60, 140)}


def test_a_chosen_tile_differs_in_form(painter: Painter, surface: pygame.Surface) -> None:
    """Chosen shows as a thick outline, not only as a colour: several pixels of ink at the edge."""
    painter.paint(surface, [replace(TILE, chosen=True)])
    ink = theme("calm").pairs[Tone.PLAIN].ink
    assert [surface.get_at((x, 60))[:3] == ink for x in range(10, 18)].count(True) >= 4


def test_status_marks_differ_in_shape() -> None:
    """Hollow, half, full and failed are four different coverages in one and the same colour."""
    drawn = Pictures()
    masks = {
        name: pygame.image.tobytes(drawn.shape(name, 32, (0, 0, 0)), "RGBA")
        for name in ("dot-hollow", "dot-half", "dot-full", "dot-failed")
    }
    assert len(set(masks.values())) == 4
    covered = {name: sum(mask[3::4]) for name, mask in masks.items()}
    assert covered["dot-hollow"] < covered["dot-half"] < covered["dot-full"]


def test_a_missing_picture_is_logged_and_not_fatal(caplog: pytest.LogCaptureFixture) -> None:
    """A site's typing mistake in a picture's name must not stop a unit that people rely on."""
    snapshot([replace(TILE, picture="no-such-thing")], DISPLAY)
    assert "picture-missing name=no-such-thing" in caplog.text


def test_a_site_may_lay_its_own_picture_over_ours(tmp_path: Path) -> None:
    """The first folder that holds a name wins."""
    (tmp_path / "no.svg").write_text((PICTOGRAMS / "yes.svg").read_text())
    own = Pictures((tmp_path, PICTOGRAMS)).picture("no", 40, (0, 0, 0))
    ours = Pictures().picture("yes", 40, (0, 0, 0))
    assert pygame.image.tobytes(own, "RGBA") == pygame.image.tobytes(ours, "RGBA")


@pytest.mark.parametrize("path", sorted(PICTOGRAMS.glob("*.svg")), ids=lambda path: path.stem)
def test_pictograms_are_one_style(path: Path) -> None:
    """Each drawing is visible, keeps clear of the edge, and uses the one stroke on the one grid."""
    text = path.read_text()
    assert 'viewBox="0 0 48 48"' in text
    assert 'stroke-width="3"' in text
    surface = Pictures().picture(path.stem, 96, (0, 0, 0))
    covered = surface.get_bounding_rect(128)
    assert max(covered.width, covered.height) >= 48
    assert pygame.Rect(0, 0, 96, 96).inflate(-2, -2).contains(covered)


def test_a_picture_alone_draws_no_words() -> None:
    """Place.ALONE keeps the words for speech."""
    alone = replace(TILE, place=Place.ALONE, text="Capital letter")
    assert snapshot([alone], DISPLAY) == snapshot([replace(alone, text="Other")], DISPLAY)


def _fresh() -> tuple[Painter, pygame.Surface]:
    return Painter(DISPLAY, Typesetter(), Pictures()), pygame.Surface((DISPLAY.width_px, DISPLAY.height_px))


def _rows(name: str, count: int, high: int) -> list[Box]:
    return [
        Box(f"{name}{n}", Rect(10, 8 + high * n, 300, high - 6), Role.BUTTON, f"{name} number {n}", cap_mm=3.0)
        for n in range(count)
    ]


def test_an_interrupted_page_is_finished_and_looks_the_same() -> None:
    """Stopped between any two boxes, painting goes on where it was; the whole page is told as painted only then."""
    boxes = _rows("old", 5, 44)
    (whole, there), (slow, here) = _fresh(), _fresh()
    whole.paint(there, boxes)
    told = [slow.paint(here, boxes, interrupted=lambda: True)]
    while not slow.settled:
        told.append(slow.paint(here, boxes, interrupted=lambda: True))
    assert len(told) >= len(boxes)
    assert not any(told[:-1])
    assert told[-1] == [DISPLAY.rect]
    assert _pixels(here) == _pixels(there)


def test_another_page_may_come_while_one_is_half_painted() -> None:
    """Nothing of the half-painted page is left on the next one."""
    old, new = _rows("old", 5, 44), _rows("new", 4, 56)
    (whole, there), (hasty, here) = _fresh(), _fresh()
    whole.paint(there, new)
    hasty.paint(here, old)
    hasty.paint(here, [*old[:3], *new[3:]], interrupted=lambda: True)
    hasty.paint(here, new)
    assert hasty.settled
    assert _pixels(here) == _pixels(there)


def test_a_code_in_latin_keeps_its_order_on_a_mirrored_page() -> None:
    """Words of a text without Arabic letters stand in their own order, and its full stop at its end."""
    code = Box("code", Rect(10, 20, 380, 60), Role.PANEL, "river window, 0800 1111.", cap_mm=4.0, align=Align.CENTRE)
    assert snapshot([code], DISPLAY) == snapshot([code], replace(DISPLAY, right_to_left=True))


def test_arabic_starts_at_the_right_edge_of_its_box() -> None:
    """On a mirrored page a line begins at the right; the same words on an English page begin at the left."""
    note = Box("note", Rect(20, 40, 340, 60), Role.NOTE, "حُفظ هنا.", cap_mm=4.0)
    right = _ink_box(snapshot([note], replace(DISPLAY, right_to_left=True)))
    left = _ink_box(snapshot([note], DISPLAY))
    assert 350 < right[2] <= 360
    assert 20 <= left[0] < 30
    assert right[2] - right[0] == left[2] - left[0]


@pytest.mark.parametrize("scale", [1.0, 1.3, 1.6])
def test_a_hamza_on_the_uppermost_line_is_not_cut_off(scale: float) -> None:
    """Words at the panel's upper edge stand a little lower when they have Arabic letters, so that all ink is there."""
    top, low = (
        Box("title", Rect(20, top, 360, 80), Role.TITLE, "أين أأ", cap_mm=4.8 * scale, bold=True) for top in (8, 100)
    )
    inks = [_ink_box(snapshot([box], replace(DISPLAY, right_to_left=True))) for box in (top, low)]
    assert inks[0][3] - inks[0][1] == inks[1][3] - inks[1][1]


@pytest.mark.parametrize("name", sorted(TURNED))
def test_pictograms_that_point_along_the_line_turn_with_it(name: str) -> None:
    """Back, on and send point the other way where reading runs from the right; the question mark is the Arabic one."""
    drawn = Pictures()
    plain, turned = (drawn.picture(name, 48, (0, 0, 0), right_to_left) for right_to_left in (False, True))
    assert _shades(turned) == _shades(pygame.transform.flip(plain, True, False))
    assert _shades(turned) != _shades(plain)


def test_other_pictograms_never_turn() -> None:
    """A clock and a tick are the same for every reader."""
    drawn = Pictures()
    for name in ("clock", "yes", "again"):
        assert drawn.picture(name, 48, (0, 0, 0), True) is drawn.picture(name, 48, (0, 0, 0))


def _shades(surface: pygame.Surface) -> bytes:
    return pygame.image.tobytes(surface, "RGBA")


def _ink_box(png: bytes) -> tuple[int, int, int, int]:
    """Around everything that is not paper."""
    image = Image.open(BytesIO(png)).convert("RGB")
    paper = Image.new("RGB", image.size, theme("calm").paper)
    box = ImageChops.difference(image, paper).convert("L").point(lambda value: 255 if value > 60 else 0).getbbox()
    assert box is not None
    return box


def test_screen_and_phone_turn_the_same_pictograms() -> None:
    """The panel and the portal's pages agree on what points along the line of reading."""
    assert TURNED == pictures.TURNED
