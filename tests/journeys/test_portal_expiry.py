"""The end of somebody's time, as their phone lives it: flows that are cut in the middle, and nobody else's."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker_config.site_portal import VoucherPlan, make_vouchers
from firmware.byod_parts import Audience
from kiosk.netlab import Phone
from tests.support.personas.asking import Handset, Verdict
from tests.support.personas.browsers import Firefox
from tests.support.personas.persona import SignedIn, promise
from tests.support.personas.sheet import Sheet
from tests.support.portal_box import LONG_SECONDS, PortalBox, portal_box, rules_text
from tests.support.root import needs_root
from tests.support.watched_phones import Watched

BROWSER = Firefox("a browser")
TOOLS = Path(__file__).parents[1] / "support" / "phone_tools.py"
SOMEWHERE = "198.51.100.77"
LESSON_SECONDS = 15
# The kernel looks for what is over about once a second; whole seconds are passed on, rounded down each time.
LATE_SECONDS, EARLY_SECONDS = 1.5, 4.0
FLOWS = ("tcp", "udp")

pytestmark = needs_root


@dataclass(frozen=True)
class Flow:
    """How one flow went. `last_at`: when the last answer came, on this machine's monotonic clock."""

    count: int
    last_at: float


@dataclass(frozen=True)
class Lesson:
    """A learner with two flows and a member of staff who looks all the time, while a lesson ended at `ended`."""

    box: PortalBox
    learner: Handset
    signed_in: SignedIn
    flows: dict[str, Flow]
    staff: Watched
    begun: float
    ended: float


@pytest.fixture(scope="module")
def lesson() -> Iterator[Lesson]:
    """Everybody may use all ports here; only staff need not keep to the times."""
    rules = rules_text(access='"all"').decode()
    of_staff = 'id = "staff"\nsession_minutes = 60\naccess = "all"\nuses_times = '
    assert of_staff in rules
    rules = rules.replace(f"{of_staff}true", f"{of_staff}false")
    with portal_box(rules=rules.encode()) as box:
        box.start()
        learner, staff = (Handset(box.join(number)[0], box.lab.authority) for number in (1, 2))
        use_voucher(box, staff)
        ends = box.staff.open_lesson(LESSON_SECONDS)
        signed_in = BROWSER.sign_in(learner)
        begun, watched = time.monotonic(), Watched(staff.phone, box.lab.folder / "staff")
        with ThreadPoolExecutor(len(FLOWS)) as threads:
            running = {kind: threads.submit(flow, learner.phone, kind) for kind in FLOWS}
            flows = {kind: each.result() for kind, each in running.items()}
        watched.some_more()
        yield Lesson(box, learner, signed_in, flows, watched, begun, ends)


def flow(phone: Phone, kind: str) -> Flow:
    """Say something ten times a second and hear it come back, until nothing has come for a while."""
    done = phone.run([sys.executable, str(TOOLS), "flow", kind, "echo", SOMEWHERE, "4444"], seconds=60)
    assert done.ok, done.errors
    told = json.loads(done.output)
    return Flow(told["count"], told["last_at"])


def use_voucher(box: PortalBox, handset: Handset) -> None:
    """Type a staff voucher's words and accept what staff accept."""
    plan = VoucherPlan(Audience.STAFF, 60, datetime.now(UTC).date(), 1, 1)
    (voucher,) = make_vouchers(box.made.site, plan, plan.until)
    sheet = Sheet(handset, navigated=lambda: None)
    closed = sheet.open("http://news.example/")
    asks = sheet.open(closed.link_named("I have a voucher")).form_to("/voucher")
    asks.fields["words"] = " ".join(voucher.words)
    assert sheet.press(promise(sheet.press(asks))).heading.startswith("You are on-line until ")


@pytest.mark.requirement("B4")
def test_the_page_warns_before_the_end(lesson: Lesson) -> None:
    """With less than five minutes left the page says so, and to save what one is doing."""
    assert "Minutes left: 1" in lesson.signed_in.after.text
    assert "Save what you are doing." in lesson.signed_in.after.text


@pytest.mark.requirement("B1", "B4")
@pytest.mark.parametrize("kind", FLOWS)
def test_a_live_flow_is_cut_when_the_time_is_over(lesson: Lesson, kind: str) -> None:
    """A connection that was there before and is in use lives until the lesson ends, and then nothing comes back."""
    found = lesson.flows[kind]
    assert found.count > 20
    assert lesson.ended - EARLY_SECONDS < found.last_at < lesson.ended + LATE_SECONDS


@pytest.mark.requirement("B4", "B10")
def test_nobody_elses_flow_is_cut(lesson: Lesson) -> None:
    """Staff need not keep to the times here: before, at and after the end every look of theirs reaches the Internet."""
    seen = lesson.staff.seen(lesson.begun)
    assert seen[-1].at > lesson.ended
    assert {(sample.page, sample.datagram) for sample in seen} == {("internet", "through")}


@pytest.mark.requirement("B4")
def test_what_was_open_does_not_wake_up_again(lesson: Lesson) -> None:
    """In the next lesson the learner meets the rules again before anything passes."""
    lesson.box.staff.open_lesson(LONG_SECONDS)
    assert BROWSER.judge(lesson.learner).verdict is Verdict.PORTAL
    assert promise(BROWSER.sign_in(lesson.learner).before)
    assert BROWSER.judge(lesson.learner).verdict is Verdict.ONLINE
