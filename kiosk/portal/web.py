"""The pages of the portal, wired: what is asked, what the gatekeeper says to it, which page shows it.

A client is known by the address that its connection comes from, for as long as one answer takes. Every POST that did
something ends in 303 to a real page. Knows no file and starts nothing: see `app`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from firmware.aup import AupDocument
from firmware.byod import Audience
from firmware.errors import Refused, StoreFault, TechnicianError
from kiosk.portal import api
from kiosk.portal.admission import MustAccept, NotNow, Online
from kiosk.portal.aup_choice import choose
from kiosk.portal.captive import Portal
from kiosk.portal.forms import client_of, read_form
from kiosk.portal.gatekeeper import Gatekeeper, Standing
from kiosk.portal.pages import HEADERS, Pages
from kiosk.portal.pulse import PULSE
from kiosk.portal.views import (
    AGAIN,
    ASKED_WORDS,
    HUMAN_WAY,
    PULSE_WORDS,
    SAID,
    VOUCHER_WORDS,
    document_view,
    not_now_view,
    online_view,
)
from kiosk.words import SOURCE_LANGUAGE

_log = logging.getLogger("quietbell.portal.web")

# Long enough for a gate to come back, short enough for somebody who waits for it.
GATE_RETRY_SECONDS = 15
WORDS_CHARACTERS = 200
# What a page of the survey is marked with, as a page of rules is with their hash.
SURVEY = b"survey"
# Whom a link to the survey may name. Learners are counted as what network or voucher says.
BY_LINK = (Audience.STAFF, Audience.ADULT, Audience.VISITOR)


@dataclass(frozen=True, slots=True)
class HumanWay:
    """Where a person goes when machines fail; from the site's profile, in English."""

    place: str
    danger: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """A policy as it stands on a page."""

    document: AupDocument
    direction: str
    html: Markup


