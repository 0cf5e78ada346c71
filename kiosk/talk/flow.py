"""The talk itself: (state, event, time) in, (state, effects) out. Pure.

Rules it keeps: danger leaves at once; a touch that the page in view does not offer changes nothing (the page may have
turned under the finger); hiding and idling drop only what was not sent; nothing that was sent is ever recalled. It
does not know how a draft is made (`sending`) or how anything is sealed, saved, drawn or spoken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from firmware.messages import NAME_CHARACTERS, NO_ID, TEXT_CHARACTERS, Kind
from kiosk.talk import asking, questions
from kiosk.talk.offers import FIELDS, awaiting_words, offered, pages_of_categories
from kiosk.talk.policy import Policy
from kiosk.talk.questions import SCREENS, Option, ScreenId
from kiosk.talk.sending import send_addition, send_report, send_silent_call, send_take_back_of_call
from kiosk.talk.state import (
    Answers,
    Back,
    Chosen,
    CodeFound,
    CodeState,
    CodeUnknown,
    DeleteCharacter,
    Effect,
    Event,
    Field,
    Forget,
    HideNow,
    KeyDeleted,
    KeyTyped,
    LanguageChosen,
    Opened,
    ProgressChanged,
    Saved,
    SaveFailed,
    Send,
    Sending,
    SilentCall,
    TalkState,
    Tick,
    Told,
    TypeCharacter,
)
from kiosk.talk.tips import TIP_TURN_MS, picked, rotated

STILL_THERE_MS = 15_000
# Five words of at most nine letters, parted, and a little more for a slip of the finger.
CODE_CHARACTERS = 60
FIELD_CHARACTERS: Mapping[Field, int] = MappingProxyType(
    {Field.TEXT: TEXT_CHARACTERS, Field.NAME: NAME_CHARACTERS, Field.CODE: CODE_CHARACTERS}
)

_Step = tuple[TalkState, tuple[Effect, ...]]


def step(state: TalkState, event: Event, now_ms: int, policy: Policy) -> _Step:
    """What one event does. Never raises for any order of events."""
    match event:
        case Tick():
            return _tick(state, now_ms, policy)
        case SilentCall():
            return send_silent_call(state, now_ms, policy)
        case Saved():
            return _saved(state, event, policy)
        case SaveFailed():
            return _save_failed(state, event, now_ms)
        case ProgressChanged():
            return _progress(state, event), ()
        case CodeFound():
            return asking.found(state, event)
        case CodeUnknown():
            return asking.unknown(state, now_ms), ()
        case Opened() if not state.open:
            return _open(state, event, now_ms), ()
        case Opened():
            # A tap of the button while the talk is open hides it; the tile is not in view then.
            return _hide(state, now_ms) if event.source == "button" else (state, ())
        case HideNow():
            return _hide(state, now_ms)
    return _touch(replace(state, touched_ms=now_ms, still_there=False), event, now_ms, policy)


def next_due_ms(state: TalkState, policy: Policy) -> int:
    """When a `Tick` will next change something."""
    if not state.open:
        return state.tips.turned_ms + TIP_TURN_MS
    return state.touched_ms + policy.idle_ms + (STILL_THERE_MS if state.still_there else 0)


# ------------------------------------------------------------------ opening, hiding, idling


def _open(state: TalkState, event: Opened, now_ms: int) -> TalkState:
    return replace(_blank(state, now_ms), screen=ScreenId.DANGER, source=event.source, language=state.language)


def _blank(state: TalkState, now_ms: int) -> TalkState:
    """Nothing of this talk left in view; what was sent, and a silent call, live on."""
    return TalkState(
        room=state.room,
        language=state.home_language,
        home_language=state.home_language,
        touched_ms=now_ms,
        call=state.call,
        sendings=state.sendings,
        next_ticket=state.next_ticket,
        wrong_codes=state.wrong_codes,
        codes_rest_until_ms=state.codes_rest_until_ms,
        unseen_failure_ms=state.unseen_failure_ms,
        tips=state.tips,
    )


def _hide(state: TalkState, now_ms: int) -> _Step:
    if not state.open:
        return state, ()
    hidden = replace(_blank(state, now_ms), tips=replace(state.tips, turned_ms=now_ms))
    # A failed draft was shown as "not sent" and goes with the page; those under way keep their ticket.
    return replace(hidden, sendings=tuple(s for s in state.sendings if not s.failed)), (Forget(),)


def _tick(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    if not state.open:
        return replace(state, tips=rotated(state.tips, now_ms)), ()
    idle_ms = now_ms - state.touched_ms
    if idle_ms >= policy.idle_ms + STILL_THERE_MS:
        return _hide(state, now_ms)
    return replace(state, still_there=idle_ms >= policy.idle_ms), ()


# ------------------------------------------------------------------ touches


def _touch(state: TalkState, event: Event, now_ms: int, policy: Policy) -> _Step:
    match event:
        case Chosen():
            return _chosen(state, event.option, now_ms, policy)
        case Back():
            return _back(state)
        case KeyTyped():
            return _key_typed(state, event.character)
        case KeyDeleted() if _typing(state) and state.typed_characters:
            deleted = replace(state, typed_characters=state.typed_characters - 1, typed_failed=False)
            return deleted, (DeleteCharacter(),)
        case LanguageChosen():
            return replace(state, language=event.language), ()
    return state, ()


def _chosen(state: TalkState, option_id: str, now_ms: int, policy: Policy) -> _Step:
    if not state.open:
        if option_id == questions.PRIVACY.id:
            return replace(_open(state, Opened("touch"), now_ms), screen=ScreenId.PRIVACY), ()
        return _quiz(state, option_id, now_ms, policy), ()
    option = next((option for option in offered(state, policy, now_ms) if option.id == option_id), None)
    if option is None:
        return state, ()
    # The ids of staff and places are the site's own and must not be taken for ours.
    special = None if state.screen in (ScreenId.STAFF, ScreenId.MEET) else _SPECIAL.get(option.id)
    if special is not None:
        return special(state, now_ms, policy)
    return _answered(state, option, now_ms, policy)


def _answered(state: TalkState, option: Option, now_ms: int, policy: Policy) -> _Step:
    """An ordinary answer: remember it, send what is to be sent, go where it leads."""
    field_name = SCREENS[state.screen].answers
    if option.id == questions.SKIP or not field_name:
        return _go(state, option, policy)
    answered = replace(state, answers=_with_answer(state.answers, field_name, option.id))
    if state.screen is ScreenId.DANGER and option.id == "yes":
        sent, effects = send_report(answered, now_ms, policy)
        return replace(sent, screen=ScreenId.TRUTHS, history=()), effects
    if not state.saved:
        return _go(answered, option, policy)
    sent, effects = send_addition(answered, _one(field_name, option.id), policy)
    moved, more = _go(sent, option, policy)
    return moved, effects + more


def _with_answer(answers: Answers, field_name: str, value: str) -> Answers:
    changed = replace(answers, **{field_name: value})
    # A "no" to the adult question takes an earlier answer about the head with it.
    return changed if changed.private else replace(changed, about_head="")


def _one(field_name: str, value: str) -> Answers:
    return replace(Answers(), **{field_name: value})


def _go(state: TalkState, option: Option, policy: Policy) -> _Step:
    target = _target(state, option.next, policy)
    if target is ScreenId.IDLE:
        return _hide(state, state.touched_ms)
    forget: tuple[Effect, ...] = (Forget(),) if state.typed_characters else ()
    if target is ScreenId.TRUTHS:
        history: tuple[ScreenId, ...] = ()
    else:
        history = (*state.history, state.screen)
    return _left(replace(state, screen=target, history=history, category_page=0)), forget


def _target(state: TalkState, target: ScreenId, policy: Policy) -> ScreenId:
    """Where an answer leads: young learners are not asked what it is about; after sending, nobody is asked to send."""
    if target is ScreenId.WHO and state.screen is ScreenId.TRUTHS and not state.answers.adult_here:
        return ScreenId.ADULT
    if target is ScreenId.CATEGORY and policy.young:
        target = ScreenId.SEND
    if target is ScreenId.SEND and state.report is not None:
        return ScreenId.WHO
    if target is ScreenId.STAFF and not policy.staff_choices:
        target = ScreenId.REPORTER
    return target


def _back(state: TalkState) -> _Step:
    if state.screen is ScreenId.FOUND and state.found is None:
        return asking.mend(state), ()
    forget: tuple[Effect, ...] = (Forget(),) if state.typed_characters else ()
    if state.history:
        back = replace(state, screen=state.history[-1], history=state.history[:-1], category_page=0)
        return _left(back), forget
    if state.screen in questions.FIRST_SCREENS:
        return _hide(state, state.touched_ms)
    return state, ()


def _quiz(state: TalkState, option_id: str, now_ms: int, policy: Policy) -> TalkState:
    if not policy.tips:
        return state
    quiz = policy.tips[state.tips.index % len(policy.tips)].quiz
    options = () if quiz is None else tuple(f"quiz-{index}" for index in range(len(quiz.answers)))
    if option_id not in options:
        return state
    return replace(state, tips=picked(state.tips, options.index(option_id), now_ms))


# ------------------------------------------------------------------ typing


def _typing(state: TalkState) -> Field | None:
    return None if awaiting_words(state) else FIELDS.get(state.screen)


def _left(state: TalkState) -> TalkState:
    """Another page: nothing typed, nothing looked up is taken along."""
    return replace(state, typed_characters=0, typed_shown=False, typed_failed=False, found=None)


def _key_typed(state: TalkState, character: str) -> _Step:
    field = _typing(state)
    if field is None or len(character) != 1 or not (character.isprintable() or character == "\n"):
        return state, ()
    if state.typed_characters >= FIELD_CHARACTERS[field]:
        return state, ()
    typed = replace(state, typed_characters=state.typed_characters + 1, typed_failed=False)
    return typed, (TypeCharacter(character),)


def _send_words(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    return send_addition(replace(state, typed_failed=False), Answers(), policy, words=FIELDS[state.screen])


# ------------------------------------------------------------------ options that do more than lead on


def _choose_send(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    sent, effects = send_report(state, now_ms, policy)
    return replace(sent, screen=ScreenId.TRUTHS, history=()), effects


def _choose_more_pictures(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    return replace(state, category_page=(state.category_page + 1) % pages_of_categories()), ()


def _choose_try_again(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    sends = tuple(sending.send for sending in state.sendings if sending.failed)
    report = state.report
    if report is not None and report.failed:
        report = replace(report, failed=False, unsure=False)
    return replace(state, report=report, sendings=tuple(Sending(s.send) for s in state.sendings)), sends


def _choose_take_back(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    """Staff read "asked to take back: still check"; it closes nothing."""
    if state.report is None:
        return state, ()
    return send_addition(
        replace(state, report=replace(state.report, taken_back=True)), Answers(), policy, kind=Kind.TAKE_BACK
    )


def _choose_take_back_call(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    return send_take_back_of_call(state, policy)


def _choose_code(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    """The digest goes to staff before the words are shown, so that no code is given out that does not work."""
    if state.report is None:
        return state, ()
    # A try that failed is over: this one takes its place, or the words would wait for both.
    sendings = tuple(each for each in state.sendings if not (each.failed and each.send.draft.story.code_digest))
    sent = replace(state, code=CodeState.SHOWN, sendings=sendings)
    return send_addition(sent, Answers(), policy, code_digest=state.report.code_digest)


def _choose_meet(state: TalkState, now_ms: int, policy: Policy, *, answer: str) -> _Step:
    met = replace(state, answers=replace(state.answers, meet=answer), screen=ScreenId.TRUTHS, history=())
    return send_addition(met, _one("meet", answer), policy)


def _choose_no_reply(state: TalkState, now_ms: int, policy: Policy) -> _Step:
    if state.named or state.answers.meet:
        return replace(state, screen=ScreenId.TRUTHS, history=()), ()
    return replace(state, screen=ScreenId.NO_REPLY, history=(*state.history, state.screen)), ()


def _meet(answer: str) -> Callable[[TalkState, int, Policy], _Step]:
    return lambda state, now_ms, policy: _choose_meet(state, now_ms, policy, answer=answer)


_SPECIAL: Mapping[str, Callable[[TalkState, int, Policy], _Step]] = MappingProxyType(
    {
        "send": _choose_send,
        "more-pictures": _choose_more_pictures,
        "try-again": _choose_try_again,
        "take-back": _choose_take_back,
        "take-back-call": _choose_take_back_call,
        "give-code": _choose_code,
        "have-code": lambda state, now_ms, policy: (asking.begin(state), ()),
        "look-up": lambda state, now_ms, policy: asking.look_up(state, now_ms),
        "mend-words": lambda state, now_ms, policy: (asking.mend(state), ()),
        "kept-code": lambda state, now_ms, policy: (replace(state, code=CodeState.KEPT), ()),
        "show-code": lambda state, now_ms, policy: (replace(state, code=CodeState.SHOWN), ()),
        "no-reply": _choose_no_reply,
        "show-words": lambda state, now_ms, policy: (replace(state, typed_shown=True, typed_failed=False), ()),
        "dot-words": lambda state, now_ms, policy: (replace(state, typed_shown=False, typed_failed=False), ()),
        "send-words": _send_words,
        **{answer: _meet(answer) for answer in questions.MEET_ANSWERS},
    }
)


# ------------------------------------------------------------------ what became of it


def _taken(state: TalkState, ticket: int) -> tuple[TalkState, Sending | None]:
    """Without the draft that is answered; one that failed has had its answer until it is tried again."""
    awaited = (sending for sending in state.sendings if not sending.failed)
    found = next((sending for sending in awaited if sending.send.ticket == ticket), None)
    return replace(state, sendings=tuple(sending for sending in state.sendings if sending is not found)), found


def _saved(state: TalkState, event: Saved, policy: Policy) -> _Step:
    state, found = _taken(state, event.ticket)
    if found is None:
        return state, ()
    if state.call is not None and state.call.ticket == event.ticket:
        state = replace(state, call=replace(state.call, report=event.report, failed=False, unsure=False))
    if state.report is not None and state.report.ticket == event.ticket:
        told = replace(state.report, report=event.report, failed=False, unsure=False)
        state = replace(state, report=replace(told, code=event.code, code_digest=event.code_digest))
    field = found.send.words
    if field is None or FIELDS.get(state.screen) is not field:
        return state, ()
    named = state.named or field is Field.NAME
    skip = next(option for option in SCREENS[state.screen].options if option.id == questions.SKIP)
    return _go(replace(state, named=named), skip, policy)


def _save_failed(state: TalkState, event: SaveFailed, now_ms: int) -> _Step:
    rest, found = _taken(state, event.ticket)
    if found is None:
        return state, ()
    if rest.call is not None and rest.call.ticket == event.ticket:
        # Nothing of the silent call is on the screen but the dot and the next tip; holding again tries again.
        return replace(rest, call=replace(rest.call, failed=True, unsure=event.unsure)), ()
    if found.send.words is not None and FIELDS.get(rest.screen) is found.send.words:
        return replace(rest, typed_failed=True), ()
    report = rest.report
    if report is None or found.send.words is not None or not _belongs(report, found.send):
        return replace(rest, unseen_failure_ms=now_ms), ()
    if report.ticket == event.ticket:
        report = replace(report, failed=True, unsure=event.unsure)
    # Five words whose digest is not on its way would be a promise that nobody can keep.
    code = CodeState.NONE if found.send.draft.story.code_digest else rest.code
    again = replace(found, failed=True, unsure=event.unsure)
    return replace(rest, report=report, code=code, sendings=(*rest.sendings, again)), ()


def _belongs(report: Told, send: Send) -> bool:
    """Whether a draft is the report of the talk in view, or adds to it; another learner's may still be under way."""
    return send.ticket == report.ticket or (report.report != NO_ID and send.draft.about == report.report)


def _progress(state: TalkState, event: ProgressChanged) -> TalkState:
    report = event.progress.report
    if state.call is not None and state.call.report == report:
        state = replace(state, call=replace(state.call, progress=event.progress))
    if state.report is not None and state.report.report == report:
        state = replace(state, report=replace(state.report, progress=event.progress))
    if state.found is not None and state.found.report == report:
        state = replace(state, found=event.progress)
    return state
