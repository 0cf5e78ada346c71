"""What a technician typed, checked before anything is done with it: names, hosts, ids, the clock.

Every refusal is one line that names the option and the mend. Knows no command.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from firmware.clock import BUILD_FLOOR_MS
from firmware.errors import BadInput

# The same shape that a device takes from its device.toml.
_HOST = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.:-]{0,251}[0-9A-Za-z])?|::1")


def check_words(option: str, typed: str, characters_max: int, *, may_be_empty: bool = False) -> str:
    """One line of words for a screen. Raises BadInput: empty, too long, or with characters that nobody can see."""
    words = typed.strip()
    if not words and not may_be_empty:
        raise BadInput(f"{option}: is empty: write what people call it")
    if len(words) > characters_max:
        raise BadInput(f"{option}: {len(words)} characters: use at most {characters_max}")
    if not words.isprintable():
        raise BadInput(f"{option}: has a line break, tab or other invisible character: write it on one line")
    return words


def check_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """Raises BadInput for what is neither a host name nor an address."""
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise BadInput(f"--broker-host: {host!r:.80}: write a host name or address, without port or scheme")
    return tuple(dict.fromkeys(hosts))


def check_user(user: str) -> str:
    """Raises BadInput for what cannot be a user's name."""
    if user and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", user):
        raise BadInput(f"--broker-user: {user!r:.80}: write a user's name, such as mosquitto")
    return user


def device_id(typed: str) -> bytes:
    """Raises BadInput for what is not a device's id."""
    try:
        return UUID(typed).bytes
    except ValueError as problem:
        raise BadInput(f"{typed!r:.80}: not a device's id: `quietbell site list` shows them") from problem


def now() -> datetime:
    """The time by this machine. Raises BadInput when that cannot be right: what is issued would not be valid."""
    moment = datetime.now(UTC)
    if moment.timestamp() * 1000 < BUILD_FLOOR_MS:
        raise BadInput(f"this machine's clock says {moment:%Y-%m-%d}: set it, then issue certificates")
    return moment
