"""The names of the line pictograms that the talk uses, and what each one shows.

The screen owns the drawings (`kiosk/pictograms/<name>.svg`); this list is what it must be able to draw. The words say
what stands on the picture, for whoever draws it and for speech.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Drawn the other way round for those who read from right to left. "again" turns with the clock everywhere.
TURNED = frozenset({"back", "skip", "send", "not-sure"})

PICTURES: Mapping[str, str] = MappingProxyType(
    {
        "talk": "two speech bubbles",
        "yes": "a tick",
        "no": "a cross",
        "not-sure": "a question mark",
        "call": "a bell with waves",
        "send": "a paper aeroplane",
        "skip": "an arrow to the side",
        "back": "an arrow turning back",
        "hide": "a closed eye",
        "more": "three dots in a circle",
        "add": "a plus sign",
        "again": "a circling arrow",
        "wait": "an hourglass",
        "done": "a flag",
        "me": "one person with a hand on the chest",
        "someone-else": "two persons, one pointing to the other",
        "adult": "a tall and a small person",
        "head": "a person behind a desk",
        "information": "a sheet with the letter i",
        "today": "a calendar page",
        "name": "a name badge",
        "place": "a map pin",
        "keyboard": "a keyboard",
        "show": "an open eye",
        "advice": "a light bulb",
        "code": "five short bars",
        "hurt": "a broken heart",
        "plaster": "a sticking plaster",
        "hook": "a fish hook",
        "stranger": "a person with no face",
        "picture": "a framed picture with a padlock",
        "bullying": "a person and three pointing fingers",
        "hate": "a speech bubble with jagged edges",
        "stop-hand": "a raised hand",
        "coin": "a coin on a string",
        "message": "an envelope with an exclamation mark",
        "key": "a key",
        "card": "an identity card",
        "megaphone": "a megaphone",
        "screen": "a screen with a warning triangle",
        "rings": "two rings",
        "gamepad": "a game controller",
        "clock": "a clock",
        "magnifier": "a magnifying glass",
        "copy": "two sheets, one behind the other",
        "download": "an arrow down into a tray",
        "closed-mouth": "a face with a closed mouth",
        "padlock": "a padlock",
        "friends": "three persons side by side",
        "phone": "a mobile phone",
        "moon": "a moon and stars",
        "telephone": "a telephone receiver",
        "bell": "a bell",
        "book": "an open book",
        "camera": "a camera",
        "group": "a group of people",
        "heart": "a heart",
        "shield": "a shield",
        "wifi": "waves of a wireless network",
    }
)