class Web:
    """The routes of one portal. `admits` False: the site has a portal of its own, and here are only help and rules."""

    def __init__(
        self,
        *,
        pages: Pages,
        keeper: Gatekeeper,
        portal: Portal,
        human_way: HumanWay,
        admits: bool,
        mark: bytes,
    ) -> None:
        self._pages, self._keeper, self._portal = pages, keeper, portal
        self._human_way, self._admits, self._mark = human_way, admits, mark
        self._byod = keeper.byod
        # at most one for each audience, language and kind of page
        self._shown: dict[tuple[Audience, str, str | None], _Shown] = {}

    def application(self, talk: Sequence[BaseRoute]) -> Starlette:
        """Everything that is asked of the portal itself; `talk` are the routes of the talk."""
        both = (("rules", self.rules), ("privacy", self.privacy), ("survey", self.survey), ("voucher", self.voucher))
        routes: list[BaseRoute] = [
            Route("/", self.home),
            Route(api.PATH, self.api),
            Route(self._pages.style_path, self.sheet),
            Route("/static/mark.svg", self.picture),
            *(Route(f"/{name}", page) for name, page in both),
            *talk,
            Route("/{lang}/", self.home),
            *(Route(f"/{{lang}}/{name}", page) for name, page in both),
            Route("/{lang}/online", self.home),
            Route("/{lang}/thanks", self.thanks),
            Route("/{lang}/survey", self.answer_survey, methods=["POST"]),
        ]
        if self._admits:
            routes += [
                Route("/{lang}/guest", self.guest),
                Route("/{lang}/accept", self.accept, methods=["POST"]),
                Route("/{lang}/voucher", self.use_voucher, methods=["POST"]),
            ]
        application = Starlette(
            routes=routes,
            exception_handlers={
                404: self._gone,
                # A form's address that is opened by itself, or from a bookmark: begin at the beginning.
                405: self._elsewhere,
                TechnicianError: self._no_gate,
                StoreFault: self._not_saved,
                Refused: self._refused,
                Exception: self._fault,
            },
        )
        application.router.redirect_slashes = False
        return application

    # --- pages ---

    async def home(self, request: Request) -> Response:
        """Whatever is true for this client now."""
        if not self._admits:
            return self._pages.html("help.html", request, survey=self._byod.survey)
        standing = await self._keeper.standing(client_of(request))
        if standing is None:
            return self._say(request, "stranger")
        return await self._show(request, standing)

    async def rules(self, request: Request) -> Response:
        """The rules for this client's audience, at any time; for whoever is not here, the network's."""
        audience = self._byod.network_audience
        if self._admits:
            try:
                standing = await self._keeper.standing(client_of(request))
            except TechnicianError:
                standing = None
            audience = audience if standing is None else standing.audience
        shown = self._document(request, audience, "rules")
        return self._pages.html("rules.html", request, policy=shown.html, document=shown.document)

    async def privacy(self, request: Request) -> Response:
        byod = self._byod
        return self._pages.html(
            "privacy.html",
            request,
            contact=byod.privacy_contact,
            monitored_by=byod.monitored_by,
            keep_hours=str(byod.keep_hours),
            survey=byod.survey,
        )

    async def sheet(self, request: Request) -> Response:
        return self._pages.sheet()

    async def picture(self, request: Request) -> Response:
        return Response(self._mark, media_type="image/svg+xml", headers=dict(HEADERS))

    async def thanks(self, request: Request) -> Response:
        return self._say(request, "thanks")

    async def voucher(self, request: Request) -> Response:
        """Asks for the words; `?w=` is how the code on the card brings them."""
        if not self._admits or not self._keeper.has_vouchers:
            raise HTTPException(404)
        return self._ask_voucher(request, _spaced(request.query_params.get("w", "")))

    async def guest(self, request: Request) -> Response:
        """The rules of those whom a voucher is for; it counts when they are accepted."""
        words = _spaced(request.query_params.get("w", ""))
        try:
            standing, audience = await self._keeper.check_voucher(client_of(request), words)
        except Refused as refusal:
            return self._not_accepted(request, refusal.reason, words)
        return self._show_document(request, standing, audience, voucher=words)

    async def survey(self, request: Request) -> Response:
        return await self._ask_survey(request)

    async def api(self, request: Request) -> Response:
        """RFC 8908; a client that cannot verify us is told nothing."""
        if not self._pages.secure(request) or not self._admits:
            raise HTTPException(404)
        standing = await self._keeper.standing(client_of(request))
        decision = None if standing is None else standing.decision
        left = None
        if standing is not None and isinstance(decision, Online):
            left = max(1, (decision.until_ms - standing.wall_ms) // 1000)
        can_extend = isinstance(decision, MustAccept | Online)
        body = api.api_answer(api.Standing(left, can_extend), self._portal.address)
        headers = {**HEADERS, "Cache-Control": api.CACHE_CONTROL}
        return Response(body, media_type=api.CONTENT_TYPE, headers=headers)

    # --- what does something ---

    async def accept(self, request: Request) -> Response:
        """ "I will keep to this": only of a text that this client was shown, and that is in force now."""
        form, address = await read_form(request), client_of(request)
        standing = await self._keeper.standing(address)
        if standing is None:
            return self._say(request, "stranger")
        digest, words = _digest(form.get("aup", "")), _spaced(form.get("voucher", ""))
        if form.get("met") != self._keeper.met(standing.pseudonym, digest):
            return self._not_accepted(request, "not-met", words, standing)
        try:
            now = await self._keeper.accept(address, standing, digest, words)
        except Refused as refusal:
            return self._not_accepted(request, refusal.reason, words, standing)
        return self._pages.see(request, "online" if isinstance(now.decision, Online) else "")

    async def use_voucher(self, request: Request) -> Response:
        """To the page of a guest: a real address, whose language can be changed."""
        words = _spaced((await read_form(request)).get("words", ""))
        try:
            await self._keeper.check_voucher(client_of(request), words)
        except Refused as refusal:
            return self._not_accepted(request, refusal.reason, words)
        return self._pages.see(request, "guest", w="-".join(words.split()))

    async def answer_survey(self, request: Request) -> Response:
        if not self._byod.survey:
            raise HTTPException(404)
        try:
            form = await read_form(request)
            audience, pseudonym = await self._counted_as(request)
            if form.get("met") != self._keeper.met(pseudonym, SURVEY):
                # Another site's page can send a form in a learner's name; it cannot have seen ours.
                raise Refused("form")
            answers = {name: value for name, value in form.items() if name != "met"}
            await self._keeper.answer_pulse(audience, answers, pseudonym)
        except Refused as refusal:
            return await self._ask_survey(request, wrong=refusal.reason)
        return self._pages.see(request, "thanks")

    # --- how ---

    async def _show(self, request: Request, standing: Standing) -> Response:
        decision = standing.decision
        if isinstance(decision, NotNow):
            view = not_now_view(self._byod, decision, standing.wall_ms, self._pages.words(request))
            return self._pages.html("notnow.html", request, view=view, vouchers=self._keeper.has_vouchers)
        if isinstance(decision, MustAccept):
            return self._show_document(request, standing, decision.audience, because=ASKED_WORDS[decision.because])
        # The gate may have lost what the register holds; whoever looks has it mended at once.
        if not await self._keeper.let_through(client_of(request), standing):
            return self._say(request, "refused", 403)
        return self._show_online(request, standing, decision)

    def _show_online(self, request: Request, standing: Standing, online: Online) -> Response:
        view = online_view(online, standing.wall_ms, self._byod.zone, self._pages.words(request))
        document = self._keeper.extension(standing) if online.ends_soon and online.why == "session" else None
        return self._pages.html(
            "online.html",
            request,
            headers={"Refresh": str(view.refresh_seconds)},
            view=view,
            document=document,
            met="" if document is None else self._keeper.met(standing.pseudonym, document.digest),
            address=self._portal.address.partition("://")[2].rstrip("/"),
            survey=self._byod.survey,
        )

    def _show_document(
        self, request: Request, standing: Standing, audience: Audience, *, because: str = "", voucher: str = ""
    ) -> Response:
        # In English a guest's rules have an address with the voucher in it: the list of languages has that.
        shown = self._document(request, audience, None if voucher else "")
        return self._pages.html(
            "aup.html",
            request,
            policy=shown.html,
            document=shown.document,
            direction=shown.direction,
            because=self._pages.words(request).text(because) if because else "",
            voucher=voucher,
            vouchers=self._keeper.has_vouchers,
            met=self._keeper.met(standing.pseudonym, shown.document.digest),
            minutes=str(self._byod.audiences[audience].session_minutes),
        )

    def _not_accepted(self, request: Request, reason: str, words: str, standing: Standing | None = None) -> Response:
        """Why somebody is not on-line, in words, and what they can do."""
        if reason in VOUCHER_WORDS:
            return self._ask_voucher(request, words, wrong=reason)
        if reason in ("not-met", "not-in-force", "not-theirs") and standing is not None:
            if words:
                return self._pages.see(request, "guest", w="-".join(words.split()))
            return self._show_document(request, standing, standing.audience, because=AGAIN)
        known = {"stranger": ("stranger", 200), "gate": ("refused", 403), "register-full": ("not-saved", 503)}
        name, status = known.get(reason, ("fault", 400))
        return self._say(request, name, status)

    def _ask_voucher(self, request: Request, words: str, wrong: str = "") -> Response:
        text = self._pages.words(request).text(VOUCHER_WORDS[wrong]) if wrong else ""
        status = 429 if wrong == "resting" else 200
        return self._pages.html("voucher.html", request, status=status, words=words, wrong=text)

    async def _ask_survey(self, request: Request, wrong: str = "") -> Response:
        if not self._byod.survey:
            raise HTTPException(404)
        _, pseudonym = await self._counted_as(request)
        text = self._pages.words(request).text(PULSE_WORDS[wrong]) if wrong else ""
        query = {"for": named} if (named := request.query_params.get("for", "")) in BY_LINK else {}
        action = self._pages.path(self._pages.language_of(request), "survey", **query)
        met = self._keeper.met(pseudonym, SURVEY)
        return self._pages.html("survey.html", request, questions=PULSE, wrong=text, action=action, met=met)

    async def _counted_as(self, request: Request) -> tuple[Audience, bytes]:
        """The audience of an answer, and what tells one device's second answer from another's first.

        Parents and staff come by a link that names them, from wherever; for them the address stands in, which is
        never written down.
        """
        address, named = client_of(request), request.query_params.get("for", "")
        audience, name = self._byod.network_audience, address.packed
        if self._admits:
            try:
                standing = await self._keeper.standing(address)
            except TechnicianError:
                standing = None
            if standing is not None:
                audience, name = standing.audience, standing.pseudonym
        return (Audience(named) if named in BY_LINK else audience), name

    def _document(self, request: Request, audience: Audience, english: str | None) -> _Shown:
        """The text for this audience; `english`: the page on which it stands in English. Kept, for all ask for it."""
        language = self._pages.language_of(request)
        key = (audience, language, english)
        shown = self._shown.get(key)
        if shown is None:
            view = document_view(choose(self._byod, audience, language), self._pages.words(request))
            link = "" if english is None else self._pages.path(SOURCE_LANGUAGE, english)
            html = self._pages.part("_document.html", language, view=view, english=link)
            shown = self._shown[key] = _Shown(view.document, view.direction, html)
        return shown

    # --- one thing, said ---

    def _say(
        self, request: Request, name: str, status: int = 200, *, headers: Mapping[str, str] | None = None
    ) -> Response:
        words, said = self._pages.words(request), SAID[name]
        way = ""
        if status >= 400 and name != "gone":
            way = words.text(HUMAN_WAY, place=words.text(self._human_way.place), danger=self._human_way.danger)
        return self._pages.html(
            "said.html",
            request,
            status=status,
            headers=headers or {},
            title=words.text(said.title),
            lines=tuple(words.text(line) for line in said.lines),
            sign=said.sign,
            button=words.text(said.button),
            human_way=way,
        )

    def _no_gate(self, request: Request, problem: Exception) -> Response:
        _log.warning("gate-silent", extra={"why": str(problem)})
        return self._say(request, "gate", 503, headers={"Refresh": str(GATE_RETRY_SECONDS)})

    def _not_saved(self, request: Request, problem: Exception) -> Response:
        _log.warning("not-saved", extra={"why": str(problem)})
        return self._say(request, "not-saved", 503)

    def _refused(self, request: Request, problem: Exception) -> Response:
        return self._say(request, "fault", 400)

    def _fault(self, request: Request, problem: Exception) -> Response:
        _log.error("page-failed", extra={"why": type(problem).__name__})
        return self._say(request, "fault", 500)

    def _gone(self, request: Request, problem: Exception) -> Response:
        return self._say(request, "gone", 404)

    def _elsewhere(self, request: Request, problem: Exception) -> Response:
        return self._pages.see(request)


def _spaced(untrusted_words: str) -> str:
    """Words as they are typed: a code on a card has them with hyphens."""
    return untrusted_words[:WORDS_CHARACTERS].replace("-", " ")


def _digest(untrusted_hex: str) -> bytes:
    try:
        return bytes.fromhex(untrusted_hex[:64])
    except ValueError:
        return b""
