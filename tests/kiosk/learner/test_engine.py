"""The kiosk's mind over a real ledger, a real courier and real desks: saved means saved, whatever the disk does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.commands import LessonUnlock, Order, Resend, command
from firmware.courier import Commanded, SheetAdopted
from firmware.envelope import open_alert, parse_up
from firmware.errors import StoreFault
from firmware.link import Connected, Disconnected
from firmware.messages import Kind, Stage
from firmware.receipt_codes import CODE_DAYS
from kiosk.learner.engine import Acknowledge, KioskEffect, LearnTime, Publish, TalkTouched
from kiosk.talk import state as talk
from kiosk.talk.asking import CODES_REST_MS, WRONG_CODES_MAX
from kiosk.talk.codes import code_words
from kiosk.talk.pages import CODE_UNKNOWN
from kiosk.talk.questions import CODE_KEPT_BODY, ScreenId
from tests.support.conversation import LEAD_ID
from tests.support.kiosk_turns import TOUCH, KioskTurns

DANGER = (TOUCH, "yes")
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[KioskTurns]:
    turns = KioskTurns(tmp_path)
    yield turns
    turns.site.close()


@pytest.fixture
def two_desks(tmp_path: Path) -> Iterator[KioskTurns]:
    turns = KioskTurns(tmp_path, desks=2)
    yield turns
    turns.site.close()


def fill_the_disk(kiosk: KioskTurns) -> None:
    """No page more for the database."""
    database = kiosk.site.kiosk.ledger._database
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count={pages}")


def make_room(kiosk: KioskTurns) -> None:
    kiosk.site.kiosk.ledger._database.execute("PRAGMA max_page_count=1000000")


def report_of(kiosk: KioskTurns) -> bytes:
    assert kiosk.talk.report is not None
    return kiosk.talk.report.report


def sent(effects: list[KioskEffect], kiosk: KioskTurns) -> list[Kind]:
    envelopes = [parse_up(effect.payload) for effect in effects if isinstance(effect, Publish)]
    return [open_alert(up, kiosk.site.people.desk_key).kind for up in envelopes]


# ------------------------------------------------------------------ saved


@pytest.mark.requirement("L1")
def test_saved_is_told_after_the_commit_and_not_before(kiosk: KioskTurns) -> None:
    """After the step the talk knows no report yet; after the commit it does, and a new start finds it on the disk."""
    now = kiosk.site.kiosk.now()
    kiosk.touch(TOUCH)
    kiosk.engine.step([TalkTouched(talk.Chosen("yes"))], now)
    assert (kiosk.talk.screen, kiosk.talk.saved) == (ScreenId.TRUTHS, False)
    assert kiosk.page.truth == "Saving…"
    kiosk.engine.commit()
    report = report_of(kiosk)
    assert kiosk.page.truth == "Saved here. Trying to send it to the office."
    kiosk.restart()
    assert kiosk.courier.progress(report) is not None


def test_a_full_disk_is_told_and_trying_again_saves(kiosk: KioskTurns) -> None:
    """The page says that nothing was sent, nothing is kept, the heartbeats name the fault; with room, it works."""
    fill_the_disk(kiosk)
    kiosk.touch(*DANGER)
    assert kiosk.page.truth == "Could not save. Not sent. Go to reception."
    assert list(kiosk.courier.outbox.reports()) == []
    kiosk.turn()
    assert "disk-full" in kiosk.courier._faults
    make_room(kiosk)
    kiosk.touch("try-again")
    assert list(kiosk.courier.outbox.reports()) == [report_of(kiosk)]
    kiosk.turn()
    assert kiosk.courier._faults == ()


def test_a_report_that_found_no_place_does_not_take_another_with_it(
    kiosk: KioskTurns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two in one turn, one place: the first is saved and said to be, only the second is not."""
    monkeypatch.setattr("firmware.outbox.MAX_REPORTS", 1)
    kiosk.touch(TOUCH)
    kiosk.turn(TalkTouched(talk.Chosen("yes")), TalkTouched(talk.SilentCall()))
    assert kiosk.talk.saved
    assert kiosk.talk.call is not None
    assert kiosk.talk.call.failed
    assert list(kiosk.courier.outbox.reports()) == [report_of(kiosk)]
    kiosk.turn()
    assert "disk-full" in kiosk.courier._faults


