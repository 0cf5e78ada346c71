"""The files of other programs: each passes its own program's check, which does fail, and does in a lab what it says."""

from __future__ import annotations

import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker_config.network_plan import NetworkPlan
from firmware import bundle
from firmware.device import load_byod
from firmware.errors import BadSettings, TechnicianError
from firmware.network_settings import Mode, load_network
from firmware.settings import Root
from kiosk.netlab import BOX, Netlab, Phone
from kiosk.portal.gate.doh import load_known_doh
from kiosk.portal.radio import Radio
from kiosk.portal.rendering.command import DNSMASQ, HOSTAPD, NFT, SYSCTL, render, render_all
from tests.support.portal_root import LAB_PLAN, make_portal_root
from tests.support.root import needs_root

SSID = 'Café "4" # élèves'
OWN_PLAN = replace(
    LAB_PLAN,
    mode=Mode.OWN_ACCESS_POINT,
    masquerade=True,
    address6=BOX.address6,
    ssid=SSID,
    radio_interface=BOX.client_interface,
)
PI, USB = Radio(7, False, "a Pi's"), Radio(128, True, "a USB radio")


def rendered(
    folder: Path, plan: NetworkPlan = LAB_PLAN, radio: Radio | None = PI, passphrase: str = ""
) -> dict[str, str]:
    """The text of each file for this plan."""
    root = make_portal_root(folder, plan)
    if passphrase:
        (root.secret / bundle.WIFI_PASSPHRASE).write_text(passphrase)
    byod = load_byod(root)
    assert byod is not None
    return {name: one.text for name, one in render_all(root, load_network(root), byod, radio).items()}


PLANS = {
    "behind": LAB_PLAN,
    "ipv6": replace(LAB_PLAN, address6=BOX.address6, certificate="/etc/portal.pem", key="/etc/portal.key"),
    "own": OWN_PLAN,
    "offline": replace(LAB_PLAN, offline=True, resolvers=()),
    "holes": replace(LAB_PLAN, open_uplink=("10.66.0.80/32", "10.66.0.80/31"), trusted=("02:00:00:00:00:09",)),
}


@needs_root
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_rules_pass_nft(tmp_path: Path, plan: NetworkPlan) -> None:
    """`nft --check` takes the rules of every kind of network, and refuses them with one word misspelt."""
    text = rendered(tmp_path, plan)[NFT]
    assert not nft_complaint(tmp_path, text)
    assert "Error" in nft_complaint(tmp_path, text.replace("goto refuse", "goot refuse", 1))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_dnsmasq_passes_its_own_check(tmp_path: Path, plan: NetworkPlan) -> None:
    """`dnsmasq --test` takes the file of every kind of network, and refuses it with one word misspelt."""
    text = rendered(tmp_path, plan)[DNSMASQ]
    assert dnsmasq_complaint(tmp_path, text) == "dnsmasq: syntax check OK."
    assert "bad option" in dnsmasq_complaint(tmp_path, text.replace("bind-dynamic", "bind-dinamic"))


@pytest.mark.parametrize("radio", [PI, USB], ids=["pi", "usb"])
@pytest.mark.parametrize("passphrase", ["", "eight ch", "#'\" $(x) " + "z" * 54], ids=["open", "short", "long"])
@pytest.mark.parametrize("channel", [6, 36, 100])
def test_hostapd_passes_its_own_parser(tmp_path: Path, radio: Radio, passphrase: str, channel: int) -> None:
    """hostapd's parser finds nothing wrong, open or protected, on either band; it does with a key misspelt, an
    impossible channel's band or a passphrase of seven characters."""
    text = rendered(tmp_path, replace(OWN_PLAN, channel=channel), radio, passphrase)[HOSTAPD]
    assert not hostapd_complaint(tmp_path, text)
    assert "unknown configuration item" in hostapd_complaint(tmp_path, text.replace("ap_isolate", "ap_izolate"))
    if passphrase:
        short = text.replace(f"wpa_passphrase={passphrase}", "wpa_passphrase=seven..")
        assert "invalid WPA passphrase length" in hostapd_complaint(tmp_path, short)


@pytest.mark.requirement("B3")
def test_access_point_is_what_it_says(tmp_path: Path) -> None:
    """The advertised name is shown whatever letters it has, stations are kept apart and counted by the radio's limit,
    and WPA3 is only promised by a radio that has it."""
    pi = rendered(tmp_path / "pi", OWN_PLAN, PI, "a passphrase")[HOSTAPD].splitlines()
    assert f"ssid2={SSID.encode().hex()}" in pi
    assert {"ignore_broadcast_ssid=0", "ap_isolate=1", "max_num_sta=7", "wpa=2", "wpa_key_mgmt=WPA-PSK"} <= set(pi)
    usb = rendered(tmp_path / "usb", OWN_PLAN, USB, "a passphrase")[HOSTAPD].splitlines()
    assert {"max_num_sta=128", "wpa_key_mgmt=WPA-PSK SAE", "sae_require_mfp=1"} <= set(usb)
    unknown = rendered(tmp_path / "unknown", OWN_PLAN, Radio(None, False, ""))[HOSTAPD]
    assert "max_num_sta" not in unknown
    assert "wpa=0" in unknown


