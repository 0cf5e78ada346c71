"""The only room that knows pygame and Pillow: boxes in, pixels out; touches in, plain events out."""

import os

# pygame greets on standard output when it is imported, which would spoil every command that prints JSON.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
