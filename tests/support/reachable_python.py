"""Lets a lab's users reach this Python: a developer's interpreter often lies in a home that only its owner may enter.

Nothing of the machine changes: in the mount namespace that `ip netns exec` makes for each program, an empty folder is
laid over a shut one, and the interpreter, its environment and this repository appear in it at their own places.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_MAY_ENTER = 0o001


def reachable(words: Sequence[str], parking: Path) -> list[str]:
    """The words that run `words` (in a mount namespace of its own) where everybody can reach the interpreter."""
    below: dict[Path, set[Path]] = {}
    for needed in (Path(sys.executable).resolve(), Path(sys.prefix), Path(__file__).parents[2]):
        shut = next((place for place in reversed(needed.parents) if not place.stat().st_mode & _MAY_ENTER), None)
        if shut is not None:
            below.setdefault(shut, set()).add(shut / needed.relative_to(shut).parts[0])
    if not below:
        return list(words)
    lines = ["set -e"]
    for shut, children in below.items():
        parked = {child: parking / child.name for child in sorted(children)}
        lines += [f"mkdir -p '{at}'; mount --bind '{child}' '{at}'" for child, at in parked.items()]
        lines.append(f"mount -t tmpfs -o mode=0755 tmpfs '{shut}'")
        lines += [f"mkdir '{child}'; mount --move '{at}' '{child}'" for child, at in parked.items()]
    return ["sh", "-c", "\n".join([*lines, f"cd '{Path.cwd()}'", 'exec "$@"']), "sh", *words]
