"""Web app and gate end and come back, politely or by SIGKILL, in any order: nobody loses the Internet, nobody gets it.

Two phones look all the while: one that has accepted and one that has not. Nothing is asked of the processes: what
counts is what comes through.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from broker_config.enrol import shipped_profile
from kiosk.netlab import Phone
from tests.support.personas.asking import Handset, Verdict
from tests.support.personas.browsers import Firefox
from tests.support.personas.persona import promise
from tests.support.personas.sheet import Sheet
from tests.support.portal_box import Ending, PortalBox, portal_box, rules_text, until
from tests.support.root import needs_root
from tests.support.watched_phones import Sample, Watched

BROWSER = Firefox("a browser")

pytestmark = needs_root


@dataclass
class Place:
    box: PortalBox
    admitted: Watched
    stranger: Watched
    phones: int = 2

    def newcomer(self) -> Handset:
        """A phone that nobody has seen before, with an address."""
        self.phones += 1
        return Handset(self.box.join(self.phones)[0], self.box.lab.authority)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with portal_box() as box:
        box.start()
        admitted, stranger = (_phone(box, number) for number in (1, 2))
        BROWSER.sign_in(Handset(admitted, box.lab.authority))
        folder = box.lab.folder
        yield Place(box, Watched(admitted, folder / "admitted"), Watched(stranger, folder / "stranger"))


def _phone(box: PortalBox, number: int) -> Phone:
    return box.join(number)[0]


def came_back(box: PortalBox, names: Sequence[str]) -> None:
    for name in names:
        box.begin_gate() if name == "gate" else box.begin_portal()
    if "gate" in names:
        box.wait_for_gate()
    if "portal" in names:
        box.wait_for_portal()


def all_on_line(samples: Sequence[Sample]) -> bool:
    return all((sample.page, sample.connection) == ("internet", "through") for sample in samples)


def none_through(samples: Sequence[Sample]) -> bool:
    pages = {sample.page for sample in samples}
    return pages <= {"portal", "nothing"} and {each.connection for each in samples} == {"nothing"}


@pytest.mark.requirement("B1")
@pytest.mark.parametrize("how", ["term", "kill"])
@pytest.mark.parametrize(
    "names", [("portal",), ("gate",), ("portal", "gate"), ("gate", "portal")], ids=lambda names: "-then-".join(names)
)
def test_a_restart_loses_no_admission_and_grants_none(place: Place, names: Sequence[str], how: Ending) -> None:
    """While they go, are gone, and come back in the order in which they went: every look of the admitted phone reaches
    the true Internet, none of the stranger's does, and ports beyond its access stay shut for the admitted one too."""
    place.admitted.some_more(1)
    place.stranger.some_more(1)
    begun = time.monotonic()
    for name in names:
        place.box.end(name, how)
    place.stranger.some_more()
    place.admitted.some_more()
    came_back(place.box, names)
    place.stranger.some_more()
    place.admitted.some_more()
    admitted, stranger = place.admitted.seen(begun), place.stranger.seen(begun)
    assert all_on_line(admitted)
    assert none_through(stranger)
    assert {sample.datagram for sample in (*admitted, *stranger)} == {"nothing"}


@pytest.mark.requirement("B1")
def test_the_page_of_before_a_restart_admits_nobody_by_itself(place: Place) -> None:
    """The rules were on the screen when the web app was killed: pressing then shows them once more, pressing those
    brings the phone on-line."""
    handset = place.newcomer()
    sheet = Sheet(handset, navigated=lambda: None)
    before = sheet.open("http://news.example/")
    place.box.end("portal", "kill")
    came_back(place.box, ["portal"])
    again = sheet.press(promise(before))
    assert BROWSER.judge(handset).verdict is Verdict.PORTAL
    assert sheet.press(promise(again)).heading.startswith("You are on-line until ")
    assert BROWSER.judge(handset).verdict is Verdict.ONLINE


@pytest.mark.requirement("B1")
def test_without_a_gate_nobody_is_told_that_they_are_on_line(place: Place) -> None:
    """The gate is gone when the button is pressed: the page says so with status 503, the phone stays outside; when the
    gate is back, the same page's button works."""
    handset = place.newcomer()
    sheet = Sheet(handset, navigated=lambda: None)
    rules = promise(sheet.open("http://news.example/"))
    place.box.end("gate", "kill")
    refused = sheet.press(rules)
    assert (refused.reply.status, "on-line until" in refused.heading) == (503, False)
    assert BROWSER.judge(handset).verdict is Verdict.PORTAL
    came_back(place.box, ["gate"])
    until(lambda: sheet.press(rules).heading.startswith("You are on-line until "), "the page's button works again")
    assert BROWSER.judge(handset).verdict is Verdict.ONLINE


@pytest.mark.requirement("B1")
def test_admissions_that_the_kernel_lost_come_back_from_the_register(place: Place) -> None:
    """Both are killed and the table is gone with them: whoever had accepted is on-line again soon after both are back,
    without another tap; the stranger is not, not for a moment."""
    box = place.box
    begun = time.monotonic()
    box.end("gate", "kill")
    box.end("portal", "kill")
    box.lab.box.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"])
    box.nft("delete", "table", "inet", "quietbell")
    came_back(box, ["gate", "portal"])
    until(lambda: place.admitted.samples()[-1].page == "internet", "the register's admissions are given again")
    place.stranger.some_more()
    assert none_through(place.stranger.seen(begun))


@pytest.mark.requirement("B1", "D1")
def test_after_a_reboot_nobody_is_known_and_one_tap_is_enough(place: Place) -> None:
    """What lay in memory is gone: table, run folder, neighbours. The register's old entries admit nobody, for no one
    can tell whose they are; the phone that was on-line accepts once more."""
    box = place.box
    begun = time.monotonic()
    box.end("portal", "kill")
    box.end("gate", "kill")
    box.lab.box.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"])
    box.nft("delete", "table", "inet", "quietbell")
    (box.root.run / "gate-day.key").unlink()
    box.lab.box.ip("neigh", "flush", "all")
    came_back(box, ["gate", "portal"])
    place.stranger.some_more()
    place.admitted.some_more()
    handset = Handset(place.admitted.phone, box.lab.authority)
    assert BROWSER.judge(handset).verdict is Verdict.PORTAL
    BROWSER.sign_in(handset)
    assert BROWSER.judge(handset).verdict is Verdict.ONLINE
    assert none_through(place.stranger.seen(begun))


@pytest.mark.requirement("B8")
def test_new_rules_are_put_to_everybody_who_had_accepted_the_old(place: Place) -> None:
    """The technician issues rules of another version and the web app starts with them: the phone that was on-line is
    outside until it has met them, and its page says that they have changed."""
    box = place.box
    handset = Handset(place.admitted.phone, box.lab.authority)
    assert BROWSER.judge(handset).verdict is Verdict.ONLINE
    box.issue(rules_text(always=True, version='"2027-01"'), shipped_profile("secondary-school"))
    box.end("portal", "term")
    came_back(box, ["portal"])
    until(lambda: BROWSER.judge(handset).verdict is Verdict.PORTAL, "admissions to the old rules are taken back")
    signed = BROWSER.sign_in(handset)
    assert "changed" in signed.before.text
    assert BROWSER.judge(handset).verdict is Verdict.ONLINE
