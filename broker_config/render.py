"""The broker's two text files: `mosquitto.conf` and the ACL.

Pure text in, text out: the configuration from `templates/`, the ACL from `firmware.topics`, so that the broker and
the devices can never mean different topics. Knows nothing of keys or folders' contents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from string import Template

from firmware.errors import BadInput
from firmware.topics import AclRule


@dataclass(frozen=True, slots=True)
class BrokerPlace:
    """Where the broker's files stand on its own machine. `user`: whom it runs as when root starts it ("": nobody)."""

    directory: PurePosixPath
    port: int
    user: str
    log_destination: str = "stderr"

    @property
    def data_directory(self) -> PurePosixPath:
        return self.directory / "data"


def render_configuration(place: BrokerPlace) -> str:
    """`mosquitto.conf`.

    Raises:
        BadInput: a folder whose name mosquitto cannot read from a line.
    """
    directory = str(place.directory)
    if not directory.isprintable() or directory != directory.strip() or not place.directory.is_absolute():
        raise BadInput(f"{directory!r}: mosquitto needs a full path without line breaks or spaces at its ends")
    template = (resources.files("broker_config") / "templates" / "mosquitto.conf").read_text(encoding="utf-8")
    return Template(template).substitute(
        directory=directory,
        data_directory=str(place.data_directory),
        port=place.port,
        user_line=f"user {place.user}" if place.user else "# user: whoever starts it",
        log_destination=place.log_destination,
    )


def render_acl(rules: Sequence[AclRule]) -> str:
    """The ACL: one block a device. What is not written here is denied, so a revoked device simply has no block."""
    lines = ["# Made by `quietbell site`; every change there writes it anew. What is not allowed here is denied."]
    user = ""
    for rule in rules:
        if rule.user != user:
            user = rule.user
            lines += ["", f"user {user}"]
        lines.append(f"topic {rule.access} {rule.topic}")
    return "\n".join(lines) + "\n"
