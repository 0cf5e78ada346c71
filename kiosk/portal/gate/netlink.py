"""Frames of netlink(7): how a program asks the kernel about its network without starting another program. Mostly pure.

Owns message and attribute framing and one question–answer exchange. What is asked is `neighbours` and `flows`.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

from firmware.errors import TechnicianError

REQUEST, DUMP = 0x1, 0x300
ERROR, DONE = 2, 3
# an attribute's type without its flag bits
_TYPE_MASK = 0x3FFF
# netlink(7) asks for at least a page; the kernel sends dumps in pieces of up to 32 KiB
RECEIVE_BYTES = 64 * 1024
# The kernel answers at once, or something is very wrong.
EXCHANGE_SECONDS = 2.0

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_CODE = struct.Struct("=i")


class NetlinkFault(TechnicianError):
    """The kernel refused; `number` is its errno."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"netlink: {os.strerror(number)}")


def message(kind: int, flags: int, payload: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(payload), kind, REQUEST | flags, 0, 0) + payload


def attribute(kind: int, data: bytes) -> bytes:
    """Padded to four bytes, as the next one must be."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data + bytes(-len(data) % 4)


def messages(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each message in one datagram of the kernel's."""
    at = 0
    while at + _HEADER.size <= len(raw):
        length, kind, _, _, _ = _HEADER.unpack_from(raw, at)
        yield kind, raw[at + _HEADER.size : at + length]
        at += max(length + -length % 4, _HEADER.size)


def attributes(raw: bytes) -> dict[int, bytes]:
    """By type, without flag bits; the last of a type wins."""
    found, at = {}, 0
    while at + _ATTRIBUTE.size <= len(raw):
        length, kind = _ATTRIBUTE.unpack_from(raw, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = raw[at + _ATTRIBUTE.size : at + length]
        at += length + -length % 4
    return found


def open_line(protocol: int, groups: int = 0) -> socket.socket:
    line = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    line.bind((0, groups))
    return line


def exchange(protocol: int, kind: int, flags: int, payload: bytes) -> list[tuple[int, bytes]]:
    """Ask one question and return the messages of its answer. Raises NetlinkFault when the kernel says no."""
    answer: list[tuple[int, bytes]] = []
    with open_line(protocol) as line:
        line.settimeout(EXCHANGE_SECONDS)
        line.send(message(kind, flags, payload))
        more = True
        while more:
            for found, content in messages(line.recv(RECEIVE_BYTES)):
                if found == ERROR:
                    _raise_if_refused(content)
                if found in (ERROR, DONE):
                    return answer
                answer.append((found, content))
            more = bool(flags & DUMP)
    return answer


def _raise_if_refused(content: bytes) -> None:
    (code,) = _CODE.unpack_from(content)
    if code:
        raise NetlinkFault(-code)
