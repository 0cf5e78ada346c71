"""Colours can be read by people with weak sight."""

from __future__ import annotations

import pytest

from kiosk.screen.layout import Tone
from kiosk.screen.theme import THEMES, contrast, theme


def test_contrast_is_the_wcag_ratio() -> None:
    """Black on white is 21:1, a colour on itself 1:1, and WCAG's own example grey #767676 is 4.54:1."""
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((9, 9, 9), (9, 9, 9)) == pytest.approx(1)
    assert contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", sorted(THEMES))
@pytest.mark.parametrize("tone", list(Tone))
def test_every_tone_has_seven_to_one(name: str, tone: Tone) -> None:
    """Ink on its own ground, and on the bare page (words without a box, tiles out of use), is at least 7:1."""
    pair, paper = theme(name).pairs[tone], theme(name).paper
    assert contrast(pair.ink, pair.ground) >= 7
    if tone not in (Tone.PRIMARY, Tone.URGENT) or name != "high-contrast":
        on_paper = pair.ground if tone is Tone.PRIMARY else pair.ink
        assert contrast(on_paper, paper) >= 7


@pytest.mark.parametrize("name", sorted(THEMES))
def test_page_ink_is_readable(name: str) -> None:
    """The theme's own ink on its paper is at least 7:1."""
    assert contrast(theme(name).ink, theme(name).paper) >= 7


def test_an_unknown_theme_is_refused() -> None:
    """There is no silent fallback to another look."""
    with pytest.raises(KeyError):
        theme("neon")
