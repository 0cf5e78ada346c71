"""The pulse: five questions with four pictures each, no words of anybody's own, counted and nothing else.

Kept are only counts, by term, audience and question; who answered is known nowhere, and that a device of today has
answered only in memory, under a key that dies with the process. Totals are for the termly report: told once a term is
over (two looks with one person between them would show that person's answers), without groups under five, and without
any count that would give a small one away.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware.byod import Audience
from firmware.errors import Refused
from kiosk.portal.kept_lines import KeptLines
from kiosk.portal.timetable import clock_known, day_start_ms, today_at

# Fewer than this many answers could be told apart by who was there.
SMALLEST_GROUP = 5
# Far more than any site has devices; beyond it somebody makes devices up, and the day counts no more.
ANSWERS_A_DAY_MAX = 1_024
# Two school years: the report compares a term with the year before.
TERMS_KEPT = 6
_COUNT_MAX = 10**7
# month in which a term begins; Easter moves, the line does not
_TERMS = ((1, "1-spring"), (4, "2-summer"), (9, "3-autumn"))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of four answers; `picture` is a pictogram of that name."""

    id: str
    words: str
    picture: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question; nobody has to answer it."""

    id: str
    words: str
    choices: tuple[Choice, ...]


PULSE: tuple[Question, ...] = (
    Question(
        "safe",
        "How safe is it to be on-line here?",
        (
            Choice("very", "Very safe", "shield"),
            Choice("mostly", "Mostly safe", "yes"),
            Choice("not-sure", "I am not sure", "not-sure"),
            Choice("not", "Not safe", "no"),
        ),
    ),
    Question(
        "where-to-go",
        "If something on-line worries you, do you know whom to tell here?",
        (
            Choice("yes", "Yes, I do", "adult"),
            Choice("some-idea", "I have an idea", "yes"),
            Choice("not-sure", "I am not sure", "not-sure"),
            Choice("no", "No, I do not", "no"),
        ),
    ),
    Question(
        "acts",
        "If somebody asks for help here, does something happen?",
        (
            Choice("soon", "Yes, soon", "yes"),
            Choice("in-time", "Yes, but it takes long", "wait"),
            Choice("not-sure", "I do not know", "not-sure"),
            Choice("no", "No", "no"),
        ),
    ),
    Question(
        "upset",
        "Since this term began, has something on-line upset you or someone near you?",
        (
            Choice("never", "Never", "no"),
            Choice("once", "Once", "today"),
            Choice("several", "More than once", "again"),
            Choice("rather-not", "I would rather not say", "closed-mouth"),
        ),
    ),
    Question(
        "rules",
        "What about the rules for your own devices?",
        (
            Choice("clear-and-fair", "Clear and fair", "yes"),
            Choice("clear", "Clear, but not fair", "hurt"),
            Choice("not-clear", "I do not understand them", "not-sure"),
            Choice("not-seen", "I have not read them", "hide"),
        ),
    ),
)

_LINE = re.compile(r"(\d{4}-\d-[a-z]{6}) ([a-z-]{5,13}) ([a-z-]{2,20})((?: \d{1,7}){4})", re.ASCII)
# term, audience, question
_Place = tuple[str, Audience, str]


@dataclass(frozen=True, slots=True)
class Total:
    """One line of the report. `counts`: a number for each choice in order, None where it must not be told."""

    term: str
    audience: Audience
    question: str
    counts: tuple[int | None, ...]


class PulseCounts:
    """The counts. Written by one process, from one thread."""

    def __init__(
        self, path: Path, *, zone: ZoneInfo, memory_key: bytes, answers_a_day_max: int = ANSWERS_A_DAY_MAX
    ) -> None:
        """`memory_key`: 32 random bytes of this run. Raises StoreFault when the folder cannot be used."""
        self._kept = KeptLines(path)
        self._zone, self._memory_key, self._answers_a_day_max = zone, memory_key, answers_a_day_max
        self._counts: dict[_Place, tuple[int, ...]] = dict(self._kept.read(_parse))
        self._day_ms = 0
        self._answered: set[bytes] = set()

    @property
    def trouble(self) -> bool:
        """Whether this start found counts that it could not read: they are lost."""
        return self._kept.trouble

    def answer(self, audience: Audience, untrusted: Mapping[str, str], *, pseudonym: bytes, wall_ms: int) -> None:
        """Count one person's answers, question to choice; what was skipped is left out. Durable when this returns.

        Raises:
            Refused: "no-answer" (none of ours), "unknown-answer", "already-answered" (today, by this device),
                "enough-for-today", "clock-unknown".
            StoreFault: nothing was counted.
        """
        answers = _checked(untrusted)
        if not clock_known(wall_ms):
            raise Refused("clock-unknown")
        name = self._name_of_today(pseudonym, wall_ms)
        if name in self._answered:
            raise Refused("already-answered")
        if len(self._answered) >= self._answers_a_day_max:
            raise Refused("enough-for-today")
        self._count(term_of(today_at(wall_ms, self._zone)), audience, answers)
        self._answered.add(name)

    def totals(self, term: str, *, wall_ms: int) -> tuple[Total, ...]:
        """The report of a term, by audience and question; groups under five are left out.

        Raises:
            Refused: "term-not-over", "clock-unknown".
        """
        if not clock_known(wall_ms):
            raise Refused("clock-unknown")
        if term >= term_of(today_at(wall_ms, self._zone)):
            raise Refused("term-not-over")
        places = sorted(place for place in self._counts if place[0] == term)
        totals = (Total(*place, without_small_numbers(self._counts[place])) for place in places)
        return tuple(total for total in totals if any(count is not None for count in total.counts))

    def terms(self) -> tuple[str, ...]:
        """The terms of which something was counted, earliest first."""
        return tuple(sorted({term for term, _, _ in self._counts}))

    def _count(self, term: str, audience: Audience, answers: Mapping[str, int]) -> None:
        terms = sorted({*self.terms(), term})[-TERMS_KEPT:]
        if term not in terms:
            raise Refused("clock-unknown", "a term that is long over")
        counts = {place: numbers for place, numbers in self._counts.items() if place[0] in terms}
        for question, chosen in answers.items():
            before = counts.get((term, audience, question), (0,) * len(_question(question).choices))
            counts[term, audience, question] = tuple(
                min(number + (at == chosen), _COUNT_MAX - 1) for at, number in enumerate(before)
            )
        lines = [f"{' '.join(place)} {' '.join(map(str, numbers))}" for place, numbers in sorted(counts.items())]
        self._kept.replace(lines, erases=True)
        self._counts = counts
        # Two generations side by side would show what the last person answered.
        self._kept.settle()

    def _name_of_today(self, pseudonym: bytes, wall_ms: int) -> bytes:
        day_ms = day_start_ms(wall_ms, self._zone)
        if day_ms != self._day_ms:
            self._day_ms, self._answered = day_ms, set()
        return hashlib.blake2b(pseudonym, key=self._memory_key, digest_size=16).digest()


def term_of(day: date) -> str:
    """The term of a day; its name sorts by time: "2026-3-autumn"."""
    return f"{day.year}-{[name for month, name in _TERMS if month <= day.month][-1]}"


def without_small_numbers(counts: Sequence[int]) -> tuple[int | None, ...]:
    """Counts that tell nobody's answer: nothing of a group under five, and no count under five, nought included.

    Where only one count is withheld, whatever is next smallest is as well: who knows from elsewhere how many answered
    could reckon the first.
    """
    if sum(counts) < SMALLEST_GROUP:
        return (None,) * len(counts)
    small = [count < SMALLEST_GROUP for count in counts]
    limit = SMALLEST_GROUP
    if small.count(True) == 1:
        limit = min(count for count in counts if count >= SMALLEST_GROUP) + 1
    return tuple(None if count < limit else count for count in counts)


def as_rows(totals: Iterable[Total]) -> tuple[Mapping[str, str | int | None], ...]:
    """One flat row for each choice, for CSV or JSON; `count` None: withheld."""
    return tuple(
        {
            "term": total.term,
            "audience": str(total.audience),
            "question": total.question,
            "answer": choice.id,
            "count": count,
        }
        for total in totals
        for choice, count in zip(_question(total.question).choices, total.counts, strict=True)
    )


def sentences() -> tuple[str, ...]:
    """Every sentence that a translator must have."""
    return tuple(
        words for question in PULSE for words in (question.words, *(choice.words for choice in question.choices))
    )


def _question(id: str) -> Question:
    return next(question for question in PULSE if question.id == id)


def _checked(untrusted: Mapping[str, str]) -> Mapping[str, int]:
    """Question to the place of its choice."""
    known = {question.id: [choice.id for choice in question.choices] for question in PULSE}
    if not untrusted:
        raise Refused("no-answer")
    if any(choice not in known.get(question, ()) for question, choice in untrusted.items()):
        raise Refused("unknown-answer")
    return {question: known[question].index(choice) for question, choice in untrusted.items()}


def _parse(untrusted_lines: Sequence[str]) -> Mapping[_Place, tuple[int, ...]]:
    """Raises ValueError about the first line that is not ours. Questions that are asked no more are left out."""
    entries = [_read(line) for line in untrusted_lines]
    if any(earlier[0] >= later[0] for earlier, later in pairwise(entries)):
        raise ValueError("not in order")
    asked = {question.id for question in PULSE}
    return {place: numbers for place, numbers in entries if place[2] in asked}


def _read(untrusted_line: str) -> tuple[_Place, tuple[int, ...]]:
    match = _LINE.fullmatch(untrusted_line)
    if match is None:
        raise ValueError("not a count")
    place = (match[1], Audience(match[2]), match[3])
    return place, tuple(int(number) for number in match[4].split())
