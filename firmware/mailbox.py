"""What other threads leave for the link's network thread, and the bell that wakes it.

Owns the queue of publishes, the tokens of messages that wait to be acknowledged, and their bounds. It is empty outside
a session: what was not sent is forgotten, because the outboxes keep it, and a token of an earlier session does nothing.
Knows nothing of paho.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from dataclasses import dataclass

from firmware.errors import ProgrammerError

# How many messages may wait for our acknowledgement before we read no more: what bounds the loop's queue. Two group
# commits' worth. MQTT's own window does not do it: mosquitto 2.0.11 was seen with 933 in flight of 512 agreed.
WINDOW_MESSAGES = 1024
# How many publishes may wait for the network: a second of a desk's answers. Past it `publish` says no.
OUTGOING_MAX_MESSAGES = 1024

_log = logging.getLogger("quietbell.link")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to the broker."""

    topic: str
    payload: bytes
    retain: bool


class Mailbox:
    """What other threads leave for the network thread, and the bell that wakes it. Empty outside a session."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._open = False
        self._session_number = 0
        self._publishes: deque[Outgoing] = deque()
        self._to_acknowledge: deque[int] = deque()
        self._unacknowledged: set[int] = set()
        self._bell: tuple[socket.socket, socket.socket] | None = None

    def unlock(self) -> None:
        """Make the bell."""
        sleeper, ringer = socket.socketpair()
        sleeper.setblocking(False)
        ringer.setblocking(False)
        self._bell = (sleeper, ringer)

    def lock(self) -> None:
        """Take the bell away for good."""
        with self._guard:
            bell, self._bell = self._bell, None
        for end in bell or ():
            end.close()

    def open(self) -> None:
        """A session is up: publishes are taken from now on."""
        with self._guard:
            self._open = True

    def begin(self) -> None:
        """A new session: older tokens are void."""
        with self._guard:
            self._session_number += 1

    def close(self) -> None:
        """The session is over: what was not sent is forgotten, for the outboxes keep it."""
        with self._guard:
            self._open = False
            self._publishes.clear()
            self._to_acknowledge.clear()
            self._unacknowledged.clear()

    def publish(self, message: Outgoing) -> bool:
        with self._guard:
            if not self._open or len(self._publishes) >= OUTGOING_MAX_MESSAGES:
                return False
            self._publishes.append(message)
            self._ring()
        return True

    def acknowledge(self, token: int) -> None:
        session_number, message_id = divmod(token, 1 << 16)
        with self._guard:
            if session_number != self._session_number or message_id not in self._unacknowledged:
                return
            self._unacknowledged.discard(message_id)
            self._to_acknowledge.append(message_id)
            self._ring()

    def received(self, message_id: int) -> int:
        """Note a message that waits for our acknowledgement; returns its token."""
        with self._guard:
            self._unacknowledged.add(message_id)
            return self._session_number << 16 | message_id

    def is_full(self) -> bool:
        """Too much waits to be acknowledged: leave the rest in the kernel's and the broker's hands."""
        return len(self._unacknowledged) >= WINDOW_MESSAGES

    def next_to_acknowledge(self) -> int | None:
        with self._guard:
            return self._to_acknowledge.popleft() if self._to_acknowledge else None

    def next_publish(self) -> Outgoing | None:
        with self._guard:
            return self._publishes.popleft() if self._publishes else None

    def wake(self) -> None:
        with self._guard:
            self._ring()

    def sleeper(self) -> socket.socket:
        """What becomes readable when there is something in the mailbox."""
        if self._bell is None:
            raise ProgrammerError("the link was not started")
        return self._bell[0]

    def _ring(self) -> None:
        if self._bell is not None:
            try:
                self._bell[1].send(b"\0")
            except BlockingIOError:
                _log.debug("the bell is ringing already")
