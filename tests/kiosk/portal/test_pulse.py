"""The pulse: short, without words of anybody's own, only counted, and never told so that one person can be known."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import date
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.byod import Audience
from firmware.errors import Refused, StoreFault
from kiosk.portal.pulse import (
    ANSWERS_A_DAY_MAX,
    PULSE,
    SMALLEST_GROUP,
    TERMS_KEPT,
    PulseCounts,
    Total,
    as_rows,
    sentences,
    term_of,
    without_small_numbers,
)
from kiosk.talk.pictures import PICTURES
from tests.support.byod_samples import AT_LUNCH, LONDON, wall_ms

NOW, NEXT_TERM = wall_ms(AT_LUNCH), wall_ms("2027-04-14 12:30")
SPRING = "2027-1-spring"
KEY = bytes(range(32))
FIRST: Mapping[str, str] = {question.id: question.choices[0].id for question in PULSE}
SAFE = PULSE[0]


def phone(number: int) -> bytes:
    return number.to_bytes(16, "big")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pulse.json"


def opened(path: Path) -> PulseCounts:
    return PulseCounts(path, zone=LONDON, memory_key=KEY)


def ask(
    counts: PulseCounts, *places: int, audience: Audience = Audience.LEARNER, at_ms: int = NOW, first: int = 0
) -> None:
    """So many people answer the first question, each with the choice at this place."""
    for number, place in enumerate(places, first):
        counts.answer(audience, {SAFE.id: SAFE.choices[place].id}, pseudonym=phone(number), wall_ms=at_ms)


@pytest.mark.requirement("B13")
def test_it_is_short_and_has_pictures_and_no_room_for_words() -> None:
    """Five questions, four choices each with a picture that is drawn; every sentence fits a phone."""
    assert len(PULSE) == 5
    assert all(len(question.choices) == 4 for question in PULSE)
    assert all(choice.picture in PICTURES for question in PULSE for choice in question.choices)
    assert all(len({choice.id for choice in question.choices}) == 4 for question in PULSE)
    assert all(len({choice.picture for choice in question.choices}) == 4 for question in PULSE)
    assert all(len(sentence) <= 80 for sentence in sentences())


@pytest.mark.requirement("B13")
def test_answers_become_counts_by_term_and_audience(path: Path) -> None:
    """Five learners and six members of staff answer in spring; in summer the report has both, apart, by question."""
    counts = opened(path)
    for number in range(11):
        who = Audience.LEARNER if number < 5 else Audience.STAFF
        counts.answer(who, FIRST, pseudonym=phone(number), wall_ms=NOW)
    totals = opened(path).totals(SPRING, wall_ms=NEXT_TERM)
    assert {(total.audience, total.question) for total in totals} == {
        (who, question.id) for who in (Audience.LEARNER, Audience.STAFF) for question in PULSE
    }
    assert {total.audience: total.counts for total in totals} == {
        Audience.LEARNER: (5, None, None, None),
        Audience.STAFF: (6, None, None, None),
    }


def test_a_question_may_be_skipped_but_not_all(path: Path) -> None:
    """One answer counts; none is no answer."""
    counts = opened(path)
    ask(counts, 0, 0, 0, 0, 0)
    assert [total.question for total in counts.totals(SPRING, wall_ms=NEXT_TERM)] == [SAFE.id]
    with pytest.raises(Refused, match="no-answer"):
        counts.answer(Audience.LEARNER, {}, pseudonym=phone(9), wall_ms=NOW)


@pytest.mark.requirement("B13")
@pytest.mark.parametrize(
    "untrusted", [{"safe": "My name is Sam"}, {"name": "very"}, {**FIRST, "safe": ""}, {"rules": "very"}]
)
def test_what_is_not_one_of_our_answers_is_refused_whole(path: Path, untrusted: Mapping[str, str]) -> None:
    """No words of anybody's own come in, and nothing of such a form is counted."""
    counts = opened(path)
    with pytest.raises(Refused, match="unknown-answer"):
        counts.answer(Audience.LEARNER, untrusted, pseudonym=phone(1), wall_ms=NOW)
    assert list(path.parent.iterdir()) == []
    counts.answer(Audience.LEARNER, FIRST, pseudonym=phone(1), wall_ms=NOW)


# Stuffing


