"""Every row of the table of probes as a persona."""

from __future__ import annotations

from tests.support.personas.amazon import Kindle
from tests.support.personas.android import Android, of_maker
from tests.support.personas.apple import Apple
from tests.support.personas.browsers import Chromium, Firefox
from tests.support.personas.chromeos import ChromeOS
from tests.support.personas.linux import NetworkManager
from tests.support.personas.persona import Persona
from tests.support.personas.windows import Windows

EVERYBODY: tuple[Persona, ...] = (
    Apple("iOS and macOS"),
    Apple("older iOS and macOS", "http://www.apple.com/library/test/success.html"),
    Android("Android"),
    Android("Android 7", fallbacks=("http://www.google.com/gen_204",)),
    Android("Android 5", "http://clients3.google.com/generate_204", "https://clients3.google.com/generate_204", ()),
    Android("Android, AOSP", "http://connectivitycheck.android.com/generate_204"),
    Android("Android by its fallback", "http://play.googleapis.com/generate_204"),
    of_maker("Xiaomi", "connect.rom.miui.com"),
    of_maker("Huawei", "connectivitycheck.platform.hicloud.com", close_fails=True),
    of_maker("Oppo", "conn1.oppomobile.com"),
    of_maker("Vivo", "wifi.vivo.com.cn"),
    of_maker("Samsung", "connectivity.samsung.com.cn"),
    of_maker("GrapheneOS", "connectivitycheck.grapheneos.network"),
    Windows("Windows 10 and 11"),
    Windows("Windows 8", "www.msftncsi.com", "/ncsi.txt", "Microsoft NCSI"),
    Firefox("Firefox"),
    Firefox("Firefox before 89", "http://detectportal.firefox.com/success.txt?ipv4", "success\n"),
    ChromeOS("ChromeOS"),
    ChromeOS("ChromeOS, earlier", "http://clients3.google.com/generate_204"),
    Chromium("Edge"),
    Kindle("Kindle"),
    Android(
        "Fire and Echo",
        "http://fireoscaptiveportal.com/generate_204",
        "https://fireoscaptiveportal.com/generate_204",
        (),
    ),
    NetworkManager("GNOME", "http://nmcheck.gnome.org/check_network_status.txt"),
    NetworkManager("Debian", "http://network-test.debian.org/nm"),
    NetworkManager("Ubuntu", "http://connectivity-check.ubuntu.com/"),
    NetworkManager("Fedora", "http://fedoraproject.org/static/hotspot.txt", "OK"),
)
