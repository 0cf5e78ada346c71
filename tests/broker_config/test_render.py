"""The broker's text files."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from broker_config.render import BrokerPlace, render_acl, render_configuration
from firmware.errors import BadInput
from firmware.topics import acl_rules

SITE, KIOSK, DESK = b"s" * 16, b"k" * 16, b"d" * 16
PLACE = BrokerPlace(PurePosixPath("/srv/bell broker"), 8884, "mosquitto")


def options(text: str) -> dict[str, list[str]]:
    """mosquitto.conf as mosquitto reads it: option → values."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            option, _, value = line.partition(" ")
            found.setdefault(option, []).append(value)
    return found


@pytest.mark.requirement("D3")
def test_nobody_comes_in_without_a_certificate() -> None:
    """The one listener takes TLS 1.3 with a client certificate, whose CN is the user name, and nothing else."""
    said = options(render_configuration(PLACE))
    assert said["listener"] == ["8884"]
    assert said["tls_version"] == ["tlsv1.3"]
    assert said["require_certificate"] == said["use_identity_as_username"] == ["true"]
    assert said["allow_anonymous"] == ["false"]
    assert said["acl_file"] == ["/srv/bell broker/acl"]
    assert said["user"] == ["mosquitto"]


def test_no_device_can_end_the_session_of_another() -> None:
    """The client id is the certificate's name too: whoever takes a desk's id cannot throw the desk off the broker."""
    assert options(render_configuration(PLACE))["use_username_as_clientid"] == ["true"]


def test_broker_neither_waits_nor_drops() -> None:
    """Nagle is off, no saving stands in the way, the queue is long and sizes are bounded."""
    said = options(render_configuration(PLACE))
    assert said["set_tcp_nodelay"] == ["true"]
    # A thousand presses in one second stood still for a minute behind a saving for each of them.
    assert said["autosave_on_changes"] == ["false"]
    assert int(said["max_queued_messages"][0]) >= 10_000
    assert 0 < int(said["max_packet_size"][0]) <= 2**20
    assert said["sys_interval"] == ["0"]


@pytest.mark.parametrize("directory", ["/srv/a\nuser root", "relative/place", "/srv/end ", "/srv/bell\x00"])
def test_folder_that_breaks_a_line_is_refused(directory: str) -> None:
    """A folder's name can put no line of its own into the configuration."""
    with pytest.raises(BadInput, match="full path"):
        render_configuration(BrokerPlace(PurePosixPath(directory), 8883, ""))


def test_acl_is_the_topics_module_word_for_word() -> None:
    """One block a device, each rule once, in `firmware.topics`' words; a device without rules has no block."""
    rules = acl_rules(SITE, [KIOSK], [DESK])
    text = render_acl(rules)
    assert [line for line in text.splitlines() if line.startswith("user ")] == [
        f"user {rules[0].user}",
        f"user {rules[-1].user}",
    ]
    for rule in rules:
        assert text.count(f"topic {rule.access} {rule.topic}\n") == 1
    assert "user" not in render_acl(acl_rules(SITE, [], [])).replace("`quietbell site`", "")
