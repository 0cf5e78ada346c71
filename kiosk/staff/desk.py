"""The desk: every event to its effects, and the scene that follows. Pure but for the keys that the session holds.

Owns the order of things: what a touch means where, what a locked desk may do (notice, say "I'm going", call the next
person) and what needs a reader (answer, open, close). Performs nothing: sounds, pages, receipts, key rings and paint
are effects and scenes for `app`.

Events: see `events.DeskEvent`. Effects: see `events.DeskEffect`. Each turn: `step(event)` for each event, `tick` once,
draw `scene`, then `drawn` (which says *displayed* of what really stands on the screen).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from firmware.clock import Moment
from firmware.envelope import UpEnvelope
from firmware.errors import BadInput, Locked, Refused, StaffError, WrongPin
from firmware.identity import ReaderRegister
from firmware.messages import NO_ID, Duty, DutyState, Stage, StageEvent, Story, Urgency
from firmware.trouble import Cause, TroubleLine
from kiosk.screen import keyboard
from kiosk.screen.keyboard import Layer
from kiosk.staff import events as ev
from kiosk.staff import scenes
from kiosk.staff.alerts import AlertBook, AlertLine
from kiosk.staff.cases import (
    RANK,
    REASON_CHARACTERS,
    CaseBook,
    CaseNote,
    NeedsAnotherReader,
    Outcome,
    Proposal,
    is_serious,
)
from kiosk.staff.escalation import DEFAULT_LADDERS, PRIVATE_ROLES, Escalation, Ladder
from kiosk.staff.session import PIN_DIGITS, Session
from kiosk.staff.signin import Intent, SignIn, Step
from kiosk.staff.stories import StoryView, view_of

# A locked desk that nobody touches goes back to its list; long enough to type six words after a look at paper.
HOME_AFTER_MS = 90_000
NOTICE_SHOWN_MS = 12_000
TROUBLE_SOUNDS_EVERY_MS = 300_000
WRONG_PASSPHRASES_TELL = 5

Envelopes = Callable[[bytes, bytes], UpEnvelope | None]


class Page(StrEnum):
    HOME = "home"
    PRIVATE = "private"
    TROUBLE = "trouble"
    DUTY = "duty"
    SIGN_IN = "sign-in"
    STORY = "story"
    CLOSE = "close"


class Desk:
    """One desk's mind. Give it events in order; it never blocks and never forgets an alert."""

    def __init__(
        self,
        *,
        desk: bytes,
        envelopes: Envelopes,
        time_words: Callable[[int], str],
        session: Session | None = None,
        ladders: Mapping[Urgency, Ladder] = DEFAULT_LADDERS,
        private_roles: tuple[str, ...] = PRIVATE_ROLES,
    ) -> None:
        """`envelopes(report, digest)` reads the ledger; `time_words` makes "11:42" of wall milliseconds."""
        self._desk, self._envelopes, self._time_words = desk, envelopes, time_words
        self.session = session or Session()
        self.cases = CaseBook()
        self.alerts = AlertBook(self.cases)
        self._escalation = Escalation(ladders, private_roles=private_roles)
        self._duty = Duty(DutyState.UNKNOWN)
        self._troubles: tuple[TroubleLine, ...] = ()
        self._kiosks = (0, 0)
        self._trouble_sounded_ms: int | None = None
        self._page = Page.HOME
        self._page_number = 0
        self._focus: bytes = NO_ID
        self._sign_in = SignIn()
        self._wrong_passphrases = 0
        self._openable: frozenset[bytes] = frozenset()
        self._story: StoryView | None = None
        self._outcome: Outcome | None = None
        self._reason = ""
        self._reason_layer = Layer.LOWER
        self._notice, self._notice_until_ms = "", 0
        self._touched_ms = 0
        self._displayed: set[bytes] = set()
        self._new_danger = False

    # --- life cycle ---

    def step(self, event: ev.DeskEvent, now: Moment) -> tuple[ev.DeskEffect, ...]:
        """One event. Illegal touches change nothing."""
        match event:
            case ev.ReportArrived() | ev.Unreadable():
                return self._arrived(event, now)
            case ev.StageSet(event=stage_event):
                self.cases.merge(stage_event, now.monotonic_ms)
            case ev.WithThemKept(report=report):
                self.cases.say_with_them(report)
            case ev.TroubleSaid():
                self._troubles, self._kiosks = event.lines, (event.kiosks_heard, event.kiosks)
            case ev.DutySaid(duty=duty):
                self._duty = duty
            case ev.ReadersKnown(register=register):
                return self._readers_known(register, now)
            case ev.Unlocked() | ev.UnlockFailed():
                return self._key_ring_said(event, now)
            case ev.MustWipe():
                self._lock(wipe=True)
                self._say(f"Locked: {event.why}", now)
            case ev.ButtonPressed():
                return (ev.SomebodyHere(), *self._notice_all(now))
            case ev.BoxTouched() | ev.Typed() | ev.KeyPressed():
                return (ev.SomebodyHere(), *self._hand(event, now))
        return ()

    def tick(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        """What time alone brings: ladders, auto-lock, going home, the sound of a blind site."""
        if self.session.tick(now.monotonic_ms):
            self._lock()
        self._go_home_when_left(now)
        effects: list[ev.DeskEffect] = []
        for effect in self._escalation.step(self.alerts.climbers(), self._duty, now.monotonic_ms):
            effects.append(effect)
            if isinstance(effect, ev.RaiseAgain):
                self.cases.not_with_them(effect.report)
                self._new_danger = True
        if self._new_danger:
            self._show_danger()
        return (*effects, *self._trouble_sound(now))

    def next_due_ms(self) -> int | None:
        """When `tick` should be called at the latest; the age on the screen wants it every second while alerts wait."""
        due = [self._escalation.next_due_ms(), self.session.next_due_ms(), self._home_due_ms()]
        if self._trouble_sounded_ms is not None:
            due.append(self._trouble_sounded_ms + TROUBLE_SOUNDS_EVERY_MS)
        return min((each for each in due if each is not None), default=None)

    def drawn(self, scene: scenes.Scene, visible: frozenset[bytes], now: Moment) -> tuple[ev.DeskEffect, ...]:
        """The scene stands on the screen with these reports visible: say *displayed* once for each of them."""
        if not isinstance(scene, scenes.Alerts | scenes.StoryPage):
            return ()
        fresh = [report for report in visible if report not in self._displayed and self.alerts.knows(report)]
        self._displayed.update(fresh)
        return tuple(
            effect
            for report in sorted(fresh)
            if RANK[self.cases.state(report).stage] < RANK[Stage.DISPLAYED]
            for effect in self._mark(report, Stage.DISPLAYED, now)
        )

    # --- the scene ---

    def scene(self, now: Moment) -> scenes.Scene:
        """What to draw at this moment."""
        top = self._top(now)
        match self._page:
            case Page.TROUBLE:
                return scenes.Troubles(top, self._troubles, now.monotonic_ms, self._page_number)
            case Page.DUTY:
                return scenes.DutyChoice(top)
            case Page.SIGN_IN:
                return self._sign_in_scene(top)
            case Page.STORY | Page.CLOSE:
                line = self.alerts.line_of(self._focus, self._openable)
                if line is not None and self.session.reader is not None:
                    return self._case_scene(top, line, now)
                self._page = Page.HOME
        return self._home_scene(top, now)

    def _home_scene(self, top: scenes.Top, now: Moment) -> scenes.Scene:
        private = self._page is Page.PRIVATE and self.session.reader is not None
        lines = self.alerts.private_lines(self._openable) if private else self.alerts.lines()
        foot = self._foot()
        if not lines and not private:
            first = self._troubles[0].sentence if self._troubles else ""
            return scenes.Quiet(top, foot, *self._kiosks, first)
        rows = tuple(self._row(line, now) for line in lines)
        focus = next((number for number, line in enumerate(lines) if self._focus in line.reports), 0)
        first_row = min(self._page_number, max(0, len(rows) - 1))
        return scenes.Alerts(top, foot, rows, focus, first_row, private)

    def _case_scene(self, top: scenes.Top, line: AlertLine, now: Moment) -> scenes.Scene:
        row = self._row(line, now)
        proposal = self.cases.proposal(line.report)
        if self._page is Page.CLOSE:
            return scenes.Closing(top, row, self._outcome, self._reason, self._reason_layer, self._is_serious(line))
        me = self.session.reader.id if self.session.reader else NO_ID
        return scenes.StoryPage(
            top,
            row,
            self._story,
            self._page_number,
            proposal,
            self._name(proposal.reader) if proposal else "",
            proposal is not None and proposal.reader == me,
        )

    def _sign_in_scene(self, top: scenes.Top) -> scenes.Scene:
        sign_in = self._sign_in
        name = self._name(sign_in.reader)
        if sign_in.step is Step.PASSPHRASE:
            return scenes.Passphrase(
                top,
                name,
                sign_in.characters,
                sign_in.shown,
                sign_in.busy,
                sign_in.layer,
                sign_in.drawn,
                sign_in.mark,
            )
        if sign_in.step is Step.NAMES:
            register = self.session.register
            held = frozenset(entry.id for entry in self.session.held)
            readers = sorted(register.readers if register else (), key=lambda entry: (entry.id not in held, entry.name))
            return scenes.ChooseReader(top, tuple(readers), held, sign_in.page)
        return scenes.Pin(top, name, sign_in.characters, sign_in.step is Step.SET_PIN)

    def _top(self, now: Moment) -> scenes.Top:
        reader = self.session.reader
        notice = self._notice if now.monotonic_ms < self._notice_until_ms else ""
        waiting = [line for line in self.alerts.lines() if line.urgency is Urgency.NOW and not line.state.answered]
        away = self._page is not Page.HOME and bool(waiting)
        return scenes.Top(
            self._time_words(now.wall_ms),
            self._duty,
            reader.name if reader else "",
            notice,
            f"{waiting[0].words}: {waiting[0].room}" if away else "",
        )

    def _foot(self) -> scenes.Foot:
        sounds = any(line.sounds for line in self._troubles)
        private = len(self.alerts.private_lines(self._openable)) if self.session.reader else 0
        return scenes.Foot(self.session.reader is not None, len(self._troubles), sounds, private)

    def _row(self, line: AlertLine, now: Moment) -> scenes.Row:
        return scenes.Row(
            line,
            max(0, now.monotonic_ms - line.received_ms),
            self._escalation.is_raised_again(line, now.monotonic_ms),
            self._escalation.is_overdue(line.report),
            self._name(line.state.acknowledged_by) if line.state.answered else "",
        )

    # --- from the network ---

    def _arrived(self, event: ev.ReportArrived | ev.Unreadable, now: Moment) -> tuple[ev.DeskEffect, ...]:
        if not self.alerts.arrived(event):
            return ()
        private = self.alerts.is_private(event.report)
        if private and self.session.reader is not None:
            self._try_private()
        if not private and self.alerts.urgency(event.report) is Urgency.NOW:
            self._new_danger = True
        return ()

    def _readers_known(self, register: ReaderRegister, now: Moment) -> tuple[ev.DeskEffect, ...]:
        was = self.session.reader
        try:
            self.session.know(register)
        except Refused as problem:
            self._lock(wipe=True)
            return (ev.TellTrouble(Cause.REFUSED, f"reader register: {problem.reason}"),)
        if was is not None and self.session.reader is None:
            self._lock()
            self._say("Locked: the readers of this site have changed.", now)
        return ()

    def _try_private(self) -> None:
        """Which private reports this reader may see."""
        pairs = []
        for report in self.alerts.private_reports() if self.session.reader else ():
            envelope = self._envelopes(report, self.alerts.digest(report))
            if envelope is not None:
                pairs.append((report, envelope))
        self._openable = self.session.openable(pairs)

    # --- from the key ring ---

    def _key_ring_said(self, event: ev.Unlocked | ev.UnlockFailed, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._sign_in.busy = False
        if self._page is not Page.SIGN_IN or self._sign_in.step is not Step.PASSPHRASE:
            return ()
        if isinstance(event, ev.UnlockFailed):
            return self._passphrase_failed(event, now)
        try:
            self.session.unlock(event.keys, now.monotonic_ms)
        except (Locked, Refused) as problem:
            self._say(str(problem), now)
            return ()
        self._wrong_passphrases = 0
        return self._signed_in(now, next_step=Step.SET_PIN)

    def _passphrase_failed(self, event: ev.UnlockFailed, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._say(event.sentence, now)
        self._wrong_passphrases += 1
        if self._wrong_passphrases % WRONG_PASSPHRASES_TELL:
            return ()
        return (ev.TellTrouble(Cause.WRONG_PINS, f"{self._wrong_passphrases} wrong passphrases in a row"),)

    def _signed_in(self, now: Moment, *, next_step: Step | None) -> tuple[ev.DeskEffect, ...]:
        self._try_private()
        intent, self._sign_in.intent = self._sign_in.intent, None
        effects: tuple[ev.DeskEffect, ...] = ()
        line = self.alerts.line_of(intent.report) if intent else None
        if intent and line:
            effects = self._answer(line, now, with_them=intent.with_them)
        if next_step is None:
            self._go(Page.HOME)
        else:
            self._sign_in.go(next_step)
        return effects

    # --- hands ---

    def _hand(self, event: ev.BoxTouched | ev.Typed | ev.KeyPressed, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._touched_ms = now.monotonic_ms
        if self.session.reader is not None:
            if self.session.tick(now.monotonic_ms):
                self._lock()
            else:
                self.session.touched(now.monotonic_ms)
        if isinstance(event, ev.BoxTouched):
            return self._touched(event.box, now)
        if isinstance(event, ev.Typed):
            self._typed(event.text)
            return self._pin_when_full(now)
        return self._named_key(event.key, now)

    def _named_key(self, key: ev.NamedKey, now: Moment) -> tuple[ev.DeskEffect, ...]:
        if key is ev.NamedKey.BACKSPACE:
            self._backspace()
            return ()
        if key is ev.NamedKey.ESCAPE:
            return self._touched("home", now)
        if self._page is Page.SIGN_IN and self._sign_in.step is Step.PASSPHRASE:
            return self._touched("open", now)
        return ()

    def _typed(self, text: str) -> None:
        if self._page is Page.CLOSE:
            printable = "".join(character for character in text if character.isprintable())
            self._reason = (self._reason + printable)[:REASON_CHARACTERS]
        elif self._page is Page.SIGN_IN and self._sign_in.step is Step.PASSPHRASE and not self._sign_in.busy:
            self._sign_in.type(text)
        elif self._page is Page.SIGN_IN and self._sign_in.step in (Step.PIN, Step.SET_PIN):
            digits = "".join(character for character in text if character.isascii() and character.isdigit())
            self._sign_in.type(digits[: PIN_DIGITS - self._sign_in.characters])

    def _backspace(self) -> None:
        if self._page is Page.CLOSE:
            self._reason = self._reason[:-1]
        elif self._page is Page.SIGN_IN and not self._sign_in.busy:
            self._sign_in.backspace()

    def _touched(self, box: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        """One touch. Boxes that name something ("line:…") carry it after the colon."""
        verb, _, argument = box.partition(":")
        if box.startswith(keyboard.KEY):
            return self._key_touched(box)
        simple = {
            "home": self._touch_home,
            "lock": self._touch_lock,
            "unlock": self._touch_unlock,
            "story": self._touch_story,
            "close": self._touch_close,
            "close-now": self._touch_close_now,
            "confirm": self._touch_confirm,
            "withdraw": self._touch_withdraw,
            "reopen": self._touch_withdraw,
            "open": self._touch_open,
            "show": self._touch_show,
            "digit-back": self._touch_backspace,
            "use-passphrase": self._touch_use_passphrase,
            "skip-pin": self._touch_home,
            "acknowledge": self._touch_going,
            "have-it": self._touch_have_it,
            "going": self._touch_going,
            "with-them": self._touch_with_them,
            "pass-on": self._touch_pass_on,
            "next": self._touch_next,
            "duty-on": self._touch_attended,
            "duty-day": self._touch_day_over,
        }
        if box in simple:
            return simple[box](now)
        named = {
            "page": self._touch_page,
            "line": self._touch_line,
            "reader": self._touch_reader,
            "digit": self._touch_digit,
            "outcome": self._touch_outcome,
            "seen": self._touch_seen,
            "duty-away": self._touch_away,
        }
        return named[verb](argument, now) if verb in named else ()

    def _key_touched(self, box: str) -> tuple[ev.DeskEffect, ...]:
        closing = self._page is Page.CLOSE
        layer = self._reason_layer if closing else self._sign_in.layer
        if box == keyboard.DELETE:
            self._backspace()
        else:
            self._typed(keyboard.touched_character(box))
        if closing:
            self._reason_layer = keyboard.next_layer(box, layer)
        else:
            self._sign_in.layer = keyboard.next_layer(box, layer)
        return ()

    # --- touches: where to go ---

    def _touch_home(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._go(
            Page.PRIVATE if self._page in (Page.STORY, Page.CLOSE) and self._focus in self._openable else Page.HOME
        )
        return ()

    def _touch_page(self, argument: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        pages = {"trouble": Page.TROUBLE, "duty": Page.DUTY, "home": Page.HOME}
        if argument in pages:
            self._go(pages[argument])
        elif argument == "private" and self.session.reader is not None:
            self._go(Page.PRIVATE)
        return ()

    def _touch_next(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        if self._page is Page.SIGN_IN:
            self._sign_in.page += 1
        else:
            self._page_number += 1
        return ()

    def _touch_line(self, argument: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        try:
            self._focus = bytes.fromhex(argument)
        except ValueError:
            return ()
        return ()

    def _touch_lock(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._lock()
        return ()

    def _touch_unlock(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._begin_sign_in(None)
        return ()

    # --- touches: signing in ---

    def _begin_sign_in(self, intent: Intent | None) -> None:
        self._go(Page.SIGN_IN)
        self._sign_in = SignIn(intent=intent)
        held = self.session.held
        if len(held) == 1:
            self._sign_in.go(Step.PIN, held[0].id)

    def _touch_reader(self, argument: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        readers = self.session.register.readers if self.session.register else ()
        chosen = next((entry for entry in readers if entry.id.hex() == argument), None)
        if self._page is Page.SIGN_IN and chosen is not None:
            held = any(entry.id == chosen.id for entry in self.session.held)
            self._sign_in.go(Step.PIN if held else Step.PASSPHRASE, chosen.id)
        return ()

    def _touch_use_passphrase(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        if self._page is Page.SIGN_IN and self._sign_in.step is Step.PIN:
            self._sign_in.go(Step.NAMES)
            self._sign_in.step = Step.PASSPHRASE if len(self.session.held) > 1 else Step.NAMES
        return ()

    def _touch_show(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._sign_in.shown = not self._sign_in.shown
        self._sign_in.mark += 1
        return ()

    def _touch_open(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        """The passphrase is complete."""
        sign_in = self._sign_in
        ready = self._page is Page.SIGN_IN and sign_in.step is Step.PASSPHRASE and not sign_in.busy
        if not ready or not sign_in.characters:
            return ()
        passphrase = sign_in.take()
        sign_in.busy = True
        return (ev.OpenKey(sign_in.reader, passphrase),)

    def _touch_digit(self, argument: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._typed(argument)
        return self._pin_when_full(now)

    def _touch_backspace(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        self._backspace()
        return ()

    def _pin_when_full(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        sign_in = self._sign_in
        on_pin = self._page is Page.SIGN_IN and sign_in.step in (Step.PIN, Step.SET_PIN)
        if not on_pin or sign_in.characters < PIN_DIGITS:
            return ()
        pin = sign_in.take().decode()
        return self._set_pin(pin, now) if sign_in.step is Step.SET_PIN else self._reopen(pin, now)

    def _set_pin(self, pin: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        try:
            locked_page = self.session.set_pin(pin, now.monotonic_ms)
        except (BadInput, Locked) as problem:
            self._say(str(problem), now)
            return ()
        self._go(Page.HOME)
        self._say("Your PIN opens this desk until you leave, for 12 hours at most.", now)
        return () if locked_page else (ev.TellTrouble(Cause.STORE, "keys may reach swap: raise the memlock limit"),)

    def _reopen(self, pin: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        try:
            self.session.reopen(self._sign_in.reader, pin, now.monotonic_ms)
        except (WrongPin, Locked) as problem:
            self._say(str(problem), now)
            if any(entry.id == self._sign_in.reader for entry in self.session.held):
                return ()
            self._sign_in.go(Step.PASSPHRASE)
            return (ev.TellTrouble(Cause.WRONG_PINS, "five wrong PINs: the key was wiped"),)
        return self._signed_in(now, next_step=None)

    # --- touches: answering ---

    def _focused(self) -> AlertLine | None:
        """The line that the large card shows."""
        if self._page is Page.PRIVATE:
            lines = self.alerts.private_lines(self._openable)
        elif self._page in (Page.STORY, Page.CLOSE):
            return self.alerts.line_of(self._focus, self._openable)
        else:
            lines = self.alerts.lines()
        return next((line for line in lines if self._focus in line.reports), lines[0] if lines else None)

    def _notice_all(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        """The big button. It cannot notice what it must not show: private reports stay as they are."""
        effects: list[ev.DeskEffect] = []
        for line in self.alerts.lines():
            if line.urgency is not Urgency.INFORMATION:
                effects += self._notice_line(line, now)
        return tuple(effects)

    def _notice_line(self, line: AlertLine, now: Moment) -> tuple[ev.DeskEffect, ...]:
        return tuple(effect for report in line.reports for effect in self._mark(report, Stage.NOTICED, now))

    def _touch_have_it(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        line = self._focused()
        return self._notice_line(line, now) if line else ()

    def _touch_going(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        return self._say_going(now, with_them=False)

    def _touch_with_them(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        return self._say_going(now, with_them=True)

    def _say_going(self, now: Moment, *, with_them: bool) -> tuple[ev.DeskEffect, ...]:
        """Signed in: an answer. Locked: noticed at once, and an answer as soon as somebody signs in.

        Whoever runs to the room does not stop to sign in; then the ladder goes on and others are called too.
        """
        line = self._focused()
        if line is None:
            return ()
        if self.session.reader is not None:
            return self._answer(line, now, with_them=with_them)
        for report in line.reports:
            self.cases.say_going(report)
        effects = self._notice_line(line, now)
        self._begin_sign_in(Intent(line.report, with_them))
        self._say("Noted. Sign in so that nobody else is called; or just go.", now)
        return effects

    def _answer(self, line: AlertLine, now: Moment, *, with_them: bool) -> tuple[ev.DeskEffect, ...]:
        reader = self.session.reader
        effects: list[ev.DeskEffect] = []
        for report in line.reports:
            effects += self._mark(report, Stage.ACKNOWLEDGED, now)
            self.cases.say_going(report)
            if with_them and reader is not None:
                self.cases.say_with_them(report)
                effects.append(ev.KeepWithThem(report, reader.id))
        return tuple(effects)

    def _touch_pass_on(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        line = self._focused()
        if line is None:
            return ()
        pages = self._escalation.pass_on(line, now.monotonic_ms)
        roles = " and ".join(f"the {page.role}" for page in pages)
        self._say(f"Calling {roles}." if roles else "Everybody has been called a moment ago.", now)
        return pages

    def _mark(self, report: bytes, stage: Stage, now: Moment) -> tuple[ev.DeskEffect, ...]:
        """Say a stage: kept here at once, and by reception for good. A reader's stages carry a signature."""
        generation, digest = self.cases.state(report).generation, self.alerts.digest(report)
        reader, signature = NO_ID, b""
        if stage in (Stage.ACKNOWLEDGED, Stage.CLOSED) and self.session.reader is not None:
            reader = self.session.reader.id
            signature = self.session.sign(report, digest, stage, generation)
        event = StageEvent(
            report, digest, self._desk, stage, generation, max(0, now.wall_ms), self._desk, reader, signature
        )
        self.cases.merge(event, now.monotonic_ms)
        return (ev.Mark(report, stage, generation, reader, signature),)

    # --- touches: the case ---

    def _touch_story(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        line = self._focused()
        if line is None:
            return ()
        if self.session.reader is None:
            self._begin_sign_in(None)
            return ()
        self._focus = line.report
        self._go(Page.STORY)
        self._story = self._open(line)
        return ()

    def _open(self, line: AlertLine) -> StoryView | None:
        """Every part of this line that the reader's routes open; None: none of it."""
        opened: list[tuple[Story, str]] = []
        shut = 0
        for report in line.reports:
            envelope = self._envelopes(report, self.alerts.digest(report))
            try:
                part = self.session.open_story(envelope) if envelope is not None else None
            except Refused:
                part = None
            shut += part is None
            if part is not None:
                opened.append((part.story, part.route))
        if not opened:
            return None
        stories = [story for story, _ in opened]
        return view_of(stories, urgency=line.urgency, private=line.private, route=opened[0][1], unopened=shut)

    def _is_serious(self, line: AlertLine) -> bool:
        story = self._story
        danger = "yes" if story and story.serious_danger else ""
        return is_serious(line.urgency, private=line.private, category=story.category if story else "", danger=danger)

    def _touch_close(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        if self._page is Page.STORY and self._story is not None:
            self._outcome, self._reason, self._reason_layer = None, "", Layer.LOWER
            self._page = Page.CLOSE
        return ()

    def _touch_outcome(self, argument: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        if self._page is Page.CLOSE and argument in set(Outcome):
            self._outcome = Outcome(argument)
        return ()

    def _touch_close_now(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        line, reader = self._focused(), self.session.reader
        if self._page is not Page.CLOSE or line is None or reader is None:
            return ()
        try:
            wish = self.cases.close(
                line.report,
                serious=self._is_serious(line),
                reader=reader.id,
                outcome=self._outcome,
                reason=self._reason,
            )
        except StaffError as problem:
            self._say(str(problem), now)
            if isinstance(problem, NeedsAnotherReader):
                self._page = Page.STORY
            return ()
        return self._close(line, wish, (reader.id,), now)

    def _touch_confirm(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        line, reader = self._focused(), self.session.reader
        if self._page is not Page.STORY or line is None or reader is None or self._story is None:
            return ()
        try:
            wish = self.cases.confirm(line.report, reader=reader.id)
        except NeedsAnotherReader as problem:
            self._say(str(problem), now)
            return ()
        return self._close(line, wish, (wish.reader, reader.id), now)

    def _touch_withdraw(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        if self._page is Page.STORY and self.session.reader is not None:
            self.cases.withdraw(self._focus)
            self._say("The case stays open.", now)
        return ()

    def _close(
        self, line: AlertLine, wish: Proposal, readers: tuple[bytes, ...], now: Moment
    ) -> tuple[ev.DeskEffect, ...]:
        route = self._story.route if self._story else ""
        note = CaseNote(line.report, wish.generation, wish.outcome.value, wish.reason, readers, max(0, now.wall_ms))
        effects: list[ev.DeskEffect] = [ev.KeepNote(line.report, route, self.session.seal_note(note, route))]
        for report in line.reports:
            if not self.cases.state(report).answered:
                effects += self._mark(report, Stage.ACKNOWLEDGED, now)
            effects += self._mark(report, Stage.CLOSED, now)
        self._outcome, self._reason, self._story = None, "", None
        self._go(Page.HOME)
        self._say("Closed, and kept with its reason.", now)
        return tuple(effects)

    # --- touches: duty and trouble ---

    def _set_duty(self, effect: ev.SetDuty, now: Moment) -> tuple[ev.DeskEffect, ...]:
        if self._page is not Page.DUTY:
            return ()
        self._go(Page.HOME)
        self._say(
            "Kiosks say that the office is attended." if effect.attended else "Kiosks say that you are away.", now
        )
        return (effect,)

    def _touch_attended(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        return self._set_duty(ev.SetDuty(attended=True), now)

    def _touch_day_over(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        return self._set_duty(ev.SetDuty(attended=False), now)

    def _touch_away(self, argument: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        return self._set_duty(ev.SetDuty(attended=False, minutes=int(argument)), now) if argument.isdigit() else ()

    def _touch_seen(self, argument: str, now: Moment) -> tuple[ev.DeskEffect, ...]:
        known = [line for line in self._troubles if argument in line.ids and line.passing]
        return tuple(ev.SeenTrouble(trouble) for line in known for trouble in line.ids)

    def _trouble_sound(self, now: Moment) -> tuple[ev.DeskEffect, ...]:
        """A blind site sounds, and again every five minutes while it lasts."""
        if not any(line.sounds for line in self._troubles):
            self._trouble_sounded_ms = None
            return ()
        sounded = self._trouble_sounded_ms
        if sounded is not None and now.monotonic_ms < sounded + TROUBLE_SOUNDS_EVERY_MS:
            return ()
        self._trouble_sounded_ms = now.monotonic_ms
        return (ev.Sound(ev.Pattern.TROUBLE),)

    # --- private: pages ---

    def _go(self, page: Page) -> None:
        self._page, self._page_number = page, 0
        self._sign_in.wipe()
        if page not in (Page.STORY, Page.CLOSE):
            self._story, self._reason = None, ""

    def _lock(self, *, wipe: bool = False) -> None:
        if wipe:
            self.session.wipe()
        self.session.lock()
        self._openable = frozenset()
        self._focus = NO_ID
        self._sign_in.wipe()
        self._go(Page.HOME)

    def _show_danger(self) -> None:
        """A new danger takes the screen, except from somebody who types: they see it in the top line and hear it."""
        self._new_danger = False
        if self._page not in (Page.SIGN_IN, Page.CLOSE):
            self._go(Page.HOME)
            self._focus = NO_ID

    def _home_due_ms(self) -> int | None:
        away = self._page not in (Page.HOME, Page.PRIVATE) or self._page_number or self._focus
        return self._touched_ms + HOME_AFTER_MS if away and self.session.reader is None else None

    def _go_home_when_left(self, now: Moment) -> None:
        due = self._home_due_ms()
        if due is not None and now.monotonic_ms >= due:
            self._go(Page.HOME)
            self._focus = NO_ID

    def _say(self, sentence: str, now: Moment) -> None:
        self._notice, self._notice_until_ms = sentence, now.monotonic_ms + NOTICE_SHOWN_MS

    def _name(self, reader: bytes) -> str:
        readers = self.session.register.readers if self.session.register else ()
        return next((entry.name for entry in readers if entry.id == reader), "a reader" if reader else "")
