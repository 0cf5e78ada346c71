"""What makes a site's rules for people's own devices complete: whoever may join has a text to read and every action a
level, and nothing that is open before acceptance hides the portal.

Pure. Each rule ends in BadSettings with the file, the key and the mend.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from firmware.aup import ACTIONS, DOCUMENT_BYTES_MAX, FIXED_LEVELS, AupDocument, document_bytes, is_language
from firmware.byod_parts import ENGLISH, PORTAL_FORMAT, Access, Audience, Level, PortalFile
from firmware.errors import BadSettings
from firmware.toml_parts import can_be_shown, one_line

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}$){_LABEL}(\.{_LABEL})+")
# Whole branches that registries sell names under: opening one would open everybody's.
_BRANCH = re.compile(r"(ac|co|com|edu|gov|ltd|me|net|nhs|org|plc|police|sch)\.[a-z]{2}")
# Were these open before acceptance, the phones that ask for them would take themselves to be on-line and show no page.
_PROBES = (
    "captive.apple.com",
    "www.apple.com",
    "connectivitycheck.gstatic.com",
    "www.gstatic.com",
    "www.google.com",
    "clients3.google.com",
    "play.googleapis.com",
    "connectivitycheck.android.com",
    "www.msftconnecttest.com",
    "dns.msftncsi.com",
    "edge-http.microsoft.com",
    "detectportal.firefox.com",
    "spectrum.s3.amazonaws.com",
    "fireoscaptiveportal.com",
    "nmcheck.gnome.org",
    "network-test.debian.org",
    "connectivity-check.ubuntu.com",
    "fedoraproject.org",
)


def check_rules(parsed: PortalFile, file: str) -> Mapping[Audience, Mapping[str, Level]]:
    """Every rule that needs no text; returns each audience's levels."""
    check = _Check(file)
    readable = f"this program reads format {PORTAL_FORMAT}, not {parsed.format}: use a newer one"
    check.that(parsed.format == PORTAL_FORMAT, "format", readable)
    _check_lines(parsed, check)
    _check_audiences(parsed, check)
    _check_garden(parsed.garden, check)
    _check_languages(parsed, check)
    times = parsed.times
    check.that(
        not (times.always and times.open), "times.open", "always = true leaves nothing to open: take one of them out"
    )
    return _levels(parsed, check)


def check_documents(parsed: PortalFile, documents: tuple[AupDocument, ...], file: str) -> None:
    """Everybody has something to read, nobody has two, and each fits a page."""
    check = _Check(file)
    pairs = [(str(document.audience), document.language) for document in documents]
    for audience, language in pairs:
        name = f"{audience}.{language}"
        check.that(pairs.count((audience, language)) == 1, "documents", f"{name} is there twice: take one out")
        check.that(language in parsed.languages, "documents", f"{name}: add {language!r} to languages, or take it out")
    for part in parsed.audiences:
        mend = f"{part.id}.{ENGLISH} is missing: write aups/{part.id}.{ENGLISH}.toml"
        check.that((part.id, ENGLISH) in pairs, "documents", mend)
    for language in parsed.languages:
        name = f"{parsed.network_audience}.{language}"
        mend = f"{name} is missing: write aups/{name}.toml, or take {language!r} out of languages"
        check.that((parsed.network_audience, language) in pairs, "documents", mend)
    for document in documents:
        size, name = document_bytes(document), f"{document.audience}.{document.language}"
        mend = f"{name} has {size} bytes of text: {DOCUMENT_BYTES_MAX} fit a page that loads at once; shorten it"
        check.that(size <= DOCUMENT_BYTES_MAX, "documents", mend)
        check.that(bool(document.device), "documents", f"{name} says nothing of people's own devices: write device")


