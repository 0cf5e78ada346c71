"""The envelope: signed, sealed, padded. One format for wire and disk.

An up envelope is ``msgpack[version, clear, alert_ct, story_ct, signature]`` and has one size, whatever it carries.
Its clear part holds who and which, a commitment to each content key, and three slots: the alert key sealed to the
site's desks, the story key sealed to one route, the story key sealed to the site's recovery key. No slot names its
route. A heartbeat runs through the same code with an empty story, so that nothing tells it from a report.

A down envelope (desk to kiosk) and a desk note (desk to desks) are ``msgpack[version, clear, body, signature]``, the
body sealed straight to its reader, each kind of one size.

HPKE base mode authenticates no sender (RFC 9180, section 9.1), so Ed25519 binds every byte, slots included. Pure but
for the randomness that is passed in and HPKE's own ephemeral keys. Knows nothing of MQTT, files or people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from firmware.errors import ProgrammerError, Refused
from firmware.identity import SEAL_OVERHEAD_BYTES, SUITE, KemKey, Recipient, SigningKey, verify
from firmware.messages import (
    WIRE_VERSION,
    Alert,
    DeskNote,
    Digest,
    Down,
    Id,
    Story,
    Struct,
    decode,
    encode,
    encode_into,
)

# Sizes of the padded plaintexts: each fits the largest that `messages` allows (a test builds them), but for a down
# envelope with more than three full commands, which `fits_down` finds.
ALERT_BYTES = 896
STORY_BYTES = 3328
DOWN_BYTES = 2560
NOTE_BYTES = 4608

_TAG_BYTES = 16
_KEY_BYTES = 32
SLOT_BYTES = _KEY_BYTES + SEAL_OVERHEAD_BYTES
# Each content key encrypts exactly one plaintext, so a constant nonce is never used twice with one key.
_NONCE = bytes(12)

Slot = Annotated[bytes, msgspec.Meta(min_length=SLOT_BYTES, max_length=SLOT_BYTES)]
FixedEpoch = Annotated[bytes, msgspec.Meta(min_length=4, max_length=4)]
RandomBytes = Callable[[int], bytes]


class Header(Struct, frozen=True):
    """Who sealed which envelope. `epoch` is four big-endian bytes so that every header has one size."""

    site: Id
    device: Id
    id: Id
    epoch: FixedEpoch


class Clear(Struct, frozen=True):
    """All that the broker can see of an up envelope."""

    header: Header
    alert_commitment: Digest
    story_commitment: Digest
    alert_slot: Slot
    route_slot: Slot
    recovery_slot: Slot


class _Up(Struct, frozen=True):
    version: Annotated[int, msgspec.Meta(ge=0, le=255)]
    clear: bytes
    alert_ct: bytes
    story_ct: bytes
    signature: bytes


class DirectHeader(Struct, frozen=True):
    """Who sealed a down envelope or desk note, and for whom (`to` is the site itself for a note)."""

    site: Id
    desk: Id
    to: Id
    id: Id


class _Direct(Struct, frozen=True):
    version: int
    header: DirectHeader
    body: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class UpEnvelope:
    """A parsed up envelope. Nothing in it is to be believed before `check_signature`.

    `version` may be one that we do not know yet: a kiosk newer than its desk must be heard, not dropped.
    """

    version: int
    header: Header
    clear: Clear
    digest: bytes
    untrusted_bytes: bytes
    alert_ct: bytes
    story_ct: bytes
    signature: bytes
    signed: bytes

    @property
    def epoch(self) -> int:
        return int.from_bytes(self.header.epoch, "big")

    def check_signature(self, device_signing: bytes) -> None:
        """Raises Refused("bad-signature")."""
        if not verify(device_signing, self.signature, self.signed):
            raise Refused("bad-signature")


@dataclass(frozen=True, slots=True)
class SealTo:
    """The three public keys that one envelope is sealed to."""

    alert: Recipient
    route: Recipient
    recovery: Recipient


@dataclass(frozen=True, slots=True)
class Blank:
    """An envelope with its keys and slots made but nothing in it yet.

    The slots depend on the header and the content keys only, so a kiosk makes the next blank while it is idle and a
    press waits for two symmetric encryptions and one signature instead of three key encapsulations.
    """

    clear: Clear
    alert_key: bytes
    story_key: bytes


def make_blank(*, site: bytes, device: bytes, id: bytes, epoch: int, to: SealTo, random_bytes: RandomBytes) -> Blank:
    """Three real seals; ids are 16 bytes."""
    header = Header(site, device, id, epoch.to_bytes(4, "big"))
    bound = _bound(header)
    alert_key, story_key = random_bytes(_KEY_BYTES), random_bytes(_KEY_BYTES)
    clear = Clear(
        header,
        _commitment(b"alert", alert_key, bound),
        _commitment(b"story", story_key, bound),
        to.alert.seal(alert_key, _info(b"alert", bound)),
        to.route.seal(story_key, _info(b"route", bound)),
        to.recovery.seal(story_key, _info(b"recovery", bound)),
    )
    return Blank(clear, alert_key, story_key)


def fill(blank: Blank, alert: Alert, story: Story, signer: SigningKey) -> bytes:
    """Put an alert and a story into a blank and sign it. The plaintext buffers are overwritten before returning.

    A blank is filled once: a second fill would encrypt two plaintexts under one key.

    Raises:
        ProgrammerError: a plaintext is larger than its padding.
    """
    bound = _bound(blank.clear.header)
    alert_ct = _encrypt(blank.alert_key, alert, ALERT_BYTES, bound)
    story_ct = _encrypt(blank.story_key, story, STORY_BYTES, bound)
    clear = encode(blank.clear)
    signature = signer.sign(_up_claim(WIRE_VERSION, clear, alert_ct, story_ct))
    return encode(_Up(WIRE_VERSION, clear, alert_ct, story_ct, signature))


def parse_up(untrusted: bytes) -> UpEnvelope:
    """Check size, shape and version of bytes from outside.

    Raises:
        Refused: "wrong-size", "malformed".
    """
    if len(untrusted) != UP_BYTES:
        raise Refused("wrong-size", f"{len(untrusted)} bytes")
    up = decode(untrusted, _Up)
    if len(up.alert_ct) != ALERT_BYTES + _TAG_BYTES or len(up.story_ct) != STORY_BYTES + _TAG_BYTES:
        raise Refused("malformed", "a part has another size")
    clear = decode(up.clear, Clear)
    signed = _up_claim(up.version, up.clear, up.alert_ct, up.story_ct)
    digest = hashlib.sha256(untrusted).digest()
    return UpEnvelope(
        up.version, clear.header, clear, digest, untrusted, up.alert_ct, up.story_ct, up.signature, signed
    )


def open_alert(up: UpEnvelope, desk_key: KemKey) -> Alert:
    """The part for desks. Raises Refused("unknown-version"), "will-not-open", "bad-commitment" or "malformed"."""
    if up.version != WIRE_VERSION:
        raise Refused("unknown-version")
    bound = _bound(up.header)
    key = desk_key.open(up.clear.alert_slot, _info(b"alert", bound))
    _check_commitment(b"alert", key, bound, up.clear.alert_commitment)
    return _decrypt(key, up.alert_ct, Alert, bound)


def open_story(up: UpEnvelope, route_keys: Iterable[KemKey]) -> Story:
    """The part for readers: tries each key, since no slot names its route.

    Raises:
        Refused: "will-not-open" when none of the keys opens it; "bad-commitment" or "malformed".
    """
    bound = _bound(up.header)
    for route_key in route_keys:
        try:
            key = route_key.open(up.clear.route_slot, _info(b"route", bound))
        except Refused:
            continue
        return _open_story_with(key, up, bound)
    raise Refused("will-not-open")


def open_story_for_recovery(up: UpEnvelope, recovery_key: KemKey) -> Story:
    """The same with the site's off-line key."""
    bound = _bound(up.header)
    return _open_story_with(recovery_key.open(up.clear.recovery_slot, _info(b"recovery", bound)), up, bound)


