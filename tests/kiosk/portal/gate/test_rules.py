"""What the gate takes from the signed rules comes from a child process, and so does the line that says what to mend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from firmware import bundle
from firmware.errors import TechnicianError
from kiosk.portal.gate.rules import GateRules, load_rules
from kiosk.portal.gate.rules_reader import read_rules
from tests.support.portal_root import make_portal_root


def test_child_says_what_the_reader_reads(tmp_path: Path) -> None:
    """The share, the clock and the kinds of access of the sample site, whichever way they are read."""
    root = make_portal_root(tmp_path / "device", fair_use_kbit_per_second=4000)
    assert load_rules(root) == read_rules(root) == GateRules(4000, "Europe/London", ("all", "web"))
    assert load_rules(root).clock.key == "Europe/London"


def test_what_is_wrong_is_said_by_the_child(tmp_path: Path) -> None:
    """Rules that were changed after signing, and missing ones, end in the reader's own line."""
    root = make_portal_root(tmp_path / "device")
    with (root.public / bundle.PORTAL).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    with pytest.raises(TechnicianError, match="is not as it was issued"):
        load_rules(root)
    (root.public / bundle.PORTAL).unlink()
    with pytest.raises(TechnicianError, match="is missing"):
        load_rules(root)


def test_privileged_process_holds_no_parser_of_rules() -> None:
    """The gate's own process imports neither the rules nor the cryptography that verifies them."""
    code = "import sys, kiosk.portal.gate.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"kiosk.portal.gate.app", "firmware.network_settings"} <= set(done.stdout.split())
    assert not {"cryptography", "firmware.byod", "firmware.device", "starlette", "kiosk.portal.web"} & set(
        done.stdout.split()
    )
