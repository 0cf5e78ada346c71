"""The five shipped site profiles, their rules for people's own devices, and the texts that go with them.

What an organisation's policy decides stands here as a table; that the texts are short, kind and complete is measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest

from broker_config.enrol import shipped_profile
from broker_config.portal_issue import read_portal
from firmware.aup import FIXED_LEVELS, NOT_FOR_THE_YOUNG, AupDocument, actions_for, parse_aup
from firmware.byod import Access, Audience, Byod, Level, parse_byod, parse_byod_source
from firmware.byod_parts import AupPart
from firmware.messages import Urgency
from firmware.profile import Profile, load_profile, parse_profile, profile_text
from firmware.profile_parts import CATEGORY_IDS, TIP_CHARACTERS, TITLE_CHARACTERS
from kiosk.learner.view import LearnerView
from kiosk.learner.views import boxes, parts
from kiosk.screen.fitting import fits
from kiosk.screen.layout import Display
from kiosk.screen.text import Typesetter
from kiosk.talk.pages import Page, TipPage, talk_page, tip_page
from kiosk.talk.pictures import PICTURES
from kiosk.talk.state import Answers, TalkState
from kiosk.talk.tips import TipShow
from tests.support.talk_pages import ON, states

HERE = Path(__file__).parents[2]
PROFILES = HERE / "broker_config" / "profiles"
AUPS = HERE / "broker_config" / "aups"
DRAWN = {file.stem for file in (HERE / "kiosk" / "pictograms").glob("*.svg")}
COLLEGE, SECONDARY, ADULT, TRUST, AUTISM = NAMES = (
    *("college-trust", "secondary-school", "adult-learning", "multi-academy-trust", "autism-charity"),
)
ENGLISH, EASY = "en", "en-x-easy"
TEXTS = [(audience, language) for audience in Audience for language in (ENGLISH, EASY)]
TIPS_AT_LEAST = 15

every_profile = pytest.mark.parametrize("name", NAMES)
every_text = pytest.mark.parametrize(("audience", "language"), TEXTS, ids=[".".join(text) for text in TEXTS])


@cache
def profile(name: str) -> Profile:
    return load_profile(PROFILES / name)


@cache
def text_of(audience: str, language: str) -> AupPart:
    file = AUPS / f"{audience}.{language}.toml"
    return parse_aup(file.read_text("utf-8"), str(file))


def portal_text(name: str) -> str:
    """`portal.toml` with its texts after it, as it is signed."""
    issued = read_portal(PROFILES / name, AUPS)
    assert issued is not None
    return issued.text.decode()


@cache
def byod(name: str) -> Byod:
    return parse_byod(portal_text(name), f"{name}/portal.toml")


def english_of(name: str) -> tuple[AupDocument, ...]:
    """The documents whose words these tests can read; `test_profile_languages` has the rest."""
    return tuple(document for document in byod(name).documents if document.language in (ENGLISH, EASY))


def lines_of(text: AupPart | AupDocument) -> tuple[str, ...]:
    return (*text.intro, *text.rules, *text.monitoring, *text.device)


def words_in(sentence: str) -> int:
    return len(sentence.split())


def sentences_of(text: AupPart | AupDocument) -> Iterator[str]:
    for line in lines_of(text):
        yield from (part for part in re.split(r"(?<=[.?!:;])\s+", line) if part)


# ------------------------------------------------------------------ the profiles by themselves


def test_there_are_these_five() -> None:
    """Each organisation whose policy we follow has a profile of its name, found by that name."""
    found = sorted(folder.name for folder in PROFILES.iterdir() if folder.is_dir())
    assert found == sorted(NAMES)
    for name in NAMES:
        assert parse_profile(shipped_profile(name).decode(), name).name == name


@pytest.mark.requirement("L11")
@every_profile
def test_tips_are_enough_short_and_drawn(name: str) -> None:
    """At least fifteen, each within its bounds, with a picture that the talk names and the screen can draw."""
    tips = profile(name).tips
    assert len(tips) >= TIPS_AT_LEAST
    assert any(tip.quiz for tip in tips)
    for tip in tips:
        assert len(tip.title) <= TITLE_CHARACTERS, tip.id
        assert len(tip.body) <= TIP_CHARACTERS, tip.id
        assert tip.picture in DRAWN & set(PICTURES), tip.id
    assert {place.picture for place in profile(name).places} <= DRAWN & set(PICTURES)


@pytest.mark.requirement("L11")
def test_each_audience_has_tips_of_its_own() -> None:
    """No two profiles share a title or a text."""
    for said in ("title", "body"):
        every = [getattr(tip, said) for name in NAMES for tip in profile(name).tips]
        assert len(every) == len(set(every))


def test_small_children_get_small_sentences() -> None:
    """The academy's tips are shorter than everybody else's, and no sentence of theirs has more than eighteen words."""
    average = {name: sum(len(tip.body) for tip in profile(name).tips) / len(profile(name).tips) for name in NAMES}
    assert min(average, key=lambda name: average[name]) == TRUST
    for tip in profile(TRUST).tips:
        assert max(words_in(part) for part in re.split(r"(?<=[.?!:])\s+", tip.body)) <= 18, tip.id


@pytest.mark.requirement("L3")
@every_profile
def test_what_may_be_harm_goes_to_those_who_look_after_people(name: str) -> None:
    """Every category has help, and only everyday misconduct may go to the queue for conduct, without hurry."""
    own = profile(name)
    assert set(own.categories) == set(CATEGORY_IDS)
    for id, category in own.categories.items():
        assert own.help_for(id)
        if category.route == "conduct":
            assert id in {"true-or-not", "games-and-video", "time-online", "copying", "downloads"}
            assert category.floor is Urgency.INFORMATION


@every_profile
def test_help_fits_the_age(name: str) -> None:
    """Danger is 999 everywhere; who grows up is offered Childline, who has grown up is not."""
    own = profile(name)
    contacts = {line.contact for line in own.help_lines}
    assert own.danger_line.contact == "999"
    assert any("0800 1111" in contact for contact in contacts) == (name != ADULT)
    assert ("116 123" in contacts) == (name in (COLLEGE, ADULT, AUTISM))
    used = {id for category in own.categories.values() for id in category.help}
    assert {line.id for line in own.help_lines} == used | {own.danger_line.id, own.listening_line.id}


def test_the_charity_names_a_way_without_a_voice() -> None:
    """Whatever it is about, an autistic learner is shown help that can be written to."""
    for category in CATEGORY_IDS:
        contacts = [line.contact for line in profile(AUTISM).help_for(category)]
        assert any("Text" in contact or "." in contact for contact in contacts), category


def test_an_academy_for_small_children_changes_two_lines() -> None:
    """With `variant` and `network_audience` changed as the files say, talk and reminder are those for the young."""
    talk = profile_text(PROFILES / TRUST)
    assert 'variant = "standard" ' in talk
    assert parse_profile(talk.replace('variant = "standard" ', 'variant = "young" '), "primary").young
    portal = portal_text(TRUST)
    changed = portal.replace('network_audience = "learner" ', 'network_audience = "young-learner" ')
    assert changed != portal
    assert parse_byod(changed, "primary").network_audience is Audience.YOUNG_LEARNER


TYPESETTER = Typesetter()
SMALLEST = Display(800, 480, 154.1)


def pages(own: Profile) -> Iterator[tuple[str, Page | TipPage]]:
    """Every page that shows the profile's own words."""
    for number, tip in enumerate(own.tips):
        yield tip.id, tip_page(TalkState(room="Room 12", tips=TipShow(index=number)), own, ON, 0)
    for name, (state, duty, now_ms) in states().items():
        yield name, talk_page(state, own, duty, now_ms)
    advice, duty, now_ms = states()["advice"]
    for category in CATEGORY_IDS:
        for_it = replace(advice, answers=Answers(category=category))
        yield f"advice on {category}", talk_page(for_it, own, duty, now_ms)


