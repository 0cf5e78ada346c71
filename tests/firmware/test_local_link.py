"""The local link: frames, who may ask, and peers that are slow, silent or hostile."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import local_link
from firmware.errors import ProgrammerError, Refused, TechnicianError
from firmware.local_link import FRAME_MAX_BYTES, THREADS, Frames, LocalServer, Peer, ask, frame, serve

PATIENCE_SECONDS = 10.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kiosk.sock"


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def echo(peer: Peer, untrusted: bytes) -> bytes:
    return b"heard " + untrusted


def listen(path: Path, closing: ExitStack, on_request: local_link.Answerer = echo) -> LocalServer:
    server = serve(path, allow_uids=[os.getuid()], mode=0o660, on_request=on_request)
    closing.callback(server.stop)
    return server


# -- frames -----------------------------------------------------------------------------------------------------------


@given(payloads=st.lists(st.binary(max_size=300), max_size=6), cuts=st.lists(st.integers(min_value=1, max_value=50)))
def test_frames_come_out_as_they_went_in_however_they_are_cut(payloads: list[bytes], cuts: list[int]) -> None:
    """Any payloads, any cutting of the stream: the same payloads in the same order, and nothing left over."""
    stream = b"".join(frame(payload) for payload in payloads)
    frames, heard = Frames(), []
    while stream:
        count = cuts.pop() if cuts else len(stream)
        heard += frames.feed(stream[:count])
        stream = stream[count:]
    assert heard == payloads


@given(st.binary(max_size=400))
def test_any_bytes_are_frames_or_refused(untrusted: bytes) -> None:
    """No bytes make the reader fail in another way than Refused, nor hand out what was not announced."""
    try:
        heard = Frames().feed(untrusted)
    except Refused as refusal:
        heard = []
        reason = refusal.reason
    else:
        reason = "none"
    assert reason in ("none", "oversized")
    assert untrusted.startswith(b"".join(frame(payload) for payload in heard))


def test_a_length_over_the_limit_is_refused_before_its_bytes_come() -> None:
    """Four bytes that announce 64 KiB and one are enough to be refused; nothing is collected."""
    with pytest.raises(Refused):
        Frames().feed((FRAME_MAX_BYTES + 1).to_bytes(4, "big"))
    assert Frames().feed(frame(bytes(FRAME_MAX_BYTES))) == [bytes(FRAME_MAX_BYTES)]


def test_we_never_send_a_frame_over_the_limit() -> None:
    """Our own side's defect is told as such."""
    with pytest.raises(ProgrammerError):
        frame(bytes(FRAME_MAX_BYTES + 1))


# -- question and answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"draft", os.urandom(FRAME_MAX_BYTES - 6)])
def test_a_question_is_answered(path: Path, closing: ExitStack, payload: bytes) -> None:
    """Empty, small and as large as allowed."""
    listen(path, closing)
    assert ask(path, payload, PATIENCE_SECONDS) == b"heard " + payload


def test_a_path_longer_than_the_kernel_takes_works_too(tmp_path: Path) -> None:
    """A long TMPDIR or home is no reason not to start: the socket is bound, asked, taken over and removed."""
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    path = folder / "kiosk.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        opened = os.open(folder, os.O_PATH)
        dead.bind(f"/proc/self/fd/{opened}/{path.name}")
        os.close(opened)
    server = serve(path, allow_uids=[os.getuid()], mode=0o660, on_request=echo)
    try:
        assert path.is_socket()
        assert ask(path, b"far", PATIENCE_SECONDS) == b"heard far"
    finally:
        server.stop()
    assert not path.exists()


def test_the_kernel_says_who_asks(path: Path, closing: ExitStack) -> None:
    """The answerer gets pid, uid and gid of the asking process, whatever it claims."""
    heard: list[Peer] = []

    def remember(peer: Peer, untrusted: bytes) -> bytes:
        heard.append(peer)
        return b""

    listen(path, closing, remember)
    ask(path, b"uid=0", PATIENCE_SECONDS)
    assert heard == [Peer(os.getpid(), os.getuid(), os.getgid())]


def test_a_user_who_may_not_ask_gets_no_answer(path: Path, closing: ExitStack) -> None:
    """Their question never reaches the answerer."""
    heard: list[bytes] = []

    def remember(peer: Peer, untrusted: bytes) -> bytes:
        heard.append(untrusted)
        return b""

    server = serve(path, allow_uids=[os.getuid() + 1], mode=0o666, on_request=remember)
    closing.callback(server.stop)
    with pytest.raises(TechnicianError, match="no answer"):
        ask(path, b"let me in", PATIENCE_SECONDS)
    assert heard == []


def test_the_socket_has_its_mode_whatever_the_umask(path: Path, closing: ExitStack) -> None:
    """0660: owner and group, nobody else."""
    before = os.umask(0o077)
    try:
        listen(path, closing)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o660


