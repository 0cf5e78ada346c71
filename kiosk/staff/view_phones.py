"""Phones (BYOD): where a lesson is open, by the kiosks' own words, and for how long to open one."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.screen.fitting import PADDING_MM
from kiosk.screen.layout import Rect, Role, Tone
from kiosk.screen.text import line_height
from kiosk.staff.canvas import Canvas, age_words
from kiosk.staff.phones import LESSON_MINUTES
from kiosk.staff.scenes import OpenLesson, PhoneLesson, PhoneLogLine, PhoneRooms, PhoneRow, PhoneState

LOG_PERCENT = 39
LOG_CAP_MM = 3.3
TILE_MM = 42.0
# Rooms by name on the quiet page before they become a number.
ROOMS_NAMED = 2
# A time of day says nothing of a day that is past.
CLOCK_SAYS_MS = 12 * 3_600_000
TONES = {
    PhoneState.OPEN: Tone.CALM,
    PhoneState.UNANSWERED: Tone.TROUBLE,
    PhoneState.FAILED: Tone.TROUBLE,
    PhoneState.SILENT: Tone.QUIET,
    PhoneState.ABSENT: Tone.QUIET,
}


def rooms(canvas: Canvas, scene: PhoneRooms) -> None:
    """All kiosks as tiles; beside them what was asked for here."""
    above, below = canvas.foot(canvas.bar(scene.top, "Phones (BYOD): open a lesson"))
    log, room = above.cut_right(above.width * LOG_PERCENT // 100, canvas.mm(2.5))
    pages = _tiles(canvas, room, scene.rows, scene.page)
    _log(canvas, log, scene.log)
    back, rest = below.cut_left(canvas.mm(32), canvas.gap)
    canvas.button("home", back, "Back", picture="back", tone=Tone.QUIET)
    if pages > 1:
        more = rest.cut_right(canvas.mm(32), canvas.gap)[0]
        canvas.button("next", more, f"Page {scene.page % pages + 1} of {pages}", picture="more", tone=Tone.QUIET)


def lesson(canvas: Canvas, scene: PhoneLesson) -> None:
    """What is true there, then how long."""
    row = scene.row
    above, below = canvas.foot(canvas.bar(scene.top, f"Phones: {row.room}"))
    choices, words = above.cut_bottom(canvas.target, canvas.gap)
    title, explained = words.cut_top(words.height * 42 // 100)
    canvas.line("phones-now", title, f"{_title(row)}.", 7.0, bold=True)
    canvas.line("phones-how", explained, "\n".join(_explained(row)), 4.8)
    waits = row.state in (PhoneState.ASKED, PhoneState.UNANSWERED)
    can_ask = row.state not in (PhoneState.SILENT, PhoneState.ABSENT)
    # What is asked for already stands there as chosen; something to begin with stands out.
    tone = Tone.PRIMARY if row.state in (PhoneState.CLOSED, PhoneState.FAILED) and not row.open else Tone.PLAIN
    for minutes, cell in zip(LESSON_MINUTES, choices.columns(len(LESSON_MINUTES), canvas.gap), strict=True):
        chosen = waits and row.minutes == minutes
        text = f"{minutes} min"
        canvas.button(f"lesson:{minutes}", cell, text, tone=tone, cap_mm=5.4, enabled=can_ask, chosen=chosen)
    back, rest = below.cut_left(canvas.mm(32), canvas.gap)
    canvas.button("home", back, "Back", picture="back", tone=Tone.QUIET)
    if row.open or waits:
        end, text = rest.cut_right(canvas.mm(40))[0], "End it now" if row.open else "Take it back"
        tone, ending = Tone.PRIMARY if row.state is PhoneState.OPEN else Tone.PLAIN, waits and not row.minutes
        canvas.button("lesson:0", end, text, picture="no", tone=tone, cap_mm=4.4, enabled=can_ask, chosen=ending)


def lessons_words(lessons: Sequence[OpenLesson]) -> str:
    """ "Phones: open in Room 12 until 11:40"."""
    if len(lessons) > ROOMS_NAMED:
        return f"Phones: open in {len(lessons)} rooms"
    return "Phones: open in " + ", in ".join(f"{each.room}{_until(each.until)}" for each in lessons)


def _tiles(canvas: Canvas, room: Rect, rows: Sequence[PhoneRow], page: int) -> int:
    """Returns how many pages there are."""
    if not rows:
        canvas.text("none", room, "No kiosk is heard.", 6.0, bold=True, role=Role.TITLE)
        return 1
    columns = max(1, room.width // canvas.mm(TILE_MM))
    strips = max(1, (room.height + canvas.reach) // (canvas.target + canvas.reach))
    cells = [
        cell
        for number in range(strips)
        for cell in Rect(
            room.left, room.top + number * (canvas.target + canvas.reach), room.width, canvas.target
        ).columns(columns, canvas.gap)
    ]
    pages = -(-len(rows) // len(cells))
    start = (page % pages) * len(cells)
    for row, cell in zip(rows[start : start + len(cells)], cells, strict=False):
        name = canvas.one_line(row.room, cell.width - 2 * canvas.mm(PADDING_MM), 4.0)
        text = f"{name}\n{_title(row)}"
        canvas.button(f"phones:{row.device.hex()}", cell, text, tone=TONES.get(row.state, Tone.PLAIN), cap_mm=4.0)
    return pages


def _log(canvas: Canvas, room: Rect, lines: Sequence[PhoneLogLine]) -> None:
    """What was asked for at this desk, the newest first; what is long stands last and may be cut short."""
    title, rest = room.cut_top(line_height(canvas.cap_px(4.2)), canvas.gap)
    if not lines:
        canvas.line("log-title", title, "Nothing asked here yet", 3.6)
        return
    canvas.line("log-title", title, "Asked at this desk", 4.2, bold=True)
    for number, (line, cell) in enumerate(zip(lines, rest.rows(5), strict=False)):
        canvas.line(f"log-{number}", cell, canvas.one_line(_logged(line), cell.width, LOG_CAP_MM), LOG_CAP_MM)


def _logged(line: PhoneLogLine) -> str:
    when = line.clock if line.age_ms < CLOCK_SAYS_MS else age_words(line.age_ms)
    return f"{when} · {f'{line.minutes} min' if line.minutes else 'End'} · {line.room}"


def _title(row: PhoneRow) -> str:
    """The truth in three words."""
    match row.state:
        case PhoneState.OPEN:
            return f"Open{_until(row.until)}"
        case PhoneState.ASKED:
            return f"Asked: {row.minutes} min" if row.minutes else "Asked to end"
        case PhoneState.UNANSWERED:
            return "No answer yet"
        case PhoneState.FAILED:
            return "Not ended" if not row.minutes else "Not changed" if row.open else "Not opened"
        case PhoneState.SILENT:
            return "Not heard now"
        case PhoneState.ABSENT:
            return "No Wi-Fi for phones"
        case _:
            return "No lesson open"


def _explained(row: PhoneRow) -> tuple[str, ...]:
    """One line, and a second one for what the kiosk itself said last."""
    said = (f"It says: open{_until(row.until)}.",) if row.open else ()
    match row.state:
        case PhoneState.OPEN:
            return ("It ends by itself. Another length counts from now.",)
        case PhoneState.ASKED:
            return ("Waiting for the kiosk to say that it is so.", *said)
        case PhoneState.UNANSWERED:
            return ("The kiosk may be off.", *said)
        case PhoneState.FAILED:
            return ("Ask again. If it stays so, tell the technician.", *said)
        case PhoneState.SILENT:
            last = f"Its last word: open{_until(row.until)}." if row.open else "Nothing can be asked of it."
            return (last, "Check its power and network.")
        case PhoneState.ABSENT:
            return ("This kiosk lets no phones on-line.", "Choose another.")
        case _:
            return ("Phones keep to the permitted times.", "For a lesson, open them for:")


def _until(until: str) -> str:
    return f" until {until}" if until else ""
