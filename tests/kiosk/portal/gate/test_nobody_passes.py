"""Nobody passes before acceptance: a real gate with one capability, real phones, an Internet that sees every packet.

The proof is always what reached the box's uplink, not what a phone heard. A packet of the box itself, sent last, shows
that everything before it has been seen.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from kiosk.netlab import BOX, Packet, Phone
from kiosk.netlab.names import address4
from tests.support import phone_tools
from tests.support.gate_lab import PORTAL_WORDS, GateLab, gate_lab, until
from tests.support.portal_root import LAB_PLAN
from tests.support.root import needs_root

pytestmark = needs_root

FAR, FAR6 = "203.0.113.7", "2001:db8:ffff::7"
DOH4, DOH6 = ("8.8.8.8", "1.1.1.1", "9.9.9.9", "45.90.28.17"), ("2001:4860:4860::8888", "2606:4700:4700::1111")
PRIVATE = ("10.66.0.1", "10.66.0.53", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1")
OPEN_HOLE = "10.9.9.9"
ADMIN_PORTS = (22, 631, 5900, 8883, 9090, 443)
TRUSTED = 9


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateLab]:
    plan = replace(
        LAB_PLAN,
        address6=BOX.address6,
        open_uplink=(f"{OPEN_HOLE}/32",),
        trusted=("02:51:62:00:00:09",),
    )
    with gate_lab(tmp_path_factory.mktemp("gate"), plan) as made:
        serve_everything(made)
        yield made


def serve_everything(gate: GateLab) -> None:
    """Listeners of the box that are nobody's business, on every address it has."""
    code = (
        "import socket, threading\n"
        "for port in {ports}:\n"
        "    line = socket.create_server(('::', port), family=socket.AF_INET6, dualstack_ipv6=True)\n"
        "    globals()[port] = line\n"
        "threading.Event().wait()\n"
    )
    gate.lab.box.start([sys.executable, "-c", code.format(ports=ADMIN_PORTS)])
    until(lambda: gate.lab.box.run(["curl", "-s", "-m", "1", "telnet://127.0.0.1:9090"]).status == 28, "listeners")


def tool(phone: Phone, *words: str) -> object:
    done = phone.run([sys.executable, phone_tools.__file__, *words])
    assert done.ok, done.errors
    return json.loads(done.output)


def reached(phone: Phone, addresses: Sequence[str], *ports: int) -> list[str]:
    """What of these answers the phone, as "tcp address port"."""
    found = tool(phone, "reach", ",".join(addresses), ",".join(map(str, ports)))
    assert isinstance(found, list)
    return found


def connects(phone: Phone, address: str, port: int) -> bool:
    return reached(phone, [address], port) in (
        [f"tcp {address} {port}"],
        [f"tcp {address} {port}", f"udp {address} {port}"],
    )


def came_through(gate: GateLab) -> list[Packet]:
    """Everything that came over the uplink from anybody but the box."""
    mark = len(gate.lab.internet.packets())
    gate.lab.box.run(["busybox", "nc", "-w", "1", FAR, str(20_000 + mark)], text="mark\n")
    last = Packet("tcp", "10.66.0.2", FAR, 20_000 + mark)
    until(lambda: last in gate.lab.internet.packets(), "the mark is seen")
    return [one for one in gate.lab.internet.packets() if one.source not in ("10.66.0.2", "2001:db8:66::2")]


def from_phone(gate: GateLab, number: int) -> list[Packet]:
    own = (f"10.77.1.{number}", f"2001:db8:77::1:{number}")
    return [one for one in came_through(gate) if one.source in own]


@pytest.mark.requirement("B1", "B5")
def test_no_port_and_no_protocol_passes(gate: GateLab) -> None:
    """Thousands of TCP and UDP ports, ICMP and tunnels, by IPv4 and IPv6, to public, private and DoH addresses: of a
    phone that accepted nothing not one packet reaches the uplink; TCP 80 is answered by the portal."""
    phone = gate.known_phone(1, ipv6=True)
    for address in (FAR, FAR6, DOH4[0]):
        tried = tool(phone, "sweep", address)
        assert isinstance(tried, int)
        assert tried > 4000
    assert reached(phone, (*DOH4, *DOH6, *PRIVATE, OPEN_HOLE), 22, 443, 784, 853, 8443) == []
    assert not phone.run(["ping", "-c1", "-W1", FAR]).ok
    assert phone.curl("http://captive.apple.com/", "-4").body == PORTAL_WORDS
    assert phone.curl("http://captive.apple.com/", "-6").body == PORTAL_WORDS
    assert from_phone(gate, 1) == []


