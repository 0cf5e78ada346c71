"""Spreading words and tiles over one part or several.

Wanted, in this order: everything on one part; the words on every part and the tiles shared out; words and tiles on
parts of their own. Words keep the wanted scale as long as that takes no more than a few parts, and never fall below
their smallest sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kiosk.learner.arrange import SHRINK, TITLE_GAP_MM, Bench, tile_parts
from kiosk.learner.blocks import Block
from kiosk.screen.fitting import padding_mm
from kiosk.screen.layout import NOTE_CAP_MM, PRIMARY_CAP_MM, TARGET_MM, Align, Box, Rect, Role, Tone
from kiosk.talk.truths import Sign

MOST_PARTS = 4
SIGN_MM = 4.6
CODE_SHARES = (1.4, 1.3, 1.2, 1.1, 1.0)
TILES_GAP_MM = 1.0
MORE_MM = 46.0


def spread(
    head: Sequence[Block],
    notes: Sequence[Block],
    options: Sequence[Box],
    more: Box,
    room: Rect,
    bench: Bench,
    *,
    notes_first: bool,
    last: Box | None = None,
) -> list[list[Box]]:
    """The parts of a page, each a list of placed boxes; never empty.

    `more` leads to the next part. `last` stands in its place beside the answers, when something follows this page.
    """
    tries: list[list[list[Box]]] = []
    for cap in bench.primary_caps():
        whole = _together(head, notes, options, more, room, bench, cap, last)
        if 0 < len(whole) <= MOST_PARTS:
            return whole
        apart = _apart(head, notes, options, more, room, bench, cap, notes_first, last)
        if 0 < len(apart) <= MOST_PARTS:
            return apart
        tries += [whole, apart]
    usable = [parts for parts in tries if parts]
    return min(usable, key=len) if usable else _anyhow(head, options, more, room, bench)


def _anyhow(head: Sequence[Block], options: Sequence[Box], more: Box, room: Rect, bench: Bench) -> list[list[Box]]:
    """Words far longer than any of ours: one answer to a part, cut off rather than missing, and touchable."""
    row, words = room.cut_bottom(room.height // 2)
    cells = replace(row, height=row.height - bench.gap).columns(2, bench.gap)
    asked = [
        replace(box, rect=replace(box.rect, height=min(box.rect.height, words.bottom - box.rect.top)))
        for box in stack(head, words, bench, PRIMARY_CAP_MM, NOTE_CAP_MM)
    ]
    return [
        asked
        + [bench.target(replace(box, rect=cell, cap_mm=PRIMARY_CAP_MM)) for box, cell in zip(pair, cells, strict=True)]
        for pair in ((option, more) for option in options)
    ] or [asked]


def stack(blocks: Sequence[Block], room: Rect, bench: Bench, cap_mm: float, note_mm: float) -> list[Box]:
    """Blocks from the top of the room; they may reach beyond its bottom: the caller measures."""
    boxes: list[Box] = []
    top = room.top
    for block in blocks:
        placed = _place(block, top, room, bench, cap_mm if block.primary else note_mm)
        boxes += placed
        top = max(box.rect.bottom for box in placed) + bench.mm(TITLE_GAP_MM)
    return boxes


def _together(
    head: Sequence[Block],
    notes: Sequence[Block],
    options: Sequence[Box],
    more: Box,
    room: Rect,
    bench: Bench,
    cap: float,
    last: Box | None,
) -> list[list[Box]]:
    """Words on every part. Fewest parts first, then the largest notes."""
    best: list[list[Box]] = []
    for note in bench.note_caps():
        words = stack([*head, *notes], room, bench, cap, note)
        below = _below(words, room, bench)
        if below.height < (bench.mm(TARGET_MM) if options else 0):
            continue
        laid = [[]] if not options else _answers(options, more, last, below, bench, cap)
        if laid and (not best or len(laid) < len(best)):
            best = [[*words, *part] for part in laid]
        if len(best) == 1:
            return best
        if not notes:
            break
    return best


def _apart(
    head: Sequence[Block],
    notes: Sequence[Block],
    options: Sequence[Box],
    more: Box,
    room: Rect,
    bench: Bench,
    cap: float,
    notes_first: bool,
    last: Box | None,
) -> list[list[Box]]:
    """Notes on parts of their own, the question with its answers on others."""
    asked = stack(head, room, bench, cap, cap)
    below = _below(asked, room, bench)
    answers = (
        tile_parts(options, last or more, below, bench, cap, always_more=True, more_first=last is not None)
        if options
        else []
    )
    told = _told(head, notes, more, room, bench, cap)
    if not answers or not told:
        return []
    asking = [[*asked, *part] for part in answers]
    return [*told, *asking] if notes_first else [*asking, *told]


def _answers(
    options: Sequence[Box], more: Box, last: Box | None, room: Rect, bench: Bench, cap: float
) -> list[list[Box]]:
    """`last` stands among the answers on every part: first when it is the main thing to do, at the end when it only
    leads on."""
    first = last is not None and last is not more
    return tile_parts(options, last or more, room, bench, cap, always_more=last is not None, more_first=first)


def _told(
    head: Sequence[Block], notes: Sequence[Block], more: Box, room: Rect, bench: Bench, cap: float
) -> list[list[Box]]:
    """Notes above a row that leads on, as large as fit; empty when one of them is higher than a part at any size."""
    row, words = room.cut_bottom(bench.mm(TARGET_MM), bench.mm(TILES_GAP_MM))
    row = Rect(row.right - min(row.width, bench.mm(MORE_MM)), row.top, min(row.width, bench.mm(MORE_MM)), row.height)
    lead_on = tile_parts([more], more, row, bench, cap)
    if not lead_on:
        return []
    for note_mm in bench.note_caps():
        made = [
            _with_head(head, part, words, bench, cap, note_mm)
            for part in _shared_out(notes, words, bench, cap, note_mm)
        ]
        if all(_bottom(part) <= words.bottom for part in made):
            return [[*part, *lead_on[0]] for part in made]
    return []


def _shared_out(notes: Sequence[Block], words: Rect, bench: Bench, cap: float, note_mm: float) -> list[list[Block]]:
    """As many notes to a part as there is room for."""
    parts: list[list[Block]] = []
    for block in notes:
        longer = [*parts[-1], block] if parts else [block]
        if parts and _bottom(stack(longer, words, bench, cap, note_mm)) <= words.bottom:
            parts[-1] = longer
        else:
            parts.append([block])
    return parts


def _with_head(
    head: Sequence[Block], part: Sequence[Block], words: Rect, bench: Bench, cap: float, note_mm: float
) -> list[Box]:
    """The question once more above its notes, where there is room."""
    whole = stack([*head, *part], words, bench, cap, note_mm)
    return whole if _bottom(whole) <= words.bottom else stack(part, words, bench, cap, note_mm)


def _below(words: Sequence[Box], room: Rect, bench: Bench) -> Rect:
    top = max((box.rect.bottom for box in words), default=room.top) + bench.mm(TILES_GAP_MM)
    return replace(room, top=top, height=max(0, room.bottom - top))


def _bottom(boxes: Sequence[Box]) -> int:
    return max((box.rect.bottom for box in boxes), default=0)


def _place(block: Block, top: int, room: Rect, bench: Bench, cap_mm: float) -> list[Box]:
    if block.panel:
        return [_panel(block, top, room, bench, cap_mm)]
    left = bench.mm(SIGN_MM * 1.5) if block.sign is not Sign.NONE else 0
    width = room.width - left
    cap_mm = _narrow_enough(block, width, bench, cap_mm)
    rect = Rect(room.left + left, top, width, bench.high(block.text, width, cap_mm, block.bold))
    role = Role.TITLE if block.bold else (Role.TEXT if block.primary else Role.NOTE)
    words = Box(block.id, rect, role, block.text, speech=block.text, cap_mm=cap_mm, bold=block.bold)
    return [*_sign(block, top, room, bench, cap_mm), words]


def _narrow_enough(block: Block, width: int, bench: Bench, cap_mm: float) -> float:
    """The largest size at which no word is wider than the room; a web address cannot be broken. The least when none
    is."""
    least = PRIMARY_CAP_MM if block.primary else NOTE_CAP_MM
    for share in SHRINK:
        cap = max(least, cap_mm * share)
        if bench.widest(block.text, width, cap, block.bold) <= width:
            return cap
    return least


def _sign(block: Block, top: int, room: Rect, bench: Bench, cap_mm: float) -> list[Box]:
    """The shape beside a truth, as high as its capitals."""
    if block.sign is Sign.NONE:
        return []
    side = bench.mm(SIGN_MM)
    drop = max(0, round(bench.mm(cap_mm) * 1.16) - side)
    return [Box("sign", Rect(room.left, top + drop, side, side), Role.DOT, picture=f"dot-{block.sign.value}")]


def _panel(block: Block, top: int, room: Rect, bench: Bench, cap_mm: float) -> Box:
    """Large words on a ground of their own: on one line when they can stand there, else larger on several."""
    padding = bench.mm(padding_mm(Role.PANEL))
    inner = room.width - 2 * padding
    caps = [cap_mm * share for share in CODE_SHARES]
    one_line = (cap for cap in caps if bench.typesetter.width(block.text, bench.mm(cap), block.bold) <= inner)
    wanted = next(one_line, caps[0])
    rect = Rect(room.left, top, room.width, bench.high(block.text, inner, wanted, block.bold) + 2 * padding)
    return Box(
        block.id,
        rect,
        Role.PANEL,
        block.text,
        speech=block.text,
        tone=Tone.CALM,
        cap_mm=wanted,
        bold=True,
        align=Align.CENTRE,
    )
