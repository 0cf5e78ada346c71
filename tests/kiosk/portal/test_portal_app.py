"""`quietbell portal` as a process: starts from its bundle, serves HTTP and HTTPS, forgets nobody, ends when told to."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
from pathlib import Path

import pytest

from firmware import bundle
from firmware.byod import Audience
from firmware.device import load_byod
from firmware.errors import NotAllowedHere, TechnicianError
from firmware.network_settings import Mode
from firmware.settings import Root
from kiosk.portal import api
from kiosk.portal.app import STORE_FOLDER, PortalApp, load_bundle, portal_of
from tests.support.portal_house import Answer, Visitor
from tests.support.portal_process import Certificate, MadePortal, make_certificate, make_portal_unit, running_portal

NAME = "wifi.school.test"


@pytest.fixture
def made(tmp_path: Path) -> MadePortal:
    return make_portal_unit(tmp_path)


def visitor_of(made: MadePortal, address: str = "127.0.0.1") -> Visitor:
    return Visitor(made.http_port, address, host=f"127.0.0.1:{made.http_port}")


def secure_get(made: MadePortal, certificate: Certificate, path: str) -> Answer:
    """Over HTTPS, verified as a phone does."""
    context = ssl.create_default_context(cafile=str(certificate.file))
    line = http.client.HTTPSConnection("127.0.0.1", made.https_port, timeout=10, context=context)
    # The name is checked against the certificate; there is no resolver for it here.
    line.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", made.https_port)), server_hostname=NAME)
    line.request("GET", path, headers={"Host": f"{NAME}:{made.https_port}"})
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)


def test_it_serves_and_ends_when_told(made: MadePortal) -> None:
    """From a technician's bundle to a page; SIGTERM ends it at once, cleanly, and nothing was said about a client."""
    with running_portal(made) as running:
        page = visitor_of(made).get("/")
        assert "Throw-away School" in page.text
        assert visitor_of(made).get("/x", host="captive.apple.com").headers["location"] == (
            f"http://127.0.0.1:{made.http_port}/"
        )
        assert running.stop() == 0
    assert "captive.apple.com" not in running.said()
    assert "Traceback" not in running.said()


@pytest.mark.requirement("B1", "D1")
def test_a_killed_portal_remembers_who_accepted(made: MadePortal) -> None:
    """kill -9 between the answer and the next look loses no acceptance; the store holds no address."""
    with running_portal(made) as running:
        assert visitor_of(made).accept().status == 303
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    store = made.root.store / STORE_FOLDER
    kept = b"".join(file.read_bytes() for file in store.iterdir())
    byod = load_byod(made.root)
    assert byod is not None
    assert byod.document(Audience.LEARNER, "en").digest.hex().encode() in kept
    assert b"127.0.0.1" not in kept
    assert store.stat().st_mode & 0o077 == 0


def test_https_with_a_valid_name(tmp_path: Path) -> None:
    """With a certificate: elsewhere leads to HTTPS, the API answers there and only there, pages count as secure."""
    certificate = make_certificate(tmp_path, NAME)
    made = make_portal_unit(tmp_path / "site", host=NAME, certificate=certificate)
    with running_portal(made) as running:
        plain = Visitor(made.http_port, host=NAME)
        assert plain.get("/x", host="a.example").headers["location"] == f"https://{NAME}:{made.https_port}/"
        assert plain.get(api.PATH).headers["location"] == f"https://{NAME}:{made.https_port}{api.PATH}"
        answer = secure_get(made, certificate, api.PATH)
        assert answer.headers["content-type"] == api.CONTENT_TYPE
        assert answer.headers["cache-control"] == "private"
        assert json.loads(answer.text) == {
            "captive": True,
            "user-portal-url": f"https://{NAME}:{made.https_port}/",
            "venue-info-url": f"https://{NAME}:{made.https_port}/rules",
            "can-extend-session": True,
        }
        shown = secure_get(made, certificate, "/en/").fields("/en/accept")
        assert plain.post("/en/accept", shown).status == 303
        told = json.loads(secure_get(made, certificate, api.PATH).text)
        assert told["captive"] is False
        assert 0 < told["seconds-remaining"] <= 3600
        assert running.stop() == 0


def test_systemd_hears_that_it_lives(made: MadePortal, tmp_path: Path) -> None:
    """Ready once pages are served, then a sign of life about each second."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        with running_portal(made, {"NOTIFY_SOCKET": str(tmp_path / "notify")}):
            assert systemd.recv(64).startswith(b"READY=1")
            assert systemd.recv(64) == b"WATCHDOG=1"


def test_a_taken_port_is_one_line(made: MadePortal) -> None:
    """Which port, and the mend; status 2 and no traceback."""
    with socket.create_server(("127.0.0.1", made.http_port)), running_portal(made) as running:
        assert running.process.wait(20) == 2
    assert f"port {made.http_port}: cannot listen" in running.said()
    assert "Traceback" not in running.said()


def test_link_only_serves_help_and_rules(tmp_path: Path) -> None:
    """Where the site has its own portal: the help page for everybody, no gate asked, nothing admitted."""
    made = make_portal_unit(tmp_path, mode=Mode.LINK_ONLY)
    with running_portal(made) as running:
        visitor = visitor_of(made)
        assert visitor.get("/en/").title == "Help and rules"
        assert visitor.get("/en/rules").status == 200
        assert visitor.post("/en/accept", {}).status in (303, 404)
        assert running.stop() == 0


def test_a_real_unit_on_loopback_is_refused(made: MadePortal) -> None:
    """The rehearsal's gate keeps nobody out, so a real unit does not start with it."""
    device = made.root.public / bundle.DEVICE_TOML
    text = device.read_text().replace("rehearsal = true", "rehearsal = false").replace('"mock"', '"gpio"')
    device.write_text(text)
    with pytest.raises(NotAllowedHere):
        PortalApp(made.root)


def test_without_rules_there_is_no_portal(made: MadePortal) -> None:
    """A bundle without the site's rules for own devices is named, with the mend."""
    (made.root.public / bundle.PORTAL).unlink()
    with pytest.raises(TechnicianError, match=r"portal\.toml: cannot be read.*copy the device's bundle"):
        load_bundle(made.root)


def test_behind_a_gate_phones_use_the_usual_ports(made: MadePortal) -> None:
    """The gate leads port 80 to ours, so no phone is sent to another one; the portal's own address is its own."""
    network = made.root.public / bundle.NETWORK
    network.write_text(network.read_text().replace('interface = "lo"', 'interface = "byod0"'))
    portal = portal_of(load_bundle(Root(made.root.path)))
    assert portal.address == "http://127.0.0.1/"
    assert portal.owns("10.20.0.1")
