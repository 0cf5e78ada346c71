"""Topics: one spelling each way, and an ACL that gives nobody more than their part."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import ProgrammerError, Refused
from firmware.topics import Access, AclRule, TopicKind, Topics, acl_rules, id_text

SITE, KIOSK, OTHER_KIOSK, DESK, OTHER_DESK, WATCHER = (bytes([n]) * 16 for n in range(1, 7))
TOPICS = Topics(SITE)
ids = st.binary(min_size=16, max_size=16)


def may(rules: tuple[AclRule, ...], user: bytes, access: Access, topic: str) -> bool:
    """What a broker decides: some rule of this user matches; `+` stands for one level."""
    levels = topic.split("/")
    for rule in rules:
        wanted = rule.topic.split("/")
        fits = len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))
        if rule.user == id_text(user) and rule.access is access and fits:
            return True
    return False


def test_a_topic_reads_as_the_design_writes_it() -> None:
    """The literal spelling on the wire is fixed."""
    site = UUID(bytes=SITE)
    assert TOPICS.up(KIOSK) == f"qb/1/{site}/up/{UUID(bytes=KIOSK)}"
    assert TOPICS.sheet() == f"qb/1/{site}/sheet"
    assert TOPICS.up_filter() == f"qb/1/{site}/up/+"


@given(site=ids, owner=ids)
def test_every_topic_parses_back_to_its_kind_and_owner(site: bytes, owner: bytes) -> None:
    """What one unit writes, another reads as the same kind and id."""
    topics = Topics(site)
    assert topics.parse(topics.up(owner)) == (TopicKind.UP, owner)
    assert topics.parse(topics.down(owner)) == (TopicKind.DOWN, owner)
    assert topics.parse(topics.desk(owner)) == (TopicKind.DESK, owner)
    assert topics.parse(topics.presence(owner)) == (TopicKind.PRESENCE, owner)
    assert topics.parse(topics.directory(owner)) == (TopicKind.DIRECTORY, owner)
    assert topics.parse(topics.sheet()) == (TopicKind.SHEET, None)


@given(st.text(max_size=200))
def test_any_text_is_a_topic_or_refused(untrusted: str) -> None:
    """No text makes the parser fail in another way than Refused."""
    for text in (untrusted, f"qb/1/{UUID(bytes=SITE)}/{untrusted}", f"qb/1/{UUID(bytes=SITE)}/up/{untrusted}"):
        with pytest.raises(Refused):
            TOPICS.parse(text)


@pytest.mark.parametrize(
    "spell",
    [str.upper, lambda t: t.replace("-", ""), lambda t: t + "/x", lambda t: t[:-1], lambda t: t + " "],
)
def test_one_device_has_one_spelling(spell: object) -> None:
    """Capitals, missing dashes, more levels and cut ids are refused, though UUID() itself would take some."""
    assert callable(spell)
    name = str(UUID(bytes=bytes([0xAB]) * 16))
    with pytest.raises(Refused):
        TOPICS.parse(f"qb/1/{UUID(bytes=SITE)}/up/{spell(name)}")


def test_another_sites_topic_is_refused() -> None:
    """A relay that mixes two sites is not believed."""
    with pytest.raises(Refused):
        TOPICS.parse(Topics(bytes(16)).up(KIOSK))


def test_the_sheet_has_no_owner() -> None:
    """`sheet/<id>` is no topic of ours."""
    with pytest.raises(Refused):
        TOPICS.parse(TOPICS.sheet() + "/" + id_text(KIOSK))


def test_a_short_id_is_a_programmers_error() -> None:
    """A topic is never made from half an id."""
    with pytest.raises(ProgrammerError):
        TOPICS.up(b"short")


def test_a_kiosk_may_do_only_its_own_part() -> None:
    """A kiosk writes its own up and presence, reads its own down and the sheet, and nothing else."""
    rules = acl_rules(SITE, [KIOSK, OTHER_KIOSK], [DESK])
    mine = {(rule.access, rule.topic) for rule in rules if rule.user == id_text(KIOSK)}
    assert mine == {
        (Access.WRITE, TOPICS.up(KIOSK)),
        (Access.WRITE, TOPICS.presence(KIOSK)),
        (Access.READ, TOPICS.down(KIOSK)),
        (Access.READ, TOPICS.sheet()),
    }


def test_a_kiosk_cannot_reach_another_kiosk_or_speak_as_a_desk() -> None:
    """No rule lets a stolen kiosk read another's answers, write for it, or publish a sheet."""
    rules = acl_rules(SITE, [KIOSK, OTHER_KIOSK], [DESK])
    assert not may(rules, KIOSK, Access.READ, TOPICS.down(OTHER_KIOSK))
    assert not may(rules, KIOSK, Access.READ, TOPICS.up(OTHER_KIOSK))
    for topic in (TOPICS.up(OTHER_KIOSK), TOPICS.down(KIOSK), TOPICS.sheet(), TOPICS.desk(DESK)):
        assert not may(rules, KIOSK, Access.WRITE, topic)


