"""The whole of `table inet quietbell`, as text for nft; pure.

Owns what may pass. In short: clients reach the portal, DNS, DHCP and time on this device and nothing else of it; beyond
it they reach nothing until their pair of MAC and address is admitted, which is looked up for every single packet;
replies come back only to addresses that are admitted at that moment. Whoever is not admitted is answered by the portal
on TCP 80, and by a reset on 443: a certificate is never faked. Ways round the site's filter stay closed to everybody.
Does not know who is admitted (`elements`) or how the kernel is told (`nft`). Written for nft 1.0.6 and newer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Interface

from firmware.errors import ProgrammerError
from firmware.network_settings import NetworkSettings
from kiosk.portal.gate.elements import TABLE, Admission, Live, Mark, Timed

# Room for admissions that have run out and are not yet swept away.
DEVICES_MAX = 4096
ADDRESSES6_MAX = 16_384
GARDEN_MAX = 4096
# The resolver opens an address again whenever it looks its name up, and forgets names far sooner than this.
GARDEN_HOURS = 12
# Beside a second's worth, which the kernel allows at once in any case. One GSO packet has up to 64 KB: a smaller burst
# would stop a fast flow altogether.
BURST_BYTES = 128 * 1024
# Before acceptance names are for finding the portal, not for carrying a tunnel: 25 questions a second, 250 at once.
# In bytes, for one packet of TCP can hold a hundred.
QUESTIONS = "2 kbytes/second burst 16 kbytes"
ANSWERS = "16 kbytes/second burst 64 kbytes"
# Of all together who are beyond what a set can hold, and of everybody: somebody makes devices up.
CROWD = "8 kbytes/second burst 32 kbytes"
ALL_QUESTIONS = "128 kbytes/second burst 512 kbytes"
# Of one device at a time; a page has dozens. The kernel's table of flows is everybody's, with the kiosk's own link.
FLOWS_MAX = 1024
GARDEN_FLOWS_MAX = 64

# RFC 6890, and multicast: what lies on the site's own side of the uplink, or nowhere.
CLOSED4 = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
)
# Everything but global unicast (2000::/3), and of that 6to4 and Teredo, which carry IPv4 past the rules for it.
CLOSED6 = ("::/3", "2001::/32", "2002::/16", "4000::/2", "8000::/1")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the ruleset needs beside the network: each device's share, and addresses that resolve names over HTTPS."""

    fair_use_kbit_per_second: int
    doh4: tuple[str, ...]
    doh6: tuple[str, ...]


def ruleset(network: NetworkSettings, limits: Limits, live: Live) -> str:
    """Replaces the whole table in one transaction; `live` goes on with the time it has left."""
    if not network.routes:
        raise ProgrammerError("link-only routes nothing: there is no ruleset")
    parts = [
        *_sets(network, limits, live),
        _chain("who", "type filter hook prerouting priority mangle; policy accept", _who(network)),
        _chain("to_portal", "type nat hook prerouting priority dstnat; policy accept", _to_portal(network)),
        _chain("to_device", "type filter hook input priority filter; policy accept", _to_device(network)),
        _chain("from_device", "type filter hook output priority filter; policy accept", _from_device(network)),
        _chain("refuse", "", ["meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"]),
        _chain("outward", "", _outward(network, limits)),
        _chain("homeward", "", _homeward(limits)),
        _chain("through", "type filter hook forward priority filter; policy drop", _through(network)),
    ]
    if network.masquerade:
        parts.append(_chain("hide", "type nat hook postrouting priority srcnat; policy accept", _hide(network)))
    # add before delete: there may be no table yet
    return f"add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{''.join(parts)}}}\n"


