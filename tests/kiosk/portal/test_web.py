"""The pages over real HTTP: accept, time left, not now, vouchers, survey, and the truth when something is broken."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from ipaddress import ip_address
from pathlib import Path

import pytest

from firmware.byod import Audience
from firmware.vouchers import Voucher, make_words
from kiosk.portal import api
from kiosk.portal.pulse import PULSE
from kiosk.portal.register import Register
from tests.support.byod_samples import AFTER_LUNCH, BEFORE_LUNCH, byod, wall_ms
from tests.support.portal_house import HOST, NETWORK, VOUCHER_KEY, Answer, House, Visitor

STAFF_VOUCHER = Voucher(Audience.STAFF, date(2027, 1, 15), minutes=120, devices=1, serial=7)
GUEST_VOUCHER = Voucher(Audience.VISITOR, date(2027, 1, 15), minutes=120, devices=2, serial=8)


def words_of(voucher: Voucher, key: bytes = VOUCHER_KEY) -> str:
    return " ".join(make_words(voucher, key))


NOT_OURS = words_of(GUEST_VOUCHER, bytes(32))


@contextmanager
def visiting(house: House) -> Iterator[Visitor]:
    with house.open() as port:
        yield Visitor(port)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def visitor(house: House) -> Iterator[Visitor]:
    with visiting(house) as visitor:
        yield visitor


@pytest.mark.requirement("B1")
def test_the_rules_come_before_the_internet(house: House, visitor: Visitor) -> None:
    """Nobody is let through before saying yes to the rules meant for them; then they are, at once, for their time."""
    page = visitor.get("/")
    assert page.title == house.byod.document(Audience.LEARNER, "en").title
    assert house.gate.admitted() == ()
    answer = visitor.accept()
    assert (answer.status, answer.headers["location"]) == (303, "/en/online")
    (client,) = house.gate.admitted()
    assert client.admitted_seconds_left == 30 * 60
    assert "13:00" in visitor.follow(answer).title


def a_class_accepts(port: int) -> list[Answer]:
    """Twelve phones have read the rules and press at the same moment."""
    phones = [Visitor(port, f"127.0.1.{number}") for number in range(1, 13)]
    forms = [phone.get("/en/").fields("/en/accept") for phone in phones]
    with ThreadPoolExecutor(len(phones)) as threads:
        return list(threads.map(lambda one: one[0].post("/en/accept", one[1]), zip(phones, forms, strict=True)))


@pytest.mark.requirement("B1")
def test_a_class_that_accepts_at_once_is_on_line_and_written_down(house: House, visitor: Visitor) -> None:
    """Each of them is let through, and stands in the register that the next process reads."""
    assert [answer.headers["location"] for answer in a_class_accepts(visitor.port)] == ["/en/online"] * 12
    admitted = {client.pseudonym for client in house.gate.admitted()}
    assert len(admitted) == 12
    register = Register(house.folder / "acceptances.json")
    assert {entry.pseudonym for entry in register.all_at(house.wall_ms)} == admitted


@pytest.mark.requirement("B1")
def test_what_cannot_be_written_down_lets_nobody_through(house: House, visitor: Visitor) -> None:
    """A disk that takes nothing: every one of a class is told so with the human way, and nobody is on-line."""
    (house.folder / "acceptances.json.new").mkdir()
    answers = a_class_accepts(visitor.port)
    assert [(answer.status, answer.title) for answer in answers] == [(503, "That could not be saved")] * 12
    assert all("Need help now?" in answer.text for answer in answers)
    assert house.gate.admitted() == ()


@pytest.mark.requirement("B1")
def test_nobody_accepts_what_they_were_not_shown(house: House, visitor: Visitor) -> None:
    """A form of another device, of another text, or made up, leads back to the rules; nothing is written down."""
    fields = visitor.get("/en/").fields("/en/accept")
    other = Visitor(visitor.port, "127.0.0.9")
    visitor_text = house.byod.document(Audience.VISITOR, "en").digest.hex()
    for who, wrong in (
        (other, fields),
        (visitor, {**fields, "aup": visitor_text}),
        (visitor, {**fields, "met": "0" * 32}),
        (visitor, {"aup": fields["aup"]}),
        (visitor, {**fields, "aup": "zz"}),
        (visitor, {}),
    ):
        answer = who.post("/en/accept", wrong)
        assert answer.status == 200
        assert "This page was an old one." in answer.text
    assert house.gate.admitted() == ()


@pytest.mark.requirement("B1")
def test_it_says_that_it_is_a_reminder(visitor: Visitor) -> None:
    """No signature, no consent: the page says so beside the button."""
    assert "It is not a signature." in visitor.get("/en/").text


@pytest.mark.requirement("B2")
def test_the_rules_come_in_the_readers_words(house: House, visitor: Visitor) -> None:
    """By the browser's language, by the path, and in the easy form; accepting any of them is enough."""
    assert house.byod.document(Audience.LEARNER, "cy").title in visitor.get("/", accept_language="cy-GB").text
    assert house.byod.document(Audience.LEARNER, "en-x-easy").title in visitor.get("/en-x-easy/").text
    assert visitor.accept("cy").headers["location"] == "/cy/online"


