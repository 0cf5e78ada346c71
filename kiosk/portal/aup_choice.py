"""Which text a person is asked to keep to, and whether what a device accepted is still that text. Pure.

Only the hash of what was accepted is kept, so it cannot be said what changed in a text, only that it did. Does not know
times: see `admission`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware.aup import AupDocument
from firmware.byod import Audience, Byod


class Standing(StrEnum):
    """What an accepted hash is worth to one audience today."""

    IN_FORCE = "in-force"
    # it is in force, but for other people
    NOT_THEIRS = "not-theirs"
    # the site has no such text any more
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Choice:
    """The text to show. `own_language` False: there is none in the language that was asked for."""

    document: AupDocument
    own_language: bool


def choose(byod: Byod, audience: Audience, language: str) -> Choice:
    """The text for this audience in this language, or the nearest that there is."""
    document = byod.document(audience, language)
    return Choice(document, _base(document.language) == _base(language))


def in_force(byod: Byod, digest: bytes, audience: Audience) -> AupDocument | None:
    """The text with this hash if it is one of those that are put to this audience today, in any language."""
    return next((text for text in byod.documents if text.digest == digest and text.audience is audience), None)


def known(byod: Byod, digest: bytes) -> AupDocument | None:
    """The text with this hash, whomever it is for."""
    return next((text for text in byod.documents if text.digest == digest), None)


def standing(byod: Byod, digest: bytes, audience: Audience) -> Standing:
    """Why somebody who accepted this hash is asked again, or that there is no need."""
    if in_force(byod, digest, audience) is not None:
        return Standing.IN_FORCE
    return Standing.CHANGED if known(byod, digest) is None else Standing.NOT_THEIRS


def _base(language: str) -> str:
    return language.lower().partition("-")[0]
