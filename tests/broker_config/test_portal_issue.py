"""Rules for people's own devices from a profile's folder to a kiosk's bundle, as a technician issues them."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from broker_config.doctor import examine
from broker_config.enrol import shipped_portal, site
from broker_config.network_plan import NetworkPlan, checked_text
from broker_config.portal_issue import placeholder, read_portal
from broker_config.provision import DevicePlan, open_site
from broker_config.site_portal import VoucherPlan, make_portal, make_vouchers, networks, new_voucher_key
from firmware import bundle as files
from firmware.byod import Audience, Byod
from firmware.device import load_byod, load_profile, load_voucher_key
from firmware.errors import BadInput, BadSettings, QuietbellError, Refused, StoreFault
from firmware.network_settings import Mode, load_network, load_wifi_passphrase
from firmware.settings import DeviceKind, Root
from firmware.topics import id_text
from firmware.vouchers import MINUTES, SERIALS, Voucher, read_words
from tests.support.byod_texts import AUDIENCES, aup, changed_line, source
from tests.support.site import NOW, SITE_NAME, MadeSite, copy_site, device_of, make_site

PLAN = NetworkPlan(
    mode=Mode.BEHIND,
    host="wifi.school.uk",
    client_interface="eth1",
    uplink_interface="eth0",
    address4="10.20.0.1/22",
    resolvers=("10.0.0.53",),
)
TODAY = date(2026, 11, 20)
WALL_MS = int(NOW.timestamp() * 1000)
VISITORS = VoucherPlan(Audience.VISITOR, 240, date(2026, 12, 18), 1, 3)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> MadeSite:
    """A whole site whose kiosks are portals; no test changes it."""
    return make_site(tmp_path_factory.mktemp("portal"), kiosks=2, desks=1, portal=PLAN)


@pytest.fixture
def made(shared: MadeSite, tmp_path: Path) -> MadeSite:
    """A copy to change."""
    return copy_site(shared, tmp_path)


@pytest.fixture
def plain(tmp_path: Path) -> MadeSite:
    """A site whose kiosk is no portal yet."""
    return make_site(tmp_path, people=())


def write_profile(folder: Path, portal: str | None = None, texts: Mapping[str, str] | None = None) -> Path:
    """The folder of an edited profile, all of whose texts are its own."""
    shipped = Path(__file__).parents[2] / "broker_config" / "profiles" / "secondary-school"
    (folder / "aups").mkdir(parents=True)
    (folder / "profile.toml").write_text((shipped / "profile.toml").read_text())
    (folder / "tips").mkdir()
    (folder / "tips" / "tips.toml").write_text((shipped / "tips" / "tips.toml").read_text())
    (folder / "portal.toml").write_text(portal if portal is not None else source())
    for name, text in (texts if texts is not None else {f"{a}.en": aup(a) for a in AUDIENCES}).items():
        (folder / "aups" / f"{name}.toml").write_text(text)
    return folder


def run(*words: str | Path) -> str:
    """What a command says when it goes well."""
    result = CliRunner().invoke(site, [str(word) for word in words])
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.output


def refused(*words: str | Path) -> str:
    """The one line that a command ends with."""
    error = CliRunner().invoke(site, [str(word) for word in words]).exception
    assert isinstance(error, QuietbellError), error
    line = str(error)
    assert line.isprintable()
    return line


def byod_of(root: Root) -> Byod:
    found = load_byod(root)
    assert found is not None
    return found


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- what is joined


@pytest.mark.requirement("B1", "B2")
def test_the_profiles_own_text_goes_before_the_shared_one(tmp_path: Path) -> None:
    """A site's own wording takes the place of ours, text by text; the others stay ours."""
    shared = tmp_path / "shared"
    shared.mkdir()
    for audience in AUDIENCES:
        (shared / f"{audience}.en.toml").write_text(aup(audience))
    (shared / "adult.en.toml").write_text(aup("adult"))
    (shared / "learner.cy.toml").write_text(aup("learner", "cy"))
    profile = write_profile(tmp_path / "own", texts={"learner.en": aup(title='"In our own words"')})
    issued = read_portal(profile, shared)
    assert issued is not None
    titles = {str(document.audience): document.title for document in issued.byod.documents}
    assert titles == {
        "learner": "In our own words",
        "visitor": "Wi-Fi for a visitor, in en",
        "staff": "Wi-Fi for a staff, in en",
    }


