"""A throw-away site for a benchmark: made, run and taken away by the product's own commands.

Owns the folder, the broker and every process that it started; leaving the `with` ends them all and removes the folder.
Imports no room: what a technician types, it types.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from firmware.errors import TechnicianError
from firmware.free_port import free_port
from firmware.local_link import ask
from firmware.rehearsal_port import SOCKET_NAME
from firmware.settings import Root, load_device
from firmware.topics import Topics
from kiosk.bench.figures import CannotMeasure

START_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.02
PASSPHRASE = "nobody keeps a secret on this site"
PROFILE = "secondary-school"
# Where the bare clients speak; no device of the site may.
ECHO_TOPICS = "bench/#"
# In the site's folder: what the technician signs the directory with.
ISSUER_KEY = "authority/issuer.key"
# The setting that a crowd with one certificate cannot have.
ONE_CLIENT_EACH = "use_username_as_clientid"
_SDL = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}


class BenchSite:
    """One desk, one kiosk, a broker, and two certificates for bare clients that are no device of the site."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "site"
        self.port = free_port()
        self._started: list[subprocess.Popen[bytes]] = []
        self.broker: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Site, desk, kiosk, the two founding readers; then the bare clients."""
        self.found()
        self.bare = tuple(self._bare(number) for number in (1, 2))
        self.adopt()
        self.allow_bare()

    def found(self) -> None:
        """Site, desk, kiosk, the two founding readers. Raises CannotMeasure."""
        self.command(
            "site", "new", str(self.folder), "--name", "Bench", "--profile", PROFILE,
            "--broker-port", str(self.port), "--recovery-out", str(self.home / "recovery.key"),
        )  # fmt: skip
        self.desk = self.add("add-desk", "Office")
        self.kiosk = self.add("add-kiosk", "Room 1")
        self._make_reader("Hanna Head", "head", "")
        self._make_reader("Lee Lead", "lead", f"Hanna Head={PASSPHRASE}\n")

    def adopt(self) -> None:
        """Every bundle learns of the readers. Raises CannotMeasure."""
        self.command("site", "adopt", str(self.folder), "--from", str(self.desk.path))

    def allow_bare(self) -> None:
        """The broker lets the bare clients speak with each other, and nowhere else."""
        for client in self.bare:
            self._allow(client, f"readwrite {ECHO_TOPICS}")

    def let_speak_for_all(self) -> None:
        """Start the broker anew, which lets one certificate speak for every kiosk there is, under any client id."""
        topics = Topics(load_device(self.desk).site)
        self._allow(self.bare[0], f"write {topics.up_filter()}", f"read {topics.down_filter()}")
        if self.broker is not None:
            self.stop(self.broker)
        configuration = self.folder / "broker" / "mosquitto.conf"
        lines = configuration.read_text(encoding="utf-8").splitlines(keepends=True)
        configuration.write_text("".join(line for line in lines if not line.startswith(ONE_CLIENT_EACH)))
        self.start_broker()

    def command(self, *words: str, typed: str = "") -> str:
        """Run one `quietbell` command to its end; returns what it printed. Raises CannotMeasure when it fails."""
        done = subprocess.run(
            [*quietbell(), *words], input=typed, capture_output=True, text=True, check=False, env=environment()
        )
        if done.returncode != 0:
            raise CannotMeasure(f"`quietbell {' '.join(words[:2])}` failed: {done.stderr.strip()}")
        return done.stdout

    def start_broker(self) -> None:
        """Raises CannotMeasure: mosquitto is not installed or does not start."""
        mosquitto = find_mosquitto()
        if mosquitto is None:
            raise CannotMeasure("mosquitto is not installed: apt install mosquitto")
        self.broker = self.start([mosquitto, "-c", str(self.folder / "broker" / "mosquitto.conf")], "mosquitto")
        until = time.monotonic() + START_SECONDS
        while not self._listens():
            if self.broker.poll() is not None or time.monotonic() > until:
                raise CannotMeasure(f"mosquitto does not start: {self.log('mosquitto')}")
            time.sleep(LOOK_EVERY_SECONDS)

    def start(self, words: Sequence[str], name: str, *, talk: bool = False) -> subprocess.Popen[bytes]:
        """A process of ours; what it says on stderr is kept under its name. `talk`: we read and write its pipes."""
        pipe = subprocess.PIPE if talk else subprocess.DEVNULL
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                list(words), stdin=pipe, stdout=pipe, stderr=log, env=environment(), cwd=self.home
            )
        self._started.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End one process and wait for it."""
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._started.remove(process)

    def stop_all(self) -> None:
        """Devices first, the broker (started first) last."""
        for process in reversed(self._started.copy()):
            self.stop(process)

    def line(self, process: subprocess.Popen[bytes], name: str) -> str:
        """The next line that one of our own processes says. Raises CannotMeasure when it has ended."""
        line = process.stdout.readline() if process.stdout is not None else b""
        if not line:
            raise CannotMeasure(f"{name} ended: {self.log(name)}")
        return line.decode().strip()

    def asked(self, process: subprocess.Popen[bytes], name: str) -> str:
        """Give the word to one of our own processes; returns its answer."""
        if process.stdin is None:
            raise CannotMeasure(f"{name} has no pipe")
        process.stdin.write(b"\n")
        process.stdin.flush()
        return self.line(process, name)

    def wait_until_connected(self, unit: Root, process: subprocess.Popen[bytes]) -> None:
        """Until a rehearsal unit has its broker. Raises CannotMeasure when it ends or takes too long."""
        until = time.monotonic() + START_SECONDS
        while not state_of(unit).get("connected"):
            if process.poll() is not None or time.monotonic() > until:
                raise CannotMeasure(f"{unit.path.name} reached no broker: {self.log('desk')} {self.log('kiosk')}")
            time.sleep(LOOK_EVERY_SECONDS)

    def log(self, name: str) -> str:
        """The end of what a process said."""
        path = self.home / f"{name}.log"
        return path.read_text(errors="replace")[-600:].strip() if path.exists() else ""

    def _allow(self, client: Path, *rights: str) -> None:
        with (self.folder / "broker" / "acl").open("a", encoding="utf-8") as acl:
            acl.write("\n".join(["", f"user {client.name}", *(f"topic {right}" for right in rights), ""]))

    def add(self, what: str, room: str) -> Root:
        """A device of this site. Raises CannotMeasure."""
        said = self.command("site", what, str(self.folder), "--room", room, "--rehearsal", "--board", "mock")
        return Root(Path(said.rpartition("bundle: ")[2].strip()).parent)

    def _make_reader(self, name: str, role: str, signers: str) -> None:
        words = ["reader", "new", "--root", str(self.desk.path), "--name", name, "--role", role, "--passphrase-stdin"]
        self.command(*words, typed=f"{PASSPHRASE}\n{signers}")

    def _bare(self, number: int) -> Path:
        """Certificate and key of a device that came and went: the broker knows the name, the site does not."""
        root = self.add("add-kiosk", f"Bare client {number}")
        kept = self.home / root.path.name
        shutil.copytree(root.path, kept)
        self.command("site", "revoke", str(self.folder), root.path.name)
        return kept

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.1):
                return True
        except OSError:
            return False


