"""Arranging tiles and lines in the room that is there: as many as fit at the wanted size, the rest on the next part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kiosk.screen.fitting import fits, parts
from kiosk.screen.layout import NOTE_CAP_MM, PRIMARY_CAP_MM, TARGET_MM, Box, Display, Place, Rect, Role, Tone, reaching
from kiosk.screen.text import Typesetter

MARGIN_MM = 3.0
GAP_MM = 2.5
"""Between tiles; a touch there counts for the tile above it, so that fingers that land low still hit."""
TITLE_GAP_MM = 1.0
LIST_SHARE = 0.6
LIST_MOST = 4
SIDE_MM = 22.0
SIDE_LEAST_ROOM_MM = 100.0
TILE_MOST_MM = 36.0
TILE_WIDEST_MM = 84.0
"""No tile is larger than this, so that a page with one answer is as calm as a page with six."""
NOTE_MM = 3.3
SHRINK = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7, 0.66, 0.625)
"""Steps in which words that do not fit at the wanted scale become smaller; the floors below hold always."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The tools that every view needs."""

    display: Display
    typesetter: Typesetter

    def mm(self, millimetres: float) -> int:
        return self.display.mm(millimetres)

    @property
    def gap(self) -> int:
        return self.mm(GAP_MM)

    def high(self, text: str, width: int, cap_mm: float, bold: bool = False) -> int:
        return self.typesetter.height(text, width, self.mm(cap_mm), bold) if text else 0

    def widest(self, text: str, width: int, cap_mm: float, bold: bool = False) -> int:
        """How wide the longest line is when the text is wrapped at this width: more where a word is too long for it."""
        cap_px = self.mm(cap_mm)
        lines = self.typesetter.wrap(text, width, cap_px, bold)
        return max(self.typesetter.width(line, cap_px, bold) for line in lines)

    def fits(self, box: Box) -> bool:
        return fits(box, self.display, self.typesetter)

    def lines(self, box: Box) -> int:
        """Over how many lines the words of a box run."""
        room = parts(box, self.display, self.typesetter).words
        return len(self.typesetter.wrap(box.text, room.width, self.mm(box.cap_mm), box.bold))

    def caps(self, cap_mm: float, floor_mm: float) -> Iterator[float]:
        """The wanted cap height at this text scale, then smaller ones down to the floor."""
        wanted = self.display.cap(cap_mm)
        last = 0.0
        for share in SHRINK:
            cap = max(floor_mm, wanted * share)
            if cap != last:
                yield cap
            last = cap

    def primary_caps(self) -> Iterator[float]:
        return self.caps(PRIMARY_CAP_MM, PRIMARY_CAP_MM)

    def note_caps(self) -> Iterator[float]:
        return self.caps(NOTE_MM, NOTE_CAP_MM)

    def any_caps(self) -> Iterator[float]:
        """From primary words down to the smallest of all, for a room that cannot grow."""
        yield from self.caps(PRIMARY_CAP_MM, NOTE_CAP_MM)
        yield NOTE_CAP_MM

    def fitted(self, box: Box, caps: Iterator[float], places: Sequence[Place] = (Place.ABOVE,)) -> Box:
        """The box with the largest words that fit; the smallest when none do."""
        tried = box
        for cap in caps:
            for place in places:
                tried = replace(box, cap_mm=cap, place=place)
                if self.fits(tried):
                    return tried
        return tried

    def target(self, box: Box) -> Box:
        """The same box, touchable down to the row below."""
        return replace(box, hit=reaching(box.rect, self.display, GAP_MM)) if box.enabled else box


def tile_parts(
    boxes: Sequence[Box],
    more: Box,
    room: Rect,
    bench: Bench,
    cap_mm: float,
    *,
    always_more: bool = False,
    more_first: bool = False,
) -> list[list[Box]]:
    """The tiles laid out, on as few parts as it takes; empty when they cannot stand at this cap height.

    `room` ends where the last row's hit areas end. Each tile gets 20 mm each way, its gap included. `more` stands last
    on each part when there are several (`always_more`: also when there is one).
    """
    parts: list[list[Box]] = []
    rest = list(boxes)
    while rest:
        found: list[Box] = []
        count = len(rest) + 1
        while count > 1 and not found:
            count -= 1
            alone = count == len(boxes) and not always_more
            part = rest[:count] if alone else ([more, *rest[:count]] if more_first else [*rest[:count], more])
            found = _lay(part, room, bench, cap_mm)
        if not found:
            return []
        parts.append(found)
        rest = rest[count:]
    return parts


def _lay(boxes: Sequence[Box], room: Rect, bench: Bench, cap_mm: float) -> list[Box]:
    """Quiet tiles smaller at the side, or all of one size when there is no room for a side."""
    return _lay_with_side(boxes, room, bench, cap_mm) or _lay_evenly(boxes, room, bench, cap_mm)


def _lay_with_side(boxes: Sequence[Box], room: Rect, bench: Bench, cap_mm: float) -> list[Box]:
    """Quiet tiles stand in a column of their own, in smaller words."""
    quiet = [box for box in boxes if box.tone is Tone.QUIET]
    main = [box for box in boxes if box.tone is not Tone.QUIET]
    if not quiet or len(main) < 2 or room.width < bench.mm(SIDE_LEAST_ROOM_MM):
        return []
    column, rest = room.cut_right(bench.mm(SIDE_MM), bench.gap)
    cells = _cells(column, 1, len(quiet), bench)
    laid = _lay_evenly(main, rest, bench, cap_mm)
    places = (Place.ABOVE, Place.BEFORE)
    side = [
        bench.fitted(replace(box, rect=cell, role=Role.BUTTON), bench.note_caps(), places)
        for box, cell in zip(quiet, cells, strict=False)
    ]
    if not cells or not laid or not all(bench.fits(box) for box in side):
        return []
    return [*laid, *(bench.target(box) for box in side)]


def _lay_evenly(boxes: Sequence[Box], room: Rect, bench: Bench, cap_mm: float) -> list[Box]:
    """Rows of equal tiles, fewest rows first, pictures above words where there is height for it; empty: no way."""
    # A tall room is read downwards: few answers stand in a list there.
    listed = room.height > room.width * LIST_SHARE and len(boxes) <= LIST_MOST
    for rows in range(len(boxes), 0, -1) if listed else range(1, len(boxes) + 1):
        columns = -(-len(boxes) // rows)
        if columns * (rows - 1) >= len(boxes):
            continue
        for place in (Place.ABOVE, Place.BEFORE):
            cells = _cells(room, columns, rows, bench)
            laid = [
                replace(box, rect=cell, cap_mm=cap_mm, place=place) for box, cell in zip(boxes, cells, strict=False)
            ]
            if cells and all(bench.fits(box) for box in laid):
                return [bench.target(box) for box in laid]
    return []


def _cells(room: Rect, columns: int, rows: int, bench: Bench) -> list[Rect]:
    """Cells no larger than is calm; empty when they would be smaller than a target."""
    gap, target = bench.gap, bench.mm(TARGET_MM)
    height = min(room.height - gap, rows * (bench.mm(TILE_MOST_MM) + gap) - gap)
    width = min(room.width, columns * (bench.mm(TILE_WIDEST_MM) + gap) - gap)
    if (height + gap) // rows < target or (width + gap) // columns - gap < target:
        return []
    return Rect(room.left, room.top, width, height).grid(columns, rows, gap)
