"""Orders from a desk: which are obeyed, which are not, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.commands import (
    FURTHEST_AHEAD_MS,
    LIFE_MS,
    ORDERS,
    REPLY_BYTES,
    CommandGate,
    Ignored,
    LessonUnlock,
    NewSheet,
    Obeyed,
    Order,
    Reply,
    Resend,
    command,
)
from firmware.envelope import DirectHeader, fits_down, open_down, seal_down
from firmware.errors import Refused
from firmware.identity import KemKey, Recipient, SigningKey
from firmware.messages import Command, CommandKind, Down, Duty, DutyState, Struct, decode, encode

DESK, OTHER_DESK, STRANGER = b"d" * 16, b"e" * 16, b"s" * 16
DESKS = (DESK, OTHER_DESK)
REPORT = b"r" * 16
BOOT, NOW_MS = 7, 500_000

orders: st.SearchStrategy[Order] = st.one_of(
    st.builds(LessonUnlock, st.integers(0, 180)),
    st.builds(Resend, st.sampled_from([b"", REPORT])),
    st.builds(Reply, st.just(REPORT), st.binary(min_size=1, max_size=REPLY_BYTES)),
    st.builds(NewSheet, st.integers(0, 2**53), st.integers(0, 2**53)),
)


def gate(**counters: int) -> CommandGate:
    saved = {DESK: counters.get("desk", 0), OTHER_DESK: counters.get("other", 0)}
    return CommandGate(boot=BOOT, counters=saved)


def resend(counter: int = 1, boot: int = BOOT, kiosk_now_ms: int = NOW_MS) -> Command:
    return command(Resend(REPORT), counter=counter, boot=boot, kiosk_now_ms=kiosk_now_ms)


def reason(gate: CommandGate, desk: bytes, order: Command, now_ms: int = NOW_MS) -> str:
    decision = gate.judge(desk, order, desks=DESKS, now_ms=now_ms)
    return decision.reason if isinstance(decision, Ignored) else "obeyed"


@given(orders, st.integers(1, 2**40))
def test_every_order_survives_the_wire_and_is_obeyed(order: Order, counter: int) -> None:
    """What a desk means is what the kiosk does, for every kind, within the bounds of a down envelope."""
    sent = command(order, counter=counter, boot=BOOT, kiosk_now_ms=NOW_MS)
    down = Down(b"", 0, Duty(DutyState.ON), 1, 1, 0, (sent,))
    (received,) = decode(encode(down), Down).items
    assert isinstance(received, Command)
    assert gate().judge(DESK, received, desks=DESKS, now_ms=NOW_MS) == Obeyed(DESK, counter, order)


def test_every_kind_has_its_order() -> None:
    """No kind can be sent that the gate could not read."""
    assert set(ORDERS) == set(CommandKind)


def test_replayed_order_is_obeyed_once() -> None:
    """The same bytes a second time do nothing."""
    kept = gate()
    assert [reason(kept, DESK, resend()) for _ in range(3)] == ["obeyed", "replayed", "replayed"]


def test_replay_after_a_restart_of_the_process_does_nothing() -> None:
    """The saved counters speak for what an earlier process obeyed."""
    before = gate()
    assert reason(before, DESK, resend(counter=4)) == "obeyed"
    after = CommandGate(boot=BOOT, counters=before.counters)
    assert reason(after, DESK, resend(counter=4)) == "replayed"
    assert reason(after, DESK, resend(counter=5)) == "obeyed"


def test_each_desk_counts_for_itself() -> None:
    """A high counter of one desk cannot silence another."""
    kept = gate(desk=9)
    assert reason(kept, OTHER_DESK, resend(counter=1)) == "obeyed"
    assert reason(kept, DESK, resend(counter=9)) == "replayed"


def test_order_of_a_desk_that_the_sheet_does_not_name_does_nothing() -> None:
    """A desk that was removed, or never was one, orders nothing, even with a fresh counter."""
    kept = gate()
    assert reason(kept, STRANGER, resend(counter=99)) == "unknown-desk"
    assert STRANGER not in kept.counters


def test_order_for_another_start_of_the_kiosk_does_nothing() -> None:
    """Not-after counts on a clock that begins again at each boot, so an order belongs to one boot."""
    assert reason(gate(), DESK, resend(boot=BOOT - 1)) == "other-boot"
    assert reason(gate(), DESK, resend(boot=BOOT + 1)) == "other-boot"


def test_order_expires_on_the_kiosks_own_clock() -> None:
    """A broker that holds an order back cannot deliver it later."""
    assert reason(gate(), DESK, resend(), NOW_MS + LIFE_MS) == "obeyed"
    assert reason(gate(), DESK, resend(), NOW_MS + LIFE_MS + 1) == "expired"


def test_order_for_ever_is_refused() -> None:
    """Nobody can make an order that could be held back for days."""
    assert reason(gate(), DESK, resend(kiosk_now_ms=NOW_MS + FURTHEST_AHEAD_MS)) == "too-far-ahead"


@pytest.mark.parametrize("kind", CommandKind)
@pytest.mark.parametrize("argument", [b"", b"\x90", b"\xc1", b"\x91" + b"\xff" * 100])
def test_order_with_a_wrong_argument_is_refused_and_uses_no_counter(kind: CommandKind, argument: bytes) -> None:
    """A malformed order changes nothing, so the right one can still follow with the same counter."""
    kept = gate()
    assert reason(kept, DESK, Command(kind, 1, BOOT, NOW_MS, argument)) == "malformed"
    assert reason(kept, DESK, resend(counter=1)) == "obeyed"


def test_lesson_is_unlocked_for_a_bounded_time() -> None:
    """A member of staff can open a lesson and end it (0 minutes), never open a term."""
    for minutes, expected in ((0, "obeyed"), (60, "obeyed"), (180, "obeyed"), (181, "malformed"), (-1, "malformed")):
        ordered = command(LessonUnlock(minutes), counter=1, boot=BOOT, kiosk_now_ms=NOW_MS)
        assert reason(gate(), DESK, ordered) == expected


def test_forged_order_never_reaches_the_gate() -> None:
    """An order in a real down envelope opens only when the named desk signed it: another key, a flipped byte or
    another desk's name on it is refused."""
    desk_key, forger, kiosk_key = SigningKey.generate(), SigningKey.generate(), KemKey.generate()
    down = Down(b"", 0, Duty(DutyState.ON), 1, 1, 0, (resend(),))
    signing = {DESK: desk_key.public, OTHER_DESK: SigningKey.generate().public}.get

    def arrives(signer: SigningKey, claimed: bytes, flipped: int = -1) -> str:
        header = DirectHeader(site=b"s" * 16, desk=claimed, to=b"k" * 16, id=b"i" * 16)
        sealed = bytearray(seal_down(down, header, signer, Recipient(kiosk_key.public)))
        if flipped >= 0:
            sealed[flipped] ^= 1
        try:
            desk, opened = open_down(
                bytes(sealed), desk_signing=signing, key=kiosk_key, site=b"s" * 16, device=b"k" * 16
            )
        except Refused as refused:
            return refused.reason
        (order,) = opened.items
        assert isinstance(order, Command)
        return reason(gate(), desk, order)

    assert arrives(desk_key, DESK) == "obeyed"
    assert arrives(forger, DESK) == "bad-signature"
    assert arrives(desk_key, OTHER_DESK) == "bad-signature"
    assert arrives(forger, STRANGER) == "unknown-desk"
    assert {arrives(desk_key, DESK, flipped) for flipped in range(100, 1_000, 50)} == {"bad-signature"}


