"""The session: who is signed in at this desk, for how long, and what they may open.

Owns unlocking, the PIN that re-opens a key held for this shift, and everything that ends it. A key comes in through
the owner's passphrase only (see `firmware.readers`); a PIN never reaches a disk. Five wrong PINs, twelve hours, the lid
or a restart wipe it, because six digits on a stolen desk fall in hours. Time is passed in. Does not know screens.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from firmware.envelope import UpEnvelope, open_story
from firmware.errors import BadInput, Locked, Refused, WrongPin
from firmware.identity import SIGNING_SEED_BYTES, KemKey, ReaderEntry, ReaderRegister, SigningKey, seal_to
from firmware.memory import LockedBytes
from firmware.messages import Stage, Story, encode, receipt_claim
from firmware.reader_parts import open_routes
from firmware.readers import ReaderKeys
from kiosk.staff.cases import CaseNote

IDLE_LOCKS_AFTER_MS = 5 * 60_000
HELD_AT_MOST_MS = 12 * 3_600_000
PIN_DIGITS = 6
WRONG_PINS_WIPE = 5


@dataclass(slots=True)
class _Held:
    """A reader's key of this shift: re-opened by the PIN. `secret` is signing seed ‖ KEM seed."""

    reader: bytes
    secret: LockedBytes
    unlocked_ms: int
    salt: bytes
    pin_digest: bytes
    wrong_pins: int = 0


@dataclass(frozen=True, slots=True)
class _Open:
    """The reader at the desk now, with every route key that is theirs."""

    entry: ReaderEntry
    keys: ReaderKeys
    routes: dict[str, KemKey]


@dataclass(frozen=True, slots=True)
class Opened:
    """A story and the route whose key opened it."""

    story: Story
    route: str


