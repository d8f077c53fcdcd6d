from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from huozhong.model.config import ModelConfig
from huozhong.model.transformer import Transformer
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.optim import (
    EPS,
    NS_A,
    NS_B,
    NS_C,
    NS_STEPS,
    Muon,
    MuonAdamW,
    WeightAverage,
    orthogonalize,
    split_parameters,
    warmup_stable_decay,
)

CONFIG = ModelConfig(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    kv_lora_rank=16,
    q_lora_rank=24,
    qk_nope_head_dim=16,
    qk_rope_head_dim=8,
    v_head_dim=16,
    moe_intermediate_size=16,
    n_shared_experts=1,
    n_routed_experts=4,
    num_experts_per_tok=2,
    first_k_dense_replace=1,
    num_nextn_predict_layers=1,
    tie_word_embeddings=False,
)


def orthogonalize_reference(matrix_AB: Tensor, steps: int = NS_STEPS) -> Tensor:
    """One matrix, float64, line by line from the paper: what `orthogonalize` is tested against."""
    x = matrix_AB.double()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / max(float(x.norm()), EPS)
    for _ in range(steps):
        gram = x @ x.T
        x = NS_A * x + (NS_B * gram + NS_C * gram @ gram) @ x
    return x.T if tall else x


def test_stack_agrees_with_reference() -> None:
    torch.manual_seed(0)
    for shape in ((16, 40), (40, 16), (24, 24)):
        stack = torch.randn(3, *shape)
        fast = orthogonalize(stack).float()
        slow = torch.stack([orthogonalize_reference(matrix) for matrix in stack]).float()
        assert fast.shape == stack.shape
        # bf16 keeps 8 bits; five steps amplify that a little
        assert (fast - slow).norm() / slow.norm() < 0.03


def test_singular_values_come_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(2, 32, 64)).float())
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3


def test_zero_gradient_stays_zero() -> None:
    assert torch.equal(orthogonalize(torch.zeros(2, 8, 4)), torch.zeros(2, 8, 4, dtype=torch.bfloat16))


def reference_muon(weight: Tensor, grads: list[Tensor], lr: float, momentum: float, decay: float) -> Tensor:
    """Moonlight's equations, one matrix at a time in float64."""
    weight, buffer = weight.double(), torch.zeros_like(weight).double()
    for grad in grads:
        buffer = momentum * buffer + grad.double()
        update = orthogonalize_reference(grad.double() + momentum * buffer)
        weight = weight * (1 - lr * decay) - lr * 0.2 * max(weight.shape) ** 0.5 * update
    return weight.float()


def test_muon_agrees_with_reference_for_matrices_and_stacks() -> None:
    torch.manual_seed(0)
    flat = nn.Parameter(torch.randn(12, 20))
    stacked = nn.Parameter(torch.randn(3, 12, 20))
    start = torch.cat([flat.detach()[None], stacked.detach()])
    muon = Muon([("flat", flat), ("stacked", stacked)], lr=0.1, momentum=0.9, weight_decay=0.1)
    grads = [torch.randn(4, 12, 20) for _ in range(3)]
    for grad in grads:
        flat.grad, stacked.grad = grad[0].clone(), grad[1:].clone()
        muon.step()
    moved = torch.cat([flat.detach()[None], stacked.detach()])
    expected = torch.stack([reference_muon(start[i], [grad[i] for grad in grads], 0.1, 0.9, 0.1) for i in range(4)])
    assert (moved - expected).norm() / (expected - start).norm() < 0.03


def test_every_parameter_is_in_exactly_one_group() -> None:
    model = Transformer(CONFIG)
    hidden, decayed, plain = split_parameters(model)
    names = [name for group in (hidden, decayed, plain) for name, _ in group]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    assert {name.rsplit(".", 2)[-2] for name, _ in decayed} == {"embed_tokens", "lm_head", "gate"}
    assert all("norm" in name for name, _ in plain)
    assert any("experts.gate_proj" in name for name, _ in hidden)


