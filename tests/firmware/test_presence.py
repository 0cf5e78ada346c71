"""Presence: the gaps between heartbeats, and what silence, faults and strangers become."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.messages import Life
from firmware.presence import (
    LONGEST_GAP_MS,
    MEAN_GAP_MS,
    MOST_STRANGERS,
    SILENT_AFTER_MS,
    Change,
    HeartbeatSchedule,
    Supervisor,
    Watched,
)
from firmware.trouble import Cause

KIOSK, OTHER, DESK = b"K" * 16, b"L" * 16, b"D" * 16


def watched(count: int = 2) -> list[Watched]:
    kiosks = [Watched(bytes([number]) * 16, "kiosk", f"Room {number}") for number in range(1, count + 1)]
    return [*kiosks, Watched(DESK, "desk", "Second office")]


def alive(supervisor: Supervisor, device: bytes, number: int, at_ms: int) -> bool:
    return supervisor.life(device, Life(1, 1, number), at_ms)


def causes(supervisor: Supervisor) -> set[tuple[Cause, bytes]]:
    return {(trouble.cause, trouble.device) for trouble in supervisor.troubles}


def test_gaps_are_exponential_and_never_above_25_seconds() -> None:
    """Gaps stay under 25 s, reach down to almost nothing, and have the mean of the cut exponential (9.2 s)."""
    gaps = [HeartbeatSchedule(random.Random(seed)).gap_ms() for seed in range(4000)]
    assert max(gaps) <= LONGEST_GAP_MS
    assert min(gaps) < 100
    assert 8_800 < sum(gaps) / len(gaps) < 9_600
    assert abs(sum(gap < MEAN_GAP_MS / 2 for gap in gaps) / len(gaps) - 0.486) < 0.03


def test_two_lost_heartbeats_fit_into_the_silence_time() -> None:
    """Two gaps of the longest kind pass before silence is trouble: one lost message is none."""
    assert 2 * LONGEST_GAP_MS < SILENT_AFTER_MS <= 55_000


def test_a_kiosk_never_seen_is_trouble_after_55_seconds() -> None:
    """A device that does not speak after the desk's start is trouble at 55 s, not before and not never."""
    supervisor = Supervisor(watched(), started_ms=0)
    alive(supervisor, b"\1" * 16, 1, 10_000)
    assert supervisor.tick(54_999) == ()
    raised = {(change.change, change.trouble.cause, change.trouble.device) for change in supervisor.tick(55_000)}
    assert raised == {(Change.RAISED, Cause.NEVER_SEEN, b"\2" * 16), (Change.RAISED, Cause.NEVER_SEEN, DESK)}


def test_a_frozen_kiosk_is_trouble_within_60_seconds_and_heals() -> None:
    """Silence is trouble at 55 s by the time at which the supervisor asked to be woken; new life clears it."""
    supervisor = Supervisor(watched(1)[:1], started_ms=0)
    alive(supervisor, b"\1" * 16, 1, 0)
    now = 0
    while (Cause.SILENT, b"\1" * 16) not in causes(supervisor):
        now = supervisor.next_due_ms()
        supervisor.tick(now)
    assert now <= 60_000
    assert alive(supervisor, b"\1" * 16, 2, 70_000)
    cleared = {change.trouble.cause for change in supervisor.tick(70_000) if change.change is Change.CLEARED}
    assert cleared == {Cause.SILENT, Cause.SITE_BLIND}


@pytest.mark.requirement("T8")
def test_replayed_heartbeats_are_not_life() -> None:
    """The same or an older (epoch, boot, monotonic) proves nothing, also after a restart of the desk."""
    supervisor = Supervisor(watched(), started_ms=0, lives={b"\1" * 16: Life(1, 3, 500)})
    assert not supervisor.life(b"\1" * 16, Life(1, 3, 500), 1)
    assert not supervisor.life(b"\1" * 16, Life(1, 2, 9_999), 2)
    assert supervisor.life(b"\1" * 16, Life(1, 4, 0), 3)
    supervisor.life(b"\1" * 16, Life(1, 3, 501), 50_000)
    supervisor.tick(55_003)
    assert (Cause.SILENT, b"\1" * 16) in causes(supervisor)


def test_a_card_from_before_the_last_provisioning_is_not_life() -> None:
    """An epoch below the register's is not life, even when the desk has never heard the device."""
    supervisor = Supervisor([Watched(KIOSK, "kiosk", "Room 1", epoch=2)], started_ms=0)
    assert not supervisor.life(KIOSK, Life(1, 1, 1), 1)
    assert supervisor.life(KIOSK, Life(2, 1, 1), 2)


def test_leaving_and_joining_again_does_not_make_replays_life() -> None:
    """What was heard of a device that left the register still counts when it comes back."""
    supervisor = Supervisor(watched(1), started_ms=0)
    alive(supervisor, b"\1" * 16, 7, 1)
    supervisor.register([], 2)
    supervisor.register(watched(1), 3)
    assert not alive(supervisor, b"\1" * 16, 7, 4)
    assert supervisor.lives[b"\1" * 16] == Life(1, 1, 7)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 5)), max_size=40))
def test_only_a_greater_life_counts(told: list[tuple[int, int, int]]) -> None:
    """For any order of arrivals exactly those above all before them are life."""
    supervisor = Supervisor([Watched(KIOSK, "kiosk", "Room 1", epoch=0)], started_ms=0)
    best: Life | None = None
    for number, parts in enumerate(told):
        life = Life(*parts)
        assert supervisor.life(KIOSK, life, number) == (best is None or life > best)
        best = life if best is None else max(best, life)


