"""The measurements of the README: a throw-away site of real processes, and what a press costs in it.

Starts `quietbell` commands as a technician would, so it needs no rule of any room bent; only `pressing` builds a kiosk
of its own, to stamp the moment in which an event is posted. Every figure that depends on the machine is told as a
ratio, beside what the machine itself can do.
"""