def test_portal_is_told_by_dhcp_only_with_a_certificate(tmp_path: Path) -> None:
    """Options 114 and 103 stand in the file when the site has a publicly valid certificate, and only then."""
    url = "https://wifi.school.example/captive/api"
    secure = rendered(tmp_path / "secure", PLANS["ipv6"])[DNSMASQ]
    assert f"dhcp-option-force=114,{url}" in secure
    assert f"dhcp-option=option6:103,{url}" in secure
    plain = rendered(tmp_path / "plain", replace(LAB_PLAN, address6=BOX.address6))[DNSMASQ]
    assert "114" not in plain
    assert "103," not in plain


@needs_root
def test_sysctl_is_taken_by_the_kernel(tmp_path: Path) -> None:
    """`sysctl --load` sets what the file says, with forwarding off; a switch that does not exist is refused. Those that
    a namespace does not have are there on the machine itself."""
    lines = rendered(tmp_path / "root")[SYSCTL].splitlines(keepends=True)
    everywhere = "".join(line for line in lines if not line.startswith("-"))
    for line in (line for line in lines if line.startswith("-")):
        assert Path("/proc/sys", line.removeprefix("-").split()[0]).exists(), line
    file = tmp_path / SYSCTL
    with Netlab(tmp_path / "lab") as lab:
        lab.box.run(["sysctl", "-w", "net.ipv4.ip_forward=1"])
        file.write_text(everywhere)
        done = lab.box.run(["sysctl", f"--load={file}"])
        assert done.ok, done.errors
        assert lab.box.run(["sysctl", "-n", "net.ipv4.ip_forward"]).output == "0\n"
        assert lab.box.run(["sysctl", "-n", f"net/ipv4/conf/{BOX.client_interface}/rp_filter"]).output == "1\n"
        assert lab.box.run(["sysctl", "-n", f"net/ipv6/conf/{BOX.client_interface}/disable_ipv6"]).output == "1\n"
        file.write_text(everywhere.replace("rp_filter", "rp_philter"))
        assert not lab.box.run(["sysctl", f"--load={file}"]).ok


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Netlab, Phone, Root]]:
    """dnsmasq running with a rendered file, behind rendered rules, and a phone with a lease from it."""
    folder = tmp_path_factory.mktemp("resolver")
    plan = PLANS["ipv6"]
    texts = rendered(folder / "device", plan)
    root = Root(folder / "device")
    with Netlab(folder / "lab", ipv6=True) as lab:
        for name in (NFT, DNSMASQ):
            (folder / name).write_text(texts[name])
        assert lab.box.run(["nft", "-f", str(folder / NFT)]).ok
        lab.box.start(["dnsmasq", "--keep-in-foreground", f"--conf-file={folder / DNSMASQ}", "--user=root"])
        phone = lab.phone(1)
        assert phone.dhcp().portal == "https://wifi.school.example/captive/api"
        yield lab, phone, root


@needs_root
def test_names_are_true_but_for_the_ways_round(resolver: tuple[Netlab, Phone, Root]) -> None:
    """The portal's name is this device, other names are the site's answer, and what leads round the filter has no
    address: browsers' and phones' canaries, and resolvers over HTTPS."""
    _, phone, _ = resolver
    assert addresses(phone, "wifi.school.example") == ["10.77.0.1"]
    assert addresses(phone, "dns.msftncsi.com") == ["131.107.255.255"]
    assert len(addresses(phone, "news.example")) == 1
    for name in ("use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com", "dns.google", "a.doh.opendns.com"):
        assert addresses(phone, name) == [], name


@needs_root
def test_garden_is_open_before_acceptance(resolver: tuple[Netlab, Phone, Root]) -> None:
    """A help line's page is reached by a device that has accepted nothing, by its looked-up address alone."""
    lab, phone, _ = resolver
    lab.box.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
    assert phone.curl("http://www.childline.org.uk/help", "-4").status == 200
    assert phone.curl("https://www.childline.org.uk/help", "-4", "-k").status == 200
    assert phone.curl("http://news.example/", "-4", seconds=2).status == 0


@needs_root
@pytest.mark.requirement("D1")
def test_leases_hold_no_name(resolver: tuple[Netlab, Phone, Root]) -> None:
    """A device that tells its owner's name is not remembered by it; leases lie in the run folder only."""
    lab, _, root = resolver
    other = lab.phone(2)
    told = ["udhcpc", "-f", "-n", "-q", "-i", "wlan0", "-s", "/bin/true", "-x", "hostname:annas-phone"]
    assert other.run(told).ok
    leases = (root.run / "dnsmasq.leases").read_text()
    assert other.mac in leases
    assert "annas-phone" not in leases
    assert addresses(other, "annas-phone") == []


