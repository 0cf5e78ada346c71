"""Rectangles, millimetres and mirrors."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kiosk.screen.layout import Box, Display, Rect, Role, mirrored, reaching, touched

DISPLAY = Display(1280, 720, 154.2)
rects = st.builds(Rect, st.integers(0, 500), st.integers(0, 500), st.integers(60, 700), st.integers(60, 700))


@given(rects, st.integers(1, 6), st.integers(1, 6), st.integers(0, 8))
def test_a_grid_fills_its_room_without_overlap(room: Rect, columns: int, rows: int, gap: int) -> None:
    """Cells lie inside, keep their gaps, and reach the far edges."""
    cells = room.grid(columns, rows, gap)
    assert len(cells) == columns * rows
    assert all(room.holds(cell) for cell in cells)
    assert max(cell.right for cell in cells) == room.right
    assert max(cell.bottom for cell in cells) == room.bottom
    grown = [replace(cell, width=cell.width + gap, height=cell.height + gap) for cell in cells]
    assert not any(one.overlaps(other) for number, one in enumerate(grown) for other in grown[:number])


@given(rects, st.integers(1, 50), st.integers(0, 9))
def test_cutting_divides_a_room(room: Rect, pixels: int, gap: int) -> None:
    """Slice, gap and rest are the whole, on each side."""
    for slice_, rest in (room.cut_top(pixels, gap), room.cut_bottom(pixels, gap)):
        assert slice_.height + gap + rest.height == room.height
        assert not slice_.overlaps(rest)
    for slice_, rest in (room.cut_left(pixels, gap), room.cut_right(pixels, gap)):
        assert slice_.width + gap + rest.width == room.width
        assert not slice_.overlaps(rest)


def test_reach_goes_down_and_not_off_the_panel() -> None:
    """A hit area is its box and three millimetres below, cut at the panel's edge."""
    box = Rect(10, 10, 200, 200)
    assert reaching(box, DISPLAY) == replace(box, height=200 + DISPLAY.mm(3))
    low = Rect(10, 600, 200, 115)
    assert reaching(low, DISPLAY).bottom == 720


def test_mirrors_turn_places_and_cancel_out() -> None:
    """One mirror turns over, a left hand in a right-to-left language turns back."""
    box = Box("a", Rect(0, 0, 100, 50), Role.TILE, hit=Rect(0, 0, 100, 70))
    (turned,) = mirrored([box], replace(DISPLAY, left_handed=True))
    assert turned.rect == Rect(1180, 0, 100, 50)
    assert turned.hit == Rect(1180, 0, 100, 70)
    assert mirrored([box], replace(DISPLAY, left_handed=True, right_to_left=True)) == [box]


def test_the_topmost_touchable_box_is_touched() -> None:
    """Later boxes lie on top; boxes without a hit area let touches through."""
    under = Box("under", Rect(0, 0, 100, 100), Role.TILE, hit=Rect(0, 0, 100, 100))
    over = Box("over", Rect(50, 0, 50, 100), Role.TILE, hit=Rect(50, 0, 50, 100))
    glass = Box("glass", Rect(0, 0, 100, 100), Role.PANEL)
    assert touched([under, over, glass], 75, 10) is over
    assert touched([under, over, glass], 25, 10) is under
    assert touched([under, over, glass], 25, 110) is None
