"""Linux desktops: NetworkManager's connectivity check, with the addresses that distributions ship."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.personas.asking import Handset, Judgement, Verdict
from tests.support.personas.persona import Persona

ONLINE = "NetworkManager is online"


@dataclass(frozen=True)
class NetworkManager(Persona):
    """curl that follows nothing, with `Connection: close`. The header `X-NetworkManager-Status: online` decides at
    once; else the body must begin with the expected text; with an empty expectation 204, or an empty 200, is right.
    Any other answer is a portal, no answer is "limited". The desktop opens the address that it asked.

    Source: NetworkManager src/nm-connectivity.c (HEADER_STATUS_ONLINE, easy_header_cb, easy_write_cb, "unexpected
    response"); addresses: GNOME's nmcheck, Debian's network-manager-config-connectivity-debian, Ubuntu's
    20-connectivity-ubuntu.conf, Fedora's 20-connectivity-fedora.conf (response=OK).
    """

    name: str
    url: str
    expects: str = ONLINE

    def judge(self, handset: Handset) -> Judgement:
        reply = handset.ask(self.url, "-H", "Connection: close")
        if not reply.status:
            return Judgement(Verdict.NOTHING, reply.failure)
        if reply.headers.get("x-networkmanager-status", "").lower() == "online":
            return Judgement(Verdict.ONLINE, "the header says so")
        if not self.expects:
            good = reply.status == 204 or (reply.status == 200 and not reply.body)
        else:
            good = reply.body.startswith(self.expects)
        return Judgement(*((Verdict.ONLINE, "as expected") if good else (Verdict.PORTAL, f"{reply.status}", self.url)))
