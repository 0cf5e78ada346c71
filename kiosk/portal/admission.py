"""Who may be on-line, until when, and why not: the one place where that is decided. Pure.

A device is on-line only while every bound holds, each looked at anew at every decision:

| bound | ends |
|---|---|
| session | so many minutes after the acceptance, and never later than the portal's day (04:00) |
| times | when the permitted times or the unlocked lesson end, unless this audience need not keep to them |
| voucher | when the voucher does |
| review | for what was accepted before: on the day on which the text must be reviewed |
| stored | at what was told when it was accepted; no later change, of clock or policy, moves that end |

What is decided, the first line that fits:

| found | answer |
|---|---|
| the clock cannot be right | NotNow, without a time |
| closed, and this audience keeps to the times | NotNow until the next opening |
| nothing accepted, or what is meant for others | MustAccept, first |
| accepted a text that is no longer in force | MustAccept, changed |
| a bound is over, the voucher is missing, or it was accepted in the future (clock put back) | MustAccept, ended |
| all bounds hold | Online |

Who somebody is comes from network or voucher, never from them. An overdue text is still put to everybody (an old
reminder is better than none); that it is overdue, staff are told elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from firmware.aup import AupDocument
from firmware.byod import Access, Audience, Byod
from firmware.errors import ProgrammerError, Refused
from kiosk.portal.aup_choice import Standing, in_force, known, standing
from kiosk.portal.timetable import Closed, Open, day_end_ms, day_start_ms, midnight_ms, times_at

MINUTE_MS = 60_000
# Long enough to save what one is doing.
WARN_BEFORE_MS = 5 * MINUTE_MS
# A clock that is set right by a little must not throw off whoever accepted a moment ago.
FROM_THE_FUTURE_MS = MINUTE_MS


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One device's word on one text; times in wall milliseconds. `voucher_until_ms` 0: it came by the network."""

    pseudonym: bytes
    aup: bytes
    accepted_ms: int
    until_ms: int
    voucher_until_ms: int = 0

    @property
    def over_ms(self) -> int:
        """When nothing more can come of it."""
        return max(self.until_ms, self.voucher_until_ms)


@dataclass(frozen=True, slots=True)
class Admitting:
    """What a voucher gives: an audience, and until when."""

    audience: Audience
    until_ms: int


class Ends(StrEnum):
    """What ends somebody's time on-line."""

    SESSION = "session"
    TIMES = "times"
    VOUCHER = "voucher"
    REVIEW = "review"


class Asked(StrEnum):
    """Why somebody is asked."""

    FIRST = "first"
    CHANGED = "changed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class MustAccept:
    """Show the text for this audience."""

    audience: Audience
    because: Asked


@dataclass(frozen=True, slots=True)
class Online:
    """On-line until then; `ends_soon` from five minutes before."""

    until_ms: int
    ends_soon: bool
    why: Ends
    access: Access


@dataclass(frozen=True, slots=True)
class NotNow:
    """Closed. `next_ms` None: no opening is in sight; `clock_known` False: because nobody can tell how late it is."""

    next_ms: int | None
    clock_known: bool = True


def audience_of(acceptance: Acceptance | None, *, byod: Byod, wall_ms: int) -> Audience:
    """Who this device is for us: what its voucher says while that holds, else what the network says."""
    if acceptance is not None and wall_ms < acceptance.voucher_until_ms:
        text = known(byod, acceptance.aup)
        if text is not None and text.audience in byod.audiences:
            return text.audience
    return byod.network_audience


def decide(
    acceptance: Acceptance | None,
    *,
    byod: Byod,
    audience: Audience,
    wall_ms: int,
    unlocked_until_ms: int | None,
) -> MustAccept | Online | NotNow:
    """The table above, for one device. `wall_ms`: the system's own wall time (see `timetable.clock_known`).

    Raises:
        ProgrammerError: this site has no such audience.
    """
    times = times_at(byod, wall_ms, unlocked_until_ms=unlocked_until_ms)
    return _decide(acceptance, byod, audience, wall_ms, times)


def online_now(
    acceptances: Iterable[Acceptance], *, byod: Byod, wall_ms: int, unlocked_until_ms: int | None
) -> tuple[tuple[Acceptance, Online], ...]:
    """Those of many who may be on-line, each as its own audience: what the gate should hold."""
    times = times_at(byod, wall_ms, unlocked_until_ms=unlocked_until_ms)
    found = []
    for acceptance in acceptances:
        audience = audience_of(acceptance, byod=byod, wall_ms=wall_ms)
        decision = _decide(acceptance, byod, audience, wall_ms, times)
        if isinstance(decision, Online):
            found.append((acceptance, decision))
    return tuple(found)