_Site = TypeVar("_Site", bound=BenchSite)


@contextmanager
def bench_site(parent: Path, kind: Callable[[Path], _Site]) -> Iterator[_Site]:
    """A whole site in a new folder below `parent`; afterwards nothing of it is left."""
    parent.mkdir(parents=True, exist_ok=True)
    home = Path(mkdtemp(prefix="qb-bench-", dir=parent)).absolute()
    site = kind(home)
    try:
        site.make()
        yield site
    finally:
        site.stop_all()
        shutil.rmtree(home, ignore_errors=True)


def state_of(unit: Root) -> dict[str, object]:
    """What a rehearsal unit shows, asked after a paint; nothing while it has not come up."""
    try:
        answer = json.loads(ask(unit.run / SOCKET_NAME, b'{"do": "state"}', START_SECONDS))
    except TechnicianError:
        return {}
    return answer if isinstance(answer, dict) else {}


def environment() -> dict[str, str]:
    """Ours, with a screen that nobody sees."""
    return {**os.environ, **_SDL}


def quietbell() -> list[str]:
    """The command of this very installation."""
    script = Path(sys.executable).with_name("quietbell")
    return [str(script)] if script.exists() else [sys.executable, "-c", "from firmware.cli import main; exit(main())"]


def module(name: str, *words: str) -> list[str]:
    """One of the bench's own processes."""
    return [sys.executable, "-m", f"kiosk.bench.{name}", *words]


def find_mosquitto() -> str | None:
    """Debian puts it in /usr/sbin, which is not on every PATH."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def mosquitto_version() -> str:
    mosquitto = find_mosquitto()
    if mosquitto is None:
        return "none"
    said = subprocess.run([mosquitto, "-h"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\S+)", said)
    return found.group(1) if found else "unknown"
