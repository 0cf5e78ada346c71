"""RFC 8908 and RFC 8910: where the site has a certificate that phones believe, DHCP tells of the API, and only then.

The lab's authority stands for those that phones trust; both DHCP clients are asked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest

from tests.support.personas.android import Android
from tests.support.personas.apple import Apple
from tests.support.personas.asking import Handset, Verdict
from tests.support.personas.capport import TYPE, Capport
from tests.support.portal_box import HOST, LONG_SECONDS, PortalBox, portal_box, rules_text, until
from tests.support.root import needs_root

API = f"https://{HOST}/captive/api"
LESSON_SECONDS = 10

pytestmark = needs_root


@dataclass
class Place:
    box: PortalBox
    phones: int = 0

    def arrive(self, client: Literal["udhcpc", "dhclient"] = "udhcpc") -> tuple[Handset, str]:
        """A new phone and what its DHCP client was told of an API."""
        self.phones += 1
        phone, lease = self.box.join(self.phones, client)
        return Handset(phone, self.box.lab.authority), lease.portal


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with portal_box(secure=True, rules=rules_text()) as box:
        box.start()
        box.staff.open_lesson(LONG_SECONDS)
        yield Place(box)


def api(handset: Handset) -> dict[str, object]:
    reply = handset.ask(API, "-H", f"Accept: {TYPE}")
    assert (reply.status, reply.headers["content-type"], reply.headers["cache-control"]) == (200, TYPE, "private")
    found = json.loads(reply.body)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("client", ["udhcpc", "dhclient"])
def test_dhcp_tells_of_the_api(place: Place, client: Literal["udhcpc", "dhclient"]) -> None:
    """Option 114 is the API's address, over HTTPS and by name."""
    assert place.arrive(client)[1] == API


@pytest.mark.requirement("B1")
@pytest.mark.parametrize("probing", [Apple("iOS 17"), Android("Android 14")], ids=["iOS 17", "Android 14"])
def test_the_api_alone_brings_up_the_rules(place: Place, probing: Apple | Android) -> None:
    """Captive: the API says so over a connection that the phone has verified, without a time that remains; the sheet
    opens its address over HTTPS, one tap later the API says how long, and the system's probes agree."""
    handset, option = place.arrive()
    persona = Capport("with the API", option, probing)
    told = persona.told(handset)
    assert told is not None
    assert (told["captive"], told["user-portal-url"]) == (True, f"https://{HOST}/")
    assert "seconds-remaining" not in told
    signed = persona.sign_in(handset)
    assert signed.before.url.startswith(f"https://{HOST}/")
    assert signed.seen == (Verdict.PORTAL, Verdict.ONLINE)
    now = api(handset)
    assert now["captive"] is False
    assert isinstance(now["seconds-remaining"], int)
    assert 3300 < now["seconds-remaining"] <= 3600


def test_the_time_that_remains_goes_down_and_is_gone(place: Place) -> None:
    """Near the end of the times the API counts down, in whole seconds; at the end the phone is captive again."""
    handset, _ = place.arrive()
    ends = place.box.staff.open_lesson(LESSON_SECONDS)
    Apple("iOS").sign_in(handset)
    left = api(handset)["seconds-remaining"]
    assert isinstance(left, int)
    assert 0 < left <= ends - time.monotonic() + 1
    place.box.staff.open_lesson(LONG_SECONDS)
    until(lambda: api(handset)["captive"] is True, "the end of the time")
    assert time.monotonic() > ends - 2
    assert Apple("iOS").judge(handset).verdict is Verdict.PORTAL


def test_who_does_not_believe_the_certificate_does_as_ever(place: Place) -> None:
    """Without the authority the API is no answer at all, so the system probes, finds a portal by the redirect, and is
    led to a page over HTTPS that it cannot open: the technician's certificate must be one that phones believe."""
    handset, option = place.arrive()
    stranger = Handset(handset.phone, place.box.lab.folder / "nobody.pem")
    (place.box.lab.folder / "nobody.pem").write_text((place.box.root.public / "site-ca.pem").read_text())
    persona = Capport("with the API", option, Apple("iOS 17"))
    reply = stranger.ask(API)
    assert (reply.status, "certificate" in reply.failure) == (0, True)
    assert persona.judge(stranger).verdict is Verdict.PORTAL


def test_the_api_is_not_for_plain_http_nor_other_names(place: Place) -> None:
    """Over HTTP the API tells nothing; HTTPS for another name never gets an answer in that name."""
    handset, _ = place.arrive()
    plain = handset.ask(f"http://{HOST}/captive/api", "-H", f"Accept: {TYPE}")
    assert plain.status in (302, 404)
    assert 'captive": ' not in plain.body
    other = handset.ask("https://news.example/", "-k")
    assert (other.status, other.body) == (0, "")


def test_free_words_are_asked_for_over_https_only(place: Place) -> None:
    """The portal's own links lead a phone that came over plain HTTP to the address with the certificate."""
    handset, _ = place.arrive()
    reply = handset.ask("http://news.example/")
    assert (reply.status, reply.headers["location"]) == (302, f"https://{HOST}/")


def test_the_rules_stay_to_be_read_while_on_line(place: Place) -> None:
    """What the API names as the venue's page is the text of the rules, for whoever is on-line too."""
    handset, _ = place.arrive()
    Apple("iOS").sign_in(handset)
    venue = api(handset)["venue-info-url"]
    assert isinstance(venue, str)
    reply = handset.ask(venue)
    assert (reply.status, "Your device on our Wi-Fi" in reply.body) == (200, True)