@pytest.mark.requirement("B3")
def test_the_right_network_is_named(visitor: Visitor) -> None:
    """Every page names the advertised Wi-Fi, and the rules say that any other is not ours."""
    for path in ("/en/", "/en/rules", "/en/privacy", "/en/voucher"):
        assert NETWORK in visitor.get(path).text
    assert "Any other name is not ours" in visitor.get("/en/").text


@pytest.mark.requirement("B4")
def test_outside_the_times_nobody_new_gets_in(house: House, visitor: Visitor) -> None:
    """The page says when it opens and until when; a form from before is answered with the same."""
    fields = visitor.get("/en/").fields("/en/accept")
    house.wall_ms = wall_ms(AFTER_LUNCH)
    page = visitor.get("/en/")
    assert page.title == "Not now"
    assert "12:10 tomorrow" in page.text
    assert "until 13:00" in page.text
    assert visitor.follow(visitor.post("/en/accept", fields)).title == "Not now"
    assert house.gate.admitted() == ()


@pytest.mark.requirement("B4")
def test_an_unlocked_lesson_opens_for_its_time(house: House, visitor: Visitor) -> None:
    """What staff unlocked is open now, and ends by itself."""
    house.wall_ms = wall_ms(BEFORE_LUNCH)
    assert visitor.get("/en/").title == "Not now"
    house.keeper.unlocked_until_ms = house.wall_ms + 20 * 60_000
    assert "11:20" in visitor.follow(visitor.accept()).title


@pytest.mark.requirement("B4")
def test_a_clock_that_cannot_be_right_lets_nobody_in(house: House, visitor: Visitor) -> None:
    """The page says why, and that it is not the reader's fault."""
    house.wall_ms = 0
    assert "We do not know what time it is" in visitor.get("/en/").text


@pytest.mark.requirement("B4")
def test_five_minutes_before_the_end_the_page_warns(tmp_path: Path) -> None:
    """It changes by itself, says how long is left, and one tap gives more where a session ends."""
    house = House(tmp_path, byod(always_open=True))
    with visiting(house) as visitor:
        page = visitor.follow(visitor.accept())
        assert "Minutes left" not in page.text
        assert page.headers["refresh"] == str(55 * 60 + 1)
        house.wall_ms += 56 * 60_000
        page = visitor.get("/en/online")
        assert "Minutes left: 4" in page.text
        assert page.headers["refresh"] == "60"
        assert visitor.post("/en/accept", page.fields("/en/accept")).status == 303
        assert "14:26" in visitor.get("/en/online").title


