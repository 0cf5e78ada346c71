"""Small rules for people's own devices, made by the product's own parser: what a test of the portal begins with.

The site is in London, open at lunch from Monday to Friday; learners join by the network, everybody else by voucher. All
moments are in 2027, on the site's clock: `wall_ms("2027-01-13 12:30")`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from firmware.aup import ACTIONS, FIXED_LEVELS, AupDocument
from firmware.byod import Access, Audience, AudienceRules, Byod, Level, parse_byod
from firmware.opening_hours import Hours, read_hours

LONDON = ZoneInfo("Europe/London")
SCHOOL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
LUNCH = ("12:10", "13:00")

# An ordinary Wednesday in winter: the site's clock and UTC agree.
BEFORE_LUNCH, AT_LUNCH, AFTER_LUNCH = "2027-01-13 11:00", "2027-01-13 12:30", "2027-01-13 13:30"

RULES = (
    AudienceRules(Audience.YOUNG_LEARNER, 30, Access.WEB, uses_times=True),
    AudienceRules(Audience.LEARNER, 60, Access.WEB, uses_times=True),
    AudienceRules(Audience.ADULT, 120, Access.WEB, uses_times=True),
    AudienceRules(Audience.STAFF, 480, Access.ALL, uses_times=False),
    AudienceRules(Audience.VISITOR, 240, Access.WEB, uses_times=True),
)


def wall_ms(clock: str, *, zone: ZoneInfo = LONDON, fold: int = 0) -> int:
    """ "2027-01-13 12:30" on a site's clock, in wall milliseconds; fold 1: the second time that it reads so."""
    moment = datetime.strptime(clock, "%Y-%m-%d %H:%M").replace(tzinfo=zone, fold=fold)
    return int(moment.timestamp() * 1000)


def byod(
    *,
    network: Audience = Audience.LEARNER,
    opens: Sequence[tuple[str, str]] = (LUNCH,),
    days: tuple[str, ...] = SCHOOL_DAYS,
    always_open: bool = False,
    rules: Sequence[AudienceRules] = RULES,
    version: str = "2026-09",
    review: str = "2027-09-01",
    keep_hours: int = 24,
    zone: ZoneInfo = LONDON,
) -> Byod:
    """A site's rules with what a test wants otherwise. Texts in English, easy English and Welsh for every audience."""
    hours = read_hours("portal.toml", zone.key, tuple(Hours(days, start, end) for start, end in opens), ())
    return replace(
        _parsed(version, review),
        network_audience=network,
        audiences={each.audience: each for each in rules},
        always_open=always_open,
        hours=None if always_open or not opens else hours,
        keep_hours=keep_hours,
        zone=zone,
    )


def document(site: Byod, audience: Audience = Audience.LEARNER, language: str = "en") -> AupDocument:
    """One of the site's texts."""
    return site.document(audience, language)


def portal_toml(*, version: str = "2026-09", review: str = "2027-09-01") -> str:
    """The signed text of the sample site, with its texts joined."""
    levels = {action: FIXED_LEVELS.get(action, list(Level)[at % 4]) for at, action in enumerate(ACTIONS)}
    parts = [
        _HEAD.format(version=version, review=review),
        *(_audience(rules) for rules in RULES),
        "[levels]",
        *(f'"{action}" = "{level}"' for action, level in levels.items()),
        *(_text(rules.audience, language) for rules in RULES for language in ("en", "en-x-easy", "cy")),
    ]
    return "\n".join(parts)


_HEAD = """
format = 1
organisation = "Demo School"
monitored_by = "the school's IT team"
privacy_contact = "office@school.example"
confiscation = "Staff may keep your device until the end of the day."
keep_hours = 24
time_zone = "Europe/London"
network_audience = "learner"
fair_use_kbit_per_second = 8000
garden = ["childline.org.uk"]
survey = true
languages = ["en", "en-x-easy", "cy"]
[aup]
version = "{version}"
review = {review}
[times]
always = false
[[times.open]]
days = ["monday", "tuesday", "wednesday", "thursday", "friday"]
start = "12:10"
end = "13:00"
"""


@cache
def _parsed(version: str, review: str) -> Byod:
    return parse_byod(portal_toml(version=version, review=review), "portal.toml")


def _audience(rules: AudienceRules) -> str:
    return (
        f'[[audiences]]\nid = "{rules.audience}"\nsession_minutes = {rules.session_minutes}\n'
        f'access = "{rules.access}"\nuses_times = {str(rules.uses_times).lower()}'
    )


def _text(audience: Audience, language: str) -> str:
    easy = str(language.endswith("-x-easy")).lower()
    return (
        f'[[documents]]\naudience = "{audience}"\nlanguage = "{language}"\n'
        f"easy = {easy}\nchecked = {str(language != 'cy').lower()}\n"
        f'title = "Using {{organisation}} Wi-Fi ({audience}, {language})"\n'
        'intro = ["This is our Wi-Fi."]\nrules = ["Be kind.", "Ask when you are not sure."]\n'
        'monitoring = ["What you do is seen by {monitored_by}."]\n'
        'device = ["Look after your device and its updates.", "{confiscation}"]\n'
        'promise = "I will keep to this"'
    )