def test_state_dict_continues_bit_for_bit() -> None:
    def build() -> tuple[Transformer, MuonAdamW]:
        torch.manual_seed(1)
        model = Transformer(CONFIG)
        return model, MuonAdamW(model, muon_lr=0.01, adamw_lr=0.01)

    def step(model: Transformer, optimizer: MuonAdamW, seed: int) -> None:
        torch.manual_seed(seed)
        for weight in model.parameters():
            weight.grad = torch.randn_like(weight)
        optimizer.step(0.5)
        optimizer.zero_grad()

    model, optimizer = build()
    step(model, optimizer, 1)
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    other, other_optimizer = build()
    other.load_state_dict(saved)
    other_optimizer.load_state_dict(state)
    for seed in (2, 3):
        step(model, optimizer, seed)
        step(other, other_optimizer, seed)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_schedule_rises_stays_and_falls_to_the_floor() -> None:
    def scales(floor: float) -> list[float]:
        return [
            warmup_stable_decay(step, total_steps=10, warmup_steps=2, decay_steps=4, floor=floor) for step in range(10)
        ]

    assert scales(0.0) == pytest.approx([0.5, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    assert scales(0.5)[-1] == pytest.approx(0.6)
    assert [warmup_stable_decay(s, total_steps=3, warmup_steps=0, decay_steps=0) for s in range(3)] == [
        1,
        1,
        1,
    ]


def test_weight_average_swaps_in_and_out() -> None:
    model = nn.Linear(2, 1, bias=False)
    average = WeightAverage(model, 0.75)
    before = model.weight.detach().clone()
    with torch.no_grad():
        model.weight += 4
    average.update(model)
    with average.swapped_in(model):
        assert torch.allclose(model.weight, before + 1)
    assert torch.allclose(model.weight, before + 4)


def test_a_new_model_is_the_same_asleep(tokenizer: Tokenizer) -> None:
    torch.manual_seed(0)
    model = Transformer(CONFIG)
    tokens = torch.arange(20).view(2, 10)
    awake = model(tokens)
    model.wake(1)
    assert torch.equal(model(tokens), awake)
    torch.nn.init.normal_(model.model.layers[1].self_attn.o_proj.weight)  # type: ignore[union-attr, arg-type]
    assert torch.equal(model(tokens), awake)
    model.wake(None)
    assert not torch.equal(model(tokens), awake)


def test_sleeping_weights_stay_and_wake_as_if_new() -> None:
    """The awake layer moves as in a model that has no other; the sleeping one and its momentum do not."""
    torch.manual_seed(0)
    model = Transformer(CONFIG)
    optimizer = MuonAdamW(model, muon_lr=0.01, adamw_lr=0.01)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tokens = torch.randint(0, 64, (2, 16))
    model.wake(1)
    for _ in range(2):
        model.loss(tokens, tokens).total.backward()
        optimizer.step()
        optimizer.zero_grad()
    after = model.state_dict()
    for name, value in before.items():
        assert torch.equal(after[name], value) == name.startswith(("model.layers.1.", "model.layers.2.")), name
    alone = Transformer(CONFIG)
    alone.load_state_dict(before)
    named = [(name, weight) for name, weight in alone.named_parameters() if name.startswith("model.layers.0.")]
    for name, weight in alone.named_parameters():
        weight.requires_grad_(not name.startswith(("model.layers.1.", "model.layers.2.")))
    other = MuonAdamW(alone, muon_lr=0.01, adamw_lr=0.01)
    for _ in range(2):
        alone.wake(1)
        alone.loss(tokens, tokens).total.backward()
        other.step()
        other.zero_grad()
    for name, weight in named:
        assert torch.allclose(weight, after[name], atol=1e-6), name


def test_products_in_float32_give_the_same_matrices_more_exactly() -> None:
    torch.manual_seed(0)
    for shape in ((16, 40), (40, 16)):
        stack = torch.randn(3, *shape)
        wide = orthogonalize(stack, compute=torch.float32)
        assert wide.dtype == torch.bfloat16, "as few bytes on the way between processes"
        slow = torch.stack([orthogonalize_reference(matrix) for matrix in stack.bfloat16()]).float()
        assert (wide.float() - slow).norm() / slow.norm() < 0.004
