"""The scheduler alone: a pretend model that only says "another token" drives it through random days."""

from __future__ import annotations

import random

import numpy as np
import pytest

from huozhong.engine.cache.pages import PagePool
from huozhong.engine.scheduler import Scheduler, Slice
from huozhong.engine.sequence import Sequence
from huozhong.engine.tasks import ScoreTask, Task

NO_TASK: Task = None  # type: ignore[assignment]  # what is done with numbers plays no part in scheduling


def request(number: int, prompt: list[int], answer: int = 4) -> Sequence:
    return Sequence(number, np.array(prompt, np.int32), answer, NO_TASK, print)


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


def test_prompts_are_cut_smaller_while_somebody_waits_for_the_next_token() -> None:
    on = scheduler(budget=8)
    on.busy_budget = 3
    on.add(request(1, [1, 2, 3, 4, 5, 6]))
    assert [s.count for s in on.schedule()] == [6], "nobody decodes: the whole budget"
    run([*on.schedule()], on)
    on.add(request(2, list(range(10, 20))))
    slices = on.schedule()
    assert [(s.sequence.request_id, s.count) for s in slices] == [(1, 1), (2, 3)]


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
    score.task = ScoreTask(score.prompt)
    on.add(score)
    assert on.schedule()[0].start == 0


def test_newest_is_preempted_when_pages_run_out_and_computed_again_in_the_same_forms() -> None:
    on = scheduler(num_pages=4, page_size=4, budget=16)
    old, new = request(1, [1] * 7, answer=9), request(2, [2] * 6, answer=9)
    on.add(old)
    on.add(new)
    while new.pages or not new.was_preempted:
        run(on.schedule(), on)
    assert on.stats.preemptions == 1
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
        num_pages=context // size + dice.randrange(6),
        page_size=size,
        budget=dice.choice([4, 9, 40]),
        max_running=dice.choice([1, 3, 4]),
    )
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


def test_a_short_prompt_does_not_wait_for_a_long_one_and_the_long_one_gets_on() -> None:
    on = scheduler(num_pages=800, budget=16, max_running=16)
    long = request(0, [0] * 1000)
    on.add(long)
    run(on.schedule(), on)
    for number in range(1, 6):  # a short one a step
        short = request(number, [number] * 10)
        on.add(short)
        slices = on.schedule()
        check(slices, on)
        mine = {s.sequence.request_id: s.count for s in slices if s.prefill}
        assert mine[number] >= 8
        assert mine[0] >= 1
        run(slices, on)
        run(on.schedule(), on)
        assert short.generated
    alone = long.num_computed
    assert alone > 5 * 4


def test_equal_prompts_are_finished_one_after_another() -> None:
    """Sharing the budget equally would keep the first ones waiting and help nobody."""
    on = scheduler(num_pages=100, budget=16, max_running=8)
    for number in range(4):
        on.add(request(number, [number] * 16, answer=9))
    done = []
    for _ in range(8):
        slices = on.schedule()
        done += [s.sequence.request_id for s in slices if s.prefill and s.reaches_end]
        run(slices, on)
    assert done == [0, 1, 2, 3]


def test_users_take_turns() -> None:
    on = scheduler(num_pages=100, budget=16, max_running=2)
    for number in range(50):
        on.add(request(number, [number] * 4, answer=3))
    other = request(99, [99] * 4, answer=3)
    other.user = "other"
    run(on.schedule(), on)
    on.add(other)
    steps = 0
    while not other.generated:
        run(on.schedule(), on)
        steps += 1
    assert steps <= 6


def test_requests_wait_for_pages_that_another_one_is_computing() -> None:
    on = scheduler(num_pages=100, budget=16, max_running=8)
    prefix = list(range(24))
    everyone = [request(n, [*prefix, 50 + n]) for n in range(4)]
    for sequence in everyone:
        on.add(sequence)
    computed = 0
    while not all(s.generated for s in everyone):
        slices = on.schedule()
        check(slices, on)
        computed += sum(s.count for s in slices if s.prefill)
        run(slices, on)
    assert computed == 24 + 4
    assert [s.cache_hit_tokens for s in everyone] == [0, 24, 24, 24]


def test_the_next_one_computes_when_the_leader_is_gone() -> None:
    on = scheduler(num_pages=100, budget=8, max_running=8)
    first, second = request(1, list(range(20))), request(2, list(range(20)))
    on.add(first)
    on.add(second)
    run(on.schedule(), on)
    on.remove(first)
    while not second.generated:
        run(on.schedule(), on)
    assert second.cache_hit_tokens == 8
