"""The Internet of a lab, with the school's filter in front: a program that runs in its own namespace.

Every address there is its own: it answers DNS on all of them, HTTP and HTTPS as the real servers would (`truths`), and
echoes on every other TCP and UDP port; to what begins with "drip" it goes on talking by itself for a while. It writes
down each HTTP request and each kind of packet that came over the box's uplink, before any server saw it. Started by
`lab`; ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path

from kiosk.netlab.names import answer, question
from kiosk.netlab.plan import DNS_PORT, ECHO_PORT, HTTP_PORT, HTTPS_PORT, UPLINK
from kiosk.netlab.records import Packet, Recorder, Visit
from kiosk.netlab.truths import truth_of

REQUEST_MAX_BYTES = 16 * 1024
DATAGRAM_MAX_BYTES = 65_535
# Who sends this hears as much from us every so often, without asking again.
DRIP, DRIPS, DRIP_SECONDS = b"drip", 100, 0.05
# linux/in.h, asm-generic/socket.h; the module `socket` does not name them
IP_PKTINFO = 8
SO_RCVBUFFORCE = 33
ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ALL = 0x0800, 0x86DD, 3
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}
_LINK_MULTICAST = IPv6Network("ff02::/16")
# RFC 4861: router and neighbour discovery
_DISCOVERY_TYPES = range(133, 138)


def parse_packet(untrusted: bytes, kind: int) -> Packet | None:
    """Addresses, protocol and port of a packet without its Ethernet header; None for what is no IP."""
    try:
        if kind == ETHERTYPE_IPV4:
            start, number = (untrusted[0] & 15) * 4, untrusted[9]
            source, destination = str(IPv4Address(untrusted[12:16])), str(IPv4Address(untrusted[16:20]))
        elif kind == ETHERTYPE_IPV6:
            start, number = 40, untrusted[6]
            source, destination = str(IPv6Address(untrusted[8:24])), str(IPv6Address(untrusted[24:40]))
        else:
            return None
        protocol = PROTOCOLS.get(number, str(number))
        port = untrusted[start] if protocol.startswith("icmp") else struct.unpack_from("!H", untrusted, start + 2)[0]
        name = question(untrusted[start + 8 :])[0] if (protocol, port) == ("udp", DNS_PORT) else ""
    except (IndexError, ValueError, struct.error):
        return None
    return Packet(protocol, source, destination, port, name)


def _is_link_talk(packet: Packet) -> bool:
    """What the two ends of a cable say to each other: discovery, and to whom they listen."""
    if packet.protocol == "icmp6" and packet.port in _DISCOVERY_TYPES:
        return True
    destination = ip_address(packet.destination)
    return destination.version == 6 and destination in _LINK_MULTICAST


class Sniffer:
    """Reads each packet that arrives from the box, and tells each kind of them once."""

    def __init__(self, recorder: Recorder, interface: str) -> None:
        self._recorder, self._told = recorder, set[Packet]()
        self.line = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHERTYPE_ALL))
        self.line.bind((interface, ETHERTYPE_ALL))
        self.line.setblocking(False)

    def read(self) -> None:
        while True:
            try:
                raw, origin = self.line.recvfrom(DATAGRAM_MAX_BYTES)
            except BlockingIOError:
                return
            packet = parse_packet(raw, origin[1]) if origin[2] != socket.PACKET_OUTGOING else None
            if packet is not None and packet not in self._told and not _is_link_talk(packet):
                self._told.add(packet)
                self._recorder.write(packet)


class Datagrams:
    """One UDP port on every address: answers come from the address that was asked."""

    def __init__(self, family: socket.AddressFamily, port: int, reply: Callable[[bytes], bytes]) -> None:
        self._reply = reply
        self._level, self._info = (
            (socket.IPPROTO_IP, IP_PKTINFO) if family == socket.AF_INET else (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
        )
        self.line = socket.socket(family, socket.SOCK_DGRAM)
        # what is lost must have been lost on the way
        self.line.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 * 1024 * 1024)
        if family == socket.AF_INET6:
            self.line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        wanted = IP_PKTINFO if family == socket.AF_INET else socket.IPV6_RECVPKTINFO
        self.line.setsockopt(self._level, wanted, 1)
        self.line.bind(("", port))
        self.line.setblocking(False)

    def read(self) -> None:
        while True:
            try:
                raw, extra, _, client = self.line.recvmsg(DATAGRAM_MAX_BYTES, 256)
            except BlockingIOError:
                return
            except OSError:
                # a client that is gone has left word of it
                continue
            self._send(raw, [(self._level, self._info, self._from(extra))], client, DRIPS if raw[:4] == DRIP else 0)

    def _send(self, raw: bytes, extra: list[tuple[int, int, bytes]], client: tuple[str, int], more: int) -> None:
        # one client's rubbish is not answered
        with suppress(OSError, ValueError, IndexError):
            self.line.sendmsg([self._reply(raw)], extra, 0, client)
        if more:
            asyncio.get_running_loop().call_later(DRIP_SECONDS, self._send, raw, extra, client, more - 1)

    def _from(self, extra: list[tuple[int, int, bytes]]) -> bytes:
        info = next(data for level, kind, data in extra if (level, kind) == (self._level, self._info))
        if self._level == socket.IPPROTO_IPV6:
            return info[:16] + bytes(4)
        # struct in_pktinfo: interface, address of ours, address in the packet
        return bytes(4) + info[8:12] + bytes(4)


Stream = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _serve_page(recorder: Recorder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests of one connection, kept alive as long as the client likes."""
    while True:
        raw = await reader.readuntil(b"\r\n\r\n")
        head = raw.decode("latin-1").split("\r\n")
        method, target, version = head[0].split(" ")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        await reader.readexactly(int(fields.get("content-length", "0")))
        host = fields.get("host", "").partition(":")[0]
        client, port = _plain(writer.get_extra_info("peername")[0]), writer.get_extra_info("sockname")[1]
        recorder.write(Visit(client, host, port, target))
        truth = truth_of(host, target)
        lines = [f"HTTP/1.1 {truth.status} As-Is", f"Content-Type: {truth.kind}"]
        lines += [f"Location: {truth.location}"] if truth.location else []
        lines += [truth.header] if truth.header else []
        lines += [f"Content-Length: {len(truth.body)}"] if truth.status != 204 else []
        writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else truth.body))
        await writer.drain()
        if version == "HTTP/1.0" or fields.get("connection", "").lower() == "close":
            return


