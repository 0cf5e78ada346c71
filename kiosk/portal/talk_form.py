"""A page of the talk as a form: what it carries from step to step, and the talk's state made of it again. Pure.

The portal remembers nothing of a talk: everything travels in hidden fields, and whoever sends them may have changed
them. A form that is not one of ours is a new beginning, never an error; none leads past the question of danger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

from firmware.messages import NO_ID, PHONE_ROOM, SOURCE_PORTAL, Urgency
from kiosk.talk import flow
from kiosk.talk.handover import ANSWERS, TICKET_BYTES, allowed_answers
from kiosk.talk.offers import FIELDS, pages_of_categories
from kiosk.talk.policy import Policy
from kiosk.talk.questions import ScreenId
from kiosk.talk.sending import send_addition, send_report
from kiosk.talk.state import Answers, CodeState, SaveFailed, TalkState, Told

FORM_BYTES = 16
DIGEST_BYTES = 32
# 500 letters of four bytes, each as three characters of a form, and what is hidden beside them.
BODY_BYTES_MOST = 16 * 1024
FIELDS_MOST = 40
HISTORY_MOST = 12
# The longest that a text field lets in, and a little more, so that too much can be told.
WORDS_CHARACTERS_MOST = 2_000
# The words of a code are made by the kiosk when they are asked for; until then this stands for them.
CODE_LATER = ("",)
_DIGEST_LATER = bytes(DIGEST_BYTES)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}", re.ASCII)

BEFORE_SENDING = frozenset({ScreenId.ADULT, ScreenId.HEAD, ScreenId.CATEGORY, ScreenId.SEND})
ASKING = frozenset({ScreenId.DANGER, ScreenId.LOOK_UP, ScreenId.FOUND})
NOT_ON_PHONES = frozenset({ScreenId.IDLE, ScreenId.PRIVACY})
# What a phone cannot be asked over a line that others may read.
SECURE_ONLY = frozenset({ScreenId.NAME, ScreenId.WORDS})


@dataclass(frozen=True, slots=True)
class TalkForm:
    """One page's form. `form` is its nonce; `ticket` the kiosk's word for the report that was saved.

    `tried` and `unsent`: the report, or these answers of an addition, were handed over and are not known to be saved;
    `unsure`: nobody can tell; `typed_failed`: so are the words in the page's own field. `language`: in which that was
    handed over, for only the very same draft can be known as the same. `digest` are the five words that were looked up.
    `choice`, `go` and `words` are what was pressed and typed; `mark` is what this portal puts beside each nonce that it
    gives out.
    """

    form: bytes
    ticket: bytes = NO_ID
    screen: ScreenId = ScreenId.DANGER
    history: tuple[ScreenId, ...] = ()
    category_page: int = 0
    answers: Answers = field(default_factory=Answers)
    named: bool = False
    code: CodeState = CodeState.NONE
    taken_back: bool = False
    tried: bool = False
    unsent: tuple[str, ...] = ()
    unsure: bool = False
    typed_failed: bool = False
    language: str = ""
    digest: bytes = b""
    choice: str = ""
    go: str = ""
    words: str = ""
    mark: str = ""

    @property
    def pending(self) -> bool:
        """Something may be handed over again, and must then carry the same nonce."""
        return self.tried or self.typed_failed or bool(self.unsent)

    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page, by name; only those that say something."""
        answers = {f"a-{name}": getattr(self.answers, name) for name in ANSWERS}
        flags = {"named": self.named, "taken-back": self.taken_back, "tried": self.tried, "unsure": self.unsure}
        flags["typed-failed"] = self.typed_failed
        found = {
            "form": self.form.hex(),
            "ticket": self.ticket.hex(),
            "screen": self.screen.value,
            "history": ",".join(screen.value for screen in self.history),
            "page": str(self.category_page or ""),
            "code": "" if self.code is CodeState.NONE else self.code.value,
            "unsent": ",".join(self.unsent),
            "language": self.language,
            "digest": self.digest.hex(),
            **{name: "1" if flag else "" for name, flag in flags.items()},
            **answers,
        }
        return {name: value for name, value in found.items() if value}


def read_form(untrusted_body: bytes, policy: Policy, *, fresh: bytes) -> TalkForm:
    """The form that a page of ours would have sent; anything else is a new beginning. `fresh` is a new nonce."""
    try:
        pairs = parse_qsl(
            untrusted_body[: BODY_BYTES_MOST + 1].decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="replace",
            max_num_fields=FIELDS_MOST,
        )
        found = _parsed(dict(pairs), policy)
    except ValueError:
        return TalkForm(fresh)
    return found if len(untrusted_body) <= BODY_BYTES_MOST and _holds_together(found) else TalkForm(fresh)


