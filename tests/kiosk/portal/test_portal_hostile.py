"""A portal under attack, as a process of its own: mutated requests and slow ones. Bounded, others still served."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import pytest

from kiosk.portal.pulse import PULSE
from tests.support.mutations import mutated
from tests.support.portal_house import Visitor
from tests.support.portal_process import MadePortal, Running, make_portal_unit, running_portal
from tests.support.portal_server import connected, read_all, statuses

REQUESTS = 10_000
WARM = 2_000
GROWTH_MAX_KIB = 2 * 1024
# What a client of bad faith may hear. Never 500: that is a defect of ours.
EXPECTED = {0, 200, 302, 303, 400, 403, 404, 405, 413, 429, 431}
HOST = b"host: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadePortal:
    return make_portal_unit(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def running(made: MadePortal) -> Iterator[Running]:
    with running_portal(made) as running:
        yield running


def visitor_of(made: MadePortal, address: str = "127.0.0.1") -> Visitor:
    return Visitor(made.http_port, address, host="127.0.0.1")


def get(path: str, host: bytes = HOST) -> bytes:
    return (
        b"GET "
        + path.encode()
        + b" HTTP/1.1\r\n"
        + host
        + b"user-agent: Phone/1\r\naccept-language: en,cy;q=0.5\r\n\r\n"
    )


def post(path: str, fields: dict[str, str]) -> bytes:
    body = urlencode(fields).encode()
    kind = b"content-type: application/x-www-form-urlencoded\r\ncontent-length: %d\r\n\r\n" % len(body)
    return b"POST " + path.encode() + b" HTTP/1.1\r\n" + HOST + kind + body


def real_requests(visitor: Visitor) -> list[bytes]:
    """What phones really send, forms filled with what real pages carry."""
    accept = visitor.get("/en/").fields("/en/accept")
    talk = visitor.get("/en/talk").fields("/en/talk")
    return [
        get("/generate_204", b"host: connectivitycheck.gstatic.com\r\n"),
        get("http://captive.apple.com/hotspot-detect.html", b"host: captive.apple.com\r\n"),
        b"HEAD / HTTP/1.0\r\n\r\n",
        *(get(path) for path in ("/", "/en/", "/cy/rules", "/en/privacy", "/en/survey", "/en/talk", "/captive/api")),
        get("/en/voucher?w=amber-river-candle-window-planet-meadow"),
        get("/en/guest?w=amber-river-candle-window-planet-meadow"),
        post("/en/accept", accept),
        post("/en/voucher", {"words": "amber river candle window planet meadow"}),
        post("/en/survey", {question.id: question.choices[0].id for question in PULSE}),
        post("/en/talk", {**talk, "choice": "no"}),
        post("/en/talk", {**talk, "choice": "have-code"}),
    ]


def held(store: Path) -> dict[str, bytes]:
    """Every document there, without its older generation, which the portal puts in order by itself after a start."""
    return {file.name: file.read_bytes() for file in store.glob("*.json")}


def told(port: int, requests: Sequence[bytes]) -> Counter[int]:
    """The status of each answer; 0: the connection was ended without one."""
    answers: Counter[int] = Counter()
    for request in requests:
        with connected(port) as line:
            try:
                line.sendall(request)
                line.shutdown(1)
                answers.update(statuses([read_all(line)]))
            except (BrokenPipeError, ConnectionResetError):
                answers.update([0])
    return answers


@pytest.mark.requirement("B1")
def test_ten_thousand_mutated_requests(made: MadePortal, running: Running) -> None:
    """Seeded from real ones: nothing fails inside, memory stays, and afterwards everybody is served as before."""
    bases = real_requests(visitor_of(made))
    hostile = (request for _, request in mutated(Random(8), bases, [b"HTTP/1.1\r\nhost: ", b"accept-language:"]))
    told(made.http_port, list(islice(hostile, WARM)))
    before_kib = running.resident_kib()
    answers = told(made.http_port, list(islice(hostile, REQUESTS)))
    assert sum(answers.values()) == REQUESTS
    assert set(answers) <= EXPECTED, answers
    assert answers[200] > 100
    assert running.resident_kib() - before_kib <= GROWTH_MAX_KIB
    assert not re.search(r"page-failed|Traceback|Exception", running.said())
    assert visitor_of(made).get("/en/").status == 200


@pytest.mark.requirement("B1")
def test_two_hundred_slow_sockets(made: MadePortal, running: Running) -> None:
    """Held open from two hundred addresses, half of them saying nothing: pages come as before, and memory stays."""
    visitor_of(made).get("/en/")
    before_kib = running.resident_kib()
    with ExitStack() as stack:
        for number in range(200):
            line = stack.enter_context(connected(made.http_port, source=f"127.0.4.{number + 1}"))
            line.sendall(b"GET /en/ HTTP/1.1\r\nhost: 127." if number % 2 else b"")
        begun = time.monotonic()
        for number in range(40):
            assert visitor_of(made, f"127.0.5.{number + 1}").get("/en/").status == 200
        assert time.monotonic() - begun < 8
        assert running.resident_kib() - before_kib <= GROWTH_MAX_KIB


def test_forms_made_by_machines_write_nothing(made: MadePortal, running: Running, tmp_path: Path) -> None:
    """Thousands of yeses, votes and vouchers without a page before them leave the store as it was."""
    store = made.root.store / "portal"
    before = held(store)
    digest = visitor_of(made).get("/en/").fields("/en/accept")["aup"]
    forged = [post("/en/accept", {"aup": digest, "met": f"{number:032x}"}) for number in range(500)]
    forged += [post("/en/voucher", {"words": "amber river candle window planet meadow"})] * 50
    answers = told(made.http_port, forged)
    assert set(answers) <= {200, 429}
    assert held(store) == before
