"""Typed words leave no copy in a running kiosk's memory, once they are sealed and once the screen is hidden."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker_config.recovery import open_recovery
from firmware import envelope
from firmware.ledger import Ledger
from tests.support.fault_site import FaultSite, open_talk, press, press_until_stored, running_site
from tests.support.memory_scan import found_in_memory, needs_root
from tests.support.talk_touches import go_on_to, send_words, type_words

pytestmark = pytest.mark.faults

# No dictionary, font or table has these; long enough never to stand somewhere by chance.
NAME = "wibbledorf"
WORDS = ("quomfrizzle", "vexdrumble", "jinktwaddop")


def stories_on_card(site: FaultSite) -> list[bytes]:
    """What was typed, opened with the site's off-line key: proof that the words did go."""
    key = open_recovery(site.made.recovery_file, site.made.recovery_passphrase)
    texts = []
    with Ledger(site.kiosk.store_file, random_bytes=os.urandom) as ledger:
        for entry in ledger.of_kind("report"):
            body = ledger.body(entry)
            assert body is not None
            story = envelope.open_story_for_recovery(envelope.parse_up(body), key)
            texts += [story.name, story.text]
    return [text for text in texts if text]


@pytest.mark.requirement("D3")
def test_typed_words_are_nowhere_in_memory_after_sealing(tmp_path: Path) -> None:
    """After sealing and after hide, no word that was typed stands in the kiosk's memory as UTF-8, UTF-16 or UTF-32."""
    needs_root()
    with running_site(tmp_path) as site:
        kiosk = site.kiosk
        press_until_stored(kiosk, site.desk)
        kiosk.unit.touch("option-add-more")
        go_on_to(kiosk, "name")
        type_words(kiosk, NAME)
        assert found_in_memory(kiosk.pid, [NAME]), "the scan itself must find words that are being typed"
        send_words(kiosk, "name")
        go_on_to(kiosk, "words")
        type_words(kiosk, " ".join(WORDS))
        assert len(found_in_memory(kiosk.pid, WORDS)) == len(WORDS)
        send_words(kiosk, "words")
        assert not found_in_memory(kiosk.pid, [NAME, *WORDS]), "after sealing"
        kiosk.unit.touch("control-hide")
        kiosk.wait_for(lambda state: state["screen"] == "idle", "the tips")
        assert not found_in_memory(kiosk.pid, [NAME, *WORDS]), "after hide"
        kiosk.kill()
        assert stories_on_card(site) == [NAME.encode(), " ".join(WORDS).encode()]


@pytest.mark.requirement("D3")
def test_words_that_were_not_sent_are_nowhere_in_memory_after_hide(tmp_path: Path) -> None:
    """Words typed and then hidden, unsent, are gone from memory too."""
    needs_root()
    with running_site(tmp_path) as site:
        kiosk = site.kiosk
        press(kiosk)
        kiosk.unit.touch("option-add-more")
        go_on_to(kiosk, "words")
        type_words(kiosk, " ".join(WORDS))
        kiosk.unit.touch("option-show-words")
        kiosk.unit.tap()
        kiosk.wait_for(lambda state: state["screen"] == "idle", "the tips")
        open_talk(kiosk)
        assert not found_in_memory(kiosk.pid, WORDS)
