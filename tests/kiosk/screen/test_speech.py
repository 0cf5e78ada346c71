"""Reading aloud happens in headphones or not at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kiosk.screen.speech import Silence, Speaking, Speech, usb_headphones


def _reader_into(path: Path, seen: list[tuple[list[str], Mapping[str, str]]]) -> Speech:
    """A speech whose program is a real process that copies its standard input to a file."""

    def spawn(command: list[str], environment: Mapping[str, str], words: bytes) -> subprocess.Popen[bytes]:
        seen.append((command, environment))
        copy = "import sys,pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
        process = subprocess.Popen([sys.executable, "-c", copy, str(path)], stdin=subprocess.PIPE)
        process.communicate(words)
        return process

    return Speech(lambda: "2", lambda name: f"/usr/bin/{name}", spawn)


def test_words_go_to_the_card_with_headphones_by_standard_input(tmp_path: Path) -> None:
    """The words are not on the command line, where anybody on the machine could read them; the card is named."""
    seen: list[tuple[list[str], Mapping[str, str]]] = []
    answer = _reader_into(tmp_path / "said", seen).say("Is anyone in danger?", "en")
    assert isinstance(answer, Speaking)
    assert (tmp_path / "said").read_text() == "Is anyone in danger?"
    ((command, environment),) = seen
    assert "--stdin" in command
    assert not any("danger" in word for word in command)
    assert environment == {"ALSA_CARD": "2"}


def test_without_headphones_there_is_silence_with_a_reason() -> None:
    """No card: nothing is started."""
    speech = Speech(lambda: None, lambda name: f"/usr/bin/{name}", _never)
    assert speech.say("hello", "en") is Silence.NO_HEADPHONES
    assert speech.possible("en") is Silence.NO_HEADPHONES


def test_without_the_program_or_a_voice_there_is_silence_with_a_reason() -> None:
    """A missing espeak-ng and a language without a voice are told apart."""
    assert Speech(lambda: "1", lambda name: None, _never).say("hello", "en") is Silence.NO_PROGRAM
    assert Speech(lambda: "1", lambda name: "/x", _never).say("nabad", "so") is Silence.NO_VOICE


def test_stop_ends_the_voice() -> None:
    """Hiding is silent at once: the process is gone when stop returns, and a second stop does nothing."""
    started: list[subprocess.Popen[bytes]] = []

    def spawn(command: list[str], environment: Mapping[str, str], words: bytes) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
        return started[-1]

    speech = Speech(lambda: "1", lambda name: "/x", spawn)
    speech.say("a long page", "en")
    speech.stop()
    speech.stop()
    assert started[0].returncode is not None


def test_a_usb_sound_device_counts_as_headphones_and_the_own_socket_does_not(tmp_path: Path) -> None:
    """Only a plug whose presence can be seen counts."""
    (tmp_path / "card0").mkdir()
    assert usb_headphones(tmp_path) is None
    (tmp_path / "card1").mkdir()
    (tmp_path / "card1" / "usbid").write_text("0d8c:0014")
    assert usb_headphones(tmp_path) == "1"


def _never(command: list[str], environment: Mapping[str, str], words: bytes) -> subprocess.Popen[bytes]:
    raise AssertionError(f"something was started: {command}")
