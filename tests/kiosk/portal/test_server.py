"""The server's bounds over real sockets: what is answered at once, refused or ended, and who is still served."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from firmware.errors import BadSettings, TechnicianError
from kiosk.portal.captive import Portal, Redirect, asked_host
from kiosk.portal.connection import BODY_MAX_BYTES, HEADERS_MAX_BYTES, Limits
from kiosk.portal.server import open_sockets, tls_context
from tests.support.portal_server import connected, exchange, read_all, serving, statuses
from tests.support.until import look_again

PORTAL = Portal("wifi.example", frozenset())
REDIRECT = Redirect.to(PORTAL.address)
OWN = b"host: wifi.example\r\n"


def reflex(target: bytes, host: bytes | None, method: bytes, date: bytes) -> bytes | None:
    return None if PORTAL.owns(asked_host(target, host)) else REDIRECT.answer(method, date)


async def _count(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} {len(await request.body())} {request.url.path}")


APP = Starlette(routes=[Route("/{rest:path}", _count, methods=["GET", "POST"])])


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(APP, reflex=reflex) as open_port:
        yield open_port


@pytest.mark.requirement("B1")
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /generate_204 HTTP/1.1\r\nhost: connectivitycheck.gstatic.com\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://captive.apple.com/hotspot-detect.html HTTP/1.1\r\nhost: wifi.example\r\n\r\n",
        b"POST /x HTTP/1.1\r\nhost: a.example\r\ncontent-length: 3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nhost: a.example\r\nconnection: keep-alive\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a.example\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: a.example\r\n\r\n",
    ],
    ids=["probe", "1.0 without host", "absolute-form", "POST", "keep-alive", "h2c", "asterisk"],
)
def test_elsewhere_is_redirected_and_the_connection_ends(port: int, request_bytes: bytes) -> None:
    """Whatever its shape, one request for elsewhere gets one 302 and then the end of the connection."""
    answer = exchange(port, request_bytes)
    assert statuses([answer]) == [302]
    assert answer.count(b"HTTP/1.1") == 1
    assert b"\r\ndate: " in answer


@pytest.mark.requirement("B1")
def test_a_connection_carries_one_request(port: int) -> None:
    """The keep-alive trap: a second request on the same connection is never answered, neither here nor elsewhere."""
    twice = b"GET /a HTTP/1.1\r\n" + OWN + b"connection: keep-alive\r\n\r\n"
    answer = exchange(port, twice + twice.replace(b"/a", b"/b"))
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answer
    assert b"/b" not in answer


def test_head_has_no_body(port: int) -> None:
    """For our pages and for elsewhere."""
    for host in (b"wifi.example", b"a.example"):
        answer = exchange(port, b"HEAD / HTTP/1.1\r\nhost: " + host + b"\r\n\r\n")
        assert statuses([answer])[0] in (200, 302)
        assert answer.endswith(b"\r\n\r\n")


def test_absolute_form_finds_our_own_pages(port: int) -> None:
    """A client behind a proxy setting asks with the whole address."""
    answer = exchange(port, b"GET http://wifi.example/rules HTTP/1.1\r\nhost: other.example\r\n\r\n")
    assert answer.endswith(b"GET 0 /rules")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + OWN + b"x: " + b"y" * HEADERS_MAX_BYTES + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 3 * HEADERS_MAX_BYTES, 431),
        (b"GET / HTTP/1.1\r\n" + OWN + b"x: y\r\n" * 4000 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\n" + OWN + b"content-length: 99999\r\n\r\n" + b"x" * (BODY_MAX_BYTES + 1), 413),
        (
            b"POST / HTTP/1.1\r\n" + OWN + b"transfer-encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
            b"1000\r\n" + b"x" * 4096 + b"\r\n1000\r\n" + b"x" * 4096 + b"\r\n1000\r\n" + b"x" * 4096 + b"\r\n2\r\nxx",
            413,
        ),
        (b"GET / HTTP/1.1\r\n" + OWN + OWN + b"\r\n", 400),
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n" + OWN + b"\r\n", 400),
    ],
    ids=["header", "target", "many headers", "body", "chunks", "hosts", "words", "version", "tls", "http2", "bytes"],
)
def test_what_is_too_much_or_not_http_is_refused(port: int, request_bytes: bytes, status: int) -> None:
    """A short refusal, then the end; no traceback and no page."""
    assert statuses([exchange(port, request_bytes)]) == [status]


def test_connect_is_no_tunnel(port: int) -> None:
    """A proxy's CONNECT gets no connection to anywhere."""
    answer = exchange(port, b"CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n")
    assert statuses([answer])[0] in (302, 400)


def test_a_body_within_bounds_arrives_whole(port: int) -> None:
    """The largest form that is allowed is read to its end, also after Expect: 100-continue."""
    head = b"POST / HTTP/1.1\r\n" + OWN + b"content-length: %d\r\n\r\n" % BODY_MAX_BYTES
    assert exchange(port, head + b"x" * BODY_MAX_BYTES).endswith(b"POST %d /" % BODY_MAX_BYTES)
    asking = b"POST / HTTP/1.1\r\n" + OWN + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    assert exchange(port, asking, b"ab").endswith(b"POST 2 /")


