"""Casework at the screen: the open story, the outcome being chosen, the reason being written, and two readers.

Owns what is open in front of a reader and forgets it when they leave. Knows sessions and books, not pages or touches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from firmware.clock import Moment
from firmware.envelope import UpEnvelope
from firmware.errors import Locked, Refused
from firmware.messages import Story
from kiosk.screen import keyboard
from kiosk.screen.keyboard import Layer
from kiosk.staff import events as ev
from kiosk.staff.alerts import AlertBook, AlertLine
from kiosk.staff.answers import Answers, Effects
from kiosk.staff.cases import REASON_CHARACTERS, CaseBook, CaseNote, Outcome, Proposal, is_serious
from kiosk.staff.session import Session
from kiosk.staff.stories import StoryView, view_of

Envelopes = Callable[[bytes, bytes], UpEnvelope | None]


class Casework:
    """One open case at a time."""

    def __init__(
        self, *, session: Session, alerts: AlertBook, cases: CaseBook, answers: Answers, envelopes: Envelopes
    ) -> None:
        self._session, self._alerts, self._cases = session, alerts, cases
        self._answers, self._envelopes = answers, envelopes
        self.story: StoryView | None = None
        self._read: dict[bytes, Story] = {}
        self.outcome: Outcome | None = None
        self.reason = ""
        self.layer = Layer.LOWER

    def openable(self, reports: Collection[bytes] | None = None) -> frozenset[bytes]:
        """Which private reports (of all, or of these) whoever is signed in may see."""
        if self._session.reader is None:
            return frozenset()
        wanted = self._alerts.private_reports() if reports is None else reports
        found = ((report, self._envelope(report)) for report in wanted)
        return self._session.openable((report, envelope) for report, envelope in found if envelope is not None)

    def open(self, line: AlertLine) -> None:
        """Open every part of this line that the reader's routes open; `story` None: none of it."""
        opened: list[tuple[Story, str]] = []
        self._read = {}
        shut = 0
        for report in line.reports:
            envelope = self._envelope(report)
            try:
                part = self._session.open_story(envelope) if envelope is not None else None
            except Refused:
                part = None
            if part is None:
                shut += 1
            else:
                opened.append((part.story, part.route))
                self._read[report] = part.story
        self.story = None
        if opened:
            stories, route = [story for story, _ in opened], opened[0][1]
            self.story = view_of(stories, urgency=line.urgency, private=line.private, route=route, unopened=shut)

    def forget(self) -> None:
        """Nothing of a case stays in front of an empty chair."""
        self.story, self.outcome, self.reason, self.layer = None, None, "", Layer.LOWER
        self._read = {}

    def begin_closing(self) -> bool:
        """Choose an outcome anew; False: nobody closes what they cannot read."""
        self.outcome, self.reason, self.layer = None, "", Layer.LOWER
        return self.story is not None

    def choose(self, outcome: str) -> None:
        if outcome in set(Outcome):
            self.outcome = Outcome(outcome)

    def type(self, text: str) -> None:
        printable = "".join(character for character in text if character.isprintable())
        self.reason = (self.reason + printable)[:REASON_CHARACTERS]

    def backspace(self) -> None:
        self.reason = self.reason[:-1]

    def key(self, box: str) -> None:
        """A key of the on-screen keyboard."""
        if box == keyboard.DELETE:
            self.backspace()
        else:
            self.type(keyboard.touched_character(box))
        self.layer = keyboard.next_layer(box, self.layer)

    def is_serious(self, line: AlertLine) -> bool:
        """Two readers close this: when any part of it is serious, whatever was said last."""
        return is_serious(line.urgency, private=line.private, category="") or any(
            is_serious(line.urgency, private=line.private, category=story.category, danger=story.danger)
            for story in self._read.values()
        )

    def close(self, line: AlertLine, now: Moment) -> Effects:
        """Close, or (serious) propose to.

        Raises:
            NeedsReason, NeedsAnotherReader: as `CaseBook.close`.
            Locked: nobody is signed in.
        """
        reader = self._reader()
        serious = self.is_serious(line)
        wish = self._cases.close(line.report, serious=serious, reader=reader, outcome=self.outcome, reason=self.reason)
        return self._closed(line, wish, (reader,), now)

    def confirm(self, line: AlertLine, now: Moment) -> Effects:
        """The second reader agrees. Raises NeedsAnotherReader, Locked."""
        reader = self._reader()
        wish = self._cases.confirm(line.report, reader=reader)
        return self._closed(line, wish, (wish.reader, reader), now)

    def _closed(self, line: AlertLine, wish: Proposal, readers: tuple[bytes, ...], now: Moment) -> Effects:
        route = self.story.route if self.story else ""
        sent_as = self._alerts.sent_as(line.report)
        note = CaseNote(sent_as, wish.generation, wish.outcome.value, wish.reason, readers, max(0, now.wall_ms))
        kept = ev.KeepNote(sent_as, route, self._session.seal_note(note, route))
        # Nobody closes what they cannot read: the parts for other readers stay, as a line of their own.
        return (kept, *self._answers.close(tuple(self._read), now))

    def _reader(self) -> bytes:
        reader = self._session.reader
        if reader is None or self.story is None:
            raise Locked("Sign in and read it first.")
        return reader.id

    def _envelope(self, report: bytes) -> UpEnvelope | None:
        return self._envelopes(self._alerts.sent_as(report), self._alerts.digest(report))
