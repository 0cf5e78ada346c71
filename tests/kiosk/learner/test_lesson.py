"""A lesson that staff opened: obeyed through the engine, told to portal and desk, kept across restarts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.commands import LONGEST_LESSON_MINUTES, LessonUnlock, command
from firmware.courier import Commanded
from firmware.errors import StoreFault
from firmware.messages import ClockQuality, Command
from kiosk.learner.lesson import Lesson
from tests.support.conversation import WALL_MS
from tests.support.kiosk_turns import KioskTurns
from tests.support.talk_portal import PortalTurns, report

MINUTE_MS = 60_000


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[PortalTurns]:
    turns = PortalTurns(tmp_path)
    turns.state()
    yield turns
    turns.site.close()


def order(kiosk: KioskTurns, minutes: int, *, counter: int = 1) -> Command:
    now = kiosk.site.kiosk.now()
    return command(LessonUnlock(minutes), counter=counter, boot=kiosk.courier.boot, kiosk_now_ms=now.monotonic_ms)


def obey(kiosk: KioskTurns, ordered: Command, *, desk: bytes | None = None) -> None:
    kiosk.engine._carry_out([Commanded(desk or kiosk.site.desk.id, ordered)], kiosk.site.kiosk.now())
    kiosk.turn()


def seconds_left(kiosk: PortalTurns) -> int:
    return kiosk.state().lesson_seconds_left


def told(kiosk: KioskTurns) -> tuple[str, ...]:
    """What the next heartbeat says."""
    kiosk.turn()
    return kiosk.courier._faults


def test_an_order_opens_for_its_minutes_and_portal_and_desk_see_it(kiosk: PortalTurns) -> None:
    """From now on and not a second longer; the heartbeats tell how long it still is, and that it is over."""
    assert (seconds_left(kiosk), told(kiosk)) == (0, ("byod",))
    obey(kiosk, order(kiosk, 45))
    assert (seconds_left(kiosk), told(kiosk)) == (45 * 60, ("lesson-open-45",))
    kiosk.site.ms += 44 * MINUTE_MS
    assert (seconds_left(kiosk), told(kiosk)) == (60, ("lesson-open-1",))
    kiosk.site.ms += MINUTE_MS
    assert (seconds_left(kiosk), told(kiosk)) == (0, ("byod",))


def test_a_newer_order_takes_the_place_of_the_older(kiosk: PortalTurns) -> None:
    """Longer, shorter, and 0 ends it."""
    for counter, minutes in enumerate((15, 60, 30, 0), start=1):
        obey(kiosk, order(kiosk, minutes, counter=counter))
        assert seconds_left(kiosk) == minutes * 60


def test_forged_replayed_and_strange_orders_open_nothing(kiosk: PortalTurns) -> None:
    """A stranger's, one for another start, one that comes again after its end, one that is too old or from the future,
    one that is too long: closed."""
    good = order(kiosk, 30)
    obey(kiosk, good, desk=b"s" * 16)
    obey(kiosk, replace_command(good, boot=good.boot + 1))
    obey(kiosk, replace_command(good, not_after_ms=0))
    obey(kiosk, replace_command(good, not_after_ms=good.not_after_ms + 60 * MINUTE_MS))
    obey(kiosk, replace_command(good, argument=b"\x91\xcd\xff\xff"))
    assert seconds_left(kiosk) == 0
    obey(kiosk, good)
    obey(kiosk, order(kiosk, 0, counter=2))
    obey(kiosk, good)
    assert seconds_left(kiosk) == 0
    kiosk.restart()
    obey(kiosk, replace_command(good, boot=kiosk.courier.boot))
    assert seconds_left(kiosk) == 0


def replace_command(
    ordered: Command, *, boot: int = 0, not_after_ms: int | None = None, argument: bytes = b""
) -> Command:
    return Command(
        ordered.kind,
        ordered.counter,
        boot or ordered.boot,
        ordered.not_after_ms if not_after_ms is None else not_after_ms,
        argument or ordered.argument,
    )


def test_an_order_that_was_signed_for_another_kiosk_or_by_nobody_is_not_believed(kiosk: PortalTurns) -> None:
    """Through the whole way: bytes that are not a desk's signed word for this kiosk change nothing."""
    kiosk.connect()
    answer = kiosk.answers[0]
    for forged in (answer[:-1] + bytes([answer[-1] ^ 1]), answer[:40] + b"\x00" * (len(answer) - 40)):
        kiosk.turn(kiosk.received(forged))
    assert seconds_left(kiosk) == 0


