"""What is asked for while something is being done is done together, and everybody gets their own answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from firmware.errors import Refused, StoreFault
from kiosk.portal.groups import Groups


class Doing:
    """Doubles numbers; the first group waits until it is let go. Odd ones are refused, a hundred is a defect."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def do(self, numbers: Sequence[int]) -> Sequence[int | Refused]:
        self.groups.append(list(numbers))
        if len(self.groups) == 1:
            self.begun.set()
            assert self.go_on.wait(10)
        if 100 in numbers:
            raise ZeroDivisionError
        return [Refused("odd") if number % 2 else 2 * number for number in numbers]


async def turn() -> None:
    """Let every task that can run do so once."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_result, None)
    await done


async def asked(doing: Doing, first: int, others: Sequence[int]) -> list[int | BaseException]:
    """The others come while the first is at work."""
    with ThreadPoolExecutor(1) as executor:
        groups = Groups(executor, doing.do)
        begun = asyncio.create_task(groups.ask(first))
        await asyncio.to_thread(doing.begun.wait, 10)
        rest = [asyncio.create_task(groups.ask(number)) for number in others]
        await turn()
        doing.go_on.set()
        return await asyncio.gather(begun, *rest, return_exceptions=True)


def test_whoever_comes_meanwhile_is_done_together() -> None:
    """One by itself, then all others in one go, in the order in which they came; each hears what is theirs."""
    doing = Doing()
    answers = asyncio.run(asked(doing, 2, [4, 6, 7, 8]))
    assert doing.groups == [[2], [4, 6, 7, 8]]
    assert [answers[at] for at in (0, 1, 2, 4)] == [4, 8, 12, 16]
    assert isinstance(answers[3], Refused)


def test_a_defect_is_heard_by_the_whole_group_and_by_no_other() -> None:
    """Nobody waits for ever, and the next group is done as if nothing had been."""
    doing = Doing()
    answers = asyncio.run(asked(doing, 2, [4, 100]))
    assert answers[0] == 4
    assert [type(answer) for answer in answers[1:]] == [ZeroDivisionError, ZeroDivisionError]


def test_whoever_has_gone_is_not_done() -> None:
    """A phone that went away before its turn has not asked."""

    async def leave(doing: Doing) -> int:
        with ThreadPoolExecutor(1) as executor:
            groups = Groups(executor, doing.do)
            first = asyncio.create_task(groups.ask(2))
            await asyncio.to_thread(doing.begun.wait, 10)
            leaving, staying = asyncio.create_task(groups.ask(4)), asyncio.create_task(groups.ask(6))
            await turn()
            leaving.cancel()
            await turn()
            doing.go_on.set()
            return await first + await staying

    doing = Doing()
    assert asyncio.run(leave(doing)) == 16
    assert doing.groups == [[2], [6]]


def test_a_fault_of_all_is_told_to_each() -> None:
    """What could not be saved was saved for nobody."""

    def fails(wishes: Sequence[int]) -> Sequence[int | StoreFault]:
        fault = StoreFault("no room")
        return [fault for _ in wishes]

    async def ask() -> list[int | BaseException]:
        with ThreadPoolExecutor(1) as executor:
            groups: Groups[int, int] = Groups(executor, fails)
            return await asyncio.gather(*(groups.ask(number) for number in range(3)), return_exceptions=True)

    assert [str(answer) for answer in asyncio.run(ask())] == ["no room"] * 3
