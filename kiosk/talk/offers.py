"""Which answers a screen offers now. Pure; the flow accepts only what is offered here, the page draws the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kiosk.talk import questions
from kiosk.talk.policy import Policy
from kiosk.talk.questions import SCREENS, Option, ScreenId
from kiosk.talk.state import CodeState, Field, Sending, TalkState

# How long after a silent call the screen still offers to take it back, and the dot still tells of it.
CALL_SHOWN_MS = 30 * 60_000

FIELDS: Mapping[ScreenId, Field] = MappingProxyType(
    {ScreenId.NAME: Field.NAME, ScreenId.WORDS: Field.TEXT, ScreenId.LOOK_UP: Field.CODE}
)
_UNASKED = (ScreenId.ADULT, ScreenId.HEAD, ScreenId.CATEGORY)


def offered(state: TalkState, policy: Policy, now_ms: int) -> tuple[Option, ...]:
    """The options of the screen in view, in the order in which they stand."""
    fixed = SCREENS[state.screen].options if state.open else ()
    match state.screen:
        case ScreenId.DANGER:
            return fixed + ((questions.TAKE_BACK_CALL,) if call_can_be_taken_back(state, now_ms) else ())
        case ScreenId.CATEGORY:
            return _category_options(state) + _skip(state)
        case ScreenId.ADVICE if not state.saved:
            return tuple(option for option in fixed if option.id != "code")
        case ScreenId.TRUTHS:
            return _truths_options(state, fixed)
        case ScreenId.STAFF:
            return tuple(Option(c.id, c.label, "adult", ScreenId.REPORTER) for c in policy.staff_choices) + fixed
        case ScreenId.MEET:
            return tuple(Option(p.id, p.label, p.picture, ScreenId.WORDS) for p in policy.places) + fixed
        case ScreenId.NAME | ScreenId.WORDS:
            return _typed_options(state, questions.SEND_WORDS, fixed)
        case ScreenId.LOOK_UP:
            return _typed_options(state, questions.LOOK_UP_CODE, fixed)
        case ScreenId.FOUND if state.found is not None:
            return tuple(option for option in fixed if option.id != "mend-words")
        case ScreenId.CODE:
            return _code_options(state, fixed)
        case _:
            return fixed + _skip(state)


def awaiting_words(state: TalkState) -> Sending | None:
    """The typed words that were handed over and are not yet known to be saved."""
    return next((sending for sending in state.sendings if sending.send.words is not None), None)


def failed_sendings(state: TalkState) -> tuple[Sending, ...]:
    """What can be tried again."""
    return tuple(sending for sending in state.sendings if sending.failed)


def call_can_be_taken_back(state: TalkState, now_ms: int) -> bool:
    """On the screen only, and for a while only."""
    call = state.call
    return call is not None and bool(call.report) and not call.taken_back and now_ms - call.at_ms < CALL_SHOWN_MS


def codes_rest(state: TalkState, now_ms: int) -> bool:
    """After too many words that nobody knows here, nothing is looked up for a while."""
    return state.codes_rest_until_ms is not None and now_ms < state.codes_rest_until_ms


def pages_of_categories() -> int:
    """How often "more pictures" turns before it is back at the first page."""
    return -(-len(questions.CATEGORIES) // questions.CATEGORIES_PER_PAGE)


def _skip(state: TalkState) -> tuple[Option, ...]:
    """After danger was sent, the questions before SEND are optional too."""
    if state.report is None or state.screen not in _UNASKED:
        return ()
    return (questions.SKIP_UNASKED,)


def _category_options(state: TalkState) -> tuple[Option, ...]:
    first = state.category_page * questions.CATEGORIES_PER_PAGE
    shown = questions.CATEGORIES[first : first + questions.CATEGORIES_PER_PAGE]
    return (*shown, questions.RATHER_NOT_SAY_OPTION, questions.MORE_CATEGORIES)


def _truths_options(state: TalkState, fixed: tuple[Option, ...]) -> tuple[Option, ...]:
    if not state.saved:
        fixed = tuple(option for option in fixed if option.id in ("advice", "done"))
    elif state.report is not None and not state.report.taken_back:
        fixed = (*fixed, questions.TAKE_BACK)
    return (questions.TRY_AGAIN, *fixed) if failed_sendings(state) else fixed


def _typed_options(state: TalkState, use: Option, fixed: tuple[Option, ...]) -> tuple[Option, ...]:
    if awaiting_words(state):
        return ()
    if not state.typed_characters:
        return fixed
    return (use, questions.DOT_WORDS if state.typed_shown else questions.SHOW_WORDS, *fixed)


def _code_options(state: TalkState, fixed: tuple[Option, ...]) -> tuple[Option, ...]:
    if not state.saved:
        return (questions.GO_ON,)
    match state.code:
        case CodeState.SHOWN:
            return (questions.KEPT_CODE, questions.GO_ON)
        case CodeState.KEPT:
            return (questions.SHOW_CODE, questions.GO_ON)
        case CodeState.NONE:
            can_give = state.report is not None and bool(state.report.code)
            return tuple(option for option in fixed if option.id != "give-code" or can_give)
