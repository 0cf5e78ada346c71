"""Trouble: plain sentences, remedies, and folding by cause."""

from __future__ import annotations

import pytest

from firmware.trouble import DEVICE_FAULTS, FOLD_ABOVE, PORTAL_FAULTS, WORDS, Cause, Trouble, folded, trouble_id

ROOMS = {bytes([number]) * 16: f"Room {number}" for number in range(1, 10)}


def troubles(cause: Cause, count: int) -> list[Trouble]:
    return [Trouble(trouble_id(cause, device), cause, device, 10) for device in list(ROOMS)[:count]]


def test_every_cause_has_a_sentence_and_a_remedy() -> None:
    """Nothing can be raised that a screen could not say, with what to do about it."""
    assert set(WORDS) == set(Cause)
    assert all(words.remedy.endswith(".") and len(words.remedy) > 10 for words in WORDS.values())


@pytest.mark.parametrize("cause", list(Cause))
def test_a_cause_shared_by_more_than_three_is_one_line(cause: Cause) -> None:
    """Three devices are three lines; four are one line that names them and stands for all four."""
    three = folded(troubles(cause, FOLD_ABOVE), ROOMS.__getitem__)
    four = folded(troubles(cause, FOLD_ABOVE + 1), ROOMS.__getitem__)
    assert (len(three), len(four)) == (3, 1)
    assert len(four[0].ids) == 4
    assert "Room 1, Room 2, Room 3, Room 4" in four[0].sentence


def test_seven_silent_kiosks_read_as_one_sentence() -> None:
    """The line is short however many are silent."""
    (line,) = folded(troubles(Cause.SILENT, 7), ROOMS.__getitem__)
    assert line.sentence == "7 units silent: Room 1, Room 2, Room 3, Room 4 and 3 more"


@pytest.mark.requirement("B8", "B3")
def test_what_a_portal_finds_is_said_with_what_to_do() -> None:
    """Rules past their review date, a look-alike Wi-Fi, no way on-line: the room, the fact, and whom to tell."""
    assert PORTAL_FAULTS.keys() >= {"aup-review", "look-alike", "gate-down"}
    assert PORTAL_FAULTS.items() <= DEVICE_FAULTS.items()
    place = ROOMS.__getitem__
    lines = {cause.value: folded(troubles(cause, 1), place)[0] for cause in PORTAL_FAULTS.values()}
    assert lines["aup-review"].sentence == "Room 1 has rules for phones past their review date"
    assert "whoever keeps the policies" in lines["aup-review"].remedy
    assert lines["look-alike"].sentence == "Room 1 sees a Wi-Fi with our name that is not ours"
    assert "the technician" in lines["look-alike"].remedy
    assert "join only the Wi-Fi that our notices name" in lines["look-alike"].remedy
    assert lines["gate-down"].sentence == "Room 1 cannot let phones on-line"
    assert not any(line.passing or line.sounds for line in lines.values())


@pytest.mark.requirement("B3")
@pytest.mark.parametrize(
    ("code", "fact", "remedy"),
    [
        ("portal-silent", "Room 1 shows phones no page", "Until then learners who need help use the kiosk"),
        ("portal-full", "Room 1 takes no more messages from phones", "The kiosk's own screen still works"),
        ("portal-store", "Room 1 cannot write down what phones agree to", "check its disk"),
        ("portal-clock", "Room 1 keeps phones off-line, for its clock is wrong", "how it gets the time"),
    ],
)
def test_what_is_wrong_with_a_portal_itself_is_said_in_plain_words(code: str, fact: str, remedy: str) -> None:
    """A state that goes with its cause, no sound; and what learners can do meanwhile, or who mends it."""
    (line,) = folded(troubles(PORTAL_FAULTS[code], 1), ROOMS.__getitem__)
    assert DEVICE_FAULTS[code] is PORTAL_FAULTS[code]
    assert line.sentence == fact
    assert remedy in line.remedy
    assert (line.passing, line.sounds) == (False, False)


def test_what_sounds_stands_first_then_the_oldest() -> None:
    """Order is by what must be done first."""
    lines = folded(
        [
            Trouble("a", Cause.LID_OPEN, b"\1" * 16, 50),
            Trouble("b", Cause.BUTTON_CUT, b"\2" * 16, 20),
            Trouble("c", Cause.SITE_BLIND, b"", 90),
        ],
        ROOMS.__getitem__,
    )
    assert [line.ids for line in lines] == [("c",), ("b",), ("a",)]
