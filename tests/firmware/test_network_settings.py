"""network.toml: what one kiosk's network is, and one line for everything that does not fit."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface
from pathlib import Path

import pytest

from firmware import bundle
from firmware.errors import BadSettings
from firmware.network_settings import (
    NOWHERE,
    Mode,
    NetworkSettings,
    RadioSettings,
    is_mac,
    is_wifi_passphrase,
    load_network,
    load_wifi_passphrase,
    parse_network,
)
from firmware.settings import Root

BEHIND = """
format = 1
mode = "behind"
host = "wifi.school.example"
[client]
interface = "eth1"
address4 = "10.20.0.1/22"
dhcp_first = "10.20.0.50"
dhcp_last = "10.20.3.200"
[uplink]
interface = "eth0"
resolvers = ["10.0.0.53"]
"""
RADIO = """
[radio]
ssid = "School BYOD"
country = "GB"
channel = 6
interface = "wlan0"
scan_interface = "wlan1"
bssids = ["9c:b6:d0:12:34:56", "9c:b6:d0:12:34:57"]
"""
LINK_ONLY = 'format = 1\nmode = "link-only"\nhost = "127.0.0.1"\n'


def with_(text: str, key: str, value: str) -> str:
    """The same file with another value for one key, which is added at its table's head when it was not there."""
    table, _, name = key.rpartition(".")
    lines, here, changed = [], "", False
    for line in filter(None, text.splitlines()):
        if line.startswith("["):
            here = line.strip("[]")
        own = here == table and line.startswith(f"{name} = ")
        lines.append(f"{name} = {value}" if own else line)
        changed = changed or own
    at = lines.index(f"[{table}]") + 1 if table else 0
    return "\n".join(lines if changed else [*lines[:at], f"{name} = {value}", *lines[at:]]) + "\n"


def without(text: str, key: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(f"{key} = "))


def test_behind_the_schools_access_points() -> None:
    """Routed, no address translation: interfaces, addresses and resolvers are what the file says, the rest is safe."""
    assert parse_network(BEHIND, "network.toml") == NetworkSettings(
        mode=Mode.BEHIND,
        host="wifi.school.example",
        http_port=8080,
        https_port=8443,
        certificate=None,
        key=None,
        client_interface="eth1",
        uplink_interface="eth0",
        address4=IPv4Interface("10.20.0.1/22"),
        dhcp_first=IPv4Address("10.20.0.50"),
        dhcp_last=IPv4Address("10.20.3.200"),
        lease_minutes=60,
        address6=None,
        resolvers=(IPv4Address("10.0.0.53"),),
        masquerade=False,
        open_uplink=(),
        trusted=(),
        offline=False,
        radio=None,
    )


def test_own_access_point_with_everything() -> None:
    """Radio, IPv6, holes, trusted devices, certificate: all of it is read."""
    text = with_(BEHIND, "mode", '"own-access-point"')
    for key, value in (
        ("certificate", '"/etc/quietbell/portal.pem"'),
        ("key", '"/etc/quietbell/portal.key"'),
        ("client.address6", '"fd12:3456:789a::1/64"'),
        ("client.trusted", '["9c:b6:d0:00:00:01"]'),
        ("uplink.masquerade", "true"),
        ("uplink.open", '["10.0.0.80/32"]'),
        ("uplink.resolvers", '["10.0.0.53", "2001:db8::53"]'),
    ):
        text = with_(text, key, value)
    read = parse_network(text + RADIO, "network.toml")
    assert (read.mode, read.masquerade, read.routes, read.secure) == (Mode.OWN_ACCESS_POINT, True, True, True)
    assert (read.certificate, read.key) == (Path("/etc/quietbell/portal.pem"), Path("/etc/quietbell/portal.key"))
    assert read.address6 == IPv6Interface("fd12:3456:789a::1/64")
    assert read.resolvers == (IPv4Address("10.0.0.53"), IPv6Address("2001:db8::53"))
    assert (read.open_uplink, read.trusted) == ((IPv4Network("10.0.0.80/32"),), ("9c:b6:d0:00:00:01",))
    bssids = ("9c:b6:d0:12:34:56", "9c:b6:d0:12:34:57")
    assert read.radio == RadioSettings("School BYOD", "GB", 6, "wlan0", "wlan1", bssids)


