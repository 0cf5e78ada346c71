"""What the gate must know of the site's rules, got from a child process that reads and verifies them (`rules_reader`).

The rules with their texts and signature take more memory than all that the gate does, and a parser is no company for a
privilege: so the child reads, says three things, and is gone.
"""

from __future__ import annotations

import os
from importlib import import_module
from zoneinfo import ZoneInfo

import msgspec

from firmware.errors import ProgrammerError, QuietbellError, TechnicianError
from firmware.settings import Root

# Imported in the child only: its imports are what is saved here.
READER = "kiosk.portal.gate.rules_reader"
_SAID_BYTES_MAX = 64 * 1024


class GateRules(msgspec.Struct, frozen=True, tag="rules"):
    """`zone`: the site's clock, by its name. `accesses`: the kinds of access that some audience has."""

    fair_use_kbit_per_second: int
    zone: str
    accesses: tuple[str, ...]

    @property
    def clock(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class Mend(msgspec.Struct, frozen=True, tag="mend"):
    """The rules are wrong; `line` says what to mend."""

    line: str


def load_rules(root: Root) -> GateRules:
    """Before there are threads. Raises TechnicianError with the line that says what to mend."""
    hears, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hears)
        _read_in_child(root, says)
    os.close(says)
    with os.fdopen(hears, "rb") as told:
        said = told.read(_SAID_BYTES_MAX)
    os.waitpid(pid, 0)
    try:
        answer = msgspec.json.decode(said, type=GateRules | Mend)
    except msgspec.DecodeError:
        raise ProgrammerError("the reader of the rules died") from None
    if isinstance(answer, Mend):
        raise TechnicianError(answer.line)
    return answer


def _read_in_child(root: Root, says: int) -> None:
    """Never returns: whatever happens, this process ends here."""
    try:
        try:
            answer: GateRules | Mend = import_module(READER).read_rules(root)
        except QuietbellError as problem:
            answer = Mend(str(problem))
        os.write(says, msgspec.json.encode(answer))
    finally:
        os._exit(0)
