"""What is kept of whom, in a few plain sentences: the notice that stands behind the idle page. Pure.

Says only what the product and the site's profile hold to. The portal has a notice of its own, because a phone leaves
other traces than a touch.
"""

from __future__ import annotations

from kiosk.talk.policy import Policy
from kiosk.talk.truths import Say

NOTHING_WATCHES = "No camera, no microphone. We do not know who you are."
WHO_READS = "Only staff who must know can open what you send."
WHAT_THE_OFFICE_SEES = "The office screen shows place, time and how urgent it is."
HOW_LONG = "It may be kept for {time} after staff have closed it."
WHOM_TO_ASK = "You may ask what is kept about you: ask at {place}."
YEARS = "{number} years"
DAYS = "{number} days"
SENTENCES = (NOTHING_WATCHES, WHO_READS, WHAT_THE_OFFICE_SEES, HOW_LONG, WHOM_TO_ASK, YEARS, DAYS)

_DAYS_A_YEAR = 365


def privacy_notice(policy: Policy, say: Say) -> tuple[str, ...]:
    """The sentences of one site, in the order in which they stand."""
    return (
        say(NOTHING_WATCHES),
        say(WHO_READS),
        say(WHAT_THE_OFFICE_SEES),
        say(HOW_LONG, time=_how_long(policy.retention_days, say)),
        say(WHOM_TO_ASK, place=say(policy.go_to)),
    )


def _how_long(days: int, say: Say) -> str:
    """Years where they are whole ones; one year is said in days, so that no language needs a form for one."""
    years, rest = divmod(days, _DAYS_A_YEAR)
    return say(YEARS, number=str(years)) if years > 1 and not rest else say(DAYS, number=str(days))
