"""Starting and ending the demo's own processes, by pid and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from firmware.errors import TechnicianError

STOP_SECONDS = 8.0
QUIETBELL = (sys.executable, "-m", "firmware")


class Running:
    """One child process with its output in a log file."""

    def __init__(self, kind: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.kind, self._process, self._log = kind, process, log

    def alive(self) -> bool:
        return self._process.poll() is None

    def status(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Politely, then firmly."""
        if self.alive():
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def last_words(self) -> str:
        """The end of its log, on one line."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return lines[-1] if lines else "it said nothing"


def start(kind: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Running:
    """Raises TechnicianError when the program is not there."""
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if environment is None else dict(environment),
            )
    except OSError as problem:
        raise TechnicianError(f"{command[0]}: cannot be started ({problem.strerror})") from problem
    return Running(kind, process, log)


def start_unit(kind: str, root: Path, environment: Mapping[str, str], log: Path) -> Running:
    """`quietbell kiosk` or `quietbell desk`."""
    return start(kind, [*QUIETBELL, kind, "--root", str(root)], log, environment)


def quietbell(*words: str, lines: Sequence[str] = ()) -> str:
    """Run one `quietbell` command to its end; returns what it printed.

    Raises TechnicianError with the command's own line when it fails.
    """
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run([*QUIETBELL, *words], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TechnicianError((done.stderr or done.stdout).strip().removeprefix("quietbell: "))
    return done.stdout