def _sets(network: NetworkSettings, limits: Limits, live: Live) -> list[str]:
    by_family = {family: [one for one in live.admissions if one.address.version == family] for family in (4, 6)}
    timeout, meter = "flags timeout", "flags dynamic, timeout; timeout 1m"
    garden = f"flags timeout; timeout {GARDEN_HOURS}h; size {GARDEN_MAX}"
    return [
        _admitted(4, by_family[4], DEVICES_MAX),
        _admitted(6, by_family[6], ADDRESSES6_MAX),
        _set("admitted_address4", "ipv4_addr", f"{timeout}; size {DEVICES_MAX}", _addresses(by_family[4])),
        _set("admitted_address6", "ipv6_addr", f"{timeout}; size {ADDRESSES6_MAX}", _addresses(by_family[6])),
        _set("refused", "ether_addr", f"{timeout}; size {DEVICES_MAX}", map(_timed, live.refused)),
        _set("trusted", "ether_addr", "", network.trusted),
        _set("trusted_address4", "ipv4_addr", f"{meter}; size {DEVICES_MAX}", ()),
        _set("trusted_address6", "ipv6_addr", f"{meter}; size {DEVICES_MAX}", ()),
        _set("garden4", "ipv4_addr", garden, map(_timed, live.garden4)),
        _set("garden6", "ipv6_addr", garden, map(_timed, live.garden6)),
        _set("closed4", "ipv4_addr", "flags interval", CLOSED4),
        _set("closed6", "ipv6_addr", "flags interval", CLOSED6),
        _set("open4", "ipv4_addr", "flags interval; auto-merge", map(str, network.open_uplink)),
        _set("doh4", "ipv4_addr", "flags interval; auto-merge", limits.doh4),
        _set("doh6", "ipv6_addr", "flags interval; auto-merge", limits.doh6),
        _set("share_up", "ether_addr", f"{meter}; size {DEVICES_MAX}", ()),
        _set("share_down4", "ipv4_addr", f"{meter}; size {DEVICES_MAX}", ()),
        _set("share_down6", "ipv6_addr", f"{meter}; size {ADDRESSES6_MAX}", ()),
        _set("share_garden", "ether_addr", f"{meter}; size {DEVICES_MAX}", ()),
        _set("flows", "ether_addr", f"flags dynamic; size {DEVICES_MAX}", ()),
        _set("flows_garden", "ether_addr", f"flags dynamic; size {DEVICES_MAX}", ()),
        _set("askers", "ether_addr", f"{meter}; size {DEVICES_MAX}", ()),
        _set("questions", "ether_addr", f"{meter}; size {DEVICES_MAX}", ()),
        _set("answers4", "ipv4_addr", f"{meter}; size {DEVICES_MAX}", ()),
        _set("answers6", "ipv6_addr", f"{meter}; size {ADDRESSES6_MAX}", ()),
    ]


def _who(network: NetworkSettings) -> list[str]:
    """Whose packet is this? Asked anew for every packet."""
    learn = "timeout 10m"
    trusted = (
        f"ether saddr @trusted ip saddr {network.address4.network} update @trusted_address4 {{ ip saddr {learn} }}"
    )
    own6 = network.address6
    return [
        f'iifname != "{network.client_interface}" accept',
        # Who claims to be elsewhere would have our answers sent there, past everything that follows.
        f"ip saddr != {{ 0.0.0.0, {network.address4.network} }} drop",
        f"ip saddr {network.address4.ip} drop",
        *(_from_the_link6(own6) if own6 else ["meta nfproto ipv6 drop"]),
        "meta mark set 0",
        "ether saddr @refused accept",
        "meta mark set ether saddr . ip saddr map @admitted4",
        "meta mark set ether saddr . ip6 saddr map @admitted6",
        trusted,
        *(
            [f"ether saddr @trusted ip6 saddr {own6.network} update @trusted_address6 {{ ip6 saddr {learn} }}"]
            if own6
            else []
        ),
        f"ether saddr @trusted meta mark set {Mark.ALL:#x}",
    ]


def _from_the_link6(own: IPv6Interface) -> list[str]:
    return [f"ip6 saddr != {{ ::, fe80::/10, {own.network} }} drop", f"ip6 saddr {own.ip} drop"]


