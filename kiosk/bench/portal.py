"""Every figure of the portal: accepting, pages, bringing gate and register together, memory, redirects.

Owns which phones do what, in which order, in one lab with the real gate. Times are taken by the phones themselves
(`phones`), redirects are compared on loopback (`redirect`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Interface, ip_address
from pathlib import Path
from statistics import median

from firmware.settings import Root
from kiosk.bench.figures import CannotMeasure, Spread, spread
from kiosk.bench.portal_site import PortalSite, find_program
from kiosk.bench.redirect import RedirectFigures, measure_redirect
from kiosk.netlab import BOX, Netlab, Phone
from kiosk.portal.app import KEY_BYTES, load_bundle, make_gate, make_store_folder, open_stores
from kiosk.portal.gatekeeper import Gatekeeper

# A class whose lesson has just been opened.
CLASS = 30
BELLS = 3
# From the list of clients that both ends know; the box itself is the first address.
FIRST_CLIENT = "10.77.1.1"
# What people open: the rules or "you are on-line", in six languages, the rest now and then.
PATHS = ("/", "/en/", "/cy/", "/ar/", "/en-x-easy/", "/en/rules", "/en/talk", "/en/privacy")
# Somebody who reads needs ten times as long for a page.
PAGE_GAP_SECONDS = 0.5
PAGE_BELLS = 20
RECONCILE_TIMES = 21
RECONCILE_LOST_TIMES = 3
# Beyond what a step should take, for machines that are busy with other things.
SPARE_SECONDS = 120.0
_PORTAL = str(IPv4Interface(BOX.address4).ip)


@dataclass(frozen=True, slots=True)
class PortalSize:
    """How much is measured. `devices` are admitted in the end, some of them a class at a time."""

    devices: int
    page_seconds: float
    redirect_seconds: float


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How long it takes to bring gate and register together, in milliseconds; medians.

    `same_ms`: nothing has changed, as it is every half minute. `lost_ms`: the gate has lost everybody.
    """

    devices: int
    same_ms: float
    lost_ms: float


@dataclass(frozen=True, slots=True)
class Resident:
    """Memory of the two processes in MB. RSS counts what they share with others in full, PSS in part."""

    portal_rss: float
    gate_rss: float
    portal_pss: float
    gate_pss: float


@dataclass(frozen=True, slots=True)
class PortalFigures:
    """`page_class`: how long the last of a class waits that opens a page in one moment."""

    admit: Spread
    admit_class: Spread
    pages: Spread
    page_class: Spread
    reconciled: Reconciled
    resident: Resident
    redirect: RedirectFigures


class Phones:
    """One namespace that has an address for each phone. `strangers` never accept anything."""

    def __init__(self, phone: Phone, devices: int) -> None:
        self._phone = phone
        first = ip_address(FIRST_CLIENT)
        addresses = [str(first + number) for number in range(devices + CLASS // 2)]
        self.devices, self.strangers = addresses[:devices], addresses[devices:]
        lines = [f"address add {address}/22 dev wlan0\n" for address in addresses]
        lines.append(f"route replace default via {_PORTAL}\n")
        done = phone.run([find_program("ip", "iproute2"), "-batch", "-"], text="".join(lines))
        if not done.ok:
            raise CannotMeasure(f"ip: {done.errors.strip()}")

    def do(self, work: str, *, wait: float = 0.0, **told: object) -> list[float]:
        """Milliseconds, as the phones have measured them, within `wait` seconds and some. Raises CannotMeasure."""
        words = [sys.executable, "-m", "kiosk.bench.phones", work]
        done = self._phone.run(words, text=json.dumps({"portal": _PORTAL, **told}), seconds=wait + SPARE_SECONDS)
        if not done.ok:
            raise CannotMeasure(f"phones: {(done.errors or 'too slow').strip()[-400:]}")
        times: list[float] = json.loads(done.output)
        return times


def measure_portal(site: PortalSite, size: PortalSize, told: Callable[[str], None]) -> PortalFigures:
    """`told` hears what is measured now. Raises CannotMeasure; TechnicianError without root."""
    with Netlab(site.home / "lab") as lab:
        kiosk = site.start_kiosk()
        gate, portal = site.start_gate(lab), site.start_portal(lab)
        phones = Phones(lab.phone(1), size.devices)
        told(f"{size.devices} devices that accept")
        alone, together = _arrivals(phones)
        told(f"pages for {CLASS} phones")
        pages, page_class = _pages(phones, size.page_seconds)
        resident = _resident(portal.pid, gate.pid)
        # It would take back what the next step admits.
        lab.box.stop(portal)
        told(f"gate and register with {size.devices} devices")
        reconciled = _reconcile(site.kiosk, size.devices)
        site.stop(kiosk)
    told("redirects, in turns with nginx")
    redirect = measure_redirect(site, size.redirect_seconds)
    return PortalFigures(alone, together, pages, page_class, reconciled, resident, redirect)


def _arrivals(phones: Phones) -> tuple[Spread, Spread]:
    """Most of them one after the other, the last ones a class at a time."""
    devices = phones.devices
    classes = min(BELLS * CLASS, len(devices) // 2)
    single, rest = devices[: len(devices) - classes], devices[-classes:]
    alone = phones.do("arrive", groups=[[device] for device in single])
    together = phones.do("arrive", groups=[rest[start : start + CLASS] for start in range(0, len(rest), CLASS)])
    return spread(alone), spread(together)


def _pages(phones: Phones, seconds: float) -> tuple[Spread, Spread]:
    """Half of the class is on-line, the other half is not yet."""
    clients = [*phones.devices[: CLASS - CLASS // 2], *phones.strangers]
    pages = phones.do("browse", wait=seconds, clients=clients, paths=PATHS, gap=PAGE_GAP_SECONDS, seconds=seconds)
    return spread(pages), spread(phones.do("bells", clients=clients, paths=PATHS, times=PAGE_BELLS))


def _reconcile(kiosk: Root, devices: int) -> Reconciled:
    """With the register that the portal has left and the gate that it has told."""
    found = load_bundle(kiosk)
    gate = make_gate(kiosk, found)
    keeper = Gatekeeper(
        byod=found.byod,
        gate=gate,
        stores=open_stores(make_store_folder(kiosk), found),
        wall_ms=lambda: time.time_ns() // 1_000_000,
        monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
        form_key=bytes(KEY_BYTES),
    )

    def timed(changes: int) -> float:
        before = time.perf_counter()
        todo = keeper.reconcile()
        took = (time.perf_counter() - before) * 1000
        if (len(todo.revoke), len(todo.admit)) != (0, changes):
            raise CannotMeasure(f"{len(todo.revoke)} revoked, {len(todo.admit)} admitted instead of 0, {changes}")
        return took

    same = [timed(0) for _ in range(RECONCILE_TIMES)]
    lost = []
    for _ in range(RECONCILE_LOST_TIMES):
        for client in gate.clients():
            gate.revoke(client.pseudonym)
        lost.append(timed(devices))
    keeper.close()
    return Reconciled(devices, round(median(same), 2), round(median(lost), 2))


def _resident(portal: int, gate: int) -> Resident:
    (portal_rss, portal_pss), (gate_rss, gate_pss) = _memory(portal), _memory(gate)
    return Resident(portal_rss, gate_rss, portal_pss, gate_pss)


def _memory(pid: int) -> tuple[float, float]:
    """RSS and PSS of a process, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return round(kib["Rss"] / 1024, 1), round(kib["Pss"] / 1024, 1)
