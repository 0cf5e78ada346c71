"""The files of a bundle: fixed names and fixed modes.

Owns what stands in `bundle/public` and `bundle/secret`. Both sides that write into a bundle use it: the technician's
`site` and, for the readers' two documents, the desk. Knows no file's meaning; `documents` writes them durably.
"""

from __future__ import annotations

from pathlib import Path

from firmware.errors import StoreFault
from firmware.settings import DeviceKind

PUBLIC_MODE = 0o644
PUBLIC_FOLDER_MODE = 0o755
SECRET_MODE = 0o600
SECRET_FOLDER_MODE = 0o700

# Fixed names: firmware reads exactly these.
DEVICE_TOML = "device.toml"
PROFILE = "profile.toml"
PROFILE_SIGNATURE = "profile.sig"
ISSUER = "issuer.pub"
SITE_CA = "site-ca.pem"
DEVICE_CERTIFICATE = "device.pem"
DESK_SHEET = "desk_sheet.qb"
ROUTE_SHEET = "route_sheet.qb"
DEVICE_REGISTER = "device_register.qb"
READER_REGISTER = "reader_register.qb"
RECOVERY = "recovery.pub"
DEVICE_KEY = "device.key"
SIGNING_KEY = "signing.key"
KEM_KEY = "kem.key"
DESK_KEM_KEY = "desk_kem.key"
# Only at a kiosk that is a portal too. What network it serves, and the site's rules for people's own devices:
NETWORK = "network.toml"
PORTAL = "portal.toml"
PORTAL_SIGNATURE = "portal.sig"
VOUCHER_KEY = "voucher.key"
WIFI_PASSPHRASE = "wifi_passphrase"

PUBLIC_FILES = (DEVICE_TOML, PROFILE, PROFILE_SIGNATURE, ISSUER, SITE_CA, DEVICE_CERTIFICATE, DESK_SHEET)
PUBLIC_FILES_OF_DESK = (DEVICE_REGISTER, RECOVERY)
SECRET_FILES = (DEVICE_KEY, SIGNING_KEY, KEM_KEY)
SECRET_FILES_OF_DESK = (DESK_KEM_KEY,)


def make_folder(path: Path, mode: int) -> None:
    """Make a folder and those above it. Raises StoreFault."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    except OSError as problem:
        raise StoreFault(f"{path}: cannot be made ({problem.strerror}): choose another place") from problem


def read_file(path: Path, mend: str) -> bytes:
    """A whole file. Raises StoreFault with the given mend."""
    try:
        return path.read_bytes()
    except OSError as problem:
        raise StoreFault(f"{path}: cannot be read ({problem.strerror}): {mend}") from problem


def public_names(kind: DeviceKind) -> tuple[str, ...]:
    """The public files that every bundle of this kind has."""
    return PUBLIC_FILES + (PUBLIC_FILES_OF_DESK if kind is DeviceKind.DESK else ())


def secret_names(kind: DeviceKind) -> tuple[str, ...]:
    return SECRET_FILES + (SECRET_FILES_OF_DESK if kind is DeviceKind.DESK else ())