def seal_down(down: Down, header: DirectHeader, signer: SigningKey, to: Recipient) -> bytes:
    """A desk's word to one kiosk; `fits_down` says whether the items fit."""
    return _seal_direct(b"down", down, DOWN_BYTES, header, signer, to)


def open_down(
    untrusted: bytes, *, desk_signing: Callable[[bytes], bytes | None], key: KemKey, site: bytes, device: bytes
) -> tuple[bytes, Down]:
    """Verify and open a down envelope addressed to this device; returns (desk id, what it says).

    Raises:
        Refused: "wrong-size", "malformed", "unknown-version", "wrong-address", "unknown-desk", "bad-signature" or
            "will-not-open".
    """
    desk, body = _open_direct(b"down", untrusted, DOWN_FULL_BYTES, desk_signing, key, site, device)
    return desk, _unpad(body, Down)


def seal_note(note: DeskNote, header: DirectHeader, signer: SigningKey, to: Recipient) -> bytes:
    """A desk's heartbeat and news, sealed to the key that all desks of the site hold."""
    return _seal_direct(b"note", note, NOTE_BYTES, header, signer, to)


def open_note(
    untrusted: bytes, *, desk_signing: Callable[[bytes], bytes | None], key: KemKey, site: bytes
) -> tuple[bytes, DeskNote]:
    """The other side of `seal_note`; raises Refused as `open_down` does."""
    desk, body = _open_direct(b"note", untrusted, NOTE_FULL_BYTES, desk_signing, key, site, site)
    return desk, _unpad(body, DeskNote)


def fits_down(down: Down) -> bool:
    """Whether this much can be said in one down envelope."""
    return len(encode(down)) + 2 <= DOWN_BYTES


def _seal_direct(
    label: bytes, noun: Struct, size: int, header: DirectHeader, signer: SigningKey, to: Recipient
) -> bytes:
    head = encode(header)
    body = to.seal(_padded(noun, size), _info(label, hashlib.sha256(head).digest()))
    signature = signer.sign(_direct_claim(label, head, body))
    return encode(_Direct(WIRE_VERSION, header, body, signature))


