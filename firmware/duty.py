"""Duty: whether this desk is attended now, by the profile's hours and by what staff say.

Pure. Owns the rule that a screen never promises a person who has gone: every word of staff lapses by itself, and when
neither the hours nor staff can be believed the answer is UNKNOWN. Does not know who signs it (see `reception`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware.messages import Duty, DutyState

MINUTE_MS = 60_000
# "Office attended" outside hours is believed for an hour after the last sign of a person, then the hours count again.
ATTENDED_LAPSES_MS = 60 * MINUTE_MS
# How far, and in what steps, we look for the next opening when staff leave for the rest of the day.
LOOK_AHEAD_STEP_MS = 15 * MINUTE_MS
LOOK_AHEAD_STEPS = 14 * 24 * 4

UNKNOWN = Duty(DutyState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class StaffWord:
    """What staff said last, in wall time so that it survives a restart.

    It holds until `until_ms` (0: not known); at `opening_ms`, when the hours begin anew, the hours count again.
    """

    attended: bool
    said_ms: int
    until_ms: int
    opening_ms: int = 0


class DutyBook:
    """Answers "is anyone there?" from hours and staff.

    | hours | staff said | answer |
    |---|---|---|
    | on | nothing, or attended | ON until the hours end |
    | off | nothing | OFF until they begin |
    | off | attended | ON for an hour after the last sign of a person |
    | any | leaving, back at T | OFF until T; after T nobody knows: UNKNOWN until somebody is there again |
    | any | leaving for today | OFF until the hours begin anew |
    | clock not known | nothing | UNKNOWN |
    """

    def __init__(
        self, *, hours: Callable[[int], Duty], time_words: Callable[[int], str], word: StaffWord | None = None
    ) -> None:
        """`hours` is `Profile.duty_at`; `time_words` makes "11:30" of wall milliseconds; `word` is what was kept."""
        self._hours, self._time_words, self._word = hours, time_words, word

    @property
    def word(self) -> StaffWord | None:
        """What staff said, to be kept over a restart."""
        return self._word

    def attend(self, wall_ms: int) -> None:
        """Staff said "office attended"."""
        self._word = StaffWord(attended=True, said_ms=wall_ms, until_ms=wall_ms + ATTENDED_LAPSES_MS)

    def leave(self, wall_ms: int, minutes: int | None = None) -> None:
        """Staff said "leaving": back in so many minutes, or (None) not before the hours begin anew."""
        opening = self._next_opening_ms(wall_ms)
        until = wall_ms + minutes * MINUTE_MS if minutes is not None else opening
        self._word = StaffWord(attended=False, said_ms=wall_ms, until_ms=until, opening_ms=opening)

    def sign_of_life(self, wall_ms: int) -> None:
        """Somebody touched this desk: a stay outside the hours goes on; who had left and is late is back."""
        word = self._word
        if word is None:
            return
        if word.attended:
            if wall_ms < word.until_ms:
                self.attend(wall_ms)
        elif wall_ms >= word.until_ms > 0:
            self._word = None

    def at(self, wall_ms: int, *, clock_known: bool = True) -> Duty:
        """The duty that a desk may sign at this moment."""
        word = self._word
        if not clock_known:
            believed = word is not None and abs(wall_ms - word.said_ms) < ATTENDED_LAPSES_MS
            if word is None or not believed:
                return UNKNOWN
            return Duty(DutyState.ON if word.attended else DutyState.OFF)
        hours = self._hours(wall_ms)
        if word is None:
            return hours
        if wall_ms < word.said_ms:
            # The clock went back: nobody can say how long ago staff spoke.
            return hours if word.attended else UNKNOWN
        if word.attended:
            return self._attended(hours, word, wall_ms)
        return self._left(hours, word, wall_ms)

    def _attended(self, hours: Duty, word: StaffWord, wall_ms: int) -> Duty:
        if hours.state is DutyState.ON or wall_ms >= word.until_ms:
            return hours
        return Duty(DutyState.ON, self._time_words(word.until_ms))

    def _left(self, hours: Duty, word: StaffWord, wall_ms: int) -> Duty:
        if hours.state is not DutyState.ON or 0 < word.opening_ms <= wall_ms:
            return hours
        if 0 < word.until_ms <= wall_ms:
            return UNKNOWN
        return Duty(DutyState.OFF, self._time_words(word.until_ms) if word.until_ms else "")

    def _next_opening_ms(self, wall_ms: int) -> int:
        """The first quarter hour at which the hours begin after a time off, or 0 if that cannot be found."""
        seen_off = self._hours(wall_ms).state is not DutyState.ON
        first = wall_ms // LOOK_AHEAD_STEP_MS
        for quarter in range(first + 1, first + LOOK_AHEAD_STEPS):
            at = quarter * LOOK_AHEAD_STEP_MS
            state = self._hours(at).state
            seen_off = seen_off or state is not DutyState.ON
            if seen_off and state is DutyState.ON:
                return at
        return 0
