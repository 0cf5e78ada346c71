"""Browsers that look for themselves: Firefox, and Chromium with its children."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

from tests.support.personas.asking import Handset, Judgement, Reply, Verdict
from tests.support.personas.persona import Persona

CANONICAL = '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>'
TRIES = 3
REDIRECTS_MAX = 10


@dataclass(frozen=True)
class Firefox(Persona):
    """200 with exactly the expected content is on-line; 200 with anything else, and every redirect (none is followed),
    is a portal; other statuses and no answer are tried again and then given up. The tab opens the canonical address.

    Sources: mozilla-central toolkit/components/captivedetect/CaptiveDetect (URLFetcher with redirectionLimit 0,
    onredirectorerror, validateContent by `===`), prefs captivedetect.canonicalURL and canonicalContent; the earlier
    pair of them was /success.txt with "success\\n".
    """

    name: str
    url: str = "http://detectportal.firefox.com/canonical.html"
    content: str = CANONICAL
    agent: str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0"

    def judge(self, handset: Handset) -> Judgement:
        words = ("-H", "Cache-Control: no-cache", "-H", "Pragma: no-cache")
        for _ in range(TRIES):
            reply = handset.ask(self.url, *words, agent=self.agent)
            if reply.status == 200:
                same = reply.body == self.content
                return Judgement(*((Verdict.ONLINE, "canonical") if same else (Verdict.PORTAL, "changed", self.url)))
            if reply.redirects:
                return Judgement(Verdict.PORTAL, f"{reply.status}", self.url)
        return Judgement(Verdict.NOTHING, f"{reply.status} {reply.failure}")


@dataclass(frozen=True)
class Chromium(Persona):
    """Follows redirects and judges where it ends: 204 is on-line; 511 and every other 2xx or 3xx is a portal; other
    statuses and no answer say nothing. The tab opens the probe's own address.

    Source: Chromium components/captive_portal/core/captive_portal_detector.cc (GetCaptivePortalResultFromResponse).
    Edge asks edge-http.microsoft.com.
    """

    name: str
    url: str = "http://edge-http.microsoft.com/captiveportal/generate_204"
    agent: str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/124.0 Safari/537.36 Edg/124.0"

    def judge(self, handset: Handset) -> Judgement:
        reply = self._followed(handset)
        if reply.status == 204:
            return Judgement(Verdict.ONLINE, "204")
        if reply.status == 511 or 200 <= reply.status <= 399:
            return Judgement(Verdict.PORTAL, f"ends at {reply.status}", self.url)
        return Judgement(Verdict.NOTHING, f"{reply.status} {reply.failure}")

    def _followed(self, handset: Handset) -> Reply:
        url = self.url
        for _ in range(REDIRECTS_MAX):
            reply = handset.ask(url, agent=self.agent)
            if not reply.redirects or "location" not in reply.headers:
                return reply
            url = urljoin(url, reply.headers["location"])
        return reply