def test_link_only_routes_nothing() -> None:
    """A site with a portal of its own gives a name and ports; there are no interfaces, and no address is anybody's."""
    read = parse_network(LINK_ONLY, "network.toml")
    assert (read.mode, read.routes, read.client_interface, read.address4) == (Mode.LINK_ONLY, False, "", NOWHERE)
    assert (read.host, read.secure, read.radio) == ("127.0.0.1", False, None)


BAD = [
    ("", "format: is missing"),
    (with_(BEHIND, "format", "2"), "format: write 1"),
    (with_(BEHIND, "mode", '"bridge"'), "mode: write one of behind, own-access-point, link-only"),
    (with_(BEHIND, "host", '"Wifi.School"'), "host: write the name of the portal in small letters"),
    (with_(BEHIND, "host", '"http://wifi"'), "host: write the name of the portal"),
    (with_(BEHIND, "https_port", "8080"), "https_port: must be another port than http_port"),
    (with_(BEHIND, "http_port", "70000"), "http_port: write 65535 or less"),
    (with_(BEHIND, "certificate", '"/a.pem"'), "certificate: a certificate needs its key"),
    (with_(with_(BEHIND, "certificate", '"a.pem"'), "key", '"/k"'), "certificate: write a full path"),
    (
        with_(with_(with_(BEHIND, "certificate", '"/a"'), "key", '"/k"'), "host", '"10.20.0.1"'),
        "host: no public certificate stands for an address",
    ),
    (with_(BEHIND, "client.interface", '"../eth"'), "client.interface: write an interface's name"),
    (with_(BEHIND, "client.interface", '"a234567890123456"'), "client.interface: write an interface's name"),
    (with_(BEHIND, "client.address4", '"10.20.0"'), "client.address4: '10.20.0': write an address like"),
    (with_(BEHIND, "client.address4", '"10.20.0.1"'), "client.address4: the network must have /16 to /29"),
    (with_(BEHIND, "client.address4", '"10.20.0.0/22"'), "client.address4: 10.20.0.0 is not a device's address in"),
    (with_(BEHIND, "client.address4", '"8.8.8.1/24"'), "client.address4: must lie in a private range"),
    (with_(BEHIND, "client.dhcp_first", '"10.30.0.1"'), "client.dhcp_first: 10.30.0.1 is not a device's address in"),
    (with_(BEHIND, "client.dhcp_last", '"10.20.3.255"'), "client.dhcp_last: 10.20.3.255 is not a device's address in"),
    (with_(BEHIND, "client.dhcp_first", '"10.20.3.201"'), "client.dhcp_first: is after dhcp_last: turn them round"),
    (with_(BEHIND, "client.address4", '"10.20.1.1/22"'), "client.dhcp_first: the range holds this device's own"),
    (with_(BEHIND, "client.lease_minutes", "1"), "client.lease_minutes: write 5 or more"),
    (with_(BEHIND, "client.address6", '"fd00::1/48"'), "client.address6: the network must have /64"),
    (with_(BEHIND, "client.address6", '"fe80::1/64"'), "client.address6: must be a global or unique local address"),
    (with_(BEHIND, "client.trusted", '["9C:B6:D0:00:00:01"]'), "client.trusted (item 1): write one device's address"),
    (with_(BEHIND, "client.trusted", '["01:00:5e:00:00:01"]'), "client.trusted (item 1): write one device's address"),
    (with_(BEHIND, "uplink.interface", '"eth1"'), "uplink.interface: must be another interface than client.interface"),
    (with_(BEHIND, "uplink.masquerade", "true"), "uplink.masquerade: would hide clients from the school's filter"),
    (with_(BEHIND, "uplink.resolvers", "[]"), "uplink.resolvers: name the site's filtering resolvers"),
    (with_(BEHIND, "uplink.resolvers", '["dns.school"]'), "uplink.resolvers (item 1): 'dns.school': write an address"),
    (with_(BEHIND, "uplink.resolvers", '["10.20.0.9"]'), "uplink.resolvers: 10.20.0.9 lies among the clients"),
    (with_(BEHIND, "uplink.open", '["10.0.0.0/8"]'), "uplink.open (item 1): opens too much of the site's own network"),
    (with_(BEHIND, "uplink.open", '["10.0.0.80/24"]'), "uplink.open (item 1): '10.0.0.80/24': write a network like"),
    (with_(BEHIND, "uplink.open", '["10.20.2.0/24"]'), "uplink.open: 10.20.2.0/24 lies among the clients"),
    (BEHIND.partition("[client]")[0], "client: is missing: add the table [client], or write mode = link-only"),
    (BEHIND.partition("[uplink]")[0], "uplink: is missing: add the table [uplink]"),
    (without(BEHIND, "address4"), "client.address4: is missing"),
    (BEHIND + "gateway = 1\n", "uplink.gateway: is not known here"),
    (with_(BEHIND, "mode", '"own-access-point"'), "radio: is missing: an own access point needs the table [radio]"),
    (with_(BEHIND, "mode", '"link-only"'), "client: link-only serves pages and routes nothing"),
    (with_(BEHIND + RADIO, "radio.ssid", '""'), "radio.ssid: write the network's name: 1 to 32 bytes on one line"),
    (with_(BEHIND + RADIO, "radio.ssid", '"ééééééééééééééééé"'), "radio.ssid: write the network's name"),
    (with_(BEHIND + RADIO, "radio.ssid", '"a\\nwpa=0"'), "radio.ssid: write the network's name"),
    (with_(BEHIND + RADIO, "radio.country", '"UK1"'), "radio.country: write the two letters of the country"),
    (with_(BEHIND + RADIO, "radio.channel", "35"), "radio.channel: is no Wi-Fi channel"),
    (with_(BEHIND + RADIO, "radio.bssids", '["x"]'), "radio.bssids (item 1): write one device's address"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=range(len(BAD)))
def test_what_does_not_fit_is_said_in_one_line(text: str, said: str) -> None:
    """The file, the key and the mend; a network that nearly fits is not taken."""
    with pytest.raises(BadSettings) as caught:
        parse_network(text, "network.toml")
    line = str(caught.value)
    assert line.startswith(f"network.toml: {said}")
    assert line.isprintable()


def test_an_offline_site_needs_no_resolver() -> None:
    """Where there is no Internet nobody filters it either."""
    text = with_(with_(BEHIND, "uplink.resolvers", "[]"), "offline", "true")
    assert parse_network(text, "network.toml").resolvers == ()


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("9c:b6:d0:12:34:56", True),
        ("02:00:00:00:00:01", True),
        ("03:00:00:00:00:01", False),
        ("00:00:00:00:00:00", False),
        ("ff:ff:ff:ff:ff:ff", False),
        ("9c:b6:d0:12:34", False),
        ("9c-b6-d0-12-34-56", False),
        ("9c:b6:d0:12:34:56\n", False),
    ],
)
def test_one_devices_address(text: str, good: bool) -> None:
    """Six pairs in small letters; not a group's, not nobody's, and no line break behind it."""
    assert is_mac(text) is good


