"""A fast answer's deltas travel together, and say the same."""

from __future__ import annotations

import asyncio
import time

from huozhong.engine.llm import Delta
from huozhong.errors import EngineError
from huozhong.server.http import PIECE_SECONDS, RunningAnswer, joined


def test_neighbours_become_one() -> None:
    deltas = [
        Delta(reasoning="a", token_ids=(1,)),
        Delta(reasoning="b", token_ids=(2,)),
        Delta(text="c", token_ids=(3,)),
        Delta(text="d", token_ids=(4,), finish_reason="stop"),
    ]
    assert joined(deltas) == [Delta(reasoning="ab", text="cd", token_ids=(1, 2, 3, 4), finish_reason="stop")]
    assert joined([]) == []


def test_reasoning_after_text_and_errors_stay_apart() -> None:
    broken = Delta(error=EngineError("broken"))
    deltas = [Delta(text="a"), Delta(reasoning="b"), Delta(text="c"), broken]
    assert joined(deltas) == [Delta(text="a"), Delta(reasoning="b", text="c"), broken]


def test_every_delta_arrives_once_and_in_order_from_another_thread() -> None:
    async def run() -> list[Delta]:
        loop = asyncio.get_running_loop()
        tasks = []

        def start(on_delta):  # type: ignore[no-untyped-def]
            def work() -> None:
                for i in range(2000):
                    on_delta(Delta(token_ids=(i,), finish_reason="stop" if i == 1999 else None))
                    if i % 100 == 0:
                        time.sleep(0.001)

            tasks.append(loop.run_in_executor(None, work))

        answer = RunningAnswer(start)
        got: list[Delta] = []
        while not got or not got[-1].is_last:
            got += await answer.next()
        await tasks[0]
        return got

    assert [d.token_ids[0] for d in asyncio.run(run())] == list(range(2000))


def test_collecting_ends_with_the_last_delta() -> None:
    async def run() -> float:
        answer = RunningAnswer(lambda on_delta: on_delta(Delta(finish_reason="stop")))  # type: ignore[arg-type,return-value,func-returns-value]
        await answer.next()
        began = time.perf_counter()
        await answer.collect(60)
        return time.perf_counter() - began

    assert asyncio.run(run()) < 30 > PIECE_SECONDS
