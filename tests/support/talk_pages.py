"""Every page a learner can meet, made by the real talk from a small site; for tests of layout and paint."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from firmware.messages import DutyState, Stage, Urgency
from kiosk.learner.view import LanguageChoice, LearnerView
from kiosk.screen.keyboard import Layer
from kiosk.talk import questions
from kiosk.talk.pages import talk_page, tip_page
from kiosk.talk.questions import CATEGORIES, ScreenId
from kiosk.talk.state import Answers, CodeState, TalkState, Told
from kiosk.talk.tips import TipShow
from kiosk.talk.truths import DutyView

TIPS = Path(__file__).resolve().parents[2] / "broker_config" / "profiles" / "secondary-school" / "tips" / "tips.toml"
OFF = DutyView(DutyState.OFF, "08:15 tomorrow")
ON = DutyView(DutyState.ON)
TYPED = "He said he would wait for me after school, and I do not dare to go out."


@dataclass(frozen=True)
class Line:
    id: str
    name: str
    contact: str
    about: str


@dataclass(frozen=True)
class SitePlace:
    id: str
    label: str
    picture: str


@dataclass(frozen=True)
class Choice:
    id: str
    label: str


@dataclass(frozen=True)
class SiteQuiz:
    question: str
    answers: tuple[str, ...]
    right: int


@dataclass(frozen=True)
class SiteTip:
    id: str
    title: str
    body: str
    picture: str
    quiz: SiteQuiz | None = None


@dataclass(frozen=True)
class Progress:
    report: bytes = b"r" * 16
    saved_ms: int = 0
    hurry: bool = True
    first_sent_ms: int | None = 0
    stages: frozenset[Stage] = frozenset()


@dataclass(frozen=True)
class SitePolicy:
    """A school with long names, so that layouts are tried at their worst."""

    tips: tuple[SiteTip, ...]
    young: bool = False
    idle_ms: int = 90_000
    retention_days: int = 2190
    go_to: str = "reception"
    go_to_outside: str = "someone you trust outside school"
    danger_line: Line = field(default_factory=lambda: Line("emergency", "Emergency", "999", "Danger now"))
    listening_line: Line = field(default_factory=lambda: Line("childline", "Childline", "0800 1111", "Talk to someone"))
    places: tuple[SitePlace, ...] = (
        SitePlace("library", "Library desk", "book"),
        SitePlace("pastoral", "Pastoral office", "place"),
        SitePlace("nurse", "School nurse", "plaster"),
    )
    staff_choices: tuple[Choice, ...] = (
        Choice("tutor", "My tutor"),
        Choice("woman", "A woman"),
        Choice("man", "A man"),
        Choice("anyone", "Anyone"),
    )

    def route_for(self, category: str, adult_here: str, about_head: str) -> str:
        return "safeguarding"

    def urgency_for(self, category: str, danger: str, pace: str) -> Urgency:
        return Urgency.NOW if danger == "yes" else Urgency.TODAY

    def help_for(self, category: str) -> tuple[Line, ...]:
        return (
            self.listening_line,
            Line("report-remove", "Report Remove", "reportremove.org.uk", "Takes pictures off the internet"),
        )


def policy() -> SitePolicy:
    return SitePolicy(tuple(_tips()))


def _tips() -> Iterator[SiteTip]:
    for tip in tomllib.loads(TIPS.read_text("utf-8"))["tips"]:
        quiz = tip.get("quiz")
        made = quiz and SiteQuiz(quiz["question"], tuple(quiz["answers"]), quiz["right"])
        yield SiteTip(tip["id"], tip["title"], tip["body"], tip["picture"], made or None)


def _report(*stages: Stage, failed: bool = False) -> Told:
    progress = None if failed else Progress(stages=frozenset(stages))
    code = ("river", "window", "yellow", "basket", "thunder")
    return Told(1, Urgency.NOW, False, 0, b"" if failed else b"r" * 16, failed, progress=progress, code=code)


def states() -> dict[str, tuple[TalkState, DutyView, int]]:
    """name → (state, duty, now_ms) for every talk screen and every truth."""
    base = TalkState(room="Room 12", history=(ScreenId.DANGER,))
    sent = replace(base, report=_report())
    named: dict[str, tuple[TalkState, DutyView, int]] = {}
    for screen in ScreenId:
        if screen is ScreenId.IDLE:
            continue
        late = screen in (ScreenId.TRUTHS, ScreenId.ADVICE, ScreenId.CODE, ScreenId.NO_REPLY)
        shown = replace(sent if late else base, screen=screen, found=Progress() if screen is ScreenId.FOUND else None)
        named[screen.value] = (shown, ON, 0)
        named[f"{screen.value}-off-duty"] = (shown, OFF, 0)
    for page in range(-(-len(CATEGORIES) // questions.CATEGORIES_PER_PAGE)):
        named[f"category-{page}"] = (replace(base, screen=ScreenId.CATEGORY, category_page=page), ON, 0)
    for stage in Stage:
        named[f"truths-{stage.value}"] = (replace(base, report=_report(stage), screen=ScreenId.TRUTHS), OFF, 0)
    for seconds in (6, 21):
        named[f"truths-{seconds}s"] = (replace(sent, screen=ScreenId.TRUTHS), DutyView(), seconds * 1000)
    private = replace(sent, answers=Answers(adult_here="yes"), screen=ScreenId.TRUTHS)
    named["truths-private-21s"] = (private, DutyView(), 21_000)
    named["truths-disk-full"] = (replace(base, report=_report(failed=True), screen=ScreenId.TRUTHS), OFF, 0)
    named["code-shown"] = (replace(sent, screen=ScreenId.CODE, code=CodeState.SHOWN), ON, 0)
    named["code-kept"] = (replace(sent, screen=ScreenId.CODE, code=CodeState.KEPT), ON, 0)
    for stage in (Stage.STORED, Stage.CLOSED, Stage.REFUSED):
        found = replace(base, screen=ScreenId.FOUND, found=Progress(stages=frozenset({stage})))
        named[f"found-{stage.value}"] = (found, OFF, 0)
    named["found-21s"] = (replace(base, screen=ScreenId.FOUND, found=Progress()), OFF, 21_000)
    looking = replace(base, screen=ScreenId.LOOK_UP)
    unknown = replace(looking, screen=ScreenId.FOUND, typed_characters=len(TYPED))
    named["found-nothing"] = (unknown, OFF, 0)
    named["found-nothing-rests"] = (replace(unknown, codes_rest_until_ms=1000), OFF, 0)
    named["look-up-dots"] = (replace(looking, typed_characters=len(TYPED)), ON, 0)
    named["look-up-shown"] = (replace(looking, typed_characters=len(TYPED), typed_shown=True), ON, 0)
    for category in CATEGORIES[:: len(CATEGORIES) // 6]:
        answers = Answers(category=category.id, danger="yes", adult_here="yes")
        named[f"advice-{category.id}"] = (replace(sent, screen=ScreenId.ADVICE, answers=answers), ON, 0)
    named["still-there"] = (replace(base, screen=ScreenId.DANGER, still_there=True), OFF, 0)
    typing = replace(sent, screen=ScreenId.WORDS, typed_characters=len(TYPED))
    named["typing-dots"] = (typing, ON, 0)
    named["typing-shown"] = (replace(typing, typed_shown=True), ON, 0)
    named["typing-failed"] = (replace(typing, typed_failed=True), ON, 0)
    return named


def views() -> dict[str, LearnerView]:
    """name → view for every talk screen, every tip, and what only the screen adds."""
    site = policy()
    made: dict[str, LearnerView] = {}
    for name, (state, duty, now_ms) in states().items():
        made[name] = LearnerView(
            talk_page(state, site, duty, now_ms), characters=(lambda: iter(TYPED)) if state.typed_shown else None
        )
    made["keyboard-upper"] = replace(made["typing-shown"], layer=Layer.UPPER)
    made["keyboard-symbols"] = replace(made["typing-shown"], layer=Layer.SYMBOLS)
    choices = [("en", "English"), ("en-x-easy", "Easy English"), ("cy", "Cymraeg"), ("pl", "Polski"), ("ro", "Română")]
    choices += [("uk", "Українська"), ("so", "Soomaali"), ("pt", "Português")]
    languages = tuple(LanguageChoice(*choice) for choice in choices)
    made["languages"] = replace(made["danger"], languages=languages)
    made["can-read"] = replace(made["danger"], can_read=True)
    for number, tip in enumerate(site.tips):
        state = TalkState(room="Room 12", tips=TipShow(index=number))
        made[f"tip-{tip.id}"] = _tip(state, site, number, ON)
        if tip.quiz is not None:
            picked = replace(state, tips=TipShow(index=number, picked=0))
            made[f"tip-{tip.id}-picked"] = _tip(picked, site, number, ON)
    called = replace(TalkState(room="Room 12"), call=_report())
    made["tip-call-saved"] = _tip(called, site, 0, ON)
    made["tip-call-arrived"] = _tip(replace(called, call=_report(Stage.STORED)), site, 0, ON)
    made["tip-call-failed"] = _tip(replace(called, call=_report(failed=True)), site, 0, OFF)
    return made


def _tip(state: TalkState, site: SitePolicy, number: int, duty: DutyView) -> LearnerView:
    notice = "Own devices today: 12:10 to 13:00. Ask first in lessons."
    return LearnerView(tip_page(state, site, duty, 0), tip=number, tips=len(site.tips), notice=notice)
