"""Builds the gate from its parts and runs it: the table first, then forwarding, then the line to the portal.

Owns the order of start and end, the threads, and what happens each second. When it ends, table and forwarding stay:
whoever is admitted goes on until their time is over, and nobody else gets in.
"""

from __future__ import annotations

import logging
import os
import pwd
import secrets
import selectors
import signal
import socket
import subprocess
import time

from firmware.errors import StoreFault, TechnicianError
from firmware.local_link import serve
from firmware.memory import forbid_dumps, give_back_freed
from firmware.network_settings import NetworkSettings, load_network
from firmware.settings import Root
from firmware.watchdog import Watchdog
from kiosk.portal.gate.day_key import DayKey
from kiosk.portal.gate.doh import load_known_doh
from kiosk.portal.gate.forwarding import Forwarding
from kiosk.portal.gate.helper import Clocks, GateHelper
from kiosk.portal.gate.line import SOCKET
from kiosk.portal.gate.neighbours import Neighbour, NeighbourNews, Neighbours
from kiosk.portal.gate.nft import TableNews, open_nft
from kiosk.portal.gate.rules import load_rules
from kiosk.portal.gate.ruleset import Limits
from kiosk.portal.gate.table import Table

PORTAL_USER = "quietbell-portal"
SOCKET_MODE = 0o660
# How long a flushed table may go unseen.
TICK_SECONDS = 1.0
# News of neighbours can get lost in a flood.
LOOK_AT_ALL_SECONDS = 10.0
# iw itself waits for the radio.
SCAN_SECONDS = 15.0

_log = logging.getLogger("quietbell.portal.gate")


class GateApp:
    """One running gate. `portal_user`: who may ask beside our own user, by name or number."""

    def __init__(self, root: Root, portal_user: str | None) -> None:
        forbid_dumps()
        network = load_network(root)
        if not network.routes:
            raise TechnicianError("link-only: this device routes nothing, so there is nothing for a gate to do")
        rules = load_rules(root)
        self._network, self._root = network, root
        self._uids = {os.geteuid(), *_uids_of(portal_user)}
        self._table = Table(open_nft(), network, limits_of(rules.fair_use_kbit_per_second), monotonic=time.monotonic)
        self._forwarding, self._neighbours = Forwarding(network), Neighbours(network.client_interface)
        self._helper = GateHelper(
            network=network,
            accesses=rules.accesses,
            table=self._table,
            neighbours=self._neighbours,
            day_key=DayKey(root.run, rules.clock, random_bytes=secrets.token_bytes),
            scan=lambda: scan(network),
            clocks=Clocks(time.monotonic, time.time),
        )
        self._watchdog = Watchdog(os.environ)
        self._forwards = True

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises TechnicianError when rules or forwarding cannot be set."""
        give_back_freed()
        stop, stopped = socket.socketpair()
        stop.setblocking(False)
        signal.set_wakeup_fd(stop.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        _make_run_folder(self._root)
        if not self._table.stands():
            self._forwarding.off()
        _log.warning("gate-stands", extra={"admitted": self._table.raise_()})
        self._forwarding.on()
        neighbours, tables = NeighbourNews(self._network.client_interface), TableNews()
        server = serve(self._root.run / SOCKET, allow_uids=self._uids, mode=SOCKET_MODE, on_request=self._helper.answer)
        try:
            self._watch(neighbours, tables, stopped)
        finally:
            server.stop()
            signal.set_wakeup_fd(-1)
            for line in (neighbours, tables, stop, stopped):
                line.close()

    def _watch(self, neighbours: NeighbourNews, tables: TableNews, stopped: socket.socket) -> None:
        turn_by = look_at_all = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for line in (neighbours, tables, stopped):
                selector.register(line, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(max(turn_by - time.monotonic(), 0))}
                if stopped in ready:
                    return
                now = time.monotonic()
                if (tables in ready and tables.read()) or now >= turn_by:
                    turn_by = now + TICK_SECONDS
                    self._turn()
                if neighbours in ready:
                    self._learn(neighbours.read())
                if now >= look_at_all:
                    look_at_all = now + LOOK_AT_ALL_SECONDS
                    self._learn(self._neighbours.all(only6=True))

    def _turn(self) -> None:
        """Without a table nothing is passed on; it is tried again each second."""
        try:
            if self._helper.tick() or not self._forwards:
                self._forwarding.on()
                self._forwards = True
        except TechnicianError as problem:
            _log.error("gate-cannot", extra={"why": str(problem)})
            self._forwards = False
            self._forwarding.off()
        else:
            self._watchdog.feed()

    def _learn(self, heard: list[Neighbour]) -> None:
        try:
            self._helper.learn(one for one in heard if one.address.version == 6)
        except TechnicianError as problem:
            _log.error("gate-cannot", extra={"why": str(problem)})


def limits_of(fair_use_kbit_per_second: int) -> Limits:
    known = load_known_doh()
    return Limits(fair_use_kbit_per_second, known.addresses4, known.addresses6)


def scan(network: NetworkSettings) -> str:
    """What `iw` hears with the radio that is for this; empty if there is none. Raises TechnicianError."""
    if network.radio is None or network.radio.scan_interface is None:
        return ""
    command = ["iw", "dev", network.radio.scan_interface, "scan"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SCAN_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise TechnicianError(f"iw: no scan ({type(problem).__name__}); see that the package iw is there") from problem
    if done.returncode != 0:
        why = done.stderr.decode(errors="replace").strip() or f"status {done.returncode}"
        raise TechnicianError(f"iw: no scan on {network.radio.scan_interface} ({why})")
    return done.stdout.decode("utf-8", errors="replace")


def _uids_of(portal_user: str | None) -> set[int]:
    """The portal's user. Raises TechnicianError when one was named who does not exist."""
    try:
        if portal_user is not None and portal_user.isdecimal():
            return {int(portal_user)}
        return {pwd.getpwnam(portal_user or PORTAL_USER).pw_uid}
    except KeyError:
        if portal_user is None:
            return set()
        raise TechnicianError(f"--portal-user {portal_user}: no such user on this device") from None


def _make_run_folder(root: Root) -> None:
    try:
        root.run.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        mend = "mend its folder's owner and mode"
        raise StoreFault(f"{root.run}: cannot be made ({problem.strerror}); {mend}") from problem