@pytest.mark.requirement("B4")
def test_after_the_end_the_page_does_not_go_on_saying_on_line(house: House, visitor: Visitor) -> None:
    """The address of "you are on-line" tells the truth of now, whatever it told before."""
    visitor.accept()
    house.wall_ms = wall_ms(AFTER_LUNCH)
    assert visitor.get("/en/online").title == "Not now"


@pytest.mark.requirement("B6")
def test_everybody_is_told_who_looks(house: House, visitor: Visitor) -> None:
    """Before accepting, in the rules and in the privacy notice."""
    for path in ("/en/", "/en/rules", "/en/privacy"):
        assert house.byod.monitored_by in visitor.get(path).text.replace("&#39;", "'")


@pytest.mark.requirement("B7")
def test_the_five_levels_are_a_list_for_phones(house: House, visitor: Visitor) -> None:
    """Each answer to "may I?" is a heading in words that opens its list; every action stands under one."""
    text = visitor.get("/en/rules").text
    assert "<table" not in text
    levels = {level for _, level in house.byod.document(Audience.LEARNER, "en").levels}
    assert text.count('<details class="level"') == len(levels) == 5
    assert text.count("<li>") >= len(house.byod.document(Audience.LEARNER, "en").levels)


@pytest.mark.requirement("B8")
def test_a_new_text_is_put_to_everybody_again(house: House, visitor: Visitor) -> None:
    """Who accepted the old version is not on-line by it, and is told that the rules have changed."""
    visitor.accept()
    changed = House(house.folder, byod(version="2027-01"), gate=house.gate)
    with visiting(changed) as again:
        page = again.get("/en/")
        assert "The rules have changed since you read them." in page.text
        assert changed.keeper.reconcile().revoke
        assert changed.gate.admitted() == ()


@pytest.mark.requirement("B8")
def test_an_old_form_is_not_a_yes_to_a_new_text(house: House, visitor: Visitor) -> None:
    """A page that was open while the rules changed shows the new ones."""
    fields = visitor.get("/en/").fields("/en/accept")
    with visiting(House(house.folder, byod(version="2027-01"), gate=house.gate)) as again:
        assert "Here are the rules as they are now." in again.post("/en/accept", fields).text


@pytest.mark.requirement("B9")
def test_a_voucher_leads_to_its_own_rules(house: House, visitor: Visitor) -> None:
    """Words, or the address of the code on the card; nothing counts until its rules are accepted."""
    words = words_of(GUEST_VOUCHER)
    page = visitor.get("/en/voucher?w=" + words.replace(" ", "-"))
    assert words in page.text
    guest = visitor.follow(visitor.post("/en/voucher", {"words": words}))
    assert guest.title == house.byod.document(Audience.VISITOR, "en").title
    assert house.gate.admitted() == ()
    answer = visitor.post("/en/accept", guest.fields("/en/accept"))
    assert answer.headers["location"] == "/en/online"
    assert len(house.gate.admitted()) == 1


@pytest.mark.requirement("B9", "B10")
def test_a_voucher_changes_access_and_times(house: House, visitor: Visitor) -> None:
    """Staff by voucher are on-line outside the times, with their own access; a learner beside them is not."""
    house.wall_ms = wall_ms(BEFORE_LUNCH)
    guest = visitor.follow(visitor.post("/en/voucher", {"words": words_of(STAFF_VOUCHER)}))
    visitor.post("/en/accept", guest.fields("/en/accept"))
    assert "13:00" in visitor.get("/en/online").title
    assert [client.access for client in house.gate.admitted()] == ["all"]
    assert Visitor(visitor.port, "127.0.0.2").get("/en/").title == "Not now"


@pytest.mark.requirement("B9")
def test_a_voucher_is_for_so_many_devices(house: House, visitor: Visitor) -> None:
    """The one too many is told so; whoever sends the same form twice is counted once."""
    guest = visitor.follow(visitor.post("/en/voucher", {"words": words_of(STAFF_VOUCHER)}))
    for _ in range(2):
        assert visitor.post("/en/accept", guest.fields("/en/accept")).status == 303
    other = Visitor(visitor.port, "127.0.0.2").post("/en/voucher", {"words": words_of(STAFF_VOUCHER)})
    assert "on as many devices as it is for" in other.text


