"""Admission: the whole table of decisions, every bound, and two facts that hold for any acceptance at any moment."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.byod import Access, Audience, AudienceRules, Byod
from firmware.clock import BUILD_FLOOR_MS
from firmware.errors import ProgrammerError, Refused
from firmware.opening_hours import DAYS
from kiosk.portal.admission import (
    FROM_THE_FUTURE_MS,
    WARN_BEFORE_MS,
    Acceptance,
    Admitting,
    Asked,
    Ends,
    MustAccept,
    NotNow,
    Online,
    accept,
    audience_of,
    decide,
    forget_line_ms,
    online_now,
)
from kiosk.portal.timetable import Closed, Open, day_end_ms, midnight_ms, times_at
from tests.support.byod_samples import (
    AFTER_LUNCH,
    AT_LUNCH,
    BEFORE_LUNCH,
    LONDON,
    RULES,
    byod,
    document,
    wall_ms,
)

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
PHONE = bytes(range(16))
LEARNER, STAFF, VISITOR = Audience.LEARNER, Audience.STAFF, Audience.VISITOR


def accepted(
    site: Byod, clock: str | int, *, voucher: Admitting | None = None, lesson: str | None = None, language: str = "en"
) -> Acceptance:
    """What the register gets when a phone accepts the text that is put to it."""
    audience = site.network_audience if voucher is None else voucher.audience
    found = accept(
        PHONE,
        document(site, audience, language),
        byod=site,
        voucher=voucher,
        wall_ms=clock if isinstance(clock, int) else wall_ms(clock),
        unlocked_until_ms=wall_ms(lesson) if lesson else None,
    )
    assert isinstance(found, Acceptance)
    return found


def at(
    site: Byod,
    acceptance: Acceptance | None,
    clock: str | int,
    *,
    audience: Audience | None = None,
    lesson: str | None = None,
) -> MustAccept | Online | NotNow:
    """The decision at a moment; who it is follows from network and voucher unless a test says otherwise."""
    now = clock if isinstance(clock, int) else wall_ms(clock)
    who = audience or audience_of(acceptance, byod=site, wall_ms=now)
    lesson_ms = wall_ms(lesson) if lesson else None
    return decide(acceptance, byod=site, audience=who, wall_ms=now, unlocked_until_ms=lesson_ms)


# The table, line by line


@pytest.mark.requirement("B1")
def test_who_has_accepted_nothing_is_asked() -> None:
    """At lunch, a new phone: the learners' text, for the first time."""
    assert at(byod(), None, AT_LUNCH) == MustAccept(LEARNER, Asked.FIRST)


@pytest.mark.requirement("B4")
def test_outside_the_times_nobody_is_asked_nor_admitted() -> None:
    """Before and after lunch: not now, and when; with or without an acceptance."""
    site = byod()
    told = accepted(site, AT_LUNCH)
    assert at(site, None, BEFORE_LUNCH) == NotNow(wall_ms("2027-01-13 12:10"))
    assert at(site, told, AFTER_LUNCH) == NotNow(wall_ms("2027-01-14 12:10"))
    refused = accept(
        PHONE, document(site), byod=site, voucher=None, wall_ms=wall_ms(BEFORE_LUNCH), unlocked_until_ms=None
    )
    assert refused == NotNow(wall_ms("2027-01-13 12:10"))


@pytest.mark.requirement("B1")
def test_who_has_accepted_their_text_is_on_line() -> None:
    """Accepted at 12:30, at 12:31: on-line to the end of lunch, with learners' access."""
    site = byod()
    decision = at(site, accepted(site, AT_LUNCH), "2027-01-13 12:31")
    assert decision == Online(wall_ms("2027-01-13 13:00"), False, Ends.TIMES, Access.WEB)


@pytest.mark.requirement("B8")
def test_a_text_that_is_no_longer_in_force_is_put_to_everyone_again() -> None:
    """Provisioned anew with another version: on-line before, asked because of the change after."""
    old, new = byod(), byod(version="2027-01")
    told = accepted(old, AT_LUNCH)
    assert isinstance(at(old, told, "2027-01-13 12:31"), Online)
    assert at(new, told, "2027-01-13 12:31") == MustAccept(LEARNER, Asked.CHANGED)


def test_another_language_of_the_same_text_asks_nobody_again() -> None:
    """Accepted in Welsh, on-line."""
    site = byod()
    assert isinstance(at(site, accepted(site, AT_LUNCH, language="cy"), AT_LUNCH), Online)


