"""Every page that the portal shows: one template, one style sheet, the reader's words.

Owns languages (a path prefix, no cookie), pictures (drawn into the page: nothing else is fetched), and what every
answer says to a browser: keep nothing, run nothing, tell nobody where you came from, open a new connection. Knows
neither policy nor gate: those hand in what a page says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from types import MappingProxyType
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, nodes
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kiosk.words import SOURCE_LANGUAGE, Words, checked, own_name

# Longer queries are not ours; a page names its own address once for each language.
QUERY_CHARACTERS = 200
ACCEPT_LANGUAGE_CHARACTERS = 200
# Over HTTPS who listens still sees how long a page is, and so which. With its sheet it stays below 20 kB; longer than
# this is only the survey, in some languages.
PAGE_BYTES_LEAST, PAGE_BYTES_STEP = 11 * 1024, 512
# What a phone may keep: only the sheet, which is named by its content.
SHEET_SECONDS = 86_400

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        # A connection that is kept open would go on being redirected after acceptance.
        "Connection": "close",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
            " frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)

_TOKEN = re.compile(r"\s*([A-Za-z]{2,3})(-[A-Za-z0-9-]{1,20})?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class PortalFacts:
    """What stands on every page. `network` is the Wi-Fi's name, "" where the portal cannot know it; `secure` says that
    the host's name has a publicly valid certificate here."""

    organisation: str
    host: str
    network: str
    secure: bool
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageLink:
    """The same page in another language, named in that language."""

    code: str
    name: str
    href: str
    current: bool


class Pages:
    """Renders templates for one portal. `facts.languages` must be catalogues that are here, the first is the site's."""

    def __init__(self, facts: PortalFacts) -> None:
        self.facts = facts
        self.style = _style_sheet()
        self.style_path = f"/static/style-{sha256(self.style).hexdigest()[:12]}.css"
        self._words = {language: Words(language) for language in (*facts.languages, SOURCE_LANGUAGE)}
        self._unchecked = {language for language in facts.languages if not checked(language)}
        self._names = {language: own_name(language) for language in facts.languages}
        self._pictures: dict[str, Markup] = {}
        self._environment = _environment()
        self._environment.globals.update(
            organisation=facts.organisation, network=facts.network, style_path=self.style_path, picture=self.picture
        )

    def load(self) -> None:
        """Compile every template now: the first phone should not wait for it."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def html(
        self,
        template: str,
        request: Request,
        *,
        status: int = 200,
        headers: Mapping[str, str] = MappingProxyType({}),
        **context: object,
    ) -> Response:
        """The page, in the language of the request's path or, without one, of its Accept-Language."""
        language = self.language_of(request)
        words = self._words[language]

        def path(name: str = "", **query: str) -> str:
            return self.path(language, name, **query)

        text = self._environment.get_template(template).render(
            say=words.text,
            lang=language,
            rtl=words.right_to_left,
            path=path,
            secure=self.secure(request),
            languages=self._links(request, language),
            unchecked=language in self._unchecked,
            talk_path=path("talk"),
            **context,
        )
        if self.secure(request):
            text += _padding(len(text.encode()))
        return HTMLResponse(text, status, headers={**HEADERS, "Content-Language": language, **headers})

    def part(self, template: str, language: str, **context: object) -> Markup:
        """A piece of a page that is the same for everybody who reads this language."""
        say = self._words[language].text
        return Markup(self._environment.get_template(template).render(say=say, **context))

    def see(self, request: Request, name: str = "", **query: str) -> Response:
        """303 to one of our pages: a full navigation, after which an iOS sheet looks again whether it is on-line."""
        return RedirectResponse(self.path(self.language_of(request), name, **query), 303, headers=dict(HEADERS))

    def sheet(self) -> Response:
        """The style sheet."""
        kept = {"Cache-Control": f"max-age={SHEET_SECONDS}, immutable"}
        return Response(self.style, media_type="text/css", headers={**HEADERS, **kept})

    def path(self, language: str, name: str = "", **query: str) -> str:
        """The address of one of our pages, such as "/cy/rules"."""
        return f"/{language}/{name}" + (f"?{urlencode(query)}" if query else "")

    def words(self, request: Request) -> Words:
        """The words in which this request is answered."""
        return self._words[self.language_of(request)]

    def language_of(self, request: Request) -> str:
        """The path's language if it is one of ours, else the best that the browser asks for, else the site's."""
        named = request.path_params.get("lang", "")
        if named in self.facts.languages:
            return str(named)
        return choose_language(request.headers.get("accept-language", ""), self.facts.languages)

    def secure(self, request: Request) -> bool:
        """Whether this came over HTTPS to a name that browsers can verify: only then is free text asked for."""
        return self.facts.secure and request.url.scheme == "https" and request.url.hostname == self.facts.host

    def picture(self, name: str) -> Markup:
        """A pictogram as part of the page, in the colour of the text beside it; silent to a screen reader."""
        found = self._pictures.get(name)
        if found is None:
            found = self._pictures[name] = _inline(name)
        return found

    def _links(self, request: Request, current: str) -> tuple[LanguageLink, ...]:
        rest = request.url.path.lstrip("/")
        if "lang" in request.path_params:
            rest = rest.partition("/")[2]
        query = request.url.query
        tail = f"?{query}" if query and len(query) <= QUERY_CHARACTERS else ""
        rest = rest if len(rest) <= QUERY_CHARACTERS else ""
        return tuple(
            LanguageLink(code, name, f"/{code}/{rest}{tail}", code == current) for code, name in self._names.items()
        )


