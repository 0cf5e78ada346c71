"""Alerts: one line for one id, additions joined, bursts folded, private ones never there."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.messages import PHONE_ROOM, Kind, Stage, StageEvent, Urgency
from kiosk.staff import events as ev
from kiosk.staff.alerts import AlertBook, AlertLine
from kiosk.staff.cases import CaseBook
from kiosk.words import EASY_ENGLISH
from tests.support.staff_desk import KIOSK, START_MS, arrival, moment

OTHER_KIOSK = b"L" * 16


def book_of(*arrivals: ev.ReportArrived | ev.Unreadable) -> AlertBook:
    book = AlertBook(CaseBook())
    for each in arrivals:
        book.arrived(each)
    return book


def stage(cases: CaseBook, number: int, reached: Stage, generation: int = 0) -> None:
    report = number.to_bytes(16, "big")
    cases.merge(StageEvent(report, b"d" * 32, KIOSK, reached, generation, 7, b"D" * 16), START_MS)


def test_the_same_report_twice_is_one_line() -> None:
    """Redelivered, replayed or told by another desk: never two lines for one id."""
    book = AlertBook(CaseBook())
    assert book.arrived(arrival(1))
    assert not book.arrived(arrival(1, at_ms=50_000))
    assert len(book.lines()) == 1


@pytest.mark.parametrize("device", [KIOSK, OTHER_KIOSK])
@pytest.mark.parametrize("kind", [Kind.REPORT, Kind.ADDITION, Kind.TAKE_BACK])
def test_another_report_under_a_known_id_is_a_danger_of_its_own(device: bytes, kind: Kind) -> None:
    """Other bytes under one id, from this or another room: a second line, urgent and unanswered, whatever was said of
    the first; and each of the two only once."""
    cases = CaseBook()
    book = AlertBook(cases)
    book.arrived(arrival(1))
    stage(cases, 1, Stage.CLOSED)
    quiet = arrival(1, digest=b"e" * 32, urgency=Urgency.INFORMATION, device=device, kind=kind, about=bytes(15) + b"1")
    assert book.arrived(quiet)
    assert not book.arrived(quiet)
    assert not book.arrived(arrival(1))
    (line,) = book.lines()
    assert (line.device, line.urgency, line.copied, line.state.stage) == (device, Urgency.NOW, True, Stage.STORED)
    assert book.sent_as(line.report) == (1).to_bytes(16, "big")
    assert book.digest(line.report) == b"e" * 32


@pytest.mark.requirement("S10")
def test_a_private_report_under_a_known_id_stays_private() -> None:
    """It is paged as a danger, and no shared desk draws it."""
    book = book_of(arrival(1), arrival(1, digest=b"e" * 32, private=True))
    assert [line.copied for line in book.lines()] == [False]
    assert [(line.private, line.urgency) for line in book.climbers() if line.copied] == [(True, Urgency.NOW)]


def test_what_is_said_of_one_report_is_not_said_of_the_other_under_its_id() -> None:
    """An answer names the bytes that it answers, in whatever order answers and reports come."""
    book = AlertBook(CaseBook())
    id = (1).to_bytes(16, "big")
    assert book.key_of(id, b"e" * 32) == id
    assert book.arrived(arrival(1)) == book.key_of(id, b"d" * 32) != id
    assert book.arrived(arrival(1, digest=b"e" * 32)) == id


@given(
    st.lists(
        st.tuples(
            st.integers(1, 12),
            st.sampled_from(list(Urgency)),
            st.sampled_from([Kind.REPORT, Kind.ADDITION, Kind.SILENT_CALL, Kind.TAKE_BACK]),
            st.integers(0, 12),
            st.integers(0, 200_000),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_every_report_stands_in_exactly_one_line(
    told: list[tuple[int, Urgency, Kind, int, int, bool]],
) -> None:
    """Whatever arrives in whatever order: nothing is dropped, nothing is shown twice, private never leaks."""
    book = AlertBook(CaseBook())
    private: dict[bytes, bool] = {}
    for number, urgency, kind, about, at_ms, is_private in told:
        about_id = about.to_bytes(16, "big") if about else b""
        event = arrival(number, at_ms=at_ms, urgency=urgency, kind=kind, about=about_id, private=is_private)
        if book.arrived(event):
            private[event.report] = is_private
    shown = [report for line in book.lines() for report in line.reports]
    hidden = [report for line in book.private_lines(private.keys()) for report in line.reports]
    assert sorted(shown) == sorted(report for report, hides in private.items() if not hides)
    assert sorted(hidden) == sorted(report for report, hides in private.items() if hides)


@given(st.permutations(range(5)), st.integers(0, 2**32))
def test_lines_do_not_depend_on_the_order_of_arrival(order: list[int], seed: int) -> None:
    """After a restart everything is told again in another order; the list is the same."""
    chance = random.Random(seed)
    arrivals = [
        arrival(1, at_ms=0),
        arrival(2, at_ms=10_000, kind=Kind.ADDITION, about=(1).to_bytes(16, "big")),
        arrival(3, at_ms=20_000, kind=Kind.TAKE_BACK, about=(1).to_bytes(16, "big")),
        arrival(4, at_ms=chance.randrange(90_000), urgency=Urgency.TODAY),
        arrival(5, at_ms=chance.randrange(90_000), device=OTHER_KIOSK),
    ]
    told = book_of(*[arrivals[number] for number in order])
    assert {frozenset(line.reports) for line in told.lines()} == {
        frozenset(line.reports) for line in book_of(*arrivals).lines()
    }


@pytest.mark.requirement("S10")
def test_a_private_report_is_not_on_a_locked_desk() -> None:
    """No line, no count, no burst: only a reader who can open the story gets it."""
    book = book_of(arrival(1, private=True), arrival(2))
    assert [line.report for line in book.lines()] == [(2).to_bytes(16, "big")]
    assert book.private_lines(()) == ()
    assert book.line_of((1).to_bytes(16, "big")) is None
    assert [line.private for line in book.private_lines([(1).to_bytes(16, "big")])] == [True]


@pytest.mark.requirement("S10")
def test_a_private_addition_does_not_join_a_public_line() -> None:
    """When the second message says "an adult here", the first line does not even count it."""
    book = book_of(arrival(1), arrival(2, kind=Kind.ADDITION, about=(1).to_bytes(16, "big"), private=True))
    (line,) = book.lines()
    assert (line.additions, line.reports) == (0, ((1).to_bytes(16, "big"),))


def test_an_addition_joins_its_first_report() -> None:
    """One line, with a count; a more urgent addition raises it."""
    book = book_of(
        arrival(1, urgency=Urgency.TODAY),
        arrival(2, kind=Kind.ADDITION, about=(1).to_bytes(16, "big"), urgency=Urgency.TODAY),
        arrival(3, kind=Kind.ADDITION, about=(2).to_bytes(16, "big"), urgency=Urgency.NOW),
    )
    (line,) = book.lines()
    assert (line.additions, line.urgency, line.words) == (2, Urgency.NOW, "DANGER NOW")


def test_an_urgent_addition_to_an_answered_line_waits_for_an_answer() -> None:
    """ "Answered" of the first message does not cover a danger that was added later."""
    cases = CaseBook()
    book = AlertBook(cases)
    book.arrived(arrival(1, urgency=Urgency.TODAY))
    stage(cases, 1, Stage.ACKNOWLEDGED)
    book.arrived(arrival(2, at_ms=9_000, kind=Kind.ADDITION, about=(1).to_bytes(16, "big"), urgency=Urgency.NOW))
    (line,) = book.lines()
    assert not line.state.answered
    assert line.state.since_ms == START_MS + 9_000


def test_no_kiosk_speaks_into_another_kiosks_case() -> None:
    """An addition that points across kiosks is a line of its own."""
    book = book_of(arrival(1), arrival(2, kind=Kind.TAKE_BACK, about=(1).to_bytes(16, "big"), device=OTHER_KIOSK))
    assert len(book.lines()) == 2
    assert not next(line for line in book.lines() if line.device == KIOSK).taken_back


def test_an_addition_to_a_closed_case_is_a_line_of_its_own() -> None:
    """What comes after closing is seen."""
    cases = CaseBook()
    book = AlertBook(cases)
    book.arrived(arrival(1))
    stage(cases, 1, Stage.CLOSED)
    assert book.lines() == ()
    book.arrived(arrival(2, kind=Kind.ADDITION, about=(1).to_bytes(16, "big"), urgency=Urgency.TODAY))
    assert [line.report for line in book.lines()] == [(2).to_bytes(16, "big")]


def test_taking_back_closes_nothing() -> None:
    """The line stays, as urgent as it was, and says so."""
    book = book_of(
        arrival(1), arrival(2, kind=Kind.TAKE_BACK, about=(1).to_bytes(16, "big"), urgency=Urgency.INFORMATION)
    )
    (line,) = book.lines()
    assert (line.taken_back, line.urgency, line.state.closed) == (True, Urgency.NOW, False)


def burst(
    count: int, *, every_ms: int = 2_000, first: int = 1, urgency: Urgency = Urgency.TODAY
) -> list[ev.ReportArrived]:
    return [arrival(first + number, at_ms=number * every_ms, urgency=urgency) for number in range(count)]


def test_a_burst_from_one_kiosk_is_one_line_with_a_count() -> None:
    """Three stay three; more than three within a minute are one, and every id is still in it."""
    assert len(book_of(*burst(3)).lines()) == 3
    (line,) = book_of(*burst(9)).lines()
    assert (line.folded, len(line.reports)) == (9, 9)
    assert len(book_of(*burst(9, every_ms=25_000)).lines()) == 9


def test_another_kiosk_or_urgency_does_not_disappear_in_a_burst() -> None:
    """A new danger in the middle of a prank stands alone, first."""
    danger = arrival(50, at_ms=7_000, urgency=Urgency.NOW)
    elsewhere = arrival(51, at_ms=8_000, urgency=Urgency.TODAY, device=OTHER_KIOSK)
    lines = book_of(*burst(8), danger, elsewhere).lines()
    assert (lines[0].report, lines[0].folded) == (danger.report, 1)
    assert sorted(line.folded for line in lines) == [1, 1, 8]


@pytest.mark.requirement("L9")
def test_phones_and_the_button_of_the_kiosk_that_carries_them_do_not_fold() -> None:
    """A burst over Wi-Fi does not hide that somebody stands in front of the kiosk, and no phone is sent to its room."""
    phones = [arrival(number, at_ms=number * 100, room=PHONE_ROOM) for number in range(20, 26)]
    book = book_of(*burst(6), *phones)
    lines = {line.room: line for line in book.lines()}
    assert {room: line.folded for room, line in lines.items()} == {"Room 12": 6, PHONE_ROOM: 6}
    assert lines[PHONE_ROOM].from_phone
    assert not lines["Room 12"].from_phone


def test_what_comes_after_an_answer_unfolds() -> None:
    """A burst that was answered does not swallow the next report."""
    cases = CaseBook()
    book = AlertBook(cases)
    for each in burst(5):
        book.arrived(each)
    for number in range(1, 6):
        stage(cases, number, Stage.ACKNOWLEDGED)
    book.arrived(arrival(9, at_ms=20_000, urgency=Urgency.TODAY))
    assert [(line.folded, line.state.answered) for line in book.lines()] == [(1, False), (5, True)]


def test_an_unreadable_envelope_is_urgent() -> None:
    """Somebody may need help and we cannot tell how: go, and say which kiosk."""
    (line,) = book_of(ev.Unreadable(b"U" * 16, b"d" * 32, b"\xab" * 16, START_MS, 0)).lines()
    assert (line.urgency, line.words, line.room) == (Urgency.NOW, "UNREADABLE: GO", "Room unknown, kiosk abababab")


@pytest.mark.parametrize(
    ("kind", "urgency", "words"),
    [
        (Kind.REPORT, Urgency.NOW, "DANGER NOW"),
        (Kind.SILENT_CALL, Urgency.NOW, "ADULT ASKED FOR"),
        (Kind.SILENT_CALL, Urgency.INFORMATION, "ADULT ASKED FOR"),
        (Kind.REPORT, Urgency.TODAY, "TODAY"),
        (Kind.REPORT, Urgency.INFORMATION, "FOR INFORMATION"),
    ],
)
@pytest.mark.requirement("L5")
def test_the_words_of_the_first_five_seconds(kind: Kind, urgency: Urgency, words: str) -> None:
    """A silent call is as urgent as danger, whatever it says of itself."""
    (line,) = book_of(arrival(1, kind=kind, urgency=urgency)).lines()
    assert line.words == words
    assert line.urgency is (Urgency.NOW if kind is Kind.SILENT_CALL else urgency)


def test_a_language_names_its_interpreter() -> None:
    """English needs none, nor does Easy English; an unknown code is shown as it came."""

    def interpreter(language: str) -> str:
        line: AlertLine = book_of(arrival(1, language=language)).lines()[0]
        return line.interpreter

    assert [interpreter(code) for code in ("en", EASY_ENGLISH, "ur", "xx")] == ["", "", "Urdu", "xx"]


def test_an_addition_in_another_language_calls_for_its_interpreter() -> None:
    """Begun in Easy English, gone on with in Polish: somebody has to understand the second."""
    added = arrival(2, kind=Kind.ADDITION, about=(1).to_bytes(16, "big"), language="pl")
    (line,) = book_of(arrival(1, language=EASY_ENGLISH), added).lines()
    assert line.interpreter == "Polish"


def test_the_most_urgent_and_oldest_stands_first() -> None:
    """Unanswered before answered, then urgency, then age."""
    cases = CaseBook()
    book = AlertBook(cases)
    for event in (
        arrival(1, at_ms=0, urgency=Urgency.INFORMATION),
        arrival(2, at_ms=9_000),
        arrival(3, at_ms=5_000),
        arrival(4, at_ms=1_000),
    ):
        book.arrived(event)
    stage(cases, 4, Stage.ACKNOWLEDGED)
    assert [int.from_bytes(line.report, "big") for line in book.lines()] == [3, 2, 1, 4]
    assert moment().monotonic_ms == START_MS
