"""What is done with the numbers: in chunks of any size the same bits as at once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from huozhong.engine.requests import Pooling
from huozhong.engine.sampler import log_softmax
from huozhong.engine.tasks import EmbedTask, ScoreTask

TEXT = np.array([3, 1, 4, 1, 5, 9, 2], np.int32)
ROWS = np.random.default_rng(0).normal(size=(len(TEXT), 10)).astype(np.float32)
CUTS = [[0, 7], [0, 1, 7], [0, 3, 6, 7]]


@pytest.mark.parametrize("cuts", CUTS)
def test_every_token_is_scored_by_the_logits_before_it(cuts: list[int]) -> None:
    task = ScoreTask(TEXT)
    for start, stop in itertools.pairwise(cuts):
        task.add(start, ROWS[start:stop])
    expected = log_softmax(ROWS)[np.arange(len(TEXT) - 1), TEXT[1:]]
    np.testing.assert_array_equal(task.values, expected)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_states_are_pooled_also_when_they_are_computed_again(cuts: list[int], pooling: Pooling) -> None:
    task, whole = EmbedTask(pooling), EmbedTask(pooling)
    whole.add(0, ROWS)
    assert whole.values is not None
    task.add(0, ROWS[:2])  # then preempted: everything is computed again
    for start, stop in itertools.pairwise(cuts):
        task.add(start, ROWS[start:stop])
    np.testing.assert_array_equal(task.values, whole.values)
    np.testing.assert_allclose(whole.values, ROWS.sum(0, np.float64) if pooling == "mean" else ROWS[-1])