def choose_language(untrusted_header: str, languages: tuple[str, ...]) -> str:
    """The first of ours that an Accept-Language header likes best; without any, the first of ours."""
    liked: list[tuple[float, str]] = []
    for part in untrusted_header[:ACCEPT_LANGUAGE_CHARACTERS].split(","):
        match = _TOKEN.fullmatch(part)
        if match is not None and float(match[3] or 1) > 0:
            liked.append((float(match[3] or 1), (match[1] + (match[2] or "")).lower()))
    # sorted() keeps the order of equals, which is the reader's own.
    for _, wanted in sorted(liked, key=lambda each: -each[0]):
        for candidate in (wanted, wanted.partition("-")[0]):
            if candidate in languages:
                return candidate
    return languages[0]


def template_sentences() -> tuple[str, ...]:
    """Every sentence that the templates say, for whoever translates them or checks a catalogue."""
    environment = _environment()
    found: dict[str, None] = {}
    for name in environment.list_templates():
        source = (resources.files("kiosk.portal") / "templates" / name).read_text(encoding="utf-8")
        found.update(dict.fromkeys(_said(environment.parse(source))))
    return tuple(found)


def _said(tree: nodes.Template) -> Iterator[str]:
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "say" and call.args:
            first = call.args[0]
            if isinstance(first, nodes.Const) and isinstance(first.value, str):
                yield first.value


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("kiosk.portal", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _style_sheet() -> bytes:
    """The sheet without what only its authors read."""
    text = (resources.files("kiosk.portal") / "static" / "style.css").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*([{};,])\s*", r"\1", text).replace(";}", "}")
    # only after a property's name: before a pseudo-class a space means "inside"
    return re.sub(r"(?<=[a-z]): ", ":", text).strip().encode()


def _padding(length: int) -> str:
    """Blanks after the page's end that make nearly all pages equally long."""
    target = max(PAGE_BYTES_LEAST, length + -length % PAGE_BYTES_STEP)
    return "\n" * (target - length)


def _inline(name: str) -> Markup:
    text = (resources.files("kiosk") / "pictograms" / f"{name}.svg").read_text(encoding="utf-8")
    text = re.sub(r"\s*\n\s*", "", text).replace("#000", "currentColor")
    return Markup(re.sub(r"<svg [^>]*>", '<svg class="picture" viewBox="0 0 48 48" aria-hidden="true">', text, count=1))
