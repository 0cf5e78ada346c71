"""One question, one answer between two processes of one device, over a Unix socket.

Owns the frame (four bytes of length, then at most 64 KiB), the server's threads and the check of who asks
(SO_PEERCRED: the kernel's word, not the peer's). One connection carries one question. Knows nothing of what is asked.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import ProgrammerError, Refused, TechnicianError

FRAME_MAX_BYTES = 64 * 1024
HEADER_BYTES = 4
# A peer that is slower than this over a local socket is stuck, or wants us stuck.
EXCHANGE_SECONDS = 5.0
# After a failed accept (no descriptor free), so as not to spin.
ACCEPT_PAUSE_SECONDS = 0.1
# Questions answered side by side; more wait in the kernel's backlog.
THREADS = 8
BACKLOG = 32
# sun_path of struct sockaddr_un, without its end
ADDRESS_MAX_BYTES = 107
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid

_log = logging.getLogger("quietbell.local_link")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who asks, as the kernel saw it when they connected."""

    pid: int
    uid: int
    gid: int


# Called with the peer and its question; returns the answer.
Answerer = Callable[[Peer, bytes], bytes]


class Frames:
    """Cuts a stream of bytes into frames; pure."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, untrusted: bytes) -> list[bytes]:
        """Take in what came and return the frames that are complete.

        Raises:
            Refused("oversized"): a length over the limit was announced; nothing after it can be read.
        """
        self._buffer += untrusted
        frames = []
        while len(self._buffer) >= HEADER_BYTES:
            length = int.from_bytes(self._buffer[:HEADER_BYTES], "big")
            if length > FRAME_MAX_BYTES:
                raise Refused("oversized", f"a frame of {length} bytes")
            end = HEADER_BYTES + length
            if len(self._buffer) < end:
                break
            frames.append(bytes(self._buffer[HEADER_BYTES:end]))
            del self._buffer[:end]
        return frames


def frame(payload: bytes) -> bytes:
    """The bytes that carry `payload`."""
    if len(payload) > FRAME_MAX_BYTES:
        raise ProgrammerError(f"a frame carries at most {FRAME_MAX_BYTES} bytes, not {len(payload)}")
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


def ask(path: Path, payload: bytes, timeout_seconds: float) -> bytes:
    """Ask the process that listens at `path`; blocks for at most `timeout_seconds` in all.

    Raises:
        TechnicianError: nobody listens, we may not ask, or no answer came in time. The question may have been heard.
        Refused: the answer is no frame.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(timeout_seconds)
            with _address(path) as address:
                line.connect(address)
            _send(line, frame(payload), deadline)
            return _receive(line, deadline)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise TechnicianError(f"{path}: no answer ({reason}); see that the service behind it runs") from problem


class LocalServer:
    """Listens until stopped; made by `serve`."""

    def __init__(
        self,
        path: Path,
        listener: socket.socket,
        *,
        allow_uids: Collection[int],
        on_request: Answerer,
    ) -> None:
        self._path, self._listener = path, listener
        self._allow_uids, self._on_request = frozenset(allow_uids), on_request
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="local-link")
        self._room = threading.Semaphore(THREADS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more questions, finish those that are being answered, and remove the socket."""
        self._stopping.set()
        # On Linux this ends the poll and fails the accept at once.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._path.unlink(missing_ok=True)
        self._pool.shutdown()

    def _run(self) -> None:
        while True:
            self._room.acquire()
            try:
                line, _ = self._listener.accept()
            except OSError as problem:
                self._room.release()
                if self._stopping.wait(ACCEPT_PAUSE_SECONDS):
                    return
                _log.warning("local link could not accept: %s", problem.strerror)
                continue
            self._pool.submit(self._answer, line)

    def _answer(self, line: socket.socket) -> None:
        """Serve one peer. Whatever goes wrong, only this peer's connection ends, without an answer."""
        try:
            with line:
                self._exchange(line)
        except Refused as refusal:
            _log.warning("local link refused reason=%s", refusal.reason)
        except OSError as problem:
            _log.warning("local link broke: %s", problem.strerror or type(problem).__name__)
        except Exception:  # noqa: BLE001 (a defect in on_request ends this peer's connection only; logged)
            _log.exception("local link request failed")
        finally:
            self._room.release()

    def _exchange(self, line: socket.socket) -> None:
        peer = Peer(*_CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)))
        if peer.uid not in self._allow_uids:
            raise Refused("peer", f"user {peer.uid} may not ask")
        untrusted = _receive(line, time.monotonic() + EXCHANGE_SECONDS)
        answer = self._on_request(peer, untrusted)
        _send(line, frame(answer), time.monotonic() + EXCHANGE_SECONDS)


def serve(
    path: Path,
    *,
    allow_uids: Collection[int],
    mode: int,
    on_request: Answerer,
) -> LocalServer:
    """Listen at `path` and answer each question of an allowed user by `on_request` (called on up to 8 threads).

    If `on_request` raises, its peer gets no answer and the log says why.

    Raises:
        TechnicianError: another process listens there, or the folder cannot be written.
    """
    try:
        _clear(path)
        listener = _listen(path, mode)
    except OSError as problem:
        raise TechnicianError(f"{path}: cannot listen ({problem.strerror}); mend its folder's owner and mode") from None
    server = LocalServer(path, listener, allow_uids=allow_uids, on_request=on_request)
    server.start()
    return server


def _clear(path: Path) -> None:
    """Remove the socket of a process that died; refuse to take the place of one that lives, or of another file."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise TechnicianError(f"{path}: is not a socket; move that file away")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(EXCHANGE_SECONDS)
        try:
            with _address(path) as address:
                probe.connect(address)
        except ConnectionRefusedError:
            path.unlink()
            return
    raise TechnicianError(f"{path}: another process listens here; stop it first")


def _listen(path: Path, mode: int) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # Linux gives the file the socket's own mode: it is never wider open, not even between bind and chmod.
        os.fchmod(listener.fileno(), mode)
        with _address(path) as address:
            listener.bind(address)
        path.chmod(mode)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A name for the kernel, which takes few bytes: a longer path is reached through its open folder."""
    if len(os.fsencode(path)) <= ADDRESS_MAX_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _receive(line: socket.socket, deadline: float) -> bytes:
    """The one frame of a peer."""
    frames = Frames()
    while True:
        line.settimeout(_left(deadline))
        untrusted = line.recv(FRAME_MAX_BYTES)
        if not untrusted:
            raise ConnectionResetError(0, "the other side hung up")
        complete = frames.feed(untrusted)
        if complete:
            return complete[0]


def _send(line: socket.socket, data: bytes, deadline: float) -> None:
    line.settimeout(_left(deadline))
    line.sendall(data)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(0, "too slow")
    return left
