"""The recovery ceremony: a key for the day when no reader can open a story any more.

Owns the two files of the ceremony: the sealed private half, which belongs in a safe and never into a site's folder,
and the public half, which `site new` takes. The passphrase is shown once and kept nowhere.
"""

from __future__ import annotations

import random as random_module
from pathlib import Path

from firmware import bundle as files
from firmware.documents import write_atomically
from firmware.errors import BadInput, Refused, StoreFault
from firmware.identity import KEM_PUBLIC_BYTES, KEM_SEED_BYTES, KemKey
from firmware.passphrase import make_passphrase
from firmware.readers import PRODUCTION_COST, Cost, open_secret, seal_secret


def public_file_of(sealed: Path) -> Path:
    return sealed.with_name(sealed.name + ".pub")


def make_recovery(sealed: Path, random: random_module.Random, *, cost: Cost = PRODUCTION_COST) -> str:
    """Write both halves; returns the passphrase, to be shown once.

    Raises:
        BadInput: one of the files is there already.
        StoreFault: they cannot be written.
    """
    public = public_file_of(sealed)
    for path in (sealed, public):
        if path.exists() or path.is_symlink():
            raise BadInput(f"{path}: is there already: choose a new name (a recovery key is never written over)")
    if not sealed.parent.is_dir():
        raise BadInput(f"{sealed.parent}: no such folder: make it first, or choose another place")
    key, passphrase = KemKey.generate(), make_passphrase(random)
    content = seal_secret(key.to_bytes(), passphrase, purpose=_purpose(key.public), cost=cost)
    # The sealed half last: if it cannot be written nobody holds a key that no passphrase was shown for.
    write_atomically(public, key.public, files.PUBLIC_MODE)
    write_atomically(sealed, content, files.SECRET_MODE)
    return passphrase


def open_recovery(sealed: Path, passphrase: str) -> KemKey:
    """The private half again.

    Raises:
        WrongPassphrase: not this passphrase.
        StoreFault: a file is missing or was changed.
    """
    public = read_recovery_public(public_file_of(sealed))
    content = files.read_file(sealed, "give the file that `quietbell site recovery` wrote")
    try:
        seed = open_secret(content, passphrase, purpose=_purpose(public))
    except Refused as problem:
        raise StoreFault(f"{sealed}: was changed or damaged ({problem}): use the second copy") from problem
    if len(seed) != KEM_SEED_BYTES:
        raise StoreFault(f"{sealed}: holds another kind of key: give the file that `quietbell site recovery` wrote")
    return KemKey.from_bytes(seed)


def read_recovery_public(path: Path) -> bytes:
    """Raises StoreFault when it cannot be read, BadInput when it is not a public half."""
    content = files.read_file(path, "make one with `quietbell site recovery`")
    if len(content) != KEM_PUBLIC_BYTES:
        raise BadInput(f"{path}: not a recovery key's public half: give the .pub file that `site recovery` wrote")
    return content


def _purpose(public: bytes) -> bytes:
    return b"quietbell/1 recovery-key\0" + public
