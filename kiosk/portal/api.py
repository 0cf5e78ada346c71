"""The Captive Portal API (RFC 8908): a phone asks whether it is captive, for how long not, and where the page is. Pure.

Served over HTTPS alone (§4.1: the client must be able to verify the name that DHCP or RA gave it). `seconds-remaining`
is left out while captive, for then there is nothing that remains (§5).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

PATH = "/captive/api"
CONTENT_TYPE = "application/captive+json"
# §4: at least this strict; an answer is about one client and one moment.
CACHE_CONTROL = "private"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one client stands. `seconds_left` None: captive. `can_extend`: the page can give more time."""

    seconds_left: int | None
    can_extend: bool


def api_answer(standing: Standing, portal: str) -> bytes:
    """The body. `portal` is the portal's address, ending in a slash."""
    answer: dict[str, object] = {
        "captive": standing.seconds_left is None,
        "user-portal-url": portal,
        # What stands in the phone's network settings while on-line: the rules, at any time.
        "venue-info-url": f"{portal}rules",
        "can-extend-session": standing.can_extend,
    }
    if standing.seconds_left is not None:
        answer["seconds-remaining"] = standing.seconds_left
    return json.dumps(answer).encode("ascii")
