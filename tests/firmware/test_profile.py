"""Site profiles: what a good one answers, and that no bad one gets through or fails without a mend."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import BadSettings
from firmware.messages import Duty, DutyState, Urgency
from firmware.opening_hours import only_time
from firmware.profile import Profile, load_profile, parse_profile, profile_text
from firmware.profile_parts import CATEGORY_IDS, NEVER_BELOW_TODAY, ROUTES, TIP_CHARACTERS, Nature, Signal
from kiosk.talk.pictures import PICTURES

SECONDARY = Path(__file__).parents[2] / "broker_config" / "profiles" / "secondary-school"
TEXT = profile_text(SECONDARY)
LONDON = ZoneInfo("Europe/London")


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(SECONDARY)


def london_ms(*when: int) -> int:
    year, month, day, hour, minute = when
    return int(datetime(year, month, day, hour, minute, tzinfo=LONDON).timestamp() * 1000)


@pytest.mark.requirement("L11")
def test_the_shipped_profile_has_tips_of_bounded_length(profile: Profile) -> None:
    """At least sixteen tips, each short enough to be read while walking past, each with a picture that we can draw."""
    assert len(profile.tips) >= 16
    assert all(len(tip.body) <= TIP_CHARACTERS and tip.picture in PICTURES for tip in profile.tips)
    assert all(place.picture in PICTURES for place in profile.places)


@pytest.mark.requirement("L3")
def test_every_category_has_nature_route_floor_and_help(profile: Profile) -> None:
    """None is open, all four natures occur, and nothing goes to a technician."""
    assert set(profile.categories) == set(CATEGORY_IDS)
    assert {category.nature for category in profile.categories.values()} == set(Nature)
    assert {category.route for category in profile.categories.values()} <= set(ROUTES)
    assert not any("technic" in route for route in ROUTES)
    assert all(profile.help_for(category) for category in CATEGORY_IDS)


def test_the_help_lines_of_the_shipped_profile(profile: Profile) -> None:
    """Emergency and Childline by number, Report Remove and CEOP where pictures and grooming need them."""
    assert (profile.danger_line.contact, profile.listening_line.contact) == ("999", "0800 1111")
    assert "report-remove" in [line.id for line in profile.help_for("images")]
    assert "ceop" in [line.id for line in profile.help_for("grooming")]


@pytest.mark.parametrize("adult", ["yes", "not-sure"])
def test_about_an_adult_here_the_category_does_not_matter(profile: Profile, adult: str) -> None:
    """It goes to the head's readers, or to independent ones when it is or may be about the head."""
    for category in CATEGORY_IDS:
        assert profile.route_for(category, adult, "no") == "head"
        assert (
            profile.route_for(category, adult, "yes") == profile.route_for(category, adult, "not-sure") == "independent"
        )
    assert profile.route_for("copying", "no", "yes") == "conduct"


def test_an_unsaid_category_goes_to_those_who_look_after_people(profile: Profile) -> None:
    """Nothing said, or a code that we do not know, is handled like "rather not say"."""
    for category in ("", "unheard-of"):
        assert profile.route_for(category, "", "") == "safeguarding"
        assert profile.urgency_for(category, "", "information") is Urgency.TODAY


@pytest.mark.requirement("L10")
@pytest.mark.parametrize("category", CATEGORY_IDS)
def test_the_pace_never_goes_below_the_floor(profile: Profile, category: str) -> None:
    """Danger and "act now" are now; "perhaps" is at least today; what may be harm is at least today at any pace."""
    assert profile.urgency_for(category, "yes", "information") is Urgency.NOW
    assert profile.urgency_for(category, "no", "now") is Urgency.NOW
    assert profile.urgency_for(category, "not-sure", "information") is Urgency.TODAY
    slow = profile.urgency_for(category, "no", "information")
    assert slow is profile.categories[category].floor
    assert category not in NEVER_BELOW_TODAY or slow is Urgency.TODAY


def test_the_ladders_are_the_defaults_of_the_protocol(profile: Profile) -> None:
    """Danger: everything at once, again at 30 s, deputy at 120 s, head and outside at 300 s; today 15 and 60 min."""
    now = profile.ladder(Urgency.NOW)
    assert [(step.after_seconds, step.page) for step in now] == [
        (0, ()),
        (30, ()),
        (120, ("deputy",)),
        (300, ("head", "outside")),
    ]
    assert set(now[0].signals) == {Signal.BEACON, Signal.BUZZER, Signal.LIGHT, Signal.ALL_DESKS}
    assert now[1].repeat_seconds == 10
    today = profile.ladder(Urgency.TODAY)
    assert [(step.after_seconds, step.page) for step in today] == [
        (0, ()),
        (900, ("deputy",)),
        (3600, ("lead", "head")),
    ]
    assert profile.ladder(Urgency.INFORMATION)[-1].next_working_day
    assert profile.with_them_ms == 180_000


