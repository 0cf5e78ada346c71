"""Trouble: a fault that somebody must know of, in plain words with a remedy, folded when many share it.

Pure. Owns the causes, their sentences and the folding. Does not know how a cause is found out (see `presence`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from firmware.messages import NO_ID

# More than this many devices with one cause become one line, so that a dead switch does not hide a cut button.
FOLD_ABOVE = 3
# Room names written out in a folded line before "and 4 more".
ROOMS_WRITTEN = 4


class Cause(StrEnum):
    """Why there is trouble. The first group comes from silence, the second from the device itself, the third from its
    network for phones, …"""

    SILENT = "silent"
    NEVER_SEEN = "never-seen"
    SITE_BLIND = "site-blind"

    BUTTON_CUT = "button-cut"
    BUTTON_SHORTED = "button-shorted"
    BUTTON_STUCK = "button-stuck"
    LID_OPEN = "lid-open"
    DISK_FULL = "disk-full"
    DISK_FAULT = "disk-fault"
    CLOCK_UNSYNCED = "clock-unsynced"
    REPORTED_FAULT = "reported-fault"

    GATE_DOWN = "gate-down"
    AUP_REVIEW = "aup-review"
    LOOK_ALIKE = "look-alike"
    PORTAL_SILENT = "portal-silent"
    PORTAL_FULL = "portal-full"
    PORTAL_STORE = "portal-store"
    PORTAL_CLOCK = "portal-clock"

    SHEET_BEHIND = "sheet-behind"
    FORKED_CARD = "forked-card"
    REPORT_MISSING = "report-missing"
    UNREADABLE = "unreadable"
    UNKNOWN_DEVICE = "unknown-device"
    REFUSED = "refused"
    WRONG_PINS = "wrong-pins"

    LINK = "link"
    PAGER = "pager"
    STORE = "store"
    OTHER_DESK = "other-desk"
    NO_SECOND_EYE = "no-second-eye"


@dataclass(frozen=True, slots=True)
class Words:
    """How one cause is said. `one` and `many` are completed by the place; `remedy` is what to do."""

    one: str
    many: str
    remedy: str
    passing: bool = False


# `passing` causes are things that happened: they stay listed until somebody says "seen". The others are states:
# they go when the state goes and cannot be waved away.
WORDS: dict[Cause, Words] = {
    Cause.SILENT: Words("is silent", "silent", "Check power and network. Until then a press there may not arrive."),
    Cause.NEVER_SEEN: Words(
        "has not been heard since this desk started",
        "not heard since this desk started",
        "Check power and network. Until then a press there may not arrive.",
    ),
    Cause.SITE_BLIND: Words(
        "No kiosk can be heard",
        "No kiosk can be heard",
        "Check this desk's network and the broker now. Until then, look after the rooms by other means.",
    ),
    Cause.BUTTON_CUT: Words("has a cut button", "with a cut button", "Mend its button cable. The screen still works."),
    Cause.BUTTON_SHORTED: Words(
        "has a shorted button", "with a shorted button", "Mend its button cable. The screen still works."
    ),
    Cause.BUTTON_STUCK: Words(
        "has a stuck button",
        "with a stuck button",
        "Go and look: somebody may be holding it. If not, free it.",
    ),
    Cause.LID_OPEN: Words("has its lid open", "with the lid open", "Go and look who opened it. Close the lid."),
    Cause.DISK_FULL: Words(
        "has a full disk", "with a full disk", "Replace its card. Reports there may not be saved: say so in the room."
    ),
    Cause.DISK_FAULT: Words(
        "cannot write its disk", "that cannot write", "Replace its card. Reports there may not be saved: say so there."
    ),
    Cause.CLOCK_UNSYNCED: Words(
        "does not know the time", "without the time", "It heals when a desk answers. If it stays, check the network."
    ),
    Cause.REPORTED_FAULT: Words("reports a fault", "that report a fault", "Run the self-check on it."),
    Cause.GATE_DOWN: Words(
        "cannot let phones on-line",
        "that cannot let phones on-line",
        "Tell the technician. Until then learners who need help use the kiosk or come to you.",
    ),
    Cause.AUP_REVIEW: Words(
        "has rules for phones past their review date",
        "whose rules for phones are past their review date",
        "Ask whoever keeps the policies to review them.",
    ),
    Cause.LOOK_ALIKE: Words(
        "sees a Wi-Fi with our name that is not ours",
        "that see a Wi-Fi with our name that is not ours",
        "Tell the technician at once, and learners: join only the Wi-Fi that our notices name.",
    ),
    Cause.PORTAL_SILENT: Words(
        "shows phones no page",
        "that show phones no page",
        "Restart it. Until then learners who need help use the kiosk or come to you.",
    ),
    Cause.PORTAL_FULL: Words(
        "takes no more messages from phones",
        "that take no more messages from phones",
        "Tell the technician: their share of the disk is full. The kiosk's own screen still works.",
    ),
    Cause.PORTAL_STORE: Words(
        "cannot write down what phones agree to",
        "that cannot write down what phones agree to",
        "Tell the technician to check its disk. Phones may not get on-line there.",
    ),
    Cause.PORTAL_CLOCK: Words(
        "keeps phones off-line, for its clock is wrong",
        "that keep phones off-line, for their clocks are wrong",
        "Tell the technician to check how it gets the time. Phones can still send a message there.",
    ),
    Cause.SHEET_BEHIND: Words(
        "still uses old keys", "that still use old keys", "Check that it gets messages from the broker; restart it."
    ),
    Cause.FORKED_CARD: Words(
        "runs from a copied or restored card",
        "that run from a copied or restored card",
        "Provision it anew, so that its numbers start again. Find out who copied the card.",
        passing=True,
    ),
    Cause.REPORT_MISSING: Words(
        "speaks of a report that never came",
        "that speak of a report that never came",
        "Go to the room and ask openly. Tell the technician: something held a message back.",
        passing=True,
    ),
    Cause.UNREADABLE: Words(
        "sent a report that cannot be read", "that sent unreadable reports", "Go there now.", passing=True
    ),
    Cause.UNKNOWN_DEVICE: Words(
        "A device that is not registered sends messages",
        "devices send messages that are not registered",
        "Ask the technician which device it is. Revoke its certificate if nobody knows.",
        passing=True,
    ),
    Cause.REFUSED: Words(
        "sends messages that we refuse",
        "that send messages we refuse",
        "Tell the technician. It may be broken, old, or somebody is trying something.",
        passing=True,
    ),
    Cause.WRONG_PINS: Words(
        "Wrong PINs or passphrases were typed here",
        "Wrong PINs or passphrases were typed",
        "Find out who tried. The key was wiped from memory; its owner unlocks again.",
        passing=True,
    ),
    Cause.LINK: Words("This desk has no broker", "desks have no broker", "Check this desk's network and the broker."),
    Cause.PAGER: Words("Paging does not work", "pagers do not work", "Telephone instead. Mend the pager settings."),
    Cause.STORE: Words("This desk cannot save", "desks cannot save", "Free or replace its disk at once."),
    Cause.OTHER_DESK: Words("has trouble of its own", "desks have trouble of their own", "Look at that desk's screen."),
    Cause.NO_SECOND_EYE: Words(
        "Nobody watches this desk",
        "desks are watched by nobody",
        "Add a second desk or a watcher. Until then nobody is told when this desk fails.",
    ),
}

# What is wrong with a portal or found by it, by the code of its kiosk's heartbeat.
PORTAL_FAULTS = {
    cause.value: cause
    for cause in (
        Cause.GATE_DOWN,
        Cause.AUP_REVIEW,
        Cause.LOOK_ALIKE,
        Cause.PORTAL_SILENT,
        Cause.PORTAL_FULL,
        Cause.PORTAL_STORE,
        Cause.PORTAL_CLOCK,
    )
}
# Every code that a device tells of itself, and the trouble that it is. Another code is a fault without a name here.
DEVICE_FAULTS = {
    cause.value: cause
    for cause in (
        Cause.BUTTON_CUT,
        Cause.BUTTON_SHORTED,
        Cause.BUTTON_STUCK,
        Cause.LID_OPEN,
        Cause.DISK_FULL,
        Cause.DISK_FAULT,
        Cause.CLOCK_UNSYNCED,
        Cause.REPORTED_FAULT,
        *PORTAL_FAULTS.values(),
    )
}

_WHOLE_SENTENCES = {
    Cause.SITE_BLIND,
    Cause.UNKNOWN_DEVICE,
    Cause.WRONG_PINS,
    Cause.LINK,
    Cause.PAGER,
    Cause.STORE,
    Cause.NO_SECOND_EYE,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One cause at one device. `since_ms` is this desk's monotonic clock; `detail` holds codes and counts only."""

    id: str
    cause: Cause
    device: bytes
    since_ms: int
    detail: str = ""
    count: int = 1

    @property
    def sounds(self) -> bool:
        """Only a blind site is worth a sound at the desk; everything else is for the technician's list."""
        return self.cause is Cause.SITE_BLIND

    @property
    def passing(self) -> bool:
        """Something that happened (listed until somebody has seen it) rather than a state."""
        return WORDS[self.cause].passing


