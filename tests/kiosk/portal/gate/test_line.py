"""The questions on the socket: bounded, typed, and rubbish is refused; answers that make no sense are told as such."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import Refused, TechnicianError
from firmware.local_link import FRAME_MAX_BYTES, LocalServer, Peer, serve
from kiosk.portal.gate.line import (
    PAGE,
    SCAN_MAX_BYTES,
    Admit,
    Clients,
    Done,
    Failed,
    GateLine,
    Heard,
    Known,
    Question,
    Refuse,
    Revoke,
    Scan,
    Seen,
    Who,
    page_of,
    read_question,
    write,
)

ADDRESS, SIX = ip_address("10.77.0.20"), ip_address("2001:db8:77::20")
NAME = b"p" * 16
QUESTIONS: tuple[Question, ...] = (
    Who("10.77.0.20"),
    Admit("2001:db8:77::20", 60, "web"),
    Revoke(NAME),
    Refuse("10.77.0.20"),
    Clients(512),
    Scan(),
)


class Answering:
    """A gate that says what it is told to."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.says = b""

    def __call__(self, peer: Peer, untrusted: bytes) -> bytes:
        question = read_question(untrusted)
        self.asked.append(question)
        if isinstance(question, Clients) and not self.says:
            seen = [Seen(at.to_bytes(16, "big"), ADDRESS + at, at or None, "web") for at in range(PAGE + 7)]
            return write(page_of(seen, question.skip))
        return self.says


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[tuple[GateLine, Answering]]:
    answering = Answering()
    server: LocalServer = serve(tmp_path / "gate.sock", allow_uids={0, 1000}, mode=0o600, on_request=answering)
    yield GateLine(tmp_path / "gate.sock"), answering
    server.stop()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: type(question).__name__)
def test_question_is_read_as_it_was_asked(question: Question) -> None:
    """Every question survives its way, and no shortened one is a question."""
    raw = write(question)
    assert read_question(raw) == question
    for cut in range(len(raw)):
        with pytest.raises(Refused, match="malformed"):
            read_question(raw[:cut])


@pytest.mark.parametrize(
    "raw",
    [
        msgspec.msgpack.encode(["admit", "10.77.0.20", "60", "web"]),
        msgspec.msgpack.encode(["admit", "10.77.0.20", 1.5, "web"]),
        msgspec.msgpack.encode(["admit", "1" * 57, 60, "web"]),
        msgspec.msgpack.encode(["admit", "10.77.0.20", 60, "w" * 17]),
        msgspec.msgpack.encode(["admit", "10.77.0.20", 60, "web", "02:00:00:00:00:01"]),
        msgspec.msgpack.encode(["revoke", b"short"]),
        msgspec.msgpack.encode(["clients", -1]),
        msgspec.msgpack.encode(["open-everything"]),
        msgspec.msgpack.encode({"who": "10.77.0.20"}),
        b"\x93" * 5000,
    ],
)
def test_other_questions_are_refused(raw: bytes) -> None:
    """Another type, a number or text beyond its bounds, a MAC of the asker's own, an unknown question: refused."""
    with pytest.raises(Refused, match="malformed"):
        read_question(raw)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(raw: bytes) -> None:
    """Whatever comes is a question or is refused; nothing else happens."""
    with suppress(Refused):
        assert isinstance(read_question(raw), Question)


def test_portal_hears_what_the_gate_said(gate: tuple[GateLine, Answering]) -> None:
    """Each of the portal's words is one question, and its answer comes back as what the portal works with."""
    line, answering = gate
    answering.says = write(Known(NAME))
    assert line.who(ADDRESS) == NAME
    assert line.admit(SIX, 60, "all") == NAME
    answering.says = write(Known(None))
    assert line.who(ADDRESS) is None
    answering.says = write(Done())
    line.revoke(NAME)
    line.refuse(ADDRESS)
    answering.says = write(Heard("BSS …"))
    assert line.scan() == "BSS …"
    assert answering.asked == [
        Who("10.77.0.20"),
        Admit("2001:db8:77::20", 60, "all"),
        Who("10.77.0.20"),
        Revoke(NAME),
        Refuse("10.77.0.20"),
        Scan(),
    ]


def test_many_clients_come_in_pieces(gate: tuple[GateLine, Answering]) -> None:
    """More clients than one answer carries are told whole, each once."""
    line, answering = gate
    seen = line.clients()
    assert [one.address for one in seen] == [ADDRESS + at for at in range(PAGE + 7)]
    assert (seen[0].admitted_seconds_left, seen[3].admitted_seconds_left) == (None, 3)
    assert answering.asked == [Clients(0), Clients(PAGE)]


def test_fullest_answers_fit() -> None:
    """A page of IPv6 clients with the longest of everything, and the longest scan, stay below what a frame carries."""
    full = [Seen(NAME, SIX, 2**31, "web") for _ in range(2 * PAGE)]
    assert len(write(page_of(full, 0))) < FRAME_MAX_BYTES
    assert len(write(Heard("x" * SCAN_MAX_BYTES))) < FRAME_MAX_BYTES


def test_what_goes_wrong_is_the_technicians(gate: tuple[GateLine, Answering], tmp_path: Path) -> None:
    """A gate that is away, that says something else, nothing sensible, or that it cannot: a line that says so."""
    line, answering = gate
    answering.says = write(Failed("nft: no such table"))
    with pytest.raises(TechnicianError, match=r"^nft: no such table$"):
        line.who(ADDRESS)
    answering.says = write(Done())
    with pytest.raises(TechnicianError, match="something else"):
        line.who(ADDRESS)
    answering.says = b"\xc1"
    with pytest.raises(TechnicianError, match="makes no sense"):
        line.who(ADDRESS)
    with pytest.raises(TechnicianError, match="no answer"):
        GateLine(tmp_path / "nobody.sock").who(ADDRESS)
