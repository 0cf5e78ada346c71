"""The network that one kiosk serves: `network.toml`, written by the technician, read once at start.

Owns which network, which names, which addresses, and that they fit together. What people may do on it is `byod`, and
signed; this file is facts about cables, and lies beside `device.toml`. Touches no interface.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, ip_address
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from firmware import bundle
from firmware.errors import BadSettings
from firmware.settings import Root
from firmware.toml_parts import Part, can_be_shown, one_line, read_text, read_toml

NETWORK_FORMAT = 1
FILE_BYTES_MAX = 64 * 1024
# link-only routes nothing, so there is no address to give
NOWHERE = IPv4Interface("0.0.0.0/32")

Address = IPv4Address | IPv6Address


class Mode(StrEnum):
    """Behind the school's access points (routed, no NAT); with an access point of our own; or only the pages."""

    BEHIND = "behind"
    OWN_ACCESS_POINT = "own-access-point"
    LINK_ONLY = "link-only"


@dataclass(frozen=True, slots=True)
class RadioSettings:
    """The advertised network. `bssids`: the access points that are really ours; another one of that name is not."""

    ssid: str
    country: str
    channel: int
    interface: str
    scan_interface: str | None
    bssids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """One kiosk's BYOD network.

    `certificate` and `key` together say that `host` is publicly valid over HTTPS. `open_uplink`: private networks on
    the uplink's side that clients may reach all the same (the school's filter proxy). `trusted`: MAC addresses that
    need no acceptance. `offline`: there is no Internet here, and probes are told so. In link-only mode interfaces are
    empty and addresses are NOWHERE.
    """

    mode: Mode
    host: str
    http_port: int
    https_port: int
    certificate: Path | None
    key: Path | None
    client_interface: str
    uplink_interface: str
    address4: IPv4Interface
    dhcp_first: IPv4Address
    dhcp_last: IPv4Address
    lease_minutes: int
    address6: IPv6Interface | None
    resolvers: tuple[Address, ...]
    masquerade: bool
    open_uplink: tuple[IPv4Network, ...]
    trusted: tuple[str, ...]
    offline: bool
    radio: RadioSettings | None

    @property
    def secure(self) -> bool:
        """Whether pages can come over HTTPS under a name that every phone believes."""
        return self.certificate is not None and self.key is not None

    @property
    def routes(self) -> bool:
        """Whether this device stands between clients and the Internet."""
        return self.mode is not Mode.LINK_ONLY


def load_network(root: Root) -> NetworkSettings:
    """Read `bundle/public/network.toml`.

    Raises:
        BadSettings: missing, unreadable, or wrong in some key.
    """
    path = root.public / bundle.NETWORK
    mend = "write it with `quietbell site portal` and copy the bundle here again"
    return parse_network(read_text(path, FILE_BYTES_MAX, mend), str(path))


def load_wifi_passphrase(root: Root) -> str | None:
    """What devices of the own access point are asked for; None: an open network. Raises BadSettings."""
    path = root.secret / bundle.WIFI_PASSPHRASE
    if not path.exists():
        return None
    passphrase = read_text(path, FILE_BYTES_MAX, "mend its owner and mode").rstrip("\n")
    if not is_wifi_passphrase(passphrase):
        raise BadSettings(path, "", "is not a WPA passphrase: write 8 to 63 letters, digits and signs of ASCII")
    return passphrase


def is_wifi_passphrase(text: str) -> bool:
    """IEEE 802.11, annex J.4: 8 to 63 characters, each from 32 to 126."""
    return _PASSPHRASE.fullmatch(text) is not None


