"""What is handed over: answers made into drafts, with route, urgency and privacy. Pure.

Owns the rules that a draft is never less urgent and never less private than what was sent before it, and that danger
is read by those who look after people. Does not decide when anything is sent (`flow`).
"""

from __future__ import annotations

from dataclasses import replace

from firmware.messages import NO_ID, Draft, Kind, Story, Urgency
from kiosk.talk.policy import Policy
from kiosk.talk.state import Answers, Effect, Field, Send, Sending, TalkState, Told
from kiosk.talk.tips import turned

_URGENCIES = (Urgency.INFORMATION, Urgency.TODAY, Urgency.NOW)
_Sent = tuple[TalkState, tuple[Effect, ...]]


def _send(state: TalkState, draft: Draft, words: Field | None = None) -> _Sent:
    send = Send(state.next_ticket, draft, words)
    return replace(state, next_ticket=send.ticket + 1, sendings=(*state.sendings, Sending(send))), (send,)


def _route(state: TalkState, policy: Policy) -> str:
    answers = state.answers
    # Where there may be danger, those who look after people read everything, whatever the category's own route is.
    category = answers.category if answers.danger == "no" else ""
    return policy.route_for(category, answers.adult_here, answers.about_head)


def _story(state: TalkState, policy: Policy, said: Answers, *, code_digest: bytes = b"") -> Story:
    return Story(
        route=_route(state, policy),
        room=state.room,
        danger=said.danger,
        adult_here=said.adult_here,
        about_head=said.about_head,
        category=said.category,
        who=said.who,
        pace=said.pace,
        staff_choice=said.staff_choice,
        meet=said.meet,
        reporter=said.reporter,
        source=state.source,
        language=state.language,
        code_digest=code_digest,
    )


def urgency_asked(answers: Answers, policy: Policy) -> Urgency:
    """As the answers ask; what may be about an adult who works here never waits longer than today."""
    asked = policy.urgency_for(answers.category, answers.danger, answers.pace)
    return max(asked, Urgency.TODAY, key=_URGENCIES.index) if answers.private else asked


def _urgency(state: TalkState, policy: Policy) -> Urgency:
    """Never less than what was sent already."""
    told = Urgency.INFORMATION if state.report is None else state.report.urgency
    return max(urgency_asked(state.answers, policy), told, key=_URGENCIES.index)


def send_report(state: TalkState, now_ms: int, policy: Policy) -> _Sent:
    urgency = _urgency(state, policy)
    told = Told(state.next_ticket, urgency, state.answers.private, now_ms)
    draft = Draft(
        kind=Kind.REPORT,
        urgency=urgency,
        private=told.private,
        hurry=urgency is Urgency.NOW,
        about=NO_ID,
        story=_story(state, policy, state.answers),
    )
    return _send(replace(state, report=told), draft)


def send_addition(
    state: TalkState,
    said: Answers,
    policy: Policy,
    *,
    words: Field | None = None,
    code_digest: bytes = b"",
    kind: Kind = Kind.ADDITION,
) -> _Sent:
    if state.report is None:
        return state, ()
    urgency = _urgency(state, policy)
    private = state.private
    draft = Draft(
        kind=kind,
        urgency=urgency,
        private=private,
        hurry=urgency is Urgency.NOW or kind is Kind.TAKE_BACK,
        about=state.report.report,
        story=_story(state, policy, said, code_digest=code_digest),
    )
    return _send(replace(state, report=replace(state.report, urgency=urgency, private=private)), draft, words)


def send_silent_call(state: TalkState, now_ms: int, policy: Policy) -> _Sent:
    """From any state; the page in view stays, only the tip turns. A second hold calls again."""
    call = Told(state.next_ticket, Urgency.NOW, private=False, at_ms=now_ms)
    draft = Draft(
        kind=Kind.SILENT_CALL,
        urgency=Urgency.NOW,
        private=False,
        hurry=True,
        about=NO_ID,
        story=Story(route=policy.route_for("", "", ""), room=state.room, source="button", language=state.language),
    )
    return _send(replace(state, call=call, tips=turned(state.tips, now_ms)), draft)


def send_take_back_of_call(state: TalkState, policy: Policy) -> _Sent:
    """On the screen only; staff read "asked to take back: still check"."""
    if state.call is None:
        return state, ()
    story = Story(route=policy.route_for("", "", ""), room=state.room, source=state.source, language=state.language)
    draft = Draft(Kind.TAKE_BACK, Urgency.NOW, private=False, hurry=True, about=state.call.report, story=story)
    return _send(replace(state, call=replace(state.call, taken_back=True)), draft)
