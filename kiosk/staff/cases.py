"""Cases: what has been said of each report, by whom, and what it takes to close one.

Pure. The state of a report is (generation, stage): within a generation stages only join upward, so the events of
several desks can be merged in any order and any number of times; re-opening raises the generation. Does not know
signatures or screens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated

import msgspec

from firmware.errors import StaffError
from firmware.messages import NO_ID, Id, Stage, StageEvent, Struct, Urgency

RANK = {
    Stage.STORED: 1,
    Stage.DISPLAYED: 2,
    Stage.NOTICED: 3,
    Stage.ACKNOWLEDGED: 4,
    Stage.CLOSED: 5,
}
"""REFUSED is not here: it says something of an envelope, not of what people did."""

SERIOUS_CATEGORIES = frozenset(
    {
        "hurt-or-scared",
        "self-harm",
        "grooming",
        "images",
        "blackmail",
        "sexual-harassment",
        "extremism",
        "forced-marriage",
    }
)
"""Category codes (of `kiosk.talk`) that two readers close, whatever their urgency."""

REASON_CHARACTERS = 500


class Outcome(StrEnum):
    """What staff judged, by substance. A learner never sees it."""

    NO_CONCERN = "no-concern"
    UNFOUNDED = "unfounded"
    INTERNAL = "internal"
    DISCIPLINARY = "disciplinary"
    LOCAL_AUTHORITY = "local-authority"
    POLICE = "police"


OUTCOME_WORDS = {
    Outcome.NO_CONCERN: "No concern",
    Outcome.UNFOUNDED: "Unfounded",
    Outcome.INTERNAL: "Dealt with here",
    Outcome.DISCIPLINARY: "Disciplinary",
    Outcome.LOCAL_AUTHORITY: "Local authority",
    Outcome.POLICE: "Police",
}


class NeedsReason(StaffError):
    """Choose an outcome and write a reason first."""


class NeedsAnotherReader(StaffError):
    """Somebody else has to confirm this: two readers close a serious case."""


@dataclass(frozen=True, slots=True)
class CaseState:
    """Where one report stands.

    `noticed_ms` and `acknowledged_ms` are this desk's monotonic clock (None: not in this generation); the `_at_ms` are
    the wall times in the events, by which an event that comes twice is known.
    """

    generation: int = 0
    stage: Stage = Stage.STORED
    since_ms: int = 0
    noticed_ms: int | None = None
    acknowledged_ms: int | None = None
    acknowledged_by: bytes = NO_ID
    noticed_at_ms: int = -1
    acknowledged_at_ms: int = -1
    with_them: bool = False
    going: bool = False

    @property
    def closed(self) -> bool:
        return self.stage is Stage.CLOSED

    @property
    def answered(self) -> bool:
        return RANK[self.stage] >= RANK[Stage.ACKNOWLEDGED]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One reader's wish to close a serious case; it waits for another reader."""

    report: bytes
    generation: int
    reader: bytes
    outcome: Outcome
    reason: str


class CaseNote(Struct, frozen=True):
    """What is kept of a closing or re-opening, sealed to the story's route. `readers`: who signed, in order."""

    report: Id
    generation: int
    outcome: Annotated[str, msgspec.Meta(max_length=32)]
    reason: Annotated[str, msgspec.Meta(max_length=REASON_CHARACTERS)]
    readers: tuple[Id, ...]
    at_ms: int


