"""Library and program do the same: one transaction, all of it or nothing, with nft's own words when it refuses."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from kiosk.portal.gate.elements import Admission, Live, Mark, Timed, admit_text, read_live, refuse_text, revoke_text
from kiosk.portal.gate.nft import LibraryNft, Nft, NftFault, ProgramNft, TableNews, elements_of, has_table, open_nft
from kiosk.portal.gate.ruleset import Limits, ruleset
from kiosk.portal.gate.table import Table
from tests.support.own_network import own_network
from tests.support.portal_root import LAB_PLAN, network_of
from tests.support.root import needs_root

pytestmark = needs_root

LIMITS = Limits(8000, ("8.8.8.8/32",), ("2001:4860:4860::8888/128",))
NAMES = ("admitted4", "admitted6", "refused", "garden4", "garden6")
PHONE = Admission("02:00:00:00:00:01", ip_address("10.77.0.20"), Mark.WEB, 600)


def library() -> LibraryNft:
    return LibraryNft(ctypes.CDLL(ctypes.util.find_library("nftables") or "libnftables.so.1"))


@pytest.fixture(params=[library, ProgramNft])
def nft(request: pytest.FixtureRequest) -> Iterator[Nft]:
    make: Callable[[], Nft] = request.param
    with own_network():
        yield make()


def live_of(nft: Nft) -> Live:
    return read_live(elements_of(nft, NAMES))


def test_table_is_made_and_made_again(nft: Nft) -> None:
    """The ruleset goes into an empty kernel and over itself; what was live goes on with its time, in both families."""
    assert not has_table(nft)
    nft.run(ruleset(network_of(LAB_PLAN), LIMITS, Live()))
    assert has_table(nft)
    six = Admission(PHONE.mac, ip_address("2001:db8:77::20"), Mark.ALL, 300)
    live = Live(
        (PHONE, six), (Timed("02:00:00:00:00:02", 50),), (Timed("198.51.100.7", 40),), (Timed("2001:db8::7", 30),)
    )
    nft.run(ruleset(network_of(LAB_PLAN), LIMITS, live))
    found = live_of(nft)
    assert {(one.mac, one.address, one.mark) for one in found.admissions} == {
        (one.mac, one.address, one.mark) for one in live.admissions
    }
    assert all(0 < one.seconds <= 600 for one in found.admissions)
    assert [one.key for one in (*found.refused, *found.garden4, *found.garden6)] == [
        "02:00:00:00:00:02",
        "198.51.100.7",
        "2001:db8::7",
    ]


def test_admission_is_renewed_and_revoked(nft: Nft) -> None:
    """Renewed with another mark and time, revoked, and revoked once more although it is gone: each in one go."""
    nft.run(ruleset(network_of(LAB_PLAN), LIMITS, Live()))
    nft.run(admit_text([PHONE], ()))
    other = Admission(PHONE.mac, PHONE.address, Mark.ALL, 900)
    nft.run(admit_text([other], [PHONE]))
    (found,) = live_of(nft).admissions
    assert (found.mark, found.seconds > 800) == (Mark.ALL, True)
    nft.run(revoke_text([other]))
    nft.run(revoke_text([other]))
    assert live_of(nft).admissions == ()
    nft.run(refuse_text(PHONE.mac, 60))
    nft.run(refuse_text(PHONE.mac, 600))
    assert live_of(nft).refused[0].seconds > 500


def test_refusal_changes_nothing(nft: Nft) -> None:
    """A transaction with one wrong line leaves everything as it was, and the fault says nft's own words on one line."""
    nft.run(ruleset(network_of(LAB_PLAN), LIMITS, Live()))
    with pytest.raises(NftFault, match=r"^nft: .*No such file or directory") as fault:
        nft.run(admit_text([PHONE], ()) + "add element inet quietbell nowhere { 1.2.3.4 }\n")
    assert "\n" not in str(fault.value)
    assert live_of(nft).admissions == ()
    with pytest.raises(NftFault):
        nft.run("rubbish")
    assert has_table(nft)


def test_news_tell_of_a_table_that_is_gone(nft: Nft) -> None:
    """A flush is told at once; an admission, which is no such thing, is not."""
    nft.run(ruleset(network_of(LAB_PLAN), LIMITS, Live()))
    news = TableNews()
    nft.run(admit_text([PHONE], ()))
    assert not news.read()
    nft.run("flush ruleset")
    assert news.read()
    assert not news.read()
    news.close()


def test_table_heals_its_copy(nft: Nft) -> None:
    """Where somebody else has changed an element of ours, the table looks again and then does what it was asked."""
    table = Table(nft, network_of(LAB_PLAN), LIMITS, monotonic=lambda: 1000.0)
    assert table.raise_() == 0
    nft.run(admit_text([Admission(PHONE.mac, PHONE.address, Mark.ALL, 50)], ()))
    table.admit([PHONE])
    assert table.mark_of(PHONE.mac, PHONE.address) is Mark.WEB
    assert [one.mark for one in live_of(nft).admissions] == [Mark.WEB]
    nft.run(admit_text([Admission(PHONE.mac, PHONE.address, Mark.ALL, 50)], [PHONE]))
    table.revoke([PHONE])
    assert live_of(nft).admissions == ()
    assert table.admissions() == []


def test_table_comes_back_from_its_copy(nft: Nft) -> None:
    """After a flush the table is raised from what this process knows, and from the kernel when it starts anew."""
    table = Table(nft, network_of(LAB_PLAN), LIMITS, monotonic=lambda: 1000.0)
    table.raise_()
    table.admit([PHONE])
    table.refuse("02:00:00:00:00:02", 60)
    nft.run("flush ruleset")
    assert not table.stands()
    assert table.raise_() == 1
    assert [one.key for one in live_of(nft).refused] == ["02:00:00:00:00:02"]
    fresh = Table(nft, network_of(LAB_PLAN), LIMITS, monotonic=lambda: 5.0)
    assert fresh.raise_() == 1
    assert fresh.is_refused("02:00:00:00:00:02")
    assert 590 <= fresh.admissions()[0].seconds <= 600


def test_gate_uses_the_library_here() -> None:
    """On this machine libnftables is found; it costs a tenth of the program."""
    assert isinstance(open_nft(), LibraryNft)


def test_ruleset_is_what_the_kernel_lists() -> None:
    """Nothing that the text says is dropped by nft: all chains, sets and the policies are listed."""
    with own_network():
        nft = open_nft()
        nft.run(ruleset(network_of(LAB_PLAN), LIMITS, Live()))
        listed = json.loads(nft.run("list table inet quietbell", as_json=True))["nftables"]
    chains = {one["chain"]["name"]: one["chain"].get("policy") for one in listed if "chain" in one}
    assert chains == {
        "who": "accept",
        "to_portal": "accept",
        "to_device": "accept",
        "from_device": "accept",
        "refuse": None,
        "outward": None,
        "homeward": None,
        "through": "drop",
    }