@pytest.mark.requirement("B9")
def test_guesses_are_few_and_shut_out_only_who_guesses(house: House, visitor: Visitor) -> None:
    """After five wrong ones in a minute none of this device is looked at, not even a right one, and the page says so;
    a guest beside it goes on."""
    for _ in range(5):
        assert "We do not know this voucher" in visitor.post("/en/voucher", {"words": NOT_OURS}).text
    resting = visitor.post("/en/voucher", {"words": words_of(GUEST_VOUCHER)})
    assert resting.status == 429
    assert "Wait a minute" in resting.text
    fields = visitor.get("/en/").fields("/en/accept")
    assert "Wait a minute" in visitor.post("/en/accept", {**fields, "voucher": NOT_OURS}).text
    guest = Visitor(visitor.port, "127.0.0.20")
    assert guest.post("/en/voucher", {"words": words_of(GUEST_VOUCHER)}).status == 303
    house.monotonic_ms += 60_000
    assert visitor.post("/en/voucher", {"words": words_of(GUEST_VOUCHER)}).status == 303


@pytest.mark.requirement("B9")
def test_guesses_are_few_for_everybody_together(visitor: Visitor) -> None:
    """However many devices somebody makes up, sixty wrong ones in a minute are the last that is looked at."""
    for number in range(60):
        guesser = Visitor(visitor.port, f"127.0.1.{1 + number // 5}")
        assert "We do not know this voucher" in guesser.post("/en/voucher", {"words": NOT_OURS}).text
    assert visitor.post("/en/voucher", {"words": words_of(GUEST_VOUCHER)}).status == 429


def test_words_that_cannot_be_a_voucher_are_no_guess(visitor: Visitor) -> None:
    """Nonsense costs nobody the minute: it tells nothing about real vouchers."""
    for _ in range(9):
        assert "not six words" in visitor.post("/en/voucher", {"words": "hello"}).text
    assert visitor.post("/en/voucher", {"words": words_of(GUEST_VOUCHER)}).status == 303


@pytest.mark.requirement("B13")
def test_the_survey_is_pictures_and_counts_once(house: House, visitor: Visitor) -> None:
    """Radio buttons only, nothing to type; a second answer of a device on one day is not counted."""
    page = visitor.get("/en/survey")
    assert "textarea" not in page.text
    assert 'type="text"' not in page.text
    answers = {question.id: question.choices[0].id for question in PULSE}
    assert visitor.answer_survey(answers).headers["location"] == "/en/thanks"
    assert visitor.get("/en/thanks").title == "Thank you"
    assert "has answered today already" in visitor.answer_survey(answers).text
    assert "Choose at least one picture" in Visitor(visitor.port, "127.0.0.3").answer_survey({}).text


@pytest.mark.requirement("B13")
def test_a_page_of_another_site_casts_no_vote(house: House, visitor: Visitor) -> None:
    """Answers count only from a page that this device was shown: not without its mark, not with another device's."""
    answers = {question.id: question.choices[0].id for question in PULSE}
    others = Visitor(visitor.port, "127.0.0.3").get("/en/survey").fields("/en/survey")
    for form in (answers, {**answers, **others}):
        assert "That did not work. Choose once more." in visitor.post("/en/survey", form).text
    assert visitor.answer_survey(answers).status == 303


@pytest.mark.requirement("B13")
def test_parents_and_staff_answer_by_a_link(house: House, visitor: Visitor) -> None:
    """A link names whose answers they are; learners cannot be made of others by it."""
    answers = {"safe": "very"}
    assert visitor.answer_survey(answers, "/en/survey?for=staff").status == 303
    other = Visitor(visitor.port, "127.0.0.4")
    form = other.get("/en/survey?for=headteacher").fields("/en/survey")
    assert other.post("/en/survey?for=headteacher", {**form, **answers}).status == 303
    kept = (house.folder / "pulse.json").read_text()
    assert "2027-1-spring staff safe 1" in kept
    assert "2027-1-spring learner safe 1" in kept


