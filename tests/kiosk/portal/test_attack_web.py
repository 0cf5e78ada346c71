"""What somebody with a laptop on the Wi-Fi, or with a page that somebody else has open, tries against the pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kiosk.portal.connection import CLIENT_MAX_CONNECTIONS, MAX_CONNECTIONS
from tests.support.portal_process import MadePortal, make_certificate, make_portal_unit, running_portal
from tests.support.portal_server import connected, exchange, statuses

NAME = "wifi.school.example"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadePortal]:
    """A portal whose name has a certificate."""
    folder: Path = tmp_path_factory.mktemp("secure")
    made = make_portal_unit(folder / "unit", host=NAME, certificate=make_certificate(folder, NAME))
    with running_portal(made):
        yield made


@pytest.mark.requirement("D1", "T8")
@pytest.mark.parametrize("host", [NAME, "127.0.0.1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_page_is_shown_in_the_clear_where_it_need_not_be(secure: MadePortal, method: str, host: str) -> None:
    """Typed by hand or kept from last year, by name or number: the talk and every other page lead to HTTPS, with path
    and query, and nothing of them is said over HTTP."""
    for path in ("/en/talk", "/talk", "/", "/cy/rules", "/en/guest?w=a-b", "/%2f%2fevil.example/", "//evil.example"):
        answer = exchange(secure.http_port, f"{method} {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert statuses([answer]) == [302], path
        assert f"location: https://{NAME}:{secure.https_port}/".encode() in head
        assert body == b""
    assert b"/en/guest?w=a-b" in exchange(secure.http_port, b"GET /en/guest?w=a-b HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")


@pytest.mark.requirement("L1")
def test_forms_that_never_come_keep_nobody_out(secure: MadePortal) -> None:
    """One laptop with a dozen addresses fills the house with forms that it announces and never sends: whoever really
    asks is answered at once."""
    announced = b"POST /en/talk HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9000\r\n\r\nform="
    with ExitStack() as held:
        for number in range(MAX_CONNECTIONS):
            source = f"127.0.7.{number // CLIENT_MAX_CONNECTIONS + 1}"
            held.enter_context(connected(secure.http_port, source=source)).sendall(announced)
        for number in range(20):
            asked = b"GET /en/talk HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
            assert statuses([exchange(secure.http_port, asked, source=f"127.0.8.{number + 1}")]) == [302]