def test_a_profile_without_rules_is_none(tmp_path: Path) -> None:
    """A folder without portal.toml says nothing of people's own devices."""
    assert read_portal(tmp_path, tmp_path) is None


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"learner.en": aup("staff")}, r"learner\.en\.toml: audience: the text inside is that of staff\.en\.toml"),
        ({"adult.en": aup("adult")}, r"adult\.en\.toml: nobody would read it: add its audience and language"),
        ({"learner.cy": aup(language="cy")}, r"learner\.cy\.toml: nobody would read it"),
        ({"learner.en": aup(rules='["{teacher}"]')}, r"learner\.en\.toml: rules \(item 1\): \{teacher\} is not a fact"),
        ({"learner.en": aup() + "[times]\nalways = true\n"}, r"learner\.en\.toml: times: is not known here"),
        ({"learner.en": "title = \n"}, r"learner\.en\.toml: is not TOML: Invalid value \(at line 1, column 9\)"),
        ({"learner.en": "#" * 70_000}, r"learner\.en\.toml: is over 65536 bytes"),
        ({}, r"portal\.toml: documents: learner\.en is missing: write aups/learner\.en\.toml"),
    ],
    ids=range(8),
)
def test_a_wrong_text_names_its_own_file(tmp_path: Path, texts: dict[str, str], said: str) -> None:
    """The technician edits files: the line names the file that they edited, not the one that would be signed."""
    profile = write_profile(tmp_path / "own", texts=texts)
    with pytest.raises(BadSettings, match=said) as caught:
        read_portal(profile, tmp_path / "none")
    assert str(caught.value).isprintable()


def test_a_text_cannot_reach_out_of_its_own_table(tmp_path: Path) -> None:
    """Joining is by text: a text that opens another table is refused before it could open the network."""
    profile = write_profile(tmp_path / "own", texts={"learner.en": aup() + '\n[levels]\nshop = "acceptable"\n'})
    with pytest.raises(BadSettings, match="levels: is not known here"):
        read_portal(profile, tmp_path / "none")


@pytest.mark.parametrize(
    ("contact", "real"),
    [
        ("office@school.example", False),
        ("a@example.org", False),
        ("x@y.test", False),
        ("office@hill.sch.uk", True),
        ("01234 567890", True),
        ("testing@hill.uk", True),
    ],
)
def test_examples_are_told_from_addresses(tmp_path: Path, contact: str, real: bool) -> None:
    """Shipped rules name addresses that nobody can have."""
    issued = read_portal(write_profile(tmp_path / "own", source(privacy_contact=f'"{contact}"')), tmp_path)
    assert issued is not None
    assert placeholder(issued.byod) == ("" if real else contact)


# ---------------------------------------------------------------- what a kiosk gets


@pytest.mark.requirement("B1", "B8")
def test_a_portals_bundle_holds_the_signed_rules(shared: MadeSite) -> None:
    """Every portal loads the site's rules, in the site's own name, its network and the one voucher key."""
    for root in shared.kiosks:
        assert byod_of(root).organisation == SITE_NAME
        assert load_network(root) == checked_text(PLAN)[1]
        assert load_voucher_key(root) == (shared.folder / "authority" / "voucher.key").read_bytes()
        assert stat.S_IMODE((root.secret / files.VOUCHER_KEY).stat().st_mode) == 0o600
    assert shared.site.portals() == shared.site.book.devices()[1:]
    assert load_byod(shared.desks[0]) is None
    assert load_voucher_key(shared.desks[0]) is None


def test_other_kiosks_get_none_of_it(plain: MadeSite) -> None:
    """A kiosk without a network has neither rules nor voucher key, before and after another one is a portal."""
    assert load_byod(plain.kiosks[0]) is None
    plan = DevicePlan(kind=DeviceKind.KIOSK, room="Hall", place="", rehearsal=True)
    other = plain.site.add(plan, NOW, uuid4)
    make_portal(plain.site, other.id, PLAN)
    assert load_byod(plain.kiosks[0]) is None
    assert not (plain.kiosks[0].secret / files.VOUCHER_KEY).exists()
    assert byod_of(plain.site.root_of(other.id)).organisation == SITE_NAME


