"""Which MAC is behind an address: the kernel's neighbour table, which no client can write but by being there.

Owns the questions to the kernel (rtnetlink(7)) about one interface. Nobody's word but the kernel's is taken: whoever
asks the gate names an address, never a MAC.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from kiosk.portal.gate.elements import Address
from kiosk.portal.gate.netlink import DUMP, RECEIVE_BYTES, NetlinkFault, attribute, attributes, exchange, messages
from kiosk.portal.gate.netlink import open_line as open_netlink

_ROUTE = 0
_NEW_NEIGHBOUR, _GET_NEIGHBOUR = 28, 30
_GROUP_OF_NEIGHBOURS = 1 << 2
_ADDRESS, _MAC = 1, 2
# reachable, stale, delay, probe, permanent: a MAC was heard. Not: incomplete, failed, none.
_HEARD = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
_MAC_BYTES = 6
# struct ndmsg: family, interface, state, flags, type
_ENTRY = struct.Struct("=BxxxiHBB")


@dataclass(frozen=True, slots=True)
class Neighbour:
    address: Address
    mac: str


class Neighbours:
    """The neighbours on one interface, which may come and go."""

    def __init__(self, interface: str) -> None:
        self._interface = interface

    def mac_of(self, address: Address) -> str | None:
        """None: nobody with this address has been heard. Raises NetlinkFault when the kernel cannot be asked."""
        index = self._index()
        if index is None:
            return None
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        try:
            question = _ENTRY.pack(family, index, 0, 0, 0) + attribute(_ADDRESS, address.packed)
            answer = exchange(_ROUTE, _GET_NEIGHBOUR, 0, question)
        except NetlinkFault as fault:
            if fault.number == errno.ENOENT:
                return None
            raise
        return next((found.mac for found in _parse(answer, index) if found.address == address), None)

    def all(self, *, only6: bool = False) -> list[Neighbour]:
        """Everybody who has been heard, or by IPv6 alone. Raises NetlinkFault."""
        index = self._index()
        if index is None:
            return []
        question = _ENTRY.pack(socket.AF_INET6 if only6 else socket.AF_UNSPEC, 0, 0, 0, 0)
        return list(_parse(exchange(_ROUTE, _GET_NEIGHBOUR, DUMP, question), index))

    def _index(self) -> int | None:
        try:
            return socket.if_nametoindex(self._interface)
        except OSError:
            return None


class NeighbourNews:
    """Tells who has just been heard on the interface; readable for select whenever there is something."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._line = open_netlink(_ROUTE, _GROUP_OF_NEIGHBOURS)
        self._line.setblocking(False)

    def fileno(self) -> int:
        return self._line.fileno()

    def read(self) -> list[Neighbour]:
        """What has come, without waiting. Some may be missing after a flood: look at all of them now and then."""
        try:
            index = socket.if_nametoindex(self._interface)
        except OSError:
            index = -1
        found: list[Neighbour] = []
        while True:
            try:
                found += _parse(messages(self._line.recv(RECEIVE_BYTES)), index)
            except BlockingIOError:
                return found
            except OSError as problem:
                # more came than the kernel keeps for us
                if problem.errno != errno.ENOBUFS:
                    raise

    def close(self) -> None:
        self._line.close()


def _parse(answer: Iterator[tuple[int, bytes]] | list[tuple[int, bytes]], index: int) -> Iterator[Neighbour]:
    for kind, content in answer:
        if kind != _NEW_NEIGHBOUR or len(content) < _ENTRY.size:
            continue
        _, interface, state, _, _ = _ENTRY.unpack_from(content)
        fields = attributes(content[_ENTRY.size :])
        mac, address = fields.get(_MAC, b""), fields.get(_ADDRESS, b"")
        if interface == index and state & _HEARD and is_device(mac) and len(address) in (4, 16):
            yield Neighbour(ip_address(address), mac.hex(":"))


def is_device(mac: bytes) -> bool:
    """One device's address, not a group's nor nobody's."""
    return len(mac) == _MAC_BYTES and not mac[0] & 1 and any(mac)
