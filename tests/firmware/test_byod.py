"""A site's rules for people's own devices: what they answer, and one line for everything that is wrong in them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from firmware.aup import ACTIONS
from firmware.byod import Access, Audience, AudienceRules, Level, parse_byod, parse_byod_source
from firmware.errors import BadSettings
from tests.support.byod_texts import AUDIENCES, TIMES, aup, byod, joined, source


def wrong(text: str) -> str:
    """What is said of it: one line that begins with the file."""
    with pytest.raises(BadSettings) as caught:
        parse_byod(text, "portal.toml")
    line = str(caught.value)
    assert line.startswith("portal.toml: ")
    assert line.isprintable()
    return line.removeprefix("portal.toml: ")


@pytest.mark.requirement("B10", "B12")
def test_everything_in_the_file_is_answered() -> None:
    """Names, times, audiences, fair share, garden and texts are what the file says."""
    rules = byod()
    assert (rules.organisation, rules.monitored_by, rules.privacy_contact) == (
        "Test School",
        "our IT team",
        "office@school.test",
    )
    assert (rules.keep_hours, str(rules.zone), rules.network_audience) == (24, "Europe/London", Audience.LEARNER)
    assert dict(rules.audiences) == {
        Audience.LEARNER: AudienceRules(Audience.LEARNER, 60, Access.WEB, True),
        Audience.VISITOR: AudienceRules(Audience.VISITOR, 120, Access.WEB, True),
        Audience.STAFF: AudienceRules(Audience.STAFF, 480, Access.ALL, False),
    }
    assert rules.hours is not None
    assert (len(rules.hours.stretches), rules.always_open) == (2, False)
    assert (rules.fair_use_kbit_per_second, rules.garden, rules.survey) == (8000, ("childline.org.uk",), True)
    assert (rules.languages, rules.version, rules.review) == (("en",), "2026-09", date(2027, 9, 1))
    assert [document.audience for document in rules.documents] == list(rules.audiences)


@pytest.mark.requirement("B1", "B10")
def test_each_audience_has_its_own_text_and_levels() -> None:
    """A learner, a guest and staff read their own text; one may be allowed what another is not."""
    rules = byod(source(more='[levels.staff]\nshop = "acceptable"\n'))
    titles = {audience: rules.document(audience, "en").title for audience in rules.audiences}
    assert titles == {audience: f"Wi-Fi for a {audience}, in en" for audience in rules.audiences}
    shops = {audience: dict(rules.document(audience, "en").levels)["shop"] for audience in rules.audiences}
    assert shops == {
        Audience.LEARNER: Level.SOMETIMES,
        Audience.VISITOR: Level.SOMETIMES,
        Audience.STAFF: Level.ACCEPTABLE,
    }


@pytest.mark.requirement("B2")
@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("en", "en"),
        ("cy", "cy"),
        ("CY", "cy"),
        ("en-x-easy", "en-x-easy"),
        ("cy-x-easy", "cy"),
        ("en-gb", "en"),
        ("pt-br", "pt"),
        ("fr", "en"),
        ("fr-x-easy", "en-x-easy"),
        ("", "en"),
        ("../../etc", "en"),
    ],
)
def test_the_nearest_language_is_read(asked: str, read: str) -> None:
    """One's own language first, then easy English for those who asked for ease, then English: nobody reads nothing."""
    languages = ("en", "en-x-easy", "cy", "pt")
    texts = [aup("learner", language) for language in languages]
    rules = byod(source(languages='["en", "en-x-easy", "cy", "pt"]'), *texts, aup("visitor"), aup("staff"))
    assert rules.document(Audience.LEARNER, asked).language == read


def test_an_audience_without_a_translation_reads_english() -> None:
    """Welsh is there for learners only: a guest who asks for Welsh reads English, not another audience's text."""
    texts = [aup("learner"), aup("learner", "cy"), aup("visitor"), aup("staff")]
    rules = byod(source(languages='["en", "cy"]'), *texts)
    assert rules.document(Audience.VISITOR, "cy").title == "Wi-Fi for a visitor, in en"


@pytest.mark.requirement("B8")
def test_review_is_due_from_its_day_on() -> None:
    """The day before it is not due; on the day and ever after it is."""
    rules = byod()
    due = [rules.review_due(rules.review + timedelta(days=days)) for days in (-1, 0, 1, 4000)]
    assert due == [False, True, True, True]


def test_closed_always_and_open_always() -> None:
    """No open times and not always: only a lesson opens it. Always: no times at all."""
    closed = byod(source(times="always = false"))
    assert (closed.always_open, closed.hours) == (False, None)
    always = byod(source(times="always = true"))
    assert (always.always_open, always.hours) == (True, None)