def _open_direct(
    label: bytes,
    untrusted: bytes,
    size: int,
    desk_signing: Callable[[bytes], bytes | None],
    key: KemKey,
    site: bytes,
    to: bytes,
) -> tuple[bytes, bytes]:
    if len(untrusted) != size:
        raise Refused("wrong-size", f"{len(untrusted)} bytes")
    direct = decode(untrusted, _Direct)
    if direct.version != WIRE_VERSION:
        raise Refused("unknown-version")
    if direct.header.site != site or direct.header.to != to:
        raise Refused("wrong-address")
    signing = desk_signing(direct.header.desk)
    if signing is None:
        raise Refused("unknown-desk")
    head = encode(direct.header)
    if not verify(signing, direct.signature, _direct_claim(label, head, direct.body)):
        raise Refused("bad-signature")
    return direct.header.desk, key.open(direct.body, _info(label, hashlib.sha256(head).digest()))


_N = TypeVar("_N", bound=Struct)


def _padded(noun: Struct, size: int) -> bytearray:
    # The buffer is made at full size first so that encoding never moves it and leaves a copy of the words behind.
    buffer = bytearray(size)
    encode_into(noun, buffer)
    length = len(buffer)
    if length + 2 > size:
        overwrite(buffer)
        raise ProgrammerError(f"{type(noun).__name__} is {length} bytes, more than {size - 2}")
    padded = bytearray(size)
    padded[0:2] = length.to_bytes(2, "big")
    padded[2 : 2 + length] = buffer
    overwrite(buffer)
    return padded


def overwrite(buffer: bytearray) -> None:
    """Zero a buffer in place."""
    buffer[:] = bytes(len(buffer))


def _unpad(padded: bytes, noun: type[_N]) -> _N:
    length = int.from_bytes(padded[:2], "big")
    if length + 2 > len(padded):
        raise Refused("malformed", "padding")
    return decode(memoryview(padded)[2 : 2 + length], noun)


def _encrypt(key: bytes, noun: Struct, size: int, bound: bytes) -> bytes:
    padded = _padded(noun, size)
    try:
        return ChaCha20Poly1305(key).encrypt(_NONCE, padded, bound)
    finally:
        overwrite(padded)


def _decrypt(key: bytes, ciphertext: bytes, noun: type[_N], bound: bytes) -> _N:
    try:
        return _unpad(ChaCha20Poly1305(key).decrypt(_NONCE, ciphertext, bound), noun)
    except InvalidTag as problem:
        raise Refused("will-not-open") from problem


def _open_story_with(key: bytes, up: UpEnvelope, bound: bytes) -> Story:
    _check_commitment(b"story", key, bound, up.clear.story_commitment)
    return _decrypt(key, up.story_ct, Story, bound)


def _bound(header: Header) -> bytes:
    return hashlib.sha256(bytes([WIRE_VERSION]) + encode(header)).digest()


def _info(purpose: bytes, bound: bytes) -> bytes:
    return b"quietbell/1 seal\0" + bytes([SUITE]) + purpose + b"\0" + bound


def _commitment(purpose: bytes, key: bytes, bound: bytes) -> bytes:
    # ChaCha20-Poly1305 does not commit to its key: without this, one ciphertext could read differently to two readers.
    return hashlib.sha256(b"quietbell/1 commit\0" + purpose + b"\0" + key + bound).digest()


def _check_commitment(purpose: bytes, key: bytes, bound: bytes, expected: bytes) -> None:
    if _commitment(purpose, key, bound) != expected:
        raise Refused("bad-commitment")


def _up_claim(version: int, clear: bytes, alert_ct: bytes, story_ct: bytes) -> bytes:
    # Every part has one fixed size (checked on parsing), so plain concatenation is unambiguous.
    return b"quietbell/1 up\0" + bytes([version]) + clear + alert_ct + story_ct


def _direct_claim(label: bytes, head: bytes, body: bytes) -> bytes:
    return b"quietbell/1 " + label + b"\0" + bytes([WIRE_VERSION]) + head + body


def _up_bytes() -> int:
    header = Header(bytes(16), bytes(16), bytes(16), bytes(4))
    clear = Clear(header, bytes(32), bytes(32), bytes(SLOT_BYTES), bytes(SLOT_BYTES), bytes(SLOT_BYTES))
    parts = bytes(ALERT_BYTES + _TAG_BYTES), bytes(STORY_BYTES + _TAG_BYTES)
    return len(encode(_Up(WIRE_VERSION, encode(clear), *parts, bytes(64))))


def _direct_bytes(size: int) -> int:
    header = DirectHeader(bytes(16), bytes(16), bytes(16), bytes(16))
    return len(encode(_Direct(WIRE_VERSION, header, bytes(size + SEAL_OVERHEAD_BYTES), bytes(64))))


UP_BYTES = _up_bytes()
DOWN_FULL_BYTES = _direct_bytes(DOWN_BYTES)
NOTE_FULL_BYTES = _direct_bytes(NOTE_BYTES)