@pytest.mark.requirement("B1")
def test_a_text_for_others_admits_nobody() -> None:
    """Each pair of audiences: what one accepted is nothing to the other."""
    for mine in Audience:
        for theirs in Audience:
            told = replace(accepted(byod(network=mine, always_open=True), AT_LUNCH), voucher_until_ms=2**41)
            decision = at(byod(network=theirs, always_open=True), told, AT_LUNCH, audience=theirs)
            assert isinstance(decision, Online) == (mine is theirs)


def test_when_a_bound_is_over_one_tap_goes_on() -> None:
    """After the session: asked, because it ended; accepted again: on-line again."""
    site = byod(always_open=True)
    told = accepted(site, "2027-01-13 10:00")
    assert isinstance(at(site, told, wall_ms("2027-01-13 11:00") - 1), Online)
    assert at(site, told, "2027-01-13 11:00") == MustAccept(LEARNER, Asked.ENDED)
    assert isinstance(at(site, accepted(site, "2027-01-13 11:00"), "2027-01-13 11:00"), Online)


def test_a_clock_that_cannot_be_right_admits_nobody_and_says_so() -> None:
    """Staff too, and where it is always open: no end could be told."""
    for site in (byod(always_open=True), byod(network=STAFF)):
        told = accepted(site, AT_LUNCH)
        for wrong_ms in (0, BUILD_FLOOR_MS - 1):
            assert at(site, told, wrong_ms) == NotNow(None, clock_known=False)
            text = document(site, site.network_audience)
            found = accept(PHONE, text, byod=site, voucher=None, wall_ms=wrong_ms, unlocked_until_ms=None)
            assert found == NotNow(None, clock_known=False)


def test_an_audience_that_the_site_does_not_have_is_our_mistake() -> None:
    """Nobody is guessed to be somebody."""
    site = byod(rules=RULES[1:2])
    with pytest.raises(ProgrammerError, match="visitor"):
        at(site, None, AT_LUNCH, audience=VISITOR)


# Every bound


def test_a_session_is_as_long_as_the_audience_s() -> None:
    """Where nothing else ends it: learners an hour, visitors four."""
    for network, hours in ((LEARNER, 1), (VISITOR, 4)):
        site = byod(network=network, always_open=True)
        decision = at(site, accepted(site, "2027-01-13 09:00"), "2027-01-13 09:00")
        assert decision == Online(wall_ms("2027-01-13 09:00") + hours * HOUR_MS, False, Ends.SESSION, Access.WEB)


@pytest.mark.requirement("B4")
def test_a_session_that_straddles_the_end_of_the_times_ends_with_them() -> None:
    """Accepted at 12:30 for an hour: over at 13:00."""
    site = byod()
    assert accepted(site, AT_LUNCH).until_ms == wall_ms("2027-01-13 13:00")


@pytest.mark.requirement("B4", "B10")
def test_who_need_not_keep_to_the_times_is_not_ended_by_them() -> None:
    """Staff in the evening: on-line for their eight hours, with all of the Internet."""
    site = byod(network=STAFF)
    decision = at(site, accepted(site, "2027-01-13 17:00"), "2027-01-13 17:00")
    assert decision == Online(wall_ms("2027-01-14 01:00"), False, Ends.SESSION, Access.ALL)
    assert accepted(site, AT_LUNCH).until_ms == wall_ms("2027-01-13 20:30"), "nor when lunch ends"


@pytest.mark.requirement("B10")
def test_people_get_the_access_of_their_audience() -> None:
    """By voucher or network: learners the web, staff everything, on the same network at the same moment."""
    site = byod()
    by_voucher = accepted(site, AT_LUNCH, voucher=Admitting(STAFF, wall_ms("2027-01-13 18:00")))
    learner, staff = at(site, accepted(site, AT_LUNCH), AT_LUNCH), at(site, by_voucher, AT_LUNCH)
    assert isinstance(learner, Online)
    assert isinstance(staff, Online)
    assert (learner.access, staff.access) == (Access.WEB, Access.ALL)


