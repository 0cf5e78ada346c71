"""The known resolvers over HTTPS, read from `doh.toml`, which says where each one stands and when the list was made."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import ip_network

import msgspec

from firmware.errors import ProgrammerError


@dataclass(frozen=True, slots=True)
class KnownDoh:
    """`canaries`: names by which a program asks whether it should leave names to the network."""

    checked: str
    canaries: tuple[str, ...]
    names: tuple[str, ...]
    addresses4: tuple[str, ...]
    addresses6: tuple[str, ...]


class _Resolver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    operator: str
    source: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    checked: str
    canaries: tuple[str, ...]
    resolvers: tuple[_Resolver, ...]


def load_known_doh() -> KnownDoh:
    """Raises ProgrammerError: the file is part of this package."""
    text = (files(__package__) / "doh.toml").read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
        parsed = msgspec.convert(document | {"checked": str(document["checked"])}, _File)
        networks = [ip_network(text) for resolver in parsed.resolvers for text in resolver.addresses]
    except (ValueError, KeyError, msgspec.ValidationError) as problem:
        raise ProgrammerError(f"doh.toml: {problem}") from problem
    return KnownDoh(
        checked=parsed.checked,
        canaries=parsed.canaries,
        names=tuple(name for resolver in parsed.resolvers for name in resolver.names),
        addresses4=tuple(str(network) for network in networks if network.version == 4),
        addresses6=tuple(str(network) for network in networks if network.version == 6),
    )
