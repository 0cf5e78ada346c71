"""What every persona can do: judge the network by its own rule, and sign in as its sheet would.

A persona is one row of the table of probes. It knows what its system asks and what it makes of the raw answer, with the
sources in its docstring; it knows nothing of the portal but what comes up in its sheet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tests.support.personas.asking import Handset, Judgement, Verdict
from tests.support.personas.sheet import Form, Page, Sheet

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"


@dataclass(frozen=True)
class SignedIn:
    """How signing in went: the page before, the page after, and what the system made of the network after each."""

    before: Page
    after: Page
    seen: tuple[Verdict, ...]


class Persona(ABC):
    """`name` is for people, `agent` for the sheet."""

    name: str
    agent: str = BROWSER

    @abstractmethod
    def judge(self, handset: Handset) -> Judgement:
        """What this system shows of the network now."""

    def open_sheet(self, handset: Handset, judgement: Judgement, seen: list[Verdict] | None = None) -> Sheet:
        """Show what the system shows by itself. `seen` is told what it makes of the network after each page."""
        assert judgement.verdict is Verdict.PORTAL, f"{self.name}: no sheet ({judgement.why})"
        noted = seen if seen is not None else []
        sheet = Sheet(handset, agent=self.agent, navigated=lambda: noted.append(self.judge(handset).verdict))
        sheet.open(judgement.sign_in)
        return sheet

    def sign_in(self, handset: Handset) -> SignedIn:
        """From a verdict of "portal": read the page that comes up and press "I will keep to this"."""
        seen: list[Verdict] = []
        sheet = self.open_sheet(handset, self.judge(handset), seen)
        before = sheet.page
        assert before is not None
        after = sheet.press(promise(before))
        return SignedIn(before, after, tuple(seen))


def promise(page: Page) -> Form:
    """The form with the button by which the rules are accepted."""
    form = page.form_to("/accept")
    assert form.button.strip(), "a button that says nothing"
    return form