@pytest.mark.requirement("B1")
def test_changed_rules_are_not_believed(made: MadeSite) -> None:
    """One byte of the rules, or of their signature, changed: the portal refuses; so with the profile's signature."""
    root = made.kiosks[0]
    path, signature = root.public / files.PORTAL, root.public / files.PORTAL_SIGNATURE
    good, signed = path.read_bytes(), signature.read_bytes()
    profile_signature = (root.public / files.PROFILE_SIGNATURE).read_bytes()
    for text, mark in (
        (good.replace(b"session_minutes = 60", b"session_minutes = 90", 1), signed),
        (good, bytes([signed[0] ^ 1]) + signed[1:]),
        (good, profile_signature),
        ((root.public / files.PROFILE).read_bytes(), profile_signature),
    ):
        path.write_bytes(text)
        signature.write_bytes(mark)
        with pytest.raises(BadSettings, match=r"portal\.toml: is not as it was issued"):
            load_byod(root)


def test_damaged_rules_reach_no_bundle(made: MadeSite) -> None:
    """What was changed in the site's folder is said, with the mend, and no bundle is touched."""
    before = everything(made.folder / "bundles")
    (made.folder / files.PORTAL).write_bytes(b"format = 1\n")
    with pytest.raises(StoreFault, match=r"portal\.toml \(or portal\.sig\): was changed .*`quietbell site policy`"):
        made.site.refresh()
    assert everything(made.folder / "bundles") == before


def test_a_lost_bundle_file_comes_back_with_refresh(made: MadeSite) -> None:
    """Rules, signature and voucher key that are missing at a portal are handed out again."""
    root = made.kiosks[0]
    for path in (root.public / files.PORTAL, root.public / files.PORTAL_SIGNATURE, root.secret / files.VOUCHER_KEY):
        path.unlink()
    made.site.refresh()
    assert byod_of(root).organisation == SITE_NAME
    assert load_voucher_key(root) == made.site.voucher_key()


def test_only_a_working_kiosk_can_be_a_portal(made: MadeSite) -> None:
    """Desks, unknown devices and revoked kiosks are refused in one line."""
    with pytest.raises(BadInput, match="is no working kiosk"):
        make_portal(made.site, device_of(made.desks[0]), PLAN)
    with pytest.raises(BadInput, match="no such device here"):
        make_portal(made.site, bytes(16), PLAN)
    made.site.revoke(device_of(made.kiosks[0]))
    with pytest.raises(BadInput, match="is no working kiosk"):
        make_portal(made.site, device_of(made.kiosks[0]), PLAN)
    assert [record.id for record in made.site.portals()] == [device_of(made.kiosks[1])]


def test_a_real_kiosk_needs_real_rules(plain: MadeSite) -> None:
    """Shipped rules name an example address: rehearsals may use them, a unit on a wall may not."""
    real = plain.site.add(DevicePlan(kind=DeviceKind.KIOSK, room="Hall", place=""), NOW, uuid4)
    with pytest.raises(BadInput, match=r"privacy_contact: office@school\.example is an example that nobody reads"):
        make_portal(plain.site, real.id, PLAN)
    assert not (plain.site.root_of(real.id).public / files.NETWORK).exists()


def test_an_early_site_without_rules_says_how_to_get_them(plain: MadeSite) -> None:
    """A site from before there were rules goes on as it was, and a portal is refused with the mend."""
    for name in (files.PORTAL, files.PORTAL_SIGNATURE):
        (plain.folder / name).unlink()
    plain.site.refresh()
    with pytest.raises(BadInput, match=r"has no portal\.toml: copy the profile's folder.*`quietbell site policy`"):
        make_portal(plain.site, device_of(plain.kiosks[0]), PLAN)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address4": "10.20.0.1"}, "site portal: client.address4: the network must have /16 to /29"),
        ({"address4": ""}, "site portal: client.address4: '': write an address like"),
        ({"host": 'wifi"\nmode = "link-only'}, "site portal: host: write the name of the portal"),
        ({"client_interface": "eth1\x7f"}, "site portal: client.interface: write an interface's name"),
        ({"resolvers": ()}, "site portal: uplink.resolvers: name the site's filtering resolvers"),
        ({"mode": Mode.LINK_ONLY}, "site portal: client: link-only serves pages and routes nothing"),
        ({"mode": Mode.OWN_ACCESS_POINT}, "site portal: radio: is missing"),
        ({"masquerade": True}, "site portal: uplink.masquerade: would hide clients"),
    ],
    ids=range(8),
)
def test_a_plan_that_does_not_fit_changes_nothing(plain: MadeSite, change: dict[str, Any], said: str) -> None:
    """The device's own parser judges the plan before anything is written; nothing typed can become another key."""
    before = everything(plain.folder)
    with pytest.raises(BadSettings) as caught:
        make_portal(plain.site, device_of(plain.kiosks[0]), replace(PLAN, **change))
    assert str(caught.value).startswith(said)
    assert everything(plain.folder) == before


