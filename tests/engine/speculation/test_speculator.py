"""Rows are added only where they pay."""

from __future__ import annotations

import random

import numpy as np
import pytest

from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.guessing import Proposal
from huozhong.engine.speculation.speculator import MAX_DRAFT, AheadTrial, Cost, Speculator
from huozhong.engine.tasks import Task

NO_TASK: Task = None  # type: ignore[assignment]  # what is done with numbers plays no part in guessing


def request(prompt: list[int], answer: int = 10_000) -> Sequence:
    return Sequence(1, np.array(prompt, np.int32), answer, NO_TASK, print)


def simulate(speculator: Speculator, accept: float, row_cost: float, tokens: int = 6000) -> float:
    """Seconds for an answer whose guesses are right with chance `accept`; a step takes 1 + row_cost a draft."""
    dice = random.Random(1)

    class Always:
        def propose(self, sequence: Sequence, k: int) -> Proposal | None:
            return Proposal([1] * k, [3] * k)

    speculator.proposer = Always()
    sequence = request([1], answer=tokens)
    seconds = 0.0
    while len(sequence.generated) < tokens:
        drafts = speculator.plan([sequence], 100).get(sequence, [])
        chosen = []
        for position in range(len(drafts) + 1):
            chosen.append(1 if dice.random() < accept else 0)
            if position < len(drafts) and chosen[-1] != drafts[position]:
                break
        speculator.learn(sequence, len(drafts), chosen)
        sequence.generated += chosen
        step = (1 + row_cost * len(drafts)) * dice.uniform(0.95, 1.1)
        speculator.timed(1, len(drafts), len(chosen), step)
        seconds += step
    return seconds


@pytest.mark.parametrize("row_cost", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("accept", [0.0, 0.1, 0.3, 0.6, 0.9])
def test_auto_is_never_much_worse_than_off_and_near_the_best_number(accept: float, row_cost: float) -> None:
    auto = simulate(Speculator("auto"), accept, row_cost)
    fixed = [simulate(Speculator(k), accept, row_cost) for k in range(1, MAX_DRAFT + 1)]
    off = 6000 * 1.025  # one token a step
    assert auto < 1.02 * off
    assert auto < 1.12 * min(*fixed, off)


def test_nothing_is_guessed_beyond_the_answers_end() -> None:
    sequence = request([5, 6, 7, 5, 6], answer=3)
    assert Speculator(8).plan([sequence], 100) == {sequence: [7, 5]}
    sequence.generated += [7, 5]
    assert Speculator(8).plan([sequence], 100) == {}


def test_room_is_kept() -> None:
    sequences = [request([5, 6, 7, 8, 5, 6]) for _ in range(3)]
    drafts = Speculator(4).plan(sequences, 6)
    assert [len(d) for d in drafts.values()] == [4, 2]


def test_cost_follows_a_change_and_forgives_a_hiccup() -> None:
    cost = Cost()
    for _ in range(100):
        cost.add(1.0, 0)
    cost.add(50.0, 0)
    assert cost.step is not None
    assert cost.step < 1.05
    for _ in range(20):
        cost.add(0.5, 0)
    assert cost.step < 0.52


@pytest.mark.parametrize(("gain", "wins"), [(0.9, False), (1.3, True)])
def test_the_module_is_asked_only_where_it_pays(gain: float, wins: bool) -> None:
    """Steps with the module choose two tokens and take 2 / gain as long; the loser has a few turns in a thousand."""
    trial, dice, asked = AheadTrial(), random.Random(4), 0
    for _ in range(6000):
        asked += trial.asks
        trial.add(2 if trial.asks else 1, (2 / gain if trial.asks else 1.0) * dice.uniform(0.95, 1.2))
    assert (asked > 5700) if wins else (asked < 300)
    for _ in range(30_000):  # the machine changes: the other becomes the better one
        trial.add(2 if trial.asks else 1, (2 * gain if trial.asks else 1.0) * dice.uniform(0.95, 1.2))
    assert trial.asks != wins or trial._on_trial
