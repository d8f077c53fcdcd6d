"""Multi-token-prediction modules against the torch model that trains them, on every kernel set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from huozhong.engine import kernels
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.load import load_weights
from huozhong.model.config import ModelConfig
from huozhong.model.transformer import Transformer
from huozhong.train.model_folder import save_transformer

CONFIG = ModelConfig(
    vocab_size=90,
    hidden_size=48,
    intermediate_size=80,
    num_hidden_layers=2,
    num_attention_heads=3,
    kv_lora_rank=24,
    q_lora_rank=40,
    qk_nope_head_dim=16,
    qk_rope_head_dim=8,
    v_head_dim=20,
    moe_intermediate_size=24,
    n_routed_experts=8,
    num_experts_per_tok=3,
    n_shared_experts=1,
    first_k_dense_replace=1,
    n_group=4,
    topk_group=2,
    num_nextn_predict_layers=1,
    max_position_embeddings=256,
)
PAGES = np.array([3, 0, 2, 5], np.int32)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Transformer, Path]:
    torch.manual_seed(1)
    model = Transformer(CONFIG).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.uniform_(0.5, 1.5) if "norm" in name else weight.normal_(0.0, 0.15)
    folder = tmp_path_factory.mktemp("model") / "mtp"
    save_transformer(model, folder, dtype="float32")
    return model, folder


@pytest.mark.parametrize("name", kernels.available())
@torch.no_grad()
def test_drafts_are_the_torch_models(pair: tuple[Transformer, Path], name: str) -> None:
    """In two chunks: prompt tokens, then generated ones."""
    model, folder = pair
    kernels.use(name)
    tokens, cut = np.random.default_rng(0).integers(0, 90, 49).astype(np.int32), 34
    hiddens = model._decode(torch.from_numpy(tokens)[None].long(), None, None, True)
    expected = model.logits(hiddens[1])[0].numpy()
    runner = Runner(load_weights(folder, "none", folder.parent / "cache"), 6, 16)
    assert len(runner.weights.prediction) == 1
    found: list[np.ndarray] = []
    for start, stop, prefill in ((0, cut, True), (cut, 48, False)):
        _, states = runner.forward_with_states([Chunk(tokens[start:stop], start, PAGES, "all", prefill)])
        (logits,) = runner.draft([Chunk(tokens[start + 1 : stop + 1], start, PAGES, "all", prefill)], states)
        assert logits is not None
        found.append(logits)
    np.testing.assert_allclose(np.concatenate(found), expected[:48], atol=1e-3)


@pytest.mark.parametrize("name", kernels.available())
def test_drafts_ahead_are_drafts_one_by_one(pair: tuple[Transformer, Path], name: str) -> None:
    """Two requests of different length, in one call: what `draft` says when it is fed with its own guesses."""
    kernels.use(name)
    weights = load_weights(pair[1], "none", pair[1].parent / "cache")
    rng = np.random.default_rng(2)
    texts = [rng.integers(0, 90, 30).astype(np.int32), rng.integers(0, 90, 9).astype(np.int32)]
    pages = [np.array([3, 0, 2], np.int32), np.array([1, 4], np.int32)]
    whole, single = Runner(weights, 6, 16), Runner(weights, 6, 16)
    for runner in (whole, single):
        chunks = [Chunk(t[:-1], 0, p, "last", True) for t, p in zip(texts, pages, strict=True)]
        _, states = runner.forward_with_states(chunks)
        ahead = [Chunk(t[1:], 0, p, "last", True) for t, p in zip(texts, pages, strict=True)]
        if runner is whole:
            tokens, chances = runner.draft_ahead(ahead, states, [4, 2], vocab=80, p_min=0.0)
            some, stopped = runner.draft_ahead(ahead, states, [4, 2], vocab=80, p_min=float(chances[0, 0]))
    assert tokens.shape == (2, 4)
    assert (chances[1, 2:] == 0).all()
    # The least chance ends a chain after the guess that falls below it.
    np.testing.assert_array_equal(stopped[0] > 0, [True, True, False, False])
    np.testing.assert_array_equal(some[0, :2], tokens[0, :2])
    for s, limit in enumerate([4, 2]):
        state, chunk = states[s], ahead[s]
        for k in range(limit):
            hidden = single.draft([replace(chunk, want="hidden")], [state])[0]
            logits = single.draft([chunk], [state])[0]
            assert hidden is not None
            assert logits is not None
            found = logits[:80]
            assert tokens[s, k] == found.argmax()
            assert chances[s, k] == pytest.approx(1 / np.exp(found - found.max()).sum(), rel=1e-3)
            state = hidden[-1:]
            chunk = Chunk(tokens[s, k : k + 1], len(texts[s]) - 1 + k, pages[s], "last", False)
