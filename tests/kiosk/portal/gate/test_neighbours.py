"""What the kernel says of neighbours and flows, over netlink, in a network of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.portal.gate.neighbours import Neighbour, NeighbourNews, Neighbours, is_device
from kiosk.portal.gate.netlink import attribute, attributes, message, messages
from tests.support.own_network import own_network
from tests.support.root import needs_root

MAC = "02:00:00:00:00:02"
FOUR, SIX = ip_address("10.9.0.2"), ip_address("2001:db8:9::2")


@pytest.fixture
def wire() -> Iterator[None]:
    """An interface "v0" with one neighbour in each family, and "v1" with another one."""
    with own_network():
        sh("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up")
        sh("ip address add 10.9.0.1/24 dev v0; ip address add 2001:db8:9::1/64 dev v0 nodad")
        sh(f"ip neigh add {FOUR} lladdr {MAC} dev v0 nud reachable; ip neigh add {SIX} lladdr {MAC} dev v0 nud stale")
        sh("ip neigh add 10.9.0.3 lladdr 02:00:00:00:00:03 dev v1 nud reachable")
        yield


@needs_root
def test_mac_is_the_kernels_word(wire: None) -> None:
    """An address that was heard on this interface has its MAC; one that was not, or elsewhere, or failed, has none."""
    neighbours = Neighbours("v0")
    assert neighbours.mac_of(FOUR) == neighbours.mac_of(SIX) == MAC
    sh("ip neigh add 10.9.0.4 lladdr 02:00:00:00:00:04 dev v0 nud failed")
    for text in ("10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.1", "2001:db8:9::3"):
        assert neighbours.mac_of(ip_address(text)) is None, text
    assert {one.address for one in neighbours.all()} == {FOUR, SIX}
    assert neighbours.all(only6=True) == [Neighbour(SIX, MAC)]


@needs_root
def test_interface_may_be_missing() -> None:
    """Where the interface is not there, nobody is a neighbour."""
    with own_network():
        assert Neighbours("nothing").mac_of(FOUR) is None
        assert Neighbours("nothing").all() == []


@needs_root
def test_many_neighbours_are_all_told(wire: None) -> None:
    """A thousand neighbours come in several pieces, and none is lost."""
    lines = [f"neigh add 10.9.0.{at % 250 + 4} lladdr 02:00:00:01:00:{at % 256:02x} dev v0" for at in range(240)]
    lines += [
        f"neigh add 2001:db8:9::1:{at:x} lladdr 02:00:00:01:{at >> 8:02x}:{at & 255:02x} dev v0" for at in range(760)
    ]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    assert len(Neighbours("v0").all()) == 1002


@needs_root
def test_news_come_without_asking(wire: None) -> None:
    """Who is heard from now on is told; who is heard elsewhere is not; nothing waits when nothing is new."""
    news = NeighbourNews("v0")
    assert news.read() == []
    sh("ip neigh add 10.9.0.9 lladdr 02:00:00:00:00:09 dev v0; ip neigh add 10.9.0.8 lladdr 02:00:00:00:00:08 dev v1")
    assert Neighbour(ip_address("10.9.0.9"), "02:00:00:00:00:09") in news.read()
    assert news.read() == []
    news.close()


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00", ""])
def test_group_is_no_device(mac: str) -> None:
    """Everybody, a group, nobody and what is no MAC at all are no device."""
    assert not is_device(bytes.fromhex(mac.replace(":", "")))
    assert is_device(bytes.fromhex(MAC.replace(":", "")))


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(raw: bytes) -> None:
    """Reading ends well whatever stands in a datagram."""
    for _, content in messages(raw):
        attributes(content)
    attributes(raw)


@given(st.dictionaries(st.integers(1, 100), st.binary(max_size=40), max_size=8))
def test_what_is_written_is_read(fields: dict[int, bytes]) -> None:
    """Attributes and messages come back as they were, whatever their length."""
    raw = b"".join(attribute(kind, data) for kind, data in fields.items())
    assert attributes(raw) == fields
    assert list(messages(message(30, 0, raw) * 2)) == [(30, raw), (30, raw)]


def sh(commands: str) -> None:
    subprocess.run(["sh", "-c", commands], check=True)
