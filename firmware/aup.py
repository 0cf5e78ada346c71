"""Acceptable use policies: what one reader reads, known by the hash of it.

Owns the list of actions that every site must give a level, the AUP files' parser, and how a file, the site's facts and
the levels become one document with a digest. Pure. The words for actions and levels are the portal's; here are only
their ids. Does not know who signed a text nor who accepted it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import msgspec

from firmware.byod_parts import EASY_SUFFIX, Audience, AupPart, Level
from firmware.errors import BadSettings
from firmware.toml_parts import can_be_shown, read_toml

# What people do on-line, from what is always welcome to what is always a crime. Words: `kiosk.portal.levels`.
ACTIONS: tuple[str, ...] = (
    "get-help",
    "learn",
    "message-people",
    "watch-video",
    "play-games",
    "use-social-media",
    "make-video-calls",
    "take-pictures",
    "shop",
    "gamble",
    "run-a-business",
    "download-a-lot",
    "copy-without-permission",
    "use-anothers-account",
    "share-private-information",
    "get-round-the-filter",
    "spread-viruses",
    "offend",
    "discriminate",
    "threaten",
    "see-pornography",
    "stir-up-hatred",
    "extreme-pornography",
    "child-abuse-images",
    "groom-a-child",
)
# A table for small children does not teach them these words; what upsets them is in the rules they read.
NOT_FOR_THE_YOUNG = frozenset(
    {"gamble", "run-a-business", "discriminate", "see-pornography", "stir-up-hatred", "extreme-pornography"}
    | {"child-abuse-images", "groom-a-child"}
)
# No site may say otherwise: help is always welcome, and these are crimes wherever our profiles are used.
FIXED_LEVELS: Mapping[str, Level] = {
    "get-help": Level.ACCEPTABLE,
    "stir-up-hatred": Level.ILLEGAL,
    "extreme-pornography": Level.ILLEGAL,
    "child-abuse-images": Level.ILLEGAL,
    "groom-a-child": Level.ILLEGAL,
}
FACTS = ("organisation", "monitored_by", "confiscation", "contact")
# A page has 20 KB with its style sheet and the table of levels; Arabic takes two bytes a letter, mark-up its share.
DOCUMENT_BYTES_MAX = 6_000

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*")
_FACT = re.compile(r"\{([a-z_]+)\}")
# First strong isolate, pop directional isolate.
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class AupDocument:
    """One policy as one reader reads it, facts filled in. `checked` False: translated by machine, not yet read by a
    speaker. `digest`: 32 bytes over everything that the reader sees.
    """

    audience: Audience
    language: str
    easy: bool
    title: str
    version: str
    review: date
    checked: bool
    intro: tuple[str, ...]
    rules: tuple[str, ...]
    monitoring: tuple[str, ...]
    device: tuple[str, ...]
    promise: str
    levels: tuple[tuple[str, Level], ...]
    digest: bytes


def parse_aup(untrusted_text: str, file: str) -> AupPart:
    """One AUP file, checked by itself.

    Raises:
        BadSettings: names the file, the key (or line) and the mend.
    """
    part = read_toml(untrusted_text, AupPart, file)
    check_aup(part, file, "")
    return part


def check_aup(part: AupPart, file: str, within: str) -> None:
    """The rules of one text; `within` goes before the key in errors. Raises BadSettings."""

    def bad(key: str, mend: str) -> BadSettings:
        return BadSettings(file, f"{within}{key}", mend)

    if part.audience not in list(Audience):
        raise bad("audience", f"{part.audience[:40]!r} is not known: use one of {', '.join(Audience)}")
    if not is_language(part.language):
        raise bad("language", f'{part.language!r} is not a language code: write one like "en" or "en{EASY_SUFFIX}"')
    if part.easy != part.language.endswith(EASY_SUFFIX):
        mend = "true" if not part.easy else "false"
        raise bad("easy", f'write {mend}: easy forms are those whose language ends in "{EASY_SUFFIX}"')
    for key, line in _lines(part):
        _check_line(line, key, bad)
    if not any("{monitored_by}" in line for line in part.monitoring):
        raise bad("monitoring", "must say who monitors: put {monitored_by} into one of its lines")
    young = part.audience in (Audience.YOUNG_LEARNER, Audience.LEARNER)
    if young and not any("{confiscation}" in line for line in part.device):
        raise bad("device", "must say what happens to a device: put {confiscation} into one of its lines")


def make_document(
    part: AupPart,
    facts: Mapping[str, str],
    levels: Mapping[str, Level],
    *,
    version: str,
    review: date,
) -> AupDocument:
    """Fill in the facts, put the levels in order, and take the digest."""

    def filled(lines: tuple[str, ...]) -> tuple[str, ...]:
        # A site that takes nothing away has no sentence for it: that paragraph falls out.
        return tuple(line for line in (_filled(line, facts) for line in lines) if line)

    audience = Audience(part.audience)
    document = AupDocument(
        audience=audience,
        language=part.language,
        easy=part.easy,
        title=_filled(part.title, facts),
        version=version,
        review=review,
        checked=part.checked,
        intro=filled(part.intro),
        rules=filled(part.rules),
        monitoring=filled(part.monitoring),
        device=filled(part.device),
        promise=_filled(part.promise, facts),
        levels=tuple((action, levels[action]) for action in actions_for(audience)),
        digest=b"",
    )
    return _with_digest(document)


def actions_for(audience: Audience) -> tuple[str, ...]:
    """The actions that this audience's table shows, in order."""
    if audience is Audience.YOUNG_LEARNER:
        return tuple(action for action in ACTIONS if action not in NOT_FOR_THE_YOUNG)
    return ACTIONS


