"""Hostile bytes against a running desk and a running kiosk, over a real broker with a real certificate.

Whoever holds a stolen kiosk's (or desk's) certificate may publish whatever they like on its topics. Nothing that they
make up may stop a device, fill it, change a truth on its screen, or pass uncounted.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from broker_config.provision import DevicePlan
from firmware import bundle, device, envelope
from firmware.clock import Clock, Moment
from firmware.courier import Courier, Send
from firmware.identity import Recipient, SigningKey
from firmware.ledger import Ledger
from firmware.link import PAYLOAD_MAX_BYTES
from firmware.messages import NO_ID, Down, Draft, Duty, DutyState, Kind, Receipt, Stage, Story, Urgency
from firmware.sealer import sheet_payload
from firmware.settings import DeviceKind, Pins, Root, load_device
from firmware.topics import Topics
from kiosk.rehearsal import Json
from tests.support.bare_client import BareClient
from tests.support.fault_site import Device, FaultSite, press_until_stored, told
from tests.support.mutations import mutated
from tests.support.site import NOW, device_of

SEED = 20261122
ENVELOPES = 20_000
WARM_UP = 2000
GROWTH_MAX_KIB = 2048
BATCH = 500
WHILE_PRESSED = 3000
FROM_STRANGER = 1000
TO_KIOSK = 3000
# A flood is counted in the log, not written out.
LOG_MAX_BYTES = 100_000
SECONDS = 120.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultSite]:
    made = FaultSite(tmp_path, desks=2)
    try:
        yield made
    finally:
        made.end()


def add_kiosk(site: FaultSite, room: str) -> Root:
    """Another kiosk in the technician's folder; nobody has been told."""
    plan = DevicePlan(kind=DeviceKind.KIOSK, room=room, place="First floor", rehearsal=True, board=Pins.MOCK)
    technician = site.made.site
    return technician.root_of(technician.add(plan, NOW, uuid4).id)


def resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found.group(1))


def now() -> Moment:
    return Clock(floor_ms=0).now()


def real_envelopes(root: Root, folder: Path) -> list[bytes]:
    """Heartbeats and reports as this kiosk itself would seal them."""
    ledger = Ledger(folder / f"{root.path.name}.db", random_bytes=os.urandom)
    identity = device.load_kiosk(root, load_device(root))
    chance = random.Random(SEED)
    courier = Courier(
        identity, sheet=device.load_sheet(root), ledger=ledger, random=chance, random_bytes=os.urandom, now=now()
    )
    for _ in range(4):
        story = Story(route="safeguarding", room="Room 2", text=b"made up")
        courier.submit(Draft(Kind.REPORT, Urgency.NOW, False, True, b"", story), now())
    ledger.commit()
    sends = [news for _ in range(6) for news in courier.connected(now()) if isinstance(news, Send)]
    return sorted({send.payload for send in sends})


def refusals(state: Json) -> Counter[str]:
    """What the desk's own screen says of refused messages: how many for each reason, and from strangers."""
    counted: Counter[str] = Counter()
    for line in cast(list[str], state["troubles"]):
        if "messages that we refuse" in line:
            details = line.partition("(")[2]
            counted.update({reason: int(count) for reason, count in re.findall(r"([a-z-]+) (\d+)", details)})
        elif "not registered sends messages" in line:
            times = re.search(r"(\d+) times", line)
            counted["unknown-device"] += int(times.group(1)) if times else 1
    return counted


def wait_for_refusals(desk: Device, count: int) -> None:
    desk.wait_for(lambda state: sum(refusals(state).values()) >= count, f"{count} refusals", SECONDS)


def logged(log: str, message: str) -> Counter[str]:
    """How many records of one message the log accounts for, by reason."""
    counted: Counter[str] = Counter()
    for line in log.splitlines():
        found = re.search(rf": {message} .*?reason=([a-z-]+)(?: again=(\d+))?", line)
        if found:
            counted[found.group(1)] += int(found.group(2) or 1)
    return counted


