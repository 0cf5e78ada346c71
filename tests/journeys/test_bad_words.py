"""Every command, given everything that it cannot use: one plain line with the mend, and nothing lost.

A sweep: wrong words for every command that there is, then a real site whose files are missing, cut, rubbish or
folders, looked at by every command that reads them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from firmware import bundle as files
from firmware.cli import COMMANDS, EXIT_MENDABLE, quietbell
from firmware.ledger import Ledger
from firmware.settings import Root
from tests.support.many_commands import Commands, Ended
from tests.support.site import MadeSite, copy_site, device_of, make_site

DEEP = b"x = " + b"[" * 100_000

DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 9),
    "words": lambda path: path.write_bytes(b"Dies ist nicht, was einmal hier stand.\n"),
    "too deep": lambda path: path.write_bytes(DEEP),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\n[more]\nand = 1\n"),
    "a folder": lambda path: _folder_instead(path),
}
# What some file may bear: more text after a certificate's end is no part of it.
BORNE = {
    (files.DEVICE_CERTIFICATE, "longer"),
    (files.SITE_CA, "longer"),
    (files.DEVICE_KEY, "longer"),
    ("authority/ca.pem", "longer"),
    ("authority/ca.key", "longer"),
    # As it is before the first two readers are adopted.
    ("readers.qb", "missing"),
}
KIOSK_FILES = (
    *files.PUBLIC_FILES,
    files.ROUTE_SHEET,
    *files.SECRET_FILES,
)
# The desk's own kem.key and the recovery key's public half wait for later uses: a desk runs without them.
DESK_FILES = (
    *files.PUBLIC_FILES,
    files.ROUTE_SHEET,
    files.READER_REGISTER,
    files.DEVICE_REGISTER,
    files.DEVICE_KEY,
    files.SIGNING_KEY,
    files.DESK_KEM_KEY,
)
SITE_FILES = (
    "site.json",
    "profile.toml",
    "profile.sig",
    "recovery.pub",
    "readers.qb",
    "authority/ca.pem",
    "authority/ca.key",
    "authority/issuer.key",
    "authority/issuer.pub",
    "authority/desk_kem.key",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeSite:
    """A whole site, never changed: each test harms a copy."""
    return make_site(tmp_path_factory.mktemp("bad-words"))


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a fault of ours would leave its traceback."""
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def commands(faults: Path) -> Iterator[Commands]:
    with Commands({"LOGS_DIRECTORY": str(faults)}) as running:
        yield running


@pytest.fixture
def one_line(faults: Path) -> Callable[[Ended], str]:
    """Asserts that a command ended as a person can mend it; returns its line."""

    def check(ended: Ended) -> str:
        recorded = {file: file.read_text() for file in faults.iterdir()}
        for file in recorded:
            file.unlink()
        assert (ended.status, list(recorded.values())) == (EXIT_MENDABLE, []), ended
        # The demo says first that it takes a while.
        lines = [line for line in ended.err.splitlines() if not line.startswith("Making a throw-away site")]
        assert len(lines) == 1, ended
        assert lines[0].startswith("quietbell: "), ended
        assert lines[0].isprintable(), ended
        assert "Traceback" not in ended.out, ended
        return lines[0]

    return check


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    if not isinstance(command, click.Group):
        yield words, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*words, name))


def _folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def kept(before: dict[Path, bytes]) -> None:
    """Nothing that was there has been changed or removed. Whatever else a start made is its own."""
    changed = [path for path, content in before.items() if not path.is_file() or path.read_bytes() != content]
    assert changed == []


def device_copy(root: Root, folder: Path) -> Root:
    # A short name: the path of a Unix socket has 107 characters at most.
    shutil.copytree(root.path, folder / "unit")
    return Root(folder / "unit")


def file_of(root: Root, name: str) -> Path:
    return next(path for path in (root.public / name, root.secret / name) if path.exists())


def damages(names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, damage) for name in names for damage in DAMAGES if (name, damage) not in BORNE]


