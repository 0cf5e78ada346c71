"""The command `quietbell`: what it finds, what it says when it cannot go on, and with which exit status."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from firmware.cli import COMMANDS, LazyGroup, main
from firmware.errors import BadInput, BadSettings, NotAllowedHere, ProgrammerError, Refused, StoreFull, WrongPin

SECRET = "words of a learner"


@pytest.fixture(autouse=True)
def own_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fault records go to the test's folder; debugging is off."""
    monkeypatch.setenv("LOGS_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("QUIETBELL_DEBUG", raising=False)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Puts a function in the place of `quietbell desk`."""

    def replace(act: Callable[[], object]) -> None:
        made = click.Command("desk", callback=act, params=[click.Option(["--count"], type=int)])
        made.callback = lambda count: act()
        monkeypatch.setattr(LazyGroup, "get_command", lambda *_: made)

    return replace


def raising(error: BaseException) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


@pytest.mark.parametrize("name", COMMANDS)
def test_listed_command_exists(name: str) -> None:
    """Help promises no command that is not there."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    assert isinstance(getattr(importlib.import_module(module), attribute), click.Command)


def test_help_lists_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    """`quietbell` alone says what it can do, in one line each."""
    assert main([]) == 0
    alone = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == alone
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in alone
        assert text.split(".")[0] in alone


def test_start_imports_no_library_but_click() -> None:
    """Help and a wrong word answer at once, because screens, radios and keys are imported on use."""
    heavy = "pygame PIL paho gpiozero cryptography tinydb apprise msgspec kiosk broker_config"
    code = f"import sys, firmware.cli as c; c.main(['--help']); print([m for m in {heavy.split()} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nix"], "No such command 'nix'"),
        (["--nix"], "No such option"),
        (["desk", "--count", "many"], "'many' is not a valid integer"),
        (["desk", "extra"], "unexpected extra argument"),
        (["desk", "--count"], "requires an argument"),
    ],
)
def test_wrong_word_is_one_line_with_the_mend(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip on the command line is answered in one line that names the command to ask, with status 2."""
    found = LazyGroup.get_command
    made = click.Command("desk", callback=lambda count: None, params=[click.Option(["--count"], type=int)])
    monkeypatch.setattr(
        LazyGroup, "get_command", lambda self, ctx, name: made if name == "desk" else found(self, ctx, name)
    )
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("quietbell: ")
    assert words in line
    assert line.endswith("--help")


@pytest.mark.parametrize(
    "error",
    [
        BadSettings("/etc/device.toml", "screen.theme", "must be calm or dark"),
        BadInput("no such room"),
        StoreFull("no room left on /var"),
        NotAllowedHere("mock"),
        WrongPin("That PIN is not right."),
        Refused("malformed", "two\nlines \x1b[31m and a colour"),
        click.FileError("site.toml", "cannot be read"),
    ],
)
def test_error_a_person_can_mend_is_one_plain_line(
    error: Exception,
    command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    own_logs: Path,
) -> None:
    """Every error of our tree ends with status 2 and one printable line, never a traceback."""
    command(raising(error))
    assert main(["desk"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("quietbell: ")
    assert line.isprintable()
    assert list(own_logs.iterdir()) == []


@pytest.mark.parametrize("error", [KeyError(SECRET), ProgrammerError(SECRET)])
def test_fault_of_ours_is_recorded_and_told_in_one_line(
    error: Exception,
    command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    own_logs: Path,
) -> None:
    """An unexpected error shows no traceback; its record has the place in the code but never the text of the error,
    which could hold a learner's words, and only its owner can read it."""
    command(raising(error))
    assert main(["desk"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    (record,) = own_logs.iterdir()
    assert line == (f"Quietbell stopped because of a fault in itself ({type(error).__name__}); details in {record}")
    assert "raise error" in record.read_text()
    assert SECRET not in record.read_text()
    assert record.stat().st_mode & 0o777 == 0o600


def test_fault_that_cannot_be_recorded_says_how_to_see_it(
    command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With no place for the record the line names the variable; with the variable set, the traceback is shown."""
    monkeypatch.setenv("LOGS_DIRECTORY", str(tmp_path / "nowhere"))
    command(raising(ValueError("odd")))
    assert main(["desk"]) == 70
    assert "set QUIETBELL_DEBUG=1" in capsys.readouterr().err
    monkeypatch.setenv("QUIETBELL_DEBUG", "1")
    assert main(["desk"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (3, 3), (True, 0), ("text", 0)])
def test_command_may_return_its_exit_status(
    returned: object, status: int, command: Callable[[Callable[[], object]], None]
) -> None:
    """An int that a command returns is its exit status; anything else is success."""
    command(lambda: returned)
    assert main(["desk"]) == status


def test_interrupt_is_quiet(
    command: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends with 130 and no words."""
    command(raising(KeyboardInterrupt()))
    assert main(["desk"]) == 130
    assert capsys.readouterr().err.strip() == ""


def test_broken_pipe_is_quiet() -> None:
    """`quietbell … | head -1` ends without a word about pipes."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    code = "import sys; from firmware.cli import main; sys.exit(main(['--help']))"
    with os.fdopen(write_end, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-c", code],
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN),
        )
    assert ended.stderr == b""
    assert ended.returncode in (0, 1)


def test_thread_that_dies_is_logged_in_one_line(
    command: Callable[[Callable[[], object]], None], caplog: pytest.LogCaptureFixture, own_logs: Path
) -> None:
    """No thread ends in silence, and none prints a traceback at a person."""

    def act() -> None:
        thread = threading.Thread(target=raising(ValueError(SECRET)), name="pump")
        thread.start()
        thread.join()

    command(act)
    with caplog.at_level(logging.ERROR):
        main(["desk"])
    (record,) = own_logs.iterdir()
    assert f"thread pump ended by ValueError; details in {record}" in caplog.messages
    assert SECRET not in record.read_text() + caplog.text
