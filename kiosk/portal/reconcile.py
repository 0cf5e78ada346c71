"""What the gate must change so that it holds what the register says: nobody less, nobody more. Pure.

The register is the truth and the gate's table only a copy: after a restart of either, lost admissions are given again
for the time that is left, and what nobody accepted is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.portal.admission import Acceptance, Online
from kiosk.portal.gate.elements import Address
from kiosk.portal.gate.line import Seen

# The gate counts whole seconds, and its answer has been under way.
TOLERATED_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Admit:
    """Let this client through for so long."""

    address: Address
    seconds: int
    access: str


@dataclass(frozen=True, slots=True)
class Plan:
    """In the order in which it is done."""

    revoke: tuple[bytes, ...]
    admit: tuple[Admit, ...]


def plan(seen: Sequence[Seen], online: Sequence[tuple[Acceptance, Online]], wall_ms: int) -> Plan:
    """`seen` must have been asked for before `online` was read: who was admitted then had been written down before."""
    due = {acceptance.pseudonym: decision for acceptance, decision in online}
    revoke: dict[bytes, None] = {}
    admit = []
    for client in seen:
        decision = due.get(client.pseudonym)
        if decision is None:
            if client.admitted_seconds_left is not None:
                revoke[client.pseudonym] = None
            continue
        seconds = seconds_left(decision.until_ms, wall_ms)
        if seconds > 0 and not _holds(client, decision, seconds):
            admit.append(Admit(client.address, seconds, str(decision.access)))
    return Plan(tuple(revoke), tuple(admit))


def seconds_left(until_ms: int, wall_ms: int) -> int:
    """Whole seconds, rounded down: nobody is through when their time is over."""
    return max(0, until_ms - wall_ms) // 1000


def _holds(client: Seen, decision: Online, seconds: int) -> bool:
    left = client.admitted_seconds_left
    return left is not None and abs(left - seconds) <= TOLERATED_SECONDS and client.access == str(decision.access)
