"""The pages in a real Chromium: used without scripts, judged by axe, measured at the sizes and scales of real phones.

Scripts are off wherever a person acts; axe and the measurements need them and have windows of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from starlette.routing import BaseRoute

from broker_config.portal_issue import read_portal, shared_aups
from firmware.byod import Audience, Byod
from firmware.opening_hours import Hours, read_hours
from firmware.profile import Profile
from firmware.vouchers import Voucher, make_words
from kiosk.portal.kiosk_line import KioskLine
from kiosk.portal.pages import Pages
from kiosk.portal.talk_web import talk_routes
from kiosk.words import languages
from tests.support.byod_samples import AFTER_LUNCH, AT_LUNCH, wall_ms
from tests.support.portal_house import VOUCHER_KEY, House, Visitor
from tests.support.talks import secondary

PROFILES = Path(str(shared_aups())).parent / "profiles"
PHONE, SMALL_PHONE = (390, 844), (320, 568)
PAGE_BYTES_MAX = 20_000
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# CSS pixels; WCAG 2.2 asks for 24
TARGET_MIN = 44
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
LANGUAGES = tuple(each for each in ("en", "ar") if each in languages())
GUEST = Voucher(Audience.VISITOR, date(2027, 1, 15), minutes=120, devices=2, serial=8)


def shipped() -> Byod:
    """The secondary school's own texts, open at lunch."""
    issued = read_portal(PROFILES / "secondary-school", shared_aups())
    assert issued is not None
    lunch = (Hours(("monday", "tuesday", "wednesday", "thursday", "friday"), "12:10", "13:00"),)
    hours = read_hours("portal.toml", "Europe/London", lunch, ())
    return replace(issued.byod, hours=hours, always_open=False)


@dataclass(frozen=True)
class Scene:
    """A page, and what must be so before it is opened."""

    path: str
    prepare: Callable[[House, Visitor], None] = lambda house, visitor: None
    admits: bool = True


def _accepted(house: House, visitor: Visitor) -> None:
    assert visitor.accept().status == 303


def _soon(house: House, visitor: Visitor) -> None:
    _accepted(house, visitor)
    house.wall_ms = wall_ms("2027-01-13 12:57")


def _silent(house: House, visitor: Visitor) -> None:
    house.gate.silent = True


def _closed(house: House, visitor: Visitor) -> None:
    house.wall_ms = wall_ms(AFTER_LUNCH)


def _unknown(house: House, visitor: Visitor) -> None:
    house.gate.knows_nobody = True


SCENES: Mapping[str, Scene] = MappingProxyType(
    {
        "rules to accept": Scene(""),
        "rules": Scene("rules"),
        "guest": Scene("guest?w=" + "-".join(make_words(GUEST, VOUCHER_KEY))),
        "on-line": Scene("online", _accepted),
        "ends soon": Scene("online", _soon),
        "not now": Scene("", _closed),
        "voucher": Scene("voucher"),
        "wrong voucher": Scene("guest?w=one-two-three"),
        "privacy": Scene("privacy"),
        "survey": Scene("survey"),
        "thanks": Scene("thanks"),
        "gate silent": Scene("", _silent),
        "not our client": Scene("", _unknown),
        "gone": Scene("nothing"),
        "link-only": Scene("", admits=False),
        "talk": Scene("talk"),
    }
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def policy() -> Profile:
    return secondary()


@dataclass(frozen=True)
class Stage:
    """A portal that is open, and a browser before it."""

    house: House
    port: int
    browser: Browser

    def address(self, path: str, language: str = "en") -> str:
        return f"http://127.0.0.1:{self.port}/{language}/{path}"

    def page(self, *, scripts: bool) -> Page:
        viewport = ViewportSize(width=PHONE[0], height=PHONE[1])
        context = self.browser.new_context(viewport=viewport, java_script_enabled=scripts, bypass_csp=scripts)
        return context.new_page()


@pytest.fixture
def stage(browser: Browser, tmp_path: Path, policy: Profile, request: pytest.FixtureRequest) -> Iterator[Stage]:
    scene = SCENES.get(getattr(request, "param", ""), Scene(""))

    def talk(pages: Pages) -> Sequence[BaseRoute]:
        return talk_routes(pages, KioskLine(tmp_path / "no-kiosk.sock"), policy)

    house = House(tmp_path, shipped(), LANGUAGES, admits=scene.admits, wall_ms=wall_ms(AT_LUNCH), talk=talk)
    with house.open() as port:
        scene.prepare(house, Visitor(port))
        yield Stage(house, port, browser)
        for context in browser.contexts:
            context.close()


@pytest.mark.requirement("L1")
@pytest.mark.parametrize("stage", SCENES, indirect=True)
def test_axe_finds_nothing(stage: Stage, request: pytest.FixtureRequest) -> None:
    """Each page by day and by night, from the left and from the right: no violation of WCAG 2.2 AA, nor of what axe
    calls good practice."""
    page = stage.page(scripts=True)
    for language in LANGUAGES:
        page.goto(stage.address(_path(request), language))
        # What happens to lie under the bar comes out from under it; axe looks at one moment.
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options=RULES)
            assert not found.response["violations"], f"{language}, {scheme}: {found.generate_report()}"