# --- wrong words ---


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_wrong_words_in_one_line(
    name: str, commands: Commands, one_line: Callable[[Ended], str]
) -> None:
    """An option that there is not, a word too many, an option without its value or with a value of another kind:
    every command and subcommand says in one line what is wrong and where its help is."""
    group = quietbell()
    found = group.get_command(click.Context(group), name)
    assert found is not None
    for words, leaf in leaves(found, (name,)):
        wrong = [["--no-such-option"], ["too", "many", "words", "for", "any", "command"]]
        wrong += [[option.opts[0]] for option in leaf.params if isinstance(option, click.Option) and not option.is_flag]
        wrong += [
            [option.opts[0], "\x1b[31m"]
            for option in leaf.params
            if isinstance(option, click.Option) and isinstance(option.type, click.Choice | click.types.IntParamType)
        ]
        if any(parameter.required for parameter in leaf.params):
            wrong.append([])
        for bad in wrong:
            line = one_line(commands.run(*words, *bad))
            assert line.endswith(" --help"), line


def test_every_group_answers_a_command_that_is_not_there(commands: Commands, one_line: Callable[[Ended], str]) -> None:
    """A slip in the second word is told like one in the first."""
    for group in ("site", "reader", "policy"):
        assert one_line(commands.run(group, "nix")).endswith(f"quietbell {group} --help")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("site", "new", "{new}", "--name", " ", "--profile", "secondary-school", "--recovery", "{pub}"), "--name"),
        (("site", "new", "{new}", "--name", "a\tb", "--profile", "secondary-school", "--recovery", "{pub}"), "--name"),
        (("site", "new", "{new}", "--name", "x" * 99, "--profile", "secondary-school"), "at most 64"),
        (("site", "new", "{new}", "--name", "A", "--profile", "../etc"), "choose one of"),
        (("site", "new", "{new}", "--name", "A", "--profile", "secondary-school"), "recovery"),
        (("site", "new", "{new}", "--name", "A", "--profile", "secondary-school", "--recovery", "{gone}"), "{gone}"),
        (("site", "new", "{new}", "--name", "A", "--profile", "secondary-school", "--recovery", "{file}"), "{file}"),
        (
            ("site", "new", "{new}", "--name", "A", "--profile", "secondary-school", "--recovery", "{folder}"),
            "{folder}",
        ),
        (("site", "new", "{site}", "--name", "A", "--profile", "secondary-school", "--recovery", "{pub}"), "{site}"),
        (("site", "new", "{file}/x", "--name", "A", "--profile", "secondary-school", "--recovery", "{pub}"), "{file}"),
        (("site", "new", "{file}", "--name", "A", "--profile", "secondary-school", "--recovery", "{pub}"), "{file}"),
        (
            ("site", "new", "{new}", "--name", "A", "--profile", "secondary-school", "--broker-host", "a b"),
            "--broker-host",
        ),
        (
            ("site", "new", "{new}", "--name", "A", "--profile", "secondary-school", "--broker-user", "a b"),
            "--broker-user",
        ),
        (
            ("site", "new", "{new}", "--name", "A", "--profile", "secondary-school", "--recovery-out", "{new}/r"),
            "--recovery-out",
        ),
        (
            (
                "site",
                "new",
                "{new}",
                "--name",
                "A",
                "--profile",
                "secondary-school",
                "--broker-dir",
                "x",
                "--recovery",
                "{pub}",
            ),
            "full path",
        ),
        (("site", "recovery", "{gone}/key"), "{gone}"),
        (("site", "recovery", "{file}/key"), "{file}"),
        (("site", "recovery", "{file}"), "{file}"),
        (("site", "list", "{gone}"), "{gone}"),
        (("site", "list", "{file}"), "{file}"),
        (("site", "list", "{folder}"), "{folder}"),
        (("site", "refresh", "{gone}"), "{gone}"),
        (("site", "refresh", "{file}"), "{file}"),
        (("site", "add-kiosk", "{gone}", "--room", "A"), "{gone}"),
        (("site", "add-kiosk", "{site}", "--room", "x" * 99), "--room"),
        (("site", "add-kiosk", "{site}", "--room", ""), "--room"),
        (("site", "add-kiosk", "{site}", "--room", "A", "--place", "a\nb"), "--place"),
        (("site", "add-kiosk", "{site}", "--room", "A", "--board", "mock"), "--board"),
        (("site", "add-kiosk", "{site}", "--room", "Room 1", "--place", "First floor"), "Room 1"),
        (("site", "add-desk", "{site}", "--room", "Office 1", "--place", "First floor"), "Office 1"),
        (("site", "add-desk", "{file}", "--room", "A"), "{file}"),
        (("site", "revoke", "{site}", "me"), "'me'"),
        (("site", "revoke", "{site}", "00000000-0000-0000-0000-000000000000"), "no such device"),
        (("site", "revoke", "{gone}", "00000000-0000-0000-0000-000000000000"), "{gone}"),
        (("site", "adopt", "{site}", "--from", "{gone}"), "{gone}"),
        (("site", "adopt", "{site}", "--from", "{file}"), "{file}"),
        (("site", "adopt", "{site}", "--from", "{kiosk}"), "{kiosk}"),
        (("site", "adopt", "{file}", "--from", "{desk}"), "{file}"),
        (("reader", "new", "--root", "{gone}", "--name", "A", "--role", "lead"), "{gone}"),
        (("reader", "new", "--root", "{file}", "--name", "A", "--role", "lead"), "{file}"),
        (("reader", "new", "--root", "{kiosk}", "--name", "A", "--role", "lead"), "{kiosk}"),
        (("reader", "new", "--root", "{desk}", "--name", "A", "--role", "king"), "--role"),
        (("reader", "new", "--root", "{desk}", "--name", "a=b", "--role", "lead"), "--name"),
        (
            ("reader", "new", "--root", "{desk}", "--name", "Zoe", "--role", "lead", "--passphrase-stdin"),
            "nothing came",
        ),
        (("reader", "list", "--root", "{gone}"), "{gone}"),
        (("reader", "list", "--root", "{file}"), "{file}"),
        (("reader", "list", "--root", "{kiosk}"), "{kiosk}"),
        (("kiosk", "--root", "{gone}"), "{gone}"),
        (("kiosk", "--root", "{file}"), "{file}"),
        (("kiosk", "--root", "{desk}"), "kiosk bundle"),
        (("desk", "--root", "{gone}"), "{gone}"),
        (("desk", "--root", "{file}"), "{file}"),
        (("desk", "--root", "{kiosk}"), "desk bundle"),
        (("policy", "coverage", "--repository", "{gone}"), "{gone}"),
        (("policy", "coverage", "--repository", "{file}"), "{file}"),
        (("demo", "--headless", "--profile", "nix"), "choose one of"),
        (("demo", "--headless", "--out", "{file}"), "{file}"),
        (("demo", "--headless", "--out", "{file}/x"), "{file}"),
        (("rehearse", "--root", "{gone}", "state"), "{gone}"),
        (("rehearse", "--root", "{file}", "state"), "{file}"),
        (("rehearse", "--root", "{kiosk}", "touch"), "say what"),
        (("rehearse", "--root", "{kiosk}", "state"), "{kiosk}"),
    ],
)
def test_a_word_that_cannot_be_used_is_one_line(
    words: tuple[str, ...],
    says: str,
    made: MadeSite,
    commands: Commands,
    one_line: Callable[[Ended], str],
    tmp_path: Path,
) -> None:
    """The line names what was wrong, and neither the site nor anything beside it has changed."""
    site = copy_site(made, tmp_path / "copy")
    places = {
        "new": tmp_path / "new",
        "gone": tmp_path / "gone",
        "file": tmp_path / "a-file",
        "folder": tmp_path / "a-folder",
        "site": site.folder,
        "kiosk": site.kiosks[0].path,
        "desk": site.desks[0].path,
        "pub": site.recovery_file.with_name(site.recovery_file.name + ".pub"),
    }
    places["file"].write_text("kept")
    places["folder"].mkdir()
    before = contents(tmp_path)
    line = one_line(commands.run(*(word.format(**places) for word in words)))
    assert says.format(**places) in line
    assert contents(tmp_path) == before


