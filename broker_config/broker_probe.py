"""One honest knock at the broker: TCP, TLS 1.3 with this device's certificate, and MQTT's CONNECT.

Owns those three steps and what each failure means. Takes a client id of its own, so that it never ends the session of
the device that it asks for. Sends nothing else.
"""

from __future__ import annotations

import secrets
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import BadInput

TIMEOUT_SECONDS = 5.0
_CONNACK = 0x20
_DISCONNECT = b"\xe0\x00"
# MQTT 3.1.1, table 3.1
_REFUSALS = {1: "protocol version", 2: "client id", 3: "unavailable", 4: "user name", 5: "not authorised"}


@dataclass(frozen=True, slots=True)
class Door:
    """Where to knock, and as whom."""

    host: str
    port: int
    ca_file: Path
    certificate_file: Path
    key_file: Path


def knock(door: Door, timeout_seconds: float = TIMEOUT_SECONDS) -> str:
    """The TLS version that was agreed, once the broker has let us in.

    Raises:
        BadInput: which step failed, and the mend.
    """
    where = f"{door.host}:{door.port}"
    try:
        with (
            socket.create_connection((door.host, door.port), timeout=timeout_seconds) as plain,
            _context(door).wrap_socket(plain, server_hostname=door.host) as secure,
        ):
            secure.sendall(_connect_packet())
            _check_answer(_read(secure, 4), where)
            secure.sendall(_DISCONNECT)
            return secure.version() or "TLS"
    except ssl.SSLCertVerificationError as problem:
        raise BadInput(
            f"{where} shows a certificate that this site did not issue for that name ({problem.verify_message}): "
            "use the host name given to `site new`, or copy DIR/broker to the broker again"
        ) from problem
    except ssl.SSLError as problem:
        raise BadInput(
            f"{where} ends TLS ({problem.reason or 'closed'}): it must take this site's ca.pem and TLS 1.3"
        ) from problem
    except socket.gaierror as problem:
        raise BadInput(f"{door.host}: no such name on this network: check DNS, or the host in device.toml") from problem
    except TimeoutError as problem:
        raise BadInput(f"{where} does not answer: check cable, VLAN and firewall") from problem
    except OSError as problem:
        raise BadInput(f"{where}: {problem.strerror or problem}: start the broker, or check its port") from problem


def _context(door: Door) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(door.ca_file)
    context.load_cert_chain(door.certificate_file, door.key_file)
    return context


def _connect_packet() -> bytes:
    client = f"doctor-{secrets.token_hex(6)}".encode()
    # MQTT 3.1.1 §3.1: clean session, keepalive 10 s; the user name is the certificate's.
    body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(client).to_bytes(2, "big") + client
    return bytes((0x10, len(body))) + body


def _read(secure: ssl.SSLSocket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        piece = secure.recv(size - len(got))
        if not piece:
            break
        got += piece
    return got


def _check_answer(untrusted: bytes, where: str) -> None:
    if len(untrusted) < 4 or untrusted[0] != _CONNACK:
        raise BadInput(f"{where} closes the door without a word of MQTT: is it the broker's TLS port?")
    if untrusted[3] != 0:
        reason = _REFUSALS.get(untrusted[3], f"code {untrusted[3]}")
        raise BadInput(f"{where} refuses this device ({reason}): has it been revoked? see `quietbell site list`")
