"""`quietbell portal render --out DIR`: writes what the programs around the portal read, and says what is to be done.

Owns the list of files, their modes, and the lines for the technician. Each text has a module of its own; the rules are
the very ones that the gate puts in place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from firmware import bundle, device
from firmware.byod import Byod
from firmware.documents import write_atomically
from firmware.errors import BadSettings, StoreFault, TechnicianError
from firmware.network_settings import Mode, NetworkSettings, load_network, load_wifi_passphrase
from firmware.settings import Root, find_root
from kiosk.portal.gate.doh import load_known_doh
from kiosk.portal.gate.elements import Live
from kiosk.portal.gate.ruleset import Limits, ruleset
from kiosk.portal.radio import Machine, Radio, find_radio, run_iw
from kiosk.portal.rendering.dnsmasq import dnsmasq_text
from kiosk.portal.rendering.hostapd import hostapd_text
from kiosk.portal.rendering.sysctl import sysctl_text

HOSTAPD, DNSMASQ, NFT, SYSCTL = "hostapd.conf", "dnsmasq.conf", "portal.nft", "90-quietbell.conf"
# the passphrase is in one of them
_MODE_SECRET, _MODE = 0o600, 0o644
_HEAD = "# Made by `quietbell portal render`; a change here is lost with the next one.\n"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file: its text, and what the technician does with it."""

    text: str
    use: str
    secret: bool = False


@click.command()
@click.option("--root", type=click.Path(path_type=Path), help="Where this unit's bundle is.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder for the files.")
def render(root: Path | None, out: Path) -> None:
    """Write hostapd.conf, dnsmasq.conf, portal.nft and sysctl for this unit's network."""
    found = find_root(root, os.environ)
    network, byod = load_network(found), device.load_byod(found)
    if byod is None:
        raise BadSettings(found.public / bundle.PORTAL, "", "is missing: copy the device's bundle here again")
    if not network.routes:
        raise TechnicianError(
            "link-only: this device routes nothing and gives no addresses, so there is nothing to write"
        )
    radio = find_radio(network.radio.interface, Machine(), run_iw) if network.radio else None
    for name, rendered in render_all(found, network, byod, radio).items():
        _write(out, name, rendered)
        click.echo(f"{out / name}: {rendered.use}")
    if network.mode is Mode.OWN_ACCESS_POINT and radio is not None:
        click.echo(radio.said)


def render_all(root: Root, network: NetworkSettings, byod: Byod, radio: Radio | None) -> Mapping[str, Rendered]:
    """By file name. Raises BadSettings for a wrong passphrase."""
    known, run = load_known_doh(), str(root.run)
    limits = Limits(byod.fair_use_kbit_per_second, known.addresses4, known.addresses6)
    files = {
        DNSMASQ: Rendered(_HEAD + dnsmasq_text(network, byod.garden, known, run), "for dnsmasq --conf-file"),
        NFT: Rendered(
            _HEAD + ruleset(network, limits, Live()), "what the gate puts in place itself; to read, or for boot"
        ),
        SYSCTL: Rendered(_HEAD + sysctl_text(network), "copy it to /etc/sysctl.d; the gate turns forwarding on"),
    }
    if network.mode is Mode.OWN_ACCESS_POINT and radio is not None:
        text = hostapd_text(network, load_wifi_passphrase(root), radio, run)
        files[HOSTAPD] = Rendered(_HEAD + text, "for hostapd; holds the passphrase if there is one", secret=True)
    return files


def _write(folder: Path, name: str, rendered: Rendered) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreFault(f"{folder}: cannot be made ({problem.strerror}); name another folder") from problem
    write_atomically(folder / name, rendered.text.encode(), mode=_MODE_SECRET if rendered.secret else _MODE)
