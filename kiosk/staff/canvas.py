"""A sheet on which the desk's views put boxes: millimetres in, words fitted to their room, one bar and one foot.

Owns sizes that every desk scene shares. Words never overflow: they are set as large as asked and as the room allows,
and only words of unbounded length (a room's name, a reason) are cut short, with a sign that they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from firmware.messages import Duty, DutyState
from kiosk.screen.fitting import fits
from kiosk.screen.layout import (
    NOTE_CAP_MM,
    TARGET_MM,
    Align,
    Box,
    Display,
    Place,
    Rect,
    Role,
    Tone,
)
from kiosk.screen.text import Typesetter
from kiosk.staff.scenes import Top

MARGIN_MM = 2.5
GAP_MM = 1.5
# Below a touchable box, so that a finger that lands low still counts and never counts for the box below.
REACH_MM = 2.6
BAR_MM = 10.4
# A monitor stands farther away than a panel: there everything grows with its height.
TALL_FROM_MM = 120.0
CAP_STEP_MM = 0.2


@dataclass(slots=True)
class Canvas:
    """Collects boxes for one display."""

    display: Display
    typesetter: Typesetter
    boxes: list[Box] = field(default_factory=list)

    @property
    def tall(self) -> bool:
        """A monitor rather than the small panel."""
        return self.display.height_mm > TALL_FROM_MM

    @property
    def zoom(self) -> float:
        """How much larger than on the small panel everything is made."""
        return max(1.0, self.display.height_mm / TALL_FROM_MM)

    @property
    def page(self) -> Rect:
        return self.display.rect.inset(self.mm(MARGIN_MM))

    @property
    def gap(self) -> int:
        return self.mm(GAP_MM)

    @property
    def reach(self) -> int:
        return self.mm(REACH_MM)

    @property
    def target(self) -> int:
        """Height of a row of things to touch."""
        return self.mm(TARGET_MM) + 1

    def mm(self, millimetres: float) -> int:
        return self.display.mm(millimetres * self.zoom)

    def cap(self, cap_mm: float) -> float:
        """A cap height as it is set on this display, in its real millimetres."""
        return cap_mm * self.display.text_scale * self.zoom

    def cap_px(self, cap_mm: float) -> int:
        return self.display.mm(self.cap(cap_mm))

    def one_line(self, text: str, width: int, cap_mm: float) -> str:
        """Cut short what does not fit on one line."""
        if self.typesetter.width(text, self.cap_px(cap_mm)) <= width:
            return text
        cap_px, most = self.cap_px(cap_mm), len(text)
        while most and self.typesetter.width(_shortened(text, most), cap_px) > width:
            most -= 1
        return _shortened(text, most)

    def put(self, box: Box, cap_mm: float, *, least_mm: float = NOTE_CAP_MM) -> Box:
        """Add a box with its words as large as asked and as its room allows."""
        cap = self.cap(cap_mm)
        fitted = replace(box, cap_mm=cap)
        while cap > least_mm and not fits(fitted, self.display, self.typesetter):
            cap = max(least_mm, cap - CAP_STEP_MM)
            fitted = replace(box, cap_mm=cap)
        if not fits(fitted, self.display, self.typesetter):
            fitted = self._cut_short(fitted)
        self.boxes.append(fitted)
        return fitted

    def text(
        self,
        id: str,
        rect: Rect,
        text: str,
        cap_mm: float,
        *,
        bold: bool = False,
        tone: Tone = Tone.PLAIN,
        align: Align = Align.START,
        role: Role = Role.TEXT,
    ) -> Box:
        """Words without a ground."""
        return self.put(Box(id, rect, role, text, tone=tone, bold=bold, align=align), cap_mm)

    def line(
        self, id: str, rect: Rect, text: str, cap_mm: float, *, bold: bool = False, tone: Tone = Tone.PLAIN
    ) -> Box:
        """Words in the middle of the height of their room, whatever size they were set in."""
        box = self.text(id, rect, text, cap_mm, bold=bold, tone=tone, role=Role.TITLE if bold else Role.TEXT)
        high = self.typesetter.height(box.text, rect.width, self.display.mm(box.cap_mm), bold)
        spare = max(0, rect.height - high) // 2
        self.boxes[-1] = replace(box, rect=Rect(rect.left, rect.top + spare, rect.width, rect.height - spare))
        return self.boxes[-1]

    def panel(self, id: str, rect: Rect, tone: Tone) -> Box:
        box = Box(id, rect, Role.PANEL, tone=tone)
        self.boxes.append(box)
        return box

    def button(
        self,
        id: str,
        rect: Rect,
        text: str,
        *,
        picture: str = "",
        tone: Tone = Tone.PLAIN,
        cap_mm: float = 4.0,
        enabled: bool = True,
        chosen: bool = False,
        place: Place = Place.ABOVE,
        align: Align = Align.CENTRE,
        bold: bool = False,
    ) -> Box:
        """Something to touch: at least 20 mm each way, its hit area reaching a little below."""
        hit = Rect(rect.left, rect.top, rect.width, min(rect.height + self.reach, self.display.height_px - rect.top))
        return self.put(
            Box(
                id,
                rect,
                Role.BUTTON,
                text,
                hit=hit if enabled else None,
                speech=text.replace("\n", ", "),
                picture=picture,
                tone=tone if enabled else Tone.QUIET,
                enabled=enabled,
                chosen=chosen,
                place=place,
                align=align,
                bold=bold,
            ),
            cap_mm,
        )

    def bar(self, top: Top, title: str = "") -> Rect:
        """The line at the top; returns the room below it."""
        bar, rest = self.page.cut_top(self.mm(BAR_MM), self.gap)
        time, middle = bar.cut_left(self.mm(20), self.gap)
        self.line("time", time, top.time, 5.2, bold=True)
        if top.notice:
            self.panel("notice-ground", middle, Tone.PRIMARY)
            room = middle.inset(self.mm(0.4)).cut_left(self.mm(1.6))[1]
            self.line("notice", room, top.notice, 3.8, tone=Tone.PRIMARY)
        elif top.danger:
            danger, words = middle.cut_right(middle.width * 52 // 100, self.gap)
            self.panel("danger-ground", danger, Tone.URGENT)
            room = danger.inset(self.mm(0.4)).cut_left(self.mm(1.6))[1]
            self.line("danger", room, top.danger, 4.4, bold=True, tone=Tone.URGENT)
            self.line("title", words, title, 4.6, bold=True)
        else:
            self._bar_words(middle, top, title)
        return rest

    def foot(self, room: Rect) -> tuple[Rect, Rect]:
        """(what is left above, the row of things to touch at the bottom)."""
        below, above = room.cut_bottom(self.target, self.reach)
        return above, below

    def _bar_words(self, room: Rect, top: Top, title: str) -> None:
        reader = f"Signed in: {top.reader}" if top.reader else "Locked"
        needs = self.typesetter.width(reader, self.cap_px(3.6)) + 1
        who, words = room.cut_right(min(needs, room.width * 4 // 10), self.gap)
        if title:
            self.line("title", words, title, 4.6, bold=True)
        else:
            self.line("duty", words, duty_words(top.duty), 4.0)
        self.line("who", who, reader, 3.6)

    def _cut_short(self, box: Box) -> Box:
        """Words of unbounded length at the least size: as many as fit, and "…"."""
        least, most = 0, len(box.text)
        while least < most:
            middle = (least + most + 1) // 2
            if fits(replace(box, text=_shortened(box.text, middle)), self.display, self.typesetter):
                least = middle
            else:
                most = middle - 1
        return replace(box, text=_shortened(box.text, least))


def duty_words(duty: Duty) -> str:
    """What kiosks say now of this office."""
    until = f" until {duty.until}" if duty.until else ""
    if duty.state is DutyState.ON:
        return f"Office attended{until}"
    if duty.state is DutyState.OFF:
        return f"Nobody on duty{until}"
    return "Duty not known"


def age_words(age_ms: int) -> str:
    """ "0:18 ago", "12:05 ago", "3 h ago", "2 days ago"."""
    seconds = age_ms // 1000
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d} ago"
    hours = seconds // 3600
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"


def _shortened(text: str, characters: int) -> str:
    return text if characters >= len(text) else text[:characters].rstrip() + "…"