@pytest.mark.parametrize(
    ("address", "first", "last"),
    [
        ("10.20.0.1/22", "10.20.0.2", "10.20.3.254"),
        ("10.20.3.254/22", "10.20.0.1", "10.20.3.253"),
        ("192.168.7.100/24", "192.168.7.101", "192.168.7.254"),
        ("10.0.0.1/29", "10.0.0.2", "10.0.0.6"),
    ],
)
def test_clients_get_what_is_free(address: str, first: str, last: str) -> None:
    """Without a range, clients get the longer run of addresses beside the kiosk's own."""
    settings = checked_text(replace(PLAN, address4=address))[1]
    assert (str(settings.dhcp_first), str(settings.dhcp_last)) == (first, last)


def test_an_own_access_point_by_command(plain: MadeSite, tmp_path: Path) -> None:
    """Everything that can be typed stands in the bundle, the Wi-Fi passphrase among the secrets, for its owner only."""
    line = tmp_path / "line"
    line.write_text("quiet bells ring\n")
    words = [
        *("--mode", "own-access-point", "--host", "wifi.hill.uk", "--client-interface", "wlan0"),
        *("--uplink-interface", "eth0", "--address", "10.9.0.1/24", "--resolver", "10.0.0.53", "--masquerade"),
        *("--ssid", "Hill BYOD", "--country", "GB", "--channel", "11", "--bssid", "9c:b6:d0:12:34:56"),
        *("--trusted", "9c:b6:d0:00:00:01", "--open-uplink", "10.0.0.80/32", "--lease-minutes", "30"),
        *("--address6", "fd12:3456:789a::1/64", "--scan-interface", "wlan1", "--wifi-passphrase-file", str(line)),
    ]
    root = plain.kiosks[0]
    said = run("portal", plain.folder, id_text(device_of(root)), *words)
    assert "portal wifi.hill.uk (own-access-point) is in" in said
    assert "people can choose on its pages, but not write in words" in said
    network = load_network(root)
    assert network.radio is not None
    assert (network.radio.ssid, network.radio.interface, network.radio.channel) == ("Hill BYOD", "wlan0", 11)
    assert (network.masquerade, network.lease_minutes, network.trusted) == (True, 30, ("9c:b6:d0:00:00:01",))
    assert load_wifi_passphrase(root) == "quiet bells ring"
    assert stat.S_IMODE((root.secret / files.WIFI_PASSPHRASE).stat().st_mode) == 0o600
    line.write_text("short\n")
    assert "has 8 to 63 letters" in refused("portal", plain.folder, id_text(device_of(root)), *words)


def test_link_only_by_command(plain: MadeSite) -> None:
    """A site with a portal of its own needs a name only; there are no vouchers for it: it lets nobody on-line."""
    run("portal", plain.folder, id_text(device_of(plain.kiosks[0])), "--mode", "link-only", "--host", "help.hill.uk")
    assert load_network(plain.kiosks[0]).routes is False
    line = refused(
        *("vouchers", plain.folder, "--audience", "visitor", "--minutes", "60", "--until", "2099-01-01"),
        *("--out", plain.folder / "sheet.html"),
    )
    assert line.startswith("--host: no portal that lets anybody on-line has this name: make a portal")


# ---------------------------------------------------------------- an edited policy


@pytest.mark.requirement("B8")
def test_an_edited_text_is_issued_and_asks_again(made: MadeSite, tmp_path: Path) -> None:
    """One text edited: it is signed, in every portal's bundle, and the command says whose readers are asked again."""
    own = write_profile(tmp_path / "own")
    run("policy", made.folder, "--profile-folder", own)
    before = byod_of(made.kiosks[0])
    (own / "aups" / "visitor.en.toml").write_text(aup("visitor", rules='["Be kind.", "Be brief."]'))
    said = run("policy", made.folder, "--profile-folder", own)
    assert "asked again: whoever accepted one of 1 texts (visitor.en)" in said
    for root in made.kiosks:
        after = byod_of(root)
        changed = [
            document.audience
            for document, old in zip(after.documents, before.documents, strict=True)
            if document.digest != old.digest
        ]
        assert changed == [Audience.VISITOR]


