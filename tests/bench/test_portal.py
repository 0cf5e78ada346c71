"""The portal's benchmark in a tiny form: it runs, it tells every figure, it leaves nothing behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from firmware.errors import TechnicianError
from kiosk.bench.asker import REQUEST, ask_for
from kiosk.bench.command import FOLDER
from kiosk.bench.figures import FORGETFUL, CannotMeasure, filesystem_of
from kiosk.bench.portal_site import NEEDED, find_program
from kiosk.bench.site import quietbell
from kiosk.netlab.namespace import ip

PATIENCE_SECONDS = 240
PROMISED = {
    "admit_p99_ms",
    "redirect_ratio_nginx",
    "page_p99_ms",
    "reconcile_ms",
    "reconcile_lost_ms",
    "resident_mb",
    "resident_pss_mb",
    "machine",
}


def missing() -> str:
    """What this machine lacks, or nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        for program, package in NEEDED.items():
            find_program(program, package)
    except CannotMeasure as problem:
        return str(problem)
    return ""


def run(*words: str) -> tuple[int, subprocess.CompletedProcess[str]]:
    """Its pid, and how it ended."""
    command = [*quietbell(), "bench", "portal", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        output, errors = bench.communicate(timeout=PATIENCE_SECONDS)
    return bench.pid, subprocess.CompletedProcess(command, bench.returncode, output, errors)


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.skipif(filesystem_of(FOLDER) in FORGETFUL, reason=f"{FOLDER} is not on a disk")
def test_bench_tells_every_figure_of_the_portal_and_leaves_nothing() -> None:
    """Phones accept behind a real gate, open pages, are reconciled; redirects are compared; then all of it is gone."""
    with TemporaryDirectory(dir=FOLDER, prefix="qb-") as own:
        pid, done = run("--json", "--folder", own, "--devices", "6", "--pages", "0.5", "--redirects", "0.1")
        assert not list(Path(own).iterdir())
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures.keys() >= PROMISED
    assert figures["admit"]["trials"] + figures["admit_class"]["trials"] == figures["devices"] == 6
    assert figures["redirect"]["per_second"] > 0
    assert f"qb{pid}-" not in ip("netns", "list")


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--folder", "/nowhere/at/all"), "no such folder"), (("--devices", "1"), "--devices")],
)
def test_bad_words_of_the_portal_bench_are_told_in_one_line(words: tuple[str, ...], said: str) -> None:
    """What cannot be measured is said before anything is made."""
    _, done = run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_program_is_named_with_its_package() -> None:
    """Whoever reads the line knows what to type."""
    with pytest.raises(TechnicianError, match="no-such-program is not installed: apt install its-package"):
        find_program("no-such-program", "its-package")


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """Says the same to everybody who asks; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                assert line.recv(4096) == REQUEST
                line.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_redirects_are_counted_and_nothing_else_is() -> None:
    """An answer that is no 302 is no redirect, however fast it comes."""
    redirect = b"HTTP/1.1 302 Found\r\nlocation: http://portal/\r\ncontent-length: 0\r\n\r\n"
    with server(redirect) as port:
        found = ask_for(port, 0.05)
    assert found.per_second > 0
    assert found.answer_bytes == len(redirect)
    with server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as port, pytest.raises(CannotMeasure, match="200 OK"):
        ask_for(port, 0.05)
