"""The learner's screens, measured in millimetres: every page, part, panel and text scale."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from kiosk.learner import view as ids
from kiosk.learner.tile_words import TILE_WORDS
from kiosk.learner.view import LearnerView
from kiosk.learner.views import boxes, parts
from kiosk.screen.fitting import BARE, fits
from kiosk.screen.layout import KEY_MM, NOTE_CAP_MM, PRIMARY_CAP_MM, TARGET_MM, Box, Display, Role, touched
from kiosk.screen.paint import snapshot
from kiosk.screen.pictures import Pictures
from kiosk.screen.text import Typesetter
from kiosk.talk.pages import Page
from kiosk.talk.pictures import PICTURES
from kiosk.talk.questions import CATEGORIES, SCREENS, STRIP
from tests.support.talk_pages import TYPED, views

VIEWS = views()
TALK = sorted(name for name, view in VIEWS.items() if isinstance(view.page, Page))
PANELS = {
    "800x480": Display(800, 480, 154.1),
    "1280x720": Display(1280, 720, 154.2),
    "portrait": Display(720, 1280, 86.7),
}
SCALES = (1.0, 1.3, 1.6)
TYPESETTER = Typesetter()
PIXEL_MM = 0.2
"""Half a pixel of the coarsest panel, rounded up: lengths are whole pixels."""

everywhere = [
    pytest.param(name, panel, scale, id=f"{name}-{panel}-{scale}")
    for name in sorted(VIEWS)
    for panel in PANELS
    for scale in SCALES
]


@cache
def pages(
    name: str, panel: str, scale: float = 1.0, right_to_left: bool = False, left_handed: bool = False
) -> list[tuple[Display, list[Box]]]:
    """Every part of one view on one panel."""
    display = replace(PANELS[panel], text_scale=scale, right_to_left=right_to_left, left_handed=left_handed)
    view = VIEWS[name]
    count = parts(view, display, TYPESETTER)
    return [(display, boxes(replace(view, part=part), display, TYPESETTER)) for part in range(count)]


@pytest.mark.parametrize(("name", "panel", "scale"), everywhere)
def test_every_target_is_large_and_alone(name: str, panel: str, scale: float) -> None:
    """Targets are at least 20 mm each way (keys 11.6), lie on the panel, hold their box and overlap no other."""
    for display, made in pages(name, panel, scale):
        targets = [(box, box.hit) for box in made if box.hit is not None]
        for number, (box, hit) in enumerate(targets):
            least = (KEY_MM if box.role is Role.KEY else TARGET_MM) - PIXEL_MM
            assert hit.width >= least * display.px_per_mm, (box.id, hit.width / display.px_per_mm)
            assert hit.height >= least * display.px_per_mm, (box.id, hit.height / display.px_per_mm)
            assert display.rect.holds(hit), box.id
            assert hit.holds(box.rect), box.id
            assert hit.bottom > box.rect.bottom, f"{box.id} does not reach down to a finger that lands low"
            overlapping = [other.id for other, its_hit in targets[:number] if its_hit.overlaps(hit)]
            assert overlapping == [], box.id


@pytest.mark.parametrize(("name", "panel", "scale"), everywhere)
def test_words_fit_and_can_be_read(name: str, panel: str, scale: float) -> None:
    """No words run out of their box or off the panel; what matters has capitals of 4.8 mm, nothing less than 3."""
    for display, made in pages(name, panel, scale):
        for box in made:
            assert display.rect.holds(box.rect), box.id
            if box.text and box.secret is None:
                assert fits(box, display, TYPESETTER), (box.id, box.text)
                assert box.cap_mm >= NOTE_CAP_MM, box.id
            if box.text and box.role in (Role.TITLE, Role.TEXT, Role.TILE, Role.PANEL, Role.KEY):
                assert box.cap_mm >= PRIMARY_CAP_MM, (box.id, box.cap_mm)


@pytest.mark.parametrize(("name", "panel", "scale"), everywhere)
def test_nothing_stands_on_anything_else(name: str, panel: str, scale: float) -> None:
    """Words on the page, tiles and controls never cover one another ("still there?" covers words, never a tile)."""
    for _, made in pages(name, panel, scale):
        solid = [box for box in made if box.id not in ("picture", "call-dot", "still-there")]
        for number, box in enumerate(solid):
            assert [other.id for other in solid[:number] if other.rect.overlaps(box.rect)] == [], box.id
        for over in (box for box in made if box.id == "still-there"):
            assert [box.id for box in made if box.hit and box.hit.overlaps(over.rect)] == []


@pytest.mark.parametrize(("name", "panel", "scale"), everywhere)
def test_everything_is_said_on_some_part(name: str, panel: str, scale: float) -> None:
    """Over its parts a page offers every option and says every sentence; each part leads on to the next."""
    page = VIEWS[name].page
    found = pages(name, panel, scale)
    ids_made = {box.id for _, made in found for box in made}
    if not isinstance(page, Page):
        assert {ids.OPTION + option.id for option in page.quiz_answers} <= ids_made
        return
    if VIEWS[name].languages:
        return
    assert {ids.OPTION + option.id for option in page.options} <= ids_made
    if len(found) > 1:
        assert all(any(box.id == ids.PART for box in made) for _, made in found[:-1])
    if page.field is None:
        said = " ".join(box.speech for _, made in found for box in made).replace("\u00a0", " ")
        wanted = [
            page.truth or page.title,
            page.duty,
            *page.body,
            *page.code,
            *(line.contact for line in page.help_lines),
        ]
        assert [text for text in wanted if text not in said] == []


@pytest.mark.parametrize("name", TALK)
@pytest.mark.parametrize("panel", PANELS)
def test_every_talk_page_has_its_way_out_and_its_honest_strip(name: str, panel: str) -> None:
    """Hide now (the widest control, in full-size words), back, and the strip stand on every part of every page."""
    for display, made in pages(name, panel):
        by_id = {box.id: box for box in made}
        assert by_id["strip"].text == STRIP
        hide = by_id[ids.HIDE]
        assert hide.cap_mm >= PRIMARY_CAP_MM
        assert hide.hit is not None
        assert hide.rect.width >= display.mm(34)
        assert hide.rect.top > display.height_px / 2
        assert by_id[ids.BACK].enabled == bool(VIEWS[name].page.back)  # type: ignore[union-attr]  # TALK holds pages


@pytest.mark.parametrize("name", ["danger", "adult", "head", "category", "send", "truths", "who", "pace", "meet"])
def test_first_part_of_a_question_holds_all_answers_at_normal_size(name: str) -> None:
    """At 100 % on the 7-inch panels nobody has to turn a page to find an answer."""
    for panel in ("800x480", "1280x720"):
        found = pages(name, panel)
        assert len(found) == 1, panel


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("scale", SCALES)
def test_danger_is_two_touches_at_any_size(panel: str, scale: float) -> None:
    """ "Yes, call the office" stands on the first part, whatever the size of words."""
    for name in ("danger", "danger-off-duty"):
        _, made = pages(name, panel, scale)[0]
        assert any(box.id == ids.OPTION + "yes" and box.hit for box in made)


@pytest.mark.parametrize("name", [name for name in TALK if name.startswith("truths")])
@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("scale", SCALES)
def test_the_truth_comes_first(name: str, panel: str, scale: float) -> None:
    """The first part of a truths page says what is true, with its shape, at every size."""
    _, made = pages(name, panel, scale)[0]
    page = VIEWS[name].page
    assert isinstance(page, Page)
    assert next(box.text for box in made if box.id == "truth").replace("\u00a0", " ") == page.truth
    assert any(box.id == "sign" for box in made) == (page.sign.value != "none")


@pytest.mark.parametrize("scale", SCALES)
def test_bigger_words_are_bigger(scale: float) -> None:
    """The questions that decide about help stand at the full text scale, truths at most a seventh below it."""
    for name, share in (("danger", 1.0), ("send", 1.0), ("adult", 1.0), ("truths", 0.85)):
        _, made = pages(name, "1280x720", scale)[0]
        head = next(box for box in made if box.id in ("title", "truth"))
        assert head.cap_mm >= PRIMARY_CAP_MM * scale * share - 0.01, name


@pytest.mark.parametrize("name", ["danger", "truths-stored", "tip-odd-message", "typing-shown"])
def test_left_hand_and_right_to_left_are_mirrors(name: str) -> None:
    """A left hand finds every control where a right hand has it, mirrored; keys stay; a language that runs from
    right to left mirrors as well, and both together turn over twice."""
    for (display, right), (_, left), (_, rtl), (_, both) in zip(
        pages(name, "1280x720"),
        pages(name, "1280x720", left_handed=True),
        pages(name, "1280x720", right_to_left=True),
        pages(name, "1280x720", right_to_left=True, left_handed=True),
        strict=True,
    ):
        assert [box.rect for box in left] == [box.rect for box in rtl]
        assert [box.rect for box in right] == [box.rect for box in both]
        for one, other in zip(right, left, strict=True):
            turned = display.width_px - one.rect.right
            assert other.rect.left == (one.rect.left if one.role is Role.KEY else turned), one.id


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_picture_is_drawn(name: str) -> None:
    """No page asks for a pictogram that nobody drew."""
    drawn = Pictures().names() | {"dot-hollow", "dot-half", "dot-full", "dot-failed"}
    for _, made in pages(name, "1280x720"):
        assert [box.picture for box in made if box.picture and box.picture not in drawn] == []


def test_the_talk_knows_only_drawn_pictures() -> None:
    """Every name in the talk's list of pictures has its drawing."""
    assert sorted(set(PICTURES) - Pictures().names()) == []


