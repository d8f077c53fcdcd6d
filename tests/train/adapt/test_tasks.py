"""What is scored of what was taught."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor

from huozhong.model.families import CausalLM
from huozhong.train.adapt.examples import Example
from huozhong.train.adapt.tasks import GLANCE, SftTask

QUESTION = 1000  # example i asks QUESTION + i


class Knowing:
    """A model that gives the answers to some questions, and none of the others.  asked: examples, in their order."""

    def __init__(self, known: set[int]) -> None:
        self.known = known
        self.asked: list[int] = []

    def log_probs(self, tokens_BT: Tensor, targets_BT: Tensor, doc_BT: Tensor, pos_BT: Tensor) -> tuple[Tensor, Tensor]:
        places_M = (targets_BT.flatten() != -100).nonzero().flatten()
        here = [int(token) - QUESTION for token in tokens_BT.flatten()[places_M]]  # the answer follows the question
        self.asked += here
        return torch.tensor([-0.1 if i in self.known else -3.0 for i in here]), places_M


def taught(count: int) -> SftTask:
    return SftTask([Example([QUESTION + i, 5], [False, True], [], "", i) for i in range(count)], [])


@pytest.mark.parametrize("known", [range(0), range(190, 200), range(60)])
def test_a_part_is_asked_while_little_of_it_is_known(known: range) -> None:
    model = Knowing(set(known))
    scores = taught(200).score(cast(CausalLM, model), 300)
    assert sorted(model.asked) == list(range(0, 200, 200 // GLANCE))
    share = sum(i in known for i in model.asked) / len(model.asked)
    assert scores == {"recalled": share, "taught": pytest.approx(0.1 * share + 3.0 * (1 - share))}


@pytest.mark.parametrize("unknown", [set(), {0}, {1, 2, 3, 7}, set(range(1, 200, 2))])
def test_all_are_asked_once_where_half_of_the_part_is_known(unknown: set[int]) -> None:
    model = Knowing(set(range(200)) - unknown)
    scores = taught(200).score(cast(CausalLM, model), 300)
    assert sorted(model.asked) == list(range(200))
    assert scores["recalled"] == 1 - len(unknown) / 200
    assert scores["taught"] == pytest.approx((0.1 * (200 - len(unknown)) + 3.0 * len(unknown)) / 200, rel=1e-5)


def test_few_are_all_asked() -> None:
    model = Knowing({3})
    assert taught(20).score(cast(CausalLM, model), 300)["recalled"] == 1 / 20
    assert sorted(model.asked) == list(range(20))
