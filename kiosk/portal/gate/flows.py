"""Forgets the connections of clients that were led to the portal, once they are admitted.

Such a connection would be led there for as long as it lives, and phones keep connections alive. What goes to this
device in any case stays, names and the portal's own pages, and so does whatever is not led astray: its answers would be
lost. Ending an admission needs nothing of this, for what may pass is asked of every packet.
Owns the questions to the kernel (nfnetlink_conntrack); changes nothing but these clients' entries.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection, Mapping

from kiosk.portal.gate.elements import Address
from kiosk.portal.gate.netlink import ACKNOWLEDGE, DUMP, NESTED, NetlinkFault, attribute, attributes, exchange

_NETFILTER = 12
_CONNTRACK = 1 << 8
_GET, _DELETE = _CONNTRACK | 1, _CONNTRACK | 2
# linux/netfilter/nfnetlink_conntrack.h: the tuples of the first packet and of its answer, the entry's id, the filter of
# a dump (Linux 5.8)
_ORIGINAL, _REPLY, _ID, _FILTER = 1, 2, 12, 25
# in a tuple: addresses, and the protocol with its ports
_ADDRESSES, _PROTOCOL, _DESTINATION_PORT = 1, 2, 3
# in a filter: which fields of the original tuple must match; the source address
_FILTER_ORIGINAL, _SOURCE_MATCHES = 1, struct.pack("=I", 1)
# source and destination among the addresses
_ENDS = {4: (1, 2), 6: (3, 4)}
_DNS = (53).to_bytes(2, "big")
# struct nfgenmsg: family, version, resource
_GENERIC = struct.Struct("=BBH")

_Fields = Mapping[int, bytes]


def forget_led_flows(addresses: Collection[Address], own: Collection[Address]) -> int:
    """Forget what these have begun with others and one of our `own` addresses answers, but for names.

    Returns how many there were. Some 10 ms, for the kernel looks through all of its table: give it many at once.
    Raises NetlinkFault.
    """
    gone = 0
    for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        clients = {one.packed for one in addresses if one.version == version}
        if not clients:
            continue
        head, source = _GENERIC.pack(family, 0, 0), _ENDS[version][0]
        only = _only_from(clients.copy().pop(), source) if len(clients) == 1 else b""
        for _, content in exchange(_NETFILTER, _GET, DUMP, head + only):
            entry = attributes(content[_GENERIC.size :])
            # a kernel that knows no filter lists everybody's
            if _end(entry, _ORIGINAL, source) in clients and _is_led(entry, version, own):
                gone += _delete(head, entry)
    return gone


def _only_from(address: bytes, source: int) -> bytes:
    wanted = attribute(NESTED | _ADDRESSES, attribute(source, address))
    which = attribute(NESTED | _FILTER, attribute(_FILTER_ORIGINAL, _SOURCE_MATCHES))
    return attribute(NESTED | _ORIGINAL, wanted) + which


def _is_led(entry: _Fields, family: int, own: Collection[Address]) -> bool:
    source, destination = _ENDS[family]
    kept = {one.packed for one in own}
    asked, answers = _end(entry, _ORIGINAL, destination), _end(entry, _REPLY, source)
    port = attributes(attributes(entry.get(_ORIGINAL, b"")).get(_PROTOCOL, b"")).get(_DESTINATION_PORT)
    return answers in kept and asked not in kept and port != _DNS


def _end(entry: _Fields, which: int, end: int) -> bytes | None:
    return attributes(attributes(entry.get(which, b"")).get(_ADDRESSES, b"")).get(end)


def _delete(head: bytes, entry: _Fields) -> int:
    which = attribute(NESTED | _ORIGINAL, entry[_ORIGINAL]) + attribute(_ID, entry[_ID])
    try:
        exchange(_NETFILTER, _DELETE, ACKNOWLEDGE, head + which)
    except NetlinkFault as fault:
        # it has ended by itself meanwhile
        if fault.number != errno.ENOENT:
            raise
        return 0
    return 1
