"""A phone's answers made into a draft that the kiosk can seal. Pure.

Owns what is refused, and that nothing a phone says later makes its report less urgent, less private, or readable by
others than before. Route, urgency and privacy come from the site's profile through the same rules as at the screen.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace

import msgspec

from firmware.errors import Refused
from firmware.messages import NAME_CHARACTERS, PHONE_ROOM, SOURCE_PORTAL, TEXT_CHARACTERS, Draft, Kind
from kiosk.talk.handover import TICKET_BYTES, Deed, HandIn, allowed_answers
from kiosk.talk.policy import Policy
from kiosk.talk.sending import send_addition, send_report
from kiosk.talk.state import Answers, Send, TalkState, Told

_KINDS = {Deed.ADDITION: Kind.ADDITION, Deed.TAKE_BACK: Kind.TAKE_BACK, Deed.CODE: Kind.ADDITION}
# Weakest first: what was said before gives way only to what is at least as strong.
_DANGER = ("", "no", "not-sure", "yes")
_ADULT = ("", "no", "not-sure", "yes")


@dataclass(frozen=True, slots=True)
class SaidSoFar:
    """What a phone's report stands on: all answers, at their strongest, and how it was sent."""

    told: Told
    answers: Answers = field(default_factory=Answers)


class DraftRules:
    """What this site asks, and in which languages."""

    def __init__(self, policy: Policy, languages: Collection[str]) -> None:
        self._policy = policy
        self._languages = frozenset(languages)
        self._allowed = allowed_answers(policy)

    def check(self, untrusted: HandIn) -> None:
        """Raises Refused("unknown-option", "unknown-language", "too-long", "not-utf-8", "ticket", "no-danger" or
        "said")."""
        for name, allowed in self._allowed.items():
            if getattr(untrusted, name) not in allowed:
                raise Refused("unknown-option", name)
        if untrusted.language not in self._languages:
            raise Refused("unknown-language")
        _check_words(untrusted.text, TEXT_CHARACTERS)
        _check_words(untrusted.name, NAME_CHARACTERS)
        if len(untrusted.ticket) != (0 if untrusted.deed is Deed.REPORT else TICKET_BYTES):
            raise Refused("ticket", "a report has none, all else belongs to one")
        if untrusted.deed is Deed.REPORT and not untrusted.danger:
            raise Refused("no-danger", "nothing is sent before danger was asked about")
        says_something = bool(untrusted.text or untrusted.name or untrusted.answers != Answers())
        if says_something != (untrusted.deed in (Deed.REPORT, Deed.ADDITION)):
            raise Refused("said")

    def draft(
        self, request: HandIn, before: SaidSoFar | None, now_ms: int, *, code_digest: bytes = b""
    ) -> tuple[SaidSoFar, Draft]:
        """A checked request as a draft, and what has been said with it. `before` is None for a report."""
        said = request.answers
        state = TalkState(
            room=PHONE_ROOM,
            language=request.language,
            source=SOURCE_PORTAL,
            answers=said if before is None else joined(before.answers, said),
            report=None if before is None else before.told,
        )
        if before is None:
            state, effects = send_report(state, now_ms, self._policy)
        else:
            kind = _KINDS[request.deed]
            state, effects = send_addition(state, said, self._policy, code_digest=code_digest, kind=kind)
        (draft,) = (effect.draft for effect in effects if isinstance(effect, Send))
        story = msgspec.structs.replace(draft.story, text=request.text, name=request.name)
        told = state.report or Told(0, draft.urgency, draft.private, now_ms)
        return SaidSoFar(told, state.answers), msgspec.structs.replace(draft, story=story)


def joined(before: Answers, said: Answers) -> Answers:
    """All that was said. A later "no" is told to staff as it was said, but takes back neither danger nor an adult."""
    newer = {name: value for name, value in asdict(said).items() if value}
    return replace(
        before,
        **newer
        | {
            "danger": max(before.danger, said.danger, key=_DANGER.index),
            "adult_here": max(before.adult_here, said.adult_here, key=_ADULT.index),
            "about_head": max(before.about_head, said.about_head, key=_ADULT.index),
        },
    )


def _check_words(untrusted: bytes, most_characters: int) -> None:
    try:
        characters = len(untrusted.decode())
    except UnicodeDecodeError:
        raise Refused("not-utf-8") from None
    if characters > most_characters:
        raise Refused("too-long", f"{characters} characters")
