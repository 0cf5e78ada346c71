"""The readers' ceremony at one desk: who must be there, what is opened, and where the signed documents go.

Owns the order of the ceremony and its two files in the bundle. The rules of who may join are in
`firmware.reader_parts`; keys stay in the keyring under their owners' passphrases. Asks nobody anything: that is
`readers_command`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware import bundle as files
from firmware.documents import open_documents, write_atomically
from firmware.errors import BadInput, QuietbellError, Refused, StoreFault
from firmware.identity import KEM_PUBLIC_BYTES, ReaderEntry
from firmware.messages import Struct, decode, encode
from firmware.passphrase import normal_passphrase
from firmware.reader_parts import (
    FOUNDING_ROLES,
    Person,
    ReaderParts,
    Role,
    SignedParts,
    found_register,
    join,
    read_reader_parts,
)
from firmware.readers import Cost, Keyring, ReaderKeys
from firmware.settings import DeviceKind, DeviceSettings, Root, load_device

READERS_FILE = "readers.json"
# Both documents on their way into the bundle: a power cut between the two files is made good at the next start.
UNDER_WAY_FILE = "readers.next"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who shall become a reader."""

    name: str
    role: Role
    passphrase: str


@dataclass(frozen=True, slots=True)
class CoSigner:
    """A reader who is present and signs for a newcomer."""

    name: str
    passphrase: str


class _UnderWay(Struct, frozen=True):
    register: bytes
    sheet: bytes


class Ceremony:
    """The readers of one desk: its keyring, its recovery key and the documents it holds."""

    def __init__(
        self, *, root: Root, settings: DeviceSettings, keyring: Keyring, recovery_key: bytes, held: ReaderParts | None
    ) -> None:
        self._root = root
        self._settings = settings
        self._recovery_key = recovery_key
        self.keyring = keyring
        self.held = held

    @classmethod
    def open(cls, root: Root, cost: Cost) -> Ceremony:
        """Read a desk's folder.

        Raises:
            BadSettings: no bundle there.
            BadInput: it is not a desk's.
            StoreFault: a file is missing or was changed.
        """
        settings = load_device(root)
        if settings.kind is not DeviceKind.DESK:
            raise BadInput(f"{root.path}: this is a {settings.kind}: readers are made at a desk")
        recovery_key = files.read_file(root.public / files.RECOVERY, "copy the desk's bundle again")
        if len(recovery_key) != KEM_PUBLIC_BYTES:
            raise StoreFault(f"{root.public / files.RECOVERY}: is damaged: copy the desk's bundle again")
        files.make_folder(root.store, files.SECRET_FOLDER_MODE)
        keyring = Keyring(open_documents(root.store / READERS_FILE), cost=cost)
        _finish(root)
        held = _held_parts(root, settings.site)
        return cls(root=root, settings=settings, keyring=keyring, recovery_key=recovery_key, held=held)

    def waiting(self) -> tuple[ReaderEntry, ...]:
        """Keys that no register names yet: a founder who waits, or one left by a power cut."""
        known = {entry.id for entry in self.held.register.readers} if self.held else set()
        return tuple(entry for entry in self.keyring.entries() if entry.id not in known)

    def signers_needed(self, name: str, role: Role) -> int:
        """How many readers must sign for this newcomer. Raises BadInput when they cannot join now."""
        if self.held is not None:
            if any(entry.name.casefold() == name.casefold() for entry in self.held.register.readers):
                raise BadInput(f"{name} is a reader already: choose another name")
            return 2
        if role not in FOUNDING_ROLES:
            raise BadInput(f"no {role} yet: the first two readers are the head and the lead, who found it together")
        return 1 if any(entry.role != role for entry in self.waiting()) else 0

    def make_reader(self, newcomer: Newcomer, signers: Sequence[CoSigner]) -> ReaderParts | None:
        """Make one reader; None: the first founder, who waits for the other. Nothing is changed when it fails.

        Raises:
            BadInput: not the signers that are needed, or a passphrase of fewer than six words.
            WrongPassphrase: one of the signers'.
        """
        needed = self.signers_needed(newcomer.name, newcomer.role)
        if len(signers) != needed:
            raise BadInput(_who_must_sign(needed, len(signers), self._possible_signers(newcomer.role)))
        normal_passphrase(newcomer.passphrase)
        present = [self._unlock(signer, newcomer.role) for signer in signers]
        for entry in self.waiting():
            if entry.name.casefold() == newcomer.name.casefold() or (self.held is None and entry.role == newcomer.role):
                self.keyring.forget(entry.id)
        keys = self.keyring.create(newcomer.name, newcomer.role, newcomer.passphrase)
        try:
            signed = self._signed(self._person(keys), present)
        except QuietbellError:
            self.keyring.forget(keys.id)
            raise
        return self._keep(signed) if signed else None

    def _signed(self, newcomer: Person, present: Sequence[Person]) -> SignedParts | None:
        if self.held is not None:
            return join(self.held, newcomer.entry, [person.keys for person in present])
        if not present:
            return None
        return found_register(self._settings.site, self._recovery_key, [*present, newcomer])

    def _keep(self, signed: SignedParts) -> ReaderParts:
        pair = encode(_UnderWay(signed.register, signed.sheet))
        write_atomically(self._root.store / UNDER_WAY_FILE, pair, files.SECRET_MODE)
        _finish(self._root)
        self.held = read_reader_parts(signed.register, signed.sheet, site=self._settings.site, held=self.held)
        return self.held

    def _unlock(self, signer: CoSigner, role: Role) -> Person:
        for entry in self._possible_signers(role):
            if entry.name.casefold() == signer.name.casefold():
                return self._person(self.keyring.unlock(entry.id, signer.passphrase))
        names = ", ".join(entry.name for entry in self._possible_signers(role))
        raise BadInput(f"{shown(signer.name)}: no reader with a key at this desk who could sign: ask one of {names}")

    def _possible_signers(self, role: Role) -> tuple[ReaderEntry, ...]:
        if self.held is None:
            return tuple(entry for entry in self.waiting() if entry.role != role)
        here = self.keyring.names()
        return tuple(entry for entry in self.held.register.readers if entry.id in here)

    def _person(self, keys: ReaderKeys) -> Person:
        return Person(next(entry for entry in self.keyring.entries() if entry.id == keys.id), keys)


