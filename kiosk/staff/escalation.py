"""Escalation: the ladders. Time, alerts and duty in; sounds, lights and pages out.

Pure. Owns the rule that silence climbs: a danger that nobody has answered sounds again after 30 s and then every 10 s,
pages the deputy at 120 s and head and outside relay at 300 s, and then goes on paging. "Noticed" (the button) silences
sounds for 120 s and nothing else; "acknowledged" (a reader) stops the paging; without "with them" it is raised again
after three minutes.

Off duty, or when nobody knows: a danger pages every step at once (the person at the far end decides who goes; a second
page that was not needed costs less than a child who waits for a timer in an empty office), a "today" report pages its
first step at once. Sounds and lights work as always, since somebody may still be in the building. Private reports
never sound, light or beckon here; they page their readers from the first second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from firmware.messages import Duty, DutyState, Urgency
from kiosk.staff.alerts import AlertLine
from kiosk.staff.events import Beacon, Light, Page, Pattern, RaiseAgain, Reminder, Sound

SOUND_AGAIN_AFTER_MS = 30_000
SOUND_EVERY_MS = 10_000
NOTICED_SILENCES_MS = 120_000
WITH_THEM_WITHIN_MS = 180_000
# One page to a role covers everything that waits at the desk: the text is the same.
PAGE_COVERS_MS = 60_000
# So long without duty is a night (or a weekend): the next time on duty is the next working day.
NIGHT_MS = 4 * 3_600_000

PAGE_NOW = "Quietbell: please open the desk now."
PAGE_TODAY = "Quietbell: please open the desk today."


@dataclass(frozen=True, slots=True)
class Rung:
    """After so long without an answer, page these roles."""

    after_ms: int
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs of one urgency, and how often the last one is climbed again."""

    rungs: tuple[Rung, ...]
    again_every_ms: int


PRIVATE_ROLES = ("head", "independent")
DEFAULT_LADDERS: Mapping[Urgency, Ladder] = {
    Urgency.NOW: Ladder((Rung(120_000, ("deputy",)), Rung(300_000, ("head", "outside"))), again_every_ms=300_000),
    Urgency.TODAY: Ladder((Rung(900_000, ("deputy",)), Rung(3_600_000, ("lead", "head"))), again_every_ms=3_600_000),
    Urgency.INFORMATION: Ladder((), again_every_ms=0),
}
PRIVATE_LADDER = Ladder((Rung(0, PRIVATE_ROLES), Rung(900_000, PRIVATE_ROLES)), again_every_ms=3_600_000)
PRIVATE_NOW_LADDER = Ladder((Rung(0, PRIVATE_ROLES), Rung(120_000, PRIVATE_ROLES)), again_every_ms=300_000)

_LEAD_ONLY = Ladder((Rung(0, ("lead",)),), again_every_ms=0)

Effect = Sound | Light | Beacon | Page | Reminder | RaiseAgain


@dataclass(slots=True)
class _Climb:
    """How far one alert has climbed since `start_ms` (its arrival, or when it was raised again)."""

    start_ms: int
    sounded_ms: int | None = None
    silenced_ms: int | None = None
    rungs_done: int = 0
    paged_ms: int = 0
    reminded: bool = False


@dataclass(slots=True)
class _Outputs:
    light: bool = False
    beacon: bool = False
    off_since_ms: int | None = None
    night_passed_ms: int | None = None
    sounded_ms: int = 0
    paged_at_ms: dict[str, int] = field(default_factory=dict)


