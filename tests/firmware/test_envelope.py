"""The envelope: one size, three real slots, and no byte that can be changed."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import envelope, messages
from firmware.errors import ProgrammerError, Refused
from firmware.identity import X25519_SHARE_OFFSET, KemKey, Recipient, SigningKey
from firmware.messages import (
    Alert,
    ClockQuality,
    Command,
    CommandKind,
    DeskNote,
    Down,
    Duty,
    DutyState,
    Kind,
    Life,
    Receipt,
    ReceiptsHeld,
    Stage,
    StageEvent,
    Story,
    Struct,
    Urgency,
    decode,
    encode,
)

SITE, DEVICE, DESK = b"s" * 16, b"k" * 16, b"d" * 16
KIOSK, DESK_SIGNING = SigningKey.generate(), SigningKey.generate()
DESK_KEY, ROUTE, OTHER_ROUTE, RECOVERY, KIOSK_KEM = (KemKey.generate() for _ in range(5))
TO = envelope.SealTo(Recipient(DESK_KEY.public), Recipient(ROUTE.public), Recipient(RECOVERY.public))

# Four bytes in UTF-8: the dearest character there is.
DEAR = "\U0001f514"
BIG = 2**53
CODE, DIGEST = "c" * 32, b"g" * 32
HEARTBEAT_STORY = Story(route="", room="")


def alert(kind: Kind = Kind.REPORT, room: str = "Room 12") -> Alert:
    return Alert(
        kind=kind,
        urgency=Urgency.TODAY,
        private=False,
        room=room,
        language="en",
        about=b"",
        life=Life(1, 1, 1),
        wall_ms=1,
        clock=ClockQuality.SYNCED,
        number=1,
        previous=b"",
        receipts_held=(),
        desk_sheet_version=1,
        route_sheet_version=1,
    )


LARGEST_ALERT = Alert(
    kind=Kind.SILENT_CALL,
    urgency=Urgency.INFORMATION,
    private=True,
    room=DEAR * messages.ROOM_CHARACTERS,
    language=CODE,
    about=SITE,
    life=Life(BIG, BIG, BIG),
    wall_ms=BIG,
    clock=ClockQuality.UNSYNCED,
    number=BIG,
    previous=DIGEST,
    receipts_held=(ReceiptsHeld(DESK, BIG),) * 6,
    desk_sheet_version=BIG,
    route_sheet_version=BIG,
    faults=(CODE,) * 8,
)
LARGEST_STORY = Story(
    route=CODE,
    room=DEAR * messages.ROOM_CHARACTERS,
    danger=CODE,
    adult_here=CODE,
    about_head=CODE,
    category=CODE,
    who=CODE,
    pace=CODE,
    staff_choice=DEAR * 64,
    meet=CODE,
    reporter=CODE,
    source=CODE,
    language=CODE,
    code_digest=DIGEST,
    text=(DEAR * messages.TEXT_CHARACTERS).encode(),
    name=(DEAR * messages.NAME_CHARACTERS).encode(),
)
LARGEST_RECEIPT = Receipt(Stage.ACKNOWLEDGED, SITE, DIGEST, BIG, BIG, BIG, DESK, b"s" * 64, CODE)
LARGEST_DUTY = Duty(DutyState.UNKNOWN, DEAR * 64)
LARGEST_EVENT = StageEvent(SITE, DIGEST, DEVICE, Stage.ACKNOWLEDGED, BIG, BIG, DESK, DESK, b"s" * 64)
LARGEST_NOTE = DeskNote(Life(BIG, BIG, BIG), BIG, LARGEST_DUTY, BIG, DIGEST, (DEAR * 64,) * 8, (LARGEST_EVENT,) * 8)


def down_of(*items: Receipt | Command) -> Down:
    return Down(SITE, BIG, LARGEST_DUTY, BIG, BIG, BIG, items)


def sealed(what: Alert, words: Story, *, id: bytes = b"i" * 16, epoch: int = 1) -> bytes:
    blank = envelope.make_blank(site=SITE, device=DEVICE, id=id, epoch=epoch, to=TO, random_bytes=os.urandom)
    return envelope.fill(blank, what, words, KIOSK)


REPORT = sealed(alert(), Story(route="safeguarding", room="Room 12", text=b"words"))


def believed(untrusted: bytes) -> bool:
    """Whether a desk would take these bytes for the kiosk's."""
    try:
        envelope.parse_up(untrusted).check_signature(KIOSK.public)
    except Refused:
        return False
    return True


