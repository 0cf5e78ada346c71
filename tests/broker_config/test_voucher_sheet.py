"""The sheet of vouchers: what is on each card, that it prints, and that its codes can be scanned."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import sync_playwright

from broker_config.enrol import site
from broker_config.network_plan import NetworkPlan
from broker_config.site_portal import PrintedVoucher, make_portal
from broker_config.voucher_sheet import CARDS_A_PAGE, SheetPlace, voucher_address, voucher_sheet
from firmware.byod import Audience
from firmware.errors import QuietbellError
from firmware.network_settings import Mode
from firmware.passphrase import load_words
from firmware.vouchers import MINUTES, VOUCHER_WORDS, Voucher, make_words, read_words
from tests.support.site import MadeSite, device_of, make_site

KEY = bytes(range(32))
PLACE = SheetPlace("Hill School", "wifi.hill.uk", True, "Hill BYOD")
CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt install chromium)")
# As long as a site and its network can be called, and a long name for a portal.
LONGEST = SheetPlace(
    "The Community Academy Trust for Learning, Making & Music (North)",
    "wifi.hill-school-byod.academytrust.sch.uk",
    True,
    "Hill School & Friends: own phone",
)


def printed(count: int, **changed: Any) -> tuple[PrintedVoucher, ...]:
    facts: dict[str, Any] = {
        "audience": Audience.VISITOR,
        "last_day": date(2026, 12, 18),
        "minutes": 240,
        "devices": 1,
        **changed,
    }
    vouchers = [Voucher(**facts, serial=serial) for serial in range(count)]
    return tuple(PrintedVoucher(voucher, make_words(voucher, KEY)) for voucher in vouchers)


class Cards(HTMLParser):
    """The text of each card, and what the file would load from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cards: list[list[str]] = []
        self.pages = 0
        self.loads: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        self.pages += ("class", "page") in attributes
        self.loads += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "data", "action")]
        self.loads += [tag] if tag in ("script", "link", "iframe", "object", "base", "form") else []
        if tag == "article":
            self.cards.append([])
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "article"

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.cards[-1].append(" ".join(data.split()))


@pytest.mark.requirement("B9", "B10")
def test_a_card_says_all_that_a_guest_needs() -> None:
    """Whose network, for whom, six words in order, how long, until when, on how many devices, how, and whom to ask."""
    made = printed(1)
    (card,) = Cards(voucher_sheet(PLACE, made)).cards
    assert card[:2] == ["Hill School", "Wi-Fi for visitors"]
    assert tuple(card[2 : 2 + VOUCHER_WORDS]) == made[0].words
    rest = " ".join(card[2 + VOUCHER_WORDS :])
    for said in ("4 hours", "Devices 1", "Valid until Fri 18 December 2026", "Hill BYOD", "wifi.hill.uk/en/voucher"):
        assert said in rest
    assert rest.endswith("Something unclear? Ask at reception. 0000")


@pytest.mark.parametrize(
    ("minutes", "words"), [(15, "15 minutes"), (60, "1 hour"), (90, "90 minutes"), (150, "2½ hours"), (720, "12 hours")]
)
def test_lengths_of_time_in_words(minutes: int, words: str) -> None:
    """Short ones in minutes, longer ones in hours and halves."""
    assert words in Cards(voucher_sheet(PLACE, printed(1, minutes=minutes))).cards[0]


@pytest.mark.parametrize("minutes", MINUTES)
def test_every_length_of_time_is_told_exactly(minutes: int) -> None:
    """What the card says is what the words carry, for each length that there is."""
    (card,) = Cards(voucher_sheet(PLACE, printed(1, minutes=minutes))).cards
    said = card[card.index("From first use") + 1]
    number, unit = said.split()
    told = float(number.replace("½", ".5"))
    assert told * (60 if unit.startswith("hour") else 1) == minutes


def test_the_file_stands_by_itself() -> None:
    """Nothing is loaded from anywhere, no script runs, and the file forbids both: it is printed off-line."""
    text = voucher_sheet(PLACE, printed(3))
    assert Cards(text).loads == []
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert "@import" not in text
    assert re.findall(r"url\(", text) == []


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (CARDS_A_PAGE, 1), (CARDS_A_PAGE + 1, 2), (200, 34)])
def test_cards_go_on_pages(count: int, pages: int) -> None:
    """Six a page; the last page may be short."""
    cards = Cards(voucher_sheet(PLACE, printed(count)))
    assert (len(cards.cards), cards.pages) == (count, pages)


def test_names_are_only_names() -> None:
    """A school or network whose name is mark-up is shown by it, not run."""
    place = SheetPlace("<script>alert(1)</script> & {title}", "wifi.hill.uk", False, "<b>{x}</b>")
    cards = Cards(voucher_sheet(place, printed(1)))
    assert cards.loads == []
    assert cards.cards[0][0] == "<script>alert(1)</script> & {title}"
    assert "<b>{x}</b>" in cards.cards[0]


def test_the_address_is_secure_only_when_the_portal_is() -> None:
    """HTTPS where the name is publicly valid, else HTTP: a phone would show a warning otherwise."""
    assert voucher_address(PLACE, ("a", "b")) == "https://wifi.hill.uk/en/voucher?w=a-b"
    assert voucher_address(SheetPlace("H", "wifi.hill.uk", False, ""), ("a", "b")).startswith("http://wifi.hill.uk/")


