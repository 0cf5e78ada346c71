"""What the demo prints for the person in front of it."""

from __future__ import annotations

from kiosk.demo.throwaway import PEOPLE, ROOM, ThrowawaySite


def legend(site: ThrowawaySite) -> str:
    """One screen of text: what stands where and what to try."""
    readers = "\n".join(f"    {name:<13} {role:<12} {words}" for name, role, words in PEOPLE)
    return f"""
Two windows: the kiosk of {ROOM}, and the desk in the staff office.

  Kiosk   space bar, a tap     the talk opens (and hides)
          space bar, held 2 s  a silent call: nothing happens on the screen but a turned tip and a small dot
          mouse                a finger
  Desk    F1                   the big button: "Someone at the office pressed I have it"
          mouse, keyboard      a finger; passphrases

  Try: a report, then F1 at the desk and look at the kiosk; sign in, answer, say "with them", close it.
  Try: "an adult who works here": the locked desk shows nothing. Sign in as Hanna Head.
  Try: kill the broker ({site.port}) or close the lid of your laptop; what was saved arrives later.

  Readers of this throw-away site and their passphrases:
{readers}

Close a window or press Ctrl-C to end; everything is then removed.
"""
