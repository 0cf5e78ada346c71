"""Cases: stages join upward within a generation; closing needs a reason, and a serious one a second reader."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.messages import Stage, StageEvent, Urgency
from kiosk.staff.cases import RANK, CaseBook, CaseState, NeedsAnotherReader, NeedsReason, Outcome, is_serious

REPORT, ANNA, BEN = b"R" * 16, b"A" * 16, b"B" * 16


def event(stage: Stage, *, generation: int = 0, at_ms: int = 5, reader: bytes = b"") -> StageEvent:
    return StageEvent(REPORT, b"d" * 32, b"K" * 16, stage, generation, at_ms, b"D" * 16, reader)


def durable(state: CaseState) -> tuple[object, ...]:
    """What must not depend on the order in which desks told each other."""
    return (
        state.generation,
        state.stage,
        state.acknowledged_by,
        state.noticed_at_ms,
        state.acknowledged_at_ms,
    )


EVENTS = st.builds(
    event,
    st.sampled_from(list(Stage)),
    generation=st.integers(0, 2),
    at_ms=st.integers(0, 3),
    reader=st.sampled_from([ANNA, BEN]),
)


@given(st.lists(EVENTS, max_size=5))
def test_events_merge_as_a_set(events: list[StageEvent]) -> None:
    """Any order and any repetition of the same events gives the same state: a partition of desks heals."""
    results = set()
    for order in itertools.permutations(events):
        book = CaseBook()
        for each in (*order, *order):
            book.merge(each, 100)
        results.add(durable(book.state(REPORT)))
    assert len(results) <= 1


@given(st.lists(EVENTS, max_size=8))
def test_a_stage_never_sinks_within_a_generation(events: list[StageEvent]) -> None:
    """(generation, stage) only grows; `refused` changes nothing."""
    book = CaseBook()
    before = (0, 0)
    for each in events:
        book.merge(each, 1)
        state = book.state(REPORT)
        assert (state.generation, RANK[state.stage]) >= before
        before = (state.generation, RANK[state.stage])


def test_a_repeated_notice_does_not_prolong_the_silence() -> None:
    """The same event told again by another desk leaves the time of the first."""
    book = CaseBook()
    assert book.merge(event(Stage.NOTICED), 1_000)
    assert not book.merge(event(Stage.NOTICED), 90_000)
    assert book.state(REPORT).noticed_ms == 1_000


def test_opening_again_starts_a_new_ladder() -> None:
    """A new generation forgets that somebody had answered."""
    book = CaseBook()
    for stage in (Stage.ACKNOWLEDGED, Stage.CLOSED):
        book.merge(event(stage, reader=ANNA), 10)
    assert book.state(REPORT).closed
    assert book.merge(event(Stage.DISPLAYED, generation=1), 5_000)
    state = book.state(REPORT)
    assert (state.closed, state.answered, state.since_ms) == (False, False, 5_000)
    assert not book.merge(event(Stage.CLOSED), 6_000)


def test_generations_that_nobody_closed_put_no_ladder_off() -> None:
    """A desk that raises generations again and again does not make the ladder of an open report begin anew."""
    book = CaseBook()
    book.begin(REPORT, 1_000)
    for generation in range(1, 5):
        book.merge(event(Stage.STORED, generation=generation), 1_000 + generation * 100_000)
    assert book.state(REPORT).since_ms == 1_000


@pytest.mark.requirement("S9")
@pytest.mark.parametrize(("outcome", "reason"), [(None, "done"), (Outcome.INTERNAL, ""), (Outcome.INTERNAL, "  \n")])
def test_closing_needs_an_outcome_and_a_reason(outcome: Outcome | None, reason: str) -> None:
    """Nothing is closed in silence."""
    with pytest.raises(NeedsReason):
        CaseBook().close(REPORT, serious=False, reader=ANNA, outcome=outcome, reason=reason)


@pytest.mark.requirement("S6")
def test_a_serious_case_is_closed_by_two_different_readers() -> None:
    """One reader proposes, another confirms; the first can never confirm their own wish."""
    book = CaseBook()
    with pytest.raises(NeedsAnotherReader):
        book.close(REPORT, serious=True, reader=ANNA, outcome=Outcome.POLICE, reason="reported to the police")
    with pytest.raises(NeedsAnotherReader):
        book.confirm(REPORT, reader=ANNA)
    wish = book.confirm(REPORT, reader=BEN)
    assert (wish.reader, wish.outcome, wish.reason) == (ANNA, Outcome.POLICE, "reported to the police")


@pytest.mark.requirement("S6")
def test_a_proposal_does_not_outlive_its_generation() -> None:
    """A case that was opened again needs a new wish, and one that was withdrawn is gone."""
    book = CaseBook()
    for _ in range(2):
        with pytest.raises(NeedsAnotherReader):
            book.close(REPORT, serious=True, reader=ANNA, outcome=Outcome.POLICE, reason="x")
        book.merge(event(Stage.DISPLAYED, generation=book.state(REPORT).generation + 1), 1)
        with pytest.raises(NeedsAnotherReader):
            book.confirm(REPORT, reader=BEN)
    with pytest.raises(NeedsAnotherReader):
        book.close(REPORT, serious=True, reader=ANNA, outcome=Outcome.POLICE, reason="x")
    book.withdraw(REPORT)
    assert book.proposal(REPORT) is None


@pytest.mark.requirement("S6")
@pytest.mark.parametrize(
    ("urgency", "private", "category", "serious"),
    [
        (Urgency.NOW, False, "", True),
        (Urgency.TODAY, True, "", True),
        (Urgency.TODAY, False, "self-harm", True),
        (Urgency.TODAY, False, "images", True),
        (Urgency.INFORMATION, False, "copying", False),
    ],
)
def test_which_cases_are_serious(urgency: Urgency, private: bool, category: str, serious: bool) -> None:
    """Danger, private reports and the floor categories need two; a copied essay does not."""
    assert is_serious(urgency, private=private, category=category) is serious
