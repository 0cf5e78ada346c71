"""Where a device keeps its files, and what its `device.toml` says; read once at start, never changed.

Every wrong value ends in one BadSettings line that names file, key and mend: a device that half understands its
settings would fail in a corridor, months later. Knows nothing of the site profile (`profile`) nor of keys (`identity`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeVar, cast
from uuid import UUID

from firmware.errors import BadSettings
from firmware.messages import ROOM_CHARACTERS

DEFAULT_ROOT = Path("/var/lib/quietbell")
DEFAULT_RUN = Path("/run/quietbell")
ROOT_VARIABLE = "QUIETBELL_ROOT"
DEVICE_FILE = "device.toml"
FORMAT = 1
PLACE_CHARACTERS = 64
# device.toml has some twenty lines; anything far bigger is not one.
FILE_MAX_BYTES = 64 * 1024

_Choice = TypeVar("_Choice", bound=StrEnum)
_Table = Mapping[str, object]


class DeviceKind(StrEnum):
    KIOSK = "kiosk"
    DESK = "desk"
    WATCHER = "watcher"


class Pins(StrEnum):
    """Where button, light and lid are: on the header of a Pi, or in memory (rehearsals only)."""

    GPIO = "gpio"
    MOCK = "mock"


class Theme(StrEnum):
    """The names of `kiosk.screen.theme`; a test keeps the two alike, for neither room imports the other."""

    CALM = "calm"
    DARK = "dark"
    HIGH_CONTRAST = "high-contrast"


@dataclass(frozen=True, slots=True)
class Root:
    """The device's folder. A path other than the default moves everything, the run folder too."""

    path: Path = DEFAULT_ROOT

    @property
    def public(self) -> Path:
        return self.path / "bundle" / "public"

    @property
    def secret(self) -> Path:
        return self.path / "bundle" / "secret"

    @property
    def store(self) -> Path:
        return self.path / "store"

    @property
    def run(self) -> Path:
        return DEFAULT_RUN if self.path == DEFAULT_ROOT else self.path / "run"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """The panel as it hangs; `rotation` is in degrees clockwise."""

    width_px: int = 1280
    height_px: int = 720
    width_mm: float = 154.2
    rotation: Literal[0, 90, 180, 270] = 0
    text_scale: float = 1.0
    left_handed: bool = False
    theme: Theme = Theme.CALM


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What one device is. `board` says where its pins are."""

    kind: DeviceKind
    id: bytes
    site: bytes
    epoch: int
    room: str
    place: str
    rehearsal: bool
    broker: BrokerAddress
    screen: ScreenSettings
    board: Pins


def find_root(given: Path | None, environment: Mapping[str, str]) -> Root:
    """`--root DIR` if given, else QUIETBELL_ROOT, else the system's own folder."""
    if given is not None:
        return Root(given.absolute())
    named = environment.get(ROOT_VARIABLE, "")
    return Root(Path(named).absolute()) if named else Root()


def load_device(root: Root) -> DeviceSettings:
    """Read `bundle/public/device.toml`.

    Raises:
        BadSettings: the file is missing, unreadable, or any value in it is wrong.
    """
    path = root.public / DEVICE_FILE
    return parse_device(_read_text(path), str(path))