@pytest.mark.requirement("B5")
@pytest.mark.parametrize("resolver", ["8.8.8.8", FAR, "10.77.0.1", "2001:4860:4860::8888", "2001:db8:77::1"])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_names_resolve_only_through_the_site(gate: GateLab, resolver: str, protocol: str) -> None:
    """Whomever a phone asks, admitted or not, the answer comes from the site's resolver, which alone is asked."""
    for number, access in ((1, ""), (2, "all")):
        phone = gate.known_phone(number, ipv6=True)
        if access:
            gate.admit(number, access=access)
        name = f"n{number}-{protocol}-{resolver.replace(':', '-').replace('.', '-')}.example"
        assert tool(phone, "ask", resolver, name, protocol) == [str(address4(name))]
        came_through(gate)
        asked = [one for one in gate.lab.internet.packets() if one.port == 53]
        assert {(one.source, one.destination) for one in asked} == {("10.66.0.2", "10.66.0.53")}
        assert protocol in {one.protocol for one in asked}
        assert protocol == "tcp" or name in {one.name for one in asked}


@pytest.mark.requirement("B10")
def test_web_access_is_the_web(gate: GateLab) -> None:
    """A phone with the access "web" reaches TCP 80 and 443 and UDP 443 under its own address, unchanged, and nothing
    else; TCP 80 is the true page now, not the portal's."""
    phone = gate.known_phone(3)
    gate.admit(3, access="web")
    web = [f"tcp {FAR} 443", f"tcp {FAR} 80", f"udp {FAR} 443"]
    assert reached(phone, [FAR], 22, 25, 80, 123, 443, 853, 1194, 8080) == web
    assert not phone.run(["ping", "-c1", "-W1", FAR]).ok
    assert "Success" in phone.curl("http://captive.apple.com/hotspot-detect.html", "-4").body
    assert {(one.protocol, one.port) for one in from_phone(gate, 3)} == {("tcp", 80), ("tcp", 443), ("udp", 443)}
    assert "10.77.1.3" in {visit.client for visit in gate.lab.internet.seen()}


@pytest.mark.requirement("B5", "B10")
def test_full_access_keeps_the_ways_round_shut(gate: GateLab) -> None:
    """The access "all" reaches any port and ICMP, by both families, but neither DNS over TLS or QUIC, nor a known
    resolver over HTTPS, nor the site's own network, except what was opened there."""
    phone = gate.known_phone(4, ipv6=True)
    gate.admit(4, access="all")
    for address in (FAR, FAR6):
        found = reached(phone, [address], 22, 123, 443, 853)
        assert found == [f"{word} {address} {port}" for word in ("tcp", "udp") for port in (123, 22, 443)]
        assert phone.run(["ping", "-c1", "-W2", address]).ok
    assert reached(phone, (*DOH4, *DOH6, *PRIVATE), 22, 80, 443, 853, 8443) == []
    assert f"tcp {OPEN_HOLE} 3128" in reached(phone, [OPEN_HOLE], 3128)
    assert {one.destination for one in from_phone(gate, 4)} == {FAR, FAR6, OPEN_HOLE}


def test_kiosk_itself_is_shut(gate: GateLab) -> None:
    """Of the kiosk a phone reaches the portal and nothing else, admitted or not, on the clients' address, the uplink's
    and IPv6: neither shells, nor screens, nor brokers. The box itself reaches its listeners."""
    own = ("10.77.0.1", "2001:db8:77::1")
    for number, access in ((1, ""), (2, "all")):
        phone = gate.known_phone(number, ipv6=True)
        if access:
            gate.admit(number, access=access)
        # 80 leads to the portal; 443 would, but nobody listens there in this lab
        portal = sorted(f"tcp {address} {port}" for address in own for port in (80, 8080))
        assert reached(phone, own, *ADMIN_PORTS, 80, 8080, 8443) == portal
        assert reached(phone, ("10.66.0.2", "2001:db8:66::2"), *ADMIN_PORTS[1:], 8080) == []
    assert gate.lab.box.run(["curl", "-s", "-m", "1", "telnet://10.77.0.1:22"]).status == 28


def test_somebody_elses_mac_or_address_does_not_pass(gate: GateLab) -> None:
    """A phone with the MAC of an admitted one and another address does not pass, nor one with its address and another
    MAC: an admission is the pair."""
    gate.known_phone(5)
    gate.admit(5, access="all")
    thief = gate.known_phone(6)
    assert connects(gate.lab.phone(5), FAR, 7001)
    gate.lab.phone(5).ip("link", "set", "wlan0", "down")
    thief.change_mac(gate.lab.phone(5).mac)
    thief.set_address("10.77.1.66/22", router="10.77.0.1")
    assert not connects(thief, FAR, 7002)
    thief.change_mac("02:51:62:00:77:77")
    thief.set_address("10.77.1.5/22", router="10.77.0.1")
    assert not connects(thief, FAR, 7003)
    assert connects(thief, "10.77.0.1", 8080)
    assert not connects(thief, FAR, 7003)
    assert {one.port for one in came_through(gate)} & {7002, 7003} == set()


