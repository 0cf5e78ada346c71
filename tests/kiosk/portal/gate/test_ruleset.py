"""The text of the rules: what it says for each kind of network. That it holds is proved in `test_nobody_passes`."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from broker_config.network_plan import NetworkPlan
from firmware.errors import ProgrammerError
from firmware.network_settings import Mode
from kiosk.netlab import BOX
from kiosk.portal.gate.elements import Admission, Live, Mark
from kiosk.portal.gate.ruleset import CLOSED4, CLOSED6, Limits, ruleset
from tests.support.portal_root import LAB_PLAN, network_of

LIMITS = Limits(8000, ("8.8.8.8/32",), ())


def text_of(plan: NetworkPlan, live: Live | None = None) -> str:
    return ruleset(network_of(plan), LIMITS, live or Live())


@pytest.mark.requirement("B5")
def test_client_addresses_are_kept() -> None:
    """No rule hides a client behind the box unless an own access point was told to."""
    assert "masquerade" not in text_of(LAB_PLAN)
    own = replace(LAB_PLAN, mode=Mode.OWN_ACCESS_POINT, ssid="BYOD")
    assert "masquerade" not in text_of(own)
    assert 'oifname "up0" ip saddr 10.77.0.0/22 masquerade' in text_of(replace(own, masquerade=True))


def test_replaces_its_own_table_and_no_other() -> None:
    """The text adds, deletes and makes one table, and never flushes."""
    text = text_of(LAB_PLAN)
    assert text.startswith("add table inet quietbell\ndelete table inet quietbell\ntable inet quietbell {\n")
    assert text.count("table inet") == 3
    assert "flush" not in text


def test_port_443_of_others_is_never_led_astray() -> None:
    """A certificate is never faked: only the portal's own 443 is led to the portal, any other is reset."""
    led = [line.strip() for line in text_of(LAB_PLAN).splitlines() if "dnat" in line and "443" in line]
    assert led == ["ip daddr 10.77.0.1 tcp dport 443 dnat ip to 10.77.0.1:8443"]


def test_what_was_led_is_reset_with_admission() -> None:
    """A connection to others that the portal answers does not outlive the moment in which its client is admitted; where
    there is no Internet, the portal goes on answering for it."""
    reset = "meta mark != 0 ct original ip{} daddr != {} tcp dport 8080 reject with tcp reset"
    assert reset.format("", "10.77.0.1") in text_of(LAB_PLAN)
    assert "ct original ip6" not in text_of(LAB_PLAN)
    assert reset.format("6", "2001:db8:77::1") in text_of(replace(LAB_PLAN, address6=BOX.address6))
    assert "ct original" not in text_of(replace(LAB_PLAN, offline=True))


def test_ipv6_is_whole_or_dropped() -> None:
    """Without an address of IPv6 its first packet is dropped; with one, it is led, found and shut as IPv4 is."""
    assert "meta nfproto ipv6 drop" in text_of(LAB_PLAN)
    both = text_of(replace(LAB_PLAN, address6=BOX.address6))
    assert "meta nfproto ipv6 drop" not in both
    for part in ("th dport 53 dnat ip6 to [2001:db8:77::1]:53", "tcp dport 80 dnat ip6 to", "ip6 daddr @closed6"):
        assert part in both


def test_an_address_of_two_devices_is_written_once() -> None:
    """Two admitted devices with one address: the set of addresses has it once, with the longer time; a transaction with
    it twice would be refused as a whole."""
    pairs = [Admission(f"02:00:00:00:00:0{at}", ip_address("10.77.0.20"), Mark.WEB, 100 * at) for at in (1, 2)]
    text = text_of(LAB_PLAN, Live(tuple(pairs)))
    assert text.count("10.77.0.20 timeout 200s }") == 1
    assert text.count("10.77.0.20 timeout 100s }") == 0


def test_private_ranges_are_all_there() -> None:
    """RFC 1918, shared and link-local addresses, this host, multicast, and all of IPv6 that is not global."""
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"} <= set(CLOSED4)
    assert {"127.0.0.0/8", "224.0.0.0/3"} <= set(CLOSED4)
    assert {"::/3", "8000::/1", "2002::/16"} <= set(CLOSED6)


def test_share_is_in_bytes() -> None:
    """8,000 kbit a second are a million bytes, in both directions, and to the garden."""
    assert text_of(LAB_PLAN).count("limit rate over 1000000 bytes/second") == 4


def test_link_only_has_no_rules() -> None:
    """A device that routes nothing has nothing to rule; asking for it is a mistake of ours."""
    with pytest.raises(ProgrammerError):
        text_of(NetworkPlan(mode=Mode.LINK_ONLY, host="wifi.school.example"))
