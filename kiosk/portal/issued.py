"""The texts of a bundle that the issuer has signed, read and verified by a child process that is gone when we serve.

What verifies takes 12 MB that nothing needs afterwards, on a machine that has little; and a process that talks to
strangers is better off without it. Run as a module, this is that child: it prints one message.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import msgspec

from firmware import bundle
from firmware.errors import BadSettings, ProgrammerError, QuietbellError, TechnicianError
from firmware.settings import Root

READ_SECONDS = 30.0
_COPY_AGAIN = "copy the device's bundle here again"


class Issued(msgspec.Struct, frozen=True, tag="issued"):
    """Verified, not yet parsed. `voucher_key` None: this site has no vouchers."""

    profile: str
    portal: str
    voucher_key: bytes | None


class Mend(msgspec.Struct, frozen=True, tag="mend"):
    """Something is wrong; `line` says what to mend."""

    line: str


def read_issued(root: Root) -> Issued:
    """Raises TechnicianError with the line that says what to mend."""
    try:
        child = subprocess.run(
            [sys.executable, "-m", __name__, str(root.path)], stdout=subprocess.PIPE, timeout=READ_SECONDS, check=False
        )
        answer = msgspec.msgpack.decode(child.stdout, type=Issued | Mend)
    except OSError as problem:
        mend = "let the user of the portal run Quietbell's own Python"
        raise TechnicianError(f"{sys.executable}: cannot be started ({problem.strerror}); {mend}") from problem
    except (msgspec.DecodeError, subprocess.TimeoutExpired) as problem:
        raise ProgrammerError("the reader of the bundle died") from problem
    if isinstance(answer, Mend):
        raise TechnicianError(answer.line)
    return answer


def verified(root: Root) -> Issued:
    """In the child: everything as it was issued. Raises BadSettings, StoreFault."""
    device, identity = import_module("firmware.device"), import_module("firmware.identity")
    issuer: bytes = device.load_issuer(root)

    def text_of(name: str, signature: str, claim: Callable[[bytes], bytes]) -> str:
        text = bundle.read_file(root.public / name, _COPY_AGAIN)
        signed = bundle.read_file(root.public / signature, _COPY_AGAIN)
        if not identity.verify(issuer, signed, claim(text)):
            made_by = f"{signature} and {bundle.ISSUER}"
            raise BadSettings(root.public / name, "", f"is not as it was issued, going by {made_by}; {_COPY_AGAIN}")
        return text.decode(errors="replace")

    return Issued(
        profile=text_of(bundle.PROFILE, bundle.PROFILE_SIGNATURE, identity.profile_claim),
        portal=text_of(bundle.PORTAL, bundle.PORTAL_SIGNATURE, identity.portal_claim),
        voucher_key=device.load_voucher_key(root),
    )


def _main(path: str) -> None:
    try:
        answer: Issued | Mend = verified(Root(Path(path)))
    except QuietbellError as problem:
        answer = Mend(str(problem))
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    _main(sys.argv[1])
