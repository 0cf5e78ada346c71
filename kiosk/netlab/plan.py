"""Addresses, interfaces and ports that every lab has: facts, no work."""

from __future__ import annotations

from dataclasses import dataclass

# the far end of the box's uplink
UPLINK = "box0"
DNS_PORT, HTTP_PORT, HTTPS_PORT = 53, 80, 443
# every other port of the Internet leads here
ECHO_PORT = 7


@dataclass(frozen=True, slots=True)
class BoxPlan:
    """Where the box stands in every lab."""

    client_interface: str = "byod0"
    uplink_interface: str = "up0"
    address4: str = "10.77.0.1/22"
    dhcp_first: str = "10.77.0.20"
    dhcp_last: str = "10.77.3.250"
    address6: str = "2001:db8:77::1/64"
    uplink4: str = "10.66.0.2/24"
    uplink6: str = "2001:db8:66::2/64"
    # the school's filter: router of the box, and its resolver
    filter4: str = "10.66.0.1"
    filter6: str = "2001:db8:66::1"
    resolver4: str = "10.66.0.53"


BOX = BoxPlan()
