"""The line between portal and gate: what the portal may ask, and the portal's end of it.

Owns the questions and answers on the socket and their bounds. The portal names addresses and pseudonyms, never a MAC;
the gate answers with pseudonyms, never a MAC. What the gate does about it is `helper`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from firmware.errors import Refused, TechnicianError
from firmware.local_link import ask
from kiosk.portal.gate.elements import Address

SOCKET = "gate.sock"
TIMEOUT_SECONDS = 2.0
# A radio looks at a few dozen channels for a tenth of a second each.
SCAN_TIMEOUT_SECONDS = 20.0
# Of many networks' descriptions; with its frame it must stay below what the socket carries.
SCAN_MAX_BYTES = 60_000
# Seen in one answer; at most 60 bytes each.
PAGE = 512

# An address with a zone has at most 39 + 1 + 15 characters.
_AddressText = Annotated[str, msgspec.Meta(max_length=56)]
_Pseudonym = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
_Short = Annotated[str, msgspec.Meta(max_length=16)]


class Who(msgspec.Struct, frozen=True, tag="who", array_like=True, forbid_unknown_fields=True):
    address: _AddressText


class Admit(msgspec.Struct, frozen=True, tag="admit", array_like=True, forbid_unknown_fields=True):
    address: _AddressText
    seconds: int
    access: _Short


class Revoke(msgspec.Struct, frozen=True, tag="revoke", array_like=True, forbid_unknown_fields=True):
    pseudonym: _Pseudonym


class Refuse(msgspec.Struct, frozen=True, tag="refuse", array_like=True, forbid_unknown_fields=True):
    address: _AddressText


class Clients(msgspec.Struct, frozen=True, tag="clients", array_like=True, forbid_unknown_fields=True):
    """From this one on, in the order of addresses."""

    skip: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0


class Scan(msgspec.Struct, frozen=True, tag="scan", array_like=True, forbid_unknown_fields=True):
    pass


Question = Who | Admit | Revoke | Refuse | Clients | Scan


class SeenPart(msgspec.Struct, frozen=True, array_like=True):
    pseudonym: bytes
    address: bytes
    seconds_left: int | None
    access: str


class Known(msgspec.Struct, frozen=True, tag="known", array_like=True):
    """Whose address that is, or None."""

    pseudonym: bytes | None


class Done(msgspec.Struct, frozen=True, tag="done", array_like=True):
    pass


class Page(msgspec.Struct, frozen=True, tag="page", array_like=True):
    seen: tuple[SeenPart, ...]
    more: bool


class Heard(msgspec.Struct, frozen=True, tag="heard", array_like=True):
    scan: str


class Failed(msgspec.Struct, frozen=True, tag="failed", array_like=True):
    """A technician must act; `why` is the line to show."""

    why: str


Answer = Known | Done | Page | Heard | Failed

_Wanted = TypeVar("_Wanted", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Seen:
    """One client that is there or admitted. `access` is empty and `admitted_seconds_left` None when not admitted."""

    pseudonym: bytes
    address: Address
    admitted_seconds_left: int | None
    access: str


def read_question(untrusted: bytes) -> Question:
    """Raises Refused("malformed")."""
    try:
        return _QUESTIONS.decode(untrusted)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Refused("malformed", "no question to a gate") from None


def write(thing: Question | Answer) -> bytes:
    return msgspec.msgpack.encode(thing)


class GateLine:
    """The portal's end. Every method raises TechnicianError when the gate does not answer, or cannot do its work."""

    def __init__(self, path: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._path, self._timeout_seconds = path, timeout_seconds

    def who(self, address: Address) -> bytes | None:
        """The pseudonym of the client at this address; None: not a client of ours."""
        return self._ask(Who(str(address)), Known).pseudonym

    def admit(self, address: Address, seconds: int, access: str) -> bytes | None:
        """Let the client at this address pass for so long, from now; None: the gate refused and its log says why."""
        return self._ask(Admit(str(address), seconds, access), Known).pseudonym

    def revoke(self, pseudonym: bytes) -> None:
        """End this client's admission, if there is one."""
        self._ask(Revoke(pseudonym), Done)

    def refuse(self, address: Address) -> None:
        """End the admission of whoever is at this address and give that device none till the day is over."""
        self._ask(Refuse(str(address)), Done)

    def clients(self) -> tuple[Seen, ...]:
        """Everybody who is there or admitted."""
        parts: list[SeenPart] = []
        page = self._ask(Clients(), Page)
        parts += page.seen
        while page.more and page.seen:
            page = self._ask(Clients(len(parts)), Page)
            parts += page.seen
        return tuple(_seen(part) for part in parts)

    def scan(self) -> str:
        """What a scan for networks shows, as `iw` writes it; empty when the device has no radio to scan with."""
        return self._ask(Scan(), Heard, SCAN_TIMEOUT_SECONDS).scan

    def _ask(self, question: Question, wanted: type[_Wanted], timeout_seconds: float | None = None) -> _Wanted:
        try:
            raw = ask(self._path, write(question), timeout_seconds or self._timeout_seconds)
            answer = _ANSWERS.decode(raw)
        except (Refused, msgspec.DecodeError) as problem:
            raise TechnicianError(
                f"{self._path}: the gate's answer makes no sense; restart quietbell gate"
            ) from problem
        if isinstance(answer, Failed):
            raise TechnicianError(answer.why)
        if not isinstance(answer, wanted):
            raise TechnicianError(f"{self._path}: the gate answered something else; restart quietbell gate")
        return answer


def page_of(seen: Sequence[Seen], skip: int) -> Page:
    """As much of it as fits into one answer."""
    some = seen[skip : skip + PAGE]
    parts = (SeenPart(one.pseudonym, one.address.packed, one.admitted_seconds_left, one.access) for one in some)
    return Page(tuple(parts), skip + PAGE < len(seen))


def _seen(part: SeenPart) -> Seen:
    return Seen(part.pseudonym, ip_address(part.address), part.seconds_left, part.access)


_QUESTIONS: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