def parse_device(untrusted_text: str, file: str) -> DeviceSettings:
    """The same from text; `file` is the name that an error gives."""
    try:
        document = tomllib.loads(untrusted_text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise BadSettings(file, "", f"not TOML ({_one_line(problem)}); copy the file again from the bundle") from None
    top = _Section(file, "", document)
    if top.whole("format", FORMAT, FORMAT) != FORMAT:
        raise top.bad("format", f"write {FORMAT}")
    device, broker = top.section("device"), top.section("broker")
    screen, board = top.section("screen", optional=True), top.section("board", optional=True)
    top.nothing_else()
    rehearsal = device.truth("rehearsal", default=False)
    settings = DeviceSettings(
        kind=device.choice("kind", DeviceKind),
        id=device.identity("id"),
        site=device.identity("site"),
        epoch=device.whole("epoch", 1, 2**31 - 1),
        room=device.words("room", ROOM_CHARACTERS),
        place=device.words("place", PLACE_CHARACTERS, default=""),
        rehearsal=rehearsal,
        broker=BrokerAddress(broker.host("host"), broker.whole("port", 1, 65_535, default=8883)),
        screen=_screen(screen),
        board=_pins(board, rehearsal),
    )
    for section in (device, broker, screen, board):
        section.nothing_else()
    return settings


def _screen(section: _Section) -> ScreenSettings:
    return ScreenSettings(
        width_px=section.whole("width_px", 320, 7680, default=1280),
        height_px=section.whole("height_px", 240, 4320, default=720),
        width_mm=section.number("width_mm", 40.0, 2000.0, default=154.2),
        rotation=_rotation(section),
        text_scale=section.number("text_scale", 1.0, 1.6, default=1.0),
        left_handed=section.truth("left_handed", default=False),
        theme=section.choice("theme", Theme, default=Theme.CALM),
    )


def _rotation(section: _Section) -> Literal[0, 90, 180, 270]:
    degrees = section.whole("rotation", 0, 270, default=0)
    if degrees not in (0, 90, 180, 270):
        raise section.bad("rotation", "write 0, 90, 180 or 270")
    return cast(Literal[0, 90, 180, 270], degrees)


def _pins(section: _Section, rehearsal: bool) -> Pins:
    pins = section.choice("pins", Pins, default=Pins.GPIO)
    if pins is Pins.MOCK and not rehearsal:
        raise section.bad("pins", 'a real unit has a real button: write "gpio", or make a rehearsal bundle')
    return pins


class _Section:
    """One table of the file: gives out checked values and remembers which keys were asked for."""

    def __init__(self, file: str, name: str, table: _Table) -> None:
        self._file, self._name, self._table = file, name, table
        self._known: set[str] = set()

    def bad(self, key: str, mend: str) -> BadSettings:
        return BadSettings(self._file, f"{self._name}.{key}" if self._name else key, mend)

    def section(self, key: str, *, optional: bool = False) -> _Section:
        self._known.add(key)
        table = self._table.get(key, {} if optional else None)
        if not isinstance(table, dict):
            raise self.bad(key, f"add the table [{key}]")
        return _Section(self._file, key, cast(_Table, table))

    def whole(self, key: str, least: int, most: int, *, default: int | None = None) -> int:
        value = self._get(key, default)
        if type(value) is not int or not least <= value <= most:
            raise self.bad(key, f"write a whole number from {least} to {most}" if least < most else f"write {least}")
        return value

    def number(self, key: str, least: float, most: float, *, default: float) -> float:
        value = self._get(key, default)
        if type(value) not in (int, float) or not least <= cast(float, value) <= most:
            raise self.bad(key, f"write a number from {least:g} to {most:g}")
        return float(cast(float, value))

    def truth(self, key: str, *, default: bool) -> bool:
        value = self._get(key, default)
        if type(value) is not bool:
            raise self.bad(key, "write true or false")
        return value

    def words(self, key: str, most: int, *, default: str | None = None) -> str:
        value = self._get(key, default)
        if type(value) is not str or len(value) > most or not value.isprintable():
            raise self.bad(key, f"write one line of at most {most} characters in quotes")
        if not value.strip() and default is None:
            raise self.bad(key, "must not be empty")
        return value

    def identity(self, key: str) -> bytes:
        value = self._get(key, None)
        mend = "write the UUID from the site book in quotes, such as 6f1c2a52-7a0e-4c53-9d0b-2b8f3f6f0a11"
        try:
            identity = UUID(value) if type(value) is str else None
        except ValueError:
            identity = None
        if identity is None or str(identity) != value:
            raise self.bad(key, mend)
        return identity.bytes

    def host(self, key: str) -> str:
        value = self._get(key, None)
        if (
            type(value) is not str
            or len(value) > 253
            or not re.fullmatch(r"[0-9A-Za-z:]([0-9A-Za-z.:-]*[0-9A-Za-z])?", value)
        ):
            raise self.bad(key, "write the broker's host name or address in quotes, without port or scheme")
        return value

    def choice(self, key: str, among: type[_Choice], *, default: _Choice | None = None) -> _Choice:
        value = self._get(key, default)
        try:
            return among(cast(str, value))
        except ValueError:
            listed = ", ".join(f'"{each}"' for each in among)
            raise self.bad(key, f"write one of {listed}") from None

    def nothing_else(self) -> None:
        """Refuse keys that nobody asked for: most are misspelt."""
        for key in self._table:
            if key not in self._known:
                known = ", ".join(sorted(self._known))
                raise self.bad(_one_line(key), f"no such key; remove it, or write one of {known}")

    def _get(self, key: str, default: object) -> object:
        self._known.add(key)
        value = self._table.get(key, default)
        if value is None:
            raise self.bad(key, "is missing; add it")
        return value


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            untrusted = file.read(FILE_MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadSettings(path, "", "is missing; copy the device's bundle here") from None
    except OSError as problem:
        raise BadSettings(path, "", f"cannot be read ({problem.strerror}); mend its owner and mode") from None
    if len(untrusted) > FILE_MAX_BYTES:
        raise BadSettings(path, "", f"is over {FILE_MAX_BYTES} bytes; copy the file again from the bundle")
    try:
        return untrusted.decode("utf-8")
    except UnicodeDecodeError:
        raise BadSettings(path, "", "is not UTF-8 text; copy the file again from the bundle") from None


def _one_line(untrusted: object) -> str:
    """Text from a file, made fit for one line of an error."""
    text = str(untrusted)[:120]
    return "".join(character if character.isprintable() else "?" for character in text)
