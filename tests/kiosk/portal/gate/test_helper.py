"""What the gate decides by itself, over a table that is only memory: caps, names, and what a device gets beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from firmware.errors import Refused, TechnicianError
from firmware.local_link import Peer
from kiosk.netlab import BOX
from kiosk.portal.gate.day_key import DayKey
from kiosk.portal.gate.elements import Address, Admission, Mark
from kiosk.portal.gate.helper import ADDRESSES6_MAX, DEVICES_MAX, SCAN_EVERY_SECONDS, SECONDS_MAX, Clocks, GateHelper
from kiosk.portal.gate.line import (
    SCAN_MAX_BYTES,
    Admit,
    Answer,
    Clients,
    Done,
    Failed,
    Heard,
    Known,
    Page,
    Question,
    Refuse,
    Revoke,
    Scan,
    Who,
    write,
)
from kiosk.portal.gate.neighbours import Neighbour, Neighbours
from kiosk.portal.gate.nft import NftFault
from kiosk.portal.gate.ruleset import Limits
from kiosk.portal.gate.table import Table
from tests.support.portal_root import LAB_PLAN, network_of

NETWORK = network_of(replace(LAB_PLAN, address4="10.77.0.1/20", address6=BOX.address6))
ASKER = Peer(1, 2, 3)
FOUR, SIX = ip_address("10.77.0.20"), ip_address("2001:db8:77::20")
MAC, OTHER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


class Silent:
    """An nft that does everything and lists nothing; `fails` makes it refuse."""

    def __init__(self) -> None:
        self.fails = False

    def run(self, text: str, *, as_json: bool = False) -> str:
        if self.fails:
            raise NftFault("nft: no")
        return '{"nftables": []}' if as_json else ""


class ByHand(Neighbours):
    """Neighbours by hand."""

    def __init__(self) -> None:
        super().__init__("nowhere")
        self.heard: dict[Address, str] = {}

    def mac_of(self, address: Address) -> str | None:
        return self.heard.get(address)

    def all(self, *, only6: bool = False) -> list[Neighbour]:
        return [Neighbour(address, mac) for address, mac in self.heard.items() if not only6 or address.version == 6]


class Gate:
    """A helper with everything around it in memory. Noon in January; `now` is seconds since."""

    def __init__(self, folder: Path, accesses: Sequence[str] = ("web", "all")) -> None:
        self.now = 0.0
        self.scans: list[str] = []
        self.nft, self.neighbours = Silent(), ByHand()
        self.table = Table(self.nft, NETWORK, Limits(8000, (), ()), monotonic=lambda: self.now)
        noon = 1_799_841_600.0
        self.helper = GateHelper(
            network=NETWORK,
            accesses=accesses,
            table=self.table,
            neighbours=self.neighbours,
            day_key=DayKey(folder, ZoneInfo("Europe/London"), random_bytes=lambda count: b"k" * count),
            scan=self._scan,
            clocks=Clocks(lambda: self.now, lambda: noon + self.now),
        )

    def _scan(self) -> str:
        self.scans.append("é" * SCAN_MAX_BYTES)
        return self.scans[-1]

    def ask(self, question: Question) -> Answer:
        answer: Answer = msgspec.msgpack.decode(self.helper.answer(ASKER, write(question)), type=Answer)
        return answer

    def name(self, question: Question) -> bytes | None:
        answer = self.ask(question)
        assert isinstance(answer, Known)
        return answer.pseudonym

    def admit(self, address: Address, seconds: int = 600, access: str = "web") -> bytes | None:
        return self.name(Admit(str(address), seconds, access))

    def clients(self) -> dict[Address, tuple[int | None, str]]:
        page = self.ask(Clients())
        assert isinstance(page, Page)
        return {ip_address(one.address): (one.seconds_left, one.access) for one in page.seen}


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    made = Gate(tmp_path)
    made.neighbours.heard = {FOUR: MAC, SIX: MAC}
    return made


def test_who_is_whom_the_kernel_has_heard(gate: Gate) -> None:
    """A client has a pseudonym; an address outside, the box's own and one that was never heard have none."""
    assert gate.name(Who(str(FOUR))) is not None
    assert gate.name(Who(f"::ffff:{FOUR}")) == gate.name(Who(str(FOUR)))
    for text in ("10.77.0.1", "10.77.0.21", "10.66.0.1", "fe80::1", "2001:db8:77::1", "::"):
        gate.neighbours.heard[ip_address("10.66.0.1")] = OTHER_MAC
        assert gate.name(Who(text)) is None, text
    for text in ("", "phone", "10.77.0.20/32", "10.77.0.20; flush ruleset"):
        with pytest.raises(Refused, match="malformed"):
            gate.ask(Who(text))


def test_admission_is_capped_by_twelve_hours_and_by_the_day(gate: Gate) -> None:
    """However long is asked for, twelve hours are the most, and four in the morning is the end."""
    assert gate.admit(FOUR, 10**9)
    assert gate.clients()[FOUR] == (SECONDS_MAX, "web")
    gate.now = 15 * 3600.0
    assert gate.admit(FOUR, 10**9)
    assert gate.clients()[FOUR] == (3600, "web")


@pytest.mark.parametrize(("seconds", "access"), [(0, "web"), (-5, "web"), (60, "root"), (60, ""), (60, "Web")])
def test_admission_that_makes_no_sense_is_refused(gate: Gate, seconds: int, access: str) -> None:
    """No time, or a kind of access that nobody has: nothing happens."""
    assert gate.admit(FOUR, seconds, access) is None
    assert gate.table.admissions() == []


