"""The rules of the house, read from the source: who may import whom, one owner for each vendor, what no file says.

Nothing is imported here; every rule is a question to the syntax tree or the text of a file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("firmware", "kiosk", "broker_config", "hardware")
TOP_LEVEL = {
    *PACKAGES,
    "tests",
    "pyproject.toml",
    "README.md",
    "Makefile",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
}
# what tools leave behind; git ignores it
LEFT_BEHIND = {"demo-output", "bench-output", "faults-output", "dist", "build"}

# room -> the rooms of ours that it may import; itself always. A room that is not here may not exist.
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "hardware": (),
    "firmware": ("hardware",),
    "kiosk.talk": ("firmware.messages",),
    "kiosk.screen": (),
    "kiosk.words": ("firmware.errors",),
    "kiosk.learner": ("kiosk.talk", "kiosk.screen", "kiosk.words", "firmware"),
    "kiosk.staff": ("kiosk.talk", "kiosk.screen", "kiosk.words", "firmware"),
    # the one with a privilege knows nothing of web, talk or words
    "kiosk.portal.gate": ("firmware",),
    "kiosk.portal": ("kiosk.talk", "kiosk.words", "firmware"),
    "kiosk.technician": ("kiosk.screen", "kiosk.words", "firmware"),
    "kiosk.rehearsal": ("firmware",),
    "kiosk.netlab": ("firmware",),
    "kiosk.demo": ("firmware", "kiosk.rehearsal", "kiosk.netlab"),
    # its kiosk is the real one, which says when it was pressed
    "kiosk.bench": ("kiosk.learner", "kiosk.talk", "kiosk.portal", "kiosk.netlab", "firmware"),
    "broker_config": ("firmware",),
}

# vendor -> the modules or rooms that may import it
OWNERS: Mapping[str, tuple[str, ...]] = {
    "gpiozero": ("firmware.board",),
    "lgpio": ("firmware.board",),
    # the bench measures us against a bare client of the same library
    "paho": ("firmware.link", "kiosk.bench"),
    "pygame": ("kiosk.screen",),
    "PIL": ("kiosk.screen",),
    "cryptography": (
        "firmware.envelope",
        "firmware.identity",
        # a reader's key at rest
        "firmware.readers",
        # the erase key around each body
        "firmware.ledger",
        "broker_config.site_ca",
    ),
    "tinydb": ("firmware.documents",),
    "sqlite3": ("firmware.ledger",),
    "starlette": ("kiosk.portal",),
    "uvicorn": ("kiosk.portal",),
    "httptools": ("kiosk.portal",),
    "uvloop": ("kiosk.portal",),
    "jinja2": ("kiosk.portal",),
    "segno": ("broker_config.voucher_sheet",),
    "apprise": ("kiosk.staff.pager",),
    "babel": ("kiosk.words",),
    "amqtt": ("kiosk.demo",),
}

# a desk's word must never hang on a transport
NEVER_LINK = ("firmware.outbox", "firmware.inbox", "firmware.ledger", "firmware.messages", "firmware.envelope")

# think at 400; nobody needs this many
LONGEST_MODULE_LINES = 600
LONGEST_BODY_LINES = 40

# in pieces, so that this file does not contain what it forbids
FORBIDDEN_WORDS = {
    "a folder outside the repository": ("/" + "work/", "../" + "shared"),
    "the host of a package registry": (
        "pypi" + ".org",
        "python" + "hosted",
        "pi" + "wheels",
        "registry.npmjs" + ".org",
    ),
}
TEXT_ENDINGS = {
    ".py",
    ".toml",
    ".md",
    ".conf",
    ".csv",
    ".sh",
    ".txt",
    ".ini",
    ".cfg",
    ".yml",
    ".yaml",
    ".svg",
    ".service",
    "",
}


def sources(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (REPOSITORY / folder).rglob("*.py"))


def module_of(file: Path) -> str:
    parts = file.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports_of(file: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever it stands."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import; name the module in full"
            module = node.module or ""
            yield from (f"{module}.{name.name}" for name in node.names)


def stands_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> str:
    return next((room for room in MAY_IMPORT if stands_in(module, room)), "")


def functions_of(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree_of(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def texts() -> Iterator[Path]:
    """Every file that somebody wrote."""
    for place in sorted(REPOSITORY.iterdir()):
        if place.is_file() and place.suffix in TEXT_ENDINGS and place.name != ".git":
            yield place
        elif place.name in {*PACKAGES, "tests", ".ci"}:
            files = (file for file in sorted(place.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)
            yield from (file for file in files if file.suffix in TEXT_ENDINGS)


def test_top_level_is_the_drawn_one() -> None:
    """Nothing stands at the top of the repository but what the drawing of the house names, and dot-files."""
    found = {place.name for place in REPOSITORY.iterdir() if not place.name.startswith(".")}
    assert found - LEFT_BEHIND <= TOP_LEVEL


@pytest.mark.parametrize("file", sources(*PACKAGES), ids=module_of)
def test_module_imports_only_the_rooms_it_may(file: Path) -> None:
    """A folder is a person: learner, staff, portal and technician share only talk, screen, words and firmware."""
    module = module_of(file)
    if module == "kiosk":
        allowed: tuple[str, ...] = ()
    else:
        room = room_of(module)
        assert room, f"{module} stands in no room of the drawing; add it to MAY_IMPORT with what it may import"
        allowed = (room, *MAY_IMPORT[room])
    ours = [name for name in imports_of(file) if name.partition(".")[0] in {*PACKAGES, "tests"}]
    wrong = [name for name in ours if not any(stands_in(name, room) for room in allowed)]
    assert not wrong, f"{module} may not import {', '.join(wrong)}"


@pytest.mark.parametrize("file", sources(*PACKAGES), ids=module_of)
def test_vendor_has_one_owner(file: Path) -> None:
    """Each library that could be replaced one day is known to one room only."""
    module = module_of(file)
    for name in imports_of(file):
        owners = OWNERS.get(name.partition(".")[0])
        assert owners is None or any(stands_in(module, owner) for owner in owners), f"{module} imports {name}"


def test_reports_never_hang_on_the_link() -> None:
    """Whoever saves, seals or records knows nothing of MQTT: truth does not depend on a transport."""
    for module in NEVER_LINK:
        file = REPOSITORY / f"{module.replace('.', '/')}.py"
        assert not [name for name in imports_of(file) if stands_in(name, "firmware.link")], module


@pytest.mark.parametrize("file", sources(*PACKAGES, "tests"), ids=module_of)
def test_module_says_what_it_is(file: Path) -> None:
    """Every module begins with a docstring."""
    assert ast.get_docstring(tree_of(file)), f"{file.relative_to(REPOSITORY)} has no docstring"


@pytest.mark.parametrize("file", sources(*PACKAGES), ids=module_of)
def test_module_keeps_no_state_and_prints_nothing(file: Path) -> None:
    """No `global`, no `print`: state is held by objects, words go through the screen, click or the log."""
    for node in ast.walk(tree_of(file)):
        assert not isinstance(node, ast.Global), f"line {node.lineno}: global"
        printing = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        assert not printing, f"print in {module_of(file)}"


@pytest.mark.parametrize("file", sources(*PACKAGES), ids=module_of)
def test_module_and_its_bodies_stay_readable(file: Path) -> None:
    """A module that outgrows 600 lines is two modules; a body of more than 40 lines is two functions."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE_LINES
    for function in functions_of(file):
        first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
        lines = (function.end_lineno or 0) - first.lineno + 1
        assert lines <= LONGEST_BODY_LINES, f"{function.name}: {lines} lines"


