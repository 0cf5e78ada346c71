"""Before the pages: what came in the clear though it need not, and what is meant for elsewhere.

Where the portal's name is publicly valid, no page of its own is shown over HTTP, whoever types or keeps such an
address: somebody near could read along. What is meant for elsewhere comes through the server's reflex only in a site
without Internet, where those who are admitted get the true answers to their probes.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from firmware.errors import Refused, TechnicianError
from kiosk.portal.admission import Online
from kiosk.portal.captive import Portal, Redirect, asked_host
from kiosk.portal.connection import Reflex
from kiosk.portal.forms import client_of
from kiosk.portal.gatekeeper import Gatekeeper
from kiosk.portal.pages import HEADERS
from kiosk.portal.probes import is_probed, true_answer


def make_reflex(portal: Portal, *, offline: bool) -> Reflex:
    """What the server answers by itself: 302 for elsewhere, but to probes where they may have a true answer."""
    redirect = Redirect.to(portal.address)

    def reflex(target: bytes, host_header: bytes | None, method: bytes, date: bytes) -> bytes | None:
        host = asked_host(target, host_header)
        if portal.owns(host) or (offline and is_probed(host)):
            return None
        return redirect.answer(method, date)

    return reflex


class Front:
    """The application around the pages. `offline`: the site says of itself that it has no Internet."""

    def __init__(self, inner: ASGIApp, *, keeper: Gatekeeper, portal: Portal, offline: bool) -> None:
        self._inner, self._keeper, self._portal, self._offline = inner, keeper, portal, offline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = asked_host(b"", next((value for name, value in scope.get("headers", ()) if name == b"host"), None))
        if scope["type"] != "http" or (self._portal.owns(host) and not self._in_the_clear(scope)):
            await self._inner(scope, receive, send)
            return
        request = Request(scope)
        answer = self._closed(request) if self._portal.owns(host) else await self._truth(request, host)
        await answer(scope, receive, send)

    def _in_the_clear(self, scope: Scope) -> bool:
        """A form that was sent so has been read by whoever listens: it is answered, for nobody's yes may be lost."""
        return self._portal.scheme == "https" and scope["scheme"] == "http" and scope["method"] in ("GET", "HEAD")

    def _closed(self, request: Request) -> Response:
        """The same page where nobody reads along."""
        query = f"?{request.url.query}" if request.url.query else ""
        there = self._portal.address + quote(request.url.path.lstrip("/")) + query
        return Response(status_code=302, headers={**HEADERS, "Location": there})

    async def _truth(self, request: Request, host: str) -> Response:
        truth = true_answer(host, request.url.path) if self._offline else None
        if truth is None or not await self._admitted(request):
            return Response(status_code=302, headers={**HEADERS, "Location": self._portal.address})
        headers = {**HEADERS, **dict(truth.headers)}
        return Response(truth.body, truth.status, media_type=truth.content_type or None, headers=headers)

    async def _admitted(self, request: Request) -> bool:
        try:
            standing = await self._keeper.standing(client_of(request))
        except (TechnicianError, Refused):
            return False
        return standing is not None and isinstance(standing.decision, Online)
