"""Forms from anybody: strictly read, never past the question of danger, never an error."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.portal.talk_form import (
    BODY_BYTES_MOST,
    HISTORY_MOST,
    TalkForm,
    clean_words,
    read_form,
    state_of,
)
from kiosk.talk.handover import ANSWERS
from kiosk.talk.offers import failed_sendings, offered
from kiosk.talk.questions import SCREENS, ScreenId
from kiosk.talk.state import Answers, CodeState
from tests.support.talks import secondary, young

FORM, FRESH, TICKET = b"f" * 16, b"n" * 16, b"t" * 16
NEW = TalkForm(FRESH)
SENT = TalkForm(FORM, TICKET, ScreenId.TRUTHS, answers=Answers(danger="no", category="images"))
PAGES = (
    TalkForm(FORM),
    TalkForm(FORM, screen=ScreenId.ADULT, history=(ScreenId.DANGER,), answers=Answers(danger="not-sure")),
    TalkForm(FORM, screen=ScreenId.CATEGORY, category_page=2, answers=Answers(danger="no", adult_here="no")),
    TalkForm(FORM, screen=ScreenId.SEND, answers=Answers(danger="no", adult_here="yes", about_head="no")),
    TalkForm(FORM, screen=ScreenId.FOUND, history=(ScreenId.DANGER,), digest=b"d" * 32),
    TalkForm(FORM, screen=ScreenId.TRUTHS, answers=Answers(danger="yes"), tried=True, unsure=True),
    SENT,
    replace(SENT, screen=ScreenId.CODE, history=(ScreenId.TRUTHS,), code=CodeState.KEPT, taken_back=True, named=True),
    replace(SENT, screen=ScreenId.PACE, answers=replace(SENT.answers, who="me"), unsent=("who",)),
    replace(SENT, screen=ScreenId.WORDS, typed_failed=True, unsure=True, language="en-x-easy"),
)


def body(page: TalkForm, /, **more: str) -> bytes:
    return urlencode({**page.hidden(), **more}).encode()


def read(untrusted: bytes) -> TalkForm:
    return read_form(untrusted, secondary(), fresh=FRESH)


@pytest.mark.parametrize("form", PAGES, ids=lambda form: form.screen.value)
def test_what_a_page_carries_comes_back(form: TalkForm) -> None:
    """Each field, and what was pressed and typed."""
    pressed = replace(form, choice="yes", go="back", words="hello\nyou")
    assert read(body(form, choice="yes", go="back", words=" hello\r\nyou ")) == pressed


@pytest.mark.parametrize(
    "changed",
    [
        {"form": ""},
        {"form": "zz" * 16},
        {"form": "00" * 17},
        {"ticket": "00"},
        {"screen": "idle"},
        {"screen": "privacy"},
        {"screen": "danger"},
        {"screen": "send"},
        {"screen": "no such screen"},
        {"history": "idle"},
        {"history": "send"},
        {"history": "danger"},
        {"history": ",".join(["truths"] * (HISTORY_MOST + 1))},
        {"page": "99"},
        {"a-danger": ""},
        {"a-danger": "perhaps"},
        {"a-meet": "come-here"},
        {"code": "x"},
        {"unsent": "who"},
        {"unsent": "category,category"},
        {"unsent": "form"},
        {"digest": "00"},
        {"tried": "1"},
        {"typed-failed": "1"},
        {"language": "../en"},
        {"ticket": ""},
    ],
    ids=str,
)
def test_a_changed_form_is_a_new_beginning(changed: dict[str, str]) -> None:
    """One field of a sent talk that no page of ours would send: the first question, nothing carried over."""
    assert read(body(SENT, **changed)) == NEW


def test_no_screen_stands_before_danger() -> None:
    """For every screen: without that answer, or with a yes that was never sent, the talk begins anew."""
    for screen in SCREENS:
        for answers in (Answers(), Answers(danger="yes")):
            found = read(body(TalkForm(FORM, screen=screen, answers=answers), choice="send"))
            assert found.screen in (ScreenId.DANGER, ScreenId.LOOK_UP, ScreenId.FOUND)


@pytest.mark.parametrize("untrusted", [b"", b"\xff", b"a=" + b"b" * BODY_BYTES_MOST, b"&" * 100, b"a=1&" * 100, b"%%%"])
def test_what_is_no_form_is_a_new_beginning(untrusted: bytes) -> None:
    """Empty, not ASCII, too long, too many fields, nonsense."""
    assert read(untrusted) == NEW


def test_too_long_a_form_is_none_even_if_its_beginning_is_one() -> None:
    """What lies beyond the bound is not just cut off."""
    assert read(body(SENT, words="x" * BODY_BYTES_MOST)) == NEW


def test_words_lose_what_a_keyboard_does_not_type() -> None:
    """Control characters and marks of direction become blanks, lines end in one way; letters of any script stay."""
    assert clean_words(" a\r\nb\rc\x00d\u202ee\u2066 ") == "a\nb\nc d e"
    assert clean_words("Łódź ‌سلام 🔒") == "Łódź  سلام 🔒"


names = st.sampled_from(["form", "ticket", "screen", "history", "page", "code", "unsent", "digest", "words", "choice"])
flags = st.sampled_from(
    ["named", "taken-back", "tried", "unsure", "typed-failed", "language", *(f"a-{name}" for name in ANSWERS)]
)
values = st.one_of(
    st.sampled_from(["", "1", "yes", "no", "not-sure", "me", "today", "truths,who", "shown", FORM.hex(), "d" * 64]),
    st.sampled_from([screen.value for screen in ScreenId]),
    st.text(max_size=8),
)


@given(st.dictionaries(names | flags | st.text(max_size=4), values, max_size=16), st.sampled_from(PAGES))
def test_any_form_makes_a_state_that_the_talk_can_be_in(fields: dict[str, str], page: TalkForm) -> None:
    """Whatever is changed of whichever page: a form, a state, answers to offer; danger has been asked about wherever
    something could be sent, and what is carried on is read again as it is."""
    found = read(urlencode({**page.hidden(), **fields}, errors="replace").encode())
    for policy in (secondary(), young()):
        state = state_of(found, policy, language="en", now_ms=5_000)
        offered(state, policy, 5_000)
        assert state.answers.danger or state.screen in (ScreenId.DANGER, ScreenId.LOOK_UP, ScreenId.FOUND)
        assert (state.typed_failed or bool(failed_sendings(state))) == found.pending
    if found.form != FRESH:
        assert read(body(found, words=found.words, choice=found.choice, go=found.go)) == found


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form(untrusted: bytes) -> None:
    """Never an error; none of these has the nonce of a page."""
    assert read(untrusted) == NEW
