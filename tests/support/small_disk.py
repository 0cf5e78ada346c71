"""A real file system of a few megabytes that can be filled and emptied: ext4 in a file, or tmpfs where that is denied.

Mounting needs root; where we are not, the test is skipped by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_KIB = 4096
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class SmallDisk:
    """A mounted small file system at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Take every block that is left."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for piece in (65_536, 4096, 512, 1):
                try:
                    while ballast.write(bytes(piece)) == piece:
                        pass
                except OSError:
                    continue

    def make_room(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path) -> Iterator[SmallDisk]:
    """Mount one over the folder `path`, keeping what is in it."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system; run this as root")
    kept = path.with_name(f"{path.name}.before")
    path.mkdir(parents=True, exist_ok=True)
    shutil.copytree(path, kept)
    _mount(path)
    try:
        shutil.copytree(kept, path, dirs_exist_ok=True)
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", str(path)], check=True, env={**os.environ, "PATH": _PATH})


def _mount(path: Path) -> None:
    image = path.with_name(f"{path.name}.image")
    with image.open("wb") as file:
        file.truncate(SIZE_KIB * 1024)
    # Blocks of 4 KiB as on any card; mkfs would choose 1 KiB for so small a one.
    made = _run("mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-O", "^has_journal", str(image))
    if made and _run("mount", "-o", "loop", str(image), str(path)):
        return
    if not _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", str(path)):
        pytest.skip("this machine lets root mount neither ext4 in a file nor tmpfs")


def _run(*command: str) -> bool:
    if shutil.which(command[0], path=_PATH) is None:
        return False
    return subprocess.run(command, capture_output=True, env={**os.environ, "PATH": _PATH}, check=False).returncode == 0
