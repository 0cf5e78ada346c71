"""A whole kiosk that stamps the moment in which a silent call is posted, and the one in which *stored* is proved.

The very `KioskApp` of `quietbell kiosk`: its ledger, link, loop, screen and watchdog. For each line on standard input
one silent call is posted into its loop from another thread, as the board's thread posts a button; printed are the
nanoseconds until the kiosk had committed it (*saved*), until it had verified a desk's *stored*, and until that receipt
was committed too (*kept*).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from firmware.clock import Moment
from firmware.messages import Stage
from firmware.settings import Root
from kiosk.bench.echo import PATIENCE_SECONDS, READY
from kiosk.bench.figures import CannotMeasure
from kiosk.learner.app import KioskApp
from kiosk.learner.engine import KioskEffect, KioskEngine, KioskEvent, TalkTouched
from kiosk.talk.state import SilentCall


class WatchedEngine(KioskEngine):
    """Notes when a step has verified that the newest call is stored."""

    verified: tuple[bytes, int] = (b"", 0)

    def step(self, events: Sequence[KioskEvent], now: Moment) -> list[KioskEffect]:
        effects = super().step(events, now)
        call = self.talk.call
        stored = call is not None and call.progress is not None and Stage.STORED in call.progress.stages
        if call is not None and stored and call.report != self.verified[0]:
            self.verified = (call.report, time.perf_counter_ns())
        return effects


class PressedKiosk(KioskApp):
    """Looks, after each turn's commit and before its paint, how far the newest call is."""

    engine_class = WatchedEngine

    def __init__(self, root: Root) -> None:
        super().__init__(root)
        self._stamps: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self._told: tuple[bytes, bool] = (b"", False)

    def press(self) -> dict[str, int]:
        """One silent call; returns nanoseconds from its posting. Raises CannotMeasure when nothing comes back."""
        before = time.perf_counter_ns()
        self._loop.post(TalkTouched(SilentCall()))
        found: dict[str, int] = {}
        while "kept" not in found:
            try:
                word, at = self._stamps.get(timeout=PATIENCE_SECONDS)
            except Empty:
                raise CannotMeasure(f"a silent call was not stored; reached: {sorted(found)}") from None
            found[word] = at - before
        return found

    def wait_until_connected(self) -> None:
        word, _ = self._stamps.get(timeout=PATIENCE_SECONDS)
        if word != "connected":
            raise CannotMeasure("the kiosk reached no broker")

    def _perform(self, effects: Sequence[KioskEffect], now: Moment) -> None:
        super()._perform(effects, now)
        at = time.perf_counter_ns()
        call = self._engine.talk.call
        if call is None:
            if self._engine.connected:
                self._stamps.put(("connected", at))
            return
        stored = call.progress is not None and Stage.STORED in call.progress.stages
        before, self._told = self._told, (call.report, stored)
        if call.report and call.report != before[0]:
            self._stamps.put(("saved", at))
        if stored and self._told != before and isinstance(self._engine, WatchedEngine):
            self._stamps.put(("stored", self._engine.verified[1]))
            self._stamps.put(("kept", at))


def _drive(kiosk: PressedKiosk) -> None:
    kiosk.wait_until_connected()
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    for _line in sys.stdin:
        sys.stdout.write(json.dumps(kiosk.press()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    pressed = PressedKiosk(Root(Path(sys.argv[1])))
    threading.Thread(target=_drive, args=(pressed,), name="presses", daemon=True).start()
    pressed.run()
