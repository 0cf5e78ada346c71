"""Android phones, those of makers who ask their own servers, and Fire tablets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto

from tests.support.personas.asking import Handset, Judgement, Reply, Verdict
from tests.support.personas.persona import Persona

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0.3112.32 Safari/537.36"
# What a person cannot sign in to.
EMPTY_MAX_BYTES = 4


class Probe(Enum):
    SUCCESS, PORTAL, FAILED = auto(), auto(), auto()


@dataclass(frozen=True)
class Android(Persona):
    """NetworkMonitor asks over HTTP and HTTPS at the same time. 204 is success; 200 to 399 is a portal; all else, and
    no answer, is failure. 200 with a Content-Length of 4 or less, or with an empty body, is failure too: nobody can
    sign in to an empty page. HTTP that finds a portal decides at once; then HTTPS that succeeds; then the fallbacks
    over HTTP, one of which may still find a portal. HTTP alone that succeeds is "limited connectivity", no Internet.
    A probe host whose address is private is no portal but a network without Internet. HTTPS never trusts a certificate
    that is not the host's. The sheet (CaptivePortalLogin) opens the probe's own address and asks again when a page has
    finished.

    Sources: AOSP frameworks/base NetworkMonitor.java (sendHttpProbe, sendParallelHttpProbes, "Look for a conclusive
    probe result first", b/9972012, b/33498325, b/122999481) and packages/modules/NetworkStack (isConclusiveResult,
    private DNS answers, PARTIAL); EMUI's copy of it takes 200 with `Connection: close` for a failure as well
    (`close_fails`).
    """

    name: str
    http: str = "http://connectivitycheck.gstatic.com/generate_204"
    https: str = "https://www.google.com/generate_204"
    fallbacks: tuple[str, ...] = ("http://www.google.com/gen_204", "http://play.googleapis.com/generate_204")
    close_fails: bool = False
    agent: str = "Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/124.0 Mobile Safari/537.36"

    def judge(self, handset: Handset) -> Judgement:
        with ThreadPoolExecutor(2) as both:
            plain = both.submit(handset.ask, self.http, agent=AGENT)
            secure = both.submit(handset.ask, self.https, agent=AGENT)
            http, https = plain.result(), secure.result()
        if http.peer_is_private:
            return Judgement(Verdict.NOTHING, f"{self.http} has the private address {http.peer}")
        if self._made_of(http) is Probe.PORTAL:
            return Judgement(Verdict.PORTAL, f"HTTP {http.status}", self.http)
        if self._made_of(https) is Probe.SUCCESS:
            return Judgement(Verdict.ONLINE, "HTTPS 204")
        for url in self.fallbacks:
            if self._made_of(handset.ask(url, agent=AGENT)) is Probe.PORTAL:
                return Judgement(Verdict.PORTAL, f"fallback {url}", url)
        return Judgement(Verdict.NOTHING, f"HTTP {http.status} {http.failure}, HTTPS {https.status} {https.failure}")

    def _made_of(self, reply: Reply) -> Probe:
        if reply.status == 204:
            return Probe.SUCCESS
        if reply.status == 200:
            empty = reply.content_length <= EMPTY_MAX_BYTES or not reply.body
            closes = self.close_fails and reply.headers.get("connection", "").lower() == "close"
            return Probe.FAILED if empty or closes else Probe.PORTAL
        return Probe.PORTAL if 200 <= reply.status <= 399 else Probe.FAILED


def of_maker(name: str, host: str, *, close_fails: bool = False) -> Android:
    """The same rule with a maker's own server; Google's are asked as fallbacks."""
    urls = f"http://{host}/generate_204", f"https://{host}/generate_204"
    return Android(name, *urls, fallbacks=("http://www.google.com/gen_204",), close_fails=close_fails)
