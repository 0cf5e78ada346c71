"""The site's certificate authority: one key, one-purpose certificates.

Owns how certificates of a site look. A device's certificate can only be a client's, the broker's only a server's, and
the authority's can sign nothing below itself but those. The directory is signed elsewhere, by another key (`issuer`):
holding the authority lets nobody write a directory. Knows no folder and no clock: keys and time come in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.errors import BadInput, Refused

# A Pi without a clock may start in the past: its certificate must hold then, too. Revoking is done in ACL and
# directory, so a long life costs nothing (an expired CRL locks everyone out).
NOT_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
DEVICE_DAYS = 20 * 365 + 5
AUTHORITY_DAYS = 40 * 365 + 10
# RFC 5280, ub-common-name.
_COMMON_NAME_CHARACTERS_MAX = 64


@dataclass(frozen=True, slots=True)
class KeyAndCertificate:
    """PEM of a private key (PKCS #8, not encrypted: the folder's mode guards it) and of its certificate."""

    key: bytes
    certificate: bytes


def make_authority(name: str, now: datetime) -> KeyAndCertificate:
    """A self-signed authority for one site."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(f"Quietbell {name}"[:_COMMON_NAME_CHARACTERS_MAX])
    builder = (
        _builder(subject, subject, key.public_key(), now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return KeyAndCertificate(_key_pem(key), _certificate_pem(builder.sign(key, hashes.SHA256())))


def issue_device(authority: KeyAndCertificate, device: str, now: datetime) -> KeyAndCertificate:
    """A client certificate whose CN is the device's UUID: the broker takes it as user name."""
    return _issue(authority, device, now, ExtendedKeyUsageOID.CLIENT_AUTH, ())


def issue_server(authority: KeyAndCertificate, hosts: Sequence[str], now: datetime) -> KeyAndCertificate:
    """A server certificate for the broker's host names and addresses.

    Raises:
        BadInput: a host name that no certificate can hold.
    """
    return _issue(authority, "broker", now, ExtendedKeyUsageOID.SERVER_AUTH, [_general_name(host) for host in hosts])


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a doctor wants to know of a certificate."""

    common_name: str
    not_after: datetime
    for_client: bool
    for_server: bool
    of_authority: bool


def read_certificate(untrusted_pem: bytes, authority_pem: bytes) -> CertificateFacts:
    """Raises Refused("bad-certificate") for what is not one certificate of the shape that we issue."""
    try:
        certificate = x509.load_pem_x509_certificate(untrusted_pem)
        authority = x509.load_pem_x509_certificate(authority_pem)
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    except (ValueError, IndexError, x509.ExtensionNotFound) as problem:
        raise Refused("bad-certificate") from problem
    return CertificateFacts(
        common_name=str(name),
        not_after=certificate.not_valid_after_utc,
        for_client=ExtendedKeyUsageOID.CLIENT_AUTH in purposes,
        for_server=ExtendedKeyUsageOID.SERVER_AUTH in purposes,
        of_authority=_signed_by(certificate, authority),
    )


def is_certificate(untrusted_pem: bytes) -> bool:
    """Whether this can be read as a certificate at all."""
    try:
        x509.load_pem_x509_certificate(untrusted_pem)
    except ValueError:
        return False
    return True


def key_fits(untrusted_key: bytes, certificate_pem: bytes) -> bool:
    """Whether a private key and a certificate belong together."""
    try:
        public = serialization.load_pem_private_key(untrusted_key, password=None).public_key()
        other = x509.load_pem_x509_certificate(certificate_pem).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return _spki(public) == _spki(other)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _issue(
    authority: KeyAndCertificate,
    common_name: str,
    now: datetime,
    purpose: x509.ObjectIdentifier,
    names: Sequence[x509.GeneralName],
) -> KeyAndCertificate:
    signer = _load_key(authority.key)
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_subject(common_name), issuer.subject, key.public_key(), now + timedelta(days=DEVICE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return KeyAndCertificate(_key_pem(key), _certificate_pem(builder.sign(signer, hashes.SHA256())))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, not_after: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(not_after)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError as problem:
        raise BadInput(f"{host!r}: not a host name: use plain letters, digits, dots and dashes") from problem


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadInput("authority/ca.key: not a key that `quietbell site new` made: restore it from the backup")
    return key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
