"""Words in the reader's language: gettext catalogues read from `.po` files, which a fresh clone has.

The source language is English: what has no translation is shown in English, and `missing` tells. The catalogues ship
with the program, so a wrong one is a fault of ours: it raises ValueError, and a test reads them all. One that no
speaker of the language has checked says so in its header, and `checked` passes that on. Knows nothing of Quietbell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from io import BytesIO
from string import Formatter
from types import MappingProxyType

from babel import Locale
from babel.core import UnknownLocaleError
from babel.messages.pofile import PoFileError, read_po

SOURCE_LANGUAGE = "en"
# English for those who find reading hard: a private-use subtag (BCP 47, section 2.2.7).
EASY_ENGLISH = "en-x-easy"
# Each fact in a right-to-left sentence stands between these (UAX #9: first strong isolate, pop directional isolate):
# a telephone number keeps the order of its groups, and a name in Latin letters does not pull a full stop along.
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_HEAD = re.compile(rb'^"X-(Name|Direction): ([^"\\]+)\\n"\s*$', re.MULTILINE)
_CHECKED = re.compile(rb'^"X-Checked-By-Speaker: (yes|no)\\n"\s*$', re.MULTILINE)
_MOMENT = re.compile(
    r"(?P<clock>\d\d:\d\d)(?: (?P<tomorrow>tomorrow)| on (?P<day>[A-Z][a-z]+)| on (?P<date>\d\d? [A-Z][a-z]+))"
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Words:
    """One language's words. `Words("en").text("Back")`; facts fill the braces: `text("Go to {place}.", place="…")`."""

    def __init__(self, language: str = SOURCE_LANGUAGE) -> None:
        """Raises ValueError when there is no such catalogue."""
        self.language = language
        self._catalogue = _load(language)
        self.right_to_left = _head(language)["Direction"] == "rtl"

    def text(self, message: str, /, **facts: str) -> str:
        """The sentence in this language, with its facts filled in."""
        found = self._catalogue.get(message, message)
        if self.right_to_left:
            facts = {name: f"{_ISOLATE}{fact}{_END_ISOLATE}" if fact else "" for name, fact in facts.items()}
        return found.format(**facts) if facts else found

    def moment(self, english: str) -> str:
        """A time as `firmware.opening_hours` says it ("08:15 tomorrow", "08:15 on Monday", "08:15 on 3 May"), in this
        language; whatever else it is, unchanged."""
        match = _MOMENT.fullmatch(english)
        if match is None or self.language.partition("-")[0] == SOURCE_LANGUAGE:
            return english
        if match["tomorrow"]:
            return self.text("{clock} tomorrow", clock=match["clock"])
        day = self._day(match["day"]) if match["day"] else self._date(*match["date"].split(" "))
        return self.text("{clock} on {day}", clock=match["clock"], day=day) if day else english

    def _day(self, english: str) -> str:
        return _locale(self.language).days["format"]["wide"][_DAYS.index(english)] if english in _DAYS else ""

    def _date(self, day: str, english: str) -> str:
        if english not in _MONTHS:
            return ""
        return f"{day} {_locale(self.language).months['format']['wide'][_MONTHS.index(english) + 1]}"

    def missing(self, message: str) -> bool:
        """Whether a reader of this language would get this sentence untranslated."""
        return self.language != SOURCE_LANGUAGE and message not in self._catalogue


def languages() -> tuple[str, ...]:
    """The codes of the catalogues that are here, English first."""
    found = sorted(entry.name.removesuffix(".po") for entry in _folder().iterdir() if entry.name.endswith(".po"))
    return (SOURCE_LANGUAGE, *(language for language in found if language != SOURCE_LANGUAGE))


def own_name(language: str) -> str:
    """A language's name in that language, for whoever is looking for it."""
    return _head(language)["Name"]


def checked(language: str) -> bool:
    """Whether somebody who speaks this language has read its catalogue; what we wrote in English needs no such reader.

    Whoever lets a reader choose a language says it of those that are not checked.
    """
    _load(language)
    return language.partition("-")[0] == SOURCE_LANGUAGE or is_marked_checked(_file(language).read_bytes())


def is_marked_checked(untrusted_text: bytes) -> bool:
    """What a catalogue's header says of itself; one that says nothing was not checked."""
    match = _CHECKED.search(untrusted_text.partition(b"\n\n")[0])
    return match is not None and match[1] == b"yes"


def parse_catalogue(untrusted_text: bytes, file: str) -> Mapping[str, str]:
    """Message to translation, of those that are translated and not marked fuzzy.

    Raises:
        ValueError: not a `.po` file, or a translation whose {braces} are not those of its message.
    """
    try:
        catalogue = read_po(BytesIO(untrusted_text), charset="utf-8", abort_invalid=True)
    except (PoFileError, UnknownLocaleError, ValueError) as problem:
        raise ValueError(f"{file}: is not a .po catalogue in UTF-8") from problem
    found: dict[str, str] = {}
    for message in catalogue:
        id, string = message.id, message.string
        if not (isinstance(id, str) and isinstance(string, str) and id and string) or message.fuzzy:
            continue
        if not _same_facts(id, string):
            raise ValueError(f"{file}: {id[:60]!r}: the translation has other braces than the message")
        found[id] = string
    return MappingProxyType(found)


def _same_facts(message: str, translation: str) -> bool:
    try:
        return _facts(translation) == _facts(message)
    except ValueError:
        return False


def _facts(message: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(message) if name is not None)


def _folder() -> Traversable:
    return resources.files("kiosk") / "locales"


def _file(language: str) -> Traversable:
    return _folder() / f"{language}.po"


@cache
def _head(language: str) -> Mapping[str, str]:
    """What a catalogue says of itself. Babel knows name and direction too, at 1.5 MB a language."""
    _load(language)
    lines = _HEAD.findall(_file(language).read_bytes().partition(b"\n\n")[0])
    return MappingProxyType({name.decode(): value.decode("utf-8") for name, value in lines})


@cache
def _locale(language: str) -> Locale:
    """What Babel knows of a language; it knows no private-use subtags."""
    return Locale.parse(language.partition("-x-")[0], sep="-")


@cache
def _load(language: str) -> Mapping[str, str]:
    if language not in languages():
        raise ValueError(f"{language[:20]!r} is not a language here: use one of {', '.join(languages())}")
    file = _file(language)
    return parse_catalogue(file.read_bytes(), str(file)) if file.is_file() else MappingProxyType({})
