"""Settings: a good file becomes one frozen record; a bad one becomes one line with file, key and mend."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import BadSettings
from firmware.settings import (
    DEFAULT_ROOT,
    DEFAULT_RUN,
    DeviceKind,
    Pins,
    Root,
    Theme,
    find_root,
    load_device,
    parse_device,
)
from kiosk.screen.theme import THEMES

ID, SITE = "6f1c2a52-7a0e-4c53-9d0b-2b8f3f6f0a11", "0e8a4a3e-33a5-4b7e-8a38-0f6a5e0f3c21"
GOOD = f"""
format = 1
[device]
kind = "kiosk"
id = "{ID}"
site = "{SITE}"
epoch = 3
room = "Room 12"
place = "First floor"
rehearsal = true
[broker]
host = "broker.example"
port = 8884
[screen]
width_px = 800
height_px = 480
width_mm = 154
rotation = 90
text_scale = 1.3
left_handed = true
theme = "high-contrast"
[board]
pins = "mock"
"""
SMALLEST = f"""
format = 1
[device]
kind = "desk"
id = "{ID}"
site = "{SITE}"
epoch = 1
room = "Office"
[broker]
host = "192.0.2.7"
"""


def test_a_full_file_is_read_as_written() -> None:
    """Every key arrives in its field, in its own type."""
    settings = parse_device(GOOD, "device.toml")
    assert settings.kind is DeviceKind.KIOSK
    assert (settings.id, settings.site) == (UUID(ID).bytes, UUID(SITE).bytes)
    assert (settings.epoch, settings.room, settings.place, settings.rehearsal) == (3, "Room 12", "First floor", True)
    assert (settings.broker.host, settings.broker.port) == ("broker.example", 8884)
    assert (settings.screen.width_px, settings.screen.height_px, settings.screen.width_mm) == (800, 480, 154.0)
    assert (settings.screen.rotation, settings.screen.text_scale, settings.screen.left_handed) == (90, 1.3, True)
    assert (settings.screen.theme, settings.board) == (Theme.HIGH_CONTRAST, Pins.MOCK)


def test_every_theme_that_a_file_may_name_can_be_painted() -> None:
    """What settings accept and what the screen knows are the same names."""
    assert {theme.value for theme in Theme} == set(THEMES)


def test_what_may_be_left_out_has_safe_values() -> None:
    """Without [screen] and [board] a unit is a real one with the usual panel."""
    settings = parse_device(SMALLEST, "device.toml")
    assert (settings.rehearsal, settings.board, settings.broker.port) == (False, Pins.GPIO, 8883)
    assert (settings.screen.width_px, settings.screen.height_px, settings.screen.theme) == (1280, 720, Theme.CALM)


@pytest.mark.parametrize(
    ("found", "written", "key"),
    [
        ("format = 1", "format = 2", "format"),
        ("format = 1", "format = true", "format"),
        ("format = 1", "", "format"),
        ("[device]", "[devise]", "device"),
        ("[broker]", "[broken]", "broker"),
        ('kind = "kiosk"', 'kind = "toaster"', "device.kind"),
        ('kind = "kiosk"', "kind = 1", "device.kind"),
        ('kind = "kiosk"', "kind = []", "device.kind"),
        ('kind = "kiosk"', "", "device.kind"),
        (f'id = "{ID}"', 'id = "12"', "device.id"),
        (f'id = "{ID}"', f'id = "{ID.upper()}"', "device.id"),
        (f'id = "{ID}"', "id = 12", "device.id"),
        (f'site = "{SITE}"', "", "device.site"),
        ("epoch = 3", "epoch = 0", "device.epoch"),
        ("epoch = 3", "epoch = true", "device.epoch"),
        ("epoch = 3", 'epoch = "3"', "device.epoch"),
        ("epoch = 3", "epoch = 3.0", "device.epoch"),
        ('room = "Room 12"', 'room = " "', "device.room"),
        ('room = "Room 12"', f'room = "{"x" * 49}"', "device.room"),
        ('room = "Room 12"', 'room = "Room\\n12"', "device.room"),
        ("rehearsal = true", 'rehearsal = "yes"', "device.rehearsal"),
        ("rehearsal = true", "rehearsal = false", "board.pins"),
        ('host = "broker.example"', 'host = "mqtts://broker.example"', "broker.host"),
        ('host = "broker.example"', 'host = ""', "broker.host"),
        ("port = 8884", "port = 70000", "broker.port"),
        ("width_px = 800", "width_px = 8", "screen.width_px"),
        ("width_mm = 154", "width_mm = nan", "screen.width_mm"),
        ("width_mm = 154", "width_mm = true", "screen.width_mm"),
        ("rotation = 90", "rotation = 45", "screen.rotation"),
        ("text_scale = 1.3", "text_scale = 9", "screen.text_scale"),
        ("left_handed = true", "left_handed = 1", "screen.left_handed"),
        ('theme = "high-contrast"', 'theme = "pink"', "screen.theme"),
        ('pins = "mock"', 'pins = "17"', "board.pins"),
        ("epoch = 3", "epoch = 3\nroon = 1", "device.roon"),
        ("format = 1", "format = 1\ncolour = 1", "colour"),
        ("[board]", "[board]\nlights = 4", "board.lights"),
    ],
)
def test_a_wrong_value_names_file_key_and_mend_in_one_line(found: str, written: str, key: str) -> None:
    """Each wrong, missing, mistyped or unknown value is told as itself."""
    assert found in GOOD
    with pytest.raises(BadSettings) as caught:
        parse_device(GOOD.replace(found, written), "/x/device.toml")
    assert (caught.value.file, caught.value.key) == ("/x/device.toml", key)
    assert caught.value.mend
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_toml_is_one_line() -> None:
    """A cut file says so, without a traceback."""
    with pytest.raises(BadSettings, match="not TOML") as caught:
        parse_device(GOOD[:60], "device.toml")
    assert "\n" not in str(caught.value)


@given(st.text(max_size=400))
def test_any_text_gives_settings_or_one_line(untrusted: str) -> None:
    """No text makes the reader fail in another way than BadSettings."""
    with pytest.raises(BadSettings) as caught:
        parse_device(untrusted, "device.toml")
    assert "\n" not in str(caught.value)


values = st.recursive(
    st.sampled_from(['"kiosk"', f'"{ID}"', "1", "0", "-7", "1.5", "true", "nan", "2026-11-22", '""', '"a\\u0000b"']),
    lambda inner: st.lists(inner, max_size=2).map(lambda parts: "[" + ", ".join(parts) + "]"),
    max_leaves=4,
)


@given(number=st.integers(min_value=0, max_value=17), value=values)
def test_any_value_at_any_key_gives_settings_or_that_key(number: int, value: str) -> None:
    """Every key is checked: what is put in its place is accepted, or the error names that very key."""
    lines = GOOD.strip().splitlines()
    keyed = [index for index, line in enumerate(lines) if "=" in line]
    index = keyed[number % len(keyed)]
    name = lines[index].split(" = ")[0]
    lines[index] = f"{name} = {value}"
    blamed = name
    try:
        parse_device("\n".join(lines), "device.toml")
    except BadSettings as bad:
        blamed = bad.key.rpartition(".")[2]
    assert blamed == name or (name, blamed) == ("rehearsal", "pins")


def test_a_deep_file_is_refused_not_a_crash() -> None:
    """Ten thousand nested brackets end in one line, not in a RecursionError."""
    with pytest.raises(BadSettings):
        parse_device("format = " + "[" * 10_000, "device.toml")


def test_the_device_file_is_read_from_the_bundle(tmp_path: Path) -> None:
    """`load_device` reads bundle/public/device.toml under the root."""
    root = Root(tmp_path)
    root.public.mkdir(parents=True)
    (root.public / "device.toml").write_text(GOOD, encoding="utf-8")
    assert load_device(root).room == "Room 12"


def test_a_missing_file_says_where_it_should_be(tmp_path: Path) -> None:
    """A unit without its bundle names the full path."""
    with pytest.raises(BadSettings, match="is missing") as caught:
        load_device(Root(tmp_path))
    assert caught.value.file == str(tmp_path / "bundle" / "public" / "device.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 70_000])
def test_a_file_of_rubbish_is_one_line(tmp_path: Path, content: bytes) -> None:
    """Not UTF-8, or far too big: still one plain line."""
    root = Root(tmp_path)
    root.public.mkdir(parents=True)
    (root.public / "device.toml").write_bytes(content)
    with pytest.raises(BadSettings):
        load_device(root)


def test_a_folder_in_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    """What cannot be opened as a file names the mend."""
    root = Root(tmp_path)
    (root.public / "device.toml").mkdir(parents=True)
    with pytest.raises(BadSettings, match="cannot be read"):
        load_device(root)


def test_the_root_moves_everything() -> None:
    """`--root DIR` puts bundle, store and run under DIR; the system's own folder keeps /run apart."""
    root = find_root(Path("/demo"), {"QUIETBELL_ROOT": "/other"})
    assert (root.public, root.secret) == (Path("/demo/bundle/public"), Path("/demo/bundle/secret"))
    assert (root.store, root.run) == (Path("/demo/store"), Path("/demo/run"))
    assert find_root(None, {"QUIETBELL_ROOT": "/other"}).path == Path("/other")
    assert (find_root(None, {}).path, find_root(None, {}).run) == (DEFAULT_ROOT, DEFAULT_RUN)