@pytest.mark.requirement("B8")
def test_a_new_review_date_asks_nobody_again(made: MadeSite, tmp_path: Path) -> None:
    """Looked at and found good: the next date is issued, and the command says that nobody is asked again."""
    own = write_profile(tmp_path / "own")
    run("policy", made.folder, "--profile-folder", own)
    (own / "portal.toml").write_text(changed_line(source(), "review", "2028-09-01"))
    assert "no text changed: nobody is asked again" in run("policy", made.folder, "--profile-folder", own)
    assert byod_of(made.kiosks[0]).review == date(2028, 9, 1)


def test_a_wrong_policy_replaces_nothing(made: MadeSite, tmp_path: Path) -> None:
    """Everything is read and checked before the first file is written."""
    before = everything(made.folder)
    own = write_profile(tmp_path / "own", source(keep_hours="48"))
    assert re.search(
        r"portal\.toml: keep_hours: write 24 or less", refused("policy", made.folder, "--profile-folder", own)
    )
    (own / "portal.toml").write_text(source())
    (own / "profile.toml").write_text("format = 1\n")
    assert "profile.toml: name: is missing" in refused("policy", made.folder, "--profile-folder", own)
    (own / "portal.toml").unlink()
    own_profile = Path(__file__).parents[2] / "broker_config" / "profiles" / "secondary-school" / "profile.toml"
    (own / "profile.toml").write_text(own_profile.read_text())
    assert "has no portal.toml, but this site has rules" in refused("policy", made.folder, "--profile-folder", own)
    assert everything(made.folder) == before


def test_half_written_policy_is_mended_by_issuing_it_again(made: MadeSite, tmp_path: Path) -> None:
    """The power went between text and signature: issuing again says what it replaced, and all is whole."""
    own = write_profile(tmp_path / "own")
    for name in (files.PROFILE_SIGNATURE, files.PORTAL_SIGNATURE):
        (made.folder / name).write_bytes(bytes(64))
    assert "replaced: " in run("policy", made.folder, "--profile-folder", own)
    assert byod_of(made.kiosks[0]).organisation == "Test School"
    assert load_profile(made.desks[0]).name == "secondary-school"


def test_example_address_is_said_when_issuing(made: MadeSite, tmp_path: Path) -> None:
    """A privacy contact that nobody reads is named at once, not when somebody writes to it."""
    own = write_profile(tmp_path / "own", source(privacy_contact='"office@school.example"'))
    said = run("policy", made.folder, "--profile-folder", own)
    assert "privacy_contact: office@school.example is an example that nobody reads" in said


def test_a_new_site_is_called_by_its_own_name() -> None:
    """The shipped rules carry the site's name, whatever is in it; nothing in a name can become another key."""
    for name in ("Hill School", 'The "Hill" \\ School', "Ysgol y Bryn"):
        text = shipped_portal("secondary-school", name)
        assert text is not None
        assert b"Demo School" not in text


# ---------------------------------------------------------------- vouchers


@pytest.mark.requirement("B9", "B10")
def test_vouchers_of_the_site_open_its_portals(made: MadeSite) -> None:
    """Every portal reads in the words what the technician asked for; serials are never given twice."""
    first, again = (make_vouchers(made.site, VISITORS, TODAY) for _ in range(2))
    key = load_voucher_key(made.kiosks[1])
    assert key is not None
    read = [read_words(" ".join(printed.words), key) for printed in (*first, *again)]
    assert read == [Voucher(Audience.VISITOR, date(2026, 12, 18), 240, 1, serial) for serial in range(6)]
    assert open_site(made.folder).book.take_serials(1) == (6,)


@pytest.mark.requirement("B9")
def test_a_new_key_ends_every_older_voucher(made: MadeSite) -> None:
    """Lost sheet: a new key is in every portal's bundle, old words open nothing, counting goes on."""
    (old, *_) = make_vouchers(made.site, VISITORS, TODAY)
    assert new_voucher_key(made.site) == 3
    keys = {load_voucher_key(root) for root in made.kiosks}
    (key,) = keys
    assert key is not None
    with pytest.raises(Refused, match="unknown-voucher"):
        read_words(" ".join(old.words), key)
    (new, *_) = make_vouchers(made.site, VISITORS, TODAY)
    assert read_words(" ".join(new.words), key).serial == 3