def test_one_device_counts_once_a_day(path: Path) -> None:
    """A second form of the same day is refused; the next day of the portal it is taken."""
    counts = opened(path)
    ask(counts, 0)
    with pytest.raises(Refused, match="already-answered"):
        ask(counts, 1)
    with pytest.raises(Refused, match="already-answered"):
        ask(counts, 1, at_ms=wall_ms("2027-01-14 03:59"))
    ask(counts, 1, at_ms=wall_ms("2027-01-14 04:00"))


def test_made_up_devices_fill_a_day_and_no_memory(path: Path) -> None:
    """After so many answers the day counts no more, whoever asks; the next day it does."""
    counts = PulseCounts(path, zone=LONDON, memory_key=KEY, answers_a_day_max=20)
    ask(counts, *[0] * 20)
    with pytest.raises(Refused, match="enough-for-today"):
        ask(counts, 0, first=20)
    ask(counts, 0, first=20, at_ms=NOW + 24 * 3_600_000)
    assert ANSWERS_A_DAY_MAX >= 2 * 400, "a site of 400 devices must fit twice"


def test_without_a_clock_nothing_is_counted(path: Path) -> None:
    """No term could be told."""
    with pytest.raises(Refused, match="clock-unknown"):
        ask(opened(path), 0, at_ms=0)
    with pytest.raises(Refused, match="clock-unknown"):
        opened(path).totals(SPRING, wall_ms=2**43)


def test_an_answer_that_could_not_be_saved_may_be_given_again(path: Path) -> None:
    """A folder in the way: StoreFault; then it counts, once."""
    counts = opened(path)
    ask(counts, 0, 0, 0, 0)
    in_the_way = path.with_name(path.name + ".new")
    in_the_way.mkdir()
    with pytest.raises(StoreFault):
        ask(counts, 0, first=4)
    in_the_way.rmdir()
    ask(counts, 0, first=4)
    assert counts.totals(SPRING, wall_ms=NEXT_TERM)[0].counts == (5, None, None, None)


# What is stored, and what is told


@pytest.mark.requirement("B13", "D1")
def test_only_counts_are_stored_and_no_generation_shows_the_last_answer(path: Path) -> None:
    """Every byte decoded: term, audience, question, four numbers; both generations are the same."""
    counts = opened(path)
    for number in range(30):
        counts.answer(list(Audience)[number % 5], FIRST, pseudonym=phone(2**100 + number), wall_ms=NOW)
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["pulse.json", "pulse.json.previous"]
        assert files[0].read_bytes() == files[1].read_bytes()
    content = json.loads(path.read_text(encoding="ascii"))
    record = content["_default"]["1"]
    assert (set(content), set(content["_default"]), set(record)) == ({"_default"}, {"1"}, {"format", "lines"})
    places = {(str(who), question.id) for who, question in product(Audience, PULSE)}
    for line in record["lines"]:
        found = re.fullmatch(rf"{SPRING} ([a-z-]+) ([a-z-]+) 6 0 0 0", line)
        assert found is not None
        assert found.groups() in places


@pytest.mark.requirement("B13")
def test_groups_under_five_are_not_told(path: Path) -> None:
    """Four visitors: not in the report at all; with a fifth they are."""
    counts = opened(path)
    ask(counts, 0, 1, 2, 3, audience=Audience.VISITOR)
    assert counts.totals(SPRING, wall_ms=NEXT_TERM) == ()
    ask(counts, 0, audience=Audience.VISITOR, first=4)
    ask(counts, 0, 0, 0, 0, audience=Audience.VISITOR, first=5)
    assert counts.totals(SPRING, wall_ms=NEXT_TERM)[0].counts == (6, None, None, None)


@pytest.mark.requirement("B13")
def test_a_term_is_told_when_it_is_over(path: Path) -> None:
    """While it runs two looks could show what the person between them said; the last day still belongs to it."""
    counts = opened(path)
    ask(counts, 0, 0, 0, 0, 0)
    for running in (NOW, wall_ms("2027-03-31 23:59")):
        with pytest.raises(Refused, match="term-not-over"):
            counts.totals(SPRING, wall_ms=running)
    assert counts.totals(SPRING, wall_ms=wall_ms("2027-04-01 00:00"))
    assert counts.totals("2026-3-autumn", wall_ms=NOW) == ()


