"""What the demo prints for the person in front of it."""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.demo.throwaway import PEOPLE, ROOM, ThrowawaySite


def legend(site: ThrowawaySite, portal: str, languages: Mapping[str, str]) -> str:
    """One screen of text: what stands where and what to try.

    `portal`: the address of the pages for phones; `languages`: what each is called, by the path that leads to it.
    """
    phones = ", ".join(f"{name} (/{code}/)" for code, name in languages.items())
    readers = "\n".join(f"    {name:<13} {role:<12} {words}" for name, role, words in PEOPLE)
    return f"""
Two windows: the kiosk of {ROOM}, and the desk in the staff office. And a page for phones.

  Kiosk   space bar, a tap     the talk opens (and hides)
          space bar, held 2 s  a silent call: nothing happens on the screen but a turned tip and a small dot
          mouse                a finger
  Desk    F1                   the big button: "Someone at the office pressed I have it"
          mouse, keyboard      a finger; passphrases

  Phone   {portal}  in a browser on this machine: the page that people's own devices meet
          {phones}
          "Not now"? At the desk: Phones, {ROOM}, 45 min. Then look again.

  Try: a report, then F1 at the desk and look at the kiosk; sign in, answer, say "with them", close it.
  Try: "an adult who works here": the locked desk shows nothing. Sign in as Hanna Head.
  Try: "Talk to someone" on the phone's page, and look at the desk.
  Try: kill the broker ({site.port}) or close the lid of your laptop; what was saved arrives later.

  Readers of this throw-away site and their passphrases:
{readers}

Close a window or press Ctrl-C to end; everything is then removed.
"""
