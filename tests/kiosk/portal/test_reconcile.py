"""Register and gate brought together: what is lost is given again, what nobody accepted is taken back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from firmware.byod import Access
from kiosk.portal.admission import Acceptance, Ends, Online
from kiosk.portal.gate.line import Seen
from kiosk.portal.reconcile import Admit, Plan, plan, seconds_left

NOW_MS = 1_800_000_000_000
ADDRESS = ip_address("10.20.0.9")
NAME, OTHER = b"n" * 16, b"o" * 16
ACCEPTED = Acceptance(NAME, b"a" * 32, NOW_MS - 60_000, NOW_MS + 600_000)
ONLINE = Online(NOW_MS + 600_000, ends_soon=False, why=Ends.SESSION, access=Access.WEB)
HELD = Seen(NAME, ADDRESS, 600, "web")
NOTHING = Plan((), ())
AGAIN = Plan((), (Admit(ADDRESS, 600, "web"),))


@pytest.mark.requirement("B1")
@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (HELD, NOTHING),
        (replace(HELD, admitted_seconds_left=598), NOTHING),
        (replace(HELD, admitted_seconds_left=None, access=""), AGAIN),
        (replace(HELD, admitted_seconds_left=500), AGAIN),
        (replace(HELD, admitted_seconds_left=3600), AGAIN),
        (replace(HELD, access="all"), AGAIN),
        (replace(HELD, pseudonym=OTHER), Plan((OTHER,), ())),
        (replace(HELD, pseudonym=OTHER, admitted_seconds_left=None), NOTHING),
    ],
    ids=["held", "about", "lost", "too short", "too long", "other access", "nobody's", "only there"],
)
def test_one_client(seen: Seen, wanted: Plan) -> None:
    """The gate holds exactly what the register says: not less time, not more, not another access, nobody else."""
    assert plan([seen], [(ACCEPTED, ONLINE)], NOW_MS) == wanted


def test_who_is_not_there_waits() -> None:
    """A phone that sleeps has no address to admit; it is looked at again when it is back."""
    assert plan([], [(ACCEPTED, ONLINE)], NOW_MS) == NOTHING


@pytest.mark.requirement("B4")
def test_nobody_is_given_a_part_of_a_second() -> None:
    """Less than a second is over: times are rounded down, never up."""
    assert [seconds_left(NOW_MS + ms, NOW_MS) for ms in (-5, 0, 999, 1000, 1999)] == [0, 0, 0, 1, 1]
    late = replace(ONLINE, until_ms=NOW_MS + 900)
    assert plan([replace(HELD, admitted_seconds_left=None)], [(ACCEPTED, late)], NOW_MS) == NOTHING
