"""TLS: nothing older than 1.3, nobody but the site's authority, and no question on a terminal."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from firmware.errors import BadSettings
from firmware.tls import tls_context
from tests.support.broker import Issued, ThrowAwayCa


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> ThrowAwayCa:
    return ThrowAwayCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def issued(ca: ThrowAwayCa) -> Issued:
    return ca.issue_client("kiosk")


def test_only_tls_1_3_only_our_authority_and_the_host_name(ca: ThrowAwayCa, issued: Issued) -> None:
    """No system authority is trusted beside the site's, and no check is left out."""
    context = tls_context(ca.certificate_file, issued.certificate_file, issued.key_file, check_dates=True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.cert_store_stats()["x509_ca"] == 1


def test_without_dates_everything_else_is_still_checked(ca: ThrowAwayCa, issued: Issued) -> None:
    """Only the one flag differs."""
    strict = tls_context(ca.certificate_file, issued.certificate_file, issued.key_file, check_dates=True)
    lenient = tls_context(ca.certificate_file, issued.certificate_file, issued.key_file, check_dates=False)
    assert int(lenient.verify_flags) ^ int(strict.verify_flags) == 0x200000
    assert (lenient.check_hostname, lenient.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_an_encrypted_key_is_refused_without_asking(ca: ThrowAwayCa, issued: Issued, tmp_path: Path) -> None:
    """A kiosk has no keyboard to type a password on: start fails in one line."""
    key = serialization.load_pem_private_key(issued.key_file.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    with pytest.raises(BadSettings) as caught:
        tls_context(ca.certificate_file, issued.certificate_file, locked, check_dates=True)
    assert caught.value.file == str(locked)


def test_another_devices_key_is_refused(ca: ThrowAwayCa, issued: Issued) -> None:
    """Certificate and key of two devices do not make one: the key file is named."""
    other = ca.issue_client("other")
    with pytest.raises(BadSettings) as caught:
        tls_context(ca.certificate_file, issued.certificate_file, other.key_file, check_dates=True)
    assert caught.value.file == str(other.key_file)
