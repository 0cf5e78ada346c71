"""Runs `quietbell` commands by the hundred: one warm process that forks for each, so that a sweep takes seconds.

Every command runs in a process of its own, through `firmware.cli.main` as the installed program does, with its own
output files and a bound on its time. What differs from a terminal: the interpreter and the libraries are loaded
already.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO

from firmware import cli

SECONDS_EACH = 30
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How one command ended. `status` is negative for a signal: -14 is one that never came to an end."""

    words: tuple[str, ...]
    status: int
    out: str
    err: str


class Commands:
    """The warm process. Use as a context manager."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        own = {**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", **environment}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.many_commands"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env=own,
            text=True,
        )

    def __enter__(self) -> Commands:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait(SECONDS_EACH)
        _pipe(self._process.stdout).close()

    def run(self, *words: str | Path, typed: str = "") -> Ended:
        """One command to its end."""
        asked = [str(word) for word in words]
        _pipe(self._process.stdin).write(json.dumps([asked, typed]) + "\n")
        _pipe(self._process.stdin).flush()
        status, out, err = json.loads(_pipe(self._process.stdout).readline())
        return Ended(tuple(asked), status, _text(out), _text(err))


def _pipe(end: IO[str] | None) -> IO[str]:
    assert end is not None
    return end


def _text(packed: str) -> str:
    return base64.b64decode(packed).decode(errors="replace")


def _serve() -> None:
    for module, _ in cli.COMMANDS.values():
        # What cannot be loaded fails again, and is told, when it is asked for.
        with suppress(ImportError):
            import_module(module.partition(":")[0])
    answers = sys.stdout
    for line in sys.stdin:
        words, typed = json.loads(line)
        status, out, err = _run(words, typed)
        answers.write(json.dumps([status, base64.b64encode(out).decode(), base64.b64encode(err).decode()]) + "\n")
        answers.flush()


def _run(words: Sequence[str], typed: str) -> tuple[int, bytes, bytes]:
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        stdin.write(typed.encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            _be(words, (stdin.fileno(), out.fileno(), err.fileno()))
        _, raw = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(raw), out.read(), err.read()


def _be(words: Sequence[str], files: Sequence[int]) -> None:
    """The child: never returns."""
    status = 1
    try:
        signal.alarm(SECONDS_EACH)
        for number, file in enumerate(files):
            os.dup2(file, number)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - lives as long as the process
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        status = cli.main(list(words))
        sys.stdout.flush()
        sys.stderr.flush()
        logging.shutdown()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve()
