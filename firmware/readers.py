"""Readers' keys at rest: born here, kept under their owner's passphrase, opened only with it.

Owns the sealed form of a secret (Argon2id, then ChaCha20-Poly1305) and the keyring of one desk. A stolen desk's disk
holds nothing of a reader but their name, role, public keys and this sealed form. Does not know who may join or which
routes there are: that is `reader_parts`.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from firmware.errors import BadInput, Refused, StoreFault, WrongPassphrase
from firmware.identity import SIGNING_SEED_BYTES, KemKey, ReaderEntry, SigningKey
from firmware.messages import ID_BYTES, Count, Struct, decode, encode
from firmware.passphrase import make_passphrase, normal_passphrase

__all__ = ["PRODUCTION_COST", "Cost", "Keyring", "ReaderKeys", "make_passphrase", "open_secret", "seal_secret"]

SEALED_VERSION = 1
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32
# A file can ask for any cost; above these a changed byte could hang or starve the desk.
_MEMORY_KIB_MAX = 256 * 1024
_PASSES_MAX = 8
_LANES_MAX = 16

_Salt = Annotated[bytes, msgspec.Meta(min_length=_SALT_BYTES, max_length=_SALT_BYTES)]
_Nonce = Annotated[bytes, msgspec.Meta(min_length=_NONCE_BYTES, max_length=_NONCE_BYTES)]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess costs (RFC 9106 §4, second recommended option: 64 MiB, three passes, four lanes)."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


PRODUCTION_COST = Cost()


class _Sealed(Struct, frozen=True):
    version: Count
    memory_kib: Annotated[int, msgspec.Meta(ge=8, le=_MEMORY_KIB_MAX)]
    passes: Annotated[int, msgspec.Meta(ge=1, le=_PASSES_MAX)]
    lanes: Annotated[int, msgspec.Meta(ge=1, le=_LANES_MAX)]
    salt: _Salt
    nonce: _Nonce
    ciphertext: Annotated[bytes, msgspec.Meta(max_length=1024)]


def seal_secret(secret: bytes, passphrase: str, *, purpose: bytes, cost: Cost = PRODUCTION_COST) -> bytes:
    """Wrap `secret` under a passphrase, for one `purpose` only.

    Raises:
        BadInput: the passphrase has fewer than six words.
    """
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    key = _stretch(passphrase, salt, cost)
    ciphertext = ChaCha20Poly1305(key).encrypt(nonce, secret, purpose)
    return encode(_Sealed(SEALED_VERSION, cost.memory_kib, cost.passes, cost.lanes, salt, nonce, ciphertext))


def open_secret(untrusted_sealed: bytes, passphrase: str, *, purpose: bytes) -> bytes:
    """The secret again.

    Raises:
        WrongPassphrase: not this passphrase (or bytes that were changed on purpose: the two cannot be told apart).
        Refused: "malformed" or "unknown-version".
    """
    sealed = decode(untrusted_sealed, _Sealed)
    if sealed.version != SEALED_VERSION:
        raise Refused("unknown-version")
    if sealed.memory_kib < 8 * sealed.lanes:  # RFC 9106 §3.1
        raise Refused("malformed", "less memory than the lanes need")
    try:
        key = _stretch(passphrase, sealed.salt, Cost(sealed.memory_kib, sealed.passes, sealed.lanes))
        return ChaCha20Poly1305(key).decrypt(sealed.nonce, sealed.ciphertext, purpose)
    except (InvalidTag, BadInput) as problem:
        raise WrongPassphrase("that passphrase does not open this key: check each word and type it again") from problem


@dataclass(frozen=True, slots=True)
class ReaderKeys:
    """One reader's private keys, open. Keep them in memory for a shift at most."""

    id: bytes
    signing: SigningKey
    kem: KemKey


class Table(Protocol):
    """What a keyring needs of a table of `firmware.documents`."""

    def all(self) -> Sequence[Mapping[str, object]]: ...

    def insert(self, document: Mapping[str, object], /) -> int: ...

    def remove(self, cond: Callable[[Mapping[str, object]], bool], /) -> Sequence[int]: ...


class Documents(Protocol):
    """What `firmware.documents.open_documents` returns."""

    def table(self, name: str, /) -> Table: ...


