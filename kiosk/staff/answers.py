"""Answers: every stage that people at this desk say of a report, kept here at once and by reception for good.

Owns the one place where a stage is marked, and so the rule that *acknowledged* and *closed* carry the signature of
whoever is signed in. Does not know pages or touches.
"""

from __future__ import annotations

from collections.abc import Collection

from firmware.clock import Moment
from firmware.messages import NO_ID, Stage, StageEvent, Urgency
from kiosk.staff import events as ev
from kiosk.staff.alerts import AlertBook, AlertLine
from kiosk.staff.cases import RANK, CaseBook
from kiosk.staff.session import Session

Effects = tuple[ev.DeskEffect, ...]


class Answers:
    """What can be said of lines. Every method returns the marks (and what else is to be kept)."""

    def __init__(self, *, desk: bytes, alerts: AlertBook, cases: CaseBook, session: Session) -> None:
        self._desk, self._alerts, self._cases, self._session = desk, alerts, cases, session
        self._displayed: set[bytes] = set()

    def displayed(self, visible: Collection[bytes], now: Moment) -> Effects:
        """These reports stand on the screen: said once for each."""
        fresh = [report for report in visible if report not in self._displayed and self._alerts.knows(report)]
        self._displayed.update(fresh)
        return tuple(
            effect
            for report in sorted(fresh)
            if RANK[self._cases.state(report).stage] < RANK[Stage.DISPLAYED]
            for effect in self._mark(report, Stage.DISPLAYED, now)
        )

    def notice_all(self, now: Moment) -> Effects:
        """The big button. It cannot notice what it must not show: private reports stay as they are."""
        lines = [line for line in self._alerts.lines() if line.urgency is not Urgency.INFORMATION]
        return tuple(effect for line in lines for effect in self.notice(line, now))

    def notice(self, line: AlertLine, now: Moment) -> Effects:
        """Somebody here has seen it; nobody has answered."""
        return tuple(effect for report in line.reports for effect in self._mark(report, Stage.NOTICED, now))

    def notice_going(self, line: AlertLine, now: Moment) -> Effects:
        """Somebody runs without signing in: noticed, shown as "I'm going", and the ladder goes on."""
        for report in line.reports:
            self._cases.say_going(report)
        return self.notice(line, now)

    def answer(self, line: AlertLine, now: Moment, *, with_them: bool) -> Effects:
        """The reader who is signed in answers for this line."""
        reader = self._session.reader
        effects: list[ev.DeskEffect] = []
        for report in line.reports:
            effects += self._mark(report, Stage.ACKNOWLEDGED, now)
            self._cases.say_going(report)
            if with_them and reader is not None:
                self._cases.say_with_them(report)
                kept = ev.KeepWithThem(self._alerts.sent_as(report), self._alerts.digest(report), reader.id)
                effects.append(kept)
        return tuple(effects)

    def close(self, reports: Collection[bytes], now: Moment) -> Effects:
        """These are closed, and acknowledged on the way if nobody had."""
        effects: list[ev.DeskEffect] = []
        for report in reports:
            if not self._cases.state(report).answered:
                effects += self._mark(report, Stage.ACKNOWLEDGED, now)
            effects += self._mark(report, Stage.CLOSED, now)
        return tuple(effects)

    def _mark(self, report: bytes, stage: Stage, now: Moment) -> Effects:
        generation = self._cases.state(report).generation
        sent_as, digest = self._alerts.sent_as(report), self._alerts.digest(report)
        reader, signature = NO_ID, b""
        if stage in (Stage.ACKNOWLEDGED, Stage.CLOSED):
            signature = self._session.sign(sent_as, digest, stage, generation)
            reader = self._session.reader.id if self._session.reader else NO_ID
        at_ms = max(0, now.wall_ms)
        event = StageEvent(report, digest, self._desk, stage, generation, at_ms, self._desk, reader, signature)
        self._cases.merge(event, now.monotonic_ms)
        return (ev.Mark(sent_as, digest, stage, generation, reader, signature),)
