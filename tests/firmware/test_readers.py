"""Readers' keys at rest."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.documents import open_documents
from firmware.errors import BadInput, QuietbellError, Refused, StoreFault, WrongPassphrase
from firmware.identity import KEM_SEED_BYTES, ReaderEntry, seal_to, verify
from firmware.messages import encode
from firmware.readers import PRODUCTION_COST, Cost, Keyring, ReaderKeys, _Sealed, open_secret, seal_secret

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
HERS = "acorn badge cabin daisy eager fable"
HIS = "galaxy hammer iceberg jacket kayak ladder"
PURPOSE = b"test"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "readers.json"


def ring(store: Path, cost: Cost = CHEAP) -> Keyring:
    return Keyring(open_documents(store), cost=cost)


def seeds(keys: ReaderKeys) -> bytes:
    return keys.signing.to_bytes() + keys.kem.to_bytes()


def spellings(secret: bytes) -> list[bytes]:
    """How a secret could stand in a file; base64 at each of its three alignments."""
    texts = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    return texts + [base64.b64encode(secret[start:])[:24] for start in range(3)]


def edit(store: Path, person: int, **changes: str) -> None:
    """Somebody changes the file with an editor."""
    tables = json.loads(store.read_text())
    tables["readers"][str(person)].update(changes)
    store.write_text(json.dumps(tables))


def record(store: Path, person: int) -> dict[str, str]:
    found: dict[str, str] = json.loads(store.read_text())["readers"][str(person)]
    return found


def test_keys_come_back_with_their_passphrase(store: Path) -> None:
    """A reader's keys, opened after a restart with the passphrase as a person types it, are the ones that were made."""
    made = ring(store).create("Ann", "lead", HERS)
    again = ring(store).unlock(made.id, HERS.title().replace(" ", "  "))
    assert seeds(again) == seeds(made)
    assert verify(made.signing.public, again.signing.sign(b"x"), b"x")
    assert again.kem.open(seal_to(made.kem.public, b"story", b"i"), b"i") == b"story"


@pytest.mark.requirement("D3")
def test_wrong_passphrase_opens_nothing(store: Path) -> None:
    """Another reader's passphrase, one changed word and a short one all fail, and the person is told so."""
    her, him = ring(store).create("Ann", "lead", HERS), ring(store).create("Bob", "head", HIS)
    for wrong in (HIS, HERS.replace("fable", "fabric"), "acorn", ""):
        with pytest.raises(WrongPassphrase):
            ring(store).unlock(her.id, wrong)
    assert seeds(ring(store).unlock(him.id, HIS)) == seeds(him)


@pytest.mark.requirement("D3", "T12")
def test_nothing_private_is_on_the_disk(store: Path) -> None:
    """Neither generation of the file holds a private byte or a word of a passphrase, in any usual spelling."""
    keyring = ring(store)
    made = [keyring.create("Ann", "lead", HERS), keyring.create("Bob", "head", HIS)]
    disk = b"".join(path.read_bytes() for path in store.parent.iterdir())
    assert b"Ann" in disk
    for keys in made:
        kem = keys.kem.to_bytes()
        for secret in (keys.signing.to_bytes(), kem[:32], kem[32:64], kem[64:]):
            assert [text for text in spellings(secret) if text in disk] == []
    assert [word for word in f"{HERS} {HIS}".split() if word.encode() in disk] == []
    assert {path.stat().st_mode & 0o777 for path in store.parent.iterdir()} == {0o600}


def test_every_changed_byte_is_found(store: Path) -> None:
    """Each byte of the sealed key, flipped, is reported as damage with its mend, never as a wrong passphrase."""
    keys = ring(store).create("Ann", "lead", HERS)
    good = base64.b64decode(record(store, 1)["sealed"])
    assert len(good) > len(seeds(keys))
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1
        edit(store, 1, sealed=base64.b64encode(bad).decode())
        with pytest.raises(StoreFault, match="restore the file"):
            ring(store).unlock(keys.id, HERS)


def test_every_byte_is_bound_by_the_seal() -> None:
    """With nothing but the seal to rely on, no flipped byte opens, to the secret or to anything else."""
    good = seal_secret(b"s" * 32, HERS, purpose=PURPOSE, cost=CHEAP)
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 0x80 if place % 2 else 1
        with pytest.raises((WrongPassphrase, Refused)):
            open_secret(bytes(bad), HERS, purpose=PURPOSE)
    assert open_secret(good, HERS, purpose=PURPOSE) == b"s" * 32


def test_seal_is_for_one_purpose() -> None:
    """What was sealed as one thing does not open as another."""
    sealed = seal_secret(b"secret", HERS, purpose=b"reader", cost=CHEAP)
    with pytest.raises(WrongPassphrase):
        open_secret(sealed, HERS, purpose=b"recovery")


@pytest.mark.parametrize("field", ["role", "name", "signing", "kem", "sealed", "id"])
def test_swapped_records_do_not_open(store: Path, field: str) -> None:
    """With another reader's role, name, key or sealed part put into a record (check made right), it will not open."""
    her = ring(store).create("Ann", "lead", HERS)
    ring(store).create("Bob", "head", HERS)
    edit(store, 1, **{field: record(store, 2)[field]})
    edit(store, 1, check=right_check(store))
    reader = ring(store).entries()[0].id
    assert (reader == her.id) is (field != "id")
    with pytest.raises(WrongPassphrase):
        ring(store).unlock(reader, HERS)


