"""The table of what operating systems ask, and what is true."""

from __future__ import annotations

import pytest

from kiosk.portal.probes import PROBES, Probe, true_answer

# Who must find itself in the table, by the host that it asks.
ASKED = {
    "captive.apple.com",
    "www.apple.com",
    "connectivitycheck.gstatic.com",
    "www.google.com",
    "play.googleapis.com",
    "clients3.google.com",
    "connectivitycheck.android.com",
    "connect.rom.miui.com",
    "connectivitycheck.platform.hicloud.com",
    "conn1.oppomobile.com",
    "wifi.vivo.com.cn",
    "connectivity.samsung.com.cn",
    "connectivitycheck.grapheneos.network",
    "www.msftconnecttest.com",
    "ipv6.msftconnecttest.com",
    "www.msftncsi.com",
    "detectportal.firefox.com",
    "www.gstatic.com",
    "edge-http.microsoft.com",
    "spectrum.s3.amazonaws.com",
    "fireoscaptiveportal.com",
    "nmcheck.gnome.org",
    "network-test.debian.org",
    "connectivity-check.ubuntu.com",
    "fedoraproject.org",
}


def test_every_known_client_is_in_the_table() -> None:
    """No operating system of the field is missing, and each address stands there once."""
    assert {probe.host for probe in PROBES} == ASKED
    addresses = [(probe.host, probe.path) for probe in PROBES]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.host}{probe.path}")
def test_an_answer_is_what_its_client_accepts(probe: Probe) -> None:
    """204 has no body; 200 has one, with its type; a query changes nothing."""
    answer = true_answer(probe.host, probe.path + "?ipv4")
    assert answer == probe.answer
    assert (answer.status, bool(answer.body), bool(answer.content_type)) in {(204, False, False), (200, True, True)}


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("captive.apple.com", "/other"),
        ("evil.example", "/generate_204"),
        # What Windows opens in a browser once it has found a portal: it must come to the portal.
        ("www.msftconnecttest.com", "/redirect"),
    ],
)
def test_nothing_else_is_answered_in_anothers_name(host: str, path: str) -> None:
    """Only the exact probes have an answer."""
    assert true_answer(host, path) is None
