"""No screen says more than was proved: every combination of receipts, times and duty."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, product

import pytest

from firmware.messages import DutyState, Stage
from kiosk.talk.truths import (
    GOING_SOON_LIMIT_MS,
    HUMAN_WAY_MS,
    NOT_CONFIRMED_MS,
    WORDS,
    DutyView,
    Facts,
    Sign,
    Truth,
    duty_truth,
    sentence,
    truth_of,
)
from tests.support.talks import Proof, secondary

ON, OFF, UNKNOWN = DutyView(DutyState.ON, "16:15"), DutyView(DutyState.OFF, "08:15 tomorrow"), DutyView()
NO_STAGE: frozenset[Stage] = frozenset()
ALL_STAGES = [
    frozenset(stages) for stages in chain.from_iterable(combinations(Stage, size) for size in range(len(Stage) + 1))
]
TIMES_MS = (0, 1, NOT_CONFIRMED_MS - 1, NOT_CONFIRMED_MS, HUMAN_WAY_MS - 1, HUMAN_WAY_MS, 30_000, 34_999, 50_000, 10**9)
SENT_MS = (None, 0, 4_000, 25_000)

# What must have been proved before each truth about a report may be said: any one of these stages.
NEEDS_ONE_OF: dict[Truth, set[Stage]] = {
    Truth.ARRIVED: {Stage.STORED, Stage.DISPLAYED},
    Truth.NOTICED: {Stage.NOTICED},
    Truth.ACKNOWLEDGED: {Stage.ACKNOWLEDGED},
    Truth.CLOSED: {Stage.CLOSED},
    Truth.REFUSED: {Stage.REFUSED},
}


def every_proof() -> Iterator[tuple[Proof | None, int, bool]]:
    for stages, now_ms, hurry, sent_ms in product(ALL_STAGES, TIMES_MS, (True, False), SENT_MS):
        for failed in (True, False):
            yield Proof(saved_ms=0, hurry=hurry, first_sent_ms=sent_ms, stages=stages), now_ms, failed
            yield None, now_ms, failed


def test_every_truth_has_its_proof() -> None:
    """Over all receipts × times × hurry × sent × failed × duty, what is said was proved, and what is proved is said."""
    for (proof, now_ms, failed), duty in product(every_proof(), (ON, OFF, UNKNOWN)):
        view = truth_of(proof, duty, now_ms, failed=failed)
        assert view.duty is duty_truth(duty)
        if proof is None:
            assert view.truth is (Truth.DISK_FULL if failed else None)
            continue
        needed = NEEDS_ONE_OF.get(view.truth) if view.truth else None
        if needed is not None:
            assert proof.stages & needed
        else:
            assert view.truth in (Truth.SAVED, Truth.GOING_SOON, Truth.NOT_CONFIRMED, Truth.HUMAN_WAY)
            assert not proof.stages


def test_the_bare_button_is_never_a_staff_member() -> None:
    """However the receipts are combined, without a reader's signed word nobody "has answered"."""
    for stages in ALL_STAGES:
        said = truth_of(Proof(stages=stages), ON, 0).truth
        assert (said is Truth.ACKNOWLEDGED) <= (Stage.ACKNOWLEDGED in stages)
        assert (said is Truth.CLOSED) == (Stage.CLOSED in stages)
    noticed = truth_of(Proof(stages=frozenset({Stage.STORED, Stage.DISPLAYED, Stage.NOTICED})), ON, 0)
    assert noticed.truth is Truth.NOTICED
    assert noticed.sign is Sign.HALF


def test_refused_outweighs_all_but_a_reader() -> None:
    """Arrived and noticed do not hide that nobody can read it; a reader's word does."""
    low = frozenset({Stage.REFUSED, Stage.STORED, Stage.DISPLAYED, Stage.NOTICED})
    assert truth_of(Proof(stages=low), ON, 0).truth is Truth.REFUSED
    assert truth_of(Proof(stages=low | {Stage.ACKNOWLEDGED}), ON, 0).truth is Truth.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("waited_ms", "truth"),
    [
        (0, Truth.SAVED),
        (NOT_CONFIRMED_MS - 1, Truth.SAVED),
        (NOT_CONFIRMED_MS, Truth.NOT_CONFIRMED),
        (HUMAN_WAY_MS - 1, Truth.NOT_CONFIRMED),
        (HUMAN_WAY_MS, Truth.HUMAN_WAY),
    ],
)
def test_waiting_is_told_at_5_and_20_seconds(waited_ms: int, truth: Truth) -> None:
    """With hurry it counts from saving, sent or not; without, from the first transmission."""
    assert truth_of(Proof(saved_ms=700), ON, 700 + waited_ms).truth is truth
    assert truth_of(Proof(saved_ms=700, first_sent_ms=900), ON, 700 + waited_ms).truth is truth
    slow = Proof(saved_ms=700, hurry=False, first_sent_ms=20_700)
    assert truth_of(slow, ON, 20_700 + waited_ms).truth is truth


