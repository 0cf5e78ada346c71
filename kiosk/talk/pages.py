"""The page in view as plain data: what a screen draws and a web page prints. Pure.

Owns which words stand where; owns no layout, colour or size. Every page of the talk carries the strip, and the duty
line stands on it before anything is sent and beside every truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kiosk.talk import questions, truths
from kiosk.talk.advice import advice_for
from kiosk.talk.flow import FIELD_CHARACTERS
from kiosk.talk.offers import (
    CALL_SHOWN_MS,
    FIELDS,
    awaiting_words,
    codes_rest,
    failed_sendings,
    offered,
    pages_of_categories,
)
from kiosk.talk.policy import Policy, Tip
from kiosk.talk.privacy import privacy_notice
from kiosk.talk.questions import SCREENS, Option, ScreenId
from kiosk.talk.sending import urgency_asked
from kiosk.talk.state import Answers, CodeState, Field, TalkState, Told
from kiosk.talk.truths import DutyView, Facts, Say, Sign, Truth, TruthView, english, sentence, truth_of

# Truths that mean: do not rely on this, go to a person.
_HUMAN_TRUTHS = (Truth.HUMAN_WAY, Truth.REFUSED, Truth.DISK_FULL, Truth.UNSURE)
SENT_BODY_ADULT = "What you say now is not shown on the office screen. It goes to the people chosen for this."
DANGER_BODY_PACE = "You told us of danger: the office is called now, whatever you choose here."
TODAY_BODY_PACE = "Because of what you told us, it goes to staff for today, whatever you choose here."
ADDITION_FAILED = "What you added could not be saved. It was not sent."
ADDITION_UNSURE = "We can't tell if what you added was saved."
SAVING = "Saving…"
QUIZ_RIGHT = "That's it."
QUIZ_WRONG = "Not quite. Think again."
CODE_UNKNOWN = "We do not know these words here. Try the kiosk that you used, or go to {place}."
CODES_REST = "We do not know these words. Wait a minute before you try again, or go to {place}."
SENTENCES = (
    *(SENT_BODY_ADULT, DANGER_BODY_PACE, TODAY_BODY_PACE, ADDITION_FAILED, SAVING, QUIZ_RIGHT, QUIZ_WRONG),
    *(CODE_UNKNOWN, CODES_REST, ADDITION_UNSURE, truths.EITHER_PLACE),
)


@dataclass(frozen=True, slots=True)
class OptionView:
    """One thing to touch; `id` goes into `Chosen`. `quiet`: drawn smaller."""

    id: str
    label: str
    picture: str
    quiet: bool = False
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class FieldView:
    """The typed words' place: how many characters of how many, as dots or as letters (which the edge draws)."""

    field: Field
    characters: int
    limit: int
    shown: bool
    waiting: bool


