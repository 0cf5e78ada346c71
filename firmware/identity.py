"""Who may sign what, and who may read which route: keys, the directory and the seal sheet.

Owns the two kinds of key a device or reader has (Ed25519 to sign, ML-KEM-768 with X25519 to open) and the four
signed documents. Two of them are the technician's (`DeskSheet`, `DeviceRegister`), signed by the site's issuer; two
are the readers' (`RouteSheet`, `ReaderRegister`), signed by two readers. Neither side can sign for the other: that is
how a technician can add a kiosk but cannot make themself a reader. Knows nothing of files, MQTT or reports.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from firmware.errors import ProgrammerError, Refused
from firmware.messages import Code, Count, Id, Room, Short, Struct, decode, encode

# Suite 1: MLKEM768-X25519 (draft-ietf-hpke-pq), HKDF-SHA256, ChaCha20-Poly1305, HPKE base mode (RFC 9180).
# Child-protection records stay sensitive for 25 years and captured traffic can be kept, hence the hybrid. Nothing is
# negotiated: a document names its suite, and a device refuses any suite below the one it has seen.
SUITE = 1
_HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)

SIGNING_SEED_BYTES = 32
KEM_SEED_BYTES = 64 + 32
KEM_PUBLIC_BYTES = 1184 + 32
SEAL_OVERHEAD_BYTES = 1120 + 16
X25519_SHARE_OFFSET = 1088
READERS_NEEDED = 2

_PART_VERSION = 1
# A directory of 4,096 devices, each with its keys, has 6 MB; it is read from a file. The link bounds what travels.
_PART_BYTES_MAX = 8 * 1024 * 1024

PublicSigning = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
PublicKem = Annotated[bytes, msgspec.Meta(min_length=KEM_PUBLIC_BYTES, max_length=KEM_PUBLIC_BYTES)]


class SigningKey:
    """An Ed25519 private key (RFC 8032)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, seed: bytes) -> SigningKey:
        """Raises ProgrammerError when `seed` is not 32 bytes."""
        if len(seed) != SIGNING_SEED_BYTES:
            raise ProgrammerError("a signing key is 32 bytes")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def to_bytes(self) -> bytes:
        return self._key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """A 64-byte signature."""
        return self._key.sign(message)


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` was made with the private half of `public` (32 bytes)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class KemKey:
    """A hybrid private key that opens what `seal_to` sealed for its public half."""

    def __init__(self, mlkem: MLKEM768PrivateKey, x25519: X25519PrivateKey) -> None:
        self._mlkem, self._x25519 = mlkem, x25519
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> KemKey:
        return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, seed: bytes) -> KemKey:
        """`seed`: 64 bytes of ML-KEM seed, then 32 of X25519. Raises ProgrammerError for another length."""
        if len(seed) != KEM_SEED_BYTES:
            raise ProgrammerError("a KEM key is 96 bytes")
        return cls(MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:]))

    def to_bytes(self) -> bytes:
        return self._mlkem.private_bytes_raw() + self._x25519.private_bytes_raw()

    def open(self, untrusted_sealed: bytes, info: bytes) -> bytes:
        """Raises Refused("will-not-open"): not sealed to this key, for another purpose, or changed."""
        try:
            return _HPKE.decrypt(untrusted_sealed, self._key, info)
        except (InvalidTag, ValueError) as problem:
            raise Refused("will-not-open") from problem


class Recipient:
    """The public half of a KEM key, parsed once: parsing costs about as much as sealing."""

    def __init__(self, public: bytes) -> None:
        """Raises Refused("bad-key") when `public` is not 1,216 bytes of ML-KEM-768 ‖ X25519."""
        try:
            self._key = MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(public[:1184]),
                X25519PublicKey.from_public_bytes(public[1184:]),
            )
        except ValueError as problem:
            raise Refused("bad-key") from problem
        self.public = public

    def seal(self, plaintext: bytes | bytearray, info: bytes) -> bytes:
        """HPKE base mode; the result is SEAL_OVERHEAD_BYTES longer than `plaintext`."""
        return _HPKE.encrypt(plaintext, self._key, info)


def seal_to(public: bytes, plaintext: bytes | bytearray, info: bytes) -> bytes:
    """Seal to a raw public key, for rare uses (the ceremony); hot paths keep a `Recipient`."""
    return Recipient(public).seal(plaintext, info)


class DeskEntry(Struct, frozen=True):
    """A desk that kiosks believe."""

    id: Id
    signing: PublicSigning


class DeskSheet(Struct, frozen=True):
    """For kiosks, signed by the issuer: the key that alerts are sealed to, and the desks whose receipts count."""

    version: Count
    site: Id
    suite: Count
    desk_key: PublicKem
    desks: Annotated[tuple[DeskEntry, ...], msgspec.Meta(max_length=16)]


class RouteEntry(Struct, frozen=True):
    """A route's public key."""

    name: Code
    key: PublicKem


class SheetReader(Struct, frozen=True):
    """A reader as a kiosk knows them: a number and a key, no name."""

    id: Id
    signing: PublicSigning
    routes: Annotated[tuple[Code, ...], msgspec.Meta(max_length=16)]


class RouteSheet(Struct, frozen=True):
    """For kiosks, signed by two readers: what stories are sealed to, and who may acknowledge."""

    version: Count
    site: Id
    suite: Count
    routes: Annotated[tuple[RouteEntry, ...], msgspec.Meta(min_length=1, max_length=16)]
    recovery_key: PublicKem
    readers: Annotated[tuple[SheetReader, ...], msgspec.Meta(max_length=64)]


class DeviceEntry(Struct, frozen=True):
    """One device as desks know it. `kind`: kiosk, desk or watcher."""

    id: Id
    kind: Code
    room: Room
    place: Short
    signing: PublicSigning
    kem: PublicKem
    epoch: Count
    active: bool


class DeviceRegister(Struct, frozen=True):
    """For desks, signed by the issuer: every device of the site, and where it hangs."""

    version: Count
    site: Id
    devices: Annotated[tuple[DeviceEntry, ...], msgspec.Meta(max_length=4096)]


class ReaderEntry(Struct, frozen=True):
    """A person who can open stories. `role`: lead, deputy, head, manager or independent."""

    id: Id
    name: Short
    role: Code
    signing: PublicSigning
    kem: PublicKem


class RouteKeys(Struct, frozen=True):
    """A route's private key, wrapped to each of its readers (same order as `readers`)."""

    name: Code
    key: PublicKem
    readers: Annotated[tuple[Id, ...], msgspec.Meta(max_length=64)]
    wrapped: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=64)]


class ReaderRegister(Struct, frozen=True):
    """For desks, signed by two readers: names, roles and wrapped route keys."""

    version: Count
    site: Id
    readers: Annotated[tuple[ReaderEntry, ...], msgspec.Meta(max_length=64)]
    routes: Annotated[tuple[RouteKeys, ...], msgspec.Meta(max_length=16)]


class _Mark(Struct, frozen=True):
    signer: PublicSigning
    signature: Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class _SignedPart(Struct, frozen=True):
    version: Count
    body: Annotated[bytes, msgspec.Meta(max_length=_PART_BYTES_MAX)]
    marks: Annotated[tuple[_Mark, ...], msgspec.Meta(max_length=8)]


SitePart = DeskSheet | RouteSheet | DeviceRegister | ReaderRegister
_P = TypeVar("_P", DeskSheet, RouteSheet, DeviceRegister, ReaderRegister)


def sign_part(document: SitePart, signers: Sequence[SigningKey]) -> bytes:
    """A signed document as bytes for a file or the wire."""
    body = encode(document)
    claim = _part_claim(type(document), body)
    marks = tuple(_Mark(key.public, key.sign(claim)) for key in signers)
    return encode(_SignedPart(_PART_VERSION, body, marks))


def read_part(
    untrusted: bytes, noun: type[_P], *, trusted: Collection[bytes], needed: int, at_least_version: int = 0
) -> _P:
    """Verify and parse a signed document.

    Raises:
        Refused: "too-large", "malformed", "unknown-version", "not-signed" (fewer than `needed` different trusted
            signers), "unknown-suite" or "old-version".
    """
    part = _parse(untrusted)
    claim = _part_claim(noun, part.body)
    good = {m.signer for m in part.marks if m.signer in trusted and verify(m.signer, m.signature, claim)}
    if needed < 1 or len(good) < needed:
        raise Refused("not-signed", f"{noun.__name__} has {len(good)} of {needed} signatures")
    document = decode(part.body, noun)
    if getattr(document, "suite", SUITE) != SUITE:
        raise Refused("unknown-suite")
    if document.version < at_least_version:
        raise Refused("old-version", f"{noun.__name__} {document.version} is older than {at_least_version}")
    return document


def read_founding(untrusted: bytes, noun: type[_P]) -> _P:
    """Read a readers' document for the first time: two of the readers that it names must have signed it.

    That proves only that it holds together. Which people they are is checked by comparing fingerprints (`fingerprint`).
    """
    if noun is RouteSheet or noun is ReaderRegister:
        document = decode(_parse(untrusted).body, noun)
        return read_part(untrusted, noun, trusted=reader_keys(document), needed=READERS_NEEDED)
    raise ProgrammerError("only readers' documents have founders")


def reader_keys(document: SitePart) -> frozenset[bytes]:
    """The signing keys of the readers that a readers' document names."""
    if isinstance(document, RouteSheet | ReaderRegister):
        return frozenset(reader.signing for reader in document.readers)
    raise ProgrammerError("only readers' documents name readers")


def profile_claim(text: bytes) -> bytes:
    """The bytes that the issuer signs for a site profile."""
    return b"quietbell/1 profile\0" + text


def portal_claim(text: bytes) -> bytes:
    """The bytes that the issuer signs for a site's rules for people's own devices, with their texts."""
    return b"quietbell/1 portal\0" + text


@dataclass(frozen=True, slots=True)
class SealSheet:
    """What a kiosk knows of its site: two documents, each signed by those who may."""

    desks: DeskSheet
    routes: RouteSheet

    def desk_signing(self, desk: bytes) -> bytes | None:
        return next((entry.signing for entry in self.desks.desks if entry.id == desk), None)

    def reader(self, reader: bytes) -> SheetReader | None:
        return next((entry for entry in self.routes.readers if entry.id == reader), None)

    def route_names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.routes.routes)


def _parse(untrusted: bytes) -> _SignedPart:
    if len(untrusted) > _PART_BYTES_MAX:
        raise Refused("too-large")
    part = decode(untrusted, _SignedPart)
    if part.version != _PART_VERSION:
        raise Refused("unknown-version")
    return part


def _part_claim(noun: type[SitePart], body: bytes) -> bytes:
    # The noun's name keeps a signature over one kind of document from standing under another.
    return b"quietbell/1 part\0" + noun.__name__.encode() + b"\0" + body
