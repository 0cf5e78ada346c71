"""`quietbell reader …`, as staff type it at the desk."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firmware.errors import QuietbellError, WrongPassphrase
from firmware.passphrase import fingerprint
from firmware.reader_parts import Role
from kiosk.staff.ceremony import Ceremony
from kiosk.staff.readers_command import reader
from tests.support.site import CHEAP, PEOPLE, MadeSite, make_site

HERS, HIS = "hanna has her own six words", "lee has other words of his"


@pytest.fixture
def fresh(tmp_path: Path) -> MadeSite:
    return make_site(tmp_path, people=())


@pytest.fixture
def founded(tmp_path: Path) -> MadeSite:
    return make_site(tmp_path, people=PEOPLE[:2])


def run(made: MadeSite, *words: str, typed: str = "") -> Result:
    command, *rest = words
    return CliRunner().invoke(reader, [command, "--root", str(made.desks[0].path), *rest], input=typed)


def good(made: MadeSite, *words: str, typed: str = "") -> str:
    result = run(made, *words, typed=typed)
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.output


def bad(made: MadeSite, *words: str, typed: str = "") -> str:
    error = run(made, *words, typed=typed).exception
    assert isinstance(error, QuietbellError), error
    assert str(error).isprintable()
    return str(error)


def new(name: str, role: str) -> tuple[str, ...]:
    return ("new", "--name", name, "--role", role, "--passphrase-stdin")


def test_ceremony_by_lines(fresh: MadeSite) -> None:
    """A rehearsal scripts the founding: first the head waits, then both found it, and the fingerprint is shown."""
    assert "next: the lead does the same here" in good(fresh, *new("Hanna", "head"), typed=f"{HERS}\n")
    assert "Hanna · head · waits for the other founder" in good(fresh, "list")
    said = good(fresh, *new("Lee", "lead"), typed=f"{HIS}\nHanna={HERS}\n")
    held = Ceremony.open(fresh.desks[0], CHEAP).held
    assert held is not None
    assert f"fingerprint: {fingerprint(held.sheet)}" in said
    assert "not ready: the route independent has 0 of 2 readers" in said
    listed = good(fresh, "list")
    assert "Hanna · head · reads safeguarding, head · key at this desk" in listed
    assert f"fingerprint: {fingerprint(held.sheet)}" in listed


def test_no_passphrase_is_ever_shown(fresh: MadeSite) -> None:
    """What came by lines is not printed again, neither when it works nor when it does not."""
    said = good(fresh, *new("Hanna", "head"), typed=f"{HERS}\n")
    said += bad(fresh, *new("Lee", "lead"), typed=f"{HIS}\nHanna={HIS}\n")
    said += bad(fresh, *new("Lee", "lead"), typed=f"{HIS}\nHanna {HERS}\n")
    assert [words for words in (HERS, HIS, HERS[:9], HIS[-9:]) if words in said] == []


def test_offered_words_are_typed_once_more(fresh: MadeSite) -> None:
    """Offered words that the owner does not type again as shown make no key."""
    assert "not the words shown" in bad(fresh, "new", "--name", "Hanna", "--role", "head", typed=f"y\n{HERS}\n")
    assert Ceremony.open(fresh.desks[0], CHEAP).keyring.names() == {}


def test_own_words_are_typed_twice(fresh: MadeSite) -> None:
    """A reader may take six words of their own; five are refused."""
    words = ("new", "--name", "Hanna", "--role", "head")
    assert "5 different words" in bad(fresh, *words, typed="n\none two three four five\none two three four five\n")
    said = good(fresh, *words, typed=f"n\n{HERS}\n{HERS}\n")
    assert HERS not in said
    keyring = Ceremony.open(fresh.desks[0], CHEAP).keyring
    (made,) = keyring.names()
    assert keyring.unlock(made, HERS).id == made


def test_cosigners_are_asked_for(founded: MadeSite) -> None:
    """At the desk the co-signers' names and passphrases are asked for, one after the other, hidden."""
    (head, _), (lead, _) = PEOPLE[:2]
    typed = f"{head}\n{founded.passphrases[head]}\n{lead}\n{founded.passphrases[lead]}\nn\n{HERS}\n{HERS}\n"
    said = good(founded, "new", "--name", "Dee", "--role", "deputy", typed=typed)
    assert "Dee has a key at this desk (deputy)" in said
    assert founded.passphrases[head] not in said


@pytest.mark.parametrize(
    ("name", "role", "typed", "said"),
    [
        ("Dee", "boss", f"{HERS}\n", "choose one of lead, deputy, head, manager, independent"),
        ("", "deputy", f"{HERS}\n", "1 to 64"),
        ("x" * 65, "deputy", f"{HERS}\n", "1 to 64"),
        ("a\x1b[2Jb", "deputy", f"{HERS}\n", "1 to 64"),
        ("a=b", "deputy", f"{HERS}\n", "without '='"),
        ("Dee", "deputy", "", "first line"),
        ("Dee", "deputy", "\n\n", "first line"),
        ("Dee", "deputy", f"{HERS}\n", "0 co-signers, 2 needed"),
        ("Dee", "deputy", f"{HERS}\nHanna Head\nLee Lead\n", "name=passphrase"),
        ("Dee", "deputy", f"{HERS}\nX=y\nLee Lead=z\n", "ask one of Hanna Head, Lee Lead"),
        ("Dee", "deputy", "x" * 5000, "1000 characters"),
        ("hanna head", "deputy", f"{HERS}\n", "is a reader already"),
    ],
)
def test_bad_words_are_one_line(founded: MadeSite, name: str, role: str, typed: str, said: str) -> None:
    """Every wrong name, role or line says in one line what to type, and makes no reader."""
    assert said in bad(founded, *new(name, role), typed=typed)
    assert len(Ceremony.open(founded.desks[0], CHEAP).keyring.names()) == 2


def test_wrong_cosigner_passphrase_is_told(founded: MadeSite) -> None:
    """A co-signer's wrong passphrase is said as that, and nobody joins."""
    typed = f"{HERS}\nHanna Head={HERS}\nLee Lead={founded.passphrases['Lee Lead']}\n"
    result = run(founded, *new("Dee", Role.DEPUTY), typed=typed)
    assert isinstance(result.exception, WrongPassphrase)
    assert len(Ceremony.open(founded.desks[0], CHEAP).keyring.names()) == 2


def test_desk_without_a_bundle_is_told(tmp_path: Path) -> None:
    """A folder without a bundle ends in one line with the mend."""
    result = CliRunner().invoke(reader, ["list", "--root", str(tmp_path)])
    assert isinstance(result.exception, QuietbellError)
    assert "bundle" in str(result.exception)