def right_check(store: Path) -> str:
    """The check that a thief who knows this program would write."""
    page = record(store, 1)
    entry = ReaderEntry(
        id=UUID(page["id"]).bytes,
        name=page["name"],
        role=page["role"],
        signing=base64.b64decode(page["signing"]),
        kem=base64.b64decode(page["kem"]),
    )
    purpose = b"quietbell/1 reader-key\0" + encode(entry)
    return hashlib.sha256(purpose + base64.b64decode(page["sealed"])).hexdigest()


@pytest.mark.parametrize("changes", [{"id": "x"}, {"kem": "!"}, {"signing": ""}, {"check": ""}, {"name": "\x1b[2J"}])
def test_damaged_records_name_the_mend(store: Path, changes: dict[str, str]) -> None:
    """A damaged record is one clean line with the mend."""
    ring(store).create("Ann", "lead", HERS)
    edit(store, 1, **changes)
    with pytest.raises(StoreFault) as caught:
        ring(store).entries()
    assert str(caught.value).isprintable()
    assert "restore" in str(caught.value)


@pytest.mark.requirement("T12")
def test_production_guess_costs_64_mebibytes_and_three_passes(store: Path) -> None:
    """A key made with the default cost says 64 MiB and three passes, and opens with them."""
    assert (PRODUCTION_COST.memory_kib, PRODUCTION_COST.passes) == (64 * 1024, 3)
    keys = Keyring(open_documents(store)).create("Ann", "lead", HERS)
    sealed = base64.b64decode(record(store, 1)["sealed"])
    # msgpack: array of 7, version, memory (uint32), passes
    assert sealed[:2] == b"\x97\x01"
    assert sealed[2:8] == b"\xce" + (64 * 1024).to_bytes(4, "big") + b"\x03"
    assert seeds(ring(store).unlock(keys.id, HERS)) == seeds(keys)


@pytest.mark.parametrize(
    ("memory_kib", "passes", "lanes"),
    [(2**31, 3, 4), (65_536, 10**6, 4), (65_536, 3, 500), (0, 3, 4), (65_536, 0, 4), (8, 1, 2)],
)
def test_a_file_cannot_ask_for_any_cost(memory_kib: int, passes: int, lanes: int) -> None:
    """A sealed part that asks for terabytes, hours or nonsense is refused before any work is done."""
    sealed = encode(_Sealed(1, memory_kib, passes, lanes, b"s" * 16, b"n" * 12, b"c" * 64))
    with pytest.raises(Refused, match="malformed"):
        open_secret(sealed, HERS, purpose=PURPOSE)


def test_unknown_version_is_refused() -> None:
    """A sealed part of a later version is refused as that."""
    sealed = encode(_Sealed(2, 8, 1, 1, b"s" * 16, b"n" * 12, b"c" * 64))
    with pytest.raises(Refused, match="unknown-version"):
        open_secret(sealed, HERS, purpose=PURPOSE)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(untrusted: bytes) -> None:
    """No bytes crash the opening of a sealed part."""
    with pytest.raises((Refused, WrongPassphrase)):
        open_secret(untrusted, HERS, purpose=PURPOSE)


def test_short_passphrase_makes_no_key(store: Path) -> None:
    """A passphrase of five words makes no reader and changes no file."""
    with pytest.raises(BadInput, match="5 different words"):
        ring(store).create("Ann", "lead", "one two three four five")
    assert ring(store).names() == {}


def test_one_name_has_one_key(store: Path) -> None:
    """The same name, in capitals too, is refused until the old key is gone."""
    keyring = ring(store)
    made = keyring.create("Ann", "lead", HERS)
    with pytest.raises(BadInput, match="ANN"):
        keyring.create("ANN", "deputy", HIS)
    keyring.forget(made.id)
    assert keyring.create("ANN", "deputy", HIS).id in ring(store).names()


def test_names_and_entries_show_the_public_side(store: Path) -> None:
    """What the unlock screen lists is who was made here, in order, with their public keys."""
    keyring = ring(store)
    made = [keyring.create("Ann", "lead", HERS), keyring.create("Bob", "head", HIS)]
    assert ring(store).names() == {made[0].id: "Ann", made[1].id: "Bob"}
    assert [(entry.role, entry.signing, entry.kem) for entry in ring(store).entries()] == [
        ("lead", made[0].signing.public, made[0].kem.public),
        ("head", made[1].signing.public, made[1].kem.public),
    ]


def test_unknown_reader_is_told_plainly(store: Path) -> None:
    """A reader whose key is not at this desk gets one line with the mend."""
    with pytest.raises(QuietbellError, match="quietbell reader new"):
        ring(store).unlock(b"x" * 16, HERS)


def test_secret_has_the_size_that_is_sealed(store: Path) -> None:
    """The sealed secret is the signing seed and the KEM seed, nothing else."""
    assert len(seeds(ring(store).create("Ann", "lead", HERS))) == 32 + KEM_SEED_BYTES