@needs_chromium
@pytest.mark.requirement("B9")
def test_codes_can_be_scanned(tmp_path: Path) -> None:
    """A scanner that is not ours reads from the sheet, as a browser draws it, every card's address with its words."""
    scanner = shutil.which("zbarimg")
    if scanner is None:
        pytest.skip("zbarimg is not installed (apt install zbar-tools)")
    made = printed(CARDS_A_PAGE)
    picture = tmp_path / "sheet.png"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 820, "height": 1240}, device_scale_factor=1.5)
        page.set_content(voucher_sheet(PLACE, made))
        page.screenshot(path=picture, full_page=True)
        browser.close()
    scanned = subprocess.run([scanner, "-q", "--raw", picture], capture_output=True, text=True, check=True).stdout
    assert set(scanned.split()) == {voucher_address(PLACE, each.words) for each in made}
    for address in scanned.split():
        assert read_words(address.partition("?w=")[2], KEY).audience is Audience.VISITOR


@needs_chromium
def test_every_card_fits_its_place_on_paper(tmp_path: Path) -> None:
    """With the longest words, school, host and network nothing is cut off or overlaps, and A4 takes six cards."""
    widest = sorted(load_words(), key=lambda word: (-len(word), -sum(letter in "mw" for letter in word)))
    made = [
        PrintedVoucher(voucher.voucher, tuple(widest[at * VOUCHER_WORDS : (at + 1) * VOUCHER_WORDS]))
        for at, voucher in enumerate(printed(8, last_day=date(2026, 9, 30), minutes=90, devices=8))
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 820, "height": 1240})
        page.set_content(voucher_sheet(LONGEST, made))
        cut = page.eval_on_selector_all(
            ".card, .card *",
            "all => all.filter(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0"
            " || one.matches('.card') && one.scrollHeight > one.clientHeight + 1).map(one => one.className)",
        )
        pdf = tmp_path / "sheet.pdf"
        page.pdf(path=pdf, prefer_css_page_size=True)
        browser.close()
    assert cut == []
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes())) == 2


# ---------------------------------------------------------------- by command


@pytest.fixture
def made(tmp_path: Path) -> MadeSite:
    """A site with two portals."""
    plan = NetworkPlan(
        mode=Mode.BEHIND,
        host="wifi.hill.uk",
        client_interface="eth1",
        uplink_interface="eth0",
        address4="10.20.0.1/22",
        resolvers=("10.0.0.53",),
    )
    return make_site(tmp_path, kiosks=2, people=(), portal=plan)


def words_for(made: MadeSite, *more: str) -> list[str]:
    until = datetime.now(UTC).date() + timedelta(days=30)
    asked = ["--audience", "visitor", "--minutes", "240", "--until", f"{until}"]
    return ["vouchers", str(made.folder), *asked, *more]


def refused(words: Sequence[str]) -> str:
    error = CliRunner().invoke(site, list(words)).exception
    assert isinstance(error, QuietbellError), error
    assert str(error).isprintable()
    return str(error)


@pytest.mark.requirement("B9", "T6")
def test_a_sheet_by_command(made: MadeSite, tmp_path: Path) -> None:
    """One command writes a sheet that its owner alone can read, with vouchers that the site's key made."""
    out = tmp_path / "sheet.html"
    result = CliRunner().invoke(site, words_for(made, "--count", "12", "--out", str(out)))
    assert (result.exit_code, result.exception) == (0, None)
    assert "4084 more can be made with this key" in result.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    key = made.site.voucher_key()
    assert key is not None
    cards = Cards(out.read_text()).cards
    assert [read_words(" ".join(card[2 : 2 + VOUCHER_WORDS]), key).serial for card in cards] == list(range(12))
    assert not any(word in result.output.split() for card in cards for word in card[2 : 2 + VOUCHER_WORDS])


def test_a_sheet_is_never_made_over_another(made: MadeSite, tmp_path: Path) -> None:
    """What is there stays, and no serial is used."""
    out = tmp_path / "sheet.html"
    out.write_text("a sheet of yesterday")
    assert refused(words_for(made, "--out", str(out))).startswith(f"--out: {out}: is there already: choose a new name")
    assert (out.read_text(), made.site.book.voucher_count().made) == ("a sheet of yesterday", 0)


def test_several_portals_are_told_apart(made: MadeSite, tmp_path: Path) -> None:
    """When two portals have different names the cards need one of them; a wrong one is refused with the right ones."""
    plan = NetworkPlan(
        mode=Mode.BEHIND,
        host="wifi.annexe.uk",
        client_interface="eth1",
        uplink_interface="eth0",
        address4="10.30.0.1/22",
        resolvers=("10.0.0.53",),
    )
    make_portal(made.site, device_of(made.kiosks[1]), plan)
    out = ["--out", str(tmp_path / "sheet.html")]
    assert refused(words_for(made, *out)).endswith("several portals: use one of wifi.annexe.uk, wifi.hill.uk")
    line = refused(words_for(made, *out, "--host", "wifi.hall.uk"))
    assert line.startswith("--host: no portal that lets anybody on-line has this name: use one of wifi.annexe.uk")
    result = CliRunner().invoke(site, words_for(made, *out, "--host", "wifi.annexe.uk"))
    assert result.exit_code == 0
    assert "wifi.annexe.uk/en/voucher" in (tmp_path / "sheet.html").read_text()


def test_a_past_day_is_refused_by_command(made: MadeSite, tmp_path: Path) -> None:
    """Yesterday's vouchers are not made; the sheet is not written."""
    words = words_for(made, "--out", str(tmp_path / "sheet.html"))
    words[words.index("--until") + 1] = "2026-01-05"
    assert refused(words).startswith("--until: 2026-01-05: give a day from today, ")
    assert not (tmp_path / "sheet.html").exists()
