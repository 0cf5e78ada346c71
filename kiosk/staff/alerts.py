"""Alerts: the lines that a locked desk may show, made from what arrived and where each case stands.

Pure. One line for one report, however often it arrives. What comes under an id that stands here already, but with other
bytes, is another report: it has a line of its own, as a danger, under a key made for it. Additions join their first
report's line; a burst from one kiosk (or from phones on its Wi-Fi, apart from those who press it) folds into one line
with a count; nothing is ever blocked or dropped. Private
reports have lines too, but only `private_lines` gives them, and only to readers who can open the story. Does not know
categories: they are story.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from firmware.messages import PHONE_ROOM, Kind, Stage, Urgency
from kiosk.staff.cases import RANK, CaseBook, CaseState
from kiosk.staff.events import ReportArrived, Unreadable

# More than this many lines from one kiosk within the window become one line with a count.
BURST_ABOVE = 3
BURST_WINDOW_MS = 60_000
URGENCY_RANK = {Urgency.NOW: 0, Urgency.TODAY: 1, Urgency.INFORMATION: 2}

LANGUAGES = {
    "cy": "Welsh",
    "pl": "Polish",
    "ro": "Romanian",
    "uk": "Ukrainian",
    "ar": "Arabic",
    "ur": "Urdu",
    "pa": "Punjabi",
    "bn": "Bengali",
    "so": "Somali",
    "pt": "Portuguese",
}


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One line of the desk's list. `report` is the one that the line is about; `reports` are all it stands for.

    `copied`: it came under the id of another report (a copied card, or somebody who wants to hide one of the two).
    """

    report: bytes
    reports: tuple[bytes, ...]
    device: bytes
    room: str
    place: str
    urgency: Urgency
    silent_call: bool
    language: str
    received_ms: int
    received_wall_ms: int
    state: CaseState
    private: bool = False
    unreadable: bool = False
    taken_back: bool = False
    copied: bool = False
    additions: int = 0
    folded: int = 1

    @property
    def words(self) -> str:
        """How urgent, in the words of the first five seconds."""
        if self.unreadable:
            return "UNREADABLE: GO"
        if self.silent_call:
            return "ADULT ASKED FOR"
        if self.copied:
            return "GO AND CHECK"
        return {
            Urgency.NOW: "DANGER NOW",
            Urgency.TODAY: "TODAY",
            Urgency.INFORMATION: "FOR INFORMATION",
        }[self.urgency]

    @property
    def from_phone(self) -> bool:
        """Sent over Wi-Fi: nobody knows from where, least of all from the room of the kiosk that carried it."""
        return self.room == PHONE_ROOM

    @property
    def interpreter(self) -> str:
        """The language to find an interpreter for, or empty."""
        return LANGUAGES.get(self.language, self.language) if _is_foreign(self.language) else ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing that arrived. `report` is its key in this room, `sent_as` the id in its envelope."""

    report: bytes
    sent_as: bytes
    digest: bytes
    device: bytes
    room: str
    place: str
    kind: Kind | None
    urgency: Urgency
    private: bool
    language: str
    about: bytes
    received_ms: int
    received_wall_ms: int


class AlertBook:
    """Everything that arrived and is not closed. `cases` says where each stands."""

    def __init__(self, cases: CaseBook) -> None:
        self._cases = cases
        self._entries: dict[bytes, _Entry] = {}
        self._first: dict[bytes, bytes] = {}
        self._made: tuple[int, list[AlertLine], tuple[AlertLine, ...]] | None = None

    def arrived(self, event: ReportArrived | Unreadable) -> bytes | None:
        """Take in an arrival; returns its key here. None: it is known already and makes no second line."""
        key = self.key_of(event.report, event.digest)
        if key in self._entries:
            return None
        entry = _readable(event) if isinstance(event, ReportArrived) else _unreadable(event)
        if key != event.report:
            # Nobody sends two reports under one id by accident; whichever is the true one, somebody has to look now.
            entry = replace(entry, report=key, urgency=Urgency.NOW)
        self._entries[key] = entry
        self._cases.begin(key, event.received_ms)
        self._made = None
        return key

    def key_of(self, report: bytes, digest: bytes) -> bytes:
        """How this envelope is called in this room: by its id, unless the id belongs to other bytes already."""
        if self._first.setdefault(report, digest) == digest:
            return report
        return hashlib.sha256(report + digest).digest()[: len(report)]

    def lines(self) -> tuple[AlertLine, ...]:
        """What any desk may show, most urgent first: unanswered before answered, then the oldest first."""
        return self._lines()[1]

    def private_lines(self, openable: Collection[bytes]) -> tuple[AlertLine, ...]:
        """Private lines whose story this reader's routes open. Nobody else learns that they exist."""
        return _sorted(line for line in self._lines()[0] if line.private and line.report in openable)

    def private_reports(self) -> tuple[bytes, ...]:
        """Ids to try a reader's keys on."""
        return tuple(entry.report for entry in self._entries.values() if entry.private)

    def line_of(self, report: bytes, openable: Collection[bytes] = ()) -> AlertLine | None:
        """The line that shows this report, if this viewer may see it."""
        for line in (*self.lines(), *self.private_lines(openable)):
            if report in line.reports:
                return line
        return None

    def climbers(self) -> tuple[AlertLine, ...]:
        """Every open line, private ones included and unfolded: what the ladders climb for."""
        return tuple(self._lines()[0])

    def urgency(self, report: bytes) -> Urgency:
        """How urgent this one arrival is; KeyError when the id is unknown."""
        return self._entries[report].urgency

    def is_private(self, report: bytes) -> bool:
        return self._entries[report].private

    def sent_as(self, report: bytes) -> bytes:
        """The id in the envelope, which reception and kiosks know it by; KeyError when it is unknown."""
        return self._entries[report].sent_as

    def digest(self, report: bytes) -> bytes:
        """The digest that a reader signs for; KeyError when the id is unknown."""
        return self._entries[report].digest

    def knows(self, report: bytes) -> bool:
        return report in self._entries

    # --- private ---

    def _lines(self) -> tuple[list[AlertLine], tuple[AlertLine, ...]]:
        """(unfolded, folded without private ones), made again only when something changed."""
        if self._made is None or self._made[0] != self._cases.version:
            joined = self._joined()
            self._made = (self._cases.version, joined, _sorted(_fold([line for line in joined if not line.private])))
        return self._made[1], self._made[2]

    def _joined(self) -> list[AlertLine]:
        """Open lines with their additions, unfolded."""
        groups: dict[bytes, list[_Entry]] = {}
        for entry in self._entries.values():
            if not self._cases.state(entry.report).closed:
                groups.setdefault(self._root(entry), []).append(entry)
        return [self._line(members) for members in groups.values()]

    def _root(self, entry: _Entry) -> bytes:
        """The report whose line this one joins: its own, unless it adds to an open one from the same kiosk.

        A copied id never joins: whatever it says it is, its line stands alone.
        An addition to a closed case is a line of its own: it must be seen. So is one that points across kiosks (no
        kiosk may speak into another's case) and a private one about a public report.
        """
        seen = {entry.report}
        while True:
            first = self._entries.get(entry.about)
            if first is None or first.report in seen or not self._joins(entry, first):
                return entry.report
            seen.add(first.report)
            entry = first

    def _joins(self, entry: _Entry, first: _Entry) -> bool:
        adds = entry.kind in (Kind.ADDITION, Kind.TAKE_BACK) and entry.report == entry.sent_as
        same = entry.device == first.device and entry.private == first.private
        return adds and same and not self._cases.state(first.report).closed

    def _line(self, members: Sequence[_Entry]) -> AlertLine:
        first = min(members, key=lambda entry: (entry.kind in (Kind.ADDITION, Kind.TAKE_BACK), entry.received_ms))
        urgent = min(members, key=lambda entry: URGENCY_RANK[entry.urgency])
        language = next((entry.language for entry in members if _is_foreign(entry.language)), "")
        return AlertLine(
            report=first.report,
            reports=tuple(entry.report for entry in members),
            device=first.device,
            room=first.room,
            place=first.place,
            urgency=urgent.urgency,
            silent_call=first.kind is Kind.SILENT_CALL and urgent.kind in (Kind.SILENT_CALL, Kind.TAKE_BACK),
            language=language,
            received_ms=first.received_ms,
            received_wall_ms=first.received_wall_ms,
            state=self._least([entry.report for entry in members], urgent),
            private=first.private,
            unreadable=first.kind is None,
            taken_back=any(entry.kind is Kind.TAKE_BACK for entry in members),
            copied=first.report != first.sent_as,
            additions=sum(1 for entry in members if entry.kind is Kind.ADDITION and entry is not first),
        )

    def _least(self, reports: Sequence[bytes], urgent: _Entry) -> CaseState:
        """A line stands where its least answered member stands, so that an urgent addition rings anew.

        A quiet addition to an answered line does not: only members as urgent as the line count.
        """
        weighty = [
            report for report in reports if URGENCY_RANK[self._entries[report].urgency] <= URGENCY_RANK[urgent.urgency]
        ]
        states = [self._cases.state(report) for report in weighty]
        least = min(states, key=lambda state: (RANK[state.stage], -state.since_ms))
        everyone = [self._cases.state(report) for report in reports]
        return replace(least, with_them=least.with_them or any(state.with_them for state in everyone if least.answered))