def test_a_doctor_that_finds_nothing_to_look_at_says_so(commands: Commands, tmp_path: Path) -> None:
    """The doctor's own words for a folder without a bundle: a line that begins with BAD, status 1, no traceback."""
    (tmp_path / "file").write_text("kept")
    for place in ("gone", "file"):
        ended = commands.run("doctor", "--offline", "--root", tmp_path / place)
        (line,) = ended.out.splitlines()
        assert (ended.status, ended.err) == (1, "")
        assert line.startswith("BAD")
        assert str(tmp_path / place) in line


# --- damaged files ---


@pytest.mark.parametrize(("name", "damage"), damages(KIOSK_FILES))
def test_a_kiosk_with_a_damaged_bundle_says_which_file(
    name: str,
    damage: str,
    made: MadeSite,
    commands: Commands,
    one_line: Callable[[Ended], str],
    tmp_path: Path,
) -> None:
    """A kiosk never starts on half a bundle: one line names the file, and every file is as it was."""
    root = device_copy(made.kiosks[0], tmp_path)
    path = file_of(root, name)
    DAMAGES[damage](path)
    before = contents(root.path)
    assert path.name in one_line(commands.run("kiosk", "--root", root.path))
    kept(before)


@pytest.mark.parametrize(("name", "damage"), damages(DESK_FILES))
def test_a_desk_with_a_damaged_bundle_says_which_file(
    name: str,
    damage: str,
    made: MadeSite,
    commands: Commands,
    one_line: Callable[[Ended], str],
    tmp_path: Path,
) -> None:
    """A desk never starts on half a bundle: one line names the file, and every file is as it was."""
    root = device_copy(made.desks[0], tmp_path)
    path = file_of(root, name)
    DAMAGES[damage](path)
    before = contents(root.path)
    assert path.name in one_line(commands.run("desk", "--root", root.path))
    kept(before)


