"""Every sentence that the talk can say, so that a catalogue can be checked against it. Pure.

The site's own sentences (tips, help lines, places) are in its profile and come on top.
"""

from __future__ import annotations

from collections.abc import Iterator

from kiosk.talk import advice, pages, phone, privacy, questions, truths
from kiosk.talk.policy import Policy

# What must never be shown in a language that its reader may not know: strip, truths, danger, and how to get away.
SAFETY = (
    questions.STRIP,
    questions.HIDE,
    questions.BACK,
    questions.TILE,
    questions.STILL_THERE,
    *(wording.plain for wording in truths.WORDS.values()),
    *(
        text
        for screen in (questions.ScreenId.DANGER, questions.ScreenId.ADULT, questions.ScreenId.SEND)
        for text in (questions.SCREENS[screen].title, questions.SCREENS[screen].body)
    ),
    *(option.label for option in questions.SCREENS[questions.ScreenId.DANGER].options),
    *advice.PICTURES,
    advice.DANGER_SENTENCE,
    pages.ADDITION_FAILED,
    pages.ADDITION_UNSURE,
    phone.LOST_SIGHT,
    phone.NOT_LOOKED,
    pages.CODE_UNKNOWN,
    pages.CODES_REST,
    truths.EITHER_PLACE,
    pages.SENT_BODY_ADULT,
)


def sentences() -> tuple[str, ...]:
    """Each sentence of the talk once, in the order in which a learner meets them."""
    return tuple(
        dict.fromkeys((*SAFETY, *_screens(), *_advice(), *pages.SENTENCES, *privacy.SENTENCES, *phone.SENTENCES))
    )


def site_sentences(policy: Policy) -> tuple[str, ...]:
    """The sentences of one profile."""
    found: list[str] = [policy.go_to, policy.go_to_outside]
    found += [place.label for place in policy.places]
    found += [choice.label for choice in policy.staff_choices]
    for tip in policy.tips:
        found += [tip.title, tip.body]
        if tip.quiz is not None:
            found += [tip.quiz.question, *tip.quiz.answers]
    return tuple(dict.fromkeys(found))


def _screens() -> Iterator[str]:
    for screen in questions.SCREENS.values():
        yield from (text for text in (screen.title, screen.body) if text)
        yield from (option.label for option in screen.options)
    yield from (option.label for option in (*questions.CATEGORIES, *questions.LOOSE_OPTIONS))
    yield questions.CODE_KEPT_BODY


def _advice() -> Iterator[str]:
    for lines in advice.SENTENCES.values():
        yield from lines
    yield from (advice.DANGER_SENTENCE, advice.ADULT_HERE_SENTENCE)
