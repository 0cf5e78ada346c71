"""The readers' ceremony: founding, joining, and what is believed."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import BadInput, Refused
from firmware.identity import (
    KemKey,
    ReaderEntry,
    ReaderRegister,
    RouteKeys,
    RouteSheet,
    SigningKey,
    read_part,
    seal_to,
    sign_part,
)
from firmware.reader_parts import (
    ROUTES_OF_ROLE,
    Person,
    ReaderParts,
    Role,
    Route,
    SignedParts,
    found_register,
    join,
    open_routes,
    read_reader_parts,
    unready_routes,
)
from firmware.readers import ReaderKeys

SITE = b"s" * 16
RECOVERY = KemKey.generate().public
ISSUER = SigningKey.generate()

_ids = itertools.count(1)


def person(name: str, role: str) -> Person:
    keys = ReaderKeys(next(_ids).to_bytes(16, "big"), SigningKey.generate(), KemKey.generate())
    return Person(ReaderEntry(id=keys.id, name=name, role=role, signing=keys.signing.public, kem=keys.kem.public), keys)


HEAD, LEAD = person("Hanna", Role.HEAD), person("Lee", Role.LEAD)
FOUNDED = found_register(SITE, RECOVERY, [HEAD, LEAD])


def read(signed: SignedParts, held: ReaderParts | None = None) -> ReaderParts:
    return read_reader_parts(signed.register, signed.sheet, site=SITE, held=held)


def grow(held: ReaderParts, newcomer: Person, *signers: Person) -> ReaderParts:
    return read(join(held, newcomer.entry, [signer.keys for signer in signers]), held)


def forged(parts: ReaderParts, *signers: SigningKey) -> SignedParts:
    return SignedParts(sign_part(parts.register, signers), sign_part(parts.sheet, signers))


def test_head_and_lead_found_the_readers() -> None:
    """Version 1 names both founders, carries both signatures, and each opens exactly their routes."""
    parts = read(FOUNDED)
    assert (parts.register.version, parts.sheet.version) == (1, 1)
    assert [(reader.name, reader.role) for reader in parts.register.readers] == [("Hanna", "head"), ("Lee", "lead")]
    assert parts.sheet.recovery_key == RECOVERY
    for founder in (HEAD, LEAD):
        opened = open_routes(parts.register, founder.keys)
        assert set(opened) == set(ROUTES_OF_ROLE[Role(founder.entry.role)])
        for route in parts.sheet.routes:
            if route.name in opened:
                assert opened[route.name].open(seal_to(route.key, b"story", b"i"), b"i") == b"story"


@pytest.mark.parametrize(
    "roles",
    [
        ["head"],
        ["lead"],
        ["head", "head"],
        ["lead", "deputy"],
        ["head", "manager"],
        ["head", "lead", "deputy"],
        [],
    ],
)
def test_nobody_else_can_found(roles: list[str]) -> None:
    """Without exactly one head and one lead there is no first version."""
    with pytest.raises(BadInput, match="head and the safeguarding lead"):
        found_register(SITE, RECOVERY, [person(f"P{place}", role) for place, role in enumerate(roles)])


def test_one_person_cannot_be_both_founders() -> None:
    """The same name, or the same key, in both roles is refused."""
    twin = Person(msgspec.structs.replace(LEAD.entry, name="hanna"), LEAD.keys)
    with pytest.raises(BadInput, match="one name"):
        found_register(SITE, RECOVERY, [HEAD, twin])
    both = Person(msgspec.structs.replace(HEAD.entry, name="Lee", role=Role.LEAD, id=b"x" * 16), HEAD.keys)
    with pytest.raises(BadInput, match="one key"):
        found_register(SITE, RECOVERY, [HEAD, both])


@pytest.mark.requirement("T7", "S3", "S10")
def test_each_role_opens_its_routes_and_no_other() -> None:
    """With a whole staff in place every reader opens the routes of their role, and no wrapped key of another."""
    parts = read(FOUNDED)
    staff = [HEAD, LEAD]
    first_independent = person("Ina", Role.INDEPENDENT)
    for newcomer in (person("Dee", Role.DEPUTY), person("May", Role.MANAGER), first_independent):
        parts = grow(parts, newcomer, HEAD, LEAD)
        staff.append(newcomer)
    second = person("Ivo", Role.INDEPENDENT)
    parts = grow(parts, second, first_independent, HEAD)
    staff.append(second)
    assert unready_routes(parts.register) == ()
    for one in staff:
        wanted = set(ROUTES_OF_ROLE[Role(one.entry.role)])
        assert set(open_routes(parts.register, one.keys)) == wanted
        assert {name for reader in parts.sheet.readers if reader.id == one.entry.id for name in reader.routes} == wanted
        for route in parts.register.routes:
            for wrapped, reader in zip(route.wrapped, route.readers, strict=True):
                assert opens(one, wrapped, wrap_info(route, reader)) is (reader == one.entry.id)
    keys = {open_routes(parts.register, one.keys)["independent"].public for one in (first_independent, second)}
    assert len(keys) == 1


def wrap_info(route: RouteKeys, reader: bytes) -> bytes:
    return b"quietbell/1 route-key\0" + msgspec.msgpack.encode((SITE, route.name, route.key, reader))


def opens(one: Person, wrapped: bytes, info: bytes) -> bool:
    try:
        one.keys.kem.open(wrapped, info)
    except Refused:
        return False
    return True


def test_head_and_independent_never_share_a_reader() -> None:
    """No role stands in both private routes: a report about the head is never the head's to open."""
    for routes in ROUTES_OF_ROLE.values():
        assert not {Route.HEAD, Route.INDEPENDENT} <= set(routes)


