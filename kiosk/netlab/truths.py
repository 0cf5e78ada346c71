"""What the real Internet answers to the questions by which a phone finds out whether it is on-line.

Facts only (host and path to status, content type and body), as the makers' own servers give them. Any other host gets a
plain page that names it, so that a test can tell whose page it was shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HTML, TEXT = "text/html", "text/plain"
_SUCCESS = b"<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
_MANAGER = b"NetworkManager is online\n"


@dataclass(frozen=True, slots=True)
class Truth:
    """One answer; a body of 204 is empty and has no length header's worth of anything. `header` is a whole line."""

    status: int
    body: bytes = b""
    kind: str = TEXT
    location: str = ""
    header: str = ""


_NO_CONTENT = Truth(204)
_HOSTS_OF_204 = (
    "connectivitycheck.gstatic.com",
    "www.google.com",
    "play.googleapis.com",
    "clients3.google.com",
    "clients1.google.com",
    "connectivitycheck.android.com",
    "www.gstatic.com",
    "connect.rom.miui.com",
    "connectivitycheck.platform.hicloud.com",
    "conn1.oppomobile.com",
    "wifi.vivo.com.cn",
    "connectivity.samsung.com.cn",
    "connectivitycheck.grapheneos.network",
    "fireoscaptiveportal.com",
)

TRUTHS: Mapping[tuple[str, str], Truth] = {
    **{(host, path): _NO_CONTENT for host in _HOSTS_OF_204 for path in ("/generate_204", "/gen_204")},
    ("edge-http.microsoft.com", "/captiveportal/generate_204"): _NO_CONTENT,
    ("captive.apple.com", "/hotspot-detect.html"): Truth(200, _SUCCESS, HTML),
    ("captive.apple.com", "/"): Truth(200, _SUCCESS, HTML),
    ("www.apple.com", "/library/test/success.html"): Truth(200, _SUCCESS, HTML),
    ("www.msftconnecttest.com", "/connecttest.txt"): Truth(200, b"Microsoft Connect Test"),
    ("ipv6.msftconnecttest.com", "/connecttest.txt"): Truth(200, b"Microsoft Connect Test"),
    ("www.msftconnecttest.com", "/redirect"): Truth(302, location="http://go.microsoft.com/fwlink/?LinkID=219472"),
    ("www.msftncsi.com", "/ncsi.txt"): Truth(200, b"Microsoft NCSI"),
    ("ipv6.msftncsi.com", "/ncsi.txt"): Truth(200, b"Microsoft NCSI"),
    ("detectportal.firefox.com", "/canonical.html"): Truth(
        200,
        b'<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>',
        HTML,
    ),
    ("detectportal.firefox.com", "/success.txt"): Truth(200, b"success\n"),
    ("spectrum.s3.amazonaws.com", "/kindle-wifi/wifistub.html"): Truth(
        200,
        b"<!DOCTYPE html><html><head><title>Kindle Reachability Probe Page</title></head>"
        b"<body>81ce4465-7167-4dcb-835b-dcc9e44c112a</body></html>",
        HTML,
    ),
    ("nmcheck.gnome.org", "/check_network_status.txt"): Truth(200, _MANAGER),
    ("network-test.debian.org", "/nm"): Truth(200, _MANAGER),
    ("connectivity-check.ubuntu.com", "/"): Truth(204, header="X-NetworkManager-Status: online"),
    ("fedoraproject.org", "/static/hotspot.txt"): Truth(200, b"OK"),
}

# names whose addresses a program compares with what it knows
ADDRESSES4: Mapping[str, str] = {
    "dns.msftncsi.com": "131.107.255.255",
    "dns.google": "8.8.8.8",
    "one.one.one.one": "1.1.1.1",
    "cloudflare-dns.com": "104.16.248.249",
}
ADDRESSES6: Mapping[str, str] = {"dns.msftncsi.com": "fd3e:4f5a:5b81::1", "dns.google": "2001:4860:4860::8888"}


def truth_of(host: str, path: str) -> Truth:
    """What the real `host` answers to `path`; a query after the path changes nothing."""
    found = TRUTHS.get((host.lower(), path.partition("?")[0]))
    return found or Truth(200, f"<title>{host}</title><p>This is {host} on the Internet.".encode(), HTML)
