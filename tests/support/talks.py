"""Helpers for tests of the talk: the shipped profile, a way to play events, and a proof to hold against truths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from firmware.messages import Stage
from firmware.profile import Profile, load_profile, parse_profile, profile_text
from kiosk.talk.flow import step
from kiosk.talk.state import Chosen, Effect, Event, Saved, Send, TalkState

SECONDARY = Path(__file__).parents[2] / "broker_config" / "profiles" / "secondary-school"
ROOM = "Room 12"
CODE = ("acorn", "badge", "cabin", "daisy", "eagle")
CODE_DIGEST = b"d" * 32


@cache
def secondary() -> Profile:
    return load_profile(SECONDARY)


@cache
def young() -> Profile:
    return parse_profile(profile_text(SECONDARY).replace('variant = "standard"', 'variant = "young"'), "young")


@dataclass(frozen=True, slots=True)
class Proof:
    """A `Progress` as the outbox gives it."""

    report: bytes = b"r" * 16
    saved_ms: int = 0
    hurry: bool = True
    first_sent_ms: int | None = None
    stages: frozenset[Stage] = frozenset()


def report_id(ticket: int) -> bytes:
    return ticket.to_bytes(16, "big")


class Player:
    """Plays events on a talk. Unless `saves` is off, every draft is answered with `Saved` at once."""

    def __init__(self, policy: Profile | None = None, *, saves: bool = True) -> None:
        self.policy = policy or secondary()
        self.state = TalkState(room=ROOM)
        self.now_ms = 1_000
        self.saves = saves
        self.effects: list[Effect] = []

    @property
    def sends(self) -> list[Send]:
        return [effect for effect in self.effects if isinstance(effect, Send)]

    def play(self, *events: Event | str) -> Player:
        """A bare word is an option that is touched."""
        for event in events:
            self._step(Chosen(event) if isinstance(event, str) else event)
        return self

    def wait(self, milliseconds: int) -> Player:
        self.now_ms += milliseconds
        return self

    def _step(self, event: Event) -> None:
        self.state, effects = step(self.state, event, self.now_ms, self.policy)
        self._perform(effects)

    def _perform(self, effects: Sequence[Effect]) -> None:
        self.effects += effects
        for effect in effects:
            if self.saves and isinstance(effect, Send):
                self._step(Saved(effect.ticket, report_id(effect.ticket), CODE, CODE_DIGEST))