@pytest.mark.parametrize("damage", ["empty", "cut", "binary", "words", "too deep", "a folder"])
def test_a_desk_with_damaged_pager_settings_says_so(
    damage: str, made: MadeSite, commands: Commands, one_line: Callable[[Ended], str], tmp_path: Path
) -> None:
    """Whom to page is read at the start; the line never repeats a URL, which carries a password."""
    root = device_copy(made.desks[0], tmp_path)
    path = root.secret / "pager.toml"
    path.write_text('format = 1\n[targets]\ndeputy = ["mailtos://user:secret-word@mail.example/"]\n')
    DAMAGES[damage](path)
    before = contents(root.path)
    line = one_line(commands.run("desk", "--root", root.path))
    assert path.name in line
    assert "secret-word" not in line
    kept(before)


@pytest.mark.parametrize("kind", ["kiosk", "desk"])
@pytest.mark.parametrize("damage", ["cut", "binary", "words", "a folder", "a changed entry"])
def test_a_damaged_ledger_is_never_written_over(
    kind: str, damage: str, made: MadeSite, commands: Commands, one_line: Callable[[Ended], str], tmp_path: Path
) -> None:
    """Reports may still be saved from a damaged ledger, so a device that cannot read it stops and leaves it alone."""
    root = device_copy((made.kiosks if kind == "kiosk" else made.desks)[0], tmp_path)
    path = root.store / f"{kind}.db"
    root.store.mkdir(exist_ok=True)
    with Ledger(path, random_bytes=lambda count: b"k" * count) as ledger:
        for number in range(300):
            ledger.append("report", ref=bytes(16), device=bytes(16), body=b"sealed %d" % number, at_ms=number)
        ledger.commit()
        entry = ledger.of_kind("report")[150]
    if damage == "a changed entry":
        raw = path.read_bytes()
        assert raw.count(entry.digest) == 1
        path.write_bytes(raw.replace(entry.digest, bytes(32)))
    else:
        DAMAGES[damage](path)
    before = contents(root.path)
    assert path.name in one_line(commands.run(kind, "--root", root.path))
    kept(before)


