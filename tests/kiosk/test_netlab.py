"""The lab is a true network: leases, names, pages and echoes get through, and all of it is taken down again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import TechnicianError
from kiosk.netlab import BOX, Netlab, Packet, Visit
from kiosk.netlab.internet import parse_packet
from kiosk.netlab.names import address4, answer, question
from kiosk.netlab.namespace import RESOLVER_FOLDERS, ip, sweep
from kiosk.netlab.truths import TRUTHS, truth_of
from tests.support.root import needs_root
from tests.support.until import look_again

QUESTION = bytes.fromhex("beef010000010000000000000377777707657861 6d706c65036f72670000010001".replace(" ", ""))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Netlab]:
    """An open box: it forwards everything, and gives leases and names."""
    folder = tmp_path_factory.mktemp("lab")
    with Netlab(folder, ipv6=True) as built:
        built.box.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])
        built.box.start(
            [
                *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--no-ping"),
                *("--no-resolv", f"--server={BOX.resolver4}", f"--interface={BOX.client_interface}"),
                *("--bind-interfaces", f"--pid-file={folder}/pid", f"--dhcp-leasefile={folder}/leases"),
                *(f"--dhcp-range={BOX.dhcp_first},{BOX.dhcp_last},1h", "--dhcp-option-force=114,https://p.example/a"),
            ]
        )
        yield built


@needs_root
@pytest.mark.parametrize("client", ["udhcpc", "dhclient"])
def test_phone_gets_lease_name_and_page(lab: Netlab, client: str) -> None:
    """Either DHCP client gets address, router, resolver and option 114; curl then gets the true page by its name, and
    the far side sees the phone's own address."""
    phone = lab.phone(1 if client == "udhcpc" else 2)
    lease = phone.dhcp("udhcpc" if client == "udhcpc" else "dhclient")
    assert (lease.router, lease.resolver, lease.portal) == ("10.77.0.1", "10.77.0.1", "https://p.example/a")
    answered = phone.curl("http://captive.apple.com/hotspot-detect.html")
    assert (answered.status, answered.error) == (200, "")
    assert "Success" in answered.body
    assert Visit(lease.address, "captive.apple.com", 80, "/hotspot-detect.html") in lab.internet.seen()
    assert Packet("tcp", lease.address, str(address4("captive.apple.com")), 80) in lab.internet.packets()


@needs_root
def test_tls_ports_and_both_families(lab: Netlab) -> None:
    """A phone that trusts the lab's authority gets a page over HTTPS, any other port echoes, and IPv6 goes through."""
    phone = lab.phone(3)
    phone.set_address("10.77.0.9/22", router="10.77.0.1", resolver="10.77.0.1")
    phone.set_address("2001:db8:77::9/64", router="2001:db8:77::1")
    secure = phone.curl("https://www.google.com/generate_204", "-4", "--cacert", str(lab.authority))
    assert (secure.status, secure.body, secure.error) == (204, "", "")
    assert phone.curl("https://www.google.com/generate_204").status == 0
    assert phone.run(["busybox", "nc", "-w", "2", "203.0.113.5", "4444"], text="hello\n").output == "hello\n"
    assert phone.curl("http://ipv6.msftconnecttest.com/connecttest.txt", "-6").body == "Microsoft Connect Test"
    clients = {visit.client for visit in lab.internet.seen()}
    assert {"10.77.0.9", "2001:db8:77::9"} <= clients


@needs_root
def test_phones_do_not_hear_one_another(lab: Netlab) -> None:
    """The access point isolates: a ping between two phones of one network is lost, one to the box is answered."""
    one, other = lab.phone(4), lab.phone(5)
    one.set_address("10.77.0.11/22")
    other.set_address("10.77.0.12/22")
    assert one.run(["ping", "-c1", "-W2", "10.77.0.1"]).ok
    assert not one.run(["ping", "-c1", "-W1", "10.77.0.12"]).ok


@needs_root
def test_lab_is_gone_after_a_failure(tmp_path: Path) -> None:
    """A test that fails in a lab leaves no namespace, no process and no resolver folder behind."""
    held: list[Netlab] = []
    pids: list[str] = []

    def fail() -> None:
        with Netlab(tmp_path) as built:
            held.append(built)
            built.phone(1)
            # one that is ours and a child that is not
            built.box.start(["sh", "-c", "sleep 1000 & sleep 1001"])
            while len(pids) < 3:
                look_again()
                pids[:] = ip("netns", "pids", built.box.name).split()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    name = held[0].box.name
    assert name not in ip("netns", "list")
    assert not (RESOLVER_FOLDERS / name).exists()
    assert not [pid for pid in pids if _runs(pid)]


@needs_root
def test_killed_lab_is_swept_up(tmp_path: Path) -> None:
    """What a killed process left is removed by the next lab; what a living one made stays."""
    dead = f"qb{_unused_pid()}-0000-box"
    ip("netns", "add", dead)
    with Netlab(tmp_path) as living:
        assert dead not in ip("netns", "list")
        sweep()
        assert living.box.name in ip("netns", "list")


def test_lab_refuses_a_plain_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root the lab says what it needs, before it touches anything."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(TechnicianError, match="need root"), Netlab(tmp_path / "never"):
        pytest.fail("a lab without root")
    assert not (tmp_path / "never").exists()


def test_every_name_has_its_address() -> None:
    """The name server answers A with the address of that name, says nothing of other types, and knows no .invalid."""
    assert question(QUESTION)[:2] == ("www.example.org", 1)
    answered = answer(QUESTION)
    assert answered[:2] == b"\xbe\xef"
    assert answered.endswith(address4("WWW.Example.org").packed)
    mail = answer(QUESTION[:-3] + b"\x0f\x00\x01")
    assert mail[6:8] == b"\x00\x00"
    assert answer(QUESTION.replace(b"\x03org", b"\x07invalid"))[3] & 15 == 3
    for cut in range(12, len(QUESTION) - 4):
        with pytest.raises((ValueError, IndexError)):
            question(QUESTION[:cut])


def test_known_probes_have_true_answers() -> None:
    """Apple's page says Success, Android's is an empty 204, and a host that asks nothing gets a page with its name."""
    assert truth_of("captive.apple.com", "/hotspot-detect.html?x=1").body.count(b"Success") == 2
    assert truth_of("Connectivitycheck.gstatic.com", "/generate_204").status == 204
    assert b"news.example" in truth_of("news.example", "/generate_204").body
    assert all(truth.status != 204 or not truth.body for truth in TRUTHS.values())


def test_rubbish_is_no_packet() -> None:
    """What is cut short or no IP is not told as a packet."""
    assert parse_packet(b"", 0x0800) is None
    assert parse_packet(b"\x45" * 19, 0x0800) is None
    assert parse_packet(bytes(60), 0x0806) is None


def _unused_pid() -> int:
    pid = 4_000_000
    while Path("/proc", str(pid)).exists():
        look_again(0)
        pid -= 1
    return pid


def _runs(pid: str) -> bool:
    """Whether a process still has a program: not gone, and not only waiting for its parent to read its status."""
    try:
        return bool(Path("/proc", pid, "cmdline").read_bytes())
    except OSError:
        return False