def _finish(root: Root) -> None:
    """Put both documents that are under way into the bundle, if there are any."""
    path = root.store / UNDER_WAY_FILE
    if not path.exists():
        return
    try:
        pair = decode(files.read_file(path, "mend its owner and mode"), _UnderWay)
    except Refused as problem:
        raise StoreFault(f"{path}: was changed or damaged: remove it, and hold the ceremony again") from problem
    for name, content in ((files.READER_REGISTER, pair.register), (files.ROUTE_SHEET, pair.sheet)):
        write_atomically(root.public / name, content, files.PUBLIC_MODE)
    try:
        path.unlink()
    except OSError as problem:
        raise StoreFault(
            f"{path}: cannot be removed ({problem.strerror}): mend its folder's owner and mode"
        ) from problem


def _held_parts(root: Root, site: bytes) -> ReaderParts | None:
    register, sheet = root.public / files.READER_REGISTER, root.public / files.ROUTE_SHEET
    if not register.exists() and not sheet.exists():
        return None
    mend = "copy it from the desk's backup"
    try:
        return read_reader_parts(files.read_file(register, mend), files.read_file(sheet, mend), site=site, held=None)
    except Refused as problem:
        raise StoreFault(f"{root.public}: the readers' documents were changed ({problem}): {mend}") from problem


def _who_must_sign(needed: int, given: int, possible: Sequence[ReaderEntry]) -> str:
    if needed == 0:
        return "the first founder needs no co-signer: give the newcomer's passphrase alone"
    names = ", ".join(entry.name for entry in possible)
    return f"{given} co-signers, {needed} needed: give name=passphrase of {needed} of: {names}"


def shown(untrusted: str) -> str:
    """What somebody typed, made fit for one line of an error."""
    return "".join(character for character in untrusted if character.isprintable())[:80]
