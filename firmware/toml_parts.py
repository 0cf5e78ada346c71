"""From TOML text to a frozen noun, and from what msgspec says of a wrong one to a line that a technician can use.

Owns the wording: file, key (or line) and the mend, on one line. Knows no noun.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from firmware.errors import BadSettings

# Beside what `isprintable` takes: joiners and marks that Arabic and Urdu spelling need, and spaces that do not break.
# Overrides and isolates stay out: they can make a line read as what it is not.
_SPELLING_MARKS = frozenset("\u200c\u200d\u200e\u200f\u00a0\u202f")
_ITEM = re.compile(r"\[(\d+)\]")

_Part = TypeVar("_Part", bound=msgspec.Struct)


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shared shape of everything in a file: immutable, nothing extra accepted."""


def read_toml(untrusted_text: str, noun: type[_Part], file: str) -> _Part:
    """The noun that stands in `untrusted_text`; `file` is only named in errors.

    Raises:
        BadSettings: not TOML (names the line), or a key that is missing, unknown or out of bounds.
    """
    try:
        return msgspec.convert(tomllib.loads(untrusted_text), noun, strict=True)
    except tomllib.TOMLDecodeError as problem:
        raise BadSettings(file, "", f"is not TOML: {one_line(str(problem))}") from problem
    except RecursionError as problem:
        raise BadSettings(file, "", "is nested too deeply: start again from a shipped one") from problem
    except msgspec.ValidationError as problem:
        raise _reworded(one_line(str(problem)), file) from problem


def read_text(path: Path, bytes_max: int, mend: str) -> str:
    """A whole text file, which has at most `bytes_max`. Raises BadSettings with the given mend."""
    try:
        with path.open("rb") as file:
            untrusted = file.read(bytes_max + 1)
        text = untrusted.decode("utf-8")
    except OSError as problem:
        raise BadSettings(path, "", f"cannot be read ({problem.strerror}): {mend}") from problem
    except UnicodeDecodeError as problem:
        raise BadSettings(path, "", f"is not UTF-8 text (byte {problem.start}): save it as UTF-8") from problem
    if len(untrusted) > bytes_max:
        raise BadSettings(path, "", f"is over {bytes_max} bytes: {mend}")
    return text


def can_be_shown(text: str) -> bool:
    """Whether a line has nothing in it that nobody can see."""
    return all(character.isprintable() or character in _SPELLING_MARKS for character in text)


def one_line(untrusted: str, characters_max: int = 300) -> str:
    """Text from a file, made fit for one line of an error."""
    joined = " ".join(untrusted.split())[:characters_max]
    return "".join(character if character.isprintable() else "?" for character in joined)


def _reworded(said: str, file: str) -> BadSettings:
    """Turn msgspec's "… - at `$.audiences[0].access`" into key and mend."""
    what, _, where = said.partition(" - at ")
    key = _ITEM.sub(lambda item: f" (item {int(item[1]) + 1})", where.strip("`").removeprefix("$").lstrip("."))
    for pattern, reword in _REWORDINGS:
        found = re.fullmatch(pattern, what)
        if found:
            below, mend = reword(found)
            return BadSettings(file, ".".join(name for name in (key, below) if name), mend)
    return BadSettings(file, key, what)


_KINDS = {
    "int": "a whole number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list in [ ]",
    "object": "a table of keys",
    "date": "a date such as 2027-09-01, without quotes",
}


def _kind(name: str) -> str:
    return " or ".join(_KINDS.get(each, each) for each in name.split(" | "))


_Reword = Callable[[re.Match[str]], tuple[str, str]]
# what msgspec says -> (key below the one that it names, mend)
_REWORDINGS: tuple[tuple[str, _Reword], ...] = (
    ("Object missing required field `(.*)`", lambda said: (said[1], "is missing: write it, as the shipped ones do")),
    (
        "Object contains unknown field `(.*)`",
        lambda said: (said[1], "is not known here: take it out, or look for a spelling mistake"),
    ),
    ("Expected `(int)` >= (.*)", lambda said: ("", f"write {said[2]} or more")),
    ("Expected `(int)` <= (.*)", lambda said: ("", f"write {said[2]} or less")),
    ("Expected `str` of length >= .*", lambda _: ("", "must not be empty")),
    ("Expected `str` of length <= (.*)", lambda said: ("", f"is too long: write at most {said[1]} characters")),
    ("Expected `array` of length >= (.*)", lambda said: ("", f"has too few: list at least {said[1]}")),
    ("Expected `array` of length <= (.*)", lambda said: ("", f"has too many: list at most {said[1]}")),
    ("Invalid .*date.*", lambda _: ("", "is not a date: write one such as 2027-09-01")),
    ("Expected `(.*)`, got `(.*)`", lambda said: ("", f"write {_kind(said[1])}")),
)
