"""Somebody with a phone in front of the portal's pages: reads them, presses their buttons, as a browser would.

Owns what a page says and offers, read from its HTML. Asks through a `Ground` and knows no portal's code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

from firmware.errors import TechnicianError
from kiosk.demo.ground import Ground, Page
from kiosk.rehearsal import NotReached

LOOK_EVERY_SECONDS = 0.2
_SILENT = ("script", "style", "title")
# HTML, 13.1.2: elements that are never closed
_VOID = ("input", "meta", "link", "br", "hr", "img")


@dataclass(slots=True)
class Form:
    """Where it goes, what is hidden in it, and its buttons as (name, value, words)."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Sight:
    """What a reader sees of a page: its heading, all its words, its forms, and the page in other languages."""

    heading: str = ""
    words: str = ""
    forms: list[Form] = field(default_factory=list)
    languages: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sight = Sight()
        self._open: list[str] = []
        self._tongue = ""
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.sight.forms.append(Form(told.get("action", "")))
        elif tag == "input" and self.sight.forms and told.get("type") == "hidden":
            self.sight.forms[-1].fields[told.get("name", "")] = told.get("value", "")
        elif tag == "button" and self.sight.forms:
            self.sight.forms[-1].buttons.append((told.get("name", ""), told.get("value", ""), ""))
        elif tag == "a" and "hreflang" in told:
            self._tongue = told["hreflang"]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Parts of drawings."""

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._tongue = ""
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not text or any(tag in self._open for tag in _SILENT):
            return
        self._text.append(text)
        self.sight.words = " ".join(self._text)
        if "h1" in self._open:
            self.sight.heading += text
        if self._tongue:
            self.sight.languages.setdefault(self._tongue, text)
        if "button" in self._open and self.sight.forms and self.sight.forms[-1].buttons:
            name, value, words = self.sight.forms[-1].buttons[-1]
            self.sight.forms[-1].buttons[-1] = (name, value, f"{words} {text}".strip())


def see(page: Page) -> Sight:
    reader = _Reader()
    reader.feed(page.body)
    reader.close()
    return reader.sight


class Persona:
    """One person; `page` is what the phone shows."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.page = Page("", 0, "", "", False)

    @property
    def sight(self) -> Sight:
        return see(self.page)

    def probe(self, host: str, path: str) -> Page:
        """What this phone's system asks by itself; nobody sees the answer."""
        return self._ground.fetch(f"http://{host}{path}")

    def open(self, path: str = "") -> Sight:
        """One of the portal's own pages, given its path without a slash before it."""
        return self._show(self._ground.fetch(urljoin(self._ground.own, path)))

    def press(self, value: str = "", name: str = "", **typed: str) -> Sight:
        """The button with this value, and name if need be (without both: the first one of the page).

        Raises NotReached when the page has no such button.
        """
        for form in self.sight.forms:
            for each, carries, _ in form.buttons:
                if (carries == value and name in ("", each)) or not (value or name):
                    fields = {**form.fields, **typed, **({each: carries} if each else {})}
                    return self._show(self._ground.fetch(urljoin(self.page.url, form.action), fields))
        raise self.not_reached(f"the button {value or name}")

    def wait_for(
        self, true: Callable[[Sight], bool], what: str, again: Callable[[], Sight], seconds: float = 40.0
    ) -> Sight:
        """Look until it is true, `again` being how. Raises NotReached."""
        until = time.monotonic() + seconds
        while not true(sight := again()):
            if time.monotonic() > until:
                raise self.not_reached(what)
            time.sleep(LOOK_EVERY_SECONDS)
        return sight

    def not_reached(self, what: str) -> NotReached:
        return NotReached(f"the phone: {what} did not come; it shows {self.page.status} {self.sight.words[:300]!r}")

    def _show(self, page: Page) -> Sight:
        """Follows what a form's answer leads to, as a browser does. Raises TechnicianError."""
        if page.status in (302, 303) and page.location:
            page = self._ground.fetch(urljoin(page.url, page.location))
        if page.status == 0:
            raise TechnicianError(f"the phone: {page.url} does not answer")
        self.page = page
        return self.sight


def shows(words: str) -> Callable[[Sight], bool]:
    return lambda sight: words in sight.words
