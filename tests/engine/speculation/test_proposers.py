"""What guesses looks at prompt and answer."""

from __future__ import annotations

import numpy as np

from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.guessing import Proposal
from huozhong.engine.speculation.proposers import NgramProposer
from huozhong.engine.tasks import Task

NO_TASK: Task = None  # type: ignore[assignment]  # what is done with numbers plays no part in guessing


def request(prompt: list[int], answer: int = 10_000) -> Sequence:
    return Sequence(1, np.array(prompt, np.int32), answer, NO_TASK, print)


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
