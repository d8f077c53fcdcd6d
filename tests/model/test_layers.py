"""Layers against slow, obvious versions of themselves."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tests.model.tiny_models import lively_model, moe_config

from huozhong.model import layers
from huozhong.model.architecture import Architecture, Experts
from huozhong.model.layers import RMSNorm, RotaryLinear, Router, attend, rotate
from huozhong.model.transformer import document_mask


def test_the_norm_is_taken_in_float32() -> None:
    norm, x = RMSNorm(8, 1e-6), torch.full((1, 8), 300.0, dtype=torch.float16)  # 300² is too much for float16
    assert norm(x).dtype == torch.float16
    torch.testing.assert_close(norm(x), torch.ones_like(x))


def test_rotation_turns_each_pair_as_a_complex_number() -> None:
    x, angles = torch.randn(2, 5, 8), torch.rand(5, 4)
    pairs = torch.view_as_complex(x.view(2, 5, 4, 2)) * torch.polar(torch.ones(5, 4), angles)
    expected = torch.cat((pairs.real, pairs.imag), dim=-1)
    torch.testing.assert_close(rotate(x, angles.cos(), angles.sin(), interleaved=True), expected)
    halves = torch.cat((x[..., 0::2], x[..., 1::2]), dim=-1)
    torch.testing.assert_close(rotate(halves, angles.cos(), angles.sin()), expected)


def test_rotary_rows_come_out_as_halves() -> None:
    """Two heads of 3 plain and 4 rotary numbers: only the rotary ones change places."""
    linear = RotaryLinear(6, 2, 3, 4)
    torch.nn.init.normal_(linear.weight)
    x = torch.randn(5, 6)
    plain = F.linear(x, linear.weight).view(5, 2, 7)
    expected = torch.cat((plain[..., :3], plain[..., 3::2], plain[..., 4::2]), dim=-1)
    torch.testing.assert_close(linear(x).view(5, 2, 7), expected)
    assert list(linear.state_dict()) == ["weight"]


@pytest.mark.parametrize(("length", "documents"), [(5, 1), (128, 3), (129, 2), (600, 4)])
def test_attention_in_blocks_equals_torch(length: int, documents: int, monkeypatch: pytest.MonkeyPatch) -> None:
    q, k = torch.randn(2, 2, 3, length, 8)
    v = torch.randn(2, 3, length, 4)
    doc = torch.arange(length).div(-(-length // documents), rounding_mode="floor").expand(2, -1)
    mask = document_mask(doc, torch.float32)
    blocks = attend(q, k, v, mask, 0.3)
    monkeypatch.setattr(layers, "BLOCKED_ATTENTION_LIMIT", 0)
    torch.testing.assert_close(blocks, attend(q, k, v, mask, 0.3), atol=1e-5, rtol=1e-5)
    if documents == 1:
        torch.testing.assert_close(blocks, attend(q, k, v, None, 0.3), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("width", [16, 13])
def test_expert_gradients(width: int) -> None:
    """Hand-written spreading and collecting, grouped or looped products, against picking weights per pair."""
    config = moe_config(moe_intermediate_size=width, num_experts_per_tok=3)
    experts = lively_model(config).model.layers[1].mlp.experts
    x = torch.randn(5, 32, requires_grad=True)
    weights = torch.rand(5, 3, requires_grad=True)
    chosen = torch.tensor([[0, 2, 7], [7, 0, 1], [2, 7, 4], [4, 1, 0], [0, 7, 6]])  # 3 and 5 stay idle
    load = torch.bincount(chosen.flatten(), minlength=8)
    gate, up, down = experts.gate_proj[chosen], experts.up_proj[chosen], experts.down_proj[chosen]
    inner = F.silu(torch.einsum("nafd,nd->naf", gate, x)) * torch.einsum("nafd,nd->naf", up, x)
    plain = torch.einsum("nadf,naf,na->nd", down, inner, weights)
    fast = experts(x, weights, chosen, load)
    torch.testing.assert_close(fast, plain, atol=1e-5, rtol=1e-5)
    wanted = (x, weights, experts.gate_proj, experts.up_proj, experts.down_proj)
    direction = torch.randn_like(plain)
    grads, plain_grads = (torch.autograd.grad(out, wanted, direction) for out in (fast, plain))
    torch.testing.assert_close(grads, plain_grads, atol=1e-5, rtol=1e-4)


def test_groups_outside_are_never_chosen_even_with_a_negative_bias() -> None:
    config = moe_config(n_group=4, topk_group=1)
    experts = Architecture.from_config(config).experts
    assert experts is not None
    router = Router(config.hidden_size, experts)
    assert router.e_score_correction_bias is not None
    router.e_score_correction_bias.fill_(-5.0)  # every score is negative; a dropped group at 0 would win
    scores = torch.rand(50, 8)
    chosen = router.choose(scores)
    best = (scores.view(50, 4, 2).sum(-1)).argmax(-1)
    assert (chosen // 2 == best[:, None]).all()


def test_a_group_may_be_as_good_as_its_best_expert() -> None:
    """DeepSeek-V2's rule beside V3's; and softmax weights are the chosen ones' share of all, unless normalised."""
    by_best = Experts(count=4, per_token=1, hidden=8, groups=2, top_groups=1, group_score="max", scoring="softmax")
    by_two = Experts(count=4, per_token=1, hidden=8, groups=2, top_groups=1, normalize=False, scoring="softmax")
    scores = torch.tensor([[0.5, 0.0, 0.3, 0.3]])
    assert Router(8, by_best).choose(scores).tolist() == [[0]]
    assert Router(8, by_two).choose(scores).tolist() == [[2]]
    x = torch.randn(3, 8)
    for experts, total in ((by_best, torch.ones(3, 1)), (by_two, None)):
        router = Router(8, experts)
        torch.nn.init.normal_(router.weight)
        weights, chosen = router(x)
        expected = torch.softmax(x @ router.weight.T, -1).gather(1, chosen) if total is None else total
        torch.testing.assert_close(weights, expected)
