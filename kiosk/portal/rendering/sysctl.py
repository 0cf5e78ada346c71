"""Kernel switches for /etc/sysctl.d, from one device's network settings; pure text.

Forwarding is off here: the gate turns it on when its table stands, and not before. A leading `-` is a switch that a
kernel may not have, or not in a namespace (sysctl.conf(5)). With slashes, because an interface may be called eth0.20.
"""

from __future__ import annotations

from firmware.network_settings import NetworkSettings

# Room for the neighbours of a whole school; the kernel's own 128, 512, 1024 are for a home.
NEIGHBOURS = (1024, 2048, 4096)
CONNECTIONS = 131_072
# Five days in the kernel: whoever opens flows and leaves would fill its table for everybody. RFC 5382: at least 2:04.
ESTABLISHED_SECONDS = 7_440
# Answers to addresses that somebody made up wait for nobody: one each, and not in the place of everybody's answers.
WAITING_BYTES, SENDING_BYTES = 1, 4 * 1024 * 1024


def sysctl_text(network: NetworkSettings) -> str:
    client = network.client_interface
    pairs = [
        ("net/ipv4/ip_forward", 0),
        ("net/ipv6/conf/all/forwarding", 0),
        *((f"net/ipv4/conf/{place}/send_redirects", 0) for place in ("all", client)),
        *((f"net/ipv4/conf/{place}/accept_redirects", 0) for place in ("all", client)),
        *((f"net/ipv4/conf/{place}/accept_source_route", 0) for place in ("all", client)),
        (f"net/ipv4/conf/{client}/rp_filter", 1),
        (f"net/ipv6/conf/{client}/accept_ra", 0),
        (f"net/ipv6/conf/{client}/disable_ipv6", 0 if network.address6 else 1),
        *((f"-net/ipv4/neigh/default/gc_thresh{step}", most) for step, most in enumerate(NEIGHBOURS, 1)),
        *((f"-net/ipv6/neigh/default/gc_thresh{step}", most) for step, most in enumerate(NEIGHBOURS, 1)),
        (f"net/ipv4/neigh/{client}/unres_qlen_bytes", WAITING_BYTES),
        (f"net/ipv6/neigh/{client}/unres_qlen_bytes", WAITING_BYTES),
        ("-net/core/wmem_default", SENDING_BYTES),
        ("-net/netfilter/nf_conntrack_max", CONNECTIONS),
        ("-net/netfilter/nf_conntrack_tcp_timeout_established", ESTABLISHED_SECONDS),
    ]
    return "".join(f"{name} = {value}\n" for name, value in pairs)
