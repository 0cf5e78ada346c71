"""What the table holds that changes: who is admitted, who is refused, which garden addresses are open. Pure.

Owns the text that changes them, one transaction each, and the reading of what the kernel lists. An admission is a pair
of MAC and address with the mark of its access; the kernel forgets it by itself when its time is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

TABLE = "inet quietbell"

Address = IPv4Address | IPv6Address
Json = Mapping[str, object]


class Mark(IntEnum):
    """The packet mark of each access class; 0 is nobody."""

    # TCP 80 and 443, UDP 443
    WEB = 0x51
    ALL = 0x52


@dataclass(frozen=True, slots=True)
class Admission:
    """One admitted pair with the whole seconds that it has left."""

    mac: str
    address: Address
    mark: Mark
    seconds: int


@dataclass(frozen=True, slots=True)
class Timed:
    """A refused MAC or an open garden address, with the seconds it has left."""

    key: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Live:
    """Everything that must outlast a new ruleset."""

    admissions: tuple[Admission, ...] = ()
    refused: tuple[Timed, ...] = ()
    garden4: tuple[Timed, ...] = ()
    garden6: tuple[Timed, ...] = ()


def admit_text(new: Sequence[Admission], known: Iterable[Admission], ousted: Iterable[Admission] = ()) -> str:
    """Admit each, or give it a new time. `known`: what the table may hold already, which the first `add` must match.
    `ousted`: pairs of other devices with these addresses.

    nft renews no element: add (so that delete finds it, even if it has just run out), delete, add anew.
    """
    marks = {(one.mac, one.address): one.mark for one in known}
    lines = [line for one in ousted for line in _pair_gone(one)]
    for one in new:
        pair, places = f"{one.mac} . {one.address}", _places(one.address)
        held = marks.get((one.mac, one.address), one.mark)
        lines += [
            *(f"{verb} element {TABLE} {places[0]} {{ {pair} : {held:#x} }}" for verb in ("add", "delete")),
            f"add element {TABLE} {places[0]} {{ {pair} timeout {one.seconds}s : {one.mark:#x} }}",
            *(f"{verb} element {TABLE} {places[1]} {{ {one.address} }}" for verb in ("add", "delete")),
            f"add element {TABLE} {places[1]} {{ {one.address} timeout {one.seconds}s }}",
        ]
    return _text(lines)


def revoke_text(gone: Sequence[Admission]) -> str:
    """End these admissions, also if they have just run out by themselves."""
    lines = []
    for one in gone:
        lines += _pair_gone(one)
        lines += [f"{verb} element {TABLE} {_places(one.address)[1]} {{ {one.address} }}" for verb in ("add", "delete")]
    return _text(lines)


def refuse_text(mac: str, seconds: int) -> str:
    """Refuse a device for this long, from now."""
    lines = [f"{verb} element {TABLE} refused {{ {mac} }}" for verb in ("add", "delete")]
    return _text([*lines, f"add element {TABLE} refused {{ {mac} timeout {seconds}s }}"])


def read_live(listed: Mapping[str, Sequence[object]]) -> Live:
    """From the elements that nft lists in JSON, by the name of their set; those with less than a second are over."""
    admissions = [*map(_admission, listed.get("admitted4", ())), *map(_admission, listed.get("admitted6", ()))]
    return Live(
        admissions=tuple(one for one in admissions if one.seconds > 0),
        refused=_timed(listed.get("refused", ())),
        garden4=_timed(listed.get("garden4", ())),
        garden6=_timed(listed.get("garden6", ())),
    )


def _pair_gone(one: Admission) -> list[str]:
    pair = f"{one.mac} . {one.address} : {one.mark:#x}"
    return [f"{verb} element {TABLE} {_places(one.address)[0]} {{ {pair} }}" for verb in ("add", "delete")]


def _places(address: Address) -> tuple[str, str]:
    """The map of pairs and the set of addresses that hear replies."""
    return (f"admitted{address.version}", f"admitted_address{address.version}")


def _admission(listed: object) -> Admission:
    key, mark = _pair(listed)
    element = _element(key)
    mac, address = _pair(_fields(element["val"])["concat"])
    return Admission(str(mac), ip_address(str(address)), Mark(int(str(mark))), _seconds(element))


def _timed(listed: Sequence[object]) -> tuple[Timed, ...]:
    found = [Timed(str(element["val"]), _seconds(element)) for element in map(_element, listed)]
    return tuple(one for one in found if one.seconds > 0)


def _element(listed: object) -> Json:
    return _fields(_fields(listed)["elem"])


def _seconds(element: Json) -> int:
    return int(str(element.get("expires", 0)))


def _fields(value: object) -> Json:
    if not isinstance(value, dict):
        raise ValueError(f"a table in nft's list, not {type(value).__name__}")
    return value


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("a pair in nft's list")
    return value[0], value[1]


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
