"""The model against slow, obvious versions of itself."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from tests.model.tiny_models import lively_model, moe_config, tiny_config
from torch.utils.checkpoint import checkpoint

from huozhong.model import layers, transformer
from huozhong.model.config import ModelConfig
from huozhong.model.transformer import (
    BalancedRouter,
    Transformer,
    cross_entropy_sum,
    generate,
    shift_targets,
)

SEED = 1


def random_tokens(*shape: int) -> torch.Tensor:
    return torch.randint(64, shape, generator=torch.Generator().manual_seed(SEED))


# -- attention and documents -----------------------------------------------------------------------------


def test_packed_documents_equal_separate_runs() -> None:
    model = lively_model(moe_config())
    first, second = random_tokens(1, 7), random_tokens(1, 12)
    packed = torch.cat((first, second), dim=1)
    doc = torch.tensor([[0] * 7 + [1] * 12], dtype=torch.int32)
    pos = torch.cat((torch.arange(7), torch.arange(12)))[None]
    together = model(packed, doc_BT=doc, pos_BT=pos)
    apart = torch.cat((model(first), model(second)), dim=1)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-5)


def test_later_tokens_do_not_matter() -> None:
    model = lively_model(tiny_config())
    tokens = random_tokens(1, 20)
    changed = tokens.clone()
    changed[0, 12:] += 1
    changed %= 64
    torch.testing.assert_close(model(tokens)[:, :12], model(changed)[:, :12])


def test_long_rows_take_the_fused_path(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = lively_model(tiny_config()), random_tokens(2, 30)
    short = model(tokens)
    monkeypatch.setattr(layers, "BLOCKED_ATTENTION_LIMIT", 8)
    torch.testing.assert_close(model(tokens), short, atol=1e-5, rtol=1e-5)


# -- experts -----------------------------------------------------------------------------------------------


def test_experts_equal_a_loop_over_tokens() -> None:
    config = moe_config(n_group=4, topk_group=2, routed_scaling_factor=2.0)
    mixture = lively_model(config).model.layers[1].mlp
    x = torch.randn(1, 9, config.hidden_size)
    expected = []
    for token in x[0]:
        scores = torch.sigmoid(mixture.gate.weight @ token)
        biased = scores + mixture.gate.e_score_correction_bias
        groups = biased.view(4, 2).sum(-1).topk(2).indices.tolist()
        allowed = [e for e in range(8) if e // 2 in groups]
        chosen = sorted(allowed, key=lambda e: -biased[e])[:2]
        out = mixture.shared_experts(token)
        for e in chosen:
            inner = F.silu(mixture.experts.gate_proj[e] @ token) * (mixture.experts.up_proj[e] @ token)
            weight = 2.0 * scores[e] / (scores[chosen].sum() + 1e-20)
            out = out + weight * (mixture.experts.down_proj[e] @ inner)
        expected.append(out)
    torch.testing.assert_close(mixture(x)[0], torch.stack(expected), atol=1e-5, rtol=1e-5)


def test_bias_moves_against_the_load_and_keeps_mean_zero() -> None:
    model = Transformer(moe_config())
    router = next(part for part in model.modules() if isinstance(part, BalancedRouter))
    router.load.copy_(torch.tensor([9.0, 1, 5, 5, 5, 5, 5, 5]))
    (load,) = model.update_expert_bias(gamma=0.01)
    assert load.tolist() == [9, 1, 5, 5, 5, 5, 5, 5]
    assert router.load.sum() == 0
    torch.testing.assert_close(router.e_score_correction_bias, torch.tensor([-0.01, 0.01, 0, 0, 0, 0, 0, 0]))
    router.load.copy_(torch.tensor([8.0, 0, 0, 0, 0, 0, 0, 0]))
    model.update_expert_bias(gamma=0.01)
    assert router.e_score_correction_bias.mean().abs() < 1e-8


def test_balancing_evens_out_a_lopsided_router() -> None:
    torch.manual_seed(SEED)
    model = lively_model(moe_config(num_hidden_layers=2))
    router = next(part for part in model.modules() if isinstance(part, BalancedRouter))
    with torch.no_grad():
        router.e_score_correction_bias.copy_(torch.linspace(-0.3, 0.3, 8))
    tokens = random_tokens(4, 64)
    spread = []
    with torch.no_grad():
        for _ in range(60):
            model(tokens)
            (load,) = model.update_expert_bias(gamma=0.02)
            spread.append((load.max() / load.mean()).item())
    assert spread[0] > 2.5
    assert spread[-1] < 1.5


@pytest.mark.parametrize("reentrant", [False, True])
def test_recomputation_does_not_count_loads_twice(reentrant: bool) -> None:
    mixture = lively_model(moe_config()).train().model.layers[1].mlp
    x = torch.randn(2, 10, 32, requires_grad=True)
    checkpoint(mixture, x, use_reentrant=reentrant).sum().backward()
    assert mixture.gate.load.sum() == 2 * 10 * 2
    assert mixture.gate.weight.grad.abs().sum() > 0


def test_loads_are_not_counted_in_eval() -> None:
    model = lively_model(moe_config()).eval()
    model(random_tokens(2, 8))
    assert model.update_expert_bias()[0].sum() == 0


@pytest.mark.parametrize("backend", [None, "aot_eager"])
def test_dropout_leaves_out_a_share_of_what_blocks_add_and_only_in_training(backend: str | None) -> None:
    model = lively_model(tiny_config(num_hidden_layers=1))
    model.drop(0.25)
    if backend is not None:
        model.compile(backend=backend)
    x_BTD = torch.randn(8, 16, 32)
    places = model._places(random_tokens(8, 16), None, None)
    block = model.model.layers[0]
    added_BTD = block.eval()(x_BTD, places) - x_BTD
    assert torch.equal(block(x_BTD, places) - x_BTD, added_BTD)
    torch.nn.init.zeros_(block.mlp.down_proj.weight)  # attention's part alone: then it can be seen what is left of it
    added_BTD = block(x_BTD, places) - x_BTD
    kept_BTD = (block.train()(x_BTD, places) - x_BTD) / added_BTD
    gone_BTD = kept_BTD.abs() < 1e-3
    assert 0.2 < gone_BTD.float().mean() < 0.3
    torch.testing.assert_close(kept_BTD[~gone_BTD], torch.full_like(kept_BTD[~gone_BTD], 4 / 3), rtol=0.02, atol=0)


# -- loss --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [1.0, 0.2, 0.0])
def test_chunked_loss_equals_plain_cross_entropy(kept: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "LOGITS_BYTES", 4 * 50 * 7)  # seven rows a chunk
    hidden = torch.randn(3, 11, 16, requires_grad=True)
    weight = torch.randn(50, 16, requires_grad=True)
    targets = torch.randint(50, (3, 11)).masked_fill(torch.rand(3, 11) >= kept, -100)
    total, count = cross_entropy_sum(hidden, weight, targets)
    (total * 0.5).backward()
    grads = hidden.grad, weight.grad
    hidden.grad = weight.grad = None
    plain = F.cross_entropy((hidden @ weight.T).flatten(0, 1), targets.flatten(), reduction="sum")
    (plain * 0.5).backward()
    assert count == int((targets != -100).sum())
    torch.testing.assert_close(total, plain)
    torch.testing.assert_close(grads, (hidden.grad, weight.grad))


def test_loss_sums_are_exact_over_micro_batches() -> None:
    model = lively_model(tiny_config())
    tokens = random_tokens(4, 16)
    targets = tokens.roll(-1, 1).masked_fill(torch.rand(4, 16) < 0.5, -100)
    whole = model.loss(tokens, targets)
    parts = [model.loss(tokens[i : i + 1], targets[i : i + 1]) for i in range(4)]
    assert whole.token_count == sum(part.token_count for part in parts)
    torch.testing.assert_close(whole.total, torch.stack([part.total for part in parts]).sum())
    assert whole.mtp == ()


def test_no_gradients_are_made_without_need() -> None:
    model = lively_model(tiny_config())
    with torch.no_grad():
        parts = model.loss(random_tokens(1, 8), random_tokens(1, 8))
    assert not parts.total.requires_grad
    assert math.isfinite(parts.total.item())


def test_a_new_model_knows_nothing() -> None:
    """Zero-initialised outputs: the first loss is that of the embedding alone, near log(vocabulary)."""
    torch.manual_seed(SEED)
    model = Transformer(tiny_config(tie_word_embeddings=False))
    parts = model.loss(random_tokens(4, 32), random_tokens(4, 32))
    assert abs(parts.main.item() / parts.token_count - math.log(64)) < 0.1


def test_bfloat16_is_close_to_float32() -> None:
    config = moe_config(num_nextn_predict_layers=1)
    exact, quick = lively_model(config), lively_model(config, dtype=torch.bfloat16)
    tokens = random_tokens(4, 32)
    losses = [model.loss(tokens, tokens.roll(-1, 1), mtp_weight=0.3).total.item() for model in (exact, quick)]
    assert abs(losses[1] / losses[0] - 1) < 0.02
    quick.loss(tokens, tokens.roll(-1, 1)).total.backward()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in quick.parameters())


def test_loss_and_gradients_of_float32_against_autograd() -> None:
    """The whole model with the fused head equals the whole model with a plain head, gradients too."""
    model = lively_model(moe_config())
    tokens = random_tokens(2, 16)
    targets = tokens.roll(-1, 1)
    model.loss(tokens, targets).total.backward()
    fused = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    F.cross_entropy(model.logits(model(tokens)).flatten(0, 1), targets.flatten(), reduction="sum").backward()
    for name, p in model.named_parameters():
        torch.testing.assert_close(fused[name], p.grad, atol=1e-4, rtol=1e-3, msg=name)


# -- multi-token prediction -----------------------------------------------------------------------------


def test_shifted_targets_stop_at_documents_and_at_the_row() -> None:
    targets = torch.tensor([[1, 2, -100, 11, 12, 13]])
    doc = torch.tensor([[0, 0, 0, 1, 1, 1]])
    assert shift_targets(targets, doc, 0).tolist() == targets.tolist()
    assert shift_targets(targets, doc, 1).tolist() == [[2, -100, -100, 12, 13, -100]]
    assert shift_targets(targets, None, 2).tolist() == [[-100, 11, 12, 13, -100, -100]]
    assert shift_targets(targets, doc, 9).tolist() == [[-100] * 6]


def test_prediction_modules_see_no_future_and_no_other_document() -> None:
    """Module 1 at t may know tokens up to t+1 and nothing of another document."""
    model = lively_model(tiny_config(num_nextn_predict_layers=2))
    tokens = random_tokens(1, 12)
    doc = torch.tensor([[0] * 6 + [1] * 6])

    def states(tokens: torch.Tensor) -> list[torch.Tensor]:
        return model._decode(tokens, doc, None, True)

    before = states(tokens)
    changed = tokens.clone()
    changed[0, 9] = (changed[0, 9] + 1) % 64
    after = states(changed)
    for depth in range(3):
        first = 9 - depth
        torch.testing.assert_close(before[depth][:, :first], after[depth][:, :first])
        assert not torch.allclose(before[depth][:, first], after[depth][:, first])
    changed[0, 2] = (changed[0, 2] + 1) % 64
    torch.testing.assert_close(after[1][:, 6:], states(changed)[1][:, 6:])


def test_counts_of_prediction_losses() -> None:
    model = lively_model(tiny_config(num_nextn_predict_layers=2))
    tokens = random_tokens(3, 10)
    parts = model.loss(tokens, tokens, mtp_weight=0.3)
    assert (parts.token_count, parts.mtp_counts) == (30, (27, 24))
    expected = parts.main + 0.3 * (parts.mtp[0] + parts.mtp[1]) / 2
    torch.testing.assert_close(parts.total.detach(), expected)


def test_prediction_module_learns_a_repeating_sequence() -> None:
    torch.manual_seed(SEED)
    model = Transformer(tiny_config(num_nextn_predict_layers=1, vocab_size=12, initializer_range=0.1))
    tokens = torch.tensor([[1, 5, 3, 9, 7, 2] * 5])[:, :25]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        parts = model.loss(tokens[:, :-1], tokens[:, 1:], mtp_weight=0.3)
        losses.append(parts.mtp[0].item() / parts.mtp_counts[0])
        (parts.total / parts.token_count).backward()
        optimiser.step()
        optimiser.zero_grad()
    assert losses[0] > 2.0
    assert losses[-1] < 0.1
    assert generate(model, [1, 5, 3], 6) == [9, 7, 2, 1, 5, 3]


# -- use ---------------------------------------------------------------------------------------------------


def test_generate_stops_after_the_end_token() -> None:
    model = lively_model(tiny_config()).train()
    free = generate(model, [3, 4], 5)
    assert len(free) == 5
    end = free[2]
    assert generate(model, [3, 4], 5, eos_token_id=end) == free[: free.index(end) + 1]
    assert generate(model, [3, 4], 0) == []
    assert model.training


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "backend"),
    [
        (tiny_config(num_nextn_predict_layers=1), "aot_eager"),
        (moe_config(num_nextn_predict_layers=1), "aot_eager"),
        (moe_config(num_hidden_layers=1, first_k_dense_replace=0), "inductor"),
    ],
)
def test_compiled_in_one_graph_and_equal(config: ModelConfig, backend: str) -> None:
    plain, fast = (lively_model(config, dtype=torch.bfloat16) for _ in range(2))
    fast.compile(fullgraph=True, dynamic=False, backend=backend)
    tokens, doc = random_tokens(2, 32), torch.arange(32).div(20, rounding_mode="floor").expand(2, -1)
    results = []
    for model in (plain, fast):
        parts = model.loss(tokens, tokens.roll(-1, 1), doc, None, 0.3)
        parts.total.backward()
        grads = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        loads = [load.sum().item() for load in model.update_expert_bias()]
        results.append((parts.total.item(), grads, loads))
    (loss, grads, loads), (fast_loss, fast_grads, fast_loads) = results
    assert abs(fast_loss / loss - 1) < 0.01
    assert F.cosine_similarity(grads, fast_grads, dim=0) > 0.99
    assert loads == fast_loads
    assert list(fast.state_dict()) == list(plain.state_dict())
