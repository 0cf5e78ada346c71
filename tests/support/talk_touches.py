"""Touches on a real kiosk for what comes after the report: the optional questions and the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from tests.support.fault_site import Device

QUESTIONS_MOST = 20


def type_words(kiosk: Device, words: str) -> None:
    """Key by key, as a finger would; no request carries more than one character."""
    for character in words:
        kiosk.unit.touch("key-space" if character == " " else f"key-{character}")


def go_on_to(kiosk: Device, screen: str) -> None:
    """Skip the optional questions until the keyboard of this one is in view."""
    for _ in range(QUESTIONS_MOST):
        state = kiosk.unit.state()
        if state["screen"] == screen:
            kiosk.unit.touch("control-part")
            kiosk.wait_for(lambda state: "key-q" in cast(Sequence[str], state["boxes"]), "the keyboard")
            return
        skips = "option-skip" in cast(Sequence[str], state["boxes"])
        kiosk.unit.touch("option-skip" if skips else "control-part")
    pytest.fail(f"the question {screen} did not come")


def send_words(kiosk: Device, screen: str) -> None:
    """Show the letters, so that they are drawn as well, and send them; they are saved when the next page comes."""
    kiosk.unit.touch("option-show-words")
    kiosk.unit.touch("option-send-words")
    kiosk.wait_for(lambda state: state["screen"] != screen, "the next page")
