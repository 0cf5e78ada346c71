"""The site's certificates."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from broker_config.site_ca import (
    KeyAndCertificate,
    issue_device,
    issue_server,
    key_fits,
    make_authority,
    read_certificate,
)
from firmware.errors import BadInput, Refused

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DEVICE = "6f1c2a52-7a0e-4c53-9d0b-2b8f3f6f0a11"
AUTHORITY = make_authority("Hill School", NOW)
CLIENT = issue_device(AUTHORITY, DEVICE, NOW)
SERVER = issue_server(AUTHORITY, ["broker.example", "10.1.2.3", "::1"], NOW)


def parsed(issued: KeyAndCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.certificate)


def test_device_certificate_has_one_purpose() -> None:
    """A device's certificate is a client's only, cannot sign others, and its CN is the device's UUID."""
    facts = read_certificate(CLIENT.certificate, AUTHORITY.certificate)
    assert (facts.common_name, facts.for_client, facts.for_server, facts.of_authority) == (DEVICE, True, False, True)
    extensions = parsed(CLIENT).extensions
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is False


def test_certificates_hold_for_a_clock_in_the_past() -> None:
    """All begin in 2000, so a Pi that wakes in 2020 is still let in; a device's ends twenty years from now."""
    for issued in (AUTHORITY, CLIENT, SERVER):
        assert parsed(issued).not_valid_before_utc == datetime(2000, 1, 1, tzinfo=UTC)
    assert timedelta(days=20 * 365) < parsed(CLIENT).not_valid_after_utc - NOW < timedelta(days=20 * 366)
    assert parsed(AUTHORITY).not_valid_after_utc > parsed(CLIENT).not_valid_after_utc + timedelta(days=19 * 365)


def test_server_certificate_names_every_host() -> None:
    """The broker's certificate is a server's only, for each name and address that was asked for."""
    names = parsed(SERVER).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("::1")]
    facts = read_certificate(SERVER.certificate, AUTHORITY.certificate)
    assert (facts.for_client, facts.for_server) == (False, True)


def test_another_verifier_agrees() -> None:
    """An independent path check takes the server under its names, and no device and no stranger in its place."""
    store = Store([parsed(AUTHORITY)])

    def verifier(host: str) -> x509.verification.ServerVerifier:
        return PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName(host))

    assert len(verifier("broker.example").verify(parsed(SERVER), [])) == 2
    stranger = issue_server(make_authority("Hill School", NOW), ["broker.example"], NOW)
    for host, bad in (("other.example", SERVER), ("broker.example", CLIENT), ("broker.example", stranger)):
        with pytest.raises(VerificationError):
            verifier(host).verify(parsed(bad), [])


def test_authority_signs_nothing_below_a_device() -> None:
    """The authority may not have authorities below itself."""
    constraints = parsed(AUTHORITY).extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


def test_stranger_is_told_apart() -> None:
    """Another authority's certificate is not ours, even if it has our name; another key does not fit."""
    twin = make_authority("Hill School", NOW)
    assert read_certificate(CLIENT.certificate, twin.certificate).of_authority is False
    assert key_fits(CLIENT.key, CLIENT.certificate)
    assert not key_fits(SERVER.key, CLIENT.certificate)
    assert not key_fits(b"not a key", CLIENT.certificate)


@pytest.mark.parametrize(
    "untrusted", [b"", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", b"\xff" * 99]
)
def test_no_certificate_is_refused(untrusted: bytes) -> None:
    """What is not a certificate is refused, not crashed on."""
    with pytest.raises(Refused, match="bad-certificate"):
        read_certificate(untrusted, AUTHORITY.certificate)


def test_impossible_host_is_one_plain_line() -> None:
    """A host name outside ASCII ends in one line with the mend."""
    with pytest.raises(BadInput, match="use plain letters"):
        issue_server(AUTHORITY, ["büro.example"], NOW)
