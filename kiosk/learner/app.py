"""`quietbell kiosk`: builds one kiosk from its bundle, starts its threads and turns its loop.

The only place of this room that opens files, sockets and windows. A store that cannot be opened ends in one plain
line and a new start by systemd; a fault that comes later ends on the screen.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import secrets
import signal
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

import click

from firmware import bundle, device
from firmware.board import Board, load_pins, make_factory
from firmware.clock import Clock, Moment
from firmware.clock_floor import kept_floor_ms
from firmware.courier import Courier
from firmware.errors import StoreFault, TechnicianError
from firmware.ledger import Ledger
from firmware.link import Link
from firmware.loop import FINISH_PAGE_WITHIN_MS, Loop
from firmware.memory import forbid_dumps, give_back_freed
from firmware.messages import ClockQuality
from firmware.profile import Profile
from firmware.rehearsal_port import Asked, open_port
from firmware.sealer import kept_routes
from firmware.settings import DeviceKind, DeviceSettings, Root, find_root, load_device
from firmware.topics import Topics, id_text
from firmware.watchdog import Watchdog
from kiosk.learner.engine import (
    Acknowledge,
    KioskEffect,
    KioskEngine,
    KioskEvent,
    LearnTime,
    Publish,
    TalkTouched,
)
from kiosk.learner.portal_line import open_portal_line
from kiosk.learner.screen import LearnerScreen
from kiosk.screen.layout import Display
from kiosk.screen.paint import Painter
from kiosk.screen.pictures import Pictures
from kiosk.screen.speech import Speech, usb_headphones
from kiosk.screen.text import Typesetter
from kiosk.screen.window import (
    Closed,
    KeyPressed,
    KeyReleased,
    Window,
    WindowEvent,
    WindowFault,
    WindowSettings,
)
from kiosk.talk import state as talk
from kiosk.words import languages

_log = logging.getLogger("quietbell.kiosk")

STORE_NAME = "kiosk.db"


@click.command()
@click.option("--root", type=click.Path(path_type=Path), help="Where this unit's bundle and store are.")
def kiosk(root: Path | None) -> None:
    """Run this unit as the classroom kiosk."""
    KioskApp(find_root(root, os.environ)).run()


class KioskApp:
    """One running kiosk."""

    engine_class = KioskEngine

    def __init__(self, root: Root) -> None:
        forbid_dumps()
        self._settings = load_device(root)
        device.expect_kind(self._settings, DeviceKind.KIOSK, root)
        self._profile = device.load_profile(root)
        device.make_folders(root)
        self._ledger = Ledger(root.store / STORE_NAME, random_bytes=secrets.token_bytes)
        self._ledger.verify()
        self._clock = Clock(floor_ms=kept_floor_ms(self._ledger))
        now = self._clock.now()
        self._engine = self._build_engine(root, now)
        try:
            self._ledger.commit()
        except StoreFault as fault:
            # Starting again for ever would leave a black screen; this one says what is true.
            self._engine.commit_failed(fault, now)
        self._screen, self._window = _build_screen(self._settings, self._profile, self._engine, self._clock)
        self._asked: SimpleQueue[Asked] = SimpleQueue()
        self._unanswered: list[Asked] = []
        self._changed = True
        self._paint_by_ms = now.monotonic_ms
        self._watchdog = Watchdog(os.environ)
        self._loop: Loop[KioskEvent, KioskEffect] = Loop(
            core=self._engine,
            perform=self._perform,
            paint=self._paint,
            pump=self._pump,
            clock=self._clock,
            heartbeat=self._watchdog.feed,
        )
        factory = make_factory(self._settings.board, rehearsal=self._settings.rehearsal, run=root.run)
        self._board = Board(load_pins("kiosk"), factory, enqueue=self._loop.post)
        self._link = self._build_link(root, now)
        self._root = root

    def run(self) -> None:
        """Until SIGTERM, SIGINT or the closed window of a rehearsal."""
        give_back_freed()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._loop.stop())
        try:
            self._window.open()
        except WindowFault as fault:
            raise TechnicianError(f"{fault}: check the panel and the groups video and input") from fault
        port, line = None, None
        if self._settings.rehearsal:
            port = open_port(self._root.run, rehearsal=True, post=self._asked.put)
        try:
            self._board.start()
            self._link.start()
            if _is_portal(self._root):
                line = open_portal_line(self._root, self._loop.post)
            # What was loaded stays: looking through it for garbage again and again would stop the loop for 30 ms.
            gc.freeze()
            self._loop.run()
        finally:
            if line is not None:
                line.stop()
            self._link.stop()
            self._board.close()
            self._window.close()
            if port is not None:
                port.stop()
            self._ledger.close()

    def _build_engine(self, root: Root, now: Moment) -> KioskEngine:
        identity = device.load_kiosk(root, self._settings)
        courier = Courier(
            identity,
            sheet=device.load_sheet(root, held=kept_routes(self._ledger, identity.site)),
            ledger=self._ledger,
            random=random.SystemRandom(),
            random_bytes=secrets.token_bytes,
            now=now,
        )
        return self.engine_class(
            room=self._settings.room,
            site=self._settings.site,
            device=self._settings.id,
            courier=courier,
            ledger=self._ledger,
            policy=self._profile,
            random_bytes=secrets.token_bytes,
            floor_ms=lambda: self._clock.floor_ms,
            now=now,
            portal_languages=languages() if _is_portal(root) else (),
        )

    def _build_link(self, root: Root, now: Moment) -> Link:
        topics = Topics(self._settings.site)
        known = now.quality is ClockQuality.SYNCED
        return Link(
            device.link_settings(root, self._settings, check_dates=known),
            client_id=id_text(self._settings.id),
            subscriptions=topics.kiosk_subscriptions(self._settings.id),
            will_topic=topics.presence(self._settings.id),
            on_event=self._loop.post,
            random=random.SystemRandom(),
        )

    def _perform(self, effects: Sequence[KioskEffect], now: Moment) -> None:
        self._changed = True
        for effect in effects:
            match effect:
                case Publish():
                    # False means not connected or too much waiting: the outbox sends it again.
                    if not self._link.publish(effect.topic, effect.payload):
                        _log.info("publish-put-off")
                case Acknowledge():
                    self._link.acknowledge(effect.token)
                case LearnTime():
                    self._clock.learn(effect.wall_ms)
                    self._link.trust_clock()

    def _pump(self) -> list[KioskEvent]:
        now_ms = self._clock.now().monotonic_ms
        happened = self._window.pump()
        for event in happened:
            self._keyboard(event)
        touches = self._screen.events(happened, self._engine.talk, now_ms)
        touches += self._rehearse(now_ms)
        return [TalkTouched(event) for event in touches]

    def _keyboard(self, event: WindowEvent) -> None:
        """In a rehearsal the space bar is the button, and the window may be closed."""
        if isinstance(event, KeyPressed | KeyReleased) and event.name == "space":
            self._board.mock_press(isinstance(event, KeyPressed))
        elif isinstance(event, Closed):
            self._loop.stop()

    def _rehearse(self, now_ms: int) -> list[talk.Event]:
        """What a rehearsal asks for; each is answered with the state after this turn's paint."""
        touches: list[talk.Event] = []
        while True:
            try:
                asked = self._asked.get_nowait()
            except Empty:
                return touches
            self._unanswered.append(asked)
            match asked.do:
                case "press" | "release":
                    self._board.mock_press(asked.do == "press")
                case "touch":
                    touches += self._screen.touch(asked.word("box"), self._engine.talk, now_ms)
                case "stop":
                    self._loop.stop()

    def _paint(self, now: Moment) -> None:
        if self._screen.settled:
            self._paint_by_ms = now.monotonic_ms + FINISH_PAGE_WITHIN_MS
        duty = self._engine.courier.duty(now.monotonic_ms)
        self._screen.paint(
            self._engine.talk, duty, now.monotonic_ms, changed=self._changed, interrupted=self._somebody_waits
        )
        self._changed = False
        if not self._screen.settled:
            return
        for asked in self._unanswered:
            asked.answer(**self._state(asked, now))
        self._unanswered.clear()

    def _somebody_waits(self) -> bool:
        """Whether a half-painted page should wait for whoever has something to say; never longer than the loop's own
        limit for a page."""
        return self._loop.waiting and self._clock.now().monotonic_ms < self._paint_by_ms

    def _state(self, asked: Asked, now: Moment) -> dict[str, object]:
        """What a person in front of this unit could see, and the ids behind it; never a learner's words."""
        if asked.do == "snapshot":
            Path(asked.word("path")).write_bytes(self._screen.snapshot())
        state = self._engine.talk
        told = {"report": state.report, "call": state.call}
        return {
            "screen": state.screen.value,
            "boxes": [box.id for box in self._screen.boxes if box.hit is not None],
            "texts": [box.text for box in self._screen.boxes if box.text],
            "connected": self._engine.connected,
            "duty": self._engine.courier.duty(now.monotonic_ms).state.value,
            **{name: _told(each) for name, each in told.items()},
        }