def forged(up: bytes, **changes: object) -> bytes:
    """The kiosk's own key signs an envelope with other parts: what is left must be found inside."""
    parsed = envelope.parse_up(up)
    clear = msgspec.structs.replace(parsed.clear, **{k: v for k, v in changes.items() if k not in ("alert_ct",)})
    alert_ct = cast(bytes, changes.get("alert_ct", parsed.alert_ct))
    head = encode(clear)
    signature = KIOSK.sign(b"quietbell/1 up\0" + bytes([1]) + head + alert_ct + parsed.story_ct)
    return msgspec.msgpack.encode([1, head, alert_ct, parsed.story_ct, signature])


# --- sizes ---


@pytest.mark.requirement("D3")
@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    room=st.text(max_size=messages.ROOM_CHARACTERS),
    text=st.text(max_size=messages.TEXT_CHARACTERS),
    name=st.text(max_size=messages.NAME_CHARACTERS),
    kind=st.sampled_from(Kind),
)
def test_every_up_envelope_has_one_size(room: str, text: str, name: str, kind: Kind) -> None:
    """Whatever is in it, up to the limits of its fields, an up envelope is UP_BYTES long and opens to what went in."""
    words = Story(route="safeguarding", room=room, text=text.encode(), name=name.encode())
    payload = sealed(alert(kind, room), words)
    assert len(payload) == envelope.UP_BYTES
    up = envelope.parse_up(payload)
    assert envelope.open_alert(up, DESK_KEY) == alert(kind, room)
    assert envelope.open_story(up, [OTHER_ROUTE, ROUTE]) == words
    assert envelope.open_story_for_recovery(up, RECOVERY) == words


def test_the_largest_of_everything_fits() -> None:
    """The largest alert and story that the nouns allow are sealed, opened and as long as the smallest."""
    payload = sealed(LARGEST_ALERT, LARGEST_STORY)
    up = envelope.parse_up(payload)
    assert envelope.open_alert(up, DESK_KEY) == LARGEST_ALERT
    assert envelope.open_story(up, [ROUTE]) == LARGEST_STORY
    assert len(payload) == len(sealed(alert(Kind.HEARTBEAT, ""), HEARTBEAT_STORY))


def test_the_largest_down_and_note_fit() -> None:
    """Eight of the largest receipts fit a down envelope, eight events and eight troubles fit a note; one size each."""
    header = envelope.DirectHeader(SITE, DESK, DEVICE, b"i" * 16)
    full, empty = down_of(*[LARGEST_RECEIPT] * 8), Down(b"", 0, Duty(DutyState.ON), 0, 0, 0)
    assert envelope.fits_down(full)
    sizes = {len(envelope.seal_down(d, header, DESK_SIGNING, Recipient(KIOSK_KEM.public))) for d in (full, empty)}
    assert sizes == {envelope.DOWN_FULL_BYTES}
    note_header = envelope.DirectHeader(SITE, DESK, SITE, b"i" * 16)
    note = envelope.seal_note(LARGEST_NOTE, note_header, DESK_SIGNING, Recipient(DESK_KEY.public))
    assert len(note) == envelope.NOTE_FULL_BYTES
    opened = envelope.open_note(note, desk_signing=lambda _: DESK_SIGNING.public, key=DESK_KEY, site=SITE)
    assert opened == (DESK, LARGEST_NOTE)


def test_three_full_commands_fit_and_too_many_are_found() -> None:
    """`fits_down` tells before sealing whether commands fit, and sealing more than fits is an error of ours."""
    order = Command(CommandKind.LESSON_UNLOCK, BIG, BIG, BIG, b"a" * 512)
    assert envelope.fits_down(down_of(*[order] * 3))
    assert not envelope.fits_down(down_of(*[order] * 8))
    with pytest.raises(ProgrammerError):
        envelope.seal_down(
            down_of(*[order] * 8),
            envelope.DirectHeader(SITE, DESK, DEVICE, b"i" * 16),
            DESK_SIGNING,
            Recipient(KIOSK_KEM.public),
        )


# --- nothing can be changed ---


