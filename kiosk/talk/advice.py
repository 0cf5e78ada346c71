"""What can help while the office is on its way: a few plain sentences that fit what was told.

The sentences are part of the product, the help lines come from the site's profile. Advice never asks for a picture,
and never asks a learner to look for proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kiosk.talk.policy import HelpLine, Policy
from kiosk.talk.questions import RATHER_NOT_SAY

NOT_YOUR_FAULT = "This is not your fault."
DO_NOT_REPLY = "Do not reply."
DO_NOT_PASS_ON = "Do not pass it on."
PICTURES = (
    "Do not send or show the pictures to anyone, not even to staff.",
    "Talk to us before you delete anything.",
    "They can often be taken off the internet. The people below can help.",
)

SENTENCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hurt-or-scared": (
            NOT_YOUR_FAULT,
            "Stay near people you trust until someone has talked to you.",
            "You need not tell everything at once.",
        ),
        "self-harm": (
            "You do not have to carry this alone.",
            "Stay with someone. Put away what could hurt you, or walk away from it.",
            "If someone is hurt or has a weapon, get away and call for help.",
        ),
        "grooming": (
            NOT_YOUR_FAULT,
            DO_NOT_REPLY + " Do not meet them alone.",
            "Talk to us before you delete anything. Do not try to trap them.",
        ),
        "images": (NOT_YOUR_FAULT, *PICTURES, DO_NOT_PASS_ON),
        "bullying": (DO_NOT_REPLY + " " + DO_NOT_PASS_ON, "Block and report the account.", "Stay near your friends."),
        "blackmail": (
            NOT_YOUR_FAULT,
            "Do not pay. Do not send anything more.",
            "Stop answering. Talk to us before you delete anything.",
            "If it is about pictures: do not send or show them to anyone, not even to staff.",
        ),
        "stranger": (
            DO_NOT_REPLY + " Do not say where you are.",
            "Do not meet them alone.",
            "Block them after you have talked to us.",
        ),
        "sexual-harassment": (
            NOT_YOUR_FAULT,
            "You can say no, and you can tell. It is taken seriously.",
            "Stay near people you trust.",
        ),
        "hate": (DO_NOT_REPLY + " " + DO_NOT_PASS_ON, "Report the post where it stands.", "You belong here."),
        "extremism": (
            "Asking for help gets nobody into trouble for being curious.",
            DO_NOT_REPLY + " " + DO_NOT_PASS_ON,
            "You may leave the group without saying why.",
        ),
        "forced-marriage": (
            NOT_YOUR_FAULT,
            "You have the right to say no.",
            "Tell us before you travel, if you can. Do not tell family that you told us.",
        ),
        "harmful-content": (
            "Close it. You do not have to look again.",
            "Do not send or show it to anyone, not even to staff.",
            DO_NOT_PASS_ON,
        ),
        "message": (DO_NOT_REPLY, "Do not open links or files in it.", DO_NOT_PASS_ON),
        "account": (
            "Change the password on a device you trust.",
            "Sign out everywhere. Turn on two-step sign-in.",
            "Tell friends not to trust messages from it.",
        ),
        "personal-information": (
            "Change passwords that others may know.",
            "Ask for it to be taken down. We can help you ask.",
            "Be careful with calls and messages that know your details.",
        ),
        "true-or-not": (
            "Wait before you share it.",
            "Look who says it, and whether others say the same.",
            "A teacher or a librarian can check it with you.",
        ),
        "games-and-video": (
            "You can stop at any time.",
            "It is all right to talk about what you saw.",
            "Check the age mark before you start.",
        ),
        "time-online": (
            "Many people find it hard to stop.",
            "Try a place for the phone that is not your bed.",
            "Choose one evening this week without it.",
        ),
        "copying": (
            "It can be put right. Tell your teacher before they ask.",
            "Say whose words or pictures you used.",
        ),
        "downloads": (
            "Stop the download. Do not open the file.",
            "Ask a grown-up to check the device.",
        ),
        "something-else": ("It is good that you told someone.", "You can add more whenever you like."),
        RATHER_NOT_SAY: ("It is good that you told someone.", "You need not say more than you want."),
    }
)
DANGER_SENTENCE = "Go where other people are. If you can, call {danger}."
ADULT_HERE_SENTENCE = "You may talk to someone outside first: {place}."


@dataclass(frozen=True, slots=True)
class Advice:
    """Sentences (source language, `{danger}` and `{place}` to be filled in) and who else can help."""

    sentences: tuple[str, ...]
    help_lines: tuple[HelpLine, ...]


def advice_for(category: str, policy: Policy, *, danger: bool, private: bool) -> Advice:
    """What fits; a category that was not asked for counts as "rather not say"."""
    sentences = SENTENCES.get(category, SENTENCES[RATHER_NOT_SAY])
    if private:
        sentences = (*sentences, ADULT_HERE_SENTENCE)
    if danger:
        sentences = (DANGER_SENTENCE, *sentences)
    return Advice(sentences, policy.help_for(category))
