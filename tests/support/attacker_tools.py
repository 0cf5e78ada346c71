"""What somebody with a laptop on the Wi-Fi sends that no phone would: a program of its own, run in a phone's namespace.

flood MAC COUNT   so many questions for names to the box with this MAC, each from a device that does not exist
ask COUNT         so many questions for names by UDP, as fast as can be; prints how many were answered
ask_tcp COUNT     the same by TCP, as many in one packet as fit, over as many connections as it takes
strange MAC       frames to the box with this MAC that dodge a careless firewall: in fragments, behind other headers,
                  with VLAN tags, from addresses that are the box's, the uplink's or an admitted phone's (10.77.1.3)
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
from collections.abc import Callable, Iterator, Mapping

BOX, BOX6 = "10.77.0.1", "2001:db8:77::1"
FAR, FAR6 = "203.0.113.7", "2001:db8:ffff::7"
INTERFACE = "wlan0"
WAIT_SECONDS = 1.0
IN_ONE_CONNECTION = 100
_TCP, _UDP = 6, 17


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


def strange(box_mac: str) -> object:
    line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    line.bind((INTERFACE, 0))
    own = open(f"/sys/class/net/{INTERFACE}/address").read().strip()  # noqa: PTH123, SIM115
    ends = bytes.fromhex(box_mac.replace(":", "") + own.replace(":", ""))
    sent = 0
    for kind, packet in (
        *((b"\x08\x00", each) for each in _strange4()),
        *((b"\x86\xdd", each) for each in _strange6()),
    ):
        # plain, with the priority's tag, with a network's, with two
        for tag in (b"", b"\x81\x00\x00\x00", b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05\x81\x00\x00\x05"):
            line.send(ends + tag + kind + packet)
            sent += 1
    return sent


def _strange4() -> Iterator[bytes]:
    far = socket.inet_aton(FAR)
    sources = ("10.77.1.20", BOX, "10.66.0.2", "10.66.0.1", "127.0.0.1", FAR, "0.0.0.0", "224.0.0.1", "10.77.1.3")
    for source in map(socket.inet_aton, sources):
        for port in (53, 80, 443, 853, 9000):
            for protocol, segment in ((_UDP, _datagram(port)), (_TCP, _segment(port, 2)), (_TCP, _segment(port, 16))):
                yield _ip4(source, far, protocol, segment)
                # a first piece without ports or flags to see, a second that would write them anew
                yield _ip4(source, far, protocol, segment[:8], more=True)
                yield _ip4(source, far, protocol, segment[8:], offset=1)
                yield _ip4(source, far, protocol, _datagram(443)[:8], offset=0, more=True)
        yield _ip4(source, far, _UDP, _datagram(9000), options=b"\x83\x07\x04" + far + b"\x00")


def _strange6() -> Iterator[bytes]:
    far = socket.inet_pton(socket.AF_INET6, FAR6)
    for text in ("2001:db8:77::1:20", "2001:db8:77::1", "fe80::5", "::1", FAR6, "2001:db8:77::1:3"):
        source = socket.inet_pton(socket.AF_INET6, text)
        for port in (53, 80, 443, 9000):
            for protocol, segment in ((_UDP, _datagram(port)), (_TCP, _segment(port, 2))):
                yield _ip6(source, far, protocol, segment)
                for header in (0, 60, 43):
                    yield _ip6(source, far, header, bytes((protocol, 0)) + b"\x01\x04\0\0\0\0" + segment)
                # an atomic fragment, and two halves
                yield _ip6(source, far, 44, struct.pack("!BBHI", protocol, 0, 0, 5) + segment)
                yield _ip6(source, far, 44, struct.pack("!BBHI", protocol, 0, 1, 6) + segment[:8])
                yield _ip6(source, far, 44, struct.pack("!BBHI", protocol, 0, 8, 6) + segment[8:])
                # to the box, which is asked to send it on
                box = socket.inet_pton(socket.AF_INET6, BOX6)
                routed = struct.pack("!BBBBI", protocol, 2, 0, 1, 0) + far
                yield _ip6(source, box, 43, routed + segment)


def _datagram(port: int) -> bytes:
    return struct.pack("!HHHH", 20_000, port, 16, 0) + b"strange!"


def _segment(port: int, flags: int) -> bytes:
    return struct.pack("!HHIIBBHHH", 20_000, port, 1, 1, 5 << 4, flags, 1000, 0, 0)


def _ip4(
    source: bytes, to: bytes, protocol: int, data: bytes, *, offset: int = 0, more: bool = False, options: bytes = b""
) -> bytes:
    words, size = 5 + len(options) // 4, 20 + len(options) + len(data)
    fragment = offset | (0x2000 if more else 0)
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, size, 9, fragment, 64, protocol, 0) + source + to + options
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + data


def _ip6(source: bytes, to: bytes, following: int, data: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(data), following, 64) + source + to + data


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


COMMANDS: Mapping[str, Callable[..., object]] = {
    "flood": flood,
    "ask": ask,
    "ask_tcp": ask_tcp,
    "hold": hold,
    "strange": strange,
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
