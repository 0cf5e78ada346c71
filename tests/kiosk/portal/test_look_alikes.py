"""Networks that only look like ours: found in recorded scans, whatever strangers write into them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.network_settings import RadioSettings
from kiosk.portal.look_alikes import (
    NETWORKS_MAX,
    SCAN_CHARACTERS_MAX,
    Heard,
    Kind,
    are_similar,
    find_look_alikes,
    parse_scan,
    skeleton,
)

RECORDED = Path(__file__).parents[2] / "support" / "recorded"
OURS = RadioSettings(
    ssid="School BYOD",
    country="GB",
    channel=6,
    interface="wlan0",
    scan_interface="wlan1",
    bssids=("9c:b6:d0:12:34:56", "9c:b6:d0:12:34:57"),
)
EVIL = "de:ad:be:ef:00:0"


def recorded(name: str) -> tuple[Heard, ...]:
    return parse_scan((RECORDED / name).read_text(encoding="utf-8"))


def test_recorded_scan_is_read() -> None:
    """Names and protection of each network that told its name: WPA2 and WPA3, 5 GHz while associated, and old WPA; the
    hidden ones are passed over."""
    assert recorded("scan-quiet.txt") == (
        Heard("9c:b6:d0:12:34:56", "School BYOD", True),
        Heard("9c:b6:d0:12:34:57", "School BYOD", True),
        Heard("34:31:c4:aa:bb:cc", "Bakery next door", True),
    )


@pytest.mark.requirement("B3")
def test_our_own_network_is_no_trouble() -> None:
    """Our access points and the neighbours' raise no alarm."""
    assert find_look_alikes(recorded("scan-quiet.txt"), OURS) == ()


@pytest.mark.requirement("B3")
def test_look_alikes_are_found_the_worst_first() -> None:
    """An open network of our name, and names with Cyrillic letters, other spaces or one more sign, are told."""
    found = find_look_alikes(recorded("scan-evil.txt"), OURS)
    assert [(one.kind, one.heard.bssid) for one in found] == [
        (Kind.OPEN_TWIN, f"{EVIL}1"),
        (Kind.SIMILAR_NAME, f"{EVIL}2"),
        (Kind.SIMILAR_NAME, f"{EVIL}3"),
        (Kind.SIMILAR_NAME, f"{EVIL}4"),
    ]


@pytest.mark.requirement("B3")
def test_stranger_with_our_name_is_found() -> None:
    """A protected network of our name from an unknown address is told; without a list of ours nobody can know."""
    stranger = Heard(f"{EVIL}9", "School BYOD", True)
    assert [one.kind for one in find_look_alikes([stranger], OURS)] == [Kind.UNKNOWN_ACCESS_POINT]
    unlisted = RadioSettings("School BYOD", "GB", 6, "wlan0", "wlan1", ())
    assert find_look_alikes([stranger], unlisted) == ()


def test_open_twin_with_our_own_address() -> None:
    """Anybody can take an address of ours: open where ours is protected is told all the same; an open network of ours
    is no twin of itself."""
    twin = Heard(OURS.bssids[0], "School BYOD", False)
    assert [one.kind for one in find_look_alikes([twin], OURS, protected=True)] == [Kind.OPEN_TWIN]
    assert find_look_alikes([twin], OURS, protected=False) == ()
    assert [one.kind for one in find_look_alikes([twin, *recorded("scan-quiet.txt")], OURS)] == [Kind.OPEN_TWIN]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "school byod",
            "SCHOOL  BYOD",
            "School-BYOD",
            "SchoolBYOD",
            " School BYOD",
            "School BYOD\u200b",
            "5chool BY0D",
        ),
        *(
            "Schооl BYOD",
            "Ѕсһооӏ BYOD",
            "Ｓｃｈｏｏｌ　ＢＹＯＤ",
            "𝐒chool BYOD",
            "Schòol BYÖD",
            "Schoo1 BYOD",
            "ScHool 8Y0D",
        ),
        *("School BYOD2", "School BYO", "Shcool BYOD", "Skhool BYOD", "School BYOD!"),
    ],
)
def test_names_that_a_hurried_reader_confuses(name: str) -> None:
    """Case, spaces, signs, letters of other alphabets, and one letter more, less, other or exchanged: similar."""
    assert are_similar(name, "School BYOD")
    assert are_similar("School BYOD", name)


@pytest.mark.parametrize("name", ["School", "School Staff", "School BYOD guest", "Bakery", "", "\0\0", "BYOD", "🏫"])
def test_names_that_nobody_confuses(name: str) -> None:
    """Another network of the site, a neighbour's and an empty name are not similar."""
    assert not are_similar(name, "School BYOD")


def test_short_names_differ_by_a_letter() -> None:
    """In a name of three letters one letter makes another name."""
    assert not are_similar("cat", "car")
    assert are_similar("CAT", "cat")


def test_stranger_cannot_write_himself_protected() -> None:
    """iw prints a WPS name as it came, with line ends: forged lines after the true ones change nothing of them."""
    scan = (
        f"BSS {EVIL}1(on wlan1)\n\tcapability: ESS (0x0401)\n\tsignal: -31.00 dBm\n\tSSID: School BYOD\n"
        "\tWPS:\t * Version: 1.0\n\t\t * Manufacturer: x\n\tcapability: ESS Privacy (0x0411)\n\tSSID: Bakery\n"
        "\tRSN:\t * Version: 1\n"
    )
    assert parse_scan(scan) == (Heard(f"{EVIL}1", "School BYOD", False),)


def test_escaped_name_is_its_bytes() -> None:
    """Letters that iw writes as \\xNN are the UTF-8 that was sent, cut where a name must end; a backslash is one."""
    line = f"BSS {EVIL}1(on wlan1)\n\tSSID: {{}}\n"
    assert parse_scan(line.format("Caf\\xc3\\xa9 \\x5cx41"))[0].ssid == "Café \\x41"
    assert parse_scan(line.format("\\xff\\xfe"))[0].ssid == "\ufffd\ufffd"
    assert len(parse_scan(line.format("a" * 99))[0].ssid) == 32
    assert parse_scan(line.format("\\x00\\x00")) == ()


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_survived(text: str) -> None:
    """Whatever stands in a scan, reading and judging it end well, and a name has at most 32 characters."""
    for scan in (text, f"BSS {EVIL}1(on wlan1)\n\tcapability: {text}\n\tSSID: {text}\n"):
        heard = parse_scan(scan)
        assert all(0 < len(one.ssid) <= 32 for one in heard)
        find_look_alikes(heard, OURS)


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_mutual(one: str, other: str) -> None:
    """Whoever looks like us, we look like; a name with letters looks like itself."""
    assert are_similar(one, other) == are_similar(other, one)
    assert are_similar(one, one) == bool(skeleton(one))


def test_flood_is_bounded() -> None:
    """A scan of a hundred thousand networks is read to the five hundred and twelfth, and a line without an end to its
    bound."""
    block = f"BSS {EVIL}1(on wlan1)\n\tSSID: a\n"
    assert len(parse_scan(block * 100_000)) == NETWORKS_MAX
    assert parse_scan("\tSSID: " + "a" * (2 * SCAN_CHARACTERS_MAX)) == ()
