"""A broker that denies, or is not ours: the kiosk never says *arrived*, and names the human way in time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from firmware import bundle
from firmware.link import Connected, LinkFault
from firmware.topics import Topics, id_text
from kiosk.rehearsal import Json
from tests.support.broker import ThrowAwayCa
from tests.support.ear import Ear, open_link
from tests.support.fault_site import (
    FaultSite,
    Told,
    press,
    press_until_stored,
    running_site,
    told,
    wait_until_shown,
)
from tests.support.site import link_settings

pytestmark = pytest.mark.faults

ARRIVED = "The office computer has it"
NOT_CONFIRMED = "The office has not confirmed it"
HUMAN_WAY = "Don't wait: go to"
RELOAD_SECONDS = 20.0


def never_arrived_until(site: FaultSite, report: Told, true: Callable[[str], bool], what: str) -> None:
    """Look all the time until this is shown; at no look may it be said that the report arrived."""

    def looked(state: Json) -> bool:
        texts = "\n".join(cast(Sequence[str], state["texts"]))
        seen = told(state)
        assert ARRIVED not in texts
        assert seen is not None
        assert seen.id == report.id
        assert not seen.stages, "no desk has signed anything"
        return true(texts)

    site.kiosk.wait_for(looked, what)


def deny(site: FaultSite, acl: str) -> None:
    """Put this ACL in force and wait until the broker denies the kiosk's certificate to write."""
    topic = Topics(site.made.id).up(site.kiosk.id)
    ear = Ear()
    (site.broker_folder / "acl").write_text(acl, encoding="utf-8")
    site.reload_broker()
    link = open_link(link_settings(site.kiosk.root, site.made.port), f"{id_text(site.kiosk.id)}-probe", ear)
    try:
        ear.next(Connected)
        until = time.monotonic() + RELOAD_SECONDS
        while not any(isinstance(event, LinkFault) for event in ear.passed):
            assert time.monotonic() < until, "mosquitto still lets the kiosk write"
            link.publish(topic, b"probe")
            with suppress(AssertionError):
                ear.passed.append(ear.next(LinkFault, containing="denies us to write", patience_seconds=0.2))
    finally:
        link.stop()


def test_a_denied_publish_never_shows_arrived(tmp_path: Path) -> None:
    """Without its line in the ACL: "not confirmed", then the human way, never "arrived"; with it again, it arrives."""
    with running_site(tmp_path) as site:
        press_until_stored(site.kiosk, site.desk)
        acl = (site.broker_folder / "acl").read_text(encoding="utf-8")
        line = f"topic write {Topics(site.made.id).up(site.kiosk.id)}\n"
        assert acl.count(line) == 1
        deny(site, acl.replace(line, ""))
        report = press(site.kiosk)
        never_arrived_until(site, report, lambda texts: NOT_CONFIRMED in texts, "not confirmed")
        never_arrived_until(site, report, lambda texts: HUMAN_WAY in texts, "the human way")
        (site.broker_folder / "acl").write_text(acl, encoding="utf-8")
        site.reload_broker()
        wait_until_shown(site.desk, {report.id})
        site.kiosk.wait_for(lambda state: "stored" in (told(state) or report).stages, "arrived")


@pytest.mark.parametrize("false", ["broker", "kiosk"])
def test_false_certificates_never_show_arrived(false: str, tmp_path: Path) -> None:
    """A broker of another authority, or a kiosk with another's certificate: no session, and no word of arrival."""
    with running_site(tmp_path) as site:
        kiosk = site.kiosk
        press_until_stored(kiosk, site.desk)
        kiosk.kill()
        other = ThrowAwayCa(tmp_path / "other")
        if false == "broker":
            changed = {kiosk.root.public / bundle.SITE_CA: other.certificate_file}
        else:
            issued = other.issue_client(id_text(kiosk.id))
            changed = {
                kiosk.root.public / bundle.DEVICE_CERTIFICATE: issued.certificate_file,
                kiosk.root.secret / bundle.DEVICE_KEY: issued.key_file,
            }
        kept = {file: file.read_bytes() for file in changed}
        for file, wrong in changed.items():
            shutil.copyfile(wrong, file)
        kiosk.start()
        report = press(kiosk)
        never_arrived_until(site, report, lambda texts: NOT_CONFIRMED in texts, "not confirmed")
        assert kiosk.unit.state()["connected"] is False
        for file, content in kept.items():
            file.write_bytes(content)
        kiosk.kill()
        kiosk.start()
        wait_until_shown(site.desk, {report.id})