def test_access_that_no_audience_has_is_refused(tmp_path: Path) -> None:
    """Where the signed rules give nobody "all", the gate does not either."""
    gate = Gate(tmp_path, accesses=("web",))
    gate.neighbours.heard = {FOUR: MAC}
    assert gate.admit(FOUR, 60, "all") is None
    assert gate.admit(FOUR, 60, "web") is not None


def test_table_has_room_for_so_many(gate: Gate) -> None:
    """The 1,025th pair is refused; renewing one of the others is not, and when one is over there is room again."""
    first = ip_address("10.77.1.0")
    for at in range(DEVICES_MAX + 1):
        gate.neighbours.heard[first + at] = f"02:00:00:01:{at >> 8:02x}:{at & 255:02x}"
    assert all(gate.admit(first + at, 600 + at) for at in range(DEVICES_MAX - 1))
    assert gate.admit(FOUR, 100)
    assert gate.admit(first + DEVICES_MAX) is None
    assert gate.admit(first, 700)
    gate.now = 200.0
    gate.helper.tick()
    assert gate.admit(first + DEVICES_MAX) is not None


def test_device_gets_its_ipv6_beside(gate: Gate) -> None:
    """Whoever is admitted by IPv4 is by IPv6 too, for the same time and access, at most eight addresses, also those
    that are heard later; another device's are not."""
    gate.admit(FOUR, 600, "all")
    by_address = {one.address: one for one in gate.table.admissions()}
    assert by_address[SIX] == Admission(MAC, SIX, Mark.ALL, 600)
    gate.now = 100.0
    gate.helper.learn([Neighbour(SIX + at, MAC) for at in range(1, 20)])
    gate.helper.learn([Neighbour(SIX + 100, OTHER_MAC), Neighbour(ip_address("fe80::5"), MAC)])
    by_address = {one.address: one for one in gate.table.admissions()}
    assert len([address for address in by_address if address.version == 6]) == ADDRESSES6_MAX
    assert by_address[SIX + 1].seconds == 500
    assert SIX + 100 not in by_address


def test_ipv4_beside_is_never_given(gate: Gate) -> None:
    """A device's other IPv4 address must accept for itself: whoever took its MAC would pass with it."""
    gate.neighbours.heard[FOUR + 1] = MAC
    gate.admit(FOUR)
    gate.helper.learn([Neighbour(FOUR + 1, MAC)])
    assert FOUR + 1 not in {one.address for one in gate.table.admissions()}
    assert gate.name(Who(str(FOUR + 1))) != gate.name(Who(str(FOUR)))


def test_device_has_one_name_in_both_families(gate: Gate) -> None:
    """Once admitted, a device is one client for the portal, by whichever address it comes; without admission it has a
    name for each."""
    assert gate.name(Who(str(SIX))) != gate.name(Who(str(FOUR)))
    name = gate.admit(FOUR)
    assert gate.name(Who(str(SIX))) == gate.name(Who(str(FOUR))) == name
    assert list(gate.clients()) == [FOUR]


def test_revoked_by_name(gate: Gate) -> None:
    """A name ends everything that the device had; a name of nobody ends nothing."""
    gate.neighbours.heard[FOUR + 5] = OTHER_MAC
    name, _ = gate.admit(FOUR), gate.admit(FOUR + 5)
    assert name is not None
    assert gate.ask(Revoke(b"x" * 16)) == Done()
    assert len(gate.table.admissions()) == 3
    gate.ask(Revoke(name))
    assert [one.address for one in gate.table.admissions()] == [FOUR + 5]


def test_refused_till_the_day_is_over(gate: Gate) -> None:
    """A refused device loses what it has and gets nothing any more by any address, till twelve hours or the day end."""
    gate.admit(FOUR)
    gate.ask(Refuse(str(SIX)))
    gate.ask(Refuse("10.77.0.99"))
    assert gate.table.admissions() == []
    assert gate.admit(FOUR) is None
    assert gate.admit(SIX) is None
    gate.now = SECONDS_MAX + 1.0
    gate.helper.tick()
    assert gate.admit(FOUR) is not None


def test_time_runs_out(gate: Gate) -> None:
    """An admission counts down and is over when the kernel has forgotten it."""
    gate.admit(FOUR, 60)
    gate.now = 59.5
    assert gate.clients()[FOUR] == (None, "")
    gate.now = 60.0
    gate.helper.tick()
    assert gate.table.mark_of(MAC, FOUR) is None


def test_fault_is_told_and_nothing_is_believed(gate: Gate) -> None:
    """Where nftables refuses, the portal hears why, and the gate does not take anybody for admitted."""
    gate.nft.fails = True
    assert gate.ask(Admit(str(FOUR), 60, "web")) == Failed("nft: no")
    gate.nft.fails = False
    assert gate.clients()[FOUR] == (None, "")
    gate.nft.fails = True
    with pytest.raises(TechnicianError):
        gate.helper.tick()


def test_scan_is_rare_and_bounded(gate: Gate) -> None:
    """However often the portal asks, the radio scans once a minute, and the answer fits into a frame."""
    first = gate.ask(Scan())
    assert isinstance(first, Heard)
    assert len(first.scan.encode()) <= SCAN_MAX_BYTES
    for _ in range(5):
        gate.ask(Scan())
    assert len(gate.scans) == 1
    gate.now = SCAN_EVERY_SECONDS
    gate.ask(Scan())
    assert len(gate.scans) == 2
