"""Whose request is it: the portal's own, or one for somewhere else that the firewall has turned towards us? Pure.

Everything for elsewhere is sent to the portal by one short answer that closes its connection: a phone that kept it
open would still be redirected after acceptance. Never an answer in another site's name; what an off-line site says
instead is `probes`. Does not know who asks, nor whether they are admitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

HTTP_PORT, HTTPS_PORT = 80, 443
# RFC 1035 §2.3.4, with brackets and a port
HOST_MAX_BYTES = 262

_BODY = '<!doctype html><title>Wi-Fi</title><meta name="viewport" content="width=device-width"><a href="{0}">{0}</a>'


@dataclass(frozen=True, slots=True)
class Portal:
    """The names under which the portal is itself. `port` is what a browser must add to the name, if anything."""

    host: str
    addresses: frozenset[IPv4Address | IPv6Address]
    scheme: Literal["http", "https"] = "http"
    port: int = HTTP_PORT

    @property
    def address(self) -> str:
        """Where a phone finds the portal."""
        usual = HTTPS_PORT if self.scheme == "https" else HTTP_PORT
        return f"{self.scheme}://{self.host}" + ("" if self.port == usual else f":{self.port}") + "/"

    def owns(self, untrusted_host: str) -> bool:
        """Whether a host that was asked for, as `asked_host` gives it, is the portal."""
        if untrusted_host == self.host:
            return True
        try:
            address = ip_address(untrusted_host)
        except ValueError:
            return False
        return address in self.addresses


def asked_host(untrusted_target: bytes, untrusted_host_header: bytes | None) -> str:
    """The host that a request is for, in small letters, without port; "" when it names none that can be one.

    The target of an absolute-form request counts more than its Host header (RFC 9112 §3.2.2).
    """
    authority = untrusted_host_header or b""
    scheme, mark, rest = untrusted_target.partition(b"://")
    if mark and not untrusted_target.startswith(b"/") and scheme.isalpha():
        authority = rest.partition(b"/")[0].partition(b"?")[0].rpartition(b"@")[2]
    if len(authority) > HOST_MAX_BYTES or not authority.isascii():
        return ""
    text = authority.decode("ascii").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].removesuffix(".")


def origin_form(target: bytes) -> bytes:
    """A target as the path that it names, whichever host was written before it."""
    scheme, mark, rest = target.partition(b"://")
    if not mark or not scheme.isalpha():
        return target
    return b"/" + rest.partition(b"/")[2] if b"/" in rest else b"/"


@dataclass(frozen=True, slots=True)
class Redirect:
    """The bytes of "302, to the portal": made once, for they are sent to everybody who is not on-line yet."""

    head: bytes
    body: bytes

    @classmethod
    def to(cls, address: str) -> Redirect:
        body = _BODY.format(address).encode("ascii")
        head = (
            f"HTTP/1.1 302 Found\r\nlocation: {address}\r\ncache-control: no-store\r\nconnection: close\r\n"
            f"content-type: text/html; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        )
        return cls(head.encode("ascii"), body)

    def answer(self, method: bytes, date: bytes = b"") -> bytes:
        """What goes on the wire; HEAD gets the same without a body. `date` is a whole header line."""
        return b"".join((self.head, date, b"\r\n", b"" if method == b"HEAD" else self.body))
