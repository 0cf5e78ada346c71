"""Views: a scene to boxes. One function for each scene; sizes and words that all share are in `canvas`."""

from __future__ import annotations

from kiosk.screen.layout import Box, Display, mirrored
from kiosk.screen.text import Typesetter
from kiosk.staff import view_case, view_home, view_phones, view_signin, view_status
from kiosk.staff.canvas import Canvas
from kiosk.staff.scenes import (
    Alerts,
    ChooseReader,
    Closing,
    DutyChoice,
    Passphrase,
    PhoneLesson,
    PhoneRooms,
    Pin,
    Quiet,
    Scene,
    StoryPage,
    Troubles,
)


def boxes(scene: Scene, display: Display, typesetter: Typesetter) -> list[Box]:
    """What stands where. Keyboards and digits never turn over."""
    canvas = Canvas(display, typesetter)
    match scene:
        case Quiet():
            view_home.quiet(canvas, scene)
        case Alerts():
            view_home.alerts(canvas, scene)
        case Troubles():
            view_status.troubles(canvas, scene)
        case DutyChoice():
            view_status.duty_choice(canvas, scene)
        case PhoneRooms():
            view_phones.rooms(canvas, scene)
        case PhoneLesson():
            view_phones.lesson(canvas, scene)
        case ChooseReader():
            view_signin.choose_reader(canvas, scene)
        case Passphrase():
            view_signin.passphrase(canvas, scene)
        case Pin():
            view_signin.pin(canvas, scene)
        case StoryPage():
            view_case.story(canvas, scene)
        case Closing():
            view_case.closing(canvas, scene)
    typed = isinstance(scene, Passphrase | Pin | Closing)
    return canvas.boxes if typed else mirrored(canvas.boxes, display)


def visible_reports(scene: Scene, drawn: list[Box]) -> frozenset[bytes]:
    """The reports that really stand on the screen: what `Desk.drawn` may call *displayed*."""
    if isinstance(scene, StoryPage):
        return frozenset(scene.row.line.reports)
    if not isinstance(scene, Alerts) or not scene.rows:
        return frozenset()
    ids = {box.id for box in drawn}
    rows = [row for row in scene.rows if f"line:{row.line.report.hex()}" in ids]
    if "card" in ids:
        rows.append(scene.rows[scene.focus])
    return frozenset(report for row in rows for report in row.line.reports)
