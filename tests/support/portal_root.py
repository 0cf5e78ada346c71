"""A device's folder with what a portal and a gate need of it: issuer, signed rules, network. No site, no broker."""

from __future__ import annotations

from pathlib import Path

from broker_config.network_plan import NetworkPlan, checked_text
from firmware import bundle
from firmware.identity import SigningKey, portal_claim
from firmware.network_settings import Mode, NetworkSettings
from firmware.settings import Root
from kiosk.netlab import BOX
from tests.support.byod_samples import portal_toml

# Behind the school's access points, where `kiosk.netlab` has its box; `replace` makes another of it.
LAB_PLAN = NetworkPlan(
    mode=Mode.BEHIND,
    host="wifi.school.example",
    client_interface=BOX.client_interface,
    uplink_interface=BOX.uplink_interface,
    address4=BOX.address4,
    dhcp_first=BOX.dhcp_first,
    dhcp_last=BOX.dhcp_last,
    resolvers=(BOX.resolver4,),
)


def network_of(plan: NetworkPlan) -> NetworkSettings:
    """A plan as the device's own parser reads it."""
    return checked_text(plan)[1]


def make_portal_root(folder: Path, plan: NetworkPlan = LAB_PLAN, *, fair_use_kbit_per_second: int = 8000) -> Root:
    """A root for this network."""
    root = Root(folder)
    for place in (root.public, root.secret, root.run):
        place.mkdir(parents=True)
    issuer = SigningKey.generate()
    rules = portal_toml().replace("per_second = 8000", f"per_second = {fair_use_kbit_per_second}")
    (root.public / bundle.ISSUER).write_bytes(issuer.public)
    (root.public / bundle.PORTAL).write_text(rules, encoding="utf-8")
    (root.public / bundle.PORTAL_SIGNATURE).write_bytes(issuer.sign(portal_claim(rules.encode())))
    (root.public / bundle.NETWORK).write_bytes(checked_text(plan)[0])
    return root