def test_facts_in_the_readers_language() -> None:
    """What a site is called, who monitors and what is taken may be said in the language of the text."""
    facts = '[facts.cy]\nmonitored_by = "ein tîm TG"\nconfiscation = "Gall staff gadw dy ddyfais."\n'
    texts = [aup("learner"), aup("learner", "cy"), aup("visitor"), aup("staff")]
    rules = byod(source(languages='["en", "cy"]', more=facts), *texts)
    welsh, english = (rules.document(Audience.LEARNER, language) for language in ("cy", "en"))
    assert (welsh.monitoring[0].split(" can ")[0], welsh.device[1]) == ("ein tîm TG", "Gall staff gadw dy ddyfais.")
    assert english.monitoring[0].startswith("our IT team can")
    assert welsh.intro == ("Welcome to Test School.",)


BAD_SOURCES = [
    (source(format="2"), "format: this program reads format 1, not 2"),
    (source(organisation=None), "organisation: is missing: write it"),
    (source(organisation='""'), "organisation: must not be empty"),
    (source(organisation='"  "'), "organisation: must not be empty"),
    (source(organisation=f'"{"x" * 65}"'), "organisation: is too long: write at most 64 characters"),
    (source(monitored_by='"a\\u202eb"'), "monitored_by: has a line break or other invisible character"),
    (source(confiscation='"one\\ntwo"'), "confiscation: has a line break or other invisible character"),
    (source(keep_hours="25"), "keep_hours: write 24 or less"),
    (source(keep_hours="0"), "keep_hours: write 1 or more"),
    (source(keep_hours='"24"'), "keep_hours: write a whole number"),
    (source(keep_hours="true"), "keep_hours: write a whole number"),
    (source(time_zone='"Europe/Londn"'), "time_zone: 'Europe/Londn' is not known here"),
    (source(network_audience='"visitors"'), "network_audience: 'visitors' is not known: use one of learner, visitor"),
    (source(network_audience='"adult"'), "network_audience: 'adult' is not known: use one of learner, visitor, staff"),
    (source(fair_use_kbit_per_second="0"), "fair_use_kbit_per_second: write 256 or more"),
    (source(survey='"yes"'), "survey: write true or false"),
    (source(garden='"childline.org.uk"'), "garden: write a list in [ ]"),
    (source(garden='["https://childline.org.uk/"]'), "garden (item 1): 'https://childline.org.uk/' is not a domain"),
    (source(garden='["a.org", "Childline.org.uk"]'), "garden (item 2): 'Childline.org.uk' is not a domain"),
    (source(garden='["org"]'), "garden (item 1): 'org' is not a domain"),
    (source(garden='["10.0.0.1"]'), "garden (item 1): '10.0.0.1' is not a domain"),
    (source(garden='["co.uk"]'), "garden (item 1): co.uk would open everybody's sites"),
    (source(garden='["apple.com"]'), "garden (item 1): apple.com holds captive.apple.com, so phones would not see"),
    (source(garden='["www.google.com"]'), "garden (item 1): www.google.com holds www.google.com"),
    (source(languages='["cy"]'), 'languages: "en" is missing: every text falls back to it'),
    (source(languages='["en", "en"]'), "languages: name each only once"),
    (source(languages='["en", "English"]'), "languages: 'English' is not a language code"),
    (source(languages="[]"), "languages: has too few: list at least 1"),
    (source(colour='"red"'), "colour: is not known here: take it out, or look for a spelling mistake"),
    (source(dates='version = "1"'), "aup.review: is missing"),
    (source(dates='version = "1"\nreview = "next year"'), "aup.review: is not a date: write one such as 2027-09-01"),
    (source(dates='version = ""\nreview = 2027-09-01'), "aup.version: must not be empty"),
    (source(times=TIMES.replace("false", "true")), "times.open: always = true leaves nothing to open"),
    (source(times=TIMES.replace("12:10", "13:30")), "times.open: 13:30 is not before 13:00: turn them round"),
    (source(times=TIMES.replace("12:10", "noon")), "times.open: 'noon' is not a time"),
    (source(times=TIMES.replace('"friday"', '"Freitag"')), "times.open: 'Freitag' is not a day"),
    (
        source(times="always = false\nclosed = [{ first = 2027-01-03, last = 2026-12-19 }]"),
        "times.closed: 2027-01-03 is after 2026-12-19: turn them round",
    ),
    (source(audiences={}), "audiences: is missing"),
    (
        source(audiences={**AUDIENCES, "guest": AUDIENCES["visitor"]}),
        "audiences (item 4).id: 'guest' is not known: use one of young-learner, learner, adult, staff, visitor",
    ),
    (
        source(audiences={"learner": AUDIENCES["learner"].replace("60", "4")}),
        "audiences (item 1).session_minutes: write 5 or more",
    ),
    (
        source(audiences={"learner": AUDIENCES["learner"].replace("web", "everything")}),
        "audiences (item 1).access: 'everything' is not known: use one of web, all",
    ),
    (source(audiences={"staff": "x = 1"}), "audiences (item 1).x: is not known here"),
    (
        source(more='[[audiences]]\nid = "learner"\n' + AUDIENCES["learner"] + "\n"),
        "audiences: learner is there twice: take one out",
    ),
    (source(levels={"learn": None}), "levels: learn missing: give it one of acceptable, at-certain-times"),
    (source(levels={"learn": '"fine"'}), "levels.learn: 'fine' is not known: use one of acceptable"),
    (source(levels={"learn": "5"}), "levels.learn: '5' is not known"),
    (source(levels={"lern": '"acceptable"'}), "levels.lern: is not one of the actions: look for a spelling mistake"),
    (source(levels={"get-help": '"unacceptable"'}), 'levels.get-help: must be "acceptable", whatever the site'),
    (source(levels={"groom-a-child": '"unacceptable"'}), 'levels.groom-a-child: must be "illegal", whatever the site'),
    (source(more='[levels.adult]\nshop = "acceptable"'), "levels.adult: 'adult' is not known: use one of learner"),
    (source(more='[levels.staff]\nshops = "acceptable"'), "levels.staff.shops: is not one of the actions"),
    (source(more="[facts.cy]\n"), "facts.cy: is not one of languages: add it there, or take this out"),
    (source(more='[facts.en]\nschool = "x"'), "facts"),
    ("format = ", "is not TOML: Invalid value (at line 1, column 10)"),
    ("a" * 1_100_000, "has over 1048576 characters"),
    ("a = " + "[" * 100_000, "is nested too deeply"),
]


