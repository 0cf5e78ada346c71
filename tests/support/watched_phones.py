"""Phones whose reach is written down all the time (`phone_sampler`), and what was seen between two moments."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from kiosk.netlab import Phone
from tests.support.portal_box import until

PROGRAM = Path(__file__).with_name("phone_sampler.py")
# A round that lost every packet takes three seconds.
GAP_MOST_SECONDS = 5.0


@dataclass(frozen=True)
class Sample:
    """One round. `page` is "internet", "portal", "nothing" or "other"; the others are "through" or "nothing"."""

    at: float
    page: str
    connection: str
    datagram: str


class Watched:
    """A phone and its sampler, from now on."""

    def __init__(self, phone: Phone, record: Path) -> None:
        self.phone, self._record = phone, record
        record.touch()
        self._process: subprocess.Popen[bytes] = phone.start([sys.executable, str(PROGRAM), str(record)])

    def samples(self, since: float = 0.0) -> list[Sample]:
        text = self._record.read_text(encoding="utf-8")
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [sample for sample in (Sample(*json.loads(line)) for line in lines) if sample.at >= since]

    def some_more(self, count: int = 3) -> None:
        """Wait for so many rounds that begin from now on."""
        now = time.monotonic()
        until(lambda: len(self.samples(now)) >= count or self._process.poll() is not None, "rounds of a sampler")
        assert self._process.poll() is None, "the sampler ended"

    def seen(self, since: float) -> list[Sample]:
        """All rounds since then, which must lie close to one another."""
        found = self.samples(since)
        moments = [since, *(sample.at for sample in found)]
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        assert max(gaps) < GAP_MOST_SECONDS, f"nobody looked for {max(gaps):.1f} s"
        return found
