"""A gate for rehearsals on loopback: nothing is between a client and the Internet, so nothing is opened.

Every address is a client, known by a pseudonym made with a key of this run. What a real gate does and this one does
not: keep anybody out, see hardware addresses, forget a client by the kernel's own clock, scan for networks.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from firmware.errors import NotAllowedHere
from kiosk.portal.gate.elements import Address
from kiosk.portal.gate.line import Seen


class LoopbackGate:
    """Speaks like `gate.line.GateLine`."""

    def __init__(self, *, rehearsal: bool, key: bytes, monotonic_ms: Callable[[], int]) -> None:
        """Raises NotAllowedHere on a real unit."""
        if not rehearsal:
            raise NotAllowedHere("network.toml: client.interface: a real unit has a gate: name the BYOD interface")
        self._key, self._monotonic_ms = key, monotonic_ms
        self._lock = threading.Lock()
        self._admitted: dict[bytes, tuple[Address, int, str]] = {}

    def who(self, address: Address) -> bytes | None:
        return hashlib.blake2b(address.packed, key=self._key, digest_size=16).digest()

    def admit(self, address: Address, seconds: int, access: str) -> bytes | None:
        pseudonym = self.who(address)
        if pseudonym is not None:
            with self._lock:
                self._admitted[pseudonym] = (address, self._monotonic_ms() + seconds * 1000, access)
        return pseudonym

    def revoke(self, pseudonym: bytes) -> None:
        with self._lock:
            self._admitted.pop(pseudonym, None)

    def clients(self) -> tuple[Seen, ...]:
        now_ms = self._monotonic_ms()
        with self._lock:
            held = tuple(self._admitted.items())
        return tuple(
            Seen(pseudonym, address, (until_ms - now_ms) // 1000, access)
            for pseudonym, (address, until_ms, access) in held
            if until_ms > now_ms
        )

    def scan(self) -> str:
        return ""
