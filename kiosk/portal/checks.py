"""`quietbell portal check`: will this portal let people in, and only by the rules? One line a step.

Owns the list of checks. Each looks at the real thing (files, clock, interfaces, the gate, the kiosk, the certificate as
a phone would judge it), changes nothing, and says the cause and the mend.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from firmware.errors import BadInput, QuietbellError
from firmware.network_settings import Mode
from firmware.settings import Root
from kiosk.portal.app import Bundle, load_bundle
from kiosk.portal.gate.line import SOCKET, GateLine
from kiosk.portal.kiosk_line import SOCKET_NAME, KioskLine
from kiosk.portal.radio import Machine, find_radio, run_iw
from kiosk.portal.server import tls_context
from kiosk.portal.timetable import Open, clock_known, times_at, today_at
from kiosk.portal.views import clock
from kiosk.talk.handover import TICKET_BYTES

# A certificate that lasts shorter than this should have been renewed by itself already.
CERTIFICATE_DAYS_LEAST = 14
_HANDSHAKE_STEPS_MAX = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check: what is so, or the cause and the mend."""

    step: str
    good: bool
    text: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is looked at beside the bundle; another in a test. `authorities` None: those that this machine trusts."""

    wall_ms: int
    interfaces: tuple[str, ...]
    authorities: Path | None = None
    machine: Machine = field(default_factory=Machine)


@dataclass(frozen=True, slots=True)
class _Unit:
    root: Root
    found: Bundle
    around: Surroundings

    @property
    def today(self) -> date:
        return today_at(self.around.wall_ms, self.found.byod.zone)


def examine(root: Root, around: Surroundings) -> Iterator[Finding]:
    """Every check in order; without a bundle there is nothing more to look at."""
    try:
        unit = _Unit(root, load_bundle(root), around)
    except QuietbellError as problem:
        yield Finding("bundle", False, str(problem))
        return
    yield Finding("bundle", True, f"signed rules of {unit.found.byod.organisation}, mode {unit.found.network.mode}")
    for step, check in CHECKS:
        try:
            yield Finding(step, True, check(unit))
        except QuietbellError as problem:
            yield Finding(step, False, str(problem))


def check_clock(unit: _Unit) -> str:
    """Without a clock nobody is let in: nobody's end could be told."""
    if not clock_known(unit.around.wall_ms):
        raise BadInput("the clock cannot be right: set it, or let this device reach a time server")
    now = times_at(unit.found.byod, unit.around.wall_ms, unlocked_until_ms=None)
    zone = unit.found.byod.zone
    opened = "open" if isinstance(now, Open) else "closed"
    return f"{clock(unit.around.wall_ms, zone)} in {zone.key}, so BYOD is {opened} by the timetable"


def check_texts(unit: _Unit) -> str:
    """Everybody has a text, and somebody has looked at them lately."""
    byod = unit.found.byod
    count, languages = len(byod.documents), ", ".join(byod.languages)
    if byod.review_due(unit.today):
        raise BadInput(f"aup.review: these texts should have been looked at by {byod.review}: do it, issue them again")
    unchecked = sorted({document.language for document in byod.documents if not document.checked})
    doubt = f"; nobody has checked {', '.join(unchecked)} yet" if unchecked else ""
    return f"{count} texts in {languages}, to be reviewed by {byod.review}{doubt}"


def check_network(unit: _Unit) -> str:
    """The interfaces that were named are there."""
    network = unit.found.network
    if not network.routes:
        return "link-only: pages alone, nothing is routed"
    for key, name in (("client.interface", network.client_interface), ("uplink.interface", network.uplink_interface)):
        if name not in unit.around.interfaces and not unit.found.on_loopback:
            here = ", ".join(unit.around.interfaces)
            raise BadInput(f"network.toml: {key}: {name} is not on this machine; it has {here}")
    return (
        f"clients on {network.client_interface} ({network.address4}), the site's network on {network.uplink_interface}"
    )


def check_radio(unit: _Unit) -> str:
    """How many phones the radio holds."""
    network = unit.found.network
    if network.mode is not Mode.OWN_ACCESS_POINT or network.radio is None:
        return "the site's own access points"
    return find_radio(network.radio.interface, unit.around.machine, run_iw).said


def check_gate(unit: _Unit) -> str:
    """The gate answers."""
    if not unit.found.network.routes or unit.found.on_loopback:
        return "none is needed here"
    seen = GateLine(unit.root.run / SOCKET).clients()
    admitted = sum(1 for each in seen if each.admitted_seconds_left is not None)
    return f"answers; {len(seen)} devices are there, {admitted} of them on-line"


def check_kiosk(unit: _Unit) -> str:
    """The kiosk process takes what phones say."""
    told = KioskLine(unit.root.run / SOCKET_NAME).progress(bytes(TICKET_BYTES))
    return f"answers; the office is {told.duty.state}"


def check_certificate(unit: _Unit) -> str:
    """A phone would believe the certificate: chain, name and dates, judged as a phone judges them."""
    network = unit.found.network
    if network.certificate is None or network.key is None:
        return "none: pages come over HTTP, and free text is not asked for"
    server = tls_context(network.certificate, network.key)
    phone = ssl.create_default_context(cafile=None if unit.around.authorities is None else str(unit.around.authorities))
    try:
        until = _judged(server, phone, network.host)
    except ssl.SSLError as problem:
        why = getattr(problem, "verify_message", "") or problem.reason
        mend = f"get a publicly valid one for {network.host}, or take certificate and key out of network.toml"
        raise BadInput(f"{network.certificate}: a phone would refuse it ({why}): {mend}") from problem
    left_days = (until - unit.around.wall_ms) // 86_400_000
    if left_days < CERTIFICATE_DAYS_LEAST:
        raise BadInput(f"{network.certificate}: ends in {left_days} days: renew it")
    return f"valid for {network.host}, {left_days} days left"


CHECKS: tuple[tuple[str, Callable[[_Unit], str]], ...] = (
    ("clock", check_clock),
    ("texts", check_texts),
    ("network", check_network),
    ("radio", check_radio),
    ("gate", check_gate),
    ("kiosk", check_kiosk),
    ("certificate", check_certificate),
)


def _judged(server: ssl.SSLContext, phone: ssl.SSLContext, host: str) -> int:
    """Shake hands in memory; when the certificate ends, in wall milliseconds. Raises ssl.SSLError."""
    to_server, to_phone = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_phone, server_side=True)
    theirs = phone.wrap_bio(to_phone, to_server, server_hostname=host)
    for _ in range(_HANDSHAKE_STEPS_MAX):
        if _step(theirs) & _step(ours):
            break
    seen = theirs.getpeercert() or {}
    return int(ssl.cert_time_to_seconds(str(seen["notAfter"]))) * 1000


def _step(side: ssl.SSLObject) -> bool:
    """One side goes on as far as it can; whether it is done."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def interfaces_here() -> tuple[str, ...]:
    return tuple(name for _, name in socket.if_nameindex())
