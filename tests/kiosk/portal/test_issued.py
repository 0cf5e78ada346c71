"""The bundle's signed texts, verified by a process that is gone afterwards: believed only as they were issued."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from firmware import bundle
from firmware.errors import TechnicianError
from kiosk.portal.issued import read_issued, verified
from tests.support.portal_process import MadePortal, make_portal_unit

# Libraries that the running portal must not have in memory: they verify, or speak MQTT.
NOT_NEEDED = ("paho",)


@pytest.fixture
def made(tmp_path: Path) -> MadePortal:
    return make_portal_unit(tmp_path)


def test_what_was_issued_comes_whole(made: MadePortal) -> None:
    """Through the child and beside it the same: both texts, byte for byte, and the voucher key."""
    issued = read_issued(made.root)
    assert issued == verified(made.root)
    assert issued.portal.encode() == (made.root.public / bundle.PORTAL).read_bytes()
    assert issued.profile.encode() == (made.root.public / bundle.PROFILE).read_bytes()
    assert issued.voucher_key == (made.root.secret / bundle.VOUCHER_KEY).read_bytes()


@pytest.mark.requirement("B8")
@pytest.mark.parametrize("name", [bundle.PORTAL, bundle.PROFILE])
def test_a_text_that_was_changed_is_refused(made: MadePortal, name: str) -> None:
    """One letter more than the issuer signed: the file and the mend, in one line."""
    file = made.root.public / name
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(TechnicianError, match=rf"{name}: is not as it was issued.*copy the device's bundle") as found:
        read_issued(made.root)
    assert "\n" not in str(found.value)


def test_a_missing_file_is_one_line(made: MadePortal) -> None:
    """Which, and the mend."""
    (made.root.public / bundle.PROFILE_SIGNATURE).unlink()
    with pytest.raises(TechnicianError, match=rf"{bundle.PROFILE_SIGNATURE}: cannot be read"):
        read_issued(made.root)


def test_a_python_that_this_user_may_not_run_is_one_line(made: MadePortal, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation in somebody's own folder: which program, and the mend."""
    monkeypatch.setattr(sys, "executable", str(made.root.path))
    with pytest.raises(
        TechnicianError, match=r"cannot be started \(Permission denied\); let the user of the portal run"
    ):
        read_issued(made.root)


def test_the_running_portal_loads_no_more_than_it_needs() -> None:
    """Nothing that only the child needs is imported by the process that serves."""
    program = "import sys, kiosk.portal.app; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "uvicorn" in loaded
    assert not set(NOT_NEEDED) & set(loaded)
