"""Signing in: choose your name, type your passphrase, or your PIN of this shift."""

from __future__ import annotations

from kiosk.screen import keyboard
from kiosk.screen.keyboard import KeyboardWords
from kiosk.screen.layout import Align, Box, Rect, Role, Tone
from kiosk.screen.text import line_height
from kiosk.staff.canvas import Canvas
from kiosk.staff.scenes import ChooseReader, Passphrase, Pin
from kiosk.staff.session import PIN_DIGITS

READERS_PER_ROW = 3


def choose_reader(canvas: Canvas, scene: ChooseReader) -> None:
    """Names as tiles; who is here this shift comes first."""
    above, below = canvas.foot(canvas.bar(scene.top, "Who are you?"))
    rows = max(1, (above.height + canvas.reach) // (canvas.target + canvas.reach))
    cells = [cell for strip in above.rows(rows, canvas.reach) for cell in strip.columns(READERS_PER_ROW, canvas.gap)]
    pages = max(1, -(-len(scene.readers) // len(cells)))
    start = (scene.page % pages) * len(cells)
    for reader, cell in zip(scene.readers[start : start + len(cells)], cells, strict=False):
        held = reader.id in scene.held
        canvas.button(
            f"reader:{reader.id.hex()}",
            cell,
            f"{reader.name}\n{'PIN' if held else 'passphrase'}",
            tone=Tone.CALM if held else Tone.PLAIN,
            cap_mm=4.4,
        )
    if not scene.readers:
        words = "No readers yet. Make them here with: quietbell reader new"
        canvas.text("none", above, words, 5.0, align=Align.CENTRE)
    back, rest = below.cut_left(canvas.mm(32), canvas.gap)
    canvas.button("home", back, "Back", picture="back", tone=Tone.QUIET)
    if pages > 1:
        canvas.button("next", rest.cut_right(canvas.mm(32))[0], "More names", picture="more", tone=Tone.QUIET)


def passphrase(canvas: Canvas, scene: Passphrase) -> None:
    """Six words or more, on the glass or on a real keyboard."""
    room = canvas.bar(scene.top, f"{scene.name}: your passphrase")
    high = max(canvas.mm(keyboard.height_mm(canvas.display)) + 1, room.height // 2 if canvas.tall else 0)
    keys, above = room.cut_bottom(high, canvas.reach)
    side = canvas.mm(20.4) + 1
    back, rest = above.cut_left(side, canvas.gap)
    opening, rest = rest.cut_right(side, canvas.gap)
    show, typed = rest.cut_right(side, canvas.gap)
    canvas.button("home", back, "Back", picture="back", tone=Tone.QUIET, cap_mm=3.4)
    _field(canvas, typed, scene)
    show_text = "Hide" if scene.shown else "Show"
    canvas.button("show", show, show_text, picture="hide" if scene.shown else "show", tone=Tone.QUIET, cap_mm=3.4)
    ready = scene.characters > 0 and not scene.busy
    canvas.button("open", opening, "Open", picture="key", tone=Tone.PRIMARY, cap_mm=3.4, enabled=ready)
    canvas.boxes += keyboard.boxes(keys, canvas.display, scene.layer, KeyboardWords())


def _field(canvas: Canvas, rect: Rect, scene: Passphrase) -> None:
    if scene.busy or not scene.characters:
        words = "Opening…" if scene.busy else "Type six words, with spaces between them."
        canvas.put(Box("field", rect, Role.FIELD, words, tone=Tone.PLAIN), 4.0)
        return
    canvas.boxes.append(
        Box(
            "field",
            rect,
            Role.FIELD,
            speech=f"{scene.characters} characters",
            cap_mm=canvas.cap(4.0),
            secret=scene.secret,
            secret_mark=scene.mark,
        )
    )


def pin(canvas: Canvas, scene: Pin) -> None:
    """Six digits. Two rows of keys, each at least 20 mm."""
    title = f"{scene.name}: choose six digits for this shift" if scene.setting else f"{scene.name}: your PIN"
    room = canvas.bar(scene.top, title)
    strips = room.rows(3, canvas.reach)
    other, dots = strips[0].cut_right(canvas.mm(46), canvas.gap)
    middle = dots.inset((dots.height - line_height(canvas.cap_px(9.0))) // 2)
    canvas.text("dots", middle, _dots(scene.digits), 9.0, bold=True, align=Align.CENTRE, role=Role.TITLE)
    if scene.setting:
        canvas.button("skip-pin", other, "Not now", picture="skip", tone=Tone.QUIET, cap_mm=3.6)
    else:
        canvas.button("use-passphrase", other, "Use passphrase", picture="keyboard", tone=Tone.QUIET, cap_mm=3.6)
    for digits, strip, last in (("12345", strips[1], "digit-back"), ("67890", strips[2], "home")):
        cells = strip.columns(6, canvas.gap)
        for digit, cell in zip(digits, cells, strict=False):
            canvas.button(f"digit:{digit}", cell, digit, cap_mm=8.0)
        text, picture = ("Delete", "delete") if last == "digit-back" else ("Back", "back")
        canvas.button(last, cells[-1], text, picture=picture, tone=Tone.QUIET, cap_mm=3.4)


def _dots(digits: int) -> str:
    return " ".join("•" * digits + "–" * (PIN_DIGITS - digits))
