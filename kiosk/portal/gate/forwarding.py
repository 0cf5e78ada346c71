"""Whether this machine passes packets on at all: the kernel's switches, below /proc/sys/net.

Off until the table stands. Owns which switches and their order; needs CAP_NET_ADMIN and nothing else.
"""

from __future__ import annotations

from pathlib import Path

from firmware.errors import TechnicianError
from firmware.network_settings import NetworkSettings

SYSCTL = Path("/proc/sys/net")


class Forwarding:
    """`sysctl` is another folder in a test."""

    def __init__(self, network: NetworkSettings, sysctl: Path = SYSCTL) -> None:
        self._network, self._sysctl = network, sysctl

    def on(self) -> None:
        """Raises TechnicianError."""
        client, uplink = self._network.client_interface, self._network.uplink_interface
        if self._network.address6 is not None:
            # 2: go on hearing the uplink's router, which a router otherwise would not
            self._write(f"ipv6/conf/{uplink}/accept_ra", "2")
            self._write("ipv6/conf/all/forwarding", "1")
        # it resets the switches of every interface, so it comes before them
        self._write("ipv4/ip_forward", "1")
        for place in ("all", client):
            # to tell clients that they can reach one another directly
            self._write(f"ipv4/conf/{place}/send_redirects", "0")
            self._write(f"ipv4/conf/{place}/accept_redirects", "0")
        # a sender must be where its address is routed to
        self._write(f"ipv4/conf/{client}/rp_filter", "1")
        for family in ("ipv4", *(("ipv6",) if self._network.address6 is not None else ())):
            # what waits for an address that nobody has must not take the room of everybody's answers
            self._write(f"{family}/neigh/{client}/unres_qlen_bytes", "1")

    def off(self) -> None:
        """Raises TechnicianError."""
        self._write("ipv4/ip_forward", "0")
        if self._network.address6 is not None:
            self._write("ipv6/conf/all/forwarding", "0")

    def _write(self, name: str, value: str) -> None:
        path = self._sysctl / name
        try:
            # without the open flags of a new file: it is there, or the interface is not
            with path.open("r+") as file:
                file.write(value)
        except OSError as problem:
            mend = "see that the interface exists, and that the gate has CAP_NET_ADMIN"
            raise TechnicianError(f"{path}: cannot be set ({problem.strerror}); {mend}") from problem
