"""Our table in the kernel, and what this process knows of it.

The kernel's table is what counts: it stays when this process ends, and forgets admissions by itself. This keeps a copy
so that a question costs no listing, writes the kernel first, and puts everything back when somebody else has flushed
the kernel's rules. Knows nothing of who may ask.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from firmware.network_settings import NetworkSettings
from kiosk.portal.gate.elements import (
    Address,
    Admission,
    Live,
    Mark,
    Timed,
    admit_text,
    read_live,
    refuse_text,
    revoke_text,
)
from kiosk.portal.gate.nft import Nft, NftFault, elements_of, has_table
from kiosk.portal.gate.ruleset import Limits, ruleset

_LISTED = ("admitted4", "admitted6", "refused", "garden4", "garden6")

_log = logging.getLogger("quietbell.portal.gate")


@dataclass(frozen=True, slots=True)
class _Held:
    mark: Mark
    until_seconds: float


class Table:
    """Not for two threads at once."""

    def __init__(self, nft: Nft, network: NetworkSettings, limits: Limits, *, monotonic: Callable[[], float]) -> None:
        self._nft, self._network, self._limits, self._monotonic = nft, network, limits, monotonic
        self._held: dict[tuple[str, Address], _Held] = {}
        self._refused: dict[str, float] = {}

    def stands(self) -> bool:
        return has_table(self._nft)

    def raise_(self) -> int:
        """Put today's rules in place; what was admitted goes on with the time it has left. Returns how many were.

        Raises NftFault.
        """
        live = self._listed() if self.stands() else self._known()
        self._nft.run(ruleset(self._network, self._limits, live))
        self._learn(live)
        return len(live.admissions)

    def admissions(self, mac: str | None = None) -> list[Admission]:
        """All that have at least a second left, or those of one device, with the seconds they have."""
        now = self._monotonic()
        return [
            Admission(device, address, held.mark, int(held.until_seconds - now))
            for (device, address), held in self._held.items()
            if (mac is None or device == mac) and held.until_seconds - now >= 1
        ]

    def mark_of(self, mac: str, address: Address) -> Mark | None:
        """None: not admitted."""
        held = self._held.get((mac, address))
        return held.mark if held and held.until_seconds > self._monotonic() else None

    def devices(self, version: int) -> int:
        """How many are admitted in a family, at most: some may have just run out. IPv4 pairs are counted one by one, of
        IPv6, where a device has several, the devices."""
        if version == 4:
            return sum(address.version == 4 for _, address in self._held)
        return len({mac for mac, address in self._held if address.version == 6})

    def admit(self, new: Sequence[Admission]) -> None:
        """All of them or none; an address is one device's, so whoever had it before has it no more. Raises NftFault."""
        try:
            self._nft.run(admit_text(new, self._matching(new), self._ousted_by(new)))
        except NftFault:
            # the copy was wrong: somebody else has changed our table
            _log.warning("table-differs")
            self._learn(self._listed())
            self._nft.run(admit_text(new, self._matching(new), self._ousted_by(new)))
        for one in self._ousted_by(new):
            del self._held[one.mac, one.address]
        self._hold(new)

    def revoke(self, gone: Sequence[Admission]) -> None:
        """Raises NftFault."""
        try:
            self._nft.run(revoke_text(gone))
        except NftFault:
            _log.warning("table-differs")
            self._learn(self._listed())
            self._nft.run(revoke_text(self._matching(gone)))
        for one in gone:
            self._held.pop((one.mac, one.address), None)

    def refuse(self, mac: str, seconds: int) -> None:
        """Raises NftFault."""
        self._nft.run(refuse_text(mac, seconds))
        self._refused[mac] = self._monotonic() + seconds

    def is_refused(self, mac: str) -> bool:
        return self._refused.get(mac, 0.0) > self._monotonic()

    def prune(self) -> None:
        """Forget what is over, as the kernel has already."""
        now = self._monotonic()
        self._held = {pair: held for pair, held in self._held.items() if held.until_seconds > now}
        self._refused = {mac: until for mac, until in self._refused.items() if until > now}

    def _matching(self, wanted: Sequence[Admission]) -> list[Admission]:
        """Those of them that we hold, as we hold them."""
        return [replace(one, mark=held.mark) for one in wanted if (held := self._held.get((one.mac, one.address)))]

    def _ousted_by(self, new: Sequence[Admission]) -> list[Admission]:
        """What others hold of these addresses. Two with one address would end each other's replies with their own."""
        owners = {one.address: one.mac for one in new}
        return [
            Admission(mac, address, held.mark, 0)
            for (mac, address), held in self._held.items()
            if owners.get(address, mac) != mac
        ]

    def _listed(self) -> Live:
        return read_live(elements_of(self._nft, _LISTED))

    def _known(self) -> Live:
        now = self._monotonic()
        refused = tuple(Timed(mac, int(until - now)) for mac, until in self._refused.items() if until - now >= 1)
        return Live(tuple(self.admissions()), refused)

    def _learn(self, live: Live) -> None:
        now = self._monotonic()
        self._held = {}
        self._hold(live.admissions)
        self._refused = {one.key: now + one.seconds for one in live.refused}

    def _hold(self, admissions: Sequence[Admission]) -> None:
        now = self._monotonic()
        for one in admissions:
            self._held[one.mac, one.address] = _Held(one.mark, now + one.seconds)
