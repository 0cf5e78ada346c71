"""The session: unlocking, the PIN of a shift, locking by itself, and what a reader may open."""

from __future__ import annotations

import msgspec
import pytest

from firmware.errors import BadInput, Locked, Refused, WrongPin
from firmware.identity import ReaderRegister, verify
from firmware.messages import Stage, Story, receipt_claim
from kiosk.staff.cases import CaseNote
from kiosk.staff.session import HELD_AT_MOST_MS, IDLE_LOCKS_AFTER_MS, WRONG_PINS_WIPE, Session
from tests.support.staff_desk import PIN, SITE, Site, reader_keys


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.found()


@pytest.fixture
def session(site: Site) -> Session:
    return Session(register=site.register)


def test_nobody_is_signed_in_at_the_start(session: Session, site: Site) -> None:
    """A locked desk opens nothing and signs nothing."""
    envelope = site.envelopes[site.report().report]
    with pytest.raises(Locked):
        session.open_story(envelope)
    with pytest.raises(Locked):
        session.sign(b"r" * 16, b"d" * 32, Stage.ACKNOWLEDGED, 0)
    assert session.openable([(b"r" * 16, envelope)]) == frozenset()


def test_a_reader_opens_what_their_routes_open(session: Session, site: Site) -> None:
    """The lead reads safeguarding and conduct; the head does not read conduct."""
    safe = site.report(story=Story(route="safeguarding", room="Room 12", text=b"please help"))
    conduct = site.report(route="conduct")
    session.unlock(site.lead, 0)
    opened = session.open_story(site.envelopes[safe.report])
    assert (opened.story.text, opened.route) == (b"please help", "safeguarding")
    assert session.open_story(site.envelopes[conduct.report]).route == "conduct"
    session.lock()
    session.unlock(site.head, 0)
    with pytest.raises(Refused, match="will-not-open"):
        session.open_story(site.envelopes[conduct.report])


def test_a_key_that_the_readers_did_not_sign_for_unlocks_nothing(session: Session) -> None:
    """A key ring entry that is not in the register is a stranger."""
    with pytest.raises(Locked):
        session.unlock(reader_keys(9), 0)
    assert session.reader is None


def test_a_reader_signs_for_exactly_this_report(session: Session, site: Site) -> None:
    """The signature verifies under the register's key for this stage and no other."""
    session.unlock(site.lead, 0)
    signature = session.sign(b"r" * 16, b"d" * 32, Stage.ACKNOWLEDGED, 3)
    public = site.lead.signing.public
    assert verify(public, signature, receipt_claim(SITE, b"r" * 16, b"d" * 32, Stage.ACKNOWLEDGED, 3))
    assert not verify(public, signature, receipt_claim(SITE, b"r" * 16, b"d" * 32, Stage.CLOSED, 3))


@pytest.mark.requirement("D5")
def test_the_desk_locks_itself_when_idle(session: Session, site: Site) -> None:
    """Five minutes without a touch close it; a touch gives five minutes more."""
    session.unlock(site.lead, 0)
    session.touched(60_000)
    assert session.next_due_ms() == 60_000 + IDLE_LOCKS_AFTER_MS
    assert not session.tick(IDLE_LOCKS_AFTER_MS)
    assert session.tick(60_000 + IDLE_LOCKS_AFTER_MS)
    assert session.reader is None
    assert session.held == ()


def test_a_pin_opens_again_what_a_passphrase_opened(session: Session, site: Site) -> None:
    """After locking, six digits are enough for this shift, and stories open again."""
    report = site.report()
    session.unlock(site.lead, 0)
    session.set_pin(PIN, 1_000)
    session.lock()
    assert [entry.name for entry in session.held] == ["Julie Hale"]
    assert session.reopen(site.lead.id, PIN, 2_000).name == "Julie Hale"
    assert session.open_story(site.envelopes[report.report]).route == "safeguarding"