def test_files_of_a_bundle(tmp_path: Path) -> None:
    """network.toml and the Wi-Fi passphrase are read from their places; what is missing or wrong names the file."""
    root = Root(tmp_path)
    with pytest.raises(BadSettings, match=r"network\.toml: cannot be read .*`quietbell site portal`"):
        load_network(root)
    root.public.mkdir(parents=True)
    root.secret.mkdir(parents=True)
    (root.public / bundle.NETWORK).write_text(BEHIND)
    assert load_network(root).host == "wifi.school.example"
    assert load_wifi_passphrase(root) is None
    (root.secret / bundle.WIFI_PASSPHRASE).write_text("quiet bells ring\n")
    assert load_wifi_passphrase(root) == "quiet bells ring"
    (root.secret / bundle.WIFI_PASSPHRASE).write_text("short")
    with pytest.raises(BadSettings, match="is not a WPA passphrase"):
        load_wifi_passphrase(root)
    (root.public / bundle.NETWORK).write_bytes(b"\xff")
    with pytest.raises(BadSettings, match=r"is not UTF-8 text \(byte 0\)"):
        load_network(root)
    (root.public / bundle.NETWORK).write_text("#" * 70_000)
    with pytest.raises(BadSettings, match="is over 65536 bytes"):
        load_network(root)


@pytest.mark.parametrize(
    ("text", "good"), [("a" * 7, False), ("a" * 8, True), ("a" * 63, True), ("a" * 64, False), ("pässword", False)]
)
def test_wpa_passphrases(text: str, good: bool) -> None:
    """Eight to sixty-three characters of ASCII."""
    assert is_wifi_passphrase(text) is good
