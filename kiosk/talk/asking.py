"""Asking with five words what became of a report. Pure.

Owns the way from the first question to the typed words, to what is known or not known of them, and the bound on
tries. Looking up itself is done at the edge, where the typed words are (`LookUp`); nothing here answers a question of
the talk or sends anything.
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.talk.offers import codes_rest
from kiosk.talk.questions import ScreenId
from kiosk.talk.state import CodeFound, Effect, Forget, LookUp, TalkState

# Five words of 1,024 cannot be guessed by hand; the pause keeps a patient machine from trying.
WRONG_CODES_MAX = 5
CODES_REST_MS = 60_000

_Step = tuple[TalkState, tuple[Effect, ...]]


def begin(state: TalkState) -> TalkState:
    """It answers nothing about danger; it only leads on."""
    return replace(_without_words(state), screen=ScreenId.LOOK_UP, history=(*state.history, state.screen))


def look_up(state: TalkState, now_ms: int) -> _Step:
    return (_not_found(state), ()) if codes_rest(state, now_ms) else (state, (LookUp(),))


def mend(state: TalkState) -> TalkState:
    """Back to the words as they were typed."""
    return replace(state, screen=ScreenId.LOOK_UP, history=state.history[:-1])


def found(state: TalkState, event: CodeFound) -> _Step:
    if state.screen is not ScreenId.LOOK_UP:
        return state, ()
    shown = replace(_without_words(state), screen=ScreenId.FOUND, found=event.progress)
    return replace(shown, wrong_codes=0, codes_rest_until_ms=None), (Forget(),)


def unknown(state: TalkState, now_ms: int) -> TalkState:
    """After too many of them there is a pause."""
    if state.screen is not ScreenId.LOOK_UP:
        return state
    wrong = state.wrong_codes + 1
    if wrong < WRONG_CODES_MAX:
        return replace(_not_found(state), wrong_codes=wrong)
    return replace(_not_found(state), wrong_codes=0, codes_rest_until_ms=now_ms + CODES_REST_MS)


def _not_found(state: TalkState) -> TalkState:
    """The typed words stay, so that a slip can be mended."""
    return replace(state, screen=ScreenId.FOUND, found=None, history=(*state.history, ScreenId.LOOK_UP))


def _without_words(state: TalkState) -> TalkState:
    return replace(state, typed_characters=0, typed_shown=False)