@pytest.mark.parametrize("kind", ["kiosk", "desk"])
@pytest.mark.parametrize("folder", ["store", "run", "bundle/secret"])
def test_a_folder_that_cannot_be_used_is_one_line(
    kind: str, folder: str, made: MadeSite, commands: Commands, one_line: Callable[[Ended], str], tmp_path: Path
) -> None:
    """A file where a folder should be stands for every folder that cannot be written: it is named."""
    root = device_copy((made.kiosks if kind == "kiosk" else made.desks)[0], tmp_path)
    path = root.path / folder
    shutil.rmtree(path, ignore_errors=True)
    path.write_text("in the way")
    before = contents(root.path)
    assert str(path) in one_line(commands.run(kind, "--root", root.path))
    kept(before)


@pytest.mark.parametrize(("name", "damage"), damages(SITE_FILES))
def test_a_damaged_site_folder_is_one_line_and_changes_nothing(
    name: str, damage: str, made: MadeSite, commands: Commands, one_line: Callable[[Ended], str], tmp_path: Path
) -> None:
    """Whatever of the technician's folder is damaged, no command makes it worse. Either a command does without the
    file and succeeds, or it says in one line which file is wrong; adding a device needs them all."""
    site = copy_site(made, tmp_path / "copy")
    path = site.folder / name
    path.with_name(path.name + ".previous").unlink(missing_ok=True)
    DAMAGES[damage](path)
    before = contents(site.folder)
    add = commands.run("site", "add-kiosk", site.folder, "--room", "Another room")
    assert path.name in one_line(add)
    assert contents(site.folder) == before
    for words in (["list"], ["refresh"], ["revoke"], ["adopt"]):
        more = {"revoke": [str(site.kiosks[0].path.name)], "adopt": ["--from", str(site.desks[0].path)]}
        ended = commands.run("site", words[0], site.folder, *more.get(words[0], []))
        if ended.status != 0:
            assert path.name in one_line(ended)
        else:
            assert ended.err == ""


@pytest.mark.parametrize("damage", ["empty", "cut", "binary", "words", "too deep"])
def test_a_damaged_site_book_has_a_generation_before_it(
    damage: str, made: MadeSite, commands: Commands, tmp_path: Path
) -> None:
    """With the generation before still there, the book is read from it, and a warning says so."""
    site = copy_site(made, tmp_path / "copy")
    assert commands.run("site", "add-kiosk", site.folder, "--room", "Last room").status == 0
    DAMAGES[damage](site.folder / "site.json")
    ended = commands.run("site", "list", site.folder)
    assert ended.status == 0
    assert str(device_of(site.kiosks[0]).hex()[:8]) in ended.out
    (warning,) = ended.err.splitlines()
    assert "the generation before is used" in warning


@pytest.mark.parametrize("damage", ["empty", "cut", "binary", "words", "too deep"])
@pytest.mark.parametrize("name", ["store/readers.json", "store/readers.next", f"bundle/public/{files.RECOVERY}"])
def test_damaged_readers_at_a_desk_are_one_line(
    name: str, damage: str, made: MadeSite, commands: Commands, one_line: Callable[[Ended], str], tmp_path: Path
) -> None:
    """The ceremony does not begin on damaged keys or documents, and leaves them as they are."""
    root = device_copy(made.desks[0], tmp_path)
    path = root.path / name
    path.with_name(path.name + ".previous").unlink(missing_ok=True)
    if not path.exists():
        path.write_bytes(b"rubbish")
    DAMAGES[damage](path)
    before = contents(root.path)
    words = ("reader", "new", "--root", root.path, "--name", "Zoe", "--role", "deputy", "--passphrase-stdin")
    ended = commands.run(*words, typed="six quiet words of her own choice\nHanna Head=x\nLee Lead=y\n")
    assert path.name in one_line(ended)
    assert contents(root.path) == before
