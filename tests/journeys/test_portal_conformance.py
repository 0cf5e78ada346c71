"""Every operating system of the table of probes, from DHCP to on-line to expiry, against the real portal.

All devices live through one day together: a lesson is open and they meet the rules; they accept; the lesson ends and
the next one is open; then BYOD is closed. What each makes of the network is its own rule's, read off raw answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

import pytest

from kiosk.portal.probes import PROBES
from tests.support.personas.asking import Handset, Verdict
from tests.support.personas.everybody import EVERYBODY
from tests.support.personas.persona import Persona, SignedIn
from tests.support.personas.sheet import Page
from tests.support.portal_box import LONG_SECONDS, PortalBox, portal_box, rules_text, until
from tests.support.root import needs_root

AT_ONCE = 4
# Long enough for all of them to accept on two busy cores, and then to see that they are on-line.
LESSON_SECONDS = 25
PROMISE = "I will keep to this"

pytestmark = needs_root


@dataclass
class Story:
    """What one device lived through."""

    persona: Persona
    handset: Handset
    address: str
    portal_option: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    signed_in: SignedIn | None = None
    seconds: float = 0.0

    def look(self, when: str) -> None:
        """Judge, and read the page that comes up by itself."""
        judgement = self.persona.judge(self.handset)
        self.verdicts[when] = judgement.verdict
        if judgement.verdict is Verdict.PORTAL:
            page = self.persona.open_sheet(self.handset, judgement).page
            assert page is not None
            self.pages[when] = page

    def accept(self) -> None:
        begun = time.monotonic()
        self.signed_in = self.persona.sign_in(self.handset)
        self.seconds = time.monotonic() - begun
        self.verdicts["accepted"] = self.persona.judge(self.handset).verdict


@dataclass(frozen=True)
class Day:
    box: PortalBox
    stories: dict[str, Story]


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    """The whole day, once. The profile's rules are a secondary school's: closed unless staff open a lesson."""
    with portal_box(rules=rules_text()) as box:
        box.start()
        box.staff.open_lesson(LONG_SECONDS)
        stories = {persona.name: _arrived(box, number, persona) for number, persona in enumerate(EVERYBODY, 1)}
        everybody = list(stories.values())
        _all(everybody, lambda story: story.look("arrived"))
        ends = box.staff.open_lesson(LESSON_SECONDS)
        _all(everybody, Story.accept)
        assert time.monotonic() < ends, "this machine is too slow for the lesson"
        box.staff.open_lesson(LONG_SECONDS)
        until(lambda: time.monotonic() > ends, "the end of the first lesson", LESSON_SECONDS + 2)
        _all(everybody, lambda story: story.look("ended"))
        box.staff.close_lesson()
        _all(everybody, lambda story: story.look("closed"))
        yield Day(box, stories)


def _arrived(box: PortalBox, number: int, persona: Persona) -> Story:
    client: Literal["udhcpc", "dhclient"] = "udhcpc" if number % 2 else "dhclient"
    phone, lease = box.join(number, client)
    return Story(persona, Handset(phone, box.lab.authority), lease.address, lease.portal)


def _all(stories: Sequence[Story], deed: Callable[[Story], None]) -> None:
    """Everybody at once; the first thing that went wrong is raised."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(deed, stories))


PERSONAS = pytest.mark.parametrize("name", [persona.name for persona in EVERYBODY])


@PERSONAS
@pytest.mark.requirement("B1")
def test_before_acceptance_the_system_finds_a_portal_and_shows_the_rules(day: Day, name: str) -> None:
    """By its own rule the system decides "portal", and what it then opens by itself is the text with the button."""
    story = day.stories[name]
    assert story.verdicts["arrived"] is Verdict.PORTAL
    page = story.pages["arrived"]
    assert page.reply.status == 200
    assert page.heading == "Your device on our Wi-Fi"
    assert page.form_to("/accept").button.strip() == PROMISE
    assert page.link_named("Talk to someone")


@PERSONAS
@pytest.mark.requirement("B1")
def test_one_tap_brings_the_system_on_line(day: Day, name: str) -> None:
    """It presses the button once and comes to a real page that says until when; the very navigation to that page is
    when the system first finds that it is on-line, so an iPhone's sheet says "Done"."""
    signed = day.stories[name].signed_in
    assert signed is not None
    assert signed.seen == (Verdict.PORTAL, Verdict.ONLINE)
    assert signed.after.heading.startswith("You are on-line until ")
    assert day.stories[name].verdicts["accepted"] is Verdict.ONLINE


@PERSONAS
@pytest.mark.requirement("B1", "B4")
def test_after_expiry_the_system_finds_a_portal_again(day: Day, name: str) -> None:
    """When the time is over the system decides "portal" again, and its sheet asks for the rules anew, one tap away."""
    story = day.stories[name]
    assert story.verdicts["ended"] is Verdict.PORTAL
    assert story.pages["ended"].form_to("/accept").button.strip() == PROMISE


@PERSONAS
@pytest.mark.requirement("B4")
def test_in_a_closed_period_the_system_shows_not_now(day: Day, name: str) -> None:
    """Closed is "portal" too, never silence: the sheet says "Not now", offers no acceptance, and still a person to
    talk to."""
    story = day.stories[name]
    assert story.verdicts["closed"] is Verdict.PORTAL
    page = story.pages["closed"]
    assert (page.heading, page.has_form_to("/accept")) == ("Not now", False)
    assert page.link_named("Talk to someone")


@pytest.mark.requirement("B5")
def test_probes_are_answered_by_their_owners_once_on_line(day: Day) -> None:
    """The far side has seen every persona's probe from the phone's own address: nothing was faked, and the school's
    filter knows who asks."""
    asked = {visit.client for visit in day.box.lab.internet.seen()}
    assert {story.address for story in day.stories.values()} <= asked
    assert str(day.box.address) not in asked


def test_without_a_certificate_nobody_is_told_of_an_api(day: Day) -> None:
    """Neither DHCP client hears option 114."""
    assert {story.portal_option for story in day.stories.values()} == {""}


def test_every_row_of_the_table_is_somebodys_probe() -> None:
    """No address that the product knows of is without a persona that asks it; IPv6 ones are asked in `modes`."""
    asked = " ".join(str(vars(persona)) for persona in EVERYBODY)
    missing = {probe.host for probe in PROBES if probe.host not in asked}
    assert missing == {"ipv6.msftconnecttest.com"}
