"""The one pause in the tests: a moment for real processes, always inside a loop that has a condition and an end."""

from __future__ import annotations

import time

LOOK_EVERY_SECONDS = 0.05


def look_again(seconds: float = LOOK_EVERY_SECONDS) -> None:
    """Let others run before the condition is looked at once more."""
    time.sleep(seconds)
