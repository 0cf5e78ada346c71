"""One step of the talk on a phone: a form in, the next form and what its page shows out. Blocks; knows no web.

The same flow as at the kiosk's screen decides where a press leads. What it wants sent is handed to the kiosk process,
and what that says goes back into the flow as if it had come from the outbox. Of one form at most one draft is kept.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from firmware.errors import TechnicianError
from firmware.messages import NAME_CHARACTERS, NO_ID, TEXT_CHARACTERS, Duty, DutyState, Kind, Stage
from kiosk.portal.kiosk_line import KioskLine
from kiosk.portal.talk_form import (
    CODE_LATER,
    FORM_BYTES,
    HISTORY_MOST,
    SECURE_ONLY,
    TalkForm,
    state_of,
    unsent_answers,
)
from kiosk.talk import flow, questions
from kiosk.talk.codes import code_digest, read_code
from kiosk.talk.handover import ANSWERS, NOT_FROM_A_PHONE, Deed, HandedIn, HandIn, Known, Outcome, Told, progress_of
from kiosk.talk.offers import FIELDS
from kiosk.talk.policy import Policy
from kiosk.talk.questions import ScreenId
from kiosk.talk.state import (
    Back,
    Chosen,
    CodeFound,
    CodeState,
    CodeUnknown,
    Event,
    Field,
    LookUp,
    ProgressChanged,
    Saved,
    SaveFailed,
    Send,
    TalkState,
)

# What a form's other buttons say, beside the options of the flow.
GO_BACK, GO_LOOK, GO_AGAIN = "back", "look", "again"
_KEY_BYTES, _MARK_BYTES = 32, 16
_CHARACTERS = {Field.TEXT: TEXT_CHARACTERS, Field.NAME: NAME_CHARACTERS, Field.CODE: flow.FIELD_CHARACTERS[Field.CODE]}
_USES_WORDS = (questions.SEND_WORDS.id, questions.LOOK_UP_CODE.id)
_NOT_HERE = NOT_FROM_A_PHONE | {questions.SHOW_WORDS.id, questions.DOT_WORDS.id, questions.TAKE_BACK_CALL.id}
_NOBODY = Duty(DutyState.UNKNOWN)
_A_MINUTE_MS = 60_000
# Stands for a report that was found by its words, until the kiosk says what is known of it now.
_FOUND = Known(hurry=True, saved_ago_ms=0, sent_ago_ms=None, stages=(), private=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of the talk: its state, the form that it carries, and what only a phone's page has to say.

    `lost`: the kiosk no longer knows the ticket. `unlooked`: it cannot be asked now. `not_asked`: a question was left
    out because others might read along. `too_long`: so were the words. `hopeful`: it was saved just now, and the
    office may have it in a moment.
    """

    state: TalkState
    form: TalkForm
    now_ms: int
    duty: Duty = _NOBODY
    lost: bool = False
    unlooked: bool = False
    not_asked: bool = False
    too_long: bool = False
    hopeful: bool = False


class TalkSteps:
    """All talks of one portal; it remembers none of them."""

    def __init__(
        self, line: KioskLine, policy: Policy, *, now_ms: Callable[[], int], random_bytes: Callable[[int], bytes]
    ) -> None:
        self.line, self.policy, self.now_ms = line, policy, now_ms
        self._random_bytes, self._key = random_bytes, random_bytes(_KEY_BYTES)

    def mark(self, form: TalkForm) -> str:
        """Stands on the page beside the nonce. A page of another site can have a reader's browser send us a form, but
        cannot see one of ours: without its mark nothing is said in anybody's name."""
        return hmac.digest(self._key, form.form, hashlib.sha256)[:_MARK_BYTES].hex()

    def fresh(self) -> bytes:
        """A nonce for a page."""
        return self._random_bytes(FORM_BYTES)

    def begin(self, language: str) -> Shown:
        """The first page: is anyone in danger?"""
        form, now_ms = TalkForm(self.fresh()), self.now_ms()
        return self.look(Shown(state_of(form, self.policy, language=language, now_ms=now_ms), form, now_ms))

    def take(self, form: TalkForm, language: str, *, secure: bool) -> Shown | None:
        """What a press leads to; None: away from the talk. A press without our mark, be it somebody else's or of a page
        from before this start, leads to the page that it came from, to be pressed there."""
        if not hmac.compare_digest(form.mark.encode(), self.mark(form).encode()):
            form = replace(form, choice="", go="")
        if form.go == GO_AGAIN:
            return self.begin(language)
        step = _Step(self, form, language, secure)
        shown = step.taken()
        return shown if shown is None or step.told else self.look(shown)

    def look(self, shown: Shown) -> Shown:
        """The same page with what the kiosk knows now: duty, and the proofs of the report that it is about."""
        form, now_ms = shown.form, self.now_ms()
        try:
            told = self.line.look_up_digest(form.digest) if form.digest else self.line.progress(form.ticket)
        except TechnicianError:
            return replace(shown, now_ms=now_ms, unlooked=True, hopeful=False)
        if told.known is None:
            # Nothing may stand there as found that is not known any more.
            state = replace(shown.state, found=None) if form.digest else shown.state
            lost = shown.lost or bool(form.ticket)
            return replace(shown, state=state, now_ms=now_ms, duty=told.duty, lost=lost, hopeful=False)
        progress = progress_of(told.known, form.digest or form.ticket, now_ms)
        state, _ = flow.step(shown.state, ProgressChanged(progress), now_ms, self.policy)
        hopeful = shown.hopeful and not told.known.stages
        return replace(shown, state=state, now_ms=now_ms, duty=told.duty, hopeful=hopeful)