def test_whoever_has_said_all_still_hears(port: int) -> None:
    """A client that closes its own direction after the request gets its page; one that had not finished, the end."""
    cut = b"POST /half HTTP/1.1\r\n" + OWN + b"content-length: 9\r\n\r\nabc"
    whole = b"GET /half HTTP/1.1\r\n" + OWN + b"\r\n"
    for request, answered in ((whole, True), (whole[:-2], False), (cut, False)):
        with connected(port) as line:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            assert read_all(line).endswith(b"GET 0 /half") is answered


def test_whoever_says_nothing_or_drips_is_ended() -> None:
    """The deadline counts from the connection, not from the last byte."""
    with serving(APP, reflex=reflex, limits=Limits(request_seconds=0.4)) as port:
        for drip in (b"", b"x"):
            with connected(port) as line:
                begun = time.monotonic()
                line.sendall(b"GET / HTTP/1.1\r\nx: " if drip else b"")
                assert 0.3 <= _ended(line, drip) - begun < 5


def test_two_hundred_slow_clients_do_not_keep_others_out() -> None:
    """Slowloris from two hundred addresses, in a house of a hundred: the slow leave when others ask something."""
    with serving(APP, reflex=reflex, limits=Limits(in_all=100)) as port, ExitStack() as stack:
        for number in range(200):
            line = stack.enter_context(connected(port, source=f"127.0.1.{number + 1}"))
            line.sendall(b"GET / HTTP/1.1\r\nhost: wifi.example\r\nx: ")
        for number in range(50):
            answer = exchange(port, b"GET /n HTTP/1.1\r\n" + OWN + b"\r\n", source=f"127.0.2.{number + 1}", seconds=5)
            assert answer.endswith(b"GET 0 /n")


def test_one_client_has_only_its_share() -> None:
    """Two hundred slow connections of one address: the same client is still served, and so are others."""
    with serving(APP, reflex=reflex, limits=Limits(per_client=20)) as port, ExitStack() as stack:
        lines = [stack.enter_context(connected(port, source="127.0.3.1")) for _ in range(200)]
        for source in ("127.0.3.1", "127.0.3.2"):
            answer = exchange(port, b"GET /n HTTP/1.1\r\n" + OWN + b"\r\n", source=source, seconds=5)
            assert answer.endswith(b"GET 0 /n")
        # The oldest of the two hundred have had to leave.
        assert read_all(lines[0]) == b""


def test_both_families_are_served() -> None:
    """IPv4 and IPv6 have a socket each."""
    taken = open_sockets("127.0.0.1", "::1", [0])
    assert {each.family for each in taken} == {socket.AF_INET, socket.AF_INET6}
    for each in taken:
        each.close()


def test_a_port_that_is_taken_is_named() -> None:
    """One line: which port, why, and the mend; nothing stays open."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(TechnicianError, match=rf"port {port}.*network\.toml"):
            open_sockets("127.0.0.1", None, [port])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed (apt install openssl)")
    certificate, key = folder / "portal.pem", folder / "portal.key"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=wifi.example", "-addext", "subjectAltName=DNS:wifi.example", "-out", certificate,
         "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def test_https_is_served_and_slow_handshakes_are_ended(certificate: tuple[Path, Path]) -> None:
    """A verified connection gets its page; one that never shakes hands is ended like any other, and seen by no page."""
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    limits = Limits(request_seconds=1.5)
    with serving(APP, reflex=reflex, limits=limits, context=tls_context(*certificate)) as port:
        with connected(port) as silent, connected(port) as line:
            with trusted.wrap_socket(line, server_hostname="wifi.example") as secured:
                secured.sendall(b"GET /s HTTP/1.1\r\n" + OWN + b"\r\n")
                assert read_all(secured).endswith(b"GET 0 /s")
            assert read_all(silent) == b""
        assert statuses([exchange(port, b"GET / HTTP/1.1\r\n" + OWN + b"\r\n")]) == [0]


def test_a_wrong_certificate_names_file_and_mend(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    """Missing, or not of its key: one line for the technician."""
    with pytest.raises(BadSettings, match="mend path"):
        tls_context(tmp_path / "none.pem", certificate[1])
    with pytest.raises(BadSettings, match="copy both again"):
        tls_context(certificate[1], certificate[0])


def test_browsers_library_reads_our_answers(port: int) -> None:
    """Python's own HTTP client, strict about framing, agrees with what we send."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request("GET", "/x", headers={"Host": "wifi.example"})
    assert line.getresponse().read() == b"GET 0 /x"
    line.close()


def _ended(line: socket.socket, drip: bytes) -> float:
    """When the server ended it, though a byte came now and then."""
    line.settimeout(0.01)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            line.sendall(drip)
            if line.recv(1024) == b"":
                return time.monotonic()
        except TimeoutError:
            look_again(0.05)
        except (ConnectionResetError, BrokenPipeError):
            return time.monotonic()
    raise AssertionError("still open")
