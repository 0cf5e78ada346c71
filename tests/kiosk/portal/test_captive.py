"""Own or elsewhere: by the host that was asked for, in every shape that clients write it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.portal.captive import Portal, Redirect, asked_host, origin_form

PORTAL = Portal("wifi.school.example", frozenset({ip_address("10.20.0.1"), ip_address("fd00::1")}))


@pytest.mark.parametrize(
    ("target", "header", "host"),
    [
        (b"/", b"captive.apple.com", "captive.apple.com"),
        (b"/", b"Captive.Apple.COM:80", "captive.apple.com"),
        (b"/", b"captive.apple.com.", "captive.apple.com"),
        (b"/", b"10.20.0.1:8080", "10.20.0.1"),
        (b"/", b"[fd00::1]:80", "fd00::1"),
        (b"/", b"[fd00::1", "fd00::1"),
        (b"/", None, ""),
        (b"/", b"", ""),
        (b"/", b"x" * 400, ""),
        (b"/", "wífi.school.example".encode(), ""),
        (b"http://one.example/x", b"two.example", "one.example"),
        (b"HTTP://one.example:80", b"two.example", "one.example"),
        (b"http://user:word@one.example/", None, "one.example"),
        (b"/?next=http://one.example/", b"two.example", "two.example"),
        (b"*", b"two.example", "two.example"),
    ],
)
def test_the_host_that_was_asked_for(target: bytes, header: bytes | None, host: str) -> None:
    """The absolute form counts more than the Host header; ports, case and a last dot count nothing."""
    assert asked_host(target, header) == host


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("wifi.school.example", True),
        ("10.20.0.1", True),
        ("fd00::1", True),
        ("fd00:0:0:0:0:0:0:1", True),
        ("", False),
        ("10.20.0.2", False),
        ("school.example", False),
        ("wifi.school.example.evil.example", False),
        ("captive.apple.com", False),
    ],
)
def test_the_portal_knows_its_own_names(host: str, own: bool) -> None:
    """Its name and its addresses, nothing that only looks like them."""
    assert PORTAL.owns(host) is own


@pytest.mark.parametrize(
    ("portal", "address"),
    [
        (Portal("wifi.example", frozenset()), "http://wifi.example/"),
        (Portal("wifi.example", frozenset(), "https", 443), "https://wifi.example/"),
        (Portal("wifi.example", frozenset(), "https", 8443), "https://wifi.example:8443/"),
        (Portal("127.0.0.1", frozenset(), "http", 8080), "http://127.0.0.1:8080/"),
    ],
)
def test_the_portals_address(portal: Portal, address: str) -> None:
    """A port is named only where a browser needs it."""
    assert portal.address == address


@pytest.mark.requirement("B1")
def test_elsewhere_is_sent_to_the_portal_once() -> None:
    """302, kept by nobody, and the connection ends: a kept one would be redirected after acceptance too."""
    answer = Redirect.to(PORTAL.address).answer(b"GET").decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 302 ")
    assert "location: http://wifi.school.example/" in head
    assert "cache-control: no-store" in head
    assert "connection: close" in head
    assert f"content-length: {len(body)}" in head
    # Android takes a body of at most four bytes for a broken proxy, not for a portal.
    assert len(body) > 4


def test_head_gets_the_same_without_a_body() -> None:
    """A body after HEAD would be read as the next answer."""
    answer = Redirect.to(PORTAL.address).answer(b"HEAD", b"date: now\r\n")
    assert answer.endswith(b"date: now\r\n\r\n")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/x?y", b"/x?y"),
        (b"http://a.example/x?y", b"/x?y"),
        (b"http://a.example", b"/"),
        (b"/go?to=http://a.example/", b"/go?to=http://a.example/"),
        (b"*", b"*"),
    ],
)
def test_a_target_as_a_path(target: bytes, path: bytes) -> None:
    """Absolute-form requests for the portal itself find the same pages."""
    assert origin_form(target) == path


@given(st.binary(max_size=300), st.none() | st.binary(max_size=300))
def test_any_bytes_name_a_host_or_none(target: bytes, header: bytes | None) -> None:
    """Nothing that a client writes raises, and only our own names are ours."""
    host = asked_host(target, header)
    assert host.isascii()
    assert not PORTAL.owns(host) or host in {"wifi.school.example", "10.20.0.1"} or ":" in host