def test_serials_run_out_with_a_clear_word(made: MadeSite) -> None:
    """A key makes 4,096 vouchers: the next is refused, with the mend; none is lost, and a new key makes as many."""
    made.site.book.take_serials(SERIALS - 2)
    with pytest.raises(
        BadInput, match=r"2 of this key's 4096 vouchers are left, not 3: .*`quietbell site voucher-key`"
    ):
        make_vouchers(made.site, VISITORS, TODAY)
    assert [each.voucher.serial for each in make_vouchers(made.site, replace(VISITORS, count=2), TODAY)] == [4094, 4095]
    new_voucher_key(made.site)
    assert made.site.book.voucher_count().left == SERIALS
    assert [each.voucher.serial for each in make_vouchers(made.site, VISITORS, TODAY)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"audience": Audience.ADULT}, "--audience: this site has no adult: use one of learner, staff, visitor"),
        ({"until": date(2026, 11, 19)}, "--until: 2026-11-19: give a day from today, 2026-11-20, to 2027-12-25"),
        ({"until": date(2028, 1, 1)}, "--until: 2028-01-01: give a day from today"),
        ({"count": 0}, "--count: 0: make 1 to 200 at a time"),
        ({"count": 201}, "--count: 201: make 1 to 200 at a time"),
        ({"devices": 9}, "a voucher is for 1 to 8 devices, not 9"),
        ({"minutes": 61}, "a voucher gives one of 15, 20"),
    ],
    ids=range(7),
)
def test_a_voucher_that_cannot_be_takes_no_serial(made: MadeSite, change: dict[str, Any], said: str) -> None:
    """For nobody, past, far away, too many: one line, and the next voucher still has the first serial."""
    with pytest.raises(BadInput) as caught:
        make_vouchers(made.site, replace(VISITORS, **change), TODAY)
    assert str(caught.value).startswith(said)
    assert made.site.book.take_serials(1) == (0,)


def test_without_a_portal_there_are_no_vouchers(plain: MadeSite) -> None:
    """Who has no portal yet is told how to make one."""
    for refuse in (lambda: make_vouchers(plain.site, VISITORS, TODAY), lambda: new_voucher_key(plain.site)):
        with pytest.raises(BadInput, match="no kiosk is a portal yet: make one with `quietbell site portal`"):
            refuse()


def test_a_damaged_voucher_key_is_said_and_can_be_replaced(made: MadeSite) -> None:
    """A key of another length reaches no bundle; a new one mends it."""
    (made.folder / "authority" / "voucher.key").write_bytes(b"short")
    with pytest.raises(StoreFault, match=r"voucher\.key: was changed or damaged: .*`quietbell site voucher-key`"):
        made.site.refresh()
    run("voucher-key", made.folder)
    assert load_voucher_key(made.kiosks[0]) == made.site.voucher_key()


def test_networks_are_those_of_portals(made: MadeSite) -> None:
    """A revoked portal's network is nobody's any more."""
    made.site.revoke(device_of(made.kiosks[0]))
    assert [network.host for network in networks(made.site)] == ["wifi.school.uk"]


# ---------------------------------------------------------------- the doctor


@pytest.mark.requirement("B8")
def test_the_doctor_looks_at_a_portal(made: MadeSite) -> None:
    """A portal has a step of its own: good now, bad from the day on which its texts must be looked at again."""
    root = made.kiosks[0]

    def portal_step(wall_ms: int) -> tuple[bool, str]:
        found = next(each for each in examine(root, wall_ms, offline=True) if each.step == "portal")
        return found.good, found.text

    review, texts = byod_of(root).review, len(byod_of(root).documents)
    good, text = portal_step(WALL_MS)
    assert (good, text.startswith(f"wifi.school.uk (behind), {texts} texts, next review ")) == (True, True)
    overdue_ms = WALL_MS + ((review - TODAY).days + 1) * 86_400_000
    good, text = portal_step(overdue_ms)
    assert not good
    assert text.startswith(f"its texts were to be looked at again by {review}")
    (root.public / files.PORTAL).unlink()
    assert "portal.toml is missing" in portal_step(WALL_MS)[1]
    assert "portal" not in [each.step for each in examine(made.desks[0], WALL_MS, offline=True)]


def test_every_length_of_time_is_one_that_words_can_carry() -> None:
    """The command offers exactly what a voucher can hold."""
    offered = next(option for option in site.commands["vouchers"].params if option.name == "minutes").type
    assert getattr(offered, "choices", None) == tuple(str(minutes) for minutes in MINUTES)
