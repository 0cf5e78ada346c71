"""One network namespace: made, worked in, and taken down with every process that was started in it.

Owns the calls to `ip netns`. Names begin with the pid of their maker, so that the next lab can sweep up after one that
was killed. Knows nothing of what the namespace plays.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import TechnicianError

# `ip netns exec` lays the files of this folder over /etc for the programs it runs.
RESOLVER_FOLDERS = Path("/etc/netns")
STOP_SECONDS = 5.0
# a killed process is gone within a few milliseconds
GONE_EVERY_SECONDS = 0.005
RUN_SECONDS = 30.0
_NAME = re.compile(r"qb(\d+)-")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended and what it said."""

    status: int
    output: str
    errors: str

    @property
    def ok(self) -> bool:
        return self.status == 0


class Namespace:
    """A name until `make`; `remove` ends what runs in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._processes: list[subprocess.Popen[bytes]] = []

    def make(self) -> None:
        """Raises TechnicianError when it cannot be made."""
        ip("netns", "add", self.name)
        self.set_resolver(None)
        # addresses are ready at once: nobody else has them
        self.run(["sysctl", "-q", "-w", "net.ipv6.conf.default.accept_dad=0"])
        self.ip("link", "set", "lo", "up")

    def command(self, words: Sequence[str]) -> list[str]:
        """The words that run `words` in here."""
        return ["ip", "netns", "exec", self.name, *words]

    def ip(self, *words: str) -> None:
        """One `ip` command. Raises TechnicianError with its words when it fails."""
        ip("-netns", self.name, *words)

    def run(
        self,
        words: Sequence[str],
        *,
        seconds: float = RUN_SECONDS,
        text: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a program to its end. One that takes too long is killed and has the status 124, as of timeout(1)."""
        try:
            done = subprocess.run(
                self.command(words),
                input=text.encode(),
                capture_output=True,
                timeout=seconds,
                env={**os.environ, **(environment or {})},
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            return Finished(124, _text(late.stdout), _text(late.stderr))
        return Finished(done.returncode, _text(done.stdout), _text(done.stderr))

    def start(
        self, words: Sequence[str], *, log: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program that runs until it or the namespace is ended; both its outputs go to `log`."""
        with (log or Path(os.devnull)).open("ab") as output:
            process = subprocess.Popen(
                self.command(words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
            )
        self._processes.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """Politely, then firmly; returns its status."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait()

    def set_resolver(self, address: str | None) -> None:
        """Whom programs in here ask for names; nobody if None. Written in place: it is mounted over /etc."""
        folder = RESOLVER_FOLDERS / self.name
        folder.mkdir(parents=True, exist_ok=True)
        text = f"nameserver {address}\n" if address else "# nobody yet\n"
        (folder / "resolv.conf").write_text(f"{text}options timeout:2 attempts:2\n", encoding="utf-8")

    def remove(self) -> None:
        """End the programs, then the namespace and its interfaces."""
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            self.stop(process)
        remove_by_name(self.name)


def ip(*words: str) -> str:
    """Run `ip`. Raises TechnicianError with its own words when it fails."""
    done = subprocess.run(["ip", *words], capture_output=True, check=False)
    if done.returncode != 0:
        raise TechnicianError(f"ip {' '.join(words)}: {_text(done.stderr).strip()}")
    return _text(done.stdout)


def remove_by_name(name: str) -> None:
    """Kill whatever still runs in a namespace of ours, children of our programs included, and remove it."""
    deadline = time.monotonic() + STOP_SECONDS
    while (pids := _pids_in(name)) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(GONE_EVERY_SECONDS)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    shutil.rmtree(RESOLVER_FOLDERS / name, ignore_errors=True)


def _pids_in(name: str) -> list[int]:
    listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def sweep() -> None:
    """Remove what labs left behind whose process is gone."""
    for line in ip("netns", "list").splitlines():
        found = _NAME.match(line)
        if found and not Path("/proc", found[1]).exists():
            remove_by_name(line.split()[0])


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
