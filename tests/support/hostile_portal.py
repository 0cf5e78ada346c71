"""What somebody does who has taken over the portal's web process: a program of its own, run as the portal's user.

files PATH …               open each to read and to write, or make a file in it if it is a folder
processes PID …            read memory, environment and descriptors of these; signal and trace them
network                    what only a privilege can do to the machine's network
sockets PATH …             connect to these
gate SOCKET ADDRESS …      ask the gate for more than it may give, and for these addresses one by one
rubbish SOCKET COUNT       frames that are no questions
flood SOCKET SECONDS       hand in reports at the kiosk as fast as it takes them, until it says no or the time is over

Prints one line of JSON.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from firmware.errors import Refused, TechnicianError
from firmware.local_link import ask, frame
from kiosk.portal.gate.line import GateLine
from kiosk.talk.handover import Deed, HandedIn, HandIn, Outcome, frame_of, read_answer

PTRACE_ATTACH = 16
FLOODERS = 8


def files(*paths: str) -> object:
    """It knows the name of everything, also where it may list no folder."""
    found: dict[str, list[str]] = {"readable": [], "writable": [], "creatable": []}
    for path in map(Path, paths):
        if path.is_dir():
            with suppress(OSError):
                mine = path / "hostile"
                mine.touch()
                mine.unlink()
                found["creatable"].append(str(path))
            continue
        for mode, word in (("rb", "readable"), ("r+b", "writable")):
            with suppress(OSError), path.open(mode) as file:
                if mode == "rb":
                    file.read(1)
                found[word].append(str(path))
    return found


def processes(*pids: str) -> object:
    """What could be done to any of them."""
    done = []
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in map(int, pids):
        for name in ("mem", "environ", "maps"):
            with suppress(OSError), Path(f"/proc/{pid}/{name}").open("rb") as file:
                if name == "mem" or file.read(1):
                    done.append(name)
        with suppress(OSError):
            done += [f"fd {each}" for each in os.listdir(f"/proc/{pid}/fd")]  # noqa: PTH208
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
            with suppress(PermissionError):
                os.kill(pid, number)
                done.append(number.name)
        if libc.ptrace(PTRACE_ATTACH, pid, None, None) == 0:
            done.append("traced")
    return done


def network() -> object:
    done = []
    for words in (
        ["nft", "list", "ruleset"],
        ["nft", "flush", "ruleset"],
        ["ip", "neigh", "add", "10.77.1.99", "lladdr", "02:00:00:00:00:99", "dev", "byod0"],
        ["ip", "address", "add", "10.77.0.2/22", "dev", "byod0"],
        ["ip", "link", "set", "byod0", "down"],
        ["sysctl", "-w", "net.ipv4.ip_forward=1"],
    ):
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            done.append(" ".join(words))
    for name, make in (
        ("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        ("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)),
        ("setuid", lambda: os.setuid(0)),
    ):
        with suppress(OSError):
            make()
            done.append(name)
    return done


def sockets(*paths: str) -> object:
    """How each connection went: "connected", or the name of the error."""
    went = {}
    for path in paths:
        with socket.socket(socket.AF_UNIX) as line:
            number = line.connect_ex(path)
        went[path] = "connected" if number == 0 else errno.errorcode[number]
    return went


def gate(path: str, *addresses: str) -> object:
    """The first address is a phone's that is there; of the others it is told how many were let in."""
    line = GateLine(Path(path), timeout_seconds=10.0)
    phone = ip_address(addresses[0])
    answers = {
        "endless": line.admit(phone, 10**9, "web") is not None,
        "negative": line.admit(phone, -5, "web") is not None,
        "all": line.admit(phone, 600, "all") is not None,
        "root": line.admit(phone, 600, "root") is not None,
        "itself": line.admit(ip_address("10.77.0.1"), 600, "web") is not None,
        "outside": line.admit(ip_address("10.66.0.1"), 600, "web") is not None,
        "nobody": line.admit(ip_address("10.77.3.249"), 600, "web") is not None,
    }
    admitted = sum(line.admit(ip_address(address), 600, "web") is not None for address in addresses[1:])
    return {"answers": answers, "admitted": admitted}


def rubbish(path: str, count: str) -> object:
    """How many of them were answered."""
    noise, answered = random.Random(20261122), 0
    for _ in range(int(count)):
        with suppress(TechnicianError, Refused):
            ask(Path(path), noise.randbytes(noise.randrange(200)), 2.0)
            answered += 1
    with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        line.sendall((2**31).to_bytes(4, "big") + frame(b"x"))
    return answered


def flood(path: str, seconds: str) -> object:
    """What the kiosk answered, counted."""
    until = time.monotonic() + float(seconds)
    counted: Counter[str] = Counter()

    def hand_in(_: int) -> None:
        refusals = 0
        while refusals < 3 and time.monotonic() < until:
            draft = HandIn(os.urandom(16), b"", Deed.REPORT, danger="yes")
            try:
                answer = read_answer(ask(Path(path), frame_of(draft), 10.0))
            except (TechnicianError, Refused):
                counted["none"] += 1
                refusals += 1
                continue
            assert isinstance(answer, HandedIn)
            counted[str(answer.outcome)] += 1
            refusals += answer.outcome is not Outcome.SAVED

    with ThreadPoolExecutor(FLOODERS) as threads:
        list(threads.map(hand_in, range(FLOODERS)))
    return dict(counted)


COMMANDS: Mapping[str, Callable[..., object]] = {
    "files": files,
    "processes": processes,
    "network": network,
    "sockets": sockets,
    "gate": gate,
    "rubbish": rubbish,
    "flood": flood,
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
