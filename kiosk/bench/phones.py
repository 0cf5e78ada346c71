"""Phones of the benchmark: a process in a lab's namespace that has an address for each of them.

As `python -m kiosk.bench.phones WORK`, with work as JSON on standard input. *arrive*: each phone opens the rules,
presses "I will keep to this" and, from that very moment, sends a datagram to the Internet each millisecond (a whole
class: each five, so that asking is not what the machine is busy with) until the first one comes back. *browse*: the
phones open pages for a while, each when it likes. Prints milliseconds as JSON.
"""

from __future__ import annotations

import errno
import gc
import heapq
import json
import re
import selectors
import socket
import sys
import time
from collections.abc import Callable, Sequence
from random import Random
from urllib.parse import urlencode

from kiosk.bench.figures import CannotMeasure

PROBE_SECONDS, PROBES_PER_SECOND = 0.001, 6000
# Whoever is not through after so long never will be.
PATIENCE_SECONDS = 10.0
# Before the press nothing may come back, however often it is tried.
SHUT_PROBES, SHUT_SECONDS = 3, 0.01
# Where the lab's Internet echoes, on a port that everybody who is admitted may use.
FAR = ("203.0.113.7", 443)
_FIELD = re.compile(r'name="(aup|met)" value="([0-9a-f]+)"')
_REQUEST = "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept-Language: en-GB\r\n{more}\r\n{body}"
_BODY = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"


class Question:
    """One request over a connection of its own, from one phone's address; never waits."""

    def __init__(self, portal: str, client: str, path: str, form: dict[str, str] | None = None) -> None:
        body = urlencode(form) if form is not None else ""
        more = _BODY.format(length=len(body)) if form is not None else ""
        method = "GET" if form is None else "POST"
        text = _REQUEST.format(method=method, path=path, host=portal, more=more, body=body)
        self._request, self._client, self._portal = text.encode(), client, portal
        self._asked = False
        self.answer = bytearray()
        self.began = self.ended = 0.0
        self.line = socket.socket()
        self.line.setblocking(False)

    def begin(self) -> None:
        self.began = time.perf_counter()
        self.line.bind((self._client, 0))
        number = self.line.connect_ex((self._portal, 80))
        if number not in (0, errno.EINPROGRESS):
            raise CannotMeasure(f"the portal cannot be reached: {errno.errorcode[number]}")

    def go_on(self) -> bool:
        """Once it can be read or written; returns whether it is over. Raises CannotMeasure."""
        try:
            if not self._asked:
                self.line.send(self._request)
                self._asked = True
                return False
            while data := self.line.recv(65_536):
                self.answer += data
        except BlockingIOError:
            return False
        except OSError as problem:
            raise CannotMeasure(f"the portal broke off: {problem.strerror}") from problem
        self.ended = time.perf_counter()
        self.line.close()
        return True

    @property
    def waits_for(self) -> int:
        return selectors.EVENT_READ if self._asked else selectors.EVENT_WRITE

    @property
    def status(self) -> int:
        return int(self.answer[9:12] or b"0")


class Arrival:
    """One phone between its press and its first packet through."""

    def __init__(self, portal: str, client: str) -> None:
        self.portal, self.client = portal, client
        self.through_ms: float | None = None
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.setblocking(False)
        self.far.bind((client, 0))
        self._form = self._read_rules()
        self._must_be_shut()
        self.press = Question(portal, client, "/en/accept", self._form)

    def probe(self) -> None:
        try:
            self.far.sendto(b"through?", FAR)
        except OSError as problem:
            # what the gate says to those that it does not let through
            if problem.errno not in (errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.EACCES):
                raise

    def came_back(self) -> bool:
        try:
            return bool(self.far.recv(64))
        except OSError:
            return False

    def _read_rules(self) -> dict[str, str]:
        page = ask(Question(self.portal, self.client, "/en/"))
        found = dict(_FIELD.findall(page.answer.decode(errors="replace")))
        if set(found) != {"aup", "met"}:
            raise CannotMeasure(f"no rules to accept: {bytes(page.answer[:200])!r}")
        return found

    def _must_be_shut(self) -> None:
        for _ in range(SHUT_PROBES):
            self.probe()
        time.sleep(SHUT_SECONDS)
        if self.came_back():
            raise CannotMeasure("somebody passes who has accepted nothing")


def ask(question: Question) -> Question:
    """One question to its end."""
    run([question], lambda _: None, until=time.perf_counter() + PATIENCE_SECONDS)
    return question


def run(questions: Sequence[Question], done: Callable[[Question], None], *, until: float) -> None:
    """All of them side by side. Raises CannotMeasure when that takes too long."""
    with selectors.DefaultSelector() as selector:
        for each in questions:
            each.begin()
            selector.register(each.line, each.waits_for, each)
        while selector.get_map():
            if time.perf_counter() > until:
                raise CannotMeasure("the portal does not answer")
            for key, _ in selector.select(0.1):
                _serve(selector, key.data, done)


