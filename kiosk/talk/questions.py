"""Every screen of the talk as data: its words, its answers, their pictures, and where each answer leads.

Order is safety: whatever may be danger is asked first, and a report can leave after two, three or five touches.
Everything behind SEND is optional and becomes an addition. Words here are the source language (English); they are
looked up in the catalogues when a screen is made. No screen asks for a picture of anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

STRIP = "We cannot promise to keep this secret. We tell only people who must know."
STILL_THERE = "Still there? Touch anything to go on."
HIDE = "Hide now"
BACK = "Back"
TILE = "Talk to someone"

# Six pictures of at least 20 mm fit beside "rather not say" and "more" on the smallest panel.
CATEGORIES_PER_PAGE = 6
RATHER_NOT_SAY = "rather-not-say"


class ScreenId(StrEnum):
    """Every state that the talk can be in; IDLE shows the tips."""

    IDLE = "idle"
    DANGER = "danger"
    LOOK_UP = "look-up"
    FOUND = "found"
    ADULT = "adult"
    HEAD = "head"
    CATEGORY = "category"
    SEND = "send"
    TRUTHS = "truths"
    WHO = "who"
    PACE = "pace"
    STAFF = "staff"
    REPORTER = "reporter"
    NAME = "name"
    MEET = "meet"
    WORDS = "words"
    ADVICE = "advice"
    CODE = "code"
    NO_REPLY = "no-reply"
    PRIVACY = "privacy"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer. `next` is where it leads when nothing has been sent yet; `quiet` ones are drawn smaller."""

    id: str
    label: str
    picture: str
    next: ScreenId
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """One question. `answers` names the field of `Answers` that a choice fills ("" when it fills none)."""

    id: ScreenId
    title: str
    body: str = ""
    options: tuple[Option, ...] = ()
    answers: str = ""


def _yes_no_not_sure(yes: ScreenId, no: ScreenId, not_sure: ScreenId) -> tuple[Option, ...]:
    return (
        Option("no", "No", "no", no),
        Option("yes", "Yes", "yes", yes),
        Option("not-sure", "Not sure", "not-sure", not_sure),
    )


def _category(id: str, label: str, picture: str) -> Option:
    return Option(id, label, picture, ScreenId.SEND)


# Most harmful first: a learner in trouble finds their picture on the first pages.
CATEGORIES: tuple[Option, ...] = (
    _category("hurt-or-scared", "Hurt, touched or scared, at home or here", "hurt"),
    _category("self-harm", "Self-harm, weapons or dangerous sites", "plaster"),
    _category("grooming", "Someone wins my trust and uses me", "hook"),
    _category("images", "Pictures shared without asking, real or computer-made", "picture"),
    _category("bullying", "Bullying on-line", "bullying"),
    _category("blackmail", "A scam, threats or someone wants money", "coin"),
    _category("stranger", "A stranger got in touch", "stranger"),
    _category("sexual-harassment", "Sexual words or touching between learners", "stop-hand"),
    _category("hate", "Hate against people", "hate"),
    _category("extremism", "Someone pushes extreme ideas", "megaphone"),
    _category("forced-marriage", "Forced marriage or cutting (FGM)", "rings"),
    _category("harmful-content", "Something horrible or illegal on a screen", "screen"),
    _category("message", "A strange or upsetting message", "message"),
    _category("account", "Someone is using my account", "key"),
    _category("personal-information", "My details got lost or shared", "card"),
    _category("true-or-not", "I can't tell if it is true", "magnifier"),
    _category("games-and-video", "A game or video not right for my age", "gamepad"),
    _category("time-online", "Too much time on-line", "clock"),
    _category("copying", "Copied work or copyright", "copy"),
    _category("downloads", "Illegal downloads", "download"),
    _category("something-else", "Something else", "more"),
)
RATHER_NOT_SAY_OPTION = Option(RATHER_NOT_SAY, "Rather not say", "closed-mouth", ScreenId.SEND, quiet=True)
MORE_CATEGORIES = Option("more-pictures", "More pictures", "more", ScreenId.CATEGORY, quiet=True)
SKIP = "skip"
# On the idle page: what is kept of whom. It leads to a page like any other of the talk.
PRIVACY = Option("privacy", "Privacy", "padlock", ScreenId.PRIVACY, quiet=True)
# Nothing lies behind them: going back from here hides.
FIRST_SCREENS = frozenset({ScreenId.DANGER, ScreenId.PRIVACY})
TAKE_BACK = Option("take-back", "I sent this by mistake", "again", ScreenId.TRUTHS, quiet=True)
TAKE_BACK_CALL = Option("take-back-call", "I called someone by mistake", "again", ScreenId.DANGER, quiet=True)
TRY_AGAIN = Option("try-again", "Try again", "again", ScreenId.TRUTHS)
SHOW_WORDS = Option("show-words", "Show", "show", ScreenId.WORDS, quiet=True)
DOT_WORDS = Option("dot-words", "Hide the letters", "hide", ScreenId.WORDS, quiet=True)
LOOK_UP_CODE = Option("look-up", "Look it up", "magnifier", ScreenId.FOUND)
SEND_WORDS = Option("send-words", "Send this too", "send", ScreenId.WORDS)
SHOW_CODE = Option("show-code", "Show again", "show", ScreenId.CODE, quiet=True)
KEPT_CODE = Option("kept-code", "I have kept it", "done", ScreenId.CODE)
GO_ON = Option("truths", "Go on", "skip", ScreenId.TRUTHS, quiet=True)
SKIP_UNASKED = Option(SKIP, "Skip", "skip", ScreenId.WHO, quiet=True)
# Answers that stand on a screen only sometimes (see `offers`).
LOOSE_OPTIONS = (
    *(RATHER_NOT_SAY_OPTION, MORE_CATEGORIES, TAKE_BACK, TAKE_BACK_CALL, TRY_AGAIN, SHOW_WORDS, DOT_WORDS),
    *(LOOK_UP_CODE, SEND_WORDS, SHOW_CODE, KEPT_CODE, GO_ON, SKIP_UNASKED, PRIVACY),
)

