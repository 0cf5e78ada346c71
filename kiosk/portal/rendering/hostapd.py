"""hostapd.conf for an access point of our own, from one device's network settings; pure text.

Clients do not hear one another (`ap_isolate`), the name is shown, and no more stations are let in than the radio can
hold. Nothing about a station is logged or kept. Source of every key: hostapd.conf of hostapd 2.10.
"""

from __future__ import annotations

from firmware.errors import ProgrammerError
from firmware.network_settings import NetworkSettings, RadioSettings
from kiosk.portal.radio import Radio

# A phone that has left gives its place to another one after two minutes; Pis have few.
INACTIVE_SECONDS = 120
# hostapd's levels: warnings and worse. Below that it names every station that comes and goes.
WARNINGS = 4
_FIRST_5_GHZ = 32
# Channels that weather radar may claim (IEEE 802.11h)
_RADAR = range(52, 145)


def hostapd_text(network: NetworkSettings, passphrase: str | None, radio: Radio, run_folder: str) -> str:
    """`passphrase` None: an open network."""
    if network.radio is None:
        raise ProgrammerError("no [radio]: there is no access point of our own")
    settings = network.radio
    lines = [
        f"# {settings.ssid}",
        f"interface={settings.interface}",
        *([f"bridge={network.client_interface}"] if settings.interface != network.client_interface else []),
        "driver=nl80211",
        f"ctrl_interface={run_folder}/hostapd",
        f"logger_syslog_level={WARNINGS}",
        f"logger_stdout_level={WARNINGS}",
        # in hexadecimal: a name may hold any character
        f"ssid2={settings.ssid.encode().hex()}",
        "utf8_ssid=1",
        "ignore_broadcast_ssid=0",
        *_channel(settings),
        "ap_isolate=1",
        f"ap_max_inactivity={INACTIVE_SECONDS}",
        *([f"max_num_sta={radio.stations}"] if radio.stations else []),
        "auth_algs=1",
        *_protection(passphrase, radio),
    ]
    return "".join(f"{line}\n" for line in lines)


def _channel(settings: RadioSettings) -> list[str]:
    high = settings.channel >= _FIRST_5_GHZ
    return [
        f"country_code={settings.country}",
        "ieee80211d=1",
        *(["ieee80211h=1"] if settings.channel in _RADAR else []),
        f"hw_mode={'a' if high else 'g'}",
        f"channel={settings.channel}",
        "wmm_enabled=1",
        "ieee80211n=1",
        *(["ieee80211ac=1"] if high else []),
    ]


def _protection(passphrase: str | None, radio: Radio) -> list[str]:
    """WPA3 beside WPA2 where the radio can (IEEE 802.11 SAE, with protected management frames)."""
    if passphrase is None:
        return ["wpa=0"]
    lines = ["wpa=2", "rsn_pairwise=CCMP", f"wpa_passphrase={passphrase}"]
    if not radio.wpa3:
        return [*lines, "wpa_key_mgmt=WPA-PSK"]
    return [*lines, "wpa_key_mgmt=WPA-PSK SAE", "ieee80211w=1", "sae_require_mfp=1"]
