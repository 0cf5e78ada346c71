"""What a thief of disks and a listener on the network could try: search every byte, use every key that lies about."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from firmware import envelope
from firmware.errors import Refused
from firmware.identity import KEM_SEED_BYTES, KemKey
from firmware.messages import WIRE_VERSION, encode

_KEY_BYTES = 32
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}")
_HEX = re.compile(rb"(?:[0-9a-f]{2}){32,}")


def digests_below(folders: Iterable[Path]) -> dict[Path, bytes]:
    """Every ordinary file and what is in it, to tell later which ones a journey has changed."""
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return {file: hashlib.sha256(file.read_bytes()).digest() for file in files}


def changed_since(before: Mapping[Path, bytes], folders: Iterable[Path]) -> list[Path]:
    return [file for file, digest in digests_below(folders).items() if before.get(file) != digest]


def disguises(word: str) -> dict[str, bytes]:
    """A word as it might lie somewhere; base64 at each of its three alignments."""
    found = {encoding: word.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")}
    for name, raw in list(found.items()):
        found[f"{name} in hex"] = raw.hex().encode()
        for shift in range(3):
            whole = base64.b64encode(bytes(shift) + raw)
            # The first and last group also hold bits of the neighbours.
            found[f"{name} in base64, {shift}"] = whole[4 if shift else 0 : (len(raw) + shift) // 3 * 4]
    return {name: needle for name, needle in found.items() if len(needle) >= 6}


def words_in(content: bytes, words: Sequence[str]) -> list[str]:
    """Which words stand in these bytes, and how."""
    lower = content.lower()
    return [
        f"{word} as {name}"
        for word in words
        for name, needle in disguises(word).items()
        if needle in content or ("base64" not in name and needle.lower() in lower)
    ]


def kem_keys_in(contents: Iterable[bytes]) -> Iterator[KemKey]:
    """Every stretch of bytes that can be a private key: the bytes themselves, and base64 or hex in them."""
    for raw in contents:
        for stretch in _stretches(raw):
            for start in range(len(stretch) - KEM_SEED_BYTES + 1):
                try:
                    yield KemKey.from_bytes(stretch[start : start + KEM_SEED_BYTES])
                except (ValueError, Refused):
                    continue


def opens_a_story(up: envelope.UpEnvelope, key: KemKey) -> bool:
    """Whether this key opens the story by any of its slots."""
    with suppress(Refused):
        envelope.open_story(up, [key])
        return True
    with suppress(Refused):
        envelope.open_story_for_recovery(up, key)
        return True
    return False


def decrypts_a_story(up: envelope.UpEnvelope, contents: Iterable[bytes]) -> bool:
    """Whether any 32 bytes in a row are the story's own content key."""
    bound = hashlib.sha256(bytes([WIRE_VERSION]) + encode(up.header)).digest()
    for raw in contents:
        for start in range(len(raw) - _KEY_BYTES + 1):
            try:
                ChaCha20Poly1305(raw[start : start + _KEY_BYTES]).decrypt(bytes(12), up.story_ct, bound)
            except InvalidTag:
                continue
            return True
    return False


def _stretches(raw: bytes) -> Iterator[bytes]:
    if len(raw) < 4096:
        yield raw
    for found in _BASE64.finditer(raw):
        text = found[0].replace(b"-", b"+").replace(b"_", b"/")
        yield base64.b64decode(text[: len(text) // 4 * 4])
    for found in _HEX.finditer(raw):
        yield bytes.fromhex(found[0].decode())
