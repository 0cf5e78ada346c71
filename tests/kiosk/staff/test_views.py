"""Desk screens as boxes, measured in millimetres: nothing overlaps, nothing overflows, everything can be touched."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from kiosk.screen.fitting import fits
from kiosk.screen.layout import KEY_MM, NOTE_CAP_MM, PRIMARY_CAP_MM, TARGET_MM, Box, Display, Role
from kiosk.screen.text import Typesetter
from kiosk.screen.theme import THEMES, contrast
from kiosk.staff import views
from kiosk.staff.canvas import age_words
from kiosk.staff.scenes import Alerts, OpenLesson, Scene, StoryPage
from kiosk.staff.view_case import WORDS_CAP_MM
from kiosk.staff.view_phones import lessons_words
from tests.support.desk_scenes import every_scene

SCENES = every_scene()
TYPESETTER = Typesetter()
DISPLAYS = {
    "panel": Display(1280, 720, 154.2),
    "panel-coarse": Display(800, 480, 154.2),
    "panel-large-text": Display(1280, 720, 154.2, text_scale=1.6),
    "panel-left-handed": Display(1280, 720, 154.2, left_handed=True),
    "monitor": Display(1920, 1080, 344.0),
    "monitor-10-inch": Display(1920, 1080, 222.0, text_scale=1.3),
}

each_scene = pytest.mark.parametrize("name", list(SCENES))
each_display = pytest.mark.parametrize("display", list(DISPLAYS.values()), ids=list(DISPLAYS))


def boxes_of(scene: Scene, display: Display) -> list[Box]:
    return views.boxes(scene, display, TYPESETTER)


@each_scene
@each_display
def test_all_words_fit_and_are_large_enough(name: str, display: Display) -> None:
    """No word leaves its box; none is smaller than what a metre allows."""
    for box in boxes_of(SCENES[name], display):
        if box.text:
            assert fits(box, display, TYPESETTER), (box.id, box.text)
            assert box.cap_mm >= NOTE_CAP_MM, (box.id, box.cap_mm)


@each_scene
@each_display
def test_boxes_stand_on_the_page_and_do_not_overlap(name: str, display: Display) -> None:
    """Only a panel lies under other boxes."""
    boxes = boxes_of(SCENES[name], display)
    assert all(display.rect.holds(box.rect) for box in boxes)
    solid = [box for box in boxes if box.role is not Role.PANEL]
    for one, other in itertools.combinations(solid, 2):
        assert not one.rect.overlaps(other.rect), (one.id, other.id)


@each_scene
@each_display
def test_everything_to_touch_is_20_mm_and_unambiguous(name: str, display: Display) -> None:
    """Targets are at least 20 mm each way (keys 11.6 mm), reach a little below, and never share a point."""
    touchable = [box for box in boxes_of(SCENES[name], display) if box.hit is not None]
    assert touchable
    for box in touchable:
        assert box.hit is not None
        least = KEY_MM if box.role is Role.KEY else TARGET_MM
        assert box.hit.width >= display.mm(least), (box.id, box.hit.width / display.px_per_mm)
        assert box.hit.height >= display.mm(least), (box.id, box.hit.height / display.px_per_mm)
        assert box.hit.holds(box.rect) or box.role is Role.KEY
        assert box.speech or box.text
    for one, other in itertools.combinations(touchable, 2):
        assert one.hit is not None
        assert other.hit is not None
        assert not one.hit.overlaps(other.hit), (one.id, other.id)


@each_scene
def test_ids_are_unique(name: str) -> None:
    """A touch means one thing."""
    ids = [box.id for box in boxes_of(SCENES[name], DISPLAYS["panel"])]
    assert len(ids) == len(set(ids))


@each_scene
@pytest.mark.parametrize("theme", list(THEMES))
def test_all_text_has_a_contrast_of_seven_to_one(name: str, theme: str) -> None:
    """Ink on its ground, and bare words on the page."""
    look = THEMES[theme]
    for box in boxes_of(SCENES[name], DISPLAYS["panel"]):
        pair = look.pairs[box.tone]
        assert contrast(pair.ink, pair.ground if box.enabled else look.paper) >= 7.0, box.id


@pytest.mark.parametrize("name", ["one-danger", "many"])
def test_the_first_five_seconds_say_where_what_and_how(name: str) -> None:
    """Room, urgency, age, interpreter and "go quietly" stand on a locked desk; room and urgency at 4.8 mm or more."""
    boxes = {box.id: box for box in boxes_of(SCENES[name], DISPLAYS["panel"])}
    assert boxes["room"].text == "Room 12"
    assert boxes["urgency"].text == "DANGER NOW"
    assert min(boxes["room"].cap_mm, boxes["urgency"].cap_mm) >= PRIMARY_CAP_MM
    assert "Interpreter: Urdu" in boxes["place"].text
    assert boxes["how"].text == "Go quietly. Don't ask who."
    assert boxes["age"].text.endswith(" ago")
    assert {"have-it", "going", "with-them", "pass-on"} <= boxes.keys()


@pytest.mark.requirement("S10")
@pytest.mark.parametrize("name", ["quiet", "quiet-trouble", "one-danger", "many", "noticed", "unreadable", "trouble"])
def test_a_locked_desk_shows_no_story(name: str) -> None:
    """No category, name or words of a learner, and no way to the private page."""
    words = " ".join(f"{box.id} {box.text} {box.speech}" for box in boxes_of(SCENES[name], DISPLAYS["panel"])).lower()
    assert not re.search(r"pictures|sam t|group chat|private|self-harm|hurt", words)


def test_no_word_of_a_case_is_cut_off() -> None:
    """Turning the pages of a story shows all facts and all words, and the guidance stands on the first."""
    scene = SCENES["story"]
    seen: list[str] = []
    for page in range(6):
        turned = views.boxes(_turned(scene, page), DISPLAYS["panel"], TYPESETTER)
        seen += [box.text for box in turned if box.id in ("facts", "words", "guidance")]
    text = " ".join(" ".join(seen).split())
    assert "…" not in text
    for words in ("Where to meet: At break", "Now: ", "They made a group chat", "Please do not tell my mum."):
        assert words in text


def test_a_message_in_arabic_letters_is_paged_by_its_own_taller_lines() -> None:
    """What a learner writes in Arabic or Urdu stands on as many pages as it needs, at the size of everybody's words."""
    scene = SCENES["story"]
    assert isinstance(scene, StoryPage)
    assert scene.view is not None
    message = " ".join(["كتبوا عني كلاما مؤذيا في المجموعة ولا أعرف ماذا أفعل الآن."] * 40)
    scene = replace(scene, view=replace(scene.view, words=(message,)))
    pages = [views.boxes(replace(scene, page=page), DISPLAYS["panel"], TYPESETTER) for page in range(1, 6)]
    shown = {box.text: box for page in pages for box in page if box.id == "words"}
    assert len(shown) > 1
    for box in shown.values():
        assert fits(box, DISPLAYS["panel"], TYPESETTER)
        assert box.cap_mm == WORDS_CAP_MM


