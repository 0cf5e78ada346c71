"""What a desk may order a kiosk to do, and the gate that every order passes. Pure.

Nothing else can be ordered: a kiosk has no command that shows, sends or erases a report's words. The signature of the
down envelope has been verified before an order comes here (`envelope`); the gate checks authority and replay:

    the desk stands in the sheet that the kiosk holds now          unknown-desk
    the order was made for this start of the kiosk                 other-boot
    its counter is greater than every one from this desk before    replayed
    its not-after, on the kiosk's own clock, has not passed        expired
    and is not so far ahead that it would be an order for ever     too-far-ahead
    its argument is what its kind needs                            malformed

Who calls it keeps `counters` durably in the commit that precedes the deed, so that a restart cannot be used to replay.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from firmware.errors import Refused
from firmware.messages import Command, CommandKind, Count, Id, MaybeId, Struct, decode, encode

# An order older than this is no longer what the person at the desk means.
LIFE_MS = 60_000
# A desk counts from the kiosk's last heartbeat; more than this ahead is a mistake or an attempt.
FURTHEST_AHEAD_MS = 15 * 60_000
LONGEST_LESSON_MINUTES = 180
# The argument of a command is at most 512 bytes with its frame and the report's id.
REPLY_BYTES = 480

# How a kiosk tells, among the codes of its heartbeats, what became of a lesson. None of them is trouble.
LESSON_OPEN = "lesson-open"
NO_PORTAL = "no-portal"
HAS_PORTAL = "byod"


class LessonUnlock(Struct, frozen=True):
    """Open the BYOD network for one lesson of so many minutes from now on, in place of one that is open; 0 ends it."""

    minutes: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_LESSON_MINUTES)]


class Resend(Struct, frozen=True):
    """Send this report again, or everything that is kept when empty."""

    report: MaybeId


class Reply(Struct, frozen=True):
    """Words from staff for whoever holds the code of this report."""

    report: Id
    text: Annotated[bytes, msgspec.Meta(min_length=1, max_length=REPLY_BYTES)]


class NewSheet(Struct, frozen=True):
    """Fetch the seal sheet: these versions exist."""

    desk_sheet_version: Count
    route_sheet_version: Count


Order = LessonUnlock | Resend | Reply | NewSheet

ORDERS: Mapping[CommandKind, type[Order]] = {
    CommandKind.LESSON_UNLOCK: LessonUnlock,
    CommandKind.RESEND: Resend,
    CommandKind.REPLY: Reply,
    CommandKind.NEW_SHEET: NewSheet,
}
KINDS: Mapping[type[Order], CommandKind] = {order: kind for kind, order in ORDERS.items()}


@dataclass(frozen=True, slots=True)
class Obeyed:
    """Do this; `counter` is to be saved for `desk` first."""

    desk: bytes
    counter: int
    order: Order


@dataclass(frozen=True, slots=True)
class Ignored:
    """Do nothing. `reason` is a code that is safe to log and to count."""

    desk: bytes
    kind: CommandKind
    reason: str


Decision = Obeyed | Ignored


def lesson_open_code(seconds_left: int) -> str:
    """The kiosk's side: a lesson is open and has so long left ("lesson-open-37": minutes, rounded up)."""
    return f"{LESSON_OPEN}-{max(1, -(-seconds_left // 60))}"


def command(order: Order, *, counter: int, boot: int, kiosk_now_ms: int) -> Command:
    """The desk's side: an order as it goes into a down envelope. `boot` and `kiosk_now_ms` are the kiosk's, from the
    life in its last envelope; `counter` is one more than this desk ever used for this kiosk."""
    return Command(KINDS[type(order)], counter, boot, kiosk_now_ms + LIFE_MS, encode(order))


class CommandGate:
    """Decides over each order of this boot. `counters`: the greatest obeyed from each desk, as last saved."""

    def __init__(self, *, boot: int, counters: Mapping[bytes, int]) -> None:
        self._boot = boot
        self._counters = dict(counters)

    @property
    def counters(self) -> Mapping[bytes, int]:
        """To be saved before an obeyed order is carried out."""
        return dict(self._counters)

    def judge(self, desk: bytes, command: Command, *, desks: Collection[bytes], now_ms: int) -> Decision:
        """Obey or ignore one order from a verified envelope. `desks` are those in the sheet that is held now,
        `now_ms` is monotonic. Only an obeyed order uses up its counter."""
        reason = self._refusal(desk, command, desks, now_ms)
        if reason:
            return Ignored(desk, command.kind, reason)
        try:
            order = decode(command.argument, ORDERS[command.kind])
        except Refused as problem:
            return Ignored(desk, command.kind, problem.reason)
        self._counters[desk] = command.counter
        return Obeyed(desk, command.counter, order)

    def _refusal(self, desk: bytes, command: Command, desks: Collection[bytes], now_ms: int) -> str:
        if desk not in desks:
            return "unknown-desk"
        if command.boot != self._boot:
            return "other-boot"
        if command.counter <= self._counters.get(desk, 0):
            return "replayed"
        if command.not_after_ms < now_ms:
            return "expired"
        if command.not_after_ms > now_ms + FURTHEST_AHEAD_MS:
            return "too-far-ahead"
        return ""
