"""The nouns on the wire: what kiosks and desks say to each other, before it is sealed.

Pure. Every noun is a frozen msgspec struct with bounded fields, encoded as a MessagePack array. The bytes that
travel carry a version (see `envelope`); a field is never re-used with a new meaning, the version rises instead.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from firmware.errors import Refused

WIRE_VERSION = 1

ID_BYTES = 16
DIGEST_BYTES = 32
NO_ID = b""

ROOM_CHARACTERS = 48
TEXT_CHARACTERS = 500
NAME_CHARACTERS = 80
# msgspec counts characters or bytes as the type says; UTF-8 needs up to four bytes a character.
TEXT_BYTES = TEXT_CHARACTERS * 4
NAME_BYTES = NAME_CHARACTERS * 4
# A story's `source` when it came from somebody's own phone, and what then stands in the place of a room: the phone may
# be anywhere on the Wi-Fi, and nobody must be sent to the room of the kiosk that carried it.
SOURCE_PORTAL = "portal"
PHONE_ROOM = "Phone, BYOD Wi-Fi"

Id = Annotated[bytes, msgspec.Meta(min_length=ID_BYTES, max_length=ID_BYTES)]
MaybeId = Annotated[bytes, msgspec.Meta(max_length=ID_BYTES)]
Digest = Annotated[bytes, msgspec.Meta(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)]
MaybeDigest = Annotated[bytes, msgspec.Meta(max_length=DIGEST_BYTES)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
# ASCII, so that a code of 32 characters is never more than 32 bytes: the padding counts on it.
Code = Annotated[str, msgspec.Meta(max_length=32, pattern="^[ -~]*$")]
Room = Annotated[str, msgspec.Meta(max_length=ROOM_CHARACTERS)]
Short = Annotated[str, msgspec.Meta(max_length=64)]
Signature = Annotated[bytes, msgspec.Meta(max_length=64)]


class Kind(StrEnum):
    """What an up envelope is; only the sealed alert says so."""

    HEARTBEAT = "heartbeat"
    REPORT = "report"
    ADDITION = "addition"
    SILENT_CALL = "silent-call"
    TAKE_BACK = "take-back"


class Urgency(StrEnum):
    """How fast help is needed; each has its own ladder."""

    NOW = "now"
    TODAY = "today"
    INFORMATION = "information"


class ClockQuality(StrEnum):
    SYNCED = "synced"
    UNSYNCED = "unsynced"


class Stage(StrEnum):
    """What a desk says of a report, in the order in which trust grows."""

    STORED = "stored"
    DISPLAYED = "displayed"
    NOTICED = "noticed"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    REFUSED = "refused"


class CommandKind(StrEnum):
    LESSON_UNLOCK = "lesson-unlock"
    RESEND = "resend"
    REPLY = "reply"
    NEW_SHEET = "new-sheet"


class DutyState(StrEnum):
    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Struct(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The shared shape: immutable, an array on the wire, nothing extra accepted."""


class ReceiptsHeld(Struct, frozen=True):
    """The number of the last receipt that this kiosk holds from one desk."""

    desk: Id
    number: Count


class Life(Struct, frozen=True, order=True):
    """A device's place in its own time: only a greater one counts as life.

    `epoch` rises at each provisioning, `boot` at each start, `monotonic_ms` strictly with each envelope.
    """

    epoch: Count
    boot: Count
    monotonic_ms: Count


class Alert(Struct, frozen=True):
    """The part that a locked desk may show. In a private report `room` is empty: the place is story."""

    kind: Kind
    urgency: Urgency
    private: bool
    room: Room
    language: Code
    about: MaybeId
    life: Life
    wall_ms: Count
    clock: ClockQuality
    number: Count
    previous: MaybeDigest
    receipts_held: Annotated[tuple[ReceiptsHeld, ...], msgspec.Meta(max_length=6)]
    desk_sheet_version: Count
    route_sheet_version: Count
    faults: Annotated[tuple[Code, ...], msgspec.Meta(max_length=8)] = ()


