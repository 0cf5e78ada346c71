"""The pager: real HTTP through Apprise, retries, and failures that become trouble."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from kiosk.staff.escalation import PAGE_NOW
from kiosk.staff.events import Page
from kiosk.staff.pager import QUEUED_AT_MOST, Pager, PagerNews, PagerTrouble, PagerWell

# Apprise loads a plug-in that imports a deprecated module of the standard library.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@dataclass
class Relay:
    """A real HTTP server on loopback that answers with what it is told to."""

    answers: list[int] = field(default_factory=list)
    bodies: queue.Queue[dict[str, str]] = field(default_factory=queue.Queue)

    def __enter__(self) -> Relay:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                relay.bodies.put(json.loads(body))
                self.send_response(relay.answers.pop(0) if relay.answers else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/page"


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as started:
        yield started


def started(pager: Pager) -> Pager:
    pager.start()
    return pager


def test_a_page_arrives_and_says_nothing_but_open_the_desk(relay: Relay) -> None:
    """What leaves the building is one fixed sentence."""
    news: queue.Queue[PagerNews] = queue.Queue()
    pager = started(Pager({"deputy": [relay.url]}, on_news=news.put))
    pager.page(Page("deputy", PAGE_NOW))
    body = relay.bodies.get(timeout=30)
    pager.stop()
    assert (body["title"], body["message"]) == ("Quietbell", PAGE_NOW)
    assert news.empty()


@pytest.mark.requirement("S1")
def test_a_failed_page_is_trouble_at_once_and_tried_again(relay: Relay) -> None:
    """Told at the first failure, mended at the first success."""
    relay.answers[:] = [500, 500, 200]
    news: queue.Queue[PagerNews] = queue.Queue()
    pager = started(Pager({"head": [relay.url]}, on_news=news.put, retry_after_seconds=(0.0, 0.0, 0.0)))
    pager.page(Page("head", PAGE_NOW))
    told = [news.get(timeout=30) for _ in range(3)]
    pager.stop()
    assert told == [PagerTrouble("the head could not be paged")] * 2 + [PagerWell("head")]
    assert relay.bodies.qsize() == 3


def test_a_second_service_that_works_is_enough(relay: Relay) -> None:
    """One of two ways reaching the person is a page that arrived, and is not sent twice."""
    news: queue.Queue[PagerNews] = queue.Queue()
    pager = started(Pager({"head": ["json://127.0.0.1:1/dead", relay.url]}, on_news=news.put))
    pager.page(Page("head", PAGE_NOW))
    relay.bodies.get(timeout=30)
    pager.stop()
    assert relay.bodies.empty()


def test_a_role_that_nothing_reaches_is_trouble_from_the_start() -> None:
    """Before the first danger, not at it; and again when it is called."""
    news: queue.Queue[PagerNews] = queue.Queue()
    pager = Pager({"deputy": ["json://127.0.0.1:1"], "head": []}, on_news=news.put)
    assert pager.missing(["deputy", "head", "outside", "head"]) == (
        PagerTrouble("nothing reaches the head"),
        PagerTrouble("nothing reaches the outside"),
    )
    started(pager).page(Page("outside", PAGE_NOW))
    assert news.get(timeout=30) == PagerTrouble("nothing reaches the outside")
    pager.stop()


def test_a_service_that_raises_does_not_end_the_pager() -> None:
    """Whatever a plug-in throws, the next page still goes out."""
    sent: queue.Queue[str] = queue.Queue()
    news: queue.Queue[PagerNews] = queue.Queue()

    def send(urls: Sequence[str], text: str) -> bool:
        if urls[0] == "bad":
            raise ValueError("plug-in")
        sent.put(urls[0])
        return True

    targets = {"deputy": ["bad"], "head": ["good"]}
    pager = started(Pager(targets, on_news=news.put, send=send, retry_after_seconds=()))
    pager.page(Page("deputy", PAGE_NOW))
    pager.page(Page("head", PAGE_NOW))
    assert sent.get(timeout=30) == "good"
    pager.stop()
    assert news.get_nowait() == PagerTrouble("the deputy could not be paged")


def test_a_full_queue_is_trouble_and_never_blocks() -> None:
    """The loop that rings must not wait for a network."""
    news: list[PagerNews] = []
    pager = Pager({}, on_news=news.append)
    for _ in range(QUEUED_AT_MOST + 1):
        pager.page(Page("head", PAGE_NOW))
    assert news == [PagerTrouble("too many pages are waiting")]
