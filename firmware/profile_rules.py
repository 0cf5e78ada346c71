"""What makes a site profile complete: nothing is named that is not there, and nothing that must be there is missing.

Pure. Each rule ends in BadSettings with the file, the key and the mend, so that a profile which passes can be used
without asking again.
"""

from __future__ import annotations

from collections.abc import Mapping

from firmware.errors import BadSettings
from firmware.messages import Urgency
from firmware.profile_parts import (
    CATEGORY_IDS,
    NEVER_BELOW_TODAY,
    ROLES,
    ROUTES,
    SKIP,
    HelpLine,
    Place,
    ProfileFile,
    StaffChoice,
    Tip,
)


def check_profile(parsed: ProfileFile, file: str) -> None:
    """Raises BadSettings for the first rule that does not hold."""
    check = _Check(file)
    _check_names(parsed, check)
    _check_categories(parsed, check)
    _check_ladders(parsed, check)
    _check_talk(parsed, check)
    _check_tips(parsed, check)


class _Check:
    """Says what is wrong in one file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def that(self, holds: bool, key: str, mend: str) -> None:
        if not holds:
            raise BadSettings(self._file, key, mend)

    def known(self, name: str, names: tuple[str, ...], key: str) -> None:
        self.that(name in names, key, f"{name[:40]!r} is not known: use one of {', '.join(names)}")


def _ids(items: tuple[HelpLine | Place | StaffChoice | Tip, ...]) -> tuple[str, ...]:
    return tuple(item.id for item in items)


def _check_names(parsed: ProfileFile, check: _Check) -> None:
    groups: Mapping[str, tuple[str, ...]] = {
        "help_lines": _ids(parsed.help_lines),
        "places": _ids(parsed.places),
        "staff": _ids(parsed.staff),
        "tips": _ids(parsed.tips),
    }
    for key, ids in groups.items():
        twice = sorted({id for id in ids if ids.count(id) > 1})
        check.that(not twice, key, f"the id {', '.join(twice)} is there twice: give each its own")
        check.that(SKIP not in ids, key, f"the id {SKIP!r} belongs to the talk: use another")


def _check_categories(parsed: ProfileFile, check: _Check) -> None:
    missing = [id for id in CATEGORY_IDS if id not in parsed.categories]
    check.that(not missing, "categories", f"{', '.join(missing)} missing: give it a nature, route, floor and help")
    for id, category in parsed.categories.items():
        key = f"categories.{id[:40]}"
        check.known(id, CATEGORY_IDS, key)
        check.known(category.route, ROUTES, f"{key}.route")
        check.that(bool(category.help), f"{key}.help", "name at least one of the help_lines")
        for line in category.help:
            check.known(line, _ids(parsed.help_lines), f"{key}.help")
        if id in NEVER_BELOW_TODAY:
            check.that(category.floor is not Urgency.INFORMATION, f"{key}.floor", 'must be "today" or "now"')
            check.that(category.route != "conduct", f"{key}.route", 'may be harm: use "safeguarding"')


def _check_ladders(parsed: ProfileFile, check: _Check) -> None:
    for name, steps in parsed.ladders_by_urgency().items():
        key = f"ladders.{name}"
        check.that(
            bool(steps) and steps[0].after_seconds == 0, key, "the first step must be at once (after_seconds = 0)"
        )
        times = [step.after_seconds for step in steps if not step.next_working_day]
        check.that(
            times == sorted(set(times)), key, "put the steps in order of after_seconds, each later than the last"
        )
        for step in steps:
            check.that(bool(step.signals or step.page), key, "a step does nothing: give it signals or page")
            for role in step.page:
                check.known(role, ROLES, f"{key}.page")
    for name in (Urgency.NOW, Urgency.TODAY):
        paged = any(step.page for step in parsed.ladders_by_urgency()[name])
        check.that(paged, f"ladders.{name}", "nobody is paged when the desk stays silent: add a step with page")
    outside = any("outside" in step.page for step in parsed.ladders.now)
    check.that(outside, "ladders.now", 'nobody outside the office is told: add a step with page = ["outside"]')


def _check_talk(parsed: ProfileFile, check: _Check) -> None:
    talk = parsed.talk
    check.known(talk.variant, ("standard", "young"), "talk.variant")
    for key, line in (("danger_line", talk.danger_line), ("listening_line", talk.listening_line)):
        check.known(line, _ids(parsed.help_lines), f"talk.{key}")
    away = [place.id for place in parsed.places if place.away]
    check.that(
        talk.contact_away or not away,
        "places",
        f"{', '.join(away)} is away from school: take it out, or set talk.contact_away = true",
    )


def _check_tips(parsed: ProfileFile, check: _Check) -> None:
    for tip in parsed.tips:
        if tip.quiz is not None:
            answers = len(tip.quiz.answers)
            check.that(tip.quiz.right < answers, f"tips.{tip.id}.quiz.right", f"must be less than {answers}")