def test_short_tile_words_belong_to_answers_that_exist() -> None:
    """Each short form stands for an answer of the talk, so that none is left behind when answers are reworded."""
    said = {option.label for screen in SCREENS.values() for option in screen.options}
    said |= {category.label for category in CATEGORIES} | {"Send this too", "Hide the letters"}
    assert sorted(set(TILE_WORDS) - said) == []


def test_tips_and_talk_share_their_look() -> None:
    """From two metres: the same paper, title in the same place and size, bar in the same place, no loud tone."""
    _, tip = pages("tip-odd-message", "1280x720")[0]
    _, talk = pages("danger", "1280x720")[0]
    titles = [next(box for box in made if box.id == "title") for made in (tip, talk)]
    assert titles[0].rect.top == titles[1].rect.top
    assert titles[0].cap_mm == titles[1].cap_mm
    bars = [next(box for box in made if box.id == id) for made, id in ((tip, ids.TALK), (talk, ids.HIDE))]
    assert (bars[0].rect.top, bars[0].rect.bottom) == (bars[1].rect.top, bars[1].rect.bottom)
    assert {box.tone for box in talk} <= {box.tone for box in tip} | {bars[1].tone}


def test_the_tile_stands_in_one_corner() -> None:
    """The tile "Talk to someone" does not move from tip to tip."""
    tiles = [
        next(box for box in pages(name, "1280x720")[0][1] if box.id == ids.TALK)
        for name in VIEWS
        if name.startswith("tip-")
    ]
    assert len({(box.rect, box.hit) for box in tiles}) == 1


