"""What is on the disk after a day with four hundred devices, and what is left of it when the profile's time is over.

Every byte of every file is looked at: the unit's whole folder and what each process wrote to its log. In the run
folder, which is memory on a device, only dnsmasq's leases name devices, as they must.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from kiosk.portal.register import Register
from tests.support.many_devices import address_of, agent_of, mac_of
from tests.support.personas.apple import Apple
from tests.support.personas.asking import Handset
from tests.support.portal_box import PORTAL, PortalBox, portal_box, rules_text, until
from tests.support.root import needs_root

PROGRAM = Path(__file__).parents[1] / "support" / "many_devices.py"
DEVICES = 400
HOUR_MS = 3_600_000
HOSTNAME = "Annas-own-telephone"
# On a device that is memory: gone with the power.
MEMORY = frozenset({"dnsmasq.leases"})
REGISTER = ("acceptances.json", "acceptances.json.previous")

pytestmark = needs_root


@dataclass(frozen=True)
class Day:
    box: PortalBox
    needles: Mapping[str, bytes]
    bundle_before: str
    on_line: int


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    """Kept for one hour; everybody has come, accepted and gone, and both processes have ended."""
    with portal_box(rules=rules_text(always=True, keep_hours="1")) as box:
        before = digest_of(box.root.path / "bundle")
        box.start()
        crowd = box.lab.phone(1)
        done = crowd.run([sys.executable, str(PROGRAM), "setup", str(DEVICES)], seconds=60)
        assert done.ok, done.errors
        done = crowd.run([sys.executable, str(PROGRAM), "accept", str(DEVICES), box.address], seconds=180)
        assert done.ok, done.errors
        needles = {f"device {n}": each for number in range(1, DEVICES + 1) for n, each in _traces(number)}
        needles |= _real_phone(box)
        for name in ("portal", "gate"):
            assert box.end(name, "term") == 0
        yield Day(box, needles, before, int(done.output))


def _traces(number: int) -> Iterator[tuple[str, bytes]]:
    mac, address = mac_of(number), address_of(number)
    yield f"{number}'s agent", agent_of(number).encode()
    yield from _network_traces(str(number), mac, address)


def _network_traces(who: str, mac: str, address: str) -> Iterator[tuple[str, bytes]]:
    raw, packed = bytes.fromhex(mac.replace(":", "")), ip_address(address).packed
    texts = {mac, mac.upper(), mac.replace(":", "-"), mac.replace(":", ""), mac.replace(":", "").upper()}
    for at, text in enumerate(sorted(texts)):
        yield f"{who}'s MAC {at}", text.encode()
    yield f"{who}'s raw MAC", raw
    # "10.77.2.1" stands in "10.77.2.10" too: the end must be an end
    yield f"{who}'s address", address.encode()
    yield f"{who}'s raw address", packed
    yield f"{who}'s address in hexadecimal", packed.hex().encode()


def _real_phone(box: PortalBox) -> dict[str, bytes]:
    """One phone with a lease by DHCP, which told its name."""
    phone = box.lab.phone(2)
    lease = phone.dhcp()
    done = phone.run(["udhcpc", "-f", "-n", "-q", "-i", "wlan0", "-s", "/bin/true", "-x", f"hostname:{HOSTNAME}"])
    assert done.ok, done.errors
    Apple("iOS").sign_in(Handset(phone, box.lab.authority))
    own = dict(_network_traces("the phone", phone.mac, lease.address))
    return {**own, "the phone's name": HOSTNAME.encode(), "the phone's agent": Apple.agent.encode()}


def digest_of(folder: Path) -> str:
    """Of every file's name, mode and content."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        total.update(f"{path.relative_to(folder)} {path.stat().st_mode}".encode())
        total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()


def files_of(box: PortalBox) -> Iterator[Path]:
    for folder in (box.root.store, box.root.run, box.logs, box.rendered):
        yield from (path for path in folder.rglob("*") if path.is_file())


def found_in(path: Path, needles: Mapping[str, bytes]) -> list[str]:
    content = path.read_bytes()
    return [what for what, needle in needles.items() if _stands(needle, content)]


def _stands(needle: bytes, content: bytes) -> bool:
    if needle not in content:
        return False
    digits = re.compile(rb"(?<![0-9.])" + re.escape(needle) + rb"(?![0-9])")
    return digits.search(content) is not None if needle[:1].isdigit() and b"." in needle else True


