"""What each page says: decisions turned into the words and facts that its template shows. Pure.

Times are on the site's clock, said as a person says them. Every sentence of the portal that is not in a template is
here or in `levels` and `pulse`; `sentences` names them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from firmware.aup import AupDocument
from firmware.byod import Byod, Level
from firmware.opening_hours import DAYS, MONTHS
from kiosk.portal import levels, pulse
from kiosk.portal.admission import Asked, Ends, NotNow, Online
from kiosk.portal.aup_choice import Choice
from kiosk.portal.pages import template_sentences
from kiosk.words import Words

MINUTE_MS = 60_000

# Beside the words of each level, for those who read pictures; shapes that differ without colour.
LEVEL_PICTURES: Mapping[Level, str] = MappingProxyType(
    {
        Level.ACCEPTABLE: "yes",
        Level.SOMETIMES: "clock",
        Level.NOMINATED: "key",
        Level.UNACCEPTABLE: "no",
        Level.ILLEGAL: "stop-hand",
    }
)
ENDS_WORDS: Mapping[Ends, str] = MappingProxyType(
    {
        Ends.SESSION: "Then you are asked once more. One tap, and you go on.",
        Ends.TIMES: "Then the Wi-Fi closes for everybody's own devices.",
        Ends.VOUCHER: "Then your voucher is used up.",
        Ends.REVIEW: "Then the rules are looked at again, and you are asked once more.",
    }
)
ASKED_WORDS: Mapping[Asked, str] = MappingProxyType(
    {
        Asked.FIRST: "",
        Asked.CHANGED: "The rules have changed since you read them.",
        Asked.ENDED: "Your time is over. Here are the rules once more: one tap, and you go on.",
    }
)
AGAIN = "This page was an old one. Here are the rules as they are now."
VOUCHER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "malformed": "These are not six words of a voucher. Look at each word once more.",
        "unknown-voucher": "We do not know this voucher. Look at each word once more.",
        "voucher-past": "The last day of this voucher is over. Ask for a new one.",
        "voucher-over": "The time of this voucher is over. Ask for a new one.",
        "voucher-used-up": "This voucher is in use on as many devices as it is for. Ask for another one.",
        "vouchers-full": "No voucher can be taken just now. Ask a member of staff.",
        "clock-unknown": "We do not know what time it is, so no voucher can be used now. Ask a member of staff.",
        "resting": "There were too many wrong vouchers. Wait a minute, then try again.",
    }
)
HUMAN_WAY = "Need help now? Go to {place}. Danger: {danger}."


@dataclass(frozen=True, slots=True)
class Said:
    """A page that says one thing, and the way on."""

    title: str
    lines: tuple[str, ...]
    sign: str
    button: str = "Try again"


SAID: Mapping[str, Said] = MappingProxyType(
    {
        "gate": Said(
            "The Wi-Fi cannot let you in just now",
            (
                "Something here does not answer. It is not your device. Staff can see this fault.",
                "This page tries again by itself.",
            ),
            "wait",
        ),
        "stranger": Said(
            "We cannot see your device on this Wi-Fi",
            ("Switch Wi-Fi off and on again, then open this page. If that does not help, ask a member of staff.",),
            "not-sure",
        ),
        "refused": Said(
            "Your device cannot go on-line here today",
            ("Ask a member of staff. You can still talk to someone from this page.",),
            "no",
        ),
        "not-saved": Said(
            "That could not be saved",
            ("You are not on-line. It is not your fault. Staff can see this fault.",),
            "no",
        ),
        "thanks": Said("Thank you", ("Your answers are counted. Nobody can tell they are yours.",), "heart", "Go on"),
        "gone": Said("That page is not here", (), "not-sure", "Start again"),
        "fault": Said(
            "Something went wrong here",
            ("It is not your fault. Try again in a minute.",),
            "no",
        ),
    }
)
PULSE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "no-answer": "Choose at least one picture.",
        "already-answered": "This device has answered today already. Thank you.",
        "enough-for-today": "Enough people have answered today. Thank you.",
        "clock-unknown": "We do not know what time it is, so nothing can be counted now.",
        "unknown-answer": "That did not work. Choose once more.",
        "form": "That did not work. Choose once more.",
    }
)


@dataclass(frozen=True, slots=True)
class AllowedGroup:
    """One answer to "may I?" and what has it."""

    words: str
    picture: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A policy as it is shown. `doubt`: it was translated and nobody has checked it, or it is in another language."""

    document: AupDocument
    direction: str
    allowed: tuple[AllowedGroup, ...]
    other_language: bool

    @property
    def unchecked(self) -> bool:
        return not self.document.checked