def test_longest_order_fits_a_down_envelope() -> None:
    """The longest reply that may be written is one that can be sent, with room for the receipts it travels with."""
    order = Reply(REPORT, b"x" * REPLY_BYTES)
    sent = command(order, counter=2**40, boot=2**40, kiosk_now_ms=2**40)
    assert fits_down(Down(REPORT, 2**40, Duty(DutyState.OFF, "08:30 tomorrow"), 99, 99, 2**20, (sent,)))


def test_unknown_kind_is_refused_by_the_decoder() -> None:
    """An order of a kind that this kiosk does not know never reaches the gate."""

    class Stranger(Struct, frozen=True, tag=2):
        kind: str = "erase-everything"
        counter: int = 1
        boot: int = BOOT
        not_after_ms: int = NOW_MS
        argument: bytes = b""

    with pytest.raises(Refused, match="malformed"):
        decode(encode(Stranger()), Command)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([DESK, OTHER_DESK, STRANGER]),
            st.integers(0, 6),
            st.integers(BOOT - 1, BOOT + 1),
            st.integers(NOW_MS - 2 * LIFE_MS, NOW_MS + LIFE_MS),
        ),
        max_size=40,
    )
)
def test_no_sequence_obeys_a_counter_twice_or_backwards(sent: list[tuple[bytes, int, int, int]]) -> None:
    """Whatever is sent in whatever order, the obeyed counters of each desk only rise, and saved counters agree."""
    kept = gate()
    obeyed: dict[bytes, list[int]] = {DESK: [0], OTHER_DESK: [0]}
    for desk, counter, boot, kiosk_now_ms in sent:
        decision = kept.judge(desk, resend(counter, boot, kiosk_now_ms), desks=DESKS, now_ms=NOW_MS)
        if isinstance(decision, Obeyed):
            assert boot == BOOT
            assert kiosk_now_ms + LIFE_MS >= NOW_MS
            obeyed[desk].append(counter)
    for desk, counters in obeyed.items():
        assert counters == sorted(set(counters))
        assert kept.counters[desk] == counters[-1]