def test_a_silent_call_moves_nothing_but_its_dot() -> None:
    """Beside the dot, a tip page after a silent call has the boxes that it had before; each stage has its own shape."""
    _, before = pages("tip-odd-message", "1280x720")[0]
    shapes = []
    for name in ("tip-call-saved", "tip-call-arrived"):
        _, after = pages(name, "1280x720")[0]
        assert [box for box in after if box.id != "call-dot"] == before
        shapes.append(next(box.picture for box in after if box.id == "call-dot"))
    assert shapes == ["dot-hollow", "dot-half"]


def test_without_headphones_reading_is_out_of_use_and_says_why() -> None:
    """ "Read to me" cannot be pressed without headphones, and asks for them."""
    read = {name: next(b for b in pages(name, "1280x720")[0][1] if b.id == ids.READ) for name in ("danger", "can-read")}
    assert read["danger"].hit is None
    assert "headphones" in read["danger"].text
    assert read["can-read"].hit is not None


def test_typed_words_are_never_text() -> None:
    """Neither dots nor shown letters put typed words into a box's text, speech, or what `repr` prints."""
    for name in ("typing-dots", "typing-shown"):
        _, made = pages(name, "1280x720")[0]
        assert not any(word in repr(box) for box in made for word in TYPED.split() if len(word) > 4)
    field = next(box for box in made if box.id == "field")
    assert field.secret is not None
    assert "".join(field.secret()) == TYPED


def test_showing_and_typing_change_the_field_box() -> None:
    """The painter sees each keystroke and each show or hide without looking at the words."""
    view = VIEWS["typing-dots"]
    assert isinstance(view.page, Page)
    assert view.page.field is not None
    longer = replace(view, page=replace(view.page, field=replace(view.page.field, characters=5)))
    fields = {_field(each) for each in (view, VIEWS["typing-shown"], longer)}
    assert len(fields) == 3


def test_words_that_never_fit_leave_the_answers_touchable() -> None:
    """A translation far too long is cut off; no answer disappears, and each part still leads on."""
    view = VIEWS["danger"]
    assert isinstance(view.page, Page)
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"
    options = tuple(replace(option, label=f"{long} {option.label}") for option in view.page.options)
    endless = replace(view, page=replace(view.page, title=long * 2, options=options))
    display = PANELS["1280x720"]
    count = parts(endless, display, TYPESETTER)
    made = [boxes(replace(endless, part=part), display, TYPESETTER) for part in range(count)]
    touchable = {box.id for part in made for box in part if box.hit is not None}
    assert {ids.OPTION + option.id for option in options} | {ids.PART, ids.HIDE} <= touchable
    assert all(display.rect.holds(box.rect) for part in made for box in part)


def test_a_low_finger_still_hits() -> None:
    """A touch two millimetres below a tile is still that tile's."""
    display, made = pages("danger", "1280x720")[0]
    tile = next(box for box in made if box.id == ids.OPTION + "yes")
    hit = touched(made, tile.rect.left + 5, tile.rect.bottom + display.mm(2))
    assert hit is tile


def test_a_page_is_painted_the_same_twice() -> None:
    """Paint is deterministic: the same boxes are the same bytes."""
    display, made = pages("category", "800x480")[0]
    assert snapshot(made, display) == snapshot(made, display)


def _field(view: LearnerView) -> Box:
    return next(box for box in boxes(view, PANELS["1280x720"], TYPESETTER) if box.id == "field")


def test_bare_roles_have_no_ground() -> None:
    """Words on the page stand on paper: none of the talk's titles or notes has a box of its own."""
    _, made = pages("danger", "1280x720")[0]
    assert {box.id for box in made if box.role in BARE} == {"title", "body-0", "strip"}