def _is_foreign(language: str) -> bool:
    """Easy English ("en-x-easy") is English."""
    return language.partition("-")[0] not in ("", "en")


def _readable(event: ReportArrived) -> _Entry:
    alert = event.alert
    return _Entry(
        report=event.report,
        sent_as=event.report,
        digest=event.digest,
        device=event.device,
        room=event.room,
        place=event.place,
        kind=alert.kind,
        urgency=Urgency.NOW if alert.kind is Kind.SILENT_CALL else alert.urgency,
        private=alert.private,
        language=alert.language,
        about=alert.about,
        received_ms=event.received_ms,
        received_wall_ms=event.received_wall_ms,
    )


def _unreadable(event: Unreadable) -> _Entry:
    return _Entry(
        report=event.report,
        sent_as=event.report,
        digest=event.digest,
        device=event.device,
        room=event.room or f"Room unknown, kiosk {event.device.hex()[:8]}",
        place=event.place,
        kind=None,
        urgency=Urgency.NOW,
        private=False,
        language="",
        about=b"",
        received_ms=event.received_ms,
        received_wall_ms=event.received_wall_ms,
    )


def _sorted(lines: Iterable[AlertLine]) -> tuple[AlertLine, ...]:
    key: Callable[[AlertLine], tuple[bool, bool, int, int, bytes]] = lambda line: (  # noqa: E731
        line.state.with_them,
        line.state.answered,
        URGENCY_RANK[line.urgency],
        line.received_ms,
        line.report,
    )
    return tuple(sorted(lines, key=key))