@dataclass(frozen=True, slots=True)
class OnlineView:
    """`minutes`: those that are left, at least one."""

    until: str
    minutes: int
    ends_soon: bool
    then: str
    refresh_seconds: int


@dataclass(frozen=True, slots=True)
class NotNowView:
    """`opens` "" when no opening is in sight."""

    opens: str
    closes: str
    clock_known: bool


def document_view(choice: Choice, words: Words) -> DocumentView:
    """The text in its own language, the table in the reader's."""
    allowed = tuple(
        AllowedGroup(group.level_words, LEVEL_PICTURES[group.level], group.actions)
        for group in levels.groups(choice.document, words.text)
    )
    rtl = Words(choice.document.language).right_to_left if not choice.own_language else words.right_to_left
    return DocumentView(choice.document, "rtl" if rtl else "ltr", allowed, not choice.own_language)


def online_view(online: Online, wall_ms: int, zone: ZoneInfo, words: Words) -> OnlineView:
    """Until when, and what then. The page asks for itself again when it would stop being true."""
    left_ms = online.until_ms - wall_ms
    return OnlineView(
        until=words.moment(moment(online.until_ms, wall_ms, zone)),
        minutes=max(1, left_ms // MINUTE_MS),
        ends_soon=online.ends_soon,
        then=words.text(ENDS_WORDS[online.why]),
        refresh_seconds=refresh_seconds(online, wall_ms),
    )


def refresh_seconds(online: Online, wall_ms: int) -> int:
    """When the page changes by itself: five minutes before the end, then each minute, then at the end."""
    left_seconds = max(1, (online.until_ms - wall_ms) // 1000 + 1)
    if not online.ends_soon:
        return max(1, left_seconds - 5 * 60)
    return min(60, left_seconds)


def not_now_view(byod: Byod, closed: NotNow, wall_ms: int, words: Words) -> NotNowView:
    """When the next opening is, from and to."""
    if closed.next_ms is None:
        return NotNowView("", "", closed.clock_known)
    until_ms = byod.hours.open_until(closed.next_ms) if byod.hours is not None else None
    return NotNowView(
        opens=words.moment(moment(closed.next_ms, wall_ms, byod.zone)),
        closes="" if until_ms is None else clock(until_ms, byod.zone),
        clock_known=closed.clock_known,
    )


def moment(at_ms: int, wall_ms: int, zone: ZoneInfo) -> str:
    """As `Words.moment` takes it: "12:10", "12:10 tomorrow", "12:10 on Monday", "12:10 on 3 May"."""
    at, now = _local(at_ms, zone), _local(wall_ms, zone)
    days = (at.date() - now.date()).days
    if days <= 0:
        return f"{at:%H:%M}"
    if days == 1:
        return f"{at:%H:%M} tomorrow"
    if days < 7:
        return f"{at:%H:%M} on {DAYS[at.weekday()].capitalize()}"
    return f"{at:%H:%M} on {at.day} {MONTHS[at.month - 1]}"


def clock(at_ms: int, zone: ZoneInfo) -> str:
    return f"{_local(at_ms, zone):%H:%M}"


def sentences() -> tuple[str, ...]:
    """Every sentence of the portal but the talk's, for whoever translates them or checks a catalogue."""
    tables = (ENDS_WORDS, ASKED_WORDS, VOUCHER_WORDS, PULSE_WORDS)
    said = (line for each in SAID.values() for line in (each.title, *each.lines, each.button))
    ours = (AGAIN, HUMAN_WAY, *said, *(words for table in tables for words in table.values() if words))
    return tuple(dict.fromkeys((*template_sentences(), *ours, *levels.sentences(), *pulse.sentences())))


def _local(wall_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(zone)