def _turned(scene: Scene, page: int) -> Scene:
    assert isinstance(scene, StoryPage)
    return replace(scene, page=page)


def test_every_waiting_line_can_be_reached() -> None:
    """With more lines than tiles, "more" turns them all over."""
    scene = SCENES["many"]
    assert isinstance(scene, Alerts)
    shown: set[bytes] = set()
    for first in range(len(scene.rows)):
        turned = replace(scene, first=first)
        shown |= views.visible_reports(turned, boxes_of(turned, DISPLAYS["panel"]))
    assert shown == {report for row in scene.rows for report in row.line.reports}


def test_only_what_is_drawn_counts_as_displayed() -> None:
    """On the small panel some lines wait behind "more": those are not visible yet."""
    scene = SCENES["many"]
    assert isinstance(scene, Alerts)
    visible = views.visible_reports(scene, boxes_of(scene, DISPLAYS["panel"]))
    everything = {report for row in scene.rows for report in row.line.reports}
    assert set(scene.rows[scene.focus].line.reports) <= visible < everything
    assert views.visible_reports(SCENES["quiet"], boxes_of(SCENES["quiet"], DISPLAYS["panel"])) == frozenset()


def words_of(name: str) -> dict[str, str]:
    return {box.id: box.text for box in boxes_of(SCENES[name], DISPLAYS["panel"])}


