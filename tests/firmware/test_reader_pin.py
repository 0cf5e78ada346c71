"""The readers whom a desk has believed: only two of them can name others, whatever stands in the bundle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import Refused, StoreBroken
from firmware.identity import KemKey, ReaderEntry, SigningKey
from firmware.ledger import Ledger
from firmware.reader_parts import Person, Role, SignedParts, found_register, join, read_reader_parts
from firmware.reader_pin import believe, believed
from firmware.readers import ReaderKeys

SITE = bytes(range(16))
RECOVERY = KemKey.generate().public


def person(name: str, role: Role) -> Person:
    keys = ReaderKeys(os.urandom(16), SigningKey.generate(), KemKey.generate())
    return Person(ReaderEntry(keys.id, name, role, keys.signing.public, keys.kem.public), keys)


def founders() -> list[Person]:
    return [person("Hanna Head", Role.HEAD), person("Lee Lead", Role.LEAD)]


def joined(first: SignedParts, people: list[Person]) -> SignedParts:
    held = read_reader_parts(first.register, first.sheet, site=SITE, held=None)
    return join(held, person("Dee Deputy", Role.DEPUTY).entry, [each.keys for each in people])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "desk.db", random_bytes=os.urandom) as opened:
        yield opened


def test_the_first_readers_are_kept(ledger: Ledger) -> None:
    """What is believed first stands in the ledger, durable after the commit."""
    first = found_register(SITE, RECOVERY, founders())
    assert believed(ledger, site=SITE) is None
    believe(ledger, first, site=SITE)
    ledger.commit()
    assert believed(ledger, site=SITE) == first


def test_a_version_that_two_of_them_signed_takes_their_place(ledger: Ledger) -> None:
    """A reader who joins by the ceremony is believed, and the newer pair is the one that is kept."""
    people = founders()
    first = found_register(SITE, RECOVERY, people)
    believe(ledger, first, site=SITE)
    newer = joined(first, people)
    assert believe(ledger, newer, site=SITE).register.version == 2
    assert believed(ledger, site=SITE) == newer


@pytest.mark.parametrize("newer", [False, True])
def test_readers_of_somebody_elses_making_are_refused(ledger: Ledger, newer: bool) -> None:
    """A pair in good order by people whom this desk does not know changes nothing, newer or not."""
    first = found_register(SITE, RECOVERY, founders())
    believe(ledger, first, site=SITE)
    others = founders()
    forged = found_register(SITE, RECOVERY, others)
    with pytest.raises(Refused):
        believe(ledger, joined(forged, others) if newer else forged, site=SITE)
    assert believed(ledger, site=SITE) == first


def test_an_older_version_is_refused(ledger: Ledger) -> None:
    """A leaver who puts back the documents of an earlier day is no reader again."""
    people = founders()
    first = found_register(SITE, RECOVERY, people)
    newer = joined(first, people)
    believe(ledger, newer, site=SITE)
    with pytest.raises(Refused, match="old-version"):
        believe(ledger, first, site=SITE)
    assert believed(ledger, site=SITE) == newer


def test_a_note_that_was_changed_is_no_reason_to_believe_anybody(ledger: Ledger) -> None:
    """Damage in the ledger does not bring back trust at first sight."""
    ledger.set_note("readers believed", b"\x92\xc4\x00\xc4\x00")
    with pytest.raises(StoreBroken):
        believe(ledger, found_register(SITE, RECOVERY, founders()), site=SITE)