def accept(
    pseudonym: bytes,
    document: AupDocument,
    *,
    byod: Byod,
    voucher: Admitting | None,
    wall_ms: int,
    unlocked_until_ms: int | None,
) -> Acceptance | NotNow:
    """What to write into the register when somebody says that they will keep to this text.

    Raises:
        Refused: "not-in-force" or "not-theirs" (the page was an old one, or for others: show theirs), "voucher-over".
    """
    audience = byod.network_audience if voucher is None else voucher.audience
    standing_now = standing(byod, document.digest, audience)
    if audience not in byod.audiences or standing_now is Standing.NOT_THEIRS:
        raise Refused("not-theirs")
    text = in_force(byod, document.digest, audience)
    if text is None:
        raise Refused("not-in-force")
    times = times_at(byod, wall_ms, unlocked_until_ms=unlocked_until_ms)
    if isinstance(times, Closed) and _keeps_out(times, byod, audience):
        return NotNow(times.next_ms, times.clock_known)
    if voucher is not None and voucher.until_ms <= wall_ms:
        raise Refused("voucher-over")
    day_end = day_end_ms(wall_ms, byod.zone)
    # A voucher for days is entered anew each day: by then this device has another pseudonym.
    voucher_until_ms = min(voucher.until_ms, day_end) if voucher is not None else 0
    fresh = Acceptance(pseudonym, document.digest, wall_ms, day_end, voucher_until_ms)
    until_ms = min(_bounds(fresh, text, byod, times).values())
    return Acceptance(pseudonym, document.digest, wall_ms, until_ms, voucher_until_ms)


def forget_line_ms(byod: Byod, wall_ms: int) -> int:
    """What was over at this moment is kept no longer: the profile's hours, and never beyond the portal's day."""
    return max(wall_ms - byod.keep_hours * 60 * MINUTE_MS, day_start_ms(wall_ms, byod.zone))


def _decide(
    acceptance: Acceptance | None, byod: Byod, audience: Audience, wall_ms: int, times: Open | Closed
) -> MustAccept | Online | NotNow:
    if audience not in byod.audiences:
        raise ProgrammerError(f"{audience}: this site has no such audience")
    if isinstance(times, Closed) and _keeps_out(times, byod, audience):
        return NotNow(times.next_ms, times.clock_known)
    text = in_force(byod, acceptance.aup, audience) if acceptance is not None else None
    if acceptance is None or text is None:
        return MustAccept(audience, _asked(acceptance, byod, audience))
    bounds = _bounds(acceptance, text, byod, times)
    until_ms = min(acceptance.until_ms, *bounds.values())
    if wall_ms >= until_ms or acceptance.accepted_ms > wall_ms + FROM_THE_FUTURE_MS:
        return MustAccept(audience, Asked.ENDED)
    if audience is not byod.network_audience and not acceptance.voucher_until_ms:
        return MustAccept(audience, Asked.ENDED)
    why = next((end for end, end_ms in bounds.items() if end_ms == until_ms), Ends.SESSION)
    return Online(until_ms, until_ms - wall_ms <= WARN_BEFORE_MS, why, byod.audiences[audience].access)


def _keeps_out(times: Closed, byod: Byod, audience: Audience) -> bool:
    """A clock that cannot be right keeps out everybody: nobody's end could be told."""
    return not times.clock_known or byod.audiences[audience].uses_times


def _asked(acceptance: Acceptance | None, byod: Byod, audience: Audience) -> Asked:
    if acceptance is None:
        return Asked.FIRST
    return Asked.CHANGED if standing(byod, acceptance.aup, audience) is Standing.CHANGED else Asked.FIRST


def _bounds(acceptance: Acceptance, text: AupDocument, byod: Byod, times: Open | Closed) -> Mapping[Ends, int]:
    """Every end that applies; where two fall together, the first is the one that is told."""
    rules = byod.audiences[text.audience]
    accepted_ms = acceptance.accepted_ms
    session = min(accepted_ms + rules.session_minutes * MINUTE_MS, day_end_ms(accepted_ms, byod.zone))
    bounds: dict[Ends, int] = {}
    if rules.uses_times and isinstance(times, Open) and times.until_ms is not None:
        bounds[Ends.TIMES] = times.until_ms
    if acceptance.voucher_until_ms:
        bounds[Ends.VOUCHER] = acceptance.voucher_until_ms
    review_ms = midnight_ms(text.review, byod.zone)
    if accepted_ms < review_ms:
        bounds[Ends.REVIEW] = review_ms
    return {**bounds, Ends.SESSION: session}
