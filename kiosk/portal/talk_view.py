"""A page of the talk as a phone shows it: the kiosk's own page, less what only a kiosk has. Pure.

Owns what stands in the place of a truth that nobody can look up, which numbers can be dialled, and the notes about
what others on the Wi-Fi could read. Knows no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kiosk.portal.talk_step import Shown
from kiosk.talk import phone, questions
from kiosk.talk.handover import NOT_FROM_A_PHONE
from kiosk.talk.offers import FIELDS
from kiosk.talk.pages import OptionView, Page, talk_page
from kiosk.talk.policy import HelpLine, Policy
from kiosk.talk.questions import ScreenId
from kiosk.talk.state import CodeState, Field
from kiosk.talk.truths import DutyView, Facts, Say, Sign, Truth, sentence
from kiosk.words import Words

# At most this many answers stand one under the other; more stand side by side.
LISTED_MOST = 4
_TRUTHS = frozenset({ScreenId.TRUTHS, ScreenId.FOUND})
# Before something goes over the air that tells who reports what, where they can be met, or how to look later.
_TELLING = frozenset({ScreenId.DANGER, ScreenId.SEND, ScreenId.MEET, ScreenId.CODE, ScreenId.LOOK_UP})
_DROPPED = NOT_FROM_A_PHONE | {
    questions.SHOW_WORDS.id,
    questions.DOT_WORDS.id,
    questions.SEND_WORDS.id,
    questions.LOOK_UP_CODE.id,
    questions.TAKE_BACK_CALL.id,
}
_NUMBER = re.compile(r"(\+?[0-9][0-9 ]*[0-9])(?:,.*)?$")
_MESSAGE = re.compile(r"Text (?:[A-Z]+ to )?([0-9]{3,6})")
_SITE = re.compile(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?:/[a-zA-Z0-9/_-]*)?")


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody outside who helps. `href` is what a tap does, "" where it can do nothing."""

    name: str
    contact: str
    about: str
    href: str


@dataclass(frozen=True, slots=True)
class PhonePage:
    """Everything that the template writes, in the reader's words. Empty: it does not stand there."""

    screen: str
    title: str
    body: tuple[str, ...]
    truth: str
    sign: str
    duty: str
    only: OptionView | None
    options: tuple[OptionView, ...]
    quiet: tuple[OptionView, ...]
    listed: bool
    code: tuple[str, ...]
    field: str
    limit: int
    use: OptionView | None
    lines: tuple[Line, ...]
    lines_first: bool
    notes: tuple[str, ...]
    foot_note: str
    strip: str
    hide: str
    back: str
    look_again: str
    tell_again: str


def phone_page(shown: Shown, policy: Policy, words: Words, *, secure: bool) -> PhonePage:
    """The page that follows a step."""
    say, state = words.text, shown.state
    duty = DutyView(shown.duty.state, words.moment(shown.duty.until))
    page = talk_page(state, policy, duty, shown.now_ms, say)
    truth, sign = _truth(shown, page, policy, say)
    options = [option for option in page.options if option.id not in _DROPPED]
    field = FIELDS.get(state.screen)
    # Whoever lost sight of a message cannot add to it: what can be done is to tell again, or to look it up.
    gone = shown.lost and state.screen is ScreenId.TRUTHS
    loud = () if gone else tuple(option for option in options if not option.quiet)
    return PhonePage(
        screen=state.screen.value,
        title=page.title,
        body=_body(page, state.code, say),
        truth=truth,
        sign=sign.value,
        duty=page.duty,
        only=loud[0] if len(loud) == 1 else None,
        options=loud,
        quiet=() if gone else tuple(option for option in options if option.quiet),
        listed=len(loud) <= LISTED_MOST,
        code=page.code,
        field="" if field is None else field.value,
        limit=0 if page.field is None else page.field.limit,
        use=None if field is None else _use(field, say),
        lines=_lines(page, policy, sign, say),
        lines_first=bool(page.help_lines),
        notes=_notes(shown, say),
        foot_note=say(phone.NOT_ENCRYPTED) if state.screen in _TELLING and not secure else "",
        strip=page.strip,
        hide=page.hide,
        back=page.back if state.history else "",
        look_again=say(phone.LOOK_AGAIN) if state.screen in _TRUTHS and _can_look(shown) else "",
        tell_again=say(phone.TELL_AGAIN) if gone else "",
    )


