"""A phone of the lab: an interface with a MAC of its own behind the access point, a DHCP client, and curl.

Owns how a lease is got (BusyBox udhcpc or ISC dhclient, as small devices and laptops do) and how a page is asked for.
Knows nothing of what any system makes of an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from firmware.errors import TechnicianError
from kiosk.netlab.namespace import RESOLVER_FOLDERS, Namespace

INTERFACE = "wlan0"
CURL_SECONDS = 10.0
# RFC 8910
OPTION_PORTAL = 114
_WRITTEN_OUT = "\n%{json}"

# Called by either client with what it was told; it shares the phone's /etc/resolv.conf.
_LEASE_SCRIPT = """#!/bin/sh
case "$1$reason" in bound|renew|BOUND|RENEW|REBIND|REBOOT) ;; *) exit 0 ;; esac
address="${{ip:-$new_ip_address}}" mask="${{subnet:-$new_subnet_mask}}"
gateway="${{router:-$new_routers}}" resolvers="${{dns:-$new_domain_name_servers}}"
ip -4 address flush dev {interface}
ip -4 address add "$address/$mask" dev {interface}
[ -z "$gateway" ] || ip -4 route replace default via "${{gateway%% *}}"
for resolver in $resolvers; do echo "nameserver $resolver"; done >{resolver_file}
printf '%s\\n' "$address" "${{gateway%% *}}" "${{resolvers%% *}}" "${{opt114:-$new_portal}}" >{lease_file}
"""
_DHCLIENT_SETTINGS = "option portal code 114 = text;\nrequest subnet-mask, routers, domain-name-servers, portal;\n"

Client = Literal["udhcpc", "dhclient"]


@dataclass(frozen=True, slots=True)
class Lease:
    """What DHCP told; `portal` is option 114, empty if there was none."""

    address: str
    router: str
    resolver: str
    portal: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What curl got. `status` is 0 when there was no HTTP answer at all; `error` then says why."""

    status: int
    body: str
    location: str
    error: str
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)


class Phone(Namespace):
    """Made by `Netlab.phone`."""

    def __init__(self, name: str, mac: str, folder: Path) -> None:
        super().__init__(name)
        self.mac = mac
        self._folder = folder

    def dhcp(self, client: Client = "udhcpc") -> Lease:
        """Get a lease. Raises TechnicianError when nobody gives one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lease_file, script = self._folder / "lease", self._folder / "lease.sh"
        lease_file.unlink(missing_ok=True)
        resolver_file = RESOLVER_FOLDERS / self.name / "resolv.conf"
        text = _LEASE_SCRIPT.format(interface=INTERFACE, resolver_file=resolver_file, lease_file=lease_file)
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
        done = self.run(self._udhcpc(script) if client == "udhcpc" else self._dhclient(script))
        if not lease_file.exists():
            raise TechnicianError(f"{self.name}: no lease ({(done.errors or done.output).strip()[-300:]})")
        address, router, resolver, portal = lease_file.read_text(encoding="utf-8").split("\n")[:4]
        return Lease(address, router, resolver, _portal_text(portal))

    def _udhcpc(self, script: Path) -> list[str]:
        words = ["udhcpc", "-f", "-n", "-q", "-i", INTERFACE, "-t", "5", "-T", "1", "-s", str(script)]
        return [*words, "-O", hex(OPTION_PORTAL)]

    def _dhclient(self, script: Path) -> list[str]:
        settings = self._folder / "dhclient.conf"
        settings.write_text(_DHCLIENT_SETTINGS, encoding="utf-8")
        leases, pid = self._folder / "dhclient.leases", self._folder / "dhclient.pid"
        leases.touch()
        words = ["dhclient", "-4", "-1", "-cf", str(settings), "-lf", str(leases), "-pf", str(pid), "-sf", str(script)]
        # dhclient stays behind; it ends with the namespace
        return [*words, INTERFACE]

    def set_address(self, address: str, *, router: str = "", resolver: str = "") -> None:
        """Take an address (with its prefix length) without asking anybody; earlier ones stay."""
        self.ip("address", "replace", address, "dev", INTERFACE, *(["nodad"] if ":" in address else []))
        if router:
            self.ip("route", "replace", "default", "via", router, "dev", INTERFACE)
        if resolver:
            self.set_resolver(resolver)

    def change_mac(self, mac: str) -> None:
        """Become another device, as phones with random addresses do: link and addresses go."""
        self.ip("link", "set", INTERFACE, "down")
        self.ip("address", "flush", "dev", INTERFACE)
        self.ip("link", "set", INTERFACE, "address", mac)
        self.ip("link", "set", INTERFACE, "up")
        self.mac = mac

    def curl(self, url: str, *words: str, seconds: float = CURL_SECONDS) -> Answer:
        """Ask for one page, following nothing. `words` are further words for curl (`-d`, `-H`, `--cacert`, `-6` …)."""
        heads = self._folder / "headers"
        self._folder.mkdir(parents=True, exist_ok=True)
        heads.unlink(missing_ok=True)
        command = ["curl", "-q", "-s", "-S", "-m", f"{seconds:g}", "-D", str(heads), "-w", _WRITTEN_OUT, *words, url]
        done = self.run(command, seconds=seconds + 5)
        body, _, told = done.output.rpartition("\n")
        facts = json.loads(told) if told.startswith("{") else {}
        text = heads.read_text(encoding="latin-1") if heads.exists() else ""
        return Answer(
            status=int(facts.get("response_code", 0)),
            body=body,
            location=_header(text, "location"),
            error="" if done.ok else done.errors.strip() or f"curl ended with {done.status}",
            seconds=float(facts.get("time_total", 0.0)),
            headers=_headers(text),
        )

    def reaches(self, words: Sequence[str], seconds: float = 5.0) -> bool:
        """Whether a program that ends well exactly when it got through did so."""
        return self.run(words, seconds=seconds).ok


def _headers(text: str) -> dict[str, str]:
    """Of the last answer in `text`."""
    last = text.replace("\r\n", "\n").rstrip("\n").rpartition("\n\n")[2]
    pairs = (line.partition(":") for line in last.splitlines()[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _header(text: str, name: str) -> str:
    return _headers(text).get(name, "")


def _portal_text(told: str) -> str:
    """udhcpc gives an option that it does not know in hexadecimal, dhclient in quotes."""
    plain = told.strip().strip('"')
    try:
        return bytes.fromhex(plain).decode(errors="replace")
    except ValueError:
        return plain
