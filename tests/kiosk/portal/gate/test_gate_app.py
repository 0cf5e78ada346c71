"""The gate goes on: admissions end when they must and outlast restarts and kill -9; nobody else's rules are touched."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest

from broker_config.network_plan import NetworkPlan
from firmware import bundle
from firmware.errors import TechnicianError
from firmware.local_link import FRAME_MAX_BYTES
from firmware.network_settings import Mode
from kiosk.netlab import BOX, Phone
from kiosk.netlab.internet import DRIPS
from kiosk.portal.gate.line import SOCKET, GateLine, Seen
from tests.support import phone_tools
from tests.support.gate_lab import PORTAL_WORDS, GateLab, gate_lab, until
from tests.support.own_network import own_network
from tests.support.portal_root import LAB_PLAN, make_portal_root
from tests.support.root import needs_root

pytestmark = needs_root

FAR, FAR6 = "203.0.113.7", "2001:db8:ffff::7"
OTHER_TABLE = "table inet other {\n\tset kept {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1 }\n\t}\n\n"
OTHER_TABLE += (
    '\tchain c {\n\t\ttype filter hook forward priority filter + 5; policy accept;\n\t\tiifname "x" drop\n\t}\n}\n'
)
MANY = 400
COUNTER = "table inet count {\nchain c {\ntype filter hook prerouting priority -300\nudp dport 7200 counter\n}\n}\n"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateLab]:
    with gate_lab(tmp_path_factory.mktemp("gate"), replace(LAB_PLAN, address6=BOX.address6)) as made:
        yield made


def passes(phone: Phone, port: int = 443, address: str = FAR) -> bool:
    done = phone.run([sys.executable, phone_tools.__file__, "reach", address, str(port)])
    return f"tcp {address} {port}" in json.loads(done.output)


def seen_at(gate: GateLab, number: int) -> Seen:
    return next(one for one in gate.line.clients() if one.address == ip_address(f"10.77.1.{number}"))


@pytest.mark.requirement("B1", "B4")
def test_live_flows_are_cut_when_the_time_is_over(gate: GateLab) -> None:
    """An admission of three seconds: TCP and UDP flows that both sides keep up, and such that only the far side keeps
    up, live while it lasts and are dead in both directions within a second and a half of its end."""
    phone = gate.known_phone(1, ipv6=True)
    phone.run(["ping", "-c1", "-W1", FAR])
    begun = time.monotonic()
    gate.admit(1, seconds=3, access="all")
    kinds = [(kind, word) for kind in ("tcp", "udp") for word in ("echo", "drip")]
    running = {
        (kind, word, address): subprocess.Popen(
            phone.command([sys.executable, phone_tools.__file__, "flow", kind, word, address, "7000"]),
            stdout=subprocess.PIPE,
            text=True,
        )
        for kind, word in kinds
        for address in (FAR, FAR6)
    }
    for which, process in running.items():
        flow = json.loads(process.communicate(timeout=30)[0])
        assert flow["count"] > 5, which
        assert 1.0 < flow["last_at"] - begun < 4.5, (which, flow)
    assert not passes(phone)
    assert phone.curl("http://captive.apple.com/", "-4").body == PORTAL_WORDS


def test_admission_outlasts_the_gate(gate: GateLab) -> None:
    """Without the gate, and after it has come back from an orderly end or from kill -9, who was admitted still passes
    with the same pseudonym and no second more, and nobody else does; nobody is admitted while it is away."""
    inside, outside = gate.known_phone(2, ipv6=True), gate.known_phone(3)
    pseudonym = gate.admit(2, seconds=600, access="all")
    for end in (gate.stop_gate, gate.kill_gate):
        before = seen_at(gate, 2)
        end()
        with pytest.raises(TechnicianError, match="no answer"):
            gate.line.admit(ip_address("10.77.1.3"), 60, "web")
        assert passes(inside)
        assert not passes(outside)
        gate.start_gate()
        after = seen_at(gate, 2)
        assert after.pseudonym == before.pseudonym == pseudonym
        assert after.access == "all"
        assert before.admitted_seconds_left is not None
        assert after.admitted_seconds_left is not None
        assert 540 < after.admitted_seconds_left <= before.admitted_seconds_left
        assert passes(inside, 22)
        assert passes(inside, 22, FAR6)
        assert not passes(outside)
        assert seen_at(gate, 3).admitted_seconds_left is None


def test_flow_survives_a_new_ruleset(gate: GateLab) -> None:
    """A restart puts whole new rules in place without a packet lost: a flow that is up goes on through it."""
    phone = gate.known_phone(4)
    gate.admit(4, access="all")
    flow = subprocess.Popen(
        phone.command([sys.executable, phone_tools.__file__, "flow", "udp", "drip", FAR, "7100"]),
        stdout=subprocess.PIPE,
        text=True,
    )
    gate.stop_gate()
    gate.start_gate()
    told = json.loads(flow.communicate(timeout=30)[0])
    # every one of them, twenty a second for five seconds
    assert told["count"] >= DRIPS - 2


def test_flushed_rules_come_back(gate: GateLab) -> None:
    """Somebody restarts a firewall and flushes every rule: ours are back at once, with all who were admitted, and
    whoever was not is still not."""
    inside, outside = gate.known_phone(5), gate.known_phone(6)
    gate.admit(5, access="all")
    gate.line.refuse(ip_address("10.77.1.6"))
    gate.nft("flush", "ruleset")
    until(lambda: "table inet quietbell" in gate.nft("list", "tables"), "the table is back")
    assert passes(inside)
    assert not passes(outside)
    assert gate.line.admit(ip_address("10.77.1.6"), 60, "web") is None
    assert "table-gone" in gate.log.read_text(encoding="utf-8")
    assert gate.lab.box.run(["sysctl", "-n", "net.ipv4.ip_forward"]).output == "1\n"


def test_nobody_elses_table_is_touched(gate: GateLab) -> None:
    """Another table stays as it was, byte for byte, through a restart, an admission and a revocation."""
    gate.known_phone(7)
    gate.lab.box.run(["nft", "-f", "-"], text=OTHER_TABLE)
    before = gate.nft("list", "table", "inet", "other")
    assert "192.0.2.1" in before
    gate.kill_gate()
    gate.start_gate()
    gate.line.revoke(gate.admit(7))
    assert gate.nft("list", "table", "inet", "other") == before
    assert gate.nft("list", "tables").splitlines() == ["table inet other", "table inet quietbell"]
    gate.nft("delete", "table", "inet", "other")


def test_gate_has_one_capability(gate: GateLab) -> None:
    """The running gate is not root and has CAP_NET_ADMIN, which is bit 12, and nothing else."""
    pid = gate.gate_pid
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    assert "0" not in status["Uid"].split()
    for which in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[which], 16) == 1 << 12, which


def test_caps_hold_against_a_portal_gone_hostile(gate: GateLab) -> None:
    """A year is half a day at most; unknown kinds of access and no time at all are refused, and so is every address
    that is not a client's: outside, the box's own, nobody's, everybody's, and one that was never heard."""
    gate.known_phone(8)
    assert gate.admit(8, seconds=365 * 86_400)
    left = seen_at(gate, 8).admitted_seconds_left
    assert left is not None
    assert 0 < left <= 12 * 3600
    for access in ("", "root", "ALL", "web "):
        assert gate.line.admit(ip_address("10.77.1.8"), 60, access) is None
    for seconds in (0, -1, -(2**40)):
        assert gate.line.admit(ip_address("10.77.1.8"), seconds, "web") is None
    strangers = ("10.77.0.1", "10.66.0.1", "10.66.0.2", FAR, "0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1")
    for text in (*strangers, "10.77.3.99", "10.77.3.255", "::1", "fe80::1", "2001:db8:77::1", "2001:db8:77::beef"):
        assert gate.line.who(ip_address(text)) is None, text
        assert gate.line.admit(ip_address(text), 60, "web") is None, text
    assert seen_at(gate, 8).access == "web"


def test_rubbish_on_the_socket_changes_nothing(gate: GateLab) -> None:
    """Thousands of random frames, half frames and endless ones: no answer, no admission, and the next question is
    answered as ever."""
    gate.known_phone(9)
    before = {one.pseudonym for one in gate.line.clients() if one.access}
    dice = random.Random(9)
    for _ in range(300):
        rubbish = dice.randbytes(dice.randrange(0, 80))
        frame = len(rubbish).to_bytes(4, "big") + rubbish
        for raw in (frame, frame[: dice.randrange(len(frame))], b"\xff\xff\xff\xff" + rubbish):
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(5)
                line.connect(str(gate.root.run / SOCKET))
                line.sendall(raw)
                line.shutdown(socket.SHUT_WR)
                try:
                    assert line.recv(100) == b""
                except ConnectionResetError:
                    continue
    assert gate.line.who(ip_address("10.77.1.9")) is not None
    assert seen_at(gate, 9).admitted_seconds_left is None
    assert {one.pseudonym for one in gate.line.clients() if one.access} == before
    assert len(gate.log.read_bytes()) < FRAME_MAX_BYTES


def test_wrong_user_is_not_answered(gate: GateLab) -> None:
    """Whoever is neither the gate's own user nor the portal's gets no answer, even where the file's mode allows it."""
    path = gate.root.run / SOCKET
    assert path.stat().st_mode & 0o777 == 0o660
    path.chmod(0o666)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65_534)
        os.setuid(65_534)
        try:
            GateLine(path).clients()
        except TechnicianError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    path.chmod(0o660)
    assert gate.answers()