SCREENS: Mapping[ScreenId, Screen] = MappingProxyType(
    {
        screen.id: screen
        for screen in (
            Screen(
                ScreenId.DANGER,
                "Is anyone in danger right now?",
                "Yes calls the office at once, before any other answer.",
                (
                    Option("yes", "Yes, call the office", "call", ScreenId.TRUTHS),
                    Option("not-sure", "Not sure", "not-sure", ScreenId.ADULT),
                    Option("no", "No", "no", ScreenId.ADULT),
                    Option("have-code", "I have five words", "code", ScreenId.LOOK_UP, quiet=True),
                ),
                answers="danger",
            ),
            Screen(
                ScreenId.LOOK_UP,
                "What are your five words?",
                "Type them in any order, with a space between.",
                (Option("tell-again", "Tell us again", "talk", ScreenId.DANGER, quiet=True),),
            ),
            Screen(
                ScreenId.FOUND,
                "What became of it",
                options=(
                    Option("mend-words", "Try again", "keyboard", ScreenId.LOOK_UP),
                    Option("tell-again", "Tell us again", "talk", ScreenId.DANGER),
                    Option("done", "Done", "done", ScreenId.IDLE),
                ),
            ),
            Screen(
                ScreenId.ADULT,
                "Is it about an adult who works here?",
                "If it is, the office screen does not show it. It goes to the people chosen for this.",
                _yes_no_not_sure(ScreenId.HEAD, ScreenId.CATEGORY, ScreenId.HEAD),
                answers="adult_here",
            ),
            Screen(
                ScreenId.HEAD,
                "Is it about the head?",
                "If it is, the head does not get it.",
                _yes_no_not_sure(ScreenId.CATEGORY, ScreenId.CATEGORY, ScreenId.CATEGORY),
                answers="about_head",
            ),
            Screen(ScreenId.CATEGORY, "What is it about?", "Choose the nearest picture.", answers="category"),
            Screen(
                ScreenId.SEND,
                "Send this now?",
                "You can add more afterwards.",
                (Option("send", "Send now", "send", ScreenId.TRUTHS),),
            ),
            Screen(
                ScreenId.TRUTHS,
                "Your message",
                options=(
                    Option("add-more", "Add something", "add", ScreenId.WHO),
                    Option("advice", "What can help", "advice", ScreenId.ADVICE),
                    Option("code", "How will I know?", "code", ScreenId.CODE),
                    Option("done", "Done", "done", ScreenId.IDLE),
                ),
            ),
            Screen(
                ScreenId.WHO,
                "Who needs help?",
                options=(
                    Option("me", "Me", "me", ScreenId.PACE),
                    Option("someone-else", "Someone else", "someone-else", ScreenId.PACE),
                    Option(RATHER_NOT_SAY, "Rather not say", "closed-mouth", ScreenId.PACE),
                    Option(SKIP, "Skip", "skip", ScreenId.PACE, quiet=True),
                ),
                answers="who",
            ),
            Screen(
                ScreenId.PACE,
                "Shall an adult talk to you today?",
                "If there is danger, the office is called at once, whatever you choose here.",
                (
                    Option("information", "No, just so you know", "information", ScreenId.REPORTER),
                    Option("today", "Yes, talk to me today", "today", ScreenId.STAFF),
                    Option("now", "Act now", "call", ScreenId.STAFF),
                    Option(SKIP, "Skip", "skip", ScreenId.STAFF, quiet=True),
                ),
                answers="pace",
            ),
            Screen(
                ScreenId.STAFF,
                "Who would you like to talk to?",
                "This does not change who can read your message.",
                (Option(SKIP, "Skip", "skip", ScreenId.REPORTER, quiet=True),),
                answers="staff_choice",
            ),
            Screen(
                ScreenId.REPORTER,
                "Who are you here?",
                "Everybody may tell us something. You need not say.",
                (
                    Option("learner", "A learner", "me", ScreenId.NAME),
                    Option("staff", "I work here", "card", ScreenId.NAME),
                    Option("visitor", "A visitor", "name", ScreenId.NAME),
                    Option("parent-or-carer", "A parent or carer", "adult", ScreenId.NAME),
                    Option(SKIP, "Skip", "skip", ScreenId.NAME, quiet=True),
                ),
                answers="reporter",
            ),
            Screen(
                ScreenId.NAME,
                "Want to tell us your name?",
                "You need not. The office sees place and time. In danger, staff try to find who needs help.",
                (Option(SKIP, "Skip", "skip", ScreenId.MEET, quiet=True),),
            ),
            Screen(
                ScreenId.MEET,
                "Where can we meet you?",
                options=(Option(SKIP, "Skip", "skip", ScreenId.WORDS, quiet=True),),
                answers="meet",
            ),
            Screen(
                ScreenId.WORDS,
                "Anything to add?",
                "Your letters are dots until you touch “Show”.",
                (Option(SKIP, "Skip", "skip", ScreenId.TRUTHS, quiet=True),),
            ),
            Screen(
                ScreenId.ADVICE,
                "What can help",
                options=(
                    Option("truths", "Has it arrived?", "wait", ScreenId.TRUTHS),
                    Option("code", "How will I know?", "code", ScreenId.CODE),
                    Option("done", "Done", "done", ScreenId.IDLE),
                ),
            ),
            Screen(
                ScreenId.CODE,
                "How will I know?",
                "Keep five words to see here what became of it. Or tell us when to meet you.",
                (
                    Option("give-code", "Give me five words", "code", ScreenId.CODE),
                    Option("come-here", "Meet me: here, now", "place", ScreenId.TRUTHS),
                    Option("at-break", "Meet me: at break", "friends", ScreenId.TRUTHS),
                    Option("at-end-of-day", "Meet me: at the end of the day", "clock", ScreenId.TRUTHS),
                    Option("no-reply", "None of these", "skip", ScreenId.NO_REPLY, quiet=True),
                ),
            ),
            Screen(
                ScreenId.NO_REPLY,
                "Without name or code",
                "Then we cannot reply or find you.",
                (
                    Option("code", "Give me a way", "code", ScreenId.CODE),
                    Option("truths", "That is all right", "yes", ScreenId.TRUTHS),
                ),
            ),
            # What it says stands in `privacy`, because it names the site's own facts.
            Screen(
                ScreenId.PRIVACY,
                "Your privacy",
                options=(
                    Option("danger", "Talk to someone", "talk", ScreenId.DANGER),
                    Option("done", "Done", "done", ScreenId.IDLE),
                ),
            ),
        )
    }
)
CODE_KEPT_BODY = (
    "With these words you can see here, on this screen, what became of it, for 30 days. We cannot show them later."
)
MEET_ANSWERS = ("come-here", "at-break", "at-end-of-day")