class _Step:
    """One form on its way."""

    def __init__(self, steps: TalkSteps, form: TalkForm, language: str, secure: bool) -> None:
        self._steps, self._line, self._policy = steps, steps.line, steps.policy
        self._form, self._secure = form, secure
        # What may have to be handed over again stays in the language of the first time, whatever is read by now.
        self._language = form.language or language
        self._now_ms = steps.now_ms()
        self.told = False
        self._state = state_of(form, steps.policy, language=language, now_ms=self._now_ms)
        if form.digest and form.screen is ScreenId.FOUND:
            self._state = replace(self._state, found=progress_of(_FOUND, form.digest, self._now_ms))
        self._ticket, self._digest = form.ticket, form.digest
        self._unsent, self._unsure = form.unsent, form.unsure
        self._answer: HandedIn | None = None
        self._resting = self._lost = self._unlooked = self._not_asked = False

    def taken(self) -> Shown | None:
        if self._too_long():
            return self._shown(words=self._form.words, too_long=True)
        before = self._state.screen
        if self._form.go == GO_BACK:
            self._tell(Back())
        elif self._form.choice and self._form.choice not in _NOT_HERE:
            self._tell(Chosen(self._form.choice))
        self._leave_out_what_others_could_read()
        if not self._state.open:
            return None
        self._show_code_again()
        kept = self._state.screen is before or self._state.screen in (ScreenId.LOOK_UP, ScreenId.FOUND)
        return self._shown(words=self._form.words if kept else "")

    def _too_long(self) -> bool:
        field = FIELDS.get(self._form.screen)
        most = _CHARACTERS[field] if field is not None else 0
        return self._form.choice in _USES_WORDS and len(self._form.words) > most

    # --- the flow ---

    def _tell(self, event: Event) -> None:
        self._state, effects = flow.step(self._state, event, self._now_ms, self._policy)
        for effect in effects:
            match effect:
                case Send():
                    self._hand_in(effect)
                case LookUp():
                    self._look_up()

    def _leave_out_what_others_could_read(self) -> None:
        while not self._secure and self._state.screen in SECURE_ONLY:
            self._not_asked = True
            going_back = self._form.go == GO_BACK and self._state.history
            self._tell(Back() if going_back else Chosen(questions.SKIP))

    def _look_up(self) -> None:
        code = read_code(self._form.words)
        if code is None:
            self._tell(CodeUnknown())
            return
        try:
            told = self._line.look_up(code)
        except TechnicianError:
            self._unlooked = True
            told = Told(_NOBODY)
        self._resting = told.resting
        if told.known is None:
            self._tell(CodeUnknown())
            return
        self._digest = code_digest(code)
        self._tell(CodeFound(progress_of(told.known, self._digest, self._now_ms)))

    # --- handing in ---

    def _hand_in(self, send: Send) -> None:
        draft = self._draft(send)
        answer = self._line.hand_in(draft)
        if answer.outcome is Outcome.UNKNOWN_TICKET and draft.deed is Deed.ADDITION:
            # The kiosk has started anew and forgotten whose report it was: nothing that was said may be lost for that.
            answer = self._line.hand_in(self._as_report(draft))
        self._answer = answer
        if answer.outcome is Outcome.SAVED:
            self._saved(send, draft, answer)
        else:
            self._failed(send, draft, answer)

    def _draft(self, send: Send) -> HandIn:
        story = send.draft.story
        said = {name: getattr(story, name) for name in ANSWERS}
        if send.draft.kind is Kind.REPORT:
            return HandIn(self._form.form, NO_ID, Deed.REPORT, **said, language=self._language)
        if send.draft.kind is Kind.TAKE_BACK or story.code_digest:
            deed = Deed.CODE if story.code_digest else Deed.TAKE_BACK
            return HandIn(self._form.form, self._ticket, deed, language=self._language)
        said = {name: said[name] or getattr(unsent_answers(self._form), name) for name in ANSWERS}
        draft = HandIn(self._form.form, self._ticket, Deed.ADDITION, **said, language=self._language)
        if send.words is None:
            return draft
        return msgspec.structs.replace(draft, **{send.words.value: self._form.words.encode()})

    def _as_report(self, draft: HandIn) -> HandIn:
        said = {name: getattr(self._state.answers, name) for name in ANSWERS}
        return HandIn(draft.form, NO_ID, Deed.REPORT, **said, language=draft.language, text=draft.text, name=draft.name)

    def _saved(self, send: Send, draft: HandIn, answer: HandedIn) -> None:
        self._ticket, self._unsent, self._unsure = answer.ticket, (), False
        waiting = tuple(sending for sending in self._state.sendings if not sending.failed)
        self._state = replace(self._state, sendings=waiting)
        self._tell(Saved(send.ticket, answer.ticket, CODE_LATER, bytes(32)))
        told = self._state.report
        if told is not None:
            code = answer.code if draft.deed is Deed.CODE else told.code
            self._state = replace(self._state, report=replace(told, report=answer.ticket, code=code))
        if answer.known is not None:
            self._tell(ProgressChanged(progress_of(answer.known, answer.ticket, self._now_ms)))

    def _failed(self, send: Send, draft: HandIn, answer: HandedIn) -> None:
        self._unsure = answer.outcome is Outcome.UNSURE
        self._lost = answer.outcome is Outcome.UNKNOWN_TICKET
        self._tell(SaveFailed(send.ticket, self._unsure))
        told = self._state.report
        if draft.deed is Deed.TAKE_BACK and told is not None:
            self._state = replace(self._state, report=replace(told, taken_back=False))
        if draft.deed is Deed.ADDITION and send.words is None:
            self._unsent = tuple(name for name in ANSWERS if getattr(draft, name))

    def _show_code_again(self) -> None:
        """The words are with the kiosk; it gives the same ones again."""
        told = self._state.report
        shown = self._state.screen is ScreenId.CODE and self._state.code is CodeState.SHOWN
        if not shown or told is None or told.code != CODE_LATER:
            return
        answer = self._line.hand_in(HandIn(self._form.form, self._ticket, Deed.CODE, language=self._language))
        saved = answer.outcome is Outcome.SAVED
        self._lost = answer.outcome is Outcome.UNKNOWN_TICKET
        code = CodeState.SHOWN if saved else CodeState.KEPT
        self._state = replace(self._state, code=code, report=replace(told, code=answer.code if saved else CODE_LATER))

    # --- the page that follows ---

    def _shown(self, *, words: str, too_long: bool = False) -> Shown:
        state, answer = self._state, self._answer
        if self._resting:
            state = replace(state, codes_rest_until_ms=self._now_ms + _A_MINUTE_MS)
        told = state.report
        form = TalkForm(
            form=self._form.form,
            ticket=self._ticket,
            screen=state.screen,
            history=state.history[-HISTORY_MOST:],
            category_page=state.category_page,
            answers=state.answers,
            named=state.named,
            code=state.code,
            taken_back=told is not None and told.taken_back,
            tried=told is not None and not self._ticket,
            unsent=self._unsent if self._ticket else (),
            unsure=self._unsure,
            typed_failed=state.typed_failed,
            digest=self._digest if state.screen is ScreenId.FOUND else b"",
            words=words,
        )
        # Whatever may have to be sent again keeps its nonce, so that it cannot become two.
        form = replace(form, language=self._language) if form.pending else replace(form, form=self._steps.fresh())
        shown = Shown(
            state,
            form,
            self._now_ms,
            lost=self._lost,
            unlooked=self._unlooked,
            not_asked=self._not_asked,
            too_long=too_long,
        )
        if answer is None or answer.outcome is not Outcome.SAVED:
            return shown
        self.told = True
        hopeful = answer.known is not None and answer.known.hurry and Stage.STORED not in answer.known.stages
        return replace(shown, duty=answer.duty, hopeful=hopeful and state.screen is ScreenId.TRUTHS)
