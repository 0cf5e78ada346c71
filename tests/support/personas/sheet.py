"""The small browser that opens by itself to sign in: no scripts, no cookies, nothing remembered between two sheets.

Follows links and redirects, presses the button of a form. Each page that came up is one full navigation: that is when
some systems look again whether they are on-line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

from tests.support.personas.asking import Handset, Reply

REDIRECTS_MAX = 10
# iOS shows nothing bigger
PAGE_MAX_BYTES = 128 * 1024


@dataclass
class Form:
    """`button` is what can be read on it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    button: str = ""
    # name and value of each button
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def pressed(self, name: str, value: str) -> Form:
        """What is sent when this one of its buttons is pressed. Raises AssertionError when there is none."""
        assert (name, value) in self.buttons, f"no button {name}={value} among {self.buttons}"
        return Form(self.action, self.method, {**self.fields, name: value}, self.button)


class _Reader(HTMLParser):
    """Headings, links and forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.heading, self.text = "", ""
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self._inside.append(tag)
        if tag == "form":
            self.forms.append(Form(named.get("action", ""), named.get("method", "get").lower()))
        elif tag == "input" and self.forms and "name" in named:
            self.forms[-1].fields[named["name"]] = named.get("value", "")
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((named.get("name", ""), named.get("value", "")))
        elif tag == "a":
            self.links.append((named.get("href", ""), ""))

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data
        if "h1" in self._inside:
            self.heading += data
        if "button" in self._inside and self.forms:
            self.forms[-1].button += data
        if "a" in self._inside and self.links:
            href, said = self.links[-1]
            self.links[-1] = (href, said + data)


@dataclass(frozen=True)
class Page:
    """What stands in the sheet."""

    url: str
    reply: Reply
    heading: str
    text: str
    forms: tuple[Form, ...]
    links: tuple[tuple[str, str], ...]

    def form_to(self, ending: str) -> Form:
        """Raises AssertionError when the page has none."""
        found = [form for form in self.forms if form.action.endswith(ending)]
        assert found, f"no form to …{ending} on {self.url} ({self.reply.status}, {self.heading})"
        return found[0]

    def has_form_to(self, ending: str) -> bool:
        return any(form.action.endswith(ending) for form in self.forms)

    def link_named(self, words: str) -> str:
        """Raises AssertionError when the page has none."""
        found = [href for href, said in self.links if words in said]
        assert found, f"no link {words!r} on {self.url}"
        return urljoin(self.url, found[0])


class Sheet:
    """`navigated` is called after each page that came up."""

    def __init__(
        self, handset: Handset, *, agent: str = "Mozilla/5.0", language: str = "en-GB", navigated: Callable[[], None]
    ) -> None:
        self._handset, self._agent, self._language, self._navigated = handset, agent, language, navigated
        self.page: Page | None = None

    def open(self, url: str) -> Page:
        """Raises AssertionError when no page comes up."""
        return self._settle(url, self._ask(url))

    def press(self, form: Form) -> Page:
        """Send a form as its button does."""
        assert self.page is not None, "nothing is open"
        url = urljoin(self.page.url, form.action)
        if form.method == "get":
            return self.open(f"{url}?{urlencode(form.fields)}")
        return self._settle(url, self._ask(url, "--data", urlencode(form.fields)))

    def _ask(self, url: str, *words: str) -> Reply:
        return self._handset.ask(url, "-H", f"Accept-Language: {self._language}", *words, agent=self._agent)

    def _settle(self, url: str, reply: Reply) -> Page:
        for _ in range(REDIRECTS_MAX):
            assert reply.status, f"{url}: no page in the sheet ({reply.failure})"
            assert "set-cookie" not in reply.headers, f"{url} sets a cookie"
            if not reply.redirects:
                return self._show(url, reply)
            url = urljoin(url, reply.headers["location"])
            reply = self._ask(url)
        raise AssertionError(f"{url}: redirected without end")

    def _show(self, url: str, reply: Reply) -> Page:
        assert len(reply.body.encode()) < PAGE_MAX_BYTES, f"{url} is too big for a sheet"
        reader = _Reader()
        reader.feed(reply.body)
        words = " ".join(reader.text.split())
        self.page = Page(url, reply, " ".join(reader.heading.split()), words, tuple(reader.forms), tuple(reader.links))
        self._navigated()
        return self.page
