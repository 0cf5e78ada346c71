"""The desk's panel at work: fingers and keys in as desk events, the scene painted when it changes.

Owns no decision: `desk` says what a touch means, `views` what stands where. Says which reports really stand on the
screen, since only those may be called *displayed*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from firmware.clock import Moment
from kiosk.screen.layout import Box, Display, touched
from kiosk.screen.paint import Painter
from kiosk.screen.text import Typesetter
from kiosk.screen.window import KeyPressed, TextTyped, Touched, Window, WindowEvent
from kiosk.staff import events as ev
from kiosk.staff import views
from kiosk.staff.desk import Desk
from kiosk.staff.engine import Drawn
from kiosk.staff.scenes import Scene

# Ages tick by the second; half of that is soon enough.
LOOK_AGAIN_MS = 500
_KEYS = {
    "return": ev.NamedKey.ENTER,
    "enter": ev.NamedKey.ENTER,
    "backspace": ev.NamedKey.BACKSPACE,
    "escape": ev.NamedKey.ESCAPE,
}


class StaffScreen:
    """One panel. `events` each turn, `paint` after the commit."""

    def __init__(self, *, window: Window, display: Display, typesetter: Typesetter, painter: Painter) -> None:
        self._window, self._display = window, display
        self._typesetter, self._painter = typesetter, painter
        self._scene: Scene | None = None
        self._looked_ms = 0
        self._drawn: Drawn | None = None
        self.boxes: list[Box] = []

    @property
    def scene_name(self) -> str:
        return type(self._scene).__name__.lower()

    def events(self, happened: Sequence[WindowEvent]) -> list[ev.DeskEvent]:
        """What happened at the window, as the desk understands it, in order."""
        found = (self._translated(event) for event in happened)
        return [event for event in found if event is not None]

    def touch(self, box_id: str) -> list[ev.DeskEvent]:
        """A touch on one box by its name, for rehearsals; nothing when it is not in view."""
        known = any(box.id == box_id and box.hit is not None for box in self.boxes)
        return [ev.BoxTouched(box_id)] if known else []

    @property
    def settled(self) -> bool:
        """Whether the scene that is wanted stands on the panel as a whole."""
        return self._painter.settled

    def paint(
        self, desk: Desk, now: Moment, *, changed: bool, interrupted: Callable[[], bool] = lambda: False
    ) -> Drawn | None:
        """Show what is true now. Returns what newly stands on the screen as a whole. See `Painter.paint`."""
        if changed or now.monotonic_ms - self._looked_ms >= LOOK_AGAIN_MS:
            self._looked_ms = now.monotonic_ms
            scene = desk.scene(_on_the_half_second(now))
            if scene != self._scene:
                self._scene = scene
                self.boxes = views.boxes(scene, self._display, self._typesetter)
                self._drawn = Drawn(scene, views.visible_reports(scene, self.boxes))
        self._window.present(self._painter.paint(self._window.canvas, self.boxes, interrupted))
        if not self.settled:
            return None
        drawn, self._drawn = self._drawn, None
        return drawn

    def snapshot(self) -> bytes:
        """What is in view, as PNG."""
        return self._window.snapshot()

    def _translated(self, event: WindowEvent) -> ev.DeskEvent | None:
        if isinstance(event, Touched):
            box = touched(self.boxes, event.x, event.y)
            return None if box is None else ev.BoxTouched(box.id)
        if isinstance(event, TextTyped):
            return ev.Typed(event.text)
        if isinstance(event, KeyPressed) and event.name in _KEYS:
            return ev.KeyPressed(_KEYS[event.name])
        return None


def _on_the_half_second(now: Moment) -> Moment:
    """Ages are shown in seconds: with milliseconds in it no scene would ever equal the last one."""
    return replace(now, monotonic_ms=now.monotonic_ms - now.monotonic_ms % LOOK_AGAIN_MS)
