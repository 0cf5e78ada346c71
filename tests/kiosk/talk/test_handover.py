"""What portal and kiosk say to each other: bounded, strict, and nothing in it that a phone may not say."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Refused
from firmware.messages import Duty, DutyState, Stage
from kiosk.talk.handover import (
    ANSWERS,
    FRAME_BYTES,
    NOT_FROM_A_PHONE,
    AskCode,
    AskProgress,
    AskState,
    Deed,
    HandedIn,
    HandIn,
    KioskState,
    Known,
    Outcome,
    Told,
    allowed_answers,
    frame_of,
    known_of,
    progress_of,
    read_answer,
    read_request,
)
from kiosk.talk.questions import CATEGORIES, MEET_ANSWERS
from kiosk.talk.truths import DutyView, truth_of
from tests.support.talks import Proof, secondary

DUTY = Duty(DutyState.OFF, "08:15 on Monday")
LARGEST = HandIn(
    b"f" * 16,
    b"t" * 16,
    Deed.ADDITION,
    **{name: "\U0001f512" * 64 if name == "staff_choice" else "c" * 32 for name in ANSWERS},
    language="c" * 32,
    text=b"\xf0" * 2000,
    name=b"\xf0" * 320,
)
REQUESTS = (LARGEST, AskProgress(b"t" * 16), AskCode(b"d" * 32), AskState(("c" * 32,) * 6))
KNOWN = Known(True, 2**53, None, tuple(Stage), True)
ANSWERED = (
    HandedIn(Outcome.SAVED, Duty(DutyState.ON, "\U0001f512" * 64), b"t" * 16, KNOWN, ("w" * 64,) * 5),
    Told(DUTY, KNOWN, resting=True),
    KioskState(DUTY, 2**53),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_the_largest_question_fits_a_frame_and_comes_back(request_: HandIn) -> None:
    """Every field at its bound: within 8 KB, and read as it was written."""
    made = frame_of(request_)
    assert len(made) <= FRAME_BYTES
    assert read_request(made) == request_


@pytest.mark.parametrize("answer", ANSWERED, ids=lambda each: type(each).__name__)
def test_the_largest_answer_fits_a_frame_and_comes_back(answer: HandedIn) -> None:
    """As the questions do."""
    made = frame_of(answer)
    assert len(made) <= FRAME_BYTES
    assert read_answer(made) == answer


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_refused(untrusted: bytes) -> None:
    """Whatever comes over the line."""
    for read in (read_request, read_answer):
        with suppress(Refused):
            frame_of(read(untrusted))


@given(st.sampled_from(REQUESTS), st.data())
def test_a_changed_question_is_another_valid_one_or_refused(request_: HandIn, data: st.DataObject) -> None:
    """A byte turned over anywhere: bounds hold in whatever is read."""
    made = bytearray(frame_of(request_))
    made[data.draw(st.integers(0, len(made) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = read_request(bytes(made))
    except Refused:
        return
    assert len(frame_of(found)) <= FRAME_BYTES


def test_a_field_beyond_its_bound_is_refused() -> None:
    """One byte, one character, one fault too many."""
    too_much = (
        msgspec.structs.replace(LARGEST, text=b"x" * 2001),
        msgspec.structs.replace(LARGEST, name=b"x" * 321),
        msgspec.structs.replace(LARGEST, form=b"f" * 15),
        msgspec.structs.replace(LARGEST, danger="c" * 33),
        AskState(("c",) * 7),
        AskCode(b"d" * 31),
    )
    for wrong in too_much:
        with pytest.raises(Refused):
            read_request(frame_of(wrong))
    with pytest.raises(Refused):
        read_request(frame_of(LARGEST) + b"\x00" * FRAME_BYTES)


def test_a_phone_has_no_field_for_what_the_kiosk_decides() -> None:
    """Route, urgency, privacy, room, source and the report's id cannot even be said."""
    decided = {"route", "urgency", "private", "room", "source", "about", "report", "hurry", "kind", "code_digest"}
    assert not decided & set(HandIn.__struct_fields__)
    assert not {"report", "id"} & set(HandedIn.__struct_fields__) | set(Known.__struct_fields__) & {"report", "id"}


def test_the_answers_are_those_that_pages_offer() -> None:
    """Each question has its own; "skip" is none; nobody on a phone is met "here"."""
    allowed = allowed_answers(secondary())
    assert set(allowed) == set(ANSWERS)
    assert allowed["danger"] == {"", "yes", "no", "not-sure"}
    assert {option.id for option in CATEGORIES} < allowed["category"]
    assert not any("skip" in ids for ids in allowed.values())
    places = {place.id for place in secondary().places}
    assert "here" in places
    assert allowed["meet"] & places == places - {"here"}
    assert allowed["meet"] & set(MEET_ANSWERS) == set(MEET_ANSWERS) - NOT_FROM_A_PHONE


@given(
    st.integers(0, 10**6),
    st.booleans(),
    st.none() | st.integers(0, 10**6),
    st.frozensets(st.sampled_from(Stage)),
    st.integers(10**6, 10**7),
    st.integers(-(10**9), 10**9),
)
def test_the_same_truth_is_told_on_both_sides(
    saved_ms: int, hurry: bool, sent_ms: int | None, stages: frozenset[Stage], now_ms: int, there_ms: int
) -> None:
    """Two clocks, one truth: what the kiosk's screen would say now, the portal says."""
    here = Proof(saved_ms=saved_ms, hurry=hurry, first_sent_ms=sent_ms, stages=stages)
    there = progress_of(known_of(here, now_ms, private=False), b"t" * 16, there_ms)
    assert truth_of(there, DutyView(), there_ms) == truth_of(here, DutyView(), now_ms)