@pytest.mark.parametrize("file", sources("tests"), ids=module_of)
def test_tests_state_their_fact_and_never_sleep(file: Path) -> None:
    """Each test says in its docstring what it proves, and none waits for time to pass; real processes are polled by
    `tests.support.until` alone."""
    for function in functions_of(file):
        if function.name.startswith("test_"):
            assert ast.get_docstring(function), f"{function.name} states no fact"
    if file.name == "until.py":
        return
    assert "time.sleep" not in set(imports_of(file))
    calls = (node.func for node in ast.walk(tree_of(file)) if isinstance(node, ast.Call))
    assert not [call for call in calls if isinstance(call, ast.Attribute) and call.attr == "sleep"]


def test_tests_do_not_shadow_the_product() -> None:
    """A folder of tests that were a package would hide the package of the same name."""
    assert not list((REPOSITORY / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("what", FORBIDDEN_WORDS)
def test_no_file_names_what_is_not_ours(what: str) -> None:
    """The repository stands alone: it names no folder outside itself and no package registry."""
    for file in texts():
        text = file.read_text(encoding="utf-8", errors="replace")
        found = [words for words in FORBIDDEN_WORDS[what] if words in text]
        assert not found, f"{file.relative_to(REPOSITORY)} names {what}: {', '.join(found)}"


def test_makefile_and_ci_run_the_same_command() -> None:
    """What is checked before a change is merged is what the README tells everybody to run."""
    commands = [
        line.strip()
        for line in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.strip().startswith(("#", "set ", "cd ", "export "))
    ]
    assert commands == ["make test"]
    assert "make test" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Every file that a page links or shows is in the repository."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert "://" in target or (REPOSITORY / target).exists(), f"{name} links {target}"