@pytest.mark.requirement("D7")
def test_the_privacy_notice_says_who_what_how_long_and_rights(house: House, visitor: Visitor) -> None:
    """Before, after and without accepting, in the reader's language."""
    text = visitor.get("/en/privacy").text
    for fact in ("Demo School", house.byod.privacy_contact, "24 hours", "No name", "Your rights", "complain"):
        assert fact in text


@pytest.mark.requirement("D1")
def test_nothing_is_kept_of_who_it_was(house: House, visitor: Visitor) -> None:
    """No cookie is set, and neither address nor browser is in any file of the portal."""
    answers = [visitor.get("/en/"), visitor.accept(), visitor.get("/en/online"), visitor.get("/en/survey")]
    assert not [each for each in answers if "set-cookie" in each.headers]
    for file in house.folder.iterdir():
        assert b"127.0.0.1" not in file.read_bytes()


@pytest.mark.requirement("L1", "D1")
@pytest.mark.parametrize(
    "path", ["", "rules", "privacy", "voucher", "survey", "online", "thanks", "nothing", "voucher?w=a"]
)
def test_help_is_on_every_page_before_and_after(house: House, visitor: Visitor, path: str) -> None:
    """The same link in the same place, whether somebody has accepted or not."""
    link = '<nav class="bar" aria-label="Help"><a href="/en/talk">'
    assert link in visitor.get(f"/en/{path}").text
    visitor.accept()
    assert link in visitor.get(f"/en/{path}").text


@pytest.mark.requirement("L1")
@pytest.mark.parametrize("trouble", ["silent", "refuses", "knows_nobody"])
def test_help_is_there_when_the_gate_is_not(house: House, visitor: Visitor, trouble: str) -> None:
    """A gate that is silent, refuses or knows nobody takes nobody the way to help; the page says what is true."""
    fields = visitor.get("/en/").fields("/en/accept")
    setattr(house.gate, trouble, True)
    page = visitor.post("/en/accept", fields)
    assert '<a href="/en/talk">' in page.text
    assert "on-line until" not in page.text
    assert page.title


@pytest.mark.requirement("B1")
def test_a_silent_gate_is_told_and_made_good(house: House, visitor: Visitor) -> None:
    """The page says that nobody gets in and tries again by itself; what was accepted is let through once it is back."""
    fields = visitor.get("/en/").fields("/en/accept")
    house.gate.silent = True
    page = visitor.post("/en/accept", fields)
    assert page.status == 503
    assert page.title == "The Wi-Fi cannot let you in just now"
    assert "the school office" in page.text
    assert page.headers["refresh"] == "15"
    assert not house.keeper.gate_answers
    house.gate.silent, house.monotonic_ms = False, 5_000
    assert visitor.accept().status == 303
    assert house.keeper.gate_answers


@pytest.mark.requirement("B1")
def test_a_gate_that_forgot_is_told_again(house: House, visitor: Visitor) -> None:
    """What the register holds is given again: at once for whoever looks, for the others by the reconciliation."""
    visitor.accept()
    Visitor(visitor.port, "127.0.0.2").accept()
    house.gate.forget_all()
    visitor.get("/en/online")
    assert len(house.gate.admitted()) == 1
    assert len(house.keeper.reconcile().admit) == 1
    assert len(house.gate.admitted()) == 2


@pytest.mark.requirement("B1")
def test_a_restart_loses_nobody_and_lets_nobody_in(house: House, visitor: Visitor) -> None:
    """The register outlives the web process; forms of before do not, for nobody can tell who was shown what."""
    other = Visitor(visitor.port, "127.0.0.2")
    fields = other.get("/en/").fields("/en/accept")
    visitor.accept()
    again = house.restart()
    with again.open() as port:
        assert "on-line until" in Visitor(port).get("/en/").title
        assert "This page was an old one" in Visitor(port, "127.0.0.2").post("/en/accept", fields).text
        assert len(again.gate.admitted()) == 1