def test_private_route_with_one_reader_is_not_ready() -> None:
    """A site whose independent route has no or one reader is told so."""
    parts = read(FOUNDED)
    assert unready_routes(parts.register) == ("independent has 0 of 2 readers",)
    grown = grow(parts, person("Ina", Role.INDEPENDENT), HEAD, LEAD)
    assert unready_routes(grown.register) == ("independent has 1 of 2 readers",)


@pytest.mark.requirement("T7")
def test_issuer_signs_no_reader_in() -> None:
    """What the technician's issuer signs, once or twice or beside one reader, is believed by nobody: not as a first
    version, not as a later one."""
    held = read(FOUNDED)
    mallory = person("Mallory", Role.LEAD)
    register = msgspec.structs.replace(held.register, version=2, readers=(*held.register.readers, mallory.entry))
    for signers in (
        [ISSUER],
        [ISSUER, ISSUER],
        [ISSUER, SigningKey.generate()],
        [ISSUER, LEAD.keys.signing],
        [ISSUER, mallory.keys.signing],
        [LEAD.keys.signing],
        [LEAD.keys.signing, LEAD.keys.signing],
        [],
    ):
        for known in (held, None):
            with pytest.raises(Refused, match="not-signed"):
                read(forged(ReaderParts(register, held.sheet), *signers), known)


@pytest.mark.requirement("T7")
def test_invented_founders_are_refused_where_readers_are_known() -> None:
    """A technician who invents a whole staff gets two good signatures; whoever holds the true version refuses them."""
    invented = found_register(SITE, RECOVERY, [person("Hanna", Role.HEAD), person("Lee", Role.LEAD)])
    with pytest.raises(Refused, match="not-signed"):
        read(invented, read(FOUNDED))


def test_join_needs_two_readers_of_the_version_held() -> None:
    """One reader, the same reader twice, a stranger, or the newcomer themself cannot sign somebody in."""
    held = read(FOUNDED)
    newcomer, stranger = person("Dee", Role.DEPUTY), person("Eve", Role.LEAD)
    for signers in ([], [LEAD], [LEAD, LEAD], [LEAD, stranger], [LEAD, newcomer]):
        with pytest.raises(BadInput, match="Hanna, Lee"):
            join(held, newcomer.entry, [signer.keys for signer in signers])


def test_stolen_name_with_another_key_cannot_sign() -> None:
    """A co-signer whose key is not the one in the register is no co-signer, whatever their id."""
    impostor = ReaderKeys(LEAD.entry.id, SigningKey.generate(), KemKey.generate())
    with pytest.raises(BadInput, match="not a reader"):
        join(read(FOUNDED), person("Dee", Role.DEPUTY).entry, [HEAD.keys, impostor])


def test_nobody_joins_twice() -> None:
    """A name or key that is in the register already is refused."""
    held = read(FOUNDED)
    for entry in (person("LEE", Role.DEPUTY).entry, msgspec.structs.replace(LEAD.entry, name="Other", id=b"z" * 16)):
        with pytest.raises(BadInput, match="two readers would have one"):
            join(held, entry, [HEAD.keys, LEAD.keys])


def test_route_is_passed_on_by_a_reader_of_it() -> None:
    """The second independent is not let in by head and lead alone: they do not hold that route."""
    first, second = person("Ina", Role.INDEPENDENT), person("Ivo", Role.INDEPENDENT)
    held = grow(read(FOUNDED), first, HEAD, LEAD)
    with pytest.raises(BadInput, match="route independent"):
        join(held, second.entry, [HEAD.keys, LEAD.keys])
    assert set(open_routes(grow(held, second, LEAD, first).register, second.keys)) == {"independent"}


