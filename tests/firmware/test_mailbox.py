"""The mailbox: bounded, empty outside a session, and deaf to tokens of another one."""

from __future__ import annotations

from collections.abc import Iterator
from select import select

import pytest

from firmware.errors import ProgrammerError
from firmware.mailbox import OUTGOING_MAX_MESSAGES, WINDOW_MESSAGES, Mailbox, Outgoing

MAIL = Outgoing("topic", b"payload", False)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    mailbox.unlock()
    mailbox.begin()
    yield mailbox
    mailbox.lock()


def rings(mailbox: Mailbox) -> bool:
    return bool(select([mailbox.sleeper()], [], [], 0)[0])


def test_nothing_is_taken_before_the_session_is_open(mailbox: Mailbox) -> None:
    """Without a session `publish` says no and keeps nothing."""
    assert not mailbox.publish(MAIL)
    mailbox.open()
    assert mailbox.next_publish() is None


def test_a_publish_rings_the_bell_and_comes_out_in_order(mailbox: Mailbox) -> None:
    """The network thread wakes at once and finds first what was put in first."""
    mailbox.open()
    other = Outgoing("topic", b"second", True)
    assert mailbox.publish(MAIL)
    assert mailbox.publish(other)
    assert rings(mailbox)
    assert [mailbox.next_publish(), mailbox.next_publish(), mailbox.next_publish()] == [MAIL, other, None]


def test_more_than_its_bound_is_refused(mailbox: Mailbox) -> None:
    """A network that does not move fills a bounded queue; then `publish` says no, until there is room."""
    mailbox.open()
    assert all(mailbox.publish(MAIL) for _ in range(OUTGOING_MAX_MESSAGES))
    assert not mailbox.publish(MAIL)
    mailbox.next_publish()
    assert mailbox.publish(MAIL)


def test_a_closed_session_forgets_everything(mailbox: Mailbox) -> None:
    """What was not sent is not sent in the next session: it would be stale."""
    mailbox.open()
    mailbox.publish(MAIL)
    mailbox.acknowledge(mailbox.received(5))
    mailbox.close()
    mailbox.begin()
    mailbox.open()
    assert mailbox.next_publish() is None
    assert mailbox.next_to_acknowledge() is None


def test_a_token_acknowledges_once(mailbox: Mailbox) -> None:
    """Given twice, it comes out once."""
    token = mailbox.received(5)
    mailbox.acknowledge(token)
    mailbox.acknowledge(token)
    assert rings(mailbox)
    assert [mailbox.next_to_acknowledge(), mailbox.next_to_acknowledge()] == [5, None]


def test_a_token_of_an_older_session_or_of_nothing_does_nothing(mailbox: Mailbox) -> None:
    """The same message id in the next session belongs to another message."""
    old = mailbox.received(5)
    mailbox.close()
    mailbox.begin()
    new = mailbox.received(5)
    assert old != new
    for token in (old, new + 1, 0, -1):
        mailbox.acknowledge(token)
    assert mailbox.next_to_acknowledge() is None
    mailbox.acknowledge(new)
    assert mailbox.next_to_acknowledge() == 5


def test_it_is_full_when_too_much_waits_and_empties_by_acknowledging(mailbox: Mailbox) -> None:
    """At the window's end the link stops reading; one acknowledgement is room for one."""
    tokens = [mailbox.received(number) for number in range(1, WINDOW_MESSAGES)]
    assert not mailbox.is_full()
    mailbox.received(WINDOW_MESSAGES)
    assert mailbox.is_full()
    mailbox.acknowledge(tokens[0])
    assert not mailbox.is_full()


def test_ringing_a_bell_that_nobody_hears_never_blocks(mailbox: Mailbox) -> None:
    """A hundred thousand wakes of a sleeping thread fill the socket pair and are no error."""
    for _ in range(100_000):
        mailbox.wake()
    assert rings(mailbox)


def test_a_stopped_mailbox_is_silent() -> None:
    """After the link has stopped, late callers are told no and nothing breaks."""
    mailbox = Mailbox()
    mailbox.wake()
    with pytest.raises(ProgrammerError):
        mailbox.sleeper()
    mailbox.unlock()
    mailbox.begin()
    mailbox.open()
    token = mailbox.received(1)
    mailbox.close()
    mailbox.lock()
    mailbox.lock()
    mailbox.wake()
    mailbox.acknowledge(token)
    assert not mailbox.publish(MAIL)