def _fold(lines: Sequence[AlertLine]) -> list[AlertLine]:
    """Fold bursts: lines from one kiosk and place, alike in urgency and in how far they are answered, close in time."""
    alike: dict[tuple[bytes, str, Urgency, bool, bool, bool, int], list[AlertLine]] = {}
    for line in sorted(lines, key=lambda line: (line.received_ms, line.report)):
        band = min(max(RANK[line.state.stage], RANK[Stage.DISPLAYED]), RANK[Stage.ACKNOWLEDGED])
        same = (line.device, line.room, line.urgency, line.silent_call, line.unreadable, line.copied, band)
        alike.setdefault(same, []).append(line)
    return [line for group in alike.values() for line in _fold_alike(group)]


def _fold_alike(lines: Sequence[AlertLine]) -> list[AlertLine]:
    burst: set[int] = set()
    for start in range(len(lines) - BURST_ABOVE):
        if lines[start + BURST_ABOVE].received_ms - lines[start].received_ms <= BURST_WINDOW_MS:
            burst.update(range(start, start + BURST_ABOVE + 1))
    if not burst:
        return list(lines)
    folded: list[AlertLine] = []
    run: list[AlertLine] = []
    for index, line in enumerate(lines):
        if index in burst and (not run or line.received_ms - run[-1].received_ms <= BURST_WINDOW_MS):
            run.append(line)
            continue
        folded += [_as_one(run)] if run else []
        run = [line] if index in burst else []
        folded += [] if index in burst else [line]
    return folded + ([_as_one(run)] if run else [])


def _as_one(run: Sequence[AlertLine]) -> AlertLine:
    first = run[0]
    return replace(
        first,
        reports=tuple(report for line in run for report in line.reports),
        folded=len(run),
        additions=sum(line.additions for line in run),
        language=next((line.language for line in run if line.language), ""),
        taken_back=all(line.taken_back for line in run),
    )
