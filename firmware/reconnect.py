"""When to connect again, and in which MQTT: what the link decides between two sessions. Pure."""

from __future__ import annotations

from enum import IntEnum
from random import Random

RECONNECT_MAX_SECONDS = 30.0
# From the TLS handshake to the broker's yes; a broker that takes the line and says nothing is no broker.
ACCEPT_SECONDS = 10.0
# The same while we do not know yet whether it understands MQTT 5.
GUESS_SECONDS = 3.0


class Version(IntEnum):
    """MQTT's protocol level, as CONNECT spells it."""

    THREE_ONE_ONE = 4
    FIVE = 5


class Backoff:
    """1, 2, 4 … 30 s with full jitter, so that two thousand kiosks do not return in step."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0

    def next_seconds(self) -> float:
        ceiling = min(RECONNECT_MAX_SECONDS, 2.0 ** min(self._failures, 10))
        self._failures += 1
        return self._random.uniform(0.0, ceiling)

    def reset(self) -> None:
        self._failures = 0


class Dialect:
    """Which MQTT to speak next: 5, and 3.1.1 to a broker that knows no 5.

    Such a broker refuses, hangs up, or (amqtt) waits in silence for the rest of a packet that it misread; so every
    attempt that comes to nothing is followed by one in the other version, whichever the reason was.
    """

    def __init__(self) -> None:
        self.version = Version.FIVE
        self._five_proven = False

    @property
    def patience_seconds(self) -> float:
        """How long to wait for the broker's yes: short while a 5 may be why it is silent."""
        guessing = self.version is Version.FIVE and not self._five_proven
        return GUESS_SECONDS if guessing else ACCEPT_SECONDS

    def accepted(self) -> None:
        """This version works. A broker that has spoken 5 before is asked for 5 again next time."""
        if self.version is Version.FIVE:
            self._five_proven = True
        elif self._five_proven:
            self.version = Version.FIVE

    def refused(self, *, for_the_version: bool) -> None:
        """Nothing came of it: try the other version."""
        spoke_five = self.version is Version.FIVE
        if for_the_version and spoke_five:
            self._five_proven = False
        self.version = Version.THREE_ONE_ONE if spoke_five else Version.FIVE