@dataclass(frozen=True, slots=True)
class TroubleLine:
    """What a screen shows: one sentence, one remedy, the oldest time, and the ids it stands for."""

    ids: tuple[str, ...]
    cause: Cause
    sentence: str
    remedy: str
    since_ms: int
    sounds: bool
    passing: bool


def trouble_id(cause: Cause, device: bytes = NO_ID) -> str:
    """The same cause at the same device is the same trouble."""
    return f"{cause.value}:{device.hex()}"


def folded(troubles: Iterable[Trouble], place_of: Callable[[bytes], str]) -> tuple[TroubleLine, ...]:
    """Lines for a screen: sounding ones first, then oldest first; a cause shared by more than three is one line."""
    by_cause: dict[Cause, list[Trouble]] = {}
    for trouble in sorted(troubles, key=lambda trouble: (trouble.since_ms, trouble.id)):
        by_cause.setdefault(trouble.cause, []).append(trouble)
    lines: list[TroubleLine] = []
    for cause, shared in by_cause.items():
        if len(shared) > FOLD_ABOVE:
            lines.append(_line(shared, _many(cause, shared, place_of)))
        else:
            lines.extend(_line([trouble], _one(trouble, place_of)) for trouble in shared)
    return tuple(sorted(lines, key=lambda line: (not line.sounds, line.since_ms)))


