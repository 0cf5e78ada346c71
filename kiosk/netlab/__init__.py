"""A BYOD network on one machine: phones, an access point, the box and an Internet, each in a network namespace.

For tests, the demo and the benchmark. Everything is real but the radio: the kernel forwards, filters and resolves
neighbours as on a Pi; DHCP, DNS, HTTP and TLS go over real sockets. Needs root, and takes down all that it built.

    with Netlab(folder) as lab:
        lab.box.start(["dnsmasq", …])
        phone = lab.phone(1)
        lease = phone.dhcp()
        answer = phone.curl("http://captive.apple.com/hotspot-detect.html")
        lab.internet.seen()
"""

from kiosk.netlab.lab import Box, Certificate, Internet, Netlab
from kiosk.netlab.namespace import Finished, Namespace
from kiosk.netlab.phone import Answer, Lease, Phone
from kiosk.netlab.plan import BOX
from kiosk.netlab.records import Packet, Visit

__all__ = [
    "BOX",
    "Answer",
    "Box",
    "Certificate",
    "Finished",
    "Internet",
    "Lease",
    "Namespace",
    "Netlab",
    "Packet",
    "Phone",
    "Visit",
]
