"""iPhones, iPads and Macs: captiveagent and its sheet, the Captive Network Assistant."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.personas.asking import Handset, Judgement, Verdict
from tests.support.personas.persona import Persona

SUCCESS = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"


@dataclass(frozen=True)
class Apple(Persona):
    """HTTP/1.0 with the agent `CaptiveNetworkSupport … wispr`; on-line is 200 with the very page that says "Success" in
    title and body, anything else that answers is a portal, and the sheet opens the probe's own address. No answer at
    all: no sheet. The sheet looks again after each full navigation and at no other time, so that a page which changes
    itself by script leaves "Cancel" where "Done" should be.

    Sources: captiveagent(8); request and expected page as recorded by sudoroom's Mesh/Firmware/Splash page (iOS 5.0.1,
    `GET /library/test/success.html HTTP/1.0`) and RevK, "Captive portals (apple)", 2016; navigation rule: Wireless
    Broadband Alliance, captivebehavior.wballiance.com, and purple.ai, "The Post-Authentication Probe".
    """

    name: str
    url: str = "http://captive.apple.com/hotspot-detect.html"
    agent: str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"

    def judge(self, handset: Handset) -> Judgement:
        reply = handset.ask(self.url, "--http1.0", "-H", "Connection: close", agent="CaptiveNetworkSupport-471 wispr")
        if not reply.status:
            return Judgement(Verdict.NOTHING, reply.failure)
        if reply.status == 200 and reply.body.strip() == SUCCESS:
            return Judgement(Verdict.ONLINE, "the page says Success")
        return Judgement(Verdict.PORTAL, f"{reply.status} instead of Success", self.url)