class Escalation:
    """One desk's ladders. Call `step` on every change and at `next_due_ms`."""

    def __init__(
        self,
        ladders: Mapping[Urgency, Ladder] = DEFAULT_LADDERS,
        *,
        private_roles: tuple[str, ...] = PRIVATE_ROLES,
    ) -> None:
        self._ladders = ladders
        self._private = {
            urgent: Ladder(tuple(Rung(rung.after_ms, private_roles) for rung in ladder.rungs), ladder.again_every_ms)
            for urgent, ladder in ((True, PRIVATE_NOW_LADDER), (False, PRIVATE_LADDER))
        }
        self._climbs: dict[bytes, _Climb] = {}
        self._outputs = _Outputs()
        self._due_ms: int | None = None

    def step(self, lines: Sequence[AlertLine], duty: Duty, now_ms: int) -> tuple[Effect, ...]:
        """Climb. `lines` are all open alerts, unfolded (`AlertBook.climbers`)."""
        self._watch_nights(duty, now_ms)
        open_reports = {line.report for line in lines}
        self._climbs = {report: climb for report, climb in self._climbs.items() if report in open_reports}
        effects: list[Effect] = []
        self._due_ms = None
        for line in lines:
            effects += self._climb(line, duty, now_ms)
        effects = _one_sound(effects)
        ringing = [line for line in lines if self._rings(line, now_ms)]
        effects += self._lights(
            light=bool(ringing) or any(self._lights_quietly(line) for line in lines),
            beacon=any(line.urgency is Urgency.NOW for line in ringing),
        )
        return tuple(effects)

    def next_due_ms(self) -> int | None:
        """When something would next follow from waiting alone; None: nothing."""
        return self._due_ms

    def pass_on(self, line: AlertLine, now_ms: int) -> tuple[Page, ...]:
        """Somebody here calls the next person now, without waiting for the timer. The ladder goes on by itself."""
        ladder = self._ladders[line.urgency] if line.urgency is not Urgency.INFORMATION else _LEAD_ONLY
        if line.private:
            ladder = self._private[line.urgency is Urgency.NOW]
        climb = self._climbs.setdefault(line.report, _Climb(_start(line)))
        rung = min(climb.rungs_done, len(ladder.rungs) - 1)
        climb.rungs_done = max(climb.rungs_done, rung + 1)
        climb.paged_ms = now_ms
        return tuple(self._pages(ladder.rungs[rung].roles, line, now_ms))

    def is_raised_again(self, line: AlertLine, now_ms: int) -> bool:
        """Answered once, but nobody with them in time."""
        return line.state.answered and _waits(line) and now_ms >= _start(line)

    def is_overdue(self, report: bytes) -> bool:
        """An information report that has waited over a night."""
        climb = self._climbs.get(report)
        return climb is not None and climb.reminded

    # --- private ---

    def _climb(self, line: AlertLine, duty: Duty, now_ms: int) -> list[Effect]:
        start_ms = _start(line)
        climb = self._climbs.get(line.report)
        if climb is None or climb.start_ms != start_ms:
            climb = self._climbs[line.report] = _Climb(start_ms)
        if not _waits(line):
            return []
        if now_ms < start_ms:
            self._due(start_ms)
            return []
        effects: list[Effect] = []
        if line.urgency is Urgency.NOW and not line.private:
            effects += self._sound(line, climb, now_ms)
        effects += self._page(line, climb, duty, now_ms)
        if line.urgency is Urgency.INFORMATION and not line.private:
            effects += self._remind(line, climb, duty, now_ms)
        return effects

    def _sound(self, line: AlertLine, climb: _Climb, now_ms: int) -> list[Effect]:
        raised_again = line.state.answered
        due_ms = climb.start_ms
        if climb.sounded_ms is not None:
            again = climb.start_ms + SOUND_AGAIN_AFTER_MS
            due_ms = again if climb.sounded_ms < again else climb.sounded_ms + SOUND_EVERY_MS
        due_ms = max(due_ms, _silent_until(line, climb))
        first = climb.sounded_ms is None
        if not first:
            due_ms = max(due_ms, self._outputs.sounded_ms + SOUND_EVERY_MS)
        if now_ms < due_ms:
            self._due(due_ms)
            return []
        climb.sounded_ms = self._outputs.sounded_ms = now_ms
        self._due(max(now_ms + SOUND_EVERY_MS, climb.start_ms + SOUND_AGAIN_AFTER_MS))
        if not raised_again:
            return [Sound(Pattern.DANGER)]
        return [RaiseAgain(line.report), Sound(Pattern.RAISED_AGAIN)] if first else [Sound(Pattern.RAISED_AGAIN)]

    def _page(self, line: AlertLine, climb: _Climb, duty: Duty, now_ms: int) -> list[Effect]:
        ladder = self._private[line.urgency is Urgency.NOW] if line.private else self._ladders[line.urgency]
        effects: list[Effect] = []
        while climb.rungs_done < len(ladder.rungs):
            rung = ladder.rungs[climb.rungs_done]
            due_ms = climb.start_ms + (0 if _at_once(line, duty, climb.rungs_done) else rung.after_ms)
            if now_ms < due_ms:
                self._due(due_ms)
                return effects
            climb.rungs_done += 1
            climb.paged_ms = now_ms
            effects += self._pages(rung.roles, line, now_ms)
        if ladder.rungs and now_ms >= climb.paged_ms + ladder.again_every_ms:
            climb.paged_ms = now_ms
            everybody = dict.fromkeys(role for rung in ladder.rungs for role in rung.roles)
            effects += self._pages(tuple(everybody), line, now_ms)
        if ladder.rungs:
            self._due(climb.paged_ms + ladder.again_every_ms)
        return effects

    def _pages(self, roles: Sequence[str], line: AlertLine, now_ms: int) -> list[Page]:
        effects: list[Page] = []
        text = PAGE_NOW if line.urgency is Urgency.NOW else PAGE_TODAY
        for role in roles:
            covered = self._outputs.paged_at_ms.get(f"{role} {text}")
            if covered is None or now_ms - covered >= PAGE_COVERS_MS:
                self._outputs.paged_at_ms[f"{role} {text}"] = now_ms
                effects.append(Page(role, text))
        return effects

    def _remind(self, line: AlertLine, climb: _Climb, duty: Duty, now_ms: int) -> list[Effect]:
        night = self._outputs.night_passed_ms
        if climb.reminded or duty.state is not DutyState.ON or night is None or night < climb.start_ms:
            return []
        climb.reminded = True
        return [Reminder(line.report)]

    def _watch_nights(self, duty: Duty, now_ms: int) -> None:
        outputs = self._outputs
        if duty.state is not DutyState.ON:
            outputs.off_since_ms = now_ms if outputs.off_since_ms is None else outputs.off_since_ms
        elif outputs.off_since_ms is not None:
            if now_ms - outputs.off_since_ms >= NIGHT_MS:
                outputs.night_passed_ms = now_ms
            outputs.off_since_ms = None

    def _rings(self, line: AlertLine, now_ms: int) -> bool:
        return line.urgency is not Urgency.INFORMATION and not line.private and _waits(line) and now_ms >= _start(line)

    def _lights_quietly(self, line: AlertLine) -> bool:
        return not line.private and not line.state.answered and self.is_overdue(line.report)

    def _lights(self, *, light: bool, beacon: bool) -> list[Effect]:
        effects: list[Effect] = []
        if light != self._outputs.light:
            effects.append(Light(light))
        if beacon != self._outputs.beacon:
            effects.append(Beacon(beacon))
        self._outputs.light, self._outputs.beacon = light, beacon
        return effects

    def _due(self, at_ms: int) -> None:
        self._due_ms = at_ms if self._due_ms is None else min(self._due_ms, at_ms)


