"""`quietbell portal`: builds one portal from its bundle, opens its sockets, and turns its loop until told to stop.

The only place of this room that reads files, makes keys of a run and starts threads. Holds no key of the device: what
a phone says goes to the kiosk process, who may pass is the gate's to enforce.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import resources
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from firmware import bundle
from firmware.byod import Byod, parse_byod
from firmware.errors import BadSettings
from firmware.memory import forbid_dumps, give_back_freed
from firmware.network_settings import NetworkSettings, load_network
from firmware.profile import Profile, parse_profile
from firmware.settings import DeviceKind, DeviceSettings, Root, load_device
from firmware.watchdog import Watchdog
from kiosk.portal import server
from kiosk.portal.captive import HTTP_PORT, HTTPS_PORT, Portal
from kiosk.portal.front import Front, make_reflex
from kiosk.portal.gate import line as gate_line
from kiosk.portal.gatekeeper import Gate, Gatekeeper, NoGate, Stores
from kiosk.portal.issued import read_issued
from kiosk.portal.kiosk_line import SOCKET_NAME, KioskLine
from kiosk.portal.loopback_gate import LoopbackGate
from kiosk.portal.pages import Pages, PortalFacts
from kiosk.portal.pulse import PulseCounts
from kiosk.portal.register import Register
from kiosk.portal.talk_web import talk_routes
from kiosk.portal.upkeep import Clocks, FreshCertificate, Upkeep
from kiosk.portal.voucher_uses import VoucherUses
from kiosk.portal.web import HumanWay, Web
from kiosk.words import SOURCE_LANGUAGE, languages

_log = logging.getLogger("quietbell.portal")

STORE_FOLDER = "portal"
ACCEPTANCES, VOUCHERS, PULSE_FILE = "acceptances.json", "voucher-uses.json", "pulse.json"
KEY_BYTES = 32
# Where nothing but this machine is asked: the demo, and tests.
LOOPBACK_INTERFACE = "lo"
LOOPBACK = IPv4Address("127.0.0.1")
EVERYWHERE4, EVERYWHERE6 = "0.0.0.0", "::"

# Blocks; says after how many seconds it is due again.
Job = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a portal reads of its bundle."""

    settings: DeviceSettings
    network: NetworkSettings
    byod: Byod
    profile: Profile
    voucher_key: bytes | None

    @property
    def on_loopback(self) -> bool:
        """A rehearsal without a network: nobody is kept out, nobody is let through."""
        return self.network.routes and self.network.client_interface == LOOPBACK_INTERFACE


def load_bundle(root: Root) -> Bundle:
    """Raises TechnicianError for whatever is missing or wrong in it."""
    settings = load_device(root)
    if settings.kind is not DeviceKind.KIOSK:
        raise BadSettings(root.public / bundle.DEVICE_TOML, "device.kind", f'is "{settings.kind}"; use a kiosk bundle')
    network, issued = load_network(root), read_issued(root)
    return Bundle(
        settings=settings,
        network=network,
        byod=parse_byod(issued.portal, str(root.public / bundle.PORTAL)),
        profile=parse_profile(issued.profile, str(root.public / bundle.PROFILE)),
        voucher_key=issued.voucher_key,
    )


def portal_of(found: Bundle) -> Portal:
    """The portal's own names. Behind a gate, phones reach it at the usual ports."""
    network = found.network
    direct = found.on_loopback or not network.routes
    own: set[IPv4Address | IPv6Address] = {LOOPBACK} if direct else {network.address4.ip}
    if network.address6 is not None:
        own.add(network.address6.ip)
    if network.secure:
        return Portal(network.host, frozenset(own), "https", network.https_port if direct else HTTPS_PORT)
    return Portal(network.host, frozenset(own), "http", network.http_port if direct else HTTP_PORT)


