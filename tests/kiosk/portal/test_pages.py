"""Pages: languages without a cookie, what each answer tells a browser, one sheet, pictures in the page."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from starlette.requests import Request

from kiosk.portal.pages import HEADERS, Pages, PortalFacts, choose_language, template_sentences
from kiosk.screen.theme import contrast

FACTS = PortalFacts("Demo School", "portal.school.example", "Demo-BYOD", secure=True, languages=("en", "en-x-easy"))
# Ground and ink of every pair of words that the sheet paints.
PAIRS = (
    ("paper", "ink"),
    ("paper", "soft"),
    ("paper", "primary"),
    ("plain", "ink"),
    ("plain", "soft"),
    ("plain", "primary"),
    ("calm", "calm-ink"),
    ("calm", "primary"),
    ("primary", "primary-ink"),
    ("urgent", "urgent-ink"),
    ("trouble", "trouble-ink"),
)


def asked(
    path: str = "/en/", *, host: str = "portal.school.example", scheme: str = "http", lang: str = "", accept: str = ""
) -> Request:
    """A request as the server hands it in."""
    headers = [(b"host", host.encode()), (b"accept-language", accept.encode())]
    bare, _, query = path.partition("?")
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": scheme,
            "path": bare,
            "query_string": query.encode(),
            "headers": headers,
            "path_params": {"lang": lang} if lang else {},
            "server": (host, 443 if scheme == "https" else 80),
        }
    )


def page(request: Request) -> str:
    return bytes(Pages(FACTS).html("help.html", request, survey=True).body).decode()


def test_every_page_names_site_network_and_the_way_to_help() -> None:
    """Organisation, the Wi-Fi's name and "Talk to someone" stand on a page whatever it says."""
    text = page(asked(lang="en"))
    assert "Demo School" in text
    assert "Wi-Fi: Demo-BYOD" in text
    assert '<a href="/en/talk">' in text


def test_an_answer_is_kept_by_nobody_and_runs_nothing() -> None:
    """No store, no script, no referrer, no cookie, and the connection ends."""
    answer = Pages(FACTS).html("help.html", asked(lang="en"), status=404, survey=True)
    assert answer.status_code == 404
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "set-cookie" not in answer.headers
    assert "<script" not in bytes(answer.body).decode()


def test_language_is_the_paths() -> None:
    """The prefix decides, and the page says which language it is in."""
    text = page(asked("/en-x-easy/rules", lang="en-x-easy", accept="en"))
    assert '<html lang="en-x-easy" dir="ltr">' in text
    assert '<a href="/en/rules" hreflang="en"><bdi lang="en">English</bdi></a>' in text


def test_an_unknown_prefix_is_answered_in_the_browsers_language() -> None:
    """Nobody gets stuck on a mistyped prefix."""
    assert Pages(FACTS).language_of(asked("/xx/", lang="xx", accept="en-x-easy")) == "en-x-easy"


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "en"),
        ("cy", "cy"),
        ("cy-GB, en;q=0.5", "cy"),
        ("en;q=0.4, ar;q=0.9", "ar"),
        ("fr, de;q=0.8", "en"),
        ("fr, ar;q=0.1", "ar"),
        ("ar;q=0, cy;q=0.1", "cy"),
        ("*", "en"),
        (",,;q=;;ar;q=9", "en"),
        ("en-x-easy", "en-x-easy"),
    ],
)
def test_the_browsers_wish_is_followed(header: str, chosen: str) -> None:
    """By weight, then by order; a region falls back to its language, the unknown to the site's first."""
    assert choose_language(header, ("en", "cy", "ar", "en-x-easy")) == chosen


@given(st.text(max_size=300))
def test_any_header_chooses_one_of_ours(untrusted: str) -> None:
    """Whatever a browser says, the page is in a language that is here."""
    assert choose_language(untrusted, ("en", "ar")) in {"en", "ar"}


def test_what_came_in_an_address_is_never_markup() -> None:
    """A query comes back only as text of a link, and a long one not at all."""
    text = page(asked('/en/voucher?w="><script>alert(1)</script>', lang="en"))
    assert "<script" not in text
    assert "x" * 300 not in page(asked("/en/voucher?w=" + "x" * 300, lang="en"))


@pytest.mark.parametrize(
    ("scheme", "host", "secure"),
    [
        ("https", "portal.school.example", True),
        ("http", "portal.school.example", False),
        ("https", "10.20.0.1", False),
        ("https", "portal.school.example.evil.example", False),
    ],
)
def test_secure_means_the_valid_name_over_https(scheme: str, host: str, secure: bool) -> None:
    """Free text hangs on this: an address, another name or plain HTTP is not enough."""
    assert Pages(FACTS).secure(asked(scheme=scheme, host=host)) is secure


def test_without_a_valid_certificate_nothing_is_secure() -> None:
    """A certificate that browsers cannot verify does not count, even on the right name."""
    facts = PortalFacts("Demo School", "portal.school.example", "", secure=False, languages=("en",))
    assert not Pages(facts).secure(asked(scheme="https"))


def test_the_sheet_is_named_by_its_content_and_may_be_kept() -> None:
    """Pages are never kept, the sheet is; it carries no comments to phones."""
    pages = Pages(FACTS)
    answer = pages.sheet()
    assert re.fullmatch(r"/static/style-[0-9a-f]{12}\.css", pages.style_path)
    assert "max-age" in answer.headers["Cache-Control"]
    assert b"/*" not in bytes(answer.body)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ground", "ink"), PAIRS)
def test_words_stand_out(scheme: str, ground: str, ink: str) -> None:
    """Each pair of colours of the sheet has a contrast of at least 7:1, by day and by night."""
    colours = _colours(scheme)
    assert contrast(colours[ground], colours[ink]) >= 7


def test_the_sheet_mirrors_by_itself() -> None:
    """No left and no right stand in the sheet: a page from right to left needs no second one."""
    text = Pages(FACTS).style.decode()
    assert not re.search(r"(?<![\w-])(margin|padding|border|inset)-(left|right)|text-align: (left|right)", text)
    assert not re.search(r"(?<![\w-])(left|right|width|height):", text)


def test_a_forgotten_fact_is_an_error_not_a_gap() -> None:
    """A template that asks for what nobody handed in fails in a test, not silently on a phone."""
    with pytest.raises(UndefinedError):
        Pages(FACTS).html("help.html", asked(lang="en"))


def test_templates_tell_their_sentences() -> None:
    """Whoever translates finds every sentence of the templates, and no template shows words that go round `say`."""
    found = template_sentences()
    assert "Talk to someone" in found
    for template in Path(str(resources.files("kiosk.portal") / "templates")).glob("*.html"):
        words = re.sub(
            r"\{[{%#].*?[}%#]\}|<style.*?</style>|<[^>]*>", "", template.read_text(encoding="utf-8"), flags=re.S
        )
        assert not re.search(r"[A-Za-z]{2}", words), template.name


def _colours(scheme: str) -> dict[str, tuple[int, int, int]]:
    text = (resources.files("kiosk.portal") / "static" / "style.css").read_text(encoding="utf-8")
    block = text.split("prefers-color-scheme: dark")[1 if scheme == "dark" else 0].split("@media")[0]
    found = re.findall(r"--([a-z-]+): #([0-9a-f]{6});", block)
    return {name: (int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for name, code in found}