class Session:
    """One desk's session. At most one reader is open; several may be held behind their PINs."""

    def __init__(
        self, *, idle_locks_after_ms: int = IDLE_LOCKS_AFTER_MS, register: ReaderRegister | None = None
    ) -> None:
        self._idle_ms = idle_locks_after_ms
        self._register = register
        self._held: dict[bytes, _Held] = {}
        self._open: _Open | None = None
        self._touched_ms = 0
        self._unlocked_ms = 0

    # --- who ---

    @property
    def register(self) -> ReaderRegister | None:
        return self._register

    def know(self, register: ReaderRegister) -> None:
        """A newer register: whoever is no longer in it, or has another key in it, is locked out at once."""
        self._register = register
        known = {entry.id: entry for entry in register.readers}
        for reader in [reader for reader in self._held if reader not in known]:
            self._forget(reader)
        if self._open is None:
            return
        entry = known.get(self._open.entry.id)
        if entry is None or entry.signing != self._open.keys.signing.public:
            self._open = None
        else:
            self._open = _Open(entry, self._open.keys, open_routes(register, self._open.keys))

    @property
    def reader(self) -> ReaderEntry | None:
        """Who is signed in now, or None."""
        return self._open.entry if self._open else None

    @property
    def held(self) -> tuple[ReaderEntry, ...]:
        """Readers whose PIN re-opens their key."""
        readers = self._register.readers if self._register else ()
        return tuple(entry for entry in readers if entry.id in self._held)

    def has_pin(self) -> bool:
        """Whether the reader who is signed in has set a PIN for this shift."""
        return self._open is not None and self._open.entry.id in self._held

    # --- in ---

    def unlock(self, keys: ReaderKeys, now_ms: int) -> ReaderEntry:
        """The key ring opened these keys.

        Raises:
            Locked: the readers' register does not know this reader with this key.
            Refused: a route key wrapped for this reader was changed.
        """
        self._open = self._opened(keys)
        self._unlocked_ms = self._touched_ms = now_ms
        return self._open.entry

    def set_pin(self, pin: str, now_ms: int) -> bool:
        """Hold the key for this shift. False: the system would not lock its page out of swap (the PIN works).

        Raises:
            Locked: nobody is signed in.
            BadInput: not six digits, or digits that anybody would try first.
        """
        opened = self._require()
        if len(pin) != PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
            raise BadInput(f"A PIN is {PIN_DIGITS} digits.")
        if len(set(pin)) < 3 or pin in "01234567890" or pin in "09876543210":
            raise BadInput("That PIN is easy to guess. Choose another.")
        self._forget(opened.entry.id)
        salt = secrets.token_bytes(32)
        secret = LockedBytes(opened.keys.signing.to_bytes() + opened.keys.kem.to_bytes())
        self._held[opened.entry.id] = _Held(opened.entry.id, secret, self._unlocked_ms, salt, _digest(pin, salt))
        self._touched_ms = now_ms
        return secret.locked

    def reopen(self, reader: bytes, pin: str, now_ms: int) -> ReaderEntry:
        """Open a held key by its PIN.

        Raises:
            Locked: nothing is held for this reader; the passphrase is needed.
            WrongPin: says how many tries are left; after the fifth the key is wiped.
        """
        self.tick(now_ms)
        held = self._held.get(reader)
        if held is None:
            raise Locked("Type your passphrase: no PIN is held for you.")
        if not hmac.compare_digest(_digest(pin, held.salt), held.pin_digest):
            self._wrong(held)
        held.wrong_pins = 0
        secret = held.secret.reveal()
        keys = ReaderKeys(
            reader, SigningKey.from_bytes(secret[:SIGNING_SEED_BYTES]), KemKey.from_bytes(secret[SIGNING_SEED_BYTES:])
        )
        self._open = self._opened(keys)
        self._unlocked_ms, self._touched_ms = held.unlocked_ms, now_ms
        return self._open.entry

    # --- out ---

    def touched(self, now_ms: int) -> None:
        """The reader did something."""
        self._touched_ms = now_ms

    def lock(self) -> None:
        """Close the desk. A key with a PIN stays held; any other leaves memory."""
        self._open = None

    def wipe(self) -> None:
        """The lid, the power, the end: nothing is held any more."""
        self._open = None
        for reader in list(self._held):
            self._forget(reader)

    def tick(self, now_ms: int) -> bool:
        """Let time pass; True: somebody was locked out by it."""
        for reader in [each.reader for each in self._held.values() if now_ms - each.unlocked_ms >= HELD_AT_MOST_MS]:
            self._forget(reader)
        due = self._lock_due_ms()
        if due is None or now_ms < due:
            return False
        self.lock()
        return True

    def next_due_ms(self) -> int | None:
        due = [held.unlocked_ms + HELD_AT_MOST_MS for held in self._held.values()]
        lock_due = self._lock_due_ms()
        return min([*due, lock_due] if lock_due is not None else due, default=None)

    # --- what for ---

    def open_story(self, envelope: UpEnvelope) -> Opened:
        """Open a story with the routes of whoever is signed in.

        Raises:
            Locked: nobody is signed in.
            Refused: "will-not-open": it is not for this reader; others as `envelope.open_story`.
        """
        opened = self._require()
        for name, key in opened.routes.items():
            try:
                return Opened(open_story(envelope, [key]), name)
            except Refused as problem:
                if problem.reason != "will-not-open":
                    raise
        raise Refused("will-not-open")

    def openable(self, envelopes: Iterable[tuple[bytes, UpEnvelope]]) -> frozenset[bytes]:
        """Which of these (report, envelope) this reader can open; empty when locked."""
        if self._open is None:
            return frozenset()
        found = set()
        for report, envelope in envelopes:
            try:
                self.open_story(envelope)
            except Refused:
                continue
            found.add(report)
        return frozenset(found)

    def sign(self, report: bytes, digest: bytes, stage: Stage, generation: int) -> bytes:
        """The reader's signature that this stage is true. Raises Locked."""
        opened = self._require()
        site = self._register.site if self._register else b""
        return opened.keys.signing.sign(receipt_claim(site, report, digest, stage, generation))

    def seal_note(self, note: CaseNote, route: str) -> bytes:
        """A case note that only this route's readers can open. Raises Locked."""
        opened = self._require()
        return seal_to(opened.routes[route].public, encode(note), note_info(note.report))

    def open_note(self, report: bytes, untrusted_sealed: bytes) -> bytes:
        """The bytes of a case note (decode as CaseNote). Raises Locked, Refused("will-not-open")."""
        for key in self._require().routes.values():
            try:
                return key.open(untrusted_sealed, note_info(report))
            except Refused:
                continue
        raise Refused("will-not-open")

    # --- private ---

    def _opened(self, keys: ReaderKeys) -> _Open:
        entries = self._register.readers if self._register else ()
        entry = next((entry for entry in entries if entry.id == keys.id), None)
        if self._register is None or entry is None or entry.signing != keys.signing.public:
            raise Locked("The readers of this site have not signed for this key yet.")
        return _Open(entry, keys, open_routes(self._register, keys))

    def _require(self) -> _Open:
        if self._open is None:
            raise Locked("Sign in first.")
        return self._open

    def _wrong(self, held: _Held) -> None:
        held.wrong_pins += 1
        left = WRONG_PINS_WIPE - held.wrong_pins
        if left <= 0:
            self._forget(held.reader)
            raise WrongPin("Five wrong PINs. Type your passphrase.")
        raise WrongPin(f"That PIN is not right. {left} {'try' if left == 1 else 'tries'} left.")

    def _forget(self, reader: bytes) -> None:
        held = self._held.pop(reader, None)
        if held is not None:
            held.secret.wipe()

    def _lock_due_ms(self) -> int | None:
        if self._open is None:
            return None
        return min(self._touched_ms + self._idle_ms, self._unlocked_ms + HELD_AT_MOST_MS)


def note_info(report: bytes) -> bytes:
    """What a case note is sealed for."""
    return b"quietbell/1 case-note\0" + report


def _digest(pin: str, salt: bytes) -> bytes:
    """In memory only and behind five tries, so it need not be slow."""
    return hashlib.blake2b(pin.encode(), key=salt).digest()