def document_bytes(document: AupDocument) -> int:
    """How many bytes of text a page of this document holds, without table and mark-up."""
    lines = (*document.intro, *document.rules, *document.monitoring, *document.device)
    return sum(len(line.encode()) for line in (document.title, document.promise, *lines))


def is_language(code: str) -> bool:
    """Whether this has the shape of a language code, in the lower case that addresses use."""
    return _LANGUAGE.fullmatch(code) is not None


def _with_digest(document: AupDocument) -> AupDocument:
    """The hash by which everybody knows this text.

    Over what a reader sees. Not the review date, nor whether a speaker has read it: a new date alone, on a text that
    was found good, asks nobody again. Who wants everybody asked raises the version.
    """
    seen = (
        *(str(document.audience), document.language, document.title, document.version),
        *(document.intro, document.rules, document.monitoring, document.device),
        *(document.promise, tuple((action, str(level)) for action, level in document.levels)),
    )
    digest = hashlib.sha256(b"quietbell/1 aup\0" + msgspec.msgpack.encode(seen)).digest()
    return replace(document, digest=digest)


def _lines(part: AupPart) -> list[tuple[str, str]]:
    lists = {"intro": part.intro, "rules": part.rules, "monitoring": part.monitoring, "device": part.device}
    numbered = [(f"{key} (item {at})", line) for key, lines in lists.items() for at, line in enumerate(lines, 1)]
    return [("title", part.title), ("promise", part.promise), *numbered]


def _check_line(line: str, key: str, bad: Callable[[str, str], BadSettings]) -> None:
    if not line.strip():
        raise bad(key, "must not be empty")
    if not can_be_shown(line):
        raise bad(key, "has a line break, tab or other invisible character: write it on one line")
    unknown = next((name for name in _FACT.findall(line) if name not in FACTS), None)
    known = ", ".join(f"{{{name}}}" for name in FACTS)
    if unknown is not None:
        raise bad(key, f"{{{unknown[:40]}}} is not a fact: use {known}")
    if set(_FACT.sub("", line)) & {"{", "}"}:
        raise bad(key, f"has a brace by itself: braces stand only around facts: {known}")


def _filled(line: str, facts: Mapping[str, str]) -> str:
    """With its facts. In a right-to-left line each stands apart: the groups of a telephone number would change
    places otherwise."""
    before, after = (_ISOLATE, _END_ISOLATE) if _reads_leftwards(line) else ("", "")
    return _FACT.sub(lambda found: f"{before}{facts[found[1]]}{after}" if facts[found[1]] else "", line).strip()


def _reads_leftwards(line: str) -> bool:
    """By the first strong character of its own words (UAX #9, P2)."""
    strong = (unicodedata.bidirectional(character) for character in _FACT.sub("", line))
    return next((kind for kind in strong if kind in ("L", "R", "AL")), "L") != "L"
