"""What a model would have said, learnt with its probabilities."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.train.adapt.adapting import opened

from huozhong.model.families import CausalLM, load_causal_lm
from huozhong.train.adapt.examples import Encoded, as_said, pack
from huozhong.train.adapt.soft import SoftExamples, Wanted, as_likely, soft_loss

ROWS: list[Encoded] = [
    ([1, 5, 9, 7], [False, False, True, True]),
    ([2, 4, 6, 8, 3], [False, True, False, True, True]),
]


@pytest.fixture(scope="module")
def model(folders: dict[str, Path]) -> CausalLM:
    view, _ = opened(folders["qwen2"])
    return load_causal_lm(view.architecture, view, storage=None)


def part_of(wanted: list[Wanted]) -> SoftExamples:
    return SoftExamples(**vars(pack(ROWS, 16)), wanted=Wanted.together(wanted))


def test_what_people_wrote_is_the_usual_cross_entropy(model: CausalLM) -> None:
    part = part_of([Wanted.as_written(row, 4) for row in ROWS])
    log_probs, _ = model.log_probs(part.tokens_BT, part.targets_BT, part.doc_BT, part.pos_BT)
    assert float(soft_loss(model, part).detach()) == pytest.approx(-float(log_probs.sum().detach()), rel=1e-5)


def test_what_it_says_itself_has_the_least_loss_and_no_gradient(model: CausalLM) -> None:
    likely = as_likely(model, pack(ROWS, 16), 5)
    assert [one.tokens_MK.shape for one in likely] == [(2, 5), (3, 5)]
    part = part_of(likely)
    least = soft_loss(model, part)
    gradients = torch.autograd.grad(least, list(model.parameters()), allow_unused=True)
    assert all(float(g.abs().max()) < 1e-3 for g in gradients if g is not None)
    other = [Wanted(one.tokens_MK, one.shares_MK.flip(-1)) for one in likely]
    assert float(soft_loss(model, part_of(other)).detach()) > float(least.detach())
    written = part_of([Wanted.as_written(row, 5) for row in ROWS])
    pulled = torch.autograd.grad(soft_loss(model, written), list(model.parameters()), allow_unused=True)
    assert max(float(g.abs().max()) for g in pulled if g is not None) > 1e-2


def test_what_code_wrote_is_not_learnt() -> None:
    example = as_said("x", [1, 2], [3, 4, 5, 6, 7], [True, False, False, True, False])
    assert example.row == ([1, 2, 3, 4, 5, 6], [False, False, True, False, False, True])