class CaseBook:
    """The state of every report this desk knows."""

    def __init__(self) -> None:
        self._states: dict[bytes, CaseState] = {}
        self._proposals: dict[bytes, Proposal] = {}
        self.version = 0
        """Rises with every change, so that what is made from the book can be kept until then."""

    def begin(self, report: bytes, received_ms: int) -> None:
        """A report came; its first ladder starts when it was received."""
        state = self._states.get(report)
        if state is None:
            self._set(report, CaseState(since_ms=received_ms))
        elif state.generation == 0:
            self._set(report, replace(state, since_ms=received_ms))

    def state(self, report: bytes) -> CaseState:
        return self._states.get(report, CaseState())

    def merge(self, event: StageEvent, now_ms: int) -> bool:
        """Join one signed event in; False: it said nothing new. The same in any order, any number of times."""
        rank = RANK.get(event.stage)
        held = self.state(event.report)
        if rank is None or event.generation < held.generation:
            return False
        if event.generation > held.generation:
            # Only what was closed begins a new ladder: else a desk that raises generations could put pages off forever.
            begins = held.closed or event.report not in self._states
            since_ms = now_ms if begins else held.since_ms
            held = CaseState(generation=event.generation, since_ms=since_ms)
        if event.stage is Stage.CLOSED:
            self._proposals.pop(event.report, None)
        joined = _joined(held, event, now_ms)
        changed = joined != self._states.get(event.report)
        self._set(event.report, joined)
        return changed

    def say_going(self, report: bytes) -> None:
        """Somebody said "I'm going". Shown beside the line; proves nothing and stops nothing."""
        self._set(report, replace(self.state(report), going=True))

    def say_with_them(self, report: bytes) -> None:
        """Somebody is with whoever needs help."""
        self._set(report, replace(self.state(report), with_them=True, going=True))

    def not_with_them(self, report: bytes) -> None:
        """It was raised again: what was said before no longer counts."""
        self._set(report, replace(self.state(report), going=False))

    def proposal(self, report: bytes) -> Proposal | None:
        """A wish to close this report in its present generation that waits for another reader."""
        proposal = self._proposals.get(report)
        return proposal if proposal and proposal.generation == self.state(report).generation else None

    def close(self, report: bytes, *, serious: bool, reader: bytes, outcome: Outcome | None, reason: str) -> Proposal:
        """What is to be closed now (sign it and merge the CLOSED event).

        Raises:
            NeedsReason: outcome or reason is missing.
            NeedsAnotherReader: the case is serious; the wish is kept and another reader must confirm it.
        """
        if outcome is None or not reason.strip():
            raise NeedsReason("Choose an outcome and write a reason first.")
        wish = Proposal(report, self.state(report).generation, reader, outcome, reason.strip()[:REASON_CHARACTERS])
        if serious:
            self._proposals[report] = wish
            raise NeedsAnotherReader("Kept. Another reader has to confirm before it closes.")
        return wish

    def confirm(self, report: bytes, *, reader: bytes) -> Proposal:
        """A second reader agrees to the wish.

        Raises:
            NeedsAnotherReader: there is no wish, or it is this reader's own.
        """
        wish = self.proposal(report)
        if wish is None or wish.reader == reader:
            raise NeedsAnotherReader("Somebody else has to confirm this: two readers close a serious case.")
        return wish

    def _set(self, report: bytes, state: CaseState) -> None:
        self._states[report] = state
        self.version += 1

    def withdraw(self, report: bytes) -> None:
        """The second reader does not agree: the case stays open."""
        self._proposals.pop(report, None)


def is_serious(urgency: Urgency, *, private: bool, category: str, danger: str = "") -> bool:
    """Whether two readers must agree to close."""
    return urgency is Urgency.NOW or private or danger == "yes" or category in SERIOUS_CATEGORIES


def _joined(held: CaseState, event: StageEvent, now_ms: int) -> CaseState:
    joined = replace(held, stage=max(held.stage, event.stage, key=RANK.__getitem__))
    if event.stage is Stage.NOTICED and event.at_ms > held.noticed_at_ms:
        return replace(joined, noticed_ms=now_ms, noticed_at_ms=event.at_ms)
    newer = (event.at_ms, event.reader) > (held.acknowledged_at_ms, held.acknowledged_by)
    if event.stage is Stage.ACKNOWLEDGED and newer:
        return replace(joined, acknowledged_ms=now_ms, acknowledged_at_ms=event.at_ms, acknowledged_by=event.reader)
    return joined