async def _serve_names(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """DNS over TCP: two bytes of length before each message."""
    while True:
        length = int.from_bytes(await reader.readexactly(2), "big")
        told = answer(await reader.readexactly(length))
        writer.write(len(told).to_bytes(2, "big") + told)
        await writer.drain()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(DATAGRAM_MAX_BYTES):
        for _ in range(DRIPS if data.startswith(DRIP) else 1):
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS if data.startswith(DRIP) else 0)


async def _until_done(serve: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection; whatever its client does ends this connection only."""
    try:
        await serve(reader, writer)
    except (OSError, ValueError, IndexError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


async def _open(serve: Stream, port: int, tls: ssl.SSLContext | None = None) -> None:
    for host in ("0.0.0.0", "::"):
        await asyncio.start_server(
            partial(_until_done, serve), host, port, ssl=tls, limit=REQUEST_MAX_BYTES, backlog=512
        )


def _plain(address: str) -> str:
    return str(ip_address(address.partition("%")[0]))


async def run(record: Path, certificate: Path, key: Path) -> None:
    """Serve until SIGTERM. Whoever waits for us sees the file `<record>.ready`."""
    recorder = Recorder(record)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    readers: list[Sniffer | Datagrams] = [Sniffer(recorder, UPLINK)]
    for family in (socket.AF_INET, socket.AF_INET6):
        readers += [Datagrams(family, DNS_PORT, answer), Datagrams(family, ECHO_PORT, bytes)]
    for reader in readers:
        loop.add_reader(reader.line, reader.read)
    pages = partial(_serve_page, recorder)
    await _open(pages, HTTP_PORT)
    await _open(pages, HTTPS_PORT, tls)
    await _open(_serve_names, DNS_PORT)
    await _open(_echo, ECHO_PORT)
    record.with_suffix(".ready").touch()
    await over.wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