def _to_portal(network: NetworkSettings) -> list[str]:
    """All questions go to our resolver; pages go to the portal, unless their asker is admitted."""
    own4, own6 = str(network.address4.ip), str(network.address6.ip) if network.address6 else None
    rules = [f'iifname != "{network.client_interface}" accept']
    rules += _to_own("meta l4proto { tcp, udp } th dport 53", network, 53)
    for port, own_port in ((80, network.http_port), (443, network.https_port)):
        rules.append(f"ip daddr {own4} tcp dport {port} dnat ip to {own4}:{own_port}")
        rules += [f"ip6 daddr {own6} tcp dport {port} dnat ip6 to [{own6}]:{own_port}"] if own6 else []
    if not network.offline:
        rules += ["meta mark != 0 accept", "ip daddr @garden4 accept", "ip6 daddr @garden6 accept"]
    return [*rules, *_to_own("tcp dport 80", network, network.http_port)]


def _to_own(match: str, network: NetworkSettings, port: int) -> list[str]:
    rules = [f"{match} dnat ip to {network.address4.ip}:{port}"]
    return [*rules, f"{match} dnat ip6 to [{network.address6.ip}]:{port}"] if network.address6 else rules


def _to_device(network: NetworkSettings) -> list[str]:
    """What clients may say to this device itself; every other port of it is shut to them."""
    ports = f"{{ 53, {network.http_port}, {network.https_port} }}"
    asks = "meta mark 0 meta l4proto { tcp, udp } th dport 53"
    rules = [
        f'iifname != "{network.client_interface}" accept',
        # "too big" and "unreachable" about the portal's own pages
        "ct state related meta l4proto { icmp, ipv6-icmp } accept",
        f"{asks} update @askers {{ ether saddr }}",
        # A full set limits nobody who is not in it.
        f"{asks} ether saddr != @askers limit rate over {CROWD} drop",
        f"{asks} update @questions {{ ether saddr limit rate over {QUESTIONS} }} drop",
        f"{asks} limit rate over {ALL_QUESTIONS} drop",
        "meta nfproto ipv4 udp sport 68 udp dport 67 accept",
    ]
    owns = [f"ip daddr {network.address4.ip}"]
    if network.address6:
        owns.append(f"ip6 daddr {network.address6.ip}")
        rules += [
            # RFC 4861: discovery comes from the link itself
            "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
            "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept",
            "udp sport 546 udp dport 547 ip6 saddr fe80::/10 accept",
        ]
    rules += _no_longer_led(network)
    for own in owns:
        rules += [f"{own} tcp dport {ports} accept", f"{own} udp dport {{ 53, 123 }} accept"]
    return [*rules, "drop"]


def _no_longer_led(network: NetworkSettings) -> list[str]:
    """A connection that was led to the portal would be led there as long as it lives: with admission it is reset."""
    if network.offline:
        return []
    owns = [f"ip daddr != {network.address4.ip}"]
    if network.address6:
        owns.append(f"ip6 daddr != {network.address6.ip}")
    return [f"meta mark != 0 ct original {own} tcp dport {network.http_port} reject with tcp reset" for own in owns]


def _from_device(network: NetworkSettings) -> list[str]:
    """Answers about names are as few as the questions: one short question can have a very long answer."""
    answer = f'oifname "{network.client_interface}" meta l4proto {{ tcp, udp }} th sport 53'
    rules = []
    for family, ip in ((4, "ip"), (6, "ip6")):
        strangers = f"{ip} daddr != @admitted_address{family} {ip} daddr != @trusted_address{family}"
        rules.append(f"{answer} {strangers} update @answers{family} {{ {ip} daddr limit rate over {ANSWERS} }} drop")
    return rules


def _through(network: NetworkSettings) -> list[str]:
    """Client to uplink and back; never client to client, nor anything else."""
    client, uplink = network.client_interface, network.uplink_interface
    if network.offline:
        return [f'iifname "{client}" goto refuse']
    return [
        f'iifname "{client}" oifname "{uplink}" goto outward',
        f'iifname "{uplink}" oifname "{client}" goto homeward',
        f'iifname "{client}" goto refuse',
    ]