@pytest.mark.requirement("B4")
def test_a_lesson_admits_while_it_lasts_and_its_end_ends_everybody() -> None:
    """Unlocked until 11:30: on-line in it, not now after it."""
    site = byod()
    told = accepted(site, BEFORE_LUNCH, lesson="2027-01-13 11:30")
    assert at(site, told, BEFORE_LUNCH, lesson="2027-01-13 11:30") == Online(
        wall_ms("2027-01-13 11:30"), False, Ends.TIMES, Access.WEB
    )
    assert at(site, told, "2027-01-13 11:30", lesson="2027-01-13 11:30") == NotNow(wall_ms("2027-01-13 12:10"))


@pytest.mark.requirement("B4")
def test_a_lesson_that_staff_end_early_ends_at_once() -> None:
    """The unlock is gone before its time: not now, whatever the acceptance was told."""
    site = byod()
    told = accepted(site, BEFORE_LUNCH, lesson="2027-01-13 11:30")
    assert at(site, told, "2027-01-13 11:10") == NotNow(wall_ms("2027-01-13 12:10"))


def test_a_lesson_that_is_made_longer_asks_once_more() -> None:
    """An end that was told is never moved: at it, one tap."""
    site = byod()
    told = accepted(site, BEFORE_LUNCH, lesson="2027-01-13 11:30")
    assert at(site, told, "2027-01-13 11:29", lesson="2027-01-13 12:00") == Online(
        wall_ms("2027-01-13 11:30"), True, Ends.SESSION, Access.WEB
    )
    assert at(site, told, "2027-01-13 11:30", lesson="2027-01-13 12:00") == MustAccept(LEARNER, Asked.ENDED)


@pytest.mark.requirement("B9")
def test_a_voucher_ends_what_it_gave() -> None:
    """A visitor's voucher until 12:45: visitor until then, then again whoever the network says."""
    site = byod()
    told = accepted(site, AT_LUNCH, voucher=Admitting(VISITOR, wall_ms("2027-01-13 12:45")))
    assert at(site, told, AT_LUNCH) == Online(wall_ms("2027-01-13 12:45"), False, Ends.VOUCHER, Access.WEB)
    assert audience_of(told, byod=site, wall_ms=wall_ms("2027-01-13 12:45") - 1) is VISITOR
    assert at(site, told, "2027-01-13 12:45") == MustAccept(LEARNER, Asked.FIRST)


@pytest.mark.requirement("B9")
def test_while_a_voucher_holds_a_new_session_needs_no_words() -> None:
    """An adult's session of two hours ends; the voucher goes on: their own text is put to them again."""
    site = byod(always_open=True)
    told = accepted(site, "2027-01-13 09:00", voucher=Admitting(Audience.ADULT, wall_ms("2027-01-13 17:00")))
    assert at(site, told, "2027-01-13 11:00") == MustAccept(Audience.ADULT, Asked.ENDED)


@pytest.mark.requirement("B1")
def test_who_says_that_they_are_staff_without_a_voucher_is_not() -> None:
    """The text of another audience is refused, and an acceptance of it without a voucher admits nobody."""
    site = byod()
    with pytest.raises(Refused, match="not-theirs"):
        accept(PHONE, document(site, STAFF), byod=site, voucher=None, wall_ms=wall_ms(AT_LUNCH), unlocked_until_ms=None)
    forged = Acceptance(PHONE, document(site, STAFF).digest, wall_ms(AT_LUNCH), wall_ms(AFTER_LUNCH))
    assert at(site, forged, AT_LUNCH) == MustAccept(LEARNER, Asked.FIRST)
    assert at(site, forged, AT_LUNCH, audience=STAFF) == MustAccept(STAFF, Asked.ENDED)


def test_a_voucher_for_people_whom_the_site_does_not_have_is_refused() -> None:
    """Printed before the rules were changed."""
    site = byod(rules=RULES[1:2])
    text = document(byod(), VISITOR)
    with pytest.raises(Refused, match="not-theirs"):
        accept(
            PHONE,
            text,
            byod=site,
            voucher=Admitting(VISITOR, 2**41),
            wall_ms=wall_ms(AT_LUNCH),
            unlocked_until_ms=None,
        )
    told = accepted(byod(), AT_LUNCH, voucher=Admitting(VISITOR, wall_ms("2027-01-13 12:45")))
    assert audience_of(told, byod=site, wall_ms=wall_ms(AT_LUNCH)) is LEARNER


