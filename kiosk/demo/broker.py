"""The demo's broker: mosquitto where there is one, else amqtt in a process of its own.

amqtt speaks MQTT 3.1.1 only, lets in whoever reaches it and has no list of who may use which topic. That is enough to
see Quietbell work on one machine and no more, so it listens on the loopback address only and a banner says so.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import time
from pathlib import Path

from firmware.errors import TechnicianError
from kiosk.demo.processes import Running, start

UP_SECONDS = 15.0
LOOK_EVERY_SECONDS = 0.05
AMQTT_BANNER = (
    "*** DEMO BROKER: amqtt. It lets in every program on this machine and checks no topics. ***\n"
    "*** Never use it for a real site; with mosquitto installed, the demo takes mosquitto.   ***"
)


class DemoBroker:
    """One broker that can be killed, wiped and started again."""

    def __init__(self, command: list[str], banner: str, data: Path, log: Path, port: int) -> None:
        self.banner = banner
        self._command, self._data, self._log, self._port = command, data, log, port
        self._running: Running | None = None

    def start(self) -> None:
        """Raises TechnicianError when it does not listen in time."""
        self._running = start("broker", self._command, self._log)
        until = time.monotonic() + UP_SECONDS
        while not _listens(self._port):
            if not self._running.alive() or time.monotonic() > until:
                raise TechnicianError(f"the broker does not listen on port {self._port}: {self._running.last_words()}")
            time.sleep(LOOK_EVERY_SECONDS)

    def kill_and_wipe(self) -> None:
        """SIGKILL, and everything that it had kept is gone."""
        if self._running is not None:
            self._running.kill()
        for kept in self._data.glob("*"):
            kept.unlink()

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()


def choose_broker(wanted: str, folder: Path, port: int) -> DemoBroker:
    """`wanted`: "auto", "mosquitto" or "amqtt"; `folder` is what `quietbell site` rendered.

    Raises TechnicianError naming what to install.
    """
    # Debian keeps it out of an ordinary user's PATH.
    mosquitto = shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    data, log = folder / "data", folder / "broker.log"
    if mosquitto is not None and wanted != "amqtt":
        banner = "Broker: mosquitto, TLS 1.3, client certificates, loopback."
        return DemoBroker([mosquitto, "-c", str(folder / "mosquitto.conf")], banner, data, log, port)
    if wanted == "mosquitto":
        raise TechnicianError("mosquitto is not installed: sudo apt install mosquitto")
    if importlib.util.find_spec("amqtt") is None:
        raise TechnicianError("no broker: sudo apt install mosquitto, or pip install 'quietbell[demo]'")
    command = [sys.executable, "-m", "kiosk.demo.amqtt_broker", str(folder), str(port)]
    return DemoBroker(command, AMQTT_BANNER, data, log, port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
