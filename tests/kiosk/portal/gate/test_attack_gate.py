"""A laptop on the Wi-Fi against a real gate: somebody else's address, devices that do not exist, names as a tunnel."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from firmware.errors import TechnicianError
from kiosk.netlab import BOX, Packet, Phone
from tests.support import attacker_tools
from tests.support.gate_lab import GateLab, gate_lab, until
from tests.support.portal_root import LAB_PLAN
from tests.support.root import needs_root

pytestmark = needs_root

FAR = "http://203.0.113.7/"


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateLab]:
    with gate_lab(tmp_path_factory.mktemp("gate"), replace(LAB_PLAN, address6=BOX.address6)) as made:
        yield made


def tool(phone: Phone, *words: str) -> int:
    done = phone.run([sys.executable, attacker_tools.__file__, *words])
    assert done.ok, done.errors
    return int(json.loads(done.output))


def box_mac(gate: GateLab) -> str:
    return gate.lab.box.run(["cat", f"/sys/class/net/{BOX.client_interface}/address"]).output.strip()


def heard_as(gate: GateLab, phone: Phone, address: str) -> None:
    """The kernel's neighbour table says that this phone has the address now."""
    gate.lab.box.run(["ip", "neigh", "del", address, "dev", BOX.client_interface])
    phone.curl("http://10.77.0.1/", seconds=3)
    there = gate.lab.box.run(["ip", "neigh", "show", address]).output
    assert phone.mac in there, there


@pytest.mark.requirement("B1")
def test_whoever_takes_an_address_cuts_nobody_off_with_their_own_end(gate: GateLab) -> None:
    """Somebody claims a phone's address for a moment and is admitted with it for two seconds. The address has one owner
    at a time: the phone is off while the other has it, and once it has its address again it is admitted with all of
    its time, in both directions, beyond the other's end."""
    phone, other = gate.known_phone(3), gate.lab.phone(4)
    gate.admit(3, 600, "all")
    assert phone.curl(FAR).status == 200
    other.set_address("10.77.1.3/22", router="10.77.0.1")
    heard_as(gate, other, "10.77.1.3")
    assert gate.line.admit(ip_address("10.77.1.3"), 2, "all") is not None
    pairs = gate.nft("list", "map", "inet", "quietbell", "admitted4")
    assert phone.mac not in pairs
    assert other.mac in pairs
    other.ip("address", "flush", "dev", "wlan0")
    heard_as(gate, phone, "10.77.1.3")
    # As the portal does when the phone's page is opened, and every half minute.
    gate.admit(3, 600, "all")
    until(lambda: other.mac not in gate.nft("list", "map", "inet", "quietbell", "admitted4"), "the other's end")
    assert phone.curl(FAR).status == 200


@pytest.mark.parametrize("address", ["10.77.1.5%x", "2001:db8:77::1:5%x", "2001:db8:77::1:5%x }; flush ruleset"])
def test_a_zone_is_no_way_into_the_rules(gate: GateLab, address: str) -> None:
    """A hostile portal writes nft's language behind an address: it gets no answer, and the rules stand."""
    gate.known_phone(5)
    before = gate.nft("list", "chain", "inet", "quietbell", "through")
    line = gate.line
    with pytest.raises((TechnicianError, ValueError)):
        line.admit(ip_address(address), 60, "web")
    assert gate.nft("list", "chain", "inet", "quietbell", "through") == before


def test_names_carry_no_tunnel_before_acceptance(gate: GateLab) -> None:
    """Asked as fast as can be, by UDP, and a hundred in one packet by TCP: a few hundred are answered, then a trickle.
    That holds too when somebody has made up more devices than the gate can count."""
    few = 400
    assert 50 < tool(gate.known_phone(6), "ask", "1500") < few
    assert 50 < tool(gate.known_phone(7), "ask_tcp", "3000") < few
    laptop = gate.known_phone(8)
    tool(laptop, "flood", box_mac(gate), "5000")
    assert tool(gate.known_phone(9), "ask", "1500") < few
    admitted = gate.known_phone(10)
    gate.admit(10)
    assert tool(admitted, "ask", "1500") > few


def test_devices_that_do_not_exist_take_nobodys_names_away(gate: GateLab) -> None:
    """Thousands of questions from addresses that nobody has: the answers to them, which wait for nobody, do not keep a
    phone from its own."""
    phone = gate.known_phone(11)
    gate.admit(11)
    tool(gate.known_phone(12), "flood", box_mac(gate), "5000")
    assert tool(phone, "ask", "100") == 100


def test_one_device_cannot_fill_the_table_of_flows(gate: GateLab) -> None:
    """An admitted laptop opens connections and keeps them: it gets a thousand at a time, and beside it a phone opens
    its pages."""
    laptop, phone = gate.known_phone(13), gate.known_phone(14)
    gate.admit(13, 600, "all")
    gate.admit(14)
    held = laptop.run([sys.executable, attacker_tools.__file__, "hold", "203.0.113.7", "4000", "1500"])
    assert held.ok, held.errors
    assert 900 <= int(json.loads(held.output)) <= 1024
    assert phone.curl(FAR).status == 200


@pytest.mark.requirement("B1", "B5")
def test_no_strange_frame_passes(gate: GateLab) -> None:
    """In fragments that hide ports or rewrite them, behind extension and routing headers, with source routes, with VLAN
    tags, from the box's own addresses, the uplink's, nobody's, and those of a phone that is admitted: not one packet
    reaches the uplink, and the gate goes on."""
    gate.known_phone(3, ipv6=True)
    gate.admit(3, 600, "all")
    laptop = gate.known_phone(5, ipv6=True)
    assert tool(laptop, "strange", box_mac(gate)) > 3000
    mark = Packet("tcp", "10.66.0.2", "203.0.113.8", 20_000)
    gate.lab.box.run(["busybox", "nc", "-w", "1", mark.destination, str(mark.port)], text="mark\n")
    until(lambda: mark in gate.lab.internet.packets(), "the mark is seen")
    far = (attacker_tools.FAR, attacker_tools.FAR6)
    assert [one for one in gate.lab.internet.packets() if one.destination in far] == []
    assert gate.answers()


@pytest.mark.requirement("B1")
def test_an_address_that_somebody_steals_gives_them_nothing(gate: GateLab) -> None:
    """A laptop claims an admitted phone's address by ARP: the gate knows it by another pseudonym, it is not admitted,
    and its packets do not pass."""
    gate.known_phone(3)
    theirs = gate.admit(3, 600, "all")
    laptop = gate.lab.phone(15)
    laptop.set_address("10.77.1.3/22", router="10.77.0.1")
    heard_as(gate, laptop, "10.77.1.3")
    assert gate.line.who(ip_address("10.77.1.3")) not in (None, theirs)
    assert laptop.curl("https://203.0.113.7/", "-k", seconds=3).status == 0
    assert "portal" in laptop.curl(FAR).body
