"""Which text is put to whom, and what an accepted hash is worth today."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware.byod import Audience
from kiosk.portal.aup_choice import Standing, choose, in_force, known, standing
from tests.support.byod_samples import byod, document

OLD, NEW = byod(version="2026-09"), byod(version="2027-01")


def test_the_text_is_in_the_reader_s_language_or_says_that_it_is_not() -> None:
    """Welsh and easy English are there; Polish is not, and the page can say so."""
    assert choose(OLD, Audience.LEARNER, "cy") == choose(OLD, Audience.LEARNER, "cy-x-easy")
    assert choose(OLD, Audience.LEARNER, "en-x-easy").own_language
    assert choose(OLD, Audience.LEARNER, "en-gb").own_language
    polish = choose(OLD, Audience.LEARNER, "pl")
    assert (polish.document.language, polish.own_language) == ("en", False)


@pytest.mark.requirement("B8")
def test_a_text_in_force_is_known_by_its_hash_in_any_language() -> None:
    """Whoever accepted the Welsh text has accepted, whatever they read next."""
    for language in ("en", "en-x-easy", "cy"):
        text = document(OLD, Audience.LEARNER, language)
        assert in_force(OLD, text.digest, Audience.LEARNER) == text
        assert standing(OLD, text.digest, Audience.LEARNER) is Standing.IN_FORCE


@pytest.mark.requirement("B8")
def test_a_new_version_makes_every_old_hash_worthless() -> None:
    """For each audience and language: the old text is no longer known."""
    for text in OLD.documents:
        assert standing(NEW, text.digest, text.audience) is Standing.CHANGED
        assert known(NEW, text.digest) is None


@pytest.mark.requirement("B8")
def test_one_changed_word_makes_another_text() -> None:
    """Same version, other organisation: the hash is that of what is read."""
    text = document(OLD)
    changed = replace(OLD, documents=tuple(replace(each, digest=bytes(32)) for each in OLD.documents))
    assert standing(changed, text.digest, Audience.LEARNER) is Standing.CHANGED


@pytest.mark.requirement("B1")
def test_a_text_for_others_is_not_theirs() -> None:
    """The visitors' text says nothing for a learner, though it is in force."""
    visitors = document(OLD, Audience.VISITOR)
    assert in_force(OLD, visitors.digest, Audience.LEARNER) is None
    assert standing(OLD, visitors.digest, Audience.LEARNER) is Standing.NOT_THEIRS


def test_bytes_that_are_no_hash_are_unknown() -> None:
    """Empty, short, long: nobody's."""
    for digest in (b"", b"x", bytes(33)):
        assert standing(OLD, digest, Audience.LEARNER) is Standing.CHANGED
