"""What the screen may say of a report: one table of words, and the proof that each of them needs.

Pure. A truth is chosen from receipts and times alone, so that no screen can say more than was proved. The words
stand in `WORDS`, plain and Easy English; other languages look the plain words up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from firmware.messages import DutyState, Stage
from kiosk.talk.policy import Policy

NOT_CONFIRMED_MS = 5_000
HUMAN_WAY_MS = 20_000
# A report without hurry takes the place of the next heartbeat, at most 25 s away. One that has still not left
# after 30 s meets a broken link; from then on it is counted as if it had been sent.
GOING_SOON_LIMIT_MS = 30_000
EITHER_PLACE = "{place} or {outside}"


class Truth(StrEnum):
    """Every sentence that may be said of a report or of the office."""

    SAVED = "saved"
    GOING_SOON = "going-soon"
    NOT_CONFIRMED = "not-confirmed"
    HUMAN_WAY = "human-way"
    ARRIVED = "arrived"
    OFF_DUTY = "off-duty"
    DUTY_UNKNOWN = "duty-unknown"
    NOTICED = "noticed"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    REFUSED = "refused"
    DISK_FULL = "disk-full"
    UNSURE = "unsure"


class Sign(StrEnum):
    """The shape beside a truth, so that nothing depends on colour."""

    NONE = "none"
    HOLLOW = "hollow"
    HALF = "half"
    FULL = "full"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Wording:
    """One sentence for everyday English and one for Easy English."""

    plain: str
    easy: str


WORDS: Mapping[Truth, Wording] = MappingProxyType(
    {
        Truth.SAVED: Wording(
            "Saved here. Trying to send it to the office.", "We kept it here. We are trying to send it."
        ),
        Truth.GOING_SOON: Wording(
            "Saved here. It goes to the office within a minute.", "We kept it. We will send it soon."
        ),
        Truth.NOT_CONFIRMED: Wording(
            "Saved here. The office has not confirmed it. Still trying.",
            "We kept it. We do not know if the office has it.",
        ),
        Truth.HUMAN_WAY: Wording(
            "Still trying. Don't wait: go to {place}. Danger: {danger}.",
            "Do not wait. Go to {place}. Danger: {danger}.",
        ),
        Truth.ARRIVED: Wording(
            "The office computer has it. No answer yet.", "The office computer has it. No answer yet."
        ),
        Truth.OFF_DUTY: Wording(
            "Nobody is on duty until {time}. Danger: {danger}. {listener}: {listener_contact}.",
            "No one is working until {time}. Danger: {danger}. {listener}: {listener_contact}.",
        ),
        Truth.DUTY_UNKNOWN: Wording(
            "We can't tell if anyone is there. Danger: {danger}.",
            "We do not know if anyone is there. Danger: {danger}.",
        ),
        Truth.NOTICED: Wording(
            'Someone at the office pressed "I have it".', "Someone in the office pressed the button."
        ),
        Truth.ACKNOWLEDGED: Wording(
            "A staff member has answered. They may not have read everything.",
            "A staff member knows. They may not know everything.",
        ),
        Truth.CLOSED: Wording(
            "Staff have closed this. Not over? Tell us again.",
            "Staff say it is finished. Still worried? Tell us.",
        ),
        Truth.REFUSED: Wording(
            "The office could not open this. Go to {place}.", "Staff cannot read this. Go to {place}."
        ),
        Truth.DISK_FULL: Wording(
            "Could not save. Not sent. Go to {place}.", "It did not work. It was not sent. Go to {place}."
        ),
        Truth.UNSURE: Wording(
            "We can't tell if this was saved. Don't wait: go to {place}. Danger: {danger}.",
            "We do not know if we kept it. Do not wait. Go to {place}. Danger: {danger}.",
        ),
    }
)

# The strongest proof wins. "Refused" stands above the bare button: somebody was alerted, but nobody can read it, so
# the learner needs the human way. A reader's answer stands above a second desk that could not open it.
_BY_STAGE: tuple[tuple[Stage, Truth], ...] = (
    (Stage.CLOSED, Truth.CLOSED),
    (Stage.ACKNOWLEDGED, Truth.ACKNOWLEDGED),
    (Stage.REFUSED, Truth.REFUSED),
    (Stage.NOTICED, Truth.NOTICED),
    (Stage.DISPLAYED, Truth.ARRIVED),
    (Stage.STORED, Truth.ARRIVED),
)

_SIGNS: Mapping[Truth, Sign] = MappingProxyType(
    {
        Truth.SAVED: Sign.HOLLOW,
        Truth.GOING_SOON: Sign.HOLLOW,
        Truth.NOT_CONFIRMED: Sign.HOLLOW,
        Truth.HUMAN_WAY: Sign.FAILED,
        Truth.ARRIVED: Sign.HALF,
        Truth.NOTICED: Sign.HALF,
        Truth.ACKNOWLEDGED: Sign.FULL,
        Truth.CLOSED: Sign.FULL,
        Truth.REFUSED: Sign.FAILED,
        Truth.DISK_FULL: Sign.FAILED,
        Truth.UNSURE: Sign.FAILED,
    }
)


class ProgressView(Protocol):
    """What `firmware.outbox.Progress` tells of one saved report; times are monotonic milliseconds of this boot."""

    @property
    def report(self) -> bytes: ...
    @property
    def saved_ms(self) -> int: ...
    @property
    def hurry(self) -> bool: ...
    @property
    def first_sent_ms(self) -> int | None: ...
    @property
    def stages(self) -> frozenset[Stage]: ...


@dataclass(frozen=True, slots=True)
class DutyView:
    """The newest fresh word on duty; UNKNOWN when no signed desk word came for 60 s. `until` is words or empty."""

    state: DutyState = DutyState.UNKNOWN
    until: str = ""


@dataclass(frozen=True, slots=True)
class TruthView:
    """What may be said now: of the report (None: nothing yet), of the office (None: somebody is on duty)."""

    truth: Truth | None
    duty: Truth | None
    until: str = ""

    @property
    def sign(self) -> Sign:
        return Sign.NONE if self.truth is None else _SIGNS[self.truth]


@dataclass(frozen=True, slots=True)
class Facts:
    """The site's own words inside the sentences."""

    place: str
    danger: str
    listener: str
    listener_contact: str
    or_outside: str = ""

    @classmethod
    def of(cls, policy: Policy, *, private: bool) -> Facts:
        """`private`: about an adult who works here, so the place to go to lies outside the school."""
        return cls(
            place=policy.go_to_outside if private else policy.go_to,
            danger=policy.danger_line.contact,
            listener=policy.listening_line.name,
            listener_contact=policy.listening_line.contact,
        )

    @classmethod
    def of_any_report(cls, policy: Policy) -> Facts:
        """Where nobody may tell whether it is about an adult who works here: both places are named."""
        return replace(cls.of(policy, private=False), or_outside=policy.go_to_outside)

    def place_words(self, say: Say) -> str:
        if not self.or_outside:
            return say(self.place)
        return say(EITHER_PLACE, place=say(self.place), outside=say(self.or_outside))


