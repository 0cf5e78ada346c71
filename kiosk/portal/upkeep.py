"""What is done again and again while pages are served: gate and register brought together, kiosk heard, days forgotten.

Each job blocks and belongs on a thread; each says how long until it is due again. Faults are told to the kiosk, whose
heartbeats take them to staff: a portal that lets nobody in is trouble that somebody must know of.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.byod import Byod
from firmware.errors import BadSettings, StoreFault, TechnicianError
from firmware.network_settings import RadioSettings
from kiosk.portal.gatekeeper import Gatekeeper
from kiosk.portal.kiosk_line import KioskLine
from kiosk.portal.look_alikes import find_look_alikes, parse_scan
from kiosk.portal.server import tls_context
from kiosk.portal.timetable import clock_known, today_at
from kiosk.portal.wall_steps import WallSteps

_log = logging.getLogger("quietbell.portal.upkeep")

RECONCILE_SECONDS = 30.0
# A gate that has just come back has lost nothing, but nobody new got in meanwhile.
RECONCILE_AGAIN_SECONDS = 2.0
KIOSK_SECONDS = 5.0
FORGET_SECONDS = 60.0
# The kiosk counts whole seconds, and its answer takes a moment.
LESSON_DRIFT_MS = 5_000
CERTIFICATE_SECONDS = 600.0
# Somebody who sets up a twin network means to keep it up; a scan takes the radio off its channel.
SCAN_SECONDS = 300.0

GATE_DOWN, AUP_REVIEW, LOOK_ALIKE = "gate-down", "aup-review", "look-alike"
STORE_BROKEN, CLOCK_WRONG = "portal-store", "portal-clock"


@dataclass(frozen=True, slots=True)
class Clocks:
    """The machine's own, and one that nobody puts back."""

    wall_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]


class Upkeep:
    """`admits` False: this portal has no gate."""

    def __init__(self, *, keeper: Gatekeeper, line: KioskLine, byod: Byod, clocks: Clocks, admits: bool) -> None:
        self._keeper, self._line, self._byod, self._clocks, self._admits = keeper, line, byod, clocks, admits
        self._steps = WallSteps(monotonic_ms=clocks.monotonic_ms(), wall_ms=clocks.wall_ms())
        self._store_failed = self._look_alike = False

    def faults(self) -> tuple[str, ...]:
        """The codes of what is wrong now."""
        wall_ms = self._clocks.wall_ms()
        known = clock_known(wall_ms)
        found = {
            GATE_DOWN: self._admits and not self._keeper.gate_answers,
            AUP_REVIEW: known and self._byod.review_due(today_at(wall_ms, self._byod.zone)),
            LOOK_ALIKE: self._look_alike,
            STORE_BROKEN: self._store_failed or self._keeper.stores_broken,
            CLOCK_WRONG: not known,
        }
        return tuple(code for code, stands in found.items() if stands)

    def hear_kiosk(self) -> float:
        """Tell the kiosk what is wrong here, and hear how long a lesson still lasts."""
        try:
            state = self._line.state(self.faults())
        except TechnicianError as problem:
            # What was unlocked ends by the clock whether or not the kiosk answers.
            _log.warning("kiosk-silent", extra={"why": str(problem)})
            return KIOSK_SECONDS
        before_ms, seconds = self._keeper.unlocked_until_ms, state.lesson_seconds_left
        wall_ms = self._clocks.wall_ms()
        self._keeper.unlocked_until_ms = wall_ms + seconds * 1000 if seconds else None
        if self._admits and before_ms is not None and wall_ms + seconds * 1000 < before_ms - LESSON_DRIFT_MS:
            # Staff have ended it, or made it shorter: they mean now, not in half a minute.
            self.reconcile()
        return KIOSK_SECONDS

    def reconcile(self) -> float:
        """Make the gate hold what the register says."""
        try:
            self._keeper.reconcile()
        except TechnicianError as problem:
            _log.warning("not-reconciled", extra={"why": str(problem)})
            return RECONCILE_AGAIN_SECONDS
        return RECONCILE_SECONDS

    def look_round(self, ours: RadioSettings) -> float:
        """Look for networks that only look like ours."""
        try:
            found = find_look_alikes(parse_scan(self._keeper.scan()), ours)
        except TechnicianError as problem:
            _log.warning("not-scanned", extra={"why": str(problem)})
            return SCAN_SECONDS
        if found and not self._look_alike:
            _log.warning("look-alike", extra={"kinds": ",".join(sorted({str(each.kind) for each in found}))})
        self._look_alike = bool(found)
        return SCAN_SECONDS

    def forget(self) -> float:
        """Erase what is kept no longer, and give nobody time by a clock that was put back."""
        clocks = self._clocks
        back_ms = self._steps.step_back_ms(monotonic_ms=clocks.monotonic_ms(), wall_ms=clocks.wall_ms())
        try:
            self._keeper.forget(back_ms)
        except StoreFault as problem:
            self._store_failed = True
            _log.error("not-erased", extra={"why": str(problem)})
        else:
            self._store_failed = False
        return FORGET_SECONDS


class FreshCertificate:
    """Takes a renewed certificate into a running server: phones must not find an old one until somebody restarts it."""

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        self._context, self._certificate, self._key = context, certificate, key
        self._seen = self._stamp()

    def look(self) -> float:
        """Load both files again if they have changed; what does not fit leaves the old ones in place."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            self._take()
        return CERTIFICATE_SECONDS

    def _take(self) -> None:
        try:
            # First into a context of its own: two that do not fit would leave the one in use with half of each.
            tls_context(self._certificate, self._key)
            self._context.load_cert_chain(self._certificate, self._key)
        except (BadSettings, OSError) as problem:
            _log.error("certificate-not-taken", extra={"file": str(self._certificate), "why": str(problem)})
        else:
            _log.info("certificate-renewed")

    def _stamp(self) -> tuple[int, int]:
        try:
            return self._certificate.stat().st_mtime_ns, self._key.stat().st_mtime_ns
        except OSError:
            return 0, 0