def lines_of(path: Path) -> list[str]:
    """What the one record of a kept file holds."""
    (record,) = json.loads(path.read_bytes())["_default"].values()
    assert set(record) == {"format", "lines"}
    return [str(line) for line in record["lines"]]


@pytest.mark.requirement("B1")
def test_everybody_came_in(day: Day) -> None:
    """All four hundred were told that they are on-line, and the register has them."""
    assert day.on_line == DEVICES
    assert len(lines_of(day.box.store / REGISTER[0])) == DEVICES + 1


@pytest.mark.requirement("D1")
def test_no_byte_on_the_disk_names_a_device(day: Day) -> None:
    """No MAC, address, user agent or device's name, as text in any writing or as raw bytes, in store, run folder, logs
    and rendered files; the bundle is, byte for byte, what it was before."""
    found = {path.name: names for path in files_of(day.box) if (names := found_in(path, day.needles))}
    assert set(found) <= MEMORY, found
    leases = " ".join(found["dnsmasq.leases"])
    assert "agent" not in leases
    assert "name" not in leases
    assert digest_of(day.box.root.path / "bundle") == day.bundle_before


@pytest.mark.requirement("D1")
def test_the_search_would_have_found_it(day: Day, tmp_path: Path) -> None:
    """Each needle is found where it stands, and an address is not mistaken for a longer one."""
    for what, needle in day.needles.items():
        file = tmp_path / "planted"
        file.write_bytes(b"before " + needle + b" after")
        assert what in found_in(file, {what: needle})
    file.write_bytes(b"seconds 10.77.2.199\n")
    assert not found_in(file, {"another": b"10.77.2.19"})


@pytest.mark.requirement("D1")
def test_an_acceptance_is_a_pseudonym_a_hash_and_times(day: Day) -> None:
    """Each line of the register: sixteen bytes that only the day's key in memory ties to anybody, the text's hash (here
    all accepted the same), and when; no two devices share a pseudonym."""
    lines = [line.split(" ") for line in lines_of(day.box.store / REGISTER[0])]
    assert all(re.fullmatch(r"[0-9a-f]{32} [0-9a-f]{64}( \d{1,13}){3}", " ".join(line)) for line in lines)
    assert len({line[0] for line in lines}) == DEVICES + 1
    assert len({line[1] for line in lines}) == 1


@pytest.mark.requirement("D1")
def test_the_survey_keeps_counts_and_nobody(day: Day) -> None:
    """Forty people answered: what is kept are numbers by term, audience and answer."""
    text = (day.box.store / "pulse.json").read_text(encoding="utf-8")
    pseudonyms = {line.split(" ")[0] for line in lines_of(day.box.store / REGISTER[0])}
    assert pseudonyms
    assert not any(pseudonym in text for pseudonym in pseudonyms)
    assert "learner" in text


@pytest.mark.requirement("D2")
def test_after_the_profiles_hours_nothing_is_left(day: Day) -> None:
    """Kept for one hour after it was over: half an hour after their end the acceptances are there, at the next start an
    hour and a half after it they are gone from both generations, and from whatever a writer may have left beside."""
    box = day.box
    names = [line.split(" ")[0].encode() for line in lines_of(box.store / REGISTER[0])]
    turn_back(box, 1.5)
    run_portal_once(box)
    assert len(lines_of(box.store / REGISTER[0])) == len(names)
    turn_back(box, 1.0)
    assert everything_kept(box).count(names[0]) == 2
    run_portal_once(box, lambda: not any(name in everything_kept(box) for name in names))
    assert {path.name for path in box.store.iterdir()} >= set(REGISTER)


def turn_back(box: PortalBox, hours: float) -> None:
    """Everything in the register was so much longer ago; the files stay the portal's own."""
    Register(box.store / REGISTER[0]).put_back(int(hours * HOUR_MS))
    for path in box.store.iterdir():
        os.chown(path, PORTAL.uid, PORTAL.uid)


def everything_kept(box: PortalBox) -> bytes:
    return b"".join(path.read_bytes() for path in box.store.rglob("*") if path.is_file())


def run_portal_once(box: PortalBox, forgotten: Callable[[], bool] = lambda: True) -> None:
    """Start the real process, which forgets when it comes up, and end it."""
    box.begin_portal()
    box.wait_for_portal()
    until(forgotten, "the portal forgets")
    assert box.end("portal", "term") == 0
