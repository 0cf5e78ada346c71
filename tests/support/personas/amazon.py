"""Kindles; Fire tablets and Echos ask as Android does (`android`)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.personas.asking import Handset, Judgement, Verdict
from tests.support.personas.persona import Persona

MARK = "81ce4465-7167-4dcb-835b-dcc9e44c112a"


@dataclass(frozen=True)
class Kindle(Persona):
    """On-line is a page that carries Amazon's mark; any other page is a portal, which the reader's browser opens at the
    probe's own address.

    Sources: the page at spectrum.s3.amazonaws.com itself ("Kindle Reachability Probe Page"); ding.net wiki "Detecting
    captive portals" (notes of hospitality portals' makers).
    """

    name: str
    url: str = "http://spectrum.s3.amazonaws.com/kindle-wifi/wifistub.html"
    agent: str = "Mozilla/5.0 (Linux; U; en-US) AppleWebKit/528.5+ (KHTML, like Gecko) Version/4.0 Kindle/3.0"

    def judge(self, handset: Handset) -> Judgement:
        reply = handset.ask(self.url, agent=self.agent)
        if not reply.status:
            return Judgement(Verdict.NOTHING, reply.failure)
        if reply.status == 200 and MARK in reply.body:
            return Judgement(Verdict.ONLINE, "the mark is there")
        return Judgement(Verdict.PORTAL, f"{reply.status} without the mark", self.url)
