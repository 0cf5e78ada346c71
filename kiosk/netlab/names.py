"""A name server for a lab: every name exists, with an address made from it; pure.

Answers A and AAAA truthfully (the same name always has the same address; a few have the one they have in the world) and
says that there is nothing of any other type. Names below .invalid do not exist.
"""

from __future__ import annotations

import hashlib
import struct
from ipaddress import IPv4Address, IPv6Address

from kiosk.netlab.truths import ADDRESSES4, ADDRESSES6

HEADER_BYTES = 12
TYPE_A, TYPE_AAAA = 1, 28
SECONDS_TO_LIVE = 60
# answer, recursion available; and with it: no such name
_ANSWER, _NO_SUCH_NAME = 0x8180, 0x8183
# Test networks of RFC 5737 and RFC 3849: public in every list of private ranges, and nobody's.
_SITES4 = int(IPv4Address("198.51.100.0"))
_SITES6 = int(IPv6Address("2001:db8:ffff::"))


def address4(name: str) -> IPv4Address:
    known = ADDRESSES4.get(name.lower())
    return IPv4Address(known) if known else IPv4Address(_SITES4 + 1 + _number(name) % 250)


def address6(name: str) -> IPv6Address:
    known = ADDRESSES6.get(name.lower())
    return IPv6Address(known) if known else IPv6Address(_SITES6 + 1 + _number(name) % 65_000)


def question(packet: bytes) -> tuple[str, int, int]:
    """Name, type and the offset behind the question. Raises ValueError or IndexError for what is no question."""
    labels, at = [], HEADER_BYTES
    while packet[at]:
        length = packet[at]
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    (kind,) = struct.unpack_from("!H", packet, at + 1)
    return ".".join(labels), kind, at + 5


def answer(packet: bytes) -> bytes:
    """The answer to one question. Raises ValueError or IndexError for what is no question."""
    name, kind, end = question(packet)
    data = b""
    if kind == TYPE_A:
        data = address4(name).packed
    elif kind == TYPE_AAAA:
        data = address6(name).packed
    exists = not name.lower().endswith("invalid")
    records = 1 if data and exists else 0
    header = packet[:2] + struct.pack("!HHHHH", _ANSWER if exists else _NO_SUCH_NAME, 1, records, 0, 0)
    if not records:
        return header + packet[HEADER_BYTES:end]
    # 0xC00C points back at the name in the question
    record = struct.pack("!HHHIH", 0xC00C, kind, 1, SECONDS_TO_LIVE, len(data)) + data
    return header + packet[HEADER_BYTES:end] + record


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.lower().encode()).digest()[:4], "big")