def test_an_answerer_that_raises_costs_only_its_own_peer(
    path: Path, closing: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    """That peer is told nothing came; the log has the traceback; the next question is answered."""

    def fail_on_bad(peer: Peer, untrusted: bytes) -> bytes:
        if untrusted == b"bad":
            raise ValueError("defect")
        return b"good"

    listen(path, closing, fail_on_bad)
    for _ in range(THREADS + 1):
        with pytest.raises(TechnicianError):
            ask(path, b"bad", PATIENCE_SECONDS)
    assert ask(path, b"", PATIENCE_SECONDS) == b"good"
    assert any(record.exc_info for record in caplog.records)


def test_an_answer_over_the_limit_costs_only_its_own_peer(path: Path, closing: ExitStack) -> None:
    """The answerer's defect reaches nobody as half a frame."""
    listen(path, closing, lambda peer, untrusted: bytes(FRAME_MAX_BYTES + 1))
    with pytest.raises(TechnicianError):
        ask(path, b"", PATIENCE_SECONDS)


def test_many_may_ask_at_once(path: Path, closing: ExitStack) -> None:
    """A hundred questions from twenty threads: each gets the answer to its own."""
    listen(path, closing)
    questions = [str(number).encode() for number in range(100)]
    with ThreadPoolExecutor(20) as askers:
        answers = list(askers.map(lambda question: ask(path, question, PATIENCE_SECONDS), questions))
    assert answers == [b"heard " + question for question in questions]


# -- trouble ----------------------------------------------------------------------------------------------------------


def test_nobody_there_is_one_line(path: Path) -> None:
    """No socket, or one whose process died: the asker is told what to look at."""
    with pytest.raises(TechnicianError, match="see that the service"):
        ask(path, b"", PATIENCE_SECONDS)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(TechnicianError, match="see that the service"):
        ask(path, b"", PATIENCE_SECONDS)


def test_an_answer_that_takes_too_long_is_not_waited_for(path: Path, closing: ExitStack) -> None:
    """The asker's time is bounded, so that the page can say "not saved"."""
    release = threading.Event()

    def wait(peer: Peer, untrusted: bytes) -> bytes:
        release.wait(PATIENCE_SECONDS)
        return b"late"

    listen(path, closing, wait)
    closing.callback(release.set)
    with pytest.raises(TechnicianError, match="no answer"):
        ask(path, b"", 0.05)


def test_silent_and_slow_peers_do_not_keep_others_out(
    path: Path, closing: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Peers that connect and say nothing, on every thread there is, are hung up on; the honest question is answered."""
    monkeypatch.setattr(local_link, "EXCHANGE_SECONDS", 0.1)
    listen(path, closing)
    for _ in range(THREADS):
        silent = closing.enter_context(socket.socket(socket.AF_UNIX))
        silent.connect(str(path))
        silent.sendall(b"\0\0")
    assert ask(path, b"honest", PATIENCE_SECONDS) == b"heard honest"


def test_a_peer_that_drips_bytes_is_hung_up_on_in_time(
    path: Path, closing: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is on the whole question: one byte now and then does not renew it."""
    monkeypatch.setattr(local_link, "EXCHANGE_SECONDS", 0.2)
    listen(path, closing)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(0.05)
        line.connect(str(path))
        hung_up = False
        for byte in frame(bytes(200)):
            try:
                line.sendall(bytes([byte]))
                hung_up = line.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                hung_up = True
            if hung_up:
                break
    assert hung_up


def test_a_peer_that_announces_too_much_is_hung_up_on(
    path: Path, closing: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused with its reason in the log, and the server goes on."""
    listen(path, closing)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PATIENCE_SECONDS)
        line.connect(str(path))
        line.sendall(b"\xff\xff\xff\xff")
        assert line.recv(1) == b""
    assert ask(path, b"", PATIENCE_SECONDS) == b"heard "
    assert any("oversized" in record.getMessage() for record in caplog.records)


def test_a_dead_processs_socket_is_taken_over_and_a_living_ones_is_not(path: Path, closing: ExitStack) -> None:
    """After a crash the service starts again; a second copy of it does not."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listen(path, closing)
    with pytest.raises(TechnicianError, match="another process listens"):
        listen(path, closing)
    assert ask(path, b"", PATIENCE_SECONDS) == b"heard "


def test_a_file_in_the_way_is_not_removed(path: Path) -> None:
    """Only sockets are cleared away."""
    path.write_text("somebody's notes", encoding="utf-8")
    with pytest.raises(TechnicianError, match="is not a socket"):
        serve(path, allow_uids=[os.getuid()], mode=0o660, on_request=echo)
    assert path.read_text(encoding="utf-8") == "somebody's notes"


def test_a_missing_folder_is_one_line(path: Path) -> None:
    """The error names the mend."""
    with pytest.raises(TechnicianError, match="cannot listen"):
        serve(path / "x" / "y.sock", allow_uids=[os.getuid()], mode=0o660, on_request=echo)


def test_stop_finishes_what_is_being_answered_and_removes_the_socket(path: Path) -> None:
    """A draft that is being saved while the kiosk stops still gets its answer."""
    entered, release = threading.Event(), threading.Event()

    def wait(peer: Peer, untrusted: bytes) -> bytes:
        entered.set()
        release.wait(PATIENCE_SECONDS)
        return b"saved"

    server = serve(path, allow_uids=[os.getuid()], mode=0o660, on_request=wait)
    with ThreadPoolExecutor(2) as helpers:
        answer = helpers.submit(ask, path, b"", PATIENCE_SECONDS)
        assert entered.wait(PATIENCE_SECONDS)
        stopped = helpers.submit(server.stop)
        release.set()
        assert answer.result(PATIENCE_SECONDS) == b"saved"
        stopped.result(PATIENCE_SECONDS)
    assert not path.exists()
