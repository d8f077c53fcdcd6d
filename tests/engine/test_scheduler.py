"""The scheduler alone: a pretend model that only says "another token" drives it through random days."""

from __future__ import annotations

import random

import numpy as np
import pytest

from huozhong.engine.kv_cache import PagePool
from huozhong.engine.output import OutputText
from huozhong.engine.scheduler import Scheduler, Slice
from huozhong.engine.sequence import SamplingParams, Sequence

NO_OUTPUT: OutputText = None  # type: ignore[assignment]  # text plays no part in scheduling


def request(number: int, prompt: list[int], answer: int = 4) -> Sequence:
    return Sequence(number, np.array(prompt, np.int32), SamplingParams(), answer, print, NO_OUTPUT)


def scheduler(num_pages: int = 8, page_size: int = 4, budget: int = 8, max_running: int = 4) -> Scheduler:
    return Scheduler(PagePool(num_pages, page_size), token_budget=budget, max_running=max_running)


def run(slices: list[Slice], on: Scheduler) -> None:
    """What the loop does with a step's work, with the token 7 as every answer."""
    for done in slices:
        on.advance(done)
        if done.reaches_end:
            done.sequence.generated.append(7)
            if len(done.sequence.generated) == done.sequence.max_new_tokens:
                on.remove(done.sequence)


def check(slices: list[Slice], on: Scheduler) -> None:
    """What must hold for any step."""
    size = on.pool.page_size
    assert sum(s.count for s in slices) <= on.token_budget
    assert len({s.sequence.request_id for s in slices}) == len(slices)
    for s in slices:
        sequence = s.sequence
        assert sequence in on.running
        assert s.start == sequence.num_computed
        assert s.count > 0
        assert s.prefill == (s.start < sequence.prompt_len)
        assert not s.prefill or s.start + s.count <= sequence.prompt_len
        assert len(sequence.pages) * size >= s.start + s.count
        # Nobody else may read the pages that this slice writes.
        written = sequence.pages[s.start // size : -(-(s.start + s.count) // size)]
        others = [p for other in on.running if other is not sequence for p in other.pages]
        assert not set(written) & set(others)
    held = {p for sequence in on.running for p in sequence.pages}
    assert on.pool.num_used == len(held)


def test_prompt_is_cut_to_the_budget_and_tokens_of_others_go_first() -> None:
    on = scheduler(budget=8)
    short, long = request(1, [1, 2]), request(2, list(range(20)))
    on.add(short)
    run(on.schedule(), on)
    on.add(long)
    counts = []
    while not long.generated:
        slices = on.schedule()
        check(slices, on)
        counts.append([(s.sequence.request_id, s.count, s.prefill) for s in slices])
        run(slices, on)
    assert counts == [
        [(1, 1, False), (2, 7, True)],
        [(1, 1, False), (2, 7, True)],
        [(1, 1, False), (2, 6, True)],
    ]


def test_prompt_pages_are_reused_but_never_the_last_token_nor_generated_ones() -> None:
    on = scheduler(budget=32)
    first = request(1, list(range(8)), answer=6)
    on.add(first)
    while on.has_work:
        run(on.schedule(), on)
    again = request(2, list(range(8)))
    longer = request(3, [*range(8), 7, 7, 7, 7, 7, 7])  # goes on with exactly what was generated
    for sequence in (again, longer):
        on.add(sequence)
    slices = on.schedule()
    check(slices, on)
    assert again.cache_hit_tokens == 4  # 8 would leave no token to compute the first logits from
    assert longer.cache_hit_tokens == 8


def test_scores_never_come_from_the_cache() -> None:
    on = scheduler()
    first = request(1, list(range(8)), answer=1)
    on.add(first)
    run(on.schedule(), on)
    score = request(2, list(range(8)))
    score.only_score = True
    on.add(score)
    assert on.schedule()[0].start == 0


def test_newest_is_put_back_when_pages_run_out_and_computed_again_in_the_same_forms() -> None:
    on = scheduler(num_pages=4, page_size=4, budget=16)
    old, new = request(1, [1] * 7, answer=9), request(2, [2] * 6, answer=9)
    on.add(old)
    on.add(new)
    while new.pages or not new.was_put_back:
        run(on.schedule(), on)
    assert on.num_preemptions == 1
    assert new.generated
    kept = list(new.generated)
    replay = []
    while on.has_work:
        slices = on.schedule()
        check(slices, on)
        replay += [(s.start, s.count, s.prefill) for s in slices if s.sequence is new]
        run(slices, on)
    assert new.generated[: len(kept)] == kept
    assert len(new.generated) == 9
    assert replay[0][2]
    assert replay[1] == (6, len(kept), False)
    assert new.cache_hit_tokens == 0
    assert on.pool.num_used == 0


def test_waiting_requests_start_in_order_while_there_is_room() -> None:
    on = scheduler(num_pages=4, page_size=4, budget=64, max_running=4)
    for number in range(1, 5):
        on.add(request(number, [number] * 5, answer=2))
    assert [s.sequence.request_id for s in on.schedule()] == [1, 2]
    assert [s.request_id for s in on.waiting] == [3, 4]


def test_no_more_than_max_running() -> None:
    on = scheduler(num_pages=50, budget=50, max_running=3)
    for number in range(5):
        on.add(request(number, [1]))
    assert len(on.schedule()) == 3


def test_removing_frees_pages_wherever_the_request_is() -> None:
    on = scheduler(num_pages=4, budget=16)
    running, waiting = request(1, [1] * 13), request(2, [2] * 13)
    on.add(running)
    on.add(waiting)
    on.schedule()
    on.remove(waiting)
    on.remove(running)
    on.remove(running)
    assert on.pool.num_used == 0
    assert not on.has_work


@pytest.mark.parametrize("seed", range(40))
def test_random_days(seed: int) -> None:
    """Any mix of lengths, shared beginnings, arrivals, aborts: the invariants hold and all finish."""
    dice = random.Random(seed)
    size = dice.choice([1, 2, 4])
    context = 24
    on = scheduler(
        num_pages=context // size + dice.randrange(6), page_size=size,
        budget=dice.choice([4, 9, 40]), max_running=dice.choice([1, 3, 4]),
    )  # fmt: skip
    everyone: list[Sequence] = []
    steps = 0
    while len(everyone) < 12 or on.has_work:
        if len(everyone) < 12 and dice.random() < 0.5:
            prompt = [
                *([5] * dice.randrange(0, 12)),
                *(dice.randrange(3) for _ in range(dice.randrange(1, 8))),
            ]
            sequence = request(len(everyone), prompt, answer=dice.randrange(1, context - len(prompt) + 1))
            everyone.append(sequence)
            on.add(sequence)
        if everyone and dice.random() < 0.03:
            victim = dice.choice(everyone)
            on.remove(victim)
            victim.max_new_tokens = len(victim.generated)
        slices = on.schedule()
        check(slices, on)
        run(slices, on)
        steps += 1
        assert steps < 3000
    assert all(len(s.generated) == s.max_new_tokens for s in everyone)
    assert on.pool.num_used == 0
