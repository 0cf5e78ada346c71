"""The command `quietbell`: finds a command, runs it, and turns every ending into one plain line and an exit status.

Owns the list of commands and what a terminal shows when something goes wrong. Commands are imported when they are
used, so that `quietbell --help` does not wait for a screen library. A command may return its exit status as an int.

    0    done                      70   a fault in Quietbell itself; the details are in a file
    2    a person can mend this    130  interrupted from the keyboard
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

import click

from firmware.errors import ProgrammerError, QuietbellError
from firmware.log_lines import PlainFormatter, Terminal, one_line

EXIT_MENDABLE = 2
# sysexits.h EX_SOFTWARE
EXIT_FAULT = 70
# what a shell reports for a process ended by SIGINT
EXIT_INTERRUPTED = 130

# exceptions can be chained into a ring
CAUSES_RECORDED = 10

DEBUG_VARIABLE = "QUIETBELL_DEBUG"
# systemd sets this for a unit with LogsDirectory=
LOGS_VARIABLE = "LOGS_DIRECTORY"

# command -> (module:attribute, one line of help)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "kiosk": ("kiosk.learner.app:kiosk", "Run this unit as the classroom kiosk."),
    "desk": ("kiosk.staff.app:desk", "Run this unit as the desk in the staff office."),
    "reader": ("kiosk.staff.readers_command:reader", "Make and list the people who can open stories, at the desk."),
    "site": ("broker_config.enrol:site", "Make a site; add kiosks and desks to it."),
    "portal": ("kiosk.portal.command:portal", "Run the pages that phones meet on the BYOD network."),
    "gate": ("kiosk.portal.gate.command:gate", "Let admitted phones pass, and nobody else."),
    "doctor": ("broker_config.doctor:doctor", "Check this unit, one line a step."),
    "policy": ("firmware.policy_coverage:policy", "Show what the policies ask for and which tests prove it."),
    "demo": ("kiosk.demo.command:demo", "Run a throw-away site on this machine."),
    "rehearse": ("kiosk.rehearsal:rehearse", "Drive a rehearsal kiosk or desk from outside."),
    "bench": ("kiosk.bench.command:bench", "Measure the path from a press to the office and back."),
}

log = logging.getLogger("quietbell.cli")


class LazyGroup(click.Group):
    """A click group whose commands are imported on use."""

    def __init__(self, *, name: str, help: str, table: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(name=name, help=help, invoke_without_command=True)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        module, _, attribute = self._table[cmd_name][0].partition(":")
        found = getattr(importlib.import_module(module), attribute, None)
        if not isinstance(found, click.Command):
            raise ProgrammerError(f"{module}:{attribute} is not a command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from the table alone: help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])

    def invoke(self, ctx: click.Context) -> object:
        result: object = super().invoke(ctx)
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())
        return result


def quietbell() -> click.Group:
    """The whole command."""
    group = LazyGroup(name="quietbell", help="A quiet bell in every classroom.", table=COMMANDS)
    return click.version_option(package_name="quietbell", message="quietbell %(version)s")(group)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and say how it ended."""
    _log_to_terminal()
    threading.excepthook = _thread_died
    try:
        return _status(quietbell().main(arguments, prog_name="quietbell", standalone_mode=False))
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        return _mendable(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except ProgrammerError as error:
        return _fault(error)
    except QuietbellError as error:
        return _mendable(str(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence: recorded in full, told in one line
        return _fault(error)


def _status(result: object) -> int:
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _usage(error: click.UsageError) -> int:
    """A wrong word on the command line, with the command that explains the right one."""
    message = error.format_message()
    if error.ctx is not None and message == error.ctx.get_help():
        click.echo(message, err=True)
        return EXIT_MENDABLE
    asked = error.ctx.command_path if error.ctx is not None else "quietbell"
    return _mendable(f"{message.rstrip('.')}. See: {asked} --help")


def _mendable(message: str) -> int:
    click.echo(f"quietbell: {one_line(message)}", err=True)
    return EXIT_MENDABLE


def _fault(error: BaseException) -> int:
    """A fault of ours: the traceback goes to a file, one line to the person."""
    if _debugging():
        click.echo("".join(traceback.format_exception(error)), err=True)
    where = _record(error) or f"set {DEBUG_VARIABLE}=1 and run it again for the details"
    click.echo(f"Quietbell stopped because of a fault in itself ({type(error).__name__}); {where}", err=True)
    return EXIT_FAULT


def _record(error: BaseException) -> str:
    """Write the traceback to a file of its own, mode 0600. Only code lines and the kinds of error: the text of an
    exception could hold a learner's words. Returns where it is, or nothing if no file could be written."""
    lines: list[str] = []
    link: BaseException | None = error
    for _ in range(CAUSES_RECORDED):
        if link is None:
            break
        lines += [*traceback.format_tb(link.__traceback__), f"{type(link).__qualname__}\n\n"]
        link = link.__cause__ or link.__context__
    try:
        handle, path = tempfile.mkstemp(".log", "quietbell-fault-", os.environ.get(LOGS_VARIABLE))
        os.close(handle)
        Path(path).write_text("".join(lines), encoding="utf-8")
    except OSError:
        return ""
    return f"details in {path}"


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """A thread that ends by an error is recorded like any fault; the process is left to its own supervision."""
    if died.exc_value is None:
        return
    name = died.thread.name if died.thread else "unknown"
    log.error("thread %s ended by %s; %s", name, died.exc_type.__name__, _record(died.exc_value) or "not recorded")


def _log_to_terminal() -> None:
    handler = Terminal(sys.stderr, monotonic=time.monotonic)
    handler.setFormatter(logging.Formatter() if _debugging() else PlainFormatter())
    logging.basicConfig(level=logging.DEBUG if _debugging() else logging.WARNING, handlers=[handler])


def _debugging() -> bool:
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