def _is_portal(root: Root) -> bool:
    """Whether this unit's bundle names a network. What stands in it is the portal's to read: a mistake there must not
    take the kiosk with it."""
    return (root.public / bundle.NETWORK).exists()


def _told(told: talk.Told | None) -> dict[str, object] | None:
    if told is None:
        return None
    stages = sorted(stage.value for stage in told.progress.stages) if told.progress is not None else []
    return {"id": told.report.hex(), "saved": bool(told.report), "failed": told.failed, "stages": stages}


def _build_screen(
    settings: DeviceSettings, profile: Profile, engine: KioskEngine, clock: Clock
) -> tuple[LearnerScreen, Window]:
    panel = settings.screen
    display = Display(
        panel.width_px,
        panel.height_px,
        panel.width_mm,
        text_scale=panel.text_scale,
        left_handed=panel.left_handed,
        theme=panel.theme.value,
    )
    typesetter = Typesetter()
    window = Window(
        WindowSettings(f"Quietbell kiosk: {settings.room}", rotation=panel.rotation, rehearsal=settings.rehearsal),
        display,
        lambda: clock.now().monotonic_ms,
    )
    screen = LearnerScreen(
        window=window,
        display=display,
        typesetter=typesetter,
        painter=Painter(display, typesetter, Pictures()),
        speech=Speech(usb_headphones),
        policy=profile,
        typed=engine.typed,
    )
    return screen, window