@pytest.mark.requirement("D3", "A4")
@settings(deadline=None, derandomize=True, max_examples=600)
@given(at=st.integers(0, envelope.UP_BYTES - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_of_an_up_envelope_is_detected(at: int, bit: int) -> None:
    """A flipped bit anywhere is refused: by its shape, its size or its signature."""
    changed = bytearray(REPORT)
    changed[at] ^= 1 << bit
    assert not believed(bytes(changed))


def test_the_frame_of_an_envelope_has_only_one_form() -> None:
    """No other byte in any place of the frame (types, lengths, version) is believed, so one report has one digest."""
    parsed = envelope.parse_up(REPORT)
    parts = (parsed.clear, parsed.alert_ct, parsed.story_ct, parsed.signature)
    ends = [REPORT.index(part if isinstance(part, bytes) else encode(part)) for part in parts]
    frame = sorted({place for end in ends for place in range(max(0, end - 3), end)} | {0, 1})
    for place in frame:
        for value in set(range(256)) - {REPORT[place]}:
            assert not believed(REPORT[:place] + bytes([value]) + REPORT[place + 1 :])


@settings(deadline=None, derandomize=True, max_examples=60)
@given(keep=st.integers(0, envelope.UP_BYTES + 100))
def test_a_truncated_or_stretched_envelope_is_refused(keep: int) -> None:
    """Any other length is refused before anything is parsed."""
    stretched = (REPORT + bytes(100))[:keep]
    assert believed(stretched) == (keep == envelope.UP_BYTES)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(untrusted=st.binary(min_size=1, max_size=64))
def test_bytes_of_the_right_size_from_strangers_are_refused(untrusted: bytes) -> None:
    """Random bytes of exactly the right size are refused and raise nothing else."""
    repeated = (untrusted * envelope.UP_BYTES)[: envelope.UP_BYTES]
    assert not believed(repeated)


@pytest.mark.parametrize("part", ["alert_slot", "route_slot", "recovery_slot", "alert_commitment", "story_commitment"])
def test_a_part_of_another_envelope_does_not_open(part: str) -> None:
    """Even the kiosk's own key cannot move a slot or a commitment from one envelope to another: the header is bound
    into every seal, and the commitments are checked."""
    other = envelope.parse_up(sealed(alert(), HEARTBEAT_STORY, id=b"j" * 16))
    swapped = envelope.parse_up(forged(REPORT, **{part: getattr(other.clear, part)}))
    swapped.check_signature(KIOSK.public)
    openers: dict[str, Callable[[], object]] = {
        "alert": lambda: envelope.open_alert(swapped, DESK_KEY),
        "route": lambda: envelope.open_story(swapped, [ROUTE]),
        "recovery": lambda: envelope.open_story_for_recovery(swapped, RECOVERY),
    }
    touched = ("route", "recovery") if part == "story_commitment" else (part.partition("_")[0],)
    for name in touched:
        with pytest.raises(Refused, match=r"will-not-open|bad-commitment"):
            openers[name]()


def test_a_ciphertext_of_another_envelope_does_not_open() -> None:
    """An alert moved between envelopes fails its tag."""
    other = envelope.parse_up(sealed(alert(), HEARTBEAT_STORY))
    with pytest.raises(Refused, match="will-not-open"):
        envelope.open_alert(envelope.parse_up(forged(REPORT, alert_ct=other.alert_ct)), DESK_KEY)


def test_slots_do_not_stand_for_one_another() -> None:
    """A slot sealed for recovery does not open as a route slot, even for the same key."""
    same = envelope.SealTo(TO.alert, TO.recovery, TO.recovery)
    blank = envelope.make_blank(site=SITE, device=DEVICE, id=b"i" * 16, epoch=1, to=same, random_bytes=os.urandom)
    payload = envelope.fill(blank, alert(), HEARTBEAT_STORY, KIOSK)
    up = envelope.parse_up(payload)
    moved = envelope.parse_up(forged(payload, route_slot=up.clear.recovery_slot))
    assert envelope.open_story(up, [RECOVERY])
    with pytest.raises(Refused, match="will-not-open"):
        envelope.open_story(moved, [RECOVERY])


@pytest.mark.parametrize(
    ("field", "value"), [("site", b"S" * 16), ("device", b"K" * 16), ("id", b"I" * 16), ("epoch", bytes(4))]
)
def test_another_header_does_not_open(field: str, value: bytes) -> None:
    """Site, device, id and epoch are bound into every key, also against whoever holds the kiosk's signing key."""
    header = msgspec.structs.replace(envelope.parse_up(REPORT).header, **{field: value})
    changed = envelope.parse_up(forged(REPORT, header=header))
    changed.check_signature(KIOSK.public)
    with pytest.raises(Refused, match="will-not-open"):
        envelope.open_alert(changed, DESK_KEY)
    with pytest.raises(Refused, match="will-not-open"):
        envelope.open_story(changed, [ROUTE])


def test_no_other_key_opens_a_part() -> None:
    """The desk key opens no story, another route's key opens nothing, the recovery key opens no alert."""
    up = envelope.parse_up(REPORT)
    for keys in ([DESK_KEY], [OTHER_ROUTE], [RECOVERY], [KIOSK_KEM], []):
        with pytest.raises(Refused, match="will-not-open"):
            envelope.open_story(up, keys)
    for key in (ROUTE, RECOVERY, KIOSK_KEM):
        with pytest.raises(Refused, match="will-not-open"):
            envelope.open_alert(up, key)


def test_an_envelope_of_a_newer_version_is_heard_but_not_opened() -> None:
    """A newer kiosk's envelope is parsed and its signature checked, so that a desk can keep it."""
    parsed = envelope.parse_up(REPORT)
    head = encode(parsed.clear)
    signature = KIOSK.sign(b"quietbell/1 up\0" + bytes([9]) + head + parsed.alert_ct + parsed.story_ct)
    up = envelope.parse_up(msgspec.msgpack.encode([9, head, parsed.alert_ct, parsed.story_ct, signature]))
    up.check_signature(KIOSK.public)
    with pytest.raises(Refused, match="unknown-version"):
        envelope.open_alert(up, DESK_KEY)


# --- down ---


def down_payload(
    *, signer: SigningKey = DESK_SIGNING, site: bytes = SITE, to: bytes = DEVICE, kem: KemKey = KIOSK_KEM
) -> bytes:
    header = envelope.DirectHeader(site, DESK, to, os.urandom(16))
    return envelope.seal_down(down_of(LARGEST_RECEIPT), header, signer, Recipient(kem.public))


def open_down(untrusted: bytes) -> tuple[bytes, Down]:
    known = {DESK: DESK_SIGNING.public}
    return envelope.open_down(untrusted, desk_signing=known.get, key=KIOSK_KEM, site=SITE, device=DEVICE)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(at=st.integers(0, envelope.DOWN_FULL_BYTES - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_down_envelope_is_refused(at: int, bit: int) -> None:
    """A down envelope with one changed bit says nothing."""
    changed = bytearray(DOWN)
    changed[at] ^= 1 << bit
    with pytest.raises(Refused):
        open_down(bytes(changed))


DOWN = down_payload()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (down_payload(signer=SigningKey.generate()), "bad-signature"),
        (down_payload(to=b"K" * 16), "wrong-address"),
        (down_payload(site=b"S" * 16), "wrong-address"),
        (down_payload(kem=OTHER_ROUTE), "will-not-open"),
        (DOWN[:-1], "wrong-size"),
        (b"", "wrong-size"),
        (REPORT, "wrong-size"),
    ],
)
def test_a_down_envelope_from_or_for_somebody_else_is_refused(payload: bytes, reason: str) -> None:
    """Forged, misdirected, unreadable or shortened: refused with its reason."""
    with pytest.raises(Refused, match=reason):
        open_down(payload)


def test_a_note_is_not_a_down_envelope() -> None:
    """Labels keep a desk's note from being read as its word to a kiosk, even with one key and one size."""
    header = envelope.DirectHeader(SITE, DESK, SITE, b"i" * 16)
    down = envelope.seal_down(down_of(), header, DESK_SIGNING, Recipient(DESK_KEY.public))
    with pytest.raises(Refused):
        envelope.open_note(down, desk_signing=lambda _: DESK_SIGNING.public, key=DESK_KEY, site=SITE)


# --- nothing tells them apart ---


def test_every_share_of_every_slot_is_a_real_one() -> None:
    """In heartbeats and reports alike, all three slots hold an X25519 share with a clear top bit on the curve itself
    (not its twist), as only real seals do; random bytes would fail three times in four."""
    for number in range(40):
        beat = sealed(alert(Kind.HEARTBEAT, ""), HEARTBEAT_STORY, id=number.to_bytes(16, "big"))
        report = sealed(alert(), LARGEST_STORY, id=number.to_bytes(16, "big"))
        for payload in (beat, report):
            clear = envelope.parse_up(payload).clear
            for slot in (clear.alert_slot, clear.route_slot, clear.recovery_slot):
                assert is_share(slot[X25519_SHARE_OFFSET : X25519_SHARE_OFFSET + 32])
    chance = random.Random(1)
    assert sum(is_share(chance.randbytes(32)) for _ in range(400)) < 160


def is_share(share: bytes) -> bool:
    """Euler's criterion on y^2 = x^3 + 486662 x^2 + x over 2^255 - 19 (RFC 7748)."""
    prime = 2**255 - 19
    x = int.from_bytes(share, "little")
    if x >= prime:
        return False
    square = (x * x * x + 486662 * x * x + x) % prime
    return pow(square, (prime - 1) // 2, prime) in (0, 1)


@pytest.mark.requirement("D3")
def test_no_byte_statistic_tells_a_heartbeat_from_a_report() -> None:
    """Over slots and ciphertexts of 60 heartbeats and 60 reports full of one letter, mean and spread of the bytes lie
    within what chance gives; the lengths and the clear fields are the same."""
    words = Story(route="safeguarding", room="Room 12", text=b"a" * 2000)
    beats = [envelope.parse_up(sealed(alert(Kind.HEARTBEAT, ""), HEARTBEAT_STORY)) for _ in range(60)]
    reports = [envelope.parse_up(sealed(alert(), words)) for _ in range(60)]

    def bytes_of(ups: list[envelope.UpEnvelope], part: str) -> list[int]:
        return [value for up in ups for value in (getattr(up.clear, part, None) or getattr(up, part))]

    for part in ("alert_slot", "route_slot", "recovery_slot", "alert_ct", "story_ct"):
        ours, theirs = bytes_of(beats, part), bytes_of(reports, part)
        assert len(ours) == len(theirs)
        # Uniform bytes: mean 127.5, deviation 73.9. Five standard errors of a difference of two means.
        allowed = 5 * 73.9 * (2 / len(ours)) ** 0.5
        assert abs(statistics.fmean(ours) - statistics.fmean(theirs)) < allowed
        for bit in range(8):
            share = [sum(value >> bit & 1 for value in values) / len(values) for values in (ours, theirs)]
            assert abs(share[0] - share[1]) < 5 * 0.5 * (2 / len(ours)) ** 0.5


# --- words in memory ---

SCAN = """
import os, sys
from firmware import envelope
from firmware.identity import KemKey, Recipient, SigningKey
from firmware.messages import *
to = envelope.SealTo(*(Recipient(KemKey.generate().public) for _ in range(3)))
alert = Alert(Kind.REPORT, Urgency.NOW, False, "R", "en", b"", Life(1, 1, 1), 1, ClockQuality.SYNCED, 1, b"", (), 1, 1)
signer, one = SigningKey.generate(), b"1" * 16
made = envelope.make_blank(site=one, device=one, id=one, epoch=1, to=to, random_bytes=os.urandom)
mask = bytes(os.urandom(1)[0] | 1 for _ in range(1)) * 48
hidden = bytearray(os.urandom(48))
words = bytearray(a ^ b for a, b in zip(hidden, mask))
sealed = envelope.fill(made, alert, Story(route="r", room="R", text=words), signer)
if "keep" not in sys.argv:
    envelope.overwrite(words)
table = bytes(value ^ mask[0] for value in range(256))
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    regions = [line.split() for line in maps]
    for region in regions:
        if not region[1].startswith("rw") or (len(region) > 5 and region[5].startswith("[v")):
            continue
        start, end = (int(part, 16) for part in region[0].split("-"))
        memory.seek(start)
        try:
            found += memory.read(end - start).translate(table).count(hidden)
        except OSError:
            continue
print(found)
"""


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(("arguments", "copies_left"), [([], False), (["keep"], True)])
def test_no_copy_of_the_words_stays_in_memory(arguments: list[str], copies_left: bool) -> None:
    """After sealing, and after the caller has overwritten its buffer, the whole memory of the process holds no copy of
    the words. The second run keeps the buffer and finds it, so the search does see."""
    done = subprocess.run([sys.executable, "-c", SCAN, *arguments], capture_output=True, text=True, check=True)
    assert (int(done.stdout) > 0) == copies_left


def test_what_does_not_fit_is_an_error_and_leaves_no_buffer() -> None:
    """A story over its bounds is our own mistake and says so."""
    with pytest.raises(ProgrammerError, match="Story"):
        sealed(alert(), Story(route="r", room="R", text=b"t" * 4000))


@pytest.mark.parametrize("noun", [LARGEST_ALERT, LARGEST_STORY, LARGEST_NOTE, down_of(*[LARGEST_RECEIPT] * 8)])
def test_the_largest_nouns_are_within_their_own_bounds(noun: Struct) -> None:
    """What this file calls largest is what the other side accepts."""
    assert decode(encode(noun), type(noun)) == noun
