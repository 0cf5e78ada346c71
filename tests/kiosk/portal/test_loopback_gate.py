"""The rehearsal's gate: speaks like the real one, and refuses to stand in for it on a real unit."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from firmware.errors import NotAllowedHere
from kiosk.portal.loopback_gate import LoopbackGate

ADDRESS, OTHER = ip_address("127.0.0.1"), ip_address("127.0.0.2")


class _Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


def test_a_real_unit_has_a_real_gate() -> None:
    """Outside a rehearsal it cannot even be made."""
    with pytest.raises(NotAllowedHere, match=r"network\.toml"):
        LoopbackGate(rehearsal=False, key=bytes(32), monotonic_ms=_Clock())


def test_it_admits_for_a_time_and_takes_back() -> None:
    """Each address has a name of its own; what is over or revoked is gone."""
    clock = _Clock()
    gate = LoopbackGate(rehearsal=True, key=bytes(32), monotonic_ms=clock)
    name = gate.admit(ADDRESS, 60, "web")
    assert name is not None
    assert name == gate.who(ADDRESS) != gate.who(OTHER)
    clock.now_ms = 10_000
    assert [(seen.pseudonym, seen.admitted_seconds_left) for seen in gate.clients()] == [(name, 50)]
    clock.now_ms = 60_000
    assert gate.clients() == ()
    gate.admit(ADDRESS, 60, "web")
    gate.revoke(name)
    assert gate.clients() == ()
    assert gate.scan() == ""


def test_names_mean_nothing_under_another_key() -> None:
    """What one run called an address, another does not."""
    names = {LoopbackGate(rehearsal=True, key=bytes([key]) * 32, monotonic_ms=_Clock()).who(ADDRESS) for key in (1, 2)}
    assert len(names) == 2
