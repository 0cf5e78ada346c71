"""The link's TLS: version 1.3, our certificate, the site's authority and nobody else's, host name checked."""

from __future__ import annotations

import ssl
from pathlib import Path

from firmware.errors import BadSettings

# X509_V_FLAG_NO_CHECK_TIME (OpenSSL 1.1+, not named in `ssl`): dates are skipped, CA and host name still checked.
_NO_CHECK_TIME = 0x200000


class _Line(ssl.SSLSocket):
    """A socket that does not outlive a failed handshake: paho forgets to close it, once for each attempt."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_context(ca_file: Path, certificate_file: Path, key_file: Path, *, check_dates: bool) -> ssl.SSLContext:
    """A client's context. `check_dates` False is for a device that does not know the time yet.

    Raises:
        BadSettings: a file is missing, unreadable, or not the PEM that it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sslsocket_class = _Line
    if not check_dates:
        context.verify_flags |= _NO_CHECK_TIME
    _load_authority(context, ca_file)
    try:
        # An encrypted key must fail here rather than ask a terminal for its password.
        context.load_cert_chain(certificate_file, key_file, password=lambda: b"")
    except OSError as problem:
        # OpenSSL does not say which of the two it could not use.
        _load_authority(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate_file)
        raise _bad_file(key_file, problem) from None
    return context


def _load_authority(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(file)
    except OSError as problem:
        raise _bad_file(file, problem) from None


def _bad_file(file: Path, problem: OSError) -> BadSettings:
    why = problem.strerror or type(problem).__name__
    return BadSettings(file, "", f"cannot be used for TLS ({why}); enrol this device again")
