"""The demo's phone reads pages as a person does and presses what is there; where it stands is decided and said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from firmware.errors import TechnicianError
from kiosk.demo import ground as grounds
from kiosk.demo.ground import LabGround, LoopbackGround, Page, choose_ground
from kiosk.demo.persona import Persona, see
from kiosk.demo.pictures import Camera
from kiosk.rehearsal import NotReached

OWN = "http://portal.example/"
RULES = """<!doctype html><html><head><title>not read aloud</title><link rel="icon" href="x"></head><body>
<svg><path d="M1 1"/><circle r="1"/></svg>
<a href="/cy/" hreflang="cy"><bdi>Cymraeg</bdi></a> <a href="/en/privacy">Your privacy</a>
<h1>Your  device</h1><p>Be kind<br>to others</p>
<form method="post" action="/en/accept"><input type="hidden" name="aup" value="ab&amp;c">
<button>I will keep to this</button></form>
<form action="/en/talk"><button name="choice" value="no">No</button><button name="go" value="look">Look</button></form>
</body></html>"""


class Pages:
    """Answers from a table, and remembers what was asked."""

    way, own = "", OWN

    def __init__(self, pages: Iterable[tuple[str, Page]]) -> None:
        self.pages = dict(pages)
        self.asked: list[tuple[str, Mapping[str, str] | None]] = []

    def make(self) -> None:
        """Nothing to make."""

    def portal_words(self) -> Sequence[str]:
        return ()

    def open(self, kiosk: Path) -> None:
        """Nothing to start."""

    def fetch(self, url: str, form: Mapping[str, str] | None = None) -> Page:
        self.asked.append((url, form))
        return self.pages.get(url, Page(url, 0, "", "", form is not None))

    def command(self, words: Sequence[str]) -> list[str]:
        return list(words)

    def close(self) -> None:
        """Nothing to end."""


def page(path: str, body: str = "", *, status: int = 200, location: str = "") -> tuple[str, Page]:
    return OWN + path, Page(OWN + path, status, location, body, False)


def test_a_page_is_read_as_a_person_reads_it() -> None:
    """Heading, words, forms with what is hidden in them, and languages; not the title, nor other links."""
    sight = see(Page(OWN, 200, "", RULES, False))
    assert sight.heading == "Your device"
    assert "Be kind to others" in sight.words
    assert "not read aloud" not in sight.words
    assert sight.languages == {"cy": "Cymraeg"}
    assert [(form.action, form.fields, len(form.buttons)) for form in sight.forms] == [
        ("/en/accept", {"aup": "ab&c"}, 1),
        ("/en/talk", {}, 2),
    ]


def test_a_button_sends_its_own_form_and_the_answer_is_followed() -> None:
    """What is hidden goes with it, another form's fields do not, and a 303 is looked at."""
    ground = Pages([page("", RULES), page("en/accept", status=303, location="/en/online"), page("en/online", "<h1>On")])
    phone = Persona(ground)
    phone.open()
    assert phone.press().heading == "On"
    assert ground.asked[1:] == [(OWN + "en/accept", {"aup": "ab&c"}), (OWN + "en/online", None)]
    phone.open()
    ground.pages[OWN + "en/talk"] = Page(OWN + "en/talk", 200, "", "<h1>Talk", True)
    phone.press("look", words="hello")
    assert ground.asked[-1] == (OWN + "en/talk", {"go": "look", "words": "hello"})


def test_a_button_that_is_not_there_ends_the_journey() -> None:
    """With what the phone shows instead."""
    phone = Persona(Pages([page("", RULES)]))
    phone.open()
    with pytest.raises(NotReached, match=r"the button yes did not come; it shows 200 .*Be kind"):
        phone.press("yes")


def test_a_portal_that_is_gone_ends_the_journey() -> None:
    """No answer is no page."""
    with pytest.raises(TechnicianError, match="does not answer"):
        Persona(Pages([])).open()


def test_what_comes_too_late_ends_the_journey() -> None:
    """Waiting has an end, and says what was waited for."""
    phone = Persona(Pages([page("", RULES)]))
    with pytest.raises(NotReached, match="the lesson did not come"):
        phone.wait_for(lambda sight: False, "the lesson", phone.open, seconds=0)


def test_the_ground_is_chosen_by_what_this_machine_can_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root with every program gets a network of its own; whoever does not is told in one line what is missing."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(grounds, "find_program", lambda name: f"/usr/bin/{name}")
    assert isinstance(choose_ground("auto", tmp_path), LabGround)
    assert choose_ground("loopback", tmp_path).way.endswith("with a gate that keeps nobody out.")
    monkeypatch.setattr(grounds, "find_program", lambda name: None if name == "dnsmasq" else f"/usr/bin/{name}")
    found = choose_ground("auto", tmp_path)
    assert isinstance(found, LoopbackGround)
    assert found.way.endswith("; for a network of its own: apt install dnsmasq-base.")
    assert len(found.way.splitlines()) == 1
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "as root" in choose_ground("auto", tmp_path).way
    with pytest.raises(TechnicianError, match="--network namespaces: cannot be had here; as root"):
        choose_ground("namespaces", tmp_path)


def test_without_a_browser_the_demo_goes_on_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, no picture, no error."""
    monkeypatch.setattr("kiosk.demo.pictures.find_program", lambda name: None)
    said: list[str] = []
    camera = Camera(Pages([]), tmp_path / "browser", said.append)
    for name in ("one.png", "two.png"):
        camera.take(Page(OWN, 200, "", RULES, False), tmp_path / name)
    assert said == ["No pictures of the phone: apt install chromium"]
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_makes_no_picture_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken Chromium costs a line, not the demo."""
    monkeypatch.setattr("kiosk.demo.pictures.find_program", lambda name: "/bin/false")
    said: list[str] = []
    camera = Camera(Pages([]), tmp_path / "browser", said.append)
    for name in ("one.png", "two.png"):
        camera.take(Page(OWN, 200, "", RULES, True), tmp_path / name)
    assert said == ["No more pictures of the phone: /bin/false made none"]
    # The answer to a form was handed to it as a file that finds its style.
    assert f'<head><base href="{OWN}">' in (tmp_path / "browser" / "page.html").read_text(encoding="utf-8")