def parse_network(untrusted_text: str, file: str) -> NetworkSettings:
    """The same from text; `file` is the name that an error gives."""
    parsed = read_toml(untrusted_text, _NetworkFile, file)
    reader = _Reader(file)
    reader.that(parsed.format == NETWORK_FORMAT, "format", f"write {NETWORK_FORMAT}")
    try:
        mode = Mode(parsed.mode)
    except ValueError:
        raise reader.bad("mode", f"write one of {', '.join(Mode)}") from None
    reader.that(is_host(parsed.host), "host", 'write the name of the portal in small letters, such as "wifi.school.uk"')
    reader.that(parsed.http_port != parsed.https_port, "https_port", "must be another port than http_port")
    certificate, key = _certificate(parsed, reader)
    client, uplink = _client(parsed.client, mode, reader), _uplink(parsed, mode, reader)
    _check_together(client, uplink, mode, reader)
    return NetworkSettings(
        mode=mode,
        host=parsed.host,
        http_port=parsed.http_port,
        https_port=parsed.https_port,
        certificate=certificate,
        key=key,
        client_interface=client.interface,
        uplink_interface=uplink.interface,
        address4=client.address4,
        dhcp_first=client.dhcp_first,
        dhcp_last=client.dhcp_last,
        lease_minutes=client.lease_minutes,
        address6=client.address6,
        resolvers=uplink.resolvers,
        masquerade=uplink.masquerade,
        open_uplink=uplink.open,
        trusted=client.trusted,
        offline=parsed.offline,
        radio=_radio(parsed.radio, mode, reader),
    )


def is_host(text: str) -> bool:
    """Whether this is a host name in small letters, or an IPv4 address (in link-only mode and for trials)."""
    return _HOST.fullmatch(text) is not None


def is_mac(text: str) -> bool:
    """One device's address: six pairs in small letters, not a group's and not nobody's."""
    return _MAC.fullmatch(text) is not None and int(text[:2], 16) & 1 == 0 and text != "00:00:00:00:00:00"


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
# linux/if.h: 15 bytes; what has a slash, colon or space would end up in a path or another rule
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_PASSPHRASE = re.compile(r"[ -~]{8,63}")
_COUNTRY = re.compile(r"[A-Z]{2}")
# The widest network has 65,534 clients, the narrowest five.
_WIDEST4, _NARROWEST4 = 16, 29
_PRIVATE4 = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))

_Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class _ClientPart(Part, frozen=True):
    interface: str
    address4: str
    dhcp_first: str
    dhcp_last: str
    lease_minutes: Annotated[int, msgspec.Meta(ge=5, le=1440)] = 60
    address6: str = ""
    trusted: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()


class _UplinkPart(Part, frozen=True):
    interface: str
    resolvers: Annotated[tuple[str, ...], msgspec.Meta(max_length=8)]
    masquerade: bool = False
    open: Annotated[tuple[str, ...], msgspec.Meta(max_length=16)] = ()


class _RadioPart(Part, frozen=True):
    ssid: str
    country: str
    channel: Annotated[int, msgspec.Meta(ge=1, le=196)]
    interface: str
    scan_interface: str = ""
    bssids: Annotated[tuple[str, ...], msgspec.Meta(max_length=256)] = ()


class _NetworkFile(Part, frozen=True):
    format: int
    mode: str
    host: str
    http_port: _Port = 8080
    https_port: _Port = 8443
    certificate: str = ""
    key: str = ""
    offline: bool = False
    client: _ClientPart | None = None
    uplink: _UplinkPart | None = None
    radio: _RadioPart | None = None


@dataclass(frozen=True, slots=True)
class _Client:
    interface: str = ""
    address4: IPv4Interface = NOWHERE
    dhcp_first: IPv4Address = NOWHERE.ip
    dhcp_last: IPv4Address = NOWHERE.ip
    lease_minutes: int = 60
    address6: IPv6Interface | None = None
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Uplink:
    interface: str = ""
    resolvers: tuple[Address, ...] = ()
    masquerade: bool = False
    open: tuple[IPv4Network, ...] = ()


_Parsed = TypeVar("_Parsed")


