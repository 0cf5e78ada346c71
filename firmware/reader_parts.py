"""The readers' ceremony: who may open what, written as two documents that two readers sign.

Owns the roles, the routes of each role, founding, joining and the reading of both documents. Pure but for new keys:
keys come in open, signed bytes go out. The technician's issuer key has no place here, and that is the point: what it
signs is not believed. Knows nothing of files, passphrases or screens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import msgspec

from firmware.errors import BadInput, Refused
from firmware.identity import (
    KEM_SEED_BYTES,
    READERS_NEEDED,
    SUITE,
    KemKey,
    ReaderEntry,
    ReaderRegister,
    RouteEntry,
    RouteKeys,
    RouteSheet,
    SheetReader,
    read_founding,
    read_part,
    reader_keys,
    seal_to,
    sign_part,
)
from firmware.readers import ReaderKeys

NAME_CHARACTERS = 64


class Role(StrEnum):
    """What a reader is at the site. `lead` and `deputy` are of safeguarding."""

    LEAD = "lead"
    DEPUTY = "deputy"
    HEAD = "head"
    MANAGER = "manager"
    INDEPENDENT = "independent"


class Route(StrEnum):
    SAFEGUARDING = "safeguarding"
    CONDUCT = "conduct"
    HEAD = "head"
    INDEPENDENT = "independent"


FOUNDING_ROLES = frozenset({Role.HEAD, Role.LEAD})
# Reports about an adult go to `head`, reports about the head to `independent`; nobody stands in both.
ROUTES_OF_ROLE: Mapping[Role, tuple[Route, ...]] = MappingProxyType(
    {
        Role.LEAD: (Route.SAFEGUARDING, Route.CONDUCT, Route.HEAD),
        Role.DEPUTY: (Route.SAFEGUARDING,),
        Role.HEAD: (Route.SAFEGUARDING, Route.HEAD),
        Role.MANAGER: (Route.CONDUCT,),
        Role.INDEPENDENT: (Route.INDEPENDENT,),
    }
)
# One reader may be ill or be the subject: a private route with fewer is not ready.
READERS_OF_PRIVATE_ROUTE = 2
PRIVATE_ROUTES = (Route.HEAD, Route.INDEPENDENT)


@dataclass(frozen=True, slots=True)
class ReaderParts:
    """Both documents of one version, read."""

    register: ReaderRegister
    sheet: RouteSheet


@dataclass(frozen=True, slots=True)
class SignedParts:
    """The same as signed bytes, for the files `reader_register.qb` and `route_sheet.qb`."""

    register: bytes
    sheet: bytes


@dataclass(frozen=True, slots=True)
class Person:
    """A reader with their keys open, present at the ceremony."""

    entry: ReaderEntry
    keys: ReaderKeys


def found_register(site: bytes, recovery_key: bytes, founders: Sequence[Person]) -> SignedParts:
    """Version 1 of both documents, by the head and the lead together.

    Raises:
        BadInput: not exactly one head and one lead, or both are one person.
    """
    roles = {founder.entry.role for founder in founders}
    if len(founders) != READERS_NEEDED or roles != FOUNDING_ROLES:
        raise BadInput("the first two readers are the head and the safeguarding lead: make those two first")
    _all_different([founder.entry for founder in founders])
    register = ReaderRegister(version=1, site=site, readers=(), routes=())
    for founder in founders:
        register = _with_reader(register, founder.entry, founders)
    return _signed(register, recovery_key, [founder.keys for founder in founders])


def join(held: ReaderParts, newcomer: ReaderEntry, signers: Sequence[ReaderKeys]) -> SignedParts:
    """The next version of both documents, with one reader more, by two readers of the version held.

    Raises:
        BadInput: not two different readers of the held version, a name or key that is there already, or no
            co-signer who could pass on a route that the newcomer joins.
    """
    persons = [_person(held.register, keys) for keys in signers]
    if len({person.entry.id for person in persons}) < READERS_NEEDED:
        raise BadInput("two different readers must sign for a newcomer: ask two of " + _names(held.register))
    _all_different([*held.register.readers, newcomer])
    register = _with_reader(held.register, newcomer, persons)
    register = msgspec.structs.replace(register, version=held.register.version + 1)
    return _signed(register, held.sheet.recovery_key, list(signers))


def read_reader_parts(
    untrusted_register: bytes, untrusted_sheet: bytes, *, site: bytes, held: ReaderParts | None
) -> ReaderParts:
    """Read both documents and check that they are one pair.

    With nothing held, two readers whom each document names must have signed it (compare `fingerprint` by eye); with
    a version held, two readers of that version.

    Raises:
        Refused: as `read_part`, or "wrong-site", or "not-a-pair".
    """
    if held is None:
        register = read_founding(untrusted_register, ReaderRegister)
        sheet = read_founding(untrusted_sheet, RouteSheet)
    else:
        trusted, least = reader_keys(held.register), held.register.version
        register = read_part(
            untrusted_register, ReaderRegister, trusted=trusted, needed=READERS_NEEDED, at_least_version=least
        )
        sheet = read_part(untrusted_sheet, RouteSheet, trusted=trusted, needed=READERS_NEEDED, at_least_version=least)
    if register.site != site or sheet.site != site:
        raise Refused("wrong-site")
    if sheet != _sheet_of(register, sheet.recovery_key):
        raise Refused("not-a-pair", f"register {register.version} and sheet {sheet.version} do not say the same")
    return ReaderParts(register, sheet)


def open_routes(register: ReaderRegister, keys: ReaderKeys) -> dict[str, KemKey]:
    """The private keys of every route that this reader is in.

    Raises:
        Refused: "will-not-open" or "wrong-route-key": a wrapped key was changed.
    """
    return {route.name: _unwrap(register.site, route, keys) for route in register.routes if keys.id in route.readers}


def unready_routes(register: ReaderRegister) -> tuple[str, ...]:
    """Private routes with fewer than two readers, as one line each."""
    counts = {route.name: len(route.readers) for route in register.routes}
    return tuple(
        f"{route} has {counts.get(route, 0)} of {READERS_OF_PRIVATE_ROUTE} readers"
        for route in PRIVATE_ROUTES
        if counts.get(route, 0) < READERS_OF_PRIVATE_ROUTE
    )


def _with_reader(register: ReaderRegister, entry: ReaderEntry, present: Sequence[Person]) -> ReaderRegister:
    routes = list(register.routes)
    for name in ROUTES_OF_ROLE[Role(entry.role)]:
        place = next((number for number, route in enumerate(routes) if route.name == name), None)
        if place is None:
            routes.append(_new_route(register.site, name, entry))
        else:
            routes[place] = _pass_on(register.site, routes[place], entry, present)
    return msgspec.structs.replace(register, readers=(*register.readers, entry), routes=tuple(routes))


def _new_route(site: bytes, name: str, first: ReaderEntry) -> RouteKeys:
    key = KemKey.generate()
    empty = RouteKeys(name=name, key=key.public, readers=(), wrapped=())
    return _wrapped_to(site, empty, key, first)


def _pass_on(site: bytes, route: RouteKeys, entry: ReaderEntry, present: Sequence[Person]) -> RouteKeys:
    for person in present:
        if person.entry.id in route.readers:
            return _wrapped_to(site, route, _unwrap(site, route, person.keys), entry)
    raise BadInput(f"nobody present reads the route {route.name}: one of the two co-signers must be a reader of it")


def _wrapped_to(site: bytes, route: RouteKeys, key: KemKey, reader: ReaderEntry) -> RouteKeys:
    wrapped = seal_to(reader.kem, key.to_bytes(), _wrap_info(site, route, reader.id))
    return msgspec.structs.replace(route, readers=(*route.readers, reader.id), wrapped=(*route.wrapped, wrapped))


def _unwrap(site: bytes, route: RouteKeys, keys: ReaderKeys) -> KemKey:
    wrapped = dict(zip(route.readers, route.wrapped, strict=False)).get(keys.id, b"")
    seed = keys.kem.open(wrapped, _wrap_info(site, route, keys.id))
    key = KemKey.from_bytes(seed) if len(seed) == KEM_SEED_BYTES else None
    if key is None or key.public != route.key:
        raise Refused("wrong-route-key", route.name)
    return key


def _wrap_info(site: bytes, route: RouteKeys, reader: bytes) -> bytes:
    return b"quietbell/1 route-key\0" + msgspec.msgpack.encode((site, route.name, route.key, reader))


def _signed(register: ReaderRegister, recovery_key: bytes, signers: Sequence[ReaderKeys]) -> SignedParts:
    keys = [signer.signing for signer in signers]
    return SignedParts(sign_part(register, keys), sign_part(_sheet_of(register, recovery_key), keys))


def _sheet_of(register: ReaderRegister, recovery_key: bytes) -> RouteSheet:
    readers = tuple(
        SheetReader(
            id=reader.id,
            signing=reader.signing,
            routes=tuple(route.name for route in register.routes if reader.id in route.readers),
        )
        for reader in register.readers
    )
    routes = tuple(RouteEntry(name=route.name, key=route.key) for route in register.routes)
    return RouteSheet(
        version=register.version,
        site=register.site,
        suite=SUITE,
        routes=routes,
        recovery_key=recovery_key,
        readers=readers,
    )


def _person(register: ReaderRegister, keys: ReaderKeys) -> Person:
    for entry in register.readers:
        if entry.id == keys.id and entry.signing == keys.signing.public:
            return Person(entry, keys)
    raise BadInput("a co-signer is not a reader of the version held: ask one of " + _names(register))


def _all_different(entries: Sequence[ReaderEntry]) -> None:
    for what, values in (
        ("name", [entry.name.casefold() for entry in entries]),
        ("id", [entry.id for entry in entries]),
        ("key", [entry.signing for entry in entries]),
    ):
        if len(set(values)) != len(entries):
            raise BadInput(f"two readers would have one {what}: each reader needs their own")


def _names(register: ReaderRegister) -> str:
    return ", ".join(reader.name for reader in register.readers)
