"""Reading aloud, to headphones only. Without headphones there is no sound, and the caller is told why.

A unit has no speaker. The sound device is looked for before every sentence, and espeak-ng is bound to that very
device, so that a plug pulled in between leads to silence and not to another loudspeaker.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_log = logging.getLogger("quietbell.screen")

SOUND_CARDS = Path("/proc/asound")
VOICES: Mapping[str, str] = {"en": "en-gb", "cy": "cy", "pl": "pl", "ro": "ro", "uk": "uk", "ar": "ar", "ur": "ur"}


class Silence(StrEnum):
    """Why nothing is heard."""

    NO_HEADPHONES = "no-headphones"
    NO_PROGRAM = "no-espeak-ng"
    NO_VOICE = "no-voice"


@dataclass(frozen=True, slots=True)
class Speaking:
    """espeak-ng has taken the words."""

    process_id: int


Spawn = Callable[[list[str], Mapping[str, str], bytes], "subprocess.Popen[bytes]"]


class Speech:
    """Says one thing at a time. `find_card` answers the number of the sound card with headphones, or None."""

    def __init__(
        self,
        find_card: Callable[[], str | None],
        find_program: Callable[[str], str | None] = shutil.which,
        spawn: Spawn | None = None,
    ) -> None:
        self._find_card, self._find_program = find_card, find_program
        self._spawn = spawn or _spawn
        self._speaking: subprocess.Popen[bytes] | None = None

    def possible(self, language: str) -> Silence | None:
        """What would keep `say` silent now, or None."""
        if language.partition("-")[0] not in VOICES:
            return Silence.NO_VOICE
        if self._find_program("espeak-ng") is None:
            return Silence.NO_PROGRAM
        return Silence.NO_HEADPHONES if self._find_card() is None else None

    def say(self, text: str, language: str) -> Speaking | Silence:
        """Stop what is being said and say this."""
        self.stop()
        program, card = self._find_program("espeak-ng"), self._find_card()
        reason = self.possible(language)
        if reason is not None or program is None or card is None:
            return reason or Silence.NO_HEADPHONES
        command = [program, "-v", VOICES[language.partition("-")[0]], "--stdin"]
        self._speaking = self._spawn(command, {"ALSA_CARD": card}, text.encode())
        return Speaking(self._speaking.pid)

    def stop(self) -> None:
        """Silent at once: part of hiding."""
        if self._speaking is not None:
            self._speaking.kill()
            self._speaking.wait()
            self._speaking = None


def usb_headphones(sound_cards: Path = SOUND_CARDS) -> str | None:
    """The number of a USB sound device: it is there while its plug is.

    The Pi's own 3.5 mm socket cannot tell whether anything is plugged in, so it is never used.
    """
    for path in sorted(sound_cards.glob("card[0-9]*/usbid")):
        return path.parent.name.removeprefix("card")
    return None


def _spawn(command: list[str], environment: Mapping[str, str], words: bytes) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if process.stdin is not None:
        # A screenful of words is far below a pipe's 64 KiB: this never blocks.
        try:
            process.stdin.write(words)
            process.stdin.close()
        except BrokenPipeError:
            _log.warning("speech-ended-early program=%s", command[0])
    return process