def test_a_restart_keeps_the_lesson_and_its_end(kiosk: PortalTurns) -> None:
    """Ten minutes of no power are ten minutes of the lesson."""
    obey(kiosk, order(kiosk, 45))
    kiosk.site.ms += 10 * MINUTE_MS
    kiosk.restart()
    assert seconds_left(kiosk) == 35 * 60
    assert told(kiosk)[0] == "lesson-open-35"


def test_without_the_time_a_restart_closes_until_the_time_is_known(kiosk: PortalTurns) -> None:
    """Open for ever would be worse than closed for a minute; a running lesson needs no wall clock."""
    obey(kiosk, order(kiosk, 45))
    kiosk.site.kiosk.quality = ClockQuality.UNSYNCED
    assert seconds_left(kiosk) == 45 * 60
    kiosk.restart()
    assert seconds_left(kiosk) == 0
    kiosk.site.kiosk.quality = ClockQuality.SYNCED
    assert seconds_left(kiosk) == 45 * 60


def test_a_clock_that_was_put_back_opens_nothing_for_longer_than_can_be_ordered(kiosk: PortalTurns) -> None:
    """After a restart with a clock that is a day behind the lesson is over."""
    obey(kiosk, order(kiosk, LONGEST_LESSON_MINUTES))
    kiosk.restart()
    kiosk.site.kiosk.wall_offset_ms = -24 * 60 * MINUTE_MS
    assert seconds_left(kiosk) == 0


def test_a_lesson_that_the_disk_did_not_take_is_not_open(kiosk: PortalTurns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither portal nor desk is told that it is; one that was open before stays so."""
    obey(kiosk, order(kiosk, 15))
    with monkeypatch.context() as broken:
        broken.setattr(kiosk.site.kiosk.ledger, "commit", refuse)
        obey(kiosk, order(kiosk, 60, counter=2))
    assert seconds_left(kiosk) == 15 * 60


def refuse() -> None:
    raise StoreFault("kiosk.db: no disk; check that it is there")


def test_a_kiosk_that_is_no_portal_says_so(tmp_path: Path) -> None:
    """It opens nothing, and the desk that asked reads why; one that nobody asked says nothing of phones."""
    turns = KioskTurns(tmp_path)
    assert told(turns) == ()
    obey(turns, order(turns, 30))
    assert told(turns) == ("no-portal",)
    assert turns.engine.lesson.left_ms(turns.site.kiosk.now()) == 0
    turns.site.close()


def test_phones_are_answered_while_a_lesson_is_open(kiosk: PortalTurns) -> None:
    """Opening a lesson takes nothing from the talk."""
    obey(kiosk, order(kiosk, 30))
    assert kiosk.hand_in(report("yes")).known is not None


def test_what_lies_on_the_disk_is_the_time_and_no_more(kiosk: PortalTurns) -> None:
    """One number; a second reader of the same ledger comes to the same end."""
    obey(kiosk, order(kiosk, 30))
    note = kiosk.site.kiosk.ledger.note("lesson until")
    assert note == (WALL_MS + kiosk.site.ms + 30 * MINUTE_MS).to_bytes(8, "big")
    assert Lesson(kiosk.site.kiosk.ledger).left_ms(kiosk.site.kiosk.now()) == 30 * MINUTE_MS
