"""Uses of vouchers: so many devices, so many minutes from the first, until the last day; no device is written down."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.byod import Audience
from firmware.errors import Refused, StoreFault
from firmware.vouchers import DEVICES_MAX, MINUTES, Voucher
from kiosk.portal.admission import Admitting
from kiosk.portal.voucher_uses import BROKEN_KEPT_MS, VoucherUses
from tests.support.byod_samples import AT_LUNCH, LONDON, wall_ms

NOW, MINUTE_MS = wall_ms(AT_LUNCH), 60_000
KEY = bytes(range(32))
CARD = Voucher(Audience.VISITOR, last_day=date(2027, 1, 14), minutes=120, devices=2, serial=17)
END = NOW + 120 * MINUTE_MS


def phone(number: int) -> bytes:
    return number.to_bytes(16, "big")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vouchers.json"


def opened(path: Path) -> VoucherUses:
    return VoucherUses(path, zone=LONDON, memory_key=KEY)


def bytes_on_disk(path: Path) -> bytes:
    return b"\0".join(file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.requirement("B9")
def test_the_minutes_run_from_the_first_use(path: Path) -> None:
    """First used at 12:30 for two hours: the second device, an hour later, gets what is left of them."""
    uses = opened(path)
    assert uses.use(CARD, NOW, pseudonym=phone(1)) == Admitting(Audience.VISITOR, END)
    assert uses.use(CARD, NOW + 60 * MINUTE_MS, pseudonym=phone(2)) == Admitting(Audience.VISITOR, END)


@pytest.mark.requirement("B9")
def test_no_more_devices_than_the_voucher_is_for(path: Path) -> None:
    """For two: the third is refused, also by a portal that was started anew."""
    uses = opened(path)
    for number in (1, 2):
        uses.use(CARD, NOW, pseudonym=phone(number))
    for portal in (uses, opened(path)):
        with pytest.raises(Refused, match="voucher-used-up"):
            portal.use(CARD, NOW, pseudonym=phone(3))


def test_a_device_that_sends_twice_is_counted_once(path: Path) -> None:
    """A double tap, and the way back: the voucher still has room for one more."""
    uses = opened(path)
    for number in (1, 1, 1, 2):
        assert uses.use(CARD, NOW, pseudonym=phone(number)).until_ms == END
    assert uses.check(CARD, NOW, pseudonym=phone(1)).until_ms == END
    with pytest.raises(Refused, match="voucher-used-up"):
        uses.check(CARD, NOW, pseudonym=phone(3))


def test_looking_counts_nothing(path: Path) -> None:
    """Asked ten times what it would give: nothing is written, and both devices still have a place."""
    uses = opened(path)
    for number in range(10):
        assert uses.check(CARD, NOW, pseudonym=phone(number)).until_ms == END
    assert list(path.parent.iterdir()) == []
    for number in (11, 12):
        uses.use(CARD, NOW, pseudonym=phone(number))


@pytest.mark.requirement("B9")
def test_when_its_minutes_are_over_it_is_over(path: Path) -> None:
    """To the millisecond, for who was counted and for who was not."""
    uses = opened(path)
    uses.use(CARD, NOW, pseudonym=phone(1))
    uses.use(CARD, END - 1, pseudonym=phone(1))
    for number in (1, 2):
        with pytest.raises(Refused, match="voucher-over"):
            uses.use(CARD, END, pseudonym=phone(number))


@pytest.mark.requirement("B9")
def test_after_its_last_day_it_opens_nothing(path: Path) -> None:
    """Valid through the last day on the site's clock, in summer time too; not a minute longer."""
    uses = opened(path)
    assert uses.use(CARD, wall_ms("2027-01-14 23:59"), pseudonym=phone(1)).until_ms == wall_ms("2027-01-15 01:59")
    with pytest.raises(Refused, match="voucher-past"):
        uses.use(CARD, wall_ms("2027-01-15 00:00"), pseudonym=phone(2))
    summer = replace(CARD, last_day=date(2027, 7, 1), serial=18)
    with pytest.raises(Refused, match="voucher-past"):
        uses.use(summer, wall_ms("2027-07-02 00:30"), pseudonym=phone(1))


def test_without_a_clock_no_voucher_is_taken(path: Path) -> None:
    """1970: nobody knows whether it has lapsed."""
    with pytest.raises(Refused, match="clock-unknown"):
        opened(path).use(CARD, 0, pseudonym=phone(1))


def test_a_clock_that_is_put_back_gives_no_more_than_the_minutes(path: Path) -> None:
    """First used "tomorrow" by a wrong clock: from now the minutes run once, not a day and the minutes."""
    uses = opened(path)
    uses.use(CARD, NOW + 24 * 60 * MINUTE_MS, pseudonym=phone(1))
    assert uses.use(CARD, NOW, pseudonym=phone(1)).until_ms == END
    assert opened(path).check(CARD, NOW + MINUTE_MS, pseudonym=phone(2)).until_ms == END


def test_serials_that_begin_anew_are_other_vouchers(path: Path) -> None:
    """The same number on a later sheet has a later last day, and its own count."""
    uses = opened(path)
    for number in (1, 2):
        uses.use(CARD, NOW, pseudonym=phone(number))
    later = replace(CARD, last_day=date(2027, 2, 14))
    assert uses.use(later, NOW, pseudonym=phone(3)).until_ms == END


