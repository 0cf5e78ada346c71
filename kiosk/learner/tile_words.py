"""Short words for tiles. Long answers do not fit on a 20 mm tile in letters that can be read, so a tile carries a few
words and its picture; the whole sentence is spoken.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TILE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "Hurt, touched or scared, at home or here": "Hurt or scared",
        "Self-harm, weapons or dangerous sites": "Harm or weapons",
        "Someone wins my trust and uses me": "False friend",
        "Pictures shared without asking, real or computer-made": "Pictures shared",
        "Bullying on-line": "Bullying",
        "A scam, threats or someone wants money": "Threats, money",
        "A stranger got in touch": "A stranger",
        "Sexual words or touching between learners": "Sexual words",
        "Hate against people": "Hate",
        "Someone pushes extreme ideas": "Extreme ideas",
        "Forced marriage or cutting (FGM)": "Forced to marry",
        "Something horrible or illegal on a screen": "Horrible things",
        "A strange or upsetting message": "A message",
        "Someone is using my account": "My account",
        "My details got lost or shared": "My details",
        "I can't tell if it is true": "Is it true?",
        "A game or video not right for my age": "Game or video",
        "Too much time on-line": "Time on-line",
        "Copied work or copyright": "Copied work",
        "Illegal downloads": "Illegal files",
        "Something else": "None of these",
        "Meet me: here, now": "Meet me here, now",
        "Meet me: at break": "Meet me at break",
        "Meet me: at the end of the day": "Meet me: end of day",
        "Send this too": "Send",
        "Hide the letters": "Dots",
    }
)