def test_without_a_pin_locking_forgets_the_key(session: Session, site: Site) -> None:
    """No PIN, no key in memory."""
    session.unlock(site.lead, 0)
    session.lock()
    with pytest.raises(Locked):
        session.reopen(site.lead.id, PIN, 1)


@pytest.mark.requirement("T8", "T12")
def test_five_wrong_pins_wipe_the_key(session: Session, site: Site) -> None:
    """Four wrong ones say how many are left; the fifth wipes, and the right one no longer helps."""
    session.unlock(site.lead, 0)
    session.set_pin(PIN, 0)
    session.lock()
    for left in range(WRONG_PINS_WIPE - 1, 0, -1):
        with pytest.raises(WrongPin, match=f"{left} tr"):
            session.reopen(site.lead.id, "111112", 1)
    with pytest.raises(WrongPin, match="Type your passphrase"):
        session.reopen(site.lead.id, "111112", 1)
    with pytest.raises(Locked):
        session.reopen(site.lead.id, PIN, 1)


def test_a_right_pin_starts_the_count_anew(session: Session, site: Site) -> None:
    """Mistakes of one morning do not add up to a wiped key."""
    session.unlock(site.lead, 0)
    session.set_pin(PIN, 0)
    for _ in range(2):
        session.lock()
        for _ in range(WRONG_PINS_WIPE - 1):
            with pytest.raises(WrongPin):
                session.reopen(site.lead.id, "111112", 1)
        session.reopen(site.lead.id, PIN, 1)


@pytest.mark.requirement("T12")
def test_a_key_is_held_for_twelve_hours_from_the_passphrase(session: Session, site: Site) -> None:
    """Re-opening by PIN does not prolong it; whoever is in at that moment is locked out."""
    session.unlock(site.lead, 0)
    session.set_pin(PIN, 0)
    session.lock()
    session.reopen(site.lead.id, PIN, HELD_AT_MOST_MS - 10)
    assert session.tick(HELD_AT_MOST_MS)
    assert (session.reader, session.held) == (None, ())


def test_the_lid_wipes_every_key(session: Session, site: Site) -> None:
    """Two readers' keys of the shift, both gone."""
    for keys in (site.lead, site.head):
        session.unlock(keys, 0)
        session.set_pin(PIN, 0)
        session.lock()
    held = len(session.held)
    session.wipe()
    assert (held, len(session.held)) == (2, 0)


@pytest.mark.requirement("T12")
@pytest.mark.parametrize(
    "pin", ["", "12345", "1234567", "12345a", "123456", "111111", "121212", "654321", "１２３４５６"]
)
def test_a_bad_pin_is_refused(session: Session, site: Site, pin: str) -> None:
    """Six ASCII digits, and none that anybody would try first."""
    session.unlock(site.lead, 0)
    with pytest.raises(BadInput):
        session.set_pin(pin, 0)


@pytest.mark.requirement("T1")
def test_a_leaver_is_locked_out_at_once(session: Session, site: Site) -> None:
    """A newer register without a reader ends their session and their PIN."""
    session.unlock(site.lead, 0)
    session.set_pin(PIN, 0)
    others = tuple(entry for entry in site.register.readers if entry.id != site.lead.id)
    newer: ReaderRegister = msgspec.structs.replace(site.register, version=2, readers=others)
    session.know(newer)
    assert (session.reader, session.held) == (None, ())


def test_a_case_note_opens_for_the_route_only(session: Session, site: Site) -> None:
    """The reason of a closing is sealed to those who may read the story, and bound to its report."""
    note = CaseNote(b"r" * 16, 0, "police", "told the police", (site.lead.id,), 5)
    session.unlock(site.lead, 0)
    sealed = session.seal_note(note, "conduct")
    assert b"police" not in sealed
    assert msgspec.msgpack.decode(session.open_note(b"r" * 16, sealed), type=CaseNote) == note
    with pytest.raises(Refused):
        session.open_note(b"x" * 16, sealed)
    session.lock()
    session.unlock(site.head, 0)
    with pytest.raises(Refused):
        session.open_note(b"r" * 16, sealed)
