"""The learner's panel at work: touches in, talk events out; the page in view painted when it changes.

Owns what only a screen knows: which part of a long page is in view, the keyboard's layer, bigger words, whether a
language is being chosen. All of it is forgotten when the talk closes, so that the next person finds nothing. Decides
nothing about reports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from firmware.messages import Duty
from kiosk.learner import view as ids
from kiosk.learner import views
from kiosk.learner.control_words import control_words
from kiosk.learner.view import ControlWords, LearnerView
from kiosk.screen import keyboard
from kiosk.screen.keyboard import Layer
from kiosk.screen.layout import Box, Display, touched
from kiosk.screen.paint import Painter
from kiosk.screen.speech import Speech
from kiosk.screen.text import Typesetter
from kiosk.screen.window import Touched, Window, WindowEvent, Woken
from kiosk.talk import questions
from kiosk.talk import state as talk
from kiosk.talk.pages import talk_page, tip_page
from kiosk.talk.policy import Policy
from kiosk.talk.truths import DutyView
from kiosk.talk.typed import TypedWords
from kiosk.words import Words, checked, languages, own_name

# Truths change with time alone (5 s, 20 s): the page is looked at again this often.
LOOK_AGAIN_MS = 250
DIM = 0.6
DIM_AFTER_MS = 120_000
BIGGER = {1.0: 1.3, 1.3: 1.6, 1.6: 1.0}


@dataclass(slots=True)
class _Own:
    """What the screen itself remembers of one page or talk."""

    part: int = 0
    layer: Layer = Layer.LOWER
    choosing_language: bool = False


class LearnerScreen:
    """One panel. `events` each turn, `paint` after the commit."""

    def __init__(
        self,
        *,
        window: Window,
        display: Display,
        typesetter: Typesetter,
        painter: Painter,
        speech: Speech,
        policy: Policy,
        typed: TypedWords,
    ) -> None:
        self._window, self._home, self._display = window, display, display
        self._typesetter, self._painter, self._speech = typesetter, painter, speech
        self._policy, self._typed = policy, typed
        self._words: dict[str, tuple[Words, ControlWords]] = {}
        self._own = _Own()
        self._page: tuple[object, ...] = ()
        self._view: LearnerView | None = None
        self.boxes: list[Box] = []
        self._looked_ms = 0
        self._touched_ms: int | None = None
        self._spoken = ""

    # --- touches ---

    def events(self, happened: Sequence[WindowEvent], state: talk.TalkState, now_ms: int) -> list[talk.Event]:
        """What happened at the window, as the talk understands it, in order."""
        found: list[talk.Event] = []
        for event in happened:
            found += self._translated(event, state, now_ms)
        return found

    def touch(self, box_id: str, state: talk.TalkState, now_ms: int) -> list[talk.Event]:
        """The same for one box by its name, for rehearsals; nothing when it is not in view."""
        box = next((box for box in self.boxes if box.id == box_id and box.hit is not None), None)
        return [] if box is None else self._pressed(box, state, now_ms)

    def _translated(self, event: WindowEvent, state: talk.TalkState, now_ms: int) -> list[talk.Event]:
        if isinstance(event, Woken):
            self._touched_ms = now_ms
        if not isinstance(event, Touched):
            return []
        box = touched(self.boxes, event.x, event.y)
        return [] if box is None else self._pressed(box, state, now_ms)

    def _pressed(self, box: Box, state: talk.TalkState, now_ms: int) -> list[talk.Event]:
        self._touched_ms, self._looked_ms = now_ms, 0
        if box.id == ids.TALK:
            return [talk.Opened("touch")]
        if box.id == ids.PRIVACY:
            return [talk.Chosen(questions.PRIVACY.id)]
        if box.id == ids.HIDE:
            self._speech.stop()
            return [talk.HideNow()]
        if box.id == ids.BACK:
            return self._back()
        if box.id.startswith(ids.LANGUAGE_CHOICE):
            self._own.choosing_language = False
            return [talk.LanguageChosen(ids.language_of(box.id))]
        if box.id.startswith(ids.OPTION):
            return [talk.Chosen(ids.option_of(box.id))]
        return self._own_control(box, state) or self._typing(box)

    def _back(self) -> list[talk.Event]:
        if self._own.choosing_language:
            self._own.choosing_language = False
            return []
        return [talk.Back()]

    def _own_control(self, box: Box, state: talk.TalkState) -> list[talk.Event]:
        if box.id == ids.PART:
            self._own.part += 1
        elif box.id == ids.LANGUAGE:
            self._own.choosing_language = True
        elif box.id == ids.BIGGER:
            self._set_display(replace(self._display, text_scale=BIGGER.get(self._display.text_scale, 1.0)))
        elif box.id == ids.READ:
            self._speech.say(self._spoken_page(), state.language)
        return []

    def _typing(self, box: Box) -> list[talk.Event]:
        character = keyboard.touched_character(box.id)
        if character and self._own.layer is Layer.UPPER:
            character = character.upper()
        self._own.layer = keyboard.next_layer(box.id, self._own.layer)
        if box.id == keyboard.DELETE:
            return [talk.KeyDeleted()]
        return [talk.KeyTyped(character)] if character else []

    def _spoken_page(self) -> str:
        return ". ".join(box.speech or box.text for box in self.boxes if box.speech or box.text)

    # --- painting ---

    @property
    def settled(self) -> bool:
        """Whether the page that is wanted stands on the panel as a whole."""
        return self._painter.settled

    def paint(
        self,
        state: talk.TalkState,
        duty: Duty,
        now_ms: int,
        *,
        changed: bool,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Show the page that is true now; nothing is drawn when nothing changed. See `Painter.paint`."""
        if changed or now_ms - self._looked_ms >= LOOK_AGAIN_MS:
            self._looked_ms = now_ms
            self._settle(state)
            self._dim(state, duty, now_ms)
            view = self._view_of(state, DutyView(duty.state, duty.until), now_ms)
            if view != self._view:
                self._view = view
                self.boxes = views.boxes(view, self._display, self._typesetter)
        self._window.present(self._painter.paint(self._window.canvas, self.boxes, interrupted))

    def snapshot(self) -> bytes:
        """What is in view, as PNG."""
        return self._window.snapshot()

    def _settle(self, state: talk.TalkState) -> None:
        """Another page begins with its first part; a closed talk leaves nothing of its owner's choices."""
        page = (state.screen, state.category_page, state.language, state.open)
        if page != self._page:
            self._page = page
            self._own = _Own(choosing_language=self._own.choosing_language and state.open)
            display = self._display if state.open else self._home
            self._set_display(replace(display, right_to_left=self._words_in(state.language)[0].right_to_left))
            if not state.open:
                self._speech.stop()

    def _view_of(self, state: talk.TalkState, duty: DutyView, now_ms: int) -> LearnerView:
        words, controls = self._words_in(state.language)
        duty = replace(duty, until=words.moment(duty.until))
        page = talk_page if state.open else tip_page
        return LearnerView(
            page=page(state, self._policy, duty, now_ms, words.text),
            part=self._own.part,
            tip=state.tips.index % len(self._policy.tips),
            tips=len(self._policy.tips),
            can_read=state.open and self._speech.possible(state.language) is None,
            languages=self._choices() if self._own.choosing_language else (),
            language=state.language,
            layer=self._own.layer,
            words=controls,
            characters=self._typed.characters if state.typed_shown else None,
        )

    def _words_in(self, language: str) -> tuple[Words, ControlWords]:
        """A catalogue, read when it is first wanted: most kiosks show one language all day."""
        if language not in self._words:
            words = Words(language)
            self._words[language] = (words, control_words(words))
        return self._words[language]

    def _choices(self) -> tuple[ids.LanguageChoice, ...]:
        """Only what this machine can draw: Arabic letters need a system library (`CannotShape`)."""
        found = (ids.LanguageChoice(code, own_name(code), checked(code)) for code in languages())
        return tuple(choice for choice in found if self._typesetter.can_show(choice.name))

    def _dim(self, state: talk.TalkState, duty: Duty, now_ms: int) -> None:
        """Out of hours an idle panel is dimmed; whoever touches it or calls sees it as ever."""
        if self._touched_ms is None or state.open:
            self._touched_ms = now_ms
        away = duty.state.value == "off" and not state.open and now_ms - self._touched_ms > DIM_AFTER_MS
        self._window.dim(DIM if away else 0.0)

    def _set_display(self, display: Display) -> None:
        if display != self._display:
            self._display, self._view = display, None
            self._painter.set_display(display)