@pytest.mark.requirement("L11")
@every_profile
def test_all_words_of_a_profile_fit_the_smallest_screen(name: str) -> None:
    """Tips, places, help lines and where to go stand within their boxes, and each tip has its picture or its quiz."""
    own = profile(name)
    tips = {tip.id: tip for tip in own.tips}
    for page_name, page in pages(own):
        typed = (lambda: iter("She waits")) if isinstance(page, Page) else None
        view = LearnerView(page, tip=0, tips=len(tips), characters=typed)
        for part in range(parts(view, SMALLEST, TYPESETTER)):
            made = boxes(replace(view, part=part), SMALLEST, TYPESETTER)
            cut = [box.id for box in made if box.text and box.secret is None and not fits(box, SMALLEST, TYPESETTER)]
            assert cut == [], page_name
            if isinstance(page, TipPage):
                wanted = "quiz" if tips[page_name].quiz else "picture"
                assert wanted in {box.id for box in made}, page_name


# ------------------------------------------------------------------ where the policies differ


@dataclass(frozen=True)
class Choice:
    """What one organisation's policy decides. `unlock_only`: closed unless staff unlock a lesson."""

    unlock_only: bool
    staff_bound: bool
    contact_away: bool
    conduct: frozenset[str]
    retention_days: int
    survey: bool
    takes_devices: bool
    review_years: int
    network_audience: Audience
    listening: str


