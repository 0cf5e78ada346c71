"""What others try against somebody's talk: a page of another site that they have open, a reader on the open Wi-Fi."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.talk import phone as said
from tests.support.broker import ThrowAwayCa
from tests.support.talk_phone import LivingKiosk, Phone, phones
from tests.support.talk_portal import kept

NONCE = "5a" * 16


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[LivingKiosk]:
    with LivingKiosk(tmp_path) as living:
        yield living


@pytest.fixture
def port(kiosk: LivingKiosk) -> Iterator[int]:
    with phones(kiosk, seconds=0.0) as opened:
        yield opened


@pytest.mark.requirement("T8")
@pytest.mark.parametrize("mark", ["", "5a" * 16, "é"])
@pytest.mark.parametrize(
    "fields",
    [
        {"screen": "danger", "choice": "yes"},
        {"screen": "send", "a-danger": "no", "a-adult_here": "no", "a-category": "bullying", "choice": "send"},
        {"screen": "truths", "a-danger": "yes", "tried": "1", "choice": "try-again"},
    ],
)
def test_another_sites_page_reports_nothing_in_a_readers_name(
    kiosk: LivingKiosk, port: int, fields: dict[str, str], mark: str
) -> None:
    """A form that some web page has a learner's browser send, complete but for what only our own page shows: nothing
    is kept, and what comes back is the page itself, whose press counts."""
    phone = Phone(port)
    phone.page = phone.post({"form": NONCE, "mark": mark, **fields})
    assert kiosk.do(kept) == []
    assert phone.page.screen == fields["screen"]
    phone.press(fields["choice"])
    assert len(kiosk.do(kept)) == 1


def test_a_mark_is_good_for_its_own_page_alone(kiosk: LivingKiosk, port: int) -> None:
    """What was seen on one's own page does not make another nonce good."""
    seen = Phone(port).page.seen.hidden
    Phone(port).post({"form": NONCE, "mark": seen["mark"], "screen": "danger", "choice": "yes"})
    assert kiosk.do(kept) == []


def test_a_portal_that_starts_anew_costs_one_more_press(kiosk: LivingKiosk, port: int) -> None:
    """The form of a page from before: what was answered and typed stands there still, and pressed again it is kept,
    once."""
    phone = Phone(port)
    phone.press("no", "no", "bullying")
    with phones(kiosk, seconds=0.0) as another:
        phone.port = another
        phone.press("send")
        assert kiosk.do(kept) == []
        assert phone.page.screen == "send"
        phone.press("send")
        ((_, story),) = kiosk.do(kept)
        assert story.category == "bullying"
        assert "Saved here." in phone.page.text


@pytest.mark.requirement("L1")
def test_a_page_that_others_can_read_says_so_before_each_thing_that_gives_somebody_away(port: int) -> None:
    """On open Wi-Fi without HTTPS a laptop near by sees that a talk is held, where to meet and which words look it up
    later: the page says that before the first answer, before it is sent, and again beside place and words."""
    phone = Phone(port)
    assert said.NOT_ENCRYPTED in phone.page.text
    assert said.NOT_ENCRYPTED in phone.press("have-code").text
    phone = Phone(port)
    assert said.NOT_ENCRYPTED in phone.press("no", "no", "bullying").text
    phone.press("send")
    assert said.NOT_ENCRYPTED in phone.press("code").text
    assert said.NOT_ENCRYPTED in phone.press("give-code").text
    phone.press("truths", "add-more")
    while phone.page.screen != "meet":
        phone.press("skip")
    assert said.NOT_ENCRYPTED in phone.page.text


@pytest.mark.requirement("L1", "D1")
def test_over_https_the_length_of_a_page_does_not_say_which_it_is(kiosk: LivingKiosk, tmp_path: Path) -> None:
    """Who listens to an encrypted page sees its length: danger, category, advice and truths all have the same."""
    ca = ThrowAwayCa(tmp_path / "ca")
    server = ca.issue_server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate_file, server.key_file)
    trust = ssl.create_default_context(cafile=str(ca.certificate_file))
    with phones(kiosk, context=context, seconds=0.0) as port:
        phone = Phone(port, trust=trust)
        pages = [phone.page, *(phone.press(choice) for choice in ("no", "no", "bullying", "send", "advice", "code"))]
        assert len({page.screen for page in pages}) == 7
        assert len({(len(page.raw.encode()), len(str(page.headers))) for page in pages}) == 1