@pytest.mark.requirement("B2", "B7")
@pytest.mark.parametrize("stage", SCENES, indirect=True)
def test_pages_fit_small_screens_and_large_letters(stage: Stage, request: pytest.FixtureRequest) -> None:
    """Nothing is cut off sideways at 320 pixels, nor with letters of twice the size; targets are a thumb wide."""
    page = stage.page(scripts=True)
    for language in LANGUAGES:
        page.set_viewport_size({"width": SMALL_PHONE[0], "height": SMALL_PHONE[1]})
        page.goto(stage.address(_path(request), language))
        assert page.evaluate(WIDER) == []
        assert page.evaluate(SMALL_TARGETS, TARGET_MIN) == []
        page.set_viewport_size({"width": 640, "height": 900})
        page.add_style_tag(content="html { font-size: 200% }")
        assert page.evaluate(WIDER) == []


@pytest.mark.requirement("L1")
@pytest.mark.parametrize("stage", SCENES, indirect=True)
def test_help_is_in_the_same_place(stage: Stage, request: pytest.FixtureRequest) -> None:
    """The way to help is at the same spot of the screen on every page, whatever the page says; the talk has "hide"
    there instead."""
    page = stage.page(scripts=True)
    page.goto(stage.address(_path(request)))
    bar = page.locator("nav.bar").bounding_box()
    assert bar is not None
    assert bar["y"] + bar["height"] == PHONE[1]
    assert bar["height"] < PHONE[1] / 8
    link = page.locator("nav.bar a")
    assert link.count() == 1
    assert _path(request) == "talk" or link.get_attribute("href") == "/en/talk"


@pytest.mark.parametrize("stage", SCENES, indirect=True)
def test_a_page_with_all_that_it_needs_is_below_20_kb(stage: Stage, request: pytest.FixtureRequest) -> None:
    """What the network carries: page, sheet and picture, each once, and nothing from anywhere else."""
    page = stage.page(scripts=False)
    taken: dict[str, int] = {}
    page.on("response", lambda response: taken.update({response.url: len(response.body())}))
    page.goto(stage.address(_path(request)), wait_until="networkidle")
    assert sum(taken.values()) < PAGE_BYTES_MAX, taken
    assert all(address.startswith(f"http://127.0.0.1:{stage.port}/") for address in taken)


@pytest.mark.requirement("B1", "B4")
def test_accept_without_scripts(stage: Stage) -> None:
    """Open, read, one tap, and the page says until when; it names the Wi-Fi and goes on by a real link."""
    page = stage.page(scripts=False)
    page.goto(stage.address(""))
    assert "Demo-BYOD" in page.locator("header").inner_text()
    page.get_by_role("button", name="I will keep to this").click()
    page.wait_for_url("**/en/online")
    assert "13:00" in page.locator("h1").inner_text()
    page.get_by_role("link", name="Go on").click()
    assert "13:00" in page.locator("h1").inner_text()
    assert len(stage.house.gate.admitted()) == 1


@pytest.mark.requirement("B1")
def test_accept_by_keyboard_alone(stage: Stage) -> None:
    """Tab leads to the button in the order of the page, Enter presses it."""
    page = stage.page(scripts=False)
    page.goto(stage.address(""))
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator("button:focus").count():
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/en/online")


