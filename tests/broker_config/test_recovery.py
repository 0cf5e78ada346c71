"""The recovery ceremony."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from broker_config.recovery import make_recovery, open_recovery, public_file_of, read_recovery_public
from firmware.errors import BadInput, StoreFault, WrongPassphrase
from firmware.identity import seal_to
from firmware.readers import Cost

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    return tmp_path / "recovery.key"


def test_public_half_seals_what_the_private_half_opens(sealed: Path) -> None:
    """What a site seals to the .pub file is opened with the sealed file and the passphrase that was shown."""
    passphrase = make_recovery(sealed, random.Random(1), cost=CHEAP)
    public = read_recovery_public(public_file_of(sealed))
    assert open_recovery(sealed, passphrase.upper()).open(seal_to(public, b"story", b"i"), b"i") == b"story"
    assert sealed.stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("D3")
def test_sealed_file_alone_opens_nothing(sealed: Path) -> None:
    """Without the passphrase the file is of no use, and neither file holds it or the private key."""
    passphrase = make_recovery(sealed, random.Random(1), cost=CHEAP)
    private = open_recovery(sealed, passphrase).to_bytes()
    disk = sealed.read_bytes() + public_file_of(sealed).read_bytes()
    assert [part for part in (private[:32], private[32:64], private[64:]) if part in disk] == []
    assert [word for word in passphrase.split(" ") if word.encode() in disk] == []
    with pytest.raises(WrongPassphrase):
        open_recovery(sealed, "some quite other six words here")


def test_every_changed_byte_is_found(sealed: Path) -> None:
    """A flipped byte in either file opens nothing."""
    passphrase = make_recovery(sealed, random.Random(1), cost=CHEAP)
    for path, step in ((sealed, 1), (public_file_of(sealed), 101)):
        good = path.read_bytes()
        for place in range(0, len(good), step):
            bad = bytearray(good)
            bad[place] ^= 1
            path.write_bytes(bytes(bad))
            with pytest.raises((WrongPassphrase, StoreFault)):
                open_recovery(sealed, passphrase)
        path.write_bytes(good)


def test_no_recovery_key_is_written_over(sealed: Path) -> None:
    """A key that is there, or its public half, stays: the old stories hang on it."""
    make_recovery(sealed, random.Random(1), cost=CHEAP)
    before = sealed.read_bytes()
    with pytest.raises(BadInput, match="never written over"):
        make_recovery(sealed, random.Random(2), cost=CHEAP)
    sealed.unlink()
    with pytest.raises(BadInput, match=r"\.pub"):
        make_recovery(sealed, random.Random(2), cost=CHEAP)
    assert before != b""
    assert not sealed.exists()


def test_missing_folder_and_wrong_file_are_told_plainly(tmp_path: Path) -> None:
    """A folder that is not there and a file that is no public half end in one line with the mend."""
    with pytest.raises(BadInput, match="make it first"):
        make_recovery(tmp_path / "no" / "key", random.Random(1), cost=CHEAP)
    (tmp_path / "short").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"\.pub file"):
        read_recovery_public(tmp_path / "short")
    with pytest.raises(StoreFault, match="site recovery"):
        read_recovery_public(tmp_path / "missing")
