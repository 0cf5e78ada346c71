"""Who stands before us and may they pass: asks the gate, decides by `admission`, writes down, then lets through.

The one place where gate, register, vouchers and counts meet. What blocks runs on threads of its own: questions to the
gate on a few, everything that writes on one. An acceptance is on the disk before the gate hears of it. Knows nothing
of HTTP, and no client but by its pseudonym; an address is asked about and forgotten.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from firmware.aup import AupDocument
from firmware.byod import Audience, Byod
from firmware.errors import QuietbellError, Refused, StoreFault, TechnicianError
from firmware.vouchers import Voucher, read_words
from kiosk.portal import reconcile
from kiosk.portal.admission import (
    Acceptance,
    Admitting,
    MustAccept,
    NotNow,
    Online,
    accept,
    audience_of,
    decide,
    forget_line_ms,
    online_now,
)
from kiosk.portal.aup_choice import in_force, known
from kiosk.portal.gate.elements import Address
from kiosk.portal.gate.line import Seen
from kiosk.portal.groups import Groups
from kiosk.portal.pulse import PulseCounts
from kiosk.portal.register import Register
from kiosk.portal.voucher_uses import VoucherUses

_log = logging.getLogger("quietbell.portal.gatekeeper")

# Of each device, so that nobody's wrong words shut out a guest; and of all together, however many somebody makes up:
# 32 bits of proof hold against sixty guesses a minute for 136 years.
WRONG_VOUCHERS = 5
WRONG_VOUCHERS_OF_ALL = 60
WRONG_VOUCHERS_MS = 60_000
# Questions to the gate side by side; it answers eight.
ASKING_THREADS = 6
# A gate that has just not answered is not asked by everybody else as well.
GATE_REST_MS = 1_000

_T = TypeVar("_T")


class Gate(Protocol):
    """`gate.line.GateLine`, or the rehearsal's. Every method may raise TechnicianError."""

    def who(self, address: Address) -> bytes | None: ...
    def admit(self, address: Address, seconds: int, access: str) -> bytes | None: ...
    def revoke(self, pseudonym: bytes) -> None: ...
    def clients(self) -> tuple[Seen, ...]: ...
    def scan(self) -> str: ...


