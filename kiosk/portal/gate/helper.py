"""What the gate does with a question: decides within caps of its own, whoever asks.

The web process may have been taken over: it can name an address and a time, and gets no further. The MAC comes from the
kernel, the network, the longest time, the most devices and the kinds of access from the signed bundle, and a refused
device stays refused. Owns these decisions; the kernel's table is `table`, the wire `line`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from firmware.errors import Refused, TechnicianError
from firmware.local_link import Peer
from firmware.network_settings import NetworkSettings
from kiosk.portal.gate.day_key import DayKey
from kiosk.portal.gate.elements import Address, Admission, Mark
from kiosk.portal.gate.line import (
    SCAN_MAX_BYTES,
    Admit,
    Answer,
    Clients,
    Done,
    Failed,
    Heard,
    Known,
    Question,
    Refuse,
    Revoke,
    Scan,
    Seen,
    Who,
    page_of,
    read_question,
    write,
)
from kiosk.portal.gate.neighbours import Neighbour, Neighbours
from kiosk.portal.gate.table import Table

SECONDS_MAX = 12 * 3600
DEVICES_MAX = 1024
# Private addresses of one phone change daily and overlap; a device with more is collecting them.
ADDRESSES6_MAX = 8
# A scan takes the radio off its channel; whoever asks more often gets the same picture.
SCAN_EVERY_SECONDS = 60.0

MARKS = {"web": Mark.WEB, "all": Mark.ALL}
_NAMES = {mark: name for name, mark in MARKS.items()}

_log = logging.getLogger("quietbell.portal.gate")


@dataclass(frozen=True, slots=True)
class Clocks:
    monotonic: Callable[[], float]
    wall: Callable[[], float]


class GateHelper:
    """Answers questions, from any thread."""

    def __init__(
        self,
        *,
        network: NetworkSettings,
        accesses: Iterable[str],
        table: Table,
        neighbours: Neighbours,
        day_key: DayKey,
        scan: Callable[[], str],
        clocks: Clocks,
    ) -> None:
        self._network, self._accesses = network, frozenset(accesses)
        self._table, self._neighbours, self._day_key = table, neighbours, day_key
        self._scan, self._clocks = scan, clocks
        self._lock, self._scan_lock = threading.Lock(), threading.Lock()
        self._scanned: tuple[float, str] | None = None

    def answer(self, peer: Peer, untrusted: bytes) -> bytes:
        """One question of an allowed peer. Raises Refused for what is no question: its asker gets no answer."""
        del peer
        question = read_question(untrusted)
        try:
            return write(self._answer(question))
        except TechnicianError as problem:
            _log.error("gate-cannot", extra={"why": str(problem)})
            return write(Failed(str(problem)))

    def learn(self, neighbours: Iterable[Neighbour]) -> None:
        """A device that is admitted has another IPv6 address: it may use that one too."""
        with self._lock:
            held = {(one.mac, one.address): one for one in self._table.admissions()}
            new: list[Admission] = []
            for one in neighbours:
                if (one.mac, one.address) not in held and self._is_client(one.address):
                    new += _also(one, [*held.values(), *new])
            if new:
                self._table.admit(new)

    def tick(self) -> bool:
        """Forget what is over; put the table back if somebody took it away. Returns whether that was so."""
        with self._lock:
            self._table.prune()
            if self._table.stands():
                return False
            _log.error("table-gone", extra={"admitted": self._table.raise_()})
            return True

    def _answer(self, question: Question) -> Answer:
        if isinstance(question, Scan):
            # takes seconds, and nothing of what the lock guards
            return Heard(self._latest_scan())
        with self._lock:
            match question:
                case Who():
                    return Known(self._who(_address(question.address)))
                case Admit():
                    return Known(self._admit_one(question))
                case Revoke():
                    self._revoke(self._admissions_of(question.pseudonym))
                case Refuse():
                    self._refuse(_address(question.address))
                case Clients():
                    return page_of(self._clients(), question.skip)
        return Done()

    def _who(self, address: Address) -> bytes | None:
        mac = self._neighbours.mac_of(address) if self._is_client(address) else None
        return None if mac is None else self._pseudonym(mac, address)

    def _admit_one(self, question: Admit) -> bytes | None:
        address = _address(question.address)
        mac = self._neighbours.mac_of(address) if self._is_client(address) else None
        refusal = self._refusal(mac, address, question)
        if mac is None or refusal:
            _log.warning("not-admitted", extra={"reason": refusal})
            return None
        seconds = min(question.seconds, SECONDS_MAX, self._day_key.seconds_left(self._clocks.wall()))
        first = Admission(mac, address, MARKS[question.access], max(seconds, 1))
        others: list[Admission] = []
        if address.version == 4 and self._network.address6 is not None:
            for one in self._neighbours.all(only6=True):
                if one.mac == mac and self._is_client(one.address):
                    others += _also(one, [first, *others])
        self._table.admit([first, *others])
        return self._pseudonym(mac, address)

    def _refusal(self, mac: str | None, address: Address, question: Admit) -> str:
        """Why not; empty: nothing against it."""
        if mac is None:
            return "no-client"
        if question.seconds < 1:
            return "no-time"
        if question.access not in self._accesses:
            return "access"
        if self._table.is_refused(mac):
            return "refused-device"
        return "" if self._has_room(mac, address) else "full"

    def _has_room(self, mac: str, address: Address) -> bool:
        if self._table.mark_of(mac, address) is not None:
            return True
        own6 = sum(one.address.version == 6 for one in self._table.admissions(mac)) if address.version == 6 else 0
        return own6 < ADDRESSES6_MAX and (own6 > 0 or self._table.devices(address.version) < DEVICES_MAX)

    def _revoke(self, gone: list[Admission]) -> None:
        """These, and what their devices have been given beside them."""
        macs = {one.mac for one in gone if one.address.version == 4}
        extra = [one for one in self._table.admissions() if one.address.version == 6 and one.mac in macs]
        both = list(dict.fromkeys([*gone, *extra]))
        if both:
            self._table.revoke(both)

    def _refuse(self, address: Address) -> None:
        mac = self._neighbours.mac_of(address) if self._is_client(address) else None
        if mac is None:
            return
        left = self._day_key.seconds_left(self._clocks.wall())
        self._table.refuse(mac, min(max(left, 1), SECONDS_MAX))
        self._revoke(self._table.admissions(mac))

    def _clients(self) -> list[Seen]:
        """Each pseudonym once, its IPv4 address first."""
        admissions = self._table.admissions()
        admitted, first = {(one.mac, one.address): one for one in admissions}, _first4(admissions)
        there = [(one.mac, one.address) for one in self._neighbours.all() if self._is_client(one.address)]
        seen: dict[bytes, Seen] = {}
        for mac, address in sorted({*there, *admitted}, key=lambda pair: (pair[1].version, int(pair[1]), pair[0])):
            pseudonym, held = self._name(mac, address, first), admitted.get((mac, address))
            seconds, access = (held.seconds, _NAMES[held.mark]) if held else (None, "")
            seen.setdefault(pseudonym, Seen(pseudonym, address, seconds, access))
        return list(seen.values())

    def _admissions_of(self, pseudonym: bytes) -> list[Admission]:
        admissions = self._table.admissions()
        first = _first4(admissions)
        return [one for one in admissions if self._name(one.mac, one.address, first) == pseudonym]

    def _pseudonym(self, mac: str, address: Address) -> bytes:
        return self._name(mac, address, _first4(self._table.admissions(mac)) if address.version == 6 else {})

    def _name(self, mac: str, address: Address, first: Mapping[str, Address]) -> bytes:
        """A device that was admitted by IPv4 keeps that name for its IPv6 addresses."""
        known = first.get(mac, address) if address.version == 6 else address
        return self._day_key.pseudonym(mac, known, self._clocks.wall())

    def _is_client(self, address: Address) -> bool:
        own = self._network.address4 if address.version == 4 else self._network.address6
        return own is not None and address in own.network and address != own.ip

    def _latest_scan(self) -> str:
        with self._scan_lock:
            now = self._clocks.monotonic()
            if self._scanned is None or now - self._scanned[0] >= SCAN_EVERY_SECONDS:
                untrusted = self._scan().encode()[:SCAN_MAX_BYTES]
                self._scanned = now, untrusted.decode(errors="ignore")
            return self._scanned[1]


def _first4(admissions: Iterable[Admission]) -> Mapping[str, Address]:
    """The lowest admitted IPv4 address of each device."""
    first: dict[str, Address] = {}
    for one in sorted((one for one in admissions if one.address.version == 4), key=lambda one: int(one.address)):
        first.setdefault(one.mac, one.address)
    return first


def _also(neighbour: Neighbour, held: list[Admission]) -> list[Admission]:
    """What an admitted device's further IPv6 address gets: the same access for the same time; nothing beyond eight."""
    own = [one for one in held if one.mac == neighbour.mac]
    if neighbour.address.version == 4 or not own or any(one.address == neighbour.address for one in own):
        return []
    if sum(one.address.version == 6 for one in own) >= ADDRESSES6_MAX:
        return []
    longest = max(own, key=lambda one: one.seconds)
    return [Admission(neighbour.mac, neighbour.address, longest.mark, longest.seconds)]


def _address(untrusted: str) -> Address:
    """Raises Refused("malformed"). An IPv4 client that came to an IPv6 socket is that IPv4 client."""
    try:
        address = ip_address(untrusted)
    except ValueError:
        raise Refused("malformed", "no address") from None
    if isinstance(address, IPv6Address):
        if address.scope_id:
            # a zone may hold any letters, and addresses go into nft's own language
            raise Refused("malformed", "an address with a zone")
        return address.ipv4_mapped or address
    return address