def state_of(form: TalkForm, policy: Policy, *, language: str, now_ms: int) -> TalkState:
    """The talk as it stood when this page was drawn."""
    state = TalkState(
        room=PHONE_ROOM,
        language=language,
        source=SOURCE_PORTAL,
        screen=form.screen,
        history=form.history,
        category_page=form.category_page,
        answers=form.answers,
        named=form.named,
        code=form.code,
        typed_characters=len(form.words) if form.screen in FIELDS else 0,
        touched_ms=now_ms,
        typed_failed=form.typed_failed,
        next_ticket=10,
    )
    if form.ticket:
        told = Told(1, Urgency.INFORMATION, form.answers.private, now_ms, form.ticket, taken_back=form.taken_back)
        state = replace(state, report=replace(told, code=CODE_LATER, code_digest=_DIGEST_LATER))
    elif form.tried:
        state, _ = send_report(state, now_ms, policy)
        state, _ = flow.step(state, SaveFailed(10, form.unsure), now_ms, policy)
    if form.unsent:
        state, _ = send_addition(state, unsent_answers(form), policy)
        state, _ = flow.step(state, SaveFailed(state.next_ticket - 1, form.unsure), now_ms, policy)
    return state


def unsent_answers(form: TalkForm) -> Answers:
    """What was said and is not known to be saved."""
    return replace(Answers(), **{name: getattr(form.answers, name) for name in form.unsent})


def clean_words(untrusted: str) -> str:
    """What somebody typed: control characters are blanks, lines end in one way, no blanks around it."""
    lines = untrusted.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in lines).strip()


def _parsed(untrusted: Mapping[str, str], policy: Policy) -> TalkForm:
    """Raises ValueError."""
    return TalkForm(
        form=_bytes(untrusted.get("form", ""), FORM_BYTES),
        ticket=_bytes(untrusted.get("ticket", ""), TICKET_BYTES) if untrusted.get("ticket") else NO_ID,
        screen=ScreenId(untrusted.get("screen", "")),
        history=_screens(untrusted.get("history", "")),
        category_page=_number(untrusted.get("page", ""), pages_of_categories()),
        answers=_answers(untrusted, policy),
        named=_flag(untrusted, "named"),
        code=CodeState(untrusted.get("code") or CodeState.NONE),
        taken_back=_flag(untrusted, "taken-back"),
        tried=_flag(untrusted, "tried"),
        unsent=_unsent(untrusted.get("unsent", "")),
        unsure=_flag(untrusted, "unsure"),
        typed_failed=_flag(untrusted, "typed-failed"),
        language=_language(untrusted.get("language", "")),
        digest=_bytes(untrusted.get("digest", ""), DIGEST_BYTES) if untrusted.get("digest") else b"",
        choice=untrusted.get("choice", "")[:64],
        go=untrusted.get("go", "")[:16],
        words=clean_words(untrusted.get("words", "")[:WORDS_CHARACTERS_MOST]),
        mark=untrusted.get("mark", "")[:64],
    )


def _holds_together(form: TalkForm) -> bool:
    """Whether the talk can have come to this page: nothing is asked before danger, nothing added before sending."""
    sent = bool(form.ticket) or form.tried
    if form.screen in NOT_ON_PHONES or not NOT_ON_PHONES.isdisjoint(form.history):
        return False
    if form.screen not in ASKING and not form.answers.danger:
        return False
    if sent and (not form.answers.danger or form.screen in ASKING | {ScreenId.SEND}):
        return False
    if sent and not {ScreenId.SEND, *ASKING}.isdisjoint(form.history):
        return False
    if form.ticket and form.tried:
        return False
    if not sent and form.answers.danger == "yes" and form.screen not in ASKING:
        return False
    if not form.ticket and (form.unsent or form.taken_back or form.code is not CodeState.NONE):
        return False
    if form.tried and form.screen not in (ScreenId.TRUTHS, ScreenId.ADVICE):
        return False
    if form.typed_failed and not (form.ticket and form.screen in SECURE_ONLY):
        return False
    if any(not getattr(form.answers, name) for name in form.unsent):
        return False
    return sent or form.screen in BEFORE_SENDING | ASKING


def _answers(untrusted: Mapping[str, str], policy: Policy) -> Answers:
    said = {name: untrusted.get(f"a-{name}", "") for name in ANSWERS}
    allowed = allowed_answers(policy)
    if any(value not in allowed[name] for name, value in said.items()):
        raise ValueError("an answer that nobody offers")
    return Answers(**said)


def _unsent(untrusted: str) -> tuple[str, ...]:
    names = tuple(name for name in untrusted.split(",") if name)
    if len(set(names)) != len(names) or not set(names) <= set(ANSWERS):
        raise ValueError("no names of answers")
    return names


def _screens(untrusted: str) -> tuple[ScreenId, ...]:
    names = [name for name in untrusted.split(",", HISTORY_MOST + 1) if name]
    if len(names) > HISTORY_MOST:
        raise ValueError("too long a way")
    return tuple(ScreenId(name) for name in names)


def _number(untrusted: str, below: int) -> int:
    number = int(untrusted) if untrusted.isascii() and untrusted.isdigit() and len(untrusted) < 3 else 0
    if number >= below:
        raise ValueError("no such page")
    return number


def _language(untrusted: str) -> str:
    if untrusted and not _LANGUAGE.fullmatch(untrusted):
        raise ValueError("no language")
    return untrusted


def _flag(untrusted: Mapping[str, str], name: str) -> bool:
    return untrusted.get(name) == "1"


def _bytes(untrusted: str, length: int) -> bytes:
    found = bytes.fromhex(untrusted) if len(untrusted) == 2 * length else b""
    if len(found) != length:
        raise ValueError("not so many bytes")
    return found