def test_the_gates_own_extras_are_taken_back(house: House, visitor: Visitor) -> None:
    """Whom the gate holds without the register's word is ended."""
    visitor.accept()
    stranger = house.gate.admit(ip_address("127.0.0.77"), 600, "web")
    assert house.keeper.reconcile().revoke == (stranger,)
    assert len(house.gate.admitted()) == 1


def test_api_is_for_https_alone(tmp_path: Path, visitor: Visitor) -> None:
    """Over plain HTTP there is no such thing (RFC 8908, section 4.1)."""
    assert visitor.get(api.PATH).status == 404


@pytest.mark.parametrize("path", ["/en/accept", "/en/guest", "/en/voucher", "/captive/api"])
def test_where_the_site_has_its_own_portal_nobody_is_admitted(tmp_path: Path, path: str) -> None:
    """Link-only: help and rules, and nothing that lets anybody anywhere."""
    house = House(tmp_path, admits=False)
    with visiting(house) as visitor:
        page = visitor.get("/en/")
        assert page.title == "Help and rules"
        assert house.byod.document(Audience.LEARNER, "en").title in visitor.get("/en/rules").text
        assert visitor.post(path, {}).status in (404, 303)
        assert visitor.get(path).status == 404
        assert house.gate.admitted() == ()


def test_off_line_sites_tell_the_truth_to_those_who_are_admitted(tmp_path: Path) -> None:
    """Without Internet, probes are answered truthfully after acceptance, and led to the portal before and elsewhere."""
    house = House(tmp_path, offline=True)
    with visiting(house) as visitor:
        probe = {"path": "/generate_204", "host": "connectivitycheck.gstatic.com"}
        assert visitor.get(**probe).status == 302
        visitor.accept()
        assert visitor.get(**probe).status == 204
        assert visitor.get("/hotspot-detect.html", host="captive.apple.com").text.count("Success") == 2
        assert visitor.get("/other", host="captive.apple.com").status == 302
        assert visitor.get("/", host="www.example.com").status == 302


@pytest.mark.requirement("B1")
def test_on_line_sites_never_answer_for_others(house: House, visitor: Visitor) -> None:
    """Where there is Internet, a probe that still comes here is led to the portal, admitted or not."""
    visitor.accept()
    answer = visitor.get("/generate_204", host="connectivitycheck.gstatic.com")
    assert (answer.status, answer.headers["location"]) == (302, f"http://{HOST}/")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/en/accept", 303), ("/en/nothing", 404), ("/nothing", 404), ("/en", 404), ("/rules", 200), ("/privacy", 200)],
)
def test_other_addresses(visitor: Visitor, path: str, status: int) -> None:
    """A form's address opened by itself begins anew; bare names are answered in the browser's language."""
    assert visitor.get(path).status == status


def test_a_form_that_is_none_is_refused(visitor: Visitor) -> None:
    """Another content type, or more fields than any page has."""
    many = {f"f{number}": "x" for number in range(80)}
    assert visitor.post("/en/accept", many).status == 400
    assert visitor._ask("POST", "/en/accept", "{}", {"Host": HOST, "Content-Type": "application/json"}).status == 400


def test_pages_fit_a_slow_network(house: House, visitor: Visitor) -> None:
    """Each page with its sheet and pictures is below 20 KB."""
    sheet = len(house.pages.style) + len(visitor.get("/static/mark.svg").text)
    for path in ("", "rules", "privacy", "voucher", "survey", "nothing"):
        for language in ("en", "en-x-easy", "cy"):
            assert len(visitor.get(f"/{language}/{path}").text.encode()) + sheet < 20_000, path
