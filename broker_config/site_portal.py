"""A site's portals: which kiosks are one, and the vouchers that they believe.

Owns the order in which portal, key and serials are written, so that a power cut costs at most a few serials. Stands on
`provision.Site`, which hands everything out. Knows no sheet of paper and no command line.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, timedelta

from broker_config.bundles import Bundle, write_bundle
from broker_config.network_plan import NetworkPlan, checked_text
from broker_config.portal_issue import placeholder
from broker_config.provision import VOUCHER_KEY, Site
from broker_config.site_book import DeviceRecord
from firmware import bundle as files
from firmware.byod_parts import Audience
from firmware.errors import BadInput
from firmware.network_settings import NetworkSettings, is_wifi_passphrase, load_network
from firmware.settings import DeviceKind
from firmware.topics import id_text
from firmware.vouchers import LAST_DAY, VOUCHER_KEY_BYTES, Voucher, make_words

VOUCHERS_MAX = 200
# Who finds a voucher years later is not whom it was for.
DAYS_AHEAD_MAX = 400


@dataclass(frozen=True, slots=True)
class VoucherPlan:
    """What `site vouchers` is told."""

    audience: Audience
    minutes: int
    until: date
    devices: int
    count: int


@dataclass(frozen=True, slots=True)
class PrintedVoucher:
    """A voucher and the words that carry it."""

    voucher: Voucher
    words: tuple[str, ...]


def make_portal(site: Site, device: bytes, plan: NetworkPlan, wifi_passphrase: str | None = None) -> NetworkSettings:
    """Give a kiosk a network to serve: `network.toml`, the site's rules and texts, and the voucher key.

    Raises:
        BadInput: not a working kiosk, no rules for people's own devices, or ones that are still a shipped example.
        BadSettings: the plan does not fit together.
    """
    record = site.book.device(device)
    if record.kind is not DeviceKind.KIOSK or not record.active:
        raise BadInput(f"{id_text(device)}: is no working kiosk: `quietbell site list` shows them all")
    _check_rules(site, record)
    network, settings = checked_text(plan)
    secret = {} if wifi_passphrase is None else {files.WIFI_PASSPHRASE: _checked_passphrase(wifi_passphrase)}
    if site.voucher_key() is None:
        site.write_voucher_key(_new_key())
    write_bundle(site.root_of(device), Bundle({files.NETWORK: network}, secret))
    # A kiosk that has a network gets the rest here, now and whenever something changes.
    site.refresh()
    return settings


def networks(site: Site) -> tuple[NetworkSettings, ...]:
    """The networks of all portals, in the order in which these came. Raises BadSettings."""
    return tuple(load_network(site.root_of(record.id)) for record in site.portals())


def new_voucher_key(site: Site) -> int:
    """Replace the voucher key everywhere; returns how many vouchers made so far open nothing from now on.

    Raises:
        BadInput: there is none yet.
    """
    if not (site.folder / VOUCHER_KEY).exists():
        raise _no_portal(site)
    # The key first: when the power goes in between, the new one only counts some serials as its own.
    site.write_voucher_key(_new_key())
    dead = site.book.begin_voucher_key()
    site.refresh()
    return dead


def make_vouchers(site: Site, plan: VoucherPlan, today: date) -> tuple[PrintedVoucher, ...]:
    """Vouchers with serials that nobody had before.

    Raises:
        BadInput: an audience that this site has no text for, a day that is past or far away, too many at once, or no
            serials left for this key.
    """
    key, byod = _key_of(site), site.byod()
    audiences = () if byod is None else tuple(byod.audiences)
    if plan.audience not in audiences:
        raise BadInput(f"--audience: this site has no {plan.audience}: use one of {', '.join(audiences)}")
    latest = min(today + timedelta(days=DAYS_AHEAD_MAX), LAST_DAY)
    if not today <= plan.until <= latest:
        raise BadInput(f"--until: {plan.until}: give a day from today, {today}, to {latest}")
    if not 1 <= plan.count <= VOUCHERS_MAX:
        raise BadInput(f"--count: {plan.count}: make 1 to {VOUCHERS_MAX} at a time")
    # Asked once before any serial is taken: what words cannot carry is refused here.
    make_words(_voucher(plan, 0), key)
    made = [_voucher(plan, serial) for serial in site.book.take_serials(plan.count)]
    return tuple(PrintedVoucher(voucher, make_words(voucher, key)) for voucher in made)


def _voucher(plan: VoucherPlan, serial: int) -> Voucher:
    return Voucher(plan.audience, plan.until, plan.minutes, plan.devices, serial)


def _key_of(site: Site) -> bytes:
    key = site.voucher_key()
    if key is None:
        raise _no_portal(site)
    return key


def _no_portal(site: Site) -> BadInput:
    return BadInput(f"{site.folder}: no kiosk is a portal yet: make one with `quietbell site portal`")


def _check_rules(site: Site, record: DeviceRecord) -> None:
    byod = site.byod()
    copy = "copy the profile's folder, edit its portal.toml, and issue it with `quietbell site policy`"
    if byod is None:
        raise BadInput(f"{site.folder}: this site's profile has no portal.toml: {copy}")
    if placeholder(byod) and not record.rehearsal:
        raise BadInput(f"portal.toml: privacy_contact: {byod.privacy_contact} is an example that nobody reads: {copy}")


def _checked_passphrase(passphrase: str) -> bytes:
    if not is_wifi_passphrase(passphrase):
        raise BadInput("--wifi-passphrase-file: a WPA passphrase has 8 to 63 letters, digits and signs of ASCII")
    return passphrase.encode()


def _new_key() -> bytes:
    return secrets.token_bytes(VOUCHER_KEY_BYTES)