def test_a_voucher_that_is_over_and_an_old_page_are_refused() -> None:
    """Each by its own name, so that the page can say what to do."""
    site, now = byod(), wall_ms(AT_LUNCH)
    with pytest.raises(Refused, match="voucher-over"):
        accepted(site, AT_LUNCH, voucher=Admitting(VISITOR, now))
    with pytest.raises(Refused, match="not-in-force"):
        accept(PHONE, document(byod(version="old")), byod=site, voucher=None, wall_ms=now, unlocked_until_ms=None)


@pytest.mark.requirement("B8")
def test_the_day_of_the_review_asks_everybody_again() -> None:
    """Accepted at 23:30 on the eve: over at midnight. Accepted on the day: an overdue text is better than none."""
    site = byod(always_open=True, review="2027-01-14")
    told = accepted(site, "2027-01-13 23:30")
    assert at(site, told, "2027-01-13 23:30") == Online(wall_ms("2027-01-14 00:00"), False, Ends.REVIEW, Access.WEB)
    assert at(site, told, "2027-01-14 00:00") == MustAccept(LEARNER, Asked.ENDED)
    again = accepted(site, "2027-01-14 00:01")
    assert again.until_ms == wall_ms("2027-01-14 01:01")


@pytest.mark.requirement("D1")
def test_nothing_outlives_the_portal_s_day() -> None:
    """A visitor at 03:00, with a voucher for days: session and voucher end at 04:00."""
    site = byod(always_open=True)
    told = accepted(site, "2027-01-13 03:00", voucher=Admitting(VISITOR, wall_ms("2027-01-16 12:00")))
    assert (told.until_ms, told.voucher_until_ms) == (wall_ms("2027-01-13 04:00"),) * 2
    assert at(site, told, "2027-01-13 04:00") == MustAccept(LEARNER, Asked.FIRST)


def test_the_warning_comes_five_minutes_before() -> None:
    """Not a millisecond earlier, and then to the end."""
    site = byod()
    told, end = accepted(site, AT_LUNCH), wall_ms("2027-01-13 13:00")
    soon = [at(site, told, end - before) for before in (WARN_BEFORE_MS + 1, WARN_BEFORE_MS, 1)]
    assert [each.ends_soon for each in soon if isinstance(each, Online)] == [False, True, True]


def test_a_shorter_session_in_new_rules_counts_at_once() -> None:
    """Provisioned anew with ten minutes instead of sixty: over ten minutes after the acceptance."""
    long, short = (
        byod(always_open=True),
        byod(always_open=True, rules=[AudienceRules(LEARNER, 10, Access.WEB, uses_times=True)]),
    )
    told = accepted(long, "2027-01-13 09:00")
    assert at(short, told, "2027-01-13 09:10") == MustAccept(LEARNER, Asked.ENDED)


# Clocks


def test_a_session_over_the_changes_of_the_clock_lasts_as_long_as_any() -> None:
    """Both nights: 60 minutes of real time, whatever the clock reads."""
    site = byod(always_open=True)
    for start in (wall_ms("2027-03-28 00:30"), wall_ms("2027-10-31 01:30"), wall_ms("2027-10-31 01:30", fold=1)):
        assert accepted(site, start).until_ms == start + HOUR_MS


def test_times_over_the_changes_of_the_clock_end_when_the_clock_says_so() -> None:
    """Open 00:30-02:30: in spring 60 minutes from 00:30, in autumn the session's 60 of 180."""
    site = byod(opens=[("00:30", "02:30")], days=DAYS, rules=[AudienceRules(LEARNER, 600, Access.WEB, uses_times=True)])
    spring, autumn = wall_ms("2027-03-28 00:30"), wall_ms("2027-10-31 00:30")
    assert accepted(site, spring).until_ms == spring + HOUR_MS
    assert accepted(site, autumn).until_ms == autumn + 3 * HOUR_MS


def test_a_clock_that_jumps_forward_only_ends_earlier() -> None:
    """Two hours on: over, one tap. Corrected again: what is stored has not grown."""
    site = byod(always_open=True)
    told = accepted(site, "2027-01-13 09:00")
    assert at(site, told, "2027-01-13 11:00") == MustAccept(LEARNER, Asked.ENDED)
    back = at(site, told, "2027-01-13 09:10")
    assert isinstance(back, Online)
    assert back.until_ms == told.until_ms