@needs_root
def test_lease_needs_no_ping(resolver: tuple[Netlab, Phone, Root]) -> None:
    """Six phones one after the other have a lease each in less time than six pings for a free address would take."""
    lab, _, _ = resolver
    begun = time.monotonic()
    leases = {lab.phone(number).dhcp().address for number in range(10, 16)}
    assert len(leases) == 6
    assert time.monotonic() - begun < 6 * 2


@needs_root
def test_offline_every_name_is_the_portal(tmp_path: Path) -> None:
    """Where there is no Internet, every name has an address that is nobody's and looks like a public one, but the one
    that Windows knows; the portal has its own, and nothing is asked elsewhere."""
    text = rendered(tmp_path / "device", PLANS["offline"])[DNSMASQ]
    file = tmp_path / DNSMASQ
    file.write_text(text)
    with Netlab(tmp_path / "lab") as lab:
        lab.box.start(["dnsmasq", "--keep-in-foreground", f"--conf-file={file}", "--user=root"])
        phone = lab.phone(1)
        phone.dhcp()
        assert addresses(phone, "captive.apple.com") == ["192.0.2.1"]
        assert addresses(phone, "dns.msftncsi.com") == ["131.107.255.255"]
        assert addresses(phone, "wifi.school.example") == ["10.77.0.1"]
        assert not lab.internet.packets()


def test_command_writes_each_file_and_says_its_use(tmp_path: Path) -> None:
    """`portal render` names every file it wrote and the radio's limit; the passphrase is for its owner alone."""
    root = make_portal_root(tmp_path / "device", OWN_PLAN)
    (root.secret / bundle.WIFI_PASSPHRASE).write_text("a passphrase")
    out = tmp_path / "out"
    done = CliRunner().invoke(render, ["--root", str(root.path), "--out", str(out)], catch_exceptions=False)
    assert {file.name for file in out.iterdir()} == {HOSTAPD, DNSMASQ, NFT, SYSCTL}
    assert all(f"{out / name}: " in done.output for name in (HOSTAPD, DNSMASQ, NFT, SYSCTL))
    assert "is not on this machine, so its limit is not known" in done.output
    assert stat.S_IMODE((out / HOSTAPD).stat().st_mode) == 0o600
    assert "a passphrase" in (out / HOSTAPD).read_text()


def test_command_says_what_to_mend(tmp_path: Path) -> None:
    """A link-only device, missing rules and a wrong passphrase end in one line."""
    link = make_portal_root(tmp_path / "link", NetworkPlan(mode=Mode.LINK_ONLY, host="wifi.school.example"))
    with pytest.raises(TechnicianError, match="link-only"):
        run_render(link, tmp_path)
    bare = make_portal_root(tmp_path / "bare")
    (bare.public / bundle.PORTAL).unlink()
    with pytest.raises(BadSettings, match="is missing"):
        run_render(bare, tmp_path)
    wrong = make_portal_root(tmp_path / "wrong", OWN_PLAN)
    (wrong.secret / bundle.WIFI_PASSPHRASE).write_text("short")
    with pytest.raises(BadSettings, match="8 to 63"):
        run_render(wrong, tmp_path)


def test_known_resolvers_are_whole() -> None:
    """The list has the canaries, the best known resolvers by name and address in both families, and nothing twice."""
    known = load_known_doh()
    assert set(known.canaries) == {"use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"}
    assert {"dns.google", "cloudflare-dns.com", "dns.quad9.net"} <= set(known.names)
    assert {"8.8.8.8/32", "1.1.1.1/32", "9.9.9.9/32"} <= set(known.addresses4)
    assert {"2001:4860:4860::8888/128", "2606:4700:4700::1111/128"} <= set(known.addresses6)
    for one in (known.names, known.addresses4, known.addresses6):
        assert len(set(one)) == len(one)


def run_render(root: Root, folder: Path) -> None:
    CliRunner().invoke(render, ["--root", str(root.path), "--out", str(folder / "out")], catch_exceptions=False)


def nft_complaint(folder: Path, text: str) -> str:
    file = folder / "checked.nft"
    file.write_text(text)
    return subprocess.run(["nft", "--check", "--file", str(file)], capture_output=True, text=True).stderr


def dnsmasq_complaint(folder: Path, text: str) -> str:
    file = folder / "checked-dnsmasq.conf"
    file.write_text(text)
    command = ["dnsmasq", "--test", f"--conf-file={file}"]
    return subprocess.run(command, capture_output=True, text=True).stderr.strip()


def hostapd_complaint(folder: Path, text: str) -> str:
    """What hostapd's parser says; empty when it comes as far as the radio, which this machine has not."""
    file = folder / "checked-hostapd.conf"
    file.write_text(text)
    done = subprocess.run(["timeout", "5", "hostapd", str(file)], capture_output=True, text=True)
    said = done.stdout + done.stderr
    return said if "found in configuration file" in said else ""


def addresses(phone: Phone, name: str) -> list[str]:
    """The IPv4 addresses that a phone's own resolver finds."""
    return sorted({line.split()[0] for line in phone.run(["getent", "ahostsv4", name]).output.splitlines()})
