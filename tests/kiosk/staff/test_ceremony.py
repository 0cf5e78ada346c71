"""The readers' ceremony at a desk."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from firmware import bundle as files
from firmware.device import load_reader_register, load_sheet
from firmware.documents import write_atomically
from firmware.errors import BadInput, QuietbellError, StoreFault, WrongPassphrase
from firmware.reader_parts import ReaderParts, Role, open_routes
from firmware.settings import Root
from kiosk.staff.ceremony import UNDER_WAY_FILE, Ceremony, CoSigner, Newcomer
from tests.support.site import CHEAP, PEOPLE, MadeSite, make_readers, make_site

HEAD, LEAD = PEOPLE[0], PEOPLE[1]
WORDS = "six plain words for a newcomer"


@pytest.fixture
def fresh(tmp_path: Path) -> MadeSite:
    """A site whose desk has no readers yet."""
    return make_site(tmp_path, kiosks=1, people=())


@pytest.fixture
def founded(fresh: MadeSite) -> MadeSite:
    """The same with head and lead."""
    fresh.passphrases.update(make_readers(fresh.desks[0], PEOPLE[:2]))
    return fresh


def desk_of(made: MadeSite) -> Root:
    return made.desks[0]


def open_ceremony(made: MadeSite) -> Ceremony:
    return Ceremony.open(desk_of(made), CHEAP)


def founders(made: MadeSite) -> list[CoSigner]:
    return [CoSigner(name, made.passphrases[name]) for name, _ in (HEAD, LEAD)]


def files_of(root: Root) -> dict[Path, bytes]:
    """Everything that stands in a desk's folder, but for the store's generation before."""
    return {path: path.read_bytes() for path in root.path.rglob("*") if path.is_file() and path.suffix != ".previous"}


def test_first_founder_waits_for_the_other(fresh: MadeSite) -> None:
    """The head's key alone founds nothing; with the lead's, and the head's passphrase, both documents appear."""
    assert open_ceremony(fresh).make_reader(Newcomer(*HEAD, WORDS), []) is None
    assert load_reader_register(desk_of(fresh)) is None
    assert [entry.name for entry in open_ceremony(fresh).waiting()] == [HEAD[0]]
    lead = Newcomer(*LEAD, "another six words for the lead")
    parts = open_ceremony(fresh).make_reader(lead, [CoSigner(HEAD[0], WORDS)])
    assert parts is not None
    assert load_reader_register(desk_of(fresh)) == parts.register
    assert load_sheet(desk_of(fresh)).routes == parts.sheet
    assert not (desk_of(fresh).store / UNDER_WAY_FILE).exists()


def test_founder_may_begin_again(fresh: MadeSite) -> None:
    """A first founder who lost the passphrase before the other came makes a new key in place of the old."""
    open_ceremony(fresh).make_reader(Newcomer(*HEAD, WORDS), [])
    open_ceremony(fresh).make_reader(Newcomer("Other Head", Role.HEAD, "six fresh words for another head"), [])
    assert list(open_ceremony(fresh).keyring.names().values()) == ["Other Head"]


@pytest.mark.parametrize("role", [Role.DEPUTY, Role.MANAGER, Role.INDEPENDENT])
def test_others_wait_for_the_founders(fresh: MadeSite, role: Role) -> None:
    """Before the founders nobody else can become a reader."""
    with pytest.raises(BadInput, match="the head and the lead"):
        open_ceremony(fresh).make_reader(Newcomer("Early", role, WORDS), [])


@pytest.mark.requirement("T7")
def test_newcomer_needs_both_cosigners(founded: MadeSite) -> None:
    """With no, one, the same or an unknown co-signer, or one wrong passphrase, nothing at all is changed."""
    head, lead = founders(founded)
    before = files_of(desk_of(founded))
    for signers, error in (
        ([], BadInput),
        ([head], BadInput),
        ([head, head], BadInput),
        ([head, CoSigner("Nobody", WORDS)], BadInput),
        ([head, CoSigner(lead.name, WORDS)], WrongPassphrase),
        ([CoSigner(head.name, lead.passphrase), lead], WrongPassphrase),
        ([head, lead, head], BadInput),
    ):
        with pytest.raises(error):
            open_ceremony(founded).make_reader(Newcomer("Dee", Role.DEPUTY, WORDS), signers)
        names = open_ceremony(founded).keyring.names()
        assert sorted(names.values()) == [HEAD[0], LEAD[0]]
    after = files_of(desk_of(founded))
    changed = {path.name for path in after if after[path] != before.get(path)}
    assert changed <= {"readers.json"}


@pytest.mark.requirement("T1")
def test_newcomer_opens_the_routes_of_their_role(founded: MadeSite) -> None:
    """A deputy who joined opens safeguarding with their own passphrase, and neither head's nor conduct's stories."""
    parts = open_ceremony(founded).make_reader(Newcomer("Dee", Role.DEPUTY, WORDS), founders(founded))
    assert parts is not None
    again = open_ceremony(founded)
    (reader,) = [reader for reader, name in again.keyring.names().items() if name == "Dee"]
    assert set(open_routes(parts.register, again.keyring.unlock(reader, WORDS))) == {"safeguarding"}
    assert again.held == parts


