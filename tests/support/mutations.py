"""Hostile bytes: what somebody with a stolen certificate could make of envelopes that they have seen.

Pure: a seeded source of (name, bytes). A mutation never returns its own base, so none of them is what was signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

BLOB_BYTES = 64 * 1024
LONGER_BYTES = (1, 7, 64, 4096)


def mutated(chance: Random, bases: Sequence[bytes], ids: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """For ever: bit flips, cuts, extensions, swapped parts, other ids, random bytes, blobs. `ids` are 16-byte ids
    that stand in the bases, such as site and device."""
    kinds = (_flipped, _flipped, _burst, _cut, _longer, _swapped, _moved, _other_id, _random, _random_sized, _msgpack)
    while True:
        base, other = chance.choice(bases), chance.choice(bases)
        if chance.random() < 0.004:
            yield "blob", chance.randbytes(BLOB_BYTES)
            continue
        kind = chance.choice(kinds)
        made = kind(chance, base, other, ids)
        if made not in bases:
            yield kind.__name__.strip("_"), made


def _flipped(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    """One bit."""
    at = chance.randrange(len(base))
    return base[:at] + bytes([base[at] ^ (1 << chance.randrange(8))]) + base[at + 1 :]


def _burst(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    """Some bytes in a row."""
    at, count = chance.randrange(len(base)), chance.randint(2, 64)
    return (base[:at] + chance.randbytes(count) + base[at + count :])[: len(base)]


def _cut(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    return base[: chance.randrange(len(base))]


def _longer(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    return base + chance.randbytes(chance.choice(LONGER_BYTES))


def _swapped(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    """The head of one and the tail of another."""
    at = chance.randrange(1, min(len(base), len(other)))
    return base[:at] + other[at:]


def _moved(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    """Two stretches of one change places."""
    first, second = sorted(chance.sample(range(len(base)), 2))
    return base[second:] + base[first:second] + base[:first]


def _other_id(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    return base.replace(chance.choice(ids), chance.randbytes(16))


def _random(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    """As long as a real one."""
    return chance.randbytes(len(base))


def _random_sized(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    return chance.randbytes(chance.randrange(2000))


def _msgpack(chance: Random, base: bytes, other: bytes, ids: Sequence[bytes]) -> bytes:
    """The beginning of a container that promises far more than there is, in a message of the right size."""
    head = chance.choice([b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\x91" * 900])
    return (head + base[len(head) :])[: len(base)]
