"""Who may sign what: neither side signs for the other, one person is never two, and nothing goes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import ProgrammerError, Refused
from firmware.identity import (
    KEM_PUBLIC_BYTES,
    READERS_NEEDED,
    SEAL_OVERHEAD_BYTES,
    DeskEntry,
    DeskSheet,
    KemKey,
    ReaderEntry,
    ReaderRegister,
    Recipient,
    RouteEntry,
    RouteSheet,
    SheetReader,
    SigningKey,
    read_founding,
    read_part,
    reader_keys,
    seal_to,
    sign_part,
    verify,
)

ISSUER, HEAD, LEAD, DEPUTY = (SigningKey.generate() for _ in range(4))
KEM = KemKey.generate()
SITE = b"s" * 16
READERS = (HEAD, LEAD, DEPUTY)


def desk_sheet(version: int = 1, suite: int = 1) -> DeskSheet:
    return DeskSheet(version, SITE, suite, KEM.public, (DeskEntry(b"d" * 16, HEAD.public),))


def route_sheet(version: int = 1, readers: tuple[SigningKey, ...] = READERS) -> RouteSheet:
    people = tuple(SheetReader(bytes([i]) * 16, key.public, ("safeguarding",)) for i, key in enumerate(readers))
    return RouteSheet(version, SITE, 1, (RouteEntry("safeguarding", KEM.public),), KEM.public, people)


def read_routes(untrusted: bytes, *, at_least_version: int = 0) -> RouteSheet:
    trusted = reader_keys(route_sheet())
    return read_part(untrusted, RouteSheet, trusted=trusted, needed=READERS_NEEDED, at_least_version=at_least_version)


@pytest.mark.requirement("T7")
def test_the_technician_cannot_sign_for_readers() -> None:
    """The issuer's signature, alone or beside one reader's, does not make a route sheet: a technician cannot make
    themself a reader."""
    for signers in ([ISSUER], [ISSUER, ISSUER], [ISSUER, HEAD]):
        with pytest.raises(Refused, match="not-signed"):
            read_routes(sign_part(route_sheet(), signers))


def test_readers_cannot_sign_for_the_technician() -> None:
    """Two readers cannot add a desk: the desk sheet needs the issuer."""
    with pytest.raises(Refused, match="not-signed"):
        read_part(sign_part(desk_sheet(), [HEAD, LEAD]), DeskSheet, trusted={ISSUER.public}, needed=1)


@pytest.mark.parametrize("signers", [[], [HEAD], [HEAD, HEAD], [HEAD, HEAD, HEAD]])
def test_one_reader_is_not_two(signers: list[SigningKey]) -> None:
    """One reader, however often they sign, is one."""
    with pytest.raises(Refused, match="not-signed"):
        read_routes(sign_part(route_sheet(), signers))


def test_two_readers_are_enough() -> None:
    """Any two different readers make a route sheet, also beside strangers."""
    stranger = SigningKey.generate()
    assert read_routes(sign_part(route_sheet(), [stranger, HEAD, DEPUTY])) == route_sheet()


def test_an_older_version_is_refused_and_the_same_is_not() -> None:
    """Versions only rise."""
    part = sign_part(route_sheet(4), [HEAD, LEAD])
    assert read_routes(part, at_least_version=4).version == 4
    with pytest.raises(Refused, match="old-version"):
        read_routes(part, at_least_version=5)


@pytest.mark.parametrize("suite", [0, 2, 255])
def test_an_unknown_suite_is_refused(suite: int) -> None:
    """Nothing is negotiated: a sheet that names another suite is not used, though it is signed."""
    with pytest.raises(Refused, match="unknown-suite"):
        read_part(sign_part(desk_sheet(suite=suite), [ISSUER]), DeskSheet, trusted={ISSUER.public}, needed=1)


def test_a_signature_over_one_kind_does_not_stand_under_another() -> None:
    """The same bytes signed as another kind of document are not signed."""
    empty = ReaderRegister(1, SITE, (), ())
    part = sign_part(empty, [HEAD, LEAD])
    with pytest.raises(Refused, match="not-signed"):
        read_part(part, RouteSheet, trusted={HEAD.public, LEAD.public}, needed=2)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(at=st.integers(0, 100_000), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_signed_part_is_refused(at: int, bit: int) -> None:
    """No bit of a signed document can be changed."""
    part = bytearray(sign_part(desk_sheet(), [ISSUER]))
    part[at % len(part)] ^= 1 << bit
    with pytest.raises(Refused):
        read_part(bytes(part), DeskSheet, trusted={ISSUER.public}, needed=1)


def test_a_part_is_bounded() -> None:
    """More than the largest directory is refused before it is parsed."""
    with pytest.raises(Refused, match="too-large"):
        read_part(bytes(9 * 1024 * 1024), DeskSheet, trusted={ISSUER.public}, needed=1)


def test_nobody_needed_is_nobody_trusted() -> None:
    """A caller that asks for no signature gets a refusal, not a free pass."""
    with pytest.raises(Refused, match="not-signed"):
        read_part(sign_part(desk_sheet(), []), DeskSheet, trusted=(), needed=0)


def test_a_founding_document_is_signed_by_two_of_those_it_names() -> None:
    """The first route sheet and reader register stand only if two of their own readers signed."""
    sheet = route_sheet()
    assert read_founding(sign_part(sheet, [HEAD, LEAD]), RouteSheet) == sheet
    entry = ReaderEntry(b"1" * 16, "Head", "head", HEAD.public, KEM.public)
    register = ReaderRegister(1, SITE, (entry, ReaderEntry(b"2" * 16, "Lead", "lead", LEAD.public, KEM.public)), ())
    assert read_founding(sign_part(register, [LEAD, HEAD]), ReaderRegister) == register
    for signers in ([HEAD], [HEAD, ISSUER], [HEAD, HEAD]):
        with pytest.raises(Refused, match="not-signed"):
            read_founding(sign_part(sheet, signers), RouteSheet)


def test_one_key_under_two_names_is_one_founder() -> None:
    """A founder who lists one key twice is still one signature."""
    with pytest.raises(Refused, match="not-signed"):
        read_founding(sign_part(route_sheet(readers=(HEAD, HEAD)), [HEAD, HEAD]), RouteSheet)


def test_the_technicians_documents_have_no_founders() -> None:
    """Trust on first sight is for readers' documents only."""
    with pytest.raises(ProgrammerError):
        read_founding(sign_part(desk_sheet(), [HEAD, LEAD]), DeskSheet)