@pytest.mark.requirement("B4")
@pytest.mark.parametrize(
    ("scene", "title", "also"),
    [
        ("phones Room 9", "No lesson open.", "permitted times"),
        ("phones Room 12", "Open until 09:03.", "ends by itself"),
        ("phones Room 3", "Open.", "ends by itself"),
        ("phones Science laboratory 2, upper corridor", "Asked: 45 min.", "Waiting for the kiosk"),
        ("phones Library", "No answer yet.", "The kiosk may be off."),
        ("phones Room 2", "No answer yet.", "It says: open until 09:16."),
        ("phones Sports hall", "Not opened.", "Ask again"),
        ("phones Common room", "Asked to end.", "It says: open until 08:38."),
        ("phones Workshop", "Not heard now.", "Its last word: open until 08:46."),
        ("phones Staff entrance", "No Wi-Fi for phones.", "Choose another"),
    ],
)
def test_a_lesson_is_called_what_the_kiosk_has_said(scene: str, title: str, also: str) -> None:
    """Asked, open, not answered and not heard are four different things on the page."""
    words = words_of(scene)
    assert words["phones-now"] == title
    assert also in words["phones-how"]


@pytest.mark.parametrize(
    ("name", "ends"), [("phones Room 12", True), ("phones Library", True), ("phones Room 9", False)]
)
def test_what_is_open_or_asked_can_be_ended(name: str, ends: bool) -> None:
    """And where nothing is open nobody is offered to end it."""
    assert ("lesson:0" in words_of(name)) == ends


@pytest.mark.parametrize("name", ["phones Workshop", "phones Staff entrance"])
def test_nothing_can_be_asked_of_a_kiosk_that_cannot_do_it(name: str) -> None:
    """The lengths stand there, and a touch on them means nothing."""
    boxes = boxes_of(SCENES[name], DISPLAYS["panel"])
    lengths = [box for box in boxes if box.id.startswith("lesson:")]
    assert len(lengths) >= 4
    assert all(box.hit is None and not box.enabled for box in lengths)


@pytest.mark.requirement("B4")
def test_home_says_where_phones_are_on_line_and_stays_calm() -> None:
    """One line while a lesson is open, rooms by name up to two; none of it on a site without phones."""
    assert words_of("quiet-lesson")["calm-phones"] == "Phones: open in Room 12 until 09:03"
    assert words_of("quiet-lessons-trouble")["calm-phones"] == "Phones: open in 4 rooms"
    two = (OpenLesson("Room 1", "11:40"), OpenLesson("Hall", ""))
    assert lessons_words(two) == "Phones: open in Room 1 until 11:40, in Hall"
    assert "calm-phones" not in words_of("quiet-phones")
    assert "page:phones" in words_of("quiet-phones")
    assert "page:phones" not in words_of("quiet")


def test_beside_alerts_phones_take_no_room_and_are_still_found() -> None:
    """On the small panel the list of alerts keeps its place; the way leads over "Duty"."""
    assert "page:phones" in words_of("one-from-a-phone")
    assert "page:phones" not in words_of("phone-and-room")
    assert "page:phones" in words_of("duty-phones")
    assert "page:phones" in {box.id for box in boxes_of(SCENES["phone-and-room"], DISPLAYS["monitor"])}


def test_what_was_asked_here_is_listed_with_time_and_room_and_no_name() -> None:
    """The last five; of days that are past how long ago, because a time of day would mislead."""
    lines = [words for id, words in words_of("phones").items() if id.startswith("log-") and id != "log-title"]
    assert lines[:2] == ["08:25 · 45 min · Room 12", "08:16 · 15 min · Room 9"]
    assert lines[3] == "24 h ago · End · Library"
    assert lines[4].startswith("3 days ago · 30 min · Sp")
    assert words_of("phones-none-asked")["log-title"] == "Nothing asked here yet"


@pytest.mark.requirement("L9")
def test_a_report_from_a_phone_sends_nobody_to_a_room() -> None:
    """The card says that it came from a phone and that the place is not known; the story says who, and how."""
    card = words_of("one-from-a-phone")
    assert card["room"] == "Phone, BYOD Wi-Fi"
    assert card["place"] == "Interpreter: Arabic · Ask where"
    assert card["how"] == "Read it: it may say where to meet."
    assert "Room 12" not in " ".join(card.values())
    assert (
        "Reported by: A visitor · on a phone\nPlace: Not known. Ask where." in words_of("story-from-a-phone")["facts"]
    )


@pytest.mark.parametrize(
    ("age_ms", "words"),
    [
        (0, "0:00 ago"),
        (18_000, "0:18 ago"),
        (725_000, "12:05 ago"),
        (3_600_000, "1 h ago"),
        (200_000_000, "2 days ago"),
    ],
)
def test_ages_are_read_at_a_glance(age_ms: int, words: str) -> None:
    """Minutes and seconds while it is fresh, then hours, then days."""
    assert age_words(age_ms) == words
