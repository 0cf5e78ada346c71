"""`python -m firmware` is the command `quietbell`, for programs that start one and know only their interpreter."""

import sys

from firmware.cli import main

if __name__ == "__main__":
    sys.exit(main())
