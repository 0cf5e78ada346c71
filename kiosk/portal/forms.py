"""What comes with a request: the fields of a form, bounded, and the address that it came from. Knows no page."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from firmware.errors import Refused
from kiosk.portal.connection import BODY_MAX_BYTES
from kiosk.portal.gate.elements import Address

FIELDS_MAX = 64
_URLENCODED = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Mapping[str, str]:
    """The untrusted fields of a form; of a field that is there twice, the last.

    Raises:
        Refused: "form" (another type, too big, too many fields, or nobody there any more).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _URLENCODED:
        raise Refused("form")
    taken = bytearray()
    # The server bounds a body too; this holds wherever the application runs.
    try:
        async for part in request.stream():
            taken += part
            if len(taken) > BODY_MAX_BYTES:
                raise Refused("form")
    except ClientDisconnect:
        raise Refused("form") from None
    try:
        pairs = parse_qsl(taken.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="replace")
    except ValueError:
        raise Refused("form") from None
    return dict(pairs)


def client_of(request: Request) -> Address:
    """The address that the connection comes from; kept nowhere. Raises Refused when there is none."""
    if request.client is None:
        raise Refused("stranger")
    try:
        return ip_address(request.client.host)
    except ValueError:
        raise Refused("stranger") from None
