"""A site's rules for people's own devices, parsed from the signed `portal.toml`.

Owns what the rules answer: which text for whom, how long, when, how much. The file's parts are in `byod_parts`, the
rules that make it complete in `byod_rules`, the texts in `aup`. Does not know who signed the file, and admits nobody:
that is the portal's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from zoneinfo import ZoneInfo

from firmware.aup import (
    AupDocument,
    check_aup,
    make_document,
)
from firmware.byod_parts import (
    EASY_ENGLISH,
    EASY_SUFFIX,
    ENGLISH,
    Access,
    Audience,
    Level,
    PortalFile,
)
from firmware.byod_rules import check_documents, check_rules
from firmware.errors import BadSettings, ProgrammerError
from firmware.opening_hours import Closed, DutyHours, read_hours
from firmware.toml_parts import read_toml

__all__ = ["Access", "Audience", "AudienceRules", "Byod", "Level", "parse_byod", "parse_byod_source"]

# Five audiences in twenty languages have some 600,000 characters.
PORTAL_CHARACTERS_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AudienceRules:
    """What one audience gets. `uses_times` False: also on-line outside the permitted times (staff, say)."""

    audience: Audience
    session_minutes: int
    access: Access
    uses_times: bool


@dataclass(frozen=True, slots=True)
class Byod:
    """The whole of it. `network_audience`: who joins without a voucher. `keep_hours`: how long an acceptance is kept.

    `hours` None and not `always_open`: closed unless a member of staff unlocks a lesson. `garden`: domains that are
    open before acceptance. `review`: the day on which the texts must be looked at again.
    """

    organisation: str
    monitored_by: str
    privacy_contact: str
    keep_hours: int
    zone: ZoneInfo
    network_audience: Audience
    audiences: Mapping[Audience, AudienceRules]
    always_open: bool
    hours: DutyHours | None
    fair_use_kbit_per_second: int
    garden: tuple[str, ...]
    survey: bool
    languages: tuple[str, ...]
    version: str
    review: date
    documents: tuple[AupDocument, ...]

    def document(self, audience: Audience, language: str) -> AupDocument:
        """What this audience reads in this language, or in the nearest that there is.

        Its own language before its own ease, then easy English for those who asked for ease, then English.
        """
        own = {document.language: document for document in self.documents if document.audience is audience}
        for wanted in _nearest(language):
            if wanted in own:
                return own[wanted]
        raise ProgrammerError(f"{audience} has no text in English: this came by no parser")

    def review_due(self, today: date) -> bool:
        """Whether the day of the review has come. The texts stay in force: an old reminder is better than none."""
        return today >= self.review


def parse_byod(untrusted_text: str, file: str) -> Byod:
    """The signed text, its AUP documents joined; `file` is only named in errors.

    Raises:
        BadSettings: names the file, the key (or line) and the mend.
    """
    if len(untrusted_text) > PORTAL_CHARACTERS_MAX:
        raise BadSettings(file, "", f"has over {PORTAL_CHARACTERS_MAX} characters: shorten its texts")
    parsed = read_toml(untrusted_text, PortalFile, file)
    levels = check_rules(parsed, file)
    documents = _documents(parsed, levels, file)
    check_documents(parsed, documents, file)
    rules = {
        Audience(part.id): AudienceRules(Audience(part.id), part.session_minutes, Access(part.access), part.uses_times)
        for part in parsed.audiences
    }
    hours = _hours(parsed, file)
    return Byod(
        organisation=parsed.organisation,
        monitored_by=parsed.monitored_by,
        privacy_contact=parsed.privacy_contact,
        keep_hours=parsed.keep_hours,
        zone=hours.zone,
        network_audience=Audience(parsed.network_audience),
        audiences=MappingProxyType(rules),
        always_open=parsed.times.always,
        hours=hours if parsed.times.open else None,
        fair_use_kbit_per_second=parsed.fair_use_kbit_per_second,
        garden=parsed.garden,
        survey=parsed.survey,
        languages=parsed.languages,
        version=parsed.aup.version,
        review=parsed.aup.review,
        documents=documents,
    )


def parse_byod_source(untrusted_text: str, file: str) -> PortalFile:
    """A `portal.toml` before its texts are joined to it, checked by itself.

    Raises:
        BadSettings: as `parse_byod`; also when somebody wrote texts into it.
    """
    parsed = read_toml(untrusted_text, PortalFile, file)
    if parsed.documents:
        raise BadSettings(file, "documents", "texts are files of their own: put them into aups/ beside this one")
    check_rules(parsed, file)
    _hours(parsed, file)
    return parsed


def _documents(
    parsed: PortalFile, levels: Mapping[Audience, Mapping[str, Level]], file: str
) -> tuple[AupDocument, ...]:
    documents = []
    for at, part in enumerate(parsed.documents, 1):
        within = f"documents (item {at})."
        check_aup(part, file, within)
        if part.audience not in levels:
            raise BadSettings(file, f"{within}audience", f"{part.audience} is not one of this site's audiences")
        own = levels[Audience(part.audience)]
        facts = _facts(parsed, part.language)
        documents.append(make_document(part, facts, own, version=parsed.aup.version, review=parsed.aup.review))
    return tuple(documents)


def _facts(parsed: PortalFile, language: str) -> Mapping[str, str]:
    common = {
        "organisation": parsed.organisation,
        "monitored_by": parsed.monitored_by,
        "confiscation": parsed.confiscation,
        "contact": parsed.privacy_contact,
    }
    local = parsed.facts.get(language)
    own = {name: getattr(local, name, "") for name in ("organisation", "monitored_by", "confiscation")}
    return common | {name: words for name, words in own.items() if words}


def _hours(parsed: PortalFile, file: str) -> DutyHours:
    closed = tuple(Closed(days.first, days.last) for days in parsed.times.closed)
    try:
        return read_hours(file, parsed.time_zone, parsed.times.open, closed)
    except BadSettings as problem:
        names = {"duty.hours": "times.open", "duty.closed": "times.closed", "duty.time_zone": "time_zone"}
        raise BadSettings(file, names.get(problem.key, problem.key), problem.mend) from problem


def _nearest(language: str) -> tuple[str, ...]:
    """The languages to try, best first, after a code in any case: none of them need exist."""
    exact = language.lower()
    plain = exact.removesuffix(EASY_SUFFIX)
    base = plain.partition("-")[0]
    easy = (EASY_ENGLISH,) if exact != plain else ()
    return (exact, plain, base, *easy, ENGLISH)
