"""The desk: every event to its effects, and the scene that follows. Pure but for the keys that the session holds.

Owns the order of things: which page stands on the screen, what a touch means there, what a locked desk may do (notice,
say "I'm going", call the next person, open a lesson for phones) and what needs a reader (answer, open, close). Performs
nothing: sounds, pages, receipts, key rings and paint are effects and scenes for `app`.

Events: see `events.DeskEvent`. Effects: see `events.DeskEffect`. Each turn: `step(event)` for each event, `tick` once,
draw `scene`, then `drawn` (which says *displayed* of what really stands on the screen).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum

from msgspec.structs import replace

from firmware.clock import Moment
from firmware.errors import Refused, StaffError
from firmware.identity import ReaderRegister
from firmware.messages import NO_ID, Duty, DutyState, Urgency
from firmware.trouble import Cause, TroubleLine
from kiosk.screen import keyboard
from kiosk.staff import events as ev
from kiosk.staff import scenes
from kiosk.staff.alerts import AlertBook, AlertLine
from kiosk.staff.answers import Answers, Effects
from kiosk.staff.cases import CaseBook, NeedsAnotherReader
from kiosk.staff.casework import Casework, Envelopes
from kiosk.staff.entrance import Entrance
from kiosk.staff.escalation import DEFAULT_LADDERS, PRIVATE_ROLES, Escalation, Ladder
from kiosk.staff.phones import Phones
from kiosk.staff.session import Session
from kiosk.staff.signin import Intent

# A locked desk that nobody touches goes back to its list; long enough to type six words after a look at paper.
HOME_AFTER_MS = 90_000
NOTICE_SHOWN_MS = 12_000
TROUBLE_SOUNDS_EVERY_MS = 300_000


class Page(StrEnum):
    HOME = "home"
    PRIVATE = "private"
    TROUBLE = "trouble"
    DUTY = "duty"
    PHONES = "phones"
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
        self._time_words = time_words
        self.session = session or Session()
        self.cases = CaseBook()
        self.alerts = AlertBook(self.cases)
        self._answers = Answers(desk=desk, alerts=self.alerts, cases=self.cases, session=self.session)
        self._casework = Casework(
            session=self.session, alerts=self.alerts, cases=self.cases, answers=self._answers, envelopes=envelopes
        )
        self._entrance = Entrance(self.session, say=self._say, entered=self._entered, left=self._go_home)
        self._phones = Phones(time_words)
        self._escalation = Escalation(ladders, private_roles=private_roles)
        self._duty = Duty(DutyState.UNKNOWN)
        self._troubles: tuple[TroubleLine, ...] = ()
        self._kiosks = (0, 0)
        self._trouble_sounded_ms: int | None = None
        self._page, self._page_number, self._focus = Page.HOME, 0, NO_ID
        self._openable: frozenset[bytes] = frozenset()
        self._notice, self._notice_until_ms = "", 0
        self._touched_ms = 0
        self._new_danger = False

    # --- life cycle ---

    def step(self, event: ev.DeskEvent, now: Moment) -> Effects:
        """One event. Illegal touches change nothing."""
        match event:
            case ev.ReportArrived() | ev.Unreadable():
                self._arrived(event)
            case ev.StageSet(event=stage_event):
                key = self.alerts.key_of(stage_event.report, stage_event.digest)
                self.cases.merge(replace(stage_event, report=key), now.monotonic_ms)
            case ev.WithThemKept(report=report, digest=digest):
                self.cases.say_with_them(self.alerts.key_of(report, digest))
            case ev.TroubleSaid():
                self._troubles, self._kiosks = event.lines, (event.kiosks_heard, event.kiosks)
            case ev.DutySaid(duty=duty):
                self._duty = duty
            case ev.LessonsSaid():
                self._phones.know(event)
            case ev.NotAsked(why=why):
                self._say(why, now)
            case ev.ReadersKnown(register=register):
                return self._readers_known(register, now)
            case ev.Unlocked() | ev.UnlockFailed():
                return self._entrance.key_ring_said(event, now) if self._page is Page.SIGN_IN else ()
            case ev.MustWipe():
                self.session.wipe()
                self._lock()
                self._say(f"Locked: {event.why}", now)
            case ev.ButtonPressed():
                return (ev.SomebodyHere(), *self._answers.notice_all(now))
            case ev.BoxTouched() | ev.Typed() | ev.KeyPressed():
                return (ev.SomebodyHere(), *self._hand(event, now))
        return ()

    def tick(self, now: Moment) -> Effects:
        """What time alone brings: ladders, auto-lock, going home, the sound of a blind site."""
        if self.session.tick(now.monotonic_ms):
            self._lock()
        due = self._home_due_ms()
        if due is not None and now.monotonic_ms >= due:
            self._go_home()
        effects = self._escalation.step(self.alerts.climbers(), self._duty, now.monotonic_ms)
        for effect in effects:
            if isinstance(effect, ev.RaiseAgain):
                self.cases.not_with_them(effect.report)
                self._new_danger = True
        if self._new_danger:
            self._show_danger()
        return (*effects, *self._trouble_sound(now))

    def next_due_ms(self) -> int | None:
        """When `tick` must be called at the latest."""
        due = [self._escalation.next_due_ms(), self.session.next_due_ms(), self._home_due_ms()]
        if self._trouble_sounded_ms is not None:
            due.append(self._trouble_sounded_ms + TROUBLE_SOUNDS_EVERY_MS)
        return min((each for each in due if each is not None), default=None)

    def drawn(self, scene: scenes.Scene, visible: Collection[bytes], now: Moment) -> Effects:
        """The scene stands on the screen with these reports visible: say *displayed* once for each of them."""
        return self._answers.displayed(visible, now) if isinstance(scene, scenes.Alerts | scenes.StoryPage) else ()

    # --- the scene ---

    def scene(self, now: Moment) -> scenes.Scene:
        """What to draw at this moment."""
        top = self._top(now)
        match self._page:
            case Page.TROUBLE:
                return scenes.Troubles(top, self._troubles, now.monotonic_ms, self._page_number)
            case Page.DUTY:
                return scenes.DutyChoice(top, self._phones.any)
            case Page.PHONES:
                return self._phones.scene(top, self._page_number, now)
            case Page.SIGN_IN:
                return self._entrance.scene(top, self._name)
            case Page.STORY | Page.CLOSE:
                line = self.alerts.line_of(self._focus, self._openable)
                if line is not None and self.session.reader is not None:
                    return self._case_scene(top, line, now)
                self._go_home()
        return self._home_scene(top, now)

    def _home_scene(self, top: scenes.Top, now: Moment) -> scenes.Scene:
        private = self._page is Page.PRIVATE and self.session.reader is not None
        lines = self.alerts.private_lines(self._openable) if private else self.alerts.lines()
        if not lines and not private:
            first = self._troubles[0].sentence if self._troubles else ""
            return scenes.Quiet(top, self._foot(), *self._kiosks, first, self._phones.open_lessons(now))
        rows = tuple(self._row(line, now) for line in lines)
        focus = next((number for number, line in enumerate(lines) if self._focus in line.reports), 0)
        return scenes.Alerts(top, self._foot(), rows, focus, self._page_number, private)

    def _case_scene(self, top: scenes.Top, line: AlertLine, now: Moment) -> scenes.Scene:
        work, row = self._casework, self._row(line, now)
        if self._page is Page.CLOSE:
            return scenes.Closing(top, row, work.outcome, work.reason, work.layer, work.is_serious(line))
        wish = self.cases.proposal(line.report)
        own = wish is not None and self.session.reader is not None and wish.reader == self.session.reader.id
        proposer = self._name(wish.reader) if wish else ""
        return scenes.StoryPage(top, row, work.story, self._page_number, wish, proposer, own)

    def _top(self, now: Moment) -> scenes.Top:
        reader = self.session.reader
        notice = self._notice if now.monotonic_ms < self._notice_until_ms else ""
        waiting = [line for line in self.alerts.lines() if line.urgency is Urgency.NOW and not line.state.answered]
        danger = f"{waiting[0].words}: {waiting[0].room}" if waiting and self._page is not Page.HOME else ""
        return scenes.Top(self._time_words(now.wall_ms), self._duty, reader.name if reader else "", notice, danger)

    def _foot(self) -> scenes.Foot:
        sounds = any(line.sounds for line in self._troubles)
        private = len(self.alerts.private_lines(self._openable)) if self.session.reader else 0
        return scenes.Foot(self.session.reader is not None, len(self._troubles), sounds, private, self._phones.offered)

    def _row(self, line: AlertLine, now: Moment) -> scenes.Row:
        return scenes.Row(
            line,
            max(0, now.monotonic_ms - line.received_ms),
            self._escalation.is_raised_again(line, now.monotonic_ms),
            self._escalation.is_overdue(line.report),
            self._name(line.state.acknowledged_by) if line.state.answered else "",
        )

    def _name(self, reader: bytes) -> str:
        readers = self.session.register.readers if self.session.register else ()
        return next((entry.name for entry in readers if entry.id == reader), "a reader" if reader else "")

    # --- from the network ---

    def _arrived(self, event: ev.ReportArrived | ev.Unreadable) -> None:
        key = self.alerts.arrived(event)
        if key is None:
            return
        if self.alerts.is_private(key):
            # Only the new one is tried: a kiosk that sends hundreds must not make each of them open all the others.
            self._openable |= self._casework.openable((key,))
        elif self.alerts.urgency(key) is Urgency.NOW:
            self._new_danger = True

    def _readers_known(self, register: ReaderRegister, now: Moment) -> Effects:
        was = self.session.reader
        try:
            self.session.know(register)
        except Refused as problem:
            self.session.wipe()
            self._lock()
            return (ev.TellTrouble(Cause.REFUSED, f"reader register: {problem.reason}"),)
        if was is not None and self.session.reader is None:
            self._lock()
            self._say("Locked: the readers of this site have changed.", now)
        return ()

    # --- hands ---

    def _hand(self, event: ev.BoxTouched | ev.Typed | ev.KeyPressed, now: Moment) -> Effects:
        self._touched_ms = now.monotonic_ms
        # A touch that comes after the idle time must find a locked desk, even before the next tick.
        if self.session.tick(now.monotonic_ms):
            self._lock()
        self.session.touched(now.monotonic_ms)
        if isinstance(event, ev.BoxTouched):
            return self._touched(event.box, now)
        if isinstance(event, ev.Typed):
            return self._typed(event.text, now)
        return self._named_key(event.key, now)

    def _typed(self, text: str, now: Moment) -> Effects:
        if self._page is Page.CLOSE:
            self._casework.type(text)
        elif self._page is Page.SIGN_IN:
            return self._entrance.type(text, now)
        return ()

    def _named_key(self, key: ev.NamedKey, now: Moment) -> Effects:
        if key is ev.NamedKey.BACKSPACE:
            self._backspace(now)
        elif key is ev.NamedKey.ESCAPE:
            self._back(now)
        elif self._page is Page.SIGN_IN:
            return self._entrance.open()
        return ()

    def _touched(self, box: str, now: Moment) -> Effects:
        """One touch. Boxes that name something ("line:…") carry it after the colon."""
        if box.startswith(keyboard.KEY):
            return self._key_touched(box, now)
        verb, _, argument = box.partition(":")
        plain = self._plain_touches().get(box)
        if plain is not None:
            return plain(now) or ()
        named = self._named_touches().get(verb)
        return (named(argument, now) or ()) if named is not None else ()

    def _plain_touches(self) -> dict[str, Callable[[Moment], Effects | None]]:
        return {
            "home": self._back,
            "next": self._next,
            "unlock": lambda now: self._ask_to_sign_in(None),
            "lock": lambda now: self._lock(),
            "open": lambda now: self._entrance.open() if self._page is Page.SIGN_IN else (),
            "show": lambda now: self._entrance.show(),
            "digit-back": self._backspace,
            "use-passphrase": lambda now: self._entrance.use_passphrase(),
            "skip-pin": self._back,
            "have-it": self._have_it,
            "going": lambda now: self._going(now, with_them=False),
            "with-them": lambda now: self._going(now, with_them=True),
            "pass-on": self._pass_on,
            "story": self._read,
            "close": self._begin_closing,
            "close-now": self._close_now,
            "confirm": self._confirm,
            "withdraw": self._withdraw,
            "duty-on": lambda now: self._set_duty(ev.SetDuty(attended=True), now),
            "duty-day": lambda now: self._set_duty(ev.SetDuty(attended=False), now),
        }

    def _named_touches(self) -> dict[str, Callable[[str, Moment], Effects | None]]:
        return {
            "page": self._open_page,
            "line": self._choose_line,
            "reader": lambda argument, now: self._entrance.choose(argument) if self._page is Page.SIGN_IN else None,
            "digit": self._typed,
            "outcome": lambda argument, now: self._casework.choose(argument) if self._page is Page.CLOSE else None,
            "seen": self._seen,
            "duty-away": self._away,
            "phones": lambda argument, now: self._phones.choose(argument) if self._page is Page.PHONES else None,
            "lesson": lambda argument, now: self._phones.ask(argument) if self._page is Page.PHONES else None,
        }

    def _key_touched(self, box: str, now: Moment) -> Effects:
        if self._page is Page.CLOSE:
            self._casework.key(box)
        elif self._page is Page.SIGN_IN:
            return self._entrance.key(box, now)
        return ()

    def _backspace(self, now: Moment) -> None:
        if self._page is Page.CLOSE:
            self._casework.backspace()
        elif self._page is Page.SIGN_IN:
            self._entrance.backspace()

    # --- touches: where to go ---

    def _back(self, now: Moment) -> None:
        if self._page is Page.PHONES and self._phones.back():
            return
        from_private = self._page in (Page.STORY, Page.CLOSE) and self._focus in self._openable
        self._go(Page.PRIVATE if from_private else Page.HOME)

    def _next(self, now: Moment) -> None:
        if self._page is Page.SIGN_IN:
            self._entrance.turn_page()
        else:
            self._page_number += 1

    def _open_page(self, argument: str, now: Moment) -> None:
        pages = {"trouble": Page.TROUBLE, "duty": Page.DUTY, "phones": Page.PHONES, "home": Page.HOME}
        if self.session.reader is not None:
            pages["private"] = Page.PRIVATE
        if argument in pages:
            self._go(pages[argument])

    def _choose_line(self, argument: str, now: Moment) -> None:
        known = [line for line in self.alerts.climbers() if line.report.hex() == argument]
        if known:
            self._focus = known[0].report

    def _ask_to_sign_in(self, intent: Intent | None) -> None:
        self._go(Page.SIGN_IN)
        self._entrance.begin(intent)

    def _entered(self, intent: Intent | None, now: Moment) -> Effects:
        """Somebody has signed in; what they said before counts now."""
        self._openable = self._casework.openable()
        line = self.alerts.line_of(intent.report, self._openable) if intent else None
        return self._answers.answer(line, now, with_them=intent.with_them) if intent and line else ()

    # --- touches: answering ---

    def _focused(self) -> AlertLine | None:
        """The line that the large card or the story shows."""
        if self._page in (Page.STORY, Page.CLOSE):
            return self.alerts.line_of(self._focus, self._openable)
        private = self._page is Page.PRIVATE
        lines = self.alerts.private_lines(self._openable) if private else self.alerts.lines()
        return next((line for line in lines if self._focus in line.reports), lines[0] if lines else None)

    def _have_it(self, now: Moment) -> Effects:
        line = self._focused()
        return self._answers.notice(line, now) if line else ()

    def _going(self, now: Moment, *, with_them: bool) -> Effects:
        """Signed in: an answer. Locked: noticed at once, and an answer as soon as somebody signs in.

        Whoever runs to the room does not stop to sign in; then the ladder goes on and others are called too.
        """
        line = self._focused()
        if line is None:
            return ()
        if self.session.reader is not None:
            return self._answers.answer(line, now, with_them=with_them)
        self._ask_to_sign_in(Intent(line.report, with_them))
        self._say("Noted. Sign in so that nobody else is called; or just go.", now)
        return self._answers.notice_going(line, now)

    def _pass_on(self, now: Moment) -> Effects:
        line = self._focused()
        if line is None:
            return ()
        pages = self._escalation.pass_on(line, now.monotonic_ms)
        roles = " and ".join(f"the {page.role}" for page in pages)
        self._say(f"Calling {roles}." if roles else "Everybody has been called a moment ago.", now)
        return pages

    # --- touches: the case ---

    def _read(self, now: Moment) -> None:
        line = self._focused()
        if line is not None and self.session.reader is None:
            self._ask_to_sign_in(None)
        elif line is not None:
            self._focus = line.report
            self._go(Page.STORY)
            self._casework.open(line)

    def _begin_closing(self, now: Moment) -> None:
        if self._page is Page.STORY and self._casework.begin_closing():
            self._page = Page.CLOSE

    def _close_now(self, now: Moment) -> Effects:
        line = self._focused()
        if self._page is not Page.CLOSE or line is None:
            return ()
        try:
            effects = self._casework.close(line, now)
        except StaffError as problem:
            self._say(str(problem), now)
            if isinstance(problem, NeedsAnotherReader):
                self._page = Page.STORY
            return ()
        return self._closed(effects, now)

    def _confirm(self, now: Moment) -> Effects:
        line = self._focused()
        if self._page is not Page.STORY or line is None:
            return ()
        try:
            effects = self._casework.confirm(line, now)
        except StaffError as problem:
            self._say(str(problem), now)
            return ()
        return self._closed(effects, now)

    def _closed(self, effects: Effects, now: Moment) -> Effects:
        self._go_home()
        self._say("Closed, and kept with its reason.", now)
        return effects

    def _withdraw(self, now: Moment) -> None:
        if self._page is Page.STORY and self._casework.story is not None:
            self.cases.withdraw(self._focus)
            self._say("The case stays open.", now)

    # --- touches: duty and trouble ---

    def _set_duty(self, effect: ev.SetDuty, now: Moment) -> Effects:
        if self._page is not Page.DUTY:
            return ()
        self._go(Page.HOME)
        self._say(
            "Kiosks say that the office is attended." if effect.attended else "Kiosks say that you are away.", now
        )
        return (effect,)

    def _away(self, argument: str, now: Moment) -> Effects:
        return self._set_duty(ev.SetDuty(attended=False, minutes=int(argument)), now) if argument.isdigit() else ()

    def _seen(self, argument: str, now: Moment) -> Effects:
        known = [line for line in self._troubles if argument in line.ids and line.passing]
        return tuple(ev.SeenTrouble(trouble) for line in known for trouble in line.ids)

    def _trouble_sound(self, now: Moment) -> Effects:
        """A blind site sounds, and again every five minutes while it lasts."""
        if not any(line.sounds for line in self._troubles):
            self._trouble_sounded_ms = None
            return ()
        sounded = self._trouble_sounded_ms
        if sounded is not None and now.monotonic_ms < sounded + TROUBLE_SOUNDS_EVERY_MS:
            return ()
        self._trouble_sounded_ms = now.monotonic_ms
        return (ev.Sound(ev.Pattern.TROUBLE),)

    # --- pages ---

    def _go(self, page: Page) -> None:
        self._page, self._page_number = page, 0
        self._entrance.wipe()
        self._phones.back()
        if page not in (Page.STORY, Page.CLOSE):
            self._casework.forget()

    def _go_home(self) -> None:
        self._go(Page.HOME)
        self._focus = NO_ID

    def _lock(self) -> None:
        self.session.lock()
        self._openable = frozenset()
        self._go_home()

    def _show_danger(self) -> None:
        """A new danger takes the screen, except from somebody who types: they see it in the top line and hear it."""
        self._new_danger = False
        if self._page not in (Page.SIGN_IN, Page.CLOSE):
            self._go_home()

    def _home_due_ms(self) -> int | None:
        away = self._page not in (Page.HOME, Page.PRIVATE) or self._page_number or self._focus
        return self._touched_ms + HOME_AFTER_MS if away and self.session.reader is None else None

    def _say(self, sentence: str, now: Moment) -> None:
        self._notice, self._notice_until_ms = sentence, now.monotonic_ms + NOTICE_SHOWN_MS
