"""What the talk says on somebody's own phone and nowhere else: words only, for the pages and for translators."""

from __future__ import annotations

LOOK_AGAIN = "Look again"
TELL_AGAIN = "Tell us again"
# A ticket that is gone: the kiosk started anew, or half an hour has passed without a question.
LOST_SIGHT = "This page can't see your message any more. What we called saved is saved. To be sure, go to {place}."
# The kiosk does not answer: what was true before may still be true, but nobody can look now.
NOT_LOOKED = "We can't look right now. Don't wait: go to {place}. Danger: {danger}."
NOT_ENCRYPTED = "This page is not encrypted: somebody near you might read along on the Wi-Fi."
NOT_ASKED = "We do not ask for your name or your own words on this page, because it is not encrypted."
TOO_LONG = "That is too long. Please write less."
WORDS_BODY = "Only people who must know can open it."
NAME_BODY = "You need not. In danger, staff try to find who needs help."
CODE_KEPT_BODY = (
    "With these words you can see on this Wi-Fi's pages what became of it, for 30 days. We cannot show them later."
)
NEAR_YOU = "The office does not know where you are. If you want someone to come, say where we can meet you."
SENTENCES = (
    *(LOOK_AGAIN, TELL_AGAIN, LOST_SIGHT, NOT_LOOKED, NOT_ENCRYPTED, NOT_ASKED, TOO_LONG, WORDS_BODY),
    *(NAME_BODY, CODE_KEPT_BODY, NEAR_YOU),
)
