"""Making a site where there is none: all of it, or nothing.

Owns what `refresh` cannot make again: the two authorities, the site's desk key, the broker's certificate and the first
page of the site book. Works in a hidden folder beside the new one and moves it into place at the end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from uuid import UUID

from broker_config import site_ca
from broker_config.provision import CA, CA_KEY, DESK_KEY, ISSUER, ISSUER_KEY, RECOVERY, Site, open_site, signed_policy
from broker_config.site_book import BOOK_FILE, SiteBook, SiteFacts
from firmware import bundle as files
from firmware.byod import parse_byod
from firmware.documents import write_atomically
from firmware.errors import BadInput, StoreFault
from firmware.identity import KEM_PUBLIC_BYTES, KemKey, SigningKey
from firmware.profile import parse_profile


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What `site new` is told.

    `broker_directory` None: the broker runs on the files in DIR/broker. `portal_text` None: no rules for people's own
    devices.
    """

    name: str
    profile: str
    profile_text: bytes
    broker_hosts: tuple[str, ...]
    broker_port: int
    recovery_key: bytes
    broker_directory: PurePosixPath | None
    broker_user: str
    portal_text: bytes | None = None


def new_site(folder: Path, plan: SitePlan, now: datetime, new_id: Callable[[], UUID]) -> Site:
    """Make a site where there is none: all of it, or nothing.

    Raises:
        BadInput: something stands at `folder` already, or the plan holds what a certificate or mosquitto cannot.
        StoreFault: it cannot be written.
    """
    folder = folder.absolute()
    check_new_folder(folder)
    try:
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _begin(making, plan, now, new_id())
            open_site(making).refresh()
            making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except OSError as problem:
        raise StoreFault(f"{folder}: cannot be made ({problem.strerror}): choose another place") from problem
    site = open_site(folder)
    # The broker's files name the folder that they now stand in.
    site.refresh()
    return site


def check_new_folder(folder: Path) -> None:
    """Raises BadInput when a site cannot be made at `folder` (a full path)."""
    try:
        taken = folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir())))
    except OSError as problem:
        raise BadInput(f"{folder}: cannot be looked into ({problem.strerror}): choose another place") from problem
    if taken:
        raise BadInput(f"{folder}: something is there already: choose a new folder (a site is never written over)")
    if not folder.parent.is_dir() or not os.access(folder.parent, os.W_OK):
        raise BadInput(f"{folder.parent}: no folder that you can write into: make it first, or choose another place")


def _begin(making: Path, plan: SitePlan, now: datetime, uuid: UUID) -> None:
    """Write what `refresh` cannot make again: keys, certificates and the first page of the book."""
    if len(plan.recovery_key) != KEM_PUBLIC_BYTES:
        raise BadInput("the recovery file is not one: give the .pub file that `quietbell site recovery` wrote")
    parse_profile(plan.profile_text.decode(), f"profile {plan.profile}")
    if plan.portal_text is not None:
        parse_byod(plan.portal_text.decode(), f"portal.toml of profile {plan.profile}")
    authority = site_ca.make_authority(plan.name, now)
    server = site_ca.issue_server(authority, plan.broker_hosts, now)
    issuer, desk_key = SigningKey.generate(), KemKey.generate()
    for name, mode in (("authority", files.SECRET_FOLDER_MODE), ("broker", files.PUBLIC_FOLDER_MODE)):
        files.make_folder(making / name, mode)
    files.make_folder(making / "broker" / "data", files.SECRET_FOLDER_MODE)
    for name, content, mode in (
        (CA_KEY, authority.key, files.SECRET_MODE),
        (CA, authority.certificate, files.PUBLIC_MODE),
        (ISSUER_KEY, issuer.to_bytes(), files.SECRET_MODE),
        (ISSUER, issuer.public, files.PUBLIC_MODE),
        (DESK_KEY, desk_key.to_bytes(), files.SECRET_MODE),
        ("broker/ca.pem", authority.certificate, files.PUBLIC_MODE),
        ("broker/server.pem", server.certificate, files.PUBLIC_MODE),
        ("broker/server.key", server.key, files.SECRET_MODE),
        (RECOVERY, plan.recovery_key, files.PUBLIC_MODE),
        *signed_policy(issuer, plan.profile_text, plan.portal_text),
    ):
        write_atomically(making / name, content, mode)
    facts = SiteFacts(
        uuid=uuid,
        name=plan.name,
        profile=plan.profile,
        broker_hosts=plan.broker_hosts,
        broker_port=plan.broker_port,
        broker_directory=str(plan.broker_directory or ""),
        broker_user=plan.broker_user,
    )
    SiteBook(making / BOOK_FILE).begin(facts)
    making.chmod(files.SECRET_FOLDER_MODE)
