"""What is kept of whom, in a few plain sentences: the notice that stands behind the idle page. Pure.

Says only what the product and the site's profile hold to. The portal has a notice of its own, because a phone leaves
other traces than a touch.
"""

from __future__ import annotations

from kiosk.talk.policy import Policy
from kiosk.talk.truths import Say

NOTHING_WATCHES = "This screen has no camera and no microphone. It does not know who you are."
WHAT_IS_KEPT = "Only what you send is kept. It is locked: only staff who must know can open it."
WHAT_THE_OFFICE_SEES = "The office screen shows the place, the time and how fast help is needed."
HOW_LONG = "After staff close it, it may be kept for up to {time}. Then it is erased, or staff must say why not."
WHOM_TO_ASK = "Do you want to know more, or to see what is kept about you? Ask at {place}."
YEARS = "{number} years"
DAYS = "{number} days"
SENTENCES = (NOTHING_WATCHES, WHAT_IS_KEPT, WHAT_THE_OFFICE_SEES, HOW_LONG, WHOM_TO_ASK, YEARS, DAYS)

_DAYS_A_YEAR = 365


def privacy_notice(policy: Policy, say: Say) -> tuple[str, ...]:
    """The sentences of one site, in the order in which they stand."""
    return (
        say(NOTHING_WATCHES),
        say(WHAT_IS_KEPT),
        say(WHAT_THE_OFFICE_SEES),
        say(HOW_LONG, time=_how_long(policy.retention_days, say)),
        say(WHOM_TO_ASK, place=say(policy.go_to)),
    )


def _how_long(days: int, say: Say) -> str:
    """Years where they are whole ones; one year is said in days, so that no language needs a form for one."""
    years, rest = divmod(days, _DAYS_A_YEAR)
    return say(YEARS, number=str(years)) if years > 1 and not rest else say(DAYS, number=str(days))