def test_phones_do_not_reach_one_another_through_the_box(gate: GateLab) -> None:
    """Routed by way of the box, which the access point cannot see, two admitted phones still do not meet."""
    one, other = gate.known_phone(7, ipv6=True), gate.known_phone(8, ipv6=True)
    for number in (7, 8):
        gate.admit(number, access="all")
    other.start([sys.executable, "-m", "http.server", "-b", "::", "7777"])
    until(lambda: other.run(["curl", "-s", "http://127.0.0.1:7777/"]).ok, "the other phone serves")
    for phone, peer in ((one, 8), (other, 7)):
        phone.ip("route", "add", f"10.77.1.{peer}/32", "via", "10.77.0.1")
        phone.ip("route", "add", f"2001:db8:77::1:{peer}/128", "via", "2001:db8:77::1")
    assert not connects(one, "10.77.1.8", 7777)
    assert not connects(one, "2001:db8:77::1:8", 7777)
    assert connects(one, FAR, 7777)


def test_internet_does_not_reach_a_phone(gate: GateLab) -> None:
    """Nobody outside begins a connection to an admitted phone, not even from where the phone may go itself."""
    phone = gate.known_phone(10)
    gate.admit(10, access="all")
    phone.start([sys.executable, "-m", "http.server", "7778"])
    page = ["curl", "-s", "-m", "1", "http://10.77.1.10:7778/"]
    until(lambda: phone.run(page).ok, "the phone serves")
    assert connects(phone, "203.0.113.50", 22)
    assert gate.lab.internet.run([*page, "--interface", "203.0.113.50"]).status == 28


def test_trusted_device_needs_no_acceptance(gate: GateLab) -> None:
    """What the technician has named as trusted passes without acceptance, with the ways round still shut."""
    phone = gate.known_phone(TRUSTED)
    assert reached(phone, [FAR], 22, 853) == [f"tcp {FAR} 22", f"udp {FAR} 22"]
    assert not connects(phone, DOH4[0], 443)


def test_refused_device_stays_out(gate: GateLab) -> None:
    """A device that was refused loses what it had, is admitted no more today, and still reaches the portal."""
    phone = gate.known_phone(11)
    gate.admit(11, access="all")
    assert connects(phone, FAR, 7004)
    gate.line.refuse(ip_address("10.77.1.11"))
    assert not connects(phone, FAR, 7005)
    assert gate.line.admit(ip_address("10.77.1.11"), 60, "web") is None
    # nor would an element that somebody puts there by hand help
    gate.nft(f"add element inet quietbell admitted4 {{ {phone.mac} . 10.77.1.11 timeout 60s : 0x52 }}")
    assert not connects(phone, FAR, 443)
    assert 443 not in {one.port for one in from_phone(gate, 11)}
    assert phone.curl("http://10.77.0.1/").body == PORTAL_WORDS
    assert "reason=refused-device" in gate.log.read_text(encoding="utf-8")


def test_revoked_phone_is_out_at_once(gate: GateLab) -> None:
    """Revoked by its pseudonym, a phone is out in both families with its next packet; it may accept again."""
    phone = gate.known_phone(12, ipv6=True)
    pseudonym = gate.admit(12, access="all")
    assert connects(phone, FAR, 7006)
    assert connects(phone, FAR6, 7006)
    gate.line.revoke(pseudonym)
    assert not connects(phone, FAR, 7007)
    assert not connects(phone, FAR6, 7007)
    assert gate.admit(12) == pseudonym
    assert connects(phone, FAR, 443)


@pytest.mark.parametrize(("number", "far"), [(13, "198.51.100.9"), (14, "2001:db8:ffff::9")])
def test_kept_alive_connection_follows_the_acceptance(gate: GateLab, number: int, far: str) -> None:
    """A connection to a probe host that the portal answered before acceptance does not go on answering as the portal
    after it: one client that keeps its connection gets the portal first and then the true page."""
    phone = gate.known_phone(number, ipv6=True)
    code = (
        "import http.client, sys\n"
        f"line = http.client.HTTPConnection('{far}', 80, timeout=3)\n"
        "line.request('GET', '/', headers={'Host': 'captive.apple.com', 'Connection': 'keep-alive'})\n"
        "print(line.getresponse().read().decode(), flush=True)\n"
        "sys.stdin.readline()\n"
        "for again in range(5):\n"
        "    try:\n"
        "        line.request('GET', '/', headers={'Host': 'captive.apple.com'})\n"
        "        print(line.getresponse().read().decode())\n"
        "        break\n"
        "    except (OSError, http.client.HTTPException):\n"
        "        line.close()\n"
    )
    running = subprocess.Popen(
        phone.command([sys.executable, "-c", code]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline().strip() == PORTAL_WORDS
    gate.admit(number)
    said, _ = running.communicate("go\n", timeout=20)
    assert "Success" in said
    assert PORTAL_WORDS not in said


def test_without_ipv6_none_of_it_passes(tmp_path: Path) -> None:
    """Where the network has no IPv6, an admitted phone that made itself an address sends none of it anywhere, although
    the box could route it: neither out nor to the box."""
    with gate_lab(tmp_path, ipv6=True) as gate:
        gate.lab.box.run(["sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1"])
        phone = gate.known_phone(1, ipv6=True)
        gate.admit(1, access="all")
        assert connects(phone, FAR, 22)
        assert reached(phone, [FAR6, "2001:db8:77::1"], 22, 80, 443, 8080) == []
        assert tool(phone, "sweep", FAR6)
        assert not [one for one in came_through(gate) if ":" in one.source]
