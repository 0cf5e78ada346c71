"""Home: the quiet page, and the alert list whose first line is read in five seconds by somebody who is tired."""

from __future__ import annotations

from firmware.messages import NO_ID, Stage, Urgency
from kiosk.screen.fitting import PADDING_MM
from kiosk.screen.layout import Align, Place, Rect, Role, Tone
from kiosk.screen.text import line_height
from kiosk.staff.canvas import Canvas, age_words, duty_words
from kiosk.staff.scenes import Alerts, Foot, Quiet, Row
from kiosk.staff.stories import GO_QUIETLY
from kiosk.staff.view_phones import lessons_words

# The right column of the card: urgency, age and state under one another.
RIGHT_PERCENT = 40
TONES = {Urgency.NOW: Tone.URGENT, Urgency.TODAY: Tone.CALM, Urgency.INFORMATION: Tone.PLAIN}


def quiet(canvas: Canvas, scene: Quiet) -> None:
    """Nothing waits: the time, who is here, and whether every kiosk is heard."""
    above, below = canvas.foot(canvas.bar(scene.top, "Quietbell"))
    caps = (9.0, 5.0, 5.0, 4.6 if scene.lessons else 0.0, 3.8 if scene.first_trouble else 0.0)
    title, duty, kiosks, phones, trouble = _stacked(canvas, above, caps)
    canvas.text("calm", title, "Nothing is waiting.", 9.0, bold=True, align=Align.CENTRE, role=Role.TITLE)
    canvas.text("calm-duty", duty, duty_words(scene.top.duty), 5.0, align=Align.CENTRE)
    canvas.text("calm-kiosks", kiosks, _kiosk_words(scene.kiosks_heard, scene.kiosks), 5.0, align=Align.CENTRE)
    if scene.lessons:
        canvas.text("calm-phones", phones, lessons_words(scene.lessons), 4.6, align=Align.CENTRE)
    if scene.first_trouble:
        canvas.text("calm-trouble", trouble, scene.first_trouble, 3.8, tone=Tone.TROUBLE, align=Align.CENTRE)
    _foot(canvas, below, scene.foot, rows_elsewhere=0)


def alerts(canvas: Canvas, scene: Alerts) -> None:
    """One line large, what can be said of it, the others below."""
    room = canvas.bar(scene.top, "Private: only you see these" if scene.private else "")
    above, below = canvas.foot(room)
    if not scene.rows:
        canvas.text("calm", above, "Nothing private is waiting.", 7.0, align=Align.CENTRE, role=Role.TITLE)
        _foot(canvas, below, scene.foot, rows_elsewhere=0, back=True)
        return
    others = [row for number, row in enumerate(scene.rows) if number != scene.focus]
    if canvas.tall:
        card, rest = above.cut_top(canvas.mm(34), canvas.gap)
        buttons, list_room = rest.cut_top(canvas.target, canvas.reach)
        _list(canvas, list_room, others, scene.first)
        _foot(canvas, below, scene.foot, rows_elsewhere=len(scene.rows), back=scene.private)
    else:
        buttons, card = above.cut_bottom(canvas.target, canvas.gap)
        spare = _foot(canvas, below, scene.foot, rows_elsewhere=len(others), back=scene.private)
        _list(canvas, spare, others, scene.first)
    _card(canvas, card, scene.rows[scene.focus])
    _answers(canvas, buttons, scene.rows[scene.focus], signed_in=scene.foot.signed_in)


