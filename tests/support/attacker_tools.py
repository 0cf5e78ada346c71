"""What somebody with a laptop on the Wi-Fi sends that no phone would: a program of its own, run in a phone's namespace.

flood MAC COUNT   so many questions for names to the box with this MAC, each from a device that does not exist
ask COUNT         so many questions for names by UDP, as fast as can be; prints how many were answered
ask_tcp COUNT     the same by TCP, as many in one packet as fit, over as many connections as it takes
hold ADDRESS PORT COUNT  open so many connections and keep them; prints how many were opened
"""

from __future__ import annotations

import json
import random
import resource
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping

BOX = "10.77.0.1"
INTERFACE = "wlan0"
WAIT_SECONDS = 1.0
IN_ONE_CONNECTION = 100
_UDP = 17


def question(number: int) -> bytes:
    """For a name that nobody has asked for, so that nobody remembers an answer."""
    labels = (f"q{number}-{random.randrange(10**9)}", "example", "org")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels)
    return struct.pack("!HHHHHH", number % 65536, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack("!HH", 1, 1)


def flood(box_mac: str, count: str) -> object:
    line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    line.bind((INTERFACE, 0))
    for number in range(int(count)):
        mac = b"\x02\xaa\xbb" + number.to_bytes(3, "big")
        source = f"10.77.2.{number % 200 + 2}"
        head = bytes.fromhex(box_mac.replace(":", "")) + mac + b"\x08\x00"
        line.send(head + _packet(source, question(number)))
    return int(count)


def _packet(source: str, data: bytes) -> bytes:
    datagram = struct.pack("!HHHH", 20_000, 53, 8 + len(data), 0) + data
    ends = socket.inet_aton(source) + socket.inet_aton(BOX)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 7, 0, 64, _UDP, 0) + ends
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + datagram


def ask(count: str) -> object:
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.connect((BOX, 53))
    line.settimeout(WAIT_SECONDS)
    answered = 0
    for number in range(int(count)):
        line.send(question(number))
        if number % 50 == 49:
            answered += _heard(line, 0.02)
    return answered + _heard(line, WAIT_SECONDS)


def _heard(line: socket.socket, seconds: float) -> int:
    heard, line_seconds = 0, line.gettimeout()
    line.settimeout(seconds)
    try:
        while line.recv(2000):
            heard += 1
    except OSError:
        pass
    line.settimeout(line_seconds)
    return heard


def ask_tcp(count: str) -> object:
    answered, deadline = 0, time.monotonic() + 5 * WAIT_SECONDS
    for begin in range(0, int(count), IN_ONE_CONNECTION):
        if time.monotonic() > deadline:
            break
        answered += _over_one_connection(begin)
    return answered


def _over_one_connection(begin: int) -> int:
    questions = [question(begin + number) for number in range(IN_ONE_CONNECTION)]
    try:
        with socket.create_connection((BOX, 53), WAIT_SECONDS) as line:
            line.sendall(b"".join(struct.pack("!H", len(each)) + each for each in questions))
            return _answers(line)
    except OSError:
        return 0


def _answers(line: socket.socket) -> int:
    taken, answered = b"", 0
    try:
        while answered < IN_ONE_CONNECTION and (part := line.recv(65_536)):
            taken += part
            while len(taken) > 2 and len(taken) >= (end := 2 + int.from_bytes(taken[:2], "big")):
                taken, answered = taken[end:], answered + 1
    except OSError:
        pass
    return answered


def hold(address: str, port: str, count: str) -> object:
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    held = []
    for _ in range(int(count)):
        line = socket.socket()
        line.settimeout(WAIT_SECONDS)
        try:
            line.connect((address, int(port)))
        except OSError:
            break
        held.append(line)
    return len(held)


COMMANDS: Mapping[str, Callable[..., object]] = {"flood": flood, "ask": ask, "ask_tcp": ask_tcp, "hold": hold}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
