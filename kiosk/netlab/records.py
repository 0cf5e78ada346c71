"""What the Internet of the lab has seen, as lines of JSON in a file: one writer, any number of readers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Visit:
    """One HTTP request as the far side saw it. `client` is the source address of its connection."""

    client: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Packet:
    """A kind of packet that came over the box's uplink; each kind is told once.

    `port` is its destination port, for ICMP its type. `name` is what a DNS question asks for.
    """

    protocol: str
    source: str
    destination: str
    port: int
    name: str = ""


class Recorder:
    """Appends, one whole line at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def write(self, thing: Visit | Packet) -> None:
        self._file.write(json.dumps([type(thing).__name__, asdict(thing)]) + "\n")


def read_visits(path: Path) -> list[Visit]:
    return [thing for thing in _things(path) if isinstance(thing, Visit)]


def read_packets(path: Path) -> list[Packet]:
    return [thing for thing in _things(path) if isinstance(thing, Packet)]


def _things(path: Path) -> Iterator[Visit | Packet]:
    text = path.read_text(encoding="utf-8")
    # the last line may still be on its way
    for line in text[: text.rfind("\n") + 1].splitlines():
        kind, fields = json.loads(line)
        yield Visit(**fields) if kind == Visit.__name__ else Packet(**fields)