@pytest.mark.parametrize(("portal", "said"), BAD_SOURCES, ids=range(len(BAD_SOURCES)))
def test_what_is_wrong_is_said_in_one_line(portal: str, said: str) -> None:
    """The file, the key (or line) and the mend; nothing wrong is taken."""
    texts = [aup(audience) for audience in AUDIENCES]
    assert wrong("\n".join([portal, *(f"[[documents]]\n{text}" for text in texts)])).startswith(said)


BAD_TEXTS = [
    ((aup("visitor"), aup("staff")), "documents: learner.en is missing: write aups/learner.en.toml"),
    ((aup("learner"), aup("visitor")), "documents: staff.en is missing: write aups/staff.en.toml"),
    (tuple(aup(a) for a in (*AUDIENCES, "learner")), "documents: learner.en is there twice: take one out"),
    (tuple(aup(a) for a in (*AUDIENCES, "adult")), "documents (item 4).audience: adult is not one of this site's"),
    (
        (*(aup(a) for a in AUDIENCES), aup("learner", "cy")),
        "documents: learner.cy: add 'cy' to languages, or take it out",
    ),
    (
        (aup("visitor"), aup("staff"), aup("learner", promise='"{secret}"')),
        "documents (item 3).promise: {secret} is not a fact",
    ),
    (
        (aup("visitor"), aup("staff"), aup("learner", rules=str([("ي" * 480)] * 14).replace("'", '"'))),
        "documents: learner.en has 13",
    ),
]


@pytest.mark.parametrize(("texts", "said"), BAD_TEXTS, ids=range(len(BAD_TEXTS)))
def test_texts_that_do_not_fit_are_said_in_one_line(texts: tuple[str, ...], said: str) -> None:
    """A text that is missing, there twice, for nobody, or too long for a page that loads at once."""
    assert wrong(joined(source(), *texts)).startswith(said)


def test_every_language_is_there_for_whoever_joins_without_a_voucher() -> None:
    """A language that the pages offer has a text for the network's own audience."""
    line = wrong(joined(source(languages='["en", "cy"]'), *(aup(audience) for audience in AUDIENCES)))
    assert line.startswith("documents: learner.cy is missing: write aups/learner.cy.toml, or take 'cy' out of languag")


def test_a_device_paragraph_that_falls_empty_is_refused() -> None:
    """Who takes nothing away leaves that sentence out; a text with nothing else on people's own devices is no text."""
    texts = [aup("learner", device='["{confiscation}"]'), aup("visitor"), aup("staff")]
    assert "learner.en says nothing of people's own devices" in wrong(joined(source(confiscation='""'), *texts))
    kept = byod(source(confiscation='""')).document(Audience.LEARNER, "en")
    assert kept.device == ("Look after your own device, its updates and virus protection.",)


def test_source_with_texts_inside_is_refused() -> None:
    """Texts are files of their own: in a profile's portal.toml they would be signed twice, or never seen."""
    with pytest.raises(BadSettings, match="documents: texts are files of their own"):
        parse_byod_source(joined(), "portal.toml")
    assert parse_byod_source(source(), "portal.toml").organisation == "Test School"


def test_every_action_has_a_place_in_every_table() -> None:
    """No site's table leaves an action out, nor puts them in another order."""
    for document in byod().documents:
        assert tuple(action for action, _ in document.levels) == ACTIONS
