"""Ways to reach help outside, of every profile that is shipped, on every panel: whole, and at a size to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from firmware.profile import load_profile
from kiosk.learner.blocks import kept_together
from kiosk.learner.control_words import control_words
from kiosk.learner.view import LearnerView
from kiosk.learner.views import boxes, parts
from kiosk.screen.fitting import fits
from kiosk.screen.layout import NOTE_CAP_MM, Box, Display
from kiosk.screen.text import Typesetter
from kiosk.talk.pages import HelpLineView, Page, talk_page
from kiosk.words import Words, languages
from tests.support.talk_pages import states
from tests.support.talks import secondary

PANELS = {
    "800x480": Display(800, 480, 154.1),
    "1280x720": Display(1280, 720, 154.2),
    "portrait": Display(720, 1280, 86.7),
}
PROFILES = Path(__file__).parents[3] / "broker_config" / "profiles"
TYPESETTER = Typesetter()


@cache
def lines(language: str) -> tuple[HelpLineView, ...]:
    """Each help line once."""
    say = Words(language).text
    found = (line for folder in sorted(PROFILES.iterdir()) for line in load_profile(folder).help_lines)
    return tuple(dict.fromkeys(HelpLineView(say(line.name), line.contact, say(line.about)) for line in found))


def advice(language: str, display: Display) -> Iterator[tuple[HelpLineView, Box]]:
    """The box of each line on a page of advice, two to a page as in a talk."""
    words = Words(language)
    state, duty, now_ms = next(each for name, each in states().items() if name.startswith("advice-"))
    page = talk_page(state, secondary(), duty, now_ms, words.text)
    assert isinstance(page, Page)
    found = lines(language)
    for pair in (found[at : at + 2] for at in range(0, len(found), 2)):
        view = LearnerView(replace(page, help_lines=pair), words=control_words(words), language=language)
        shown = (replace(view, part=part) for part in range(parts(view, display, TYPESETTER)))
        by_id = {box.id: box for part in shown for box in boxes(part, display, TYPESETTER)}
        yield from ((line, by_id[f"help-{number}"]) for number, line in enumerate(pair))


@pytest.mark.requirement("L8")
@pytest.mark.parametrize("scale", [1.0, 1.3, 1.6])
@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("language", languages())
def test_every_way_to_reach_help_is_whole_on_every_panel(language: str, panel: str, scale: float) -> None:
    """Name, number or address and what it is for; long addresses in smaller letters, none smaller than may be read."""
    display = replace(PANELS[panel], text_scale=scale, right_to_left=Words(language).right_to_left)
    seen = 0
    for line, box in advice(language, display):
        words = box.text.replace("\u00a0", " ")
        assert line.name in words
        assert line.contact in words
        assert fits(box, display, TYPESETTER), box.text
        assert box.cap_mm >= NOTE_CAP_MM, box.text
        seen += 1
    assert seen == len(lines(language)) > 20


def test_only_what_would_not_fit_is_smaller() -> None:
    """A long address stands smaller at the largest words on the narrow panel, a number does not."""
    display = replace(PANELS["portrait"], text_scale=1.6)
    caps = {line.contact: box.cap_mm for line, box in advice("en", display)}
    assert caps["reportharmfulcontent.com"] < caps["0800 1111"]


@pytest.mark.parametrize("line", lines("en"), ids=lambda line: f"{line.name} {line.contact}"[:40])
def test_a_number_is_not_broken_and_its_name_may_stand_above_it(line: HelpLineView) -> None:
    """The groups of a number hold together and nothing else does."""
    held = kept_together(f"{line.name}: {line.contact}")
    assert held.startswith(f"{line.name}: ")
    assert not any(one.isdigit() and other.isdigit() for one, other in _across_spaces(held))


def _across_spaces(text: str) -> Iterator[tuple[str, str]]:
    return ((text[at - 1], text[at + 1]) for at in range(1, len(text) - 1) if text[at] == " ")
