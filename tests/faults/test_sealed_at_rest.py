"""Broker, kiosk and desk are carried away after a whole journey: no word of the report, and no key that opens it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from firmware import envelope
from firmware.identity import KemKey
from firmware.ledger import Ledger
from firmware.reader_parts import open_routes
from tests.support.burglary import (
    changed_since,
    decrypts_a_story,
    digests_below,
    kem_keys_in,
    opens_a_story,
    words_in,
)
from tests.support.fault_site import Device, FaultSite, open_talk, saved, told
from tests.support.talk_touches import go_on_to, send_words, type_words
from tests.support.wire_tap import WireTap, tapped

pytestmark = pytest.mark.faults

CATEGORY = "grooming"
CATEGORY_WORDS = "Someone wins my trust and uses me"
NAME = "wibbledorf"
WORDS = ("quomfrizzle", "vexdrumble")
READER = "Lee Lead"


def make_a_report(site: FaultSite, tap: WireTap) -> None:
    """No danger, no adult here, a category; then name and words; everything arrives."""
    kiosk = site.kiosk
    open_talk(kiosk)
    for option in ("no", "no", CATEGORY, "send"):
        kiosk.unit.touch(f"option-{option}")
    report = saved(kiosk)
    kiosk.unit.touch("option-add-more")
    go_on_to(kiosk, "name")
    type_words(kiosk, NAME)
    send_words(kiosk, "name")
    go_on_to(kiosk, "words")
    type_words(kiosk, " ".join(WORDS))
    send_words(kiosk, "words")
    kiosk.wait_for(lambda state: "stored" in (told(state) or report).stages, "arrived")
    while sum(not heard.is_heartbeat for heard in tap.heard) < 3:
        tap.next()
    site.desk.wait_for(
        lambda state: sum(len(line["reports"]) for line in cast(Sequence[dict[str, list[str]]], state["lines"])) >= 3,
        "report and additions at the desk",
    )


def read_and_lock(site: FaultSite) -> None:
    """A reader signs in, reads, answers and goes; the desk has had the story in its hands."""
    desk = site.desk.unit
    desk.tap()
    desk.touch("unlock")
    desk.touch(f"reader:{site.made.reader(READER).id.hex()}")
    desk.type(site.made.passphrases[READER])
    desk.enter()
    desk.touch("skip-pin")
    desk.touch("story")
    site.desk.wait_for(lambda state: NAME in "\n".join(cast(Sequence[str], state["texts"])), "the story")
    desk.touch("going")
    desk.touch("home")
    desk.touch("lock")


def stories(device: Device) -> list[envelope.UpEnvelope]:
    """What the thief finds in a store, with the erase keys that lie beside it."""
    with Ledger(device.store_file, random_bytes=os.urandom) as ledger:
        bodies = [ledger.body(entry) for entry in ledger.of_kind("report")]
    return [envelope.parse_up(body) for body in bodies if body is not None]


@pytest.mark.requirement("D3")
def test_disks_and_traffic_give_nobody_a_word(tmp_path: Path) -> None:
    """Broker's, kiosk's and desk's disks and the recorded traffic hold no word or category, and no key to them."""
    site = FaultSite(tmp_path, desks=2)
    try:
        site.start_broker()
        for device in (site.desk, site.kiosk):
            device.start()
            device.wait_until_connected()
        stolen = [site.broker_folder, site.kiosk.root.path, site.desk.root.path]
        before = digests_below(stolen)
        with tapped(site, site.desks[1]) as tap:
            make_a_report(site, tap)
            read_and_lock(site)
            traffic = [heard.payload for heard in tap.heard]
    finally:
        site.end()
    loot = {str(file): file.read_bytes() for file in changed_since(before, stolen)}
    loot |= {f"traffic {number}": payload for number, payload in enumerate(traffic)}
    assert any(name.endswith("desk.db-wal") for name in loot)
    found = {name: words_in(content, [CATEGORY, CATEGORY_WORDS, NAME, *WORDS]) for name, content in loot.items()}
    assert not {name: words for name, words in found.items() if words}
    _no_key_opens(site, stolen)


def _no_key_opens(site: FaultSite, stolen: Sequence[Path]) -> None:
    sealed = [*stories(site.kiosk), *stories(site.desk)]
    assert len(sealed) >= 6
    small = [file.read_bytes() for folder in stolen for file in folder.rglob("*") if _may_hold_a_key(file)]
    keys = list(kem_keys_in(small))
    held = {(device.root.secret / "kem.key").read_bytes() for device in (site.kiosk, site.desk)}
    assert held <= {key.to_bytes() for key in keys}, "the search itself must find the keys that are there"
    assert not any(opens_a_story(up, key) for up in sealed[:1] for key in keys)
    certain = [KemKey.from_bytes(seed) for seed in (*held, (site.desk.root.secret / "desk_kem.key").read_bytes())]
    assert not any(opens_a_story(up, key) for up in sealed for key in certain)
    assert not any(decrypts_a_story(up, small) for up in sealed[:1])
    # The reader's own key, which only a passphrase gives out, does open them.
    routes = open_routes(site.made.parts.register, site.made.reader(READER))
    assert all(any(opens_a_story(up, key) for key in routes.values()) for up in sealed)


def _may_hold_a_key(file: Path) -> bool:
    """Keys, documents and logs; the stores are searched by what they hold, and pictures of the code are not ours."""
    return file.is_file() and ".db" not in file.name and file.stat().st_size < 200_000
