"""The sealer: always the newest sheet that those who may have signed, and blanks made before the press."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from firmware import envelope
from firmware.errors import Refused, StoreFull
from firmware.identity import (
    DeskSheet,
    KemKey,
    RouteEntry,
    RouteSheet,
    SealSheet,
    SheetReader,
    SigningKey,
    sign_part,
)
from firmware.ledger import Ledger
from firmware.messages import Alert, ClockQuality, Kind, Life, Story, Urgency
from firmware.sealer import BLANKS_READY, KioskIdentity, Sealer, kept_routes, sheet_payload

SITE = b"s" * 16
ISSUER, HEAD, LEAD, DEPUTY, NEWCOMER = (SigningKey.generate() for _ in range(5))
DESK_KEY, ROUTE, RECOVERY = (KemKey.generate() for _ in range(3))
ME = KioskIdentity(SITE, b"k" * 16, 1, "Room", ISSUER.public, SigningKey.generate(), KemKey.generate())


def desks(version: int = 1, *, site: bytes = SITE, key: bytes = DESK_KEY.public) -> DeskSheet:
    return DeskSheet(version, site, 1, key, ())


def routes(version: int = 1, readers: tuple[SigningKey, ...] = (HEAD, LEAD), *, site: bytes = SITE) -> RouteSheet:
    people = tuple(SheetReader(bytes([i]) * 16, key.public, ()) for i, key in enumerate(readers))
    return RouteSheet(version, site, 1, (RouteEntry("safeguarding", ROUTE.public),), RECOVERY.public, people)


def payload(
    desk_part: DeskSheet, route_part: RouteSheet, *, issuer: SigningKey = ISSUER, readers: tuple[SigningKey, ...]
) -> bytes:
    return sheet_payload(sign_part(desk_part, [issuer]), sign_part(route_part, readers))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "kiosk.db", random_bytes=os.urandom) as opened:
        yield opened


def opened(ledger: Ledger, bundled: SealSheet | None = None) -> Sealer:
    sheet = bundled or SealSheet(desks(), routes())
    return Sealer(ME, sheet=sheet, ledger=ledger, random_bytes=os.urandom)


def filled(blank: envelope.Blank) -> envelope.UpEnvelope:
    alert = Alert(
        Kind.REPORT, Urgency.NOW, False, "", "en", b"", Life(1, 1, 1), 1, ClockQuality.SYNCED, 1, b"", (), 1, 1
    )
    return envelope.parse_up(envelope.fill(blank, alert, Story(route="r", room="R"), ME.signing))


def test_a_newer_sheet_is_taken_up_and_the_same_is_not_news(ledger: Ledger) -> None:
    """Both parts newer, or one: taken up. The one we have: None."""
    sealer = opened(ledger)
    newer = payload(desks(2), routes(1), readers=(HEAD, LEAD))
    adopted = sealer.adopt(newer)
    assert adopted is not None
    assert sealer.sheet.desks.version == 2
    assert sealer.adopt(newer) is None


@pytest.mark.requirement("T7")
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (payload(desks(3), routes(3), issuer=HEAD, readers=(HEAD, LEAD)), "not-signed"),
        (payload(desks(3), routes(3), readers=(ISSUER, HEAD)), "not-signed"),
        (payload(desks(3), routes(3), readers=(LEAD, LEAD)), "not-signed"),
        (payload(desks(3), routes(3, (DEPUTY, NEWCOMER)), readers=(DEPUTY, NEWCOMER)), "not-signed"),
        (payload(desks(1), routes(3), readers=(HEAD, LEAD)), "old-version"),
        (payload(desks(3), routes(1), readers=(HEAD, LEAD)), "old-version"),
        (payload(desks(3, site=b"x" * 16), routes(3), readers=(HEAD, LEAD)), "wrong-address"),
        (payload(desks(3), routes(3, site=b"x" * 16), readers=(HEAD, LEAD)), "wrong-address"),
        (payload(desks(3, key=bytes([255]) * 1216), routes(3), readers=(HEAD, LEAD)), "bad-key"),
        (b"", "malformed"),
        (b"\x92\xc4\x00\xc4\x00", "malformed"),
    ],
)
def test_a_sheet_that_is_not_right_changes_nothing(ledger: Ledger, bad: bytes, reason: str) -> None:
    """Forged, one-handed, older, another site's or broken: refused, the old sheet stays, and still seals."""
    held = SealSheet(desks(2), routes(2))
    sealer = opened(ledger, held)
    with pytest.raises(Refused, match=reason):
        sealer.adopt(bad)
    assert sealer.sheet == held
    assert envelope.open_story(filled(sealer.blank("safeguarding")), [ROUTE]).room == "R"
    ledger.commit()
    assert opened(ledger, held).sheet == held


