"""Slow work keeps nobody else waiting, and is not done for those who have left."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from starlette.types import Message

from huozhong import RequestError
from huozhong.server.pools import Pool, shortly


async def stays() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def leaves_after(seconds: float) -> Callable[[], object]:
    async def receive() -> Message:
        await asyncio.sleep(seconds)
        return {"type": "http.disconnect"}

    return receive


def test_what_work_returns_and_raises() -> None:
    async def run() -> None:
        pool = Pool("test", threads=1, max_waiting=0)
        assert await pool.run(lambda is_wanted: is_wanted(), stays) is True
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda _: 1 // 0, stays)
        assert await pool.run(lambda _: 2, stays) == 2

    asyncio.run(run())


def test_who_finds_too_many_waiting_is_told_so() -> None:
    async def run() -> None:
        pool, go_on = Pool("test", threads=1, max_waiting=1), threading.Event()
        first = [asyncio.create_task(pool.run(lambda _: go_on.wait(60), stays)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(RequestError, match="ask again") as caught:
            await pool.run(lambda _: None, stays)
        assert caught.value.code == "too_busy"
        go_on.set()
        assert await asyncio.gather(*first) == [True, True]
        await asyncio.sleep(0.05)
        await pool.run(lambda _: None, stays)

    asyncio.run(run())


def test_who_leaves_ends_the_work_and_what_waits_is_never_begun() -> None:
    begun: list[str] = []

    def work(name: str) -> Callable[[Callable[[], bool]], float]:
        def wait(is_wanted: Callable[[], bool]) -> float:
            begun.append(name)
            began = time.monotonic()
            while is_wanted() and time.monotonic() - began < 120:
                time.sleep(0.01)
            return time.monotonic() - began

        return wait

    async def run() -> None:
        pool = Pool("test", threads=1, max_waiting=5)
        began = time.monotonic()
        left = [asyncio.create_task(pool.run(work(name), leaves_after(0.1))) for name in ("first", "second")]
        for task in left:
            with pytest.raises(RequestError) as caught:
                await task
            assert caught.value.code == "aborted"
        assert await pool.run(lambda _: "next", stays) == "next"
        assert time.monotonic() - began < 60  # and not two minutes
        assert pool._inside <= 1

    asyncio.run(run())
    assert begun == ["first"]


def test_what_is_short_is_done_one_after_the_other() -> None:
    inside: list[int] = []

    def work() -> int:
        inside.append(1)
        most = len(inside)
        time.sleep(0.01)
        inside.pop()
        return most

    async def run() -> list[int]:
        with pytest.raises(ZeroDivisionError):
            await shortly(lambda: 1 // 0)
        return await asyncio.gather(*(shortly(work) for _ in range(8)))

    assert asyncio.run(run()) == [1] * 8
