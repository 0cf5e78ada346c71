"""What a persona asks and gets: one HTTP request in the phone's own network, answered by whoever answers there.

curl as it is, following nothing and remembering nothing; an answer is the bytes that came. Nothing of ours is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from kiosk.netlab import Phone

ASK_SECONDS = 8.0
_TOLD = "\n%{json}"


class Verdict(StrEnum):
    """What a device shows of a network. `NOTHING`: "no Internet", without a sheet."""

    PORTAL = "portal"
    ONLINE = "on-line"
    NOTHING = "no Internet"


@dataclass(frozen=True)
class Judgement:
    """`sign_in` is the address that the device opens to sign in; empty unless it is a portal."""

    verdict: Verdict
    why: str
    sign_in: str = ""


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; `status` 0: there was none, and `failure` says why."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""
    failure: str = ""

    @property
    def redirects(self) -> bool:
        return 300 <= self.status <= 399

    @property
    def content_length(self) -> int:
        """As it is told, else as it came."""
        told = self.headers.get("content-length", "")
        return int(told) if told.isdecimal() else len(self.body.encode())

    @property
    def peer_is_private(self) -> bool:
        return bool(self.peer) and ip_address(self.peer).is_private and not self.peer.startswith(_TEST_NETWORKS)


# RFC 5737: the lab's Internet lives there
_TEST_NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")


@dataclass(frozen=True)
class Handset:
    """A phone of the lab and the authority that its certificate store believes."""

    phone: Phone
    authority: Path

    def ask(self, url: str, *words: str, agent: str = "", seconds: float = ASK_SECONDS) -> Reply:
        """One request. `words` are further words for curl."""
        command = ["curl", "-q", "-s", "-S", "-i", "-m", f"{seconds:g}", "-w", _TOLD, "--cacert", str(self.authority)]
        done = self.phone.run([*command, "-A", agent, *words, url], seconds=seconds + 5)
        answer, _, told = done.output.rpartition("\n")
        facts = json.loads(told) if told.startswith("{") else {}
        status = int(facts.get("response_code", 0))
        if not done.ok and status == 0:
            return Reply(0, failure=done.errors.strip())
        head, _, body = answer.partition("\r\n\r\n")
        pairs = (line.partition(":") for line in head.split("\r\n")[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return Reply(status, body, headers, str(facts.get("remote_ip", "")))

    def resolve(self, name: str, family: Literal[4, 6] = 4) -> list[str]:
        """Addresses, as the system's resolver says."""
        done = self.phone.run(["getent", f"ahostsv{family}", name])
        return list(dict.fromkeys(line.split()[0] for line in done.output.splitlines()))
