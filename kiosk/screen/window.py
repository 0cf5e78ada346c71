"""The panel: opens SDL, turns the picture upright, turns fingers, mouse and keys into plain events.

A real unit believes fingers only; mouse and keyboard belong to rehearsals (and, where asked for, a keyboard at a
desk). Owns dimming: the touch that wakes a dimmed screen presses nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pygame

from kiosk.screen.layout import Display, Rect
from kiosk.screen.paint import png

_log = logging.getLogger("quietbell.screen")

SETTLE_MS = 150
"""A second touch this soon is the same hand: it must not press what has just appeared under it."""
QUARTERS = (0, 90, 180, 270)


class WindowFault(Exception):
    """The screen cannot be opened. Check the panel's cable, and that this user is in the groups video and input."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A finger (or, in a rehearsal, the mouse) came down at this pixel of the upright canvas."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Woken:
    """A dimmed screen was touched: it is bright again and nothing was pressed."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of a real keyboard went down; `name` is SDL's ("space", "escape", "a"). Repeats are left out."""

    name: str


@dataclass(frozen=True, slots=True)
class KeyReleased:
    name: str


@dataclass(frozen=True, slots=True)
class TextTyped:
    """What the keyboard wrote, in the user's own layout: nearly always one character."""

    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Somebody closed the window (rehearsals only)."""


WindowEvent = Touched | Woken | KeyPressed | KeyReleased | TextTyped | Closed


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """`rotation` is how far the panel's picture is turned clockwise: 90 for a portrait panel lying on its side."""

    title: str
    rotation: int = 0
    rehearsal: bool = False
    keyboard: bool = False


