"""Words in the reader's language: gettext catalogues read from `.po` files, which a fresh clone has.

The source language is English: what has no translation is shown in English, and `missing` tells. The catalogues ship
with the program, so a wrong one is a fault of ours: it raises ValueError, and a test reads them all. Knows nothing of
Quietbell.
"""

from __future__ import annotations

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
RIGHT_TO_LEFT = frozenset({"ar", "ur"})


class Words:
    """One language's words. `Words("en").text("Back")`; facts fill the braces: `text("Go to {place}.", place="…")`."""

    def __init__(self, language: str = SOURCE_LANGUAGE) -> None:
        """Raises ValueError when there is no such catalogue."""
        self.language = language
        self._catalogue = _load(language)

    @property
    def right_to_left(self) -> bool:
        return self.language.partition("-")[0] in RIGHT_TO_LEFT

    def text(self, message: str, /, **facts: str) -> str:
        """The sentence in this language, with its facts filled in."""
        found = self._catalogue.get(message, message)
        return found.format(**facts) if facts else found

    def missing(self, message: str) -> bool:
        """Whether a reader of this language would get this sentence untranslated."""
        return self.language != SOURCE_LANGUAGE and message not in self._catalogue


def languages() -> tuple[str, ...]:
    """The codes of the catalogues that are here, English first."""
    found = sorted(entry.name.removesuffix(".po") for entry in _folder().iterdir() if entry.name.endswith(".po"))
    return (SOURCE_LANGUAGE, *(language for language in found if language != SOURCE_LANGUAGE))


def own_name(language: str) -> str:
    """A language's name in that language, for whoever is looking for it."""
    if language == EASY_ENGLISH:
        return "Easy English"
    return Locale.parse(language, sep="-").get_display_name() or language


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


@cache
def _load(language: str) -> Mapping[str, str]:
    if language not in languages():
        raise ValueError(f"{language[:20]!r} is not a language here: use one of {', '.join(languages())}")
    file = _folder() / f"{language}.po"
    return parse_catalogue(file.read_bytes(), str(file)) if file.is_file() else MappingProxyType({})
