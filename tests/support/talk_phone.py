"""A phone that talks: a browser without scripts and cookies against the real server, in front of a real kiosk engine.

`LivingKiosk` turns a `PortalTurns` on a thread of its own behind the real socket. `Phone` presses what stands on the
page it has, and nothing else. Not modelled: the kiosk's window, and an Internet behind the portal.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar, cast
from urllib.parse import urlencode

from starlette.applications import Starlette

from firmware.local_link import LocalServer, serve
from firmware.profile import Profile
from kiosk.learner.portal_line import SOCKET_NAME, PortalAsked, PortalLine, portal_uids
from kiosk.portal.kiosk_line import KioskLine
from kiosk.portal.pages import Pages, PortalFacts
from kiosk.portal.talk_web import talk_routes
from tests.support.portal_server import serving
from tests.support.talk_portal import LANGUAGES, PortalTurns
from tests.support.talks import secondary

HOST = "localhost"
_R = TypeVar("_R")


class LivingKiosk:
    """One engine that lives on its own thread; `do` runs something there between two turns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._todo: SimpleQueue[PortalAsked | tuple[Callable[[PortalTurns], object], Future[object]] | None] = (
            SimpleQueue()
        )
        self.path = folder / SOCKET_NAME
        self._server: LocalServer | None = None
        self._thread = threading.Thread(target=self._live, name="kiosk")

    def __enter__(self) -> LivingKiosk:
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        self._todo.put(None)
        self._thread.join()

    def listen(self) -> None:
        """The process is there and answers."""
        line = PortalLine(self._todo.put, begin_seconds=0.5, finish_seconds=0.5)
        self._server = serve(self.path, allow_uids=portal_uids(), mode=0o600, on_request=line.answer)

    def die(self) -> None:
        """The process is gone, and so is its socket."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def do(self, what: Callable[[PortalTurns], _R]) -> _R:
        done: Future[object] = Future()
        self._todo.put((what, done))
        return cast(_R, done.result(30))

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Its loop does not turn; the socket's threads live on."""
        go_on = threading.Event()
        done: Future[object] = Future()
        self._todo.put((lambda _: go_on.wait(), done))
        try:
            yield
        finally:
            go_on.set()
            done.result(30)

    def _live(self) -> None:
        # SQLite belongs to the thread that opened it.
        turns = PortalTurns(self._folder)
        while (item := self._todo.get()) is not None:
            if isinstance(item, PortalAsked):
                turns.turn(item)
                turns.deliver()
                continue
            what, done = item
            try:
                done.set_result(what(turns))
            except BaseException as problem:  # noqa: BLE001  # the test's own thread gets it
                done.set_exception(problem)
        turns.site.close()