@pytest.mark.parametrize(
    ("when", "duty"),
    [
        ((2026, 11, 23, 8, 14), Duty(DutyState.OFF, "08:15")),
        ((2026, 11, 23, 8, 15), Duty(DutyState.ON, "16:15")),
        ((2026, 11, 23, 16, 15), Duty(DutyState.OFF, "08:15 tomorrow")),
        ((2026, 11, 27, 18, 0), Duty(DutyState.OFF, "08:15 on Monday")),
        ((2026, 11, 29, 18, 0), Duty(DutyState.OFF, "08:15 tomorrow")),
        ((2026, 7, 1, 8, 20), Duty(DutyState.ON, "16:15")),
    ],
)
def test_duty_is_told_in_the_site_s_own_time(profile: Profile, when: tuple[int, ...], duty: Duty) -> None:
    """On and off at the minute, in words, in winter and in summer time."""
    assert profile.duty_at(london_ms(*when)) == duty
    assert only_time(duty.until) == duty.until


def test_summer_time_is_not_utc(profile: Profile) -> None:
    """07:20 UTC in July is 08:20 in London."""
    assert profile.duty_at(int(datetime(2026, 7, 1, 7, 20, tzinfo=UTC).timestamp() * 1000)).state is DutyState.ON
    assert profile.clock_words(int(datetime(2026, 7, 1, 7, 20, tzinfo=UTC).timestamp() * 1000)) == "08:20"


def test_closed_days_and_long_holidays() -> None:
    """A closed day is off; more than a week ahead is named by its date; a day beyond all looking is not named."""
    closed = parse_profile(changed("closed = [] ", "closed = [{ first = 2026-12-19, last = 2027-01-03 }] "), "p")
    assert closed.duty_at(london_ms(2026, 12, 18, 17, 0)) == Duty(DutyState.OFF, "08:15 on 4 January")
    assert only_time("08:15 on 4 January")
    assert closed.duty_at(london_ms(2026, 12, 22, 10, 0)).state is DutyState.OFF
    ever = parse_profile(changed("closed = [] ", "closed = [{ first = 2026-01-01, last = 2029-01-03 }] "), "p")
    assert ever.duty_at(london_ms(2026, 12, 18, 17, 0)) == Duty(DutyState.OFF, "")


def test_stretches_that_touch_are_one() -> None:
    """A lunch shift that begins where the morning ends does not end duty."""
    two = changed('end = "16:15"', 'end = "12:00"\n[[duty.hours]]\ndays = ["monday"]\nstart = "12:00"\nend = "15:00"')
    assert parse_profile(two, "p").duty_at(london_ms(2026, 11, 23, 9, 0)) == Duty(DutyState.ON, "15:00")


@given(st.integers(-(2**63), 2**63))
def test_no_clock_breaks_duty(wall_ms: int) -> None:
    """Any number is answered, with words that fit the wire."""
    duty = load_profile(SECONDARY).hours.at(wall_ms)
    assert len(duty.until) <= 64
    assert (duty.state is DutyState.UNKNOWN) <= (duty.until == "")


# ------------------------------------------------------------------ what is refused


def changed(old: str, new: str) -> str:
    assert old in TEXT, f"{old!r} is not in the shipped profile"
    return TEXT.replace(old, new, 1)


def cut(start: str) -> str:
    """Without the table that begins with a line."""
    head, found, rest = TEXT.partition(start)
    assert found
    return head + rest[rest.index("\n\n") :]


