"""The pager: calls a role on whatever reaches them (Apprise), from its own thread, and says when that fails.

The only user of Apprise. Knows roles and texts that say nothing; where they go comes from this desk's settings. A page
that cannot be sent is trouble on the desk's screen, never an exception in the loop.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kiosk.staff.events import Page

log = logging.getLogger("quietbell.pager")

RETRY_AFTER_SECONDS = (2.0, 10.0, 30.0)
QUEUED_AT_MOST = 200

Send = Callable[[Sequence[str], str], bool]


@dataclass(frozen=True, slots=True)
class PagerTrouble:
    """A role cannot be reached. Raise it as Cause.PAGER with this detail."""

    detail: str


@dataclass(frozen=True, slots=True)
class PagerWell:
    """A page went out after trouble: mended."""

    role: str


PagerNews = PagerTrouble | PagerWell


class Pager:
    """Give it a Page and forget it. `on_news` is called from the pager's thread and must only enqueue."""

    def __init__(
        self,
        targets: Mapping[str, Sequence[str]],
        *,
        on_news: Callable[[PagerNews], None],
        send: Send | None = None,
        retry_after_seconds: Sequence[float] = RETRY_AFTER_SECONDS,
    ) -> None:
        """`targets`: role → Apprise URLs. `send`: the edge, for tests."""
        self._targets = {role: tuple(urls) for role, urls in targets.items()}
        self._on_news = on_news
        self._send = send or send_by_apprise
        self._retries = tuple(retry_after_seconds)
        self._queue: queue.Queue[Page | None] = queue.Queue(QUEUED_AT_MOST)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pager", daemon=True)
        self._failing: set[str] = set()

    def missing(self, roles: Sequence[str]) -> tuple[PagerTrouble, ...]:
        """Roles that a ladder calls and that nothing reaches: trouble from the start, not at the first danger."""
        lacking = [role for role in dict.fromkeys(roles) if not self._targets.get(role)]
        return tuple(PagerTrouble(f"nothing reaches the {role}") for role in lacking)

    def start(self) -> None:
        self._thread.start()

    def page(self, page: Page) -> None:
        """Queue a page; returns at once."""
        try:
            self._queue.put_nowait(page)
        except queue.Full:
            self._say(PagerTrouble("too many pages are waiting"))

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Give up retrying and end the thread."""
        self._stopping.set()
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            log.warning("pager stops with a full queue")
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            page = self._queue.get()
            if page is not None:
                self._deliver(page)

    def _deliver(self, page: Page) -> None:
        urls = self._targets.get(page.role, ())
        if not urls:
            self._fail(page.role, f"nothing reaches the {page.role}")
            return
        for wait_seconds in (0.0, *self._retries):
            if self._stopping.wait(wait_seconds):
                return
            if self._try(urls, page):
                self._succeed(page.role)
                return
            # Told at the first failure: somebody may telephone while we go on trying.
            self._fail(page.role, f"the {page.role} could not be paged")

    def _try(self, urls: Sequence[str], page: Page) -> bool:
        try:
            return self._send(urls, page.text)
        except Exception:
            # Apprise speaks to a hundred services through as many plug-ins; whatever one of them raises is a failed
            # page, told as trouble, and must not end the thread that pages for the next danger.
            log.exception("page failed role=%s", page.role)
            return False

    def _succeed(self, role: str) -> None:
        log.info("paged role=%s", role)
        if role in self._failing:
            self._failing.discard(role)
            self._say(PagerWell(role))

    def _fail(self, role: str, detail: str) -> None:
        log.warning("page not sent role=%s", role)
        self._failing.add(role)
        self._say(PagerTrouble(detail))

    def _say(self, news: PagerNews) -> None:
        self._on_news(news)


def send_by_apprise(urls: Sequence[str], text: str) -> bool:
    """Send to every URL; True: at least one service accepted it (a second one being down must not repeat the page)."""
    # Imported here, in the pager's thread: it loads every plug-in and would delay the first frame of the desk.
    import apprise

    reached = False
    for url in urls:
        target = apprise.Apprise()
        if target.add(url):
            reached = bool(target.notify(body=text, title="Quietbell")) or reached
    return reached
