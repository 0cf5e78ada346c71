"""From a phone on the Wi-Fi to the staff office: real portal, real kiosk, real broker, real desk.

And what somebody who has taken over the web process can make of the line to the kiosk: noise.
"""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest

from broker_config.recovery import open_recovery
from firmware import envelope
from firmware.identity import KemKey
from firmware.ledger import Ledger
from firmware.local_link import FRAME_MAX_BYTES, frame
from firmware.messages import PHONE_ROOM, Alert, DutyState, Kind, Story
from kiosk.portal.kiosk_line import KioskLine
from kiosk.talk.handover import AskCode, AskProgress, AskState, Deed, HandIn, Outcome, frame_of
from tests.support.fault_site import LOOK_EVERY_SECONDS, press_until_stored, shown_ids
from tests.support.mutations import mutated
from tests.support.talk_phone import Page, Phone
from tests.support.talk_portal import addition, new_form, report
from tests.support.talk_site import TalkSite, running_talk_site
from tests.support.until import look_again

SEED = 20261122
MUTANTS = 10_000
WARM_UP = 1_000
GROWTH_MAX_KIB = 2048
LOG_MAX_BYTES = 200_000
FLOOD = 300
SECONDS = 60.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TalkSite]:
    with running_talk_site(tmp_path) as running:
        yield running


def look_until(phone: Phone, true: Callable[[Page], bool]) -> Page:
    """ "Look again", as somebody does who waits."""
    until = time.monotonic() + SECONDS
    while not true(phone.page):
        assert time.monotonic() < until, phone.page.text
        look_again(LOOK_EVERY_SECONDS)
        phone.go("look")
    return phone.page


def wait_until_told(site: TalkSite, count: int) -> None:
    until = time.monotonic() + SECONDS
    while len(set(shown_ids(site.desk))) < count:
        assert time.monotonic() < until, site.desk.unit.state()
        look_again(LOOK_EVERY_SECONDS)


def kept(site: TalkSite) -> list[tuple[Alert, Story]]:
    """Everything on the kiosk's disk, opened with the desk's key and the recovery key; the kiosk must be off."""
    made = site.made
    desk_key = KemKey.from_bytes((made.folder / "authority" / "desk_kem.key").read_bytes())
    recovery_key = open_recovery(made.recovery_file, made.recovery_passphrase)
    with Ledger(site.kiosk.store_file, random_bytes=os.urandom) as ledger:
        bodies = [ledger.body(entry) for entry in ledger.with_body("report")]
    ups = [envelope.parse_up(body) for body in bodies if body is not None]
    return [(envelope.open_alert(up, desk_key), envelope.open_story_for_recovery(up, recovery_key)) for up in ups]


# ------------------------------------------------------------------ the way of a report


@pytest.mark.requirement("L1", "L7", "L9")
def test_a_report_from_a_phone_reaches_the_desk_and_the_phone_is_told(site: TalkSite) -> None:
    """One press on the phone: the desk shows a danger that came from a phone and names no room of the kiosk; the page
    says that the office computer has it, then that somebody pressed the button; who it is comes as an addition."""
    phone = site.phone()
    phone.press("yes")
    look_until(phone, lambda page: "The office computer has it." in page.text)
    wait_until_told(site, 1)
    texts = site.desk.texts()
    assert "DANGER NOW" in texts
    assert PHONE_ROOM in texts
    assert "Room 1" not in texts
    phone.press("add-more", "skip", "someone-else", "skip", "skip", "visitor")
    phone.go("back")
    site.desk.unit.tap()
    phone = _back_to_truths(phone)
    look_until(phone, lambda page: 'Someone at the office pressed "I have it".' in page.text)
    words = _five_words(phone)
    other = site.phone()
    other.press("have-code")
    assert 'Someone at the office pressed "I have it".' in other.press("look-up", words=words).text


def _back_to_truths(phone: Phone) -> Phone:
    while phone.page.screen != "truths":
        phone.go("back")
    return phone


def _five_words(phone: Phone) -> str:
    phone.press("code", "give-code")
    listed = re.search(r'<ul class="code".*?</ul>', phone.page.raw, re.DOTALL)
    assert listed is not None
    return " ".join(re.findall(r"<li>(\w+)</li>", listed[0]))


@pytest.mark.requirement("L1")
def test_a_kiosk_that_is_killed_between_loses_nothing_and_the_page_tells_the_truth(site: TalkSite) -> None:
    """SIGKILL after *saved*: nobody can look, the next report is not saved and says so; when the kiosk is back, what
    was saved is at the desk once, and trying again sends the rest."""
    first = site.phone()
    first.press("yes")
    look_until(first, lambda page: "The office computer has it." in page.text)
    site.kiosk.kill()
    assert "We can't look right now. Don't wait: go to reception. Danger: 999." in first.go("look").text
    second = site.phone()
    assert "We can't tell if anyone is there." in second.page.text
    second.press("yes")
    assert "Could not save. Not sent. Go to reception." in second.page.text
    site.kiosk.start()
    site.kiosk.wait_until_connected()
    assert "This page can't see your message any more." in first.go("look").text
    second.press("try-again")
    look_until(second, lambda page: "The office computer has it." in page.text)
    wait_until_told(site, 2)
    assert len(shown_ids(site.desk)) == 2


def test_a_frozen_kiosk_makes_nobody_lie(site: TalkSite) -> None:
    """SIGSTOP: whether it was saved nobody can tell, and so it is said; thawed, trying again makes no second report."""
    phone = site.phone()
    site.kiosk.freeze()
    try:
        phone.press("yes")
        assert "We can't tell if this was saved. Don't wait: go to reception. Danger: 999." in phone.page.text
    finally:
        site.kiosk.thaw()
    phone.press("try-again")
    look_until(phone, lambda page: "The office computer has it." in page.text)
    wait_until_told(site, 1)
    press_until_stored(site.kiosk, site.desk)
    assert len(shown_ids(site.desk)) == 2


