"""How a kiosk knows that a desk's word is of now: it must name an id that nobody could have known before.

Owns the ids that were sent lately, which desk has answered which, and the duty that each desk signed last. Pure; knows
nothing of envelopes, reports or sending.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from firmware.messages import Duty, DutyState
from firmware.opening_hours import only_time

# A word older than this proves nothing of now; an unanswered screen says so after a minute.
FRESH_MS = 60_000
REMEMBERED_CHALLENGES = 256


@dataclass(slots=True)
class _Challenge:
    since_ms: int
    answered: set[bytes] = field(default_factory=set)


class Freshness:
    """The challenges of one start of one kiosk. All times are its monotonic milliseconds."""

    def __init__(self) -> None:
        self._challenges: dict[bytes, _Challenge] = {}
        self._duties: dict[bytes, tuple[Duty, int]] = {}

    def challenge(self, id: bytes, now_ms: int) -> None:
        """This new id leaves now for the first time: an answer that names it is no older."""
        self._challenges.setdefault(id, _Challenge(now_ms))
        while len(self._challenges) > REMEMBERED_CHALLENGES:
            del self._challenges[next(iter(self._challenges))]

    def prove(self, desk: bytes, answers: bytes, duty: Duty, now_ms: int) -> bool:
        """Whether a verified word of this desk is fresh; then its duty counts. Each desk answers each id once."""
        challenge = self._challenges.get(answers)
        if challenge is None or desk in challenge.answered:
            return False
        challenge.answered.add(desk)
        if now_ms - challenge.since_ms >= FRESH_MS:
            return False
        if desk not in self._duties or self._duties[desk][1] <= challenge.since_ms:
            # It may have been signed at any time since the challenge, so that is its age.
            self._duties[desk] = (Duty(duty.state, only_time(duty.until)), challenge.since_ms)
        return True

    def keep_only(self, desks: Collection[bytes]) -> None:
        """A new sheet: the word of a desk that is gone no longer counts."""
        self._duties = {desk: told for desk, told in self._duties.items() if desk in desks}

    def duty(self, now_ms: int) -> Duty:
        """Whether any desk is attended; unknown after a minute without a fresh word."""
        fresh = [duty for duty, since_ms in self._duties.values() if now_ms - since_ms < FRESH_MS]
        for state in (DutyState.ON, DutyState.OFF):
            found = [duty for duty in fresh if duty.state is state]
            if found:
                return next((duty for duty in found if duty.until), found[0])
        return Duty(DutyState.UNKNOWN)
