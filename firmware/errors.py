"""Every error Quietbell raises on purpose, drawn as one tree.

    QuietbellError
    ├── TechnicianError          somebody with a laptop must act
    │   ├── BadSettings          a settings, profile or bundle file is wrong: names file, key and mend
    │   ├── BadInput             a command-line word is wrong
    │   ├── StoreFault           a store cannot be opened, read or written
    │   │   ├── StoreFull        no room left; nothing was saved
    │   │   └── StoreBroken      the digest chain does not verify
    │   └── NotAllowedHere       a demo-only part was asked for on a real unit
    ├── StaffError               somebody at the desk must act
    │   ├── WrongPassphrase      the passphrase does not open this reader's key
    │   ├── WrongPin             the PIN does not match
    │   └── Locked               unlock first
    ├── Refused                  bytes from outside that we do not believe; carries a short reason code
    └── ProgrammerError          a state or call that must not happen; fix the code

The text of an error is the sentence its reader sees: what, where, and how to mend it.
"""


class QuietbellError(Exception):
    """Something went wrong that a person can act on."""


class TechnicianError(QuietbellError):
    """A technician must act."""


class BadSettings(TechnicianError):
    """A file is wrong. Says the file, the key and the mend."""

    def __init__(self, file: object, key: str, mend: str) -> None:
        self.file, self.key, self.mend = str(file), key, mend
        where = f"{file}: {key}" if key else str(file)
        super().__init__(f"{where}: {mend}")


class BadInput(TechnicianError):
    """A command was called with something it cannot use."""


class StoreFault(TechnicianError):
    """A store cannot be opened, read or written."""


class StoreFull(StoreFault):
    """There is no room left. Nothing was saved."""


class StoreBroken(StoreFault):
    """The record does not verify: somebody or something changed it."""


class NotAllowedHere(TechnicianError):
    """A demo-only part was asked for on a unit that is not a rehearsal."""


class StaffError(QuietbellError):
    """Somebody at the desk must act."""


class WrongPassphrase(StaffError):
    """That passphrase does not open this key."""


class WrongPin(StaffError):
    """That PIN is not right."""


class Locked(StaffError):
    """Unlock first."""


class Refused(QuietbellError):
    """Bytes from outside that we do not believe.

    `reason` is a short code (letters and hyphens) that is safe to log and to count.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


class ProgrammerError(QuietbellError):
    """A state or a call that must not happen."""
