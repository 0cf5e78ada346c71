"""`quietbell desk`: builds one desk from its bundle, starts its threads and turns its loop.

The only place of this room that opens files, sockets and windows. A store that cannot be opened ends in one plain
line and a new start by systemd; a fault that comes later ends on the screen as trouble.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import secrets
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

import click

from firmware import bundle, device
from firmware.board import Board, Buzz, load_pins, make_factory
from firmware.clock import Clock, Moment
from firmware.clock_floor import FloorKeeper, kept_floor_ms
from firmware.documents import open_documents
from firmware.duty import DutyBook
from firmware.duty_store import kept_word
from firmware.errors import BadSettings, QuietbellError, Refused, TechnicianError, WrongPassphrase
from firmware.inbox import Inbox
from firmware.ledger import Ledger
from firmware.link import Link
from firmware.loop import FINISH_PAGE_WITHIN_MS, Loop
from firmware.memory import forbid_dumps, give_back_freed
from firmware.messages import ClockQuality, Duty
from firmware.presence import HeartbeatSchedule, Supervisor
from firmware.reader_parts import SignedParts
from firmware.reader_pin import believe, believed
from firmware.readers import Keyring
from firmware.reception import Reception
from firmware.rehearsal_port import Asked, open_port
from firmware.sealer import sheet_payload
from firmware.settings import DeviceKind, DeviceSettings, Root, find_root, load_device
from firmware.topics import Topics, id_text
from firmware.watchdog import Watchdog
from kiosk.screen.layout import Display
from kiosk.screen.paint import Painter
from kiosk.screen.pictures import Pictures
from kiosk.screen.text import Typesetter
from kiosk.screen.window import Closed, KeyPressed, KeyReleased, Window, WindowEvent, WindowFault, WindowSettings
from kiosk.staff import events as ev
from kiosk.staff.ceremony import READERS_FILE
from kiosk.staff.desk import Desk
from kiosk.staff.engine import (
    Acknowledge,
    BundleChanged,
    BundleRefused,
    DeskEngine,
    Publish,
    StaffEffect,
    StaffEvent,
    watched,
)
from kiosk.staff.pager import Pager
from kiosk.staff.pager_settings import ladders_of, load_targets, paged_roles
from kiosk.staff.practice_calls import PracticeCalls
from kiosk.staff.screen import StaffScreen

_log = logging.getLogger("quietbell.desk")

STORE_NAME = "desk.db"
# How often a newer register or sheet in the bundle folder is looked for.
BUNDLE_LOOKED_EVERY_MS = 2000
# In a rehearsal this key is the desk's big button; the space bar belongs to passphrases.
BUTTON_KEY = "f1"
_BUZZES = {
    ev.Pattern.DANGER: Buzz.DANGER,
    ev.Pattern.RAISED_AGAIN: Buzz.AGAIN,
    ev.Pattern.TROUBLE: Buzz.TROUBLE,
}
_READERS_FILES = (bundle.READER_REGISTER, bundle.ROUTE_SHEET)
_WATCHED_FILES = (bundle.DESK_SHEET, bundle.ROUTE_SHEET, bundle.DEVICE_REGISTER, bundle.READER_REGISTER)


@click.command()
@click.option("--root", type=click.Path(path_type=Path), help="Where this unit's bundle and store are.")
def desk(root: Path | None) -> None:
    """Run this unit as the desk in the staff office."""
    DeskApp(find_root(root, os.environ)).run()


class DeskApp:
    """One running desk."""

    def __init__(self, root: Root) -> None:
        forbid_dumps()
        self._root = root
        self._settings = load_device(root)
        device.expect_kind(self._settings, DeviceKind.DESK, root)
        self._profile = device.load_profile(root)
        device.make_folders(root)
        self._ledger = Ledger(root.store / STORE_NAME, random_bytes=secrets.token_bytes)
        self._ledger.verify()
        self._clock = Clock(floor_ms=kept_floor_ms(self._ledger))
        now = self._clock.now()
        self._stamps = _stamps(root)
        self._stamps_ms = now.monotonic_ms
        self._duty = DutyBook(
            hours=self._profile.duty_at, time_words=self._profile.clock_words, word=kept_word(self._ledger)
        )
        self._floor = FloorKeeper(self._ledger, now)
        self._begins_with: list[StaffEvent] = []
        self._engine = self._build_engine(now)
        self._ledger.commit()
        self._screen, self._window = _build_screen(self._settings, self._clock)
        self._asked: SimpleQueue[Asked] = SimpleQueue()
        self._unanswered: list[Asked] = []
        self._changed = True
        self._paint_by_ms = now.monotonic_ms
        self._watchdog = Watchdog(os.environ)
        self._loop: Loop[StaffEvent, StaffEffect] = Loop(
            core=self._engine,
            perform=self._perform,
            paint=self._paint,
            pump=self._pump,
            clock=self._clock,
            heartbeat=self._watchdog.feed,
        )
        factory = make_factory(self._settings.board, rehearsal=self._settings.rehearsal, run=root.run)
        self._board = Board(load_pins("desk"), factory, enqueue=self._loop.post)
        self._pager = Pager(load_targets(root), on_news=self._loop.post)
        self._link = self._build_link(now)

    def run(self) -> None:
        """Until SIGTERM, SIGINT or the closed window of a rehearsal."""
        give_back_freed()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._loop.stop())
        try:
            self._window.open()
        except WindowFault as fault:
            raise TechnicianError(f"{fault}: check the panel and the groups video and input") from fault
        port = None
        if self._settings.rehearsal:
            port = open_port(self._root.run, rehearsal=True, post=self._asked.put)
        try:
            self._board.start()
            self._pager.start()
            for trouble in self._pager.missing(paged_roles(self._profile)):
                self._loop.post(trouble)
            for event in self._begins_with:
                self._loop.post(event)
            self._link.start()
            # What was loaded stays: looking through it for garbage again and again would stop the loop for 30 ms.
            gc.freeze()
            self._loop.run()
        finally:
            self._link.stop()
            self._pager.stop()
            self._board.close()
            self._window.close()
            if port is not None:
                port.stop()
            self._ledger.close()

    # --- building ---

    def _build_engine(self, now: Moment) -> DeskEngine:
        identity = device.load_desk(self._root, self._settings)
        loaded = self._first_bundle()
        inbox = Inbox(self._ledger, desk=identity.desk)
        kept = {entry.id: inbox.life(entry.id) for entry in loaded.register.devices}
        supervisor = Supervisor(
            watched(loaded.register, identity.desk),
            started_ms=now.monotonic_ms,
            lives={each: last.life for each, last in kept.items() if last is not None},
        )
        chance = random.SystemRandom()
        reception = Reception(
            identity,
            register=loaded.register,
            sheet_versions=loaded.sheet_versions,
            ledger=self._ledger,
            supervisor=supervisor,
            duty=self._duty_at,
            schedule=HeartbeatSchedule(chance),
            decoy_gap_ms=lambda mean_ms: chance.expovariate(1.0 / mean_ms),
            random_bytes=secrets.token_bytes,
            now=now,
        )
        return DeskEngine(
            site=identity.site,
            desk_id=identity.desk,
            desk=self._build_desk(identity.desk, reception),
            reception=reception,
            supervisor=supervisor,
            duty=self._duty,
            duty_now=self._duty_at,
            ledger=self._ledger,
            practice=PracticeCalls(chance, now_ms=now.monotonic_ms),
            bundle=loaded,
            now=now,
        )

    def _build_desk(self, desk: bytes, reception: Reception) -> Desk:
        return Desk(
            desk=desk,
            envelopes=reception.inbox.envelope,
            time_words=self._profile.clock_words,
            ladders=ladders_of(self._profile),
        )

    def _first_bundle(self) -> BundleChanged:
        """Better a desk with the readers that it knows than none; its screen says so."""
        try:
            return _load_bundle(self._root, self._ledger, self._settings.site)
        except Unbelieved as problem:
            self._begins_with.append(BundleRefused(str(problem)))
            return _load_bundle(self._root, self._ledger, self._settings.site, held=problem.held)

    def _build_link(self, now: Moment) -> Link:
        topics = Topics(self._settings.site)
        known = now.quality is ClockQuality.SYNCED
        return Link(
            device.link_settings(self._root, self._settings, check_dates=known),
            client_id=id_text(self._settings.id),
            subscriptions=topics.desk_subscriptions(self._settings.id),
            will_topic=topics.presence(self._settings.id),
            on_event=self._loop.post,
            random=random.SystemRandom(),
        )

    def _duty_at(self, now: Moment) -> Duty:
        return self._duty.at(now.wall_ms, clock_known=not self._clock.is_behind)

    # --- the loop's edges ---

    def _perform(self, effects: Sequence[StaffEffect], now: Moment) -> None:
        self._changed = True
        for effect in effects:
            match effect:
                case Publish():
                    if not self._link.publish(effect.topic, effect.payload, retain=effect.retain):
                        _log.info("publish-put-off")
                case Acknowledge():
                    self._link.acknowledge(effect.token)
                case ev.Sound():
                    self._board.buzz(_BUZZES[effect.pattern])
                case ev.Light():
                    self._board.light(effect.on)
                case ev.Beacon():
                    self._board.beacon(effect.on)
                    if not effect.on:
                        self._board.hush()
                case ev.Page():
                    self._pager.page(effect)
                case ev.OpenKey():
                    threading.Thread(target=self._open_key, args=(effect,), name="key-ring", daemon=True).start()

    def _open_key(self, wanted: ev.OpenKey) -> None:
        """On its own thread: Argon2 takes a moment and the desk must go on ringing meanwhile."""
        try:
            ring = Keyring(open_documents(self._root.store / READERS_FILE))
            answer: StaffEvent = ev.Unlocked(ring.unlock(wanted.reader, wanted.passphrase.decode()))
        except WrongPassphrase:
            answer = ev.UnlockFailed(wanted.reader)
        except QuietbellError as problem:
            _log.exception("key-ring-failed")
            answer = ev.UnlockFailed(wanted.reader, f"The key cannot be read: {problem}")
        finally:
            wanted.passphrase[:] = bytes(len(wanted.passphrase))
        self._loop.post(answer)

    def _pump(self) -> list[StaffEvent]:
        happened = self._window.pump()
        for event in happened:
            self._keyboard(event)
        return [*self._screen.events(happened), *self._rehearse(), *self._newer_bundle()]

    def _keyboard(self, event: WindowEvent) -> None:
        if not self._settings.rehearsal:
            return
        if isinstance(event, KeyPressed | KeyReleased) and event.name == BUTTON_KEY:
            self._board.mock_press(isinstance(event, KeyPressed))
        elif isinstance(event, Closed):
            self._loop.stop()

    def _newer_bundle(self) -> list[StaffEvent]:
        """The technician (a kiosk more, a desk less) or the readers have written newer documents."""
        now_ms = self._clock.now().monotonic_ms
        if now_ms - self._stamps_ms < BUNDLE_LOOKED_EVERY_MS:
            return []
        self._stamps_ms = now_ms
        stamps = _stamps(self._root)
        if stamps == self._stamps:
            return []
        self._stamps = stamps
        try:
            return [_load_bundle(self._root, self._ledger, self._settings.site)]
        except Unbelieved as problem:
            _log.error("readers-not-believed", extra={"reason": problem.reason})
            return [BundleRefused(str(problem))]
        except BadSettings as problem:
            # The old documents stay in force; the next change is looked at again.
            _log.exception("bundle-not-taken")
            return [BundleRefused(type(problem).__name__)]

    def _paint(self, now: Moment) -> None:
        self._floor.keep(self._clock.floor_ms, now)
        if self._screen.settled:
            self._paint_by_ms = now.monotonic_ms + FINISH_PAGE_WITHIN_MS
        drawn = self._screen.paint(self._engine.desk, now, changed=self._changed, interrupted=self._somebody_waits)
        self._changed = False
        if not self._screen.settled:
            return
        if drawn is not None and drawn.visible:
            self._loop.post(drawn)
        for asked in self._unanswered:
            asked.answer(**self._state(asked))
        self._unanswered.clear()

    def _somebody_waits(self) -> bool:
        """Whether a half-painted page should wait for whoever has something to say; never longer than the loop's own
        limit for a page."""
        return self._loop.waiting and self._clock.now().monotonic_ms < self._paint_by_ms

    # --- rehearsal ---

    def _rehearse(self) -> list[StaffEvent]:
        """What a rehearsal asks for; each is answered with the state after this turn's paint."""
        wanted: list[StaffEvent] = []
        while True:
            try:
                asked = self._asked.get_nowait()
            except Empty:
                return wanted
            self._unanswered.append(asked)
            match asked.do:
                case "press" | "release":
                    self._board.mock_press(asked.do == "press")
                case "touch":
                    wanted += self._screen.touch(asked.word("box"))
                case "type":
                    wanted.append(ev.Typed(asked.word("text")))
                case "enter":
                    wanted.append(ev.KeyPressed(ev.NamedKey.ENTER))
                case "stop":
                    self._loop.stop()

    def _state(self, asked: Asked) -> dict[str, object]:
        """What a person in front of this desk could see, hear and touch."""
        if asked.do == "snapshot":
            Path(asked.word("path")).write_bytes(self._screen.snapshot())
        lines = self._engine.desk.alerts.lines()
        return {
            "scene": self._screen.scene_name,
            "boxes": [box.id for box in self._screen.boxes if box.hit is not None],
            "texts": [box.text for box in self._screen.boxes if box.text],
            "touchable": {box.text: box.id for box in self._screen.boxes if box.hit is not None and box.text},
            "connected": self._engine.connected,
            "lines": [_line(line.report, line.reports, line.state.stage.value, line.room) for line in lines],
            "troubles": [line.sentence for line in self._engine.supervisor.lines()],
            "beacon": self._board.lit("beacon"),
            "light": self._board.lit("light"),
        }


