"""The words of the table "may I?": what people do on-line, and the five answers. Pure.

For a phone the table is no table: it is five short lists, one for each answer, with the answer in words and a sign at
the head of each, so that nothing hangs on a colour. Does not know which site gives which answer: a document does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from firmware.aup import AupDocument
from firmware.byod import Level

# What a reader of a screen hears is the words; the sign is for the eye, in shapes that differ without colour.
SIGNS: Mapping[Level, str] = MappingProxyType(
    {
        Level.ACCEPTABLE: "✓",
        Level.SOMETIMES: "◔",
        Level.NOMINATED: "☆",
        Level.UNACCEPTABLE: "✕",
        Level.ILLEGAL: "⊘",
    }
)
LEVEL_WORDS: Mapping[Level, str] = MappingProxyType(
    {
        Level.ACCEPTABLE: "All right",
        Level.SOMETIMES: "Only at certain times",
        Level.NOMINATED: "Only if you have been given permission",
        Level.UNACCEPTABLE: "Not allowed here",
        Level.ILLEGAL: "Against the law, never allowed",
    }
)
ACTION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "get-help": "Looking for help and advice",
        "learn": "Learning, reading and looking things up",
        "message-people": "Writing to people you know",
        "watch-video": "Watching videos and live streams",
        "play-games": "Playing games",
        "use-social-media": "Using social media",
        "make-video-calls": "Making voice and video calls",
        "take-pictures": "Taking or sharing pictures of people",
        "shop": "Buying and selling things",
        "gamble": "Gambling",
        "run-a-business": "Running a business of your own",
        "download-a-lot": "Downloading so much that it slows others down",
        "copy-without-permission": "Copying films, music, games or texts without permission",
        "use-anothers-account": "Using someone else's account or password",
        "share-private-information": "Giving away private information about yourself or others",
        "get-round-the-filter": "Getting round the filter or other protection",
        "spread-viruses": "Making or passing on viruses and other harmful programs",
        "offend": "Posting what insults or upsets other people",
        "discriminate": "Treating people as worth less for who they are",
        "threaten": "Threatening, bullying or urging people to hurt someone",
        "see-pornography": "Looking at or passing on pornography",
        "stir-up-hatred": "Stirring up hatred against a group of people",
        "extreme-pornography": "Having extreme pornography",
        "child-abuse-images": "Making, having or passing on sexual pictures of anyone under 18",
        "groom-a-child": "Winning a child's trust in order to abuse them",
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """One action and its answer, in the reader's words."""

    action: str
    level: Level
    level_words: str
    sign: str


@dataclass(frozen=True, slots=True)
class Group:
    """Everything that has the same answer."""

    level: Level
    level_words: str
    sign: str
    actions: tuple[str, ...]


def rows(document: AupDocument, say: Callable[[str], str]) -> tuple[Row, ...]:
    """The table of one document, action by action; `say` puts English into the reader's words."""
    return tuple(
        Row(say(ACTION_WORDS[action]), level, say(LEVEL_WORDS[level]), SIGNS[level])
        for action, level in document.levels
    )


def groups(document: AupDocument, say: Callable[[str], str]) -> tuple[Group, ...]:
    """The same by answer, from "all right" to "against the law"; answers that nothing has are left out."""
    table = rows(document, say)
    found = (Group(level, say(LEVEL_WORDS[level]), SIGNS[level], _with_level(table, level)) for level in Level)
    return tuple(group for group in found if group.actions)


def sentences() -> tuple[str, ...]:
    """Every sentence that a translator must have."""
    return (*LEVEL_WORDS.values(), *ACTION_WORDS.values())


def _with_level(table: tuple[Row, ...], level: Level) -> tuple[str, ...]:
    return tuple(row.action for row in table if row.level is level)