class _Reader:
    """Says what is wrong in one file, and turns its text into addresses."""

    def __init__(self, file: str) -> None:
        self._file = file

    def bad(self, key: str, mend: str) -> BadSettings:
        return BadSettings(self._file, key, mend)

    def that(self, holds: bool, key: str, mend: str) -> None:
        if not holds:
            raise self.bad(key, mend)

    def parsed(self, text: str, noun: Callable[[str], _Parsed], key: str, like: str) -> _Parsed:
        try:
            return noun(text)
        except ValueError:
            raise self.bad(key, f"{one_line(text, 60)!r}: write {like}") from None

    def interface(self, text: str, key: str) -> str:
        self.that(_INTERFACE.fullmatch(text) is not None, key, 'write an interface\'s name, such as "eth1"')
        return text

    def macs(self, texts: tuple[str, ...], key: str) -> tuple[str, ...]:
        for at, text in enumerate(texts, 1):
            self.that(is_mac(text), f"{key} (item {at})", 'write one device\'s address, such as "9c:b6:d0:12:34:56"')
        return tuple(dict.fromkeys(texts))


def _certificate(parsed: _NetworkFile, reader: _Reader) -> tuple[Path | None, Path | None]:
    both = bool(parsed.certificate) == bool(parsed.key)
    reader.that(both, "certificate", "a certificate needs its key: give both, or neither")
    for name, text in (("certificate", parsed.certificate), ("key", parsed.key)):
        good = not text or (text.startswith("/") and text.isprintable())
        reader.that(good, name, "write a full path, such as /etc/quietbell/portal.pem")
    if not parsed.certificate:
        return None, None
    named = any(letter.isalpha() for letter in parsed.host)
    reader.that(named, "host", "no public certificate stands for an address: write a name, or leave certificate out")
    return Path(parsed.certificate), Path(parsed.key)


def _client(part: _ClientPart | None, mode: Mode, reader: _Reader) -> _Client:
    if mode is Mode.LINK_ONLY:
        reader.that(part is None, "client", "link-only serves pages and routes nothing: take the table [client] out")
        return _Client()
    if part is None:
        raise reader.bad("client", "is missing: add the table [client], or write mode = link-only")
    interface = reader.interface(part.interface, "client.interface")
    address = reader.parsed(part.address4, IPv4Interface, "client.address4", 'an address like "10.20.0.1/22"')
    good = _WIDEST4 <= address.network.prefixlen <= _NARROWEST4
    reader.that(good, "client.address4", f"the network must have /{_WIDEST4} to /{_NARROWEST4} after its address")
    private = any(address.network.subnet_of(each) for each in _PRIVATE4)
    reader.that(private, "client.address4", "must lie in a private range, such as 10.0.0.0/8")
    _inside(address.ip, address.network, "client.address4", reader)
    first, last = _pool(part, address, reader)
    return _Client(
        interface=interface,
        address4=address,
        dhcp_first=first,
        dhcp_last=last,
        lease_minutes=part.lease_minutes,
        address6=_address6(part.address6, reader),
        trusted=reader.macs(part.trusted, "client.trusted"),
    )


def _pool(part: _ClientPart, address: IPv4Interface, reader: _Reader) -> tuple[IPv4Address, IPv4Address]:
    like = 'an address like "10.20.0.50"'
    first = reader.parsed(part.dhcp_first, IPv4Address, "client.dhcp_first", like)
    last = reader.parsed(part.dhcp_last, IPv4Address, "client.dhcp_last", like)
    for key, one in (("client.dhcp_first", first), ("client.dhcp_last", last)):
        _inside(one, address.network, key, reader)
    reader.that(first <= last, "client.dhcp_first", "is after dhcp_last: turn them round")
    own = first <= address.ip <= last
    reader.that(not own, "client.dhcp_first", f"the range holds this device's own {address.ip}: begin after it")
    return first, last


def _inside(address: IPv4Address, network: IPv4Network, key: str, reader: _Reader) -> None:
    good = address in network and address not in (network.network_address, network.broadcast_address)
    reader.that(good, key, f"{address} is not a device's address in {network}")


def _address6(text: str, reader: _Reader) -> IPv6Interface | None:
    if not text:
        return None
    address = reader.parsed(text, IPv6Interface, "client.address6", 'an address like "fd12:3456:789a::1/64"')
    # RFC 4862 §5.5.3: clients make their own addresses only in a /64.
    reader.that(address.network.prefixlen == 64, "client.address6", "the network must have /64")
    good = not (address.is_link_local or address.is_multicast or address.is_loopback or address.is_unspecified)
    reader.that(good, "client.address6", "must be a global or unique local address (fd…)")
    return address


