"""The portal where it may stand: behind the school's access points, with an access point of its own, or only linked to.

And who may do what there: vouchers, and access that differs from one audience to the other.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker_config.network_plan import NetworkPlan
from broker_config.site_portal import VoucherPlan, make_vouchers
from firmware.byod_parts import Audience
from firmware.network_settings import Mode
from kiosk.netlab import BOX, Lease, Visit
from kiosk.netlab.namespace import RESOLVER_FOLDERS
from tests.support.personas.android import Android
from tests.support.personas.apple import Apple
from tests.support.personas.asking import Handset, Verdict
from tests.support.personas.browsers import Firefox
from tests.support.personas.chromeos import ChromeOS
from tests.support.personas.everybody import EVERYBODY
from tests.support.personas.persona import promise
from tests.support.personas.sheet import Page, Sheet
from tests.support.personas.windows import Windows
from tests.support.portal_box import HOST, PortalBox, portal_box, rules_text, until
from tests.support.portal_root import LAB_PLAN
from tests.support.root import needs_root

BROWSER = Firefox("a browser")
SSID = "Throw-away BYOD"
SOMEWHERE = "198.51.100.77"
EARLY = Path(__file__).parents[1] / "support" / "early_connection.py"

pytestmark = needs_root


@dataclass
class Place:
    box: PortalBox
    phones: int = 0

    def arrive(self) -> tuple[Handset, Lease]:
        self.phones += 1
        phone, lease = self.box.join(self.phones, "dhclient" if self.phones % 2 else "udhcpc")
        return Handset(phone, self.box.lab.authority), lease


def sheet_of(handset: Handset) -> Sheet:
    return Sheet(handset, navigated=lambda: None)


def echoes(handset: Handset, port: int) -> bool:
    """Whether a TCP connection to that port carries something there and back."""
    return handset.phone.run(["busybox", "nc", "-w", "1", SOMEWHERE, str(port)], text="hello\n").output == "hello\n"


# ------------------------------------------------------------------ behind the school's access points


@pytest.fixture(scope="module")
def behind() -> Iterator[Place]:
    """Always open, both families; staff may use every port."""
    rules = rules_text("multi-academy-trust", always=True)
    with portal_box(replace(LAB_PLAN, address6=BOX.address6), rules=rules) as box:
        yield Place(box.start())


@pytest.mark.requirement("B5")
def test_behind_the_filter_sees_who_asks(behind: Place) -> None:
    """Routed without translation: every page that a phone gets is on the far side under the phone's own address, and
    nothing but the box itself ever asks there for a name."""
    handset, lease = behind.arrive()
    BROWSER.sign_in(handset)
    assert handset.ask("http://lessons.example/maths", "-4").status == 200
    assert any(visit.client == lease.address and visit.host == "lessons.example" for visit in seen(behind))
    questions = [packet for packet in behind.box.lab.internet.packets() if packet.port == 53]
    own = BOX.uplink4.partition("/")[0]
    assert {(packet.source, packet.destination) for packet in questions} == {(own, BOX.resolver4)}


def seen(place: Place) -> list[Visit]:
    return place.box.lab.internet.seen()


@pytest.mark.requirement("B1")
def test_behind_ipv6_is_shut_and_opened_with_ipv4(behind: Place) -> None:
    """A phone with both families: Windows' probe over IPv6 finds a portal, before and by the same rule as over IPv4;
    one acceptance opens both, and the far side sees the phone's own IPv6 address."""
    handset, _ = behind.arrive()
    handset.phone.set_address(f"2001:db8:77::1:{behind.phones}/64", router=BOX.address6.partition("/")[0])
    over6 = Windows("Windows over IPv6", "ipv6.msftconnecttest.com", family=6)
    assert over6.judge(handset).verdict is Verdict.PORTAL
    assert Windows("Windows").judge(handset).verdict is Verdict.PORTAL
    Windows("Windows").sign_in(handset)
    until(lambda: over6.judge(handset).verdict is Verdict.ONLINE, "IPv6 is open too", 5.0)
    assert any(visit.client == f"2001:db8:77::1:{behind.phones}" for visit in seen(behind))