def _waits(line: AlertLine) -> bool:
    """Whether anything more is expected of people: an answer, or (danger) somebody with them."""
    if line.state.closed:
        return False
    if not line.state.answered:
        return True
    return line.urgency is Urgency.NOW and not line.private and not line.state.with_them


def _start(line: AlertLine) -> int:
    """When the present ladder began: at arrival, at re-opening, or three minutes after an answer."""
    if line.state.answered and line.state.acknowledged_ms is not None:
        return line.state.acknowledged_ms + WITH_THEM_WITHIN_MS
    return line.state.since_ms


def _silent_until(line: AlertLine, climb: _Climb) -> int:
    """A press of the button silences for 120 s. The next counts only when it has sounded since: a hand (or a stuck
    button) that presses for ever cannot keep a danger quiet."""
    pressed, before = line.state.noticed_ms, climb.silenced_ms
    if pressed is not None and pressed >= climb.start_ms and pressed != before:
        sounded_since = climb.sounded_ms is not None and before is not None and climb.sounded_ms > before
        if before is None or sounded_since:
            climb.silenced_ms = pressed
    return climb.start_ms if climb.silenced_ms is None else climb.silenced_ms + NOTICED_SILENCES_MS


def _at_once(line: AlertLine, duty: Duty, rung: int) -> bool:
    """Off duty (or not known): danger climbs its whole ladder at once, "today" its first rung."""
    return duty.state is not DutyState.ON and not line.private and (line.urgency is Urgency.NOW or rung == 0)


def _one_sound(effects: Sequence[Effect]) -> list[Effect]:
    """Several alerts ring as one: the most urgent pattern."""
    sounds = [effect for effect in effects if isinstance(effect, Sound)]
    others: list[Effect] = [effect for effect in effects if not isinstance(effect, Sound)]
    if not sounds:
        return others
    danger = Sound(Pattern.DANGER)
    return [danger if danger in sounds else sounds[0], *others]