class NoGate:
    """Where the site has a portal of its own: nobody is a client of ours, and nobody is let through by us."""

    def who(self, address: Address) -> bytes | None:
        return None

    def admit(self, address: Address, seconds: int, access: str) -> bytes | None:
        return None

    def revoke(self, pseudonym: bytes) -> None:
        return None

    def clients(self) -> tuple[Seen, ...]:
        return ()

    def scan(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one client stands at this moment."""

    pseudonym: bytes
    audience: Audience
    decision: MustAccept | Online | NotNow
    by_voucher: bool
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody's word on one text, on its way to the register."""

    standing: Standing
    document: AupDocument
    voucher: Voucher | None


@dataclass(frozen=True, slots=True)
class Stores:
    """What the portal keeps. `voucher_key` None: this site has no vouchers."""

    register: Register
    vouchers: VoucherUses
    counts: PulseCounts
    voucher_key: bytes | None


class Guesses:
    """Who brought wrong vouchers in the last minute; pure."""

    def __init__(self) -> None:
        self._wrong: deque[tuple[int, bytes]] = deque(maxlen=WRONG_VOUCHERS_OF_ALL)

    def resting(self, pseudonym: bytes, now_ms: int) -> bool:
        """Whether no voucher of this device is looked at just now."""
        while self._wrong and now_ms - self._wrong[0][0] >= WRONG_VOUCHERS_MS:
            self._wrong.popleft()
        own = sum(name == pseudonym for _, name in self._wrong)
        return own >= WRONG_VOUCHERS or len(self._wrong) >= WRONG_VOUCHERS_OF_ALL

    def wrong(self, pseudonym: bytes, now_ms: int) -> None:
        self._wrong.append((now_ms, pseudonym))


class Gatekeeper:
    """Methods that are coroutines never block the loop; `reconcile` and `forget` block and belong on a thread."""

    def __init__(
        self,
        *,
        byod: Byod,
        gate: Gate,
        stores: Stores,
        wall_ms: Callable[[], int],
        monotonic_ms: Callable[[], int],
        form_key: bytes,
    ) -> None:
        """`form_key`: 32 random bytes of this run."""
        self.byod = byod
        self._gate, self._stores = gate, stores
        self._wall_ms, self._monotonic_ms, self._form_key = wall_ms, monotonic_ms, form_key
        self._guesses = Guesses()
        self._asking = ThreadPoolExecutor(ASKING_THREADS, thread_name_prefix="portal-gate")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="portal-store")
        self._acceptances = Groups(self._writing, self._accepted)
        self._gate_silent_ms: int | None = None
        # What the kiosk says: until when staff have opened BYOD for a lesson.
        self.unlocked_until_ms: int | None = None

    def close(self) -> None:
        """Finish what is being written."""
        self._asking.shutdown(cancel_futures=True)
        self._writing.shutdown()

    @property
    def has_vouchers(self) -> bool:
        return self._stores.voucher_key is not None

    @property
    def gate_answers(self) -> bool:
        """Whether the gate answered when it was asked last."""
        return self._gate_silent_ms is None

    @property
    def stores_broken(self) -> bool:
        """Whether this start found a store that it could not read."""
        stores = self._stores
        return stores.register.trouble or stores.vouchers.trouble or stores.counts.trouble

    async def standing(self, address: Address) -> Standing | None:
        """How the client at this address stands; None: it is not one of ours. Raises TechnicianError: no gate."""
        pseudonym = await self._ask(lambda: self._gate.who(address))
        return None if pseudonym is None else self._standing(pseudonym)

    async def let_through(self, address: Address, standing: Standing) -> bool:
        """Have the gate hold what the register says of this client. False: the gate will not have it."""
        decision = standing.decision
        if not isinstance(decision, Online):
            return False
        seconds = reconcile.seconds_left(decision.until_ms, standing.wall_ms)
        admitted = await self._ask(lambda: self._gate.admit(address, seconds, str(decision.access)))
        if admitted is not None and admitted != standing.pseudonym:
            # The address changed hands between two questions: whoever has it now has accepted nothing.
            await self._ask(lambda: self._gate.revoke(admitted))
            return False
        return admitted is not None

    async def check_voucher(self, address: Address, untrusted_words: str) -> tuple[Standing, Audience]:
        """Whom these words make of this client, once they accept. Counts nothing.

        Raises:
            Refused: why not; "resting" after too many wrong ones, "stranger" when the client is not one of ours.
        """
        standing = await self.standing(address)
        if standing is None:
            raise Refused("stranger")
        voucher = await self._voucher(standing.pseudonym, untrusted_words)
        admitting = self._stores.vouchers.check(voucher, standing.wall_ms, pseudonym=standing.pseudonym)
        if admitting.audience not in self.byod.audiences:
            raise Refused("unknown-voucher")
        return standing, admitting.audience

    async def accept(self, address: Address, standing: Standing, digest: bytes, untrusted_words: str) -> Standing:
        """Write down that this client will keep to the text with this hash, then let it through.

        `standing` is how it stood a moment ago; if the address has changed hands since, nobody is let through.

        Raises:
            Refused: "not-in-force", "not-theirs", "register-full", "gate", or what is wrong with the voucher.
            StoreFault: it was not saved, nobody was let through.
            TechnicianError: it was saved, but the gate does not answer: it is let through when the gate does.
        """
        document = known(self.byod, digest)
        if document is None:
            raise Refused("not-in-force")
        voucher = await self._voucher(standing.pseudonym, untrusted_words) if untrusted_words else None
        made = await self._acceptances.ask(Wish(standing, document, voucher))
        if isinstance(made, NotNow):
            return Standing(standing.pseudonym, standing.audience, made, False, standing.wall_ms)
        now = self._standing(standing.pseudonym)
        if isinstance(now.decision, Online) and not await self.let_through(address, now):
            raise Refused("gate")
        return now

    async def answer_pulse(self, audience: Audience, untrusted: Mapping[str, str], pseudonym: bytes) -> None:
        """Count one person's answers. Raises Refused, StoreFault."""
        counts, wall_ms = self._stores.counts, self._wall_ms()
        await self._write(lambda: counts.answer(audience, untrusted, pseudonym=pseudonym, wall_ms=wall_ms))

    def extension(self, standing: Standing) -> AupDocument | None:
        """The text that this client has accepted, to be accepted again with one tap."""
        acceptance = self._stores.register.acceptance(standing.pseudonym)
        return in_force(self.byod, acceptance.aup, standing.audience) if acceptance is not None else None

    def met(self, pseudonym: bytes, digest: bytes) -> str:
        """A mark on a page that shows this text to this client: nobody accepts what they were not shown."""
        return hmac.digest(self._form_key, pseudonym + digest, hashlib.sha256)[:16].hex()

    # --- for a thread of its own ---

    def reconcile(self) -> reconcile.Plan:
        """Make the gate hold what the register says, once. Raises TechnicianError."""
        # In this order: whoever is admitted in the first answer stands in the register that is read afterwards.
        seen = self._asked(self._gate.clients)
        wall_ms = self._wall_ms()
        entries = self._stores.register.all_at(wall_ms)
        online = online_now(entries, byod=self.byod, wall_ms=wall_ms, unlocked_until_ms=self.unlocked_until_ms)
        todo = reconcile.plan(seen, online, wall_ms)
        for pseudonym in todo.revoke:
            self._gate.revoke(pseudonym)
        for one in todo.admit:
            self._gate.admit(one.address, one.seconds, one.access)
        if todo.revoke or todo.admit:
            _log.info("reconciled", extra={"revoked": len(todo.revoke), "admitted": len(todo.admit)})
        return todo

    def scan(self) -> str:
        """What networks there are, as `iw` says it. Raises TechnicianError."""
        return self._gate.scan()

    def forget(self, put_back_ms: int) -> None:
        """Erase what is kept no longer; first, if the wall clock was put back, give everybody the time they had."""
        self._writing.submit(self._forget, put_back_ms).result()

    # --- how ---

    def _standing(self, pseudonym: bytes) -> Standing:
        wall_ms = self._wall_ms()
        acceptance = self._stores.register.acceptance(pseudonym)
        audience = audience_of(acceptance, byod=self.byod, wall_ms=wall_ms)
        decision = decide(
            acceptance, byod=self.byod, audience=audience, wall_ms=wall_ms, unlocked_until_ms=self.unlocked_until_ms
        )
        by_voucher = acceptance is not None and wall_ms < acceptance.voucher_until_ms
        return Standing(pseudonym, audience, decision, by_voucher, wall_ms)

    def _accepted(self, wishes: Sequence[Wish]) -> Sequence[Acceptance | NotNow | QuietbellError]:
        """On the writing thread: decide of each, count its voucher; save all."""
        decided = [self._decided(wish) for wish in wishes]
        try:
            refused = self._stores.register.add_all([one for one in decided if isinstance(one, Acceptance)])
        except StoreFault as fault:
            return [fault if isinstance(one, Acceptance) else one for one in decided]
        return [Refused("register-full") if one in refused else one for one in decided]

    def _decided(self, wish: Wish) -> Acceptance | NotNow | QuietbellError:
        pseudonym, wall_ms = wish.standing.pseudonym, self._wall_ms()
        vouchers, voucher = self._stores.vouchers, wish.voucher
        try:
            held = self._held(wish.standing)
            made = accept(
                pseudonym,
                wish.document,
                byod=self.byod,
                voucher=held if voucher is None else vouchers.check(voucher, wall_ms, pseudonym=pseudonym),
                wall_ms=wall_ms,
                unlocked_until_ms=self.unlocked_until_ms,
            )
            if isinstance(made, Acceptance) and voucher is not None:
                vouchers.use(voucher, wall_ms, pseudonym=pseudonym)
        except (Refused, StoreFault) as problem:
            return problem
        return made

    def _held(self, standing: Standing) -> Admitting | None:
        """A voucher that this device has used already and that still holds."""
        acceptance = self._stores.register.acceptance(standing.pseudonym)
        if acceptance is None or not standing.by_voucher:
            return None
        return Admitting(standing.audience, acceptance.voucher_until_ms)

    async def _voucher(self, pseudonym: bytes, untrusted_words: str) -> Voucher:
        key = self._stores.voucher_key
        if key is None:
            raise Refused("unknown-voucher")
        if self._guesses.resting(pseudonym, self._monotonic_ms()):
            raise Refused("resting")
        try:
            return await self._run(self._asking, lambda: read_words(untrusted_words, key))
        except Refused as refusal:
            if refusal.reason == "unknown-voucher":
                self._guesses.wrong(pseudonym, self._monotonic_ms())
            raise

    async def _ask(self, question: Callable[[], _T]) -> _T:
        silent_ms = self._gate_silent_ms
        if silent_ms is not None and self._monotonic_ms() - silent_ms < GATE_REST_MS:
            raise TechnicianError("the gate has just not answered; see that quietbell gate runs")
        return await self._run(self._asking, lambda: self._asked(question))

    def _asked(self, question: Callable[[], _T]) -> _T:
        try:
            answer = question()
        except TechnicianError:
            self._gate_silent_ms = self._monotonic_ms()
            raise
        self._gate_silent_ms = None
        return answer

    async def _write(self, deed: Callable[[], _T]) -> _T:
        return await self._run(self._writing, deed)

    async def _run(self, threads: Executor, deed: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(threads, deed)

    def _forget(self, put_back_ms: int) -> None:
        stores, wall_ms = self._stores, self._wall_ms()
        if put_back_ms:
            stores.register.put_back(put_back_ms)
            _log.warning("clock-put-back", extra={"by_ms": put_back_ms})
        stores.register.forget_before(forget_line_ms(self.byod, wall_ms))
        stores.vouchers.forget_before(wall_ms)
