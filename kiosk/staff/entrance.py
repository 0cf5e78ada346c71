"""The entrance: from a touch on "Sign in" to a reader at the desk, by passphrase or by the PIN of this shift.

Owns one attempt at a time, counts wrong passphrases, and knows what the person wanted before they had to sign in.
Does not know where the desk goes afterwards: `entered` and `left` say when.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.clock import Moment
from firmware.errors import BadInput, Locked, Refused, WrongPin
from firmware.trouble import Cause
from kiosk.screen import keyboard
from kiosk.staff import events as ev
from kiosk.staff import scenes
from kiosk.staff.answers import Effects
from kiosk.staff.session import PIN_DIGITS, Session
from kiosk.staff.signin import Intent, SignIn, Step

WRONG_PASSPHRASES_TELL = 5
PIN_SET = "Your PIN opens this desk until you leave, for 12 hours at most."


class Entrance:
    """Signing in, step by step."""

    def __init__(
        self,
        session: Session,
        *,
        say: Callable[[str, Moment], None],
        entered: Callable[[Intent | None, Moment], Effects],
        left: Callable[[], None],
    ) -> None:
        """`entered`: a reader is signed in (asked once an attempt); `left`: nothing more is to be typed."""
        self._session, self._say, self._entered, self._left = session, say, entered, left
        self._sign_in = SignIn()
        self._wrong_passphrases = 0

    # --- going in and out ---

    def begin(self, intent: Intent | None) -> None:
        """A new attempt. When one reader's PIN is held, it is theirs to begin with."""
        self.wipe()
        self._sign_in = SignIn(intent=intent)
        held = self._session.held
        if len(held) == 1:
            self._sign_in.go(Step.PIN, held[0].id)

    def wipe(self) -> None:
        """What was typed is gone."""
        self._sign_in.wipe()

    def choose(self, reader_hex: str) -> None:
        """A name was touched."""
        readers = self._session.register.readers if self._session.register else ()
        chosen = next((entry for entry in readers if entry.id.hex() == reader_hex), None)
        if self._sign_in.step is not Step.NAMES or chosen is None:
            return
        held = any(entry.id == chosen.id for entry in self._session.held)
        by_pin = held and not self._sign_in.by_passphrase
        self._sign_in.go(Step.PIN if by_pin else Step.PASSPHRASE, chosen.id)

    def use_passphrase(self) -> None:
        """Not by PIN: somebody else, or a PIN that was forgotten."""
        if self._sign_in.step is Step.PIN:
            self._sign_in.by_passphrase = True
            self._sign_in.go(Step.NAMES)

    def turn_page(self) -> None:
        self._sign_in.page += 1

    def show(self) -> None:
        """Letters or dots."""
        self._sign_in.shown = not self._sign_in.shown
        self._sign_in.mark += 1

    # --- typing ---

    def type(self, text: str, now: Moment) -> Effects:
        """Letters for a passphrase, digits for a PIN (which is tried when it is full)."""
        sign_in = self._sign_in
        if sign_in.step is Step.PASSPHRASE and not sign_in.busy:
            sign_in.type(text)
        elif sign_in.step in (Step.PIN, Step.SET_PIN):
            digits = "".join(character for character in text if character.isascii() and character.isdigit())
            sign_in.type(digits[: PIN_DIGITS - sign_in.characters])
            if sign_in.characters == PIN_DIGITS:
                pin = sign_in.take().decode()
                return self._set_pin(pin, now) if sign_in.step is Step.SET_PIN else self._reopen(pin, now)
        return ()

    def backspace(self) -> None:
        if not self._sign_in.busy:
            self._sign_in.backspace()

    def key(self, box: str, now: Moment) -> Effects:
        """A key of the on-screen keyboard."""
        self._sign_in.layer = keyboard.next_layer(box, self._sign_in.layer)
        if box == keyboard.DELETE:
            self.backspace()
            return ()
        return self.type(keyboard.touched_character(box), now)

    def open(self) -> Effects:
        """The passphrase is complete: ask the key ring."""
        sign_in = self._sign_in
        if sign_in.step is not Step.PASSPHRASE or sign_in.busy or not sign_in.characters:
            return ()
        passphrase = sign_in.take()
        sign_in.busy = True
        return (ev.OpenKey(sign_in.reader, passphrase),)

    # --- what comes of it ---

    def key_ring_said(self, event: ev.Unlocked | ev.UnlockFailed, now: Moment) -> Effects:
        """An answer that nobody waits for any more opens nothing."""
        if self._sign_in.step is not Step.PASSPHRASE or not self._sign_in.busy:
            return ()
        self._sign_in.busy = False
        if isinstance(event, ev.UnlockFailed):
            return self._passphrase_failed(event, now)
        try:
            self._session.unlock(event.keys, now.monotonic_ms)
        except (Locked, Refused) as problem:
            self._say(str(problem), now)
            return ()
        self._wrong_passphrases = 0
        effects = self._entered(self._sign_in.intent, now)
        self._sign_in.intent = None
        self._sign_in.go(Step.SET_PIN)
        return effects

    def _passphrase_failed(self, event: ev.UnlockFailed, now: Moment) -> Effects:
        self._say(event.sentence, now)
        self._wrong_passphrases += 1
        if self._wrong_passphrases % WRONG_PASSPHRASES_TELL:
            return ()
        return (ev.TellTrouble(Cause.WRONG_PINS, f"{self._wrong_passphrases} wrong passphrases in a row"),)

    def _set_pin(self, pin: str, now: Moment) -> Effects:
        try:
            in_locked_page = self._session.set_pin(pin, now.monotonic_ms)
        except (BadInput, Locked) as problem:
            self._say(str(problem), now)
            return ()
        self._left()
        self._say(PIN_SET, now)
        return () if in_locked_page else (ev.TellTrouble(Cause.STORE, "keys may reach swap: raise the memlock limit"),)

    def _reopen(self, pin: str, now: Moment) -> Effects:
        try:
            self._session.reopen(self._sign_in.reader, pin, now.monotonic_ms)
        except (WrongPin, Locked) as problem:
            self._say(str(problem), now)
            if any(entry.id == self._sign_in.reader for entry in self._session.held):
                return ()
            self._sign_in.go(Step.PASSPHRASE)
            wiped = isinstance(problem, WrongPin)
            return (ev.TellTrouble(Cause.WRONG_PINS, "five wrong PINs: the key was wiped"),) if wiped else ()
        effects = self._entered(self._sign_in.intent, now)
        self._left()
        return effects

    # --- the scene ---

    def scene(self, top: scenes.Top, name_of: Callable[[bytes], str]) -> scenes.Scene:
        """What to draw while somebody signs in."""
        sign_in = self._sign_in
        name = name_of(sign_in.reader)
        if sign_in.step is Step.NAMES:
            return self._names(top)
        if sign_in.step is not Step.PASSPHRASE:
            return scenes.Pin(top, name, sign_in.characters, sign_in.step is Step.SET_PIN)
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

    def _names(self, top: scenes.Top) -> scenes.Scene:
        readers = self._session.register.readers if self._session.register else ()
        held = frozenset(entry.id for entry in self._session.held if not self._sign_in.by_passphrase)
        ordered = sorted(readers, key=lambda entry: (entry.id not in held, entry.name))
        return scenes.ChooseReader(top, tuple(ordered), held, self._sign_in.page)
