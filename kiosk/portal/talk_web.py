"""The talk on people's own phones: one address, a GET for the first question and a POST for every step.

No cookie, no JavaScript, nothing of a talk in an address or in the portal's memory: what was answered travels in the
page. The steps block, so they run on threads of their own, few enough that a kiosk which hangs does not take the other
pages with it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from markupsafe import Markup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kiosk.portal.kiosk_line import KioskLine
from kiosk.portal.pages import Pages
from kiosk.portal.talk_form import BODY_BYTES_MOST, read_form
from kiosk.portal.talk_step import Shown, TalkSteps
from kiosk.portal.talk_view import phone_page
from kiosk.talk.pictures import TURNED
from kiosk.talk.policy import Policy

# As many as the kiosk's line answers side by side.
THREADS = 8
# The office computer mostly has it within a tenth of a second: then the first page can already say so.
ARRIVED_WITHIN_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.1

_R = TypeVar("_R")


def talk_routes(
    pages: Pages,
    line: KioskLine,
    policy: Policy,
    *,
    now_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    arrived_within_seconds: float = ARRIVED_WITHIN_SECONDS,
) -> list[Route]:
    """`/talk` and `/{lang}/talk`, for whoever serves the portal."""
    steps = TalkSteps(line, policy, now_ms=now_ms, random_bytes=random_bytes)
    talk = _TalkWeb(pages, steps, arrived_within_seconds)
    return [Route(path, talk.answer, methods=["GET", "POST"]) for path in ("/talk", "/{lang}/talk")]


class _TalkWeb:
    def __init__(self, pages: Pages, steps: TalkSteps, arrived_within_seconds: float) -> None:
        self._pages, self._steps, self._arrived_within_seconds = pages, steps, arrived_within_seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="talk")

    async def answer(self, request: Request) -> Response:
        language, secure = self._pages.language_of(request), self._pages.secure(request)
        if request.method == "POST":
            form = read_form(await _body(request), self._steps.policy, fresh=self._steps.fresh())
            shown = await self._apart(partial(self._steps.take, form, language, secure=secure))
        else:
            shown = await self._apart(partial(self._steps.begin, language))
        if shown is None:
            return self._pages.see(request)
        return self._page(request, await self._arrived(shown), secure)

    async def _arrived(self, shown: Shown) -> Shown:
        """Wait a moment for the desk's word on what was saved just now."""
        until = time.monotonic() + self._arrived_within_seconds
        while shown.hopeful and time.monotonic() < until:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            shown = await self._apart(partial(self._steps.look, shown))
        return shown

    def _page(self, request: Request, shown: Shown, secure: bool) -> Response:
        words = self._pages.words(request)
        view = phone_page(shown, self._steps.policy, words, secure=secure)
        return self._pages.html(
            "talk.html",
            request,
            page=view,
            hidden={**shown.form.hidden(), "mark": self._steps.mark(shown.form)},
            words=shown.form.words,
            icon=self._turned if words.right_to_left else self._pages.picture,
        )

    def _turned(self, name: str) -> Markup:
        """A pictogram as those know it who read from right to left."""
        drawn = self._pages.picture(name)
        if name not in TURNED:
            return drawn
        opening, inside = drawn.removesuffix("</svg>").split(">", 1)
        return Markup(f'{opening}><g transform="matrix(-1 0 0 1 48 0)">{inside}</g></svg>')

    async def _apart(self, step: Callable[[], _R]) -> _R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, step)


async def _body(request: Request) -> bytes:
    """What was posted, or as much of it as shows that it is too long."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MOST:
                break
    except ClientDisconnect:
        return b""
    return bytes(body)