MISCONDUCT = frozenset({"copying", "downloads", "true-or-not"})
GAMES = frozenset({"games-and-video"})
TIME = frozenset({"time-online"})
NOTHING: frozenset[str] = frozenset()
LEARNER, GROWN = Audience.LEARNER, Audience.ADULT
CHOICES: Mapping[str, Choice] = {
    COLLEGE: Choice(False, False, False, MISCONDUCT | GAMES, 2190, False, False, 2, LEARNER, "116 123"),
    SECONDARY: Choice(True, True, False, MISCONDUCT | GAMES | TIME, 2190, True, True, 1, LEARNER, "0800 1111"),
    ADULT: Choice(False, False, False, NOTHING, 1095, False, True, 2, GROWN, "116 123"),
    TRUST: Choice(True, False, False, MISCONDUCT, 2190, False, True, 1, LEARNER, "0800 1111"),
    AUTISM: Choice(True, True, True, NOTHING, 2190, False, True, 1, LEARNER, "Text SHOUT to 85258"),
}


@pytest.mark.requirement("B4")
@every_profile
def test_own_devices_are_off_where_the_policy_says_so(name: str) -> None:
    """School, academy and charity open only when staff unlock a lesson; college and adult learning have times."""
    own, choice = byod(name), CHOICES[name]
    assert not own.always_open
    assert (own.hours is None) == choice.unlock_only
    assert own.audiences[own.network_audience].uses_times
    assert own.audiences[Audience.STAFF].uses_times == choice.staff_bound


@pytest.mark.requirement("L5")
@every_profile
def test_meeting_away_is_the_charity_s_alone(name: str) -> None:
    """Only where the policy knows contact away from the house is such a place offered."""
    own = profile(name)
    assert own.contact_away == CHOICES[name].contact_away
    assert any(place.away for place in own.places) == CHOICES[name].contact_away
    assert any(not place.away for place in own.places)


@pytest.mark.requirement("S3")
@every_profile
def test_two_queues_only_where_the_policy_has_two(name: str) -> None:
    """Misconduct has a queue at college, school and academy; where one lead hears everything, it has none."""
    own = profile(name)
    assert {id for id, category in own.categories.items() if category.route == "conduct"} == CHOICES[name].conduct


@every_profile
def test_the_rest_of_what_differs(name: str) -> None:
    """Retention, survey, the audience of the network, and who listens."""
    own, rules, choice = profile(name), byod(name), CHOICES[name]
    assert own.retention_days == choice.retention_days
    assert rules.survey == choice.survey
    assert rules.network_audience is choice.network_audience
    assert own.listening_line.contact == choice.listening


@pytest.mark.requirement("S2")
def test_the_academy_climbs_fastest() -> None:
    """Its policy has staff act at once: nobody else pages for "today" as early."""
    first = {
        name: min(step.after_seconds for step in profile(name).ladder(Urgency.TODAY) if step.page) for name in NAMES
    }
    assert [name for name in NAMES if first[name] == min(first.values())] == [TRUST]


# ------------------------------------------------------------------ what people are told


@pytest.mark.requirement("B2")
@every_profile
def test_everybody_has_a_text_and_an_easy_form(name: str) -> None:
    """Each audience of each site reads its own words, and asking for ease gives its own easy form."""
    own = byod(name)
    assert {LEARNER, Audience.STAFF, Audience.VISITOR} <= set(own.audiences)
    for audience in own.audiences:
        plain, easy = own.document(audience, ENGLISH), own.document(audience, EASY)
        assert (plain.audience, plain.easy, easy.audience, easy.easy) == (audience, False, audience, True)
        assert plain.checked
        assert easy.checked


