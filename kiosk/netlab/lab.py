"""Builds and takes down a lab: an Internet, the box between, an access point, and phones as they are asked for.

    phone … phone          qb…-p1 …        wlan0
        └──┬──┘
      access point         qb…-air         a bridge; its ports hear only the box, as with ap_isolate
           │
          box              qb…-box         byod0 10.77.0.1/22, up0 10.66.0.2/24
           │
     school's filter,      qb…-net         box0 10.66.0.1/24; every other address is its own too
       Internet

Owns names, addresses and cables. The box has addresses and routes and nothing else: forwarding, firewall, DHCP and
pages are up to whoever uses the lab.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from types import TracebackType

from firmware.errors import TechnicianError
from kiosk.netlab.namespace import Namespace, ip, sweep
from kiosk.netlab.phone import INTERFACE, Phone
from kiosk.netlab.plan import BOX, DNS_PORT, ECHO_PORT, HTTP_PORT, HTTPS_PORT, UPLINK
from kiosk.netlab.records import Packet, Visit, read_packets, read_visits
from kiosk.netlab.truths import TRUTHS

START_SECONDS = 15.0
LOOK_EVERY_SECONDS = 0.01
BRIDGE = "air0"

_INTERNET_RULES = f"""table inet lab {{
  chain echo {{
    type nat hook prerouting priority dstnat
    iifname != "{UPLINK}" accept
    tcp dport != {{ {DNS_PORT}, {HTTP_PORT}, {HTTPS_PORT} }} redirect to :{ECHO_PORT}
    udp dport != {DNS_PORT} redirect to :{ECHO_PORT}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """As PEM files; good for whoever trusts `Netlab.authority`."""

    file: Path
    key: Path


class Box(Namespace):
    """Where `quietbell portal`, `quietbell gate` and dnsmasq run; addresses as in `BOX`."""


class Internet(Namespace):
    """The far side, and what it has seen."""

    def __init__(self, name: str, record: Path) -> None:
        super().__init__(name)
        self.record = record

    def seen(self) -> list[Visit]:
        """Every HTTP request that reached it, in order."""
        return read_visits(self.record)

    def packets(self) -> list[Packet]:
        """Every kind of packet that came over the box's uplink, the box's own included."""
        return read_packets(self.record)


class Netlab:
    """A context manager. Raises TechnicianError when not root, or when a program is missing."""

    def __init__(self, folder: Path, *, ipv6: bool = False, isolate: bool = True) -> None:
        """`isolate`: whether the access point keeps phones from hearing one another."""
        self.folder, self._ipv6, self._isolate = folder, ipv6, isolate
        self._prefix = f"qb{os.getpid()}-{secrets.token_hex(2)}"
        self._made: list[Namespace] = []
        self._phones: dict[int, Phone] = {}
        self.authority, self._authority_key = folder / "authority.pem", folder / "authority.key"
        self.internet = Internet(f"{self._prefix}-net", folder / "seen.jsonl")
        self.box, self._air = Box(f"{self._prefix}-box"), Namespace(f"{self._prefix}-air")

    def __enter__(self) -> Netlab:
        if os.geteuid() != 0:
            raise TechnicianError("network namespaces need root: run this with sudo")
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep()
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End everything that runs in the lab and remove it."""
        while self._made:
            self._made.pop().remove()
        self._phones.clear()

    def phone(self, number: int) -> Phone:
        """Phone `number` (1 to 65,535), made when first asked for; its link is up and it has no address."""
        if number not in self._phones:
            self._phones[number] = self._make_phone(number)
        return self._phones[number]

    def certificate(self, *names: str) -> Certificate:
        """Issued for these host names by an authority that a phone trusts with `--cacert` and `authority`."""
        stem = self.folder / names[0]
        issued = Certificate(stem.with_name(f"{names[0]}.pem"), stem.with_name(f"{names[0]}.key"))
        _openssl(issued, f"DNS:{',DNS:'.join(names)}", "-CA", str(self.authority), "-CAkey", str(self._authority_key))
        return issued

    def _build(self) -> None:
        self._make_authority()
        for namespace in (self.internet, self.box, self._air):
            self._make(namespace)
        self._lay_uplink()
        self._lay_air()
        self._start_internet()

    def _make(self, namespace: Namespace) -> None:
        # noted first: what is half made is removed too
        self._made.append(namespace)
        namespace.make()

    def _make_authority(self) -> None:
        authority = Certificate(self.authority, self._authority_key)
        _openssl(authority, "DNS:authority.invalid", "-addext", "basicConstraints=critical,CA:TRUE")

    def _lay_uplink(self) -> None:
        _cable(self.box, BOX.uplink_interface, self.internet, UPLINK)
        self.box.ip("address", "add", BOX.uplink4, "dev", BOX.uplink_interface)
        for address in (BOX.filter4, BOX.resolver4):
            self.internet.ip("address", "add", f"{address}/24", "dev", UPLINK)
        # every address that no cable leads to is this namespace's own
        self.internet.ip("route", "add", "local", "default", "dev", "lo", "table", "main")
        self.box.ip("route", "add", "default", "via", BOX.filter4)
        clients, uplink = IPv4Interface(BOX.address4).network, IPv4Interface(BOX.uplink4).ip
        self.internet.ip("route", "add", str(clients), "via", str(uplink))
        self.box.set_resolver(BOX.resolver4)
        if self._ipv6:
            self._lay_uplink6()

    def _lay_uplink6(self) -> None:
        self.box.ip("address", "add", BOX.uplink6, "dev", BOX.uplink_interface, "nodad")
        self.internet.ip("address", "add", f"{BOX.filter6}/64", "dev", UPLINK, "nodad")
        self.internet.ip("-6", "route", "add", "local", "default", "dev", "lo", "table", "main")
        self.box.ip("-6", "route", "add", "default", "via", BOX.filter6)
        clients, uplink = IPv6Interface(BOX.address6).network, IPv6Interface(BOX.uplink6).ip
        self.internet.ip("-6", "route", "add", str(clients), "via", str(uplink))

    def _lay_air(self) -> None:
        self._air.ip("link", "add", BRIDGE, "type", "bridge", "mcast_snooping", "0")
        self._air.ip("link", "set", BRIDGE, "up")
        _cable(self.box, BOX.client_interface, self._air, "box")
        self._air.ip("link", "set", "box", "master", BRIDGE)
        self.box.ip("address", "add", BOX.address4, "dev", BOX.client_interface)
        if self._ipv6:
            self.box.ip("address", "add", BOX.address6, "dev", BOX.client_interface, "nodad")

    def _start_internet(self) -> None:
        self.internet.record.touch()
        if not (done := self.internet.run(["nft", "-f", "-"], text=_INTERNET_RULES)).ok:
            raise TechnicianError(f"nft: {done.errors.strip()}")
        names = sorted({host for host, _ in TRUTHS})
        site = self.certificate("internet.invalid", *names)
        log, ready = self.folder / "internet.log", self.internet.record.with_suffix(".ready")
        words = [
            sys.executable,
            "-m",
            "kiosk.netlab.internet",
            str(self.internet.record),
            str(site.file),
            str(site.key),
        ]
        process = self.internet.start(words, log=log)
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise TechnicianError(f"the lab's Internet does not start: {log.read_text(errors='replace')[-500:]}")
            time.sleep(LOOK_EVERY_SECONDS)

    def _make_phone(self, number: int) -> Phone:
        mac = f"02:51:62:00:{number >> 8:02x}:{number & 255:02x}"
        phone = Phone(f"{self._prefix}-p{number}", mac, self.folder / f"phone-{number}")
        self._make(phone)
        _cable(phone, INTERFACE, self._air, f"p{number}", mac)
        self._air.ip("link", "set", f"p{number}", "master", BRIDGE)
        if self._isolate:
            self._air.ip("link", "set", f"p{number}", "type", "bridge_slave", "isolated", "on")
        return phone


def _cable(one: Namespace, interface: str, other: Namespace, peer: str, mac: str = "") -> None:
    """Lay a cable between two namespaces, both ends up."""
    ends = ["name", peer, "netns", other.name]
    address = ["address", mac] if mac else []
    ip("link", "add", interface, "netns", one.name, *address, "type", "veth", "peer", *ends)
    one.ip("link", "set", interface, "up")
    other.ip("link", "set", peer, "up")


def _openssl(issued: Certificate, names: str, *words: str) -> None:
    """Make a key and a certificate for `names`, signed by itself unless `words` name an authority."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "30", "-subj", "/CN=Quietbell lab", "-addext", f"subjectAltName={names}"]
    command += ["-out", str(issued.file), "-keyout", str(issued.key), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TechnicianError(f"openssl: {done.stderr.strip()[-300:]}")