def test_second_independent_needs_the_first(founded: MadeSite) -> None:
    """Head and lead cannot let a second independent in without the first; the failed attempt leaves no key behind."""
    head, lead = founders(founded)
    open_ceremony(founded).make_reader(Newcomer("Ina", Role.INDEPENDENT, WORDS), [head, lead])
    second = Newcomer("Ivo", Role.INDEPENDENT, "other six words for this one")
    with pytest.raises(BadInput, match="must be a reader of it"):
        open_ceremony(founded).make_reader(second, [head, lead])
    assert "Ivo" not in open_ceremony(founded).keyring.names().values()
    assert open_ceremony(founded).make_reader(second, [lead, CoSigner("ina", WORDS)]) is not None


def test_short_passphrase_and_taken_name_change_nothing(founded: MadeSite) -> None:
    """Five words, or the name of a reader, end before any key is opened or made."""
    before = files_of(desk_of(founded))
    for newcomer in (
        Newcomer("Dee", Role.DEPUTY, "only five words are here"),
        Newcomer("LEE LEAD", Role.DEPUTY, WORDS),
    ):
        with pytest.raises(BadInput):
            open_ceremony(founded).make_reader(newcomer, founders(founded))
    assert files_of(desk_of(founded)) == before


@pytest.mark.parametrize("cut_after", [0, 1, 2])
def test_power_cut_between_the_documents_is_made_good(
    founded: MadeSite, cut_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut after none, one or both documents, the next start holds one whole version: the new one."""
    written: list[Path] = []

    def cut(path: Path, data: bytes, mode: int) -> None:
        if path.parent == desk_of(founded).public:
            if len(written) == cut_after:
                raise PowerCutError
            written.append(path)
        write_atomically(path, data, mode)

    with monkeypatch.context() as patch:
        patch.setattr("kiosk.staff.ceremony.write_atomically", cut)
        if cut_after == 2:
            patch.setattr(Path, "unlink", _no_unlink)
        with pytest.raises(PowerCutError):
            open_ceremony(founded).make_reader(Newcomer("Dee", Role.DEPUTY, WORDS), founders(founded))
    held = open_ceremony(founded).held
    assert held is not None
    assert (held.register.version, held.register.readers[-1].name) == (2, "Dee")
    assert load_sheet(desk_of(founded)).routes == held.sheet


def test_damaged_documents_under_way_are_not_used(founded: MadeSite) -> None:
    """A damaged file under way is named with its mend, and the documents that stand are left as they are."""
    (desk_of(founded).store / UNDER_WAY_FILE).write_bytes(b"half")
    before = load_reader_register(desk_of(founded))
    with pytest.raises(StoreFault, match="remove it"):
        open_ceremony(founded)
    assert load_reader_register(desk_of(founded)) == before


class PowerCutError(Exception):
    """Not one of ours: nothing may catch it."""


def _no_unlink(path: Path, missing_ok: bool = False) -> None:
    raise PowerCutError


def test_key_left_by_a_power_cut_is_replaced(founded: MadeSite) -> None:
    """A key that no register names (cut before the documents) does not block its owner's name."""
    open_ceremony(founded).keyring.create("Dee", Role.DEPUTY, "lost six words of the first attempt")
    parts = open_ceremony(founded).make_reader(Newcomer("Dee", Role.DEPUTY, WORDS), founders(founded))
    assert isinstance(parts, ReaderParts)
    assert list(open_ceremony(founded).keyring.names().values()).count("Dee") == 1


def test_kiosk_and_damaged_desk_are_told_plainly(founded: MadeSite) -> None:
    """A kiosk's folder, a missing or short recovery key and changed documents end in one line with the mend."""
    with pytest.raises(BadInput, match="made at a desk"):
        Ceremony.open(founded.kiosks[0], CHEAP)
    recovery = desk_of(founded).public / files.RECOVERY
    good = recovery.read_bytes()
    recovery.write_bytes(b"short")
    with pytest.raises(StoreFault, match="copy the desk's bundle again"):
        open_ceremony(founded)
    recovery.unlink()
    with pytest.raises(StoreFault, match="copy the desk's bundle again"):
        open_ceremony(founded)
    recovery.write_bytes(good)
    sheet = desk_of(founded).public / files.ROUTE_SHEET
    sheet.write_bytes(sheet.read_bytes()[:-1])
    with pytest.raises(StoreFault, match="backup"):
        open_ceremony(founded)
    sheet.unlink()
    with pytest.raises(QuietbellError, match="backup"):
        open_ceremony(founded)


@pytest.mark.requirement("D3", "T7")
def test_stolen_desk_holds_no_key_that_opens_a_story(founded: MadeSite) -> None:
    """On the disk of a powered-down desk no reader's or route's private key is found, raw, in hex or in base64."""
    private = []
    for name, _ in (HEAD, LEAD):
        keys = founded.reader(name)
        held = open_ceremony(founded).held
        assert held is not None
        private += [keys.signing.to_bytes(), keys.kem.to_bytes()]
        private += [key.to_bytes() for key in open_routes(held.register, keys).values()]
    disk = b"".join(path.read_bytes() for path in desk_of(founded).path.rglob("*") if path.is_file())
    parts = {secret[start : start + 32] for secret in private for start in range(0, len(secret), 32)}
    assert len(parts) >= 2 * 4 + 3 * 3
    for part in parts:
        spelt = [part, part.hex().encode(), *(base64.b64encode(part[start:])[:20] for start in range(3))]
        assert [text for text in spelt if text in disk] == []