def test_a_turn_that_was_called_lost_is_not_kept_by_the_next(
    kiosk: KioskTurns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit fails after the report was written: the learner reads "not sent", and so it is, for ever."""
    kiosk.touch(TOUCH)
    with monkeypatch.context() as broken:
        broken.setattr(kiosk.site.kiosk.ledger, "commit", refuse)
        kiosk.touch("yes")
    assert kiosk.page.truth == "Could not save. Not sent. Go to reception."
    kiosk.connect()
    kiosk.wait(60_000)
    assert set(sent(kiosk.effects, kiosk)) == {Kind.HEARTBEAT}
    kiosk.restart()
    assert list(kiosk.courier.outbox.reports()) == []


def refuse() -> None:
    raise StoreFault("kiosk.db: no disk; check that it is there")


def test_what_was_answered_in_a_lost_turn_is_acknowledged_all_the_same(
    kiosk: KioskTurns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receipt that was not kept is not held, so the desk says it again; unacknowledged it would stop up the link."""
    kiosk.touch(*DANGER)
    kiosk.connect()
    answers = [kiosk.received(payload) for payload in kiosk.answers]
    with monkeypatch.context() as broken:
        broken.setattr(kiosk.site.kiosk.ledger, "commit", refuse)
        effects = kiosk.turn(*answers)
    assert [effect.token for effect in effects if isinstance(effect, Acknowledge)] == [each.token for each in answers]
    assert any(isinstance(effect, LearnTime) for effect in effects)
    assert not [effect for effect in effects if isinstance(effect, Publish)]
    kiosk.answers.clear()
    report = report_of(kiosk)
    for _ in range(20):
        kiosk.wait(3_000)
        kiosk.deliver()
    progress = kiosk.courier.progress(report)
    assert progress is not None
    assert Stage.STORED in progress.stages


def test_a_link_that_comes_up_in_a_bad_turn_is_up(kiosk: KioskTurns, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event before it could not be written: the connection is known all the same, and the report goes later."""
    kiosk.connect()
    kiosk.touch(*DANGER)
    kiosk.turn(Disconnected("cut"))
    waiting = kiosk.received(kiosk.answers[-1])
    kiosk.answers.clear()
    with monkeypatch.context() as broken:
        broken.setattr(kiosk.site.kiosk.ledger, "append", lambda kind, **what: refuse())
        kiosk.turn(waiting, Connected())
    assert kiosk.engine.connected
    for _ in range(10):
        kiosk.wait(3_000)
        kiosk.deliver()
    assert "has it" in kiosk.page.truth


def test_a_disk_that_cannot_even_be_read_is_tried_again(kiosk: KioskTurns, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is away every report is refused truthfully and nothing is sent; when it is back, all works."""
    kiosk.touch(*DANGER)
    first = report_of(kiosk)
    with monkeypatch.context() as broken:
        broken.setattr(kiosk.site.kiosk.ledger, "with_body", lambda kind: refuse())
        with monkeypatch.context() as worse:
            worse.setattr(kiosk.site.kiosk.ledger, "commit", refuse)
            kiosk.touch(talk.SilentCall())
        kiosk.touch(talk.HideNow(), *DANGER)
        assert kiosk.page.truth == "Could not save. Not sent. Go to reception."
    kiosk.touch("try-again")
    assert set(kiosk.courier.outbox.reports()) == {first, report_of(kiosk)}


# ------------------------------------------------------------------ silent call and words


@pytest.mark.requirement("L5")
def test_holding_the_button_calls_and_shows_nothing_but_the_dot(kiosk: KioskTurns) -> None:
    """Two seconds: an urgent call is saved and sent, the tips stay."""
    kiosk.connect()
    kiosk.button(held_ms=2_500)
    assert kiosk.talk.screen is ScreenId.IDLE
    assert kiosk.talk.call is not None
    assert kiosk.talk.call.report != b""
    assert Kind.SILENT_CALL in sent(kiosk.effects, kiosk)
    kiosk.deliver()
    progress = kiosk.talk.call.progress
    assert progress is not None
    assert Stage.STORED in progress.stages


def test_a_tap_of_the_button_opens_the_talk(kiosk: KioskTurns) -> None:
    """Short is a press; the next one hides."""
    opened = []
    for _ in range(2):
        kiosk.button(held_ms=200)
        opened.append(kiosk.talk.screen)
    assert opened == [ScreenId.DANGER, ScreenId.IDLE]


def at_words(kiosk: KioskTurns) -> None:
    kiosk.touch(*DANGER, "add-more", "skip", "me", "today", "skip", "skip", "skip", "skip")
    assert kiosk.talk.screen is ScreenId.WORDS


def test_typed_words_are_wiped_once_saved(kiosk: KioskTurns) -> None:
    """After *saved* nothing of them stands in the buffer; until then they stay, to be sent again."""
    at_words(kiosk)
    kiosk.type("by the gate")
    fill_the_disk(kiosk)
    kiosk.touch("send-words")
    assert (len(kiosk.engine.typed), kiosk.talk.typed_failed) == (11, True)
    make_room(kiosk)
    kiosk.touch("send-words")
    assert (len(kiosk.engine.typed), any(kiosk.engine.typed._buffer)) == (0, False)
    assert kiosk.talk.screen is ScreenId.TRUTHS


@pytest.mark.parametrize("leaving", [talk.HideNow(), talk.Back(), "skip"], ids=["hide", "back", "skip"])
def test_typed_words_are_wiped_on_leaving(kiosk: KioskTurns, leaving: talk.Event | str) -> None:
    """Hidden, gone back or skipped: zeros."""
    at_words(kiosk)
    kiosk.type("by the gate")
    kiosk.touch(leaving)
    assert not any(kiosk.engine.typed._buffer)


# ------------------------------------------------------------------ five words


def found(kiosk: KioskTurns) -> bool:
    return kiosk.talk.screen is ScreenId.FOUND and kiosk.talk.found is not None


def given_code(kiosk: KioskTurns) -> tuple[str, ...]:
    """A learner sends, asks for five words and keeps them."""
    kiosk.touch(*DANGER, "code", "give-code")
    words = kiosk.page.code
    assert len(words) == 5
    kiosk.touch("kept-code")
    return words


@pytest.mark.requirement("L7")
def test_the_kept_words_show_what_became_of_it(kiosk: KioskTurns) -> None:
    """At the same kiosk, later and by anybody who holds them, in any order: saved, arrived, noticed, as it happens."""
    words = given_code(kiosk)
    report = report_of(kiosk)
    kiosk.ask(words[::-1])
    assert found(kiosk)
    assert kiosk.page.truth == "Saved here. Trying to send it to the office."
    kiosk.connect()
    kiosk.deliver()
    assert kiosk.page.truth == "The office computer has it. No answer yet."
    kiosk.mark(report, Stage.NOTICED)
    assert kiosk.page.truth == 'Someone at the office pressed "I have it".'
    assert not any(kiosk.engine.typed._buffer)


@pytest.mark.requirement("L7")
def test_the_words_work_after_a_restart_and_after_the_body_has_gone(two_desks: KioskTurns) -> None:
    """Two desks have it, the sealed body leaves the card, the power goes: a reader's answer is still shown, believed
    only with the reader's own signature."""
    kiosk = two_desks
    words = given_code(kiosk)
    report = report_of(kiosk)
    kiosk.restart()
    kiosk.ask(words)
    assert "Saved here" in kiosk.page.truth
    kiosk.connect()
    for _ in range(10):
        kiosk.deliver()
        kiosk.wait(3_000)
    assert kiosk.site.kiosk.ledger.with_body("report") == []
    kiosk.restart()
    kiosk.connect()
    site = kiosk.site
    site.desk.mark_by(site.people.lead, LEAD_ID, report, Stage.ACKNOWLEDGED)
    kiosk.wait(30_000)
    kiosk.deliver()
    kiosk.ask(words)
    assert kiosk.page.truth == "A staff member has answered. They may not have read everything."


@pytest.mark.requirement("L7")
def test_no_words_are_given_that_the_kiosk_would_not_know(kiosk: KioskTurns) -> None:
    """The disk takes neither the addition for staff nor the code: no words are shown; at the next try both are kept."""
    kiosk.touch(*DANGER, "code")
    fill_the_disk(kiosk)
    kiosk.touch("give-code")
    assert kiosk.page.code == ()
    make_room(kiosk)
    kiosk.touch("give-code")
    words = kiosk.page.code
    kiosk.ask(words)
    assert found(kiosk)


@pytest.mark.requirement("L7")
def test_unknown_words_say_where_to_go_and_stay_to_be_mended(kiosk: KioskTurns) -> None:
    """A slip in the last letter: told calmly, with both places, mended with one key, found."""
    words = given_code(kiosk)
    kiosk.touch(talk.HideNow(), TOUCH, "have-code")
    kiosk.type(" ".join(words) + "q")
    kiosk.touch("look-up")
    assert kiosk.page.truth == CODE_UNKNOWN.format(place="reception or someone you trust outside school")
    kiosk.touch("mend-words", talk.KeyDeleted(), "look-up")
    assert found(kiosk)


@pytest.mark.requirement("L7")
def test_wrong_words_are_looked_up_five_times_and_then_rest(kiosk: KioskTurns) -> None:
    """After the fifth nothing is looked up for a minute, whoever stands there; then the right words work."""
    words = given_code(kiosk)
    wrong = tuple(word for word in code_words() if word not in words)[:5]
    for _ in range(WRONG_CODES_MAX):
        kiosk.ask(wrong)
        assert "We do not know these words" in kiosk.page.truth
    kiosk.ask(words)
    assert "Wait a minute" in kiosk.page.truth
    kiosk.wait(CODES_REST_MS)
    kiosk.touch("mend-words", "look-up")
    assert "Still trying" in kiosk.page.truth


def test_the_page_promises_the_days_that_the_kiosk_keeps(kiosk: KioskTurns) -> None:
    """The sentence names the same number, and the words still work on the last of them."""
    assert f"for {CODE_DAYS} days" in CODE_KEPT_BODY
    words = given_code(kiosk)
    kiosk.connect()
    kiosk.deliver()
    kiosk.wait((CODE_DAYS - 1) * DAY_MS)
    kiosk.ask(words)
    assert found(kiosk)


@pytest.mark.requirement("L7", "D1")
def test_no_word_of_a_code_lies_on_the_card(kiosk: KioskTurns) -> None:
    """Neither in the database nor in its log."""
    words = given_code(kiosk)
    kiosk.ask(words)
    folder = kiosk.site.kiosk.path.parent
    for file in folder.glob(f"{kiosk.site.kiosk.path.name}*"):
        found = file.read_bytes()
        assert " ".join(sorted(words)).encode() not in found
        assert sum(word.encode() in found for word in words if len(word) > 4) == 0


# ------------------------------------------------------------------ orders


def ordered(kiosk: KioskTurns, order: Order, *, counter: int = 1) -> list[KioskEffect]:
    now = kiosk.site.kiosk.now()
    sealed = command(order, counter=counter, boot=kiosk.courier.boot, kiosk_now_ms=now.monotonic_ms)
    kiosk.engine._carry_out([Commanded(kiosk.site.desk.id, sealed)], now)
    return kiosk.turn()


def test_a_desk_may_order_a_report_again_and_no_replay_does(kiosk: KioskTurns) -> None:
    """One that every desk has stored goes once more; the same order again does nothing, restarts included."""
    kiosk.connect()
    kiosk.touch(*DANGER)
    report = report_of(kiosk)
    kiosk.deliver()
    kiosk.site.ms += 100
    assert Kind.REPORT not in sent(ordered(kiosk, LessonUnlock(60)), kiosk)
    assert Kind.REPORT in sent(ordered(kiosk, Resend(report), counter=2), kiosk)
    kiosk.deliver()
    kiosk.wait(40_000)
    kiosk.deliver()
    assert Kind.REPORT not in sent(ordered(kiosk, Resend(report), counter=2), kiosk)
    kiosk.restart()
    kiosk.connect()
    kiosk.deliver()
    assert Kind.REPORT not in sent(ordered(kiosk, Resend(b""), counter=2), kiosk)


def test_nothing_from_outside_stops_a_turn(kiosk: KioskTurns) -> None:
    """Bytes on any topic: refused, acknowledged, and the page stays as it is."""
    kiosk.touch(*DANGER)
    before = kiosk.talk
    for topic in ("", "x", kiosk.topics.down(b"o" * 16), kiosk.topics.sheet(), kiosk.topics.down(kiosk.site.kiosk.id)):
        event = kiosk.received(b"\x00" * 40)
        kiosk.turn(type(event)(topic, event.payload, event.token))
    assert len(kiosk.acknowledged()) == 5
    assert kiosk.talk == before
    assert not [news for news in kiosk.site.kiosk.news if isinstance(news, SheetAdopted)]