def test_older_version_is_refused() -> None:
    """Once version 2 is held, version 1 is refused: a leaver cannot be put back by an old file."""
    first = read(FOUNDED)
    second = grow(first, person("Dee", Role.DEPUTY), HEAD, LEAD)
    with pytest.raises(Refused, match="old-version"):
        read(FOUNDED, second)


def test_two_versions_are_not_a_pair() -> None:
    """A register and a sheet of two versions, or with other routes or readers, are refused together."""
    first = read(FOUNDED)
    signed = join(first, person("Dee", Role.DEPUTY).entry, [HEAD.keys, LEAD.keys])
    for mixed in (SignedParts(FOUNDED.register, signed.sheet), SignedParts(signed.register, FOUNDED.sheet)):
        with pytest.raises(Refused, match="not-a-pair"):
            read(mixed)
    fewer = msgspec.structs.replace(first.sheet, routes=first.sheet.routes[:1])
    with pytest.raises(Refused, match="not-a-pair"):
        read(SignedParts(FOUNDED.register, sign_part(fewer, [HEAD.keys.signing, LEAD.keys.signing])))


def test_other_site_is_refused() -> None:
    """Readers of another site are refused even where nothing is held."""
    with pytest.raises(Refused, match="wrong-site"):
        read_reader_parts(FOUNDED.register, FOUNDED.sheet, site=b"t" * 16, held=None)


@pytest.mark.parametrize("noun", [RouteSheet, ReaderRegister])
def test_every_changed_byte_of_a_part_is_refused(noun: type[RouteSheet] | type[ReaderRegister]) -> None:
    """Any flipped byte of a signed part is refused, whether in its body or in a signature."""
    good = FOUNDED.sheet if noun is RouteSheet else FOUNDED.register
    for place in range(0, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 0x10
        signed = (
            SignedParts(FOUNDED.register, bytes(bad)) if noun is RouteSheet else SignedParts(bytes(bad), FOUNDED.sheet)
        )
        with pytest.raises(Refused):
            read(signed)


def test_changed_wrapped_key_is_refused() -> None:
    """A wrapped route key that was changed, cut, or taken from another route does not open."""
    register = read(FOUNDED).register
    safeguarding, head = (next(r for r in register.routes if r.name == name) for name in ("safeguarding", "head"))
    for wrapped in (b"", safeguarding.wrapped[0][:-1], head.wrapped[0], bytes(len(safeguarding.wrapped[0]))):
        changed = msgspec.structs.replace(safeguarding, wrapped=(wrapped, safeguarding.wrapped[1]))
        with pytest.raises(Refused, match="will-not-open"):
            open_routes(msgspec.structs.replace(register, routes=(changed, head)), HEAD.keys)


@pytest.mark.parametrize("size", [0, 95, 96, 97])
def test_wrapped_key_must_be_the_routes(size: int) -> None:
    """A truly wrapped secret that is not this route's private key is refused, whatever its length."""
    register = read(FOUNDED).register
    route = next(route for route in register.routes if route.name == "safeguarding")
    other = seal_to(HEAD.entry.kem, bytes(size), wrap_info(route, HEAD.entry.id))
    changed = msgspec.structs.replace(route, wrapped=(other, route.wrapped[1]))
    with pytest.raises(Refused, match="wrong-route-key"):
        open_routes(msgspec.structs.replace(register, routes=(changed,)), HEAD.keys)


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_bytes_are_refused(register: bytes, sheet: bytes) -> None:
    """No bytes crash the reading of the readers' documents."""
    with pytest.raises(Refused):
        read_reader_parts(register, sheet, site=SITE, held=None)


def test_sheet_holds_no_name_and_no_private_key() -> None:
    """A stolen kiosk's sheet tells neither who reads nor any wrapped key: names and wraps are in the register alone."""
    sheet = read_part(FOUNDED.sheet, RouteSheet, trusted=[HEAD.entry.signing, LEAD.entry.signing], needed=2)
    assert b"Hanna" in FOUNDED.register
    assert b"Hanna" not in FOUNDED.sheet
    assert all(wrapped not in FOUNDED.sheet for route in read(FOUNDED).register.routes for wrapped in route.wrapped)
    assert {reader.id for reader in sheet.readers} == {HEAD.entry.id, LEAD.entry.id}