@given(st.lists(st.integers(0, 12), min_size=4, max_size=4))
def test_no_small_count_can_be_reckoned(counts: list[int]) -> None:
    """Whatever was answered: no count under five is told; and one small count beside big ones cannot be reckoned by
    who knows how many answered: at least two answers are possible."""
    told = without_small_numbers(counts)
    assert all(number is None or number == count for number, count in zip(told, counts, strict=True))
    assert all(number is None or number >= SMALLEST_GROUP for number in told)
    assert told.count(None) != 1
    if [count < SMALLEST_GROUP for count in counts].count(True) != 1:
        return
    hidden = [at for at, number in enumerate(told) if number is None]
    withheld = sum(counts[at] for at in hidden)
    possible = 0
    for split in product(range(withheld + 1), repeat=len(hidden) - 1):
        if sum(split) > withheld:
            continue
        other = list(counts)
        for at, number in zip(hidden, (*split, withheld - sum(split)), strict=True):
            other[at] = number
        possible += without_small_numbers(other) == told
    assert possible >= 2


@pytest.mark.requirement("B13")
def test_the_report_goes_into_a_table(path: Path) -> None:
    """One flat row for each choice: it survives JSON, and CSV has a column for each field."""
    counts = opened(path)
    ask(counts, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 3)
    rows = as_rows(counts.totals(SPRING, wall_ms=NEXT_TERM))
    assert [(row["answer"], row["count"]) for row in rows] == [
        ("very", 5),
        ("mostly", 6),
        ("not-sure", None),
        ("not", None),
    ]
    assert json.loads(json.dumps(rows)) == list(map(dict, rows))
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    assert file.getvalue().splitlines()[2] == f"{SPRING},learner,safe,mostly,6"


def test_old_terms_make_way(path: Path) -> None:
    """Two school years are kept; the store does not grow."""
    counts = opened(path)
    terms = [f"{year}-{month}-13 12:30" for year in (2027, 2028, 2029) for month in ("01", "05", "10")]
    for number, clock in enumerate(terms):
        ask(counts, 0, at_ms=wall_ms(clock), first=number)
    assert counts.terms() == opened(path).terms()
    assert len(counts.terms()) == TERMS_KEPT
    assert (counts.terms()[0], counts.terms()[-1]) == ("2028-1-spring", "2029-3-autumn")


def test_a_clock_in_an_earlier_term_cannot_push_out_what_is_kept(path: Path) -> None:
    """Older than all that is kept: the answer is refused, nothing is lost."""
    counts = opened(path)
    for number, year in enumerate(range(2030, 2030 + TERMS_KEPT)):
        ask(counts, 0, at_ms=wall_ms(f"{year}-01-13 12:30"), first=number)
    with pytest.raises(Refused, match="clock-unknown"):
        ask(counts, 0, first=100)
    assert SPRING not in counts.terms()
    assert len(counts.terms()) == TERMS_KEPT


def test_terms_divide_the_year() -> None:
    """Three terms, in their order by name."""
    days = [
        date(2027, 1, 1),
        date(2027, 3, 31),
        date(2027, 4, 1),
        date(2027, 8, 31),
        date(2027, 9, 1),
        date(2027, 12, 31),
    ]
    terms = [term_of(day) for day in days]
    assert terms == [SPRING] * 2 + ["2027-2-summer"] * 2 + ["2027-3-autumn"] * 2
    assert terms == sorted(terms)


@pytest.mark.parametrize(
    "lines",
    [
        ["2027-1-spring learner safe 1 2 3"],
        ["2027-1-spring head safe 1 2 3 4"],
        ["2027-1-spring learner safe 1 2 3 -4"],
        ["2027-1-spring learner safe 1 2 3 4"] * 2,
    ],
)
def test_counts_that_cannot_be_believed_are_set_aside(path: Path, lines: list[str]) -> None:
    """Trouble is told, and counting begins anew."""
    path.write_text(json.dumps({"_default": {"1": {"format": 1, "lines": lines}}}))
    counts = opened(path)
    assert (counts.trouble, counts.terms()) == (True, ())
    ask(counts, 0)
    assert opened(path).terms() == (SPRING,)


def test_a_question_that_is_asked_no_more_is_left_out(path: Path) -> None:
    """After an update the counts of a dropped question are no fault."""
    lines = ["2027-1-spring learner safe 7 0 0 0", "2027-1-spring learner weather 7 0 0 0"]
    path.write_text(json.dumps({"_default": {"1": {"format": 1, "lines": lines}}}))
    counts = opened(path)
    assert not counts.trouble
    assert counts.totals(SPRING, wall_ms=NEXT_TERM) == (Total(SPRING, Audience.LEARNER, "safe", (7, None, None, None)),)
