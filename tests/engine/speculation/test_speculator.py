"""Guessing: the look-up finds the longest agreement, and rows are added only where they pay."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from huozhong.engine.output import OutputText
from huozhong.engine.sequence import SamplingParams, Sequence
from huozhong.engine.speculation.proposers import NgramIndex, NgramProposer, Proposal
from huozhong.engine.speculation.speculator import MAX_DRAFT, Contest, Cost, Speculator

NO_OUTPUT: OutputText = None  # type: ignore[assignment]  # text plays no part in guessing


def request(prompt: list[int], answer: int = 10_000) -> Sequence:
    return Sequence(1, np.array(prompt, np.int32), SamplingParams(), answer, print, NO_OUTPUT)


def slow_proposal(tokens: list[int], k: int) -> list[int] | None:
    """The longest earlier occurrence of the end (up to 12 tokens), the newest of equals, by trying all."""
    best, longest = None, 1
    for at in range(len(tokens) - 2, 0, -1):
        length = 0
        while length < 12 and length <= at and tokens[at - length] == tokens[len(tokens) - 1 - length]:
            length += 1
        if length > longest:
            best, longest = at, length
    if best is None:
        return None
    text = list(tokens)
    for _ in range(k):
        text.append(text[best + 1 + len(text) - len(tokens)])
    return text[len(tokens) :]


@pytest.mark.parametrize("seed", range(30))
def test_look_up_is_the_slow_search(seed: int) -> None:
    dice = random.Random(seed)
    tokens: list[int] = []
    index = NgramIndex()
    for _ in range(60):
        more = [dice.randrange(12) for _ in range(dice.randrange(1, 4))]
        if len(tokens) > 8 and dice.random() < 0.4:
            start = dice.randrange(len(tokens) - 4)
            more = tokens[start : start + dice.randrange(2, 9)]
        tokens += more
        index.extend(more)
        found = index.propose(5)
        # Only the last eight occurrences of a pair are looked at; with few tokens here, that is rarely short.
        expected = slow_proposal(tokens, 5)
        pairs = sum(tokens[i : i + 2] == tokens[-2:] for i in range(len(tokens) - 1))
        if pairs <= 9:
            assert (found.tokens if found else None) == expected


def test_work_per_token_does_not_grow() -> None:
    """A text of nothing but one pair is the worst case for the look-up."""
    index = NgramIndex()
    index.extend([7] * 50_000)
    began = time.perf_counter()
    for _ in range(1000):
        index.extend([7])
        assert index.propose(8) == Proposal([7] * 8, [12] * 8)
    assert time.perf_counter() - began < 0.5


def test_a_proposal_continues_prompt_and_answer() -> None:
    sequence = request([1, 5, 6, 7, 8, 9, 5, 6])
    proposer = NgramProposer()
    assert proposer.propose(sequence, 3) == Proposal([7, 8, 9], [2] * 3)
    sequence.generated += [7]
    assert proposer.propose(sequence, 2) == Proposal([8, 9], [3] * 2)
    sequence.generated += [3]
    assert proposer.propose(sequence, 2) is None


def test_a_long_prompt_is_indexed_over_several_steps() -> None:
    sequence = request([*range(9000), 5, 6])
    proposer = NgramProposer()
    assert [proposer.propose(sequence, 1) for _ in range(3)] == [None, None, Proposal([7], [2])]


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
    contest, dice, asked = Contest(), random.Random(4), 0
    for _ in range(6000):
        asked += contest.asks
        contest.add(2 if contest.asks else 1, (2 / gain if contest.asks else 1.0) * dice.uniform(0.95, 1.2))
    assert (asked > 5700) if wins else (asked < 300)
    for _ in range(30_000):  # the machine changes: the other becomes the better one
        contest.add(2 if contest.asks else 1, (2 * gain if contest.asks else 1.0) * dice.uniform(0.95, 1.2))
    assert contest.asks != wins or contest._on_trial