def _serve(selector: selectors.BaseSelector, question: Question, done: Callable[[Question], None]) -> None:
    line = question.line.fileno()
    if question.go_on():
        selector.unregister(line)
        done(question)
    else:
        selector.modify(line, question.waits_for, question)


def arrive(portal: str, groups: Sequence[Sequence[str]]) -> list[float]:
    """Group after group; those of one press at the same moment. How long each took. Raises CannotMeasure."""
    return [took for clients in groups for took in _arrive(portal, clients)]


def _arrive(portal: str, clients: Sequence[str]) -> list[float]:
    arrivals = [Arrival(portal, client) for client in clients]
    with selectors.DefaultSelector() as selector:
        for each in arrivals:
            selector.register(each.far, selectors.EVENT_READ, each)
        for each in arrivals:
            each.press.begin()
            selector.register(each.press.line, each.press.waits_for, each.press)
        _until_all_are_through(selector, arrivals)
    for each in arrivals:
        each.far.close()
    return [each.through_ms for each in arrivals if each.through_ms is not None]


def _until_all_are_through(selector: selectors.BaseSelector, arrivals: Sequence[Arrival]) -> None:
    until = time.perf_counter() + PATIENCE_SECONDS
    gap = max(PROBE_SECONDS, len(arrivals) / PROBES_PER_SECOND)
    open_, due = {id(each) for each in arrivals}, 0.0
    asking = len(arrivals)
    while open_ or asking:
        now = time.perf_counter()
        if now > until:
            raise CannotMeasure(f"{len(open_)} phones that accepted are not let through")
        if now >= due:
            due = now + gap
            for each in arrivals:
                if id(each) in open_:
                    each.probe()
        for key, _ in selector.select(max(0.0, due - time.perf_counter())):
            if isinstance(key.data, Question):
                line = key.fd
                over = key.data.go_on()
                if over:
                    selector.unregister(line)
                    asking -= 1
                    _must_be_welcome(key.data)
                else:
                    selector.modify(line, key.data.waits_for, key.data)
            elif key.data.came_back() and id(key.data) in open_:
                open_.discard(id(key.data))
                key.data.through_ms = (time.perf_counter() - key.data.press.began) * 1000


def _must_be_welcome(press: Question) -> None:
    if press.status != 303 or b"/en/online" not in press.answer:
        raise CannotMeasure(f"not accepted: {bytes(press.answer[:200])!r}")


def browse(portal: str, clients: Sequence[str], paths: Sequence[str], gap: float, seconds: float) -> list[float]:
    """Each phone opens one page after another, with gaps as chance has it, on average `gap`. Raises CannotMeasure."""
    # A fixed seed: every run asks the same pages at the same moments.
    chance, times = Random(30), list[float]()
    began = time.perf_counter()
    due = [(began + chance.uniform(0, gap), client) for client in clients]
    heapq.heapify(due)
    with selectors.DefaultSelector() as selector:

        def done(question: Question) -> None:
            if question.status != 200:
                raise CannotMeasure(f"no page: {bytes(question.answer[:120])!r}")
            times.append((question.ended - question.began) * 1000)

        while due or selector.get_map():
            now = time.perf_counter()
            while due and due[0][0] <= now:
                at, client = heapq.heappop(due)
                question = Question(portal, client, chance.choice(paths))
                question.begin()
                selector.register(question.line, question.waits_for, question)
                # From when it was due, not from its answer: a slow portal is not asked less.
                if (again := at + chance.expovariate(1 / gap)) < began + seconds:
                    heapq.heappush(due, (again, client))
            wait = max(0.0, due[0][0] - time.perf_counter()) if due else PATIENCE_SECONDS
            ready = selector.select(wait)
            if not due and not ready and selector.get_map():
                raise CannotMeasure("the portal does not answer")
            for key, _ in ready:
                _serve(selector, key.data, done)
    return times


def bells(portal: str, clients: Sequence[str], paths: Sequence[str], times: int) -> list[float]:
    """All phones open a page in the same moment, so many times: how long the last of them waited."""
    slowest = []
    for number in range(times):
        questions = [Question(portal, client, paths[number % len(paths)]) for client in clients]
        run(questions, lambda _: None, until=time.perf_counter() + PATIENCE_SECONDS)
        slowest.append(max(each.ended for each in questions) - min(each.began for each in questions))
    return [each * 1000 for each in slowest]


def main(work: str, told: dict[str, object]) -> list[float]:
    """Raises CannotMeasure."""
    gc.freeze()
    gc.disable()
    jobs: dict[str, Callable[..., list[float]]] = {"arrive": arrive, "browse": browse, "bells": bells}
    return jobs[work](**told)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.load(sys.stdin))))
