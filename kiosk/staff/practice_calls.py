"""Calls without a report: the readers of private reports are called now and then, so that a call tells nobody anything.

Pure. Private reports call head and independent readers alike. A head who is called, signs in and finds nothing could
conclude that the report is about them; so every desk also calls both by itself, at random times while the office is on
duty, with the same words and in the same steps as a real call that is slow to be answered. The same calls practise
signing in and prove that the pager still reaches these people. Knows no reports.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from firmware.messages import Duty, DutyState
from kiosk.staff.escalation import PAGE_NOW, PAGE_TODAY, PRIVATE_LADDER, PRIVATE_NOW_LADDER, PRIVATE_ROLES, Ladder
from kiosk.staff.events import Page

# A week of a school office, five days of eight hours. Private reports are rarer than that in nearly every school, so
# that a call is more likely practice than not; more often, and people would stop coming.
MEAN_ON_DUTY_MS = 5 * 8 * 3_600_000
# A real call goes on until a reader answers, whom the called may not be: practice goes on as often as not.
GOES_ON_CHANCE = 0.5

_KINDS = ((PAGE_NOW, PRIVATE_NOW_LADDER), (PAGE_TODAY, PRIVATE_LADDER))


@dataclass(slots=True)
class _Run:
    """One call and what follows it."""

    text: str
    ladder: Ladder
    started_ms: int
    calls: int
    due_ms: int


class PracticeCalls:
    """Call `step` in every turn. Exponential gaps have no memory: nothing has to be kept over a restart."""

    def __init__(self, chance: random.Random, *, now_ms: int, roles: Sequence[str] = PRIVATE_ROLES) -> None:
        self._chance, self._roles = chance, tuple(roles)
        self._left_ms = self._gap_ms()
        self._seen_ms, self._on_duty = now_ms, False
        self._run: _Run | None = None

    def step(self, duty: Duty, now_ms: int) -> tuple[Page, ...]:
        """The calls that are due. Only time on duty counts: whoever is called is to find an open office."""
        if self._on_duty:
            self._left_ms -= now_ms - self._seen_ms
        self._seen_ms, self._on_duty = now_ms, duty.state is DutyState.ON
        if self._left_ms <= 0 and self._run is None:
            self._left_ms = self._gap_ms()
            text, ladder = self._chance.choice(_KINDS)
            self._run = _Run(text, ladder, now_ms, 0, now_ms)
        return self._calls(now_ms)

    def next_due_ms(self) -> int | None:
        """When `step` would next do something, if duty stays as it is."""
        if self._run is not None:
            return self._run.due_ms
        return self._seen_ms + max(0, self._left_ms) if self._on_duty else None

    def _calls(self, now_ms: int) -> tuple[Page, ...]:
        run = self._run
        if run is None or now_ms < run.due_ms:
            return ()
        run.calls += 1
        if run.calls < len(run.ladder.rungs):
            run.due_ms = run.started_ms + run.ladder.rungs[run.calls].after_ms
        else:
            run.due_ms = now_ms + run.ladder.again_every_ms
        if self._chance.random() >= GOES_ON_CHANCE:
            self._run = None
        return tuple(Page(role, run.text) for role in self._roles)

    def _gap_ms(self) -> int:
        return max(1, round(self._chance.expovariate(1 / MEAN_ON_DUTY_MS)))
