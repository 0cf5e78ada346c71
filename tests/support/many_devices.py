"""Many devices in one namespace: each has an interface with a MAC and an address of its own, and accepts as a browser.

setup COUNT           make them: macvlan interfaces m1, m2 … on wlan0
accept COUNT PORTAL   each opens the portal at this address, accepts, looks at its time, and asks for other pages; every
                      tenth answers the survey. Prints how many were told that they are on-line

Device n has the MAC `mac_of(n)`, the address `address_of(n)` and the user agent `agent_of(n)`.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

HOST = "wifi.school.example"
AT_ONCE = 8
SECONDS = 20.0


def mac_of(number: int) -> str:
    return f"02:d7:1e:5a:{number >> 8:02x}:{number & 255:02x}"


def address_of(number: int) -> str:
    return f"10.77.{2 + number // 250}.{number % 250 + 1}"


def agent_of(number: int) -> str:
    return f"Mozilla/5.0 (Tell-tale {number:04d}; like Gecko)"


def setup(count: int) -> None:
    lines = []
    for number in range(1, count + 1):
        name = f"m{number}"
        lines += [
            f"link add {name} link wlan0 address {mac_of(number)} type macvlan mode private",
            f"address add {address_of(number)}/22 dev {name}",
            f"link set {name} up",
        ]
    # an address is answered for by its own interface only, and asks with its own address
    for name, value in (("arp_ignore", 1), ("arp_announce", 2), ("rp_filter", 0)):
        subprocess.run(["sysctl", "-q", "-w", f"net.ipv4.conf.all.{name}={value}"], check=True)
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def ask(number: int, portal: str, method: str, path: str, fields: Mapping[str, str] | None = None) -> str:
    """One request of one device; its answer with head and body."""
    body = urlencode(fields or {})
    head = [
        f"{method} {path} HTTP/1.1",
        f"Host: {HOST}",
        f"User-Agent: {agent_of(number)}",
        "Accept-Language: en",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    ]
    with socket.socket() as line:
        line.settimeout(SECONDS)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, f"m{number}".encode())
        line.bind((address_of(number), 0))
        line.connect((portal, 80))
        line.sendall("\r\n".join([*head, "Connection: close", "", body]).encode())
        answer = b""
        while part := line.recv(65_536):
            answer += part
    return answer.decode(errors="replace")


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))


def day_of(number: int, portal: str) -> bool:
    page = ask(number, portal, "GET", "/en/")
    ask(number, portal, "GET", "/en/privacy")
    ask(number, portal, "GET", "/en/talk")
    ask(number, portal, "POST", "/en/accept", hidden(page))
    if number % 10 == 0:
        survey = ask(number, portal, "GET", "/en/survey")
        questions = re.findall(r'<input type="radio" name="([^"]+)" value="([^"]+)"', survey)
        ask(number, portal, "POST", "/en/survey", {**hidden(survey), **dict(questions)})
    return "You are on-line until" in ask(number, portal, "GET", "/en/online")


def main(deed: str, count: int, portal: str = "") -> None:
    if deed == "setup":
        setup(count)
        return
    with ThreadPoolExecutor(AT_ONCE) as threads:
        print(sum(threads.map(lambda number: day_of(number, portal), range(1, count + 1))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