def _stacked(canvas: Canvas, room: Rect, caps_mm: tuple[float, ...]) -> list[Rect]:
    """Lines of these sizes, together in the middle of the room."""
    heights = [line_height(canvas.cap_px(cap)) + canvas.gap if cap else 0 for cap in caps_mm]
    scale = min(1.0, room.height / sum(heights))
    top = room.top + max(0, (room.height - round(sum(heights) * scale)) // 2)
    rects = []
    for height in heights:
        rects.append(Rect(room.left, top, room.width, int(height * scale)))
        top += int(height * scale)
    return rects


def _card(canvas: Canvas, rect: Rect, row: Row) -> None:
    """Room, place, urgency, age, interpreter, how to go, and how far it is."""
    line, tone = row.line, TONES[row.line.urgency]
    canvas.panel("card", rect, tone)
    inner = rect.inset(canvas.mm(2.0))
    first, rest = inner.cut_top(inner.height * 44 // 100)
    second, third = rest.cut_top(rest.height * 54 // 100)
    urgency, room = first.cut_right(first.width * RIGHT_PERCENT // 100, 2 * canvas.gap)
    canvas.text("room", room, line.room or "Where: read it", 7.4, bold=True, tone=tone, role=Role.TITLE)
    words = f"{line.words} ×{line.folded}" if line.folded > 1 else line.words
    canvas.text("urgency", urgency, words, 7.0, bold=True, tone=tone, role=Role.TITLE)
    age, place = second.cut_right(second.width * RIGHT_PERCENT // 100, canvas.gap)
    canvas.text("age", age, _age_words(row), 5.4, bold=True, tone=tone)
    canvas.text("place", place, _place_words(row), 4.4, tone=tone)
    state, how = third.cut_right(third.width * RIGHT_PERCENT // 100, canvas.gap)
    canvas.text("how", how, _how_words(row), 3.8, tone=tone)
    canvas.text("state", state, state_words(row), 3.8, tone=tone)


def _answers(canvas: Canvas, rect: Rect, row: Row, *, signed_in: bool) -> None:
    state = row.line.state
    noticed = state.stage is not Stage.STORED and state.stage is not Stage.DISPLAYED
    going_next = not state.answered or row.raised_again
    choices = [
        ("have-it", "I have it", "bell", Tone.PLAIN, noticed and not row.raised_again),
        ("going", "I'm going", "send", Tone.PRIMARY if going_next and not state.going else Tone.PLAIN, state.going),
        (
            "with-them",
            "With them",
            "friends",
            Tone.PRIMARY if state.going and not state.with_them else Tone.PLAIN,
            state.with_them,
        ),
        ("pass-on", "Pass on", "telephone", Tone.PLAIN, False),
    ]
    if signed_in:
        choices.append(("story", "Read", "book", Tone.PRIMARY if state.with_them else Tone.PLAIN, False))
    cells = rect.columns(len(choices), canvas.gap)
    for (id, text, picture, tone, chosen), cell in zip(choices, cells, strict=True):
        canvas.button(id, cell, text, picture=picture, tone=tone, chosen=chosen, cap_mm=3.8)


def _list(canvas: Canvas, room: Rect, others: list[Row], first: int) -> None:
    """The other lines as tiles; more of them than fit turn over by touch."""
    columns = max(1, room.width // canvas.mm(44 if canvas.tall else 34))
    rows = max(1, (room.height + canvas.reach) // (canvas.target + canvas.reach))
    cells = [
        cell
        for strip in _strips(room, rows, canvas.target, canvas.reach)
        for cell in strip.columns(columns, canvas.gap)
    ]
    shown, more = others, 0
    if len(others) > len(cells):
        start = first % len(others)
        turned = others[start:] + others[:start]
        shown = turned[: len(cells) - 1]
        more = len(others) - len(shown)
    for row, cell in zip(shown, cells, strict=False):
        _tile(canvas, cell, row)
    if more:
        canvas.button("next", cells[-1], f"{more} more", tone=Tone.QUIET, cap_mm=4.0)


def _strips(room: Rect, rows: int, height: int, gap: int) -> list[Rect]:
    return [Rect(room.left, room.top + number * (height + gap), room.width, height) for number in range(rows)]


def _tile(canvas: Canvas, cell: Rect, row: Row) -> None:
    count = f" ×{row.line.folded}" if row.line.folded > 1 else ""
    mark = "answered, " if row.line.state.answered and not row.raised_again else ""
    room = canvas.one_line(row.line.room or "Private", cell.width - 2 * canvas.mm(PADDING_MM), 3.4)
    text = f"{room}\n{row.line.words.capitalize()}{count}\n{mark}{age_words(row.age_ms)}"
    canvas.button(f"line:{row.line.report.hex()}", cell, text, tone=TONES[row.line.urgency], cap_mm=3.4)


def _foot(canvas: Canvas, rect: Rect, foot: Foot, *, rows_elsewhere: int, back: bool = False) -> Rect:
    """Where else one can go; returns the room that is left beside it."""
    places: list[tuple[str, str, str, Tone]] = []
    if back:
        places.append(("home", "Back", "back", Tone.QUIET))
    places.append(
        ("lock", "Lock", "padlock", Tone.QUIET) if foot.signed_in else ("unlock", "Sign in", "key", Tone.QUIET)
    )
    tone = Tone.TROUBLE if foot.troubles else Tone.QUIET
    places.append(("page:trouble", f"Trouble: {foot.troubles}" if foot.troubles else "No trouble", "wifi", tone))
    places.append(("page:duty", "Duty", "moon", Tone.QUIET))
    crowded = bool(rows_elsewhere) and not canvas.tall
    if foot.phones and not crowded and not back:
        # Beside a list of alerts there is no room to spare: there the way leads over "Duty".
        places.append(("page:phones", "Phones", "phone", Tone.QUIET))
    if foot.private and not back:
        places.append(("page:private", f"Private: {foot.private}", "shield", Tone.CALM))
    width = canvas.mm(20.4) + 1 if crowded else (rect.width - canvas.gap * (len(places) - 1)) // len(places)
    for number, (id, text, picture, tone) in enumerate(places):
        cell = Rect(rect.left + number * (width + canvas.gap), rect.top, width, rect.height)
        place = Place.ABOVE
        canvas.button(id, cell, text, picture=picture, tone=tone, cap_mm=3.2 if crowded else 4.0, place=place)
    used = len(places) * (width + canvas.gap)
    return Rect(rect.left + used, rect.top, max(0, rect.width - used), rect.height)


def _place_words(row: Row) -> str:
    """The interpreter stands first: a long place may be cut short, a language may not."""
    interpreter = f"Interpreter: {row.line.interpreter}" if row.line.interpreter else ""
    unknown = "Ask where" if interpreter else "Place not known: ask where"
    place = unknown if row.line.from_phone else row.line.place
    return " · ".join(part for part in (interpreter, place) if part)


def _how_words(row: Row) -> str:
    if row.line.copied:
        return "Two reports came as one. Check both."
    if row.line.from_phone:
        return "Asked to take back: still check." if row.line.taken_back else "Read it: it may say where to meet."
    return "Asked to take back: still check. Go quietly." if row.line.taken_back else GO_QUIETLY


def _age_words(row: Row) -> str:
    added = f" · {row.line.additions} added" if row.line.additions else ""
    return age_words(row.age_ms) + added


def state_words(row: Row) -> str:
    """How far it is, and who said so."""
    state = row.line.state
    if row.raised_again:
        return "Nobody with them yet!"
    if state.answered:
        with_them = "with them" if state.with_them else "answered"
        return f"{row.answered_by}: {with_them}" if state.acknowledged_by != NO_ID else with_them.capitalize()
    if state.going:
        return "Somebody said: I'm going"
    if state.noticed_ms is not None:
        return "“I have it” was pressed"
    return "Waiting since a day" if row.overdue else "No answer yet"


def _kiosk_words(heard: int, kiosks: int) -> str:
    if kiosks == 0:
        return "No kiosk is registered yet"
    if heard == kiosks:
        return "The kiosk is well" if kiosks == 1 else f"All {kiosks} kiosks are well"
    return f"{heard} of {kiosks} kiosks are heard"
