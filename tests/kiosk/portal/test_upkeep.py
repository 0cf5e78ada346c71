"""What is done again and again: the gate mended, the kiosk heard and told, days forgotten, certificates renewed."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from firmware.errors import TechnicianError
from firmware.messages import Duty, DutyState
from firmware.network_settings import RadioSettings
from firmware.trouble import PORTAL_FAULTS
from kiosk.portal.connection import Limits
from kiosk.portal.kiosk_line import KioskLine
from kiosk.portal.server import tls_context
from kiosk.portal.upkeep import (
    AUP_REVIEW,
    CLOCK_WRONG,
    GATE_DOWN,
    LOOK_ALIKE,
    STORE_BROKEN,
    Clocks,
    FreshCertificate,
    Upkeep,
)
from kiosk.talk.handover import KioskState
from tests.support.byod_samples import BEFORE_LUNCH, byod, wall_ms
from tests.support.portal_house import House, Visitor
from tests.support.portal_process import make_certificate
from tests.support.portal_server import serving

LESSON_SECONDS = 1200
OURS = RadioSettings("Demo-BYOD", "GB", 6, "wlan0", "wlan1", ("aa:bb:cc:dd:ee:01",))


class _Kiosk(KioskLine):
    """The kiosk process, without its socket."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.lesson_seconds, self.silent = 0, False

    def state(self, faults: tuple[str, ...] = ()) -> KioskState:
        if self.silent:
            raise TechnicianError("run/portal.sock: no answer; see that the service behind it runs")
        self.told.append(faults)
        return KioskState(Duty(DutyState.ON), self.lesson_seconds)


class _Work:
    """One portal's upkeep, its house and its kiosk."""

    def __init__(self, house: House) -> None:
        self.house, self.kiosk = house, _Kiosk()
        clocks = Clocks(wall_ms=lambda: house.wall_ms, monotonic_ms=lambda: house.monotonic_ms)
        self.upkeep = Upkeep(keeper=house.keeper, line=self.kiosk, byod=house.byod, clocks=clocks, admits=house.admits)


@pytest.fixture
def work(tmp_path: Path) -> _Work:
    return _Work(House(tmp_path))


def test_all_is_well(work: _Work) -> None:
    """Nothing is told when nothing is wrong, and every job comes again."""
    assert work.upkeep.faults() == ()
    jobs = (work.upkeep.reconcile, work.upkeep.hear_kiosk, work.upkeep.forget)
    assert all(0 < job() <= 60 for job in jobs)
    assert work.kiosk.told == [()]


@pytest.mark.requirement("B4")
def test_a_lesson_lasts_as_long_as_the_kiosk_says(work: _Work) -> None:
    """Heard every few seconds; a kiosk that falls silent lengthens nothing, one that says none ends it."""
    work.house.wall_ms = wall_ms(BEFORE_LUNCH)
    work.kiosk.lesson_seconds = LESSON_SECONDS
    work.upkeep.hear_kiosk()
    until_ms = work.house.wall_ms + LESSON_SECONDS * 1000
    assert work.house.keeper.unlocked_until_ms == until_ms
    work.kiosk.silent = True
    work.house.wall_ms += 60_000
    work.upkeep.hear_kiosk()
    assert work.house.keeper.unlocked_until_ms == until_ms
    work.kiosk.silent, work.kiosk.lesson_seconds = False, 0
    work.upkeep.hear_kiosk()
    assert work.house.keeper.unlocked_until_ms is None


@pytest.mark.requirement("B4")
def test_a_lesson_that_staff_end_is_over_at_once(work: _Work) -> None:
    """Whoever was on-line because of it is cut off as soon as the kiosk says so, not at the next round."""
    work.house.wall_ms = wall_ms(BEFORE_LUNCH)
    work.kiosk.lesson_seconds = LESSON_SECONDS
    work.upkeep.hear_kiosk()
    with work.house.open() as port:
        assert Visitor(port).accept().status == 303
        assert [client.admitted_seconds_left is not None for client in work.house.gate.clients()] == [True]
        work.kiosk.lesson_seconds = LESSON_SECONDS - 2
        work.upkeep.hear_kiosk()
        assert [client.admitted_seconds_left is not None for client in work.house.gate.clients()] == [True]
        work.kiosk.lesson_seconds = 0
        work.upkeep.hear_kiosk()
        assert not any(client.admitted_seconds_left is not None for client in work.house.gate.clients())


