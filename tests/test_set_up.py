"""The script behind `make test` and `make demo`, on made-up machines: small programs stand for Python, apt and sudo."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

# Answers the questions that set-up asks, makes a "venv" of itself, and notes every call of pip.
PYTHON = """#!/bin/sh
case "$*" in
    *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"pip install"*) echo "pip $*" >>calls ;;
esac
"""
OLD_PYTHON = """#!/bin/sh
[ "$1" = --version ] && echo "Python 3.9.2" && exit 0
exit 1
"""
NOTED = """#!/bin/sh
echo "{name} $*" >>calls
exit {status}
"""


class Machine:
    """A folder with a checkout and a PATH of its own in front of the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder / "checkout", folder / "bin"
        (self.folder / ".ci").mkdir(parents=True)
        self.bin.mkdir()
        for name in ("pyproject.toml", ".ci/set-up"):
            shutil.copy(REPOSITORY / name, self.folder / name)
        for name in ("python3", "python3.11", "python3.12", "python3.13"):
            self.program(name, PYTHON)
        # nothing of ours is installed, and nobody is root
        self.program("ldconfig", "#!/bin/sh\n")
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.program("sudo", "#!/bin/sh\nexit 1\n")
        self.program("apt-get", NOTED.format(name="apt-get", status=0))

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def set_up(self, what: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(self.folder)}
        command = [str(self.folder / ".ci" / "set-up"), what]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    @property
    def calls(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_old_python_is_told_in_one_line(machine: Machine) -> None:
    """Where no Python is new enough, one line says which is needed, what was found, and how to name another."""
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        machine.program(name, OLD_PYTHON)
    ended = machine.set_up("demo")
    assert ended.returncode == 1
    assert ended.stderr == (
        "set-up: Python 3.11 or newer is needed; found Python 3.9.2. Name one: make demo PYTHON=/path/to/python3.11\n"
    )
    assert machine.calls == []


def test_missing_system_package_is_named_and_the_rest_goes_on(machine: Machine) -> None:
    """Without root or sudo nothing is installed behind anybody's back: the missing package is named with its use and
    its command, and the Python packages are still made."""
    ended = machine.set_up("test")
    assert ended.returncode == 0
    assert "missing: libfribidi0 (right-to-left scripts); going on without" in ended.stderr
    assert "sudo apt-get install libfribidi0" in ended.stderr
    assert [call.split()[0] for call in machine.calls] == ["pip"]
    assert machine.calls[0].endswith("-e .[test]")


def test_second_run_asks_nobody(machine: Machine) -> None:
    """A machine that is set up needs no network and no packages; a changed pyproject.toml is noticed."""
    machine.set_up("test")
    made = machine.calls
    assert machine.set_up("test").returncode == 0
    assert machine.calls == made
    with (machine.folder / "pyproject.toml").open("a") as project:
        project.write("\n# changed\n")
    machine.set_up("test")
    assert len(machine.calls) == len(made) + 1


def test_demo_and_test_are_set_up_each_for_itself(machine: Machine) -> None:
    """Who only wants to see the demo does not install the test tools, and the other way round nothing is forgotten."""
    machine.set_up("demo")
    machine.set_up("test")
    assert [call.rpartition(" ")[2] for call in machine.calls] == [".[demo]", ".[test]"]


def test_failed_install_is_told_and_tried_again(machine: Machine) -> None:
    """Without a network the run stops with the mend, and leaves no stamp that would hide it."""
    machine.program("python3", PYTHON.replace('echo "pip $*" >>calls', "exit 1"))
    ended = machine.set_up("test")
    assert ended.returncode == 1
    assert "is there a network? Then run: make test" in ended.stderr
    assert not (machine.folder / ".venv" / ".set-up-test").exists()