@pytest.mark.requirement("B1")
def test_a_connection_from_before_shows_no_portal_afterwards(behind: Place) -> None:
    """A browser opened a connection in advance, which the firewall led to the portal; used after acceptance it brings
    no redirect any more: it breaks or reaches the true page, and a new one reaches the true page in any case."""
    handset, _ = behind.arrive()
    go = behind.box.lab.folder / "go"
    with ThreadPoolExecutor(1) as threads:
        early = threads.submit(handset.phone.run, [sys.executable, str(EARLY), SOMEWHERE, str(go)])
        until(go.with_suffix(".open").exists, "the connection stands")
        BROWSER.sign_in(handset)
        go.touch()
        said = early.result().output
    assert said
    assert not said.startswith("HTTP/1.1 302")
    assert BROWSER.judge(handset).verdict is Verdict.ONLINE


@pytest.mark.requirement("B9", "B10")
def test_a_voucher_says_who_somebody_is_and_how_far_they_get(behind: Place) -> None:
    """Learners reach the web and nothing else. A member of staff types six words, meets the text for staff, and reaches
    every port; the words are for one device, and tell the next one so."""
    learner, staff, other = (behind.arrive()[0] for _ in range(3))
    BROWSER.sign_in(learner)
    words = voucher(behind.box, Audience.STAFF)
    theirs = with_words(staff, words)
    assert theirs.has_form_to("/accept")
    assert promise(theirs).fields["aup"] != promise(home(other)).fields["aup"]
    sheet = sheet_of(staff)
    sheet.open(theirs.url)
    assert sheet.press(promise(theirs)).heading.startswith("You are on-line until ")
    assert (echoes(learner, 4444), echoes(staff, 4444)) == (False, True)
    assert BROWSER.judge(learner).verdict is BROWSER.judge(staff).verdict is Verdict.ONLINE
    refused = with_words(other, words)
    assert not refused.has_form_to("/accept")
    assert BROWSER.judge(other).verdict is Verdict.PORTAL


@pytest.mark.requirement("B9")
def test_wrong_words_open_nothing_and_are_not_tried_for_long(behind: Place) -> None:
    """Words that this site never made are refused on the page; after a handful of guesses by whoever, nobody's are
    looked at for a while, with status 429, and the way by the rules stays open."""
    guesser, learner = behind.arrive()[0], behind.arrive()[0]
    words = list(voucher(behind.box, Audience.STAFF))
    statuses = []
    for turn in range(1, 7):
        # six of our words, in another order each time
        page = with_words(guesser, (*words[turn % 6 :], *words[: turn % 6]) if turn % 6 else tuple(reversed(words)))
        assert not page.has_form_to("/accept")
        statuses.append(page.reply.status)
    assert statuses[-1] == 429
    BROWSER.sign_in(learner)
    assert BROWSER.judge(learner).verdict is Verdict.ONLINE


def voucher(box: PortalBox, audience: Audience) -> tuple[str, ...]:
    """For one device, today."""
    plan = VoucherPlan(audience, 60, datetime.now(UTC).date(), 1, 1)
    return make_vouchers(box.made.site, plan, plan.until)[0].words


def home(handset: Handset) -> Page:
    return sheet_of(handset).open("http://news.example/")


def with_words(handset: Handset, words: tuple[str, ...]) -> Page:
    """Find the page for vouchers and type these."""
    sheet = sheet_of(handset)
    asks = sheet.open(sheet.open("http://news.example/").link_named("I have a voucher")).form_to("/voucher")
    asks.fields["words"] = " ".join(words)
    return sheet.press(asks)


# ------------------------------------------------------------------ an access point of our own


@pytest.fixture(scope="module")
def own() -> Iterator[Place]:
    """The lab's bridge stands for the radio."""
    plan = replace(LAB_PLAN, mode=Mode.OWN_ACCESS_POINT, masquerade=True, ssid=SSID, radio_interface="byod0")
    with portal_box(plan) as box:
        yield Place(box.start())


@pytest.mark.requirement("B1", "B3")
@pytest.mark.parametrize("persona", [Apple("iOS"), Android("Android"), Windows("Windows")], ids=lambda each: each.name)
def test_own_access_point_from_portal_to_on_line(own: Place, persona: Apple | Android | Windows) -> None:
    """The same way as behind a school's access points; the page names the network that is right."""
    handset, _ = own.arrive()
    signed = persona.sign_in(handset)
    assert f"Our Wi-Fi is called {SSID}." in signed.before.text
    assert persona.judge(handset).verdict is Verdict.ONLINE