def test_a_gate_that_is_down_is_told(work: _Work) -> None:
    """Soon looked at again, and the fault goes when the gate is back."""
    work.house.gate.silent = True
    assert work.upkeep.reconcile() < 5
    assert work.upkeep.faults() == (GATE_DOWN,)
    work.house.gate.silent = False
    work.upkeep.reconcile()
    assert work.upkeep.faults() == ()


@pytest.mark.requirement("B8")
def test_an_overdue_review_is_told(tmp_path: Path) -> None:
    """Staff hear of it through the kiosk's heartbeats; the texts stay in force meanwhile."""
    work = _Work(House(tmp_path, byod(review="2027-01-13")))
    work.upkeep.hear_kiosk()
    assert work.kiosk.told == [(AUP_REVIEW,)]


@pytest.mark.requirement("B3")
def test_a_network_that_only_looks_like_ours_is_told(work: _Work) -> None:
    """Somebody else's access point with our name; our own is none."""
    own = "BSS aa:bb:cc:dd:ee:01(on wlan1)\n\tcapability: ESS (0x0401)\n\tSSID: Demo-BYOD\n"
    work.house.gate.scanned = own
    work.upkeep.look_round(OURS)
    assert work.upkeep.faults() == ()
    work.house.gate.scanned = own + own.replace("ee:01", "ee:99")
    work.upkeep.look_round(OURS)
    assert work.upkeep.faults() == (LOOK_ALIKE,)
    work.house.gate.silent = True
    work.upkeep.look_round(OURS)
    assert work.upkeep.faults() == (LOOK_ALIKE,)


def test_a_wrong_clock_is_told(work: _Work) -> None:
    """Nobody is let in by it, so somebody must set it."""
    work.house.wall_ms = 1_000
    assert work.upkeep.faults() == (CLOCK_WRONG,)


def test_every_fault_is_one_that_desks_know() -> None:
    """With words of its own and what to do, never as a fault without a name."""
    assert PORTAL_FAULTS.keys() >= {GATE_DOWN, AUP_REVIEW, LOOK_ALIKE, STORE_BROKEN, CLOCK_WRONG}


@pytest.mark.requirement("B4")
def test_a_clock_that_is_put_back_gives_nobody_time(tmp_path: Path) -> None:
    """Everybody has the time left that they had before."""
    work = _Work(House(tmp_path, byod(always_open=True)))
    with work.house.open() as port:
        Visitor(port).accept()
        work.upkeep.forget()
        work.house.wall_ms -= 10 * 60_000
        work.upkeep.forget()
        assert "13:20" in Visitor(port).get("/en/online").title


@pytest.mark.requirement("D1")
def test_what_is_over_is_erased(tmp_path: Path) -> None:
    """A day later nothing of an acceptance stands in any file of the portal."""
    work = _Work(House(tmp_path, byod(keep_hours=1)))
    with work.house.open() as port:
        Visitor(port).accept()
        kept = [text.digest.hex() for text in work.house.byod.documents]
        assert any(each in (tmp_path / "acceptances.json").read_text() for each in kept)
        work.house.wall_ms += 3 * 3_600_000
        work.house.monotonic_ms += 3 * 3_600_000
        work.upkeep.forget()
        for file in tmp_path.glob("acceptances*"):
            assert not any(each in file.read_text() for each in kept)


def test_a_store_that_cannot_be_written_is_told(work: _Work, tmp_path: Path) -> None:
    """Whoever says yes then is told that it was not saved and is not let through; staff hear of it."""
    with work.house.open() as port:
        shutil.rmtree(tmp_path)
        page = Visitor(port).accept()
        assert page.status == 503
        assert page.title == "That could not be saved"
        assert work.house.gate.admitted() == ()


def test_a_renewed_certificate_is_taken_into_the_running_server(tmp_path: Path) -> None:
    """New connections see the new one without a restart; files that do not fit leave what was there in place."""
    used, new = make_certificate(tmp_path, "wifi.example"), make_certificate(tmp_path, "new.example")
    first, second = (ssl.PEM_cert_to_DER_cert(each.file.read_text()) for each in (used, new))
    context = tls_context(used.file, used.key)
    fresh = FreshCertificate(context, used.file, used.key)
    with serving(PlainTextResponse(""), context=context, limits=Limits()) as port:
        fresh.look()
        assert _shown(port) == first
        shutil.copy(new.file, used.file)
        fresh.look()
        assert _shown(port) == first
        shutil.copy(new.key, used.key)
        fresh.look()
        assert _shown(port) == second


def _shown(port: int) -> bytes:
    """The certificate that a new connection is given."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port), timeout=10))
