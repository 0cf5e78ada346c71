"""What a phone of the lab tries: a program of its own that runs in the phone's namespace. Prints one line of JSON.

sweep ADDRESS               send to many TCP and UDP ports, and by other protocols; prints how many were tried
connect ADDRESS PORT …      the TCP ports that accept within a second
echo ADDRESS PORT …         the UDP ports from which something comes back within a second
ask RESOLVER NAME udp|tcp   the IPv4 addresses that this resolver gives
flow KIND WORD ADDRESS PORT keep a TCP or UDP flow up until nothing has come for a while; prints how it went. WORD is
                            "echo" (we ask, ten times a second) or "drip" (the other side goes on by itself)
blast ADDRESS PORT COUNT    send so many kilobytes by UDP as fast as can be; prints how many came back
    pull ADDRESS PORT SECONDS   let the other side send some three megabytes a second; prints how many kilobytes came
"""

from __future__ import annotations

import errno
import ipaddress
import json
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

WAIT_SECONDS = 1.0
SILENT_SECONDS = 1.5
# all that have a name, then a sample that meets every residue
PORTS = (*range(1, 1024), *range(1024, 65536, 61), 1080, 1194, 3128, 4500, 5353, 8080, 8443, 51820, 65535)
OTHER_PROTOCOLS = (4, 41, 47, 50, 51, 103, 115, 132, 136, 253)
KILOBYTE = b"k" * 1000
# asm-generic/socket.h
SO_RCVBUFFORCE = 33


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET if ipaddress.ip_address(address).version == 4 else socket.AF_INET6


def sweep(address: str) -> object:
    family, tried = family_of(address), 0
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    for port in PORTS:
        attempt(partial(datagrams.sendto, b"sweep", (address, port)))
        with socket.socket(family, socket.SOCK_STREAM) as line:
            line.setblocking(False)
            line.connect_ex((address, port))
        tried += 2
    for protocol in OTHER_PROTOCOLS:
        with socket.socket(family, socket.SOCK_RAW, protocol) as line:
            attempt(partial(line.sendto, bytes(32), (address, 0)))
        tried += 1
    number, kinds = (1, (0, 8, 13)) if family == socket.AF_INET else (58, (128, 129))
    with socket.socket(family, socket.SOCK_RAW, number) as line:
        for kind in kinds:
            attempt(partial(line.sendto, echo_packet(kind), (address, 0)))
            tried += 1
    return tried


def attempt(send: Callable[[], object]) -> None:
    """An error is the other side's "no" to the packet before; the packet counts all the same."""
    for _ in range(2):
        try:
            send()
        except OSError:
            continue
        return


def echo_packet(kind: int) -> bytes:
    """ICMP, with its checksum; the kernel makes that of ICMPv6."""
    body = struct.pack("!BBHHH", kind, 0, 0, 7, 7) + bytes(24)
    total = sum(struct.unpack(f"!{len(body) // 2}H", body))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBHHH", kind, 0, ~(total + (total >> 16)) & 0xFFFF, 7, 7) + bytes(24)


def reach(addresses: str, ports: str) -> object:
    """All at once, for a second."""
    lines: dict[socket.socket, str] = {}
    for address in addresses.split(","):
        for port in map(int, ports.split(",")):
            for word, kind in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
                line = socket.socket(family_of(address), kind)
                line.setblocking(False)
                line.connect_ex((address, port))
                lines[line] = f"{word} {address} {port}"
    reached, deadline = [], time.monotonic() + WAIT_SECONDS
    for line, name in lines.items():
        if name.startswith("udp"):
            attempt(partial(line.send, b"echo"))
    while lines and (left := deadline - time.monotonic()) > 0:
        asked = [line for line, name in lines.items() if name.startswith("tcp")]
        hears, opened, _ = select.select([line for line in lines if line not in asked], asked, [], left)
        for line in (*hears, *opened):
            name = lines.pop(line)
            if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                reached.append(name)
    return sorted(reached)


def ask(resolver: str, name: str, protocol: str) -> object:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family_of(resolver), kind) as line:
        line.settimeout(3.0)
        line.connect((resolver, 53))
        line.sendall(question if protocol == "udp" else struct.pack("!H", len(question)) + question)
        answer = line.recv(2000) if protocol == "udp" else line.recv(2000)[2:]
    (count,) = struct.unpack_from("!H", answer, 6)
    return [socket.inet_ntoa(answer[-4:])] if count else []


def flow(kind: str, word: str, address: str, port: str) -> object:
    """Seconds from the first answer to the last, how many there were, and how it ended."""
    line = socket.socket(family_of(address), socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    line.settimeout(0.1)
    line.connect((address, int(port)))
    line.send(word.encode())
    first = last = time.monotonic()
    count, ended = 0, "silence"
    while time.monotonic() - last < SILENT_SECONDS:
        try:
            if not line.recv(2000):
                ended = "end"
                break
            first, last, count = (first if count else time.monotonic()), time.monotonic(), count + 1
        except TimeoutError:
            pass
        except OSError as problem:
            ended = errno.errorcode.get(problem.errno or 0, "?")
            if kind == "tcp":
                break
        if word == "echo":
            attempt(partial(line.send, word.encode()))
            select.select([], [], [], 0.1)
    return {"seconds": last - first, "count": count, "ended": ended, "last_at": last}


def blast(address: str, port: str, count: str) -> object:
    line = socket.socket(family_of(address), socket.SOCK_DGRAM)
    line.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 * 1024 * 1024)
    line.connect((address, int(port)))
    for number in range(int(count)):
        attempt(partial(line.send, KILOBYTE))
        if number % 50 == 49:
            # no faster than a wire
            select.select([], [], [], 0.004)
    line.settimeout(0.5)
    came = 0
    try:
        while line.recv(2000):
            came += 1
    except OSError:
        return came
    return came


def pull(address: str, port: str, seconds: str) -> object:
    """Ask little and get much: a hundred flows that drip."""
    lines = [socket.socket(family_of(address), socket.SOCK_DGRAM) for _ in range(100)]
    for line in lines:
        line.connect((address, int(port)))
        line.send(b"drip" + bytes(1396))
    came, deadline = 0, time.monotonic() + float(seconds)
    while (left := deadline - time.monotonic()) > 0:
        came += sum(len(line.recv(2000)) for line in select.select(lines, [], [], left)[0])
    return came // 1000


COMMANDS: Mapping[str, Callable[..., object]] = {
    "sweep": sweep,
    "reach": reach,
    "ask": ask,
    "flow": flow,
    "blast": blast,
    "pull": pull,
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