@pytest.mark.requirement("D1")
def test_no_device_is_on_disk_or_in_the_log(gate: GateLab) -> None:
    """After all that, no file of the device holds a MAC or a phone's address: neither log nor run folder nor key."""
    phone = gate.known_phone(10)
    gate.admit(10)
    gate.line.refuse(ip_address("10.77.1.10"))
    texts = [phone.mac, phone.mac.replace(":", ""), "10.77.1.10"]
    forbidden = [*(text.encode() for text in texts), bytes.fromhex(texts[1]), IPv4Address("10.77.1.10").packed]
    kept = [file for file in gate.root.path.rglob("*") if file.is_file() and "leases" not in file.name]
    assert any(file.name == "gate-day.key" for file in kept)
    for file in kept:
        content = file.read_bytes()
        assert not [one for one in forbidden if one in content], file


def test_four_hundred_devices(gate: GateLab) -> None:
    """Four hundred are admitted and listed: what the portal asks every half minute takes well under a second on any
    machine, and a restart keeps every one of them."""
    addresses = [IPv4Address("10.77.2.1") + at for at in range(MANY)]
    there_for_good = f"dev {BOX.client_interface} nud reachable"
    lines = [
        f"neigh replace {address} lladdr 02:51:62:aa:{at >> 8:02x}:{at & 255:02x} {there_for_good}"
        for at, address in enumerate(addresses)
    ]
    assert gate.lab.box.run(["ip", "-batch", "-"], text="\n".join(lines)).ok
    begun = time.monotonic()
    assert all(gate.line.admit(address, 3600, "web") for address in addresses)
    print(f"{MANY} admitted in {(time.monotonic() - begun) * 1000:.0f} ms")
    begun = time.monotonic()
    there = {one.address: one for one in gate.line.clients() if one.access}
    listed = time.monotonic() - begun
    print(f"and listed in {listed * 1000:.1f} ms")
    assert set(addresses) <= set(there)
    assert len({one.pseudonym for one in there.values()}) == len(there)
    assert listed < 1.0
    gate.kill_gate()
    gate.start_gate()
    assert set(addresses) <= {one.address for one in gate.line.clients() if one.access == "web"}


