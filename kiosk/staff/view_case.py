"""A case, for a reader who is signed in: the story, what to do and not to do, and closing it."""

from __future__ import annotations

from kiosk.screen import keyboard
from kiosk.screen.keyboard import KeyboardWords
from kiosk.screen.layout import Align, Box, Rect, Role, Tone
from kiosk.screen.text import pitch
from kiosk.staff.canvas import Canvas, age_words
from kiosk.staff.cases import OUTCOME_WORDS, Outcome
from kiosk.staff.scenes import Closing, Row, StoryPage
from kiosk.staff.stories import StoryView
from kiosk.staff.view_home import TONES, state_words

WORDS_CAP_MM = 4.8


def story(canvas: Canvas, scene: StoryPage) -> None:
    """Facts and guidance first; their own words on the next pages, large."""
    above, below = canvas.foot(canvas.bar(scene.top, heading(scene.row)))
    pages = _pages(canvas, above, scene)
    page = scene.page % pages
    if scene.view is None:
        _not_for_you(canvas, above)
    elif scene.proposal is not None and page == 0:
        _proposal(canvas, above, scene)
    elif page == (1 if scene.proposal is not None else 0):
        _facts(canvas, above, scene.view, scene.row)
    else:
        _words(canvas, above, scene.view, page - (2 if scene.proposal is not None else 1))
    _story_buttons(canvas, below, scene, pages, page)


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


def _facts(canvas: Canvas, room: Rect, view: StoryView, row: Row) -> None:
    left, right = room.cut_left(room.width * 56 // 100, canvas.gap)
    title, rest = left.cut_top(canvas.mm(16 if canvas.tall else 11), canvas.gap)
    canvas.text("category", title, view.category_words, 5.4, bold=True, role=Role.TITLE)
    lines = [f"{fact.label}: {fact.value}" for fact in view.facts] + [f"Now: {state_words(row)}"]
    if view.unopened:
        lines.append(f"{view.unopened} more for other readers")
    canvas.text("facts", rest, "\n".join(lines), 4.4)
    tone = TONES[row.line.urgency]
    canvas.put(Box("guidance", right, Role.FIELD, "\n".join(view.guidance), tone=tone), 4.2)


def _words(canvas: Canvas, room: Rect, view: StoryView, number: int) -> None:
    panel = canvas.panel("words-ground", room, Tone.PLAIN)
    inner = panel.rect.inset(canvas.mm(2.5))
    chunk = _chunks(canvas, room, view)[number]
    canvas.text("words", inner, chunk, WORDS_CAP_MM, align=Align.START)


def _chunks(canvas: Canvas, room: Rect, view: StoryView) -> list[str]:
    """The learner's words in pieces that fit a page at a size that is read from a metre."""
    inner = room.inset(canvas.mm(2.5))
    cap_px = canvas.mm(WORDS_CAP_MM * canvas.display.text_scale * (1.4 if canvas.tall else 1.0))
    lines = [line for words in view.words for line in (*canvas.typesetter.wrap(words, inner.width, cap_px), "")][:-1]
    per_page = max(1, inner.height // pitch(cap_px))
    return ["\n".join(lines[start : start + per_page]).strip("\n") for start in range(0, len(lines), per_page)]


def _pages(canvas: Canvas, room: Rect, scene: StoryPage) -> int:
    if scene.view is None:
        return 1
    return 1 + (scene.proposal is not None) + len(_chunks(canvas, room, scene.view))


def _not_for_you(canvas: Canvas, room: Rect) -> None:
    first, second = room.rows(2, canvas.gap)
    canvas.text("shut", first, "This is for other readers.", 7.0, bold=True, align=Align.CENTRE, role=Role.TITLE)
    words = "Your keys do not open it. You can still go, be with them, or pass it on."
    canvas.text("shut-why", second, words, 4.8, align=Align.CENTRE)


def _proposal(canvas: Canvas, room: Rect, scene: StoryPage) -> None:
    assert scene.proposal is not None
    panel = canvas.panel("proposal-ground", room, Tone.CALM)
    inner = panel.rect.inset(canvas.mm(2.0))
    title, rest = inner.cut_top(canvas.mm(16 if canvas.tall else 10), canvas.gap)
    who = "You want" if scene.own_proposal else f"{scene.proposer} wants"
    words = f"{who} to close this: {OUTCOME_WORDS[scene.proposal.outcome]}"
    canvas.text("proposal", title, words, 5.0, bold=True, tone=Tone.CALM, role=Role.TITLE)
    canvas.text("proposal-reason", rest, scene.proposal.reason, 4.6, tone=Tone.CALM)


def _story_buttons(canvas: Canvas, rect: Rect, scene: StoryPage, pages: int, page: int) -> None:
    state = scene.row.line.state
    choices = [("home", "Back", "back", Tone.QUIET, True)]
    if pages > 1:
        text = "Their words" if page + 1 < pages and page == pages - 2 else "Next page"
        choices.append(("next", f"{text} {page + 1}/{pages}", "more", Tone.QUIET, True))
    if not state.answered or scene.row.raised_again:
        choices.append(("going", "I'm going", "send", Tone.PRIMARY, True))
    if not state.with_them:
        tone = Tone.PRIMARY if state.answered else Tone.PLAIN
        choices.append(("with-them", "With them", "friends", tone, True))
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
    side = canvas.mm(26 if canvas.tall else 20.4) + 1
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
    inner = rect.inset(canvas.mm(1.4))
    cap_px = canvas.mm(3.8)
    lines = canvas.typesetter.wrap(reason, inner.width, cap_px)
    fit = max(1, inner.height // pitch(cap_px))
    return "\n".join(lines[-fit:])