def test_a_clock_that_jumps_back_before_the_acceptance_asks_again() -> None:
    """More than a minute from the future is not believed; less is a clock that was set right."""
    site = byod(always_open=True)
    told = accepted(site, "2027-01-13 09:00")
    now = wall_ms("2027-01-13 09:00")
    assert isinstance(at(site, told, now - FROM_THE_FUTURE_MS), Online)
    assert at(site, told, now - FROM_THE_FUTURE_MS - 1) == MustAccept(LEARNER, Asked.ENDED)


# Any acceptance at any moment

SITES = {
    (network, always, review): byod(network=network, always_open=always, review=review)
    for network in (LEARNER, STAFF, VISITOR)
    for always in (False, True)
    for review in ("2027-09-01", "2027-01-13")
}
DIGESTS = [text.digest for text in (*byod().documents, *byod(version="old").documents)]
LESSON_ENDS = st.none() | st.integers(1, HOUR_MS) | st.integers(-HOUR_MS, 2 * HOUR_MS)
# The hour before the review, two days round it, and both changes of the clock.
MOMENTS = st.one_of(
    st.integers(wall_ms("2027-01-13 00:00") - HOUR_MS, wall_ms("2027-01-13 00:00")),
    *(
        st.integers(wall_ms(f"{day} 00:00") - 26 * HOUR_MS, wall_ms(f"{day} 00:00") + 26 * HOUR_MS)
        for day in ("2027-01-13", "2027-03-28", "2027-10-31")
    ),
)


@st.composite
def acceptances(draw: st.DrawFn, now_ms: int, likely: bytes) -> Acceptance:
    """What could stand in a register that somebody else had written: often plausible, sometimes nothing like it."""
    wild = st.integers(-30 * HOUR_MS, 30 * HOUR_MS)
    ago = draw(st.integers(0, HOUR_MS) | st.integers(0, HOUR_MS) | wild)
    left = draw(st.integers(1, 5 * HOUR_MS) | st.integers(1, 5 * HOUR_MS) | wild)
    voucher_left = draw(st.none() | st.integers(1, 30 * HOUR_MS) | wild)
    return Acceptance(
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.sampled_from([likely] * len(DIGESTS) + DIGESTS)),
        now_ms - ago,
        now_ms + left,
        0 if voucher_left is None else now_ms + voucher_left,
    )


