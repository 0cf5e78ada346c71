"""Every scene that a desk can show, made by real events at a real desk, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from firmware.lessons import Asked, Lesson, Said
from firmware.messages import PHONE_ROOM, Duty, DutyState, Kind, Life, Story, Urgency
from firmware.orders import NotHeard
from firmware.trouble import FOLD_ABOVE, PORTAL_FAULTS, Cause, Trouble, TroubleLine, folded, trouble_id
from kiosk.staff import events as ev
from kiosk.staff.scenes import Passphrase, Scene
from tests.support.staff_desk import Site, moment, sign_in, touch

LONG_WORDS = (
    "They made a group chat and put a picture of me in it that is not even real and now everybody in year nine has "
    "it. They say if I tell anybody they send it to my mum. I do not want to come to school on Monday. "
) * 2


def trouble_lines() -> tuple[TroubleLine, ...]:
    """One folded silence, one cut button, one passing thing."""
    rooms = {bytes([number]) * 16: f"Room {number}" for number in range(1, 12)}
    troubles = [Trouble(trouble_id(Cause.SILENT, key), Cause.SILENT, key, 400_000) for key in list(rooms)[:7]]
    cut, odd = list(rooms)[8], list(rooms)[9]
    troubles.append(Trouble(trouble_id(Cause.BUTTON_CUT, cut), Cause.BUTTON_CUT, cut, 900_000))
    troubles.append(Trouble(trouble_id(Cause.REFUSED, odd), Cause.REFUSED, odd, 950_000, "bad-signature 3", 3))
    troubles.append(Trouble(trouble_id(Cause.PAGER), Cause.PAGER, b"", 970_000, "nothing reaches the deputy"))
    return folded(troubles, lambda device: rooms.get(device, "?"))


def kept(scene: Scene) -> Scene:
    """The scene with the letters as they are now: a real one reads them from the desk when it is painted."""
    if not isinstance(scene, Passphrase):
        return scene
    letters = tuple(scene.secret())
    return replace(scene, secret=lambda: iter(letters))


def every_scene() -> dict[str, Scene]:
    """Name → scene."""
    return _home_scenes() | _locked_scenes() | _reader_scenes() | _phone_scenes()


def _home_scenes() -> dict[str, Scene]:
    site = Site.found()
    desk = site.desk()
    desk.step(ev.TroubleSaid((), 12, 12), moment())
    scenes: dict[str, Scene] = {"quiet": desk.scene(moment())}
    desk.step(ev.TroubleSaid(trouble_lines(), 5, 12), moment())
    desk.step(ev.DutySaid(Duty(DutyState.OFF, "08:30 tomorrow")), moment())
    scenes["quiet-trouble"] = desk.scene(moment())
    desk.step(ev.DutySaid(Duty(DutyState.ON, "15:45")), moment())
    desk.step(site.report(language="ur"), moment())
    scenes["one-danger"] = desk.scene(moment(18_000))
    desk.step(site.report(kind=Kind.SILENT_CALL, device=b"A" * 16, room="Science laboratory 2", at_ms=9_000), moment())
    desk.step(site.report(urgency=Urgency.TODAY, device=b"B" * 16, room="Library", at_ms=5_000), moment())
    desk.step(
        site.report(urgency=Urgency.INFORMATION, device=b"C" * 16, room="Sports hall", at_ms=-8_000_000), moment()
    )
    for number in range(5):
        desk.step(site.report(device=b"E" * 16, room="Common room", at_ms=number * 2_000 + 20_000), moment())
    scenes["many"] = desk.scene(moment(40_000))
    touch(desk, "have-it", at_ms=41_000)
    scenes["noticed"] = desk.scene(moment(45_000))
    desk.step(ev.Unreadable(b"U" * 16, b"u" * 32, b"Q" * 16, moment().monotonic_ms, moment().wall_ms), moment())
    touch(desk, f"line:{(b'U' * 16).hex()}", at_ms=50_000)
    scenes["unreadable"] = desk.scene(moment(51_000))
    return scenes


def _locked_scenes() -> dict[str, Scene]:
    site = Site.found()
    desk = site.desk()
    desk.step(site.report(room="Room 4"), moment())
    desk.tick(moment())
    desk.step(ev.TroubleSaid(trouble_lines(), 5, 12), moment())
    scenes: dict[str, Scene] = {}
    touch(desk, "page:trouble")
    scenes["trouble"] = desk.scene(moment(60_000))
    touch(desk, "home", "page:duty")
    scenes["duty"] = desk.scene(moment(60_000))
    touch(desk, "home", "going", at_ms=60_000)
    scenes["choose-reader"] = desk.scene(moment(61_000))
    touch(desk, f"reader:{site.lead.id.hex()}", at_ms=62_000)
    scenes["passphrase-empty"] = desk.scene(moment(80_000))
    desk.step(ev.Typed("correct-horse window seven"), moment(80_000))
    scenes["passphrase-dots"] = kept(desk.scene(moment(80_000)))
    touch(desk, "open", at_ms=80_200)
    desk.step(ev.UnlockFailed(site.lead.id), moment(80_500))
    scenes["passphrase-wrong"] = kept(desk.scene(moment(81_000)))
    desk.step(ev.Typed("correct-horse window seven"), moment(81_500))
    touch(desk, "show", at_ms=82_000)
    scenes["passphrase-shown"] = kept(desk.scene(moment(99_000)))
    touch(desk, "open", at_ms=99_000)
    desk.step(ev.Unlocked(site.lead), moment(100_000))
    scenes["set-pin"] = desk.scene(moment(100_000))
    touch(desk, *[f"digit:{digit}" for digit in "274951"], "lock", "unlock", "digit:2", "digit:7", at_ms=101_000)
    scenes["pin"] = desk.scene(moment(120_000))
    return scenes


def phone_rooms(now_ms: int) -> tuple[ev.PhoneRoom, ...]:
    """One kiosk in every state that the page can show, and more of them than fit one page."""
    life = Life(1, 1, 1)

    def asked(seconds_ago: int, *, minutes: int = 45, failed: bool = False) -> Asked:
        return Asked(minutes, now_ms - seconds_ago * 1000, 1, life, 60_000, was_open=False, failed=failed)

    def lesson(number: int, said: Said = Said.CLOSED, **known: Any) -> Lesson:
        return Lesson(bytes([number]) * 16, now_ms - known.pop("silent_ms", 4_000), said, portal=True, **known)

    rooms = {
        "Room 12": lesson(1, Said.OPEN, until_ms=now_ms + 37 * 60_000),
        "Room 9": lesson(2),
        "Science laboratory 2, upper corridor": lesson(3, asked=asked(5)),
        "Library": lesson(4, asked=asked(40)),
        "Sports hall": lesson(5, asked=asked(90, failed=True)),
        "Common room": lesson(6, Said.OPEN, until_ms=now_ms + 12 * 60_000, asked=asked(3, minutes=0)),
        "Workshop": lesson(7, Said.OPEN, until_ms=now_ms + 20 * 60_000, silent_ms=70_000),
        "Staff entrance": Lesson(bytes([8]) * 16, now_ms - 4_000, Said.ABSENT),
        "Room 3": lesson(9, Said.OPEN),
        "Room 2": lesson(10, Said.OPEN, until_ms=now_ms + 50 * 60_000, asked=asked(40, minutes=60)),
    }
    return tuple(ev.PhoneRoom(room, known) for room, known in rooms.items())


def _phone_scenes() -> dict[str, Scene]:
    site = Site.found()
    desk = site.desk()
    now, day_ms = moment(), 24 * 3_600_000
    rooms = phone_rooms(now.monotonic_ms)
    scenes: dict[str, Scene] = {}
    desk.step(ev.TroubleSaid((), 12, 12), now)
    desk.step(ev.LessonsSaid(rooms[1:2], ()), now)
    scenes["quiet-phones"] = desk.scene(now)
    touch(desk, "page:phones")
    scenes["phones-none-asked"] = desk.scene(now)
    ago_ms = (60_000, 600_000, 5_400_000, day_ms, 3 * day_ms)
    log = [
        ev.LessonLogged(room.room, minutes, now.wall_ms - ago)
        for room, minutes, ago in zip(rooms, (45, 15, 60, 0, 30), ago_ms, strict=False)
    ]
    desk.step(ev.LessonsSaid(rooms, tuple(log)), now)
    scenes["phones"] = desk.scene(now)
    touch(desk, "next")
    scenes["phones-more"] = desk.scene(now)
    for room in rooms:
        touch(desk, f"phones:{room.lesson.device.hex()}")
        scenes[f"phones {room.room}"] = desk.scene(now)
        touch(desk, "home")
    touch(desk, "home")
    desk.step(ev.LessonsSaid(rooms[:2], tuple(log)), now)
    scenes["quiet-lesson"] = desk.scene(now)
    desk.step(ev.LessonsSaid(rooms, tuple(log)), now)
    desk.step(ev.TroubleSaid(portal_lines(), 10, 12), now)
    scenes["quiet-lessons-trouble"] = desk.scene(now)
    touch(desk, "page:trouble")
    scenes["trouble-portal"] = desk.scene(now)
    for page in range(2, 5):
        touch(desk, "next")
        scenes[f"trouble-portal-{page}"] = desk.scene(now)
    touch(desk, "home", "page:duty")
    scenes["duty-phones"] = desk.scene(now)
    touch(desk, "home", "page:phones")
    desk.step(ev.NotAsked(str(NotHeard())), now)
    scenes["phones-not-asked"] = desk.scene(now)
    desk.step(ev.LessonsSaid((), ()), now)
    scenes["phones-nobody"] = desk.scene(moment(20_000))
    desk.step(ev.LessonsSaid(rooms[1:2], ()), now)
    touch(desk, "home")
    story = Story(
        route="safeguarding",
        room=PHONE_ROOM,
        category="bullying",
        danger="no",
        reporter="visitor",
        source="portal",
        meet="at-break",
    )
    desk.step(site.report(urgency=Urgency.TODAY, room=PHONE_ROOM, place="", language="ar", story=story), now)
    scenes["one-from-a-phone"] = desk.scene(moment(21_000))
    desk.step(site.report(urgency=Urgency.TODAY, room="Room 9", at_ms=500), now)
    scenes["phone-and-room"] = desk.scene(moment(21_000))
    sign_in(desk, site.lead, at_ms=30_000)
    touch(desk, "story", at_ms=31_000)
    scenes["story-from-a-phone"] = desk.scene(moment(32_000))
    return scenes


def portal_lines() -> tuple[TroubleLine, ...]:
    """What is wrong with portals: every other one in more rooms than are told one by one."""
    rooms = {bytes([number]) * 16: f"Room {number}" for number in range(1, 8)}
    troubles = [
        Trouble(trouble_id(cause, device), cause, device, 900_000 + number)
        for number, cause in enumerate(PORTAL_FAULTS.values())
        for device in list(rooms)[: 1 if number % 2 else FOLD_ABOVE + 1]
    ]
    return folded(troubles, lambda device: rooms.get(device, "?"))


def _reader_scenes() -> dict[str, Scene]:
    site = Site.found()
    desk = site.desk()
    story = Story(
        route="safeguarding",
        room="Room 12",
        danger="not-sure",
        category="images",
        who="me",
        pace="today",
        staff_choice="Somebody from pastoral care",
        meet="at-break",
        source="portal",
        name=b"Sam T",
        text=LONG_WORDS[:480].encode(),
    )
    first = site.report(urgency=Urgency.TODAY, story=story)
    added = site.report(
        urgency=Urgency.TODAY,
        kind=Kind.ADDITION,
        about=first.report,
        at_ms=30_000,
        story=Story(route="safeguarding", room="Room 12", text=b"Please do not tell my mum."),
    )
    private = site.report(private=True, route="head", at_ms=9_000, room="Room 3")
    for event in (first, added, private):
        desk.step(event, moment(31_000))
    sign_in(desk, site.lead, at_ms=40_000)
    scenes: dict[str, Scene] = {"home-signed-in": desk.scene(moment(41_000))}
    touch(desk, "page:private", at_ms=42_000)
    scenes["private"] = desk.scene(moment(43_000))
    touch(desk, "home", "story", at_ms=44_000)
    scenes["story"] = desk.scene(moment(45_000))
    touch(desk, "next", at_ms=45_000)
    scenes["story-words"] = desk.scene(moment(45_000))
    touch(desk, "with-them", "close", at_ms=46_000)
    scenes["close-outcome"] = desk.scene(moment(46_000))
    touch(desk, "outcome:police", at_ms=47_000)
    scenes["close-empty"] = desk.scene(moment(47_000))
    desk.step(ev.Typed(LONG_WORDS[:300]), moment(48_000))
    scenes["close-reason"] = desk.scene(moment(48_000))
    touch(desk, "close-now", at_ms=49_000)
    scenes["own-proposal"] = desk.scene(moment(49_000))
    touch(desk, "home", "lock", at_ms=50_000)
    sign_in(desk, site.head, at_ms=70_000)
    touch(desk, "story", at_ms=71_000)
    scenes["others-proposal"] = desk.scene(moment(71_000))
    touch(desk, "home", "lock", at_ms=72_000)
    desk.step(
        site.report(room="Room 9", route="conduct", urgency=Urgency.INFORMATION, device=b"Z" * 16), moment(72_000)
    )
    sign_in(desk, site.head, at_ms=73_000)
    touch(desk, f"line:{(4).to_bytes(16, 'big').hex()}", "story", at_ms=74_000)
    scenes["not-for-you"] = desk.scene(moment(90_000))
    return scenes