@dataclass(frozen=True, slots=True)
class HelpLineView:
    name: str
    contact: str
    about: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the talk. Empty strings and tuples: that part does not stand there."""

    screen: ScreenId
    title: str
    options: tuple[OptionView, ...]
    strip: str
    hide: str
    back: str = ""
    body: tuple[str, ...] = ()
    truth: str = ""
    sign: Sign = Sign.NONE
    duty: str = ""
    help_lines: tuple[HelpLineView, ...] = ()
    code: tuple[str, ...] = ()
    field: FieldView | None = None
    still_there: str = ""
    page_number: int = 1
    pages: int = 1
    dot: Sign = Sign.NONE


@dataclass(frozen=True, slots=True)
class TipPage:
    """The idle page. `note` is ordinary small type that happens to name the human way when a silent call needs it."""

    title: str
    body: str
    picture: str
    tile: str
    privacy: OptionView
    tile_picture: str = "talk"
    note: str = ""
    dot: Sign = Sign.NONE
    quiz: str = ""
    quiz_answers: tuple[OptionView, ...] = ()
    quiz_word: str = ""


def talk_page(state: TalkState, policy: Policy, duty: DutyView, now_ms: int, say: Say = english) -> Page:
    """The page of an open talk."""
    screen = SCREENS[state.screen]
    facts, view = _facts_and_truth(state, policy, duty, now_ms)
    page = Page(
        screen=state.screen,
        title=say(screen.title),
        options=_options(state, policy, now_ms, say),
        strip=say(questions.STRIP),
        hide=say(questions.HIDE),
        back=say(questions.BACK) if state.history or state.screen in questions.FIRST_SCREENS else "",
        body=tuple(say(line) for line in _body(state, policy)),
        duty=_duty_words(view, facts, say),
        still_there=say(questions.STILL_THERE) if state.still_there else "",
        dot=_dot(state, duty, now_ms),
    )
    return _with_parts(page, state, policy, view, facts, now_ms, say)


def tip_page(state: TalkState, policy: Policy, duty: DutyView, now_ms: int, say: Say = english) -> TipPage:
    """The idle page."""
    tip = policy.tips[state.tips.index % len(policy.tips)]
    page = TipPage(
        title=say(tip.title),
        body=say(tip.body),
        picture=tip.picture,
        tile=say(questions.TILE),
        privacy=_view(questions.PRIVACY, say),
        note=_note(state, policy, duty, now_ms, say),
        dot=_dot(state, duty, now_ms),
    )
    return page if tip.quiz is None else _with_quiz(page, state, tip, say)


def _facts_and_truth(state: TalkState, policy: Policy, duty: DutyView, now_ms: int) -> tuple[Facts, TruthView]:
    """Of the report of this talk, or of the one whose code was typed: of that only the proofs are known here."""
    match state.screen:
        case ScreenId.FOUND:
            return Facts.of_any_report(policy), truth_of(state.found, duty, now_ms)
        case _:
            return Facts.of(policy, private=state.private), _truth_view(state.report, duty, now_ms)


def _with_parts(
    page: Page, state: TalkState, policy: Policy, view: TruthView, facts: Facts, now_ms: int, say: Say
) -> Page:
    """What only some screens have."""
    match page.screen:
        case ScreenId.CATEGORY:
            return replace(page, page_number=state.category_page + 1, pages=pages_of_categories())
        case ScreenId.FOUND if state.found is None:
            unknown = CODES_REST if codes_rest(state, now_ms) else CODE_UNKNOWN
            return replace(page, truth=say(unknown, place=facts.place_words(say)))
        case ScreenId.TRUTHS | ScreenId.FOUND:
            truth = say(SAVING) if view.truth is None else sentence(view.truth, facts, say)
            return replace(page, truth=truth, sign=view.sign)
        case ScreenId.NAME | ScreenId.WORDS | ScreenId.LOOK_UP:
            return _with_field(page, state, facts, say)
        case ScreenId.ADVICE:
            return _with_advice(page, state, policy, facts, say)
        case ScreenId.CODE:
            return _with_code(page, state, say)
        case ScreenId.PRIVACY:
            return replace(page, body=privacy_notice(policy, say))
        case _:
            return page


def _options(state: TalkState, policy: Policy, now_ms: int, say: Say) -> tuple[OptionView, ...]:
    field_name = SCREENS[state.screen].answers
    chosen = getattr(state.answers, field_name) if field_name else ""
    return tuple(_view(option, say, chosen=bool(chosen == option.id)) for option in offered(state, policy, now_ms))


def _view(option: Option, say: Say, *, chosen: bool = False) -> OptionView:
    return OptionView(option.id, say(option.label), option.picture, option.quiet, chosen)


def _body(state: TalkState, policy: Policy) -> tuple[str, ...]:
    standing = SCREENS[state.screen].body
    failed = _failed_additions(state)
    match state.screen:
        case ScreenId.ADULT if state.report is not None:
            standing = SENT_BODY_ADULT
        case ScreenId.PACE:
            standing = _pace_body(state.answers, policy, standing)
        case ScreenId.CODE if state.code is not CodeState.NONE:
            standing = questions.CODE_KEPT_BODY
    return ((standing,) if standing else ()) + failed


def _pace_body(answers: Answers, policy: Policy, standing: str) -> str:
    """Said before the choice: what the choice cannot slow down."""
    slowest = urgency_asked(replace(answers, pace="information"), policy)
    return {"now": DANGER_BODY_PACE, "today": TODAY_BODY_PACE}.get(slowest.value, standing)


def _failed_additions(state: TalkState) -> tuple[str, ...]:
    report_ticket = None if state.report is None else state.report.ticket
    failed = [sending for sending in failed_sendings(state) if sending.send.ticket != report_ticket]
    if not failed:
        return ()
    return (ADDITION_UNSURE if all(sending.unsure for sending in failed) else ADDITION_FAILED,)


def _truth_view(told: Told | None, duty: DutyView, now_ms: int) -> TruthView:
    if told is None:
        return truth_of(None, duty, now_ms)
    return truth_of(told.progress, duty, now_ms, failed=told.failed, unsure=told.unsure)


def _duty_words(view: TruthView, facts: Facts, say: Say) -> str:
    return "" if view.duty is None else sentence(view.duty, facts, say, until=view.until)


def _with_field(page: Page, state: TalkState, facts: Facts, say: Say) -> Page:
    field = FIELDS[page.screen]
    view = FieldView(
        field, state.typed_characters, FIELD_CHARACTERS[field], state.typed_shown, awaiting_words(state) is not None
    )
    if not state.typed_failed:
        return replace(page, field=view)
    return replace(page, field=view, truth=sentence(Truth.DISK_FULL, facts, say), sign=Sign.FAILED)


def _with_advice(page: Page, state: TalkState, policy: Policy, facts: Facts, say: Say) -> Page:
    answers = state.answers
    advice = advice_for(answers.category, policy, danger=answers.danger == "yes", private=state.private)
    body = tuple(say(line, danger=facts.danger, place=say(facts.place)) for line in advice.sentences)
    lines = tuple(HelpLineView(say(line.name), line.contact, say(line.about)) for line in advice.help_lines)
    return replace(page, body=body, help_lines=lines)


def _with_code(page: Page, state: TalkState, say: Say) -> Page:
    """The words stand there only when their digest is safely on its way to staff."""
    on_its_way = any(sending.send.draft.story.code_digest for sending in state.sendings)
    if state.code is not CodeState.SHOWN or state.report is None or on_its_way:
        return page
    return replace(page, code=state.report.code)


def _call_in_view(state: TalkState, now_ms: int) -> Told | None:
    call = state.call
    return call if call is not None and now_ms - call.at_ms < CALL_SHOWN_MS else None


def _dot(state: TalkState, duty: DutyView, now_ms: int) -> Sign:
    call = _call_in_view(state, now_ms)
    return Sign.NONE if call is None else _truth_view(call, duty, now_ms).sign


def _note(state: TalkState, policy: Policy, duty: DutyView, now_ms: int, say: Say) -> str:
    """Judged at the moment the tip turned, so that nothing on a standing tip changes because of a silent call."""
    failed_ms = state.unseen_failure_ms
    facts = Facts.of(policy, private=False)
    if failed_ms is not None and now_ms - failed_ms < CALL_SHOWN_MS:
        return sentence(Truth.DISK_FULL, facts, say)
    call = _call_in_view(state, now_ms)
    if call is None:
        return ""
    view = _truth_view(call, duty, now_ms if call.failed else state.tips.turned_ms)
    human = (sentence(view.truth, facts, say),) if view.truth in _HUMAN_TRUTHS and view.truth else ()
    return " ".join(part for part in (*human, _duty_words(view, facts, say)) if part)


def _with_quiz(page: TipPage, state: TalkState, tip: Tip, say: Say) -> TipPage:
    if tip.quiz is None:
        return page
    picked = state.tips.picked
    answers = tuple(
        OptionView(f"quiz-{index}", say(answer), "", chosen=index == picked)
        for index, answer in enumerate(tip.quiz.answers)
    )
    word = "" if picked is None else say(QUIZ_RIGHT if picked == tip.quiz.right else QUIZ_WRONG)
    return replace(page, quiz=say(tip.quiz.question), quiz_answers=answers, quiz_word=word)