def test_nobody_can_tell_is_said_only_where_nobody_can_tell() -> None:
    """Neither "saved" nor "not saved" when no answer came; what was proved before stands above it."""
    assert truth_of(None, ON, 0, failed=True, unsure=True).truth is Truth.UNSURE
    assert truth_of(None, ON, 0, failed=True, unsure=True).sign is Sign.FAILED
    assert truth_of(None, ON, 0, unsure=True).truth is None
    assert truth_of(Proof(), ON, 0, failed=True, unsure=True).truth is Truth.SAVED


def test_going_soon_is_not_said_for_ever() -> None:
    """A report without hurry that has not left when its heartbeat is overdue is counted as waiting."""
    slow = Proof(saved_ms=0, hurry=False)
    assert truth_of(slow, ON, GOING_SOON_LIMIT_MS - 1).truth is Truth.GOING_SOON
    assert truth_of(slow, ON, GOING_SOON_LIMIT_MS + NOT_CONFIRMED_MS).truth is Truth.NOT_CONFIRMED
    assert truth_of(slow, ON, GOING_SOON_LIMIT_MS + HUMAN_WAY_MS).truth is Truth.HUMAN_WAY


def test_off_duty_without_a_time_is_unknown() -> None:
    """We name a time only when we were told one."""
    assert duty_truth(DutyView(DutyState.OFF)) is Truth.DUTY_UNKNOWN
    assert duty_truth(OFF) is Truth.OFF_DUTY
    assert duty_truth(ON) is None


PLAIN = {
    Truth.SAVED: "Saved here. Trying to send it to the office.",
    Truth.GOING_SOON: "Saved here. It goes to the office within a minute.",
    Truth.NOT_CONFIRMED: "Saved here. The office has not confirmed it. Still trying.",
    Truth.HUMAN_WAY: "Still trying. Don't wait: go to reception. Danger: 999.",
    Truth.ARRIVED: "The office computer has it. No answer yet.",
    Truth.OFF_DUTY: "Nobody is on duty until 08:15 tomorrow. Danger: 999. Childline: 0800 1111.",
    Truth.DUTY_UNKNOWN: "We can't tell if anyone is there. Danger: 999.",
    Truth.NOTICED: 'Someone at the office pressed "I have it".',
    Truth.ACKNOWLEDGED: "A staff member has answered. They may not have read everything.",
    Truth.CLOSED: "Staff have closed this. Not over? Tell us again.",
    Truth.REFUSED: "The office could not open this. Go to reception.",
    Truth.DISK_FULL: "Could not save. Not sent. Go to reception.",
    Truth.UNSURE: "We can't tell if this was saved. Don't wait: go to reception. Danger: 999.",
}


@pytest.mark.parametrize("truth", list(Truth))
def test_the_words_of_each_truth(truth: Truth) -> None:
    """Word for word, with the profile's place, numbers and hours; Easy English fills the same facts."""
    facts = Facts.of(secondary(), private=False)
    assert sentence(truth, facts, until="08:15 tomorrow") == PLAIN[truth]
    easy = WORDS[truth].easy.format(
        place=facts.place, danger="999", listener="Childline", listener_contact="0800 1111", time="08:15 tomorrow"
    )
    for fact in ("reception", "999", "0800 1111", "08:15 tomorrow"):
        assert (fact in easy) == (fact in PLAIN[truth])


def test_every_truth_about_a_report_has_a_shape() -> None:
    """Nothing depends on colour: hollow, half, full or failed, and never full before a reader's word."""
    full = set()
    for proof, now_ms, failed in every_proof():
        view = truth_of(proof, ON, now_ms, failed=failed)
        assert (view.sign is Sign.NONE) == (view.truth is None)
        if view.sign is Sign.FULL:
            full.add(view.truth)
    assert full == {Truth.ACKNOWLEDGED, Truth.CLOSED}