def test_a_blind_site_sounds_once_and_hides_the_single_silences() -> None:
    """When no kiosk is heard there is one sounding line, not one for each room."""
    supervisor = Supervisor(watched(5), started_ms=0)
    supervisor.tick(55_000)
    lines = supervisor.lines()
    assert [line.cause for line in lines] == [Cause.SITE_BLIND, Cause.NEVER_SEEN]
    assert [line.sounds for line in lines] == [True, False]
    alive(supervisor, b"\3" * 16, 1, 56_000)
    supervisor.tick(56_000)
    assert Cause.SITE_BLIND not in {line.cause for line in supervisor.lines()}
    assert supervisor.lines()[-1].sentence.startswith("5 units not heard since this desk started: Room 1, Room 2")


def test_a_dead_second_desk_does_not_make_the_site_blind() -> None:
    """Desks are watched too, but a site is blind only when its kiosks are silent."""
    supervisor = Supervisor(watched(1), started_ms=0)
    alive(supervisor, b"\1" * 16, 1, 50_000)
    supervisor.tick(56_000)
    assert causes(supervisor) == {(Cause.NEVER_SEEN, DESK)}
    assert supervisor.kiosks == (1, 1)


def test_faults_in_heartbeats_are_trouble_until_they_are_gone() -> None:
    """A fault code raises its cause; a heartbeat without it mends it; strange codes are shown, cleaned."""
    supervisor = Supervisor(watched(), started_ms=0)
    supervisor.faults(b"\1" * 16, ["button-cut", "odd\x1b[2J-code"], 1)
    assert causes(supervisor) == {(Cause.BUTTON_CUT, b"\1" * 16), (Cause.REPORTED_FAULT, b"\1" * 16)}
    assert "odd2J-code" in " ".join(line.sentence for line in supervisor.lines())
    supervisor.faults(b"\1" * 16, [], 2)
    assert not supervisor.troubles


def test_an_old_sheet_is_trouble_after_ten_minutes() -> None:
    """A kiosk that keeps old keys for ten minutes is trouble; the new sheet mends it."""
    supervisor = Supervisor(watched(1)[:1], started_ms=0)
    supervisor.sheets(b"\1" * 16, (1, 1), (1, 2), 1_000)
    supervisor.sheets(b"\1" * 16, (1, 1), (1, 2), 500_000)
    alive(supervisor, b"\1" * 16, 1, 600_000)
    supervisor.tick(600_999)
    assert not any(cause is Cause.SHEET_BEHIND for cause, _ in causes(supervisor))
    supervisor.tick(max(601_000, supervisor.next_due_ms() - 60_000))
    assert (Cause.SHEET_BEHIND, b"\1" * 16) in causes(supervisor)
    supervisor.sheets(b"\1" * 16, (1, 2), (1, 2), 602_000)
    assert not any(cause is Cause.SHEET_BEHIND for cause, _ in causes(supervisor))


@pytest.mark.requirement("T8")
def test_misuse_becomes_trouble_that_a_person_must_see() -> None:
    """Refusals are counted by reason and listed until somebody says "seen"; a state cannot be waved away."""
    supervisor = Supervisor(watched(), started_ms=0)
    for _ in range(3):
        supervisor.refused(b"\1" * 16, "bad-signature", 5)
    supervisor.refused(b"\1" * 16, "malformed", 6)
    (trouble,) = supervisor.troubles
    assert (trouble.detail, trouble.count, trouble.since_ms) == ("bad-signature 3, malformed 1", 4, 5)
    assert supervisor.seen(trouble.id)
    assert not supervisor.troubles
    supervisor.faults(b"\1" * 16, ["lid-open"], 7)
    assert not supervisor.seen(supervisor.troubles[0].id)
    assert supervisor.troubles


@pytest.mark.requirement("T8")
def test_strangers_are_trouble_and_cannot_fill_the_memory() -> None:
    """Unknown devices are listed, but never more than a fixed number of them."""
    supervisor = Supervisor([], started_ms=0)
    for number in range(500):
        supervisor.unknown_device(number.to_bytes(16, "big"), number)
    assert len(supervisor.troubles) == MOST_STRANGERS + 1
    assert len(supervisor.lines()) == 1


def test_a_good_bye_from_the_broker_is_only_a_hint() -> None:
    """The LWT raises nothing by itself; it colours the silence that follows."""
    supervisor = Supervisor(watched(1)[:1], started_ms=0)
    alive(supervisor, b"\1" * 16, 1, 0)
    supervisor.good_bye(b"\1" * 16)
    assert supervisor.tick(1_000) == ()
    supervisor.tick(55_000)
    assert any("dropped its connection" in trouble.detail for trouble in supervisor.troubles)


def test_a_revoked_device_takes_its_troubles_with_it() -> None:
    """Who leaves the register is no longer watched."""
    supervisor = Supervisor(watched(2), started_ms=0)
    supervisor.tick(55_000)
    supervisor.register(watched(1), 55_001)
    assert (Cause.NEVER_SEEN, b"\2" * 16) not in causes(supervisor)
    assert not alive(supervisor, b"\2" * 16, 9, 55_002)
