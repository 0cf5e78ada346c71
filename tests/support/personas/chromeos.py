"""Chromebooks: shill's portal detector."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.support.personas.asking import Handset, Judgement, Verdict
from tests.support.personas.persona import Persona


@dataclass(frozen=True)
class ChromeOS(Persona):
    """Asks over HTTP and HTTPS at the same time. HTTP: 204, or 200 with at most one byte, is success; 200 with more is
    a suspected portal; a redirect with a location is a portal, and without one a suspected portal. HTTPS succeeds when
    it completes at all. Both successful: on-line; a redirect or suspicion over HTTP: portal; anything else: no
    connectivity. The sign-in window opens the probe's own address.

    Source: ChromiumOS platform2 shill/network/portal_detector.cc (ProcessHTTPProbeResult, GetValidationState).
    """

    name: str
    http: str = "http://www.gstatic.com/generate_204"
    https: str = "https://www.google.com/generate_204"
    agent: str = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/124.0 Safari/537.36"

    def judge(self, handset: Handset) -> Judgement:
        with ThreadPoolExecutor(2) as both:
            plain = both.submit(handset.ask, self.http, agent=self.agent)
            secure = both.submit(handset.ask, self.https, agent=self.agent)
            http, https = plain.result(), secure.result()
        if http.redirects:
            whole = bool(urlsplit(http.headers.get("location", "")).netloc)
            return Judgement(Verdict.PORTAL, "redirect" if whole else "redirect to nowhere", self.http)
        if http.status == 200 and http.content_length > 1:
            return Judgement(Verdict.PORTAL, "suspected", self.http)
        if (http.status == 204 or http.status == 200) and https.status:
            return Judgement(Verdict.ONLINE, "both")
        return Judgement(Verdict.NOTHING, f"HTTP {http.status} {http.failure}, HTTPS {https.status} {https.failure}")
