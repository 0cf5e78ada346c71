"""Pictures of the phone's pages, by whatever Chromium this machine has. The demo does without, if there is none."""

from __future__ import annotations

import html
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from kiosk.demo.ground import Ground, Page, find_program

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# As a usual phone has it, in CSS pixels.
WIDTH, HEIGHT = 412, 915
PICTURE_SECONDS = 40.0
# It puts a socket there, whose whole path may have 107 letters.
SHORT = "/tmp"
_QUIET = (
    *("--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--lang=en-GB"),
    # The authority of the lab's certificates is known to the phone's other programs, not to this one.
    "--ignore-certificate-errors",
)


class Camera:
    """`say` hears once why there are no pictures."""

    def __init__(self, ground: Ground, folder: Path, say: Callable[[str], None]) -> None:
        self._ground, self._folder, self._say = ground, folder, say
        self._browser = next((found for name in CHROMIUMS if (found := find_program(name))), None)
        if self._browser is None:
            self._say("No pictures of the phone: apt install chromium")

    def take(self, page: Page, file: Path) -> None:
        """What the phone shows. A page that has an address is opened there by the browser itself."""
        if self._browser is None:
            return
        self._folder.mkdir(exist_ok=True)
        address = self._kept(page) if page.posted else page.url
        words = [self._browser, *_QUIET, f"--user-data-dir={self._folder}", f"--window-size={WIDTH},{HEIGHT}"]
        if os.geteuid() == 0:
            # Chromium's own sandbox cannot be had as root.
            words.append("--no-sandbox")
        if not self._run([*words, f"--screenshot={file.absolute()}", address]) or not file.exists():
            self._say(f"No more pictures of the phone: {self._browser} made none")
            self._browser = None

    def _kept(self, page: Page) -> str:
        """The answer to a form cannot be asked for again: it is opened as a file, with its style from where it was."""
        file = self._folder / "page.html"
        base = f'<head><base href="{html.escape(page.url)}">'
        file.write_text(page.body.replace("<head>", base, 1), encoding="utf-8")
        return file.as_uri()

    def _run(self, words: Sequence[str]) -> bool:
        """With all its children ended, however it went."""
        with TemporaryDirectory(prefix="qb-", dir=SHORT) as short:
            return self._ends_well(words, {**os.environ, "TMPDIR": short, "HOME": str(self._folder)})

    def _ends_well(self, words: Sequence[str], environment: Mapping[str, str]) -> bool:
        browser = subprocess.Popen(
            self._ground.command(words),
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return browser.wait(PICTURE_SECONDS) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            with suppress(ProcessLookupError):
                os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
