"""Presses a rehearsal kiosk's button and says "yes"; prints after how many seconds the screen called it saved.

A program of its own: only the kiosk's own user may drive it. Its argument is the kiosk's run folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from kiosk.rehearsal import Json, Unit

WAIT_SECONDS = 20.0


def is_saved(state: Json) -> bool:
    report = state["report"]
    return isinstance(report, dict) and bool(report["saved"])


def main(run: Path) -> None:
    unit, begun = Unit(run), time.monotonic()
    unit.tap()
    unit.wait_for(lambda state: state["screen"] == "danger", "the talk", WAIT_SECONDS)
    unit.touch("option-yes")
    unit.wait_for(is_saved, "saved", WAIT_SECONDS)
    print(time.monotonic() - begun)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