def _line(report: bytes, reports: Sequence[bytes], stage: str, room: str) -> dict[str, object]:
    return {"id": report.hex(), "reports": [each.hex() for each in reports], "stage": stage, "room": room}


class Unbelieved(Refused):
    """The readers in the bundle are not signed by two of those whom this desk knows (`held`)."""

    def __init__(self, refusal: Refused, held: SignedParts) -> None:
        self.held = held
        super().__init__(refusal.reason, "its readers are not signed by two whom this desk knows")


def _load_bundle(root: Root, ledger: Ledger, site: bytes, *, held: SignedParts | None = None) -> BundleChanged:
    """The documents in force (commit afterwards); with `held`, those readers instead of the bundle's. Without readers
    there is no sheet yet, and kiosks have nothing to seal to.

    Raises BadSettings, or Unbelieved.
    """
    register = device.load_device_register(root)
    if device.load_reader_register(root) is None:
        mend = "is missing: make two readers first (quietbell reader new)"
        raise BadSettings(root.public / bundle.READER_REGISTER, "", mend)
    sheet = device.load_sheet(root)
    parts = held or SignedParts(*((root.public / name).read_bytes() for name in _READERS_FILES))
    before = believed(ledger, site=site)
    try:
        readers = believe(ledger, parts, site=site)
    except Refused as refusal:
        if before is not None:
            raise Unbelieved(refusal, before) from refusal
        path, mend = root.public / bundle.READER_REGISTER, "copy it again from the desk where the readers were made"
        raise BadSettings(path, "", f"does not fit {bundle.ROUTE_SHEET} ({refusal.reason}); {mend}") from refusal
    payload = sheet_payload((root.public / bundle.DESK_SHEET).read_bytes(), parts.sheet)
    return BundleChanged(register, readers.register, (sheet.desks.version, readers.sheet.version), payload)


def _stamps(root: Root) -> tuple[tuple[int, int], ...]:
    """What changes when one of the documents does."""
    paths = [root.public / name for name in _WATCHED_FILES]
    found = [path.stat() if path.exists() else None for path in paths]
    return tuple((stat.st_mtime_ns, stat.st_ino) if stat is not None else (0, 0) for stat in found)


def _build_screen(settings: DeviceSettings, clock: Clock) -> tuple[StaffScreen, Window]:
    panel = settings.screen
    display = Display(
        panel.width_px, panel.height_px, panel.width_mm, text_scale=panel.text_scale, theme=panel.theme.value
    )
    typesetter = Typesetter()
    window = Window(
        WindowSettings(
            f"Quietbell desk: {settings.room}",
            rotation=panel.rotation,
            rehearsal=settings.rehearsal,
            keyboard=True,
        ),
        display,
        lambda: clock.now().monotonic_ms,
    )
    painter = Painter(display, typesetter, Pictures())
    return StaffScreen(window=window, display=display, typesetter=typesetter, painter=painter), window
