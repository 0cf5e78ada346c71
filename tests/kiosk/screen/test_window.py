"""The window over SDL's dummy driver: who is believed, which way is up, and what waking does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pygame
import pytest

from kiosk.screen.layout import Display, Rect
from kiosk.screen.window import (
    SETTLE_MS,
    Closed,
    KeyPressed,
    KeyReleased,
    TextTyped,
    Touched,
    Window,
    WindowSettings,
    Woken,
)

DISPLAY = Display(200, 100, 40.0)


class Watch:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> Iterator[list[Window]]:
    """Windows put here are closed afterwards."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    windows: list[Window] = []
    yield windows
    for window in windows:
        window.close()


def _open(opened: list[Window], watch: Watch, *, rotation: int = 0, rehearsal: bool = False) -> Window:
    window = Window(WindowSettings("test", rotation, rehearsal), DISPLAY, watch)
    window.open()
    opened.append(window)
    window.pump()
    return window


def _finger(across: float, down: float) -> None:
    pygame.event.post(pygame.event.Event(pygame.FINGERDOWN, x=across, y=down, finger_id=1, touch_id=1))


def _mouse() -> None:
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(20, 30), button=1, touch=False))


def test_fingers_become_touches_on_the_canvas(opened: list[Window], watch: Watch) -> None:
    """A finger's place, 0 to 1, is a pixel of the canvas; the far edge is still on it."""
    window = _open(opened, watch)
    _finger(0.25, 0.5)
    assert window.pump() == [Touched(50, 50)]
    watch.ms += SETTLE_MS
    _finger(1.0, 1.0)
    assert window.pump() == [Touched(199, 99)]


@pytest.mark.parametrize(("rotation", "place"), [(0, (20, 30)), (90, (60, 89)), (180, (179, 69)), (270, (139, 10))])
def test_rotation_turns_fingers_with_the_picture(
    opened: list[Window], watch: Watch, rotation: int, place: tuple[int, int]
) -> None:
    """What is painted at a pixel of the canvas is touched there, whichever way the panel is mounted."""
    window = _open(opened, watch, rotation=rotation)
    _finger(0.1025, 0.3025)
    (touch,) = window.pump()
    assert isinstance(touch, Touched)
    assert abs(touch.x - place[0]) <= 1
    assert abs(touch.y - place[1]) <= 1
    window.canvas.fill((0, 0, 0))
    window.canvas.fill((255, 255, 255), pygame.Rect(touch.x - 3, touch.y - 3, 7, 7))
    window.present([DISPLAY.rect])
    panel = pygame.display.get_surface()
    assert panel is not None
    at = (int(0.1025 * panel.get_width()), int(0.3025 * panel.get_height()))
    assert panel.get_at(at)[:3] == (255, 255, 255)


def test_a_real_unit_believes_neither_mouse_nor_keyboard(opened: list[Window], watch: Watch) -> None:
    """A mouse or keyboard plugged into a kiosk does nothing, and nothing closes it."""
    window = _open(opened, watch)
    _mouse()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE))
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert window.pump() == []


def test_a_rehearsal_has_mouse_keys_and_a_close_button(opened: list[Window], watch: Watch) -> None:
    """In a rehearsal the space bar is the button: pressed and released are told apart."""
    window = _open(opened, watch, rehearsal=True)
    _mouse()
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE))
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=pygame.K_SPACE))
    pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text="a"))
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert window.pump() == [Touched(20, 30), KeyPressed("space"), KeyReleased("space"), TextTyped("a"), Closed()]


def test_the_waking_touch_presses_nothing(opened: list[Window], watch: Watch) -> None:
    """A dimmed screen is woken by the first touch; only the next one, after the hand has settled, presses."""
    window = _open(opened, watch)
    window.dim(0.7)
    _finger(0.5, 0.5)
    assert window.pump() == [Woken()]
    assert not window.dimmed
    watch.ms += SETTLE_MS
    _finger(0.5, 0.5)
    assert window.pump() == [Touched(100, 50)]


def test_a_second_touch_at_once_is_the_same_hand(opened: list[Window], watch: Watch) -> None:
    """A palm or a bounce cannot press what has just appeared under it."""
    window = _open(opened, watch)
    _finger(0.1, 0.1)
    _finger(0.9, 0.9)
    assert len(window.pump()) == 1
    watch.ms += SETTLE_MS - 1
    _finger(0.9, 0.9)
    assert window.pump() == []


def test_dimming_darkens_the_panel_and_not_the_canvas(opened: list[Window], watch: Watch) -> None:
    """Dim is a matter of the glass: what is painted stays, and comes back when it is bright again."""
    window = _open(opened, watch)
    window.canvas.fill((200, 200, 200))
    window.dim(0.5)
    window.present([])
    panel = pygame.display.get_surface()
    assert panel is not None
    assert panel.get_at((5, 5))[0] < 110
    assert window.canvas.get_at((5, 5))[:3] == (200, 200, 200)
    window.dim(0.0)
    window.present([])
    assert panel.get_at((5, 5))[:3] == (200, 200, 200)


def test_nothing_changed_costs_nothing(opened: list[Window], watch: Watch) -> None:
    """Without repainted regions the panel is left alone."""
    window = _open(opened, watch)
    window.canvas.fill((10, 20, 30))
    window.present([Rect(0, 0, 1, 1)])
    window.canvas.fill((90, 90, 90))
    window.present([])
    panel = pygame.display.get_surface()
    assert panel is not None
    assert panel.get_at((5, 5))[:3] == (10, 20, 30)


def test_a_crooked_rotation_is_refused(watch: Watch) -> None:
    """Only quarter turns are possible."""
    with pytest.raises(ValueError, match="rotation 45"):
        Window(WindowSettings("test", 45), DISPLAY, watch)


def test_importing_the_screen_prints_nothing_and_opens_no_mixer() -> None:
    """pygame's greeting stays away from standard output, and no sound is opened."""
    code = "import kiosk.screen.window, pygame; pygame.display.init(); print(bool(pygame.mixer.get_init()))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"SDL_VIDEODRIVER": "dummy"}
    )
    assert done.stdout == "False\n"
