"""Rules for people's own devices, as small as they may be: what a test changes stands out.

`source` is a `portal.toml` before its texts are joined, `aup` one text, `joined` what is signed. Names of keys give
other values: `source(keep_hours="12")`; None takes the key out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from firmware.aup import ACTIONS, FIXED_LEVELS
from firmware.byod import Byod, Level, parse_byod

KEYS: Mapping[str, str] = {
    "format": "1",
    "organisation": '"Test School"',
    "monitored_by": '"our IT team"',
    "privacy_contact": '"office@school.test"',
    "confiscation": '"Staff may keep your device until the end of the day."',
    "keep_hours": "24",
    "time_zone": '"Europe/London"',
    "network_audience": '"learner"',
    "fair_use_kbit_per_second": "8000",
    "garden": '["childline.org.uk"]',
    "survey": "true",
    "languages": '["en"]',
}
TIMES = 'always = false\n[[times.open]]\ndays = ["monday", "friday"]\nstart = "12:10"\nend = "13:00"'
AUDIENCES: Mapping[str, str] = {
    "learner": 'session_minutes = 60\naccess = "web"\nuses_times = true',
    "visitor": 'session_minutes = 120\naccess = "web"\nuses_times = true',
    "staff": 'session_minutes = 480\naccess = "all"\nuses_times = false',
}
LEVELS: Mapping[str, str] = {action: f'"{FIXED_LEVELS.get(action, Level.SOMETIMES)}"' for action in ACTIONS}


def source(
    *,
    times: str = TIMES,
    dates: str = 'version = "2026-09"\nreview = 2027-09-01',
    audiences: Mapping[str, str] = AUDIENCES,
    levels: Mapping[str, str | None] | None = None,
    more: str = "",
    **changed: str | None,
) -> str:
    """A `portal.toml`; `more` is put at its end."""
    keys = {**KEYS, **changed}
    table = {**LEVELS, **(levels or {})}
    lines = [f"{key} = {value}" for key, value in keys.items() if value is not None]
    lines += ["[aup]", dates, "[times]", times]
    for id, rules in audiences.items():
        lines += ["[[audiences]]", f'id = "{id}"', rules]
    lines += ["[levels]", *(f"{action} = {level}" for action, level in table.items() if level is not None), more]
    return "\n".join(lines) + "\n"


def aup(audience: str = "learner", language: str = "en", **changed: str | None) -> str:
    """One AUP file."""
    easy = "true" if language.endswith("-x-easy") else "false"
    keys: dict[str, str | None] = {
        "audience": f'"{audience}"',
        "language": f'"{language}"',
        "easy": easy,
        "checked": "true",
        "title": f'"Wi-Fi for a {audience}, in {language}"',
        "intro": '["Welcome to {organisation}."]',
        "rules": '["Be kind.", "Keep passwords to yourself."]',
        "monitoring": '["{monitored_by} can see what is done here. Questions: {contact}"]',
        "device": '["Look after your own device, its updates and virus protection.", "{confiscation}"]',
        "promise": '"I will keep to this"',
    }
    return "\n".join(f"{key} = {value}" for key, value in {**keys, **changed}.items() if value is not None) + "\n"


def joined(portal: str | None = None, *texts: str) -> str:
    """The signed text: by default the smallest source with one English text for each audience."""
    chosen = texts or tuple(aup(audience) for audience in AUDIENCES)
    return "\n".join([portal if portal is not None else source(), *(f"[[documents]]\n{text}" for text in chosen)])


def byod(portal: str | None = None, *texts: str) -> Byod:
    """The same, parsed."""
    return parse_byod(joined(portal, *texts), "portal.toml")


def changed_line(text: str, key: str, value: str) -> str:
    """The same file with another value for one of its keys."""
    new, count = re.subn(rf"^{re.escape(key)} = .*$", lambda _: f"{key} = {value}", text, flags=re.MULTILINE)
    assert count == 1, key
    return new
