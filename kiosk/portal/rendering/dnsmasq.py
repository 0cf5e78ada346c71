"""dnsmasq.conf: addresses for clients, and names through the site's own resolvers only; pure text.

Truthful but for names that are ways round the site's filter, which do not exist here, and the portal's own. No query is
logged, no device's name is taken, and what leases there are lie in the run folder. Options: dnsmasq(8), 2.90.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from firmware.network_settings import Mode, NetworkSettings
from kiosk.portal.gate.doh import KnownDoh
from kiosk.portal.gate.elements import TABLE

# RFC 8910: DHCPv4 and DHCPv6
OPTION_PORTAL4, OPTION_PORTAL6 = 114, 103
API_PATH = "/captive/api"
# A garden address is opened when its name is looked up, so names are not remembered for long.
REMEMBER_SECONDS = 600
# RFC 9210 and DNS flag day 2020: what passes without fragments.
DATAGRAM_BYTES = 1232
QUESTIONS_AT_ONCE = 500
NAMES_REMEMBERED = 4000
# Off-line, a stand-in for the Internet that is nobody's (RFC 5737). Not this device's own: where a probe's name has a
# private address, Android finds no portal but a broken network, and shows no page at all.
ELSEWHERE = "192.0.2.1"
# Windows compares this one with what it knows.
WINDOWS_NAME, WINDOWS_ADDRESS = "dns.msftncsi.com", "131.107.255.255"


def dnsmasq_text(network: NetworkSettings, garden: Sequence[str], known: KnownDoh, run_folder: str) -> str:
    """`garden`: the domains that are open before acceptance."""
    lines = [
        *_listening(network, run_folder),
        *_names(network, known),
        *_leases(network, run_folder),
        *(_ipv6(network) if network.address6 else []),
        *(_portal_options(network) if network.secure else []),
        *(_garden(garden, network) if not network.offline else []),
    ]
    return "".join(f"{line}\n" for line in lines)


def _listening(network: NetworkSettings, run_folder: str) -> list[str]:
    return [
        f"interface={network.client_interface}",
        "except-interface=lo",
        "bind-dynamic",
        f"pid-file={run_folder}/dnsmasq.pid",
    ]


def _names(network: NetworkSettings, known: KnownDoh) -> list[str]:
    """Whom to ask, and what does not exist."""
    lines = [
        *("no-resolv", "no-poll", "no-hosts", "domain-needed", "bogus-priv"),
        f"cache-size={NAMES_REMEMBERED}",
        f"max-cache-ttl={REMEMBER_SECONDS}",
        f"max-ttl={REMEMBER_SECONDS}",
        f"dns-forward-max={QUESTIONS_AT_ONCE}",
        f"edns-packet-max={DATAGRAM_BYTES}",
    ]
    if network.offline:
        # there is nobody to ask: every name leads here, where the gate turns each page to the portal
        lines += [f"address=/#/{ELSEWHERE}", f"address=/{WINDOWS_NAME}/{WINDOWS_ADDRESS}"]
    else:
        lines += [f"server={resolver}" for resolver in network.resolvers]
    if network.mode is Mode.BEHIND:
        lines.append("# if the site's resolver filters by client, tell it who asks: add-subnet=32,128")
    if any(letter.isalpha() for letter in network.host):
        lines += [f"host-record={network.host},{network.address4.ip}", f"local=/{network.host}/"]
    return [*lines, *_nowhere((*known.canaries, *known.names))]


def _nowhere(names: Iterable[str]) -> list[str]:
    return [f"local=/{name}/" for name in dict.fromkeys(names)]


def _leases(network: NetworkSettings, run_folder: str) -> list[str]:
    own, mask = network.address4.ip, network.address4.netmask
    count = int(network.dhcp_last) - int(network.dhcp_first) + 1
    return [
        "dhcp-authoritative",
        # it would make each client wait three seconds
        "no-ping",
        f"dhcp-range={network.dhcp_first},{network.dhcp_last},{mask},{network.lease_minutes}m",
        f"dhcp-lease-max={count}",
        f"dhcp-leasefile={run_folder}/dnsmasq.leases",
        # "Anna's phone" is nobody's business
        "dhcp-ignore-names",
        *("quiet-dhcp", "quiet-dhcp6", "quiet-ra"),
        f"dhcp-option=option:router,{own}",
        f"dhcp-option=option:dns-server,{own}",
    ]


def _ipv6(network: NetworkSettings) -> list[str]:
    """Clients make their own addresses; only the resolver is told. dnsmasq has no way to send RA option 37."""
    assert network.address6 is not None
    return [
        "enable-ra",
        f"dhcp-range={network.address6.network.network_address},ra-stateless,64,{network.lease_minutes}m",
        f"dhcp-option=option6:dns-server,[{network.address6.ip}]",
    ]


def _portal_options(network: NetworkSettings) -> list[str]:
    """Only with a certificate that every phone believes; without, phones would show an error (RFC 8908 §4.1)."""
    url = f"https://{network.host}{API_PATH}"
    lines = [f"dhcp-option-force={OPTION_PORTAL4},{url}"]
    return [*lines, f"dhcp-option=option6:{OPTION_PORTAL6},{url}"] if network.address6 else lines


def _garden(garden: Sequence[str], network: NetworkSettings) -> list[str]:
    table = TABLE.replace(" ", "#")
    sets = [f"4#{table}#garden4", *([f"6#{table}#garden6"] if network.address6 else [])]
    return [f"nftset=/{domain}/{','.join(sets)}" for domain in garden]