@pytest.mark.requirement("B2")
def test_the_words_differ_by_age() -> None:
    """The five audiences' texts have hardly a rule in common, and the youngest read the shortest sentences."""
    rules = {audience: set(text_of(audience, ENGLISH).rules) for audience in Audience}
    for audience in Audience:
        for other in Audience:
            assert audience is other or not rules[audience] & rules[other]
    average = {}
    for audience in Audience:
        lengths = [words_in(part) for part in sentences_of(text_of(audience, ENGLISH))]
        average[audience] = sum(lengths) / len(lengths)
    assert average[Audience.YOUNG_LEARNER] < average[LEARNER] < average[GROWN]


# The most words of a sentence: small children twelve; Easy English ten, for small children eight.
LONGEST: Mapping[tuple[Audience, str], int] = {
    (Audience.YOUNG_LEARNER, ENGLISH): 12,
    (LEARNER, ENGLISH): 18,
    (GROWN, ENGLISH): 20,
    (Audience.STAFF, ENGLISH): 22,
    (Audience.VISITOR, ENGLISH): 20,
    **{(audience, EASY): 8 if audience is Audience.YOUNG_LEARNER else 10 for audience in Audience},
}
AVERAGE_CHARACTERS = {ENGLISH: 5.2, EASY: 4.5}


@pytest.mark.requirement("B2")
@every_text
def test_sentences_are_short_and_words_are_small(audience: Audience, language: str) -> None:
    """Bounded for each audience; in easy forms a sentence carries one thing, so it has no clause after a comma."""
    text = text_of(audience, language)
    sentences = list(sentences_of(text))
    assert max(words_in(part) for part in sentences) <= LONGEST[audience, language]
    words = re.findall(r"[A-Za-z'’-]+", re.sub(r"\{\w+\}", "", " ".join(sentences)))
    assert sum(len(word) for word in words) / len(words) <= AVERAGE_CHARACTERS[language]
    assert not text.easy or not [part for part in sentences if "," in part]


@pytest.mark.requirement("B2")
@every_profile
def test_the_facts_leave_easy_texts_easy(name: str) -> None:
    """With a site's own facts filled in, a sentence of an easy form still has at most twelve words."""
    for document in byod(name).documents:
        if document.easy:
            assert max(words_in(part) for part in sentences_of(document)) <= 12, document.audience


@every_text
def test_a_text_is_short_and_offers_one_button(audience: Audience, language: str) -> None:
    """Two sentences to begin with (easy: three), six to ten rules, at most three lines on monitoring, one promise."""
    text = text_of(audience, language)
    assert len(re.findall(r"[.?!](?:\s|$)", " ".join(text.intro))) <= (3 if text.easy else 2)
    assert 6 <= len(text.rules) <= 10
    assert 1 <= len(text.monitoring) <= 3
    assert text.promise == "I will keep to this"
    assert (text.audience, text.language) == (audience, language)


# Threats, law-talk, promises that nobody can keep, and words that would make a signature of a reminder.
UNKIND = re.compile(
    r"\b(must|shall|hereby|forbidden|prohibited|strictly|punish\w*|sanction\w*|disciplin\w*|offence|liable|consent\w*"
    r"|comply|compliance|terms and conditions|breach\w*|prosecut\w*|anonym\w*|completely|guarantee\w*"
    r"|keeps? you safe)\b",
    re.IGNORECASE,
)
AMERICAN = re.compile(
    r"\b(color|behavior|favorite|center|organiz\w*|recogniz\w*|license|cell ?phone|online)\b", re.IGNORECASE
)


@every_text
def test_no_threat_and_no_law_talk(audience: Audience, language: str) -> None:
    """Kind and plain, in British spelling and in our own."""
    said = " ".join(lines_of(text_of(audience, language)))
    assert UNKIND.findall(said) == []
    assert AMERICAN.findall(said) == []


@every_profile
def test_the_profiles_say_nothing_unkind_either(name: str) -> None:
    """The same holds for tips, facts and names."""
    own, rules = profile(name), byod(name)
    said = [text for tip in own.tips for text in (tip.title, tip.body)]
    said += [rules.monitored_by, own.go_to, own.go_to_outside, *(line.about for line in own.help_lines)]
    said += [line for document in english_of(name) for line in lines_of(document)]
    assert UNKIND.findall(" ".join(said)) == []
    assert AMERICAN.findall(" ".join(said)) == []