def _uplink(parsed: _NetworkFile, mode: Mode, reader: _Reader) -> _Uplink:
    part = parsed.uplink
    if mode is Mode.LINK_ONLY:
        reader.that(part is None, "uplink", "link-only serves pages and routes nothing: take the table [uplink] out")
        return _Uplink()
    if part is None:
        raise reader.bad("uplink", "is missing: add the table [uplink], or write mode = link-only")
    hides = part.masquerade and mode is Mode.BEHIND
    reader.that(not hides, "uplink.masquerade", "would hide clients from the school's filter: write false")
    reader.that(
        bool(part.resolvers) or parsed.offline, "uplink.resolvers", "name the site's filtering resolvers, at least one"
    )
    return _Uplink(
        interface=reader.interface(part.interface, "uplink.interface"),
        resolvers=_resolvers(part.resolvers, reader),
        masquerade=part.masquerade,
        open=tuple(_hole(text, at, reader) for at, text in enumerate(part.open, 1)),
    )


def _resolvers(texts: tuple[str, ...], reader: _Reader) -> tuple[Address, ...]:
    found = []
    for at, text in enumerate(texts, 1):
        key = f"uplink.resolvers (item {at})"
        address = reader.parsed(text, ip_address, key, 'an address like "10.0.0.53"')
        good = not (address.is_multicast or address.is_unspecified)
        reader.that(good, key, f"{address} is nobody's address")
        found.append(address)
    return tuple(dict.fromkeys(found))


def _hole(text: str, at: int, reader: _Reader) -> IPv4Network:
    key = f"uplink.open (item {at})"
    network = reader.parsed(text, IPv4Network, key, 'a network like "10.0.0.80/32", without bits after its mask')
    reader.that(network.prefixlen >= 20, key, "opens too much of the site's own network: name /20 or less")
    return network


def _check_together(client: _Client, uplink: _Uplink, mode: Mode, reader: _Reader) -> None:
    if mode is Mode.LINK_ONLY:
        return
    other = client.interface != uplink.interface
    reader.that(other, "uplink.interface", "must be another interface than client.interface")
    for resolver in uplink.resolvers:
        inside = resolver in client.address4.network or (
            client.address6 is not None and resolver in client.address6.network
        )
        reader.that(not inside, "uplink.resolvers", f"{resolver} lies among the clients: one of them could answer")
    for hole in uplink.open:
        reader.that(not hole.overlaps(client.address4.network), "uplink.open", f"{hole} lies among the clients")


def _radio(part: _RadioPart | None, mode: Mode, reader: _Reader) -> RadioSettings | None:
    if part is None:
        reader.that(
            mode is not Mode.OWN_ACCESS_POINT, "radio", "is missing: an own access point needs the table [radio]"
        )
        return None
    fits = can_be_shown(part.ssid) and 1 <= len(part.ssid.encode()) <= 32 and part.ssid == part.ssid.strip()
    reader.that(fits, "radio.ssid", "write the network's name: 1 to 32 bytes on one line")
    good = _COUNTRY.fullmatch(part.country) is not None
    reader.that(good, "radio.country", 'write the two letters of the country, such as "GB"')
    reader.that(part.channel in _CHANNELS, "radio.channel", "is no Wi-Fi channel: write one such as 1, 6, 11, 36 or 44")
    scan = reader.interface(part.scan_interface, "radio.scan_interface") if part.scan_interface else None
    return RadioSettings(
        ssid=part.ssid,
        country=part.country,
        channel=part.channel,
        interface=reader.interface(part.interface, "radio.interface"),
        scan_interface=scan,
        bssids=reader.macs(part.bssids, "radio.bssids"),
    )


# 2.4 GHz, then 5 GHz; IEEE 802.11, annex E
_CHANNELS = frozenset((*range(1, 14), *range(36, 65, 4), *range(100, 145, 4), *range(149, 178, 4)))
