"""Every page of the talk in a real Chromium: pressed without scripts, judged by axe, measured on a small phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kiosk.portal.kiosk_line import KioskLine
from kiosk.portal.pages import Pages, PortalFacts
from kiosk.portal.talk_web import talk_routes
from kiosk.words import languages
from tests.support.portal_server import serving
from tests.support.talk_phone import LivingKiosk
from tests.support.talk_portal import LANGUAGES, kept
from tests.support.talks import secondary

SMALL_PHONE = ViewportSize(width=320, height=568)
# CSS pixels; WCAG 2.2 asks for 24
TARGET_MIN = 44
PAGE_BYTES_MAX = 20_000
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
READ = tuple(language for language in ("en", "ar") if language in languages())
# The longest way: every page that a phone can come to while the kiosk is well.
WAY = (
    *("not-sure", "not-sure", "not-sure", "more-pictures", "stranger", "send", "advice", "code", "give-code"),
    *("kept-code", "truths", "add-more", "me", "today", "nurse", "visitor", "skip", "library", "skip", "take-back"),
)


class Secure(Pages):
    """As if it had come over HTTPS with a valid name: then words and name are asked for as well."""

    def secure(self, request: Request) -> bool:
        return True


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def kiosk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LivingKiosk]:
    monkeypatch.setattr("tests.support.talk_portal.LANGUAGES", (*LANGUAGES, "ar"))
    with LivingKiosk(tmp_path) as living:
        yield living


@pytest.fixture
def port(kiosk: LivingKiosk) -> Iterator[int]:
    pages = Secure(PortalFacts("Demo School", "127.0.0.1", "Demo-BYOD", secure=True, languages=READ))

    async def sheet(_: Request) -> Response:
        return pages.sheet()

    talk = talk_routes(pages, KioskLine(kiosk.path), secondary(), arrived_within_seconds=0.0)
    with serving(Starlette(routes=[Route(pages.style_path, sheet), *talk])) as opened:
        yield opened


def opened(browser: Browser, port: int, language: str, *, scripts: bool) -> Page:
    context = browser.new_context(viewport=SMALL_PHONE, java_script_enabled=scripts, bypass_csp=scripts)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/{language}/talk")
    return page


def press(page: Page, choice: str) -> None:
    """And wait for the page that follows; "" is the first page, as it was opened."""
    if choice:
        with page.expect_navigation():
            page.locator(f'main button[name="choice"][value="{choice}"]').click()


def read_in(page: Page, language: str) -> None:
    """Open the list of languages and press one."""
    page.locator(".tongues summary").click()
    with page.expect_navigation():
        page.locator(f'.tongues button[formaction="/{language}/talk"]').click()


@pytest.mark.requirement("L1", "L6")
@pytest.mark.parametrize("language", READ)
def test_axe_finds_nothing_on_any_page_of_the_talk(browser: Browser, port: int, language: str) -> None:
    """By day and by night, from the left and from the right."""
    page = opened(browser, port, language, scripts=True)
    for choice in ("", *WAY):
        press(page, choice)
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options=RULES)
            assert not found.response["violations"], f"after {choice}, {scheme}: {found.generate_report()}"
    page.context.close()


@pytest.mark.requirement("L6")
@pytest.mark.parametrize("language", READ)
def test_every_page_fits_a_small_phone_and_every_target_a_thumb(browser: Browser, port: int, language: str) -> None:
    """At 320 pixels nothing stands out sideways; whatever can be pressed is 44 pixels each way."""
    page = opened(browser, port, language, scripts=True)
    for choice in ("", *WAY):
        press(page, choice)
        assert page.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE["width"], choice
        for box in page.locator("main button, main a, main textarea, main input:not([type=hidden]), nav a").all():
            size = box.bounding_box()
            assert size is not None, choice
            assert min(size["width"], size["height"]) >= TARGET_MIN, (choice, box.inner_text())
    page.context.close()


@pytest.mark.requirement("L1")
def test_the_whole_talk_without_scripts(browser: Browser, kiosk: LivingKiosk, port: int) -> None:
    """Typed, sent, hidden: what a phone without JavaScript needs is there, and each page with its sheet is small."""
    page = opened(browser, port, "en", scripts=False)
    taken: dict[str, int] = {}
    page.on("response", lambda response: taken.update({response.url: int(response.headers["content-length"])}))
    for choice in WAY[:-1]:
        press(page, choice)
        assert sum(taken.values()) < PAGE_BYTES_MAX, taken
    for choice in ("add-more", *["skip"] * 6):
        press(page, choice)
    page.get_by_role("textbox").fill("He waits for me.")
    press(page, "send-words")
    assert page.get_by_role("heading", level=1).inner_text() == "Your message"
    assert kiosk.do(kept)[-1][1].text == b"He waits for me."
    assert page.url.endswith("/en/talk")
    assert page.get_by_role("link", name="Hide now").get_attribute("href") == "/en/"
    page.context.close()


@pytest.mark.requirement("L6")
def test_another_language_is_the_same_page_without_scripts(browser: Browser, kiosk: LivingKiosk, port: int) -> None:
    """Chosen from the list at the top, as on every other page: answers and half a message stay, nothing is sent, and
    nothing of it is in the address; the other way round for who reads from right to left."""
    page = opened(browser, port, "en", scripts=False)
    for choice in (*WAY[:7], "code", "give-code", "kept-code", "truths", "add-more", *["skip"] * 6):
        press(page, choice)
    sent = len(kiosk.do(kept))
    page.get_by_role("textbox").fill("He waits for me.")
    for language in ("ar", "en"):
        read_in(page, language)
        assert page.url.endswith(f"/{language}/talk")
        assert page.locator("html").get_attribute("lang") == language
        assert page.get_by_role("textbox").input_value() == "He waits for me."
    assert len(kiosk.do(kept)) == sent
    press(page, "send-words")
    assert kiosk.do(kept)[-1][1].text == b"He waits for me."
    page.context.close()


@pytest.mark.requirement("L6")
@pytest.mark.parametrize("language", READ)
def test_the_list_of_languages_is_for_thumbs_and_screen_readers(browser: Browser, port: int, language: str) -> None:
    """Opened on a page with a field and on one without: each language 44 pixels high, and axe finds nothing."""
    page = opened(browser, port, language, scripts=True)
    for choice in ("", "have-code"):
        press(page, choice)
        page.locator(".tongues summary").click()
        for button in page.locator(".tongues button").all():
            size = button.bounding_box()
            assert size is not None
            assert min(size["width"], size["height"]) >= TARGET_MIN
        assert page.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE["width"]
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options=RULES)
            assert not found.response["violations"], found.generate_report()
    page.context.close()


def test_enter_in_a_field_sends_it_and_does_not_go_back(browser: Browser, port: int) -> None:
    """The first button of the form is the one that a keyboard presses: looking the words up."""
    page = opened(browser, port, "en", scripts=False)
    press(page, "have-code")
    page.get_by_role("textbox").fill("acorn badge cabin daisy eagle")
    page.keyboard.press("Enter")
    page.get_by_text("We do not know these words here.").wait_for()
    page.context.close()