def test_the_portal_is_heard_by_the_kiosk_and_the_kiosk_by_the_portal(site: TalkSite) -> None:
    """The portal asks for itself every few seconds: with it the kiosk is content, and duty reaches the pages."""
    phone = site.phone()
    until = time.monotonic() + SECONDS
    while "We can't tell if anyone is there." in phone.page.text:
        assert time.monotonic() < until, phone.page.text
        look_again(LOOK_EVERY_SECONDS)
        phone = site.phone()
    assert KioskLine(site.line).state().duty.state is not DutyState.UNKNOWN


# ------------------------------------------------------------------ a portal that somebody has taken over


@pytest.mark.requirement("D1", "T8")
def test_ten_thousand_made_up_frames_change_nothing_at_the_kiosk(site: TalkSite) -> None:
    """Mutated questions, frames that are too long, half a frame: the kiosk neither stops nor grows, keeps nothing of
    it, logs it in few lines, and the touchscreen saves meanwhile."""
    learner_s = press_until_stored(site.kiosk, site.desk)
    id = bytes.fromhex(learner_s.id)
    bases = [
        frame_of(AskProgress(id)),
        frame_of(AskCode(b"d" * 32)),
        frame_of(AskState(("gate-down",))),
        frame_of(addition(id, who="me", text=b"words of nobody" * 20)),
        frame_of(HandIn(new_form(), b"", Deed.REPORT, category="no such thing", text=b"x" * 500)),
        frame_of(HandIn(new_form(), b"t" * 16, Deed.CODE)),
    ]
    hostile = mutated(random.Random(SEED), bases, [id])
    for count, (_, payload) in enumerate(islice(hostile, MUTANTS)):
        if count == WARM_UP:
            warm_kib = resident_kib(site.kiosk.pid)
        _asked_raw(site.line, frame(payload) if len(payload) <= FRAME_MAX_BYTES else payload)
    _asked_raw(site.line, (FRAME_MAX_BYTES + 1).to_bytes(4, "big") + b"x" * 100)
    _asked_raw(site.line, b"\x00\x00")
    assert resident_kib(site.kiosk.pid) - warm_kib <= GROWTH_MAX_KIB
    press_until_stored(site.kiosk, site.desk)
    assert site.kiosk.alive
    assert len(set(shown_ids(site.desk))) == 2
    site.kiosk.stop()
    assert [story.source for _, story in kept(site)] == ["button", "button"]
    assert site.kiosk.log_file.stat().st_size < LOG_MAX_BYTES
    assert "Traceback" not in site.kiosk.log_file.read_text()


@pytest.mark.requirement("D1", "T8")
def test_a_taken_over_portal_can_neither_read_nor_speak_for_anybody(site: TalkSite) -> None:
    """It floods, names reports that it has seen, and says what no page offers: everything that is kept has the
    portal's source and no room, adds to its own reports alone; nothing comes back that names a report or a word."""
    learner_s = press_until_stored(site.kiosk, site.desk)
    line, own = KioskLine(site.line), []
    assert line.hand_in(addition(bytes.fromhex(learner_s.id), who="me")).outcome is Outcome.UNKNOWN_TICKET
    assert line.progress(bytes.fromhex(learner_s.id)).known is None
    for _ in range(FLOOD):
        answer = line.hand_in(report("yes", text=b"a secret that was typed"))
        assert answer.outcome is Outcome.SAVED
        own.append(answer.ticket)
        assert b"secret" not in frame_of(answer)
        assert bytes.fromhex(learner_s.id) not in frame_of(answer)
    assert line.hand_in(addition(own[-1], danger="no", adult_here="no")).outcome is Outcome.SAVED
    # A press goes before all that waits.
    press_until_stored(site.kiosk, site.desk)
    site.kiosk.stop()
    everything = kept(site)
    reports = {alert.number: (alert, story) for alert, story in everything}
    assert len(reports) == len(everything) == FLOOD + 3
    for alert, story in everything:
        if story.source == "portal":
            assert (alert.room, story.room) == (PHONE_ROOM, PHONE_ROOM)
        else:
            assert (alert.kind, alert.room, story.source) == (Kind.REPORT, "Room 1", "button")
    assert sum(story.source == "button" for _, story in everything) == 2
    assert {alert.about.hex() for alert, _ in everything if alert.about}.isdisjoint({learner_s.id})


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_of_the_device_is_not_heard(site: TalkSite) -> None:
    """The kernel says who asks: a frame of a stranger gets no answer, and nothing of it is kept."""
    program = """
import os, socket, sys
os.chdir(sys.argv[1])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
line = socket.socket(socket.AF_UNIX)
line.connect("portal.sock")
try:
    line.sendall(bytes.fromhex(sys.argv[2]))
    print(len(line.recv(1000)))
except OSError:
    print(0)
"""
    asked = frame(frame_of(report("yes"))).hex()
    command = [sys.executable, "-c", program, str(site.line.parent), asked]
    heard = subprocess.run(command, capture_output=True, text=True, check=True)
    assert heard.stdout.strip() == "0"
    site.kiosk.stop()
    assert "reason=peer" in site.kiosk.log_file.read_text()
    assert kept(site) == []


def _asked_raw(path: Path, data: bytes) -> None:
    """These bytes and no more; whatever comes back, until the kiosk hangs up."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SECONDS)
        line.connect(str(path))
        with suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            while line.recv(FRAME_MAX_BYTES):
                pass


def resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found.group(1))
