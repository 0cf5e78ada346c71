"""The Captive Portal API says what RFC 8908 asks for, and nothing else."""

from __future__ import annotations

import json

import pytest

from kiosk.portal.api import CACHE_CONTROL, CONTENT_TYPE, Standing, api_answer

PORTAL = "https://wifi.school.example/"


@pytest.mark.requirement("B1")
def test_captive() -> None:
    """While captive there is no time that remains: the key is left out, not zero."""
    assert json.loads(api_answer(Standing(None, can_extend=True), PORTAL)) == {
        "captive": True,
        "user-portal-url": PORTAL,
        "venue-info-url": f"{PORTAL}rules",
        "can-extend-session": True,
    }


@pytest.mark.requirement("B4")
def test_on_line() -> None:
    """The seconds that are left let the phone warn its owner itself."""
    answer = json.loads(api_answer(Standing(840, can_extend=False), PORTAL))
    assert answer["captive"] is False
    assert answer["seconds-remaining"] == 840
    assert answer["can-extend-session"] is False


def test_names_of_the_standard() -> None:
    """Type and caching are those of the RFC's sections 4 and 4.1."""
    assert (CONTENT_TYPE, CACHE_CONTROL) == ("application/captive+json", "private")
