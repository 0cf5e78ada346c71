"""The portal's pages on a real server, with real stores and the rehearsal's gate: everything but the firewall.

The wall clock is the test's. `Visitor` is a browser without scripts and cookies: it follows nothing by itself and
presses a page's own forms.
"""

from __future__ import annotations

import html
import http.client
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode

from starlette.routing import BaseRoute

from firmware.byod import Byod
from firmware.errors import TechnicianError
from kiosk.portal.captive import Portal
from kiosk.portal.connection import Limits
from kiosk.portal.front import Front, make_reflex
from kiosk.portal.gate.elements import Address
from kiosk.portal.gate.line import Seen
from kiosk.portal.gatekeeper import Gatekeeper, Stores
from kiosk.portal.loopback_gate import LoopbackGate
from kiosk.portal.pages import Pages, PortalFacts
from kiosk.portal.pulse import PulseCounts
from kiosk.portal.register import Register
from kiosk.portal.voucher_uses import VoucherUses
from kiosk.portal.web import HumanWay, Web
from tests.support.byod_samples import AT_LUNCH, byod, wall_ms
from tests.support.portal_server import serving

HOST = "wifi.school.example"
NETWORK = "Demo-BYOD"
VOUCHER_KEY = bytes(range(32))
MEMORY_KEY = bytes(32)
HUMAN_WAY = HumanWay("the school office", "999")
PORTAL = Portal(HOST, frozenset({ip_address("127.0.0.1")}))


class TestGate(LoopbackGate):
    """The rehearsal's gate, which a test can silence, make forget, or have refuse."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__(rehearsal=True, key=MEMORY_KEY, monotonic_ms=lambda: 0)
        self.silent = self.refuses = False
        self.knows_nobody = False
        self.scanned = ""
        self._there: dict[bytes, Address] = {}

    def who(self, address: Address) -> bytes | None:
        self._speak()
        pseudonym = None if self.knows_nobody else super().who(address)
        if pseudonym is not None:
            self._there[pseudonym] = address
        return pseudonym

    def admit(self, address: Address, seconds: int, access: str) -> bytes | None:
        self._speak()
        return None if self.refuses else super().admit(address, seconds, access)

    def clients(self) -> tuple[Seen, ...]:
        """Also those who are there and not admitted."""
        self._speak()
        admitted = super().clients()
        names = {seen.pseudonym for seen in admitted}
        others = (Seen(name, address, None, "") for name, address in self._there.items() if name not in names)
        return (*admitted, *others)

    def admitted(self) -> tuple[Seen, ...]:
        return tuple(seen for seen in super().clients())

    def scan(self) -> str:
        self._speak()
        return self.scanned

    def forget_all(self) -> None:
        for seen in self.admitted():
            self.revoke(seen.pseudonym)

    def _speak(self) -> None:
        if self.silent:
            raise TechnicianError("run/gate.sock: no answer; see that the service behind it runs")


@dataclass
class House:
    """One portal and what a test can turn in it."""

    folder: Path
    byod: Byod = field(default_factory=byod)
    languages: tuple[str, ...] = ("en", "en-x-easy", "cy")
    network: str = NETWORK
    secure: bool = False
    admits: bool = True
    offline: bool = False
    wall_ms: int = field(default_factory=lambda: wall_ms(AT_LUNCH))
    monotonic_ms: int = 0
    gate: TestGate = field(default_factory=TestGate)
    talk: Callable[[Pages], Sequence[BaseRoute]] = lambda pages: ()
    limits: Limits | None = None

    def __post_init__(self) -> None:
        self.keeper = self._keeper()
        facts = PortalFacts(self.byod.organisation, HOST, self.network, self.secure, self.languages)
        self.pages = Pages(facts)
        self.pages.load()
        web = Web(
            pages=self.pages,
            keeper=self.keeper,
            portal=PORTAL,
            human_way=HUMAN_WAY,
            admits=self.admits,
            mark=b"<svg/>",
        )
        self.app = Front(
            web.application(self.talk(self.pages)), keeper=self.keeper, portal=PORTAL, offline=self.offline
        )

    def restart(self) -> House:
        """The same folder and gate, a new process: another form key, everything in memory gone."""
        self.keeper.close()
        return House(self.folder, self.byod, self.languages, gate=self.gate, wall_ms=self.wall_ms)

    def _keeper(self) -> Gatekeeper:
        zone = self.byod.zone
        stores = Stores(
            register=Register(self.folder / "acceptances.json"),
            vouchers=VoucherUses(self.folder / "vouchers.json", zone=zone, memory_key=MEMORY_KEY),
            counts=PulseCounts(self.folder / "pulse.json", zone=zone, memory_key=MEMORY_KEY),
            voucher_key=VOUCHER_KEY,
        )
        return Gatekeeper(
            byod=self.byod,
            gate=self.gate,
            stores=stores,
            wall_ms=lambda: self.wall_ms,
            monotonic_ms=lambda: self.monotonic_ms,
            form_key=id(self).to_bytes(32, "big"),
        )

    @contextmanager
    def open(self) -> Iterator[int]:
        """Yields the port."""
        with serving(self.app, reflex=make_reflex(PORTAL, offline=self.offline), limits=self.limits) as port:
            try:
                yield port
            finally:
                self.keeper.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def title(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.DOTALL)
        return html.unescape(found[1]) if found else ""

    def fields(self, action: str) -> dict[str, str]:
        """The hidden fields of the form that goes there."""
        found = re.search(rf'<form method="post" action="{re.escape(action)}"[^>]*>(.*?)</form>', self.text, re.DOTALL)
        assert found, f"no form to {action}"
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', found[1])
        return {name: html.unescape(value) for name, value in hidden}


@dataclass
class Visitor:
    """One phone, known by its loopback address."""

    port: int
    address: str = "127.0.0.1"
    host: str = HOST

    def get(self, path: str, *, host: str = "", accept_language: str = "") -> Answer:
        headers = {"Host": host or self.host}
        if accept_language:
            headers["Accept-Language"] = accept_language
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: Mapping[str, str]) -> Answer:
        headers = {"Host": self.host, "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(fields), headers)

    def accept(self, language: str = "en", page: str = "") -> Answer:
        """Open the page and say yes to what it shows."""
        action = f"/{language}/accept"
        return self.post(action, self.get(page or f"/{language}/").fields(action))

    def answer_survey(self, answers: Mapping[str, str], action: str = "/en/survey") -> Answer:
        """Open the page and send these answers from it."""
        return self.post(action, {**self.get(action).fields(action), **answers})

    def follow(self, answer: Answer) -> Answer:
        assert answer.status == 303, answer.status
        return self.get(answer.headers["location"])

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(self.address, 0))
        try:
            line.request(method, path, body, dict(headers))
            answer = line.getresponse()
            text = answer.read().decode("utf-8")
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        finally:
            line.close()
