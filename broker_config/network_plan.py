"""A kiosk's network as the technician plans it, and the `network.toml` that says so.

Owns the text of that file and what follows from what was said (the range of addresses for clients). Whether it fits
together is asked of the very parser that the device uses. Writes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Interface
from itertools import chain

from firmware.network_settings import NETWORK_FORMAT, Mode, NetworkSettings, parse_network

# As error lines call what was typed.
_ASKED = "site portal"


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """What `site portal` is told; names are those of `network.toml`. Empty `dhcp_first`: all that is free."""

    mode: Mode
    host: str
    client_interface: str = ""
    uplink_interface: str = ""
    address4: str = ""
    dhcp_first: str = ""
    dhcp_last: str = ""
    lease_minutes: int = 60
    address6: str = ""
    resolvers: tuple[str, ...] = ()
    masquerade: bool = False
    open_uplink: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    offline: bool = False
    http_port: int = 8080
    https_port: int = 8443
    certificate: str = ""
    key: str = ""
    ssid: str = ""
    country: str = "GB"
    channel: int = 6
    radio_interface: str = ""
    scan_interface: str = ""
    bssids: tuple[str, ...] = ()


def checked_text(plan: NetworkPlan) -> tuple[bytes, NetworkSettings]:
    """`network.toml` for a plan, and what a device will read in it.

    Raises:
        BadSettings: names the key that does not fit, and the mend.
    """
    text = "\n".join(chain(_top(plan), _client(plan), _uplink(plan), _radio(plan))) + "\n"
    return text.encode(), parse_network(text, _ASKED)


def _top(plan: NetworkPlan) -> list[str]:
    lines = [
        "# Made by `quietbell site portal`; run it again to change something.",
        f"format = {NETWORK_FORMAT}",
        _line("mode", str(plan.mode)),
        _line("host", plan.host),
        _line("http_port", plan.http_port),
        _line("https_port", plan.https_port),
        _line("offline", plan.offline),
    ]
    if plan.certificate or plan.key:
        lines += [_line("certificate", plan.certificate), _line("key", plan.key)]
    return lines


def _client(plan: NetworkPlan) -> list[str]:
    if not (plan.client_interface or plan.address4 or plan.mode is not Mode.LINK_ONLY):
        return []
    first, last = _free_range(plan)
    return [
        "",
        "[client]",
        _line("interface", plan.client_interface),
        _line("address4", plan.address4),
        _line("dhcp_first", plan.dhcp_first or first),
        _line("dhcp_last", plan.dhcp_last or last),
        _line("lease_minutes", plan.lease_minutes),
        _line("address6", plan.address6),
        _line("trusted", plan.trusted),
    ]


def _uplink(plan: NetworkPlan) -> list[str]:
    if not (plan.uplink_interface or plan.resolvers or plan.mode is not Mode.LINK_ONLY):
        return []
    return [
        "",
        "[uplink]",
        _line("interface", plan.uplink_interface),
        _line("resolvers", plan.resolvers),
        _line("masquerade", plan.masquerade),
        _line("open", plan.open_uplink),
    ]


def _radio(plan: NetworkPlan) -> list[str]:
    if not (plan.ssid or plan.radio_interface):
        return []
    return [
        "",
        "[radio]",
        _line("ssid", plan.ssid),
        _line("country", plan.country),
        _line("channel", plan.channel),
        _line("interface", plan.radio_interface or plan.client_interface),
        _line("scan_interface", plan.scan_interface),
        _line("bssids", plan.bssids),
    ]


def _free_range(plan: NetworkPlan) -> tuple[str, str]:
    """The longer run of addresses beside the device's own; empty for an address that the parser will refuse."""
    try:
        own = IPv4Interface(plan.address4)
        least, most = own.network.network_address + 1, own.network.broadcast_address - 1
        below, above = (least, own.ip - 1), (own.ip + 1, most)
    except ValueError:
        return "", ""
    longer = max(below, above, key=lambda run: int(run[1]) - int(run[0]))
    return str(longer[0]), str(longer[1])


def _line(key: str, value: str | bool | int | tuple[str, ...]) -> str:
    # JSON's strings, numbers, truths and lists of strings are TOML's, as long as no control character is in them;
    # DEL is one that JSON leaves as it is.
    return f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