class Say(Protocol):
    """Looks a sentence up in the reader's language and fills in its facts (`kiosk.words.Words.text`)."""

    def __call__(self, message: str, /, **facts: str) -> str: ...


def english(message: str, /, **facts: str) -> str:
    """The source language itself."""
    return message.format(**facts) if facts else message


def duty_truth(duty: DutyView) -> Truth | None:
    """The duty line that must stand before sending and beside every truth, or None."""
    if duty.state is DutyState.ON:
        return None
    if duty.state is DutyState.OFF and duty.until:
        return Truth.OFF_DUTY
    return Truth.DUTY_UNKNOWN


def truth_of(
    progress: ProgressView | None, duty: DutyView, now_ms: int, *, failed: bool = False, unsure: bool = False
) -> TruthView:
    """What is proved of a report at `now_ms`. `failed`: the store said that it could not save; `unsure`: it said
    nothing in time."""
    return TruthView(_report_truth(progress, now_ms, failed, unsure), duty_truth(duty), duty.until)


def sentence(truth: Truth, facts: Facts, say: Say = english, *, until: str = "") -> str:
    """One truth in words."""
    return say(
        WORDS[truth].plain,
        place=facts.place_words(say),
        danger=facts.danger,
        listener=facts.listener,
        listener_contact=facts.listener_contact,
        time=until,
    )


def _report_truth(progress: ProgressView | None, now_ms: int, failed: bool, unsure: bool) -> Truth | None:
    if progress is None:
        return (Truth.UNSURE if unsure else Truth.DISK_FULL) if failed else None
    for stage, truth in _BY_STAGE:
        if stage in progress.stages:
            return truth
    return _waiting_truth(progress, now_ms)


def _waiting_truth(progress: ProgressView, now_ms: int) -> Truth:
    since_ms = progress.saved_ms
    if not progress.hurry:
        latest_ms = progress.saved_ms + GOING_SOON_LIMIT_MS
        if progress.first_sent_ms is None and now_ms < latest_ms:
            return Truth.GOING_SOON
        since_ms = latest_ms if progress.first_sent_ms is None else min(progress.first_sent_ms, latest_ms)
    waited_ms = now_ms - since_ms
    if waited_ms >= HUMAN_WAY_MS:
        return Truth.HUMAN_WAY
    return Truth.NOT_CONFIRMED if waited_ms >= NOT_CONFIRMED_MS else Truth.SAVED
