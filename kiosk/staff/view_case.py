"""A case, for a reader who is signed in: the story, what to do and not to do, and closing it."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.screen import keyboard
from kiosk.screen.fitting import PADDING_MM
from kiosk.screen.keyboard import KeyboardWords
from kiosk.screen.layout import Align, Box, Rect, Role, Tone
from kiosk.screen.text import face_of, line_height, pitch
from kiosk.staff.canvas import Canvas, age_words
from kiosk.staff.cases import OUTCOME_WORDS, Outcome, Proposal
from kiosk.staff.scenes import Closing, Row, StoryPage
from kiosk.staff.stories import StoryView
from kiosk.staff.view_home import TONES, state_words

WORDS_CAP_MM = 4.8
FACTS_CAP_MM = 3.6
FACTS_PERCENT = 56
TITLE_MM = 11.0


def story(canvas: Canvas, scene: StoryPage) -> None:
    """Facts and guidance first; their own words on the next pages, large."""
    above, below = canvas.foot(canvas.bar(scene.top, heading(scene.row)))
    if scene.view is None:
        _not_for_you(canvas, above)
        _story_buttons(canvas, below, scene, 1, 0)
        return
    facts = _packed(canvas, _fact_room(canvas, above), _fact_lines(scene.view, scene.row), FACTS_CAP_MM)
    words = _in_pieces(canvas, _ground(canvas, above), scene.view.words, WORDS_CAP_MM)
    pages = [*facts[1:], *words]
    before = 1 if scene.proposal is None else 2
    page = scene.page % (before + len(pages))
    if scene.proposal is not None and page == 0:
        _proposal(canvas, above, scene.proposal, scene)
    elif page == before - 1:
        _facts(canvas, above, scene.view, scene.row, facts[0])
    else:
        canvas.panel("words-ground", above, Tone.PLAIN)
        canvas.text("words", _ground(canvas, above), pages[page - before], WORDS_CAP_MM)
    _story_buttons(canvas, below, scene, before + len(pages), page)


def closing(canvas: Canvas, scene: Closing) -> None:
    """First the outcome, then the reason."""
    title = "Close: what was it?" if scene.outcome is None else f"Close: {OUTCOME_WORDS[scene.outcome]}. Why?"
    room = canvas.bar(scene.top, title)
    if scene.outcome is None:
        _outcomes(canvas, room, scene)
    else:
        _reason(canvas, room, scene)


def heading(row: Row) -> str:
    """Which case this is."""
    return f"{row.line.room} · {row.line.words.capitalize()} · {age_words(row.age_ms)}"


def _facts(canvas: Canvas, room: Rect, view: StoryView, row: Row, facts: str) -> None:
    left, right = room.cut_left(room.width * FACTS_PERCENT // 100, canvas.gap)
    title, _ = left.cut_top(canvas.mm(TITLE_MM), canvas.gap)
    canvas.text("category", title, view.category_words, 5.4, bold=True, role=Role.TITLE)
    canvas.text("facts", _fact_room(canvas, room), facts, FACTS_CAP_MM)
    canvas.put(Box("guidance", right, Role.FIELD, "\n".join(view.guidance), tone=TONES[row.line.urgency]), 4.2)


def _fact_room(canvas: Canvas, room: Rect) -> Rect:
    left, _ = room.cut_left(room.width * FACTS_PERCENT // 100, canvas.gap)
    return left.cut_top(canvas.mm(TITLE_MM), canvas.gap)[1]


def _fact_lines(view: StoryView, row: Row) -> list[str]:
    lines = [f"{fact.label}: {fact.value}" for fact in view.facts] + [f"Now: {state_words(row)}"]
    return [*lines, f"{view.unopened} more for other readers"] if view.unopened else lines


def _packed(canvas: Canvas, room: Rect, lines: Sequence[str], cap_mm: float) -> list[str]:
    """Whole lines on as many pages as they need."""
    pages, cap_px = [lines[0]], canvas.cap_px(cap_mm)
    for line in lines[1:]:
        longer = f"{pages[-1]}\n{line}"
        if canvas.typesetter.fits(longer, room.width, room.height, cap_px):
            pages[-1] = longer
        else:
            pages.append(line)
    return pages


def _ground(canvas: Canvas, room: Rect) -> Rect:
    return room.inset(canvas.mm(2.5))


def _in_pieces(canvas: Canvas, room: Rect, texts: Sequence[str], cap_mm: float) -> list[str]:
    """Text in pieces that fit the room at this size, so that no word of a case is ever cut off."""
    cap_px = canvas.cap_px(cap_mm)
    lines = [line for text in texts for line in (*canvas.typesetter.wrap(text, room.width, cap_px), "")][:-1]
    face = face_of("".join(texts))
    per_page = max(1, (room.height - line_height(cap_px, face)) // pitch(cap_px, face) + 1)
    return ["\n".join(lines[start : start + per_page]).strip("\n") for start in range(0, len(lines), per_page)]


def _not_for_you(canvas: Canvas, room: Rect) -> None:
    first, second = room.rows(2, canvas.gap)
    canvas.text("shut", first, "This is for other readers.", 7.0, bold=True, align=Align.CENTRE, role=Role.TITLE)
    words = "Your keys do not open it. You can still go, be with them, or pass it on."
    canvas.text("shut-why", second, words, 4.8, align=Align.CENTRE)


def _proposal(canvas: Canvas, room: Rect, proposal: Proposal, scene: StoryPage) -> None:
    panel = canvas.panel("proposal-ground", room, Tone.CALM)
    inner = panel.rect.inset(canvas.mm(2.0))
    title, rest = inner.cut_top(canvas.mm(10), canvas.gap)
    who = "You want" if scene.own_proposal else f"{scene.proposer} wants"
    words = f"{who} to close this: {OUTCOME_WORDS[proposal.outcome]}"
    canvas.text("proposal", title, words, 5.0, bold=True, tone=Tone.CALM, role=Role.TITLE)
    canvas.text("proposal-reason", rest, proposal.reason, 4.6, tone=Tone.CALM)


def _story_buttons(canvas: Canvas, rect: Rect, scene: StoryPage, pages: int, page: int) -> None:
    state = scene.row.line.state
    choices = [("home", "Back", "back", Tone.QUIET, True)]
    if pages > 1:
        choices.append(("next", f"More {page + 1}/{pages}", "more", Tone.QUIET, True))
    if not state.answered or scene.row.raised_again:
        choices.append(("going", "I'm going", "send", Tone.PRIMARY, True))
    if not state.with_them:
        tone = Tone.PRIMARY if state.answered else Tone.PLAIN
        choices.append(("with-them", "With them", "friends", tone, True))
    if scene.view is None:
        choices.append(("pass-on", "Pass on", "telephone", Tone.PLAIN, True))
    if scene.proposal is not None and not scene.own_proposal and page == 0:
        choices.append(("withdraw", "Keep it open", "no", Tone.PLAIN, True))
        choices.append(("confirm", "Close it", "done", Tone.PRIMARY, True))
    elif scene.view is not None:
        choices.append(("close", "Close…", "done", Tone.PLAIN, scene.proposal is None))
    cells = rect.columns(len(choices), canvas.gap)
    for (id, text, picture, tone, enabled), cell in zip(choices, cells, strict=True):
        canvas.button(id, cell, text, picture=picture, tone=tone, cap_mm=3.6, enabled=enabled)


def _outcomes(canvas: Canvas, room: Rect, scene: Closing) -> None:
    above, below = canvas.foot(room)
    for outcome, cell in zip(Outcome, above.grid(3, 2, canvas.reach), strict=True):
        canvas.button(f"outcome:{outcome.value}", cell, OUTCOME_WORDS[outcome], cap_mm=4.8)
    back, rest = below.cut_left(canvas.mm(32), canvas.gap)
    canvas.button("story", back, "Back", picture="back", tone=Tone.QUIET)
    if scene.two_needed:
        words = "Serious: another reader has to confirm before it is closed."
    else:
        words = "Judge what it was, not who said it. The learner never sees this."
    canvas.text("two", rest, words, 4.2)


def _reason(canvas: Canvas, room: Rect, scene: Closing) -> None:
    high = max(canvas.mm(keyboard.height_mm(canvas.display)) + 1, room.height // 2 if canvas.tall else 0)
    keys, above = room.cut_bottom(high, canvas.reach)
    side = canvas.mm(20.4) + 1
    back, rest = above.cut_left(side, canvas.gap)
    done, typed = rest.cut_right(side, canvas.gap)
    canvas.button("story", back, "Back", picture="back", tone=Tone.QUIET, cap_mm=3.4)
    words = _tail(canvas, typed, scene.reason) if scene.reason else "Write why, in a sentence. It is kept sealed."
    canvas.put(Box("reason", typed, Role.FIELD, words), 3.8)
    text = "Propose" if scene.two_needed else "Close"
    ready = bool(scene.reason.strip())
    canvas.button("close-now", done, text, picture="done", tone=Tone.PRIMARY, cap_mm=3.4, enabled=ready)
    canvas.boxes += keyboard.boxes(keys, canvas.display, scene.layer, KeyboardWords())


def _tail(canvas: Canvas, rect: Rect, reason: str) -> str:
    """The end of what was written: that is where the writer looks."""
    inner = rect.inset(canvas.display.mm(PADDING_MM) + 2)
    cap_px = canvas.cap_px(3.8)
    lines = canvas.typesetter.wrap(reason, inner.width, cap_px)
    fit = max(1, inner.height // pitch(cap_px, face_of(reason)))
    return "\n".join(lines[-fit:])