WRONG: list[tuple[str, str, str]] = [
    (changed("format = 1", "format = 2"), "format", "newer"),
    (changed('name = "secondary-school"', ""), "name", "is missing"),
    (changed("retention_days = 2190", "retention_days = 0"), "retention_days", ">= 1"),
    (changed("retention_days = 2190", 'retention_days = "2190"'), "retention_days", "int"),
    (changed("idle_seconds = 90", "idle_seconds = 5"), "talk.idle_seconds", ">= 30"),
    (changed("idle_seconds = 90", "idle_seconds = 90\nidle = 1"), "talk.idle", "not known"),
    (changed('variant = "standard"', 'variant = "old"'), "talk.variant", "young"),
    (changed('danger_line = "emergency"', 'danger_line = "nobody"'), "talk.danger_line", "childline"),
    (changed('listening_line = "childline"', 'listening_line = "nobody"'), "talk.listening_line", "childline"),
    (changed('picture = "book"', 'picture = "book"\naway = true'), "places", "contact_away"),
    (changed('id = "library"', 'id = "here"'), "places", "twice"),
    (changed('id = "library"', 'id = "skip"'), "places", "use another"),
    (changed('id = "nurse"', 'id = "School Nurse"'), "staff", "regex"),
    (changed('time_zone = "Europe/London"', 'time_zone = "Atlantis"'), "duty.time_zone", "Europe/London"),
    (changed('time_zone = "Europe/London"', 'time_zone = "../etc"'), "duty.time_zone", "Europe/London"),
    (changed('"monday", "tuesday"', '"moonday", "tuesday"'), "duty.hours", "monday"),
    (changed('"monday", "tuesday"', '"monday", "monday"'), "duty.hours", "overlap"),
    (changed('start = "08:15"', 'start = "8:15"'), "duty.hours", "08:15"),
    (changed('start = "08:15"', 'start = "17:15"'), "duty.hours", "turn them round"),
    (changed("closed = [] ", "closed = [{ first = 2027-01-03, last = 2026-12-19 }] "), "duty.closed", "turn them"),
    (changed('page = ["deputy"]', 'page = ["janitor"]'), "ladders.now.page", "deputy"),
    (changed('page = ["head", "outside"]', 'page = ["head"]'), "ladders.now", "outside"),
    (changed("after_seconds = 120", "after_seconds = 20"), "ladders.now", "order"),
    (
        changed("next_working_day = true\nsignals", "next_working_day = true\n# signals"),
        "ladders.information",
        "nothing",
    ),
    (
        changed("[[ladders.information]]\nafter_seconds = 0", "[[ladders.information]]\nafter_seconds = 9"),
        "ladders",
        "at once",
    ),
    (changed('signals = ["beacon"', 'signals = ["siren"'), "ladders.now", "siren"),
    (cut("[categories.images]"), "categories", "images"),
    (TEXT.replace("[categories.images]", "[categories.cats]"), "categories", "images"),
    (
        TEXT + '\n[categories.cats]\nnature="content"\nroute="conduct"\nfloor="today"\nhelp=["childline"]',
        "cats",
        "not known",
    ),
    (changed('route = "conduct"', 'route = "technician"'), "categories.true-or-not.route", "safeguarding"),
    (changed('route = "safeguarding"', 'route = "conduct"'), "categories.hurt-or-scared.route", "may be harm"),
    (changed('floor = "today"', 'floor = "information"'), "categories.hurt-or-scared.floor", "today"),
    (changed('floor = "today"', 'floor = "never"'), "categories", "never"),
    (changed('help = ["ceop", "childline"]', "help = []"), "categories.grooming.help", "at least one"),
    (changed('help = ["ceop", "childline"]', 'help = ["nobody"]'), "categories.grooming.help", "ceop"),
    (changed("right = 1", "right = 3"), "tips", "<= 2"),
    (
        changed('answers = ["Promise", "Get help together"]\nright = 1', 'answers = ["A", "B"]\nright = 2'),
        "quiz",
        "less than 2",
    ),
    (changed('body = "You don', 'body = "' + "x" * 221 + "You don"), "tips", "220"),
    (TEXT[:400] + "]]" + TEXT[400:], "", "TOML"),
    ("", "format", "is missing"),
    ("x = " + "[" * 20_000, "", ""),
]


@pytest.mark.parametrize(
    ("text", "key", "mend"), WRONG, ids=[f"{number}-{key}" for number, (_, key, _) in enumerate(WRONG)]
)
def test_each_wrong_thing_names_file_key_and_mend(text: str, key: str, mend: str) -> None:
    """One line that says where and how to put it right."""
    with pytest.raises(BadSettings) as caught:
        parse_profile(text, "school.toml")
    assert caught.value.file == "school.toml"
    assert key in caught.value.key
    assert mend in caught.value.mend
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_profile_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing and not UTF-8 are told apart, and the file is named."""
    with pytest.raises(BadSettings, match="No such file"):
        load_profile(tmp_path / "profile.toml")
    (tmp_path / "profile.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSettings, match="UTF-8"):
        load_profile(tmp_path / "profile.toml")


def test_the_folder_and_the_one_text_are_the_same_profile(tmp_path: Path) -> None:
    """What is signed and issued as one file reads as what stands in the folder."""
    (tmp_path / "profile.toml").write_text(TEXT, encoding="utf-8")
    assert load_profile(tmp_path / "profile.toml") == load_profile(SECONDARY)


LINES = TEXT.splitlines()
JUNK: st.SearchStrategy[str] = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["[talk]", "x = 1", "[[tips]]", "after_seconds = -1", "]", '"""', "a.b.c = {}"]),
)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.integers(0, 3), JUNK)
def test_a_damaged_profile_is_refused_in_one_line_or_whole(line: int, dropped: int, junk: str) -> None:
    """Whatever lines are lost or put in, the answer is BadSettings or a profile that answers everything."""
    text = "\n".join([*LINES[:line], junk, *LINES[line + dropped :]])
    profile, refusal = _parsed(text)
    if profile is None:
        assert "\n" not in refusal
        assert "school.toml" in refusal
        return
    for category in CATEGORY_IDS:
        assert profile.route_for(category, "", "") in ROUTES
        assert profile.help_for(category)
    assert all(profile.ladder(urgency) for urgency in Urgency)
    assert profile.tips


def _parsed(text: str) -> tuple[Profile | None, str]:
    try:
        return parse_profile(text, "school.toml"), ""
    except BadSettings as problem:
        return None, str(problem)