@pytest.mark.requirement("T8")
def test_twenty_thousand_made_up_envelopes_change_nothing_at_a_desk(site: FaultSite, tmp_path: Path) -> None:
    """With a stolen kiosk's certificate and 20,000 mutated envelopes, and more from a device that nobody registered,
    a desk neither stops nor grows; real reports come through meanwhile; every refusal is counted on its screen and in
    its log, with the reason."""
    desk, kiosk = site.desk, site.kiosk
    stolen = add_kiosk(site, "Room 2")
    desk.carry()
    # The broker's list has this one, the desk's register has not.
    stranger = add_kiosk(site, "Room 3")
    site.start_broker()
    for unit in (desk, kiosk):
        unit.start()
        unit.wait_until_connected()
    topics = Topics(site.made.id)
    bases = real_envelopes(stolen, tmp_path)
    hostile = mutated(random.Random(SEED), bases, [site.made.id, device_of(stolen)])
    expected = 0
    with BareClient(stolen, site.made.port) as thief:
        topic = topics.up(device_of(stolen))
        warm_kib = 0
        while expected < ENVELOPES:
            batch = [payload for _, payload in islice(hostile, BATCH)]
            assert max(map(len, batch)) <= PAYLOAD_MAX_BYTES
            thief.sent([thief.send(topic, payload) for payload in batch])
            expected += len(batch)
            wait_for_refusals(desk, expected)
            if expected == WARM_UP:
                warm_kib = resident_kib(desk.pid)
        grown = resident_kib(desk.pid) - warm_kib
        # And while it rains, a learner is heard.
        batch = [payload for _, payload in islice(hostile, WHILE_PRESSED)]
        under_way = [thief.send(topic, payload) for payload in batch]
        expected += len(batch)
        press_until_stored(kiosk, desk)
        thief.sent(under_way)
        wait_for_refusals(desk, expected)
        # Real ones and their replays are answered, not refused.
        thief.sent([thief.send(topic, replay) for replay in bases * 20])
    with BareClient(stranger, site.made.port) as unknown:
        own = real_envelopes(stranger, tmp_path)
        payloads = [*own, *bases, *(payload for _, payload in islice(hostile, FROM_STRANGER))]
        unknown.sent([unknown.send(topics.up(device_of(stranger)), payload) for payload in payloads])
        expected += len(payloads)
        wait_for_refusals(desk, expected)
    said = refusals(desk.unit.state())
    assert grown <= GROWTH_MAX_KIB
    assert sum(said.values()) == expected, said
    assert {"wrong-size", "malformed", "bad-signature", "wrong-address"} <= said.keys()
    assert said["unknown-device"] == len(payloads)
    press_until_stored(kiosk, desk)
    desk.stop()
    assert sum(logged(desk.log_file.read_text(), "refused").values()) == expected
    assert desk.log_file.stat().st_size < LOG_MAX_BYTES
    assert "Traceback" not in desk.log_file.read_text()


@pytest.mark.requirement("T8")
def test_made_up_words_of_a_desk_change_nothing_at_a_kiosk(site: FaultSite) -> None:
    """With a stolen desk's certificate somebody may publish to every kiosk. Mutated answers and sheets, receipts that
    a stranger signed, and an "answered" without a reader's signature leave every truth as it was and are logged;
    afterwards the real desk is believed as before."""
    desk, kiosk, stolen = site.desk, site.kiosk, site.desks[1]
    site.start_broker()
    for unit in (desk, kiosk):
        unit.start()
        unit.wait_until_connected()
    topics = Topics(site.made.id)
    with BareClient(stolen.root, site.made.port) as thief:
        thief.listen(topics.up_filter())
        report = press_until_stored(kiosk, desk)
        before = told(kiosk.wait_for(lambda state: "displayed" in (told(state) or report).stages, "displayed"))
        assert before is not None
        seen = next(up for up in map(envelope.parse_up, thief.heard()) if up.header.id.hex() == report.id)
        chance, ids = random.Random(SEED), [site.made.id, kiosk.id, desk.id]
        honest = [down_of(site, desk, desk, seen, stage) for stage in (Stage.NOTICED, Stage.CLOSED, Stage.REFUSED)]
        words = [payload for _, payload in islice(mutated(chance, honest, ids), TO_KIOSK)]
        words += [down_of(site, desk, None, seen, stage) for stage in Stage]
        words += [down_of(site, stolen, stolen, seen, stage) for stage in (Stage.ACKNOWLEDGED, Stage.CLOSED)]
        sheet = sheet_payload(
            *((desk.root.public / name).read_bytes() for name in (bundle.DESK_SHEET, bundle.ROUTE_SHEET))
        )
        sheets = [payload for _, payload in islice(mutated(chance, [sheet], ids), TO_KIOSK // 3)]
        thief.sent([thief.send(topics.down(kiosk.id), payload) for payload in words])
        thief.sent([thief.send(topics.sheet(), payload, retain=True) for payload in sheets])
        assert told(kiosk.unit.state()) == before
        # One broker hands one client its messages in order: when this has come, the others have been judged.
        desk.unit.tap()
        state = kiosk.wait_for(lambda state: "noticed" in (told(state) or report).stages, "noticed")
    after = told(state)
    assert after is not None
    assert after.stages == before.stages | {"noticed"}
    kiosk.stop()
    assert sum(logged(kiosk.log_file.read_text(), "not-believed").values()) == len(words) + len(sheets)
    assert kiosk.log_file.stat().st_size < LOG_MAX_BYTES
    assert "Traceback" not in kiosk.log_file.read_text()


def down_of(
    site: FaultSite, claimed: Device, signed_by: Device | None, seen: envelope.UpEnvelope, stage: Stage
) -> bytes:
    """A desk's answer with a receipt that would change what the kiosk shows, signed by a desk or by a stranger."""
    reader = site.made.parts.register.readers[0].id
    proved = stage in (Stage.ACKNOWLEDGED, Stage.CLOSED)
    receipt = Receipt(
        stage,
        seen.header.id,
        seen.digest,
        1000,
        now().wall_ms,
        0,
        reader if proved else NO_ID,
        bytes(64 if proved else 0),
    )
    duty = Duty(DutyState.ON, "")
    down = Down(os.urandom(16), now().wall_ms, duty, 1, 1, 1000, (receipt,))
    signer = SigningKey.generate()
    if signed_by is not None:
        signer = device.load_desk(signed_by.root, load_device(signed_by.root)).signing
    kiosk = device.load_kiosk(site.kiosk.root, load_device(site.kiosk.root))
    header = envelope.DirectHeader(site.made.id, claimed.id, site.kiosk.id, os.urandom(16))
    return envelope.seal_down(down, header, signer, Recipient(kiosk.kem.public))