def test_a_use_that_could_not_be_saved_is_not_counted(path: Path) -> None:
    """A folder in the way: StoreFault; afterwards the voucher still has all its devices."""
    uses = opened(path)
    uses.use(CARD, NOW, pseudonym=phone(1))
    in_the_way = path.with_name(path.name + ".new")
    in_the_way.mkdir()
    with pytest.raises(StoreFault):
        uses.use(CARD, NOW, pseudonym=phone(2))
    in_the_way.rmdir()
    uses.use(CARD, NOW, pseudonym=phone(3))


@pytest.mark.requirement("D1")
def test_nothing_of_a_device_is_stored(path: Path) -> None:
    """Every byte decoded: serial, last day, first use, count; in neither generation a pseudonym, nor anything keyed."""
    uses = opened(path)
    for serial in range(20):
        for number in range(2):
            uses.use(replace(CARD, serial=serial), NOW, pseudonym=phone(serial * 100 + number + 2**100))
    for file in path.parent.iterdir():
        content = json.loads(file.read_text(encoding="ascii"))
        record = content["_default"]["1"]
        assert (set(content), set(content["_default"]), set(record)) == ({"_default"}, {"1"}, {"format", "lines"})
        assert all(re.fullmatch(rf"\d\d? 2027-01-14 {NOW} [12]", line) for line in record["lines"])


@pytest.mark.requirement("D2")
def test_lapsed_vouchers_are_forgotten_in_every_byte(path: Path) -> None:
    """The day after its last: nothing of it in either generation; the others stay."""
    uses = opened(path)
    uses.use(CARD, NOW, pseudonym=phone(1))
    uses.use(replace(CARD, serial=99, last_day=date(2027, 1, 20)), NOW + 7, pseudonym=phone(1))
    assert uses.forget_before(wall_ms("2027-01-14 23:59")) == 0
    assert uses.forget_before(wall_ms("2027-01-15 00:00")) == 1
    assert f"17 2027-01-14 {NOW}".encode() not in bytes_on_disk(path)
    assert b"99 2027-01-20 " in bytes_on_disk(path)


@pytest.mark.requirement("D1")
def test_when_a_voucher_was_used_is_forgotten_with_its_minutes(path: Path) -> None:
    """A stolen card and the sheet on which reception wrote names: half a day after the first use nothing says when that
    was, and the voucher is over all the same, after a restart and with the clock put back too."""
    uses = opened(path)
    uses.use(CARD, NOW, pseudonym=phone(1))
    half_a_day = max(MINUTES) * MINUTE_MS
    uses.forget_before(NOW + half_a_day - 1)
    assert str(NOW).encode() in bytes_on_disk(path)
    assert uses.forget_before(NOW + half_a_day) == 0
    assert str(NOW).encode() not in bytes_on_disk(path)
    for portal in (uses, opened(path)):
        for at_ms in (NOW, NOW + half_a_day):
            with pytest.raises(Refused, match="voucher-over"):
                portal.check(CARD, at_ms, pseudonym=phone(1))


def test_a_clock_that_cannot_be_right_forgets_no_voucher(path: Path) -> None:
    """In 2100 every voucher has lapsed, but it is not 2100."""
    uses = opened(path)
    uses.use(CARD, NOW, pseudonym=phone(1))
    assert uses.forget_before(2**42) == 0


@pytest.mark.parametrize("line", ["17", "17 2027-13-01 5 1", "17 2027-01-14 5 9", "9999 2027-01-14 5 1", "x" * 90])
def test_counts_that_cannot_be_believed_begin_anew(path: Path, line: str) -> None:
    """Set aside and told; vouchers work; what was set aside goes after a month."""
    path.write_text(json.dumps({"_default": {"1": {"format": 1, "lines": [line]}}}))
    uses = opened(path)
    assert uses.trouble
    assert uses.use(CARD, NOW, pseudonym=phone(1)).until_ms == END
    aside = path.with_name(path.name + ".broken")
    written_ms = int(aside.stat().st_mtime * 1000)
    uses.forget_before(written_ms + BROKEN_KEPT_MS - MINUTE_MS)
    assert aside.exists()
    uses.forget_before(written_ms + BROKEN_KEPT_MS + MINUTE_MS)
    assert not aside.exists()


@pytest.mark.requirement("B9")
@given(
    minutes=st.sampled_from(MINUTES),
    devices=st.integers(1, DEVICES_MAX),
    tries=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 13 * 60), st.booleans()), max_size=25),
)
def test_however_it_is_passed_round_a_voucher_admits_no_more_than_it_says(
    minutes: int, devices: int, tries: list[tuple[int, int, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any devices at any times, with restarts between: never more devices, never past its minutes."""
    path = tmp_path_factory.mktemp("uses") / "vouchers.json"
    card, uses = replace(CARD, minutes=minutes, devices=devices), opened(path)
    met: set[bytes] = set()
    first_ms = 0
    for number, after, restart in sorted(tries, key=lambda each: each[1]):
        uses = opened(path) if restart else uses
        now = NOW - 12 * 60 * MINUTE_MS + after * MINUTE_MS
        try:
            given = uses.use(card, now, pseudonym=phone(number))
        except Refused:
            assert first_ms, "the first is never refused"
            continue
        first_ms = first_ms or now
        met.add(phone(number))
        assert now < given.until_ms == first_ms + minutes * MINUTE_MS
    assert len(met) <= devices