# Each text says each of these, in words that fit its reader.
TOPICS: Mapping[str, str] = {
    "be kind": r"\bkind\b|polite|considerate|across a table|as you would speak",
    "ask for help": r"“Talk to someone”",
    "do not film others": r"film",
    "keep passwords": r"password",
    "respect copyright": r"copyright|whose they are|someone else make|who made|come from|Do not copy",
    "leave the filter": r"VPN|pages are blocked",
    "only the advertised network": r"only (the Wi-Fi|our Wi-Fi|the network)|our Wi-Fi only",
    "report a look-alike": r"almost the same|name (odd|looks odd)",
}


@every_text
@pytest.mark.parametrize("topic", TOPICS)
def test_each_text_says_what_matters(audience: Audience, language: str, topic: str) -> None:
    """Nothing that the policies want said is lost in the shorter forms."""
    assert re.search(TOPICS[topic], " ".join(text_of(audience, language).rules)), topic


@every_text
def test_a_text_says_that_it_reminds(audience: Audience, language: str) -> None:
    """Nobody takes the button for a signature: everyone but small children and guests is told what it is not."""
    intro = " ".join(text_of(audience, language).intro)
    if audience is Audience.YOUNG_LEARNER:
        assert "contract" not in intro
    elif (audience, language) != (Audience.VISITOR, ENGLISH):
        assert "remind" in intro
        assert "not a contract" in intro or "replaces nothing" in intro


@pytest.mark.requirement("B6")
@every_profile
def test_everybody_is_told_who_looks(name: str) -> None:
    """Each text, also the easy form and each translation, names those who monitor, in the site's own words."""
    own = byod(name)
    local = parse_byod_source((PROFILES / name / "portal.toml").read_text("utf-8"), name).facts
    assert set(local) == set(own.languages) - {ENGLISH}
    for document in own.documents:
        who = own.monitored_by if document.language == ENGLISH else local[document.language].monitored_by
        assert who
        assert who in " ".join(document.monitoring), (document.audience, document.language)


@pytest.mark.requirement("B11")
@every_profile
def test_everybody_is_told_that_the_device_is_theirs_to_look_after(name: str) -> None:
    """Updates and virus protection stand in every text; what may happen to the device where the policy knows of it."""
    own = byod(name)
    for document in english_of(name):
        said = " ".join(document.device)
        assert re.search(r"look after|responsib", said)
        assert re.search(r"updates|up to date", said)
        assert re.search(r"anti-virus|virus", said)
    fate = parse_byod_source((PROFILES / name / "portal.toml").read_text("utf-8"), name).confiscation
    assert bool(fate) == CHOICES[name].takes_devices
    assert fate in own.document(LEARNER, ENGLISH).device or not fate
    assert fate not in " ".join(own.document(Audience.STAFF, ENGLISH).device) or not fate


@every_profile
def test_facts_fill_every_brace(name: str) -> None:
    """No reader meets a brace, an empty line or another site's fact."""
    own = byod(name)
    for document in own.documents:
        for line in (document.title, document.promise, *lines_of(document)):
            assert line
            assert not set(line) & set("{}")
    assert all(
        own.privacy_contact in " ".join(own.document(who, ENGLISH).monitoring) for who in (LEARNER, Audience.STAFF)
    )


# ------------------------------------------------------------------ levels, access, reviews

# What the policy with the five-level table answers itself.
FROM_THE_TABLE = {
    **dict.fromkeys(("run-a-business", "download-a-lot", "copy-without-permission"), Level.UNACCEPTABLE),
    **dict.fromkeys(("share-private-information", "get-round-the-filter", "spread-viruses"), Level.UNACCEPTABLE),
    **dict.fromkeys(("offend", "discriminate", "threaten", "see-pornography"), Level.UNACCEPTABLE),
    **FIXED_LEVELS,
}


