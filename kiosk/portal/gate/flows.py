"""Forgets the connections of a client in the kernel's connection tracking, when what it may do has changed.

A connection that was led to the portal before acceptance would be led there for as long as it lives, and phones keep
connections alive. What goes to this device in any case stays: names, and the page that says so to the person.
Owns the questions to the kernel (nfnetlink_conntrack); changes nothing but one client's entries.
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
# linux/netfilter/nfnetlink_conntrack.h: the tuple of the first packet, the entry's id, the filter of a dump (Linux 5.8)
_ORIGINAL, _ID, _FILTER = 1, 12, 25
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


def forget_flows(address: Address, own: Collection[Address]) -> int:
    """Forget the connections that `address` has begun, but for names and those to our `own` addresses.

    Returns how many there were. Some 10 ms, for the kernel looks through all of its table. Raises NetlinkFault.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    source, destination = _ENDS[address.version]
    kept = {one.packed for one in own}
    head = _GENERIC.pack(family, 0, 0)
    wanted = attribute(NESTED | _ADDRESSES, attribute(source, address.packed))
    only = attribute(NESTED | _FILTER, attribute(_FILTER_ORIGINAL, _SOURCE_MATCHES))
    gone = 0
    for _, content in exchange(_NETFILTER, _GET, DUMP, head + attribute(NESTED | _ORIGINAL, wanted) + only):
        entry = attributes(content[_GENERIC.size :])
        flow = attributes(entry.get(_ORIGINAL, b""))
        ends = attributes(flow.get(_ADDRESSES, b""))
        port = attributes(flow.get(_PROTOCOL, b"")).get(_DESTINATION_PORT)
        # a kernel that knows no filter lists everybody's
        if ends.get(source) == address.packed and ends.get(destination) not in kept and port != _DNS:
            gone += _delete(head, entry)
    return gone


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