class Window:
    """One panel. `open`, then each turn: `pump`, paint on `canvas`, `present`."""

    def __init__(self, settings: WindowSettings, display: Display, now_ms: Callable[[], int]) -> None:
        if settings.rotation not in QUARTERS:
            raise ValueError(f"rotation {settings.rotation}: use one of {QUARTERS}")
        self._settings = settings
        self._size = (display.width_px, display.height_px)
        self._now_ms = now_ms
        self._last_touch_ms: int | None = None
        self._dimmed = 0.0
        self._stale = True
        self._panel: pygame.Surface | None = None
        self._own: pygame.Surface | None = None

    @property
    def canvas(self) -> pygame.Surface:
        """What is painted on, upright and bright. It is the panel's own picture unless that is turned, stretched or
        dimmed: a second one of 1280×720 would take 3.7 MB.

        Raises WindowFault before `open`.
        """
        canvas = self._own or self._panel
        if canvas is None:
            raise WindowFault("the screen is not open")
        return canvas

    def open(self) -> None:
        """Raises: WindowFault."""
        os.environ["SDL_TOUCH_MOUSE_EVENTS"] = "0"
        os.environ["SDL_MOUSE_TOUCH_EVENTS"] = "0"
        try:
            pygame.display.init()
            flags = 0 if self._settings.rehearsal else pygame.FULLSCREEN | pygame.NOFRAME
            self._panel = pygame.display.set_mode(self._panel_size(), flags)
        except pygame.error as problem:
            raise WindowFault(f"the screen cannot be opened ({problem})") from problem
        if self._panel.get_size() != self._panel_size():
            # Fingers still hit what they see, because the picture is stretched; millimetres are then wrong.
            _log.warning("panel-size wanted=%s found=%s", self._panel_size(), self._panel.get_size())
        self._own = pygame.Surface(self._size, 0, 32) if self._is_turned_or_stretched() else None
        pygame.display.set_caption(self._settings.title)
        pygame.mouse.set_visible(self._settings.rehearsal)
        self._choose_events()

    def pump(self) -> list[WindowEvent]:
        """Everything that happened since the last pump, in order. Never blocks."""
        found = (self._translate(event) for event in pygame.event.get())
        return [event for event in found if event is not None]

    def present(self, regions: Sequence[Rect]) -> None:
        """Show the canvas when something was painted, dimmed, or uncovered."""
        if self._panel is None or not (regions or self._stale):
            return
        if self._own is not None:
            self._show(self._own, self._panel)
        pygame.display.flip()
        self._stale = False

    def dim(self, amount: float) -> None:
        """0 is bright, 1 is black. Takes effect at the next `present`."""
        self._stale |= amount != self._dimmed
        self._dimmed = amount
        if self._panel is None or self._is_turned_or_stretched():
            return
        if amount and self._own is None:
            self._own = self._panel.copy()
        elif not amount and self._own is not None:
            self._panel.blit(self._own, (0, 0))
            self._own = None

    @property
    def dimmed(self) -> bool:
        return self._dimmed > 0

    def snapshot(self) -> bytes:
        """The canvas as PNG, for rehearsals."""
        return png(self.canvas)

    def close(self) -> None:
        self._panel = self._own = None
        pygame.display.quit()

    def _is_turned_or_stretched(self) -> bool:
        return self._panel is not None and (self._settings.rotation != 0 or self._panel.get_size() != self._size)

    def _show(self, canvas: pygame.Surface, panel: pygame.Surface) -> None:
        """The canvas as the panel needs it."""
        if self._settings.rotation:
            canvas = pygame.transform.rotate(canvas, -self._settings.rotation)
        if canvas.get_size() != panel.get_size():
            canvas = pygame.transform.smoothscale(canvas, panel.get_size())
        panel.blit(canvas, (0, 0))
        if self._dimmed:
            keep = round(255 * (1 - self._dimmed))
            panel.fill((keep, keep, keep), special_flags=pygame.BLEND_RGB_MULT)

    def _panel_size(self) -> tuple[int, int]:
        width, height = self._size
        return (height, width) if self._settings.rotation in (90, 270) else (width, height)

    def _choose_events(self) -> None:
        wanted = [pygame.FINGERDOWN, pygame.WINDOWEXPOSED]
        if self._settings.rehearsal:
            wanted += [pygame.MOUSEBUTTONDOWN, pygame.QUIT]
        if self._settings.rehearsal or self._settings.keyboard:
            wanted += [pygame.KEYDOWN, pygame.KEYUP, pygame.TEXTINPUT]
            pygame.key.start_text_input()
            pygame.key.set_repeat(0)
        pygame.event.set_blocked(None)
        pygame.event.set_allowed(wanted)

    def _translate(self, event: pygame.Event) -> WindowEvent | None:
        if event.type == pygame.FINGERDOWN:
            return self._touch(*self._upright(event.x, event.y))
        if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1 and not event.touch:
            width, height = self._panel_size()
            return self._touch(*self._upright(event.pos[0] / width, event.pos[1] / height))
        if event.type == pygame.KEYDOWN:
            return KeyPressed(pygame.key.name(event.key))
        if event.type == pygame.KEYUP:
            return KeyReleased(pygame.key.name(event.key))
        if event.type == pygame.TEXTINPUT:
            return TextTyped(event.text)
        if event.type == pygame.WINDOWEXPOSED:
            self._stale = True
        return Closed() if event.type == pygame.QUIT else None

    def _touch(self, x: int, y: int) -> Touched | Woken | None:
        now_ms = self._now_ms()
        if self._last_touch_ms is not None and now_ms - self._last_touch_ms < SETTLE_MS:
            return None
        self._last_touch_ms = now_ms
        if self.dimmed:
            self.dim(0.0)
            return Woken()
        return Touched(x, y)

    def _upright(self, across: float, down: float) -> tuple[int, int]:
        """A place on the panel (0 to 1 each way) as a pixel of the canvas."""
        turned = {
            0: (across, down),
            90: (down, 1 - across),
            180: (1 - across, 1 - down),
            270: (1 - down, across),
        }[self._settings.rotation]
        width, height = self._size
        return min(width - 1, int(turned[0] * width)), min(height - 1, int(turned[1] * height))