Case = tuple[Byod, int, Acceptance | None, Audience, int | None]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A site, a moment, what is known of a device, who it is, and a lesson."""
    site = draw(st.sampled_from(list(SITES.values())))
    now = draw(MOMENTS)
    audience = draw(st.just(site.network_audience) | st.sampled_from(list(Audience)))
    likely = document(site, audience, draw(st.sampled_from(["en", "cy"]))).digest
    acceptance = draw(acceptances(now, likely) | acceptances(now, likely) | st.none())
    return site, now, acceptance, audience, draw(LESSON_ENDS.map(lambda left: left and now + left))


@pytest.mark.requirement("B1", "B4", "B8", "B9")
@settings(max_examples=400)
@given(cases())
def test_nobody_is_on_line_past_any_bound(case: Case) -> None:
    """Whatever the register holds: who is on-line is inside session, times, voucher, review, day and told end."""
    site, now, acceptance, audience, lesson = case
    decision = decide(acceptance, byod=site, audience=audience, wall_ms=now, unlocked_until_ms=lesson)
    if not isinstance(decision, Online):
        return
    assert acceptance is not None
    rules = site.audiences[audience]
    until = decision.until_ms
    assert now < until <= acceptance.until_ms
    assert until <= acceptance.accepted_ms + rules.session_minutes * MINUTE_MS
    assert until <= day_end_ms(acceptance.accepted_ms, LONDON)
    assert acceptance.accepted_ms <= now + FROM_THE_FUTURE_MS
    assert not acceptance.voucher_until_ms or until <= acceptance.voucher_until_ms
    review = midnight_ms(document(site, audience).review, LONDON)
    assert acceptance.accepted_ms >= review or until <= review
    times = times_at(site, now, unlocked_until_ms=lesson)
    if rules.uses_times:
        assert isinstance(times, Open)
        assert times.until_ms is None or until <= times.until_ms
    assert decision.access is rules.access


@pytest.mark.requirement("B1", "B8")
@settings(max_examples=400)
@given(cases())
def test_nobody_is_on_line_without_an_acceptance_of_their_own_text(case: Case) -> None:
    """On-line means: a text in force today, put to exactly this audience, and a voucher for whom the network is not."""
    site, now, acceptance, audience, lesson = case
    decision = decide(acceptance, byod=site, audience=audience, wall_ms=now, unlocked_until_ms=lesson)
    if isinstance(decision, Online):
        assert acceptance is not None
        theirs = {text.digest for text in site.documents if text.audience is audience}
        assert acceptance.aup in theirs
        assert audience is site.network_audience or acceptance.voucher_until_ms > now


def test_those_cases_reach_every_end() -> None:
    """The facts above are not about nobody: among their cases devices are on-line, ended by each of the bounds."""
    reached: set[Ends] = set()

    @settings(max_examples=1_500, database=None)
    @given(cases())
    def look(case: Case) -> None:
        site, now, acceptance, audience, lesson = case
        decision = decide(acceptance, byod=site, audience=audience, wall_ms=now, unlocked_until_ms=lesson)
        if isinstance(decision, Online):
            reached.add(decision.why)

    look()
    assert reached == set(Ends)


@settings(max_examples=300)
@given(cases())
def test_the_end_that_is_told_is_true(case: Case) -> None:
    """A millisecond before it still on-line with the same end, at it no more (same lesson, same rules)."""
    site, now, acceptance, audience, lesson = case

    def look(at_ms: int) -> MustAccept | Online | NotNow:
        return decide(acceptance, byod=site, audience=audience, wall_ms=at_ms, unlocked_until_ms=lesson)

    decision = look(now)
    if not isinstance(decision, Online):
        return
    last = look(decision.until_ms - 1)
    assert isinstance(last, Online)
    assert (last.until_ms, last.ends_soon, last.why) == (decision.until_ms, True, decision.why)
    assert not isinstance(look(decision.until_ms), Online)


@given(
    st.sampled_from(list(SITES.values())),
    MOMENTS,
    st.none() | st.tuples(st.sampled_from(list(Audience)), st.integers(1, 60 * HOUR_MS)),
    st.none() | st.integers(-HOUR_MS, HOUR_MS),
)
def test_whoever_accepts_is_on_line_at_once_and_nobody_else(
    site: Byod, now: int, given: tuple[Audience, int] | None, lesson: int | None
) -> None:
    """For any voucher, lesson and moment: accepting gives an acceptance that admits now, or says when it could."""
    voucher = None if given is None else Admitting(given[0], now + given[1])
    unlocked = None if lesson is None else now + lesson
    text = document(site, site.network_audience if voucher is None else voucher.audience)
    found = accept(PHONE, text, byod=site, voucher=voucher, wall_ms=now, unlocked_until_ms=unlocked)
    keeps_to_times = site.audiences[text.audience].uses_times
    if isinstance(found, NotNow):
        assert keeps_to_times
        assert isinstance(times_at(site, now, unlocked_until_ms=unlocked), Closed)
        return
    who = audience_of(found, byod=site, wall_ms=now)
    assert who is text.audience
    decision = decide(found, byod=site, audience=who, wall_ms=now, unlocked_until_ms=unlocked)
    assert isinstance(decision, Online)
    assert decision.until_ms == found.until_ms


@given(MOMENTS, st.data())
def test_many_at_once_are_decided_as_each_alone(now: int, data: st.DataObject) -> None:
    """What the gate should hold is exactly who would be on-line one by one."""
    site = data.draw(st.sampled_from(list(SITES.values())))
    many = data.draw(st.lists(acceptances(now, document(site).digest), max_size=8))
    lesson = data.draw(st.none() | st.integers(now - HOUR_MS, now + HOUR_MS))
    together = online_now(many, byod=site, wall_ms=now, unlocked_until_ms=lesson)
    alone = []
    for each in many:
        who = audience_of(each, byod=site, wall_ms=now)
        decision = decide(each, byod=site, audience=who, wall_ms=now, unlocked_until_ms=lesson)
        if isinstance(decision, Online):
            alone.append((each, decision))
    assert list(together) == alone


@pytest.mark.requirement("D2")
def test_what_is_over_is_kept_for_the_profile_s_hours_and_never_beyond_the_day() -> None:
    """Kept for two hours: the line is two hours back; just after 04:00 it is 04:00."""
    site = byod(keep_hours=2)
    assert forget_line_ms(site, wall_ms(AT_LUNCH)) == wall_ms("2027-01-13 10:30")
    assert forget_line_ms(site, wall_ms("2027-01-13 04:30")) == wall_ms("2027-01-13 04:00")
