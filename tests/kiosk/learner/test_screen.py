"""The learner's panel at work: which page stands on it after touches. Painted, but on no window of this machine."""

from __future__ import annotations

from collections.abc import Sequence

import pygame
import pytest

from firmware.messages import Duty, DutyState
from kiosk.learner import view as ids
from kiosk.learner.screen import LearnerScreen
from kiosk.learner.views import UNCHECKED_MARK
from kiosk.screen.layout import Display, Rect
from kiosk.screen.paint import Painter
from kiosk.screen.pictures import Pictures
from kiosk.screen.speech import Speech
from kiosk.screen.text import Typesetter
from kiosk.screen.window import Window, WindowSettings
from kiosk.talk.state import TalkState
from kiosk.talk.typed import TypedWords
from kiosk.words import checked, languages
from tests.support.talk_pages import states
from tests.support.talks import secondary

DISPLAY = Display(1280, 720, 154.2)


class _NoWindow(Window):
    """Takes what is painted and shows it nowhere."""

    def __init__(self) -> None:
        super().__init__(WindowSettings("no window"), DISPLAY, lambda: 0)
        self._surface = pygame.Surface((DISPLAY.width_px, DISPLAY.height_px))

    @property
    def canvas(self) -> pygame.Surface:
        return self._surface

    def present(self, regions: Sequence[Rect]) -> None:
        pass

    def dim(self, amount: float) -> None:
        pass


def chooser(*, can_shape: bool = True) -> dict[str, str]:
    """Every tile of the page where languages are chosen: id → words."""
    typesetter = Typesetter(can_shape=can_shape)
    screen = LearnerScreen(
        window=_NoWindow(),
        display=DISPLAY,
        typesetter=typesetter,
        painter=Painter(DISPLAY, typesetter, Pictures()),
        speech=Speech(lambda: None),
        policy=secondary(),
        typed=TypedWords(),
    )
    state: TalkState = states()["danger"][0]
    for box_id in ("", ids.LANGUAGE):
        screen.touch(box_id, state, 0)
        screen.paint(state, Duty(DutyState.ON), 0, changed=True)
    return {box.id: box.text for box in screen.boxes}


@pytest.mark.requirement("L6")
def test_the_panel_offers_every_catalogue_and_marks_those_that_nobody_has_checked() -> None:
    """As the catalogues themselves say."""
    shown = chooser()
    marked = {code for code in languages() if shown[ids.LANGUAGE_CHOICE + code].endswith(UNCHECKED_MARK)}
    assert marked == {code for code in languages() if not checked(code)}
    assert "pl" in marked


def test_a_machine_that_cannot_join_letters_offers_no_language_that_needs_it() -> None:
    """The others stand there as ever."""
    offered = {ids.language_of(id) for id in chooser(can_shape=False)} - {""}
    assert offered == set(languages()) - {"ar", "ur"}
