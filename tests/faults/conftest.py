"""What takes a minute of real time is collected only for the long runs (`make faults`)."""

from __future__ import annotations

import os

LONG_RUNS = 300

collect_ignore = [] if int(os.environ.get("QUIETBELL_FAULT_RUNS", "0")) >= LONG_RUNS else ["test_real_minute.py"]
