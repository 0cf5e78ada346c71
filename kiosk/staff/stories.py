"""Stories as a reader meets them: facts in plain words, the learner's own words, and what to do and not to do.

Pure. Takes opened stories (first report and additions) and joins them: later answers win, words stand in order. Does
not know keys or screens. Guidance is short, because it is read by somebody who is about to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware.messages import SOURCE_PORTAL, Story, Urgency
from kiosk.talk.questions import CATEGORIES, RATHER_NOT_SAY_OPTION, SCREENS

GO_QUIETLY = "Go quietly. Don't ask who."


@dataclass(frozen=True, slots=True)
class Fact:
    """One answer: what was asked, what was said."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class StoryView:
    """Everything of one case that a reader may see. `unopened`: parts that are for other readers."""

    category: str
    category_words: str
    facts: tuple[Fact, ...]
    words: tuple[str, ...]
    guidance: tuple[str, ...]
    serious_danger: bool
    route: str
    unopened: int = 0


_LABELS = (
    ("danger", "In danger now"),
    ("adult_here", "About an adult here"),
    ("about_head", "About the head"),
    ("who", "Who needs help"),
    ("pace", "Talk today"),
    ("staff_choice", "Wants to talk to"),
    ("meet", "Where to meet"),
)
# Said of by whom and how together: staff who are to look for somebody read it as one thing.
_REPORTERS = {
    "learner": "A learner",
    "staff": "A member of staff",
    "visitor": "A visitor",
    "parent-or-carer": "A parent or carer",
}
_WAYS = {SOURCE_PORTAL: "on a phone", "button": "the kiosk's button"}
_WORDS = {
    "yes": "Yes",
    "no": "No",
    "not-sure": "Not sure",
    "come-here": "At the kiosk, now",
    "at-break": "At break",
    "at-end-of-day": "At the end of the day",
}
_PICTURES = frozenset({"images", "harmful-content", "sexual-harassment", "blackmail"})
_REFERRAL = frozenset({"grooming", "extremism", "forced-marriage", "stranger"})


def view_of(stories: Sequence[Story], *, urgency: Urgency, private: bool, route: str, unopened: int = 0) -> StoryView:
    """Join what was opened. An empty list gives an empty view (a silent call has no answers)."""
    said = {name: _last(stories, name) for name, _ in _LABELS}
    category = _last(stories, "category")
    facts = [Fact(label, _in_words(name, said[name])) for name, label in _LABELS if _worth_saying(name, said[name])]
    facts += _reported_by(_last(stories, "reporter"), stories[0].source if stories else "")
    names = [_text(story.name) for story in stories if story.name]
    if names:
        facts.insert(0, Fact("Name", names[-1]))
    return StoryView(
        category=category,
        category_words=category_words(category),
        facts=tuple(facts),
        words=tuple(_text(story.text) for story in stories if story.text),
        guidance=_guidance(category, urgency, private=private),
        serious_danger=said["danger"] == "yes",
        route=route,
        unopened=unopened,
    )


def category_words(category: str) -> str:
    """The category as the learner saw it."""
    for option in (*CATEGORIES, RATHER_NOT_SAY_OPTION):
        if option.id == category:
            return option.label
    return "Not said" if not category else _tidy(category)


def _guidance(category: str, urgency: Urgency, *, private: bool) -> tuple[str, ...]:
    lines: list[str] = []
    if urgency is Urgency.NOW:
        lines.append("Go quietly, with a reason that you agreed on before. Never ask who pressed.")
    if private:
        lines.append("Do not speak to the person whom it is about. Follow the procedure for allegations.")
    if category in _PICTURES:
        lines.append(
            "Pictures: do not look at, copy, print or pass on any picture, and do not let anybody show you. "
            "Put the device out of use as it is. The safeguarding lead decides what follows."
        )
    if category == "self-harm":
        lines.append("A weapon: call 999, keep others away, do not go alone.")
    if category in _REFERRAL:
        lines.append("The safeguarding lead decides on referral. Immediate danger: 999.")
    lines.append("Do not investigate. Listen, write down what is said, promise no secret.")
    return tuple(lines)


def _last(stories: Sequence[Story], name: str) -> str:
    values = [str(getattr(story, name)) for story in stories if getattr(story, name)]
    return values[-1] if values else ""


def _worth_saying(name: str, value: str) -> bool:
    """The "no" that leads through the talk says nothing."""
    return bool(value) and (name, value) != ("about_head", "no")


def _reported_by(reporter: str, source: str) -> list[Fact]:
    """Who by their own word, and where it was begun (what is added later elsewhere does not change that). A learner in
    front of the kiosk is not worth a line."""
    way, who = _WAYS.get(source, ""), _REPORTERS.get(reporter, _tidy(reporter))
    if source == SOURCE_PORTAL:
        return [Fact("Reported by", f"{who or 'Not said'} · {way}"), Fact("Place", "Not known. Ask where.")]
    if way:
        # A silent call asks nothing: who pressed nobody knows.
        return [Fact("Sent from", way)]
    return [Fact("Reported by", who)] if reporter not in ("", "learner") else []


def _in_words(name: str, value: str) -> str:
    for screen in SCREENS.values():
        if screen.answers == name:
            for option in screen.options:
                if option.id == value:
                    return option.label
    return _WORDS.get(value, _tidy(value))


def _tidy(code: str) -> str:
    words = code.replace("-", " ")
    return words[:1].upper() + words[1:]


def _text(untrusted: bytes) -> str:
    """What somebody typed, fit to be drawn: control characters become spaces."""
    text = untrusted.decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
