"""The desk's own state: trouble with its remedy, and whether the office is attended."""

from __future__ import annotations

from firmware.trouble import TroubleLine
from kiosk.screen.layout import Align, Place, Rect, Role, Tone
from kiosk.staff.canvas import Canvas, age_words, duty_words
from kiosk.staff.scenes import DutyChoice, Troubles

AWAY_MINUTES = (15, 30, 60)


def troubles(canvas: Canvas, scene: Troubles) -> None:
    """What is wrong, since when, and what to do: worst and oldest first."""
    above, below = canvas.foot(canvas.bar(scene.top, "Trouble"))
    if not scene.lines:
        canvas.text("none", above, "No trouble.", 7.0, bold=True, align=Align.CENTRE, role=Role.TITLE)
    per_page = max(1, (above.height + canvas.reach) // (canvas.target + canvas.reach))
    pages = max(1, -(-len(scene.lines) // per_page))
    start = (scene.page % pages) * per_page
    for number, line in enumerate(scene.lines[start : start + per_page]):
        strip = above.rows(per_page, canvas.reach)[number]
        _line(canvas, strip, line, scene.now_ms, number)
    back, rest = below.cut_left(canvas.mm(32), canvas.gap)
    canvas.button("home", back, "Back", picture="back", tone=Tone.QUIET)
    if pages > 1:
        more = rest.cut_right(canvas.mm(32), canvas.gap)[0]
        canvas.button("next", more, f"Page {scene.page % pages + 1} of {pages}", picture="more", tone=Tone.QUIET)


def _line(canvas: Canvas, strip: Rect, line: TroubleLine, now_ms: int, number: int) -> None:
    room = strip
    if line.passing:
        seen, room = strip.cut_right(canvas.mm(24), canvas.gap)
        canvas.button(f"seen:{line.ids[0]}", seen, "Seen", picture="yes", tone=Tone.QUIET, cap_mm=3.6)
    canvas.panel(f"trouble-{number}", room, Tone.TROUBLE)
    inner = room.inset(canvas.mm(1.2))
    age, words = inner.cut_right(canvas.mm(26), canvas.gap)
    sentence, remedy = words.rows(2)
    canvas.text(f"sentence-{number}", sentence, line.sentence, 4.0, bold=True, tone=Tone.TROUBLE)
    canvas.text(f"remedy-{number}", remedy, line.remedy, 3.6, tone=Tone.TROUBLE)
    canvas.text(f"since-{number}", age, age_words(max(0, now_ms - line.since_ms)), 3.6, tone=Tone.TROUBLE)


def duty_choice(canvas: Canvas, scene: DutyChoice) -> None:
    """Who is here. Kiosks tell learners within seconds, so it must be true."""
    above, below = canvas.foot(canvas.bar(scene.top, "Is somebody here?"))
    first, second = above.rows(2, canvas.reach)
    now, attend = first.cut_right(first.width * 48 // 100, canvas.mm(4))
    words = f"{duty_words(scene.top.duty)}.\nKiosks say so to learners."
    canvas.text("duty-now", attend, words, 5.0)
    canvas.button("duty-on", now, "Office attended", picture="me", tone=Tone.PRIMARY, cap_mm=4.8, place=Place.BEFORE)
    cells = second.columns(len(AWAY_MINUTES) + 1, canvas.gap)
    for minutes, cell in zip(AWAY_MINUTES, cells, strict=False):
        text = f"Leaving, back in {minutes} min" if minutes < 60 else "Leaving, back in 1 hour"
        canvas.button(f"duty-away:{minutes}", cell, text, cap_mm=4.2)
    canvas.button("duty-day", cells[-1], "Leaving for today", cap_mm=4.2)
    back, rest = below.cut_left(canvas.mm(32), canvas.gap)
    canvas.button("home", back, "Back", picture="back", tone=Tone.QUIET)
    if scene.phones:
        phones = rest.cut_right(canvas.mm(40))[0]
        canvas.button("page:phones", phones, "Phones (BYOD)", picture="phone", tone=Tone.QUIET)