@pytest.mark.requirement("B12")
def test_each_device_has_its_share(tmp_path: Path) -> None:
    """At four megabits a second and device, a phone that sends as fast as it can, or is sent to, gets no more than a
    second's worth, a burst, and its rate; another phone's flow at the same time is whole."""
    with gate_lab(tmp_path, fair_use_kbit_per_second=4000) as gate:
        greedy, modest = gate.known_phone(1), gate.known_phone(2)
        for number in (1, 2):
            gate.admit(number, access="all")
        gate.lab.internet.run(["nft", "-f", "-"], text=COUNTER)
        begun = time.monotonic()
        flood = subprocess.Popen(
            greedy.command([sys.executable, phone_tools.__file__, "blast", FAR, "7200", "3000"]),
            stdout=subprocess.PIPE,
            text=True,
        )
        done = modest.run([sys.executable, phone_tools.__file__, "blast", FAR, "7201", "200"])
        came = json.loads(flood.communicate(timeout=60)[0])
        counted = gate.lab.internet.run(["nft", "list", "table", "inet", "count"]).output
        arrived = int(counted.split("packets ")[1].split()[0])
        most = 500 + 131 + 500 * (time.monotonic() - begun)
        assert json.loads(done.output) == 200
        assert 300 <= came <= arrived <= most
        begun = time.monotonic()
        pulled = json.loads(modest.run([sys.executable, phone_tools.__file__, "pull", FAR, "7202", "2"]).output)
        assert 300 <= pulled <= 500 + 131 + 500 * (time.monotonic() - begun)


def test_own_access_point_may_hide_its_clients(tmp_path: Path) -> None:
    """Only where the settings say so are clients hidden behind the box's address."""
    plan = replace(LAB_PLAN, mode=Mode.OWN_ACCESS_POINT, masquerade=True, ssid="BYOD", radio_interface="byod0")
    with gate_lab(tmp_path, plan) as gate:
        phone = gate.known_phone(1)
        gate.admit(1)
        assert "Success" in phone.curl("http://captive.apple.com/", "-4").body
        assert {visit.client for visit in gate.lab.internet.seen()} == {"10.66.0.2"}


def test_without_internet_everything_is_the_portal(tmp_path: Path) -> None:
    """In a site that is declared off-line an admitted phone reaches the portal for every page, and nothing outside."""
    with gate_lab(tmp_path, replace(LAB_PLAN, offline=True)) as gate:
        phone = gate.known_phone(1)
        gate.admit(1, access="all")
        assert phone.curl(f"http://{FAR}/").body == PORTAL_WORDS
        assert not passes(phone)


def test_gate_says_what_to_mend(tmp_path: Path) -> None:
    """Without its capability, without rules, in link-only mode or for a user who does not exist the gate ends with one
    line; the status says that a person can mend it."""
    root = make_portal_root(tmp_path / "a")
    command = [sys.executable, "-m", "firmware", "gate", "--root", str(root.path)]
    with own_network():
        assert "no such user" in complaint([*command, "--portal-user", "nobody-such"])
        assert "Operation not permitted" in complaint(["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command])
        (root.public / bundle.PORTAL).unlink()
        assert "portal.toml: is missing" in complaint(command)
        link = make_portal_root(tmp_path / "link", NetworkPlan(mode=Mode.LINK_ONLY, host="wifi.school.example"))
        assert "link-only" in complaint([*command[:-1], str(link.path)])


def complaint(command: Sequence[str]) -> str:
    """The last line of a command that ends with the status "a person can mend this"."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2, ended.stderr
    return ended.stderr.splitlines()[-1]