class _Check:
    """Says what is wrong in one file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def that(self, holds: bool, key: str, mend: str) -> None:
        if not holds:
            raise BadSettings(self._file, key, mend)

    def known(self, name: object, names: Iterable[str], key: str) -> None:
        shown = one_line(str(name), 40)
        self.that(name in tuple(names), key, f"{shown!r} is not known: use one of {', '.join(names)}")


def _check_lines(parsed: PortalFile, check: _Check) -> None:
    lines = {
        "organisation": parsed.organisation,
        "monitored_by": parsed.monitored_by,
        "privacy_contact": parsed.privacy_contact,
        "confiscation": parsed.confiscation,
        "aup.version": parsed.aup.version,
    }
    for language, local in parsed.facts.items():
        for name in ("organisation", "monitored_by", "confiscation"):
            lines[f"facts.{language[:24]}.{name}"] = getattr(local, name)
    optional = ("confiscation", *(key for key in lines if key.startswith("facts.")))
    for key, line in lines.items():
        check.that(bool(line.strip()) or (key in optional and not line), key, "must not be empty")
        check.that(can_be_shown(line), key, "has a line break or other invisible character: write it on one line")


def _check_audiences(parsed: PortalFile, check: _Check) -> None:
    for at, part in enumerate(parsed.audiences, 1):
        key = f"audiences (item {at})"
        check.known(part.id, Audience, f"{key}.id")
        check.known(part.access, Access, f"{key}.access")
    ids = [part.id for part in parsed.audiences]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    check.that(not twice, "audiences", f"{', '.join(twice)} is there twice: take one out")
    check.known(parsed.network_audience, ids, "network_audience")


def _check_garden(garden: tuple[str, ...], check: _Check) -> None:
    for at, domain in enumerate(garden, 1):
        key, shown = f"garden (item {at})", one_line(domain, 60)
        good = _DOMAIN.fullmatch(domain) is not None and not domain.rpartition(".")[2].isdigit()
        check.that(good, key, f'{shown!r} is not a domain: write one such as "childline.org.uk", in small letters')
        check.that(_BRANCH.fullmatch(domain) is None, key, f"{shown} would open everybody's sites: name one of them")
        hidden = next((probe for probe in _PROBES if f".{probe}".endswith(f".{domain}")), "")
        check.that(not hidden, key, f"{shown} holds {hidden}, so phones would not see the portal: take it out")


def _check_languages(parsed: PortalFile, check: _Check) -> None:
    for key, codes in (("languages", parsed.languages), ("facts", tuple(parsed.facts))):
        for code in codes:
            check.that(
                is_language(code), key, f'{one_line(code, 24)!r} is not a language code: write one like "en" or "cy"'
            )
    check.that(len(set(parsed.languages)) == len(parsed.languages), "languages", "name each only once")
    check.that(ENGLISH in parsed.languages, "languages", f'"{ENGLISH}" is missing: every text falls back to it')
    for code in parsed.facts:
        check.that(code in parsed.languages, f"facts.{code}", "is not one of languages: add it there, or take this out")


def _levels(parsed: PortalFile, check: _Check) -> Mapping[Audience, Mapping[str, Level]]:
    """Each audience's levels: the common ones, with its own over them."""
    audiences = [part.id for part in parsed.audiences]
    own = {name: table for name, table in parsed.levels.items() if isinstance(table, dict)}
    common = {name: level for name, level in parsed.levels.items() if name not in own}
    for name in own:
        check.known(name, audiences, f"levels.{one_line(name, 40)}")
    for prefix, table in (("levels", common), *((f"levels.{name}", table) for name, table in own.items())):
        for action, level in table.items():
            key = f"{prefix}.{one_line(str(action), 40)}"
            check.that(action in ACTIONS, key, "is not one of the actions: look for a spelling mistake")
            check.known(level, Level, key)
            fixed = FIXED_LEVELS.get(str(action), level)
            check.that(level == fixed, key, f'must be "{fixed}", whatever the site')
    missing = [action for action in ACTIONS if action not in common]
    check.that(not missing, "levels", f"{', '.join(missing)} missing: give it one of {', '.join(Level)}")
    tables = {name: {**common, **own.get(name, {})} for name in audiences}
    return {Audience(name): {a: Level(str(level)) for a, level in table.items()} for name, table in tables.items()}