@pytest.mark.requirement("B2")
def test_another_language_without_scripts(stage: Stage) -> None:
    """The list opens by a tap; the same page comes in the other language, mirrored where that runs from the right."""
    if "ar" not in LANGUAGES:
        pytest.skip("there is no Arabic catalogue")
    page = stage.page(scripts=False)
    page.goto(stage.address("rules"))
    left = page.locator("header .mark").bounding_box()
    page.locator("header summary").click()
    page.get_by_role("link", name="العربية").click()
    page.wait_for_url("**/ar/rules")
    assert page.locator("html").get_attribute("dir") == "rtl"
    right = page.locator("header .mark").bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] < PHONE[0] / 2 < right["x"]


@pytest.mark.requirement("B9")
def test_a_voucher_without_scripts(stage: Stage) -> None:
    """A wrong word is told beside the field and kept for mending; right ones lead to the guest's rules and on-line."""
    words = " ".join(make_words(GUEST, VOUCHER_KEY))
    page = stage.page(scripts=False)
    page.goto(stage.address(""))
    page.get_by_role("link", name="I have a voucher").click()
    page.get_by_label("Six words").fill("only three words")
    page.get_by_role("button", name="Use this voucher").click()
    assert "not six words" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Six words").input_value() == "only three words"
    page.get_by_label("Six words").fill(words.upper())
    page.get_by_role("button", name="Use this voucher").click()
    page.wait_for_url("**/en/guest?w=*")
    page.locator("main form button").click()
    page.wait_for_url("**/en/online")


@pytest.mark.requirement("B13")
def test_the_survey_without_scripts(stage: Stage) -> None:
    """Tap pictures, send, thanks."""
    page = stage.page(scripts=False)
    page.goto(stage.address("survey"))
    page.get_by_text("Very safe").click()
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/en/thanks")


@pytest.mark.requirement("L1")
def test_from_every_state_to_the_talk(stage: Stage) -> None:
    """Before acceptance and after it, in a closed period and with a silent gate: the same tap opens the talk's first
    question."""
    page = stage.page(scripts=False)
    states: tuple[Callable[[House, Visitor], None], ...] = (_accepted, _closed, _silent)
    for state in (None, *states):
        if state is not None:
            state(stage.house, Visitor(stage.port))
        page.goto(stage.address(""))
        page.locator("nav.bar a").click()
        assert "danger" in page.locator("h1").inner_text()


@pytest.mark.requirement("B7")
def test_the_levels_open_without_scripts(stage: Stage) -> None:
    """Five lists; a tap on an answer shows what it is for."""
    page = stage.page(scripts=False)
    page.goto(stage.address("rules"))
    illegal = page.locator("details.level").last
    assert not illegal.locator("li").first.is_visible()
    illegal.locator("summary").click()
    assert illegal.locator("li").first.is_visible()


def test_landmarks_for_those_who_listen(stage: Stage) -> None:
    """One banner, one main, one footer, one navigation called help, one heading of the first level."""
    page = stage.page(scripts=False)
    page.goto(stage.address(""))
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    assert page.get_by_role("navigation", name="Help").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1


# What stands out of the page to either side.
WIDER = """() => [...document.querySelectorAll('body *')]
  .filter(each => !each.closest('.unseen') && each.checkVisibility())
  .filter(each => { const box = each.getBoundingClientRect();
    return box.width > 1 && (box.left < -1 || box.right > document.documentElement.clientWidth + 1); })
  .map(each => each.outerHTML.slice(0, 120))"""
# Links inside a sentence are as high as the sentence.
SMALL_TARGETS = """least => [...document.querySelectorAll('a, button, summary, label.choice, textarea')]
  .filter(each => each.checkVisibility() && !each.closest('p, dd'))
  .map(each => [each.getBoundingClientRect(), each])
  .filter(([box]) => box.width < least || box.height < least)
  .map(([box, each]) => `${Math.round(box.width)}x${Math.round(box.height)} ${each.outerHTML.slice(0, 120)}`)"""


def _path(request: pytest.FixtureRequest) -> str:
    """The path of the scene that this test was given."""
    scene: str = request.node.callspec.params["stage"]
    return SCENES[scene].path
