"""The door through which a rehearsal drives a real kiosk or desk: a Unix socket that only rehearsal bundles open.

Each request is one JSON object with a "do"; the loop answers it in its own turn, so a rehearsal sees exactly what a
person at the unit would. Owns the hand-over between the socket's thread and the loop; knows nothing of what is asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from firmware.errors import NotAllowedHere
from firmware.local_link import LocalServer, Peer, serve

SOCKET_NAME = "rehearsal.sock"
# Longer than any turn of a healthy loop, shorter than a person's patience.
ANSWER_SECONDS = 10.0

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """A rehearsal asks; whoever handles it calls `answer` once."""

    do: str
    words: Json
    answers: SimpleQueue[Json] = field(repr=False, compare=False)

    def answer(self, **values: object) -> None:
        self.answers.put(values)

    def word(self, name: str) -> str:
        """One of the request's words, "" when it was not given."""
        value = self.words.get(name, "")
        return value if isinstance(value, str) else ""


def open_port(run: Path, *, rehearsal: bool, post: Callable[[Asked], None]) -> LocalServer:
    """Listen on `run`/rehearsal.sock for this user only.

    Raises NotAllowedHere on a unit that is not a rehearsal.
    """
    if not rehearsal:
        raise NotAllowedHere("device.toml: device.rehearsal: only a rehearsal can be driven from outside")

    def on_request(peer: Peer, untrusted: bytes) -> bytes:
        return json.dumps(_ask(untrusted, post)).encode()

    return serve(run / SOCKET_NAME, allow_uids={os.getuid()}, mode=0o600, on_request=on_request)


def _ask(untrusted: bytes, post: Callable[[Asked], None]) -> Json:
    try:
        words = json.loads(untrusted)
    except (ValueError, RecursionError):
        return {"error": "not JSON"}
    if not isinstance(words, dict) or not isinstance(words.get("do"), str):
        return {"error": 'not an object with a "do"'}
    asked = Asked(words["do"], words, SimpleQueue())
    post(asked)
    try:
        return asked.answers.get(timeout=ANSWER_SECONDS)
    except Empty:
        return {"error": "the unit did not answer in time"}
