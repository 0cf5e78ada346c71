"""Access points that only look like ours, found in what `iw … scan` shows. Pure.

A scan is written by strangers: names are bytes of their choice, and further down iw prints some of their text as it
came, line ends included. So only the first of each line counts, which iw writes before any of that, and whether a
network is protected is taken from the capability bits. What a stranger can still do is raise a false alarm.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from firmware.network_settings import RadioSettings

# Far more than a radio hears; the rest of a longer text is not looked at.
NETWORKS_MAX = 512
SCAN_CHARACTERS_MAX = 1024 * 1024
# IEEE 802.11
SSID_BYTES_MAX = 32
# In a shorter name one letter makes another word.
EDIT_FROM_CHARACTERS = 5

_BSS = re.compile(r"BSS ([0-9a-f]{2}(?::[0-9a-f]{2}){5}) ?\(on ")
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


class Kind(StrEnum):
    """What is wrong, the worst first."""

    OPEN_TWIN = "open-twin"
    UNKNOWN_ACCESS_POINT = "unknown-access-point"
    SIMILAR_NAME = "similar-name"


@dataclass(frozen=True, slots=True)
class Heard:
    """One network of a scan. `protected` None: it did not say."""

    bssid: str
    ssid: str
    protected: bool | None


@dataclass(frozen=True, slots=True)
class LookAlike:
    kind: Kind
    heard: Heard


def parse_scan(untrusted_scan: str) -> tuple[Heard, ...]:
    """The networks that said a name; what cannot be read is passed over."""
    found: list[Heard] = []
    bssid, ssid, protected = "", None, None
    for line in [*untrusted_scan[:SCAN_CHARACTERS_MAX].split("\n"), "BSS 00:00:00:00:00:00(on end)"]:
        begins = _BSS.match(line)
        if begins:
            if bssid and ssid:
                found.append(Heard(bssid, ssid, protected))
            if len(found) >= NETWORKS_MAX:
                break
            bssid, ssid, protected = begins[1], None, None
        elif line.startswith("\tcapability: ") and protected is None:
            protected = "Privacy" in line.split()
        elif line.startswith("\tSSID: ") and ssid is None:
            ssid = _name(line.removeprefix("\tSSID: "))
    return tuple(found)


def find_look_alikes(
    heard: Iterable[Heard], ours: RadioSettings, *, protected: bool | None = None
) -> tuple[LookAlike, ...]:
    """Each suspicious network once, the worst first.

    `protected`: whether ours asks for a passphrase; None: as our own access points say. Without `ours.bssids` nobody
    can tell a stranger with our name from ourselves: then only open twins and similar names are found.
    """
    listed, known = tuple(heard), frozenset(ours.bssids)
    if protected is None:
        protected = any(one.bssid in known and one.ssid == ours.ssid and one.protected for one in listed)
    order = list(Kind)
    found = [
        LookAlike(kind, one) for one in dict.fromkeys(listed) if (kind := _judge(one, ours.ssid, known, protected))
    ]
    return tuple(sorted(found, key=lambda one: (order.index(one.kind), one.heard.bssid, one.heard.ssid)))


def _judge(one: Heard, ssid: str, known: frozenset[str], protected: bool) -> Kind | None:
    if one.ssid == ssid:
        if protected and one.protected is False:
            # also with an address of ours, which anybody can take
            return Kind.OPEN_TWIN
        return Kind.UNKNOWN_ACCESS_POINT if known and one.bssid not in known else None
    similar = one.bssid not in known and are_similar(one.ssid, ssid)
    return Kind.SIMILAR_NAME if similar else None


def are_similar(one: str, other: str) -> bool:
    """Whether a hurried reader takes the two names for the same, or one letter makes the difference."""
    first, second = skeleton(one), skeleton(other)
    if not first or not second:
        return False
    if first == second:
        return True
    return min(len(first), len(second)) >= EDIT_FROM_CHARACTERS and _one_edit_apart(first, second)


def skeleton(name: str) -> str:
    """A name as the eye takes it: no case, accents, spaces or signs; letters that look alike are one letter.

    After Unicode Technical Standard 39 §4, with the letters that a phone's list of networks can show for ours.
    """
    letters = (_LOOKS_LIKE.get(letter, letter) for letter in unicodedata.normalize("NFKC", name))
    plain = unicodedata.normalize("NFKD", "".join(letters).casefold())
    kept = "".join(_LOOKS_LIKE.get(letter, letter) for letter in plain if letter.isalnum() or letter in _SIGNS)
    for pair, single in _PAIRS:
        kept = kept.replace(pair, single)
    return kept


def _name(escaped: str) -> str | None:
    """iw writes each byte that is no plain letter as \\xNN, and the backslash too. None: hidden, or no name."""
    raw = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), escaped.encode())[:SSID_BYTES_MAX]
    return raw.decode("utf-8", "replace") if raw.strip(b"\0") else None


def _one_edit_apart(one: str, other: str) -> bool:
    """One letter more, less, other, or two neighbours exchanged."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    start = next((at for at, (left, right) in enumerate(zip(short, long, strict=False)) if left != right), len(short))
    rest_short, rest_long = short[start:], long[start:]
    if len(short) < len(long):
        return rest_short == rest_long[1:]
    exchanged = rest_short[:2] == rest_long[1::-1] if len(rest_long) >= 2 else False
    return rest_short[1:] == rest_long[1:] or (exchanged and rest_short[2:] == rest_long[2:])


def _alike(groups: Sequence[tuple[str, str]]) -> dict[str, str]:
    return {letter: looks for looks, letters in groups for letter in letters}


# Capital and small letters apart: a small Cyrillic "в" is no "b", the capital is.
_LOOKS_LIKE = _alike(
    (
        ("a", "АаΑαɑ4@"),
        ("b", "ВΒЬь8"),
        ("c", "СсϹϲ"),
        ("d", "Ԁԁ"),
        ("e", "ЕеΕεЁё3"),
        ("g", "ɡԌ69"),
        ("h", "НнΗһҺ"),
        ("k", "КкΚκ"),
        ("l", "iIlL1|!ІіΙιıӀӏ"),
        ("m", "МмΜ"),
        ("n", "Νηո"),
        ("o", "ОоΟοσ0օ"),
        ("p", "РрΡρ"),
        ("q", "Ԛԛ"),
        ("s", "Ѕѕ5$"),
        ("t", "ТтΤτ7"),
        ("u", "υսц"),
        ("v", "νѵ"),
        ("w", "Ԝԝωѡ"),
        ("x", "ХхΧχ"),
        ("y", "УуΥүγ"),
        ("z", "Ζ2"),
    )
)
_SIGNS = frozenset("@|!$")
_PAIRS = (("rn", "m"), ("vv", "w"))