def _outward(network: NetworkSettings, limits: Limits) -> list[str]:
    """From a client. First what is closed to everybody, then by mark, then the garden."""
    web = "meta l4proto { tcp, udp } th dport { 80, 443 }"
    return [
        # DNS in the clear has gone to our resolver already; over TLS and QUIC (RFC 7858, RFC 9250) it goes nowhere.
        "meta l4proto { tcp, udp } th dport { 53, 853 } goto refuse",
        "ip daddr @doh4 goto refuse",
        "ip6 daddr @doh6 goto refuse",
        "ip daddr @closed4 ip daddr != @open4 goto refuse",
        "ip6 daddr @closed6 goto refuse",
        # Apart, so that nobody fills by making devices up what bounds those who are admitted.
        f"meta mark != 0 update @share_up {{ ether saddr {_share(limits)} }} drop",
        f"meta mark != 0 ct state new add @flows {{ ether saddr ct count over {FLOWS_MAX} }} goto refuse",
        f"meta mark {Mark.ALL:#x} accept",
        f"meta mark {Mark.WEB:#x} tcp dport {{ 80, 443 }} accept",
        f"meta mark {Mark.WEB:#x} udp dport 443 accept",
        f"meta mark {Mark.WEB:#x} ct state related meta l4proto {{ icmp, ipv6-icmp }} accept",
        "ip daddr != @garden4 goto refuse",
        "ip6 daddr != @garden6 goto refuse",
        f"update @share_garden {{ ether saddr {_share(limits)} }} drop",
        f"ct state new add @flows_garden {{ ether saddr ct count over {GARDEN_FLOWS_MAX} }} goto refuse",
        f"{web} accept",
        "goto refuse",
    ]


def _homeward(limits: Limits) -> list[str]:
    """To a client: replies only, and only while its address is admitted."""
    web = "meta l4proto { tcp, udp } th sport { 80, 443 }"
    return [
        "ct state != { established, related } drop",
        f"update @share_down4 {{ ip daddr {_share(limits)} }} drop",
        f"update @share_down6 {{ ip6 daddr {_share(limits)} }} drop",
        *(f"ip daddr @{name} accept" for name in ("admitted_address4", "trusted_address4")),
        *(f"ip6 daddr @{name} accept" for name in ("admitted_address6", "trusted_address6")),
        f"ip saddr @garden4 {web} accept",
        f"ip6 saddr @garden6 {web} accept",
        "drop",
    ]


def _hide(network: NetworkSettings) -> list[str]:
    to_uplink = f'oifname "{network.uplink_interface}"'
    rules = [f"{to_uplink} ip saddr {network.address4.network} masquerade"]
    return [*rules, f"{to_uplink} ip6 saddr {network.address6.network} masquerade"] if network.address6 else rules


def _share(limits: Limits) -> str:
    """One device's fair share."""
    bytes_per_second = limits.fair_use_kbit_per_second * 1000 // 8
    return f"limit rate over {bytes_per_second} bytes/second burst {BURST_BYTES} bytes"


def _admitted(family: int, admissions: Sequence[Admission], size: int) -> str:
    pairs = [f"{one.mac} . {one.address} timeout {one.seconds}s : {one.mark:#x}" for one in admissions]
    kind = f"ether_addr . ipv{family}_addr : mark"
    return _set(f"admitted{family}", kind, f"flags timeout; size {size}", pairs, noun="map")


def _addresses(admissions: Iterable[Admission]) -> list[str]:
    """Each address once, with the longest time that any pair of it has."""
    longest: dict[str, int] = {}
    for one in admissions:
        longest[str(one.address)] = max(one.seconds, longest.get(str(one.address), 0))
    return [f"{address} timeout {seconds}s" for address, seconds in longest.items()]


def _timed(one: Timed) -> str:
    return f"{one.key} timeout {one.seconds}s"


def _set(name: str, kind: str, properties: str, elements: Iterable[str], *, noun: str = "set") -> str:
    lines = [f"type {kind}", *filter(None, properties.split("; "))]
    listed = list(elements)
    if listed:
        lines.append(f"elements = {{ {', '.join(listed)} }}")
    return _block(f"{noun} {name}", lines)


def _chain(name: str, hook: str, rules: Sequence[str]) -> str:
    return _block(f"chain {name}", [hook, *rules] if hook else rules)


def _block(head: str, lines: Iterable[str]) -> str:
    return "".join([f"  {head} {{\n", *(f"    {line}\n" for line in lines), "  }\n"])