def test_keys_survive_the_disk_and_have_one_length() -> None:
    """Both kinds of private key come back from their bytes; other lengths are refused."""
    assert verify(HEAD.public, SigningKey.from_bytes(HEAD.to_bytes()).sign(b"x"), b"x")
    again = KemKey.from_bytes(KEM.to_bytes())
    assert again.public == KEM.public
    assert len(KEM.public) == KEM_PUBLIC_BYTES
    for wrong in (b"", bytes(31), bytes(95)):
        with pytest.raises(ProgrammerError):
            SigningKey.from_bytes(wrong)
        with pytest.raises(ProgrammerError):
            KemKey.from_bytes(wrong)


@pytest.mark.requirement("D3")
@settings(deadline=None, derandomize=True, max_examples=60)
@given(plaintext=st.binary(max_size=200), at=st.integers(0, 5000), bit=st.integers(0, 7))
def test_a_seal_opens_only_unchanged_with_its_key_and_purpose(plaintext: bytes, at: int, bit: int) -> None:
    """A seal opens with its key and its purpose; another key, another purpose or one flipped bit: refused."""
    sealed = seal_to(KEM.public, plaintext, b"purpose")
    assert len(sealed) == len(plaintext) + SEAL_OVERHEAD_BYTES
    assert KEM.open(sealed, b"purpose") == plaintext
    flipped = bytearray(sealed)
    flipped[at % len(sealed)] ^= 1 << bit
    for key, box, info in (
        (KEM, sealed, b"other"),
        (KemKey.generate(), sealed, b"purpose"),
        (KEM, flipped, b"purpose"),
    ):
        with pytest.raises(Refused, match="will-not-open"):
            key.open(bytes(box), info)


@pytest.mark.parametrize("bad", [b"", bytes(10), bytes([255]) * KEM_PUBLIC_BYTES, KEM.public[:-1]])
def test_a_bad_public_key_is_refused(bad: bytes) -> None:
    """A recipient that is no key is refused when it is parsed, not when somebody presses."""
    with pytest.raises(Refused, match="bad-key"):
        Recipient(bad)


@pytest.mark.parametrize(
    ("public", "signature"),
    [(b"", b""), (HEAD.public, b""), (bytes(32), bytes(64)), (b"x", b"y")],
    # Named, because a key made anew would give each test process another list of tests.
    ids=["empty", "no-signature", "zeros", "too-short"],
)
def test_verify_answers_no_to_nonsense(public: bytes, signature: bytes) -> None:
    """Keys and signatures of any length are judged, never raised over."""
    assert not verify(public, signature, b"message")
