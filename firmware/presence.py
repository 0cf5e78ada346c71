"""Presence: when a device speaks, and what its silence means.

Owns the gaps between heartbeats and the `Supervisor` that turns lives, faults and silence into trouble. Pure: time
and randomness are passed in, all `_ms` are the watcher's own monotonic clock. Does not know envelopes, topics or
screens; who signed what is settled before anything comes here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from firmware.messages import NO_ID, Life
from firmware.trouble import DEVICE_FAULTS, Cause, Trouble, TroubleLine, folded, trouble_id

__all__ = [
    "Cause",
    "Change",
    "HeartbeatSchedule",
    "Supervisor",
    "Trouble",
    "TroubleChange",
    "TroubleLine",
    "Watched",
]

MEAN_GAP_MS = 15_000
# An exponential gap has a long tail; drawing again above this keeps two lost heartbeats inside SILENT_AFTER_MS.
LONGEST_GAP_MS = 25_000
SILENT_AFTER_MS = 55_000
SHEET_BEHIND_AFTER_MS = 600_000
# A stranger with a valid certificate could otherwise fill the list (and memory) with made-up names.
MOST_STRANGERS = 32
MOST_REASONS = 16


class HeartbeatSchedule:
    """Gaps between heartbeats: exponential, drawn again above 25 s, without a floor.

    The memoryless gap is what hides a report among heartbeats: the time of the last one says nothing of the next.
    """

    def __init__(self, random: Random) -> None:
        self._random = random

    def gap_ms(self) -> int:
        """Milliseconds from one heartbeat to the next."""
        while True:
            gap = self._random.expovariate(1.0 / MEAN_GAP_MS)
            if gap <= LONGEST_GAP_MS:
                return round(gap)


@dataclass(frozen=True, slots=True)
class Watched:
    """A device that the register says is active. `kind` is "kiosk", "desk" or "watcher"."""

    id: bytes
    kind: str
    room: str
    epoch: int = 1


class Change(StrEnum):
    RAISED = "raised"
    CHANGED = "changed"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class TroubleChange:
    """One trouble came, changed or went since the last tick."""

    change: Change
    trouble: Trouble


@dataclass(slots=True)
class _Watch:
    """What we know of one device since this desk started."""

    device: Watched
    heard_ms: int
    life: Life | None = None
    heard: bool = False
    faults: frozenset[str] = frozenset()
    behind_since_ms: int | None = None
    good_bye: bool = False


class Supervisor:
    """Watches every device of a site but its own. Feed it lives and faults; `tick` it when `next_due_ms` says so."""

    def __init__(
        self, devices: Iterable[Watched], *, started_ms: int, lives: Mapping[bytes, Life] | None = None
    ) -> None:
        """`lives`: the greatest life of each device as committed, so that a replay after a restart is no life."""
        self._watches: dict[bytes, _Watch] = {}
        self._floor: dict[bytes, Life] = dict(lives or {})
        self._troubles: dict[str, Trouble] = {}
        self._told: dict[str, Trouble] = {}
        self._reasons: dict[bytes, dict[str, int]] = {}
        self._scan_at_ms = started_ms
        self.register(devices, started_ms)

    # --- what happens ---

    def register(self, devices: Iterable[Watched], now_ms: int) -> None:
        """The register changed: newcomers get a full silence time from now, leavers take their troubles with them."""
        wanted = {device.id: device for device in devices}
        for leaver in [known for known in self._watches if known not in wanted]:
            self._floor = self.lives
            del self._watches[leaver]
            for gone in [trouble.id for trouble in self._troubles.values() if trouble.device == leaver]:
                del self._troubles[gone]
        for device in wanted.values():
            watch = self._watches.get(device.id)
            if watch is None:
                self._watches[device.id] = _Watch(device, now_ms, self._floor.get(device.id))
            else:
                watch.device = device
            self._clear(Cause.UNKNOWN_DEVICE, device.id)
        self._scan_at_ms = now_ms

    def life(self, device: bytes, life: Life, now_ms: int) -> bool:
        """A signed envelope told this life. False (not newer, too old an epoch, or unknown): it is no life."""
        watch = self._watches.get(device)
        if watch is None or life.epoch < watch.device.epoch:
            return False
        if watch.life is not None and life <= watch.life:
            return False
        watch.life, watch.heard_ms, watch.heard, watch.good_bye = life, now_ms, True, False
        self._clear(Cause.SILENT, device)
        self._clear(Cause.NEVER_SEEN, device)
        if watch.device.kind == "kiosk":
            self._clear(Cause.SITE_BLIND)
        return True

    def faults(self, device: bytes, codes: Collection[str], now_ms: int) -> None:
        """The fault codes of a heartbeat that was life. What it no longer names is mended."""
        watch = self._watches.get(device)
        wanted = frozenset(codes)
        if watch is None or wanted == watch.faults:
            return
        watch.faults = wanted
        known = {code: Cause(code) for code in wanted if code in DEVICE_FAULTS}
        for cause in DEVICE_FAULTS.values():
            if cause not in known.values():
                self._clear(cause, device)
        for cause in known.values():
            self.raise_trouble(cause, device, now_ms)
        strange = sorted(_printable(code) for code in wanted - known.keys())
        if strange:
            self.raise_trouble(Cause.REPORTED_FAULT, device, now_ms, detail=", ".join(strange))
        else:
            self._clear(Cause.REPORTED_FAULT, device)

    def sheets(self, device: bytes, held: tuple[int, int], current: tuple[int, int], now_ms: int) -> None:
        """Versions of (desk sheet, route sheet), held and current. Ten minutes behind is trouble."""
        watch = self._watches.get(device)
        if watch is None:
            return
        if held[0] >= current[0] and held[1] >= current[1]:
            watch.behind_since_ms = None
            self._clear(Cause.SHEET_BEHIND, device)
        elif watch.behind_since_ms is None:
            watch.behind_since_ms = now_ms
            self._scan_at_ms = min(self._scan_at_ms, now_ms + SHEET_BEHIND_AFTER_MS)

    def refused(self, device: bytes, reason: str, now_ms: int) -> None:
        """A message was refused (`device` empty: sender not known). Counted, listed until somebody has seen it."""
        sender = device if device in self._watches else NO_ID
        reasons = self._reasons.setdefault(sender, {})
        name = reason if reason in reasons or len(reasons) < MOST_REASONS else "other"
        reasons[name] = reasons.get(name, 0) + 1
        detail = ", ".join(f"{key} {count}" for key, count in sorted(reasons.items()))
        self.raise_trouble(Cause.REFUSED, sender, now_ms, detail=detail)

    def unknown_device(self, device: bytes, now_ms: int) -> None:
        """Something not in the register spoke."""
        strangers = [trouble for trouble in self._troubles.values() if trouble.cause is Cause.UNKNOWN_DEVICE]
        known = trouble_id(Cause.UNKNOWN_DEVICE, device) in self._troubles
        self.raise_trouble(Cause.UNKNOWN_DEVICE, device if known or len(strangers) < MOST_STRANGERS else NO_ID, now_ms)

    def good_bye(self, device: bytes) -> None:
        """The broker says the device is gone. A hint only: it colours a later silence, it proves nothing."""
        watch = self._watches.get(device)
        if watch is not None:
            watch.good_bye = True

    def raise_trouble(self, cause: Cause, device: bytes, now_ms: int, *, detail: str = "") -> None:
        """Any other cause that somebody found. Again the same: a passing one counts up, a state stays as it began."""
        key = trouble_id(cause, device)
        held = self._troubles.get(key)
        if held is None:
            self._troubles[key] = Trouble(key, cause, device, now_ms, detail)
        else:
            self._troubles[key] = replace(held, detail=detail, count=held.count + (1 if held.passing else 0))

    def mended(self, cause: Cause, device: bytes = NO_ID) -> None:
        """Whoever raised a state says that it is over."""
        self._clear(cause, device)

    def seen(self, trouble: str) -> bool:
        """A person has seen a passing trouble: it leaves the list. A state stays until it is mended (False)."""
        held = self._troubles.get(trouble)
        if held is None or not held.passing:
            return False
        del self._troubles[trouble]
        if held.cause is Cause.REFUSED:
            self._reasons.pop(held.device, None)
        return True

    # --- what follows ---

    def tick(self, now_ms: int) -> tuple[TroubleChange, ...]:
        """Everything that came, changed or went since the last tick."""
        if now_ms >= self._scan_at_ms:
            self._scan(now_ms)
        if self._troubles == self._told:
            return ()
        changes = [
            TroubleChange(Change.CHANGED if key in self._told else Change.RAISED, trouble)
            for key, trouble in self._troubles.items()
            if self._told.get(key) != trouble
        ]
        changes += [
            TroubleChange(Change.CLEARED, trouble) for key, trouble in self._told.items() if key not in self._troubles
        ]
        self._told = dict(self._troubles)
        return tuple(changes)

    def next_due_ms(self) -> int:
        """When silence could next become trouble."""
        return self._scan_at_ms

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        return tuple(self._troubles.values())

    @property
    def lives(self) -> dict[bytes, Life]:
        """The greatest life of each device, for the once-a-second commit."""
        return self._floor | {key: watch.life for key, watch in self._watches.items() if watch.life is not None}

    @property
    def kiosks(self) -> tuple[int, int]:
        """(kiosks heard within the silence time, kiosks watched), for the quiet page."""
        kiosks = [watch for watch in self._watches.values() if watch.device.kind == "kiosk"]
        return sum(1 for watch in kiosks if watch.heard and not self._is_silent(watch)), len(kiosks)

    def place_of(self, device: bytes) -> str:
        """The room of a device, or the beginning of its id when the register does not know it."""
        watch = self._watches.get(device)
        return watch.device.room if watch is not None else f"Device {device.hex()[:8]}"

    def lines(self) -> tuple[TroubleLine, ...]:
        """Troubles as a screen shows them. When the whole site is blind, the single silences are not listed again."""
        troubles: Iterable[Trouble] = self._troubles.values()
        if trouble_id(Cause.SITE_BLIND) in self._troubles:
            troubles = [trouble for trouble in troubles if not self._is_kiosk_silence(trouble)]
        return folded(troubles, self.place_of)

    # --- private ---

    def _scan(self, now_ms: int) -> None:
        next_ms = now_ms + SILENT_AFTER_MS
        for key, watch in self._watches.items():
            silent_at = watch.heard_ms + SILENT_AFTER_MS
            if now_ms >= silent_at:
                self._say_silent(key, watch, silent_at)
            else:
                next_ms = min(next_ms, silent_at)
            if watch.behind_since_ms is not None:
                behind_at = watch.behind_since_ms + SHEET_BEHIND_AFTER_MS
                if now_ms >= behind_at:
                    self.raise_trouble(Cause.SHEET_BEHIND, key, behind_at)
                else:
                    next_ms = min(next_ms, behind_at)
        self._scan_at_ms = next_ms
        kiosks = [watch for watch in self._watches.values() if watch.device.kind == "kiosk"]
        if kiosks and all(self._is_silent(watch) for watch in kiosks):
            self.raise_trouble(Cause.SITE_BLIND, NO_ID, now_ms)

    def _say_silent(self, key: bytes, watch: _Watch, silent_at_ms: int) -> None:
        cause = Cause.SILENT if watch.heard else Cause.NEVER_SEEN
        self.raise_trouble(cause, key, silent_at_ms, detail="it dropped its connection" if watch.good_bye else "")

    def _is_silent(self, watch: _Watch) -> bool:
        device = watch.device.id
        return any(trouble_id(cause, device) in self._troubles for cause in (Cause.SILENT, Cause.NEVER_SEEN))

    def _is_kiosk_silence(self, trouble: Trouble) -> bool:
        watch = self._watches.get(trouble.device)
        silence = trouble.cause in (Cause.SILENT, Cause.NEVER_SEEN)
        return silence and watch is not None and watch.device.kind == "kiosk"

    def _clear(self, cause: Cause, device: bytes = NO_ID) -> None:
        self._troubles.pop(trouble_id(cause, device), None)


def _printable(untrusted_code: str) -> str:
    """A code from a device, fit for a screen and a log."""
    return "".join(letter for letter in untrusted_code if letter.isascii() and (letter.isalnum() or letter == "-"))
