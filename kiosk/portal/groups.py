"""Does together what is asked for together: while one group is at work, whoever comes waits for the next one.

A class that accepts at one moment is written to the disk in two or three goes instead of thirty. Owns the gathering
and who gets which answer. Knows nothing of what is done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from firmware.errors import QuietbellError

_Wish = TypeVar("_Wish")
_Answer = TypeVar("_Answer")


class Groups(Generic[_Wish, _Answer]):
    """`do` gets a group, on one thread of `executor`, and says of each in turn what came of it, or why nothing did."""

    def __init__(self, executor: Executor, do: Callable[[Sequence[_Wish]], Sequence[_Answer | QuietbellError]]) -> None:
        self._executor, self._do = executor, do
        self._waiting: deque[tuple[_Wish, Future[_Answer]]] = deque()

    async def ask(self, wish: _Wish) -> _Answer:
        """Raises what `do` says of this wish; whatever `do` itself raises, everybody of its group hears."""
        answer: Future[_Answer] = Future()
        self._waiting.append((wish, answer))
        # Once for each: who is no longer waiting then was in the group before.
        self._executor.submit(self._do_waiting)
        return await asyncio.wrap_future(answer)

    def _do_waiting(self) -> None:
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]
        # Whoever has gone away meanwhile has not asked.
        group = [(wish, answer) for wish, answer in group if answer.set_running_or_notify_cancel()]
        if not group:
            return
        try:
            said = self._do([wish for wish, _ in group])
        except Exception as problem:  # noqa: BLE001 (a defect in `do`: all who wait for it hear of it)
            for _, answer in group:
                answer.set_exception(problem)
            return
        for (_, answer), each in zip(group, said, strict=True):
            if isinstance(each, QuietbellError):
                answer.set_exception(each)
            else:
                answer.set_result(each)
