"""The technician's commands for people's own devices: `quietbell site portal`, `policy`, `vouchers`, `voucher-key`.

Owns what is asked and what is said. The work is in `site_portal`, `portal_issue` and `voucher_sheet`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from broker_config.network_plan import NetworkPlan
from broker_config.portal_issue import IssuedPortal, changed_texts, placeholder, read_portal, shared_aups
from broker_config.provision import Site, open_site
from broker_config.site_portal import VoucherPlan, make_portal, make_vouchers, networks, new_voucher_key
from broker_config.typed import device_id, now
from broker_config.voucher_sheet import SheetPlace, voucher_sheet
from firmware import bundle as files
from firmware import profile
from firmware.byod import Byod
from firmware.byod_parts import Audience
from firmware.documents import write_atomically
from firmware.errors import BadInput, BadSettings, StoreFault
from firmware.network_settings import Mode, NetworkSettings, load_network
from firmware.toml_parts import read_text
from firmware.vouchers import DEVICES_MAX, MINUTES

SHEET_MODE = 0o600
_PASSPHRASE_BYTES_MAX = 4096

_Folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.command()
@_Folder
@click.argument("device")
@click.option("--mode", required=True, type=click.Choice([mode.value for mode in Mode]))
@click.option("--host", required=True, help="The portal's name on the network: wifi.school.uk.")
@click.option("--client-interface", default="", help="Where people's devices are: eth1, wlan0.")
@click.option("--uplink-interface", default="", help="Where the site's network is: eth0.")
@click.option("--address", "address4", default="", help="The kiosk's own address for clients: 10.20.0.1/22.")
@click.option(
    "--address6", default="", help="The same for IPv6, a /64: fd12:3456:789a::1/64. Without it there is none."
)
@click.option("--dhcp-first", default="", help="[default: all that is free in --address]")
@click.option("--dhcp-last", default="")
@click.option("--lease-minutes", default=60, show_default=True, type=click.IntRange(5, 1440))
@click.option("--resolver", "resolvers", multiple=True, help="The site's filtering resolver; again for another.")
@click.option("--masquerade", is_flag=True, help="Hide clients behind the kiosk. Only with an own access point.")
@click.option("--open-uplink", multiple=True, help="A private network that clients may reach: the filter's proxy.")
@click.option("--trusted", multiple=True, help="The MAC address of a device that need accept nothing.")
@click.option("--offline", is_flag=True, help="There is no Internet here.")
@click.option("--certificate", default="", help="On the kiosk: the publicly valid certificate for --host.")
@click.option("--key", default="", help="On the kiosk: its key.")
@click.option("--http-port", default=8080, show_default=True, type=click.IntRange(1, 65_535))
@click.option("--https-port", default=8443, show_default=True, type=click.IntRange(1, 65_535))
@click.option("--ssid", default="", help="The advertised network's name.")
@click.option("--country", default="GB", show_default=True)
@click.option("--channel", default=6, show_default=True, type=click.IntRange(1, 196))
@click.option("--radio-interface", default="", help="[default: --client-interface]")
@click.option("--scan-interface", default="", help="A radio that looks for access points which only look like ours.")
@click.option("--bssid", "bssids", multiple=True, help="The MAC address of an access point that is ours.")
@click.option("--wifi-passphrase-file", type=click.Path(path_type=Path), help="Its line is asked for by the network.")
def portal(folder: Path, device: str, wifi_passphrase_file: Path | None, mode: str, **told: Any) -> None:
    """Make the kiosk DEVICE (its id) a captive portal as well; run it again to change something."""
    opened = open_site(folder)
    # The options are called as the plan's fields are.
    plan = NetworkPlan(mode=Mode(mode), **told)
    settings = make_portal(opened, device_id(device), plan, _passphrase(wifi_passphrase_file))
    root = opened.root_of(device_id(device))
    click.echo(f"portal {settings.host} ({settings.mode}) is in {root.path / 'bundle'}")
    for line in _left_to_do(settings):
        click.echo(line)


@click.command()
@_Folder
@click.option("--profile-folder", required=True, type=click.Path(path_type=Path), help="The edited profile.")
def policy(folder: Path, profile_folder: Path) -> None:
    """Issue an edited profile, its rules for people's own devices and its AUP texts: to every bundle."""
    opened = open_site(folder)
    text = profile.profile_text(profile_folder)
    profile.parse_profile(text, str(profile_folder / "profile.toml"))
    issued = read_portal(profile_folder, shared_aups())
    said = _what_changes(opened, issued)
    opened.issue_policy(text.encode(), None if issued is None else issued.text)
    for line in said:
        click.echo(line)
    click.echo("now: copy the bundles to their devices and start them again")


