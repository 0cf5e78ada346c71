"""A class comes in: thirty phones at once, each in a network namespace of its own, from DHCP to on-line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import pytest

from kiosk.netlab import Phone
from tests.support.personas.asking import Handset, Verdict
from tests.support.personas.everybody import EVERYBODY
from tests.support.personas.persona import Persona
from tests.support.portal_box import PortalBox, portal_box
from tests.support.root import needs_root

CLIENTS = 30
# two cores: more at once only wait for one another
AT_ONCE = 10
# What somebody waits who has just tapped, on two cores that thirty phones' curls share.
TAP_SECONDS, ALL_SECONDS = 5.0, 60.0

pytestmark = needs_root


@dataclass(frozen=True)
class Arrival:
    address: str
    before: Verdict
    after: Verdict
    tap_seconds: float


@pytest.fixture(scope="module")
def box() -> Iterator[PortalBox]:
    with portal_box() as made:
        yield made.start()


@pytest.mark.requirement("B1")
def test_thirty_clients_at_once(box: PortalBox) -> None:
    """Every one gets an address of its own, finds a portal by its system's rule, accepts, and is on-line; nobody waits
    long, and the far side has seen each of them."""
    phones = [box.lab.phone(number) for number in range(1, CLIENTS + 1)]
    begun = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        arrivals = list(threads.map(lambda number: arrive(box, number, phones[number]), range(CLIENTS)))
    assert {(arrival.before, arrival.after) for arrival in arrivals} == {(Verdict.PORTAL, Verdict.ONLINE)}
    assert len({arrival.address for arrival in arrivals}) == CLIENTS
    assert max(arrival.tap_seconds for arrival in arrivals) < TAP_SECONDS
    assert time.monotonic() - begun < ALL_SECONDS
    assert {arrival.address for arrival in arrivals} <= {visit.client for visit in box.lab.internet.seen()}


def arrive(box: PortalBox, number: int, phone: Phone) -> Arrival:
    client: Literal["udhcpc", "dhclient"] = "udhcpc" if number % 2 else "dhclient"
    persona: Persona = EVERYBODY[number % len(EVERYBODY)]
    lease, handset = phone.dhcp(client), Handset(phone, box.lab.authority)
    before = persona.judge(handset).verdict
    begun = time.monotonic()
    persona.sign_in(handset)
    seconds = time.monotonic() - begun
    return Arrival(lease.address, before, persona.judge(handset).verdict, seconds)