@pytest.mark.requirement("B3")
def test_own_access_point_advertises_that_name(own: Place) -> None:
    """The rendered hostapd.conf passes hostapd's own parser and has that name; clients are kept apart; the technician
    is told how many stations the radio holds, or that nobody knows."""
    file = own.box.rendered / "hostapd.conf"
    lines = file.read_text(encoding="utf-8").splitlines()
    assert {f"ssid2={SSID.encode().hex()}", "ap_isolate=1", "ignore_broadcast_ssid=0"} <= set(lines)
    done = subprocess.run(["timeout", "5", "hostapd", str(file)], capture_output=True, text=True, check=False)
    assert "found in configuration file" not in done.stdout + done.stderr
    # the lab has no radio that could be asked
    assert "this radio does not say how many devices it holds" in own.box.render()


def test_own_access_point_may_hide_its_clients(own: Place) -> None:
    """Where the technician chose translation, the far side sees the box alone."""
    handset, lease = own.arrive()
    BROWSER.sign_in(handset)
    clients = {visit.client for visit in seen(own)}
    assert clients == {BOX.uplink4.partition("/")[0]}
    assert lease.address not in clients


# ------------------------------------------------------------------ without an Internet


@pytest.fixture(scope="module")
def offline() -> Iterator[Place]:
    """A site that says of itself that it has no Internet."""
    with portal_box(replace(LAB_PLAN, offline=True, resolvers=())) as box:
        yield Place(box.start())


# HTTPS cannot be answered for others, so who asks over it as well is told the truth: no Internet.
ASK_OVER_HTTPS = (Android, ChromeOS)


@pytest.mark.requirement("B1")
def test_offline_everybody_meets_the_rules_and_then_stays(offline: Place) -> None:
    """Every system finds a portal first, Android too, whose probes must not have private addresses. After acceptance
    systems that ask over HTTP alone stay, as if on-line, so that the site's own pages can be used; those that ask over
    HTTPS say "no Internet", which is so. Nothing reaches the far side."""
    for persona in EVERYBODY:
        handset, _ = offline.arrive()
        signed = persona.sign_in(handset)
        expected = Verdict.NOTHING if isinstance(persona, ASK_OVER_HTTPS) else Verdict.ONLINE
        assert (persona.name, signed.seen) == (persona.name, (Verdict.PORTAL, expected))
    assert not seen(offline)


# ------------------------------------------------------------------ only linked to


@pytest.fixture(scope="module")
def linked() -> Iterator[Place]:
    """The site has a portal of its own: here are pages, and the real kiosk process behind them. No gate, no DHCP."""
    with portal_box(NetworkPlan(Mode.LINK_ONLY, HOST), people=True) as box:
        yield Place(box.start(real_kiosk=True))


def visitor(place: Place) -> Handset:
    """A device in the site's own network, which knows the way to this machine."""
    place.phones += 1
    phone = place.box.lab.phone(place.phones)
    phone.set_address(f"10.77.1.{place.phones}/22", router="10.77.0.1")
    # what the site's own resolver says
    (RESOLVER_FOLDERS / phone.name / "hosts").write_text(f"{place.box.address} {HOST}\n", encoding="utf-8")
    return Handset(phone, place.box.lab.authority)


@pytest.mark.requirement("B5")
def test_link_only_serves_help_and_rules_and_admits_nobody(linked: Place) -> None:
    """No rules of passage: the first page is help and what the site asks of people, with nothing to accept; nothing
    about a gate is there, and the API for phones says that there is none."""
    handset = visitor(linked)
    sheet = sheet_of(handset)
    base = f"http://{HOST}:8080"
    first = sheet.open(f"{base}/")
    assert (first.reply.status, first.heading, first.forms) == (200, "Help and rules", ())
    rules = sheet.open(first.link_named("The rules"))
    assert "Your device on our Wi-Fi" in rules.heading
    assert not rules.forms
    assert handset.ask(f"{base}/captive/api").status == 404
    assert handset.ask(f"{base}/en/accept", "--data", "aup=00").status in (303, 404)
    assert not (linked.box.root.run / "gate.sock").exists()


@pytest.mark.requirement("B5")
def test_link_only_somebody_can_be_talked_to(linked: Place) -> None:
    """From the first page a learner tells of danger by choices alone, and the kiosk process has it saved."""
    handset = visitor(linked)
    sheet = sheet_of(handset)
    page = sheet.open(f"http://{HOST}:8080/")
    page = sheet.open(page.link_named("Talk to someone"))
    assert page.heading == "Is anyone in danger right now?"
    page = sheet.press(page.form_to("/talk").pressed("choice", "yes"))
    assert "Saved here. Trying to send it to the office." in page.text