def _line(troubles: Sequence[Trouble], sentence: str) -> TroubleLine:
    first = troubles[0]
    return TroubleLine(
        ids=tuple(trouble.id for trouble in troubles),
        cause=first.cause,
        sentence=sentence,
        remedy=WORDS[first.cause].remedy,
        since_ms=first.since_ms,
        sounds=first.sounds,
        passing=first.passing,
    )


def _one(trouble: Trouble, place_of: Callable[[bytes], str]) -> str:
    words = WORDS[trouble.cause].one
    place = place_of(trouble.device) if trouble.device else ""
    sentence = words if trouble.cause in _WHOLE_SENTENCES else f"{place or 'Somebody'} {words}"
    extra = trouble.detail or (f"{trouble.count} times" if trouble.count > 1 else "")
    return f"{sentence} ({extra})" if extra else sentence


def _many(cause: Cause, troubles: Sequence[Trouble], place_of: Callable[[bytes], str]) -> str:
    places = sorted(place_of(trouble.device) for trouble in troubles if trouble.device)
    written = ", ".join(places[:ROOMS_WRITTEN])
    more = f" and {len(places) - ROOMS_WRITTEN} more" if len(places) > ROOMS_WRITTEN else ""
    noun = "" if cause in _WHOLE_SENTENCES or cause is Cause.OTHER_DESK else "units "
    return f"{len(troubles)} {noun}{WORDS[cause].many}: {written}{more}"
