"""Bundles: what the technician puts on one device.

Owns `device.toml` and the laying out of a bundle in its folder. That folder is a device's root, so copying it is
installing it. Knows nothing of what the signed files mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from broker_config.site_book import DeviceRecord, SiteFacts
from firmware.bundle import (
    PUBLIC_FOLDER_MODE,
    PUBLIC_MODE,
    SECRET_FOLDER_MODE,
    SECRET_MODE,
    make_folder,
)
from firmware.documents import write_atomically
from firmware.settings import FORMAT, Root
from firmware.topics import id_text

# Seven-inch panels: width of the picture in millimetres.
SCREEN_WIDTHS_MM: Mapping[str, float] = MappingProxyType({"1280x720": 154.2, "800x480": 154.1})


@dataclass(frozen=True, slots=True)
class Bundle:
    """File name → content."""

    public: Mapping[str, bytes]
    secret: Mapping[str, bytes]


def write_bundle(root: Root, bundle: Bundle) -> None:
    """Write a bundle's files; those that it does not name, and those that are right already, stay as they are."""
    make_folder(root.public, PUBLIC_FOLDER_MODE)
    _write_into(root.public, bundle.public, PUBLIC_MODE)
    if bundle.secret:
        make_folder(root.secret, SECRET_FOLDER_MODE)
        _write_into(root.secret, bundle.secret, SECRET_MODE)


def _write_into(folder: Path, contents: Mapping[str, bytes], mode: int) -> None:
    for name, content in contents.items():
        path = folder / name
        if not (path.is_file() and path.stat().st_mode & 0o777 == mode and path.read_bytes() == content):
            write_atomically(path, content, mode)


def device_toml(facts: SiteFacts, record: DeviceRecord) -> bytes:
    """`device.toml` for one device. A JSON string is a TOML string as long as no control character is in it."""
    width_px, height_px = record.screen.split("x")
    lines = [
        "# Made by `quietbell site`. Screen and theme may be changed here; the rest belongs to the site book.",
        f"format = {FORMAT}",
        "",
        "[device]",
        f"kind = {_quoted(record.kind)}",
        f"id = {_quoted(id_text(record.id))}",
        f"site = {_quoted(id_text(facts.id))}",
        f"epoch = {record.epoch}",
        f"room = {_quoted(record.room)}",
        f"place = {_quoted(record.place)}",
        f"rehearsal = {_truth(record.rehearsal)}",
        "",
        "[broker]",
        f"host = {_quoted(facts.broker_hosts[0])}",
        f"port = {facts.broker_port}",
        "",
        "[screen]",
        f"width_px = {width_px}",
        f"height_px = {height_px}",
        f"width_mm = {SCREEN_WIDTHS_MM[record.screen]}",
        "",
        "[board]",
        f"pins = {_quoted(record.board)}",
    ]
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def _truth(value: bool) -> str:
    return "true" if value else "false"