def dialled(contact: str) -> str:
    """What a tap on a way to reach somebody does: call, write a message, open a page; "" when it is none of these."""
    if number := _NUMBER.match(contact):
        return "tel:" + number[1].replace(" ", "")
    if message := _MESSAGE.fullmatch(contact):
        return "sms:" + message[1]
    site = _SITE.search(contact)
    return "" if site is None else f"https://{site[0]}"


def _truth(shown: Shown, page: Page, policy: Policy, say: Say) -> tuple[str, Sign]:
    """The kiosk's sentence, but where nobody can look now, or only a phone can be in that place."""
    state = shown.state
    facts = Facts.of_any_report(policy) if state.screen is ScreenId.FOUND else Facts.of(policy, private=state.private)
    tried = state.report is not None and state.report.failed
    if state.screen in _TRUTHS and not tried:
        if shown.lost:
            return say(phone.LOST_SIGHT, place=facts.place_words(say)), Sign.FAILED
        if shown.unlooked:
            return say(phone.NOT_LOOKED, place=facts.place_words(say), danger=facts.danger), Sign.FAILED
    if page.field is not None and state.typed_failed and shown.form.unsure:
        return sentence(Truth.UNSURE, facts, say), Sign.FAILED
    return page.truth, page.sign


def _body(page: Page, code: CodeState, say: Say) -> tuple[str, ...]:
    """There are no dots on a phone's own keyboard, nobody is "here", and the office sees no place."""
    match page.screen:
        case ScreenId.WORDS:
            return (say(phone.WORDS_BODY), *page.body[1:])
        case ScreenId.NAME:
            return (say(phone.NAME_BODY), *page.body[1:])
        case ScreenId.CODE if code is not CodeState.NONE:
            return (say(phone.CODE_KEPT_BODY), *page.body[1:])
        case ScreenId.MEET:
            return (say(phone.NEAR_YOU), *page.body)
        case _:
            return page.body


def _can_look(shown: Shown) -> bool:
    return bool(shown.form.ticket or shown.form.digest)


def _use(field: Field, say: Say) -> OptionView:
    option = questions.LOOK_UP_CODE if field is Field.CODE else questions.SEND_WORDS
    return OptionView(option.id, say(option.label), option.picture)


def _lines(page: Page, policy: Policy, sign: Sign, say: Say) -> tuple[Line, ...]:
    """Whom to call: what the advice names, or the two numbers that stand in a duty line or a human way."""
    if page.help_lines:
        return tuple(
            Line(line.name, _unbroken(line.contact), line.about, dialled(line.contact)) for line in page.help_lines
        )
    if page.duty or sign is Sign.FAILED:
        return tuple(_line(line, say) for line in _once((policy.danger_line, policy.listening_line)))
    return ()


def _line(line: HelpLine, say: Say) -> Line:
    return Line(say(line.name), _unbroken(line.contact), say(line.about), dialled(line.contact))


def _once(lines: Iterable[HelpLine]) -> Iterable[HelpLine]:
    return {line.id: line for line in lines}.values()


def _unbroken(contact: str) -> str:
    """A number that stays on one line."""
    return re.sub(r"(?<=[0-9]) (?=[0-9])", "\u00a0", contact)


def _notes(shown: Shown, say: Say) -> tuple[str, ...]:
    said = ((shown.too_long, phone.TOO_LONG), (shown.not_asked, phone.NOT_ASKED))
    return tuple(say(note) for true, note in said if true)