class PortalApp:
    """One running portal."""

    def __init__(self, root: Root) -> None:
        forbid_dumps()
        found = load_bundle(root)
        network = self._network = found.network
        folder = make_store_folder(root)
        self._portal, self._on_loopback = portal_of(found), found.on_loopback
        clocks = Clocks(wall_ms=lambda: time.time_ns() // 1_000_000, monotonic_ms=_monotonic_ms)
        self._keeper = Gatekeeper(
            byod=found.byod,
            gate=make_gate(root, found),
            stores=open_stores(folder, found),
            wall_ms=clocks.wall_ms,
            monotonic_ms=clocks.monotonic_ms,
            form_key=secrets.token_bytes(KEY_BYTES),
        )
        line = KioskLine(root.run / SOCKET_NAME)
        self._upkeep = Upkeep(keeper=self._keeper, line=line, byod=found.byod, clocks=clocks, admits=network.routes)
        self._app = make_app(found, self._portal, self._keeper, line)
        self._context = _context(network)
        self._watchdog = Watchdog(os.environ)

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises TechnicianError when a port cannot be had."""
        give_back_freed()
        server.make_room()
        # Its lines would be about connections, and so about people.
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        server.run(self._serve())

    async def _serve(self) -> None:
        network = self._network
        ports = [network.http_port, *([network.https_port] if self._context is not None else [])]
        host4 = str(LOOPBACK) if self._on_loopback else EVERYWHERE4
        host6 = EVERYWHERE6 if network.address6 is not None and not self._on_loopback else None
        sockets = server.open_sockets(host4, host6, ports)
        serving = server.make_server(
            self._app,
            reflex=make_reflex(self._portal, offline=network.offline),
            tls_ports=[network.https_port],
            context=self._context,
            alive=self._alive,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.stop)
        _log.warning("portal-stands", extra={"at": self._portal.address, "mode": str(network.mode)})
        # What was loaded stays: looking through it for garbage again and again would stop the loop.
        gc.freeze()
        await self._with_upkeep(serving, asyncio.create_task(serving.serve(sockets=list(sockets))))

    async def _with_upkeep(self, serving: server.PortalServer, pages: asyncio.Task[None]) -> None:
        """Serve until told to stop, or until a job fails as none may: then systemd starts us anew."""
        with ThreadPoolExecutor(2, thread_name_prefix="portal-upkeep") as threads:
            jobs = [asyncio.create_task(_again_and_again(job, threads)) for job in self._jobs()]
            done, _ = await asyncio.wait([pages, *jobs], return_when=asyncio.FIRST_COMPLETED)
            serving.stop()
            for job in jobs:
                job.cancel()
            await asyncio.gather(pages, *jobs, return_exceptions=True)
            self._keeper.close()
        for ended in done:
            ended.result()

    def _jobs(self) -> list[Job]:
        jobs: list[Job] = [self._upkeep.hear_kiosk]
        if self._network.routes:
            jobs += [self._upkeep.reconcile, self._upkeep.forget]
        radio = self._network.radio
        if radio is not None and radio.scan_interface is not None:
            jobs.append(partial(self._upkeep.look_round, radio))
        if self._context is not None and self._network.certificate is not None and self._network.key is not None:
            jobs.append(FreshCertificate(self._context, self._network.certificate, self._network.key).look)
        return jobs

    async def _alive(self) -> None:
        self._watchdog.feed()


def make_app(found: Bundle, portal: Portal, keeper: Gatekeeper, line: KioskLine) -> Front:
    """Everything that is asked over HTTP."""
    network, byod, profile = found.network, found.byod, found.profile
    here = languages()
    facts = PortalFacts(
        organisation=byod.organisation,
        host=network.host,
        network=network.radio.ssid if network.radio is not None else "",
        secure=network.secure,
        languages=tuple(code for code in byod.languages if code in here) or (SOURCE_LANGUAGE,),
    )
    pages = Pages(facts)
    pages.load()
    web = Web(
        pages=pages,
        keeper=keeper,
        portal=portal,
        human_way=HumanWay(profile.go_to, profile.danger_line.contact),
        admits=network.routes,
        mark=(resources.files("kiosk.portal") / "static" / "mark.svg").read_bytes(),
    )
    application = web.application(talk_routes(pages, line, profile))
    return Front(application, keeper=keeper, portal=portal, offline=network.offline)


def make_gate(root: Root, found: Bundle) -> Gate:
    """The gate of this network; a rehearsal on loopback brings its own."""
    if not found.network.routes:
        return NoGate()
    if found.on_loopback:
        key = secrets.token_bytes(KEY_BYTES)
        return LoopbackGate(rehearsal=found.settings.rehearsal, key=key, monotonic_ms=_monotonic_ms)
    return gate_line.GateLine(root.run / gate_line.SOCKET)


def open_stores(folder: Path, found: Bundle) -> Stores:
    """What was kept over a restart. Raises StoreFault when the folder cannot be used."""
    zone, memory_key = found.byod.zone, secrets.token_bytes(KEY_BYTES)
    return Stores(
        register=Register(folder / ACCEPTANCES),
        vouchers=VoucherUses(folder / VOUCHERS, zone=zone, memory_key=memory_key),
        counts=PulseCounts(folder / PULSE_FILE, zone=zone, memory_key=memory_key),
        voucher_key=found.voucher_key,
    )


def make_store_folder(root: Root) -> Path:
    """The portal's own folder, which the kiosk process need not be able to open. Raises StoreFault."""
    folder = root.store / STORE_FOLDER
    bundle.make_folder(folder, bundle.SECRET_FOLDER_MODE)
    return folder


def _context(network: NetworkSettings) -> ssl.SSLContext | None:
    if network.certificate is None or network.key is None:
        return None
    return server.tls_context(network.certificate, network.key)


def _monotonic_ms() -> int:
    # Goes on while the machine sleeps, as the wall clock does.
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


async def _again_and_again(job: Job, threads: ThreadPoolExecutor) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(await loop.run_in_executor(threads, job))
