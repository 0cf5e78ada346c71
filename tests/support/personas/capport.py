"""Systems that ask the captive portal's API before they probe: iOS 14 and newer, Android 11 and newer."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.support.personas.asking import Handset, Judgement, Verdict
from tests.support.personas.persona import Persona

TYPE = "application/captive+json"


@dataclass(frozen=True)
class Capport(Persona):
    """`option` is what DHCP told (114). The address must be HTTPS with a name; a certificate that the phone does not
    believe ends the use of the API for this network, and the system goes on as without it. `captive` true: the sheet
    opens `user-portal-url`, which must be HTTPS. `captive` false: the system still probes as it always did.

    Sources: RFC 8908 §4 (TLS is required, the content type), §4.1 (validation), §5 (keys); RFC 8910 §2 (no address in
    place of a name; option 114), §3 (precedence); AOSP NetworkStack CapportApiProbe.
    """

    name: str
    option: str
    probing: Persona
    agent: str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"

    def judge(self, handset: Handset) -> Judgement:
        told = self.told(handset)
        if told is None or told.get("captive") is not True:
            return self.probing.judge(handset)
        sign_in = told.get("user-portal-url")
        if not isinstance(sign_in, str) or not sign_in.startswith("https://"):
            return self.probing.judge(handset)
        return Judgement(Verdict.PORTAL, "the API says so", sign_in)

    def told(self, handset: Handset) -> dict[str, object] | None:
        """What the API says; None where a system would not use it."""
        if not self.option.startswith("https://"):
            return None
        reply = handset.ask(self.option, "-H", f"Accept: {TYPE}")
        if reply.status != 200 or reply.headers.get("content-type", "").partition(";")[0] != TYPE:
            return None
        found = json.loads(reply.body)
        return found if isinstance(found, dict) else None