def test_the_readers_may_change_hands_and_the_kiosk_follows_over_a_restart(ledger: Ledger) -> None:
    """Each sheet is signed by two readers of the one before. After a restart the bundle's readers may all have left:
    the kiosk still holds the newest, not the bundle's, and takes the next."""
    sealer = opened(ledger)
    sealer.adopt(payload(desks(1), routes(2, (HEAD, LEAD, DEPUTY, NEWCOMER)), readers=(HEAD, LEAD)))
    sealer.adopt(payload(desks(1), routes(3, (DEPUTY, NEWCOMER)), readers=(LEAD, DEPUTY)))
    ledger.commit()
    again = opened(ledger)
    assert again.sheet.routes.version == 3
    with pytest.raises(Refused, match="not-signed"):
        again.adopt(payload(desks(1), routes(4), readers=(HEAD, LEAD)))
    assert again.adopt(payload(desks(1), routes(4), readers=(DEPUTY, NEWCOMER))) is not None


def test_a_newer_bundle_wins_over_the_ledger(ledger: Ledger) -> None:
    """A kiosk that was provisioned anew uses the newer bundle, each part for itself."""
    opened(ledger).adopt(payload(desks(2), routes(5), readers=(HEAD, LEAD)))
    ledger.commit()
    bundled = SealSheet(desks(4), routes(3))
    assert opened(ledger, bundled).sheet == SealSheet(desks(4), routes(5))


def test_a_sheet_that_was_not_committed_is_not_there_after_a_restart(ledger: Ledger) -> None:
    """The broker brings it again: it is retained."""
    opened(ledger).adopt(payload(desks(2), routes(2), readers=(HEAD, LEAD)))
    ledger.rollback()
    assert opened(ledger).sheet.desks.version == 1


def test_blanks_are_made_ready_one_a_tick_and_thrown_away_with_an_old_sheet(ledger: Ledger) -> None:
    """Idle ticks fill the stock; every blank has its own id and keys; a new sheet voids them."""
    sealer = opened(ledger)
    for _ in range(BLANKS_READY + 3):
        sealer.refill()
    blanks = [sealer.blank("safeguarding") for _ in range(BLANKS_READY + 2)]
    assert len({blank.clear.header.id for blank in blanks}) == len(blanks)
    assert len({blank.story_key for blank in blanks}) == len(blanks)
    sealer.refill()
    other_key = KemKey.generate()
    sealer.adopt(payload(desks(2, key=other_key.public), routes(2), readers=(HEAD, LEAD)))
    assert envelope.open_alert(filled(sealer.blank("safeguarding")), other_key)


@pytest.mark.requirement("S10")
def test_a_missing_route_is_sealed_to_recovery_only_and_said(ledger: Ledger) -> None:
    """A story for a route that the site lacks opens to no other readers, perhaps it is about one of them; the fault is
    raised, and nothing is refused to the learner."""
    sealer = opened(ledger)
    up = filled(sealer.blank("independent"))
    assert sealer.route_missing
    with pytest.raises(Refused):
        envelope.open_story(up, [ROUTE])
    assert envelope.open_story_for_recovery(up, RECOVERY).room == "R"


def test_a_kept_sheet_that_cannot_be_read_falls_back_to_the_bundle(ledger: Ledger) -> None:
    """A record of another version in the ledger does not stop a kiosk from starting."""
    ledger.set_note("desk_sheet", b"old form")
    ledger.set_note("route_sheet", msgspec.msgpack.encode([1]))
    assert opened(ledger).sheet == SealSheet(desks(), routes())


def test_the_first_sheet_is_held_over_a_restart(ledger: Ledger) -> None:
    """From the first start on a kiosk holds its readers, and whatever bundle comes next is measured by them."""
    assert kept_routes(ledger, SITE) is None
    opened(ledger, SealSheet(desks(2), routes(2)))
    ledger.commit()
    assert kept_routes(ledger, SITE) == routes(2)
    assert kept_routes(ledger, b"x" * 16) is None
    assert opened(ledger, SealSheet(desks(1), routes(1))).sheet == SealSheet(desks(2), routes(2))


def test_a_sheet_that_the_disk_did_not_take_is_news_again(tmp_path: Path) -> None:
    """A full disk leaves the old sheet in force, and the same sheet is taken up when there is room."""
    with Ledger(tmp_path / "full.db", random_bytes=os.urandom) as ledger:
        sealer = opened(ledger)
        ledger.commit()
        ledger._lost = StoreFull("full")
        newer = payload(desks(2), routes(2), readers=(HEAD, LEAD))
        with pytest.raises(StoreFull):
            sealer.adopt(newer)
        assert sealer.sheet == SealSheet(desks(1), routes(1))
        with pytest.raises(StoreFull):
            ledger.commit()
        assert sealer.adopt(newer) == SealSheet(desks(2), routes(2))
