"""Every MQTT topic of a site, and who may use it: the link and the broker's ACL are both made from here.

Pure text. Names carry random UUIDs, never rooms, so a topic tells nobody where a device hangs. Knows nothing of what
travels on a topic, nor how the broker's file looks (`broker_config.render` writes that).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from firmware.errors import ProgrammerError, Refused
from firmware.messages import ID_BYTES

PREFIX = "qb/1"
# "qb/1/" + site + "/directory/" + device: nothing longer can be ours.
TOPIC_MAX_CHARACTERS = 96


class TopicKind(StrEnum):
    """The level of a topic that says what it is for."""

    UP = "up"
    DOWN = "down"
    DESK = "desk"
    PRESENCE = "presence"
    SHEET = "sheet"
    DIRECTORY = "directory"


class Access(StrEnum):
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class AclRule:
    """`user` (= certificate CN = client id) may read or write what `topic` (or filter) names. All else is denied."""

    user: str
    access: Access
    topic: str


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one site."""

    site: bytes

    def up(self, device: bytes) -> str:
        """A kiosk's envelopes."""
        return self._of(TopicKind.UP, device)

    def down(self, device: bytes) -> str:
        """The desks' answers to one kiosk."""
        return self._of(TopicKind.DOWN, device)

    def desk(self, desk: bytes) -> str:
        """One desk's notes to all desks and watchers."""
        return self._of(TopicKind.DESK, desk)

    def presence(self, device: bytes) -> str:
        """The broker's last word for a device that went away; a hint, never proof."""
        return self._of(TopicKind.PRESENCE, device)

    def sheet(self) -> str:
        """The retained seal sheet."""
        return f"{self._root}/{TopicKind.SHEET}"

    def directory(self, desk: bytes) -> str:
        """The directory, sealed to desks."""
        return self._of(TopicKind.DIRECTORY, desk)

    def up_filter(self) -> str:
        return self._all(TopicKind.UP)

    def down_filter(self) -> str:
        return self._all(TopicKind.DOWN)

    def desk_filter(self) -> str:
        return self._all(TopicKind.DESK)

    def presence_filter(self) -> str:
        return self._all(TopicKind.PRESENCE)

    def kiosk_subscriptions(self, device: bytes) -> tuple[str, ...]:
        return (self.down(device), self.sheet())

    def desk_subscriptions(self, desk: bytes) -> tuple[str, ...]:
        return (self.up_filter(), self.desk_filter(), self.presence_filter(), self.directory(desk))

    def watcher_subscriptions(self) -> tuple[str, ...]:
        return (self.desk_filter(), self.presence_filter())

    def parse(self, untrusted_topic: str) -> tuple[TopicKind, bytes | None]:
        """What a topic is and whose; None for the sheet, which is nobody's.

        Raises:
            Refused("topic"): another site's, misspelt, or an id that is not a UUID as we write it.
        """
        root = self._root + "/"
        if len(untrusted_topic) > TOPIC_MAX_CHARACTERS or not untrusted_topic.startswith(root):
            raise Refused("topic", "not of this site")
        word, slash, untrusted_name = untrusted_topic[len(root) :].partition("/")
        try:
            kind = TopicKind(word)
        except ValueError:
            raise Refused("topic", "no such kind") from None
        if kind is TopicKind.SHEET:
            if slash:
                raise Refused("topic", "the sheet has no owner")
            return kind, None
        return kind, _id_of(untrusted_name)

    @property
    def _root(self) -> str:
        return f"{PREFIX}/{id_text(self.site)}"

    def _of(self, kind: TopicKind, owner: bytes) -> str:
        return f"{self._root}/{kind}/{id_text(owner)}"

    def _all(self, kind: TopicKind) -> str:
        return f"{self._root}/{kind}/+"


def id_text(identity: bytes) -> str:
    """The one spelling of an id outside the wire: a lower-case UUID with dashes."""
    if len(identity) != ID_BYTES:
        raise ProgrammerError(f"an id has {ID_BYTES} bytes, not {len(identity)}")
    return str(UUID(bytes=identity))


def acl_rules(
    site: bytes,
    kiosks: Collection[bytes],
    desks: Collection[bytes],
    watchers: Collection[bytes] = (),
) -> tuple[AclRule, ...]:
    """Everything that anybody may do on this site's broker, one user after the other, in a stable order."""
    topics = Topics(site)
    return (
        *(rule for kiosk in sorted(kiosks) for rule in _kiosk_rules(topics, kiosk)),
        *(rule for desk in sorted(desks) for rule in _desk_rules(topics, desk)),
        *(rule for watcher in sorted(watchers) for rule in _watcher_rules(topics, watcher)),
    )


def _kiosk_rules(topics: Topics, kiosk: bytes) -> tuple[AclRule, ...]:
    may_read = topics.kiosk_subscriptions(kiosk)
    may_write = (topics.up(kiosk), topics.presence(kiosk))
    return _rules(kiosk, may_read, may_write)


def _desk_rules(topics: Topics, desk: bytes) -> tuple[AclRule, ...]:
    may_read = topics.desk_subscriptions(desk)
    may_write = (topics.down_filter(), topics.desk(desk), topics.sheet(), topics.presence(desk))
    return _rules(desk, may_read, may_write)


def _watcher_rules(topics: Topics, watcher: bytes) -> tuple[AclRule, ...]:
    may_write = (topics.desk(watcher), topics.presence(watcher))
    return _rules(watcher, topics.watcher_subscriptions(), may_write)


def _rules(user: bytes, may_read: tuple[str, ...], may_write: tuple[str, ...]) -> tuple[AclRule, ...]:
    name = id_text(user)
    return (
        *(AclRule(name, Access.READ, topic) for topic in may_read),
        *(AclRule(name, Access.WRITE, topic) for topic in may_write),
    )


def _id_of(untrusted_name: str) -> bytes:
    try:
        identity = UUID(untrusted_name)
    except ValueError:
        raise Refused("topic", "no id") from None
    # UUID() also takes braces, capitals and missing dashes; one device must have one name.
    if str(identity) != untrusted_name:
        raise Refused("topic", "id spelt otherwise")
    return identity.bytes
