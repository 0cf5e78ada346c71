"""The rules for people's own devices as they are issued: one text, joined from a profile's files and checked whole.

Owns which files become part of it: `portal.toml`, and of the AUP texts those for this site's audiences and languages,
the profile's own before the shared ones. Reads only; signing and handing out is `provision`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from firmware.aup import AupDocument, parse_aup
from firmware.byod import Byod, parse_byod, parse_byod_source
from firmware.byod_parts import PortalFile
from firmware.errors import BadSettings
from firmware.toml_parts import read_text

SOURCE = "portal.toml"
AUPS = "aups"
_SOURCE_BYTES_MAX = 64 * 1024
_MEND = "put it there again from a shipped profile"
_ORGANISATION = re.compile(r"^organisation[ \t]*=.*$", re.MULTILINE)
# Addresses that nobody can have (RFC 2606): our profiles are full of them.
_PLACEHOLDER = re.compile(r"\.(example|invalid|test)\b|\bexample\.(com|net|org)\b")


@dataclass(frozen=True, slots=True)
class IssuedPortal:
    """The text that is signed, and what it says."""

    text: bytes
    byod: Byod


def read_portal(profile: Path, shared: Path, *, organisation: str | None = None) -> IssuedPortal | None:
    """What the folder of a profile says of people's own devices; None when it says nothing.

    `shared`: the folder of texts that profiles have in common. `organisation`: the site's own name, instead of the
    profile's.

    Raises:
        BadSettings: names the file, the key (or line) and the mend.
    """
    source = profile / SOURCE
    if not source.is_file():
        return None
    text = read_text(source, _SOURCE_BYTES_MAX, _MEND)
    parsed = parse_byod_source(text, str(source))
    if organisation is not None:
        text = _ORGANISATION.sub(lambda _: f"organisation = {json.dumps(organisation, ensure_ascii=False)}", text, 1)
    texts = [f"\n# {path.name}\n[[documents]]\n{aup}" for path, aup in _texts(parsed, profile / AUPS, shared)]
    joined = "\n".join([text, *texts])
    return IssuedPortal(joined.encode(), parse_byod(joined, str(source)))


def shared_aups() -> Path:
    """The AUP texts that come with the program."""
    return Path(str(resources.files("broker_config") / AUPS))


def placeholder(byod: Byod) -> str:
    """Whom people would write to in vain; empty when the address is a real one."""
    return byod.privacy_contact if _PLACEHOLDER.search(byod.privacy_contact) else ""


def changed_texts(old: Byod, new: Byod) -> tuple[str, ...]:
    """The texts that those who read them will be asked to accept again, as `audience.language`."""
    before = {_name(document): document.digest for document in old.documents}
    return tuple(_name(document) for document in new.documents if before.get(_name(document)) != document.digest)


def _name(document: AupDocument) -> str:
    return f"{document.audience}.{document.language}"


def _texts(parsed: PortalFile, own: Path, shared: Path) -> list[tuple[Path, str]]:
    """The wanted texts in the order of audiences and languages: the profile's own, else the shared one, else none."""
    wanted = [f"{audience.id}.{language}" for audience in parsed.audiences for language in parsed.languages]
    owned, common = _files(own), _files(shared)
    for name, path in owned.items():
        if name not in wanted:
            raise BadSettings(path, "", f"nobody would read it: add its audience and language to {SOURCE}, or move it")
    found = [owned.get(name) or common.get(name) for name in wanted]
    return [(path, _text(path)) for path in found if path is not None]


def _files(folder: Path) -> Mapping[str, Path]:
    return {path.name.removesuffix(".toml"): path for path in sorted(folder.glob("*.toml"))}


def _text(path: Path) -> str:
    text = read_text(path, _SOURCE_BYTES_MAX, _MEND)
    part = parse_aup(text, str(path))
    name = f"{part.audience}.{part.language}.toml"
    if path.name != name:
        raise BadSettings(path, "audience", f"the text inside is that of {name}: rename the file, or mend its keys")
    return text