@click.command()
@_Folder
@click.option("--audience", required=True, type=click.Choice([audience.value for audience in Audience]))
@click.option(
    "--minutes", required=True, type=click.Choice([str(minutes) for minutes in MINUTES]), help="From first use."
)
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The last day: 2026-12-18.")
@click.option("--devices", default=1, show_default=True, type=click.IntRange(1, DEVICES_MAX), help="That share one.")
@click.option("--count", default=8, show_default=True, help="How many.")
@click.option("--host", default="", help="Which portal, when the site has several.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The sheet to print: sheet.html.")
def vouchers(
    folder: Path, audience: str, minutes: str, until: datetime, devices: int, count: int, host: str, out: Path
) -> None:
    """Make vouchers: a sheet of cards to print, cut and hand out."""
    opened = open_site(folder)
    if out.exists():
        raise BadInput(f"--out: {out}: is there already: choose a new name (vouchers are never made over others)")
    plan = VoucherPlan(Audience(audience), int(minutes), until.date(), devices, count)
    network, today = _network(opened, host), _today(opened)
    organisation = _organisation(opened)
    made = make_vouchers(opened, plan, today)
    place = SheetPlace(organisation, network.host, network.secure, network.radio.ssid if network.radio else "")
    write_atomically(out.absolute(), voucher_sheet(place, made).encode(), SHEET_MODE)
    click.echo(f"{len(made)} vouchers: {out}")
    click.echo(f"{opened.book.voucher_count().left} more can be made with this key")
    click.echo("print it, then delete the file: its words are what opens the network")


@click.command("voucher-key")
@_Folder
def voucher_key(folder: Path) -> None:
    """Make a new voucher key: every voucher handed out so far opens nothing any more."""
    dead = new_voucher_key(open_site(folder))
    click.echo(f"a new key is in every portal's bundle; {dead} vouchers made with the old one open nothing any more")
    click.echo("now: copy the portals' bundles to their devices and start them again")


COMMANDS = (portal, policy, vouchers, voucher_key)


def lost_with(site: Site, device: bytes) -> list[str]:
    """What whoever has this portal's card can do with it that revoking does not end; ask before revoking."""
    if not site.is_portal(site.book.device(device)):
        return []
    root = site.root_of(device)
    lines = ["it was a portal: whoever has it can make vouchers, until `quietbell site voucher-key` makes a new key"]
    if (root.secret / files.WIFI_PASSPHRASE).exists():
        lines.append("and knows the Wi-Fi's passphrase: give the other portals a new one with `quietbell site portal`")
    # What cannot be read must not keep anybody from revoking.
    with suppress(BadSettings):
        network = load_network(root)
        if network.key is not None:
            lines.append(f"and has the key of the certificate for {network.host}: have that certificate revoked")
    return lines


def _passphrase(file: Path | None) -> str | None:
    if file is None:
        return None
    return read_text(file, _PASSPHRASE_BYTES_MAX, "write the passphrase into it, on one line").rstrip("\r\n")


def _left_to_do(settings: NetworkSettings) -> list[str]:
    lines = ["now: copy the bundle to the kiosk again; then, there: quietbell portal render --out DIR"]
    if not settings.secure:
        lines.append("without --certificate and --key: people can choose on its pages, but not write in words")
    return lines


def _what_changes(site: Site, issued: IssuedPortal | None) -> list[str]:
    """What the technician should know of it. Raises BadInput when portals would be left without rules."""
    old = _held(site)
    if issued is None:
        if (site.folder / files.PORTAL).exists():
            raise BadInput(
                "--profile-folder: has no portal.toml, but this site has rules for people's own devices: add it"
            )
        return ["issued: the profile"]
    lines = [f"issued: the profile, and rules for people's own devices with {len(issued.byod.documents)} texts"]
    changed = changed_texts(old, issued.byod) if old is not None else ()
    if changed:
        lines.append(f"asked again: whoever accepted one of {len(changed)} texts ({', '.join(changed)})")
    elif old is not None:
        lines.append("no text changed: nobody is asked again")
    if placeholder(issued.byod):
        lines.append(
            f"privacy_contact: {issued.byod.privacy_contact} is an example that nobody reads: write a real one"
        )
    return lines


def _held(site: Site) -> Byod | None:
    """The rules that are in force; what was damaged, or half written when the power went, is about to be replaced."""
    try:
        return site.byod()
    except (StoreFault, BadSettings) as problem:
        click.echo(f"replaced: {problem}")
        return None


def _network(site: Site, host: str) -> NetworkSettings:
    """The network that the cards name. Raises BadInput when it is not clear which."""
    found = [network for network in networks(site) if network.routes and host in ("", network.host)]
    names = sorted({network.host for network in networks(site) if network.routes})
    if not found:
        mend = f"use one of {', '.join(names)}" if names else "make a portal with `quietbell site portal` first"
        raise BadInput(f"--host: no portal that lets anybody on-line has this name: {mend}")
    if len({network.host for network in found}) > 1:
        raise BadInput(f"--host: this site has several portals: use one of {', '.join(names)}")
    return found[0]


def _today(site: Site) -> date:
    byod = site.byod()
    return now().astimezone(byod.zone if byod is not None else None).date()


def _organisation(site: Site) -> str:
    byod = site.byod()
    return site.book.facts().name if byod is None else byod.organisation
