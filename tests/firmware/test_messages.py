"""The nouns on the wire: bounds, round trips, and bytes from strangers."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import Refused
from firmware.messages import (
    Alert,
    ClockQuality,
    DeskNote,
    Down,
    Draft,
    Kind,
    Life,
    Receipt,
    Stage,
    Story,
    Struct,
    Urgency,
    decode,
    encode,
    encode_into,
    receipt_claim,
)

NOUNS: tuple[type[Struct], ...] = (Alert, Story, Draft, Down, DeskNote, Life, Receipt)


def alert(*, room: str = "Room 12", number: int = 1, faults: tuple[str, ...] = ()) -> Alert:
    return Alert(
        kind=Kind.REPORT,
        urgency=Urgency.NOW,
        private=False,
        room=room,
        language="en",
        about=b"",
        life=Life(1, 2, 3),
        wall_ms=5,
        clock=ClockQuality.SYNCED,
        number=number,
        previous=b"",
        receipts_held=(),
        desk_sheet_version=1,
        route_sheet_version=1,
        faults=faults,
    )


def parsed_or_reason(untrusted: bytes | bytearray, noun: type[Struct]) -> Struct | str:
    try:
        return decode(untrusted, noun)
    except Refused as refusal:
        return refusal.reason


@pytest.mark.parametrize("noun", NOUNS)
@settings(deadline=None, derandomize=True, max_examples=80)
@given(untrusted=st.binary(max_size=400))
def test_bytes_from_strangers_are_refused_or_parsed_and_nothing_else(noun: type[Struct], untrusted: bytes) -> None:
    """Any bytes either parse to a noun that encodes again or are refused with a reason; no other exception."""
    parsed = parsed_or_reason(untrusted, noun)
    assert parsed == "malformed" or (not isinstance(parsed, str) and decode(encode(parsed), noun) == parsed)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_of_an_alert_never_raises_anything_else(at: int, value: int) -> None:
    """One changed byte gives another alert or Refused("malformed")."""
    changed = bytearray(encode(alert()))
    changed[at % len(changed)] = value
    parsed = parsed_or_reason(changed, Alert)
    assert parsed == "malformed" or isinstance(parsed, Alert)


@pytest.mark.parametrize(
    "bad",
    [
        alert(room="r" * 49),
        alert(number=-1),
        alert(number=2**53 + 1),
        alert(faults=("cut",) * 9),
        alert(faults=("c" * 33,)),
        alert(faults=("naïve",)),
    ],
)
def test_a_field_out_of_bounds_is_refused(bad: Alert) -> None:
    """Bounds hold for whoever builds such bytes: long rooms, wild numbers, many or strange codes."""
    with pytest.raises(Refused):
        decode(encode(bad), Alert)


def test_an_array_with_more_fields_than_we_know_is_refused() -> None:
    """Nothing extra is accepted; a new field means a new version."""
    with pytest.raises(Refused):
        decode(b"\x94\x01\x02\x03\x04", Life)


def test_a_deep_nest_is_refused_and_does_not_overflow() -> None:
    """100,000 nested arrays are malformed, not a crash."""
    with pytest.raises(Refused):
        decode(b"\x91" * 100_000, Down)


def test_lives_are_ordered_by_epoch_then_boot_then_monotonic_time() -> None:
    """A later provisioning beats a later boot, a later boot beats a later time."""
    assert Life(1, 9, 9) < Life(2, 1, 1)
    assert Life(1, 1, 9) < Life(1, 2, 1)
    assert Life(1, 1, 1) < Life(1, 1, 2)


def test_words_may_come_in_a_buffer_that_can_be_wiped() -> None:
    """A bytearray encodes as bytes do, into the caller's buffer."""
    words, buffer = bytearray(b"help me"), bytearray()
    encode_into(Story(route="r", room="", text=cast(bytes, words)), buffer)
    assert decode(buffer, Story).text == b"help me"


def test_a_reader_signs_exactly_one_stage_of_one_report() -> None:
    """The bytes that a reader signs differ with site, report, digest, stage and generation."""
    one = (b"s" * 16, b"r" * 16, b"d" * 32, Stage.ACKNOWLEDGED, 0)
    others = [
        (b"S" * 16, *one[1:]),
        (one[0], b"R" * 16, *one[2:]),
        (*one[:2], b"D" * 32, *one[3:]),
        (*one[:3], Stage.CLOSED, 0),
        (*one[:4], 1),
    ]
    assert len({receipt_claim(*claim) for claim in [one, *others]}) == 6
