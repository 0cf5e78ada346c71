"""Windows: the Network Connectivity Status Indicator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.support.personas.asking import Handset, Judgement, Verdict
from tests.support.personas.persona import Persona

DNS_NAME, DNS_ADDRESSES = "dns.msftncsi.com", {4: "131.107.255.255", 6: "fd3e:4f5a:5b81::1"}


@dataclass(frozen=True)
class Windows(Persona):
    """Asks for a text over HTTP, and for the address of dns.msftncsi.com. On-line is the exact text and the exact
    address. Another answer over HTTP, a redirect above all, is a network that wants a sign-in: the browser opens
    `/redirect` of the same host. No answer over HTTP, or the wrong address, is "no Internet". A resolver that lies
    about dns.msftncsi.com therefore keeps a machine off-line for good.

    Sources: Microsoft Learn, "NCSI active probes and the network status alert" and "Captive portals" (mobile
    broadband); registry ActiveWebProbeHost/Path/Content and ActiveDnsProbeHost/Content under NlaSvc\\Parameters, as
    listed by dnscrypt-proxy's wiki "Windows NCSI" and LGiki/no-internet-secured-fixer servers.json.
    """

    name: str
    host: str = "www.msftconnecttest.com"
    path: str = "/connecttest.txt"
    content: str = "Microsoft Connect Test"
    family: Literal[4, 6] = 4
    agent: str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/124.0 Safari/537.36 Edg/124.0"

    def judge(self, handset: Handset) -> Judgement:
        reply = handset.ask(f"http://{self.host}{self.path}", f"-{self.family}", agent="Microsoft NCSI")
        if not reply.status:
            return Judgement(Verdict.NOTHING, reply.failure)
        if reply.status != 200 or reply.body != self.content:
            return Judgement(Verdict.PORTAL, f"{reply.status}", f"http://{self.host}/redirect")
        found = handset.resolve(DNS_NAME, self.family)
        if found != [DNS_ADDRESSES[self.family]]:
            return Judgement(Verdict.NOTHING, f"{DNS_NAME} is {found}")
        return Judgement(Verdict.ONLINE, self.content)