@dataclass
class Seen(HTMLParser):
    """What a reader finds on a page and can press. `tongues`: the same page in each language, by its address."""

    hidden: dict[str, str] = field(default_factory=dict)
    buttons: dict[tuple[str, str], str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    tongues: dict[str, str] = field(default_factory=dict)
    text: str = ""
    typed: str | None = None

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._in: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        attrs = {name: value or "" for name, value in attributes}
        if tag == "input":
            if attrs.get("type") == "hidden":
                self.hidden[attrs["name"]] = attrs["value"]
            elif attrs.get("name") == "words":
                self.typed = attrs.get("value", "")
        elif tag == "textarea":
            self.typed = ""
        if tag in ("button", "a", "title", "textarea"):
            self._in.append((tag, attrs))
        if tag == "button" and "formaction" in attrs:
            self.tongues[attrs["formaction"]] = ""
        elif tag == "button":
            self.buttons[attrs["name"], attrs["value"]] = ""

    def handle_endtag(self, tag: str) -> None:
        if self._in and self._in[-1][0] == tag:
            self._in.pop()

    def handle_data(self, data: str) -> None:
        tag, attrs = self._in[-1] if self._in else ("", {})
        if tag == "button" and "formaction" in attrs:
            self.tongues[attrs["formaction"]] += data.strip()
        elif tag == "button":
            self.buttons[attrs["name"], attrs["value"]] += data.strip()
        elif tag == "a":
            self.links[attrs["href"]] = (self.links.get(attrs["href"], "") + data.strip()).strip()
        elif tag == "textarea":
            self.typed = (self.typed or "") + data
        self.text += " ".join(data.split()) + " " if data.strip() else ""

    @property
    def choices(self) -> list[str]:
        return [value for name, value in self.buttons if name == "choice"]


@dataclass(frozen=True)
class Page:
    status: int
    headers: Mapping[str, str]
    raw: str
    seen: Seen

    @property
    def screen(self) -> str:
        return self.seen.hidden["screen"]

    @property
    def text(self) -> str:
        return self.seen.text


class Phone:
    """Somebody's own phone. `page` is what is on its screen."""

    def __init__(self, port: int, *, language: str = "en", trust: ssl.SSLContext | None = None) -> None:
        self.port, self.language, self._trust = port, language, trust
        self.page = self._ask("GET", self.path, None)

    @property
    def path(self) -> str:
        return f"/{self.language}/talk"

    def press(self, *choices: str, words: str | None = None) -> Page:
        """One page after the other; a choice must stand on the page."""
        for choice in choices:
            assert ("choice", choice) in self.page.seen.buttons, (choice, self.page.seen.buttons)
            self.page = self.post(self.filled("choice", choice, words))
        return self.page

    def go(self, where: str) -> Page:
        assert ("go", where) in self.page.seen.buttons, (where, self.page.seen.buttons)
        self.page = self.post(self.filled("go", where, None))
        return self.page

    def read_in(self, language: str) -> Page:
        """The same page in another language, by its button."""
        assert f"/{language}/talk" in self.page.seen.tongues, self.page.seen.tongues
        form = self.filled("go", "stay", None)
        self.language = language
        self.page = self.post(form)
        return self.page

    def filled(self, name: str, value: str, words: str | None) -> dict[str, str]:
        """The form of the page in view as this button sends it."""
        form = {**self.page.seen.hidden, name: value}
        if self.page.seen.typed is not None or words is not None:
            form["words"] = self.page.seen.typed or "" if words is None else words
        return form

    def post(self, form: Mapping[str, str]) -> Page:
        return self._ask("POST", self.path, urlencode(form).encode())

    def post_raw(self, body: bytes) -> Page:
        return self._ask("POST", self.path, body)

    def _ask(self, method: str, path: str, body: bytes | None) -> Page:
        line: http.client.HTTPConnection
        if self._trust is None:
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        else:
            line = http.client.HTTPSConnection(HOST, self.port, timeout=30, context=self._trust)
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
            line.request(method, path, body, headers)
            answer = line.getresponse()
            raw = answer.read().decode("utf-8")
        finally:
            line.close()
        seen = Seen()
        seen.feed(raw)
        return Page(answer.status, {name.lower(): value for name, value in answer.getheaders()}, raw, seen)


def talk_app(
    line: KioskLine, *, secure: bool = False, policy: Profile | None = None, seconds: float = 2.0
) -> Starlette:
    """The talk's routes alone, as the portal mounts them."""
    pages = Pages(PortalFacts("Demo School", HOST, "Demo-BYOD", secure=secure, languages=LANGUAGES))
    return Starlette(routes=talk_routes(pages, line, policy or secondary(), arrived_within_seconds=seconds))


@contextmanager
def phones(
    kiosk: LivingKiosk, *, context: ssl.SSLContext | None = None, policy: Profile | None = None, seconds: float = 2.0
) -> Iterator[int]:
    """A portal in front of this kiosk; yields its port. With a context it has HTTPS with a valid name."""
    line = KioskLine(kiosk.path, save_seconds=3.0, look_seconds=1.0)
    app = talk_app(line, secure=context is not None, policy=policy, seconds=seconds)
    with serving(app, context=context) as port:
        yield port
