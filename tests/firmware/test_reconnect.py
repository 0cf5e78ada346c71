"""Between two sessions: pauses with full jitter, and the MQTT that this broker understands."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from firmware.reconnect import ACCEPT_SECONDS, GUESS_SECONDS, RECONNECT_MAX_SECONDS, Backoff, Dialect, Version


@given(seed=st.integers(), failures=st.integers(min_value=0, max_value=3_000))
def test_a_pause_is_never_longer_than_its_step(seed: int, failures: int) -> None:
    """1, 2, 4, 8, 16, 30, 30 … are ceilings, for ever, and no pause is negative."""
    backoff = Backoff(Random(seed))
    pauses = [backoff.next_seconds() for _ in range(failures + 1)]
    assert 0.0 <= pauses[-1] <= min(RECONNECT_MAX_SECONDS, 2.0 ** min(failures, 5))


def test_the_jitter_is_full() -> None:
    """A thousand kiosks in their sixth pause spread over the whole half minute: no second of it gets four times its
    share."""
    pauses = []
    for seed in range(1_000):
        backoff = Backoff(Random(seed))
        for _ in range(6):
            pause = backoff.next_seconds()
        pauses.append(pause)
    seconds = [sum(second <= pause < second + 1 for pause in pauses) for second in range(30)]
    assert max(seconds) < 4 * len(pauses) / 30
    assert min(seconds) > 0


def test_a_good_session_begins_anew() -> None:
    """After a reset the first pause is under a second again."""
    backoff = Backoff(Random(1))
    for _ in range(20):
        backoff.next_seconds()
    backoff.reset()
    assert backoff.next_seconds() <= 1.0


def test_mqtt_5_is_tried_first_and_with_little_patience() -> None:
    """Until a broker has spoken 5, silence after a 5 is not waited out for long."""
    dialect = Dialect()
    assert (dialect.version, dialect.patience_seconds) == (Version.FIVE, GUESS_SECONDS)


def test_a_broker_without_5_gets_3_1_1_and_keeps_it() -> None:
    """Refused in 5, taken in 3.1.1: the next session begins with what worked."""
    dialect = Dialect()
    dialect.refused(for_the_version=True)
    assert (dialect.version, dialect.patience_seconds) == (Version.THREE_ONE_ONE, ACCEPT_SECONDS)
    dialect.accepted()
    assert dialect.version is Version.THREE_ONE_ONE


def test_a_broker_that_spoke_5_is_not_taken_for_an_old_one_because_it_was_killed() -> None:
    """A proven 5 that hangs up once is tried in 3.1.1, and asked for 5 again afterwards."""
    dialect = Dialect()
    dialect.accepted()
    assert dialect.patience_seconds == ACCEPT_SECONDS
    dialect.refused(for_the_version=False)
    tried = [dialect.version]
    dialect.accepted()
    assert [*tried, dialect.version] == [Version.THREE_ONE_ONE, Version.FIVE]


def test_a_broker_that_was_replaced_by_an_older_one_is_believed() -> None:
    """Its plain word "unsupported version" outweighs that 5 once worked here."""
    dialect = Dialect()
    dialect.accepted()
    dialect.refused(for_the_version=True)
    dialect.accepted()
    assert dialect.version is Version.THREE_ONE_ONE


def test_failures_alternate_for_ever() -> None:
    """Neither version is given up while nothing works."""
    dialect = Dialect()
    tried = []
    for _ in range(6):
        tried.append(dialect.version)
        dialect.refused(for_the_version=False)
    assert tried == [Version.FIVE, Version.THREE_ONE_ONE] * 3
