"""What each operating system asks to find out whether it is on-line, and the true answer. Data.

While a phone is captive none of these is answered in its owner's name: it is redirected like everything else. Once it
is admitted, its probes go to the real Internet. Only in a site that says of itself that it has no Internet
(`offline = true`) does the portal give these answers, and only to those it has admitted: else a phone would leave the
Wi-Fi on which the site's own pages are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class TrueAnswer:
    """What the real server says."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """One address that one kind of client asks."""

    client: str
    host: str
    path: str
    answer: TrueAnswer


_NOTHING = TrueAnswer(204)
_APPLE = TrueAnswer(200, b"<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>\n", "text/html")
_NETWORK_MANAGER = TrueAnswer(200, b"NetworkManager is online\n", "text/plain")
_KINDLE = (
    b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\n'
    b"<html><head><title>Kindle Reachability Probe Page</title>\n"
    b'<META http-equiv="Content-Type" content="text/html; charset=ISO-8859-1">\n'
    b"<!-- 81ce4465-7167-4dcb-835b-dcc9e44c112a created with python 2.5 uuid.uuid4() -->\n</head>\n"
    b'<body bgcolor="#ffffff" text="#000000">\n81ce4465-7167-4dcb-835b-dcc9e44c112a\n</body></html>\n'
)
_REFRESH = b'<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>'

PROBES: tuple[Probe, ...] = (
    Probe("iOS, macOS", "captive.apple.com", "/hotspot-detect.html", _APPLE),
    Probe("iOS, macOS", "captive.apple.com", "/", _APPLE),
    Probe("iOS, macOS", "www.apple.com", "/library/test/success.html", _APPLE),
    Probe("Android", "connectivitycheck.gstatic.com", "/generate_204", _NOTHING),
    Probe("Android", "www.google.com", "/generate_204", _NOTHING),
    Probe("Android", "www.google.com", "/gen_204", _NOTHING),
    Probe("Android", "play.googleapis.com", "/generate_204", _NOTHING),
    Probe("Android, ChromeOS", "clients3.google.com", "/generate_204", _NOTHING),
    Probe("Android", "connectivitycheck.android.com", "/generate_204", _NOTHING),
    Probe("Xiaomi", "connect.rom.miui.com", "/generate_204", _NOTHING),
    Probe("Huawei", "connectivitycheck.platform.hicloud.com", "/generate_204", _NOTHING),
    Probe("Oppo", "conn1.oppomobile.com", "/generate_204", _NOTHING),
    Probe("Vivo", "wifi.vivo.com.cn", "/generate_204", _NOTHING),
    Probe("Samsung", "connectivity.samsung.com.cn", "/generate_204", _NOTHING),
    Probe("GrapheneOS", "connectivitycheck.grapheneos.network", "/generate_204", _NOTHING),
    Probe(
        "Windows 10, 11",
        "www.msftconnecttest.com",
        "/connecttest.txt",
        TrueAnswer(200, b"Microsoft Connect Test", "text/plain"),
    ),
    Probe(
        "Windows 10, 11",
        "ipv6.msftconnecttest.com",
        "/connecttest.txt",
        TrueAnswer(200, b"Microsoft Connect Test", "text/plain"),
    ),
    Probe("Windows 8", "www.msftncsi.com", "/ncsi.txt", TrueAnswer(200, b"Microsoft NCSI", "text/plain")),
    Probe("Firefox", "detectportal.firefox.com", "/canonical.html", TrueAnswer(200, _REFRESH, "text/html")),
    Probe("Firefox", "detectportal.firefox.com", "/success.txt", TrueAnswer(200, b"success\n", "text/plain")),
    Probe("ChromeOS", "www.gstatic.com", "/generate_204", _NOTHING),
    Probe("Edge", "edge-http.microsoft.com", "/captiveportal/generate_204", _NOTHING),
    Probe("Kindle", "spectrum.s3.amazonaws.com", "/kindle-wifi/wifistub.html", TrueAnswer(200, _KINDLE, "text/html")),
    Probe("Fire, Echo", "fireoscaptiveportal.com", "/generate_204", _NOTHING),
    Probe("GNOME", "nmcheck.gnome.org", "/check_network_status.txt", _NETWORK_MANAGER),
    Probe("Debian", "network-test.debian.org", "/nm", _NETWORK_MANAGER),
    Probe(
        "Ubuntu",
        "connectivity-check.ubuntu.com",
        "/",
        TrueAnswer(204, headers=(("x-networkmanager-status", "online"),)),
    ),
    Probe("Fedora", "fedoraproject.org", "/static/hotspot.txt", TrueAnswer(200, b"OK", "text/plain")),
)

_BY_ADDRESS: Mapping[tuple[str, str], TrueAnswer] = MappingProxyType(
    {(probe.host, probe.path): probe.answer for probe in PROBES}
)


_HOSTS = frozenset(probe.host for probe in PROBES)


def is_probed(untrusted_host: str) -> bool:
    """Whether some client asks this host."""
    return untrusted_host in _HOSTS


def true_answer(untrusted_host: str, untrusted_path: str) -> TrueAnswer | None:
    """What the real server would say to this probe; None when it is none. Queries (`?ipv4`) change nothing."""
    return _BY_ADDRESS.get((untrusted_host, untrusted_path.partition("?")[0]))