class Story(Struct, frozen=True):
    """The part that only the route's readers can open. Words are UTF-8 bytes: whoever
    builds one may pass a bytearray (msgspec encodes both alike) and overwrite it after sealing.

    Codes (`category`, `who`, `pace`, …) are ids from `kiosk.talk`; empty means not asked or not said.
    """

    route: Code
    room: Room
    danger: Code = ""
    adult_here: Code = ""
    about_head: Code = ""
    category: Code = ""
    who: Code = ""
    pace: Code = ""
    staff_choice: Short = ""
    meet: Code = ""
    reporter: Code = "learner"
    source: Code = "touch"
    language: Code = "en"
    code_digest: MaybeDigest = b""
    text: Annotated[bytes, msgspec.Meta(max_length=TEXT_BYTES)] = b""
    name: Annotated[bytes, msgspec.Meta(max_length=NAME_BYTES)] = b""


class Draft(Struct, frozen=True):
    """What a talk (touchscreen, button or portal) hands over to be sealed and saved.

    `about` is the id of the report that an addition or a taking back belongs to. `hurry` False: the envelope takes
    the place of the next heartbeat.
    """

    kind: Kind
    urgency: Urgency
    private: bool
    hurry: bool
    about: MaybeId
    story: Story


class Receipt(Struct, frozen=True, tag=1):
    """A desk's word about one report. The desk signs the down envelope that carries it.

    `number` counts this desk's receipts for this device from 1. `reader` and `reader_signature` are there for
    acknowledged and closed only: the reader signs `receipt_claim(...)`.
    """

    stage: Stage
    report: Id
    digest: Digest
    number: Count
    at_ms: Count
    generation: Count = 0
    reader: MaybeId = b""
    reader_signature: Signature = b""
    reason: Code = ""


class Command(Struct, frozen=True, tag=2):
    """What a desk orders a kiosk to do. `not_after_ms` is on the kiosk's own monotonic clock of `boot`."""

    kind: CommandKind
    counter: Count
    boot: Count
    not_after_ms: Count
    argument: Annotated[bytes, msgspec.Meta(max_length=512)] = b""


class Duty(Struct, frozen=True):
    """Whether this desk is attended now; `until` is words for the screen ("08:30 tomorrow"), empty when unknown."""

    state: DutyState
    until: Short = ""


class Down(Struct, frozen=True):
    """What one down envelope carries. `answers` names the up envelope it answers and so proves that it is fresh."""

    answers: MaybeId
    desk_ms: Count
    duty: Duty
    desk_sheet_version: Count
    route_sheet_version: Count
    last_number: Count
    items: Annotated[tuple[Receipt | Command, ...], msgspec.Meta(max_length=8)] = ()


class StageEvent(Struct, frozen=True):
    """One thing that happened to one report at one desk; desks merge these as a set."""

    report: Id
    digest: Digest
    device: Id
    stage: Stage
    generation: Count
    at_ms: Count
    desk: Id
    reader: MaybeId = b""
    reader_signature: Signature = b""


class DeskNote(Struct, frozen=True):
    """A desk's heartbeat to the other desks and watchers: its life, the head of its ledger, and news."""

    life: Life
    wall_ms: Count
    duty: Duty
    ledger_length: Count
    ledger_head: Digest
    troubles: Annotated[tuple[Short, ...], msgspec.Meta(max_length=8)] = ()
    events: Annotated[tuple[StageEvent, ...], msgspec.Meta(max_length=8)] = ()


_T = TypeVar("_T", bound=Struct)
_encoder = msgspec.msgpack.Encoder()


def encode(message: Struct) -> bytes:
    """MessagePack bytes of one noun."""
    return _encoder.encode(message)


def encode_into(message: Struct, buffer: bytearray) -> None:
    """The same into a caller's buffer (replaced from offset 0), so that it can be overwritten afterwards."""
    _encoder.encode_into(message, buffer)


def decode(untrusted: bytes | bytearray | memoryview, noun: type[_T]) -> _T:
    """Parse and bounds-check.

    Raises:
        Refused("malformed"): not MessagePack, another shape, or a field out of bounds.
    """
    try:
        return msgspec.msgpack.decode(untrusted, type=noun)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Refused("malformed", f"not a {noun.__name__}") from problem


def receipt_claim(site: bytes, report: bytes, digest: bytes, stage: Stage, generation: int) -> bytes:
    """The bytes that a reader signs to say *acknowledged* or *closed* of exactly this report."""
    return b"quietbell/1 receipt\0" + msgspec.msgpack.encode((site, report, digest, stage.value, generation))