class Keyring:
    """The readers whose keys were born at this desk (`store/readers.json`)."""

    def __init__(
        self,
        documents: Documents,
        *,
        cost: Cost = PRODUCTION_COST,
        new_id: Callable[[], bytes] = lambda: os.urandom(ID_BYTES),
    ) -> None:
        self._table = documents.table("readers")
        self._cost = cost
        self._new_id = new_id

    def names(self) -> dict[bytes, str]:
        """Who has a key here: id → name, in the order in which they joined."""
        return {entry.id: entry.name for entry in self.entries()}

    def entries(self) -> tuple[ReaderEntry, ...]:
        """The public side of every reader here. Raises StoreFault when the file was changed."""
        return tuple(_entry(record) for record in self._records())

    def create(self, name: str, role: str, passphrase: str) -> ReaderKeys:
        """Make a reader's keys and keep them under their passphrase.

        Raises:
            BadInput: the name has a key here already, or the passphrase has fewer than six words.
        """
        if any(entry.name.casefold() == name.casefold() for entry in self.entries()):
            raise BadInput(f"{name} has a key at this desk already: choose another name, or remove the old key first")
        keys = ReaderKeys(self._new_id(), SigningKey.generate(), KemKey.generate())
        entry = ReaderEntry(id=keys.id, name=name, role=role, signing=keys.signing.public, kem=keys.kem.public)
        secret = keys.signing.to_bytes() + keys.kem.to_bytes()
        sealed = seal_secret(secret, passphrase, purpose=_purpose(entry), cost=self._cost)
        self._table.insert(_record(entry, sealed))
        return keys

    def unlock(self, reader: bytes, passphrase: str) -> ReaderKeys:
        """Open one reader's keys.

        Raises:
            WrongPassphrase: not this passphrase.
            BadInput: no such reader at this desk.
            StoreFault: the sealed bytes were changed or damaged.
        """
        record = self._find(reader)
        entry, sealed = _entry(record), _sealed(record)
        try:
            secret = open_secret(sealed, passphrase, purpose=_purpose(entry))
        except Refused as problem:
            raise _changed(entry.name) from problem
        seed, kem = secret[:SIGNING_SEED_BYTES], secret[SIGNING_SEED_BYTES:]
        return ReaderKeys(entry.id, SigningKey.from_bytes(seed), KemKey.from_bytes(kem))

    def forget(self, reader: bytes) -> None:
        """Remove a reader's sealed key from this desk."""
        found = self._find(reader)
        self._table.remove(lambda record: record["id"] == found["id"])

    def _records(self) -> list[dict[str, str]]:
        return [{str(key): str(value) for key, value in record.items()} for record in self._table.all()]

    def _find(self, reader: bytes) -> dict[str, str]:
        wanted = str(UUID(bytes=reader))
        for record in self._records():
            if record.get("id") == wanted:
                return record
        raise BadInput(f"reader {wanted} has no key at this desk: make one with `quietbell reader new`")


def _stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    deriver = Argon2id(
        salt=salt, length=_KEY_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    return deriver.derive(normal_passphrase(passphrase).encode())


def _purpose(entry: ReaderEntry) -> bytes:
    # The public side is bound to the sealed side: a swapped key or a changed role will not open.
    return b"quietbell/1 reader-key\0" + encode(entry)


def _record(entry: ReaderEntry, sealed: bytes) -> dict[str, str]:
    return {
        "id": str(UUID(bytes=entry.id)),
        "name": entry.name,
        "role": entry.role,
        "signing": base64.b64encode(entry.signing).decode(),
        "kem": base64.b64encode(entry.kem).decode(),
        "sealed": base64.b64encode(sealed).decode(),
        "check": _check(entry, sealed),
    }


def _check(entry: ReaderEntry, sealed: bytes) -> str:
    # No secret: it tells a damaged file from a wrong passphrase, so that the reader is told the right mend.
    return hashlib.sha256(_purpose(entry) + sealed).hexdigest()


def _entry(record: dict[str, str]) -> ReaderEntry:
    try:
        entry = ReaderEntry(
            id=UUID(record["id"]).bytes,
            name=record["name"],
            role=record["role"],
            signing=base64.b64decode(record["signing"], validate=True),
            kem=base64.b64decode(record["kem"], validate=True),
        )
        intact = record["check"] == _check(entry, base64.b64decode(record["sealed"], validate=True))
    except (KeyError, ValueError) as problem:
        raise _changed(str(record.get("name", "a reader"))) from problem
    if not intact:
        raise _changed(entry.name)
    return entry


def _sealed(record: dict[str, str]) -> bytes:
    return base64.b64decode(record["sealed"])


def _changed(name: str) -> StoreFault:
    shown = "".join(character for character in name if character.isprintable())[:80]
    return StoreFault(f"readers.json: the key of {shown} was changed or damaged: restore the file from its backup")
