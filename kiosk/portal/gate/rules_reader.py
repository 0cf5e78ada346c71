"""Reads and verifies the site's rules, and says what the gate must know of them. Runs in the child of `rules`."""

from __future__ import annotations

from firmware import bundle, device
from firmware.errors import BadSettings
from firmware.settings import Root
from kiosk.portal.gate.rules import GateRules


def read_rules(root: Root) -> GateRules:
    """Raises BadSettings."""
    byod = device.load_byod(root)
    if byod is None:
        raise BadSettings(root.public / bundle.PORTAL, "", "is missing: copy the device's bundle here again")
    accesses = sorted({rules.access.value for rules in byod.audiences.values()})
    return GateRules(byod.fair_use_kbit_per_second, byod.zone.key, tuple(accesses))
