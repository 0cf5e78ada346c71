"""Log lines: what one says, and that a flood is counted rather than written."""

from __future__ import annotations

import io
import logging

from firmware.log_lines import AT_FIRST, MOST_KINDS, THEN_EVERY_SECONDS, PlainFormatter, Terminal, one_line


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def terminal() -> tuple[Terminal, io.StringIO, Clock]:
    stream, clock = io.StringIO(), Clock()
    made = Terminal(stream, monotonic=clock)
    made.setFormatter(PlainFormatter())
    return made, stream, clock


def record(message: str = "refused", **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "quietbell.test", "levelno": logging.WARNING, "levelname": "WARNING"})
    made.msg = message
    vars(made).update(extra)
    return made


def test_a_line_says_the_ids_and_codes() -> None:
    """What a record was given as extra stands in its line: a refusal without its reason helps nobody."""
    line = PlainFormatter().format(record(device="ab12", reason="bad-signature"))
    assert line == "warning quietbell.test: refused device=ab12 reason=bad-signature"


def test_log_lines_have_no_traceback() -> None:
    """A logged exception is one line at a terminal."""
    error = ValueError("a\nb")
    made = logging.LogRecord("quietbell.link", logging.WARNING, "", 0, "lost\n%s", ("it",), (ValueError, error, None))
    assert PlainFormatter().format(made) == "warning quietbell.link: lost it"


def test_one_line_keeps_nothing_unprintable() -> None:
    """Text from a file or a peer cannot move the cursor or forge a second line."""
    assert one_line("a\r\nb\t\x1b]0;c\x07") == "a b ?]0;c?"


def test_a_flood_is_counted_not_written() -> None:
    """The first lines stand in full; the rest become one line with their number, and none is lost on the way."""
    made, stream, clock = terminal()
    for _ in range(1000):
        made.handle(record(reason="malformed"))
    assert len(stream.getvalue().splitlines()) == AT_FIRST
    clock.seconds += THEN_EVERY_SECONDS
    made.handle(record(reason="malformed"))
    lines = stream.getvalue().splitlines()
    assert lines[AT_FIRST:] == [f"warning quietbell.test: refused reason=malformed again={1001 - AT_FIRST}"]


def test_another_kind_is_not_hidden_by_a_flood() -> None:
    """A different message comes through at once, whatever is being held back."""
    made, stream, _ = terminal()
    for _ in range(1000):
        made.handle(record(reason="malformed"))
    made.handle(record("store-fault"))
    assert stream.getvalue().splitlines()[-1] == "warning quietbell.test: store-fault"


def test_made_up_ids_share_one_count() -> None:
    """A thousand invented senders take neither memory nor a thousand times the lines."""
    made, stream, _ = terminal()
    for number in range(10_000):
        made.handle(record(device=f"{number:032x}", reason="unknown-device"))
    assert len(stream.getvalue().splitlines()) == MOST_KINDS + AT_FIRST
    made.close()
    last = stream.getvalue().splitlines()[-1]
    assert last.endswith(f"again={10_000 - MOST_KINDS - AT_FIRST}")


def test_what_is_held_back_is_said_at_the_end() -> None:
    """A process that ends right after a flood has still told how many there were."""
    made, stream, _ = terminal()
    for _ in range(AT_FIRST + 5):
        made.handle(record(reason="malformed"))
    made.close()
    assert stream.getvalue().splitlines()[-1].endswith("again=5")


def test_after_a_quiet_time_it_is_news_again() -> None:
    """Once nothing has come for a while, the next one is written at once."""
    made, stream, clock = terminal()
    for _ in range(AT_FIRST):
        made.handle(record(reason="malformed"))
    clock.seconds += THEN_EVERY_SECONDS
    made.handle(record("something else"))
    made.handle(record(reason="malformed"))
    assert len(stream.getvalue().splitlines()) == AT_FIRST + 2