def test_a_desk_may_do_only_its_own_part() -> None:
    """A desk hears every kiosk and desk, answers every kiosk, and cannot speak as a kiosk or as another desk."""
    rules = acl_rules(SITE, [KIOSK], [DESK, OTHER_DESK])
    for topic in (TOPICS.up(KIOSK), TOPICS.desk(OTHER_DESK), TOPICS.presence(KIOSK), TOPICS.directory(DESK)):
        assert may(rules, DESK, Access.READ, topic)
    for topic in (TOPICS.down(KIOSK), TOPICS.desk(DESK), TOPICS.sheet(), TOPICS.presence(DESK)):
        assert may(rules, DESK, Access.WRITE, topic)
    for topic in (TOPICS.up(KIOSK), TOPICS.desk(OTHER_DESK), TOPICS.presence(KIOSK)):
        assert not may(rules, DESK, Access.WRITE, topic)
    assert not may(rules, DESK, Access.READ, TOPICS.directory(OTHER_DESK))


def test_a_watcher_hears_desks_and_never_a_report() -> None:
    """The second eye reads desks' notes, not kiosks' envelopes."""
    rules = acl_rules(SITE, [KIOSK], [DESK], [WATCHER])
    assert may(rules, WATCHER, Access.READ, TOPICS.desk(DESK))
    assert may(rules, WATCHER, Access.WRITE, TOPICS.desk(WATCHER))
    assert not may(rules, WATCHER, Access.READ, TOPICS.up(KIOSK))
    assert not may(rules, WATCHER, Access.WRITE, TOPICS.down(KIOSK))


def test_everything_a_unit_subscribes_to_is_allowed() -> None:
    """Link and ACL are made from one place: no unit asks for what its broker would deny."""
    rules = acl_rules(SITE, [KIOSK], [DESK], [WATCHER])
    asked = [
        *((KIOSK, topic) for topic in TOPICS.kiosk_subscriptions(KIOSK)),
        *((DESK, topic) for topic in TOPICS.desk_subscriptions(DESK)),
        *((WATCHER, topic) for topic in TOPICS.watcher_subscriptions()),
    ]
    for user, topic in asked:
        assert AclRule(id_text(user), Access.READ, topic) in rules


def test_a_removed_device_has_no_rule_left() -> None:
    """Revoking is leaving out: the ACL of a site without the kiosk does not name it."""
    assert not [rule for rule in acl_rules(SITE, [OTHER_KIOSK], [DESK]) if id_text(KIOSK) in rule.user + rule.topic]


def test_the_order_of_rules_does_not_depend_on_the_order_of_devices() -> None:
    """Rendering twice gives the same file, so that a change is seen in a diff."""
    assert acl_rules(SITE, [KIOSK, OTHER_KIOSK], [DESK]) == acl_rules(SITE, {OTHER_KIOSK, KIOSK}, [DESK])