@pytest.mark.requirement("B7")
@every_profile
def test_every_action_has_a_level_for_everybody(name: str) -> None:
    """No row is open, small children's table leaves out what is not for them, help is always welcome."""
    for document in byod(name).documents:
        assert tuple(action for action, _ in document.levels) == actions_for(document.audience)
        assert dict(document.levels)["get-help"] is Level.ACCEPTABLE
        if document.audience is Audience.YOUNG_LEARNER:
            assert not NOT_FOR_THE_YOUNG & {action for action, _ in document.levels}


@pytest.mark.requirement("B7")
def test_the_adult_service_s_own_table_is_kept() -> None:
    """Every answer that its policy gives stands for everyone there, and each of the five levels is used somewhere."""
    for audience in byod(ADULT).audiences:
        levels = dict(byod(ADULT).document(audience, ENGLISH).levels)
        assert {action: levels[action] for action in FROM_THE_TABLE} == FROM_THE_TABLE
    everywhere = {level for name in NAMES for document in byod(name).documents for _, level in document.levels}
    assert everywhere == set(Level)


@pytest.mark.requirement("B7")
@pytest.mark.parametrize(
    ("name", "audience", "level"),
    [
        (COLLEGE, LEARNER, Level.SOMETIMES),
        (SECONDARY, LEARNER, Level.UNACCEPTABLE),
        (SECONDARY, Audience.STAFF, Level.UNACCEPTABLE),
        (ADULT, GROWN, Level.SOMETIMES),
        (ADULT, Audience.STAFF, Level.UNACCEPTABLE),
        (TRUST, LEARNER, Level.SOMETIMES),
        (TRUST, Audience.STAFF, Level.NOMINATED),
        (AUTISM, LEARNER, Level.UNACCEPTABLE),
    ],
)
def test_pictures_with_one_s_own_device(name: str, audience: Audience, level: Level) -> None:
    """Here the policies differ most: by organisation, and by who holds the camera."""
    assert dict(byod(name).document(audience, ENGLISH).levels)["take-pictures"] is level


@pytest.mark.requirement("B10")
@every_profile
def test_different_people_get_different_access(name: str) -> None:
    """Learners and guests get the web, and nobody stays longer than staff; every port is for some staff only."""
    rules = byod(name).audiences
    assert all(own.access is Access.WEB for who, own in rules.items() if who is not Audience.STAFF)
    assert rules[Audience.STAFF].session_minutes == max(own.session_minutes for own in rules.values())
    every_port = name not in (SECONDARY, AUTISM)
    assert (rules[Audience.STAFF].access is Access.ALL) == every_port


def test_small_children_have_the_shortest_time() -> None:
    """Where they are an audience, theirs is the shortest session."""
    rules = byod(TRUST).audiences
    assert min(rules, key=lambda who: rules[who].session_minutes) is Audience.YOUNG_LEARNER


@pytest.mark.requirement("B8")
@every_profile
def test_texts_are_looked_at_again_when_the_policy_says(name: str) -> None:
    """Every year, or every second where the policy has two; due on the day itself and not the day before."""
    own = byod(name)
    adopted = date.fromisoformat(f"{own.version}-01")
    assert round((own.review - adopted).days / 365.25) == CHOICES[name].review_years
    assert own.review_due(own.review)
    assert not own.review_due(own.review - timedelta(days=1))


@pytest.mark.requirement("B8")
def test_one_word_changed_is_another_text() -> None:
    """A changed rule has another hash, so that everyone who accepted the old one is asked again; others are not."""
    portal = portal_text(SECONDARY)
    changed = parse_byod(portal.replace("Keep them for home.", "Keep them for later."), "changed")
    old, new = byod(SECONDARY).document(LEARNER, ENGLISH), changed.document(LEARNER, ENGLISH)
    assert old.digest != new.digest
    staff = changed.document(Audience.STAFF, ENGLISH).digest
    assert byod(SECONDARY).document(Audience.STAFF, ENGLISH).digest == staff
    digests = [document.digest for name in NAMES for document in byod(name).documents]
    assert len(set(digests)) == len(digests)


@every_profile
def test_help_can_be_reached_before_anything_is_accepted(name: str) -> None:
    """Every help line that is a web address is in the garden, except the police's general ones."""
    own, garden = profile(name), byod(name).garden
    addresses = {found for line in own.help_lines for found in re.findall(r"[a-z]+(?:\.[a-z]+)+", line.contact)}
    assert addresses
    assert addresses - {"police.uk", "reportfraud.police.uk"} <= set(garden)
